//! Binds the TLDs of a new network to their registries on the root chain, by votes of the members whose keys lie in the
//! network's folder.

use crate::{
    chain::Chain,
    command::{
        Context,
        proposal::proposed,
        send,
        zone::{Committee, bindings},
    },
    devnet::Network,
    error::{CliError, Result},
    governed::Governed,
    home::{Home, Purpose},
    keyfile::KeyFile,
};
use althing_interface::tld_binding::Bind;
use althing_types::{genesis::ChainKind, id::OrganisationId, name::DomainName, organisation::Role};
use std::collections::BTreeMap;

/// Blocks after which a transaction here is no longer taken.
const EXPIRY_BLOCKS: u64 = 1_000;

/// Has every TLD of the network bound that is not yet; does nothing without a root chain.
///
/// # Errors
/// When the members' keys do not open or the root chain refuses it.
pub(super) async fn labels(context: &Context, network: &Network) -> Result<()> {
    if !matches!(network.genesis()?.kind, ChainKind::Root) || network.chain_ids().len() < 2 {
        return Ok(());
    }
    let mut here = context.clone();
    here.home = Home::new(Some(network.dir()))?;
    here.global.api = None;
    here.global.genesis = None;
    here.global.chain = network.chain_ids().into_iter().next();
    let chain: Chain = here.chain().await?;
    let bound = bindings(&chain).await?;
    let mut calls = Vec::new();
    for (genesis, _) in network.chains() {
        let ChainKind::Tld(label) = &genesis.kind else { continue };
        let tld = DomainName::parse(label.as_str()).map_err(|e| CliError::usage("bad_tld", e.to_string()))?;
        let registry = genesis.organisations.iter().find(|o| o.roles.contains(&Role::Registry));
        if let Some(registry) = registry.filter(|_| !bound.contains_key(&tld)) {
            calls.push(proposed(&Bind { tld, organisation: registry.id.clone() })?);
        }
    }
    if calls.is_empty() {
        return Ok(());
    }
    let phrase = here.home.passphrase(Purpose::Open)?;
    let mut voters = BTreeMap::new();
    for organisation in chain.genesis.organisations.iter() {
        let path = here.home.key(organisation.id.as_str());
        let id: OrganisationId = organisation.id.clone();
        voters.insert(id, KeyFile::read(&path)?.open(&phrase)?);
    }
    let governed = Governed::of(&chain)?;
    let committee = Committee::new(&governed, voters, &here.home.path().display().to_string()).await?;
    let mut submitter = send::submitter(&here, &chain, EXPIRY_BLOCKS);
    let progress = context.output.progress("binding TLDs by votes", calls.len() as u64);
    committee.carry(&chain, &mut submitter, calls, "devnet", &progress, &mut 0).await
}
