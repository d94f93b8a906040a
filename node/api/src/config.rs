//! The node's configuration file (TOML): written by `althing devnet`, read by `althingd`.
//!
//! Relative paths are relative to the file's own folder. Chain parameters are not here: they are part of the genesis.

use althing_types::{crypto::NodeId, id::ChainId};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Most peers of one chain.
pub const MAX_PEERS: usize = 128;
/// Most chains of one process.
pub const MAX_CHAINS: usize = 64;
/// Most pairs of chains that one process carries messages between.
pub const MAX_RELAYS: usize = 64;

/// Most sources of checkpoints of all chains.
pub const MAX_SOURCES: usize = 16;

/// Everything a process is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct NodeConfig {
    /// File with the node's secret seed: 64 hexadecimal digits, readable by the owner only (mode 0600). The node has this
    /// one identity on all its chains.
    pub key_file: PathBuf,
    /// The chains this process is a member of, 1 to [`MAX_CHAINS`].
    #[serde(rename = "chain")]
    pub chains: Vec<Membership>,
    /// Pairs of its own chains that it carries messages between, at most [`MAX_RELAYS`].
    #[serde(rename = "relay", default, skip_serializing_if = "Vec::is_empty")]
    pub relays: Vec<RelayConfig>,
    /// The log.
    #[serde(default)]
    pub log: LogConfig,
}

/// One chain that the process is a member of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Membership {
    /// The genesis document (JSON).
    pub genesis: PathBuf,
    /// Folder of the chain's store; made when missing.
    pub data_dir: PathBuf,
    /// Folder with code of genesis contracts (`<contract id>.wasm`) that are not in the node's bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contracts_dir: Option<PathBuf>,
    /// APIs of nodes from which an empty store begins with a checkpoint, such as `http://192.0.2.1:8100`. None of them
    /// is trusted: all they give follows from the genesis, or is refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checkpoint_from: Vec<String>,
    /// The peer-to-peer side.
    pub network: NetworkConfig,
    /// The HTTP API.
    pub api: ApiConfig,
}

/// A pair of chains, kept in step by this process: what the contract `root_sync` of one has to say is carried to the
/// other, in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    /// The root chain, one of the process's own.
    pub root: ChainId,
    /// The TLD chain, one of the process's own.
    pub tld: ChainId,
    /// File with the secret seed of the key that signs: a key of a member on both chains, used by this relay alone. Of the
    /// same form as the node's key.
    pub key_file: PathBuf,
}

/// The file as it may be written; [`NodeConfig`] is what it means.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    key_file: PathBuf,
    chain: Vec<WrittenMembership>,
    #[serde(default)]
    relay: Vec<RelayConfig>,
    #[serde(default)]
    log: LogConfig,
    /// Where the peer-to-peer side was when a process had one chain.
    network: Option<IgnoredAny>,
    /// Where the API was then.
    api: Option<IgnoredAny>,
}

/// As [`Membership`], of which parts may be elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMembership {
    genesis: PathBuf,
    data_dir: PathBuf,
    contracts_dir: Option<PathBuf>,
    #[serde(default)]
    checkpoint_from: Vec<String>,
    network: Option<NetworkConfig>,
    api: Option<ApiConfig>,
}

impl TryFrom<Written> for NodeConfig {
    type Error = ConfigError;

