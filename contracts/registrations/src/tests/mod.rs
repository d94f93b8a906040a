//! Tests of the contract on a small chain: what registrars do (`life`), transfers (`transfers`), what the registry does
//! (`registry`), what happens by time (`time`), and random histories (`random`).

mod life;
mod random;
mod registry;
mod time;
mod transfers;

use crate::Registrations;
use althing_interface::{
    domain_records::{self, Delegation, HostEntry},
    rdata::Ds,
    registrations::{
        Apex, DAY_MS, Domain, Host, HostChange, Init, Registration, RegistrationError, Script, Settings, Status,
    },
};
use althing_sdk::{
    prelude::*,
    testing::{Answer, Deployed, Net, Org},
    types::{
        codec::encode,
        hash::sha3_256,
        receipt::FailureCode,
        wire::{ContractError, Wire},
    },
};
use std::collections::BTreeSet;

const GOVERNANCE: Org = Org::new("governance", &[Role::Governance]);
const REGISTRY: Org = Org::new("registry-1", &[Role::Registry, Role::Operator]);
const ALICE: Org = Org::new("registrar-1", &[Role::Registrar, Role::Operator]);
const BOB: Org = Org::new("registrar-2", &[Role::Registrar, Role::Operator]);
const VOTER: Org = Org::new("registrar-3", &[Role::Registrar, Role::Voter]);
const ISP: Org = Org::new("isp-1", &[Role::Isp, Role::Operator]);

/// The authorisation code of tests.
const CODE: &str = "correct-horse-battery";

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}

fn list<T: core::fmt::Debug, const MAX: usize>(values: Vec<T>) -> List<T, MAX> {
    List::new(values).unwrap()
}

fn names<const MAX: usize>(texts: &[&str]) -> List<DomainName, MAX> {
    list(texts.iter().map(|text| name(text)).collect())
}

fn host(addresses: &[&str]) -> Host {
    Host {
        v4: list(addresses.iter().filter_map(|a| a.parse().ok()).collect()),
        v6: list(addresses.iter().filter_map(|a| a.parse().ok()).collect()),
    }
}

fn set(host_name: &str, addresses: &[&str]) -> HostChange {
    HostChange { host: name(host_name), addresses: Some(host(addresses)) }
}

fn clear(host_name: &str) -> HostChange {
    HostChange { host: name(host_name), addresses: None }
}

fn with(ns: &[&str], hosts: Vec<HostChange>) -> Registration {
    Registration { ns: names(ns), ds: List::default(), hosts: list(hosts), code: None, registrant: None }
}

fn ds(key_tag: u16, digest_type: u8, length: usize) -> Ds {
    Ds { key_tag, algorithm: 13, digest_type, digest: Bytes::new(vec![0xAB; length]).unwrap() }
}

fn statuses(given: &[Status]) -> BTreeSet<Status> {
    given.iter().copied().collect()
}

/// An apex with one name server of its own and one elsewhere.
fn apex(own: &str, address: &str) -> Apex {
    let entry = HostEntry {
        name: name(own),
        host: domain_records::Host {
            v4: list(vec![address.parse().unwrap()]),
            a_ttl: 3_600,
            v6: List::default(),
            aaaa_ttl: 0,
        },
    };
    let mut ns = vec![name(own), name("ns.example")];
    ns.sort();
    let delegation = Delegation { ns: list(ns), ns_ttl: 3_600, ds: list(vec![ds(7, 2, 32)]), ds_ttl: 3_600 };
    Apex { delegation, hosts: list(vec![entry]) }
}

/// A chain with the contract of `lab`.
struct Chain {
    net: Net,
    names: Deployed<Registrations>,
}

fn settings() -> Settings {
    Settings {
        transfer_lock_ms: 0,
        scripts: list(vec![Script::Latin, Script::Cyrillic, Script::Hebrew]),
        ..Settings::default()
    }
}

fn chain_with(settings: Settings) -> Chain {
    let net = Net::native();
    let init = Init { tld: name("lab"), registry: REGISTRY.id(), settings };
    let names = net.deploy_with::<Registrations>(GOVERNANCE, "registrations", &(init,));
    Chain { net, names }
}

fn chain() -> Chain {
    chain_with(settings())
}

impl Chain {
    fn domain(&self, text: &str) -> Domain {
        self.names.by(ISP).domain(name(text)).ok().unwrap()
    }
    fn gone(&self, text: &str) -> bool {
        self.names.by(ISP).domain(name(text)).ok().is_none()
    }
    fn words(&self, text: &str) -> Vec<&'static str> {
        self.domain(text).words(self.net.time_ms())
    }
    /// A registered name with a name server elsewhere.
    fn registered(&self, by: Org, text: &str) {
        self.names.by(by).register(name(text), 1, with(&["ns.example"], vec![])).ok();
    }
    /// Passes time and ends blocks until nothing is due.
    fn pass(&self, ms: u64) {
        self.net.pass(ms);
        for _ in 0..1_000 {
            self.names.by(GOVERNANCE).end_block().ok();
            let due = self.names.by(ISP).due().ok();
            if due.first().is_none_or(|first| first.due_ms > self.net.time_ms()) {
                return;
            }
            self.net.pass(1);
        }
        panic!("the end of blocks does not come to an end");
    }
    fn days(&self, days: u64) {
        self.pass(days * DAY_MS);
    }
}

/// The call was refused with this error's number and EPP code, and a message that names these parts.
#[track_caller]
fn refused<R: Wire, E: ContractError>(answer: Answer<R, E>, epp: u16, parts: &[&str]) {
    let failure = answer.fails(FailureCode::ContractError);
    assert_eq!(RegistrationError::epp_code(failure.detail), epp, "{}", failure.message);
    for part in parts {
        assert!(failure.message.contains(part), "'{part}' is not in '{}'", failure.message);
    }
}
