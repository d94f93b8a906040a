//! Claims about changes of shared hosts, which wait for the consent of the other registries that use them.

use super::{delegation, host, list, name};
use crate::DomainRecords;
use althing_interface::{
    domain_records::{
        Change, Delegation, DelegationChange, Host, HostChange, HostSet,
        held::{
            Brake, ChangeHeld, ChangeOutcome, ChangeSettled, HeldChange, HeldCounts, HeldStatus, HoldSettings,
            MAX_HELD_OF_ONE, MAX_SETTLED,
        },
    },
    layout,
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
use althing_tld_binding::TldBinding;

const DUTIES: &[Role] = &[Role::Registry, Role::Operator];
pub(super) const OPERATOR: Org = Org::new("operator", &[Role::Governance]);
pub(super) const LAB: Org = Org::new("lab-registry", DUTIES);
pub(super) const NET: Org = Org::new("net-registry", DUTIES);
pub(super) const SE: Org = Org::new("se-registry", DUTIES);
const OTHER: Org = Org::new("other", DUTIES);
const THIRTY_DAYS_MS: u64 = 2_592_000_000;

/// A chain on which three TLDs of three registries use `ns.net`, and `lab` also `ns.lab`.
pub(super) struct Chain {
    pub(super) net: Net,
    pub(super) bindings: Deployed<TldBinding>,
    pub(super) records: Deployed<DomainRecords>,
}

pub(super) fn shared_host() -> Host {
    host(&["192.0.2.2", "2001:db8::2"])
}

pub(super) fn set(host: &str, addresses: Host) -> HostChange {
    HostChange { host: name(host), addresses: Some(addresses) }
}

pub(super) fn change(hosts: Vec<HostChange>, delegation: DelegationChange) -> Change {
    Change { hosts: list(hosts), delegation }
}

impl Chain {
    pub(super) fn new() -> Self {
        let net = Net::native();
        let bindings = net.deploy::<TldBinding>(OPERATOR);
        let records = net.deploy::<DomainRecords>(OPERATOR);
        let chain = Self { net, bindings, records };
        for (tld, by, ns) in
            [("lab", LAB, &["ns.lab", "ns.net"][..]), ("net", NET, &["ns.net"]), ("se", SE, &["ns.net"])]
        {
            chain.bind(tld, by);
            chain.delegate(tld, by, ns);
        }
        chain
    }

    pub(super) fn bind(&self, tld: &str, to: Org) {
        self.bindings.by(OPERATOR).bind(name(tld), to.id()).ok();
    }

    /// A TLD begins to use hosts as they are; `ns.lab` and `ns.net` get their addresses.
    pub(super) fn delegate(&self, tld: &str, by: Org, ns: &[&str]) {
        let known = [("ns.lab", host(&["192.0.2.1"])), ("ns.net", shared_host())];
        let hosts = known.into_iter().filter(|(name, _)| ns.contains(name)).map(|(name, host)| set(name, host));
        let begin = change(hosts.collect(), DelegationChange::Set(delegation(ns)));
        self.records.by(by).change(name(tld), begin).gives(ChangeOutcome::Applied);
    }

    /// `lab` asks for other addresses of `ns.net`.
    #[track_caller]
    pub(super) fn asks(&self) -> u64 {
        let answer = self.records.by(LAB).set_host(name("lab"), name("ns.net"), host(&["192.0.2.77"]));
        held(answer.ok())
    }

    pub(super) fn standing(&self, id: u64) -> HeldChange {
        self.records.by(OTHER).held(id).ok().expect("the held change").held
    }

    pub(super) fn counts(&self) -> HeldCounts {
        self.records.by(OTHER).held_counts().ok()
    }

    /// What other programs read of the zone: everything but what is kept about held changes.
    fn zone(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        use layout::domain_records::USERS;
        self.records.state().into_iter().filter(|(key, _)| key.first().is_some_and(|field| *field <= USERS)).collect()
    }
}

#[track_caller]
pub(super) fn held(outcome: ChangeOutcome) -> u64 {
    match outcome {
        ChangeOutcome::Held { id } => id,
        ChangeOutcome::Applied => panic!("it was applied at once"),
    }
}

/// The call was refused with this number.
#[track_caller]
pub(super) fn refused<R: Wire, E: ContractError>(answer: Answer<R, E>, number: u32) {
    let failure = answer.fails(FailureCode::ContractError);
    assert_eq!(failure.detail, number, "{}", failure.message);
}

fn organisations(list: &[OrganisationId]) -> Vec<&str> {
    list.iter().map(OrganisationId::as_str).collect()
}

#[test]
fn case_16_a_change_of_a_shared_host_waits_until_all_others_consent() {
    let chain = Chain::new();
    let before = chain.zone();
    let id = chain.asks();
    assert_eq!(chain.zone(), before, "nothing of a held change is in the zone");
    let held = chain.standing(id);
    assert_eq!(organisations(&held.needed), ["net-registry", "se-registry"]);
    assert_eq!((held.status, held.brake, held.synced), (HeldStatus::Open, Brake::Off, false));
    assert_eq!(held.hosts.into_vec(), [name("ns.net")]);
    chain.records.by(NET).consent(id).gives(HeldStatus::Open);
    assert_eq!(chain.zone(), before);
    let event = HostSet { host: name("ns.net"), by: name("lab"), addresses: host(&["192.0.2.77"]) };
    let settled = ChangeSettled { tld: name("lab"), id, status: HeldStatus::Applied, number: 0 };
    chain.records.by(SE).consent(id).emits(&event).emits(&settled).gives(HeldStatus::Applied);
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), Some(host(&["192.0.2.77"])));
    assert_eq!(chain.counts(), HeldCounts { last: 1, open: 0, settled: 1 });
    refused(chain.records.by(SE).object(id), 25);
}

