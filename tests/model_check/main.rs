//! Model check of the real engine with stateright: every behaviour of a small network, within bounds.
//!
//! A round is three phases: propose, prevote, precommit. In each phase every correct node in turn hears any subset of
//! the others: from a correct one everything it has sent before the phase, from the Byzantine one anything it may
//! say in this phase, chosen for each hearer anew. Then the phase's timer runs out. Optionally nodes lose power.
//!
//! The search takes two states of an engine as one if they stand at the same round, have sent the same messages, know
//! of the same quorums and proposals, and wait for the same timers. That leaves out differences in votes below a
//! quorum, so it is a search of most, not of all, interleavings; the simulation covers the others by chance.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod snapshot;

use crate::snapshot::{RememberingKey, Seat, Snapshot, Wire};
use althing_consensus::TimerKind;
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    crypto::{SecretKey, Signed},
    hash::Hash,
    id::{ChainId, Height, OrganisationId, Round},
    vote::{Proposal, Vote, VoteKind},
};
use stateright::{Checker, HasDiscoveries, Model, Property};
use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hasher},
    sync::{Arc, Mutex},
    time::Instant,
};

/// The two values.
const VALUES: [Hash; 2] = [Hash([1; 32]), Hash([2; 32])];
/// The height that is decided; its first primary is authority 1.
const HEIGHT: Height = Height(1);

/// How much the Byzantine authority may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tongue {
    /// Anything: nothing, no block, either block, with any valid round.
    Free,
    /// Always one of the two blocks.
    Forked,
}

/// The bounds of one search.
struct Network {
    seats: Vec<Seat>,
    byzantine: Option<(usize, Tongue)>,
    /// Three per round; the search ends after them.
    phases: u32,
    crashes: u8,
    /// How often, in the whole run, a correct node may not hear another in a phase.
    omissions: usize,
    known: Mutex<BTreeMap<(Hash, u64), Arc<Snapshot>>>,
}

/// A state of the network.
#[derive(Clone, Debug)]
struct State {
    /// Three per round.
    phase: u32,
    /// Whose turn it is, among the correct ones.
    turn: usize,
    crashes: u8,
    omissions: usize,
    nodes: Vec<Arc<Snapshot>>,
    /// How much of what each has sent can be heard in this phase.
    audible: Vec<usize>,
}

/// What happens to the node whose turn it is.
#[derive(Clone, Debug, PartialEq)]
enum Action {
    /// It hears these correct nodes, and the Byzantine one say this.
    Hear { senders: u32, lie: Option<Wire> },
    /// It loses power, and hears nothing in this phase.
    Crash,
}

impl State {
    const fn place(&self) -> (u32, usize, u8, usize) {
        (self.phase, self.turn, self.crashes, self.omissions)
    }
}

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let summaries = |state: &Self| state.nodes.iter().map(|node| node.summary).collect::<Vec<_>>();
        self.place() == other.place() && summaries(self) == summaries(other)
    }
}

impl std::hash::Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.place().hash(hasher);
        self.nodes.iter().for_each(|node| hasher.write_u64(node.summary));
    }
}

impl Network {
    fn new(n: usize, threshold: Threshold, byzantine: Option<(usize, Tongue)>, phases: u32) -> Self {
        let keys: Vec<SecretKey> = (0..n).map(|i| SecretKey::from_seed(&[u8::try_from(i).unwrap() + 1; 32])).collect();
        let organisation = OrganisationId::new("o").unwrap();
        let member = |key: &SecretKey| Authority { node: key.public().into(), organisation: organisation.clone() };
        let list = AuthorityList::new(keys.iter().map(member).collect(), threshold).unwrap();
        let chain = ChainId::new("model").unwrap();
        let seat = |(index, key): (usize, SecretKey)| {
            let (chain, list, value) = (chain.clone(), list.clone(), VALUES[index % 2]);
            Seat { chain, height: HEIGHT, list, key: Arc::new(RememberingKey::new(key)), value }
        };
        let seats = keys.into_iter().enumerate().map(seat).collect();
        Self { seats, byzantine, phases, crashes: 0, omissions: usize::MAX, known: Mutex::default() }
    }

