//! The HTTP API server: thin handlers over a read-only [`Ledger`] and a [`Submit`], both implemented by the daemon.
//!
//! Requests come in here and leave as one trait call each; nothing here knows the store, consensus or contracts.
//! Bodies, rates, connections, waits and streams are bounded by [`althing_api::config::ApiLimits`].
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

pub mod ledger;
pub mod metrics;
pub mod server;

pub use ledger::{Ledger, LedgerError, Scanned, Submit};
pub use metrics::Metrics;
pub use server::{ServeError, Services, serve};
