//! Figures of the server itself.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

/// Labels of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// The route's pattern, not the path: its number of values is bounded.
    pub route: String,
    /// HTTP status.
    pub status: u16,
}

/// Figures of the server; register them before the registry is shared.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// Requests by route and status.
    pub requests: Family<RequestLabels, Counter>,
    /// Open connections.
    pub connections: Gauge,
    /// Connections refused because of a limit.
    pub refused_connections: Counter,
    /// Requests refused by the rate limit.
    pub rate_limited: Counter,
    /// Open event streams.
    pub streams: Gauge,
}

impl Metrics {
    /// Makes the figures and names them in `registry` under `althing_api_`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let sub = registry.sub_registry_with_prefix("althing_api");
        sub.register("requests", "Requests by route and status", metrics.requests.clone());
        sub.register("connections", "Open connections", metrics.connections.clone());
        sub.register("refused_connections", "Connections refused by a limit", metrics.refused_connections.clone());
        sub.register("rate_limited", "Requests refused by the rate limit", metrics.rate_limited.clone());
        sub.register("streams", "Open event streams", metrics.streams.clone());
        metrics
    }
}
