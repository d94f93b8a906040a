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
use stateright::{Checker, Model, Property};
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

/// The bounds of one search.
struct Network {
    seats: Vec<Seat>,
    byzantine: Option<usize>,
    rounds: u32,
    crashes: u8,
    known: Mutex<BTreeMap<(Hash, u64), Arc<Snapshot>>>,
    /// One engine state of each summary.
    representatives: Mutex<BTreeMap<u64, Arc<Snapshot>>>,
}

/// A state of the network.
#[derive(Clone, Debug)]
struct State {
    /// Three per round.
    phase: u32,
    /// Whose turn it is, among the correct ones.
    turn: usize,
    crashes: u8,
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

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        let summaries = |state: &Self| state.nodes.iter().map(|node| node.summary).collect::<Vec<_>>();
        (self.phase, self.turn, self.crashes) == (other.phase, other.turn, other.crashes)
            && summaries(self) == summaries(other)
    }
}

impl std::hash::Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        (self.phase, self.turn, self.crashes).hash(hasher);
        self.nodes.iter().for_each(|node| hasher.write_u64(node.summary));
    }
}

impl Network {
    fn new(n: usize, threshold: Threshold, byzantine: Option<usize>, rounds: u32, crashes: u8) -> Self {
        let keys: Vec<SecretKey> = (0..n).map(|i| SecretKey::from_seed(&[i as u8 + 1; 32])).collect();
        let organisation = OrganisationId::new("o").unwrap();
        let member = |key: &SecretKey| Authority { node: key.public().into(), organisation: organisation.clone() };
        let list = AuthorityList::new(keys.iter().map(member).collect(), threshold).unwrap();
        let chain = ChainId::new("model").unwrap();
        let seat = |(index, key): (usize, SecretKey)| {
            let (chain, list, value) = (chain.clone(), list.clone(), VALUES[index % 2]);
            Seat { chain, height: HEIGHT, list, key: Arc::new(RememberingKey::new(key)), value }
        };
        let seats = keys.into_iter().enumerate().map(seat).collect();
        Self { seats, byzantine, rounds, crashes, known: Mutex::default(), representatives: Mutex::default() }
    }

    /// Positions of the correct nodes.
    fn correct(&self) -> Vec<usize> {
        (0..self.seats.len()).filter(|index| Some(*index) != self.byzantine).collect()
    }

    /// What the Byzantine authority may say in a phase.
    fn lies(&self, phase: u32) -> Vec<Option<Wire>> {
        let mut lies = vec![None];
        let Some(byzantine) = self.byzantine else { return lies };
        let Seat { chain, list, key, .. } = &self.seats[byzantine];
        let (round, me) = (Round(phase / 3), key.id);
        if phase % 3 == 0 {
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
        lies
    }

    /// The same inputs in the same state are run once.
    fn remember(&self, node: &Snapshot, what: u64, make: impl FnOnce() -> Snapshot) -> Arc<Snapshot> {
        let key = (node.id, what);
        if let Some(known) = self.known.lock().unwrap().get(&key) {
            return known.clone();
        }
        let made = Arc::new(make());
        let made = self.representatives.lock().unwrap().entry(made.summary).or_insert(made).clone();
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
        vec![State { phase: 0, turn: 0, crashes: self.crashes, nodes, audible }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.phase >= 3 * self.rounds {
            return;
        }
        let others: Vec<usize> = (0..state.nodes.len()).filter(|i| *i != state.turn).collect();
        let lies = self.lies(state.phase);
        // All first: the shortest way to a decision is found early.
        for choice in (0..1u32 << others.len()).rev() {
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
            Property::sometimes("nobody decides", |model: &Self, state: &State| {
                state.phase == 3 * model.rounds && state.nodes.iter().all(|node| node.decided.is_none())
            }),
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

#[test]
fn four_with_one_byzantine_first_primary_are_safe_at_two_thirds() {
    holds(Network::new(4, Threshold::TwoThirds, Some(1), 2, 0), "n=4 b=1 (primary of round 0), 2/3");
}

#[test]
fn four_with_one_byzantine_second_primary_are_safe_at_two_thirds() {
    holds(Network::new(4, Threshold::TwoThirds, Some(2), 2, 0), "n=4 b=1 (primary of round 1), 2/3");
}

#[test]
fn three_that_crash_are_safe_at_one_half() {
    holds(Network::new(3, Threshold::Half, None, 3, 1), "n=3, one crash, 1/2");
}

/// The negative control: one half does not bear a Byzantine primary, and the search must find that out.
#[test]
fn five_with_one_byzantine_primary_fork_at_one_half() {
    let start = Instant::now();
    let network = Network::new(5, Threshold::Half, Some(1), 1, 0);
    let checker = network.checker().threads(2).spawn_dfs().join();
    let fork = checker.discovery("agreement").expect("the fork must be found");
    let last = fork.last_state();
    assert!(Network::disagreement(last));
    assert!(checker.discovery("no equivocation").is_none(), "the correct ones did nothing wrong");
    println!("n=5 b=1, 1/2: fork after {} actions, {} ms", fork.into_actions().len(), start.elapsed().as_millis());
}

#[test]
fn debug_sizes() {
    for (n, th, b, r) in [
        (4, Threshold::TwoThirds, Some(1), 2),
        (4, Threshold::TwoThirds, Some(2), 2),
        (3, Threshold::Half, None, 1),
        (3, Threshold::Half, None, 2),
        (3, Threshold::Half, None, 3),
    ] {
        for depth in [10, 13, 16, 19] {
            let start = Instant::now();
            let network = Network::new(n, th, b, r, 0);
            let checker = network.checker().target_max_depth(depth).spawn_bfs().join();
            println!(
                "{n} {b:?} {r} depth {depth}: {} unique {} total {} engines {} ms",
                checker.unique_state_count(),
                checker.state_count(),
                checker.model().known.lock().unwrap().len(),
                start.elapsed().as_millis()
            );
        }
    }
}
