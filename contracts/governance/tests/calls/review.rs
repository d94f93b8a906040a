//! Changes of data under each review mode (A6).

use crate::chain::{A, B, C, Chain, D, note, refused, settings};
use althing_interface::governance::{Choice, ProposalClass, ProposalStatus, ProposedCall, ProposedCalls};
use althing_sdk::{
    prelude::*,
    testing::Org,
    types::{
        codec::encode,
        govern::{GovernanceSettings, ReviewMode},
    },
};

fn change(org: Org, numbers: &[u64]) -> ProposedCalls {
    let call = |number: &u64| ProposedCall {
        method: Text::new("reviewed_note").unwrap(),
        arguments: Bytes::new(encode(&(org.id(), *number))).unwrap(),
        ..note(0)
    };
    List::new(numbers.iter().map(call).collect()).unwrap()
}

fn chain(review: ReviewMode) -> Chain {
    Chain::with(&[A, B, C, D], GovernanceSettings { review, ..settings() })
}

#[test]
fn without_review_a_change_is_written_at_once_and_whole() {
    let chain = chain(ReviewMode::None);
    chain.governance.by(B).submit_change(change(B, &[1, 2])).gives(None);
    chain.notebook.by(A).count().gives(2);
    refused(chain.governance.by(B).submit_change(change(B, &[3, 13])), 26, &["call 1", "Unlucky"]);
    chain.notebook.by(A).count().gives(2);
}

#[test]
fn the_management_node_reviews_and_it_rotates() {
    let chain = chain(ReviewMode::Management);
    let list = chain.governance.by(A).authorities().ok().unwrap();
    let mut seen = Vec::new();
    for turn in 0..4 {
        let manager = chain.governance.by(A).management_node().ok().unwrap();
        let owner = &list.members()[list.position(&manager).unwrap()].organisation;
        let manager = [A, B, C, D].into_iter().find(|org| org.id() == *owner).unwrap();
        let other = [A, B].into_iter().find(|org| org.id() != *owner).unwrap();
        let id = chain.governance.by(other).submit_change(change(other, &[7])).ok().unwrap();
        assert_eq!(chain.proposal(id).class, ProposalClass::Change);
        refused(chain.vote(other, id, Choice::Agree), 4, &["not among the reviewers"]);
        chain.agree(&[manager], id);
        chain.end_and_pass(1);
        assert_eq!(chain.status(id), ProposalStatus::Done);
        chain.notebook.by(A).count().gives(turn + 1);
        seen.push(manager.id());
        (0..9).for_each(|_| chain.net.pass(1));
    }
    seen.sort();
    assert_eq!(seen, [A.id(), B.id(), C.id(), D.id()]);
}

#[test]
fn nobody_reviews_a_change_of_their_own() {
    for (review, reviewers) in [(ReviewMode::Management, 1), (ReviewMode::Committee, 3)] {
        let chain = chain(review);
        let list = chain.governance.by(A).authorities().ok().unwrap();
        let manager = chain.governance.by(A).management_node().ok().unwrap();
        let at = list.position(&manager).unwrap();
        let owner = |at: usize| {
            let organisation = &list.members()[at % 4].organisation;
            [A, B, C, D].into_iter().find(|org| org.id() == *organisation).unwrap()
        };
        let id = chain.governance.by(owner(at)).submit_change(change(owner(at), &[7])).ok().unwrap();
        refused(chain.vote(owner(at), id, Choice::Agree), 4, &["not among the reviewers"]);
        // Those that come next in turn, as many as before.
        for next in 1..=reviewers {
            assert_eq!(chain.status(id), ProposalStatus::Open);
            chain.vote(owner(at + next), id, Choice::Agree).ok();
            if chain.status(id) != ProposalStatus::Open {
                break;
            }
        }
        chain.end_and_pass(1);
        assert_eq!(chain.status(id), ProposalStatus::Done, "{review:?}");
        chain.notebook.by(A).count().gives(1);
    }
}

#[test]
fn a_chain_of_one_organisation_reviews_its_own_changes() {
    let chain = Chain::with(&[A], GovernanceSettings { review: ReviewMode::Management, ..settings() });
    let id = chain.governance.by(A).submit_change(change(A, &[7])).ok().unwrap();
    chain.agree(&[A], id);
    chain.end_and_pass(1);
    chain.notebook.by(A).count().gives(1);
}

#[test]
fn a_committee_endorses_with_as_many_as_it_needs() {
    let chain = chain(ReviewMode::Committee);
    let committee = chain.governance.by(A).committee().ok();
    assert_eq!(committee.len(), 3);
    let list = chain.governance.by(A).authorities().ok().unwrap();
    let owner = |node| list.members()[list.position(node).unwrap()].organisation.clone();
    let members: Vec<Org> =
        [A, B, C, D].into_iter().filter(|org| committee.iter().any(|n| owner(n) == org.id())).collect();
    let outside = [A, B, C, D].into_iter().find(|org| !members.iter().any(|m| m.id() == org.id())).unwrap();
    let id = chain.governance.by(outside).submit_change(change(outside, &[7])).ok().unwrap();
    chain.vote(members[0], id, Choice::Agree).ok();
    refused(chain.vote(outside, id, Choice::Agree), 4, &["not among the reviewers"]);
    chain.end_and_pass(1);
    chain.notebook.by(A).count().gives(0);
    chain.vote(members[2], id, Choice::Agree).ok();
    chain.end_and_pass(1);
    chain.notebook.by(A).count().gives(1);
    // Two of three object: the third cannot carry it alone.
    let id = chain.governance.by(outside).submit_change(change(outside, &[8])).ok().unwrap();
    chain.vote(members[0], id, Choice::Object).ok();
    chain.vote(members[1], id, Choice::Object).ok();
    assert_eq!(chain.status(id), ProposalStatus::Rejected);
}

#[test]
fn a_change_speaks_for_its_submitter_alone_and_calls_only_what_was_made_for_it() {
    for review in [ReviewMode::None, ReviewMode::Management, ReviewMode::Committee] {
        let chain = chain(review);
        refused(chain.governance.by(B).submit_change(change(A, &[1])), 25, &["call 0", "org-b"]);
        let bare = List::new(vec![note(1)]).unwrap();
        refused(chain.governance.by(B).submit_change(bare), 25, &["note"]);
        refused(chain.governance.by(B).submit_change(List::default()), 24, &[]);
        chain.notebook.by(A).count().gives(0);
    }
}
