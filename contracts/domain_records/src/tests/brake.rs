//! Claims about the brake, and a property: nothing held is in the zone, whatever is done in whatever order.

use super::{
    delegation,
    held::{Chain, LAB, NET, OPERATOR, SE, held},
    host, list, name,
};
use crate::brake::{lately, with};
use althing_interface::domain_records::{
    DelegationChange,
    held::{Brake, ChangeOutcome, HeldStatus, Tally, WINDOW_PARTS},
};
use althing_sdk::{prelude::*, testing::Org};

fn lab_host(chain: &Chain, last: u8) -> ChangeOutcome {
    chain.records.by(LAB).set_host(name("lab"), name("ns.lab"), host(&[&format!("192.0.2.{last}")])).ok()
}

#[test]
fn without_settings_there_is_no_brake() {
    let chain = Chain::new();
    for n in 10..60 {
        assert_eq!(lab_host(&chain, n), ChangeOutcome::Applied);
    }
}

#[test]
fn what_one_organisation_changes_beyond_the_brake_waits_for_a_vote() {
    let chain = Chain::new();
    chain.records.by(OPERATOR).set_brake(3, 0, 80).ok();
    for n in 10..13 {
        assert_eq!(lab_host(&chain, n), ChangeOutcome::Applied);
    }
    // The same again changes nothing and is not counted.
    assert_eq!(lab_host(&chain, 12), ChangeOutcome::Applied);
    let id = held(lab_host(&chain, 13));
    assert_eq!((chain.standing(id).brake, chain.standing(id).needed.len()), (Brake::Organisation, 0));
    // Another organisation goes on.
    let other = chain.records.by(SE).set_delegation(name("se"), delegation(&["ns.net", "x.example.org"]));
    assert_eq!(other.ok(), ChangeOutcome::Applied);
    // Nobody's looking at it helps; a vote does.
    chain.records.by(LAB).settle(id).gives(HeldStatus::Open);
    chain.records.by(OPERATOR).release_held(list(vec![id])).ok();
    assert_eq!(chain.records.by(LAB).host(name("ns.lab")).ok(), Some(host(&["192.0.2.13"])));
    held(lab_host(&chain, 14));
    // The window passes.
    for _ in 0..91 {
        chain.net.pass(1_000);
    }
    assert_eq!(lab_host(&chain, 15), ChangeOutcome::Applied);
}

#[test]
fn what_all_change_beyond_the_brake_waits_for_a_vote() {
    let chain = Chain::new();
    chain.records.by(OPERATOR).set_brake(0, 3, 80).ok();
    assert_eq!(lab_host(&chain, 10), ChangeOutcome::Applied);
    assert_eq!(lab_host(&chain, 11), ChangeOutcome::Applied);
    let set_ttl =
        |tld: &str, by: Org, ttl: u32| chain.records.by(by).set_ns(name(tld), list(vec![name("ns.net")]), ttl).ok();
    assert_eq!(set_ttl("se", SE, 60), ChangeOutcome::Applied);
    let id = held(set_ttl("net", NET, 61));
    assert_eq!(chain.standing(id).brake, Brake::Zone);
    chain.records.by(OPERATOR).refuse_held(list(vec![id])).ok();
    assert_eq!(chain.standing(id).status, HeldStatus::Refused);
    chain.records.by(OPERATOR).set_brake(0, 0, 80).ok();
    assert_eq!(set_ttl("net", NET, 61), ChangeOutcome::Applied);
}

#[test]
fn one_change_of_many_hosts_counts_each() {
    let chain = Chain::new();
    chain.records.by(OPERATOR).set_brake(3, 0, 80).ok();
    let hosts = ["a.lab", "b.lab", "c.lab"].map(|h| super::held::set(h, host(&["192.0.2.20"])));
    let new = delegation(&["a.lab", "b.lab", "c.lab", "ns.lab", "ns.net"]);
    let many = super::held::change(hosts.to_vec(), DelegationChange::Set(new));
    let id = held(chain.records.by(LAB).change(name("lab"), many).ok());
    assert_eq!(chain.standing(id).brake, Brake::Organisation);
}

#[test]
fn consent_does_not_release_the_brake() {
    let chain = Chain::new();
    let id = chain.asks();
    chain.records.by(OPERATOR).set_brake(1, 0, 80).ok();
    assert_eq!(lab_host(&chain, 10), ChangeOutcome::Applied);
    chain.records.by(NET).consent(id).ok();
    chain.records.by(SE).consent(id).gives(HeldStatus::Open);
    assert_eq!(chain.standing(id).brake, Brake::Organisation);
    chain.records.by(OPERATOR).release_held(list(vec![id])).ok();
    assert_eq!(chain.standing(id).status, HeldStatus::Applied);
}

