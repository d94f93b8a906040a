//! A small RDAP server of a registry or of a registrar over a SQLite database: what an access node asks in a trial.
//!
//! ```text
//!   JSON file --load--> SQLite --> answers (RFC 9083) --> HTTP on loopback
//! ```
//! The same database serves both: the registry says who the registrar is, name servers and DNSSEC, and keeps people to
//! itself; the registrar says who the people are. [`store`] is the database, [`answers`] what a side says, [`serve`] the
//! server. It knows nothing of the ledger, and has neither TLS nor limits: it is for trials on one machine.
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

pub mod answers;
pub mod serve;
pub mod store;
