//! What a node writes to its log before it votes: consensus records and the blocks they speak of.
//!
//! A block is logged before the vote for it, so that after a crash of every node the block that a quorum is locked on
//! still exists somewhere.

use althing_types::{block::Block, codec, codec::DecodeError};
use borsh::{BorshDeserialize, BorshSerialize};

/// Longest record in bytes.
pub const MAX_RECORD: usize = althing_types::block::MAX_BLOCK + 64 * 1024;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
#[expect(clippy::large_enum_variant, reason = "one at a time is made, written and dropped")]
pub enum LogRecord {
    /// The consensus core's.
    Consensus(althing_consensus::Record) = 0,
    /// A block that we built or found legal.
    Block(Block) = 1,
}

impl LogRecord {
    /// Canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }
    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`] when they are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        codec::decode("log record", bytes, MAX_RECORD)
    }
}
