//! The zone file of a TLD as names to be loaded: which domains, hosts and apex it comes to, less what is there already,
//! in parcels that fit into calls.
//!
//! Pure. A zone file does not say who sponsors a name nor when its term ends; both are given.

use crate::error::{CliError, Result};
use althing_interface::{
    domain_records::{self, Delegation, HostEntry},
    rdata::{Ds, Ipv4, Ipv6, Rdata},
    registrations::{Apex, Host, HostChange, LoadEntry, Registration, TldZone},
    zone::Record,
};
use althing_types::{
    codec::{List, TooLong, encode},
    id::OrganisationId,
    name::DomainName,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most names of one call.
const ENTRIES: usize = 96;
/// Most events of one call, below what a receipt holds: one for each name and each host.
const EVENTS: usize = 192;
/// Bytes of the arguments of a call that are left for what is around the entries.
const AROUND: usize = 256;

/// What a file says of one owner.
#[derive(Clone, Debug, Default)]
struct Owned {
    ns: BTreeSet<DomainName>,
    ds: BTreeSet<Ds>,
    v4: BTreeSet<Ipv4>,
    v6: BTreeSet<Ipv6>,
    ns_ttl: u32,
    ttls: [u32; 2],
}

/// Who and when, for every name of a file.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The sponsoring registrar.
    pub sponsor: OrganisationId,
    /// Beginning of the term in milliseconds since 1970.
    pub created_ms: u64,
    /// Its end.
    pub expires_ms: u64,
}

/// Parameter `max_arguments_bytes` of the chain: how long the arguments of one call may be.
#[derive(Clone, Copy, Debug)]
pub struct MostBytes(pub usize);

/// What is to be done.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// The TLD's own name servers; `None` when the chain has some already or the file has none.
    pub apex: Option<Apex>,
    /// Names, in parcels.
    pub parcels: Vec<Vec<LoadEntry>>,
    /// Names of the file.
    pub names: usize,
    /// Names of the file that are there already.
    pub present: usize,
    /// Of these, names that are there with other records; they are left as they are.
    pub other: Vec<DomainName>,
    /// Names that have hosts and no name servers of their own.
    pub hosts_only: usize,
}

fn too_many(owner: &DomainName, what: &'static str) -> impl FnOnce(TooLong) -> CliError {
    let owner = owner.clone();
    move |e| {
        CliError::data("too_many", format!("'{owner}' has {} {what}", e.found))
            .field(owner.to_string())
            .value(e.found.to_string())
            .rule(format!("at most {} {what}", e.maximum))
    }
}

fn list<T: Clone, const MAX: usize>(of: &BTreeSet<T>, owner: &DomainName, what: &'static str) -> Result<List<T, MAX>> {
    List::new(of.iter().cloned().collect()).map_err(too_many(owner, what))
}

/// The name one label below the TLD in which an owner lies.
fn superordinate(tld: &DomainName, owner: &DomainName) -> Result<DomainName> {
    let labels: Vec<&str> = owner.labels().collect();
    let keep = tld.labels().count().saturating_add(1).min(labels.len());
    let from = labels.len().saturating_sub(keep);
    let text = labels.get(from..).unwrap_or_default().join(".");
    DomainName::parse(&text).map_err(|e| CliError::internal("bad_name", format!("'{text}': {e}")))
}

fn owned(records: &BTreeSet<Record>) -> BTreeMap<DomainName, Owned> {
    let mut out: BTreeMap<DomainName, Owned> = BTreeMap::new();
    for record in records {
        let entry = out.entry(record.owner.clone()).or_default();
        match &record.data {
            Rdata::Ns(name) => {
                entry.ns.insert(name.clone());
                entry.ns_ttl = record.ttl;
            }
            Rdata::Ds(ds) => {
                entry.ds.insert(ds.clone());
            }
            Rdata::A(address) => {
                entry.v4.insert(*address);
                entry.ttls[0] = record.ttl;
            }
            Rdata::Aaaa(address) => {
                entry.v6.insert(*address);
                entry.ttls[1] = record.ttl;
            }
        }
    }
    out
}

