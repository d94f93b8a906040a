//! The client library: typed calls of the HTTP API ([`Client`]), answers checked with proofs ([`Verifier`]), signed
//! transactions brought to finality ([`Submitter`]), events followed from a cursor ([`Follower`]), and messages between
//! chains carried with their proofs ([`Relay`]).
//!
//! Nothing here trusts a node: what a [`Verifier`] returns follows from the genesis hash that the caller pinned.
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

pub mod bulk;
pub mod client;
pub mod error;
pub mod follow;
pub mod limits;
pub mod relay;
pub mod submit;
pub mod verify;

pub use client::{Client, ClientConfig};
pub use error::{ClientError, VerifyError};
pub use follow::{Filter, Followed, Follower};
pub use relay::{Relay, RelayConfig, RelayError, Step};
pub use submit::{Final, Order, Submitter, SubmitterConfig};
pub use verify::{VerifiedHeader, VerifiedScan, VerifiedValue, Verifier};
