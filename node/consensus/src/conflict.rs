//! What to do with an authority's second, different message.
//!
//! It is evidence, told once or twice per offender and height. It is not counted: an authority has one vote per round
//! and kind. There is one exception, without which a double voter could stop the chain: correct authority A may have
//! locked a block because the double voter's prevote completed A's quorum, while B and C counted its other prevote
//! and cannot see that quorum. A sends the quorum's prevotes along; B and C keep the double voter's second prevote
//! for a block that more than a third of the authorities prevoted (so a correct one did), and when the quorum is
//! complete they take it as a whole. The same with precommits: they may have decided the height for A. Each authority
//! still counts once within that quorum, so the overlap argument of the crate's documentation holds: two quorums
//! share more authorities than may be faulty.

use althing_types::{
    crypto::NodeId,
    hash::Hash,
    id::Round,
    vote::{SignedVote, VoteKind},
};
use std::collections::BTreeMap;

/// Pieces of evidence told per offender and height.
const MAX_EVIDENCE: u32 = 2;
/// Rounds before the present one for which second votes are kept.
const KEPT_ROUNDS: u32 = 16;

/// Second messages of dishonest authorities. At most two blocks per round can have a third of the authorities behind
/// them, so at most two second votes per round, kind and authority are kept.
#[derive(Debug, Default)]
pub(crate) struct Conflicts {
    told: BTreeMap<NodeId, u32>,
    votes: BTreeMap<(Round, VoteKind, Hash), BTreeMap<NodeId, SignedVote>>,
}

impl Conflicts {
    /// Whether another piece of evidence against this authority would be told.
    pub(crate) fn wants_evidence(&self, offender: &NodeId) -> bool {
        self.told.get(offender).copied().unwrap_or(0) < MAX_EVIDENCE
    }
    /// Counts a piece of evidence; false when there were enough.
    pub(crate) fn note_evidence(&mut self, offender: NodeId) -> bool {
        let wanted = self.wants_evidence(&offender);
        if wanted {
            let told = self.told.entry(offender).or_default();
            *told = told.saturating_add(1);
        }
        wanted
    }
    /// Keeps a second vote for a block.
    pub(crate) fn keep(&mut self, block: Hash, signed: SignedVote) {
        let vote = &signed.value;
        self.votes.entry((vote.round, vote.kind, block)).or_default().insert(vote.voter, signed);
    }
    /// Whether this authority's second vote for a block is kept.
    pub(crate) fn has(&self, round: Round, kind: VoteKind, block: Hash, voter: &NodeId) -> bool {
        self.votes.get(&(round, kind, block)).is_some_and(|votes| votes.contains_key(voter))
    }
    /// Second votes for a block, by voter.
    pub(crate) fn of(&self, round: Round, kind: VoteKind, block: Hash) -> impl Iterator<Item = &SignedVote> {
        self.votes.get(&(round, kind, block)).into_iter().flat_map(BTreeMap::values)
    }
    /// Drops what is far behind.
    pub(crate) fn forget_before(&mut self, current: Round) {
        let old = |round: Round| round.0.saturating_add(KEPT_ROUNDS) < current.0;
        if self.votes.first_key_value().is_some_and(|((round, _, _), _)| old(*round)) {
            self.votes.retain(|(round, _, _), _| !old(*round));
        }
    }
}
