//! The vocabulary of the ledger and its one canonical binary form.
//!
//! Everything that is hashed, signed, stored or sent is defined here, and nothing here does input or output: no
//! clock, no randomness, no threads, no unordered map. Every other crate imports this one; it imports none of them.
//!
//! Reading order: [`codec`] (how bytes are made), [`hash`] (how they are named), [`crypto`] (who signed them),
//! [`transaction`], [`block`], [`receipt`], [`vote`], [`certificate`], [`authority`], [`proof`], [`genesis`].
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking"))]

extern crate alloc;

pub mod authority;
pub mod block;
pub mod certificate;
pub mod checkpoint;
pub mod codec;
pub mod crypto;
pub mod event;
pub mod export;
pub mod genesis;
pub mod govern;
pub mod hash;
pub mod id;
pub mod identity;
pub mod keyspace;
pub mod merkle;
pub mod migration;
pub mod name;
pub mod order;
pub mod organisation;
pub mod proof;
pub mod receipt;
pub mod recovery;
pub mod remediation;
pub mod transaction;
pub mod view;
pub mod vote;
pub mod wire;