#[test]
fn deleting_a_shared_hosts_addresses_waits_too() {
    let chain = Chain::new();
    let hosts = || vec![set("x.example.org", host(&["192.0.2.60"]))];
    for (tld, by) in [("lab", LAB), ("se", SE)] {
        let to = DelegationChange::Set(delegation(&["ns.net", "x.example.org"]));
        chain.records.by(by).change(name(tld), change(hosts(), to)).gives(ChangeOutcome::Applied);
    }
    let id = held(chain.records.by(LAB).delete_host(name("lab"), name("x.example.org")).ok());
    assert!(chain.records.by(OTHER).host(name("x.example.org")).ok().is_some());
    chain.records.by(SE).consent(id).gives(HeldStatus::Applied);
    assert!(chain.records.by(OTHER).host(name("x.example.org")).ok().is_none());
    // What a rule forbids is refused at once, whoever might consent.
    refused(chain.records.by(LAB).delete_host(name("lab"), name("ns.net")), 20);
}

#[test]
fn a_registry_with_all_of_a_hosts_tlds_asks_nobody() {
    let chain = Chain::new();
    chain.bind("second", LAB);
    chain.delegate("second", LAB, &["ns.lab"]);
    let answer = chain.records.by(LAB).set_host(name("second"), name("ns.lab"), host(&["192.0.2.78"]));
    answer.gives(ChangeOutcome::Applied);
    // A rebound TLD is its new registry's to consent for.
    chain.bindings.by(OPERATOR).rebind(name("second"), SE.id()).ok();
    let id = held(chain.records.by(LAB).set_host(name("lab"), name("ns.lab"), host(&["192.0.2.79"])).ok());
    assert_eq!(organisations(&chain.standing(id).needed), ["se-registry"]);
}

