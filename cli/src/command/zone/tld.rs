//! The zone of a TLD as the ledger has it, proven to be whole: what the contract's totals say, and the height of its last
//! change, must agree with what was read.

use super::present::{complete, moving, named};
use crate::{
    chain::{Chain, typed},
    error::Result,
};
use althing_interface::{
    layout::registrations as keys,
    registrations::{self, Counts, Domain, Host, Settings, TldZone},
    zone::Record,
};
use althing_types::{
    id::{ContractId, Height},
    keyspace::storage,
    name::DomainName,
};

/// Readings before giving up because the zone changes all the time.
const ATTEMPTS: usize = 20;

/// The zone and where it stands.
#[derive(Clone, Debug)]
pub(super) struct PresentTld {
    /// The TLD.
    pub(super) tld: DomainName,
    /// What the contract keeps.
    pub(super) zone: TldZone,
    /// Among it, times to live.
    pub(super) settings: Settings,
    /// A height at which it was so.
    pub(super) height: Height,
    /// The contract's totals.
    pub(super) counts: Counts,
}

impl PresentTld {
    /// The zone's records.
    pub(super) fn records(&self) -> Vec<Record> {
        self.zone.records(&self.tld, &self.settings)
    }
}

/// Reads the zone of a TLD.
///
/// # Errors
/// When no node answers, a proof fails, entries are missing, or the zone changes all the time.
pub(super) async fn zone(chain: &Chain, tld: &DomainName) -> Result<PresentTld> {
    let id = ContractId::new(registrations::ID)?;
    for _ in 0..ATTEMPTS {
        let domains = chain.scan(&storage(&id, &keys::domains_prefix())).await?;
        let hosts = chain.scan(&storage(&id, &keys::hosts_prefix())).await?;
        let own = [keys::apex_key(), keys::settings_key(), keys::counts_key()];
        let last = chain.read(&own.map(|key| storage(&id, &key)), None).await?;
        let value = |index: usize| last.values.get(index).and_then(Option::as_deref);
        let counts: Counts = typed("counts", value(2))?.unwrap_or_default();
        // Reads at several heights, all at or above the last change and below the totals', saw one state.
        if counts.changed > domains.height.min(hosts.height) || last.height < domains.height.max(hosts.height) {
            continue;
        }
        let zone = TldZone {
            apex: typed("apex", value(0))?,
            domains: named::<Domain>("domain", &domains, &id)?,
            hosts: named::<Host>("host", &hosts, &id)?,
        };
        complete("domains", zone.domains.len(), counts.domains)?;
        complete("hosts", zone.hosts.len(), counts.hosts)?;
        complete("published names", zone.domains.values().filter(|d| d.published()).count(), counts.published)?;
        let of_domains: usize = zone.domains.values().map(|d| d.ns.len().saturating_add(d.ds.len())).sum();
        let of_hosts: usize = zone.hosts.values().map(|h| h.v4.len().saturating_add(h.v6.len())).sum();
        complete("records", of_domains.saturating_add(of_hosts), counts.records)?;
        let settings = typed("settings", value(1))?.unwrap_or_default();
        return Ok(PresentTld { tld: tld.clone(), zone, settings, height: last.height, counts });
    }
    Err(moving())
}
