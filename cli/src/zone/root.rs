//! The root zone by delegation and host, and what differs between two of them.

use super::record::{Ds, Rdata, Record};
use althing_types::name::DomainName;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

/// What the root zone says about one top-level domain, or the root about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delegation {
    /// Time to live of the NS set, in seconds.
    pub ns_ttl: u32,
    /// Name servers.
    pub name_servers: BTreeSet<DomainName>,
    /// Time to live of the DS set, in seconds; 0 without DS.
    pub ds_ttl: u32,
    /// Key digests.
    pub ds: BTreeSet<Ds>,
}

/// A name-server host with its addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Time to live of the addresses, in seconds.
    pub ttl: u32,
    /// IPv4 addresses.
    pub v4: BTreeSet<Ipv4Addr>,
    /// IPv6 addresses.
    pub v6: BTreeSet<Ipv6Addr>,
}

impl Host {
    fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }
}

/// The whole zone. The root's own NS set stands under the empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RootZone {
    /// Delegations by name.
    pub delegations: BTreeMap<DomainName, Delegation>,
    /// Hosts by name.
    pub hosts: BTreeMap<DomainName, Host>,
}

/// What must change to make one zone of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Hosts that are new or other; `None` where the host goes.
    pub hosts: BTreeMap<DomainName, Option<Host>>,
    /// Delegations that are new or other; `None` where the delegation goes.
    pub delegations: BTreeMap<DomainName, Option<Delegation>>,
}

impl Difference {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.delegations.is_empty()
    }
}

impl RootZone {
    /// Gathers records.
    pub fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut zone = Self::default();
        for record in records {
            zone.add(record);
        }
        zone
    }

    /// Adds a record; its TTL becomes that of its set.
    pub fn add(&mut self, record: &Record) {
        let owner = record.owner.clone();
        match &record.data {
            Rdata::Ns(server) => {
                let delegation = self.delegations.entry(owner).or_default();
                delegation.ns_ttl = record.ttl;
                delegation.name_servers.insert(server.clone());
            }
            Rdata::Ds(ds) => {
                let delegation = self.delegations.entry(owner).or_default();
                delegation.ds_ttl = record.ttl;
                delegation.ds.insert(ds.clone());
            }
            Rdata::A(address) => {
                let host = self.hosts.entry(owner).or_default();
                host.ttl = record.ttl;
                host.v4.insert(*address);
            }
            Rdata::Aaaa(address) => {
                let host = self.hosts.entry(owner).or_default();
                host.ttl = record.ttl;
                host.v6.insert(*address);
            }
        }
    }

    /// Removes a record; what becomes empty goes. Tells whether it was there.
    pub fn remove(&mut self, record: &Record) -> bool {
        let owner = &record.owner;
        let removed = match &record.data {
            Rdata::Ns(server) => self.delegations.get_mut(owner).is_some_and(|d| d.name_servers.remove(server)),
            Rdata::Ds(ds) => self.delegations.get_mut(owner).is_some_and(|d| {
                let removed = d.ds.remove(ds);
                if d.ds.is_empty() {
                    d.ds_ttl = 0;
                }
                removed
            }),
            Rdata::A(address) => self.hosts.get_mut(owner).is_some_and(|h| h.v4.remove(address)),
            Rdata::Aaaa(address) => self.hosts.get_mut(owner).is_some_and(|h| h.v6.remove(address)),
        };
        if self.delegations.get(owner).is_some_and(|d| d.name_servers.is_empty() && d.ds.is_empty()) {
            self.delegations.remove(owner);
        }
        if self.hosts.get(owner).is_some_and(Host::is_empty) {
            self.hosts.remove(owner);
        }
        removed
    }

    /// Every record.
    pub fn records(&self) -> Vec<Record> {
        let mut out = Vec::new();
        for (owner, delegation) in &self.delegations {
            let record = |ttl, data| Record { owner: owner.clone(), ttl, data };
            out.extend(delegation.name_servers.iter().map(|s| record(delegation.ns_ttl, Rdata::Ns(s.clone()))));
            out.extend(delegation.ds.iter().map(|ds| record(delegation.ds_ttl, Rdata::Ds(ds.clone()))));
        }
        for (owner, host) in &self.hosts {
            let record = |data| Record { owner: owner.clone(), ttl: host.ttl, data };
            out.extend(host.v4.iter().map(|a| record(Rdata::A(*a))));
            out.extend(host.v6.iter().map(|a| record(Rdata::Aaaa(*a))));
        }
        out
    }

    /// The zone as lines in byte order, each ended by a line feed.
    pub fn to_lines(&self) -> String {
        let mut lines: Vec<String> = self.records().iter().map(ToString::to_string).collect();
        lines.sort_unstable();
        let mut out = lines.join("\n");
        if !out.is_empty() {
            out.push('\n');
        }
        out
    }

    /// What must change here to reach `target`. Names that `target` lacks go only when `complete` is
    /// [`Scope::Whole`].
    pub fn difference(&self, target: &Self, scope: Scope) -> Difference {
        let mut out = Difference::default();
        for (name, host) in &target.hosts {
            if self.hosts.get(name) != Some(host) {
                out.hosts.insert(name.clone(), Some(host.clone()));
            }
        }
        for (name, delegation) in &target.delegations {
            if self.delegations.get(name) != Some(delegation) {
                out.delegations.insert(name.clone(), Some(delegation.clone()));
            }
        }
        if scope == Scope::Whole {
            let gone = self.hosts.keys().filter(|n| !target.hosts.contains_key(n));
            out.hosts.extend(gone.map(|n| (n.clone(), None)));
            let gone = self.delegations.keys().filter(|n| !target.delegations.contains_key(n));
            out.delegations.extend(gone.map(|n| (n.clone(), None)));
        }
        out
    }

    /// Which delegations use which host.
    pub fn users(&self) -> BTreeMap<&DomainName, BTreeSet<&DomainName>> {
        let mut out: BTreeMap<&DomainName, BTreeSet<&DomainName>> = BTreeMap::new();
        for (name, delegation) in &self.delegations {
            for server in &delegation.name_servers {
                out.entry(server).or_default().insert(name);
            }
        }
        out
    }
}

