//! The node's configuration file (TOML): written by `althing devnet`, read by `althingd`.
//!
//! Relative paths are relative to the file's own folder. Chain parameters are not here: they are part of the genesis.

use althing_types::crypto::NodeId;
use serde::{Deserialize, Serialize};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Most peers of a configuration.
pub const MAX_PEERS: usize = 128;

/// Most sources of checkpoints.
pub const MAX_SOURCES: usize = 16;

/// Everything a node is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// File with the node's secret seed: 64 hexadecimal digits, readable by the owner only (mode 0600).
    pub key_file: PathBuf,
    /// The chains this node is a member of. One for now.
    #[serde(rename = "chain")]
    pub chains: Vec<Membership>,
    /// The peer-to-peer side.
    pub network: NetworkConfig,
    /// The HTTP API.
    pub api: ApiConfig,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
}

/// One chain that the node is a member of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// The genesis document (JSON).
    pub genesis: PathBuf,
    /// Folder of the chain's store; made when missing.
    pub data_dir: PathBuf,
    /// Folder with code of genesis contracts (`<contract id>.wasm`) that are not in the node's bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contracts_dir: Option<PathBuf>,
    /// APIs of nodes from which an empty store begins with a checkpoint, such as `http://192.0.2.1:8100`. None of them
    /// is trusted: all they give follows from the genesis, or is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoint_from: Vec<String>,
}

/// The peer-to-peer side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// Multiaddress to listen on, such as `/ip4/127.0.0.1/tcp/7000`.
    pub listen: String,
    /// Known peers; only members are ever connected.
    #[serde(default)]
    pub peers: Vec<PeerConfig>,
}

/// A known peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// Its identity.
    pub node_id: NodeId,
    /// Its multiaddress.
    pub address: String,
}

/// The HTTP API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// Limits.
    #[serde(default)]
    pub limits: ApiLimits,
}

/// Limits of the HTTP API. The defaults are generous enough for a local network under load.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiLimits {
    /// Most connections at a time.
    pub max_connections: u32,
    /// Most connections of one address at a time.
    pub max_connections_per_address: u32,
    /// Longest body in bytes.
    pub max_body_bytes: u32,
    /// Deepest nesting of a JSON body.
    pub max_json_depth: u32,
    /// Time within which a request's headers must arrive, also the longest idle time of a kept connection.
    pub header_timeout_ms: u64,
    /// Time within which a body must arrive and a request must be answered; waits and streams have their own.
    pub request_timeout_ms: u64,
    /// Longest time a client may leave an answer unread.
    pub write_timeout_ms: u64,
    /// Longest wait for a transaction to become final.
    pub max_wait_ms: u64,
    /// Requests per second of one address, in the long run; a submitted batch counts as one.
    pub requests_per_second: u32,
    /// Requests of one address in one burst.
    pub request_burst: u32,
    /// View calls and other heavy reads at a time.
    pub max_views: u32,
    /// Waiting requests at a time.
    pub max_waiters: u32,
    /// Event streams at a time.
    pub max_streams: u32,
    /// Event streams of one address at a time.
    pub max_streams_per_address: u32,
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self {
            max_connections: 512,
            max_connections_per_address: 256,
            max_body_bytes: 4 * 1024 * 1024,
            max_json_depth: 32,
            header_timeout_ms: 10_000,
            request_timeout_ms: 15_000,
            write_timeout_ms: 30_000,
            max_wait_ms: 60_000,
            requests_per_second: 1_000,
            request_burst: 2_000,
            max_views: 8,
            max_waiters: 1_024,
            max_streams: 64,
            max_streams_per_address: 32,
        }
    }
}

/// The log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// Form of the lines.
    pub format: LogFormat,
    /// Level, or `target=level` pairs joined by commas.
    pub filter: String,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Text, filter: "info".into() }
    }
}

/// Form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// A configuration that no node may start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} is {value}: {rule}")]
pub struct ConfigError {
    /// The field.
    pub field: &'static str,
    /// Its value.
    pub value: String,
    /// The rule it breaks.
    pub rule: &'static str,
}

impl NodeConfig {
    /// Checks every rule that can be checked without a file or a socket.
    ///
    /// # Errors
    /// [`ConfigError`] for the first rule that is broken.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |field, value: String, rule| Err(ConfigError { field, value, rule });
        if self.chains.len() != 1 {
            return refuse("chain", self.chains.len().to_string(), "a node is a member of exactly one chain for now");
        }
        if self.network.peers.len() > MAX_PEERS {
            return refuse("network.peers", self.network.peers.len().to_string(), "must be at most 128 peers");
        }
        let sources = self.chains.iter().flat_map(|chain| &chain.checkpoint_from);
        if let Some(other) = sources.clone().find(|source| !source.starts_with("http://")) {
            return refuse("chain.checkpoint_from", other.clone(), "must be URLs such as http://192.0.2.1:8100");
        }
        if sources.count() > MAX_SOURCES {
            return refuse("chain.checkpoint_from", "too many".into(), "must be at most 16 URLs");
        }
        for text in self.network.peers.iter().map(|p| &p.address).chain([&self.network.listen]) {
            if !text.starts_with('/') {
                return refuse(
                    "network address",
                    text.clone(),
                    "must be a multiaddress such as /ip4/127.0.0.1/tcp/7000",
                );
            }
        }
        self.api.limits.check()
    }

    /// Makes relative paths absolute, seen from the folder of the configuration file.
    #[must_use]
    pub fn resolved(mut self, folder: &Path) -> Self {
        let resolve = |path: &mut PathBuf| *path = folder.join(&*path);
        resolve(&mut self.key_file);
        for chain in &mut self.chains {
            resolve(&mut chain.genesis);
            resolve(&mut chain.data_dir);
            if let Some(path) = &mut chain.contracts_dir {
                resolve(path);
            }
        }
        self
    }
}

