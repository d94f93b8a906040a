//! The root zone as the ledger holds it: every entry proven, and none missing.
//!
//! A proof shows that an entry is in the state; that a node left none out follows from the totals which the contract
//! keeps and which are proven too. All reads must see one state of the contract: the totals name the height of its last
//! change, so reads at several heights that all lie at or above it have seen the same.

use crate::{
    chain::{Chain, Scan, typed},
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_interface::{
    domain_records::{self, Apex, Counts, Delegation, Host},
    layout,
    tld_binding::{self, Binding, BindingCounts},
    zone::Zone,
};
use althing_types::{
    id::{ContractId, Height},
    keyspace::storage,
    name::DomainName,
};
use borsh::BorshDeserialize;
use std::collections::BTreeMap;

/// Readings before giving up because the zone changes all the time.
const ATTEMPTS: usize = 20;

/// The zone and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Present {
    /// The zone.
    pub(super) zone: Zone,
    /// A height at which it was so.
    pub(super) height: Height,
    /// The contract's totals.
    pub(super) counts: Counts,
}

/// Reads the zone.
///
/// # Errors
/// When no node answers, a proof fails, entries are missing, or the zone changes all the time.
pub(super) async fn zone(chain: &Chain) -> Result<Present> {
    let id = ContractId::new(domain_records::ID)?;
    for _ in 0..ATTEMPTS {
        let delegations = chain.scan(&storage(&id, &layout::delegations_prefix())).await?;
        let hosts = chain.scan(&storage(&id, &layout::hosts_prefix())).await?;
        let keys = [storage(&id, &layout::apex_key()), storage(&id, &layout::counts_key())];
        let last = chain.read(&keys, None).await?;
        let value = |index: usize| last.values.get(index).and_then(Option::as_deref);
        let counts: Counts = typed("counts", value(1))?.unwrap_or_default();
        let oldest = delegations.height.min(hosts.height);
        if counts.changed > oldest || last.height < delegations.height.max(hosts.height) {
            continue;
        }
        let zone = Zone {
            apex: typed::<Apex>("apex", value(0))?,
            delegations: named::<Delegation>("delegation", &delegations, &id)?,
            hosts: named::<Host>("host", &hosts, &id)?,
        };
        complete("delegations", zone.delegations.len(), counts.delegations)?;
        complete("hosts", zone.hosts.len(), counts.hosts)?;
        complete("records", zone.records().len(), counts.records)?;
        return Ok(Present { zone, height: last.height, counts });
    }
    Err(moving())
}

/// The zone changes all the time.
pub(super) fn moving() -> CliError {
    CliError::new(Exit::Timeout, "moving_zone", "the zone changes faster than it can be read")
        .rule("a moment without changes")
        .hint("run it again when imports and replays have ended")
}

/// Reads all bindings.
///
/// # Errors
/// As [`zone`].
pub(in crate::command) async fn bindings(chain: &Chain) -> Result<BTreeMap<DomainName, Binding>> {
    let id = ContractId::new(tld_binding::ID)?;
    for _ in 0..ATTEMPTS {
        let (before, counts_before) = binding_counts(chain, &id).await?;
        let scan = chain.scan(&storage(&id, &layout::bindings_prefix())).await?;
        let (after, counts) = binding_counts(chain, &id).await?;
        let out = named::<Binding>("binding", &scan, &id)?;
        let newest = out.values().map(|b| b.changed).max().unwrap_or_default();
        // Only the number is kept: the same before and after, and nothing newer than the first look.
        if counts == counts_before && newest <= before && scan.height <= after {
            complete("bindings", out.len(), counts.bindings)?;
            return Ok(out);
        }
    }
    Err(CliError::new(Exit::Timeout, "moving_zone", "bindings change faster than they can be read"))
}

async fn binding_counts(chain: &Chain, id: &ContractId) -> Result<(Height, BindingCounts)> {
    let key = storage(id, &layout::binding_counts_key());
    let (entries, counts) = chain.value::<BindingCounts>("counts", key).await?;
    Ok((entries.height, counts.unwrap_or_default()))
}

/// The values of a scan by the names in their keys.
///
/// # Errors
/// When a key names no domain, or a value is not of this type.
pub(in crate::command) fn named<T: BorshDeserialize>(
    what: &'static str,
    scan: &Scan,
    id: &ContractId,
) -> Result<BTreeMap<DomainName, T>> {
    let prefix = storage(id, &[]).len();
    let mut out = BTreeMap::new();
    for (key, value) in &scan.entries {
        let name = key.get(prefix..).and_then(layout::name_of);
        match (name, typed(what, Some(value))?) {
            (Some(name), Some(value)) => out.insert(name, value),
            _ => {
                return Err(CliError::internal("bad_state", format!("a {what}'s key is not understood"))
                    .field("key")
                    .value(hex::encode(key)));
            }
        };
    }
    Ok(out)
}

/// Whether as many were found as are proven to be.
///
/// # Errors
/// Code `incomplete`.
pub(super) fn complete(what: &str, found: usize, proven: u32) -> Result<()> {
    if usize::try_from(proven).is_ok_and(|p| p == found) {
        return Ok(());
    }
    Err(CliError::new(Exit::Proof, "incomplete", format!("the node gave {found} {what}, the proven total is {proven}"))
        .field(what)
        .value(found.to_string())
        .rule(proven.to_string())
        .hint("ask another node"))
}
