//! Checkpoints of a store: they hold the state of their height, and a store that begins at one goes on like another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod common;

use althing_state::{
    Base, MemoryStore, RocksOptions, RocksStore, Storage, StoreError, Writes,
    checkpoint::{self, Checkpoint},
};
use althing_types::{checkpoint::Chunk, codec, hash::Hash, id::Height};
use std::{collections::BTreeMap, path::Path};

/// Every chunk in order, each checked.
fn chunks(checkpoint: &Checkpoint, root: &Hash) -> Vec<Chunk> {
    let (mut place, mut out) = (Some(Hash::ZERO), Vec::new());
    while let Some(at) = place {
        let bytes = checkpoint.chunk(&at).unwrap();
        let chunk: Chunk = codec::decode("chunk", &bytes, althing_types::checkpoint::MAX_CHUNK).unwrap();
        chunk.verify_at(checkpoint.height(), root, &at).unwrap();
        place = chunk.prefix.after();
        out.push(chunk);
    }
    out
}

fn entries_of(store: &dyn Storage, height: Height) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut found = BTreeMap::new();
    store
        .entries(height, &mut |place, key, value| {
            assert_eq!(*place, althing_types::keyspace::key_hash(key));
            assert_eq!(found.insert(key.to_vec(), value.to_vec()), None, "visited twice");
            true
        })
        .unwrap();
    found
}

/// Some keys change, some go and come back.
fn writes(height: u64) -> Writes {
    let key = |i: u64| format!("key-{i}").into_bytes();
    let mut out = Writes::new();
    for i in 0..60 {
        let number = (height * 37 + i * 11) % 300;
        let gone = (number + height).is_multiple_of(5);
        out.insert(key(number), (!gone).then(|| format!("{height}-{number}").into_bytes()));
    }
    out
}

fn filled(store: &dyn Storage, heights: u64) {
    store.initialise(&common::genesis("test"), &Writes::new()).unwrap();
    for height in 1..=heights {
        common::commit(store, &writes(height), 1);
    }
}

fn write(store: &dyn Storage, height: Height, folder: &Path) -> Checkpoint {
    let root = store.header(height).unwrap().unwrap().state_root;
    checkpoint::write(store, height, root, folder, &mut |_| true).unwrap()
}

#[test]
fn a_checkpoint_of_an_old_height_holds_that_state_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    filled(&store, 12);
    for height in [3, 7, 12].map(Height) {
        let view = store.view_at(height).unwrap();
        let expected: BTreeMap<_, _> = view.scan(&[], None, usize::MAX).unwrap().into_iter().collect();
        assert!(expected.len() > 20);
        assert_eq!(entries_of(&store, height), expected);
        let made = write(&store, height, folder.path());
        let root = store.header(height).unwrap().unwrap().state_root;
        assert_eq!(made.root(), root);
        let chunks = chunks(&made, &root);
        let found: BTreeMap<_, _> =
            chunks.iter().flat_map(|c| c.entries.iter()).map(|e| (e.key.to_vec(), e.value.to_vec())).collect();
        assert_eq!(found, expected);
        assert_eq!((made.entries(), made.chunks()), (expected.len() as u64, chunks.len()));
    }
    assert_eq!(checkpoint::list(folder.path()).unwrap(), [3, 7, 12].map(Height));
    checkpoint::remove(folder.path(), Height(7)).unwrap();
    std::fs::create_dir(folder.path().join("9.partial")).unwrap();
    assert_eq!(checkpoint::list(folder.path()).unwrap(), [3, 12].map(Height));
    assert!(!folder.path().join("9.partial").exists(), "half made, and still there");
    store.prune(Height(5)).unwrap();
    let pruned = store.entries(Height(3), &mut |_, _, _| true);
    assert!(matches!(pruned, Err(StoreError::Pruned { .. })), "{pruned:?}");
}

