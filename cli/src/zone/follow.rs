//! A zone that follows changes, with the calls for each: the same plan as from the two whole zones, made from the few
//! entries that a change can touch.

use super::changes::Change;
use althing_interface::{
    rdata::Rdata,
    zone::{Plan, Record, Zone, ZoneError},
};
use althing_types::name::DomainName;
use std::collections::{BTreeMap, BTreeSet};

/// A zone on its way through a list of changes.
#[derive(Clone, Debug)]
pub struct Follower {
    zone: Zone,
    records: BTreeSet<Record>,
    users: BTreeMap<DomainName, BTreeSet<DomainName>>,
}

/// What one change came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The calls.
    pub plan: Plan,
    /// Records that were not there before.
    pub added: usize,
    /// Records that were there before.
    pub deleted: usize,
}

impl Follower {
    /// Starts from a zone.
    pub fn new(zone: Zone) -> Self {
        let users = zone.users().into_iter().map(|(host, tlds)| (host.clone(), tlds)).collect();
        let records = zone.records().into_iter().collect();
        Self { zone, records, users }
    }

    /// The zone as it is now.
    pub const fn zone(&self) -> &Zone {
        &self.zone
    }
    /// Its records.
    pub const fn records(&self) -> &BTreeSet<Record> {
        &self.records
    }

    /// Makes a change; what is so already is passed over.
    ///
    /// # Errors
    /// [`ZoneError`] when the outcome is no root zone; the zone must not be used any more then.
    pub fn apply(&mut self, change: &Change) -> Result<Step, ZoneError> {
        let deleted = change.delete.iter().filter(|r| self.records.remove(r)).count();
        let added = change.add.iter().filter(|r| self.records.insert((*r).clone())).count();
        let owners: BTreeSet<&DomainName> = change.delete.iter().chain(&change.add).map(|r| &r.owner).collect();
        let part = Zone::from_records(owners.iter().flat_map(|o| self.records_of(o)))?;
        // Hosts whose addresses or users may change, and every delegation that has to do with them.
        let mut hosts: BTreeSet<DomainName> = owners.iter().map(|o| (*o).clone()).collect();
        for owner in &owners {
            hosts.extend(servers(&self.zone, owner).cloned());
            hosts.extend(servers(&part, owner).cloned());
        }
        let mut tlds: BTreeSet<DomainName> = owners.iter().map(|o| (*o).clone()).collect();
        for host in &hosts {
            tlds.extend(self.users.get(host).into_iter().flatten().cloned());
            tlds.extend(host.tld().and_then(|t| DomainName::parse(t).ok()));
        }
        let before = self.extract(&hosts, &tlds);
        for owner in owners {
            self.replace(owner, &part);
        }
        let after = self.extract(&hosts, &tlds);
        Ok(Step { plan: Plan::new(&before, &after), added, deleted })
    }

    /// Records of one owner: they stand together.
    fn records_of<'a>(&'a self, owner: &'a DomainName) -> impl Iterator<Item = &'a Record> {
        let first = Record { owner: owner.clone(), data: Rdata::Ns(DomainName::root()), ttl: 0 };
        self.records.range(first..).take_while(move |r| r.owner == *owner)
    }

    fn extract(&self, hosts: &BTreeSet<DomainName>, tlds: &BTreeSet<DomainName>) -> Zone {
        let some = |name: &DomainName| Some((name.clone(), self.zone.delegations.get(name)?.clone()));
        let host = |name: &DomainName| Some((name.clone(), self.zone.hosts.get(name)?.clone()));
        Zone {
            apex: self.zone.apex.clone(),
            delegations: tlds.iter().filter_map(some).collect(),
            hosts: hosts.iter().filter_map(host).collect(),
        }
    }

    /// Takes over what a part says of one owner.
    fn replace(&mut self, owner: &DomainName, part: &Zone) {
        let old: Vec<DomainName> = servers(&self.zone, owner).cloned().collect();
        for server in old {
            if let Some(users) = self.users.get_mut(&server) {
                users.remove(owner);
                if users.is_empty() {
                    self.users.remove(&server);
                }
            }
        }
        if owner.is_root() {
            self.zone.apex.clone_from(&part.apex);
        } else {
            put(&mut self.zone.delegations, owner, part.delegations.get(owner));
            put(&mut self.zone.hosts, owner, part.hosts.get(owner));
        }
        for server in servers(part, owner) {
            self.users.entry(server.clone()).or_default().insert(owner.clone());
        }
    }
}

/// Name servers of a TLD, or of the root.
fn servers<'a>(zone: &'a Zone, owner: &DomainName) -> impl Iterator<Item = &'a DomainName> {
    let apex = zone.apex.iter().filter(|_| owner.is_root()).flat_map(|a| a.ns.iter());
    apex.chain(zone.delegations.get(owner).into_iter().flat_map(|d| d.ns.iter()))
}

fn put<T: Clone>(map: &mut BTreeMap<DomainName, T>, name: &DomainName, value: Option<&T>) {
    match value {
        Some(value) => {
            map.insert(name.clone(), value.clone());
        }
        None => {
            map.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::{changes::ChangeList, master};

    #[test]
    fn a_followed_zone_and_its_plan_are_those_of_the_whole_zones() {
        let base = ". 5 IN NS r.root.\nr.root. 5 IN A 192.0.2.1\na. 5 IN NS ns.a.\na. 5 IN NS ns.b.\nns.a. 5 IN A 192.0.2.2\n\
                    b. 5 IN NS ns.b.\nns.b. 5 IN A 192.0.2.3\nc. 5 IN NS ns.c.\nns.c. 5 IN A 192.0.2.4\n";
        let list = r#"{"serial":"1","time":"t","add":["ns.b. 5 IN A 192.0.2.9"],"del":["ns.b. 5 IN A 192.0.2.3"]}
{"serial":"2","time":"t","add":["c. 5 IN NS ns.a."],"del":["c. 5 IN NS ns.c.","ns.c. 5 IN A 192.0.2.4"]}
{"serial":"3","time":"t","add":["d. 5 IN NS ns.b."],"del":["b. 5 IN NS ns.b.","a. 5 IN NS ns.b."]}
{"serial":"4","time":"t","add":["r.root. 5 IN AAAA 2001:db8::1",". 5 IN NS ns.d."],"del":["d. 5 IN NS ns.b.","ns.b. 5 IN A 192.0.2.9"]}
{"serial":"5","time":"t","add":["a. 5 IN DS 1 8 1 0000000000000000000000000000000000000000"],"del":["nope. 5 IN NS x."]}"#;
        let records = master::parse("base", base).unwrap().records;
        let mut follower = Follower::new(Zone::from_records(&records).unwrap());
        for change in ChangeList::parse("list", list).unwrap().changes {
            let before = follower.zone().clone();
            let step = follower.apply(&change).unwrap();
            let after = Zone::from_records(follower.records()).unwrap();
            assert_eq!(follower.zone(), &after, "serial {}", change.serial);
            assert_eq!(step.plan, Plan::new(&before, &after), "serial {}", change.serial);
        }
    }
}
