//! The state tree as its definition says, over a map.

use althing_sdk::types::{
    codec::List,
    hash::{Hash, sha3_256},
    keyspace::key_hash,
    proof::{ProofLeaf, StateProof},
};
use std::collections::BTreeMap;

pub(super) struct Tree(Vec<ProofLeaf>);

fn bit(hash: &Hash, depth: usize) -> bool {
    hash.0[depth / 8] >> (7 - depth % 8) & 1 == 1
}

fn combine(tag: &[u8], left: &Hash, right: &Hash) -> Hash {
    sha3_256(&[tag, &left.0, &right.0].concat())
}

fn split(leaves: &[ProofLeaf], depth: usize) -> (&[ProofLeaf], &[ProofLeaf]) {
    leaves.split_at(leaves.partition_point(|leaf| !bit(&leaf.key, depth)))
}

fn node(leaves: &[ProofLeaf], depth: usize) -> Hash {
    match leaves {
        [] => Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__"),
        [one] => combine(b"JMT::LeafNode", &one.key, &one.value),
        many => {
            let (left, right) = split(many, depth);
            combine(b"JMT::IntrnalNode", &node(left, depth + 1), &node(right, depth + 1))
        }
    }
}

impl Tree {
    pub(super) fn new(state: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let leaf = |(key, value): (&Vec<u8>, &Vec<u8>)| ProofLeaf { key: key_hash(key), value: sha3_256(value) };
        let mut leaves: Vec<ProofLeaf> = state.iter().map(leaf).collect();
        leaves.sort_by_key(|leaf| leaf.key);
        Self(leaves)
    }

    pub(super) fn root(&self) -> Hash {
        node(&self.0, 0)
    }

    /// The way to a key, present or absent.
    pub(super) fn prove(&self, key: &[u8]) -> StateProof {
        let (wanted, mut leaves, mut siblings) = (key_hash(key), self.0.as_slice(), Vec::new());
        while leaves.len() > 1 {
            let (left, right) = split(leaves, siblings.len());
            let (mine, other) = if bit(&wanted, siblings.len()) { (right, left) } else { (left, right) };
            siblings.push(node(other, siblings.len() + 1));
            leaves = mine;
        }
        siblings.reverse();
        StateProof { leaf: leaves.first().copied(), siblings: List::new(siblings).unwrap() }
    }
}
