//! Samples of a checkpoint's chunk and of an exported chain.

use super::{Samples, bytes, certificate, digest, genesis, header, list, signed_transactions};
use althing_types::{
    block::Block,
    checkpoint::{Chunk, ChunkEntry, Prefix, Subtree},
    export::ExportRecord,
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
    let block = Block { header: header(), previous: None, recovery: None, transactions: list(signed_transactions()) };
    let records = [
        ("Genesis", ExportRecord::Genesis(Box::new(genesis()))),
        ("Code", ExportRecord::Code(bytes(b"\0asm\x01\0\0\0"))),
        ("Block", ExportRecord::Block(Box::new((block, certificate())))),
        ("End", ExportRecord::End { height: Height(7), block: digest("block") }),
    ];
    for (name, record) in records {
        all.add(&format!("ExportRecord.{name}"), record);
    }
    all.add("Chunk", Chunk { height: Height(7), prefix, siblings, entries: list(vec![entry]) });
}
