//! The state tree: a Jellyfish Merkle tree from the `jmt` crate, hashed with SHA3-256.
//!
//! A leaf's place is `keyspace::key_hash` of its key, its value hash is plain SHA3-256 of the value;
//! `types::proof` states the form of the hashes and checks proofs without this crate.
//!
//! Each height has two tree versions: `2 height` for new values, which are put in one batch over sorted keys, and
//! `2 height + 1` for deletions, which the tree only does one by one. The root of a height always has the odd version.
//! What the second step replaces of the first is never written.
//!
//! Node keys on disk: version (u64 BE), number of nibbles (1 B), nibbles packed from the high half of each byte.
//! Versions come first, so that new nodes are appended at the end of the table.

use crate::{
    cache::NodeCache,
    error::StoreError,
    kv::{Reader, Table},
    storage::Writes,
};
use althing_types::{
    codec::List,
    hash::{Hash, sha3_256},
    id::Height,
    keyspace::key_hash,
    proof::{ProofLeaf, StateProof},
};
use jmt::{
    JellyfishMerkleTree, KeyHash, SimpleHasher,
    storage::{LeafNode, Node, NodeKey, StaleNodeIndex, TreeReader, TreeUpdateBatch},
};
use sha3::{Digest, Sha3_256};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// Nibbles of a key hash, and so the deepest a tree can be.
const MAX_DEPTH: usize = 64;

/// SHA3-256 for the tree.
struct Hasher(Sha3_256);

impl SimpleHasher for Hasher {
    fn new() -> Self {
        Self(Sha3_256::new())
    }
    fn update(&mut self, data: &[u8]) {
        Digest::update(&mut self.0, data);
    }
    fn finalize(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

/// What a commit writes into tree and history.
#[derive(Clone, Debug, Default)]
pub(crate) struct TreeChange {
    /// New nodes by their key on disk.
    pub(crate) nodes: BTreeMap<Vec<u8>, Node>,
    /// Keys on disk of nodes that the new root no longer reaches.
    pub(crate) stale: BTreeSet<Vec<u8>>,
    /// The value before, of each key that is written.
    pub(crate) former: Vec<(Hash, Option<Vec<u8>>)>,
}

const fn values_version(height: Height) -> u64 {
    height.0.saturating_mul(2)
}

const fn root_version(height: Height) -> u64 {
    height.0.saturating_mul(2).saturating_add(1)
}

fn node_key(version: u64, nibbles: impl Iterator<Item = u8>) -> Vec<u8> {
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

fn disk_key(key: &NodeKey) -> Vec<u8> {
    let path = key.nibble_path();
    node_key(key.version(), (0..path.num_nibbles()).map(|i| u8::from(path.get_nibble(i))))
}

/// Splits a key on disk into version and place.
pub(crate) fn split(key: &[u8]) -> Option<(u64, &[u8])> {
    let (version, path) = key.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*version), path))
}

fn root_key(version: u64) -> Vec<u8> {
    node_key(version, std::iter::empty())
}

fn corrupt(reason: String) -> StoreError {
    StoreError::Corrupt { path: String::new(), reason }
}

fn decode(bytes: &[u8]) -> Result<Node, StoreError> {
    borsh::from_slice(bytes).map_err(|e| corrupt(format!("a tree node cannot be decoded: {e}")))
}

/// A node's bytes on disk.
pub(crate) fn encode(node: &Node, out: &mut Vec<u8>) {
    out.clear();
    // Writing to a vector cannot fail.
    let _ = borsh::to_writer(out, node);
}

/// Nodes for `jmt`: of the step before, from the cache, or from disk.
struct Nodes<'a, R> {
    reader: &'a R,
    cache: RefCell<&'a mut NodeCache>,
    /// The version that stands for the root of the height before, when no step has made one.
    alias: Option<(u64, u64)>,
    step: BTreeMap<Vec<u8>, Node>,
}

