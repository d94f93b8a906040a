//! What every store does, in memory and on disk.

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
    Commit, MAX_ABNORMAL, MemoryStore, RocksOptions, RocksStore, Storage, StoreError, WriteFault, Writes,
};
use althing_types::{
    authority::{AuthorityList, Threshold},
    codec::{List, Text},
    crypto::PublicKey,
    event::EventId,
    hash::{Hash, sha3_256},
    id::{ChainId, Height},
    recovery::{ProvenRecovery, RecoveryPlan, SignedRecovery},
    transaction::{Abnormal, AbnormalCode},
};
use common::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// What the state should hold.
type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn on_disk() -> (TempDir, RocksStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = RocksStore::open(&folder.path().join("store"), RocksOptions::default()).unwrap();
    (folder, store)
}

/// Runs a check on a fresh store of each kind.
fn on_both(check: impl Fn(&dyn Storage)) {
    let memory = MemoryStore::new();
    memory.initialise(&genesis("test"), &put(&[("a", "1")])).unwrap();
    check(&memory);
    let (_folder, disk) = on_disk();
    disk.initialise(&genesis("test"), &put(&[("a", "1")])).unwrap();
    check(&disk);
}

#[test]
fn an_empty_store_has_no_tip_and_stages_nothing() {
    let store = MemoryStore::new();
    assert_eq!(store.tip().unwrap(), None);
    assert_eq!(store.genesis().unwrap(), None);
    assert_eq!(store.stage(Height(1), &Writes::new()).unwrap_err(), StoreError::Empty);
    assert_eq!(store.view().read(b"a").unwrap(), None);
}

#[test]
fn genesis_is_written_once_and_another_is_refused() {
    on_both(|store| {
        let tip = store.tip().unwrap().unwrap();
        assert_eq!((tip.height, tip.block, tip.header.clone()), (Height(0), genesis("test").hash(), None));
        assert_eq!(store.initialise(&genesis("test"), &Writes::new()).unwrap(), tip.state_root);
        let error = store.initialise(&genesis("other"), &Writes::new()).unwrap_err();
        let expected = StoreError::OtherGenesis { found: genesis("test").hash(), given: genesis("other").hash() };
        assert_eq!(error, expected);
        commit(store, &put(&[("a", "2")]), 0);
        assert_eq!(store.initialise(&genesis("test"), &Writes::new()).unwrap(), tip.state_root, "height 0's root");
        assert_eq!(store.genesis().unwrap(), Some(genesis("test")));
        assert_eq!(store.authorities(Height(1)).unwrap(), Some(list()));
        assert_eq!(store.authorities(Height(3)).unwrap(), None);
    });
}

#[test]
fn everything_of_a_block_is_found_again() {
    on_both(|store| {
        commit(store, &put(&[("a", "2"), ("b", "3")]), 0);
        let staged = store.stage(Height(2), &put(&[("a", "")])).unwrap();
        let (block, certificate, receipts) = next_block(store, staged.root, 5);
        let (next_authorities, writes) = (&list(), &put(&[("a", "")]));
        let commit =
            Commit { block: &block, certificate: &certificate, receipts: &receipts, next_authorities, staged, writes };
        store.commit(commit).unwrap();
        assert_eq!(store.block(Height(2)).unwrap(), Some(block.clone()));
        assert_eq!(store.header(Height(2)).unwrap(), Some(block.header.clone()));
        assert_eq!(store.certificate(Height(2)).unwrap(), Some(certificate));
        assert_eq!(store.height_of_block(&block.header.hash()).unwrap(), Some(Height(2)));
        assert_eq!(store.receipts(Height(2)).unwrap(), Some(receipts.clone()));
        assert_eq!(store.receipt(Height(2), 4).unwrap(), Some(receipts[4].clone()));
        assert_eq!(store.receipt(Height(2), 5).unwrap(), None);
        assert_eq!(store.transaction(&receipts[3].transaction).unwrap(), Some((Height(2), 3)));
        assert_eq!(store.transaction(&Hash::ZERO).unwrap(), None);
        assert_eq!(store.authorities(Height(3)).unwrap(), Some(list()));
        let tip = store.tip().unwrap().unwrap();
        assert_eq!((tip.height, tip.header), (Height(2), Some(block.header)));
        assert_eq!(store.receipts(Height(1)).unwrap(), Some(Vec::new()));
        assert_eq!(store.receipts(Height(3)).unwrap(), None);
        assert_eq!(store.block(Height(0)).unwrap(), None);
    });
}

