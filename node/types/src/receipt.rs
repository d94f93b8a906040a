//! What became of a transaction.

use crate::{
    codec::{Bytes, List, Text},
    event::{Event, MAX_EVENTS},
    hash::{Hash, Tag, hash_of},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest result of a call in bytes.
pub const MAX_RESULT: usize = 64 * 1024;
/// Longest failure message in bytes.
pub const MAX_MESSAGE: usize = 512;

/// Numbered reasons of failure. They are part of receipts: numbers never change their meaning.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FailureCode {
    /// The contract returned one of its own numbered errors; `detail` is that number.
    ContractError = 1,
    /// The fuel limit was reached.
    OutOfFuel = 2,
    /// The contract panicked; the message is the panic's.
    Panic = 3,
    /// The machine trapped: unreachable code, out-of-bounds access, division by zero, bad indirect call.
    Trap = 4,
    /// The stack-height limit was reached.
    StackLimit = 5,
    /// The memory limit was reached.
    MemoryLimit = 6,
    /// Calls between contracts went deeper than the limit.
    CallDepth = 7,
    /// A key, value, event, log or result was too large, or there were too many.
    SizeLimit = 8,
    /// No contract of this id.
    NoSuchContract = 9,
    /// The contract has no such method.
    NoSuchMethod = 10,
    /// The arguments are not canonical bytes of the method's arguments.
    BadArguments = 11,
    /// The caller lacks the role that the method asks for.
    MissingRole = 12,
    /// A view tried to change state.
    ReadOnly = 13,
    /// The uploaded code was refused; the message says why.
    CodeRefused = 14,
    /// The caller may not deploy or upgrade.
    NotAllowed = 15,
    /// A contract of this id exists already.
    ContractExists = 16,
    /// The new code changes the state schema and brings no migration.
    MigrationMissing = 17,
    /// The guest used the host interface wrongly (bad pointer, bad handle).
    HostMisuse = 18,
    /// The contract may not be entered again while it is running.
    Reentrancy = 19,
    /// The contract's state is being migrated; it can be called again when that has ended.
    Migrating = 20,
    /// An invariant of the contract does not hold after the change of its code; the message names it.
    InvariantBroken = 21,
    /// After the change the members could not decide anything any more.
    WouldBrickGovernance = 22,
}

/// Why a transaction failed. All its writes and events were undone; its sequence number stays used.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Failure {
    /// The numbered reason.
    pub code: FailureCode,
    /// The contract's own error number for [`FailureCode::ContractError`], else 0.
    pub detail: u32,
    /// For people; deterministic.
    pub message: Text<MAX_MESSAGE>,
}

impl Failure {
    /// A failure without a contract error number.
    pub fn new(code: FailureCode, message: &str) -> Self {
        Self { code, detail: 0, message: Text::truncated(message) }
    }
}

/// Outcome of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Its effects are in the state.
    Succeeded,
    /// It has no effects but its used sequence number.
    Failed(Failure),
}

impl Status {
    /// Why it failed; `None` when it succeeded.
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Succeeded => None,
            Self::Failed(failure) => Some(failure),
        }
    }
}

/// What became of one transaction of a block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Receipt {
    /// Hash of the transaction.
    pub transaction: Hash,
    /// Outcome.
    pub status: Status,
    /// Fuel charged.
    pub fuel_used: u64,
    /// Result of the call: canonical bytes of its return type; empty on failure.
    pub result: Bytes<MAX_RESULT>,
    /// Events in order; none on failure.
    pub events: List<Event, MAX_EVENTS>,
}

impl Receipt {
    /// The leaf of this receipt in the header's receipts root.
    pub fn hash(&self) -> Hash {
        hash_of(Tag::Receipt, self)
    }
}
