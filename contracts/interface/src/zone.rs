//! The root zone as a value: from records to what the contracts keep, back to the same records, and the calls that turn
//! one zone into another.
//!
//! ```text
//!   lines --parse--> records --Zone::from_records--> Zone --Zone::records--> records --Display--> the same lines
//!                                  Zone, Zone --plan--> calls
//! ```

use crate::{
    domain_records::{Apex, ApexChange, Change, Delegation, DelegationChange, Host, HostChange, MAX_HOST_CHANGES},
    rdata::{Ds, Rdata},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use althing_types::{
    codec::{Bytes, List, TooLong},
    name::DomainName,
};
use core::{fmt, str::FromStr};

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Its owner.
    pub owner: DomainName,
    /// Its data.
    pub data: Rdata,
    /// Its time to live in seconds.
    pub ttl: u32,
}

impl fmt::Display for Record {
    /// One line: `owner ttl IN type rdata`, in the form of the published root zone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {} {}", self.owner, self.ttl, self.data.record_type(), self.data)
    }
}

/// Records that are no root zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// A line that is not `owner ttl IN type rdata`.
    #[error("{field} '{value}' of '{line}': {rule}")]
    Line {
        /// The part of the line.
        field: &'static str,
        /// Its text.
        value: String,
        /// The line, cut at 200 characters.
        line: String,
        /// The rule.
        rule: String,
    },
    /// Two times to live in one record set (RFC 2181 5.2).
    #[error("{record_type} records of '{owner}' have the times to live {one} and {other}; one set has one")]
    TwoTtls {
        /// The owner.
        owner: DomainName,
        /// The type.
        record_type: &'static str,
        /// One of them.
        one: u32,
        /// The other.
        other: u32,
    },
    /// A delegation below the root's children, or DS of the root.
    #[error("{record_type} record at '{owner}': the root zone delegates names of one label only")]
    Owner {
        /// The owner.
        owner: DomainName,
        /// The type.
        record_type: &'static str,
    },
    /// DS without NS.
    #[error("'{owner}' has DS records and no NS record")]
    DsWithoutNs {
        /// The owner.
        owner: DomainName,
    },
    /// More records than the contract keeps.
    #[error("{record_type} records of '{owner}': {reason}")]
    TooMany {
        /// The owner.
        owner: DomainName,
        /// The type.
        record_type: &'static str,
        /// How many there are and may be.
        reason: TooLong,
    },
}

impl FromStr for Record {
    type Err = ZoneError;

    /// Reads one line of the form that `Display` writes; parts are separated by white space, the digest of a DS may be
    /// split, case does not matter. Nothing else of the master-file syntax is known here.
    fn from_str(line: &str) -> Result<Self, ZoneError> {
        let fail = |field, value: &str, rule: String| ZoneError::Line {
            field,
            value: value.chars().take(80).collect(),
            line: line.chars().take(200).collect(),
            rule,
        };
        let mut parts = line.split_ascii_whitespace();
        let mut next = |field| parts.next().ok_or_else(|| fail(field, "", "is missing".into()));
        let owner = next("owner")?;
        let owner = DomainName::parse(owner).map_err(|e| fail("owner", owner, e.to_string()))?;
        let ttl = next("ttl")?;
        let ttl = ttl.parse::<u32>().map_err(|e| fail("ttl", ttl, e.to_string()))?;
        let class = next("class")?;
        if !class.eq_ignore_ascii_case("IN") {
            return Err(fail("class", class, "must be IN".into()));
        }
        let record_type = next("type")?;
        let data = match record_type.to_ascii_uppercase().as_str() {
            "NS" => {
                let name = next("name server")?;
                Rdata::Ns(DomainName::parse(name).map_err(|e| fail("name server", name, e.to_string()))?)
            }
            "A" => {
                let address = next("address")?;
                Rdata::A(address.parse().map_err(|_| fail("address", address, "is not an IPv4 address".into()))?)
            }
            "AAAA" => {
                let address = next("address")?;
                Rdata::Aaaa(address.parse().map_err(|_| fail("address", address, "is not an IPv6 address".into()))?)
            }
            "DS" => {
                let mut number = |field: &'static str| -> Result<u16, ZoneError> {
                    let text = next(field)?;
                    text.parse().map_err(|_| fail(field, text, "is not a number below 65536".into()))
                };
                let (key_tag, algorithm, digest_type) =
                    (number("key tag")?, number("algorithm")?, number("digest type")?);
                let octet = |field, value: u16| {
                    u8::try_from(value).map_err(|_| fail(field, &value.to_string(), "is not a number below 256".into()))
                };
                let text: String = core::iter::from_fn(|| next("digest").ok()).collect();
                let digest = hex::decode(&text).map_err(|e| fail("digest", &text, e.to_string()))?;
                let digest = Bytes::new(digest).map_err(|e| fail("digest", &text, e.to_string()))?;
                let (algorithm, digest_type) = (octet("algorithm", algorithm)?, octet("digest type", digest_type)?);
                Rdata::Ds(Ds { key_tag, algorithm, digest_type, digest })
            }
            _ => return Err(fail("type", record_type, "must be NS, DS, A or AAAA".into())),
        };
        match parts.next() {
            Some(more) => Err(fail("rdata", more, "is more than the type has".into())),
            None => Ok(Self { owner, data, ttl }),
        }
    }
}