fn recovery(number: u16) -> ProvenRecovery {
    let signed = SignedRecovery::unsigned(RecoveryPlan {
        chain: ChainId::new("test").unwrap(),
        height: Height(0),
        block: Hash::ZERO,
        number,
        authorities: AuthorityList::new(list().members().to_vec(), Threshold::Half).unwrap(),
        reason: Text::default(),
        drafted_ms: 0,
    });
    ProvenRecovery { signed, entries: List::default() }
}

#[test]
fn a_kept_recovery_lasts_until_the_next_commit_and_its_list_has_decided_that_height() {
    on_both(|store| {
        assert_eq!(store.kept_recovery().unwrap(), None);
        store.keep_recovery(&recovery(1)).unwrap();
        store.keep_recovery(&recovery(2)).unwrap();
        assert_eq!(store.kept_recovery().unwrap(), Some(recovery(2)));
        let (next_authorities, writes) = (&list(), &put(&[("a", "2")]));
        let staged = store.stage(Height(1), writes).unwrap();
        let (mut block, certificate, receipts) = next_block(store, staged.root, 0);
        block.recovery = Some(recovery(2));
        let commit =
            Commit { block: &block, certificate: &certificate, receipts: &receipts, next_authorities, staged, writes };
        store.commit(commit).unwrap();
        assert_eq!(store.kept_recovery().unwrap(), None);
        assert_eq!(store.recovery(Height(1)).unwrap(), Some(recovery(2)));
        assert_eq!(store.block(Height(1)).unwrap(), Some(block));
        assert_eq!(store.authorities(Height(1)).unwrap().unwrap().threshold(), Threshold::Half);
        assert_eq!(store.authorities(Height(2)).unwrap(), Some(list()));
    });
    // It is synced: power may go at once.
    let memory = MemoryStore::new();
    memory.initialise(&genesis("test"), &put(&[("a", "1")])).unwrap();
    memory.keep_recovery(&recovery(1)).unwrap();
    assert_eq!(memory.crash(0).kept_recovery().unwrap(), Some(recovery(1)));
}

#[test]
fn a_commit_that_does_not_belong_together_changes_nothing() {
    on_both(|store| {
        let writes = &put(&[("a", "2")]);
        let staged = store.stage(Height(1), writes).unwrap();
        let (block, certificate, receipts) = next_block(store, staged.root, 2);
        let next_authorities = &list();
        let good = || Commit {
            block: &block,
            certificate: &certificate,
            receipts: &receipts,
            next_authorities,
            staged: staged.clone(),
            writes,
        };
        let refused = |commit: Commit<'_>, field: &str| {
            let before = store.tip().unwrap();
            let error = store.commit(commit).unwrap_err();
            assert!(matches!(&error, StoreError::Mismatch { what, .. } if *what == field), "{error}");
            assert_eq!(store.tip().unwrap(), before);
        };
        refused(Commit { receipts: &receipts[..1], ..good() }, "number of receipts");
        refused(Commit { writes: &put(&[]), ..good() }, "number of writes");
        refused(Commit { staged: store.stage(Height(1), &put(&[("a", "3")])).unwrap(), ..good() }, "staged state root");
        let mut other = block.clone();
        other.header.previous = Hash::ZERO;
        refused(Commit { block: &other, ..good() }, "previous block");
        let mut other = block.clone();
        other.header.height = Height(2);
        refused(Commit { block: &other, ..good() }, "height");
        let mut other = certificate.clone();
        other.block = Hash::ZERO;
        refused(Commit { certificate: &other, ..good() }, "certified block");
        store.commit(good()).unwrap();
        refused(good(), "height");
        assert!(matches!(store.stage(Height(1), writes), Err(StoreError::Mismatch { what: "staged height", .. })));
    });
}

