//! What goes into the execution of a block and what comes out.

use althing_types::{
    authority::AuthorityList,
    crypto::{NodeId, Verified},
    genesis::Parameters,
    hash::Hash,
    id::Height,
    merkle,
    receipt::Receipt,
    transaction::{Abnormal, Transaction},
};
use std::{collections::BTreeMap, sync::Arc};

/// Staged changes: state key to new value, or to `None` for removal.
pub type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The block in which transactions run.
#[derive(Clone, Debug)]
pub struct BlockContext {
    /// Its height.
    pub height: Height,
    /// Its time in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// The node that packs it.
    pub packer: NodeId,
}

/// The outcome of a block.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Transactions of the block in order of execution.
    pub transactions: Vec<Arc<Verified<Transaction>>>,
    /// Hashes of the transactions, in order.
    pub hashes: Vec<Hash>,
    /// Receipts in the same order.
    pub receipts: Vec<Receipt>,
    /// What changes in the state.
    pub writes: Writes,
    /// Transactions that were left out, with the reason.
    pub abnormal: Vec<Abnormal>,
    /// The authorities of the next height.
    pub next_authorities: AuthorityList,
    /// Parameters in force after the block.
    pub parameters: Parameters,
    /// Fuel of all transactions together.
    pub fuel_used: u64,
}

impl Execution {
    /// The header's transactions root.
    pub fn transactions_root(&self) -> Hash {
        merkle::root(&self.hashes)
    }
    /// The header's receipts root.
    pub fn receipts_root(&self) -> Hash {
        merkle::root(&self.receipts.iter().map(Receipt::hash).collect::<Vec<_>>())
    }
}
