//! What goes into the execution of a block and what comes out.

use althing_types::{
    authority::AuthorityList,
    block::NodeInstruction,
    certificate::QuorumCertificate,
    crypto::{NodeId, Verified},
    genesis::Parameters,
    govern::MemberList,
    hash::Hash,
    id::Height,
    merkle,
    receipt::Receipt,
    recovery::RecoveryPlan,
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
    /// The certificate of the block before, as this block carries it; checked by the caller.
    pub previous: Option<QuorumCertificate>,
    /// The recovery that the block begins with, if any; checked by the caller.
    pub recovered: Option<RecoveryPlan>,
}

/// The outcome of a block.
#[derive(Clone, Debug)]
pub struct Execution {
    /// Transactions of the block in order of execution.
    pub transactions: Vec<Arc<Verified<Transaction>>>,
    /// Hashes of the transactions, in order.
    pub hashes: Vec<Hash>,
    /// Receipts in the same order; one more when the governing contract's work at the end of the block has told
    /// something or has failed.
    pub receipts: Vec<Receipt>,
    /// What changes in the state.
    pub writes: Writes,
    /// Transactions that were left out, with the reason.
    pub abnormal: Vec<Abnormal>,
    /// The member list after the block, when the block changes it.
    pub members: Option<MemberList>,
    /// What the header says of that change.
    pub instruction: NodeInstruction,
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
