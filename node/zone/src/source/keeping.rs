//! How a kind of chain keeps its zone, and what is remembered of a zone that is followed.
//!
//! Pure: entries in, records out. [`super::chain`] reads the entries and asks what to read besides.

use crate::error::{Result, ZoneFault};
use althing_interface::zone::Record;
use althing_types::{event::Event, id::Height, name::DomainName};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{BuildHasher, RandomState},
};

/// Totals of one kind of chain at most.
const MAX_TOTALS: usize = 6;

/// How much of each kind there is, in the order of [`Keeping::TOTALS`].
pub type Totals = [u64; MAX_TOTALS];

/// What one entry is to the zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// Records that are in the zone.
    pub records: Vec<Record>,
    /// Records that are in it as long as a name server of the zone needs them.
    pub glue: Vec<Record>,
    /// Name servers that need the glue of hosts in this zone.
    pub serves: Vec<DomainName>,
    /// Addresses of other names, which stand in the place of these names' own glue; of the apex only.
    pub fixed: BTreeMap<DomainName, Vec<Record>>,
    /// What it adds to the totals.
    pub totals: Totals,
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touched {
    /// The entries of a name.
    Name(DomainName),
    /// All of them.
    Everything,
}

/// How the contract of one kind of chain keeps its zone.
pub trait Keeping: std::fmt::Debug + Send {
    /// The contract.
    const CONTRACT: &'static str;
    /// What the totals count, at most `MAX_TOTALS` kinds.
    const TOTALS: &'static [&'static str];

    /// The zone.
    fn zone(&self) -> &DomainName;
    /// Prefixes of the contract's own keys that end in a name; those of name servers first, of hosts last.
    fn prefixes(&self) -> Vec<Vec<u8>>;
    /// The contract's own key of its totals.
    fn counts_key(&self) -> Vec<u8>;
    /// The contract's own keys of all entries that make records of a name.
    fn keys_of(&self, name: &DomainName) -> Vec<Vec<u8>>;
    /// What an event is about; `None` when that makes no records.
    fn touched(&self, event: &Event) -> Option<Touched>;
    /// The contract's own keys of what is to be known before any entry is understood.
    fn frame(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
    /// Takes over the values of [`Self::frame`].
    ///
    /// # Errors
    /// As [`Self::part`].
    fn learn(&mut self, _values: &[Option<Vec<u8>>]) -> Result<()> {
        Ok(())
    }
    /// What an entry is to the zone; `key` is the contract's own.
    ///
    /// # Errors
    /// [`ZoneFault::Entry`] for a value that is not understood.
    fn part(&self, key: &[u8], name: &DomainName, value: &[u8]) -> Result<Part>;
    /// The totals in a value, and the height of the last change.
    ///
    /// # Errors
    /// As [`Self::part`].
    fn totals(&self, value: Option<&[u8]>) -> Result<(Totals, Height)>;
}

/// What is remembered of a zone: totals, and which hosts are used. Of a name nothing is kept but how often a host is
/// named as name server, under a keyed hash, since that decides whether its addresses are in the zone.
#[derive(Debug, Default)]
pub struct Image {
    totals: Totals,
    /// How often a host of the zone is named as name server.
    uses: BTreeMap<u64, u32>,
    /// What the apex says of other names.
    fixed: BTreeMap<DomainName, Vec<Record>>,
    hasher: RandomState,
}

impl Image {
    /// A mark of some bytes, which nobody outside can foresee.
    pub fn mark(&self, bytes: &[u8]) -> u64 {
        self.hasher.hash_one(bytes)
    }
    fn is_used(&self, name: &DomainName) -> bool {
        self.uses.contains_key(&self.mark(name.as_str().as_bytes()))
    }

    fn add(&mut self, part: &Part) {
        for (total, come) in self.totals.iter_mut().zip(part.totals) {
            *total = total.wrapping_add(come);
        }
        for name in &part.serves {
            let mark = self.mark(name.as_str().as_bytes());
            let count = self.uses.entry(mark).or_default();
            *count = count.saturating_add(1);
        }
    }

