//! The state tree: a Jellyfish Merkle tree from the `jmt` crate, hashed with SHA3-256.
//!
//! A leaf's place is `keyspace::key_hash` of its key, its value hash is plain SHA3-256 of the value;
//! `types::proof` states the form of the hashes and checks proofs without this crate.
//!
//! Each height has two tree versions: `2 height` for new values, which are put in one batch over sorted keys, and
//! `2 height + 1` for deletions, which the tree only does one by one. The root of a height always has the odd version.
//! What the second step replaces of the first is never written.

use crate::{
    cache::NodeCache,
    chain::corrupt,
    error::StoreError,
    kv::{Reader, Table},
    node::{self, Child, Parsed},
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
    sync::Arc,
};

/// Nibbles of a key hash, and so the deepest a tree can be.
const MAX_DEPTH: usize = 64;
/// Longest former value that is hashed to spare reading its leaf.
const CHEAP_VALUE: usize = 1024;
/// The hash of an empty subtree.
pub(crate) const EMPTY: Hash = Hash(*b"SPARSE_MERKLE_PLACEHOLDER_HASH__");

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

type Nodes = BTreeMap<Vec<u8>, Arc<[u8]>>;

/// What a commit writes into tree and history.
#[derive(Clone, Debug, Default)]
pub(crate) struct TreeChange {
    /// New nodes: keys and bytes as on disk.
    pub(crate) nodes: Nodes,
    /// Keys on disk of nodes that the new root no longer reaches.
    pub(crate) stale: BTreeSet<Vec<u8>>,
    /// The value before, of each key that is written, by ascending key hash.
    pub(crate) former: Vec<(Hash, Option<Vec<u8>>)>,
}

pub(crate) const fn values_version(height: Height) -> u64 {
    height.0.saturating_mul(2)
}

pub(crate) const fn root_version(height: Height) -> u64 {
    height.0.saturating_mul(2).saturating_add(1)
}

pub(crate) fn root_key(version: u64) -> Vec<u8> {
    node::key(version, std::iter::empty())
}

/// The inner node that was read last at some depth: where its leaves are.
#[derive(Clone, Default)]
struct Frame {
    path: Vec<u8>,
    leaves: [Option<u64>; 16],
}

/// Nodes for `jmt`: of the step before, from the cache, or from disk.
struct Source<'a, R> {
    reader: &'a R,
    cache: RefCell<&'a mut NodeCache>,
    former: &'a [(Hash, Option<Vec<u8>>)],
    frames: RefCell<Vec<Frame>>,
    /// The version that stands for the root of the height before, when no step has made one.
    alias: Option<(u64, u64)>,
    step: Nodes,
}

impl<R: Reader> Source<'_, R> {
    fn node(&self, key: &NodeKey) -> Result<Option<Node>, StoreError> {
        let mut disk = node::key_of(key);
        if let Some(bytes) = self.step.get(&disk) {
            return node::to_jmt(&node::parse(bytes)?).map(Some);
        }
        if let Some((from, to)) = self.alias
            && disk == root_key(from)
        {
            disk = root_key(to);
        }
        let Some((version, path)) = node::split(&disk) else { return Ok(None) };
        if let Some(leaf) = self.known_leaf(version, key) {
            return node::to_jmt(&node::parse(&leaf)?).map(Some);
        }
        let cached = self.cache.borrow_mut().get(path, version);
        let bytes = match cached {
            Some(bytes) => bytes,
            None => {
                let Some(bytes) = self.reader.get(Table::Tree, &disk)? else { return Ok(None) };
                let bytes: Arc<[u8]> = bytes.into();
                if node::is_inner(&bytes) {
                    self.cache.borrow_mut().put(path, version, Arc::clone(&bytes));
                }
                bytes
            }
        };
        let parsed = node::parse(&bytes)?;
        if let Parsed::Inner(places) = &parsed {
            let mut frames = self.frames.borrow_mut();
            let depth = key.nibble_path().num_nibbles();
            if frames.len() <= depth {
                frames.resize(depth.saturating_add(1), Frame::default());
            }
            if let Some(frame) = frames.get_mut(depth) {
                path.clone_into(&mut frame.path);
                frame.leaves = places.map(|place| place.filter(|child| child.is_leaf).map(|child| child.version));
            }
        }
        node::to_jmt(&parsed).map(Some)
    }

    /// The bytes of the node asked for, without reading it, when it is known to be a leaf and one of the keys that
    /// are written now had a value before and lies under the node's place: a leaf has its place for itself, so it is
    /// that key's, and its value is the former one.
    fn known_leaf(&self, version: u64, key: &NodeKey) -> Option<[u8; 65]> {
        let path = key.nibble_path();
        let depth = path.num_nibbles();
        let last = usize::from(u8::from(path.get_nibble(depth.checked_sub(1)?)));
        let frames = self.frames.borrow();
        let frame = frames.get(depth.checked_sub(1)?)?;
        let parent = node::key(0, (0..depth.checked_sub(1)?).map(|i| u8::from(path.get_nibble(i))));
        if parent.get(8..)? != frame.path || frame.leaves.get(last).copied().flatten()? != version {
            return None;
        }
        let prefix =
            |hash: &Hash| (0..depth).map(|i| nibble_of(hash, i)).cmp((0..depth).map(|i| path.get_nibble(i).into()));
        let start = self.former.partition_point(|(hash, _)| prefix(hash).is_lt());
        let under = self.former.get(start..)?.iter().take_while(|(hash, _)| prefix(hash).is_eq());
        let (hash, value) = under.filter_map(|(hash, value)| Some((hash, value.as_ref()?))).next()?;
        (value.len() <= CHEAP_VALUE).then(|| node::encode_leaf(hash, &sha3_256(value)))
    }
}

