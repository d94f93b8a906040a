//! An exported chain: everything that an auditor needs to compute it again from the genesis, in one file.
//!
//! ```text
//! gzip of:  MAGIC  version (u32 LE)  frame*        frame: length (u32 LE), canonical ExportRecord of that length
//! records:  Genesis  Code*  Block*  End            blocks from height 1 on, without a gap
//! ```
//!
//! The file proves itself: the blocks follow from the genesis, whose hash the auditor compares with the one that he
//! trusts. Nothing here reads or writes files.

use crate::{
    block::{Block, MAX_BLOCK},
    certificate::QuorumCertificate,
    codec::{Bytes, DecodeError, decode, encode},
    genesis::Genesis,
    hash::Hash,
    id::Height,
    transaction::MAX_CODE,
};
use alloc::{boxed::Box, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};

/// What the unpacked file begins with.
pub const MAGIC: [u8; 14] = *b"althing-chain\n";
/// Version of the format.
pub const EXPORT_VERSION: u32 = 1;
/// Longest record: a block with its certificate.
pub const MAX_RECORD: usize = MAX_BLOCK + 1024 * 1024;

/// One record of the file.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum ExportRecord {
    /// The genesis document, first.
    Genesis(Box<Genesis>) = 0,
    /// Code of a genesis contract, which the genesis names by its hash.
    Code(Bytes<MAX_CODE>) = 1,
    /// The next block with its certificate.
    Block(Box<(Block, QuorumCertificate)>) = 2,
    /// The end: what is behind the last block was not cut off.
    End {
        /// Height of the last block; 0 for a chain without any.
        height: Height,
        /// Its hash; the genesis hash at height 0.
        block: Hash,
    } = 3,
}

impl ExportRecord {
    /// The record as a frame.
    pub fn frame(&self) -> Vec<u8> {
        let bytes = encode(self);
        let mut out = Vec::with_capacity(bytes.len().saturating_add(4));
        out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        out.extend_from_slice(&bytes);
        out
    }

    /// Reads what a frame holds.
    ///
    /// # Errors
    /// [`DecodeError`] when it is no record.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        decode("record of an exported chain", bytes, MAX_RECORD)
    }
}

/// What the unpacked file begins with, the version included.
pub fn head() -> [u8; 18] {
    let mut out = [0; 18];
    if let Some((magic, version)) = out.split_first_chunk_mut::<14>() {
        *magic = MAGIC;
        version.copy_from_slice(&EXPORT_VERSION.to_le_bytes());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_the_committed_one() {
        assert_eq!(head(), *b"althing-chain\n\x01\0\0\0");
    }

    #[test]
    fn a_frame_has_the_length_of_its_record() {
        let record = ExportRecord::End { height: Height(3), block: Hash::ZERO };
        let frame = record.frame();
        assert_eq!(frame[..4], 41u32.to_le_bytes());
        assert_eq!(ExportRecord::decode(&frame[4..]), Ok(record));
    }
}
