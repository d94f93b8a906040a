//! The words of the HTTP API, shared by the server (rpc) and the client library: paths, JSON shapes, error codes,
//! the OpenAPI document, and the shape of the node's configuration file.
//!
//! Nothing here does input or output. A new API method starts here: its path in [`path`], its shapes in [`model`], its
//! row in [`openapi`]; its handler is in rpc.
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

pub mod chain;
pub mod checkpoint;
pub mod config;
pub mod dry_run;
pub mod error;
pub mod model;
pub mod openapi;
pub mod path;
pub mod recovery;
pub mod remediation;
mod schema;

pub use config::NodeConfig;
pub use error::{ApiError, ErrorCode, Refusal, RefusalCode};