impl<R: Reader> TreeReader for Source<'_, R> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self.node(key)?)
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
    former.sort_unstable();

    let frames = RefCell::default();
    let (alias, step) = (None, Nodes::new());
    let mut source = Source { reader, cache: RefCell::new(cache), former: &former, frames, alias, step };
    let mut stale = BTreeSet::new();
    if puts.is_empty() {
        match before {
            Some(version) => source.alias = Some((first, version)),
            None => {
                source.step.insert(root_key(first), node::encode(&Node::Null)?.into());
            }
        }
    } else {
        let tree = JellyfishMerkleTree::<_, Hasher>::new(&source);
        let (_, batch) = tree.batch_put_value_sets(vec![puts], None, first).map_err(|e| fault(&e))?;
        (source.step, stale) = unpack(&batch)?;
    }
    if !deletes.is_empty() {
        let tree = JellyfishMerkleTree::<_, Hasher>::new(&source);
        let (_, batch) = tree.put_value_set(deletes, second).map_err(|e| fault(&e))?;
        let (step, replaced) = unpack(&batch)?;
        for key in replaced {
            if source.step.remove(&key).is_none() {
                stale.insert(key);
            }
        }
        source.step.extend(step);
    }

    // Whatever the steps did, the root stands at the odd version, and the root before is stale.
    let stepped = source.step.remove(&root_key(first));
    let root = match source.step.remove(&root_key(second)).or(stepped) {
        Some(root) => root,
        None => {
            let version = before.ok_or_else(|| corrupt("there is no root to start from"))?;
            load(reader, &root_key(version))?.into()
        }
    };
    let hash = node_hash(&node::parse(&root)?);
    stale.remove(&root_key(first));
    if let Some(version) = before {
        stale.insert(root_key(version));
    }
    let mut nodes = source.step;
    nodes.insert(root_key(second), root);
    Ok((hash, TreeChange { nodes, stale, former }))
}

fn unpack(batch: &TreeUpdateBatch) -> Result<(Nodes, BTreeSet<Vec<u8>>), StoreError> {
    let nodes = batch.node_batch.nodes().iter();
    let nodes = nodes.map(|(key, node)| Ok((node::key_of(key), node::encode(node)?.into())));
    let stale = batch.stale_node_index_batch.iter();
    let stale = stale.map(|StaleNodeIndex { node_key, .. }| node::key_of(node_key)).collect();
    Ok((nodes.collect::<Result<_, StoreError>>()?, stale))
}

/// Takes a committed change into the cache.
pub(crate) fn remember(cache: &mut NodeCache, change: TreeChange) {
    for (version, path) in change.stale.iter().filter_map(|key| node::split(key)) {
        cache.remove(path, version);
    }
    for (key, bytes) in change.nodes {
        if let Some((version, path)) = node::split(&key)
            && node::is_inner(&bytes)
        {
            cache.put(path, version, bytes);
        }
    }
}

