//! Claims about calls of `tld_binding`, on a small chain of its own. The rules for labels are tested where they are, in
//! `althing_interface::label`.

use crate::TldBinding;
use althing_interface::{
    layout,
    tld_binding::{BindingCounts, BindingStatus, Bound, Released, StatusChanged},
};
use althing_sdk::{
    prelude::*,
    testing::{Answer, Deployed, Net, Org},
    types::{
        codec::encode,
        receipt::FailureCode,
        wire::{ContractError, Wire},
    },
};

const OPERATOR: Org = Org::new("operator", &[Role::Governance]);
const LAB: Org = Org::new("lab-registry", &[Role::Registry]);
const OTHER: Org = Org::new("other", &[Role::Registry]);

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn deployed() -> (Net, Deployed<TldBinding>) {
    let net = Net::native();
    let contract = net.deploy::<TldBinding>(OPERATOR);
    (net, contract)
}

#[track_caller]
fn refused<R: Wire, E: ContractError>(answer: Answer<R, E>, number: u32, parts: &[&str]) {
    let failure = answer.fails(FailureCode::ContractError);
    assert_eq!(failure.detail, number, "{}", failure.message);
    for part in parts {
        assert!(failure.message.contains(part), "'{part}' is not in '{}'", failure.message);
    }
}

#[test]
fn a_bound_tld_names_its_registry() {
    let (_, contract) = deployed();
    let event = Bound { tld: name("lab"), organisation: LAB.id(), previous: None };
    contract.by(OPERATOR).bind(name("lab"), LAB.id()).emits(&event).ok();
    let binding = contract.by(OTHER).binding(name("lab")).ok().unwrap();
    assert_eq!((binding.organisation.clone(), binding.status), (LAB.id(), BindingStatus::Active));
    assert_eq!((binding.since, binding.changed), (Height(1), Height(1)));
    contract.by(OTHER).counts().gives(BindingCounts { bindings: 1 });
    assert_eq!(contract.by(OTHER).binding(name("other")).ok(), None);
    assert_eq!(contract.state().get(&layout::binding_key(&name("lab"))), Some(&encode(&binding)));
}

#[test]
fn only_the_operator_binds() {
    let (_, contract) = deployed();
    contract.by(LAB).bind(name("lab"), LAB.id()).lacks_role();
    contract.by(OPERATOR).bind(name("lab"), LAB.id()).ok();
    contract.by(LAB).suspend(name("lab")).lacks_role();
    contract.by(LAB).resume(name("lab")).lacks_role();
    contract.by(LAB).release(name("lab")).lacks_role();
    contract.by(LAB).rebind(name("lab"), OTHER.id()).lacks_role();
}

#[test]
fn a_tld_is_bound_once() {
    let (_, contract) = deployed();
    contract.by(OPERATOR).bind(name("lab"), LAB.id()).ok();
    refused(contract.by(OPERATOR).bind(name("lab"), OTHER.id()), 4, &["'lab.'", "lab-registry"]);
    refused(contract.by(OPERATOR).rebind(name("lab"), LAB.id()), 4, &["lab-registry"]);
    contract.by(OPERATOR).counts().gives(BindingCounts { bindings: 1 });
}

#[test]
fn case_2_to_5_and_7_bad_labels_are_refused_with_the_rule() {
    let (_, contract) = deployed();
    let bind = |tld: &str| contract.by(OPERATOR).bind(name(tld), LAB.id());
    refused(bind("a.lab"), 1, &["2 labels"]);
    refused(contract.by(OPERATOR).bind(DomainName::root(), LAB.id()), 1, &["0 labels"]);
    refused(bind("ab--cd"), 2, &["'ab--cd.'", "third and fourth"]);
    refused(bind("xn--a"), 2, &["A-label"]);
    // Cyrillic-mixed Latin, an emoji.
    refused(bind("xn--pypal-4ve"), 2, &["mixes scripts"]);
    refused(bind("xn--e28h"), 2, &["U+1F600", "not a letter"]);
    for reserved in ["test", "localhost", "onion", "internal"] {
        refused(bind(reserved), 3, &[reserved, "reserved"]);
    }
    contract.by(OPERATOR).counts().gives(BindingCounts { bindings: 0 });
    assert!(contract.state().is_empty());
}

#[test]
fn a_registry_is_suspended_and_resumed() {
    let (net, contract) = deployed();
    contract.by(OPERATOR).bind(name("lab"), LAB.id()).ok();
    net.pass(1_000);
    refused(contract.by(OPERATOR).resume(name("lab")), 7, &["'lab.'"]);
    let event = StatusChanged { tld: name("lab"), status: BindingStatus::Suspended };
    contract.by(OPERATOR).suspend(name("lab")).emits(&event).ok();
    refused(contract.by(OPERATOR).suspend(name("lab")), 6, &["'lab.'"]);
    let binding = contract.by(OPERATOR).binding(name("lab")).ok().unwrap();
    assert_eq!((binding.status, binding.since, binding.changed), (BindingStatus::Suspended, Height(1), Height(2)));
    // Another registry inherits the status.
    contract.by(OPERATOR).rebind(name("lab"), OTHER.id()).ok();
    let binding = contract.by(OPERATOR).binding(name("lab")).ok().unwrap();
    assert_eq!((binding.organisation, binding.status), (OTHER.id(), BindingStatus::Suspended));
    contract.by(OPERATOR).resume(name("lab")).ok();
}

#[test]
fn a_released_tld_may_be_bound_again() {
    let (_, contract) = deployed();
    refused(contract.by(OPERATOR).release(name("lab")), 5, &["'lab.'"]);
    refused(contract.by(OPERATOR).suspend(name("lab")), 5, &[]);
    contract.by(OPERATOR).bind(name("lab"), LAB.id()).ok();
    let event = Released { tld: name("lab"), organisation: LAB.id() };
    contract.by(OPERATOR).release(name("lab")).emits(&event).ok();
    contract.by(OPERATOR).bind(name("lab"), OTHER.id()).ok();
    contract.by(OPERATOR).counts().gives(BindingCounts { bindings: 1 });
}

#[test]
fn pages_follow_the_canonical_order() {
    let (_, contract) = deployed();
    for tld in ["zz", "aaa", "mm"] {
        contract.by(OPERATOR).bind(name(tld), LAB.id()).ok();
    }
    let page = |after: Option<DomainName>| {
        let page = contract.by(OTHER).bindings(after).ok();
        page.iter().map(|entry| entry.tld.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(page(None), ["aaa", "mm", "zz"]);
    assert_eq!(page(Some(name("mm"))), ["zz"]);
}
