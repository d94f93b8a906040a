//! What the store on disk does after crashes and with damaged files.
//!
//! A copy of the folder while the store is open is what a killed process leaves behind: the log and the table files
//! as they are, no orderly end.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod common;

use althing_state::{RocksOptions, RocksStore, Storage, StoreError, Writes};
use althing_types::id::Height;
use common::*;
use std::{
    fs,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

fn open(path: &Path) -> Result<RocksStore, StoreError> {
    RocksStore::open(path, RocksOptions::default())
}

/// The folder as a kill at this moment would leave it.
fn killed(path: &Path) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("store");
    fs::create_dir_all(copy.join("db")).unwrap();
    for part in ["", "db"] {
        for entry in fs::read_dir(path.join(part)).unwrap().flatten() {
            if entry.metadata().unwrap().is_file() {
                fs::copy(entry.path(), copy.join(part).join(entry.file_name())).unwrap();
            }
        }
    }
    (folder, copy)
}

fn files(path: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.join("db")).unwrap().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == extension)).collect();
    found.sort();
    found
}

fn started(blocks: u64) -> (TempDir, PathBuf, RocksStore) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = open(&path).unwrap();
    store.initialise(&genesis("test"), &put(&[("a", "1")])).unwrap();
    for block in 1..=blocks {
        commit(&store, &some_writes(block, 40), 3);
    }
    (folder, path, store)
}

/// The log file with the most in it.
fn log_file(path: &Path) -> PathBuf {
    files(path, "log").into_iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap()
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

fn is_corrupt(result: Result<RocksStore, StoreError>) -> bool {
    match result {
        Err(StoreError::Corrupt { path, reason }) => {
            let text = StoreError::Corrupt { path, reason }.to_string();
            assert!(text.contains("Move the folder away"), "{text}");
            true
        }
        Err(other) => panic!("{other}"),
        Ok(_) => false,
    }
}

#[test]
fn a_killed_node_finds_all_that_was_synced() {
    let (_folder, path, store) = started(10);
    store.log_append(b"vote").unwrap();
    store.log_sync().unwrap();
    store.log_append(b"not synced").unwrap();
    let (_copy, copy) = killed(&path);
    let again = open(&copy).unwrap();
    assert_eq!(again.tip().unwrap(), store.tip().unwrap());
    assert_eq!(again.log_read().unwrap(), [key("vote")]);
    for height in 1..=10 {
        assert_eq!(again.block(Height(height)).unwrap(), store.block(Height(height)).unwrap());
        assert_eq!(again.prove(Height(height), b"a").unwrap(), store.prove(Height(height), b"a").unwrap());
    }
    again.log_append(b"second vote").unwrap();
    again.log_sync().unwrap();
    assert_eq!(again.log_read().unwrap(), [key("vote"), key("second vote")]);
    commit(&again, &some_writes(11, 40), 3);
}

#[test]
fn a_torn_end_of_the_log_opens_and_loses_nothing_synced() {
    let (_folder, path, store) = started(5);
    let (_before, before) = killed(&path);
    let synced = fs::metadata(log_file(&before)).unwrap().len();
    // What comes after is not acknowledged: its log records arrive only in part, and the note of it not at all.
    commit(&store, &some_writes(6, 40), 3);
    let (_copy, torn) = killed(&path);
    let whole = fs::read(log_file(&torn)).unwrap();
    fs::copy(before.join("acknowledged"), torn.join("acknowledged")).unwrap();
    for keep in [0, 1, 6, 7, 8, 100, whole.len() - synced as usize - 1] {
        fs::write(log_file(&torn), &whole[..synced as usize + keep]).unwrap();
        let (_again, again) = killed(&torn);
        let store = open(&again).unwrap();
        assert_eq!(store.tip().unwrap().unwrap().height, Height(5), "{keep} bytes of the next record");
        commit(&store, &some_writes(6, 40), 3);
        drop(store);
        assert_eq!(open(&again).unwrap().tip().unwrap().unwrap().height, Height(6));
    }
}

#[test]
fn a_flipped_bit_anywhere_in_the_log_is_refused() {
    let (_folder, path, store) = started(30);
    store.log_append(b"vote").unwrap();
    store.log_sync().unwrap();
    let (_copy, copy) = killed(&path);
    let log = log_file(&copy);
    let length = fs::metadata(&log).unwrap().len() as usize;
    let (mut refused, mut harmless) = (0, 0);
    // Every 997th byte, and every byte of the last record with its header, where RocksDB alone is blind.
    let places = (0..length).step_by(997).chain(length.saturating_sub(60)..length);
    for at in places {
        let (_damaged, damaged) = killed(&copy);
        flip(&log_file(&damaged), at);
        match open(&damaged) {
            Ok(again) => {
                // Padding at the end of a log block is never read.
                assert_eq!(again.tip().unwrap(), store.tip().unwrap(), "byte {at}");
                assert_eq!(again.log_read().unwrap(), store.log_read().unwrap(), "byte {at}");
                harmless += 1;
            }
            refusal => {
                assert!(is_corrupt(refusal));
                refused += 1;
            }
        }
    }
    assert!(refused >= 60, "{refused} refused, {harmless} harmless");
    assert!(harmless <= 1, "{refused} refused, {harmless} harmless");
}

#[test]
fn a_log_cut_below_what_was_acknowledged_is_refused() {
    let (_folder, path, _store) = started(5);
    let (_copy, copy) = killed(&path);
    let log = log_file(&copy);
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() - 200]).unwrap();
    assert!(is_corrupt(open(&copy)));
}

