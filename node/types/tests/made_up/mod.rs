//! What every chain that a test makes up needs: the state tree as `althing_types::proof` defines it, over a map and built
//! the plain way, and certificates with real signatures. Tests of other crates include this file by its path.

use althing_types::{
    block::Header,
    certificate::{CertificateSignature, QuorumCertificate},
    codec::List,
    crypto::{NodeId, SecretKey, Signed},
    hash::{Hash, sha3_256},
    id::Round,
    keyspace::key_hash,
    proof::{ProofLeaf, StateProof},
    vote::{Vote, VoteKind},
};
use std::collections::BTreeMap;

/// The tree of a state.
pub(crate) struct Tree(Vec<ProofLeaf>);

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
    pub(crate) fn new(state: &BTreeMap<Vec<u8>, Vec<u8>>) -> Self {
        let leaf = |(key, value): (&Vec<u8>, &Vec<u8>)| ProofLeaf { key: key_hash(key), value: sha3_256(value) };
        let mut leaves: Vec<ProofLeaf> = state.iter().map(leaf).collect();
        leaves.sort_by_key(|leaf| leaf.key);
        Self(leaves)
    }

    pub(crate) fn root(&self) -> Hash {
        node(&self.0, 0)
    }

    /// The way to a key, present or absent.
    pub(crate) fn prove(&self, key: &[u8]) -> StateProof {
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

/// A certificate for a header, signed with these keys in their order.
pub(crate) fn certify(header: &Header, round: Round, keys: &[SecretKey]) -> QuorumCertificate {
    let sign = |key: &SecretKey| {
        let vote = Vote {
            chain: header.chain.clone(),
            height: header.height,
            round,
            kind: VoteKind::Precommit,
            block: Some(header.hash()),
            voter: NodeId::from(key.public()),
        };
        CertificateSignature { voter: vote.voter, signature: Signed::sign(vote, key).signature }
    };
    QuorumCertificate {
        chain: header.chain.clone(),
        height: header.height,
        round,
        block: header.hash(),
        signatures: List::new(keys.iter().map(sign).collect()).unwrap(),
    }
}
