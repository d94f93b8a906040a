//! A change of a contract's code that takes more than one block: what the state remembers of it meanwhile.
//!
//! ```text
//!  upgrade --> Forward --last step, invariants hold--> the new code is in force --> Clean --> gone
//!                 '--a step fails--> Back --every entry as before--> gone, the old code stays
//! ```
//!
//! Everything is state: a node that restarts, or catches up, goes on where the others are. Each phase does a bounded
//! piece of work at the end of each block.

use crate::{
    codec::Bytes,
    hash::Hash,
    id::{ContractId, Height},
    receipt::Failure,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest note by which a migration finds its way on, in bytes.
pub const MAX_CURSOR: usize = 1024;
/// Most contracts that migrate at a time.
pub const MAX_MIGRATIONS: usize = 4;
/// Fuel after which a block begins no further step of a migration. One step may use
/// [`END_BLOCK_FUEL`](crate::govern::END_BLOCK_FUEL) by itself.
pub const MIGRATION_FUEL: u64 = 100_000_000;
/// Entries of the state after which a block begins no further step; also the most that it puts back or cleans up.
pub const MIGRATION_ENTRIES: usize = 8_192;
/// Bytes of old values after which a block begins no further step, or puts nothing more back.
pub const MIGRATION_BYTES: usize = 16 << 20;
/// Blocks after which a migration that has not ended is put back.
pub const MIGRATION_BLOCKS: u64 = 1_000;
/// Most fuel of one invariant.
pub const INVARIANT_FUEL: u64 = 50_000_000;

/// Where a migration is.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Phase {
    /// Steps are made. Nobody may call the contract.
    Forward = 0,
    /// What was written is put back. Nobody may call the contract.
    Back {
        /// Why.
        failure: Failure,
    } = 1,
    /// The new code is in force; what would have been needed to go back is removed.
    Clean = 2,
}

/// A migration that is not ended, stored under [`migration`](crate::keyspace::migration).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Migration {
    /// Number that the governing contract gave the change.
    pub tag: u64,
    /// The contract.
    pub contract: ContractId,
    /// Its new code.
    pub code: Hash,
    /// State version that the migration started from.
    pub from: u32,
    /// What the last step gave the next one; empty before the first.
    pub cursor: Bytes<MAX_CURSOR>,
    /// Where it is.
    pub phase: Phase,
    /// Height of the first step.
    pub since: Height,
    /// Steps made.
    pub steps: u64,
    /// Entries of the state that were changed and whose old value is kept.
    pub entries: u64,
    /// Fuel used.
    pub fuel_used: u64,
}

impl Migration {
    /// Whether the contract may be called meanwhile.
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Clean)
    }
}
