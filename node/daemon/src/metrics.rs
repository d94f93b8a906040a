//! Where time goes, and the node's figures. Measuring never changes a result: this is the one place with a clock.

use althing_types::id::Height;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{sync::atomic::AtomicU64, time::Instant};

/// Label of a part of the work.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Part {
    part: &'static str,
}

/// The parts that are measured.
pub const PARTS: [&str; 7] = ["verify", "execute", "tree", "write", "sync", "handle", "prune"];

/// Figures of the node; every clone-free holder shares it by reference count.
#[derive(Debug)]
pub struct Probe {
    seconds: Vec<(&'static str, Counter<f64, AtomicU64>)>,
    height: Gauge,
    waiting: Gauge,
    peers: Gauge,
    transactions: Counter,
    blocks: Counter,
    fuel: Counter,
    refused: Counter,
}

impl Default for Probe {
    fn default() -> Self {
        Self::registered(&mut Registry::default())
    }
}

impl Probe {
    /// Figures that `registry` shows under the prefix `althing`.
    pub fn registered(registry: &mut Registry) -> Self {
        let seconds: Family<Part, Counter<f64, AtomicU64>> = Family::default();
        let probe = Self {
            seconds: PARTS.iter().map(|part| (*part, seconds.get_or_create(&Part { part }).clone())).collect(),
            height: Gauge::default(),
            waiting: Gauge::default(),
            peers: Gauge::default(),
            transactions: Counter::default(),
            blocks: Counter::default(),
            fuel: Counter::default(),
            refused: Counter::default(),
        };
        let registry = registry.sub_registry_with_prefix("althing");
        registry.register("work_seconds", "Time spent on each part of the work", seconds);
        registry.register("height", "Last final height", probe.height.clone());
        registry.register("mempool_transactions", "Transactions that wait for a block", probe.waiting.clone());
        registry.register("peers", "Connected members", probe.peers.clone());
        registry.register("transactions", "Transactions in final blocks", probe.transactions.clone());
        registry.register("blocks", "Final blocks since the start", probe.blocks.clone());
        registry.register("fuel", "Fuel used in final blocks", probe.fuel.clone());
        registry.register("refused_messages", "Messages of peers that were refused", probe.refused.clone());
        probe
    }

    /// Runs `work` and adds its time to a part.
    pub fn time<T>(&self, part: &'static str, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let out = work();
        if let Some((_, counter)) = self.seconds.iter().find(|(name, _)| *name == part) {
            counter.inc_by(start.elapsed().as_secs_f64());
        }
        out
    }

    /// A block became final.
    pub fn committed(&self, height: Height, transactions: usize, fuel: u64) {
        self.height.set(i64::try_from(height.0).unwrap_or(i64::MAX));
        self.blocks.inc();
        self.transactions.inc_by(transactions as u64);
        self.fuel.inc_by(fuel);
    }

    /// The state after a restart.
    pub fn set_height(&self, height: Height) {
        self.height.set(i64::try_from(height.0).unwrap_or(i64::MAX));
    }

    /// Size of the mempool.
    pub fn set_waiting(&self, count: usize) {
        self.waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Number of connected members.
    pub fn set_peers(&self, count: usize) {
        self.peers.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A message of a peer was refused.
    pub fn refuse(&self) {
        self.refused.inc();
    }
}
