//! Where time goes, and the node's figures. Measuring never changes a result: this is the one place with a clock.

use althing_client::Step;
use althing_types::id::{ChainId, Height};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use std::{
    sync::atomic::AtomicU64,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

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

/// Label of the chain whose messages a relay brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Sender {
    from: String,
}

/// Figures of the relays that bring messages to one chain, by the chain that sends them.
#[derive(Clone, Debug, Default)]
pub struct RelayFigures {
    received: Family<Sender, Gauge>,
    delivered: Family<Sender, Counter>,
    refused: Family<Sender, Counter>,
    failing: Family<Sender, Gauge>,
    last_success: Family<Sender, Gauge>,
}

/// Figures of one direction of a relay.
#[derive(Clone, Debug)]
pub struct RelayProbe {
    received: Gauge,
    delivered: Counter,
    refused: Counter,
    failing: Gauge,
    last_success: Gauge,
}

impl RelayFigures {
    /// Figures that the `registry` of the chain which receives shows under the prefix `althing_relay`.
    pub fn registered(registry: &mut Registry) -> Self {
        let figures = Self::default();
        let registry = registry.sub_registry_with_prefix("althing_relay");
        registry.register("received", "Last message that this chain has", figures.received.clone());
        registry.register("delivered", "Deliveries that this chain took", figures.delivered.clone());
        registry.register("refused", "Deliveries that this chain refused for good", figures.refused.clone());
        registry.register("failing", "1 while the relay cannot do its work", figures.failing.clone());
        let what = "When the relay last found nothing due or delivered, seconds since 1970";
        registry.register("last_success_timestamp_seconds", what, figures.last_success.clone());
        figures
    }

    /// The figures of the relay that brings messages of `from`.
    pub fn of(&self, from: &ChainId) -> RelayProbe {
        let label = Sender { from: from.to_string() };
        RelayProbe {
            received: self.received.get_or_create(&label).clone(),
            delivered: self.delivered.get_or_create(&label).clone(),
            refused: self.refused.get_or_create(&label).clone(),
            failing: self.failing.get_or_create(&label).clone(),
            last_success: self.last_success.get_or_create(&label).clone(),
        }
    }
}

impl RelayProbe {
    /// A step of the relay ended without a failure.
    pub fn stepped(&self, step: &Step) {
        let received = match step {
            Step::Idle { received, .. } => Some(*received),
            Step::Delivered { progress, .. } => {
                self.delivered.inc();
                Some(progress.received)
            }
            Step::Refused { .. } => {
                self.refused.inc();
                self.failing.set(1);
                return;
            }
            Step::Outrun { .. } | Step::TooMany { .. } | Step::Full => None,
        };
        if let Some(received) = received {
            self.received.set(i64::try_from(received).unwrap_or(i64::MAX));
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            self.last_success.set(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        }
        self.failing.set(0);
    }

    /// A step failed.
    pub fn failed(&self) {
        self.failing.set(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_interface::root_sync::delivery::RefusalCode;
    use althing_types::hash::Hash;

    #[test]
    fn a_relay_shows_how_far_it_is_and_whether_it_fails() {
        let mut registry = Registry::default();
        let figures = RelayFigures::registered(&mut registry);
        let probe = figures.of(&ChainId::new("tld-lab").unwrap());
        let shows = |line: &str| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
            assert!(text.contains(&format!("althing_relay_{line}\n")), "{line} is not in\n{text}");
        };
        shows("failing{from=\"tld-lab\"} 0");
        probe.failed();
        shows("failing{from=\"tld-lab\"} 1");
        probe.stepped(&Step::Idle { height: Height(9), received: 4 });
        shows("failing{from=\"tld-lab\"} 0");
        shows("received{from=\"tld-lab\"} 4");
        assert!(probe.last_success.get() > 0);
        probe.stepped(&Step::Refused { transaction: Hash::ZERO, code: RefusalCode::Forged });
        shows("refused_total{from=\"tld-lab\"} 1");
        shows("failing{from=\"tld-lab\"} 1");
    }
}
