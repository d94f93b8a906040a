//! The node program: wiring only. Every rule lives in the crate that this one puts together.
//!
//! [`node`] is the node without its outside, [`driver`] gives it a thread, channels and timers, [`contacts`] says who
//! may connect, [`wire`] is the driver's way out, [`ledger`] is what the API reads,
//! [`remediation`] computes plans for it, [`checkpoint`] offers checkpoints and [`join`] begins with one, [`audit`]
//! computes an exported chain again. `membership` puts the parts together for one chain, and [`assemble`] runs the nodes
//! of all chains of the configuration, with `relay` between them.
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

pub mod assemble;
pub mod audit;
pub mod checkpoint;
pub mod contacts;
pub mod driver;
pub mod join;
pub mod keys;
pub mod ledger;
mod membership;
pub mod metrics;
pub mod node;
pub mod preverify;
mod relay;
pub mod remediation;
pub mod wire;
