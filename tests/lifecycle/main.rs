//! The life of a contract's code as the executor of every node runs it: migrations over several blocks, invariants,
//! and changes after which nobody could govern. The contracts are real modules; the state is a map.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod brick;
mod chain;
mod cost;
mod migration;
#[path = "../sdk_vm/modules.rs"]
mod modules;
mod reproducible;
mod trap;
