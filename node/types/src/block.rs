//! Blocks and their headers (P 0036, Table 1).

use crate::{
    certificate::QuorumCertificate,
    codec::List,
    crypto::NodeId,
    hash::{Hash, Tag, hash_of},
    id::{ChainId, Height},
    merkle,
    recovery::{MAX_RECOVERY, ProvenRecovery},
    transaction::{MAX_TRANSACTION, SignedTransaction},
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The version of the header's form.
pub const HEADER_VERSION: u32 = 1;
/// Most transactions of a block; a chain parameter may lower it.
pub const MAX_BLOCK_TRANSACTIONS: usize = 8192;
/// Longest block in bytes; a chain parameter may lower it.
pub const MAX_BLOCK: usize = 4 * 1024 * 1024 + MAX_TRANSACTION + MAX_RECOVERY;

/// Whether the member list changes in this block (Table 1: node operation instruction, one byte).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum NodeInstruction {
    /// No change.
    #[default]
    None = 0,
    /// A node was added.
    Added = 1,
    /// A node was removed.
    Removed = 2,
}

/// A block's header. Its hash is the block's identity and what authorities vote for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Header {
    /// [`HEADER_VERSION`].
    pub version: u32,
    /// The chain.
    pub chain: ChainId,
    /// Position in the chain; the first block has 1.
    pub height: Height,
    /// Hash of the header before; the genesis hash for the first block.
    pub previous: Hash,
    /// The node that packed the block.
    pub packer: NodeId,
    /// Merkle root over transaction hashes, in order (Table 1: recorded root).
    pub transactions_root: Hash,
    /// Root of the state tree after this block (Table 1: stored root).
    pub state_root: Hash,
    /// Merkle root over receipt hashes, in order.
    pub receipts_root: Hash,
    /// Hash of the authority list that decides this height.
    pub authorities: Hash,
    /// Hash of the authority list that decides the next height.
    pub next_authorities: Hash,
    /// Milliseconds since 1970; strictly greater than the header's before.
    pub timestamp_ms: u64,
    /// Whether the member list changes.
    pub instruction: NodeInstruction,
    /// Hash of the certificate of the block before, as this block carries it; zeros at height 1.
    pub previous_certificate: Hash,
}

impl Header {
    /// The block's identity.
    pub fn hash(&self) -> Hash {
        hash_of(Tag::Header, self)
    }
}

/// What a header says of the certificate of the block before.
pub fn certificate_hash(certificate: Option<&QuorumCertificate>) -> Hash {
    certificate.map_or(Hash::ZERO, |certificate| hash_of(Tag::Certificate, certificate))
}

/// A header with its transactions.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Block {
    /// The header.
    pub header: Header,
    /// The certificate of the block before; `None` at height 1. Who verified that block is told to the governing
    /// contract from here, so that it is the same on every node.
    pub previous: Option<QuorumCertificate>,
    /// Why another list decides this height than the block before named: the chain had lost its quorum. It stands for
    /// itself, as the certificate does; its plan is part of the state after this block.
    pub recovery: Option<ProvenRecovery>,
    /// Transactions in order of execution.
    pub transactions: List<SignedTransaction, MAX_BLOCK_TRANSACTIONS>,
}

impl Block {
    /// Hashes of the transactions, in order.
    pub fn transaction_hashes(&self) -> Vec<Hash> {
        self.transactions.iter().map(|t| t.value.hash()).collect()
    }
}

/// A block as it is proposed: peers already hold most transactions and resolve them by hash.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CompactBlock {
    /// The header.
    pub header: Header,
    /// The certificate of the block before; `None` at height 1.
    pub previous: Option<QuorumCertificate>,
    /// As in [`Block::recovery`].
    pub recovery: Option<ProvenRecovery>,
    /// Transaction hashes in order.
    pub transactions: List<Hash, MAX_BLOCK_TRANSACTIONS>,
}

impl CompactBlock {
    /// Whether the hashes are those that the header commits to.
    pub fn is_consistent(&self) -> bool {
        merkle::root(&self.transactions) == self.header.transactions_root
            && certificate_hash(self.previous.as_ref()) == self.header.previous_certificate
    }
}