impl<R: Reader> TreeReader for Nodes<'_, R> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        let mut disk = disk_key(key);
        if let Some(node) = self.step.get(&disk) {
            return Ok(Some(node.clone()));
        }
        let mut version = key.version();
        if let Some((from, to)) = self.alias
            && version == from
            && key.nibble_path().is_empty()
        {
            version = to;
            disk = root_key(to);
        }
        let path = disk.get(8..).unwrap_or_default();
        if let Some(node) = self.cache.borrow_mut().get(path, version) {
            return Ok(Some(node));
        }
        let Some(bytes) = self.reader.get(Table::Tree, &disk)? else { return Ok(None) };
        let node = decode(&bytes)?;
        self.cache.borrow_mut().put(path.to_vec(), version, node.clone());
        Ok(Some(node))
    }
    fn get_value_option(&self, _: u64, _: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

fn fault(error: &anyhow::Error) -> StoreError {
    error.downcast_ref::<StoreError>().cloned().unwrap_or_else(|| corrupt(format!("{error:#}")))
}

/// Computes the root after `writes` on top of the height before, and what has to be written for it.
pub(crate) fn stage<R: Reader>(
    reader: &R,
    cache: &mut NodeCache,
    height: Height,
    writes: &Writes,
) -> Result<(Hash, TreeChange), StoreError> {
    let (first, second) = (values_version(height), root_version(height));
    let before = (height.0 > 0).then(|| root_version(height.previous()));
    let (mut puts, mut deletes, mut former) = (Vec::new(), Vec::new(), Vec::with_capacity(writes.len()));
    for (key, value) in writes {
        let place = key_hash(key);
        let old = reader.get(Table::State, key)?;
        match value {
            Some(value) => puts.push((KeyHash(place.0), value.clone())),
            None if old.is_some() => deletes.push((KeyHash(place.0), None)),
            None => {}
        }
        former.push((place, old));
    }
    deletes.sort_unstable();

    let mut nodes = Nodes { reader, cache: RefCell::new(cache), alias: None, step: BTreeMap::new() };
    let mut stale = BTreeSet::new();
    if puts.is_empty() {
        match before {
            Some(version) => nodes.alias = Some((first, version)),
            None => {
                nodes.step.insert(root_key(first), Node::Null);
            }
        }
    } else {
        let tree = JellyfishMerkleTree::<_, Hasher>::new(&nodes);
        let (_, batch) = tree.batch_put_value_sets(vec![puts], None, first).map_err(|e| fault(&e))?;
        let (step, replaced) = unpack(batch);
        (nodes.step, stale) = (step, replaced);
    }
    if !deletes.is_empty() {
        let tree = JellyfishMerkleTree::<_, Hasher>::new(&nodes);
        let (_, batch) = tree.put_value_set(deletes, second).map_err(|e| fault(&e))?;
        let (step, replaced) = unpack(batch);
        for key in replaced {
            if nodes.step.remove(&key).is_none() {
                stale.insert(key);
            }
        }
        nodes.step.extend(step);
    }

    // Whatever the steps did, the root stands at the odd version, and the root before is stale.
    let stepped = nodes.step.remove(&root_key(first));
    let root = match nodes.step.remove(&root_key(second)).or(stepped) {
        Some(root) => root,
        None => {
            let version = before.ok_or_else(|| corrupt("there is no root to start from".into()))?;
            load_cached(reader, &mut nodes.cache.borrow_mut(), &root_key(version))?
        }
    };
    let hash = node_hash(&root);
    stale.remove(&root_key(first));
    if let Some(version) = before {
        stale.insert(root_key(version));
    }
    let mut fresh = nodes.step;
    fresh.insert(root_key(second), root);
    Ok((hash, TreeChange { nodes: fresh, stale, former }))
}

fn unpack(batch: TreeUpdateBatch) -> (BTreeMap<Vec<u8>, Node>, BTreeSet<Vec<u8>>) {
    let nodes = batch.node_batch.nodes().iter().map(|(key, node)| (disk_key(key), node.clone())).collect();
    let stale = batch.stale_node_index_batch.iter().map(|StaleNodeIndex { node_key, .. }| disk_key(node_key)).collect();
    (nodes, stale)
}

/// Takes a committed change into the cache.
pub(crate) fn remember(cache: &mut NodeCache, change: TreeChange) {
    for (version, path) in change.stale.iter().filter_map(|key| split(key)) {
        cache.remove(path, version);
    }
    for (key, node) in change.nodes {
        if let Some((version, path)) = split(&key) {
            cache.put(path.to_vec(), version, node);
        }
    }
}

fn load_cached<R: Reader>(reader: &R, cache: &mut NodeCache, key: &[u8]) -> Result<Node, StoreError> {
    if let Some((version, path)) = split(key)
        && let Some(node) = cache.get(path, version)
    {
        return Ok(node);
    }
    load(reader, key)
}

fn load<R: Reader + ?Sized>(reader: &R, key: &[u8]) -> Result<Node, StoreError> {
    match reader.get(Table::Tree, key)? {
        Some(bytes) => decode(&bytes),
        None => Err(corrupt(format!("tree node {} is missing", hex::encode(key)))),
    }
}

fn node_hash(node: &Node) -> Hash {
    match node {
        Node::Internal(inner) => Hash(inner.hash::<Hasher>()),
        Node::Leaf(leaf) => Hash(leaf.hash::<Hasher>()),
        Node::Null => EMPTY,
    }
}

/// The root of a height, from its node.
pub(crate) fn root<R: Reader + ?Sized>(reader: &R, height: Height) -> Result<Hash, StoreError> {
    load(reader, &root_key(root_version(height))).map(|node| node_hash(&node))
}

const EMPTY: Hash = Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

#[derive(Clone, Copy)]
struct Child {
    hash: Hash,
    version: u64,
    is_leaf: bool,
}

/// The hash of a part of an inner node's sixteen places: `places` has 1, 2, 4, 8 or 16 of them.
fn part_hash(places: &[Option<Child>]) -> Hash {
    if let Some(only) = only_leaf(places) {
        return only.hash;
    }
    match places {
        [] => EMPTY,
        [one] => one.map_or(EMPTY, |child| child.hash),
        _ if places.iter().all(Option::is_none) => EMPTY,
        _ => {
            let (left, right) = places.split_at(places.len() / 2);
            let mut bytes = Vec::with_capacity(80);
            bytes.extend_from_slice(jmt::proof::INTERNAL_DOMAIN_SEPARATOR);
            bytes.extend_from_slice(&part_hash(left).0);
            bytes.extend_from_slice(&part_hash(right).0);
            sha3_256(&bytes)
        }
    }
}

/// The child of a part that has no other, when it is a leaf: it then stands for the whole part.
fn only_leaf(places: &[Option<Child>]) -> Option<Child> {
    let mut children = places.iter().flatten();
    let first = children.next()?;
    (children.next().is_none() && first.is_leaf).then_some(*first)
}

/// The proof of a key's value, or of its absence, under the root of `height`.
pub(crate) fn prove<R: Reader + ?Sized>(reader: &R, height: Height, place: &Hash) -> Result<StateProof, StoreError> {
    let nibble = |depth: usize| {
        let byte = place.0.get(depth / 2).copied().unwrap_or(0);
        if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
    };
    // From the root down; turned round at the end.
    let mut siblings: Vec<Hash> = Vec::new();
    let mut version = root_version(height);
    let mut path: Vec<u8> = Vec::new();
    let mut leaf = None;
    'down: while path.len() <= MAX_DEPTH {
        let bytes = reader.get(Table::Tree, &node_key(version, path.iter().copied()))?;
        let bytes = bytes.ok_or_else(|| corrupt(format!("tree node {version}/{} is missing", hex::encode(&path))))?;
        let inner = match decode(&bytes)? {
            Node::Null => break,
            Node::Leaf(_) => {
                leaf = Some(read_leaf(&bytes)?);
                break;
            }
            Node::Internal(inner) => inner,
        };
        let mut places = [None; 16];
        for (index, child) in inner.children_sorted() {
            if let Some(entry) = places.get_mut(index.as_usize()) {
                *entry = Some(Child { hash: Hash(child.hash), version: child.version, is_leaf: child.is_leaf() });
            }
        }
        let wanted = nibble(path.len());
        let (mut part, mut start) = (&places[..], 0u8);
        while part.len() > 1 {
            let (left, right) = part.split_at(part.len() / 2);
            let (mine, other) = if wanted >> (part.len().trailing_zeros().saturating_sub(1)) & 1 == 0 {
                (left, right)
            } else {
                start = start.saturating_add(u8::try_from(left.len()).unwrap_or(0));
                (right, left)
            };
            siblings.push(part_hash(other));
            part = mine;
            if part.iter().all(Option::is_none) {
                break 'down;
            }
            if let Some(only) = only_leaf(part) {
                let offset = part.iter().position(Option::is_some).and_then(|o| u8::try_from(o).ok()).unwrap_or(0);
                path.push(start.saturating_add(offset));
                let key = node_key(only.version, path.iter().copied());
                let bytes = reader.get(Table::Tree, &key)?;
                let bytes = bytes.ok_or_else(|| corrupt(format!("tree leaf {} is missing", hex::encode(&key))))?;
                leaf = Some(read_leaf(&bytes)?);
                break 'down;
            }
        }
        let Some(Some(child)) = part.first() else { break };
        version = child.version;
        path.push(wanted);
    }
    siblings.reverse();
    let siblings = List::new(siblings).map_err(|e| corrupt(format!("a proof with too many steps: {e}")))?;
    Ok(StateProof { leaf, siblings })
}

/// A leaf as `jmt` encodes it: 2, key hash, value hash.
fn read_leaf(bytes: &[u8]) -> Result<ProofLeaf, StoreError> {
    let parts = bytes.split_first().and_then(|(tag, rest)| Some((tag, rest.split_first_chunk::<32>()?)));
    match parts {
        Some((2, (key, rest))) if rest.len() == 32 => {
            let value = <[u8; 32]>::try_from(rest).unwrap_or_default();
            Ok(ProofLeaf { key: Hash(*key), value: Hash(value) })
        }
        _ => Err(corrupt("a tree leaf cannot be decoded".into())),
    }
}

#[cfg(test)]
mod tests;
