//! The tree against `jmt`'s own proofs and against a tree computed from nothing but the form in `types::proof`.

use super::*;
use crate::{
    kv::{Batch, Durability, Kv},
    memory::MemoryKv,
};
use althing_types::proof::{ProofError, ProofLeaf};
use jmt::proof::SparseMerkleProof;
use proptest::prelude::*;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

/// A tree in memory, with the state beside it.
struct Grove {
    kv: MemoryKv,
    cache: NodeCache,
    height: Height,
    model: Model,
}

impl Grove {
    fn new(writes: &Writes, cache_bytes: usize) -> (Self, Hash) {
        let kv = MemoryKv::default();
        let mut grove = Self { kv, cache: NodeCache::new(cache_bytes), height: Height(0), model: Model::new() };
        let (root, change) = stage(&grove.kv, &mut grove.cache, Height(0), writes).unwrap();
        grove.write(writes, change);
        (grove, root)
    }

    fn apply(&mut self, writes: &Writes) -> Hash {
        let height = self.height.next();
        let (root, change) = stage(&self.kv, &mut self.cache, height, writes).unwrap();
        self.height = height;
        self.write(writes, change);
        root
    }

    fn write(&mut self, writes: &Writes, change: TreeChange) {
        let mut batch = self.kv.batch();
        for (key, bytes) in &change.nodes {
            batch.put(Table::Tree, key, bytes);
        }
        // Pruned at once: only the latest tree is kept, so a node that is wrongly called stale is missed.
        for key in &change.stale {
            assert!(self.kv.get(Table::Tree, key).unwrap().is_some(), "a stale node was there");
            batch.delete(Table::Tree, key);
        }
        for (key, value) in writes {
            match value {
                Some(value) => {
                    batch.put(Table::State, key, value);
                    self.model.insert(key.clone(), value.clone());
                }
                None => {
                    batch.delete(Table::State, key);
                    self.model.remove(key);
                }
            }
        }
        self.kv.write(batch, Durability::Synced).unwrap();
        remember(&mut self.cache, change);
    }

    fn nodes(&self) -> usize {
        let mut count = 0;
        self.kv
            .scan(Table::Tree, &[], &mut |_, _| {
                count += 1;
                true
            })
            .unwrap();
        count
    }
}

/// The root by the form alone: an empty subtree is a constant, a subtree with one leaf is that leaf.
fn root_by_definition(model: &Model) -> Hash {
    fn subtree(leaves: &[(Hash, Hash)], depth: usize) -> Hash {
        match leaves {
            [] => EMPTY,
            [(key, value)] => sha3_256(&[b"JMT::LeafNode".as_slice(), &key.0, &value.0].concat()),
            _ => {
                let ones = leaves.partition_point(|(key, _)| key.0[depth / 8] >> (7 - depth % 8) & 1 == 0);
                let (left, right) = leaves.split_at(ones);
                let parts = [subtree(left, depth + 1), subtree(right, depth + 1)];
                sha3_256(&[b"JMT::IntrnalNode".as_slice(), &parts[0].0, &parts[1].0].concat())
            }
        }
    }
    let mut leaves: Vec<_> = model.iter().map(|(key, value)| (key_hash(key), sha3_256(value))).collect();
    leaves.sort_unstable();
    subtree(&leaves, 0)
}

/// Nodes a tree of these leaves has, so that neither garbage is left nor anything is missing.
fn nodes_by_definition(model: &Model) -> usize {
    fn subtree(keys: &[Hash], depth: usize) -> usize {
        match keys.len() {
            0 => 0,
            1 => 1,
            _ => {
                1 + keys
                    .chunk_by(|a, b| nibble_of(a, depth) == nibble_of(b, depth))
                    .map(|part| subtree(part, depth + 1))
                    .sum::<usize>()
            }
        }
    }
    let mut keys: Vec<_> = model.keys().map(|key| key_hash(key)).collect();
    keys.sort_unstable();
    subtree(&keys, 0).max(1)
}

struct Oracle<'a>(&'a Grove);

impl TreeReader for Oracle<'_> {
    fn get_node_option(&self, key: &NodeKey) -> anyhow::Result<Option<Node>> {
        Ok(self
            .0
            .kv
            .get(Table::Tree, &node::key_of(key))?
            .map(|bytes| node::to_jmt(&node::parse(&bytes).unwrap()).unwrap()))
    }
    fn get_value_option(&self, _: u64, place: KeyHash) -> anyhow::Result<Option<Vec<u8>>> {
        Ok(self.0.model.iter().find(|(key, _)| key_hash(key).0 == place.0).map(|(_, value)| value.clone()))
    }
    fn get_rightmost_leaf(&self) -> anyhow::Result<Option<(NodeKey, LeafNode)>> {
        Ok(None)
    }
}

#[derive(borsh::BorshDeserialize)]
enum JmtSibling {
    Null,
    Inner([u8; 32], [u8; 32]),
    Leaf([u8; 32], [u8; 32]),
}

/// Key hash and value hash.
type JmtLeaf = ([u8; 32], [u8; 32]);

