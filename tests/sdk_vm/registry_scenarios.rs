//! The life of two TLDs in the built-in contracts, from binding to release, with calls from one contract into the other
//! in both directions, and what must be refused on the way.

use althing_domain_records::DomainRecords;
use althing_interface::{
    domain_records::{Apex, ApexChange, Change, Delegation, DelegationChange, Host, HostChange},
    rdata::Ds,
    tld_binding::{BindingCounts, BindingStatus, Bound, Released},
};
use althing_sdk::{
    prelude::*,
    testing::{Answer, Deployed, Entry, Net, Org},
    types::{
        receipt::FailureCode,
        wire::{ContractError, Wire},
    },
};
use althing_tld_binding::TldBinding;

const OPERATOR: Org = Org::new("operator", &[Role::Operator, Role::Governance]);
const LAB: Org = Org::new("lab-registry", &[Role::Registry]);
const NET: Org = Org::new("net-registry", &[Role::Registry]);

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn list<T, const MAX: usize>(values: Vec<T>) -> List<T, MAX> {
    List::new(values).ok().unwrap()
}

fn host(v4: &[&str], v6: &[&str]) -> Host {
    let ttl = |none: bool| if none { 0 } else { 172_800 };
    Host {
        a_ttl: ttl(v4.is_empty()),
        aaaa_ttl: ttl(v6.is_empty()),
        v4: list(v4.iter().map(|a| a.parse().unwrap()).collect()),
        v6: list(v6.iter().map(|a| a.parse().unwrap()).collect()),
    }
}

fn delegation(ns: &[&str]) -> Delegation {
    Delegation { ns: list(ns.iter().map(|n| name(n)).collect()), ns_ttl: 172_800, ds: List::default(), ds_ttl: 0 }
}

fn ds(key_tag: u16, digest_type: u8, length: usize) -> Ds {
    Ds { key_tag, algorithm: 8, digest_type, digest: Bytes::new(vec![0xAB; length]).unwrap() }
}

fn set(host_name: &str, addresses: Host) -> HostChange {
    HostChange { host: name(host_name), addresses: Some(addresses) }
}

#[track_caller]
fn refused<R: Wire, E: ContractError>(answer: Answer<R, E>, part: &str) {
    let failure = answer.fails(FailureCode::ContractError);
    assert!(failure.message.contains(part), "'{part}' is not in '{}'", failure.message);
}

fn deployed(net: &Net) -> (Deployed<TldBinding>, Deployed<DomainRecords>) {
    (net.deploy::<TldBinding>(OPERATOR), net.deploy::<DomainRecords>(OPERATOR))
}

/// From binding to release.
pub(crate) fn a_tld_is_bound_delegated_changed_and_released(net: Net) {
    let (bindings, records) = deployed(&net);
    let bound = Bound { tld: name("lab"), organisation: LAB.id(), previous: None };
    bindings.by(OPERATOR).bind(name("lab"), LAB.id()).emits(&bound).ok();
    bindings.by(OPERATOR).bind(name("net"), NET.id()).ok();
    // An internationalised TLD, and one that is not.
    bindings.by(OPERATOR).bind(name("xn--p1ai"), NET.id()).ok();
    refused(bindings.by(OPERATOR).bind(name("localhost"), LAB.id()), "localhost");
    refused(bindings.by(OPERATOR).bind(name("xn--abc"), LAB.id()), "xn--abc");
    bindings.by(LAB).counts().gives(BindingCounts { bindings: 3 });
    bindings.by(LAB).bindings_and_total_agree().gives(true);
    records.by(LAB).name_servers_are_listed().gives(true);

    net.pass(5_000);
    let hosts = list(vec![
        set("ns.lab", host(&["192.0.2.1"], &[])),
        set("ns.net", host(&["192.0.2.2"], &["2001:db8::2", "2001:db8::3"])),
    ]);
    let both = delegation(&["ns.lab", "ns.net"]);
    let change = Change { hosts, delegation: DelegationChange::Set(both.clone()) };
    records.by(LAB).change(name("lab"), change).ok();
    records.by(LAB).set_ds(name("lab"), list(vec![ds(1, 2, 32), ds(2, 4, 48)]), 86_400).ok();
    records.by(NET).set_delegation(name("net"), delegation(&["ns.net"])).ok();
    assert_eq!(records.by(NET).users(name("ns.net"), None).ok().into_vec(), [name("lab"), name("net")]);
    let apex = Apex { ns: list(vec![name("a.root-servers.net")]), ttl: 518_400 };
    let hosts = list(vec![set("a.root-servers.net", host(&["198.51.100.4"], &[]))]);
    records.by(OPERATOR).change_apex(ApexChange { hosts, apex: Some(apex.clone()) }).ok();
    records.by(LAB).apex().gives(Some(apex));

    net.pass(5_000);
    records.by(LAB).set_ns(name("lab"), list(vec![name("ns.net")]), 3_600).ok();
    records.by(LAB).delete_ds(name("lab")).ok();
    records.by(LAB).host(name("ns.lab")).gives(None);
    let page = records.by(LAB).delegations(None).ok().into_vec();
    assert_eq!(page.iter().map(|e| &e.tld).collect::<Vec<_>>(), [&name("lab"), &name("net")]);
    assert_eq!(records.by(LAB).hosts(None).ok().len(), 2);

    refused(bindings.by(OPERATOR).release(name("lab")), "'lab.'");
    records.by(LAB).delete_delegation(name("lab")).ok();
    let released = Released { tld: name("lab"), organisation: LAB.id() };
    bindings.by(OPERATOR).release(name("lab")).emits(&released).ok();
    bindings.by(OPERATOR).binding(name("lab")).gives(None);
    assert_eq!(bindings.by(LAB).bindings(Some(name("lab"))).ok().len(), 2);
    let counts = records.by(LAB).counts().ok();
    assert_eq!((counts.delegations, counts.hosts), (1, 2));
    bindings.by(LAB).bindings_and_total_agree().gives(true);
    records.by(LAB).name_servers_are_listed().gives(true);
}