#[test]
fn a_large_state_is_cut_into_chunks_of_bounded_size() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    store.initialise(&common::genesis("test"), &Writes::new()).unwrap();
    let mut many = Writes::new();
    for i in 0..60_000u32 {
        many.insert(i.to_be_bytes().to_vec(), Some(vec![i as u8; 1_000]));
    }
    many.insert(b"long".to_vec(), Some(vec![7; 900_000]));
    common::commit(&store, &many, 1);
    let made = write(&store, Height(1), folder.path());
    let root = store.header(Height(1)).unwrap().unwrap().state_root;
    let chunks = chunks(&made, &root);
    assert!(chunks.len() > 100, "{} chunks of 60 MB", chunks.len());
    for chunk in &chunks {
        let bytes = chunk.entries.iter().map(althing_types::checkpoint::ChunkEntry::len).sum::<usize>();
        assert!(bytes <= althing_types::checkpoint::CHUNK_BYTES || chunk.entries.len() == 1, "{bytes} bytes");
    }
    assert!(!folder.path().join("1").join("spill-00").exists());
}

#[test]
fn a_store_that_begins_at_a_checkpoint_goes_on_with_the_same_roots() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    filled(&store, 9);
    let base = Height(9);
    let made = write(&store, base, folder.path());
    let header = store.header(base).unwrap().unwrap();
    let certificate = store.certificate(base).unwrap().unwrap();
    let authorities = store.authorities(base).unwrap().unwrap();
    let next_authorities = store.authorities(base.next()).unwrap().unwrap();
    let genesis = store.genesis().unwrap().unwrap();
    let joined = RocksStore::open(&folder.path().join("joined"), RocksOptions::default()).unwrap();
    let mut adoption = joined.adopt(base).unwrap();
    for chunk in chunks(&made, &header.state_root) {
        let leaves = chunk.verify(base, &header.state_root).unwrap();
        adoption.add(&chunk.entries, &leaves).unwrap();
    }
    assert!(joined.tip().unwrap().is_none(), "a store in the making shows a tip");
    adoption
        .finish(&Base {
            genesis: &genesis,
            header: &header,
            certificate: &certificate,
            authorities: &authorities,
            next_authorities: &next_authorities,
        })
        .unwrap();
    drop(joined);
    let joined = RocksStore::open(&folder.path().join("joined"), RocksOptions::default()).unwrap();
    assert_eq!(joined.tip().unwrap(), store.tip().unwrap());
    assert_eq!((joined.base().unwrap(), joined.oldest().unwrap()), (base, base));
    assert_eq!(entries_of(&joined, base), entries_of(&store, base));
    assert_eq!(joined.block(base).unwrap(), None, "a block that the store does not have");
    assert_eq!(joined.block(Height(3)).unwrap(), None);
    assert!(joined.adopt(base).is_err(), "a store that is not empty is filled");
    for height in 10..20 {
        let writes = writes(height);
        let (ours, theirs) =
            (store.stage(Height(height), &writes).unwrap(), joined.stage(Height(height), &writes).unwrap());
        assert_eq!(ours.root, theirs.root, "height {height}");
        common::commit(&store, &writes, 1);
        common::commit(&joined, &writes, 1);
        let key = b"key-11".as_slice();
        let (value, proof) = joined.prove(Height(height), key).unwrap();
        proof.verify(&ours.root, key, value.as_deref()).unwrap();
    }
    joined.prune(Height(15)).unwrap();
    assert!(matches!(joined.read(base, b"key-11"), Err(StoreError::Pruned { .. })));
}

#[test]
fn a_checkpoint_whose_entries_do_not_fit_the_header_is_not_put_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    filled(&store, 2);
    let wrong = checkpoint::write(&store, Height(2), Hash([1; 32]), folder.path(), &mut |_| true);
    assert!(matches!(wrong, Err(checkpoint::CheckpointError::Root { .. })), "{wrong:?}");
    assert!(checkpoint::list(folder.path()).unwrap().is_empty());
}