impl ApiLimits {
    fn check(&self) -> Result<(), ConfigError> {
        let rows: [(&'static str, u64, u64, u64, &'static str); 14] = [
            ("api.limits.max_connections", self.max_connections.into(), 1, 65_536, "must be 1 to 65536"),
            (
                "api.limits.max_connections_per_address",
                self.max_connections_per_address.into(),
                1,
                65_536,
                "must be 1 to 65536",
            ),
            ("api.limits.max_body_bytes", self.max_body_bytes.into(), 4_096, 64 << 20, "must be 4 KiB to 64 MiB"),
            ("api.limits.max_json_depth", self.max_json_depth.into(), 2, 100, "must be 2 to 100"),
            ("api.limits.header_timeout_ms", self.header_timeout_ms, 100, 600_000, "must be 100 to 600000"),
            ("api.limits.request_timeout_ms", self.request_timeout_ms, 100, 600_000, "must be 100 to 600000"),
            ("api.limits.write_timeout_ms", self.write_timeout_ms, 100, 600_000, "must be 100 to 600000"),
            ("api.limits.max_wait_ms", self.max_wait_ms, 100, 600_000, "must be 100 to 600000"),
            ("api.limits.requests_per_second", self.requests_per_second.into(), 1, 10_000_000, "must be 1 to 10000000"),
            ("api.limits.request_burst", self.request_burst.into(), 1, 10_000_000, "must be 1 to 10000000"),
            ("api.limits.max_views", self.max_views.into(), 1, 256, "must be 1 to 256"),
            ("api.limits.max_waiters", self.max_waiters.into(), 1, 65_536, "must be 1 to 65536"),
            ("api.limits.max_streams", self.max_streams.into(), 1, 65_536, "must be 1 to 65536"),
            (
                "api.limits.max_streams_per_address",
                self.max_streams_per_address.into(),
                1,
                65_536,
                "must be 1 to 65536",
            ),
        ];
        for (field, value, low, high, rule) in rows {
            if !(low..=high).contains(&value) {
                return Err(ConfigError { field, value: value.to_string(), rule });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILE: &str = r#"
        key_file = "node.key"
        [[chain]]
        genesis = "genesis.json"
        data_dir = "data"
        [network]
        listen = "/ip4/127.0.0.1/tcp/7000"
        [api]
        listen = "127.0.0.1:8080"
        limits = { max_body_bytes = 5000 }
    "#;

    #[test]
    fn what_is_left_out_has_its_default() {
        let config: NodeConfig = toml::from_str(FILE).unwrap();
        config.check().unwrap();
        let limits = ApiLimits { max_body_bytes: 5_000, ..ApiLimits::default() };
        assert_eq!((&config.api.limits, config.log.format), (&limits, LogFormat::Text));
        let again: NodeConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(again, config);
    }

    #[test]
    fn paths_are_seen_from_the_files_folder() {
        let config: NodeConfig = toml::from_str(&FILE.replace("\"data\"", "\"/var/data\"")).unwrap();
        let config = config.resolved(Path::new("/etc/node"));
        assert_eq!(config.key_file, Path::new("/etc/node/node.key"));
        assert_eq!(config.chains[0].data_dir, Path::new("/var/data"));
    }

    #[test]
    fn broken_rules_name_their_field() {
        let broken = |from: &str, to: &str| {
            let config: NodeConfig = toml::from_str(&FILE.replace(from, to)).unwrap();
            config.check().unwrap_err().field
        };
        assert_eq!(broken("5000", "1"), "api.limits.max_body_bytes");
        assert_eq!(broken("/ip4/127.0.0.1/tcp/7000", "127.0.0.1:7000"), "network address");
        assert_eq!(broken("[network]", "[[chain]]\ngenesis = \"b\"\ndata_dir = \"b\"\n[network]"), "chain");
        assert!(toml::from_str::<NodeConfig>(&FILE.replace("key_file", "keyfile")).is_err());
    }

    #[test]
    fn the_default_limits_pass_their_own_check() {
        ApiLimits::default().check().unwrap();
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,300}") {
            let _ = toml::from_str::<NodeConfig>(&text);
        }
    }
}