#[test]
fn staging_writes_nothing_and_either_candidate_can_be_committed() {
    on_both(|store| {
        let root = store.tip().unwrap().unwrap().state_root;
        let one = store.stage(Height(1), &put(&[("a", "2")])).unwrap();
        let two = store.stage(Height(1), &put(&[("b", "2")])).unwrap();
        assert_ne!(one.root, two.root);
        assert_eq!(store.tip().unwrap().unwrap().state_root, root);
        assert_eq!(store.view().read(b"b").unwrap(), None);
        assert_eq!(commit(store, &put(&[("b", "2")]), 0), two.root);
        // What was staged under the old tip can no longer be committed.
        let (block, certificate, receipts) = next_block(store, one.root, 0);
        let (next_authorities, writes) = (&list(), &put(&[("a", "2")]));
        let late = Commit {
            block: &block,
            certificate: &certificate,
            receipts: &receipts,
            next_authorities,
            staged: one,
            writes,
        };
        assert!(matches!(store.commit(late), Err(StoreError::Mismatch { what: "staged height", .. })));
    });
}

#[test]
fn a_view_does_not_change_and_scans_in_order() {
    on_both(|store| {
        commit(store, &put(&[("p1", "x"), ("p2", "y"), ("p3", "z"), ("q", "w")]), 0);
        let view = store.view();
        commit(store, &put(&[("p2", ""), ("p4", "n")]), 0);
        let keys = |view: &dyn althing_types::view::StateView, after: Option<&[u8]>, limit| {
            let entries = view.scan(b"p", after, limit).unwrap();
            entries.into_iter().map(|(k, _)| String::from_utf8(k).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(keys(&*view, None, 10), ["p1", "p2", "p3"]);
        assert_eq!(view.read(b"p2").unwrap(), Some(key("y")));
        let now = store.view();
        assert_eq!(keys(&*now, None, 10), ["p1", "p3", "p4"]);
        assert_eq!(keys(&*now, Some(b"p1"), 1), ["p3"]);
        assert_eq!(keys(&*now, Some(b"p4"), 1), Vec::<String>::new());
        assert_eq!(keys(&*now, Some(b"a"), 1), ["p1"]);
        assert_eq!(keys(&*now, None, 0), Vec::<String>::new());
        assert_eq!(now.scan(b"", None, 100).unwrap().len(), 5);
    });
}

#[test]
fn old_states_are_readable_and_provable_until_they_are_pruned() {
    on_both(|store| {
        let mut models: Vec<(Hash, Model)> =
            vec![(store.tip().unwrap().unwrap().state_root, BTreeMap::from([(key("a"), key("1"))]))];
        for block in 1..30 {
            let writes = some_writes(block, 20);
            let mut model = models.last().unwrap().1.clone();
            for (key, value) in &writes {
                match value {
                    Some(value) => model.insert(key.clone(), value.clone()),
                    None => model.remove(key),
                };
            }
            models.push((commit(store, &writes, 0), model));
        }
        let keys: Vec<_> = (0..97u64).map(|n| sha3_256(&n.to_le_bytes()).0[..12].to_vec()).collect();
        let check = |from: u64| {
            for height in from..30 {
                let (root, model) = &models[height as usize];
                let view = store.view_at(Height(height)).unwrap();
                let all: Vec<_> = model.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                assert_eq!(view.scan(&[], None, 1000).unwrap(), all, "deleted keys among them");
                let (middle, rest) = (&all[all.len() / 2].0, &all[all.len() / 2 + 1..]);
                assert_eq!(view.scan(&[], Some(middle), 3).unwrap(), rest[..rest.len().min(3)]);
                for key in &keys {
                    assert_eq!(view.read(key).unwrap().as_ref(), model.get(key));
                    let (value, proof) = store.prove(Height(height), key).unwrap();
                    assert_eq!(value.as_ref(), model.get(key));
                    assert_eq!(store.read(Height(height), key).unwrap(), value);
                    proof.verify(root, key, value.as_deref()).unwrap();
                }
            }
        };
        check(0);
        let mut oldest = Height(0);
        while oldest < Height(12) {
            oldest = store.prune(Height(12)).unwrap();
        }
        assert_eq!(store.oldest().unwrap(), Height(12));
        check(12);
        assert!(matches!(store.view_at(Height(11)), Err(StoreError::Pruned { .. })));
        assert_eq!(
            store.prove(Height(11), b"a").unwrap_err(),
            StoreError::Pruned { height: Height(11), oldest: Height(12) }
        );
        assert_eq!(
            store.read(Height(30), b"a").unwrap_err(),
            StoreError::NotYet { height: Height(30), tip: Height(29) }
        );
        assert_eq!(store.prune(Height(5)).unwrap(), Height(12), "never back");
        assert_eq!(store.prune(Height(1000)).unwrap(), Height(29), "never past the tip");
        check(29);
        assert!(store.block(Height(3)).unwrap().is_some(), "blocks are kept");
    });
}

#[test]
fn events_are_followed_from_any_cursor() {
    on_both(|store| {
        for block in 1..=6 {
            commit(store, &put(&[("a", &block.to_string())]), if block % 2 == 0 { 7 } else { 0 });
        }
        let all = store.events(EventId { height: Height(0), index: 0 }, 1000).unwrap();
        assert_eq!(all.events.len(), 3 * 6, "three blocks of seven receipts with 0, 1, 2, 0, 1, 2, 0 events");
        assert_eq!(all.next, EventId { height: Height(7), index: 0 });
        for limit in 1..8 {
            let (mut found, mut at) = (Vec::new(), EventId { height: Height(0), index: 0 });
            while at.height <= Height(6) {
                let page = store.events(at, limit).unwrap();
                assert!(page.events.len() <= limit && page.next > at);
                found.extend(page.events);
                at = page.next;
            }
            assert_eq!(found, all.events, "limit {limit}");
        }
        let later = EventId { height: Height(9), index: 3 };
        assert_eq!(store.events(later, 5).unwrap().next, later);
    });
}

#[test]
fn the_log_is_kept_until_the_commit() {
    on_both(|store| {
        store.log_append(b"one").unwrap();
        store.log_append(b"two").unwrap();
        assert_eq!(store.log_read().unwrap(), [key("one"), key("two")]);
        store.log_sync().unwrap();
        store.log_append(b"three").unwrap();
        assert_eq!(store.log_read().unwrap(), [key("one"), key("two"), key("three")]);
        commit(store, &put(&[]), 0);
        assert_eq!(store.log_read().unwrap(), Vec::<Vec<u8>>::new());
        store.log_append(b"four").unwrap();
        store.log_sync().unwrap();
        store.log_sync().unwrap();
        assert_eq!(store.log_read().unwrap(), [key("four")]);
    });
}

#[test]
fn abnormal_marks_are_kept_in_a_ring() {
    let mark = |n: u64| Abnormal {
        transaction: sha3_256(&(n / 2).to_le_bytes()),
        operator: PublicKey([1; 32]),
        height: Height(n),
        code: AbnormalCode::Expired,
        message: Text::default(),
    };
    let store = MemoryStore::new();
    for n in 1..=MAX_ABNORMAL + 5 {
        store.put_abnormal(&mark(n)).unwrap();
    }
    let first = store.abnormal(0, 3).unwrap();
    assert_eq!(first.iter().map(|kept| kept.number).collect::<Vec<_>>(), [6, 7, 8]);
    assert_eq!(store.abnormal(MAX_ABNORMAL, 100).unwrap().len(), 5);
    assert_eq!(store.abnormal(0, usize::MAX).unwrap().len() as u64, MAX_ABNORMAL);
    assert_eq!(store.abnormal_of(&mark(1).transaction).unwrap(), None);
    assert_eq!(store.abnormal_of(&mark(9).transaction).unwrap(), Some(mark(9)), "the last mark of two");
    let again = store.crash(0);
    again.put_abnormal(&mark(7)).unwrap();
    assert_eq!(again.abnormal(MAX_ABNORMAL + 5, 9).unwrap()[0].number, MAX_ABNORMAL + 6);
}

#[test]
fn a_crash_in_memory_loses_what_was_not_synced() {
    let store = MemoryStore::new();
    store.initialise(&genesis("test"), &Writes::new()).unwrap();
    store.log_append(b"one").unwrap();
    store.log_sync().unwrap();
    store.log_append(b"two").unwrap();
    store.log_append(b"three").unwrap();
    assert_eq!(store.crash(0).log_read().unwrap(), [key("one")]);
    let store = MemoryStore::new();
    store.log_append(b"two").unwrap();
    store.log_append(b"three").unwrap();
    assert_eq!(store.crash(1).log_read().unwrap(), [key("two")]);
}

#[test]
fn after_a_failed_write_nothing_is_written_until_the_store_is_opened_again() {
    for (fault, survives) in
        [(WriteFault::DiskFull, false), (WriteFault::NotWritten, false), (WriteFault::Written, true)]
    {
        let store = MemoryStore::new();
        store.initialise(&genesis("test"), &Writes::new()).unwrap();
        store.fail_next_write(fault);
        let error = try_commit(&store, &put(&[("a", "1")]), 1).unwrap_err();
        match fault {
            WriteFault::DiskFull => assert!(matches!(error, StoreError::DiskFull { .. })),
            _ => assert!(matches!(error, StoreError::Broken { .. })),
        }
        assert_eq!(store.log_append(b"x").unwrap_err(), error);
        assert_eq!(store.log_sync().unwrap_err(), error);
        assert_eq!(store.prune(Height(0)).unwrap(), Height(0));
        assert_eq!(try_commit(&store, &put(&[("b", "1")]), 0).unwrap_err(), error);
        let store = store.crash(0);
        let expected = if survives { Some(key("1")) } else { None };
        assert_eq!(store.view().read(b"a").unwrap(), expected);
        assert_eq!(store.tip().unwrap().unwrap().height, Height(u64::from(survives)));
        commit(&store, &put(&[("c", "1")]), 0);
    }
}

#[test]
fn golden_roots() {
    on_both(|store| {
        let roots: Vec<_> = (1..=3).map(|block| commit(store, &some_writes(block, 50), 0).to_string()).collect();
        assert_eq!(
            roots,
            [
                "7f5a6dd40ebbb6afaae1ea312bc8f10a3cfbcaa7bdd564c2ecd24971bc9315e4",
                "3f7056d529f4f9dfd1d4da6cbccf499d19e1265d45e8707001ca8be8e9d458ac",
                "cd111a437a36188d734b6fa8e23497abb63f6045ccb621cce9a23cc8774db6ab"
            ]
        );
    });
}

fn writes() -> impl Strategy<Value = Writes> {
    let value = proptest::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..40));
    prop::collection::btree_map(prop::collection::vec(0..3u8, 1..4), value, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_and_disk_agree(blocks in prop::collection::vec(writes(), 1..12), reopen in 0..12usize) {
        let memory = MemoryStore::new();
        let (folder, mut disk) = on_disk();
        memory.initialise(&genesis("test"), &Writes::new()).unwrap();
        disk.initialise(&genesis("test"), &Writes::new()).unwrap();
        for (number, writes) in blocks.iter().enumerate() {
            if number == reopen {
                drop(disk);
                disk = RocksStore::open(&folder.path().join("store"), RocksOptions::default()).unwrap();
            }
            prop_assert_eq!(commit(&memory, writes, 2), commit(&disk, writes, 2));
            memory.prune(Height((number / 2) as u64)).unwrap();
            disk.prune(Height((number / 2) as u64)).unwrap();
        }
        prop_assert_eq!(memory.view().scan(&[], None, 1000).unwrap(), disk.view().scan(&[], None, 1000).unwrap());
        for height in (blocks.len() as u64) / 2..=blocks.len() as u64 {
            let scans = [memory.view_at(Height(height)).unwrap(), disk.view_at(Height(height)).unwrap()]
                .map(|view| view.scan(&[1], None, 1000).unwrap());
            prop_assert_eq!(&scans[0], &scans[1]);
            for n in 0..27u8 {
                let key = [n / 9, n / 3 % 3, n % 3];
                prop_assert_eq!(memory.prove(Height(height), &key).unwrap(), disk.prove(Height(height), &key).unwrap());
            }
        }
    }
}
