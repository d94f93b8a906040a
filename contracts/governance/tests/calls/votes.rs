//! Votes (G7): who, when, on what, how often, and what decides.

use crate::chain::{A, ALL, B, C, Chain, D, E, STRANGER, node_of, notes, refused, settings};
use althing_interface::governance::{
    Choice, GovernanceError, ProposalDecided, ProposalKind, ProposalStatus, VoteCast, content_hash,
};
use althing_sdk::{
    prelude::*,
    testing::Org,
    types::{govern::GovernanceSettings, id::ChainId},
};

fn coordinator(organisation: Org) -> ProposalKind {
    ProposalKind::Coordinator { organisation: organisation.id() }
}

#[test]
fn a_double_vote_is_refused_and_a_changed_vote_counts_once() {
    let chain = Chain::of(&[A, B, C, D, E]);
    let id = chain.open(A, &coordinator(B));
    let event = VoteCast { proposal: id, organisation: A.id(), choice: Choice::Agree, agree: 1, object: 0 };
    chain.vote(A, id, Choice::Agree).emits(&event).ok();
    refused(chain.vote(A, id, Choice::Agree), 5, &["org-a", "agree"]);
    let proposal = chain.proposal(id);
    assert_eq!((proposal.agree, proposal.object), (1, 0));
    chain.vote(A, id, Choice::Object).ok();
    let proposal = chain.proposal(id);
    assert_eq!((proposal.agree, proposal.object), (0, 1));
    chain.governance.by(A).withdraw(id, proposal.content).ok();
    refused(chain.governance.by(A).withdraw(id, proposal.content), 7, &["org-a"]);
    let proposal = chain.proposal(id);
    assert_eq!((proposal.agree, proposal.object, proposal.status), (0, 0, ProposalStatus::Open));
    assert!(chain.governance.by(A).votes(id, None).ok().is_empty());
}

#[test]
fn a_late_vote_is_refused() {
    let chain = Chain::of(&[A, B, C]);
    let id = chain.open(A, &coordinator(B));
    chain.net.pass(1_000);
    chain.agree(&[A], id);
    chain.net.pass(1);
    refused(chain.vote(B, id, Choice::Agree), 3, &["until"]);
    chain.end_and_pass(1);
    assert_eq!(chain.status(id), ProposalStatus::Expired);
    refused(chain.vote(B, id, Choice::Agree), 2, &["expired"]);
    refused(chain.governance.by(B).vote(99, Hash::default(), Choice::Agree), 1, &["99"]);
}

#[test]
fn an_ex_member_votes_no_more_and_the_vote_it_cast_stays() {
    let chain = Chain::of(&ALL);
    let [.., f] = ALL;
    let id = chain.open(A, &coordinator(B));
    chain.vote(f, id, Choice::Object).ok();
    let other = chain.open(A, &coordinator(C));
    let reason = Text::new("gone bad").unwrap();
    let removal = chain.removal.by(A).open_review(f.id(), None, reason).ok();
    assert_eq!(chain.pass_proposal(&[A, B, C, D], removal), ProposalStatus::Done);
    refused(chain.vote(f, other, Choice::Agree), 4, &["org-f", "no member"]);
    refused(chain.vote(f, id, Choice::Agree), 4, &["no member"]);
    assert_eq!(chain.proposal(id).object, 1);
}

#[test]
fn the_electorate_is_a_snapshot() {
    let chain = Chain::of(&[A, B, C]);
    let admission = chain.request(A, D, 7);
    let before = chain.open(A, &coordinator(B));
    assert_eq!(chain.pass_proposal(&[A, B], admission), ProposalStatus::Done);
    refused(chain.vote(D, before, Choice::Agree), 4, &["org-d", "joined after"]);
    let after = chain.open(D, &coordinator(B));
    chain.agree(&[D], after);
    assert_eq!(chain.proposal(before).electorate.electors, 3);
    assert_eq!(chain.proposal(after).electorate.electors, 4);
    // One who leaves and comes back is another member.
    let review = chain.removal.by(A).open_review(D.id(), None, Text::new("left").unwrap()).ok();
    assert_eq!(chain.pass_proposal(&[A, B, C], review), ProposalStatus::Done);
    let again = chain.request(A, D, 7);
    assert_eq!(chain.pass_proposal(&[A, B], again), ProposalStatus::Done);
    refused(chain.vote(D, after, Choice::Object), 4, &["joined after"]);
}

#[test]
fn a_vote_on_another_content_or_another_chains_proposal_is_refused() {
    let chain = Chain::of(&[A, B, C]);
    let kind = coordinator(B);
    let id = chain.open(A, &kind);
    let there = content_hash(&ChainId::new("another").unwrap(), id, &kind);
    for wrong in [
        there,
        content_hash(&ChainId::new("test").unwrap(), id, &coordinator(C)),
        content_hash(&ChainId::new("test").unwrap(), id + 1, &kind),
    ] {
        refused(chain.governance.by(B).vote(id, wrong, Choice::Agree), 6, &["content"]);
        refused(chain.governance.by(B).withdraw(id, wrong), 6, &[]);
    }
    assert_eq!(chain.proposal(id).agree, 0);
}

