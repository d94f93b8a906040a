//! Recent inner nodes of the latest tree in memory, within a budget of bytes.
//!
//! Computing a root reads the nodes on the way to every written key. The upper levels are read in every block, so they
//! are kept here, in the form they have on disk, which is much smaller than `jmt`'s. The cache has two generations:
//! what is used moves to the young one; when that is full it becomes the old one, and what was old and unused is
//! dropped.

use std::{collections::BTreeMap, sync::Arc};

/// About what an entry costs beside its bytes.
const ENTRY_OVERHEAD: usize = 96;

/// Nodes by their place in the tree, each with its version. A place has at most one node in the latest tree.
#[derive(Debug)]
pub(crate) struct NodeCache {
    young: BTreeMap<Vec<u8>, (u64, Arc<[u8]>)>,
    old: BTreeMap<Vec<u8>, (u64, Arc<[u8]>)>,
    young_bytes: usize,
    budget: usize,
}

const fn cost(bytes: &[u8]) -> usize {
    bytes.len().saturating_add(ENTRY_OVERHEAD)
}

impl NodeCache {
    /// A cache of at most `budget` bytes.
    pub(crate) const fn new(budget: usize) -> Self {
        Self { young: BTreeMap::new(), old: BTreeMap::new(), young_bytes: 0, budget }
    }

    /// The node at `path` with this version.
    pub(crate) fn get(&mut self, path: &[u8], version: u64) -> Option<Arc<[u8]>> {
        if let Some((found, bytes)) = self.young.get(path) {
            return (*found == version).then(|| Arc::clone(bytes));
        }
        let (found, bytes) = self.old.remove(path)?;
        let answer = (found == version).then(|| Arc::clone(&bytes));
        self.put(path, found, bytes);
        answer
    }

    /// Keeps a node that is part of the latest tree.
    pub(crate) fn put(&mut self, path: &[u8], version: u64, bytes: Arc<[u8]>) {
        self.young_bytes = self.young_bytes.saturating_add(cost(&bytes));
        if let Some(entry) = self.young.get_mut(path) {
            self.young_bytes = self.young_bytes.saturating_sub(cost(&entry.1));
            *entry = (version, bytes);
        } else {
            self.young.insert(path.to_vec(), (version, bytes));
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

    fn node() -> Arc<[u8]> {
        Arc::from([0u8; 104].as_slice())
    }

    #[test]
    fn the_budget_holds_and_used_nodes_stay() {
        let mut cache = NodeCache::new(200 * 20);
        cache.put(&[0], 1, node());
        for n in 1..200 {
            cache.put(&[n], 1, node());
            assert!(cache.get(&[0], 1).is_some(), "a node that is used in every round is never dropped");
            assert!((cache.young.len() + cache.old.len()) * 200 <= cache.budget + 200);
        }
    }

    #[test]
    fn another_version_is_not_given_out() {
        let mut cache = NodeCache::new(1 << 20);
        cache.put(&[1], 5, node());
        assert!(cache.get(&[1], 4).is_none());
        cache.remove(&[1], 4);
        assert!(cache.get(&[1], 5).is_some());
        cache.remove(&[1], 5);
        assert!(cache.get(&[1], 5).is_none());
    }
}
