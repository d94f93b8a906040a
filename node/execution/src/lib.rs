//! A block in, an outcome out.
//!
//! [`Executor::propose`] and [`Executor::verify`] run the same loop over transactions: check admission, use up the
//! sequence number, run the content in the contract machine over an [`overlay::Overlay`] of staged writes, keep the
//! writes or undo them, make a receipt. Nothing is written anywhere: the outcome carries the writes, and the state
//! store commits them together with the block.
//!
//! Two kinds of failure are kept apart. A transaction that fails *admission* (signature, chain, kind, size, sequence,
//! expiry, operator, fuel limit) is abnormal: it is in no block, and the proposer keeps a mark with the reason
//! (P 0035). A transaction that is admitted and then fails *in its contract* is in the block with a failed receipt:
//! its sequence number is used and everything else is undone, so that the refusal is provable and later transactions
//! of the same key are not stuck (docs/adr/003).
//!
//! Invariant: equal state, block context and transactions give equal outcomes on every node.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a test fails by panicking"
    )
)]

mod admission;
mod block_end;
mod code;
mod dry_run;
mod error;
mod executor;
mod genesis;
mod migration;
mod outcome;
pub mod overlay;
pub mod remediation;
mod transaction;
mod trial;

pub use admission::{Admission, MAX_SEQUENCE_AHEAD, Refusal};
pub use dry_run::{Candidate, DryRun};
pub use error::{ExecutionError, Illegal};
pub use executor::Executor;
pub use outcome::{BlockContext, Execution, Writes};