#[test]
fn addresses_for_a_host_that_others_name_without_wait_too() {
    let chain = Chain::new();
    chain.records.by(SE).set_delegation(name("se"), delegation(&["ns.net", "ns.example.org"])).ok();
    chain.records.by(LAB).set_delegation(name("lab"), delegation(&["ns.net", "ns.example.org"])).ok();
    let answer = chain.records.by(LAB).set_host(name("lab"), name("ns.example.org"), host(&["192.0.2.66"]));
    assert_eq!(organisations(&chain.standing(held(answer.ok())).needed), ["se-registry"]);
}

#[test]
fn the_whole_change_of_one_call_is_held() {
    let chain = Chain::new();
    let before = chain.zone();
    let hosts = vec![set("ns.lab", host(&["192.0.2.9"])), set("ns.net", host(&["192.0.2.8"]))];
    let new = Delegation { ns_ttl: 60, ..delegation(&["ns.lab", "ns.net"]) };
    let id = held(chain.records.by(LAB).change(name("lab"), change(hosts, DelegationChange::Set(new.clone()))).ok());
    assert_eq!(chain.zone(), before);
    // Something else of the TLD may go on in the meantime.
    let ds = list(vec![super::ds(1, 2, 32)]);
    chain.records.by(NET).set_ds(name("net"), ds, 60).gives(ChangeOutcome::Applied);
    chain.records.by(NET).consent(id).ok();
    chain.records.by(SE).consent(id).gives(HeldStatus::Applied);
    assert_eq!(chain.records.by(LAB).delegation(name("lab")).ok(), Some(new));
    assert_eq!(chain.records.by(LAB).host(name("ns.lab")).ok(), Some(host(&["192.0.2.9"])));
}

#[test]
fn a_change_that_breaks_a_rule_is_refused_and_not_held() {
    let chain = Chain::new();
    let hosts = vec![set("ns.net", host(&["192.0.2.8"]))];
    let bad = change(hosts, DelegationChange::Set(delegation(&["ns.net", "missing.lab"])));
    refused(chain.records.by(LAB).change(name("lab"), bad), 9);
    assert_eq!(chain.counts(), HeldCounts::default());
}

#[test]
fn one_objection_ends_a_change_that_needs_all() {
    let chain = Chain::new();
    let id = chain.asks();
    chain.records.by(NET).consent(id).ok();
    chain.records.by(SE).object(id).gives(HeldStatus::Refused);
    assert_eq!(organisations(&chain.standing(id).objections), ["se-registry"]);
    refused(chain.records.by(SE).consent(id), 25);
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), Some(shared_host()));
}

#[test]
fn with_a_share_an_objection_ends_a_change_when_the_share_is_out_of_reach() {
    let chain = Chain::new();
    for tld in ["three", "four"] {
        chain.bind(tld, Org::new(tld, DUTIES));
        chain.delegate(tld, Org::new(tld, DUTIES), &["ns.net"]);
    }
    chain.records.by(OPERATOR).set_consent(50, THIRTY_DAYS_MS).ok();
    let id = chain.asks();
    chain.records.by(SE).object(id).gives(HeldStatus::Open);
    chain.records.by(NET).object(id).gives(HeldStatus::Open);
    // Minds may change while it is open: two of four are enough.
    chain.records.by(NET).consent(id).gives(HeldStatus::Open);
    refused(chain.records.by(NET).consent(id), 33);
    chain.records.by(Org::new("four", DUTIES)).consent(id).gives(HeldStatus::Applied);

    let answer = chain.records.by(LAB).set_host(name("lab"), name("ns.net"), host(&["192.0.2.99"]));
    let again = held(answer.ok());
    chain.records.by(SE).object(again).ok();
    chain.records.by(NET).object(again).ok();
    chain.records.by(Org::new("four", DUTIES)).object(again).gives(HeldStatus::Refused);
}