#[test]
fn a_tally_counts_for_the_window_and_little_longer() {
    for window in [1u64, 7, 8, 80, 1_000] {
        for at in [1u64, 5, 79, 1_003] {
            let tally = with(Tally::default(), 3, window, Height(at));
            assert_eq!(lately(&tally, window, Height(at + window - 1)), 3, "{window} {at}");
            let longest = window + 2 * window.div_ceil(WINDOW_PARTS as u64);
            assert_eq!(lately(&tally, window, Height(at + longest)), 0, "{window} {at}");
        }
    }
    let mut tally = Tally::default();
    for height in 0..10_000 {
        tally = with(tally, 1, 800, Height(height));
        assert!(tally.parts.len() <= WINDOW_PARTS + 2);
        let now = lately(&tally, 800, Height(height));
        assert!(u64::from(now) >= (height + 1).min(800) && now <= 1_000, "{height} {now}");
    }
    // A longer window joins parts and loses nothing.
    let before = lately(&tally, 800, Height(9_999));
    let mut longer = tally;
    for height in 10_000..10_400 {
        longer = with(longer, 1, 100_000, Height(height));
    }
    assert_eq!(lately(&longer, 100_000, Height(10_399)), before + 400);
}

/// A sequence of numbers that looks random and is the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn property_nothing_held_is_visible_and_the_totals_hold() {
    let orgs = [LAB, NET, SE];
    let tlds = ["lab", "net", "se"];
    for seed in 0..5u64 {
        let chain = Chain::new();
        let mut state = seed;
        for _ in 0..120 {
            let pick = next(&mut state) as usize % 3;
            let (by, tld) = (orgs[pick], tlds[pick]);
            let id = 1 + next(&mut state) % chain.counts().last.max(1);
            let address = format!("192.0.2.{}", 1 + next(&mut state) % 4);
            let before = zone(&chain);
            let was_held = chain.counts();
            match next(&mut state) % 8 {
                0 | 1 => {
                    let shared = ["ns.net", "ns.lab"][next(&mut state) as usize % 2];
                    let answer = chain.records.by(by).set_host(name(tld), name(shared), host(&[&address])).outcome();
                    if chain.counts().open > was_held.open {
                        assert!(answer.result.is_ok());
                        assert_eq!(zone(&chain), before, "a held change is not in the zone");
                    }
                }
                2 | 3 => drop(chain.records.by(by).consent(id).outcome()),
                4 => drop(chain.records.by(by).object(id).outcome()),
                5 => drop(chain.records.by(by).withdraw(id).outcome()),
                6 => {
                    let both = next(&mut state) % 2 == 0;
                    let hosts = if both { vec![super::held::set("ns.lab", host(&[&address]))] } else { vec![] };
                    let ns: &[&str] = if both { &["ns.lab", "ns.net"] } else { &["ns.net"] };
                    let to = DelegationChange::Set(delegation(ns));
                    drop(chain.records.by(by).change(name(tld), super::held::change(hosts, to)).outcome());
                }
                _ => {
                    chain.net.pass(1_000);
                    if id.is_multiple_of(5) {
                        drop(chain.records.by(OPERATOR).release_held(list(vec![id])).outcome());
                    }
                }
            }
            let totals = (chain.counts(), chain.records.by(LAB).counts().ok());
            assert!(chain.records.by(LAB).held_changes_are_counted().ok());
            assert!(chain.records.by(LAB).name_servers_are_listed().ok());
            chain.records.by(OPERATOR).recount().ok();
            let again = chain.records.by(LAB).counts().ok();
            assert_eq!((totals.0, totals.1.delegations, totals.1.hosts, totals.1.records), {
                (chain.counts(), again.delegations, again.hosts, again.records)
            });
        }
        assert!(chain.counts().last > 3, "seed {seed} held next to nothing");
    }
}

/// Delegations and hosts, and how many there are.
fn zone(chain: &Chain) -> Vec<(Vec<u8>, Vec<u8>)> {
    let state = chain.records.state().into_iter();
    state.filter(|(key, _)| key.first().is_some_and(|field| [1, 2, 3, 5].contains(field))).collect()
}
