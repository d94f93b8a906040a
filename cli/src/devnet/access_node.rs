//! The access node of a local network: it follows every chain with contract `bootstrap` and answers RDAP on loopback.
//!
//! ```text
//! DIR/access-node/config.toml     the node's configuration (docs/guides/rdap.md)
//! DIR/access-node/state/          its last good copies of published files
//! DIR/access-node/log  process.json
//! ```
//! No published file is configured: what it answers comes from the chains alone until somebody adds them.

use super::{
    Network,
    process::{Process, Program},
    setup,
    zone_server::table,
};
use crate::{
    error::{CliError, Result},
    home::{Access, make_folder, write_file},
};
use althing_interface::bootstrap;
use althing_types::genesis::Genesis;
use serde::{Deserialize, Serialize};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use toml::{Table, Value};

/// Time in which a killed node must be gone.
const GRACE: Duration = Duration::from_secs(10);
/// Time in which a new one must listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(50);
/// Questions a second of one address: on loopback everybody has the same.
const PER_SECOND: i64 = 1_000;

/// The access node in [`super::DevnetFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessNodeEntry {
    /// Base URL of its RDAP service.
    pub url: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its process; of a stopped one the last.
    pub pid: u32,
    /// Chains that it follows, the one that counts most first.
    pub chains: Vec<String>,
    /// Its configuration.
    pub config: PathBuf,
}

fn folder(dir: &Path) -> PathBuf {
    dir.join("access-node")
}

fn file(dir: &Path) -> PathBuf {
    folder(dir).join("config.toml")
}

/// Whether a chain has entries to follow.
fn is_followed(genesis: &Genesis) -> bool {
    genesis.contracts.iter().any(|contract| contract.id.as_str() == bootstrap::ID)
}

/// Writes the node's folder for a network; does nothing when it is there, or when no chain has entries.
///
/// # Errors
/// When no port is free or a file cannot be written.
pub fn write(network: &Network) -> Result<()> {
    if file(network.dir()).exists() {
        return Ok(());
    }
    let mut chains = Vec::new();
    for (index, (genesis, path)) in network.chains().enumerate() {
        if is_followed(genesis) {
            let nodes: Vec<Value> = network.all_urls(index).into_iter().map(Value::from).collect();
            chains.push(Value::Table(table([("nodes", nodes.into()), ("genesis", path.display().to_string().into())])));
        }
    }
    if chains.is_empty() {
        return Ok(());
    }
    let port = setup::ports(None, "--rdap-port", 1, &network.ports())?.first().copied().unwrap_or_default();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let config = table([
        ("listen", address.to_string().into()),
        ("state", "state".into()),
        ("public_url", format!("http://{address}/").into()),
        ("chain", Value::Array(chains)),
        ("limits", table([("per_second", PER_SECOND.into()), ("burst", PER_SECOND.into())]).into()),
        ("fetch", table([("allow", Value::Array(Vec::new()))]).into()),
    ]);
    make_folder(&folder(network.dir()), Access::Secret)?;
    save(network.dir(), &config)
}

fn save(dir: &Path, config: &Table) -> Result<()> {
    let text = toml::to_string_pretty(config).map_err(|e| CliError::internal("toml", e.to_string()))?;
    write_file(&file(dir), text.as_bytes(), Access::Public)
}

/// Lets the node ask these hosts (`HOST:PORT`) of closed networks, by `http` too, beside those that it may ask already. One
/// that runs with other hosts is ended; it is started with the rest of the network.
///
/// # Errors
/// When the network has no access node, the configuration cannot be written, or the node does not die.
pub fn allow(dir: &Path, hosts: &[String]) -> Result<()> {
    let Some(first) = hosts.first() else { return Ok(()) };
    let Some(mut config) = read(dir) else {
        return Err(CliError::usage("no_access_node", format!("the network in {} has no access node", dir.display()))
            .field("--rdap-allow")
            .value(first.clone())
            .rule("a network with a profile whose chains carry contract bootstrap"));
    };
    let Some(fetch) = config.entry("fetch").or_insert_with(|| Value::Table(Table::new())).as_table_mut() else {
        return Ok(());
    };
    let Some(allowed) = fetch.entry("allow").or_insert_with(|| Value::Array(Vec::new())).as_array_mut() else {
        return Ok(());
    };
    let before = allowed.len();
    for host in hosts {
        if !allowed.iter().any(|known| known.as_str() == Some(host)) {
            allowed.push(host.clone().into());
        }
    }
    if allowed.len() == before {
        return Ok(());
    }
    save(dir, &config)?;
    stop(dir)
}

/// Starts the node, unless it runs or the network has none, and waits until it listens.
///
/// # Errors
/// When the program is missing, cannot be started, or ends at once.
pub fn start(dir: &Path) -> Result<()> {
    let Some(address) = address(dir).filter(|_| process(dir).is_none()) else { return Ok(()) };
    let process = Process::start(&Program::ACCESS, &folder(dir))?;
    let started = Instant::now();
    while TcpStream::connect_timeout(&address, POLL).is_err() {
        if !process.lives() || started.elapsed() > LISTENS_WITHIN {
            return Err(CliError::internal("no_access_node", "the access node does not answer")
                .field("access node")
                .value(address.to_string())
                .rule(format!("an access node that listens within {} s", LISTENS_WITHIN.as_secs()))
                .hint(format!("see {}; --no-rdap does without it", folder(dir).join("log").display())));
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Ends the node, if it runs.
///
/// # Errors
/// When it does not die.
pub fn stop(dir: &Path) -> Result<()> {
    process(dir).map_or(Ok(()), |process| process.kill(GRACE))
}

/// The node's process, if it lives and is ours.
pub fn process(dir: &Path) -> Option<Process> {
    Process::read(&folder(dir)).filter(Process::lives)
}

/// What `devnet.json` says of it; nothing without one.
pub fn entries(network: &Network) -> Vec<AccessNodeEntry> {
    let dir = network.dir();
    let Some(address) = address(dir) else { return Vec::new() };
    let pid = Process::read(&folder(dir)).map_or(0, |p| p.pid);
    let followed = network.chains().filter(|(genesis, _)| is_followed(genesis));
    let chains = followed.map(|(genesis, _)| genesis.chain.to_string()).collect();
    vec![AccessNodeEntry { url: format!("http://{address}/"), address, pid, chains, config: file(dir) }]
}

/// Where it listens; `None` when the network has none.
pub fn address(dir: &Path) -> Option<SocketAddr> {
    read(dir)?.get("listen")?.as_str()?.parse().ok()
}

fn read(dir: &Path) -> Option<Table> {
    std::fs::read_to_string(file(dir)).ok()?.parse().ok()
}
