//! `althing sync`: what root chain and TLD chains tell each other, how far it came, and what was refused.

mod draft;
mod relay;
mod status;

use super::Context;
use crate::{
    args::{Ends, SyncCommand},
    ca::date,
    chain::{Chain, typed},
    error::{CliError, Result},
    output::columns,
};
use althing_interface::{
    layout,
    root_sync::{self, HeldChange, RefusalRecord},
};
use althing_types::{
    id::{ChainId, ContractId},
    keyspace::{parse_storage, storage},
    order::Key,
};
use serde::Serialize;

/// Runs a command of `althing sync`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &SyncCommand) -> Result<()> {
    match command {
        SyncCommand::Status { ends } => status::run(context, ends).await,
        SyncCommand::Relay(options) => relay::run(context, options).await,
        SyncCommand::Refusals { peer } => refusals(context, peer.as_ref()).await,
        SyncCommand::Held => held(context).await,
        SyncCommand::Draft { peer, peer_api, tld, out } => {
            draft::run(context, peer_api.as_deref(), peer.as_ref(), tld.as_ref(), out).await
        }
    }
}

/// Refuses a command line that does not name both chains.
fn check_given(ends: &Ends) -> Result<()> {
    if ends.are_given() {
        return Ok(());
    }
    Err(CliError::usage("two_chains", "two chains are needed: one that sends and one that receives")
        .field("--from, --to")
        .rule("--from ID or --from-api URL, and --to ID or --to-api URL"))
}

/// The two chains, each as it is trusted.
///
/// # Errors
/// When one is not named, or cannot be reached.
async fn ends(context: &Context, ends: &Ends) -> Result<[Chain; 2]> {
    check_given(ends)?;
    let from = end(context, ends.from_api.as_deref(), ends.from.as_ref()).await?;
    let to = end(context, ends.to_api.as_deref(), ends.to.as_ref()).await?;
    if from.genesis.chain == to.genesis.chain {
        return Err(CliError::usage("same_chain", format!("both ends are chain {}", from.genesis.chain))
            .field("--to")
            .value(to.genesis.chain.as_str())
            .rule("another chain than the sender"));
    }
    Ok([from, to])
}

async fn end(context: &Context, api: Option<&str>, chain: Option<&ChainId>) -> Result<Chain> {
    let mut own = context.clone();
    (own.global.api, own.global.genesis, own.global.chain) = (api.map(str::to_owned), None, chain.cloned());
    own.chain().await
}

fn contract() -> Result<ContractId> {
    Ok(ContractId::new(root_sync::ID)?)
}

/// A refusal with the peer under which it stands.
#[derive(Serialize)]
struct Refused {
    peer: ChainId,
    code_number: u8,
    meaning: &'static str,
    #[serde(flatten)]
    record: RefusalRecord,
}

/// The peer in a key of a map by peers.
fn peer_of(key: &[u8]) -> Option<ChainId> {
    let (_, own) = parse_storage(key)?;
    let mut rest = own.get(1..)?;
    ChainId::decode_key(&mut rest)
}

async fn refusals(context: &Context, peer: Option<&ChainId>) -> Result<()> {
    let chain = context.chain().await?;
    let prefix = peer.map_or_else(layout::all_refusals_prefix, layout::refusals_prefix);
    let mut found = Vec::new();
    for (key, value) in &chain.scan(&storage(&contract()?, &prefix)).await?.entries {
        let record = typed::<RefusalRecord>("refusal", Some(value))?;
        if let (Some(peer), Some(record)) = (peer_of(key), record) {
            let (code_number, meaning) = (record.code.number(), record.code.meaning());
            found.push(Refused { peer, code_number, meaning, record });
        }
    }
    if let Some(peer) = peer.filter(|peer| found.is_empty() && **peer != chain.genesis.chain) {
        // What claimed to be of a stranger stands under this chain's own id.
        if chain.read(&[storage(&contract()?, &layout::peer_key(peer))], None).await?.values.pop().flatten().is_none() {
            return Err(CliError::not_found(
                "peer_unknown",
                format!("chain '{peer}' is no peer of '{}'", chain.genesis.chain),
            )
            .field("PEER")
            .value(peer.as_str())
            .rule("a chain that this one knows: althing sync status"));
        }
    }
    context.output.print(&found, |found| {
        if found.is_empty() {
            return "no delivery was refused".to_owned();
        }
        let row = |refused: &Refused| {
            let RefusalRecord { code, reason, by, height, time_ms, .. } = &refused.record;
            vec![
                refused.peer.to_string(),
                format!("{} {}", refused.code_number, code.name()),
                by.to_string(),
                height.to_string(),
                date(*time_ms),
                reason.to_string(),
            ]
        };
        columns(&["PEER", "WHY", "BY", "BLOCK", "AT", "REASON"], &found.iter().map(row).collect::<Vec<_>>())
    })
}

async fn held(context: &Context) -> Result<()> {
    let chain = context.chain().await?;
    let mut found = Vec::new();
    for (_, value) in &chain.scan(&storage(&contract()?, &layout::all_held_prefix())).await?.entries {
        found.extend(typed::<HeldChange>("held change", Some(value))?);
    }
    context.output.print(&found, |found| {
        if found.is_empty() {
            return "no change waits for a vote".to_owned();
        }
        let row = |held: &HeldChange| {
            let (ns, hosts) = match &held.message.body {
                root_sync::Body::Changed(image) => {
                    (image.delegation.as_ref().map_or(0, |delegation| delegation.ns.len()), image.hosts.len())
                }
                root_sync::Body::Answer(_) | root_sync::Body::Bootstrap(_) => (0, 0),
            };
            let tld = held.message.tld.to_string();
            let what = format!("{ns} name servers, {hosts} hosts");
            vec![tld, held.peer.to_string(), held.message.sequence.to_string(), held.height.to_string(), what]
        };
        columns(&["TLD", "PEER", "MESSAGE", "BLOCK", "WHAT"], &found.iter().map(row).collect::<Vec<_>>())
    })
}
