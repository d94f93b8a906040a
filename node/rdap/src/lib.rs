//! The data service access node (D 4): answers RDAP questions from what the ledger, IANA and ICANN say about whom to ask.
//!
//! ```text
//!   chains (proven) --+                        question --> registry --> registrar
//!                     +--> directory ------------------------> |  merge  | --> answer with its origins
//!   IANA, ICANN ------+        '--> /bootstrap/dns.json
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`chain`] | a chain's contract `bootstrap`, proven |
//! | [`tld`], [`registration`], [`registered`] | a TLD's chain as its registry: read, as RDAP, as an answer |
//! | [`published`], [`refresh`] | files of IANA and ICANN; their schedule, last good copies, alarms |
//! | [`directory`] | both together: whom to ask for what |
//! | [`special`], [`fetch`] | which addresses are not asked; asking servers of others |
//! | [`question`], [`lookup`], [`merge`], [`answer`] | from a question to an answer |
//! | [`pattern`], [`search`] | from a search to its results |
//! | [`token`], [`oidc`] | bearer tokens of an OpenID provider; its keys |
//! | [`limit`], [`routes`], [`serve`], [`metrics`] | HTTP, limits, figures |
//! | [`config`], [`run`] | the program |
//!
//! Nothing here keeps registration data beyond a short cache, and nothing a registrar says takes the place of what its
//! registry said.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test fails by panicking"
    )
)]

pub mod answer;
pub mod chain;
pub mod config;
pub mod directory;
pub mod error;
pub mod fetch;
pub mod kept;
pub mod limit;
pub mod lookup;
pub mod merge;
pub mod metrics;
pub mod oidc;
pub mod pattern;
pub mod published;
pub mod question;
pub mod refresh;
pub mod registered;
pub mod registration;
pub mod routes;
pub mod run;
pub mod search;
pub mod serve;
pub mod special;
pub mod tld;
pub mod token;

pub use error::{RdapFault, Result};
