//! What the store needs from a key-value store: tables with ordered keys, snapshots, atomic batches.
//!
//! | table | key | value |
//! |---|---|---|
//! | meta | `format`, `genesis`, `tip`, `oldest`, `base`; `abnormal/` or `evidence/` and number (u64 BE) | see [`crate::chain`] |
//! | state | state key | value after the tip |
//! | tree | node key, see [`crate::tree`] | tree node |
//! | history | key hash (32 B), height (u64 BE) | value before that height: 0, or 1 and the bytes |
//! | chain | kind (1 B), height (u64 BE), for receipts index (u32 BE) | see [`crate::chain`] |
//! | index | kind (1 B), hash (32 B) | where it is |
//! | log | number (u64 BE) | record of the consensus log |

use crate::error::StoreError;

/// A set of ordered keys with values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Small things of which there is one, and the rings.
    Meta,
    /// Latest value of each state key.
    State,
    /// Tree nodes by version.
    Tree,
    /// Former values of state keys.
    History,
    /// Blocks and what belongs to them.
    Chain,
    /// Where blocks and transactions are, by hash.
    Index,
    /// The consensus log.
    Log,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 7] =
        [Self::Meta, Self::State, Self::Tree, Self::History, Self::Chain, Self::Index, Self::Log];

    /// Its name on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Meta => "default",
            Self::State => "state",
            Self::Tree => "tree",
            Self::History => "history",
            Self::Chain => "chain",
            Self::Index => "index",
            Self::Log => "log",
        }
    }
}

/// Whether a write must be on disk when the call returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Synced, with everything written before.
    Synced,
    /// Survives the end of the process, not that of the machine.
    Buffered,
}

/// Called with each key and value of a scan; `false` ends it.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> bool;

/// Reading.
pub trait Reader {
    /// The value of a key.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Broken`].
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Visits keys from `from` (inclusive) upwards until `visit` says `false`.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] or [`StoreError::Broken`].
    fn scan(&self, table: Table, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError>;
}

/// Writes that happen together or not at all.
pub trait Batch {
    /// Sets a value.
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]);
    /// Deletes a key, be it there or not.
    fn delete(&mut self, table: Table, key: &[u8]);
}

/// A key-value store. Only this crate implements it.
pub trait Kv: Reader + Send + Sync {
    /// A consistent view; later writes do not change it.
    type Snapshot<'a>: Reader + Send
    where
        Self: 'a;
    /// A batch for this store.
    type Batch<'a>: Batch
    where
        Self: 'a;

    /// The present.
    fn snapshot(&self) -> Self::Snapshot<'_>;
    /// An empty batch.
    fn batch(&self) -> Self::Batch<'_>;
    /// Writes a batch. After an error nothing may be written any more with this handle.
    ///
    /// # Errors
    /// [`StoreError::Broken`] or [`StoreError::DiskFull`].
    fn write(&self, batch: Self::Batch<'_>, durability: Durability) -> Result<(), StoreError>;
    /// Bytes that can still be written.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    fn free_space(&self) -> Result<u64, StoreError>;
    /// Where it is, for messages.
    fn place(&self) -> String;
}
