//! Measures how fast blocks are staged and committed as the state grows, with and without values that exist already.
//!
//! `cargo run --release -p althing-state --example commit_rate -- [KEYS...]` (default: 1000 10000 100000 1000000)
//! prints one line per size of state: staging, committing and pruning in microseconds of the thread's processor time
//! per key, over blocks of 4,000 writes (3 of 4 change present keys), blocks per second by the clock on the wall, and
//! the memory in use.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    reason = "a measurement ends by panicking, and prints"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use althing_state::{Commit, RocksOptions, RocksStore, Storage, Writes};
use althing_types::{hash::sha3_256, id::Height, receipt::Receipt};
use std::time::{Duration, Instant};

/// Processor time of this thread so far.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

const BLOCK_WRITES: u64 = 4_000;
const BLOCK_TRANSACTIONS: u64 = 1_000;
const MEASURED_BLOCKS: u64 = 20;

fn key(number: u64) -> Vec<u8> {
    // As contract storage has them: a common prefix and a name.
    [b"\x01\x0edomain_records/".as_slice(), &sha3_256(&number.to_le_bytes()).0[..16]].concat()
}

fn value(number: u64) -> Vec<u8> {
    [number.to_le_bytes(); 12].concat()
}

/// Stages and commits a block; the times of both.
fn commit(store: &RocksStore, writes: &Writes) -> (Duration, Duration) {
    let height = store.tip().unwrap().unwrap().height.next();
    let start = busy();
    let staged = store.stage(height, writes).unwrap();
    let stage = busy() - start;
    let (block, certificate, receipts): (_, _, Vec<Receipt>) =
        common::next_block(store, staged.root, BLOCK_TRANSACTIONS);
    let next_authorities = &common::list();
    let start = busy();
    let commit =
        Commit { block: &block, certificate: &certificate, receipts: &receipts, next_authorities, staged, writes };
    store.commit(commit).unwrap();
    (stage, busy() - start)
}

fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn written_bytes() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = io.lines().find(|line| line.starts_with("write_bytes:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

fn main() {
    let sizes: Vec<u64> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000, 1_000_000] } else { sizes };
    let folder = std::env::var("STORE_FOLDER").unwrap_or_else(|_| std::env::temp_dir().display().to_string());
    println!(
        "    keys  fill us/key  stage us/key  commit us/key  prune us/key  blocks/s  read us  prove us  KiB/block  MiB"
    );
    for size in sizes {
        let folder = tempfile::tempdir_in(&folder).unwrap();
        let store = RocksStore::open(&folder.path().join("store"), RocksOptions::default()).unwrap();
        store.initialise(&common::genesis("test"), &Writes::new()).unwrap();
        let start = busy();
        let mut filled = 0;
        while filled < size {
            let end = (filled + 10_000).min(size);
            commit(&store, &(filled..end).map(|n| (key(n), Some(value(n)))).collect());
            filled = end;
            store.prune(store.tip().unwrap().unwrap().height).unwrap();
        }
        let fill = busy() - start;
        let (mut stage, mut write, mut prune) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
        let before = written_bytes();
        let mut clock = Duration::ZERO;
        for block in 0..MEASURED_BLOCKS {
            let pick = |n: u64| {
                u64::from_le_bytes(sha3_256(&(block * BLOCK_WRITES + n).to_le_bytes()).0[..8].try_into().unwrap())
            };
            let number = |n: u64| if n.is_multiple_of(4) { size + block * BLOCK_WRITES + n } else { pick(n) % size };
            let writes = (0..BLOCK_WRITES).map(|n| (key(number(n)), Some(value(block + n)))).collect();
            let start = Instant::now();
            let (a, b) = commit(&store, &writes);
            clock += start.elapsed();
            stage += a;
            write += b;
            let start = busy();
            store.prune(store.tip().unwrap().unwrap().height.previous()).unwrap();
            prune += busy() - start;
        }
        let per_block = (written_bytes() - before) / MEASURED_BLOCKS / 1024;
        let us = |time: Duration, count: u64| time.as_secs_f64() * 1e6 / count as f64;
        let all = MEASURED_BLOCKS * BLOCK_WRITES;
        let view = store.view();
        let start = busy();
        for n in 0..10_000 {
            view.read(&key(n * 7919 % size)).unwrap().unwrap();
        }
        let read = busy() - start;
        let tip: Height = store.tip().unwrap().unwrap().height;
        let start = busy();
        for n in 0..1_000 {
            store.prove(tip, &key(n * 7919 % size)).unwrap();
        }
        let prove = busy() - start;
        println!(
            "{size:>8} {:>12.1} {:>13.1} {:>14.1} {:>13.1} {:>9.1} {:>8.1} {:>9.1} {per_block:>10} {:>4}",
            us(fill, size),
            us(stage, all),
            us(write, all),
            us(prune, all),
            MEASURED_BLOCKS as f64 / clock.as_secs_f64(),
            us(read, 10_000),
            us(prove, 1_000),
            memory_mib(),
        );
    }
}
