//! The state store: RocksDB and the Merkle tree, which no other crate knows.
//!
//! Everything that is final is here and nothing else: blocks, certificates, authority lists, receipts, the state with
//! its tree, and the consensus log of the present height. [`Storage`] is the interface; [`RocksStore`] keeps it on
//! disk, [`MemoryStore`] keeps it in memory and can play a crash. Both are one implementation ([`Store`]) over two
//! key-value stores, so what the simulation shows holds for the disk.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        reason = "a test fails by panicking"
    )
)]

mod acknowledged;
mod adopt;
mod builder;
mod cache;
mod chain;
pub mod checkpoint;
mod error;
mod kv;
mod memory;
mod node;
mod past;
mod read;
mod ring;
mod rocks;
mod storage;
mod store;
mod tree;

pub use adopt::{Adoption, Base};
pub use chain::FORMAT;
pub use error::StoreError;
pub use kv::{Batch, Durability, Kv, Reader, Table, Visit};
pub use memory::{MemoryBatch, MemoryKv, MemorySnapshot, MemoryStore, WriteFault};
pub use past::VisitEntry;
pub use rocks::{RocksBatch, RocksKv, RocksOptions, RocksSnapshot, RocksStore};
pub use storage::{Commit, EventPage, Kept, MAX_ABNORMAL, MAX_EVIDENCE, Staged, Storage, StoredEvent, Tip, Writes};
pub use store::Store;

/// Most receipts that one search for events looks at.
pub const MAX_EVENT_SCAN: usize = 20_000;
/// About how many entries one call of [`Storage::prune`] removes.
pub const PRUNE_ENTRIES: usize = 20_000;
