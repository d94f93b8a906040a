//! The tree over leaves that come in order, built in one pass: how a store begins at a checkpoint.
//!
//! The nodes are those that [`crate::tree`] makes when it is given all values at once. Only the nodes on the way to the
//! last leaf are kept; each goes out as soon as nothing more can come under it.

use crate::{
    error::StoreError,
    node::{self, Child, Places},
    tree,
};
use althing_types::{hash::Hash, id::Height, proof::ProofLeaf};

/// Nibbles of a key hash.
const NIBBLES: usize = 64;

/// Takes a node's key and bytes as on disk.
pub(crate) type Emit<'a> = &'a mut dyn FnMut(&[u8], &[u8]);

/// A tree under construction.
#[derive(Debug)]
pub(crate) struct Builder {
    version: u64,
    root_key: Vec<u8>,
    /// Inner nodes on the way to `last`, from the root down.
    open: Vec<Places>,
    /// The last leaf; where it goes depends on the next one.
    last: Option<ProofLeaf>,
}

fn nibbles(leaf: &ProofLeaf, depth: usize) -> impl Iterator<Item = u8> {
    (0..depth.min(NIBBLES)).map(move |i| tree::nibble_of(&leaf.key, i))
}

impl Builder {
    /// The tree of a height.
    pub(crate) fn new(height: Height) -> Self {
        Self {
            version: tree::values_version(height),
            root_key: tree::root_key(tree::root_version(height)),
            open: Vec::new(),
            last: None,
        }
    }

    /// Adds the next leaf.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] when its key hash is not greater than that of the leaf before.
    pub(crate) fn push(&mut self, leaf: ProofLeaf, emit: Emit<'_>) -> Result<(), StoreError> {
        if let Some(last) = self.last.take() {
            if last.key >= leaf.key {
                let (found, expected) = (leaf.key.to_string(), format!("above {}", last.key));
                return Err(StoreError::Mismatch { what: "next leaf", found, expected });
            }
            let shared = nibbles(&last, NIBBLES).zip(nibbles(&leaf, NIBBLES)).take_while(|(a, b)| a == b).count();
            while self.open.len() <= shared {
                self.open.push([None; 16]);
            }
            self.place(&last, emit);
            while self.open.len() > shared.saturating_add(1) {
                self.close(&last, emit);
            }
        }
        self.last = Some(leaf);
        Ok(())
    }

    /// Ends the tree; its root hash.
    pub(crate) fn finish(mut self, emit: Emit<'_>) -> Hash {
        let Some(last) = self.last.take() else {
            emit(&self.root_key, &node::encode_none());
            return tree::EMPTY;
        };
        if self.open.is_empty() {
            emit(&self.root_key, &node::encode_leaf(&last.key, &last.value));
            return tree::leaf_hash(&last);
        }
        self.place(&last, emit);
        while self.open.len() > 1 {
            self.close(&last, emit);
        }
        let places = self.open.pop().unwrap_or([None; 16]);
        emit(&self.root_key, &node::encode_places(&places));
        tree::part_hash(&places)
    }

    /// Puts a leaf under the deepest open node.
    fn place(&mut self, leaf: &ProofLeaf, emit: Emit<'_>) {
        let depth = self.open.len();
        emit(&node::key(self.version, nibbles(leaf, depth)), &node::encode_leaf(&leaf.key, &leaf.value));
        let child = Child { hash: tree::leaf_hash(leaf), version: self.version, leaves: 1, is_leaf: true };
        self.put(leaf, child);
    }

    /// Closes the deepest open node, which lies on the way to `leaf`, and puts it under the one above.
    fn close(&mut self, leaf: &ProofLeaf, emit: Emit<'_>) {
        let Some(places) = self.open.pop() else { return };
        emit(&node::key(self.version, nibbles(leaf, self.open.len())), &node::encode_places(&places));
        let leaves = places.iter().flatten().fold(0u64, |sum, child| sum.saturating_add(child.leaves));
        let child = Child { hash: tree::part_hash(&places), version: self.version, leaves, is_leaf: false };
        self.put(leaf, child);
    }

    fn put(&mut self, leaf: &ProofLeaf, child: Child) {
        let Some(depth) = self.open.len().checked_sub(1) else { return };
        let index = usize::from(tree::nibble_of(&leaf.key, depth));
        if let Some(place) = self.open.last_mut().and_then(|places| places.get_mut(index)) {
            *place = Some(child);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cache::NodeCache, memory::MemoryKv, storage::Writes};
    use althing_types::{hash::sha3_256, keyspace::key_hash};
    use std::collections::BTreeMap;

    #[test]
    fn the_tree_in_one_pass_is_the_one_that_jmt_makes() {
        for count in [0u32, 1, 2, 3, 17, 300, 2_000] {
            let writes: Writes = (0..count).map(|i| (i.to_be_bytes().to_vec(), Some(vec![i as u8; 3]))).collect();
            let mut cache = NodeCache::new(1 << 20);
            let (root, change) = tree::stage(&MemoryKv::default(), &mut cache, Height(0), &writes).unwrap();
            let mut leaves: Vec<_> = writes
                .iter()
                .map(|(key, value)| ProofLeaf { key: key_hash(key), value: sha3_256(value.as_ref().unwrap()) })
                .collect();
            leaves.sort_by_key(|leaf| leaf.key);
            let mut nodes = BTreeMap::new();
            let mut emit = |key: &[u8], bytes: &[u8]| assert_eq!(nodes.insert(key.to_vec(), bytes.to_vec()), None);
            let mut builder = Builder::new(Height(0));
            for leaf in leaves {
                builder.push(leaf, &mut emit).unwrap();
            }
            assert_eq!(builder.finish(&mut emit), root, "{count}");
            let theirs: BTreeMap<_, _> =
                change.nodes.iter().map(|(key, bytes)| (key.clone(), bytes.to_vec())).collect();
            assert_eq!(nodes, theirs, "{count}");
        }
    }

    #[test]
    fn leaves_out_of_order_are_refused() {
        let leaf = |byte| ProofLeaf { key: Hash([byte; 32]), value: Hash::ZERO };
        let mut builder = Builder::new(Height(5));
        builder.push(leaf(2), &mut |_, _| {}).unwrap();
        assert!(builder.push(leaf(2), &mut |_, _| {}).is_err());
    }
}
