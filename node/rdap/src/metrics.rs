//! Figures of the program, in the OpenMetrics text form. No figure names a domain or a client.

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

/// What an answer was about and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Asked {
    /// Kind of question.
    pub kind: &'static str,
    /// HTTP status.
    pub status: u16,
}

/// A name of a file or chain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// The figures.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Answers.
    pub answers: Family<Asked, Counter>,
    /// Answers that were kept from before.
    pub kept: Counter,
    /// Seconds from question to answer.
    pub seconds: Histogram,
    /// Connections at the moment.
    pub connections: Gauge,
    /// Connections that were refused.
    pub refused_connections: Counter,
    /// Users with keys or tokens that asked something lately.
    pub users_online: Gauge,
    /// Entries of the directory: registries.
    pub registries: Gauge,
    /// Of them, from a chain.
    pub registries_of_chains: Gauge,
    /// Entries of the directory: registrars.
    pub registrars: Gauge,
    /// Published files with an alarm: 1.
    pub file_alarms: Family<Named, Gauge>,
    /// Chains with a fault: 1.
    pub chain_faults: Family<Named, Gauge>,
    /// Height up to which a chain was taken over.
    pub chain_heights: Family<Named, Gauge>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// New figures, all zero.
    pub fn new() -> Self {
        let mut out = Self {
            registry: Registry::with_prefix("althing_rdap"),
            answers: Family::default(),
            kept: Counter::default(),
            seconds: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.3, 1.0, 3.0, 10.0]),
            connections: Gauge::default(),
            refused_connections: Counter::default(),
            users_online: Gauge::default(),
            registries: Gauge::default(),
            registries_of_chains: Gauge::default(),
            registrars: Gauge::default(),
            file_alarms: Family::default(),
            chain_faults: Family::default(),
            chain_heights: Family::default(),
        };
        let registry = &mut out.registry;
        registry.register("answers", "Answers by kind of question and status", out.answers.clone());
        registry.register("kept_answers", "Answers that were kept from before", out.kept.clone());
        registry.register("answer_seconds", "Seconds from question to answer", out.seconds.clone());
        registry.register("connections", "Connections at the moment", out.connections.clone());
        registry.register("refused_connections", "Connections over a limit", out.refused_connections.clone());
        registry.register("users_online", "Users that asked something lately", out.users_online.clone());
        registry.register("registries", "Registries in the directory", out.registries.clone());
        registry.register("chain_registries", "Registries whose entry is a chain's", out.registries_of_chains.clone());
        registry.register("registrars", "Registrars in the directory", out.registrars.clone());
        registry.register("file_alarm", "1 while a published file cannot be renewed", out.file_alarms.clone());
        registry.register("chain_fault", "1 while a chain cannot be followed", out.chain_faults.clone());
        registry.register("chain_height", "Height up to which a chain is taken over", out.chain_heights.clone());
        out
    }

    /// All figures as text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}