/// A proof of `jmt` in our form.
fn translate(proof: &SparseMerkleProof<Hasher>) -> StateProof {
    let bytes = borsh::to_vec(proof).unwrap();
    let (leaf, siblings): (Option<JmtLeaf>, Vec<JmtSibling>) = borsh::from_slice(&bytes).unwrap();
    let leaf = leaf.map(|(key, value)| ProofLeaf { key: Hash(key), value: Hash(value) });
    let siblings = siblings.into_iter().map(|sibling| match sibling {
        JmtSibling::Null => EMPTY,
        JmtSibling::Inner(a, b) => sha3_256(&[b"JMT::IntrnalNode".as_slice(), &a, &b].concat()),
        JmtSibling::Leaf(a, b) => sha3_256(&[b"JMT::LeafNode".as_slice(), &a, &b].concat()),
    });
    StateProof { leaf, siblings: List::new(siblings.collect()).unwrap() }
}

fn check_all(grove: &Grove, root: &Hash) {
    assert_eq!(*root, root_by_definition(&grove.model));
    assert_eq!(grove.nodes(), nodes_by_definition(&grove.model));
    let oracle = Oracle(grove);
    let jmt = JellyfishMerkleTree::<_, Hasher>::new(&oracle);
    for key in (0..48u8).map(|n| vec![n]) {
        let place = key_hash(&key);
        let value = grove.model.get(&key).map(Vec::as_slice);
        let proof = prove(&grove.kv, grove.height, &place).unwrap();
        assert_eq!(proof.verify(root, &key, value), Ok(()));
        let (their_value, theirs) = jmt.get_with_proof(KeyHash(place.0), root_version(grove.height)).unwrap();
        assert_eq!(their_value.as_deref(), value);
        assert_eq!(proof, translate(&theirs), "our proof is jmt's");
        assert!(theirs.verify(jmt::RootHash(root.0), KeyHash(place.0), value).is_ok());
        // The opposite claim has no proof.
        let opposite = if value.is_some() { None } else { Some(b"forged".as_slice()) };
        assert!(proof.verify(root, &key, opposite).is_err());
        assert!(proof.verify(&sha3_256(b"other root"), &key, value).is_err());
    }
}

fn writes() -> impl Strategy<Value = Writes> {
    let value = proptest::option::weighted(0.6, prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::btree_map((0..40u8).prop_map(|n| vec![n]), value, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_is_the_one_of_the_definition_and_of_jmt(
        first in writes(), rest in prop::collection::vec(writes(), 0..8), cache in prop_oneof![Just(0usize), Just(1 << 20)]
    ) {
        let (mut grove, root) = Grove::new(&first, cache);
        check_all(&grove, &root);
        for writes in rest {
            let root = grove.apply(&writes);
            check_all(&grove, &root);
        }
    }

    #[test]
    fn a_changed_proof_proves_nothing(first in writes(), key in 0..40u8, flip in any::<(usize, u8)>()) {
        let (grove, root) = Grove::new(&first, 0);
        let key = vec![key];
        let proof = prove(&grove.kv, grove.height, &key_hash(&key)).unwrap();
        let value = grove.model.get(&key).map(Vec::as_slice);
        let mut bytes = althing_types::codec::encode(&proof);
        let at = flip.0 % bytes.len();
        bytes[at] ^= 1 << (flip.1 % 8);
        if let Ok(changed) = althing_types::codec::decode::<StateProof>("proof", &bytes, 10_000) {
            prop_assert!(changed.verify(&root, &key, value).is_err());
        }
    }
}

#[test]
fn the_empty_tree_and_a_single_leaf_are_provable() {
    let (mut grove, root) = Grove::new(&Writes::new(), 0);
    assert_eq!(root, EMPTY);
    check_all(&grove, &root);
    let root = grove.apply(&Writes::from([(vec![7], Some(b"x".to_vec()))]));
    check_all(&grove, &root);
    let proof = prove(&grove.kv, grove.height, &key_hash(&[8])).unwrap();
    assert!(proof.leaf.is_some() && proof.siblings.is_empty());
    assert_eq!(proof.verify(&root, &[7], None), Err(ProofError::Present));
    let root = grove.apply(&Writes::from([(vec![7], None), (vec![9], None)]));
    assert_eq!(root, EMPTY);
    check_all(&grove, &root);
    let root = grove.apply(&Writes::new());
    check_all(&grove, &root);
}

#[test]
fn a_leaf_from_elsewhere_proves_no_absence() {
    let writes: Writes = (0..40u8).map(|n| (vec![n], Some(vec![n]))).collect();
    let (grove, root) = Grove::new(&writes, 0);
    // Another key's honest proof, offered as proof that key 3 is absent.
    for other in (0..40u8).filter(|other| *other != 3) {
        let proof = prove(&grove.kv, grove.height, &key_hash(&[other])).unwrap();
        assert!(proof.verify(&root, &[3], None).is_err());
    }
}

#[test]
fn golden_root() {
    let writes: Writes = (0..100u8).map(|n| (vec![0, n], Some(vec![n; usize::from(n)]))).collect();
    let (mut grove, root) = Grove::new(&writes, 0);
    assert_eq!(root.to_string(), "a3df3b49fe3a157a8ca1b5f671e055734b44bf5b36b673b14960036cae936216");
    let writes: Writes = (50..120u8).map(|n| (vec![0, n], (n % 3 != 0).then(|| vec![n]))).collect();
    assert_eq!(grove.apply(&writes).to_string(), "62c4a55725bcf442e21bd57ed4f6c48d770ce051017ebabe37273957c41e95b6");
}