#[test]
fn only_those_who_use_the_hosts_answer_and_only_with_the_duty() {
    let chain = Chain::new();
    let id = chain.asks();
    refused(chain.records.by(OTHER).consent(id), 26);
    refused(chain.records.by(LAB).consent(id), 26);
    refused(chain.records.by(Org::new("se-registry", &[Role::Registry, Role::Voter])).consent(id), 23);
    refused(chain.records.by(SE).consent(id + 1), 24);
    chain.records.by(SE).release_held(list(vec![id])).lacks_role();
    assert!(chain.standing(id).consents.is_empty());
}

#[test]
fn only_who_asked_withdraws() {
    let chain = Chain::new();
    let id = chain.asks();
    refused(chain.records.by(NET).withdraw(id), 27);
    refused(chain.records.by(OPERATOR).withdraw(id), 23);
    chain.records.by(LAB).withdraw(id).ok();
    assert_eq!(chain.standing(id).status, HeldStatus::Withdrawn);
    refused(chain.records.by(NET).consent(id), 25);
}

#[test]
fn a_held_change_expires() {
    let chain = Chain::new();
    chain.records.by(OPERATOR).set_consent(100, 60_000).ok();
    let id = chain.asks();
    chain.records.by(NET).consent(id).ok();
    chain.net.pass(60_000);
    refused(chain.records.by(SE).consent(id), 25);
    chain.records.by(OPERATOR).release_held(list(vec![id])).ok();
    assert_eq!(chain.standing(id).status, HeldStatus::Expired);
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), Some(shared_host()));
    // The end of a block takes expired ones away, and so does the next change that has to wait.
    let second = chain.asks();
    chain.net.pass(60_000);
    chain.records.by(OPERATOR).end_block().ok();
    assert_eq!(chain.standing(second).status, HeldStatus::Expired);
    let third = chain.asks();
    chain.net.pass(60_000);
    let fourth = chain.asks();
    assert_ne!(third, fourth, "an expired change is not asked for again");
    assert_eq!(chain.standing(third).status, HeldStatus::Expired);
    assert_eq!(chain.counts(), HeldCounts { last: 4, open: 1, settled: 3 });
}

#[test]
fn a_suspended_registry_blocks_nobody() {
    let chain = Chain::new();
    chain.bindings.by(OPERATOR).suspend(name("se")).ok();
    let id = chain.asks();
    assert_eq!(organisations(&chain.standing(id).needed), ["net-registry"]);
    refused(chain.records.by(SE).consent(id), 26);
    // Suspended after it was asked: the next one to look finds that nobody is missing.
    chain.bindings.by(OPERATOR).suspend(name("net")).ok();
    chain.records.by(OTHER).settle(id).gives(HeldStatus::Applied);
}

#[test]
fn a_suspended_or_rebound_asker_changes_nothing_any_more() {
    let chain = Chain::new();
    let id = chain.asks();
    chain.bindings.by(OPERATOR).suspend(name("lab")).ok();
    chain.records.by(NET).consent(id).gives(HeldStatus::Failed);
    assert_eq!(chain.standing(id).number, 3);
    chain.bindings.by(OPERATOR).resume(name("lab")).ok();
    let again = chain.asks();
    chain.bindings.by(OPERATOR).rebind(name("lab"), OTHER.id()).ok();
    chain.records.by(OPERATOR).release_held(list(vec![again])).ok();
    assert_eq!((chain.standing(again).status, chain.standing(again).number), (HeldStatus::Failed, 2));
}

#[test]
fn who_begins_or_ceases_to_use_the_host_is_counted_as_of_each_answer() {
    let chain = Chain::new();
    let id = chain.asks();
    chain.bind("new", OTHER);
    chain.delegate("new", OTHER, &["ns.net"]);
    chain.records.by(NET).consent(id).gives(HeldStatus::Open);
    assert_eq!(organisations(&chain.standing(id).needed), ["net-registry", "other", "se-registry"]);
    chain.records.by(SE).consent(id).gives(HeldStatus::Open);
    // It leaves again without an answer.
    chain.records.by(OTHER).delete_delegation(name("new")).ok();
    chain.records.by(OTHER).settle(id).gives(HeldStatus::Applied);
}