impl Load {
    /// What leads from a chain's zone to that of a file.
    ///
    /// # Errors
    /// When the file has more of something than the contract keeps.
    pub fn new(
        tld: &DomainName,
        records: &BTreeSet<Record>,
        present: &TldZone,
        terms: &Terms,
        most: MostBytes,
    ) -> Result<Self> {
        let most = most.0.saturating_sub(AROUND);
        let mut owned = owned(records);
        let mut load = Self::default();
        let top = owned.remove(tld).unwrap_or_default();
        let mut hosts_of_apex = Vec::new();
        for name in top.ns.iter().filter(|name| name.is_within(tld)) {
            let Some(host) = owned.get_mut(name) else { continue };
            let v4 = list(&std::mem::take(&mut host.v4), name, "IPv4 addresses")?;
            let v6 = list(&std::mem::take(&mut host.v6), name, "IPv6 addresses")?;
            let [a_ttl, aaaa_ttl] = host.ttls;
            hosts_of_apex
                .push(HostEntry { name: name.clone(), host: domain_records::Host { v4, a_ttl, v6, aaaa_ttl } });
        }
        if !top.ns.is_empty() && present.apex.is_none() {
            let ns = list(&top.ns, tld, "name servers")?;
            let delegation = Delegation { ns, ns_ttl: top.ns_ttl, ds: List::default(), ds_ttl: 0 };
            let hosts = List::new(hosts_of_apex).map_err(too_many(tld, "hosts"))?;
            load.apex = Some(Apex { delegation, hosts });
        }
        // Each domain with the hosts that lie in it.
        let mut domains: BTreeMap<DomainName, Vec<HostChange>> = BTreeMap::new();
        for (owner, data) in &owned {
            let domain = superordinate(tld, owner)?;
            let hosts = domains.entry(domain).or_default();
            if !(data.v4.is_empty() && data.v6.is_empty()) {
                let addresses =
                    Host { v4: list(&data.v4, owner, "IPv4 addresses")?, v6: list(&data.v6, owner, "IPv6 addresses")? };
                hosts.push(HostChange { host: owner.clone(), addresses: Some(addresses) });
            }
        }
        let nothing = Owned::default();
        domains.retain(|name, hosts| !hosts.is_empty() || owned.get(name).is_some_and(|data| !data.ns.is_empty()));
        load.names = domains.len();
        let (mut bytes, mut events) = (0usize, 0usize);
        for (name, hosts) in domains {
            let data = owned.get(&name).unwrap_or(&nothing);
            if data.ns.is_empty() {
                load.hosts_only = load.hosts_only.saturating_add(1);
            }
            if let Some(found) = present.domains.get(&name) {
                load.present = load.present.saturating_add(1);
                if !(found.ns.iter().eq(&data.ns) && found.ds.iter().eq(&data.ds)) {
                    load.other.push(name);
                }
                continue;
            }
            let told = hosts.len().saturating_add(1);
            let registration = Registration {
                ns: list(&data.ns, &name, "name servers")?,
                ds: list(&data.ds, &name, "DS records")?,
                hosts: List::new(hosts).map_err(too_many(&name, "hosts"))?,
                code: None,
                registrant: None,
            };
            let Terms { sponsor, created_ms, expires_ms } = terms.clone();
            let entry = LoadEntry { name, sponsor, created_ms, expires_ms, status: BTreeSet::new(), registration };
            let size = encode(&entry).len();
            let fits = |parcel: &&mut Vec<LoadEntry>| {
                parcel.len() < ENTRIES && bytes.saturating_add(size) <= most && events.saturating_add(told) <= EVENTS
            };
            match load.parcels.last_mut().filter(fits) {
                Some(parcel) => {
                    parcel.push(entry);
                    (bytes, events) = (bytes.saturating_add(size), events.saturating_add(told));
                }
                None => {
                    load.parcels.push(vec![entry]);
                    (bytes, events) = (size, told);
                }
            }
        }
        Ok(load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::master;
    use althing_interface::registrations::{Domain, Phase, Settings};
    use althing_types::codec::Bytes;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }
    fn terms() -> Terms {
        Terms { sponsor: OrganisationId::new("registrar-1").unwrap(), created_ms: 5, expires_ms: 9 }
    }
    fn records(text: &str) -> BTreeSet<Record> {
        master::parse_of("f", text, &name("lab")).unwrap().records
    }

    /// A chain's zone after a load, as the contract makes it.
    fn after(load: &Load) -> TldZone {
        let mut zone = TldZone { apex: load.apex.clone(), ..TldZone::default() };
        for LoadEntry { name, sponsor, created_ms, expires_ms, status, registration } in
            load.parcels.iter().flatten().cloned()
        {
            for HostChange { host, addresses } in registration.hosts.into_vec() {
                zone.hosts.insert(host, addresses.unwrap());
            }
            let domain = Domain {
                sponsor,
                phase: Phase::Active,
                status,
                ns: registration.ns,
                ds: registration.ds,
                created_ms,
                changed_ms: created_ms,
                transferred_ms: None,
                expires_ms,
                grace: List::default(),
                transfer: None,
                code: None,
                registrant: None,
            };
            zone.domains.insert(name, domain);
        }
        zone
    }

    const MOST: MostBytes = MostBytes(32 * 1024);
    const TEXT: &str = "@ 86400 NS ns\n@ 86400 NS x.org.\nns 86400 A 192.0.2.1\na 86400 NS ns.a\nns.a 86400 AAAA 2001:db8::1\n\
                        b 86400 NS ns.a\nb 86400 NS ns\nb 86400 DS 1 8 1 0000000000000000000000000000000000000000\n\
                        deep.ns.c 86400 A 192.0.2.3\nd 86400 NS deep.ns.c\n";

    #[test]
    fn a_loaded_file_gives_the_zone_of_the_file() {
        let wanted = records(TEXT);
        let load = Load::new(&name("lab"), &wanted, &TldZone::default(), &terms(), MOST).unwrap();
        assert_eq!((load.names, load.present, load.hosts_only), (4, 0, 1));
        let found: BTreeSet<Record> = after(&load).records(&name("lab"), &Settings::default()).into_iter().collect();
        assert_eq!(found, wanted);
        // Again: nothing is left to do.
        let again = Load::new(&name("lab"), &wanted, &after(&load), &terms(), MOST).unwrap();
        assert!(again.apex.is_none() && again.parcels.is_empty() && again.other.is_empty());
        assert_eq!(again.present, 4);
    }

    #[test]
    fn what_is_there_with_other_records_is_told_and_left() {
        let load = Load::new(&name("lab"), &records(TEXT), &TldZone::default(), &terms(), MOST).unwrap();
        let mut there = after(&load);
        there.domains.retain(|n, _| n.as_str() != "a.lab");
        let changed = there.domains.get_mut(&name("b.lab")).unwrap();
        changed.ds =
            List::new(vec![Ds { key_tag: 2, algorithm: 8, digest_type: 1, digest: Bytes::new(vec![0; 20]).unwrap() }])
                .unwrap();
        let load = Load::new(&name("lab"), &records(TEXT), &there, &terms(), MOST).unwrap();
        assert_eq!(load.other, [name("b.lab")]);
        assert_eq!(load.parcels.concat().len(), 1, "only what is missing");
    }

    #[test]
    fn parcels_are_as_long_as_the_chain_allows() {
        let text: String = (0..500)
            .map(|n| format!("n{n} 60 NS a.{0}.example.\nn{n} 60 NS b.{0}.example.\n", "x".repeat(60)))
            .collect();
        for most in [2_000, 32 * 1024] {
            let load =
                Load::new(&name("lab"), &records(&text), &TldZone::default(), &terms(), MostBytes(most)).unwrap();
            assert_eq!(load.parcels.iter().map(Vec::len).sum::<usize>(), 500);
            assert!(load.parcels.iter().all(|parcel| encode(parcel).len() <= most), "{most}");
        }
    }

    #[test]
    fn parcels_keep_all_limits() {
        let text: String = (0..1_000).map(|n| format!("n{n} 60 NS ns.n{n}\nns.n{n} 60 A 192.0.2.1\n")).collect();
        let load = Load::new(&name("lab"), &records(&text), &TldZone::default(), &terms(), MOST).unwrap();
        assert_eq!(load.parcels.iter().map(Vec::len).sum::<usize>(), 1_000);
        for parcel in &load.parcels {
            let events: usize = parcel.iter().map(|e| e.registration.hosts.len() + 1).sum();
            assert!(parcel.len() <= ENTRIES && events <= EVENTS && encode(parcel).len() <= MOST.0);
        }
    }
}