#[test]
fn a_flipped_bit_in_a_table_file_is_refused() {
    let (_folder, path, store) = started(30);
    drop(store);
    // Opening writes the log's contents into table files.
    drop(open(&path).unwrap());
    drop(open(&path).unwrap());
    let tables = files(&path, "sst");
    assert!(tables.len() >= 5);
    let mut refused = 0;
    for table in &tables {
        let name = table.file_name().unwrap();
        let length = fs::metadata(table).unwrap().len() as usize;
        for at in [10, length / 3] {
            let (_damaged, damaged) = killed(&path);
            flip(&damaged.join("db").join(name), at);
            if is_corrupt(open(&damaged)) {
                refused += 1;
            }
        }
    }
    assert!(refused >= tables.len(), "{refused} of {} flips refused", tables.len() * 2);
}

#[test]
fn a_damaged_block_is_found_when_it_is_read_even_if_opening_did_not_look() {
    let (_folder, path, store) = started(30);
    drop(store);
    drop(open(&path).unwrap());
    let options = RocksOptions { verify_up_to_bytes: 0, ..RocksOptions::default() };
    let mut found = 0;
    for table in files(&path, "sst") {
        let (_damaged, damaged) = killed(&path);
        flip(&damaged.join("db").join(table.file_name().unwrap()), 10);
        match RocksStore::open(&damaged, options) {
            Err(error) => assert!(matches!(error, StoreError::Corrupt { .. }), "{error}"),
            Ok(store) => assert!(matches!(store.verify(), Err(StoreError::Corrupt { .. }))),
        }
        found += 1;
    }
    assert!(found >= 5);
}

#[test]
fn missing_files_are_refused() {
    let (_folder, path, store) = started(10);
    drop(store);
    drop(open(&path).unwrap());
    for file in [files(&path, "sst")[0].clone(), path.join("db").join("CURRENT")] {
        let (_damaged, damaged) = killed(&path);
        fs::remove_file(damaged.join("db").join(file.file_name().unwrap())).unwrap();
        assert!(is_corrupt(open(&damaged)), "{} is missing", file.display());
    }
}

