//! The pool of transactions that wait for a block: pure, bounded, deterministic.
//!
//! The pool holds verified transactions only, at most one per key and sequence number, and hands them out fairly: one
//! of each key in turn, each key's in the order of their sequence numbers without gaps. It reads no clock and no
//! state: the caller passes both in.
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

mod pool;

pub use pool::{ENTRY_OVERHEAD, Limits, Pool, Refused, Selection};

#[cfg(test)]
mod tests;
