//! The HTTP API server: thin handlers over a read-only [`Ledger`] and a [`Submit`], both implemented by the daemon.
//!
//! Requests come in here and leave as one trait call each; nothing here knows the store, consensus or contracts.
//! Bodies, rates, connections, waits and streams are bounded by [`althing_api::config::ApiLimits`].
//!
//! ```text
//! socket -> server (connection limits, header and write time-outs) -> app (rate, request time-out, panics, metrics)
//!        -> routes (one file per resource) -> Ledger on a blocking thread, or Submit
//! ```
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

mod app;
mod extract;
pub mod ledger;
pub mod metrics;
mod problem;
mod quota;
mod routes;
pub mod server;
mod socket;

pub use ledger::{Ledger, LedgerError, Scanned, Submit};
pub use metrics::Metrics;
pub use server::{ServeError, Services, serve};
