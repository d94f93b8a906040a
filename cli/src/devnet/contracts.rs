//! Contracts of a new local network's chains: which chain starts with which, and what each is started with.

use super::profile::{Draft, GOVERNING, Profile, too_many};
use crate::error::Result;
use althing_interface::{domain_records, tld_binding};
use althing_types::{
    genesis::{ChainKind, GenesisContract},
    id::ContractId,
    keyspace::code_hash,
};
use std::collections::BTreeMap;

/// Built-in contracts that a root chain alone has.
const ROOT_ONLY: [&str; 3] = [tld_binding::ID, domain_records::ID, "bootstrap"];
/// Built-in contracts that a TLD chain alone has.
const TLD_ONLY: [&str; 1] = ["registrations"];

/// Whether a chain starts with this built-in contract: the governing ones start only where members govern.
fn has(profile: &Profile, draft: &Draft, contract: &str) -> bool {
    let other = match draft.kind {
        ChainKind::Tld(_) => ROOT_ONLY.contains(&contract),
        _ => TLD_ONLY.contains(&contract),
    };
    !other && (profile.is_governed() || !GOVERNING.contains(&contract))
}

/// Contracts of a chain's genesis, `further` ones last.
pub(super) fn of_chain(
    profile: &Profile,
    chain: &Draft,
    further: &[(ContractId, Vec<u8>)],
) -> Result<Vec<GenesisContract>> {
    let mut out = Vec::new();
    for bundled in althing_bundle::contracts().iter().filter(|bundled| has(profile, chain, bundled.id)) {
        out.push(GenesisContract { id: ContractId::new(bundled.id)?, code: code_hash(bundled.code) });
    }
    out.extend(further.iter().map(|(id, code)| GenesisContract { id: id.clone(), code: code_hash(code) }));
    Ok(out)
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
