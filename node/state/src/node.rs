//! Tree nodes on disk and in the cache.
//!
//! Key: version (u64 BE), number of nibbles (1 B), nibbles packed from the high half of each byte. Versions come first,
//! so that new nodes are appended at the end of the table.
//!
//! | node | bytes |
//! |---|---|
//! | none (the root of an empty tree) | 0 |
//! | inner | 1, bitmap of children (u16 BE), bitmap of leaves among them (u16 BE), then for each child in order: hash (32 B), version (LEB128), and if it is no leaf its number of leaves (LEB128) |
//! | leaf | 2, key hash (32 B), value hash (32 B) |

use crate::{chain::corrupt, error::StoreError};
use althing_types::{hash::Hash, proof::ProofLeaf};
use jmt::storage::{Node, NodeKey};

const NONE: u8 = 0;
const INNER: u8 = 1;
const LEAF: u8 = 2;

/// A child of an inner node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Child {
    pub(crate) hash: Hash,
    pub(crate) version: u64,
    /// 1 for a leaf.
    pub(crate) leaves: u64,
    pub(crate) is_leaf: bool,
}

/// The sixteen places of an inner node.
pub(crate) type Places = [Option<Child>; 16];

/// A node as read from its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    None,
    Inner(Box<Places>),
    Leaf(ProofLeaf),
}

/// The key on disk of the node of `version` at these nibbles.
pub(crate) fn key(version: u64, nibbles: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out = Vec::with_capacity(24);
    out.extend_from_slice(&version.to_be_bytes());
    out.push(0);
    let mut count = 0u8;
    for nibble in nibbles {
        match out.last_mut() {
            Some(last) if count % 2 == 1 => *last |= nibble,
            _ => out.push(nibble << 4),
        }
        count = count.saturating_add(1);
    }
    if let Some(place) = out.get_mut(8) {
        *place = count;
    }
    out
}

/// The key on disk of a node of `jmt`.
pub(crate) fn key_of(node: &NodeKey) -> Vec<u8> {
    let path = node.nibble_path();
    key(node.version(), (0..path.num_nibbles()).map(|i| u8::from(path.get_nibble(i))))
}

/// Splits a key on disk into version and place.
pub(crate) fn split(key: &[u8]) -> Option<(u64, &[u8])> {
    let (version, path) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*version), path))
}

/// Whether these are the bytes of an inner node.
pub(crate) fn is_inner(bytes: &[u8]) -> bool {
    bytes.first() == Some(&INNER)
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        #[expect(clippy::cast_possible_truncation, reason = "seven bits are kept")]
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    #[expect(clippy::cast_possible_truncation, reason = "below 128")]
    out.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A node's bytes.
pub(crate) fn encode(node: &Node) -> Result<Vec<u8>, StoreError> {
    match node {
        Node::Null => Ok(vec![NONE]),
        Node::Internal(inner) => {
            let (children, leaves) = inner.generate_bitmaps();
            let mut out = Vec::with_capacity(256);
            out.push(INNER);
            out.extend_from_slice(&children.to_be_bytes());
            out.extend_from_slice(&leaves.to_be_bytes());
            for (_, child) in inner.children_sorted() {
                out.extend_from_slice(&child.hash);
                put_number(&mut out, child.version);
                if !child.is_leaf() {
                    put_number(&mut out, child.leaf_count() as u64);
                }
            }
            Ok(out)
        }
        // The same bytes as jmt's own form, in which a leaf's tag is 2 as well.
        Node::Leaf(_) => borsh::to_vec(node).map_err(|e| corrupt(format!("a leaf cannot be encoded: {e}"))),
    }
}

/// An inner node's bytes.
pub(crate) fn encode_places(places: &Places) -> Vec<u8> {
    let bitmap = |chosen: fn(&Child) -> bool| {
        let taken = (0u16..).zip(places).filter(|(_, place)| place.as_ref().is_some_and(chosen));
        taken.fold(0u16, |bits, (index, _)| bits | 1u16.checked_shl(index.into()).unwrap_or(0))
    };
    let mut out = Vec::with_capacity(256);
    out.push(INNER);
    out.extend_from_slice(&bitmap(|_| true).to_be_bytes());
    out.extend_from_slice(&bitmap(|child| child.is_leaf).to_be_bytes());
    for child in places.iter().flatten() {
        out.extend_from_slice(&child.hash.0);
        put_number(&mut out, child.version);
        if !child.is_leaf {
            put_number(&mut out, child.leaves);
        }
    }
    out
}

/// The bytes of the root of an empty tree.
pub(crate) const fn encode_none() -> [u8; 1] {
    [NONE]
}

/// A leaf's bytes.
pub(crate) fn encode_leaf(key: &Hash, value: &Hash) -> [u8; 65] {
    let mut out = [LEAF; 65];
    if let Some((start, rest)) = out.split_first_chunk_mut::<33>()
        && let Some(place) = start.last_chunk_mut::<32>()
    {
        *place = key.0;
        rest.copy_from_slice(&value.0);
    }
    out
}

/// Reads a node's bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Parsed, StoreError> {
    try_parse(bytes).ok_or_else(|| corrupt(format!("a tree node of {} bytes cannot be decoded", bytes.len())))
}