/// What the contracts keep of the root zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// The root's name servers.
    pub apex: Option<Apex>,
    /// Delegations by TLD.
    pub delegations: BTreeMap<DomainName, Delegation>,
    /// Hosts by name.
    pub hosts: BTreeMap<DomainName, Host>,
}

/// A record set while it is collected.
struct Set<T> {
    ttl: u32,
    data: BTreeSet<T>,
}

type Sets<T> = BTreeMap<DomainName, Set<T>>;

fn collect<T: Ord>(sets: &mut Sets<T>, record: &Record, data: T) -> Result<(), ZoneError> {
    let set = sets.entry(record.owner.clone()).or_insert_with(|| Set { ttl: record.ttl, data: BTreeSet::new() });
    if set.ttl != record.ttl {
        let (owner, record_type) = (record.owner.clone(), record.data.record_type());
        return Err(ZoneError::TwoTtls { owner, record_type, one: set.ttl, other: record.ttl });
    }
    set.data.insert(data);
    Ok(())
}

/// The set of an owner as a list and its time to live; an empty list and 0 when there is none.
fn take<T: Ord, const MAX: usize>(
    sets: &mut Sets<T>,
    owner: &DomainName,
    record_type: &'static str,
) -> Result<(List<T, MAX>, u32), ZoneError> {
    let Some(set) = sets.remove(owner) else { return Ok((List::default(), 0)) };
    let list = List::new(set.data.into_iter().collect()).map_err(|reason| ZoneError::TooMany {
        owner: owner.clone(),
        record_type,
        reason,
    })?;
    Ok((list, set.ttl))
}

impl Zone {
    /// Sorts records into delegations, hosts and apex. Order and repetition of records do not matter.
    ///
    /// # Errors
    /// [`ZoneError`] for records that cannot stand in a root zone. Whether the contracts accept the values is theirs to say.
    pub fn from_records<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, ZoneError> {
        let (mut ns, mut ds, mut v4, mut v6) = (Sets::new(), Sets::new(), Sets::new(), Sets::new());
        for record in records {
            let labels = record.owner.labels().count();
            let misplaced = match &record.data {
                Rdata::Ns(_) => labels > 1,
                Rdata::Ds(_) => labels != 1,
                Rdata::A(_) | Rdata::Aaaa(_) => labels == 0,
            };
            if misplaced {
                let (owner, record_type) = (record.owner.clone(), record.data.record_type());
                return Err(ZoneError::Owner { owner, record_type });
            }
            match &record.data {
                Rdata::Ns(name) => collect(&mut ns, record, name.clone())?,
                Rdata::Ds(data) => collect(&mut ds, record, data.clone())?,
                Rdata::A(address) => collect(&mut v4, record, *address)?,
                Rdata::Aaaa(address) => collect(&mut v6, record, *address)?,
            }
        }
        let mut zone = Self::default();
        let root = DomainName::root();
        if ns.contains_key(&root) {
            let (ns, ttl) = take(&mut ns, &root, "NS")?;
            zone.apex = Some(Apex { ns, ttl });
        }
        let tlds: Vec<DomainName> = ns.keys().cloned().collect();
        for tld in tlds {
            let (ns, ns_ttl) = take(&mut ns, &tld, "NS")?;
            let (ds, ds_ttl) = take(&mut ds, &tld, "DS")?;
            zone.delegations.insert(tld, Delegation { ns, ns_ttl, ds, ds_ttl });
        }
        if let Some(owner) = ds.into_keys().next() {
            return Err(ZoneError::DsWithoutNs { owner });
        }
        let names: BTreeSet<DomainName> = v4.keys().chain(v6.keys()).cloned().collect();
        for name in names {
            let (v4, a_ttl) = take(&mut v4, &name, "A")?;
            let (v6, aaaa_ttl) = take(&mut v6, &name, "AAAA")?;
            zone.hosts.insert(name, Host { v4, a_ttl, v6, aaaa_ttl });
        }
        Ok(zone)
    }

