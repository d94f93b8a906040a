//! What to do with an authority's second, different message.
//!
//! It is evidence, told once or twice per offender and height. It is not counted: an authority has one vote per round
//! and kind. There is one exception, without which a double voter could stop the chain: correct authority A may have
//! locked a block because the double voter's prevote completed A's quorum, while B and C counted its other prevote
//! and cannot see that quorum. A sends the quorum's prevotes along; B and C keep the double voter's second prevote
//! for a block that more than a third of the authorities prevoted (so a correct one did), and when the quorum is
//! complete they hand it to the core as a whole. Each authority still counts once within that quorum, so the overlap
//! argument of `lib.rs` holds: two quorums share more authorities than may be faulty.

use althing_types::{crypto::NodeId, hash::Hash, id::Round, vote::SignedVote};
use std::collections::BTreeMap;

/// Pieces of evidence told per offender and height.
const MAX_EVIDENCE: u32 = 2;
/// Rounds before the present one for which second prevotes are kept.
const KEPT_ROUNDS: u32 = 16;

/// Second messages of dishonest authorities. At most two blocks per round can have a third of the authorities behind
/// them, so at most two prevotes per round and authority are kept.
#[derive(Debug, Default)]
pub(crate) struct Conflicts {
    told: BTreeMap<NodeId, u32>,
    prevotes: BTreeMap<(Round, Hash), BTreeMap<NodeId, SignedVote>>,
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
    /// Keeps a second prevote for a block.
    pub(crate) fn keep(&mut self, round: Round, block: Hash, signed: SignedVote) {
        self.prevotes.entry((round, block)).or_default().insert(signed.value.voter, signed);
    }
    /// Whether this authority's second prevote for a block is kept.
    pub(crate) fn has(&self, round: Round, block: Hash, voter: &NodeId) -> bool {
        self.prevotes.get(&(round, block)).is_some_and(|votes| votes.contains_key(voter))
    }
    /// Second prevotes for a block.
    pub(crate) fn of(&self, round: Round, block: Hash) -> impl Iterator<Item = &SignedVote> {
        self.prevotes.get(&(round, block)).into_iter().flat_map(BTreeMap::values)
    }
    /// Drops what is far behind.
    pub(crate) fn forget_before(&mut self, current: Round) {
        if self
            .prevotes
            .first_key_value()
            .is_some_and(|((round, _), _)| round.0.saturating_add(KEPT_ROUNDS) < current.0)
        {
            self.prevotes.retain(|(round, _), _| round.0.saturating_add(KEPT_ROUNDS) >= current.0);
        }
    }
}