/// Whoever must not change a TLD changes nothing.
pub(crate) fn only_the_bound_registry_changes_a_tld(net: Net) {
    let (bindings, records) = deployed(&net);
    bindings.by(LAB).bind(name("lab"), LAB.id()).lacks_role();
    bindings.by(OPERATOR).bind(name("lab"), LAB.id()).ok();
    records.by(LAB).set_delegation(name("lab"), delegation(&["ns.other"])).ok();
    let before = (bindings.state(), records.state());
    refused(bindings.by(OPERATOR).bind(name("lab"), NET.id()), "lab-registry");
    refused(records.by(NET).set_delegation(name("lab"), delegation(&["ns.net"])), "net-registry");
    refused(records.by(OPERATOR).delete_delegation(name("lab")), "operator");
    refused(records.by(NET).set_delegation(name("free"), delegation(&["ns.net"])), "'free.'");
    records.by(LAB).set_apex(Apex { ns: list(vec![name("ns.lab")]), ttl: 60 }).lacks_role();
    // A name server below the TLD without an address; no name server at all; bytes that are no arguments.
    assert!(records.by(LAB).set_delegation(name("lab"), delegation(&["ns.lab"])).outcome().result.is_err());
    assert!(records.by(LAB).set_delegation(name("lab"), delegation(&[])).outcome().result.is_err());
    let outcome = records.by(LAB).raw(Entry::Call("change"), &[3, 1, 1]);
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::BadArguments);
    assert_eq!((bindings.state(), records.state()), before);
}

/// Suspension and another registry.
pub(crate) fn a_suspended_tld_waits_and_a_rebound_one_changes_hands(net: Net) {
    let (bindings, records) = deployed(&net);
    bindings.by(OPERATOR).bind(name("lab"), LAB.id()).ok();
    records.by(LAB).set_delegation(name("lab"), delegation(&["ns.other"])).ok();
    bindings.by(OPERATOR).suspend(name("lab")).ok();
    refused(records.by(LAB).set_ns(name("lab"), list(vec![name("ns.net")]), 60), "'lab.'");
    net.pass(1_000);
    bindings.by(OPERATOR).resume(name("lab")).ok();
    records.by(LAB).set_ns(name("lab"), list(vec![name("ns.net")]), 60).ok();
    let rebound = Bound { tld: name("lab"), organisation: NET.id(), previous: Some(LAB.id()) };
    bindings.by(OPERATOR).rebind(name("lab"), NET.id()).emits(&rebound).ok();
    refused(records.by(LAB).delete_delegation(name("lab")), "net-registry");
    records.by(NET).set_ns(name("lab"), list(vec![name("ns.other")]), 60).ok();
    let binding = bindings.by(LAB).binding(name("lab")).ok().unwrap();
    assert_eq!((binding.organisation, binding.status), (NET.id(), BindingStatus::Active));
    bindings.by(OPERATOR).suspend(name("lab")).ok();
    records.by(OPERATOR).delete_delegation(name("lab")).ok();
    bindings.by(OPERATOR).release(name("lab")).ok();
    bindings.by(OPERATOR).counts().gives(BindingCounts { bindings: 0 });
}
