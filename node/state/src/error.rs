//! What can go wrong in the store, and what the reader of the message should do about it.

use althing_types::{hash::Hash, id::Height, view::StateFault};

/// Why the store refused or failed.
///
/// Three classes: a rule of the store was broken by the caller ([`StoreError::Mismatch`], [`StoreError::OtherGenesis`]),
/// something asked for is not there ([`StoreError::Pruned`], [`StoreError::NotYet`]), or the store itself cannot go on
/// (all others). After [`StoreError::Broken`] or [`StoreError::DiskFull`] every further write of the same handle is
/// refused with the same error: a failed write is never tried again. Drop every handle and open the store anew.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A write or its sync failed; what is on disk is only known after the store was opened again.
    #[error("the store failed while writing and must be opened again: {reason}")]
    Broken {
        /// What the disk said.
        reason: String,
    },
    /// There is no space left for a write; nothing was acknowledged.
    #[error("no space is left for the store: {reason}; make space and start the node again")]
    DiskFull {
        /// What the disk said.
        reason: String,
    },
    /// What is on disk contradicts its checksums or itself.
    #[error(
        "the store {path} is corrupt: {reason}. Move the folder away and start the node again: it fetches all blocks \
         from its peers. An authority must first let the network pass the height it last voted at"
    )]
    Corrupt {
        /// Where the store is.
        path: String,
        /// What was found.
        reason: String,
    },
    /// Written by another version of this program.
    #[error(
        "the store {path} has format {found}, this program reads format {expected}. Use the program version that wrote \
         it, or move the folder away and start again: the node fetches all blocks from its peers"
    )]
    Format {
        /// Where the store is.
        path: String,
        /// The version on disk.
        found: String,
        /// The version of this program.
        expected: u32,
    },
    /// Another process has the store open.
    #[error("the store {path} is in use by another process: {reason}. Stop that process first")]
    Locked {
        /// Where the store is.
        path: String,
        /// What the lock said.
        reason: String,
    },
    /// The folder cannot be used at all.
    #[error("the store {path} cannot be opened: {reason}")]
    Open {
        /// Where the store is.
        path: String,
        /// What the system said.
        reason: String,
    },
    /// The store belongs to a chain that started from another genesis.
    #[error("the store was started from genesis {found}, not {given}. Use another folder for another chain")]
    OtherGenesis {
        /// Hash of the genesis in the store.
        found: Hash,
        /// Hash of the genesis given.
        given: Hash,
    },
    /// Nothing was initialised yet.
    #[error("the store has no genesis yet")]
    Empty,
    /// The caller's block does not follow from what is stored.
    #[error("{what} is {found}, expected {expected}")]
    Mismatch {
        /// The field.
        what: &'static str,
        /// What the caller gave.
        found: String,
        /// What would follow.
        expected: String,
    },
    /// The state of this height is no longer kept.
    #[error("the state of height {height} is no longer kept; the oldest kept is {oldest}")]
    Pruned {
        /// The height asked for.
        height: Height,
        /// The oldest height that can be asked for.
        oldest: Height,
    },
    /// The height is not reached yet.
    #[error("height {height} is not reached yet; the last is {tip}")]
    NotYet {
        /// The height asked for.
        height: Height,
        /// The last height.
        tip: Height,
    },
}

impl From<StoreError> for StateFault {
    fn from(error: StoreError) -> Self {
        Self { reason: error.to_string() }
    }
}
