//! The access node as a whole, with registries, registrars and publishers that the test plays on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod clients;
mod ledger;
mod lookup;
mod lying_chain;
#[path = "../../../types/tests/made_up/mod.rs"]
mod made_up;
mod oidc;
mod page;
mod played_chain;
mod published;
mod schemas;
mod search;
mod secure;
mod speed;
mod ssrf;
mod tld_chain;
mod tls;
mod town;