    /// The records, in no particular order; sort their lines to compare zones.
    pub fn records(&self) -> Vec<Record> {
        let mut out = Vec::new();
        let mut push = |owner: &DomainName, ttl, data| out.push(Record { owner: owner.clone(), ttl, data });
        if let Some(apex) = &self.apex {
            apex.ns.iter().for_each(|name| push(&DomainName::root(), apex.ttl, Rdata::Ns(name.clone())));
        }
        for (tld, delegation) in &self.delegations {
            delegation.ns.iter().for_each(|name| push(tld, delegation.ns_ttl, Rdata::Ns(name.clone())));
            delegation.ds.iter().for_each(|ds| push(tld, delegation.ds_ttl, Rdata::Ds(ds.clone())));
        }
        for (name, host) in &self.hosts {
            host.v4.iter().for_each(|address| push(name, host.a_ttl, Rdata::A(*address)));
            host.v6.iter().for_each(|address| push(name, host.aaaa_ttl, Rdata::Aaaa(*address)));
        }
        out
    }

    /// The TLDs that use each host; the root stands for the apex.
    pub fn users(&self) -> BTreeMap<&DomainName, BTreeSet<DomainName>> {
        let mut users: BTreeMap<&DomainName, BTreeSet<DomainName>> = BTreeMap::new();
        for name in self.apex.iter().flat_map(|a| a.ns.iter()) {
            users.entry(name).or_default().insert(DomainName::root());
        }
        for (tld, delegation) in &self.delegations {
            for name in delegation.ns.iter() {
                users.entry(name).or_default().insert(tld.clone());
            }
        }
        users
    }
}

/// The calls that turn one zone into another.
///
/// Bindings come before the changes and releases after them. The changes themselves may be made in any order: each sets
/// every host that its TLD begins to use, and a host goes by itself with its last user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// TLDs that must be bound first.
    pub bind: Vec<DomainName>,
    /// What the operator changes at the apex; made before the changes of TLDs.
    pub apex: Vec<ApexChange>,
    /// What registries change, by TLD in canonical order.
    pub changes: Vec<(DomainName, Change)>,
    /// TLDs that have no delegation any more.
    pub release: Vec<DomainName>,
}