    fn take(&mut self, part: &Part) {
        for (total, gone) in self.totals.iter_mut().zip(part.totals) {
            *total = total.wrapping_sub(gone);
        }
        for name in &part.serves {
            let mark = self.mark(name.as_str().as_bytes());
            if let Some(count) = self.uses.get_mut(&mark) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.uses.remove(&mark);
                }
            }
        }
    }

    /// Takes over an entry of a zone that is read for the first time, and gives its records. The apex comes first, hosts
    /// come last.
    pub fn put(&mut self, name: &DomainName, part: Part) -> Vec<Record> {
        self.add(&part);
        let mut records = part.records;
        if self.is_used(name) && !self.fixed.contains_key(name) {
            records.extend(part.glue);
        }
        records.extend(part.fixed.values().flatten().cloned());
        self.fixed.extend(part.fixed);
        records
    }

    /// Takes over what some names were and are. Gives other names whose records are not what they were: hosts that came
    /// into use or went out of it.
    pub fn replace(
        &mut self,
        apex: &DomainName,
        before: &BTreeMap<DomainName, Part>,
        after: &BTreeMap<DomainName, Part>,
    ) -> BTreeSet<DomainName> {
        let served: BTreeSet<DomainName> =
            before.values().chain(after.values()).flat_map(|part| part.serves.iter().cloned()).collect();
        let used: BTreeSet<DomainName> = served.iter().filter(|name| self.is_used(name)).cloned().collect();
        before.values().for_each(|part| self.take(part));
        after.values().for_each(|part| self.add(part));
        let mut turned: BTreeSet<DomainName> =
            served.into_iter().filter(|name| self.is_used(name) != used.contains(name)).collect();
        if let Some(part) = after.get(apex) {
            let old = std::mem::replace(&mut self.fixed, part.fixed.clone());
            turned.extend(old.keys().chain(self.fixed.keys()).filter(|n| old.get(n) != self.fixed.get(n)).cloned());
        }
        turned.retain(|name| !after.contains_key(name));
        turned
    }

    /// The records of a name, with its glue where that is needed.
    pub fn records(&self, name: &DomainName, part: Part) -> Vec<Record> {
        let mut records = part.records;
        match self.fixed.get(name) {
            Some(fixed) => records.extend_from_slice(fixed),
            None if self.is_used(name) => records.extend(part.glue),
            None => {}
        }
        records
    }

    /// Whether what is known is as much as the proven totals say.
    ///
    /// # Errors
    /// [`ZoneFault::Incomplete`], with what is not.
    pub fn complete(&self, names: &[&'static str], proven: &Totals) -> Result<()> {
        for ((what, found), proven) in names.iter().zip(self.totals).zip(*proven) {
            if found != proven {
                return Err(ZoneFault::Incomplete { what, found, proven });
            }
        }
        Ok(())
    }
}

