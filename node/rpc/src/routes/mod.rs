//! Handlers, one file per resource. Each reads its arguments, makes one call of the ledger and shapes the answer.

pub(crate) mod blocks;
pub(crate) mod checkpoints;
pub(crate) mod contracts;
pub(crate) mod events;
pub(crate) mod node;
pub(crate) mod recovery;
pub(crate) mod remediation;
pub(crate) mod state;
pub(crate) mod transactions;
