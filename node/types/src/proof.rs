//! Proofs that a key has a value, or has none, under a state root; checked without a node.
//!
//! The state tree is a sparse Merkle tree over [`crate::keyspace::key_hash`], as built by the `jmt` crate with
//! SHA3-256: leaf = H("JMT::LeafNode" || key hash || H(value)), inner node = H("JMT::IntrnalNode" || left || right),
//! an empty subtree is a constant. A subtree with one leaf is that leaf.

use crate::{
    codec::List,
    hash::{Hash, Tag, preimage, sha3_256},
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

pub(crate) const LEAF: &[u8] = b"JMT::LeafNode";
pub(crate) const NODE: &[u8] = b"JMT::IntrnalNode";
pub(crate) const EMPTY: Hash = Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

/// The leaf that a proof ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ProofLeaf {
    /// Hash of the leaf's key.
    pub key: Hash,
    /// Plain SHA3-256 of the leaf's value.
    pub value: Hash,
}

/// The way from a leaf, or from an empty place, to the state root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct StateProof {
    /// The leaf at the end of the way; for absence another key's leaf, or none where the place is empty.
    pub leaf: Option<ProofLeaf>,
    /// Sibling hashes from the leaf up to the root.
    pub siblings: List<Hash, 256>,
}

/// Why a state proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is of another key or value than claimed.
    #[error("the proof's leaf is not the claimed entry")]
    WrongLeaf,
    /// Absence is claimed, but the leaf is the key itself.
    #[error("the key is present, not absent")]
    Present,
    /// The leaf does not share the path that the siblings describe.
    #[error("the proof's leaf is not on the way to the key")]
    WrongPath,
    /// The hashes do not lead to the root.
    #[error("the proof does not lead to the state root")]
    WrongRoot,
}

pub(crate) fn bit(hash: &Hash, depth: usize) -> bool {
    let byte = hash.0.get(depth / 8).copied().unwrap_or(0);
    byte >> (7usize.saturating_sub(depth % 8)) & 1 == 1
}

pub(crate) fn combine(tag: &[u8], left: &Hash, right: &Hash) -> Hash {
    combine_by(tag, left, right, sha3_256)
}

fn combine_by(tag: &[u8], left: &Hash, right: &Hash, sha3: impl Fn(&[u8]) -> Hash) -> Hash {
    let mut bytes = Vec::with_capacity(96);
    bytes.extend_from_slice(tag);
    bytes.extend_from_slice(&left.0);
    bytes.extend_from_slice(&right.0);
    sha3(&bytes)
}

impl StateProof {
    /// Checks that `key` has `value` under `root`, or no value when `value` is `None`.
    ///
    /// # Errors
    /// [`ProofError`] for the first thing that is wrong.
    pub fn verify(&self, root: &Hash, key: &[u8], value: Option<&[u8]>) -> Result<(), ProofError> {
        self.check(root, key, value, sha3_256)
    }

    /// As [`Self::verify`], with another's SHA3-256.
    ///
    /// # Errors
    /// [`ProofError`] for the first thing that is wrong.
    pub fn check(
        &self,
        root: &Hash,
        key: &[u8],
        value: Option<&[u8]>,
        sha3: impl Fn(&[u8]) -> Hash,
    ) -> Result<(), ProofError> {
        let wanted = sha3(&preimage(Tag::StateKey, &[key]));
        let combine = |tag: &[u8], left: &Hash, right: &Hash| combine_by(tag, left, right, &sha3);
        let mut current = match (&self.leaf, value) {
            (Some(leaf), Some(value)) => {
                if leaf.key != wanted || leaf.value != sha3(value) {
                    return Err(ProofError::WrongLeaf);
                }
                combine(LEAF, &leaf.key, &leaf.value)
            }
            (None, Some(_)) => return Err(ProofError::WrongLeaf),
            (Some(leaf), None) => {
                if leaf.key == wanted {
                    return Err(ProofError::Present);
                }
                let shared = (0..256).take_while(|d| bit(&leaf.key, *d) == bit(&wanted, *d)).count();
                if shared < self.siblings.len() {
                    return Err(ProofError::WrongPath);
                }
                combine(LEAF, &leaf.key, &leaf.value)
            }
            (None, None) => EMPTY,
        };
        for (up, sibling) in self.siblings.iter().enumerate() {
            let depth = self.siblings.len().saturating_sub(up).saturating_sub(1);
            current =
                if bit(&wanted, depth) { combine(NODE, sibling, &current) } else { combine(NODE, &current, sibling) };
        }
        if current == *root { Ok(()) } else { Err(ProofError::WrongRoot) }
    }
}