impl Part {
    /// Adds another entry of the same name.
    pub fn join(&mut self, mut other: Self) {
        self.records.append(&mut other.records);
        self.glue.append(&mut other.glue);
        self.serves.append(&mut other.serves);
        self.fixed.append(&mut other.fixed);
        for (total, more) in self.totals.iter_mut().zip(other.totals) {
            *total = total.wrapping_add(more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::tld_chain::TldKeeping;
    use althing_interface::{
        domain_records::{self, Delegation, HostEntry},
        registrations::{Apex, Domain, Host, Phase, Settings, Status, TldZone},
    };
    use althing_types::{
        codec::{List, encode},
        id::OrganisationId,
    };
    use proptest::prelude::*;
    use std::collections::BTreeSet as Set;

    const HOSTS: [&str; 6] = ["ns.a.lab", "ns.b.lab", "a.lab", "ns.lab", "ns.org", "lab.lab"];
    const DOMAINS: [&str; 4] = ["a.lab", "b.lab", "c.lab", "lab.lab"];

    /// One change of a zone, each way a chain can make one.
    #[derive(Clone, Debug)]
    enum Change {
        Domain(usize, Option<(Set<usize>, bool, bool)>),
        Host(usize, Option<u8>),
        Apex(Set<usize>, Set<usize>, u8),
    }

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }
    fn names<const MAX: usize>(of: &Set<usize>) -> List<DomainName, MAX> {
        List::new(of.iter().map(|at| name(HOSTS[*at])).collect()).unwrap()
    }

    fn apply(zone: &mut TldZone, change: &Change) -> DomainName {
        match change {
            Change::Domain(at, None) => {
                zone.domains.remove(&name(DOMAINS[*at]));
                name(DOMAINS[*at])
            }
            Change::Domain(at, Some((ns, held, active))) => {
                let domain = Domain {
                    sponsor: OrganisationId::new("registrar-1").unwrap(),
                    phase: if *active { Phase::Active } else { Phase::PendingDelete { until_ms: 1 } },
                    status: held.then_some(Status::ClientHold).into_iter().collect(),
                    ns: names(ns),
                    ds: List::default(),
                    created_ms: 0,
                    changed_ms: 0,
                    transferred_ms: None,
                    expires_ms: 1,
                    grace: List::default(),
                    transfer: None,
                    code: None,
                    registrant: None,
                };
                zone.domains.insert(name(DOMAINS[*at]), domain);
                name(DOMAINS[*at])
            }
            Change::Host(at, None) => {
                zone.hosts.remove(&name(HOSTS[*at]));
                name(HOSTS[*at])
            }
            Change::Host(at, Some(octet)) => {
                let v4 = List::new(vec![format!("192.0.2.{octet}").parse().unwrap()]).unwrap();
                zone.hosts.insert(name(HOSTS[*at]), Host { v4, v6: List::default() });
                name(HOSTS[*at])
            }
            Change::Apex(ns, hosts, octet) => {
                let host = domain_records::Host {
                    v4: List::new(vec![format!("198.51.100.{octet}").parse().unwrap()]).unwrap(),
                    a_ttl: 5,
                    v6: List::default(),
                    aaaa_ttl: 0,
                };
                let hosts = hosts.iter().map(|at| HostEntry { name: name(HOSTS[*at]), host: host.clone() }).collect();
                let delegation = Delegation { ns: names(ns), ns_ttl: 5, ds: List::default(), ds_ttl: 0 };
                zone.apex = Some(Apex { delegation, hosts: List::new(hosts).unwrap() });
                name("lab")
            }
        }
    }

    /// What a name is in a zone, as a source would read it.
    fn part(keeping: &TldKeeping, zone: &TldZone, name: &DomainName) -> Part {
        let mut whole = Part::default();
        for key in keeping.keys_of(name) {
            use althing_interface::layout::registrations as keys;
            let value = match key.first() {
                Some(&keys::APEX) => zone.apex.as_ref().map(encode),
                Some(&keys::DOMAINS) => zone.domains.get(name).map(encode),
                _ => zone.hosts.get(name).map(encode),
            };
            if let Some(value) = value {
                whole.join(keeping.part(&key, name, &value).unwrap());
            }
        }
        whole
    }

    fn sets() -> impl Strategy<Value = Set<usize>> {
        proptest::collection::btree_set(0..HOSTS.len(), 0..4)
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (
                0..DOMAINS.len(),
                proptest::option::weighted(0.8, (sets(), proptest::bool::weighted(0.2), proptest::bool::weighted(0.8)))
            )
                .prop_map(|(at, to)| Change::Domain(at, to)),
            (0..HOSTS.len(), proptest::option::weighted(0.7, 1..9u8)).prop_map(|(at, to)| Change::Host(at, to)),
            (sets(), sets(), 1..9u8).prop_map(|(ns, hosts, octet)| Change::Apex(ns, hosts, octet)),
        ]
    }

    proptest! {
        #[test]
        fn changes_of_names_lead_to_the_zone_that_the_whole_state_gives(
            first in proptest::collection::vec(change(), 0..12),
            blocks in proptest::collection::vec(proptest::collection::vec(change(), 1..4), 0..12),
        ) {
            let (tld, settings) = (name("lab"), Settings::default());
            let keeping = TldKeeping::new(tld.clone());
            let mut zone = TldZone::default();
            apply(&mut zone, &Change::Apex(Set::from([4]), Set::new(), 1));
            for change in &first {
                apply(&mut zone, change);
            }
            // Read whole: apex, domains, hosts.
            let mut image = Image::default();
            let mut served: BTreeMap<DomainName, Vec<Record>> = BTreeMap::new();
            let mut put = |name: &DomainName, part: Part| {
                for record in image.put(name, part) {
                    served.entry(record.owner.clone()).or_default().push(record);
                }
            };
            let entry = |key: Vec<u8>, name: &DomainName, value: Vec<u8>| keeping.part(&key, name, &value).unwrap();
            use althing_interface::layout::registrations as keys;
            put(&tld, entry(keys::apex_key(), &tld, encode(zone.apex.as_ref().unwrap())));
            zone.domains.iter().for_each(|(n, d)| put(n, entry(keys::domain_key(n), n, encode(d))));
            zone.hosts.iter().for_each(|(n, h)| put(n, entry(keys::host_key(n), n, encode(h))));
            for block in [vec![]].into_iter().chain(blocks) {
                let old = zone.clone();
                let touched: BTreeSet<DomainName> = block.iter().map(|change| apply(&mut zone, change)).collect();
                let parts = |zone: &TldZone, of: &BTreeSet<DomainName>| -> BTreeMap<DomainName, Part> {
                    of.iter().map(|n| (n.clone(), part(&keeping, zone, n))).collect()
                };
                let mut after = parts(&zone, &touched);
                let turned = image.replace(&tld, &parts(&old, &touched), &after);
                after.extend(parts(&zone, &turned));
                for (name, part) in after {
                    served.insert(name.clone(), image.records(&name, part));
                }
                let mut found: Vec<Record> = served.values().flatten().cloned().collect();
                let mut wanted = zone.records(&tld, &settings);
                found.sort();
                wanted.sort();
                prop_assert_eq!(found, wanted);
                let count = |n: usize| n as u64;
                let records = zone.domains.values().map(|d| d.ns.len() + d.ds.len()).sum::<usize>()
                    + zone.hosts.values().map(|h| h.v4.len() + h.v6.len()).sum::<usize>();
                let published = zone.domains.values().filter(|d| d.published()).count();
                let totals = [count(zone.domains.len()), count(published), count(zone.hosts.len()), count(records), 0, 0];
                prop_assert!(image.complete(TldKeeping::TOTALS, &totals).is_ok());
            }
        }
    }
}