fn load<R: Reader + ?Sized>(reader: &R, key: &[u8]) -> Result<Vec<u8>, StoreError> {
    reader.get(Table::Tree, key)?.ok_or_else(|| corrupt(format!("tree node {} is missing", hex::encode(key))))
}

fn node_hash(parsed: &Parsed) -> Hash {
    match parsed {
        Parsed::None => EMPTY,
        Parsed::Inner(places) => part_hash(&places[..]),
        Parsed::Leaf(leaf) => leaf_hash(leaf),
    }
}

pub(crate) fn leaf_hash(leaf: &ProofLeaf) -> Hash {
    sha3_256(&[jmt::proof::LEAF_DOMAIN_SEPARATOR, leaf.key.0.as_slice(), leaf.value.0.as_slice()].concat())
}

/// The root of a height, from its node.
pub(crate) fn root<R: Reader + ?Sized>(reader: &R, height: Height) -> Result<Hash, StoreError> {
    Ok(node_hash(&node::parse(&load(reader, &root_key(root_version(height)))?)?))
}

/// The hash of a part of an inner node's sixteen places: `places` has 1, 2, 4, 8 or 16 of them.
pub(crate) fn part_hash(places: &[Option<Child>]) -> Hash {
    if let Some(only) = only_leaf(places) {
        return only.hash;
    }
    match places {
        [] => EMPTY,
        [one] => one.map_or(EMPTY, |child| child.hash),
        _ if places.iter().all(Option::is_none) => EMPTY,
        _ => {
            let (left, right) = places.split_at(places.len() / 2);
            let mut hasher = Sha3_256::new();
            Digest::update(&mut hasher, jmt::proof::INTERNAL_DOMAIN_SEPARATOR);
            Digest::update(&mut hasher, part_hash(left).0);
            Digest::update(&mut hasher, part_hash(right).0);
            Hash(hasher.finalize().into())
        }
    }
}

/// The child of a part that has no other, when it is a leaf: it then stands for the whole part.
fn only_leaf(places: &[Option<Child>]) -> Option<Child> {
    let mut children = places.iter().flatten();
    let first = children.next()?;
    (children.next().is_none() && first.is_leaf).then_some(*first)
}

pub(crate) fn nibble_of(hash: &Hash, depth: usize) -> u8 {
    let byte = hash.0.get(depth / 2).copied().unwrap_or(0);
    if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 }
}

/// The proof of a key's value, or of its absence, under the root of `height`.
pub(crate) fn prove<R: Reader + ?Sized>(reader: &R, height: Height, place: &Hash) -> Result<StateProof, StoreError> {
    // From the root down; turned round at the end.
    let mut siblings: Vec<Hash> = Vec::new();
    let mut version = root_version(height);
    let mut path: Vec<u8> = Vec::new();
    let mut leaf = None;
    'down: while path.len() <= MAX_DEPTH {
        let places = match node::parse(&load(reader, &node::key(version, path.iter().copied()))?)? {
            Parsed::None => break,
            Parsed::Leaf(found) => {
                leaf = Some(found);
                break;
            }
            Parsed::Inner(places) => places,
        };
        let wanted = nibble_of(place, path.len());
        let (mut part, mut start) = (&places[..], 0usize);
        while part.len() > 1 {
            let half = part.len() / 2;
            let (left, right) = part.split_at(half);
            let (mine, other) = if usize::from(wanted) & half == 0 { (left, right) } else { (right, left) };
            start |= usize::from(wanted) & half;
            siblings.push(part_hash(other));
            part = mine;
            if part.iter().all(Option::is_none) {
                break 'down;
            }
            if let Some(only) = only_leaf(part) {
                // It may be another key's: then it proves that nothing else is in this part.
                let offset = part.iter().position(Option::is_some).unwrap_or(0);
                path.push(u8::try_from(start.saturating_add(offset)).unwrap_or(0));
                let bytes = load(reader, &node::key(only.version, path.iter().copied()))?;
                let Parsed::Leaf(found) = node::parse(&bytes)? else {
                    return Err(corrupt("a tree node is no leaf, but its parent says so"));
                };
                leaf = Some(found);
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

#[cfg(test)]
mod tests;
