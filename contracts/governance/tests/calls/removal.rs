//! Complaints, evidence and reviews; a coordinator that is silent, and one that is hostile (G3, G5).

use crate::chain::{A, B, C, Chain, D, E, STRANGER, node_of, refused};
use althing_interface::{
    governance::ProposalStatus,
    node_removal::{Complained, EvidenceFound, Ground, Offence},
};
use althing_sdk::{
    prelude::*,
    testing::Org,
    types::{
        codec::encode,
        crypto::{NodeId, SecretKey, Signed},
        id::{ChainId, Round},
        vote::{Evidence, Vote, VoteKind},
    },
};

fn text(text: &str) -> Text<1024> {
    Text::new(text).unwrap()
}

fn complain(chain: &Chain, by: Org, of: Org) {
    chain.removal.by(by).complain(of.id(), None, text("its blocks are late"), Hash::default()).ok();
}

#[test]
fn a_complaint_without_evidence_is_refused() {
    let chain = Chain::of(&[A, B, C]);
    for empty in ["", "  \n"] {
        let answer = chain.removal.by(B).complain(C.id(), None, text(empty), Hash::default());
        refused(answer, 1, &["evidence"]);
    }
    let by = |org| chain.removal.by(org);
    refused(by(STRANGER).complain(C.id(), None, text("x"), Hash::default()), 4, &["member"]);
    refused(by(B).complain(STRANGER.id(), None, text("x"), Hash::default()), 2, &["stranger"]);
    refused(by(B).complain(C.id(), Some(node_of(A)), text("x"), Hash::default()), 2, &["org-c"]);
    let event = Complained { accused: C.id(), node: None, complainant: B.id(), counting: 1 };
    by(B).complain(C.id(), None, text("x"), Hash::default()).emits(&event).ok();
    refused(by(B).complain(C.id(), None, text("y"), Hash::default()), 3, &["org-b", "org-c"]);
    chain.net.pass(1_000);
    by(B).complain(C.id(), None, text("y"), Hash::default()).emits(&event).ok();
    assert_eq!(by(A).complaints(C.id(), None).ok().len(), 1);
}

#[test]
fn a_coordinator_that_never_answers_cannot_block_the_members() {
    let chain = Chain::of(&[A, B, C, D, E]);
    let review = |by: Org| chain.removal.by(by).open_review(E.id(), None, text("late blocks"));
    refused(review(B), 12, &["org-b", "org-e"]);
    complain(&chain, B, E);
    refused(review(B), 10, &["1 complaints", "2"]);
    chain.net.pass(50);
    complain(&chain, C, E);
    refused(review(B), 11, &["coordinator"]);
    chain.net.pass(200);
    refused(review(C), 11, &[]);
    chain.net.pass(1);
    refused(review(D), 12, &["org-d"]);
    let id = review(C).ok();
    refused(review(B), 13, &[&format!("{id}")]);
    assert_eq!(chain.removal.by(A).review(id).ok().unwrap().ground, Ground::Complaints);
    assert_eq!(chain.pass_proposal(&[B, C, D], id), ProposalStatus::Done);
    assert!(chain.governance.by(A).member(E.id()).ok().is_none());
    // The silent coordinator itself is replaced, then removed, by the others.
    let kind = althing_interface::governance::ProposalKind::Coordinator { organisation: B.id() };
    let id = chain.open(B, &kind);
    assert_eq!(chain.pass_proposal(&[B, C, D], id), ProposalStatus::Done);
    let id = chain.removal.by(B).open_review(A.id(), None, text("silent")).ok();
    assert_eq!(chain.pass_proposal(&[B, C, D], id), ProposalStatus::Done);
    assert_eq!(chain.authorities(), ["org-b", "org-c", "org-d"]);
}

#[test]
fn a_coordinator_that_opens_reviews_without_end_is_held_to_a_few_and_decides_none() {
    let chain = Chain::of(&[A, B, C, D, E]);
    let review = |of: Org| chain.removal.by(A).open_review(of.id(), None, text("a finding"));
    refused(chain.removal.by(A).open_review(B.id(), None, text(" ")), 1, &["reason"]);
    let first = review(B).ok();
    let second = review(C).ok();
    refused(review(D), 14, &["2 reviews"]);
    refused(review(B), 13, &[]);
    chain.agree(&[A], first);
    chain.net.pass(1_001);
    chain.end_and_pass(1);
    assert_eq!((chain.status(first), chain.status(second)), (ProposalStatus::Expired, ProposalStatus::Expired));
    let third = review(D).ok();
    assert_eq!(chain.removal.by(A).review(third).ok().unwrap().ground, Ground::Finding);
    // Complaints are answered beyond that number.
    review(B).ok();
    refused(review(C), 14, &[]);
    complain(&chain, B, E);
    complain(&chain, C, E);
    let answer = review(E).ok();
    assert_eq!(chain.removal.by(A).review(answer).ok().unwrap().ground, Ground::Complaints);
    assert_eq!(chain.authorities().len(), 5);
}