#[test]
fn a_change_of_what_somebody_changed_since_is_not_carried_out() {
    let chain = Chain::new();
    let first = chain.asks();
    let other = held(chain.records.by(NET).set_host(name("net"), name("ns.net"), host(&["192.0.2.88"])).ok());
    for by in [LAB, SE] {
        chain.records.by(by).consent(other).ok();
    }
    assert_eq!(chain.standing(other).status, HeldStatus::Applied);
    chain.records.by(NET).consent(first).gives(HeldStatus::Failed);
    assert_eq!(chain.standing(first).number, 31);
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), Some(host(&["192.0.2.88"])));
}

#[test]
fn a_delegation_changed_since_does_not_fall_back() {
    let chain = Chain::new();
    let hosts = vec![set("ns.net", host(&["192.0.2.8"]))];
    let old = DelegationChange::Set(Delegation { ns_ttl: 60, ..delegation(&["ns.lab", "ns.net"]) });
    let id = held(chain.records.by(LAB).change(name("lab"), change(hosts, old)).ok());
    chain.records.by(LAB).set_ds(name("lab"), list(vec![super::ds(1, 2, 32)]), 60).gives(ChangeOutcome::Applied);
    chain.records.by(OPERATOR).release_held(list(vec![id])).ok();
    assert_eq!((chain.standing(id).status, chain.standing(id).number), (HeldStatus::Failed, 31));
    assert_eq!(chain.records.by(LAB).delegation(name("lab")).ok().unwrap().ds.len(), 1);
}

#[test]
fn two_changes_to_the_same_outcome_do_not_overtake_each_other() {
    let chain = Chain::new();
    let first = chain.asks();
    let same = host(&["192.0.2.77"]);
    let second = held(chain.records.by(NET).set_host(name("net"), name("ns.net"), same).ok());
    for by in [NET, SE] {
        chain.records.by(by).consent(first).ok();
    }
    // Nobody is concerned by the second any more.
    chain.records.by(OTHER).settle(second).gives(HeldStatus::Applied);
}

#[test]
fn asking_for_the_same_again_is_the_same_held_change() {
    let chain = Chain::new();
    let id = chain.asks();
    chain.records.by(NET).consent(id).ok();
    chain.net.pass(1_000);
    assert_eq!(chain.asks(), id);
    assert_eq!(chain.standing(id).consents.len(), 1);
    assert_eq!(chain.counts(), HeldCounts { last: 1, open: 1, settled: 0 });
}

#[test]
fn a_vote_releases_or_refuses() {
    let chain = Chain::new();
    let id = chain.asks();
    chain.records.by(OPERATOR).release_held(list(vec![id])).ok();
    assert_eq!(chain.standing(id).status, HeldStatus::Applied);
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), Some(host(&["192.0.2.77"])));
    let other = held(chain.records.by(NET).set_host(name("net"), name("ns.net"), host(&["192.0.2.88"])).ok());
    chain.records.by(OPERATOR).refuse_held(list(vec![other])).ok();
    assert_eq!(chain.standing(other).status, HeldStatus::Refused);
    // Decided ones are passed over, so that a vote about several does its work on the others.
    chain.records.by(OPERATOR).release_held(list(vec![id, other])).ok();
    refused(chain.records.by(OPERATOR).release_held(list(vec![99])), 24);
}

