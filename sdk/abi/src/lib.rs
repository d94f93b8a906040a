//! What contracts and those who run or call them agree on: the host interface and the contract's description.
//!
//! [`functions`] is the one table of host functions, [`exports`] the names and numbers of the module interface.
//! [`schema`] is the description that every module carries, `json` its bridge to JSON, [`diff`] what an upgrade changes.
#![no_std]
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

extern crate alloc;

pub mod constant;
pub mod decode;
pub mod diff;
pub mod encode;
pub mod exports;
pub mod functions;
#[cfg(feature = "json")]
pub mod json;
pub mod schema;
pub mod section;

pub use schema::Abi;
