//! Blocks that were proposed for the present height: known by hashes, then with all transactions, then executed.

use super::event::Checked;
use althing_execution::Execution;
use althing_state::Staged;
use althing_types::{
    block::{Block, CompactBlock},
    crypto::NodeId,
    hash::Hash,
};
use std::collections::{BTreeMap, BTreeSet};

/// Most proposed blocks kept for one height; a correct primary proposes one per round.
const MAX_BLOCKS: usize = 32;
/// Most fetched transactions kept for one height.
const MAX_FETCHED: usize = 2 * althing_types::block::MAX_BLOCK_TRANSACTIONS;

/// A block that was executed and found legal.
#[derive(Debug)]
pub(crate) struct Legal {
    /// The block.
    pub(crate) block: Block,
    /// What its execution gave.
    pub(crate) execution: Execution,
    /// The tree nodes that commit it.
    pub(crate) staged: Staged,
}

/// What is known of the blocks proposed for one height.
#[derive(Debug, Default)]
pub(crate) struct Proposed {
    compact: BTreeMap<Hash, (CompactBlock, NodeId)>,
    legal: BTreeMap<Hash, Legal>,
    illegal: BTreeSet<Hash>,
    fetched: BTreeMap<Hash, Checked>,
    /// Blocks that the consensus core wants to vote on and that still lack something.
    wanted: BTreeSet<Hash>,
}

impl Proposed {
    /// Forgets everything: another height begins.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
    /// Remembers a block by hashes; `from` has its transactions. Ignores more than a bounded number.
    pub(crate) fn learn(&mut self, hash: Hash, block: CompactBlock, from: NodeId) {
        if self.compact.len() < MAX_BLOCKS {
            self.compact.entry(hash).or_insert((block, from));
        }
    }
    pub(crate) fn compact(&self, hash: &Hash) -> Option<&(CompactBlock, NodeId)> {
        self.compact.get(hash)
    }
    pub(crate) fn legal(&self, hash: &Hash) -> Option<&Legal> {
        self.legal.get(hash)
    }
    pub(crate) fn take_legal(&mut self, hash: &Hash) -> Option<Legal> {
        self.legal.remove(hash)
    }
    pub(crate) fn is_illegal(&self, hash: &Hash) -> bool {
        self.illegal.contains(hash)
    }
    pub(crate) fn put_legal(&mut self, hash: Hash, legal: Legal) {
        self.wanted.remove(&hash);
        self.legal.insert(hash, legal);
    }
    pub(crate) fn put_illegal(&mut self, hash: Hash) {
        self.wanted.remove(&hash);
        if self.illegal.len() < MAX_BLOCKS {
            self.illegal.insert(hash);
        }
    }
    pub(crate) fn want(&mut self, hash: Hash) {
        if self.wanted.len() < MAX_BLOCKS {
            self.wanted.insert(hash);
        }
    }
    pub(crate) fn wanted(&self) -> Vec<Hash> {
        self.wanted.iter().copied().collect()
    }
    /// Keeps transactions that the mempool may not hold.
    pub(crate) fn keep_fetched(&mut self, transactions: Vec<Checked>) {
        for checked in transactions {
            if self.fetched.len() >= MAX_FETCHED {
                return;
            }
            self.fetched.insert(checked.hash, checked);
        }
    }
    pub(crate) fn fetched(&self, hash: &Hash) -> Option<&Checked> {
        self.fetched.get(hash)
    }
}
