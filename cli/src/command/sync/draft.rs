//! `althing sync draft`: writes the call by which members trust the present authorities of another chain.

use super::{Context, end};
use crate::{
    error::{CliError, Result},
    home::{Access, write_file},
    output::table,
};
use althing_interface::root_sync::{self, PeerSeed, Side};
use althing_types::{
    authority::{AuthorityList, Threshold},
    genesis::ChainKind,
    id::ChainId,
    keyspace,
    name::DomainName,
};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

#[derive(Serialize)]
struct Drafted {
    #[serde(flatten)]
    peer: PeerSeed,
    list_hash: String,
    verified: bool,
    out: String,
}

/// Runs `althing sync draft`.
///
/// # Errors
/// When the chain cannot be read, its TLD is not known, or the file cannot be written.
pub(super) async fn run(
    context: &Context,
    api: Option<&str>,
    chain: Option<&ChainId>,
    tld: Option<&DomainName>,
    out: &Path,
) -> Result<()> {
    let chain = end(context, api, chain).await?;
    let (entries, list) = chain.value::<AuthorityList>("authorities", keyspace::authorities()).await?;
    let list = list.ok_or_else(|| CliError::not_found("no_authorities", "the chain names no authorities"))?;
    let (side, tld) = kind(&chain.genesis.kind, tld)?;
    let peer = PeerSeed { chain: chain.genesis.chain.clone(), tld, side, list, since: entries.height.next() };
    let calls = json!([call(&peer)]);
    let text = serde_json::to_string_pretty(&calls).map_err(|e| CliError::internal("json", e.to_string()))?;
    write_file(out, text.as_bytes(), Access::Public)?;
    let list_hash = peer.list.hash().to_string();
    let drafted = Drafted { peer, list_hash, verified: chain.verifies(), out: out.display().to_string() };
    context.output.print(&drafted, |drafted| {
        table(&[
            ("peer", drafted.peer.chain.to_string()),
            ("tld", drafted.peer.tld.to_string()),
            ("trusted from height", drafted.peer.since.to_string()),
            ("authorities", drafted.peer.list.count().to_string()),
            ("hash of the list", drafted.list_hash.clone()),
            ("written", format!("{}; propose it: althing proposal open calls {0} --key NAME", drafted.out)),
        ])
    })
}

/// What the peer is, and the TLD that is spoken of.
fn kind(kind: &ChainKind, given: Option<&DomainName>) -> Result<(Side, DomainName)> {
    let needed = |rule: &str| CliError::usage("tld_needed", "which TLD is spoken of?").field("--tld").rule(rule);
    match kind {
        ChainKind::Tld(label) => {
            let own = DomainName::parse(label).map_err(|e| CliError::internal("bad_genesis", e.to_string()))?;
            match given.filter(|given| **given != own) {
                None => Ok((Side::Tld, own)),
                Some(other) => Err(needed("the TLD of that chain, or left out").value(other.to_string())),
            }
        }
        _ => {
            let tld = given.cloned().ok_or_else(|| needed("the TLD of the chain that is to trust the root"))?;
            Ok((Side::Root, tld))
        }
    }
}

/// The call as `proposal open calls` reads it.
fn call(peer: &PeerSeed) -> Value {
    let members: Vec<Value> = peer
        .list
        .members()
        .iter()
        .map(|member| json!({"node": member.node, "organisation": member.organisation}))
        .collect();
    let threshold = match peer.list.threshold() {
        Threshold::TwoThirds => "TwoThirds",
        Threshold::Half => "Half",
    };
    let side = match peer.side {
        Side::Root => "Root",
        Side::Tld => "Tld",
    };
    json!({
        "contract": root_sync::ID,
        "method": "trust",
        "arguments": {"peer": {
            "chain": peer.chain,
            "tld": peer.tld,
            "side": side,
            "list": {"members": members, "threshold": threshold},
            "since": peer.since,
        }},
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_abi::{json::encode_arguments, schema::Abi};
    use althing_types::{
        authority::Authority,
        codec::encode,
        crypto::NodeId,
        id::{Height, OrganisationId},
    };

    #[test]
    fn the_drafted_call_is_the_one_that_the_contract_reads() {
        let member = |i| Authority { node: NodeId([i; 32]), organisation: OrganisationId::new("isp-1").unwrap() };
        let peer = PeerSeed {
            chain: ChainId::new("tld-lab").unwrap(),
            tld: DomainName::parse("lab").unwrap(),
            side: Side::Tld,
            list: AuthorityList::new((1..4).map(member).collect(), Threshold::Half).unwrap(),
            since: Height(77),
        };
        let module = althing_bundle::contracts().iter().find(|bundled| bundled.id == root_sync::ID).unwrap();
        let abi = Abi::read(module.code).unwrap();
        let bytes = encode_arguments(abi.method("trust").unwrap(), &call(&peer)["arguments"]).unwrap();
        assert_eq!(bytes, encode(&(peer,)));
    }

    #[test]
    fn the_kind_of_the_chain_says_which_side_it_is() {
        let lab = DomainName::parse("lab").unwrap();
        let tld = ChainKind::Tld(althing_types::codec::Text::new("lab").unwrap());
        assert_eq!(kind(&tld, None).unwrap(), (Side::Tld, lab.clone()));
        assert_eq!(kind(&ChainKind::Root, Some(&lab)).unwrap(), (Side::Root, lab));
        assert!(kind(&ChainKind::Root, None).is_err());
        assert!(kind(&tld, Some(&DomainName::parse("net").unwrap())).is_err());
    }
}
