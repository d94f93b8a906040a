//! Claims about what members decide together, on a small chain of its own: contracts `governance`, `node_admission`
//! and `node_removal` as one, natively. Blocks end as the node ends them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod chain;
mod execution;
mod members;
mod model;
mod remediation;
mod removal;
mod review;
mod votes;
