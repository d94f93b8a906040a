//! Plans that put right what a removed member did: what is checked before a vote, and one part in each block after it.

use crate::chain::{A, B, Chain, refused};
use althing_interface::governance::{self, ProposalKind, ProposalStatus};
use althing_sdk::{
    prelude::*,
    types::{
        codec::encode,
        govern::{BlockFacts, ChangeResult, SystemChange, deferred_of},
        id::ChainId,
        keyspace,
        remediation::{Plan, PlanCounts, PlanHead, PlanItem, RemediationStep},
    },
};

/// A plan of so many marks, as the node stores it.
fn plan(chain: &Chain, marks: u64) -> Plan {
    let head = PlanHead {
        chain: ChainId::new("test").unwrap(),
        organisation: B.id(),
        from: Height(1),
        base: Height(9),
        block: Hash([1; 32]),
        counts: PlanCounts::default(),
        parts: List::default(),
    };
    let mark = |n: u64| PlanItem::Mark { transaction: Hash([n as u8; 32]), height: Height(n) };
    let plan = Plan::make(head, (0..marks).map(mark).collect()).unwrap();
    for document in &plan.documents {
        let hash = althing_sdk::types::remediation::document_hash(document);
        chain.net.put_system(keyspace::remediation(&hash), document.clone());
    }
    plan
}

fn kind(plan: &Plan) -> ProposalKind {
    let subject = plan.head.subject();
    ProposalKind::Remediate {
        plan: plan.hash(),
        organisation: subject.organisation,
        from: subject.from,
        parts: subject.parts,
        restored: subject.restored,
        marked: subject.marked,
    }
}

/// Ends a block in which the node tells how a part ended.
fn tell(chain: &Chain, tag: u64, done: bool, message: &str) -> Vec<String> {
    let results = List::new(vec![ChangeResult { tag, done, message: Text::new(message).unwrap() }]).unwrap();
    let outcome = chain.net.end_block(governance::ID, &BlockFacts { results, ..chain.facts() });
    chain.net.pass(10);
    outcome.events.iter().map(|event| event.name.as_str().to_owned()).collect()
}

#[test]
fn a_plan_that_is_not_stored_or_about_something_else_is_not_voted_on() {
    let chain = Chain::of(&[A, B]);
    let plan = plan(&chain, 3);
    let open = |kind: ProposalKind| chain.governance.by(A).open(kind);
    let ProposalKind::Remediate { plan: hash, organisation, from, parts, restored, marked } = kind(&plan) else {
        panic!("another kind")
    };
    let other = Hash([9; 32]);
    let with = |plan, organisation, from, marked| ProposalKind::Remediate {
        plan,
        organisation,
        from,
        parts,
        restored,
        marked,
    };
    refused(open(with(other, organisation.clone(), from, marked)), 29, &["was not uploaded"]);
    refused(open(with(plan.head.parts[0], organisation.clone(), from, marked)), 29, &["is a part of a plan"]);
    refused(open(with(hash, A.id(), from, marked)), 29, &["organisation is"]);
    refused(open(with(hash, organisation.clone(), Height(2), marked)), 29, &["from is 1"]);
    refused(open(with(hash, organisation, from, 4)), 29, &["marked is 3, the proposal says 4"]);
    open(kind(&plan)).ok();
}

#[test]
fn parts_are_put_off_one_after_the_other_and_the_last_one_ends_the_proposal() {
    let chain = Chain::of(&[A, B]);
    let plan = plan(&chain, 300);
    let id = chain.open(A, &kind(&plan));
    chain.agree(&[A, B], id);
    assert_eq!(chain.status(id), ProposalStatus::Waiting, "it can be vetoed");
    chain.end_and_pass(100);
    chain.end_and_pass(10);
    for part in 0..2u32 {
        let deferred = deferred_of(chain.net.system().get(&keyspace::deferred()).unwrap()).unwrap();
        let apply = RemediationStep::Apply { tag: id, plan: plan.hash(), part };
        assert_eq!(deferred.last(), Some(&SystemChange::Remediate(apply)));
        assert_eq!((chain.status(id), chain.proposal(id).progress), (ProposalStatus::Executing, part));
        let events = tell(&chain, id, true, "so many marked");
        assert_eq!(events.iter().filter(|name| *name == "Remedied").count(), 1, "{events:?}");
    }
    let proposal = chain.proposal(id);
    assert_eq!((proposal.status, proposal.progress), (ProposalStatus::Done, 2));
    assert_eq!(proposal.message.as_str(), "so many marked");
}

#[test]
fn a_part_that_cannot_be_carried_out_fails_the_proposal_and_a_plan_without_parts_is_done_at_once() {
    let chain = Chain::of(&[A, B]);
    let id = chain.open(A, &kind(&plan(&chain, 300)));
    chain.agree(&[A, B], id);
    chain.end_and_pass(100);
    chain.end_and_pass(10);
    tell(&chain, id, false, "cannot be read");
    assert_eq!(chain.status(id), ProposalStatus::Failed);
    assert!(chain.proposal(id).message.contains("cannot be read"));
    let empty = plan(&chain, 0);
    assert_eq!(encode(&empty.head.counts), encode(&PlanCounts::default()));
    let id = chain.open(A, &kind(&empty));
    assert_eq!(chain.pass_proposal(&[A, B], id), ProposalStatus::Done);
}
