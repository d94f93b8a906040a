//! The zone server: follows a source of zone data with proofs, makes a version with a serial of every change, and serves
//! it to secondaries by AXFR and IXFR with NOTIFY and TSIG.
//!
//! ```text
//!   source --readings--> publisher --version, delta--> store (durable) --> shared --> serve, notify, master file
//!                          | brake, checks, ZONEMD
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`record`], [`record_set`], [`version`] | records, sets of them, versions and the way from one to the next |
//! | [`serial`], [`digest`], [`master`], [`check`] | serial arithmetic, ZONEMD, text, what is checked before serving |
//! | [`store`] | what survives a restart |
//! | [`source`] | what the zone is at a height: the root chain, or a test |
//! | [`publish`], [`brake`] | from readings to versions; what is held for a human |
//! | [`message`], [`keys`], [`answer`], [`transfer`], [`serve`], [`notify`] | the DNS side |
//! | [`config`], [`status`], [`run`] | the program |
//!
//! Nothing here decides what is in a zone; nothing is served that was not durable before.
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

pub mod answer;
pub mod brake;
pub mod check;
pub mod config;
pub mod digest;
pub mod error;
pub mod keys;
pub mod master;
pub mod message;
pub mod notify;
pub mod publish;
pub mod record;
pub mod record_set;
pub mod run;
pub mod serial;
pub mod serve;
pub mod source;
pub mod status;
pub mod store;
pub mod transfer;
pub mod version;

pub use error::{Result, ZoneFault};
