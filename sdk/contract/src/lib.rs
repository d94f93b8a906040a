//! What a contract author imports: typed storage, events, numbered errors, the call's context, and tests.
//!
//! ```
//! use althing_sdk::prelude::*;
//!
//! /// Counts.
//! #[contract(name = "counter", state_version = 1)]
//! pub struct Counter {
//!     total: Value<u64>,
//! }
//!
//! #[contract_api]
//! impl Counter {
//!     /// Adds one and tells the new total.
//!     #[call]
//!     fn add(&mut self) -> u64 {
//!         let total = self.total.get().unwrap_or(0) + 1;
//!         self.total.put(&total);
//!         total
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! A contract is a crate of the types `cdylib` and `rlib` that starts with
//! `#![cfg_attr(target_arch = "wasm32", no_std)]`. Built to WebAssembly it talks to the host functions of
//! [`althing_abi::functions`]; built natively it talks to the fake host of `testing`, so that its tests are plain tests.
//!
//! Storage is written when `put`, `remove` or `add` is called and at no other time.
#![cfg_attr(target_arch = "wasm32", no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

#[doc(hidden)]
pub extern crate alloc;

#[cfg(target_arch = "wasm32")]
mod allocator;
mod context;
mod contract;
#[doc(hidden)]
pub mod entry;
mod host;
mod storage;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use althing_abi as abi;
pub use althing_macros::{ContractError, Event, Key, Wire, contract, contract_api, ledger_test};
pub use althing_types::{self as types, order, wire};
pub use context::{CallError, Ctx};
pub use contract::{Contract, State};
pub use storage::{Entries, Index, Map, Members, Value};

/// Version of this SDK, recorded in every module that is built with it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Everything that a contract usually needs.
pub mod prelude {
    #[doc(no_inline)]
    pub use crate::{
        CallError, Contract, ContractError, Ctx, Event, Index, Key, Map, Value, Wire, contract, contract_api, ensure,
        ledger_test,
        wire::{ContractError as _, Event as _, Wire as _},
    };
    #[doc(no_inline)]
    pub use alloc::{
        borrow::ToOwned,
        boxed::Box,
        format,
        string::{String, ToString},
        vec,
        vec::Vec,
    };
    #[doc(no_inline)]
    pub use althing_types::{
        codec::{Bytes, List, Text},
        crypto::PublicKey,
        hash::Hash,
        id::{ContractId, Height, OrganisationId},
        name::DomainName,
        organisation::Role,
    };
}

/// Returns with an error unless a condition holds: `ensure!(amount > 0, Fail::Nothing)`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $error:expr $(,)?) => {
        if !$condition {
            return ::core::result::Result::Err(::core::convert::Into::into($error));
        }
    };
}