    /// Positions of the correct nodes.
    fn correct(&self) -> Vec<usize> {
        (0..self.seats.len()).filter(|index| self.byzantine.is_none_or(|(byzantine, _)| byzantine != *index)).collect()
    }

    /// What the Byzantine authority may say in a phase.
    fn lies(&self, phase: u32) -> Vec<Option<Wire>> {
        let mut lies = vec![None];
        let Some((byzantine, tongue)) = self.byzantine else { return lies };
        let Seat { chain, list, key, .. } = &self.seats[byzantine];
        let (round, me) = (Round(phase / 3), key.id);
        if phase.is_multiple_of(3) {
            if list.primary(HEIGHT, round) != me {
                return lies;
            }
            for valid_round in std::iter::once(None).chain((0..round.0).map(|r| Some(Round(r)))) {
                for block in VALUES {
                    let (chain, height) = (chain.clone(), HEIGHT);
                    let proposal = Proposal { chain, height, round, block, valid_round, proposer: me };
                    lies.push(Some(Wire::Proposal(Signed::sign(proposal, &key.key).verify().unwrap())));
                }
            }
        } else {
            let kind = if phase % 3 == 1 { VoteKind::Prevote } else { VoteKind::Precommit };
            for block in [None, Some(VALUES[0]), Some(VALUES[1])] {
                let vote = Vote { chain: chain.clone(), height: HEIGHT, round, kind, block, voter: me };
                lies.push(Some(Wire::Vote(Signed::sign(vote, &key.key).verify().unwrap())));
            }
        }
        if tongue == Tongue::Forked {
            lies.retain(|lie| match lie {
                Some(Wire::Vote(vote)) => vote.block.is_some(),
                Some(Wire::Proposal(_)) => true,
                None => false,
            });
        }
        lies
    }

    /// The same inputs in the same state are run once.
    fn remember(&self, node: &Snapshot, what: u64, make: impl FnOnce() -> Snapshot) -> Arc<Snapshot> {
        let key = (node.id, what);
        if let Some(known) = self.known.lock().unwrap().get(&key) {
            return known.clone();
        }
        let made = Arc::new(make());
        self.known.lock().unwrap().insert(key, made.clone());
        made
    }

    fn disagreement(state: &State) -> bool {
        let mut decided = state.nodes.iter().filter_map(|node| node.decided);
        decided.next().is_some_and(|first| decided.any(|other| other != first))
    }
}