/// Whether a target zone is all there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only what it names is changed.
    Named,
    /// What it does not name goes.
    Whole,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::master;

    fn zone(lines: &[&str]) -> RootZone {
        RootZone::of(&lines.iter().map(|l| master::parse_line(l).unwrap()).collect::<Vec<_>>())
    }

    #[test]
    fn lines_are_sorted_by_bytes() {
        let zone = zone(&["b. 1 IN NS x.", "a-c. 1 IN NS x.", "a.b. 1 IN A 1.2.3.4", "a. 1 IN NS x."]);
        assert_eq!(zone.to_lines(), "a-c. 1 IN NS x.\na. 1 IN NS x.\na.b. 1 IN A 1.2.3.4\nb. 1 IN NS x.\n");
    }

    #[test]
    fn adding_and_removing_a_record_leaves_nothing() {
        let mut zone = zone(&["a. 1 IN NS x."]);
        let before = zone.clone();
        let ds = master::parse_line("a. 5 IN DS 1 8 1 0000000000000000000000000000000000000000").unwrap();
        zone.add(&ds);
        assert!(zone.remove(&ds));
        assert!(!zone.remove(&ds));
        assert_eq!(zone, before);
    }

    #[test]
    fn a_difference_leads_from_one_zone_to_the_other() {
        let old = zone(&["a. 1 IN NS x.", "b. 1 IN NS x.", "x. 1 IN A 1.1.1.1"]);
        let new = zone(&["a. 1 IN NS y.", "c. 1 IN NS x.", "x. 1 IN A 1.1.1.2", "y. 1 IN A 1.1.1.3"]);
        let all = old.difference(&new, Scope::Whole);
        let mut reached = old.clone();
        for (name, host) in all.hosts {
            match host {
                Some(host) => reached.hosts.insert(name, host),
                None => reached.hosts.remove(&name),
            };
        }
        for (name, delegation) in all.delegations {
            match delegation {
                Some(delegation) => reached.delegations.insert(name, delegation),
                None => reached.delegations.remove(&name),
            };
        }
        assert_eq!(reached, new);
        assert!(!old.difference(&new, Scope::Named).delegations.values().any(Option::is_none));
    }
}
