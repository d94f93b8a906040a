//! Catching up with the network by blocks: a machine without input or output.
//!
//! The caller tells what peers say and what came back; the machine answers which peer to ask for which blocks, which
//! blocks to apply, and whom to penalise. It checks nothing itself: certificates and execution are the caller's.
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

mod catchup;

pub use catchup::{Answer, Catchup, CertifiedBlock, Fault, Input, Limits, Output, RequestId};
