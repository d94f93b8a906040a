//! Deterministic simulation of consensus: a seed is a world, and every fault in it can be run again.
//!
//! - [`world`]: virtual time, the queue, crashes, the trace. Knows nothing of consensus.
//! - [`node`]: what the world asks of a node. [`engine_node`] is a consensus engine with a disk.
//! - [`network`]: weather. [`byzantine`]: vices. [`oracle`]: what must never happen.
//!
//! `ALTHING_SIM_SEEDS` (default 500), `ALTHING_SIM_HEIGHTS` (100) and `ALTHING_SIM_START` (0) choose the seeds; a
//! failure names its seed, and `ALTHING_SIM_START=<seed> ALTHING_SIM_SEEDS=1` runs it again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::large_enum_variant,
    reason = "a test fails by panicking, and its values are few"
)]

mod byzantine;
mod engine_node;
mod network;
mod node;
mod oracle;
mod plants;
mod random;
mod setup;
mod world;

use crate::{
    engine_node::EngineNode,
    network::Climate,
    oracle::{Ears, Oracle, Violation},
    random::{Random, mix},
    setup::Setup,
    world::{Report, World},
};
use althing_types::authority::Threshold;
use std::sync::atomic::{AtomicU64, Ordering};

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The world of one seed.
fn world(seed: u64, ears: Ears, adjust: impl FnOnce(&mut Setup)) -> World<EngineNode> {
    let mut setup = Setup::draw(&mut Random::new(mix(seed)));
    adjust(&mut setup);
    let (correct, oracle) = (setup.correct(), Oracle::new(ears, setup.dishonest()));
    World::new(seed, setup, &correct, oracle, Climate::Mixed)
}

fn run(seed: u64, heights: u64) -> Result<Report, Violation> {
    world(seed, Ears::All, |_| ()).run(heights)
}

#[test]
fn no_seed_breaks_a_rule() {
    let (start, seeds) = (number("ALTHING_SIM_START", 0), number("ALTHING_SIM_SEEDS", 500));
    let heights = number("ALTHING_SIM_HEIGHTS", 100);
    let next = AtomicU64::new(start);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        let mut total = (0, 0, 0, 0);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= start + seeds {
                return total;
            }
            let report = run(seed, heights).unwrap_or_else(|violation| panic!("seed {seed}: {violation}"));
            total.0 += report.events;
            total.1 += report.crashes;
            total.2 += report.lost;
            total.3 += report.virtual_ms;
        }
    };
    let totals: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("a seed failed, see above")).collect()
    });
    let sum = |pick: fn(&(u64, u64, u64, u64)) -> u64| totals.iter().map(pick).sum::<u64>();
    println!(
        "{seeds} seeds of {heights} heights: {} events, {} crashes, {} messages lost, {} virtual seconds",
        sum(|t| t.0),
        sum(|t| t.1),
        sum(|t| t.2),
        sum(|t| t.3) / 1_000
    );
}

#[test]
fn a_seed_replays_to_the_same_trace() {
    for seed in [1, 7, 42] {
        let (first, second) = (run(seed, 20).unwrap(), run(seed, 20).unwrap());
        assert_eq!(first, second);
        assert_ne!(first.trace, run(seed + 1, 20).unwrap().trace);
    }
}

#[test]
fn a_crash_before_every_write_and_message_breaks_no_rule() {
    for n in [1, 4] {
        for victim in 0..n.min(3) {
            for nth in 1..60 {
                let setup = Setup::plain(n, Threshold::TwoThirds);
                let (correct, oracle) = (setup.correct(), Oracle::new(Ears::All, setup.dishonest()));
                let mut world: World<EngineNode> = World::new(nth, setup, &correct, oracle, Climate::Calm);
                world.crash_at = Some((victim, nth));
                let report = world.run(4).unwrap_or_else(|found| panic!("node {victim}, action {nth}: {found}"));
                assert!(report.crashes <= 1);
            }
        }
    }
}
