//! The access node as a whole, with registries, registrars and publishers that the test plays on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod ledger;
mod lookup;
mod oidc;
mod published;
mod search;
mod tld_chain;
mod town;
