//! One call into a contract: what goes in, what comes out, and which faults are the node's.

use althing_types::{
    crypto::PublicKey,
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId},
    organisation::Role,
    receipt::Failure,
    view::StateFault,
};
use std::collections::BTreeSet;

/// Facts about the transaction that a contract may ask for. They are the same in all nested calls.
#[derive(Clone, Debug)]
pub struct CallContext {
    /// The chain.
    pub chain: ChainId,
    /// Height of the block that is being executed; of the latest block for a view.
    pub height: Height,
    /// Time of that block in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Hash of the transaction; zeros for a view.
    pub transaction: Hash,
    /// Key that signed it.
    pub signer: PublicKey,
    /// Organisation of that key.
    pub organisation: Option<OrganisationId>,
    /// Roles of that organisation and duties of the key.
    pub roles: BTreeSet<Role>,
    /// The contract that governs. What it calls directly is called with the role `governance` and for no organisation.
    pub governor: Option<ContractId>,
}

/// Where a contract is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A method that may change state.
    Call(&'a str),
    /// A method that only reads; writes and events fail even in a transaction.
    View(&'a str),
    /// The initialiser, at deploy. A contract without one accepts empty input and does nothing.
    Init,
    /// A step of the migration, at an upgrade; see [`althing_abi::exports::MIGRATE`].
    Migrate,
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// The contract whose state is used.
    pub contract: &'a ContractId,
    /// Hash of the code to run, under the code tag.
    pub code: Hash,
    /// Where to enter it.
    pub entry: Entry<'a>,
    /// Canonical bytes of the arguments as a tuple.
    pub input: &'a [u8],
    /// Most fuel to use, nested calls included.
    pub fuel: u64,
}

/// How a call ended. The same on every node, `logs` included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Canonical bytes of the method's result; or why it failed, all its writes and events undone.
    pub result: Result<Vec<u8>, Failure>,
    /// Fuel charged, at most what was given.
    pub fuel_used: u64,
    /// Lines that the contracts wrote with `log`, those of failed calls included.
    pub logs: Vec<String>,
}

/// The node's own fault: its outcome could differ from that of others, so execution must stop the node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeFault {
    /// The store could not answer.
    #[error(transparent)]
    State(#[from] StateFault),
    /// A contract's code is named by the state but not stored.
    #[error("code {code} is missing from the store")]
    CodeMissing {
        /// Its hash.
        code: Hash,
    },
    /// Stored code is refused although it was accepted at deploy.
    #[error("stored code {code} cannot be prepared: {reason}")]
    CodeUnusable {
        /// Its hash.
        code: Hash,
        /// What the check said.
        reason: String,
    },
    /// The native stack overflowed below the stack-height limit.
    #[error("native stack overflow in {contract}: the stack-height limit did not hold")]
    NativeStack {
        /// The contract that ran.
        contract: ContractId,
    },
    /// A call ran for longer than the watchdog allows although fuel was left.
    #[error("{contract} ran for more than {limit_ms} ms with fuel left")]
    Watchdog {
        /// The contract that ran.
        contract: ContractId,
        /// The limit.
        limit_ms: u64,
    },
    /// The machine failed in a way that no contract can cause.
    #[error("contract machine failed: {reason}")]
    Machine {
        /// What it said.
        reason: String,
    },
}