#[test]
fn complaints_that_were_answered_or_are_too_old_count_no_more() {
    let chain = Chain::of(&[A, B, C, D]);
    complain(&chain, B, D);
    chain.net.pass(1_000);
    complain(&chain, C, D);
    chain.net.pass(201);
    refused(chain.removal.by(C).open_review(D.id(), None, text("x")), 10, &["1 complaints"]);
    complain(&chain, B, D);
    let id = chain.removal.by(A).open_review(D.id(), None, text("x")).ok();
    for org in [A, B] {
        chain.vote(org, id, althing_interface::governance::Choice::Object).ok();
    }
    assert_eq!(chain.status(id), ProposalStatus::Rejected);
    refused(chain.removal.by(C).open_review(D.id(), None, text("x")), 12, &["org-c"]);
}

fn vote(key: &SecretKey, chain: &str, block: u8) -> Signed<Vote> {
    let vote = Vote {
        chain: ChainId::new(chain).unwrap(),
        height: Height(9),
        round: Round(1),
        kind: VoteKind::Precommit,
        block: Some(Hash([block; 32])),
        voter: NodeId::from(key.public()),
    };
    Signed::sign(vote, key)
}

fn bytes(a: Signed<Vote>, b: Signed<Vote>) -> Bytes<2048> {
    Bytes::new(encode(&Evidence::Votes(a, b))).unwrap()
}

#[test]
fn two_signed_votes_that_conflict_are_enough_for_a_review() {
    let key = SecretKey::from_seed(&[5; 32]);
    let node = NodeId::from(key.public());
    let chain = Chain::of(&[A, B, C]);
    let report = |evidence| chain.removal.by(B).report(evidence);
    refused(report(bytes(vote(&key, "test", 1), vote(&key, "test", 2))), 2, &[]);
    // The node joins as a second node of C.
    let bare = althing_sdk::types::organisation::Organisation { id: C.id(), roles: [].into(), keys: List::default() };
    let request =
        chain.admission.by(A).request(node, Role::Registry, Text::default(), bare, crate::chain::certificate(1));
    assert_eq!(chain.pass_proposal(&[A, B], request.ok()), ProposalStatus::Done);

    refused(report(Bytes::new(vec![1, 2, 3]).unwrap()), 5, &[]);
    refused(report(bytes(vote(&key, "test", 1), vote(&key, "test", 1))), 6, &[]);
    refused(report(bytes(vote(&key, "other", 1), vote(&key, "other", 2))), 7, &["other"]);
    let mut forged = vote(&key, "test", 2);
    forged.signature = vote(&key, "test", 3).signature;
    refused(report(bytes(vote(&key, "test", 1), forged)), 8, &[]);
    let event = EvidenceFound {
        node,
        organisation: C.id(),
        signed_height: Height(9),
        signed_round: Round(1),
        offence: Offence::Precommit,
    };
    report(bytes(vote(&key, "test", 1), vote(&key, "test", 2))).emits(&event).ok();
    refused(report(bytes(vote(&key, "test", 1), vote(&key, "test", 3))), 9, &["height 9"]);
    // Who goes on with it fills no state.
    let again = |height| {
        let two = [1, 2].map(|block| {
            let vote = vote(&key, "test", block).value;
            Signed::sign(Vote { height: Height(height), ..vote }, &key)
        });
        let [one, other] = two;
        report(bytes(one, other))
    };
    for height in 10..17 {
        again(height).ok();
    }
    refused(again(17), 16, &["8 pieces"]);

    let review = |by: Org| chain.removal.by(by).open_review(C.id(), Some(node), text("equivocation"));
    refused(review(C), 12, &["org-c"]);
    refused(review(B), 11, &[]);
    let id = review(A).ok();
    assert_eq!(chain.removal.by(A).review(id).ok().unwrap().ground, Ground::Evidence);
    assert_eq!(chain.removal.by(A).evidence(node).ok()[0].review, Some(id));
    again(17).ok();
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
    assert!(chain.governance.by(A).node(node).ok().is_none());
    assert!(chain.governance.by(A).member(C.id()).ok().is_some());
}
