//! Timers: how long to wait, and which of the timers that ran out still means anything.
//!
//! The core inside names a timer by round and kind only. A timer of an older height, or one that was cancelled and set
//! again, would be taken for the present one; so each carries its height and an epoch that never repeats.

use althing_types::{
    genesis::Parameters,
    id::{Height, Round},
};
use borsh::{BorshDeserialize, BorshSerialize};
use std::collections::BTreeMap;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum TimerKind {
    /// The primary's proposal and its block; then this node prevotes for no block.
    Propose = 0,
    /// More prevotes, once a quorum has prevoted without agreement.
    Prevote = 1,
    /// More precommits, once a quorum has precommitted without agreement.
    Precommit = 2,
    /// The time to send one's messages again.
    Rebroadcast = 3,
}

/// Names one setting of one timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerKey {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// What is waited for.
    pub kind: TimerKind,
    /// Distinguishes settings of the same timer; never used twice by one engine.
    pub epoch: u64,
}

/// Waiting times in milliseconds.
///
/// A wait in turn `r` of the primaries is its first value plus `r * growth_ms`, at most `maximum_ms`: it must outgrow the network's
/// delay some time, and must not become hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For the proposal and its block.
    pub propose_ms: u64,
    /// For each of the two votes.
    pub vote_ms: u64,
    /// Added per round.
    pub growth_ms: u64,
    /// Until messages are sent again.
    pub rebroadcast_ms: u64,
    /// Upper bound of all of them.
    pub maximum_ms: u64,
    /// Additional wait for the proposal of round 0, in which the primary may wait for something to do.
    ///
    /// [`Input::Work`](crate::Input::Work) ends it. Zero when there is work already.
    pub idle_ms: u64,
}

impl Timeouts {
    /// Longest wait that [`Timeouts::from`] sets.
    pub const MAXIMUM_MS: u64 = 30_000;

    /// How long a timer runs.
    pub fn duration_ms(&self, kind: TimerKind, round: Round) -> u64 {
        let first = match kind {
            TimerKind::Propose => self.propose_ms,
            TimerKind::Prevote | TimerKind::Precommit => self.vote_ms,
            TimerKind::Rebroadcast => self.rebroadcast_ms,
        };
        let grown = first.saturating_add(self.growth_ms.saturating_mul(u64::from(round.turn())));
        // A first value above the maximum is the chain's choice and stays.
        let capped = grown.min(self.maximum_ms.max(first));
        if kind == TimerKind::Propose && round.turn() == 0 { capped.saturating_add(self.idle_ms) } else { capped }
    }
}

impl From<&Parameters> for Timeouts {
    fn from(parameters: &Parameters) -> Self {
        Self {
            propose_ms: parameters.propose_timeout_ms,
            vote_ms: parameters.vote_timeout_ms,
            growth_ms: parameters.vote_timeout_ms,
            rebroadcast_ms: parameters.vote_timeout_ms.saturating_mul(2),
            maximum_ms: Self::MAXIMUM_MS,
            idle_ms: 0,
        }
    }
}

/// The timers that run now: at most one of each kind and round.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    active: BTreeMap<(Round, TimerKind), Active>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Active {
    pub(crate) epoch: u64,
    pub(crate) deadline_ms: u64,
}

impl Timers {
    /// Sets a timer; one of the same kind and round is replaced.
    pub(crate) fn set(&mut self, round: Round, kind: TimerKind, active: Active) {
        self.active.insert((round, kind), active);
    }
    /// Removes a timer, giving its epoch.
    pub(crate) fn remove(&mut self, round: Round, kind: TimerKind) -> Option<Active> {
        self.active.remove(&(round, kind))
    }
    /// The setting that runs now.
    pub(crate) fn get(&self, round: Round, kind: TimerKind) -> Option<Active> {
        self.active.get(&(round, kind)).copied()
    }
    /// All that run, in order.
    pub(crate) fn all(&self) -> Vec<(Round, TimerKind, Active)> {
        self.active.iter().map(|((round, kind), active)| (*round, *kind, *active)).collect()
    }
}
