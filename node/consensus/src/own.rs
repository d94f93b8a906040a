//! Everything this node has signed at the height in progress: the guard against signing two different things.
//!
//! The core inside keeps the same promise. This is a second, independent lock on the same door, and it also covers
//! what the core cannot know: messages that are only in the log.

use althing_types::{
    id::Round,
    vote::{SignedProposal, SignedVote, VoteKind},
};
use std::collections::BTreeMap;

/// A message with whether the core has asked for it since the start of this process, and whether its record was met.
#[derive(Debug)]
struct Entry<T> {
    signed: T,
    derived: bool,
    replayed: bool,
}

/// Messages of this node, at most one per round and kind.
#[derive(Debug, Default)]
pub(crate) struct OwnMessages {
    votes: BTreeMap<(Round, VoteKind), Entry<SignedVote>>,
    proposals: BTreeMap<Round, Entry<SignedProposal>>,
}

impl OwnMessages {
    /// The proposal of a round.
    pub(crate) fn proposal(&self, round: Round) -> Option<&SignedProposal> {
        self.proposals.get(&round).map(|entry| &entry.signed)
    }
    /// The vote of this place, noting that the core asked for it.
    pub(crate) fn derive_vote(&mut self, round: Round, kind: VoteKind) -> Option<&SignedVote> {
        self.votes.get_mut(&(round, kind)).map(Entry::derive)
    }
    /// The proposal of a round, noting that the core asked for it.
    pub(crate) fn derive_proposal(&mut self, round: Round) -> Option<&SignedProposal> {
        self.proposals.get_mut(&round).map(Entry::derive)
    }
    /// Whether the core of this process asked for the vote of this place.
    pub(crate) fn derived_vote(&self, round: Round, kind: VoteKind) -> bool {
        self.votes.get(&(round, kind)).is_some_and(|entry| entry.derived)
    }
    /// Whether the core of this process asked for the proposal of this round.
    pub(crate) fn derived_proposal(&self, round: Round) -> bool {
        self.proposals.get(&round).is_some_and(|entry| entry.derived)
    }
    /// Whether a record is the one that was written when this node signed, and the core has asked for it again.
    ///
    /// True once per vote: the same vote may be in the log again, when a peer sent it after the core had forgotten it,
    /// and then it was counted again.
    pub(crate) fn is_signing_of_vote(&mut self, signed: &SignedVote) -> bool {
        let entry = self.votes.get_mut(&(signed.value.round, signed.value.kind));
        entry.is_some_and(|entry| entry.is_signing(signed))
    }
    /// The same of a proposal.
    pub(crate) fn is_signing_of_proposal(&mut self, signed: &SignedProposal) -> bool {
        self.proposals.get_mut(&signed.value.round).is_some_and(|entry| entry.is_signing(signed))
    }
    /// Remembers a vote; the first one of its place stays.
    pub(crate) fn insert_vote(&mut self, signed: SignedVote, derived: bool) {
        self.votes.entry((signed.value.round, signed.value.kind)).or_insert(Entry { signed, derived, replayed: false });
    }
    /// Remembers a proposal; the first one of its place stays.
    pub(crate) fn insert_proposal(&mut self, signed: SignedProposal, derived: bool) {
        self.proposals.entry(signed.value.round).or_insert(Entry { signed, derived, replayed: false });
    }
}

impl<T: PartialEq> Entry<T> {
    fn is_signing(&mut self, signed: &T) -> bool {
        let first = self.derived && !self.replayed && self.signed == *signed;
        self.replayed |= first;
        first
    }
    fn derive(&mut self) -> &T {
        self.derived = true;
        &self.signed
    }
}
