//! What the built-in contracts and their users have in common: identifiers, calls, values in state, their keys, events
//! and error numbers. Used inside the contracts (WebAssembly) and by programs that build transactions or check proofs.
//!
//! | module | what |
//! |---|---|
//! | [`rdata`] | typed DNS record data: addresses and DS |
//! | [`rdata_rules`] | which addresses and DS records may stand in a zone |
//! | [`tld_binding`] | which organisation runs which TLD |
//! | [`domain_records`] | delegations, name-server hosts, the root's apex |
//! | [`registrations`] | names below a TLD, with terms, statuses and transfers; the zone of a TLD |
//! | [`bootstrap`] | where registration data are asked for: RDAP base URLs of TLDs and registrars |
//! | [`governance`] | members, nodes, proposals, votes, authorities, settings |
//! | [`node_admission`] | requests to join |
//! | [`node_removal`] | complaints, evidence, reviews |
//! | [`root_sync`] | what root chain and TLD chain tell each other, with proofs |
//! | [`layout`] | keys of these contracts' state |
//! | [`zone`] | the root zone as a value: records in and out, and the calls that turn one zone into another |
//! | [`character`] | which characters labels are written with |
//! | `second_level` (feature `label`) | which labels may be registered below a TLD |
//! | `label` (feature) | which labels may be top-level domains; Unicode text to its one key |
//!
//! Nothing here reads or writes state, and nothing here is a DNS message or a master file beyond one record a line.
#![no_std]
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

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod bootstrap;
pub mod call;
pub mod character;
mod describe;
pub mod domain_records;
pub mod governance;
#[cfg(feature = "label")]
pub mod label;
pub mod layout;
pub mod node_admission;
pub mod node_removal;
pub mod rdata;
pub mod rdata_rules;
pub mod registrations;
pub mod root_sync;
#[cfg(feature = "label")]
pub mod second_level;
pub mod tld_binding;
pub mod zone;

use alloc::string::String;

/// A call was refused: the numbered error and its message, as a contract reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused<E> {
    /// The error.
    pub error: E,
    detail: String,
}
