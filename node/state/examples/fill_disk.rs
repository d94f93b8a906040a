//! Shows what the store does on a failing disk: commits blocks until a write fails, then checks that nothing more is
//! written, opens the store anew and compares.
//!
//! `fill_disk FOLDER BLOCKS`: with the folder on a small file system it fills the disk; under a tool that makes
//! `fdatasync` fail it meets that instead. When a file `FOLDER/ballast` exists, it is removed to make space before the
//! store is opened again. Exit code 0 when nothing acknowledged was lost.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "an experiment ends by panicking, and prints"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use althing_state::{RocksOptions, RocksStore, Storage, Writes};
use std::path::Path;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().unwrap();
    let blocks: u64 = arguments.next().unwrap().parse().unwrap();
    let path = Path::new(&folder).join("store");
    let store = RocksStore::open(&path, RocksOptions::default()).unwrap();
    store.initialise(&common::genesis("test"), &Writes::new()).unwrap();
    let start = store.tip().unwrap().unwrap().height.0;
    let mut failure = None;
    let mut votes = 0u32;
    for block in start + 1..=start + blocks {
        store.log_append(&block.to_be_bytes()).unwrap();
        if let Err(error) = store.log_sync() {
            failure = Some(error);
            break;
        }
        votes += 1;
        let writes =
            (0..500u64).map(|n| ((block * 500 + n).to_be_bytes().to_vec(), Some(vec![n as u8; 400]))).collect();
        if let Err(error) = common::try_commit(&store, &writes, 50) {
            failure = Some(error);
            break;
        }
        votes = 0;
        println!("acknowledged {block}");
    }
    let tip = store.tip().unwrap().unwrap();
    let free = store.free_space().unwrap();
    println!("stopped after block {} with {votes} synced log records, {free} bytes free: {failure:?}", tip.height);
    let Some(error) = failure else { return };
    assert_eq!(store.log_append(b"more").unwrap_err(), error);
    assert_eq!(store.log_sync().unwrap_err(), error);
    assert_eq!(common::try_commit(&store, &Writes::new(), 0).unwrap_err(), error);
    drop(store);
    if std::fs::remove_file(Path::new(&folder).join("ballast")).is_ok() {
        println!("ballast removed");
    }
    let store = RocksStore::open(&path, RocksOptions::default()).unwrap();
    let found = store.tip().unwrap().unwrap();
    println!("opened again at block {} with {} log records", found.height, store.log_read().unwrap().len());
    assert!(found.height >= tip.height, "an acknowledged block is lost");
    assert!(found.height > tip.height || store.log_read().unwrap().len() >= votes as usize, "a synced vote is lost");
    common::commit(&store, &Writes::new(), 3);
    println!("goes on at block {}", store.tip().unwrap().unwrap().height);
}
