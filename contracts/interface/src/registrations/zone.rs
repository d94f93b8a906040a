//! The zone of a TLD as a value: what follows from apex, domains, hosts and settings, and from nothing else.
//!
//! ```text
//!   apex      -> NS of the TLD, addresses of its hosts within the TLD
//!   domains   -> NS and DS of each that is published
//!   hosts     -> addresses of each that the apex or a published domain names
//! ```
//! The apex's DS records are for the parent zone and not here. A host of the apex wins over a subordinate host of the
//! same name, so that one name has one set of addresses.

use super::{Apex, Domain, Host, Settings};
use crate::{domain_records::Host as ApexHost, rdata::Rdata, zone::Record};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use althing_types::{codec::encode, name::DomainName};

/// What the contract keeps of a TLD's zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TldZone {
    /// The TLD's own name servers; without them there is no zone.
    pub apex: Option<Apex>,
    /// Domains by name, published or not.
    pub domains: BTreeMap<DomainName, Domain>,
    /// Subordinate hosts by name.
    pub hosts: BTreeMap<DomainName, Host>,
}

fn record(owner: &DomainName, ttl: u32, data: Rdata) -> Record {
    Record { owner: owner.clone(), data, ttl }
}

/// What a domain gives to the zone but for times to live, as the bytes that events have the SHA3-256 of.
pub fn domain_image(domain: Option<&Domain>) -> Vec<u8> {
    encode(&domain.filter(|domain| domain.published()).map(|domain| (&domain.ns, &domain.ds)))
}

/// The addresses of a host, as the bytes that events have the SHA3-256 of.
pub fn host_image(host: Option<&Host>) -> Vec<u8> {
    encode(&host)
}

/// The TLD's own delegation, as the bytes that events have the SHA3-256 of.
pub fn apex_image(apex: Option<&Apex>) -> Vec<u8> {
    encode(&apex)
}

/// The records that an apex gives to its own zone.
pub fn apex_records(tld: &DomainName, apex: &Apex) -> Vec<Record> {
    let delegation = &apex.delegation;
    let mut out: Vec<Record> =
        delegation.ns.iter().map(|name| record(tld, delegation.ns_ttl, Rdata::Ns(name.clone()))).collect();
    for entry in apex.hosts.iter().filter(|entry| entry.name.is_within(tld)) {
        let ApexHost { v4, a_ttl, v6, aaaa_ttl } = &entry.host;
        out.extend(v4.iter().map(|address| record(&entry.name, *a_ttl, Rdata::A(*address))));
        out.extend(v6.iter().map(|address| record(&entry.name, *aaaa_ttl, Rdata::Aaaa(*address))));
    }
    out
}

/// The records of a domain; none unless it is published.
pub fn domain_records(name: &DomainName, domain: &Domain, settings: &Settings) -> Vec<Record> {
    if !domain.published() {
        return Vec::new();
    }
    let ns = domain.ns.iter().map(|host| record(name, settings.ns_ttl, Rdata::Ns(host.clone())));
    let ds = domain.ds.iter().map(|ds| record(name, settings.ds_ttl, Rdata::Ds(ds.clone())));
    ns.chain(ds).collect()
}

/// The records of a subordinate host, given that it is used.
pub fn host_records(name: &DomainName, host: &Host, settings: &Settings) -> Vec<Record> {
    let v4 = host.v4.iter().map(|address| record(name, settings.host_ttl, Rdata::A(*address)));
    let v6 = host.v6.iter().map(|address| record(name, settings.host_ttl, Rdata::Aaaa(*address)));
    v4.chain(v6).collect()
}

impl TldZone {
    /// Host names within the TLD that the apex or a published domain names.
    pub fn used(&self, tld: &DomainName) -> BTreeSet<&DomainName> {
        let apex = self.apex.iter().flat_map(|apex| apex.delegation.ns.iter());
        let domains = self.domains.values().filter(|domain| domain.published()).flat_map(|domain| domain.ns.iter());
        apex.chain(domains).filter(|host| host.is_within(tld)).collect()
    }