impl Plan {
    /// The calls from `before` to `after`.
    pub fn new(before: &Zone, after: &Zone) -> Self {
        let (users_before, users_after) = (before.users(), after.users());
        let root = DomainName::root();
        let uses = |users: &BTreeMap<&DomainName, BTreeSet<DomainName>>, host: &DomainName, tld: &DomainName| {
            users.get(host).is_some_and(|u| u.contains(tld))
        };
        let altered = |tld: &DomainName| before.delegations.get(tld) != after.delegations.get(tld);
        // What each TLD, or the root for the operator, does to hosts.
        let mut duties: BTreeMap<DomainName, BTreeMap<DomainName, Option<Host>>> = BTreeMap::new();
        let names: BTreeSet<&DomainName> = before.hosts.keys().chain(after.hosts.keys()).collect();
        for name in names {
            let (old, new) = (before.hosts.get(name), after.hosts.get(name));
            let unused = !users_after.contains_key(name);
            let dropped = unused && users_before.contains_key(name);
            if (old == new && !(dropped && new.is_some())) || (dropped && new.is_none()) {
                continue;
            }
            let parent = name.tld().and_then(|t| DomainName::parse(t).ok()).unwrap_or_else(DomainName::root);
            let duty = if uses(&users_after, name, &root) {
                root.clone()
            } else if uses(&users_after, name, &parent) || (unused && after.delegations.contains_key(&parent)) {
                parent
            } else {
                let mut candidates = users_after.get(name).into_iter().flatten();
                let first = candidates.clone().next();
                candidates.find(|t| altered(t)).or(first).unwrap_or(&root).clone()
            };
            duties.entry(duty).or_default().insert(name.clone(), new.cloned());
        }
        let mut plan = Self::default();
        let tlds: BTreeSet<&DomainName> = before.delegations.keys().chain(after.delegations.keys()).collect();
        for tld in tlds {
            let (old, new) = (before.delegations.get(tld), after.delegations.get(tld));
            let mut hosts = duties.remove(tld).unwrap_or_default();
            let delegation = match (old, new) {
                (old, new) if old == new => DelegationChange::Keep,
                (_, None) => DelegationChange::Delete,
                (_, Some(new)) => DelegationChange::Set(new.clone()),
            };
            if let DelegationChange::Set(new) = &delegation {
                for name in new.ns.iter().filter(|n| !uses(&users_before, n, tld) && !uses(&users_after, n, &root)) {
                    if let Some(host) = after.hosts.get(name) {
                        hosts.insert(name.clone(), Some(host.clone()));
                    }
                }
            }
            match (old, new) {
                (None, Some(_)) => plan.bind.push(tld.clone()),
                (Some(_), None) => plan.release.push(tld.clone()),
                _ => {}
            }
            plan.push(tld, hosts, delegation);
        }
        let mut hosts = split(duties.remove(&root).unwrap_or_default()).into_iter();
        let apex = if before.apex == after.apex { None } else { after.apex.clone() };
        let first = hosts.next();
        if apex.is_some() || first.is_some() {
            plan.apex.push(ApexChange { hosts: first.unwrap_or_default(), apex });
        }
        plan.apex.extend(hosts.map(|hosts| ApexChange { hosts, apex: None }));
        plan
    }

    fn push(&mut self, tld: &DomainName, hosts: BTreeMap<DomainName, Option<Host>>, delegation: DelegationChange) {
        let mut lists = split(hosts).into_iter();
        let first = lists.next();
        if first.is_some() || delegation != DelegationChange::Keep {
            self.changes.push((tld.clone(), Change { hosts: first.unwrap_or_default(), delegation }));
        }
        let more = lists.map(|hosts| (tld.clone(), Change { hosts, delegation: DelegationChange::Keep }));
        self.changes.extend(more);
    }
}

