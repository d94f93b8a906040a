//! Claims about calls, on a small chain with `tld_binding` beside this contract.

use super::{delegation, ds, host, list, name};
use crate::DomainRecords;
use althing_interface::{
    domain_records::{
        Apex, ApexChange, Change, Counts, Delegation, DelegationChange, DelegationDeleted, DelegationSet, Host,
        HostChange, HostDeleted, HostSet, WeakDigest, held::ChangeOutcome,
    },
    layout,
};
use althing_sdk::{
    prelude::*,
    testing::{Answer, Deployed, Entry, Net, Org},
    types::{
        codec::encode,
        receipt::FailureCode,
        wire::{ContractError, Wire},
    },
};
use althing_tld_binding::TldBinding;

const OPERATOR: Org = Org::new("operator", &[Role::Governance]);
const LAB: Org = Org::new("lab-registry", &[Role::Registry, Role::Operator]);
const NET: Org = Org::new("net-registry", &[Role::Registry, Role::Operator]);
const OTHER: Org = Org::new("other", &[Role::Registry, Role::Operator]);

/// A chain on which `lab` and `net` are bound.
struct Chain {
    net: Net,
    bindings: Deployed<TldBinding>,
    records: Deployed<DomainRecords>,
}

fn chain() -> Chain {
    let net = Net::native();
    let bindings = net.deploy::<TldBinding>(OPERATOR);
    let records = net.deploy::<DomainRecords>(OPERATOR);
    bindings.by(OPERATOR).bind(name("lab"), LAB.id()).ok();
    bindings.by(OPERATOR).bind(name("net"), NET.id()).ok();
    Chain { net, bindings, records }
}

fn set(host: &str, addresses: Host) -> HostChange {
    HostChange { host: name(host), addresses: Some(addresses) }
}

fn clear(host: &str) -> HostChange {
    HostChange { host: name(host), addresses: None }
}

fn change(hosts: Vec<HostChange>, delegation: DelegationChange) -> Change {
    Change { hosts: list(hosts), delegation }
}

/// The call was refused with this number and a message that names these parts.
#[track_caller]
fn refused<R: Wire, E: ContractError>(answer: Answer<R, E>, number: u32, parts: &[&str]) {
    let failure = answer.fails(FailureCode::ContractError);
    assert_eq!(failure.detail, number, "{}", failure.message);
    for part in parts {
        assert!(failure.message.contains(part), "'{part}' is not in '{}'", failure.message);
    }
}

/// `lab` is delegated to `ns.lab` and `ns.net`.
fn delegated() -> Chain {
    let chain = chain();
    let hosts = vec![set("ns.lab", host(&["192.0.2.1"])), set("ns.net", host(&["192.0.2.2", "2001:db8::2"]))];
    let new = delegation(&["ns.lab", "ns.net"]);
    chain.records.by(LAB).change(name("lab"), change(hosts, DelegationChange::Set(new))).ok();
    chain
}

#[test]
fn a_registrys_key_without_the_duty_operator_changes_nothing() {
    const VOTER: Org = Org::new("lab-registry", &[Role::Registry, Role::Voter]);
    let chain = chain();
    refused(chain.records.by(VOTER).delete_delegation(name("lab")), 23, &["lab-registry", "operator"]);
    refused(chain.records.by(VOTER).delete_host(name("lab"), name("a.lab")), 23, &["lab-registry"]);
}

#[test]
fn the_bound_registry_changes_hosts_and_delegation_in_one_call() {
    let chain = delegated();
    let by = chain.records.by(OTHER);
    assert_eq!(by.delegation(name("lab")).ok(), Some(delegation(&["ns.lab", "ns.net"])));
    assert_eq!(by.host(name("ns.lab")).ok(), Some(host(&["192.0.2.1"])));
    assert_eq!(by.users(name("ns.net"), None).ok().into_vec(), [name("lab")]);
    assert!(by.delegated(name("lab")).ok());
    assert_eq!(by.counts().ok(), Counts { delegations: 1, hosts: 2, records: 5, changed: by.counts().ok().changed });
}

#[test]
fn state_keys_are_those_of_the_layout() {
    let chain = delegated();
    let apex = Apex { ns: list(vec![name("a.root.net")]), ttl: 518_400 };
    chain.records.by(OPERATOR).set_apex(apex.clone()).ok();
    let state = chain.records.state();
    let stored = |key: Vec<u8>| state.get(&key).cloned().unwrap();
    assert_eq!(stored(layout::delegation_key(&name("lab"))), encode(&delegation(&["ns.lab", "ns.net"])));
    assert_eq!(stored(layout::host_key(&name("ns.lab"))), encode(&host(&["192.0.2.1"])));
    assert_eq!(stored(layout::apex_key()), encode(&apex));
    assert_eq!(stored(layout::counts_key()), encode(&chain.records.by(LAB).counts().ok()));
    let users = layout::users_prefix(&name("ns.net"));
    assert_eq!(state.keys().filter(|key| key.starts_with(&users)).count(), 1);
    let binding = chain.bindings.by(LAB).binding(name("lab")).ok().unwrap();
    assert_eq!(chain.bindings.state().get(&layout::binding_key(&name("lab"))), Some(&encode(&binding)));
    assert!(chain.bindings.state().contains_key(&layout::binding_counts_key()));
}

