//! Samples of a checkpoint's chunk.

use super::{Samples, bytes, digest, list};
use althing_types::{
    checkpoint::{Chunk, ChunkEntry, Prefix, Subtree},
    hash::Hash,
    id::Height,
    proof::ProofLeaf,
};

/// A chunk with a sibling of each kind.
pub(super) fn checkpoint(all: &mut Samples) {
    let leaf = ProofLeaf { key: digest("key"), value: digest("value") };
    let siblings = [("Empty", Subtree::Empty), ("Leaf", Subtree::Leaf(leaf)), ("Node", Subtree::Node(digest("node")))];
    for (name, sibling) in siblings {
        all.add(&format!("Subtree.{name}"), sibling);
    }
    let mut start = [0; 32];
    start[0] = 0b1010_0000;
    let prefix = Prefix { start: Hash(start), bits: 3 };
    all.add("Prefix", prefix);
    let entry = ChunkEntry { key: bytes(b"key"), value: bytes(b"value") };
    all.add("ChunkEntry", entry.clone());
    let siblings = list(siblings.map(|(_, sibling)| sibling).to_vec());
    all.add("Chunk", Chunk { height: Height(7), prefix, siblings, entries: list(vec![entry]) });
}
