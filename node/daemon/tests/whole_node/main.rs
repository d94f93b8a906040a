//! Whole nodes under simulation: consensus, mempool, execution with a real contract, catch-up and store, over a seeded
//! network with virtual time.
//!
//! In each seed the authority list and the member list change as well, by a governing contract: from one authority to
//! four, down again, and round; nodes join with nothing but the genesis, and nodes are removed and taken in again.
//!
//! Each seed draws its faults: messages dropped, delayed, duplicated and reordered, a partition that heals, nodes that
//! lose power at any effect or in the middle of a write and start again from what their disk kept. After every step
//! the oracles look: no height has two blocks, no node contradicts its own past, no correct node penalises another.
//! Only authorities of a height vote for it. At the end the network heals, and every accepted transaction must be final exactly once on every node, with equal
//! state roots. A seed replays to the same trace.
//!
//! `ALTHING_NODE_SEEDS` (default 200) and `ALTHING_NODE_START` (default 0) choose the seeds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::large_enum_variant,
    reason = "a test fails by panicking, and its values are few"
)]

mod links;
mod processes;
mod recovery;
mod rules;
mod setup;
mod town;
mod world;

use world::{Faults, World};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[test]
fn whole_nodes_agree_and_lose_nothing_under_faults() {
    let (start, count) = (number("ALTHING_NODE_START", 0), number("ALTHING_NODE_SEEDS", 200));
    let (mut heights, mut crashes, mut caught_up, mut changes, mut cut_off) = (0, 0, 0, 0, 0);
    let mut sizes = std::collections::BTreeSet::new();
    for seed in start..start.saturating_add(count) {
        let report = World::changing(seed, Faults::drawn(seed)).run(60);
        assert!(report.list_changes >= 5, "seed {seed}: the list changed {} times", report.list_changes);
        heights += report.heights;
        crashes += report.crashes;
        caught_up += report.caught_up;
        changes += report.list_changes;
        cut_off += report.cut_off;
        sizes.extend(report.list_sizes);
    }
    println!(
        "{count} seeds: {heights} heights, {changes} lists of sizes {sizes:?}, {crashes} crashes, {caught_up} blocks by \
         catching up, {cut_off} connections cut off"
    );
    // A simulation without faults would show nothing.
    assert!(count < 10 || (crashes > 0 && caught_up > 0 && cut_off > 0 && sizes.len() == 4));
}

#[test]
fn four_authorities_that_never_change_agree_too() {
    for seed in 1_000..1_000 + number("ALTHING_NODE_SEEDS", 200) / 10 {
        let report = World::new(seed, 4, Faults::drawn(seed)).run(60);
        assert_eq!(report.list_changes, 0);
    }
}

#[test]
fn a_seed_replays_to_the_same_trace() {
    let run = || World::changing(7, Faults::drawn(7)).run(30).trace;
    assert_eq!(run(), run());
}

#[test]
fn a_single_authority_needs_nobody() {
    let report = World::new(1, 1, Faults::default()).run(20);
    assert!(report.heights >= 1);
}

#[test]
fn a_quiet_network_of_seven_finishes_its_work() {
    let report = World::new(3, 7, Faults::default()).run(40);
    assert_eq!(report.crashes, 0);
}