#[test]
fn case_8_another_registry_is_refused() {
    let chain = delegated();
    let new = || delegation(&["ns.net"]);
    let parts = ["'lab.'", "lab-registry", "other"];
    refused(chain.records.by(OTHER).set_delegation(name("lab"), new()), 2, &parts);
    refused(chain.records.by(NET).set_delegation(name("lab"), new()), 2, &["net-registry"]);
    refused(chain.records.by(OPERATOR).set_delegation(name("lab"), new()), 2, &["operator"]);
    refused(chain.records.by(OPERATOR).delete_delegation(name("lab")), 2, &[]);
    refused(chain.records.by(OTHER).set_delegation(name("free"), new()), 1, &["'free.'"]);
    assert_eq!(chain.records.by(LAB).delegation(name("lab")).ok(), Some(delegation(&["ns.lab", "ns.net"])));
}

#[test]
fn a_suspended_registry_changes_nothing_and_the_operator_may_undelegate() {
    let chain = delegated();
    chain.bindings.by(OPERATOR).suspend(name("lab")).ok();
    refused(chain.records.by(LAB).set_ns(name("lab"), list(vec![name("ns.net")]), 60), 3, &["'lab.'"]);
    refused(chain.records.by(LAB).delete_delegation(name("lab")), 3, &[]);
    chain.records.by(OPERATOR).delete_delegation(name("lab")).ok();
    chain.bindings.by(OPERATOR).release(name("lab")).ok();
    refused(chain.records.by(LAB).delete_ds(name("lab")), 1, &[]);
}

#[test]
fn a_delegated_tld_is_not_released() {
    let chain = delegated();
    refused(chain.bindings.by(OPERATOR).release(name("lab")), 8, &["'lab.'", "delegation"]);
    chain.records.by(LAB).delete_delegation(name("lab")).emits(&DelegationDeleted { tld: name("lab") }).ok();
    chain.bindings.by(OPERATOR).release(name("lab")).ok();
    assert_eq!(chain.bindings.by(LAB).binding(name("lab")).ok(), None);
}

#[test]
fn case_11_a_name_server_inside_the_tld_needs_its_address() {
    let chain = chain();
    let new = delegation(&["ns.lab", "ns.example.net"]);
    refused(chain.records.by(LAB).set_delegation(name("lab"), new.clone()), 9, &["'ns.lab.'", "'lab.'"]);
    refused(chain.records.by(LAB).set_ns(name("lab"), new.ns.clone(), 60), 9, &[]);
    let with_host = change(vec![set("ns.lab", host(&["192.0.2.1"]))], DelegationChange::Set(new));
    chain.records.by(LAB).change(name("lab"), with_host).ok();
    // It cannot be taken away later either, by nobody.
    refused(chain.records.by(LAB).delete_host(name("lab"), name("ns.lab")), 9, &["'ns.lab.'"]);
    chain.records.by(NET).set_delegation(name("net"), delegation(&["ns.lab"])).ok();
    refused(chain.records.by(NET).delete_host(name("net"), name("ns.lab")), 20, &["'ns.lab.'", "'lab.'"]);
}

#[test]
fn a_name_server_elsewhere_needs_no_address() {
    let chain = delegated();
    chain.records.by(LAB).set_delegation(name("lab"), delegation(&["a.example.org", "ns.net"])).ok();
    // Its addresses may be set by who uses it, and taken away while it is still named.
    chain.records.by(LAB).set_host(name("lab"), name("a.example.org"), host(&["192.0.2.7"])).ok();
    chain.records.by(LAB).delete_host(name("lab"), name("a.example.org")).ok();
    refused(chain.records.by(LAB).delete_host(name("lab"), name("a.example.org")), 19, &["'a.example.org.'"]);
}

#[test]
fn a_refused_change_leaves_no_trace() {
    let chain = delegated();
    let before = chain.records.state();
    let hosts = vec![set("ns.net", host(&["192.0.2.77"]))];
    let bad = change(hosts, DelegationChange::Set(delegation(&["ns.net", "missing.lab"])));
    refused(chain.records.by(LAB).change(name("lab"), bad), 9, &["missing.lab"]);
    assert_eq!(chain.records.state(), before);
}

