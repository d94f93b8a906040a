//! What the engine remembers across a crash.
//!
//! The log of a height holds every input that was accepted and every message that was signed, in order. Feeding it to
//! a fresh engine leads to the same state (votes counted, lock, round) and to the same messages.
//!
//! Form: canonical borsh; one discriminant byte, then the fields.

use crate::timers::TimerKind;
use althing_types::{
    codec::{self, DecodeError},
    hash::Hash,
    id::{Height, Round},
    vote::{SignedProposal, SignedVote},
};
use borsh::{BorshDeserialize, BorshSerialize};

/// Longest record in bytes: a proposal with the longest chain id takes 246.
pub const MAX_RECORD: usize = 512;

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Record {
    /// A proposal was accepted, or signed by this node.
    Proposal(SignedProposal) = 0,
    /// A vote was counted, or signed by this node.
    Vote(SignedVote) = 1,
    /// A block's validity became known.
    BlockReady {
        /// The height.
        height: Height,
        /// The round of the proposal.
        round: Round,
        /// Hash of the header.
        block: Hash,
        /// Whether it is valid.
        valid: bool,
    } = 2,
    /// A block was built to be proposed.
    Built {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// Hash of the header.
        block: Hash,
    } = 3,
    /// A timer ran out.
    Timeout {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
        /// Which one.
        kind: TimerKind,
    } = 4,
}

impl Record {
    /// The height that the record belongs to.
    pub const fn height(&self) -> Height {
        match self {
            Self::Proposal(signed) => signed.value.height,
            Self::Vote(signed) => signed.value.height,
            Self::BlockReady { height, .. } | Self::Built { height, .. } | Self::Timeout { height, .. } => *height,
        }
    }
    /// The round that the record belongs to.
    pub const fn round(&self) -> Round {
        match self {
            Self::Proposal(signed) => signed.value.round,
            Self::Vote(signed) => signed.value.round,
            Self::BlockReady { round, .. } | Self::Built { round, .. } | Self::Timeout { round, .. } => *round,
        }
    }
    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] when there are more than [`MAX_RECORD`] bytes or they are no canonical record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode("consensus record", bytes, MAX_RECORD)
    }
}