#[test]
fn exactly_half_does_not_decide() {
    let chain = Chain::of(&[A, B, C, D]);
    let id = chain.open(A, &coordinator(B));
    chain.agree(&[A, B], id);
    assert_eq!(chain.status(id), ProposalStatus::Open);
    // Two against: the third that is needed cannot come any more.
    chain.vote(C, id, Choice::Object).ok();
    assert_eq!(chain.status(id), ProposalStatus::Open);
    let decided = ProposalDecided { proposal: id, status: ProposalStatus::Rejected, agree: 2, object: 2 };
    chain.vote(D, id, Choice::Object).emits(&decided).ok();
    refused(chain.vote(D, id, Choice::Agree), 2, &["rejected"]);
    let id = chain.open(A, &coordinator(B));
    chain.agree(&[A, B], id);
    chain.net.pass(1_000);
    chain.end_and_pass(1);
    assert_eq!(chain.status(id), ProposalStatus::Expired);
}

#[test]
fn a_veto_in_the_timelock_ends_what_was_accepted() {
    let chain = Chain::of(&[A, B, C]);
    let id = chain.open(A, &ProposalKind::Calls { calls: notes([1]) });
    chain.agree(&[A, B], id);
    assert_eq!(chain.status(id), ProposalStatus::Waiting);
    chain.end_and_pass(99);
    assert_eq!(chain.status(id), ProposalStatus::Waiting);
    chain.vote(B, id, Choice::Object).ok();
    assert_eq!(chain.status(id), ProposalStatus::Vetoed);
    chain.end_and_pass(500);
    chain.end_and_pass(500);
    chain.notebook.by(A).count().gives(0);
    // After the timelock nobody can take it back.
    let id = chain.open(A, &ProposalKind::Calls { calls: notes([1]) });
    chain.agree(&[A, B], id);
    chain.end_and_pass(101);
    refused(chain.vote(B, id, Choice::Object), 3, &[]);
    chain.end_and_pass(1);
    assert_eq!(chain.status(id), ProposalStatus::Done);
    chain.notebook.by(A).count().gives(1);
}

#[test]
fn only_members_propose_and_only_voters_vote() {
    const OPERATOR: Org = Org::new("org-b", &[Role::Operator]);
    const NODE: Org = Org::new("org-b", &[Role::Node]);
    let chain = Chain::of(&[A, B]);
    refused(chain.governance.by(STRANGER).open(coordinator(B)), 10, &["stranger"]);
    refused(chain.governance.by(NODE).open(coordinator(B)), 11, &["voter or operator"]);
    let id = chain.open(OPERATOR, &coordinator(B));
    chain.vote(OPERATOR, id, Choice::Agree).lacks_role();
    refused(chain.vote(STRANGER, id, Choice::Agree), 4, &["stranger", "no member"]);
    refused(
        chain.governance.by(A).open(ProposalKind::Remove { organisation: B.id(), node: None }),
        12,
        &["node_removal"],
    );
    let own = chain.governance.by(A).open_removal(B.id(), Some(node_of(B)));
    refused(own, 34, &["node_removal"]);
}

#[test]
fn one_member_cannot_fill_the_agenda() {
    let chain = Chain::of(&[A, B, C]);
    for _ in 0..16 {
        chain.open(B, &coordinator(B));
    }
    refused(chain.governance.by(B).open(coordinator(B)), 9, &["org-b", "16"]);
    chain.open(C, &coordinator(B));
    chain.net.pass(1_001);
    chain.end_and_pass(1);
    chain.open(B, &coordinator(B));
}

#[test]
fn what_cannot_be_is_refused_when_it_is_opened() {
    let chain = Chain::of(&[A, B]);
    let by = || chain.governance.by(A);
    refused(by().open(coordinator(STRANGER)), 10, &["stranger"]);
    refused(by().open(ProposalKind::Calls { calls: List::default() }), 24, &[]);
    let bad = GovernanceSettings { committee_needed: 4, ..settings() };
    refused(by().open(ProposalKind::Settings { settings: bad }), 21, &["committee_needed", "4", "1 to 3"]);
    let parameters = althing_sdk::types::genesis::Parameters { propose_timeout_ms: 1, ..Default::default() };
    refused(by().open(ProposalKind::Parameters { parameters }), 22, &["propose_timeout_ms"]);
    let calls = (0..10).map(|n| althing_interface::governance::ProposedCall {
        arguments: Bytes::new(vec![0; 4_000]).unwrap(),
        ..crate::chain::note(n)
    });
    let calls = List::new(calls.collect()).unwrap();
    refused(by().open(ProposalKind::Calls { calls }), 23, &["30720"]);
    assert_eq!(GovernanceError::ALL.len(), 36);
}