#[test]
fn a_registry_changes_the_hosts_that_its_tlds_use_and_no_others() {
    let chain = delegated();
    refused(
        chain.records.by(NET).set_host(name("net"), name("ns.lab"), host(&["192.0.2.9"])),
        16,
        &["'net.'", "'ns.lab.'"],
    );
    // Beginning to use a host as it is concerns nobody else.
    let hosts = vec![set("ns.net", host(&["192.0.2.2", "2001:db8::2"]))];
    let begin = change(hosts, DelegationChange::Set(delegation(&["ns.net"])));
    chain.records.by(NET).change(name("net"), begin).gives(ChangeOutcome::Applied);
    assert_eq!(chain.records.by(LAB).users(name("ns.net"), None).ok().len(), 2);
    let event = HostSet { host: name("ns.lab"), by: name("lab"), addresses: host(&["192.0.2.4"]) };
    chain.records.by(LAB).set_host(name("lab"), name("ns.lab"), host(&["192.0.2.4"])).emits(&event).ok();
    assert_eq!(chain.records.by(NET).host(name("ns.lab")).ok(), Some(host(&["192.0.2.4"])));
}

#[test]
fn a_host_goes_with_its_last_user() {
    let chain = delegated();
    chain.records.by(NET).set_delegation(name("net"), delegation(&["ns.net"])).ok();
    let event = HostDeleted { host: name("ns.lab"), by: name("lab") };
    chain.records.by(LAB).delete_delegation(name("lab")).emits(&event).ok();
    assert_eq!(chain.records.by(LAB).host(name("ns.lab")).ok(), None);
    assert!(chain.records.by(LAB).host(name("ns.net")).ok().is_some());
    chain.records.by(NET).delete_delegation(name("net")).ok();
    let counts = chain.records.by(LAB).counts().ok();
    assert_eq!((counts.delegations, counts.hosts, counts.records), (0, 0, 0));
    assert_eq!(chain.records.state().len(), 1, "only the totals are left");
}

#[test]
fn a_host_that_nobody_names_is_prepared_only_inside_the_own_delegated_tld() {
    let chain = delegated();
    let set_host = |by, tld: &str, at: &str| chain.records.by(by).set_host(name(tld), name(at), host(&["192.0.2.5"]));
    set_host(LAB, "lab", "new.lab").ok();
    refused(set_host(LAB, "lab", "www.example.org"), 16, &["www.example.org"]);
    refused(set_host(NET, "net", "new.net"), 16, &["new.net"]);
    chain.records.by(LAB).delete_host(name("lab"), name("new.lab")).ok();
}

#[test]
fn the_same_change_again_changes_and_tells_nothing() {
    let chain = delegated();
    let before = chain.records.state();
    chain.net.pass(1_000);
    let same =
        change(vec![set("ns.lab", host(&["192.0.2.1"]))], DelegationChange::Set(delegation(&["ns.net", "ns.lab"])));
    chain.records.by(LAB).change(name("lab"), same).emits_nothing().ok();
    assert_eq!(chain.records.state(), before);
}

#[test]
fn ds_records_come_and_go_with_their_own_ttl() {
    let chain = delegated();
    let by = chain.records.by(LAB);
    refused(by.set_ds(name("lab"), List::default(), 86_400), 15, &["'lab.'"]);
    refused(by.delete_ds(name("lab")), 15, &[]);
    refused(chain.records.by(NET).set_ds(name("net"), list(vec![ds(1, 2, 32)]), 86_400), 4, &["'net.'"]);
    by.set_ds(name("lab"), list(vec![ds(9, 2, 32), ds(1, 2, 32)]), 86_400).ok();
    let signed =
        Delegation { ds: list(vec![ds(1, 2, 32), ds(9, 2, 32)]), ds_ttl: 86_400, ..delegation(&["ns.lab", "ns.net"]) };
    assert_eq!(by.delegation(name("lab")).ok(), Some(signed.clone()));
    // New name servers keep the DS records.
    by.set_ns(name("lab"), list(vec![name("ns.net")]), 60).ok();
    assert_eq!(by.delegation(name("lab")).ok().unwrap().ds, signed.ds);
    assert_eq!(by.counts().ok().records, 5, "one NS, two DS, two addresses; ns.lab went with its last user");
    by.delete_ds(name("lab")).ok();
    assert_eq!(by.delegation(name("lab")).ok().unwrap().ds_ttl, 0);
}