    fn try_from(written: Written) -> Result<Self, ConfigError> {
        let moved = |field, rule| Err(ConfigError { field, value: "above the chains".into(), rule });
        if written.network.is_some() {
            return moved("[network]", "belongs to a chain: write it as [chain.network] below its [[chain]]");
        }
        if written.api.is_some() {
            return moved("[api]", "belongs to a chain: write it as [chain.api] below its [[chain]]");
        }
        let missing = |field, chain: &WrittenMembership| ConfigError {
            field,
            value: format!("missing for the chain of {}", chain.genesis.display()),
            rule: "each [[chain]] has its own",
        };
        let mut chains = Vec::new();
        for mut chain in written.chain {
            let network = chain.network.take().ok_or_else(|| missing("[chain.network]", &chain))?;
            let api = chain.api.take().ok_or_else(|| missing("[chain.api]", &chain))?;
            let WrittenMembership { genesis, data_dir, contracts_dir, checkpoint_from, .. } = chain;
            chains.push(Membership { genesis, data_dir, contracts_dir, checkpoint_from, network, api });
        }
        Ok(Self { key_file: written.key_file, chains, relays: written.relay, log: written.log })
    }
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
        if !(1..=MAX_CHAINS).contains(&self.chains.len()) {
            return refuse("chain", self.chains.len().to_string(), "must be 1 to 64 chains");
        }
        if self.relays.len() > MAX_RELAYS {
            return refuse("relay", self.relays.len().to_string(), "must be at most 64 pairs");
        }
        let sources = self.chains.iter().flat_map(|chain| &chain.checkpoint_from);
        if let Some(other) = sources.clone().find(|source| !source.starts_with("http://")) {
            return refuse("chain.checkpoint_from", other.clone(), "must be URLs such as http://192.0.2.1:8100");
        }
        if sources.count() > MAX_SOURCES {
            return refuse("chain.checkpoint_from", "too many".into(), "must be at most 16 URLs");
        }
        let (mut folders, mut files, mut addresses) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for chain in &self.chains {
            chain.check()?;
            if !folders.insert(&chain.data_dir) {
                return refuse("chain.data_dir", chain.data_dir.display().to_string(), "must be of one chain only");
            }
            if !files.insert(&chain.genesis) {
                return refuse("chain.genesis", chain.genesis.display().to_string(), "must be named once");
            }
            for address in [chain.network.listen.clone(), multiaddress(&chain.api.listen)] {
                // Port 0 is whatever is free.
                if !address.ends_with("/tcp/0") && !addresses.insert(address.clone()) {
                    return refuse("listen", address, "must be of one listener only");
                }
            }
        }
        let mut pairs = BTreeSet::new();
        for relay in &self.relays {
            let pair = (&relay.root, &relay.tld);
            if relay.root == relay.tld || !pairs.insert(pair) {
                let pair = format!("{} and {}", relay.root, relay.tld);
                return refuse("relay", pair, "must be two chains, and each pair once");
            }
        }
        Ok(())
    }

    /// Makes relative paths absolute, seen from the folder of the configuration file.
    #[must_use]
    pub fn resolved(mut self, folder: &Path) -> Self {
        let resolve = |path: &mut PathBuf| *path = folder.join(&*path);
        resolve(&mut self.key_file);
        self.relays.iter_mut().for_each(|relay| resolve(&mut relay.key_file));
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

impl Membership {
    fn check(&self) -> Result<(), ConfigError> {
        let refuse = |field, value: String, rule| Err(ConfigError { field, value, rule });
        if self.network.peers.len() > MAX_PEERS {
            return refuse("chain.network.peers", self.network.peers.len().to_string(), "must be at most 128 peers");
        }
        for text in self.network.peers.iter().map(|p| &p.address).chain([&self.network.listen]) {
            if !text.starts_with('/') {
                return refuse(
                    "chain.network address",
                    text.clone(),
                    "must be a multiaddress such as /ip4/127.0.0.1/tcp/7000",
                );
            }
        }
        self.api.limits.check()
    }
}

/// `127.0.0.1:7000` as `/ip4/127.0.0.1/tcp/7000`.
fn multiaddress(address: &SocketAddr) -> String {
    let kind = if address.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{kind}/{}/tcp/{}", address.ip(), address.port())
}

impl ApiLimits {
    fn check(&self) -> Result<(), ConfigError> {
        let rows: [(&'static str, u64, u64, u64, &'static str); 14] = [
            ("chain.api.limits.max_connections", self.max_connections.into(), 1, 65_536, "must be 1 to 65536"),
            (
                "chain.api.limits.max_connections_per_address",
                self.max_connections_per_address.into(),
                1,
                65_536,
                "must be 1 to 65536",
            ),
            ("chain.api.limits.max_body_bytes", self.max_body_bytes.into(), 4_096, 64 << 20, "must be 4 KiB to 64 MiB"),
            ("chain.api.limits.max_json_depth", self.max_json_depth.into(), 2, 100, "must be 2 to 100"),
            ("chain.api.limits.header_timeout_ms", self.header_timeout_ms, 100, 600_000, "must be 100 to 600000"),
            ("chain.api.limits.request_timeout_ms", self.request_timeout_ms, 100, 600_000, "must be 100 to 600000"),
            ("chain.api.limits.write_timeout_ms", self.write_timeout_ms, 100, 600_000, "must be 100 to 600000"),
            ("chain.api.limits.max_wait_ms", self.max_wait_ms, 100, 600_000, "must be 100 to 600000"),
            (
                "chain.api.limits.requests_per_second",
                self.requests_per_second.into(),
                1,
                10_000_000,
                "must be 1 to 10000000",
            ),
            ("chain.api.limits.request_burst", self.request_burst.into(), 1, 10_000_000, "must be 1 to 10000000"),
            ("chain.api.limits.max_views", self.max_views.into(), 1, 256, "must be 1 to 256"),
            ("chain.api.limits.max_waiters", self.max_waiters.into(), 1, 65_536, "must be 1 to 65536"),
            ("chain.api.limits.max_streams", self.max_streams.into(), 1, 65_536, "must be 1 to 65536"),
            (
                "chain.api.limits.max_streams_per_address",
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
        [chain.network]
        listen = "/ip4/127.0.0.1/tcp/7000"
        [chain.api]
        listen = "127.0.0.1:8080"
        limits = { max_body_bytes = 5000 }
    "#;

    #[test]
    fn what_is_left_out_has_its_default() {
        let config: NodeConfig = toml::from_str(FILE).unwrap();
        config.check().unwrap();
        let limits = ApiLimits { max_body_bytes: 5_000, ..ApiLimits::default() };
        assert_eq!((&config.chains[0].api.limits, config.log.format), (&limits, LogFormat::Text));
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
        assert_eq!(broken("5000", "1"), "chain.api.limits.max_body_bytes");
        assert_eq!(broken("/ip4/127.0.0.1/tcp/7000", "127.0.0.1:7000"), "chain.network address");
        assert_eq!(broken("127.0.0.1:8080", "127.0.0.1:7000"), "listen");
        assert!(toml::from_str::<NodeConfig>(&FILE.replace("key_file", "keyfile")).is_err());
    }

    /// A second chain with these values.
    fn second(genesis: &str, data: &str, network: u16, api: u16) -> String {
        format!(
            "{FILE}\n[[chain]]\ngenesis = '{genesis}'\ndata_dir = '{data}'\n\
             [chain.network]\nlisten = '/ip4/127.0.0.1/tcp/{network}'\n[chain.api]\nlisten = '127.0.0.1:{api}'\n"
        )
    }

    #[test]
    fn chains_of_one_process_share_nothing() {
        let check = |text: &str| toml::from_str::<NodeConfig>(text).unwrap().check().map_err(|e| e.field);
        assert_eq!(check(&second("tld.json", "tld", 7001, 8081)), Ok(()));
        assert_eq!(check(&second("genesis.json", "tld", 7001, 8081)), Err("chain.genesis"));
        assert_eq!(check(&second("tld.json", "data", 7001, 8081)), Err("chain.data_dir"));
        assert_eq!(check(&second("tld.json", "tld", 7000, 8081)), Err("listen"));
        assert_eq!(check(&second("tld.json", "tld", 7001, 8080)), Err("listen"));
        assert_eq!(check(&second("tld.json", "tld", 8080, 8081)), Err("listen"));
        assert_eq!(check(&second("tld.json", "tld", 0, 0)), Ok(()));
    }

    #[test]
    fn a_relay_is_between_two_chains_and_there_once() {
        let relay = |root: &str, tld: &str| format!("[[relay]]\nroot = '{root}'\ntld = '{tld}'\nkey_file = 'r.key'\n");
        let check = |text: String| {
            let config: NodeConfig = toml::from_str(&format!("{FILE}\n{text}")).unwrap();
            let again: NodeConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
            assert_eq!(again, config);
            config.check().map_err(|e| e.field)
        };
        assert_eq!(check(relay("root", "tld-a") + &relay("root", "tld-b")), Ok(()));
        assert_eq!(check(relay("root", "root")), Err("relay"));
        assert_eq!(check(relay("root", "tld-a") + &relay("root", "tld-a")), Err("relay"));
    }

    #[test]
    fn a_file_in_the_form_for_one_chain_is_told_what_to_move() {
        let said = |text: &str| toml::from_str::<NodeConfig>(text).unwrap_err().to_string();
        let old = FILE.replace("chain.network", "network").replace("chain.api", "api");
        assert!(said(&old).contains("write it as [chain.network] below its [[chain]]"), "{}", said(&old));
        let half = FILE.replace("chain.api", "api");
        assert!(said(&half).contains("write it as [chain.api] below its [[chain]]"), "{}", said(&half));
        let none = FILE.split("[chain.api]").next().unwrap();
        assert!(said(none).contains("[chain.api] is missing for the chain of genesis.json"), "{}", said(none));
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
