//! The wire between nodes: the only crate that knows libp2p.
//!
//! Place in the flow: `peers <-> network <-> daemon`. It carries messages, proves who sent them, bounds them, and
//! keeps strangers out. It must not look at the ledger: whether a message is true is the node's question, only its
//! form and size are ours.
//!
//! Reading order: [`message`] (what crosses the wire), [`Config`], [`Handle`], [`Event`]; then the inside.
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

mod codec;
mod config;
mod counts;
mod dial;
mod event;
mod gate;
mod handle;
mod identity;
mod lane;
mod link;
pub mod message;
mod quota;
mod shared;
mod task;
#[cfg(test)]
mod tests;

pub use config::{Config, Limits, Peer, Quota};
pub use event::{CallError, Channel, Counters, Event, KindCounters, Published, RequestError, RequestId, StartError};
pub use handle::{Handle, start};
pub use message::{CertifiedBlock, Frame, Gossip, Lane, Request, Response};