#[test]
fn case_13_sha1_is_accepted_with_a_warning_and_told_once() {
    let chain = delegated();
    let warning = WeakDigest { tld: name("lab"), key_tag: 5 };
    chain.records.by(LAB).set_ds(name("lab"), list(vec![ds(5, 1, 20)]), 86_400).emits(&warning).ok();
    let later = chain.records.by(LAB).set_ds(name("lab"), list(vec![ds(5, 1, 20), ds(6, 2, 32)]), 86_400).outcome();
    assert_eq!(later.events.iter().map(|e| e.name.as_str()).collect::<Vec<_>>(), ["DelegationSet"]);
    refused(chain.records.by(LAB).set_ds(name("lab"), list(vec![ds(5, 2, 20)]), 86_400), 13, &["20 octets", "has 32"]);
}

#[test]
fn every_change_tells_its_event() {
    let chain = chain();
    let new = delegation(&["ns.example.org"]);
    let event = DelegationSet { tld: name("lab"), delegation: new.clone() };
    chain.records.by(LAB).set_delegation(name("lab"), new).emits(&event).ok();
    chain.records.by(LAB).delete_delegation(name("lab")).emits(&DelegationDeleted { tld: name("lab") }).ok();
    refused(chain.records.by(LAB).delete_delegation(name("lab")), 4, &["'lab.'"]);
}

#[test]
fn the_apex_and_its_hosts_are_the_operators() {
    let chain = delegated();
    let apex = Apex { ns: list(vec![name("a.root.net")]), ttl: 518_400 };
    let hosts = list(vec![set("a.root.net", host(&["198.51.100.1"]))]);
    let whole = ApexChange { hosts, apex: Some(apex.clone()) };
    chain.records.by(LAB).change_apex(whole.clone()).lacks_role();
    chain.records.by(LAB).set_apex(apex.clone()).lacks_role();
    chain.records.by(OPERATOR).change_apex(whole).ok();
    assert_eq!(chain.records.by(LAB).apex().ok(), Some(apex));
    // A registry that uses the host cannot change it; the operator cannot change hosts of TLDs.
    chain.records.by(LAB).set_delegation(name("lab"), delegation(&["a.root.net", "ns.net"])).ok();
    refused(chain.records.by(LAB).set_host(name("lab"), name("a.root.net"), host(&["192.0.2.1"])), 17, &["a.root.net"]);
    let foreign = ApexChange { hosts: list(vec![set("ns.net", host(&["192.0.2.1"]))]), apex: None };
    refused(chain.records.by(OPERATOR).change_apex(foreign), 18, &["ns.net"]);
    let missing = ApexChange { hosts: list(vec![clear("b.root.net")]), apex: None };
    refused(chain.records.by(OPERATOR).change_apex(missing), 19, &["b.root.net"]);
    // Dropped by the apex and still used by a TLD: it stays.
    let other = Apex { ns: list(vec![name("b.root.net")]), ttl: 518_400 };
    chain.records.by(OPERATOR).set_apex(other).ok();
    assert!(chain.records.by(LAB).host(name("a.root.net")).ok().is_some());
}

#[test]
fn case_6_and_12_bytes_of_other_forms_are_bad_arguments() {
    let chain = delegated();
    let by = chain.records.by(LAB);
    let mut bytes = encode(&(name("lab"), delegation(&["ns.net"])));
    bytes[4] = b'L';
    let outcome = by.raw(Entry::Call("set_delegation"), &bytes);
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::BadArguments);
    bytes[4] = b'l';
    bytes.push(0);
    let outcome = by.raw(Entry::Call("set_delegation"), &bytes);
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::BadArguments);
    let outcome = by.raw(Entry::Call("set_cname"), &[]);
    assert_eq!(outcome.result.unwrap_err().code, FailureCode::NoSuchMethod);
}

#[test]
fn pages_follow_the_canonical_order() {
    let chain = delegated();
    chain.records.by(NET).set_delegation(name("net"), delegation(&["ns.net"])).ok();
    let by = chain.records.by(OTHER);
    let tlds = |after| by.delegations(after).ok().iter().map(|e| e.tld.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(tlds(None), ["lab", "net"]);
    assert_eq!(tlds(Some(name("lab"))), ["net"]);
    assert!(tlds(Some(name("net"))).is_empty());
    let hosts = |after| by.hosts(after).ok().iter().map(|e| e.name.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(hosts(None), ["ns.lab", "ns.net"]);
    assert_eq!(hosts(Some(name("ns.lab"))), ["ns.net"]);
    assert_eq!(by.users(name("ns.net"), Some(name("lab"))).ok().into_vec(), [name("net")]);
}

#[test]
fn keep_without_hosts_is_accepted_and_changes_nothing() {
    let chain = delegated();
    let nothing = change(vec![], DelegationChange::Keep);
    chain.records.by(LAB).change(name("lab"), nothing).emits_nothing().ok();
    let gone = change(vec![clear("ns.net")], DelegationChange::Set(delegation(&["ns.lab"])));
    chain.records.by(LAB).change(name("lab"), gone).ok();
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), None);
}