fn try_parse(bytes: &[u8]) -> Option<Parsed> {
    let (tag, mut rest) = bytes.split_first()?;
    match *tag {
        NONE => rest.is_empty().then_some(Parsed::None),
        INNER => {
            let (bitmaps, after) = rest.split_first_chunk::<4>()?;
            rest = after;
            let [a, b, c, d] = *bitmaps;
            let (children, leaves) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let mut places = Box::new([None; 16]);
            for (index, place) in places.iter_mut().enumerate() {
                if children >> index & 1 == 0 {
                    continue;
                }
                let is_leaf = leaves >> index & 1 == 1;
                let (hash, after) = rest.split_first_chunk::<32>()?;
                rest = after;
                let version = take_number(&mut rest)?;
                let leaves = if is_leaf { 1 } else { take_number(&mut rest)? };
                *place = Some(Child { hash: Hash(*hash), version, leaves, is_leaf });
            }
            rest.is_empty().then_some(Parsed::Inner(places))
        }
        LEAF => {
            let (key, value) = rest.split_first_chunk::<32>()?;
            Some(Parsed::Leaf(ProofLeaf { key: Hash(*key), value: Hash(value.try_into().ok()?) }))
        }
        _ => None,
    }
}

/// Turns a parsed node into `jmt`'s, whose only way in is its own encoding.
pub(crate) fn to_jmt(node: &Parsed) -> Result<Node, StoreError> {
    let mut out = Vec::with_capacity(840);
    match node {
        Parsed::None => return Ok(Node::Null),
        Parsed::Leaf(leaf) => out.extend_from_slice(&encode_leaf(&leaf.key, &leaf.value)),
        Parsed::Inner(places) => {
            let (mut count, mut sum) = (0u64, 0u64);
            out.push(1);
            for place in places.iter() {
                let Some(child) = place else {
                    out.push(0);
                    continue;
                };
                count = count.saturating_add(1);
                sum = sum.saturating_add(child.leaves);
                out.push(1);
                out.extend_from_slice(&child.hash.0);
                out.extend_from_slice(&child.version.to_le_bytes());
                out.push(u8::from(!child.is_leaf));
                if !child.is_leaf {
                    out.extend_from_slice(&child.leaves.to_le_bytes());
                }
            }
            out.extend_from_slice(&count.to_le_bytes());
            out.extend_from_slice(&sum.to_le_bytes());
        }
    }
    borsh::from_slice(&out).map_err(|e| corrupt(format!("a tree node cannot be rebuilt: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::hash::sha3_256;
    use proptest::prelude::*;

    fn child() -> impl Strategy<Value = Option<Child>> {
        let version = prop_oneof![0..300u64, any::<u64>()];
        let fields = (any::<[u8; 32]>(), version, 2..u64::from(u32::MAX), any::<bool>());
        proptest::option::of(fields.prop_map(|(hash, version, leaves, is_leaf)| Child {
            hash: Hash(hash),
            version,
            leaves: if is_leaf { 1 } else { leaves },
            is_leaf,
        }))
    }

    proptest! {
        #[test]
        fn every_inner_node_comes_back(places in prop::collection::vec(child(), 16)) {
            let node = Parsed::Inner(Box::new(places.try_into().unwrap()));
            let theirs = to_jmt(&node).unwrap();
            let bytes = encode(&theirs).unwrap();
            prop_assert_eq!(parse(&bytes).unwrap(), node);
            prop_assert!(is_inner(&bytes));
            for cut in 0..bytes.len() {
                prop_assert!(parse(&bytes[..cut]).is_err());
            }
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }

    #[test]
    fn leaves_and_nothing_come_back() {
        let leaf = ProofLeaf { key: sha3_256(b"k"), value: sha3_256(b"v") };
        let bytes = encode_leaf(&leaf.key, &leaf.value);
        let node = Parsed::Leaf(leaf);
        assert_eq!(parse(&bytes).unwrap(), node);
        assert_eq!(encode(&to_jmt(&node).unwrap()).unwrap(), bytes);
        assert_eq!(encode(&to_jmt(&Parsed::None).unwrap()).unwrap(), [NONE]);
        assert_eq!(parse(&[NONE]).unwrap(), Parsed::None);
    }
}