impl Model for Network {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let correct = self.correct();
        let nodes: Vec<_> = correct.iter().map(|i| Arc::new(Snapshot::start(&self.seats[*i]))).collect();
        let audible = nodes.iter().map(|node| node.sent.len()).collect();
        vec![State { phase: 0, turn: 0, crashes: self.crashes, omissions: self.omissions, nodes, audible }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.phase >= self.phases {
            return;
        }
        let others: Vec<usize> = (0..state.nodes.len()).filter(|i| *i != state.turn).collect();
        let lies = self.lies(state.phase);
        // All first: the shortest way to a decision is found early.
        for choice in (0..1u32 << others.len()).rev() {
            if others.len() - choice.count_ones() as usize > state.omissions {
                continue;
            }
            let senders =
                others.iter().enumerate().filter(|(bit, _)| choice >> bit & 1 == 1).map(|(_, i)| 1 << i).sum();
            actions.extend(lies.iter().map(|lie| Action::Hear { senders, lie: lie.clone() }));
        }
        if state.crashes > 0 {
            actions.push(Action::Crash);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let seat = &self.seats[self.correct()[state.turn]];
        let node = &state.nodes[state.turn];
        let mut next = state.clone();
        next.nodes[state.turn] = match action {
            Action::Crash => {
                next.crashes -= 1;
                self.remember(node, u64::MAX, || node.crash(seat))
            }
            Action::Hear { senders, lie } => {
                next.omissions -= state.nodes.len() - 1 - senders.count_ones() as usize;
                let timer = [TimerKind::Propose, TimerKind::Prevote, TimerKind::Precommit][state.phase as usize % 3];
                let correct = state.nodes.iter().enumerate().filter(|(i, _)| senders >> i & 1 == 1);
                let heard = correct.flat_map(|(i, other)| &other.sent[..state.audible[i]]).chain(lie.as_ref());
                let mut hasher = DefaultHasher::new();
                hasher.write_u8(timer as u8);
                heard.clone().for_each(|wire| hasher.write(wire.signature()));
                let heard = heard.map(Wire::input).collect();
                self.remember(node, hasher.finish() >> 1, || node.hear(seat, heard, timer))
            }
        };
        next.turn += 1;
        if next.turn == next.nodes.len() {
            (next.turn, next.phase) = (0, next.phase + 1);
            next.audible = next.nodes.iter().map(|node| node.sent.len()).collect();
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("agreement", |_, state| !Self::disagreement(state)),
            Property::always("no equivocation", |_, state: &State| !state.nodes.iter().any(|node| node.equivocates)),
            Property::sometimes("all decide", |_, state: &State| state.nodes.iter().all(|n| n.decided.is_some())),
        ]
    }
}

/// Searches everything within the bounds; nothing may be violated.
fn holds(network: Network, name: &str) {
    let start = Instant::now();
    let checker = network.checker().threads(2).spawn_bfs().join();
    let (states, engines) = (checker.unique_state_count(), checker.model().known.lock().unwrap().len());
    println!("{name}: {states} states, {engines} engine states, {} ms", start.elapsed().as_millis());
    checker.assert_properties();
}

/// All of round 0 and the proposal of round 1, whatever the Byzantine primary of round 0 says and whoever misses what.
#[test]
fn four_with_one_byzantine_primary_are_safe_at_two_thirds() {
    let network = Network::new(4, Threshold::TwoThirds, Some((1, Tongue::Free)), 4);
    holds(network, "n=4 b=1 2/3, free, round 0 and proposal of round 1");
}

/// All of round 0, where the primary is honest and the Byzantine authority votes as it likes.
#[test]
fn four_with_one_byzantine_voter_are_safe_at_two_thirds() {
    let network = Network::new(4, Threshold::TwoThirds, Some((2, Tongue::Free)), 3);
    holds(network, "n=4 b=1 2/3, free, voter, round 0");
}

/// Three rounds with an authority that always stands for one of two blocks, while few messages are missed.
#[test]
fn four_with_one_forked_primary_are_safe_at_two_thirds() {
    let network = Network { omissions: 2, ..Network::new(4, Threshold::TwoThirds, Some((1, Tongue::Forked)), 9) };
    holds(network, "n=4 b=1 2/3, rounds 0-2, always forked, two omissions");
}

#[test]
fn three_that_crash_are_safe_at_one_half() {
    let network = Network { crashes: 1, omissions: 4, ..Network::new(3, Threshold::Half, None, 9) };
    holds(network, "n=3 1/2, rounds 0-2, one crash, four omissions");
}

/// The negative control: one half does not bear a Byzantine primary, and the search must find that out.
#[test]
fn five_with_one_byzantine_primary_fork_at_one_half() {
    let start = Instant::now();
    let network = Network::new(5, Threshold::Half, Some((1, Tongue::Forked)), 3);
    let checker = network.checker().threads(2).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let fork = checker.discovery("agreement").expect("the fork must be found");
    assert!(Network::disagreement(fork.last_state()));
    assert!(checker.discovery("no equivocation").is_none(), "the correct ones did nothing wrong");
    let (states, actions) = (checker.unique_state_count(), fork.into_actions().len());
    println!("n=5 b=1 1/2: fork after {actions} actions, {states} states, {} ms", start.elapsed().as_millis());
}
