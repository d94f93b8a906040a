//! Recent tree nodes in memory, within a budget of bytes.
//!
//! Computing a root reads the nodes on the way to every written key. The upper levels are read in every block, so they
//! are kept here. The cache has two generations: what is used moves to the young one; when that is full it becomes the
//! old one, and what was old and unused is dropped.

use jmt::storage::Node;
use std::collections::BTreeMap;

/// About what an inner node takes: sixteen children of 56 bytes, key and map.
const INNER_BYTES: usize = 1_100;
/// About what a leaf takes.
const LEAF_BYTES: usize = 220;

/// Nodes by their place in the tree, each with its version. A place has at most one node in the latest tree.
#[derive(Debug)]
pub(crate) struct NodeCache {
    young: BTreeMap<Vec<u8>, (u64, Node)>,
    old: BTreeMap<Vec<u8>, (u64, Node)>,
    young_bytes: usize,
    budget: usize,
}

const fn cost(node: &Node) -> usize {
    match node {
        Node::Internal(_) => INNER_BYTES,
        Node::Leaf(_) | Node::Null => LEAF_BYTES,
    }
}

impl NodeCache {
    /// A cache of at most `budget` bytes.
    pub(crate) const fn new(budget: usize) -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new(), young_bytes: 0, budget }
    }

    /// The node at `path` with this version.
    pub(crate) fn get(&mut self, path: &[u8], version: u64) -> Option<Node> {
        if let Some((found, node)) = self.young.get(path) {
            return (*found == version).then(|| node.clone());
        }
        let (found, node) = self.old.remove(path)?;
        let answer = (found == version).then(|| node.clone());
        self.put(path.to_vec(), found, node);
        answer
    }

    /// Keeps a node that is part of the latest tree.
    pub(crate) fn put(&mut self, path: Vec<u8>, version: u64, node: Node) {
        self.young_bytes = self.young_bytes.saturating_add(cost(&node));
        if let Some((_, before)) = self.young.insert(path, (version, node)) {
            self.young_bytes = self.young_bytes.saturating_sub(cost(&before));
        }
        if self.young_bytes > self.budget / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }

    /// Forgets the node at `path` when it has this version.
    pub(crate) fn remove(&mut self, path: &[u8], version: u64) {
        if self.young.get(path).is_some_and(|(found, _)| *found == version)
            && let Some((_, before)) = self.young.remove(path)
        {
            self.young_bytes = self.young_bytes.saturating_sub(cost(&before));
        }
        if self.old.get(path).is_some_and(|(found, _)| *found == version) {
            self.old.remove(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jmt::{KeyHash, storage::LeafNode};

    fn leaf(n: u8) -> Node {
        Node::Leaf(LeafNode::new(KeyHash([n; 32]), jmt::ValueHash([n; 32])))
    }

    #[test]
    fn the_budget_holds_and_used_nodes_stay() {
        let mut cache = NodeCache::new(LEAF_BYTES * 20);
        cache.put(vec![0], 1, leaf(0));
        for n in 1..200 {
            cache.put(vec![n], 1, leaf(n));
            assert!(cache.get(&[0], 1).is_some(), "a node that is used in every round is never dropped");
            assert!((cache.young.len() + cache.old.len()) * LEAF_BYTES <= cache.budget + LEAF_BYTES);
        }
    }

    #[test]
    fn another_version_is_not_given_out() {
        let mut cache = NodeCache::new(1 << 20);
        cache.put(vec![1], 5, leaf(1));
        assert!(cache.get(&[1], 4).is_none());
        cache.remove(&[1], 4);
        assert!(cache.get(&[1], 5).is_some());
        cache.remove(&[1], 5);
        assert!(cache.get(&[1], 5).is_none());
    }
}
