//! Votes against a model of a few lines: random members, votes and times.

use crate::chain::{A, ALL, Chain, STRANGER, notes, settings};
use althing_interface::governance::{Choice, ProposalKind, ProposalStatus};
use althing_sdk::testing::Org;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// What happens. Voters are positions; one beyond the members is the stranger.
#[derive(Clone, Debug)]
enum Action {
    Vote(usize, Choice),
    Withdraw(usize),
    /// Ends the block; the next one is so much later.
    Block(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let choice = prop_oneof![3 => Just(Choice::Agree), 1 => Just(Choice::Object)];
    prop_oneof![
        6 => (0..7usize, choice).prop_map(|(who, choice)| Action::Vote(who, choice)),
        1 => (0..7usize).prop_map(Action::Withdraw),
        2 => (1..400u64).prop_map(Action::Block),
    ]
}

/// The model: everything is recounted from the votes each time.
struct Model {
    members: usize,
    timelock: bool,
    votes: BTreeMap<usize, Choice>,
    status: ProposalStatus,
    closes_ms: u64,
    until_ms: u64,
}

impl Model {
    fn count(&self, choice: Choice) -> usize {
        self.votes.values().filter(|vote| **vote == choice).count()
    }
    fn settle(&mut self, now: u64) {
        let agreed = 2 * self.count(Choice::Agree) > self.members;
        // Could more than half still agree, if everyone who has not objected did?
        let possible = 2 * (self.members - self.count(Choice::Object)) > self.members;
        match self.status {
            ProposalStatus::Open if agreed && self.timelock => {
                self.status = ProposalStatus::Waiting;
                self.until_ms = now + 100;
            }
            ProposalStatus::Open if agreed => self.status = ProposalStatus::Executing,
            ProposalStatus::Open if !possible => self.status = ProposalStatus::Rejected,
            ProposalStatus::Waiting if !agreed => self.status = ProposalStatus::Vetoed,
            _ => {}
        }
    }
    /// The number of the refusal, or none.
    fn may_vote(&self, who: usize, now: u64) -> Option<u32> {
        let limit = match self.status {
            ProposalStatus::Open => self.closes_ms,
            ProposalStatus::Waiting => self.until_ms,
            _ => return Some(2),
        };
        if now > limit { Some(3) } else { (who >= self.members).then_some(4) }
    }
    fn act(&mut self, action: &Action, now: u64) -> Option<u32> {
        match *action {
            Action::Vote(who, choice) => {
                let who = who.min(self.members);
                let refusal = self.may_vote(who, now).or_else(|| (self.votes.get(&who) == Some(&choice)).then_some(5));
                if refusal.is_none() {
                    self.votes.insert(who, choice);
                    self.settle(now);
                }
                refusal
            }
            Action::Withdraw(who) => {
                let who = who.min(self.members);
                let refusal = self.may_vote(who, now).or_else(|| (!self.votes.contains_key(&who)).then_some(7));
                if refusal.is_none() {
                    self.votes.remove(&who);
                    self.settle(now);
                }
                refusal
            }
            Action::Block(_) => {
                self.status = match self.status {
                    ProposalStatus::Open if now >= self.closes_ms => ProposalStatus::Expired,
                    ProposalStatus::Waiting if now >= self.until_ms => ProposalStatus::Done,
                    ProposalStatus::Executing => ProposalStatus::Done,
                    other => other,
                };
                None
            }
        }
    }
}

fn voter(members: usize, who: usize) -> Org {
    if who < members { ALL[who] } else { STRANGER }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn votes_are_decided_as_the_model_decides_them(
        members in 1..=6usize,
        timelock: bool,
        actions in prop::collection::vec(action(), 1..40),
    ) {
        let chain = Chain::of(&ALL[..members]);
        let kind = if timelock {
            ProposalKind::Calls { calls: notes([1]) }
        } else {
            ProposalKind::Coordinator { organisation: A.id() }
        };
        let id = chain.open(A, &kind);
        let content = chain.proposal(id).content;
        let mut model = Model {
            members,
            timelock,
            votes: BTreeMap::new(),
            status: ProposalStatus::Open,
            closes_ms: chain.net.time_ms() + settings().vote_ms,
            until_ms: 0,
        };
        for action in &actions {
            let expected = model.act(action, chain.net.time_ms());
            let found = match *action {
                Action::Vote(who, choice) => {
                    let by = voter(members, who.min(members));
                    chain.governance.by(by).vote(id, content, choice).outcome().result.err()
                }
                Action::Withdraw(who) => {
                    let by = voter(members, who.min(members));
                    chain.governance.by(by).withdraw(id, content).outcome().result.err()
                }
                Action::Block(ms) => {
                    chain.end_and_pass(ms);
                    None
                }
            };
            prop_assert_eq!(found.map(|failure| failure.detail), expected, "{:?}", action);
            let proposal = chain.proposal(id);
            prop_assert_eq!(proposal.status, model.status, "{:?}", action);
            let counted = (model.count(Choice::Agree) as u32, model.count(Choice::Object) as u32);
            prop_assert_eq!((proposal.agree, proposal.object), counted);
            prop_assert_eq!(chain.governance.by(A).votes(id, None).ok().len(), model.votes.len());
        }
        let noted = u64::from(timelock && model.status == ProposalStatus::Done);
        prop_assert_eq!(chain.notebook.by(A).count().ok(), noted);
    }
}
