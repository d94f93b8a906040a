//! Plans that repair what a removed member did: how one is computed, stored, and carried out.
//!
//! `compute` makes a plan out of old state and old blocks, and writes nothing. `carry_out` stores its documents and
//! does one part of it at the end of a block. The plan's form is in `althing_types::remediation`.
//!
//! Invariant: nodes of equal chains compute byte-identical plans. Nothing in a plan depends on when or where it was
//! computed, but for the heights that were asked for.

mod carry_out;
mod compute;
mod lost;
#[cfg(test)]
pub(crate) mod tests;

pub use compute::{MAX_BLOCKS, MAX_TRANSACTIONS, PastBlock, PlanRefusal, PlanRequest, Source};
