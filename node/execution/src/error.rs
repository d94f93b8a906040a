//! Why a block cannot be executed.

use althing_runtime::NodeFault;
use althing_types::{hash::Hash, transaction::AbnormalCode, view::StateFault};

/// The node's own fault: it must stop, because its outcome could differ from that of others.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The store could not answer.
    #[error("execution stopped: {0}")]
    State(#[from] StateFault),
    /// The contract machine failed.
    #[error("execution stopped: {0}")]
    Machine(#[from] NodeFault),
    /// A system entry of the state cannot be decoded.
    #[error("system entry {entry} of the state is unreadable: {reason}")]
    SystemEntry {
        /// Which entry.
        entry: &'static str,
        /// What the decoder said.
        reason: String,
    },
    /// A genesis contract's code is missing or does not work.
    #[error("genesis contract {contract}: {reason}")]
    GenesisContract {
        /// The contract.
        contract: String,
        /// What is wrong.
        reason: String,
    },
}

/// The proposed block breaks a rule: the proposer's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// A transaction that may be in no block.
    #[error("transaction {transaction:?} is abnormal: {code:?}: {message}")]
    Abnormal {
        /// Its hash.
        transaction: Hash,
        /// The numbered reason.
        code: AbnormalCode,
        /// Field, value and rule.
        message: String,
    },
    /// Too many transactions, bytes or too much fuel.
    #[error("block has {found} {what}, the chain allows {maximum}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is allowed.
        maximum: u64,
    },
}
