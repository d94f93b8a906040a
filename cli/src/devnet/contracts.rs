//! Contracts of a new local network's chains: which chain starts with which, and what each is started with.

use super::profile::{Company, Draft, GOVERNING, Profile, ROOT_LEADER, THRESHOLD, too_many};
use crate::error::{CliError, Result};
use althing_interface::{
    bootstrap::{self, OwnBinding, Transport},
    domain_records, registrations,
    root_sync::{self, PeerSeed, Side},
    tld_binding,
};
use althing_types::{
    authority::AuthorityList,
    codec::{Bytes, List, encode},
    genesis::{ChainKind, GenesisContract},
    id::{ContractId, Height, OrganisationId},
    keyspace::code_hash,
};
use std::collections::BTreeMap;

/// Built-in contracts that a root chain alone has.
const ROOT_ONLY: [&str; 3] = [tld_binding::ID, domain_records::ID, bootstrap::ID];
/// Built-in contracts that a TLD chain alone has.
const TLD_ONLY: [&str; 1] = [registrations::ID];
/// Built-in contracts that work at the end of each block.
const AT_BLOCK_END: [&str; 2] = [domain_records::ID, registrations::ID];

/// Whether a chain starts with this built-in contract: the governing ones start only where members govern.
fn has(profile: &Profile, draft: &Draft, contract: &str) -> bool {
    let other = match draft.kind {
        ChainKind::Tld(_) => ROOT_ONLY.contains(&contract),
        ChainKind::Root => TLD_ONLY.contains(&contract),
        ChainKind::Registry | ChainKind::Registrar => contract != bootstrap::ID && !GOVERNING.contains(&contract),
    };
    !other && (profile.is_governed() || !GOVERNING.contains(&contract))
}

/// Contracts of a chain's genesis, `further` ones last.
pub(super) fn of_chain(
    profile: &Profile,
    company: &Company,
    chain: &Draft,
    further: &[(ContractId, Vec<u8>)],
) -> Result<Vec<GenesisContract>> {
    let mut out = Vec::new();
    for bundled in althing_bundle::contracts().iter().filter(|bundled| has(profile, chain, bundled.id)) {
        let mut contract = GenesisContract::new(ContractId::new(bundled.id)?, code_hash(bundled.code));
        let init = match (bundled.id, &chain.tld) {
            (root_sync::ID, _) => Some(encode(&(root_sync::Init { peers: peers(company, chain)? },))),
            (bootstrap::ID, _) => Some(encode(&(entries(profile, chain)?,))),
            (registrations::ID, Some((tld, registry))) => Some(encode(&(registrations::Init {
                tld: tld.clone(),
                registry: registry.clone(),
                settings: registrations::Settings::for_trials(),
            },))),
            _ => None,
        };
        contract.init = init.map(Bytes::new).transpose().map_err(too_many)?;
        contract.block_end = AT_BLOCK_END.contains(&bundled.id);
        out.push(contract);
    }
    out.extend(further.iter().map(|(id, code)| GenesisContract::new(id.clone(), code_hash(code))));
    Ok(out)
}

/// What contract `bootstrap` starts with: a local network's servers have no names of their own, so that addresses and `http`
/// are taken; the member that leads votes keeps the accreditation list, whichever node is the management node.
fn entries(profile: &Profile, chain: &Draft) -> Result<bootstrap::Init> {
    let management = profile.is_governed().then(|| OrganisationId::new(ROOT_LEADER)).transpose()?;
    let settings = bootstrap::Settings { transport: Transport::Any, management, ..bootstrap::Settings::default() };
    let bound = chain.bindings.iter().cloned().map(|(tld, organisation)| OwnBinding { tld, organisation });
    Ok(bootstrap::Init { settings, bindings: List::new(bound.collect()).map_err(too_many)? })
}

/// The chains that a chain trusts from the start: the root chain those of the TLDs, each of them the root chain.
fn peers(company: &Company, chain: &Draft) -> Result<List<PeerSeed, { root_sync::MAX_SEEDS }>> {
    let mut out = Vec::new();
    for other in company.chains.iter().filter(|other| other.id != chain.id) {
        let (side, tld) = match (&chain.kind, &other.kind, &chain.tld, &other.tld) {
            (ChainKind::Root, ChainKind::Tld(_), _, Some((tld, _))) => (Side::Tld, tld),
            (ChainKind::Tld(_), ChainKind::Root, Some((tld, _)), _) => (Side::Root, tld),
            // Chains of two TLDs have nothing to tell each other, nor have those of entries alone.
            _ => continue,
        };
        let list = AuthorityList::new(company.authorities(other), THRESHOLD)
            .map_err(|e| CliError::usage("genesis", format!("chain {}: {e}", other.id)))?;
        out.push(PeerSeed { chain: other.id.clone(), tld: tld.clone(), side, list, since: Height(1) });
    }
    List::new(out).map_err(too_many)
}

/// Code of all contracts of some chains, by id.
pub(super) fn code(
    profile: &Profile,
    chains: &[Draft],
    further: &[(ContractId, Vec<u8>)],
) -> Result<BTreeMap<ContractId, Vec<u8>>> {
    let mut out: BTreeMap<ContractId, Vec<u8>> = further.iter().cloned().collect();
    for bundled in althing_bundle::contracts() {
        if chains.iter().any(|chain| has(profile, chain, bundled.id)) {
            out.insert(ContractId::new(bundled.id)?, bundled.code.to_vec());
        }
    }
    Ok(out)
}
