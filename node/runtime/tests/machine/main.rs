//! The machine from outside: each test is a module in text form and what must become of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod cache;
mod calls;
mod common;
mod golden;
mod hostile;
mod interface;
mod refused;
