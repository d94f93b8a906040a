//! Binary Merkle trees over the transactions and receipts of a block.
//!
//! Leaves and nodes are hashed under different tags, an odd node is carried up unchanged (never doubled, see
//! CVE-2012-2459), and the root binds the number of leaves, so that no two lists share a root.

use crate::{
    codec::List,
    hash::{Hash, Tag, hash},
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most steps of a proof: enough for 2^32 leaves.
pub const MAX_STEPS: usize = 32;

/// The way from one leaf to the root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct MerkleProof {
    /// Position of the leaf, from 0.
    pub index: u32,
    /// Number of leaves in the tree.
    pub count: u32,
    /// Sibling hashes from the leaf upwards; levels where the node has no sibling have no entry.
    pub siblings: List<Hash, MAX_STEPS>,
}

fn leaf(value: &Hash) -> Hash {
    hash(Tag::MerkleLeaf, &[&value.0])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    hash(Tag::MerkleNode, &[&left.0, &right.0])
}

fn finish(count: u32, top: &Hash) -> Hash {
    hash(Tag::MerkleRoot, &[&count.to_le_bytes(), &top.0])
}

fn level_up(level: &[Hash]) -> Vec<Hash> {
    level
        .chunks(2)
        .map(|pair| match pair {
            [left, right] => node(left, right),
            [only] => *only,
            _ => Hash::ZERO,
        })
        .collect()
}

/// The root over `values` in order; [`Hash::ZERO`] for none.
pub fn root(values: &[Hash]) -> Hash {
    let Ok(count) = u32::try_from(values.len()) else { return Hash::ZERO };
    let mut level: Vec<Hash> = values.iter().map(leaf).collect();
    while level.len() > 1 {
        level = level_up(&level);
    }
    level.first().map_or(Hash::ZERO, |top| finish(count, top))
}

/// The proof that `values[index]` is under [`root`] of `values`; `None` when there is no such value.
pub fn prove(values: &[Hash], index: usize) -> Option<MerkleProof> {
    let count = u32::try_from(values.len()).ok()?;
    values.get(index)?;
    let mut level: Vec<Hash> = values.iter().map(leaf).collect();
    let mut siblings = Vec::new();
    let mut at = index;
    while level.len() > 1 {
        if let Some(sibling) = level.get(at ^ 1) {
            siblings.push(*sibling);
        }
        level = level_up(&level);
        at >>= 1;
    }
    Some(MerkleProof { index: u32::try_from(index).ok()?, count, siblings: List::new(siblings).ok()? })
}

impl MerkleProof {
    /// Whether `value` stands at this proof's index under `expected`.
    pub fn verify(&self, expected: &Hash, value: &Hash) -> bool {
        if self.index >= self.count {
            return false;
        }
        let mut siblings = self.siblings.iter();
        let (mut at, mut width) = (self.index, self.count);
        let mut current = leaf(value);
        while width > 1 {
            if at ^ 1 < width {
                let Some(sibling) = siblings.next() else { return false };
                current = if at & 1 == 0 { node(&current, sibling) } else { node(sibling, &current) };
            }
            at >>= 1;
            width = width.div_ceil(2);
        }
        siblings.next().is_none() && finish(self.count, &current) == *expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha3_256;

    fn values(count: usize) -> Vec<Hash> {
        (0..count).map(|i| sha3_256(&i.to_le_bytes())).collect()
    }

    #[test]
    fn every_leaf_of_every_small_tree_is_provable() {
        for count in 1..40 {
            let values = values(count);
            let top = root(&values);
            for (index, value) in values.iter().enumerate() {
                let proof = prove(&values, index).unwrap();
                assert!(proof.verify(&top, value), "{index} of {count}");
                assert!(!proof.verify(&top, &sha3_256(b"other")));
            }
        }
    }

    #[test]
    fn a_doubled_last_leaf_changes_the_root() {
        let mut list = values(3);
        let first = root(&list);
        list.push(list[2]);
        assert_ne!(first, root(&list));
    }

    #[test]
    fn a_proof_with_an_extra_step_fails() {
        let list = values(5);
        let mut proof = prove(&list, 2).unwrap();
        let mut longer = proof.siblings.clone().into_vec();
        longer.push(Hash::ZERO);
        proof.siblings = List::new(longer).unwrap();
        assert!(!proof.verify(&root(&list), &list[2]));
    }
}