    /// All records of the zone but those that its server makes (SOA, ZONEMD); none without an apex.
    pub fn records(&self, tld: &DomainName, settings: &Settings) -> Vec<Record> {
        let Some(apex) = &self.apex else { return Vec::new() };
        let mut out = apex_records(tld, apex);
        for (name, domain) in &self.domains {
            out.extend(domain_records(name, domain, settings));
        }
        for name in self.used(tld) {
            let own = apex.hosts.iter().any(|entry| entry.name == *name);
            if let Some(host) = self.hosts.get(name).filter(|_| !own) {
                out.extend(host_records(name, host, settings));
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain_records::{Delegation, HostEntry},
        registrations::{Phase, Status},
    };
    use alloc::string::{String, ToString};
    use althing_types::{codec::List, id::OrganisationId};
    use std::{vec, vec::Vec};

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    fn list<T: core::fmt::Debug, const MAX: usize>(values: Vec<T>) -> List<T, MAX> {
        List::new(values).unwrap()
    }

    fn domain(ns: &[&str]) -> Domain {
        Domain {
            sponsor: OrganisationId::new("registrar-1").unwrap(),
            phase: Phase::Active,
            status: BTreeSet::new(),
            ns: list(ns.iter().map(|host| name(host)).collect()),
            ds: List::default(),
            created_ms: 0,
            changed_ms: 0,
            transferred_ms: None,
            expires_ms: 1,
            grace: List::default(),
            transfer: None,
            code: None,
            registrant: None,
        }
    }

    fn host(address: &str) -> Host {
        Host { v4: list(vec![address.parse().unwrap()]), v6: List::default() }
    }

    fn zone() -> TldZone {
        let delegation =
            Delegation { ns: list(vec![name("ns.lab"), name("x.net")]), ns_ttl: 60, ds: List::default(), ds_ttl: 0 };
        let own = crate::domain_records::Host {
            v4: list(vec!["192.0.2.1".parse().unwrap()]),
            a_ttl: 60,
            v6: List::default(),
            aaaa_ttl: 0,
        };
        let hosts = list(vec![HostEntry { name: name("ns.lab"), host: own }]);
        TldZone {
            apex: Some(Apex { delegation, hosts }),
            domains: [(name("a.lab"), domain(&["ns.a.lab"])), (name("b.lab"), domain(&["ns.a.lab", "ns.org"]))].into(),
            hosts: [(name("ns.a.lab"), host("192.0.2.2")), (name("unused.a.lab"), host("192.0.2.3"))].into(),
        }
    }

    fn lines(zone: &TldZone) -> Vec<String> {
        let mut out: Vec<_> =
            zone.records(&name("lab"), &Settings::default()).iter().map(ToString::to_string).collect();
        out.sort();
        out
    }

    #[test]
    fn a_zone_has_apex_delegations_and_the_glue_that_is_used() {
        assert_eq!(
            lines(&zone()),
            [
                "a.lab. 86400 IN NS ns.a.lab.",
                "b.lab. 86400 IN NS ns.a.lab.",
                "b.lab. 86400 IN NS ns.org.",
                "lab. 60 IN NS ns.lab.",
                "lab. 60 IN NS x.net.",
                "ns.a.lab. 86400 IN A 192.0.2.2",
                "ns.lab. 60 IN A 192.0.2.1",
            ]
        );
    }

    #[test]
    fn what_is_held_or_deleted_is_not_in_the_zone_and_its_glue_stays_for_others() {
        let mut zone = zone();
        zone.domains.get_mut(&name("a.lab")).unwrap().status.insert(Status::ServerHold);
        assert!(!lines(&zone).iter().any(|line| line.starts_with("a.lab.")));
        assert!(lines(&zone).iter().any(|line| line.starts_with("ns.a.lab.")));
        zone.domains.get_mut(&name("b.lab")).unwrap().phase = Phase::Redemption { until_ms: 9 };
        assert!(!lines(&zone).iter().any(|line| line.contains("a.lab.") || line.contains("b.lab.")));
        zone.apex = None;
        assert!(lines(&zone).is_empty());
    }

    #[test]
    fn words_are_those_of_epp() {
        let mut domain = domain(&[]);
        assert_eq!(domain.words(0), ["inactive"]);
        domain.ns = list(vec![name("ns.org")]);
        assert_eq!(domain.words(0), ["ok"]);
        domain.status.insert(Status::ClientHold);
        assert_eq!(domain.words(0), ["clientHold"]);
        domain.phase = Phase::Redemption { until_ms: 5 };
        assert_eq!(domain.words(0), ["clientHold", "pendingDelete", "redemptionPeriod"]);
        domain.phase = Phase::PendingDelete { until_ms: 5 };
        assert_eq!(domain.words(0), ["clientHold", "pendingDelete"]);
    }
}