#[test]
fn another_format_is_refused() {
    let (_folder, path, store) = started(1);
    drop(store);
    let options = rocksdb::Options::default();
    let families = rocksdb::DB::list_cf(&options, path.join("db")).unwrap();
    let db = rocksdb::DB::open_cf(&options, path.join("db"), &families).unwrap();
    db.put(b"format", 99u32.to_be_bytes()).unwrap();
    drop(db);
    match open(&path) {
        Err(StoreError::Format { found, expected, .. }) => {
            assert_eq!((found.as_str(), expected), ("99", althing_state::FORMAT))
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_table_of_another_program_is_refused() {
    let (_folder, path, store) = started(1);
    drop(store);
    let mut options = rocksdb::Options::default();
    options.create_missing_column_families(true);
    let mut families = rocksdb::DB::list_cf(&options, path.join("db")).unwrap();
    families.push("later".into());
    drop(rocksdb::DB::open_cf(&options, path.join("db"), &families).unwrap());
    assert!(matches!(open(&path), Err(StoreError::Format { .. })));
}

#[test]
fn a_store_in_use_is_not_opened_twice() {
    let (_folder, path, store) = started(1);
    match open(&path) {
        Err(error @ StoreError::Locked { .. }) => assert!(error.to_string().contains("in use")),
        other => panic!("{other:?}"),
    }
    drop(store);
    open(&path).unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"").unwrap();
    match open(&path.join("store")) {
        Err(error @ StoreError::Open { .. }) => assert!(error.to_string().contains("file/store")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_half_made_store_is_completed() {
    // Killed between making the database and writing the format.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::create_dir_all(path.join("db")).unwrap();
    let mut options = rocksdb::Options::default();
    options.create_if_missing(true);
    drop(rocksdb::DB::open(&options, path.join("db")).unwrap());
    let store = open(&path).unwrap();
    store.initialise(&genesis("test"), &Writes::new()).unwrap();
}

#[test]
fn a_commit_is_there_as_a_whole_or_not_at_all() {
    let (_folder, path, store) = started(3);
    let (_before, before) = killed(&path);
    let start = fs::metadata(log_file(&before)).unwrap().len() as usize;
    commit(&store, &some_writes(4, 40), 5);
    let (_copy, torn) = killed(&path);
    fs::copy(before.join("acknowledged"), torn.join("acknowledged")).unwrap();
    let whole = fs::read(log_file(&torn)).unwrap();
    // Cut the log at many places inside the commit.
    for end in (start..=whole.len()).step_by(397).chain([whole.len()]) {
        fs::write(log_file(&torn), &whole[..end]).unwrap();
        let (_again, again) = killed(&torn);
        let again = open(&again).unwrap();
        let height = again.tip().unwrap().unwrap().height;
        assert_eq!(height, Height(if end == whole.len() { 4 } else { 3 }));
        assert_eq!(again.block(Height(4)).unwrap().is_some(), end == whole.len());
        assert_eq!(again.receipts(Height(4)).unwrap().is_some(), end == whole.len());
        assert_eq!(again.view().scan(&[], None, 1000).unwrap(), {
            let (_reference, reference) = killed(if end == whole.len() { &path } else { &before });
            open(&reference).unwrap().view().scan(&[], None, 1000).unwrap()
        });
    }
}

/// The batch is durable and only its acknowledgement finds no room: the write counts as failed, and nothing is lost.
#[test]
fn a_full_disk_under_the_acknowledged_position_is_waited_for() {
    let (_folder, path, store) = started(2);
    drop(store);
    let (file, kept) = (path.join("acknowledged"), path.join("kept"));
    fs::rename(&file, &kept).unwrap();
    // Every write to this device meets a full disk.
    std::os::unix::fs::symlink("/dev/full", &file).unwrap();
    let store = open(&path).unwrap();
    let error = try_commit(&store, &some_writes(3, 40), 2).unwrap_err();
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error}");
    assert_eq!(store.log_sync().unwrap_err(), error, "nothing is written until the store is opened again");
    drop(store);
    fs::remove_file(&file).unwrap();
    fs::rename(&kept, &file).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(store.tip().unwrap().unwrap().height, Height(3), "what the log holds is found again, whole");
    assert_eq!(store.receipts(Height(3)).unwrap().map(|receipts| receipts.len()), Some(2));
    commit(&store, &some_writes(4, 40), 1);
}

#[test]
fn free_space_is_known() {
    let (_folder, _path, store) = started(0);
    assert!(store.free_space().unwrap() > 0);
    assert!(store.memory_bytes() > 0);
}
