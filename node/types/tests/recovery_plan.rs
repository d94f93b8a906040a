//! What of a recovery needs no state: signatures, rounds, majorities.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    codec::Text,
    crypto::{NodeId, SecretKey, verify},
    hash::Hash,
    id::{ChainId, Height, OrganisationId, Round},
    recovery::{RecoveryPlan, SignedRecovery, check_round, needed},
};

fn plan(number: u16) -> RecoveryPlan {
    let authority = Authority { node: NodeId([1; 32]), organisation: OrganisationId::new("a").unwrap() };
    RecoveryPlan {
        chain: ChainId::new("root").unwrap(),
        height: Height(7),
        block: Hash([7; 32]),
        number,
        authorities: AuthorityList::new(vec![authority], Threshold::TwoThirds).unwrap(),
        reason: Text::default(),
        drafted_ms: 1,
    }
}

fn signed(number: u16, by: &[&str]) -> SignedRecovery {
    let mut out = SignedRecovery::unsigned(plan(number));
    for name in by {
        let seed = [*name.as_bytes().first().unwrap(); 32];
        out.sign(OrganisationId::new(*name).unwrap(), &SecretKey::from_seed(&seed)).unwrap();
    }
    out
}

#[test]
fn more_than_half_of_the_members_is_needed() {
    for (members, expected) in [(0, 1), (1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (21, 11)] {
        assert_eq!(needed(members), expected, "{members}");
    }
}

#[test]
fn rounds_of_a_recovery_are_no_other_rounds() {
    assert_eq!((Round(0).recovery(), Round(9).turn()), (0, 9));
    for number in [1, 2, Round::MAX_RECOVERY] {
        let first = Round::of_recovery(number);
        assert_eq!((first.recovery(), first.turn()), (number, 0));
        assert_eq!((first.next().recovery(), first.next().turn()), (number, 1));
    }
    assert!(check_round(Round(3), None).is_ok());
    assert!(check_round(Round(3), Some(&plan(1))).is_err());
    assert!(check_round(plan(1).first_round(), None).is_err());
    assert!(check_round(plan(2).first_round(), Some(&plan(1))).is_err());
    assert!(check_round(plan(1).first_round(), Some(&plan(1))).is_ok());
}

#[test]
fn signatures_are_collected_in_order_and_only_of_one_plan() {
    let mut all = signed(1, &["c", "a"]);
    all.merge(signed(1, &["b", "a"])).unwrap();
    let names: Vec<&str> = all.signatures.iter().map(|entry| entry.organisation.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(all.merge(signed(2, &["d"])).unwrap_err().number(), 19);
}

#[test]
fn a_signature_is_of_one_plan_only() {
    let one = signed(1, &["a"]);
    let entry = one.signatures.first().unwrap();
    assert!(verify(&entry.key, &one.plan.hash().0, &entry.signature).is_ok());
    assert!(verify(&entry.key, &plan(2).hash().0, &entry.signature).is_err());
}

#[test]
fn a_plan_is_one_readable_document() {
    let one = signed(1, &["a", "b"]);
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<SignedRecovery>(&text).unwrap(), one);
    assert!(serde_json::from_str::<SignedRecovery>(&text.replace("\"number\"", "\"numbers\"")).is_err());
}
