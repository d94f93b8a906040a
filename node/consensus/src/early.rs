//! Messages of the next height that arrive while this one is still being decided or committed.
//!
//! Bounded: the next height only, its first rounds only, one message per place, authorities of this height only (the
//! next list is not known yet; what a new authority sends too early comes again with its next re-broadcast).

use althing_types::{
    crypto::NodeId,
    id::{Height, Round},
    vote::{SignedProposal, SignedVote, VoteKind},
};
use std::collections::BTreeMap;

/// Messages of the next height are kept for rounds below this.
pub(crate) const EARLY_ROUNDS: u32 = 4;

/// The waiting room.
#[derive(Debug, Default)]
pub(crate) struct Early {
    height: Height,
    proposals: BTreeMap<Round, SignedProposal>,
    votes: BTreeMap<(Round, VoteKind, NodeId), SignedVote>,
}

impl Early {
    /// Empties the room and opens it for messages of `height`.
    pub(crate) fn open(&mut self, height: Height) {
        *self = Self { height, ..Self::default() };
    }
    /// Whether a message of this place may come in.
    pub(crate) fn admits(&self, height: Height, round: Round) -> bool {
        height == self.height && round.0 < EARLY_ROUNDS
    }
    /// Whether a vote of this place may come in and none is there yet.
    pub(crate) fn lacks_vote(&self, round: Round, kind: VoteKind, voter: NodeId) -> bool {
        !self.votes.contains_key(&(round, kind, voter))
    }
    /// Whether no proposal of the round is there yet.
    pub(crate) fn lacks_proposal(&self, round: Round) -> bool {
        !self.proposals.contains_key(&round)
    }
    pub(crate) fn keep_proposal(&mut self, signed: SignedProposal) {
        if self.admits(signed.value.height, signed.value.round) {
            self.proposals.entry(signed.value.round).or_insert(signed);
        }
    }
    pub(crate) fn keep_vote(&mut self, signed: SignedVote) {
        let vote = &signed.value;
        if self.admits(vote.height, vote.round) {
            self.votes.entry((vote.round, vote.kind, vote.voter)).or_insert(signed);
        }
    }
    /// Takes what waited for `height`: proposals, then votes, by round.
    pub(crate) fn take(&mut self, height: Height) -> (Vec<SignedProposal>, Vec<SignedVote>) {
        if height != self.height {
            return (Vec::new(), Vec::new());
        }
        let proposals = core::mem::take(&mut self.proposals).into_values().collect();
        (proposals, core::mem::take(&mut self.votes).into_values().collect())
    }
}