#[test]
fn held_changes_are_bounded_for_each_and_settled_ones_in_all() {
    let chain = Chain::new();
    let ask = |n: u32| {
        let address = format!("10.0.{}.{}", n / 250, n % 250 + 1);
        chain.records.by(LAB).set_host(name("lab"), name("ns.net"), host(&[&address]))
    };
    for n in 0..MAX_HELD_OF_ONE {
        held(ask(n).ok());
    }
    refused(ask(MAX_HELD_OF_ONE), 28);
    let other = chain.records.by(NET).set_host(name("net"), name("ns.net"), host(&["192.0.2.88"]));
    held(other.ok());
    for round in 0..3u32 {
        for n in 0..MAX_HELD_OF_ONE {
            let id = held(ask(n).ok());
            chain.net.pass(1);
            chain.records.by(LAB).withdraw(id).ok();
            if round < 2 {
                held(ask(n).ok());
            }
        }
    }
    let counts = chain.counts();
    assert_eq!((counts.open, counts.settled), (1, MAX_SETTLED));
    let kept = chain.records.state().keys().filter(|key| key.starts_with(&layout::held_changes_prefix())).count();
    assert_eq!(u32::try_from(kept).unwrap(), counts.open + counts.settled);
    assert!(chain.records.by(LAB).held(1).ok().is_none(), "the oldest are forgotten");
    assert!(chain.records.by(LAB).held_changes_are_counted().ok());
}

#[test]
fn settings_are_checked_and_their_change_is_told() {
    let chain = Chain::new();
    let by = chain.records.by(OPERATOR);
    refused(by.set_consent(0, 1_000), 30);
    refused(by.set_consent(101, 1_000), 30);
    refused(by.set_consent(50, 999), 30);
    refused(by.set_brake(1, 1, 0), 30);
    chain.records.by(LAB).set_consent(1, 1_000).lacks_role();
    chain.records.by(LAB).set_brake(0, 0, 1).lacks_role();
    assert_eq!(by.hold_settings().ok(), HoldSettings::default());
    by.set_consent(51, 5_000).ok();
    assert_eq!(
        by.hold_settings().ok(),
        HoldSettings { share_percent: 51, expiry_ms: 5_000, ..HoldSettings::default() }
    );
}

#[test]
fn state_keys_of_held_changes_are_those_of_the_layout() {
    let chain = Chain::new();
    let needed = list(vec![NET.id(), SE.id()]);
    let event = ChangeHeld { tld: name("lab"), id: 1, organisation: LAB.id(), brake: Brake::Off, needed };
    chain.records.by(LAB).set_host(name("lab"), name("ns.net"), host(&["192.0.2.77"])).emits(&event).ok();
    let state = chain.records.state();
    assert_eq!(state.get(&layout::held_change_key(1)), Some(&encode(&chain.standing(1))));
    assert_eq!(state.get(&layout::held_counts_key()), Some(&encode(&chain.counts())));
    assert!(state.contains_key(&layout::held_content_key(1)));
    chain.records.by(OPERATOR).set_consent(51, 5_000).ok();
    assert!(chain.records.state().contains_key(&layout::hold_settings_key()));
}

#[test]
fn counting_anew_finds_the_same_totals() {
    let chain = Chain::new();
    let id = chain.asks();
    chain.records.by(LAB).withdraw(id).ok();
    chain.asks();
    let before = (chain.counts(), chain.records.by(LAB).counts().ok());
    chain.records.by(OPERATOR).recount().ok();
    assert_eq!((chain.counts(), chain.records.by(LAB).counts().ok()), before);
    assert!(chain.records.by(LAB).held_changes_are_counted().ok());
    assert!(chain.records.by(LAB).name_servers_are_listed().ok());
}

#[test]
fn pages_of_held_changes_go_by_number() {
    let chain = Chain::new();
    let first = chain.asks();
    let second = held(chain.records.by(NET).set_host(name("net"), name("ns.net"), host(&["192.0.2.88"])).ok());
    let ids = |after| chain.records.by(OTHER).held_changes(after).ok().iter().map(|h| h.id).collect::<Vec<_>>();
    assert_eq!((ids(None), ids(Some(first)), ids(Some(second))), (vec![first, second], vec![second], vec![]));
}
