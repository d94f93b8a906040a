//! The contract machine: the only crate that knows wasmtime.
//!
//! ```text
//! code  -> check: inspect -> instrument -> compile -> cache            (at deploy)
//! call  -> invoke: cached module -> instance from the pool -> entry -> host functions -> World -> outcome
//! ```
//!
//! It reads and stages state through [`World`] only and knows nothing of blocks, the store or the network. Fuel decides
//! results; time never does: the epoch only stops a view, or the node when fuel failed to bound a call.
//!
//! Where to look: [`World`] and [`CallContext`] for what goes in, [`limits`] for every limit, `inspect` for what code
//! is refused, `instrument` for the stack-height limit, `frame` for one call, `host` for the host functions (their
//! table is [`althing_abi::functions`]), `cache` for compiled modules.
//!
//! # What ends a call
//! | cause | code | fuel charged |
//! |---|---|---|
//! | `abort` by the contract | `contract_error`, `panic`, `bad_arguments`, `missing_role`, `migration_missing` | used so far |
//! | wrong pointer, handle, field | `host_misuse` | used so far |
//! | a limit on sizes or counts, a write in a view | `size_limit`, `read_only` | used so far |
//! | `unreachable`, out of bounds, division by zero, bad indirect call | `trap` | all that was given |
//! | stack height, memory size, fuel | `stack_limit`, `memory_limit`, `out_of_fuel` | all that was given |
//!
//! After a raw trap the machine's fuel counter is not exact, so the whole limit is charged. Panics of contracts come
//! through `abort` and are charged exactly.
//!
//! # Guarantees
//! Every outcome depends on code, input, context, fuel and state alone: not on the compiler's optimisation, the
//! processor, the caches, the thread's stack or the time. What does depend on the node is a [`NodeFault`].
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

mod cache;
mod call;
mod engine;
mod frame;
mod host;
mod inspect;
mod instrument;
pub mod limits;
mod memory_world;
mod runtime;
mod ticker;
mod transaction;
mod world;

pub use call::{CallContext, Entry, Invocation, NodeFault, Outcome};
pub use memory_world::MemoryWorld;
pub use runtime::{Config, ModuleInfo, Runtime, RuntimeError};
pub use world::World;