/// Host changes in lists that fit into calls. A list beyond the first is rare: it takes hosts that no one's delegation
/// of this change needs, since 32 name servers go and 32 come at most.
fn split(hosts: BTreeMap<DomainName, Option<Host>>) -> Vec<List<HostChange, MAX_HOST_CHANGES>> {
    let all: Vec<HostChange> = hosts.into_iter().map(|(host, addresses)| HostChange { host, addresses }).collect();
    all.chunks(MAX_HOST_CHANGES).filter_map(|chunk| List::new(chunk.to_vec()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    fn records(lines: &[&str]) -> Vec<Record> {
        lines.iter().map(|l| l.parse().unwrap()).collect()
    }

    fn zone(lines: &[&str]) -> Zone {
        Zone::from_records(&records(lines)).unwrap()
    }

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    #[test]
    fn lines_come_back_as_they_were() {
        let lines = [
            ". 518400 IN NS a.root-servers.net.",
            "a.root-servers.net. 518400 IN A 198.41.0.4",
            "a.root-servers.net. 518400 IN AAAA 2001:503:ba3e::2:30",
            "bmw. 86400 IN DS 27910 8 2 39614CAB4109A1B7B9917E39631416E97086839970F15957FD37CA05 FFFE1470",
            "bmw. 172800 IN NS a.nic.bmw.",
            "ooo. 86400 IN DS 41890 8 1 27DDE633B73DD1F2703C0A89695862B056A0D29F",
            "ooo. 172800 IN NS a.nic.bmw.",
        ];
        let mut back: Vec<String> = zone(&lines).records().iter().map(ToString::to_string).collect();
        back.sort();
        let mut sorted = lines.to_vec();
        sorted.sort_unstable();
        assert_eq!(back, sorted);
    }

    #[test]
    fn case_12_other_types_and_other_owners_have_no_place() {
        for line in [
            "lab. 1 IN CNAME x.",
            "lab. 1 CH NS x.",
            "lab. 1 IN A 1.2.3",
            "lab. 1 IN NS x. y.",
            "lab. 1 IN",
            "$INCLUDE x",
        ] {
            assert!(line.parse::<Record>().is_err(), "{line}");
        }
        for line in ["a.lab. 1 IN NS x.", ". 1 IN DS 1 8 2 00", "a.lab. 1 IN DS 1 8 2 00", ". 1 IN A 1.2.3.4"] {
            assert!(matches!(Zone::from_records(&records(&[line])), Err(ZoneError::Owner { .. })), "{line}");
        }
        let alone = Zone::from_records(&records(&["lab. 1 IN DS 1 8 2 00"]));
        assert!(matches!(alone, Err(ZoneError::DsWithoutNs { .. })));
    }

    #[test]
    fn case_14_two_ttls_in_one_set_are_refused() {
        let two = records(&["lab. 1 IN NS x.", "lab. 2 IN NS y."]);
        assert!(matches!(Zone::from_records(&two), Err(ZoneError::TwoTtls { one: 1, other: 2, .. })));
        assert!(Zone::from_records(&records(&["lab. 1 IN NS x.", "lab. 2 IN DS 1 8 2 00"])).is_ok());
    }

    #[test]
    fn a_plan_needs_no_order_among_tlds() {
        let before = zone(&["a. 1 IN NS n.a.", "b. 1 IN NS n.b.", "n.a. 1 IN A 1.1.1.1", "n.b. 1 IN A 1.1.1.2"]);
        let after = zone(&[
            "b. 1 IN NS n.a.",
            "b. 1 IN NS n.b.",
            "n.a. 1 IN A 1.1.1.1",
            "n.b. 1 IN A 1.1.1.3",
            "c. 1 IN NS n.b.",
        ]);
        let plan = Plan::new(&before, &after);
        assert_eq!((plan.bind, plan.release, plan.apex), (vec![name("c")], vec![name("a")], vec![]));
        let hosts = |at: usize| plan.changes[at].1.hosts.iter().map(|h| h.host.as_str()).collect::<Vec<_>>();
        assert_eq!(plan.changes.iter().map(|c| c.0.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(plan.changes[0].1.delegation, DelegationChange::Delete);
        // b begins to use n.a, which a leaves; n.b lies in b; c begins to use n.b.
        assert_eq!((hosts(0), hosts(1), hosts(2)), (vec![], vec!["n.a", "n.b"], vec!["n.b"]));
    }

    #[test]
    fn a_plan_from_a_zone_to_itself_is_empty() {
        let zone = zone(&[
            "a. 1 IN NS n.a.",
            "n.a. 1 IN A 1.1.1.1",
            ". 1 IN NS r.",
            "r. 1 IN A 1.1.1.1",
            "o.a. 1 IN A 1.1.1.1",
        ]);
        assert_eq!(Plan::new(&zone, &zone), Plan::default());
    }

    #[test]
    fn the_roots_hosts_are_the_operators() {
        let after =
            zone(&[". 1 IN NS r.net.", "r.net. 1 IN A 1.1.1.1", "net. 1 IN NS r.net.", "x.y.org. 1 IN A 1.1.1.1"]);
        let plan = Plan::new(&Zone::default(), &after);
        assert_eq!(plan.apex.len(), 1);
        assert_eq!(
            plan.apex[0].hosts.iter().map(|h| h.host.as_str()).collect::<Vec<_>>(),
            ["x.y.org", "r.net"].into_iter().rev().collect::<Vec<_>>()
        );
        assert!(plan.changes[0].1.hosts.is_empty());
    }
}
