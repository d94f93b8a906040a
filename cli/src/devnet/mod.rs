//! A local network: separate `althingd` processes on loopback, in one folder.
//!
//! ```text
//! DIR/genesis.json  contracts/             the chain's start; code of its contracts
//! DIR/passphrase  keys/                    DIR is also the home folder of the network's keys
//! DIR/devnet.json                          what others read: index, pid, api, node_id of each node; in a governed
//!                                          network also organisation, kind and first standing
//! DIR/ca/                                  authority of certificates of a governed network
//! DIR/node-I/config.toml  node.key  data/  log  process.json
//! DIR/node-I/member.json  node.crt         of a node that was added later: whose it is, and its certificate
//! ```
//!
//! [`process`] starts and ends processes and never touches one that this network did not start; [`setup`] writes a new
//! network's files, [`profile`] says who takes part in it, [`join`] makes nodes that are to join. Node keys lie in plain text, as the node needs them unattended; keys that sign transactions are
//! encrypted, with a pass phrase that lies beside them: a local network protects nothing.

pub mod join;
pub mod process;
pub mod profile;
pub mod setup;

use crate::{
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, write_file},
};
use althing_api::{NodeConfig, model::StatusDocument};
use althing_client::{Client, ClientConfig};
use althing_types::{crypto::NodeId, genesis::Genesis, govern::Standing, id::OrganisationId, organisation::Role};
use process::Process;
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Time between two looks at the nodes.
const POLL: Duration = Duration::from_millis(100);
/// Time a process has to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// Lines of a log that an error shows.
const LOG_LINES: usize = 8;

/// The file that others read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevnetFile {
    /// One entry per node, by index.
    pub nodes: Vec<NodeEntry>,
}

/// One node in [`DevnetFile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeEntry {
    /// Its index, from 0.
    pub index: usize,
    /// Its process; of a stopped node the last one.
    pub pid: u32,
    /// Base URL of its API.
    pub api: String,
    /// Its identity.
    pub node_id: NodeId,
    /// Whose it is; only in a governed network.
    #[serde(flatten)]
    pub seat: SeatEntry,
}

/// Whose a node of a governed network is. What it may do now is in the chain's member list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatEntry {
    /// The organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationId>,
    /// What the organisation is to the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Role>,
    /// What the node may do at the start of the chain; absent for one that is to join.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// One node as `devnet status` shows it.
#[derive(Clone, Debug, Serialize)]
pub struct NodeReport {
    /// Index, process, API, identity.
    #[serde(flatten)]
    pub entry: NodeEntry,
    /// Whether its process lives.
    pub running: bool,
    /// Its height, when it answers.
    pub height: Option<u64>,
    /// Hash of its last block.
    pub block_hash: Option<String>,
    /// Connected peers.
    pub peers: Option<usize>,
    /// Why it has stopped following the chain, when it has.
    pub halted: Option<String>,
}

/// A network's folder.
#[derive(Clone, Debug)]
pub struct Network {
    dir: PathBuf,
    nodes: Vec<Node>,
}

/// What the folder says of one node.
#[derive(Clone, Debug)]
struct Node {
    index: usize,
    node_id: NodeId,
    api: std::net::SocketAddr,
    network: Option<std::net::SocketAddr>,
    seat: SeatEntry,
    /// Whether the genesis names it; others have no block before they are admitted.
    founder: bool,
}

impl Network {
    /// Whether a folder has a network.
    pub fn exists(dir: &Path) -> bool {
        dir.join("genesis.json").exists() && node_dir(dir, 0).join("config.toml").exists()
    }

    /// Opens an existing network.
    ///
    /// # Errors
    /// When the folder has none, or its files are not what they should be.
    pub fn open(dir: &Path) -> Result<Self> {
        if !Self::exists(dir) {
            return Err(CliError::not_found("no_devnet", format!("there is no network in {}", dir.display()))
                .field("--dir")
                .value(dir.display().to_string())
                .rule("a folder that `althing devnet up` made"));
        }
        let dir = std::path::absolute(dir).map_err(|e| CliError::file("resolve", dir, &e))?;
        let genesis = setup::read_genesis(&dir.join("genesis.json"))?;
        let mut nodes = Vec::new();
        for index in 0.. {
            let path = node_dir(&dir, index).join("config.toml");
            if !path.exists() {
                break;
            }
            let text = std::fs::read_to_string(&path).map_err(|e| CliError::file("read", &path, &e))?;
            let config: NodeConfig = toml::from_str(&text).map_err(|e| {
                CliError::data("bad_config", format!("{} is no node configuration: {e}", path.display()))
                    .field("config.toml")
                    .rule("as `althing devnet up` wrote it")
            })?;
            let node_id = setup::read_node_key(&node_dir(&dir, index).join("node.key"))?.public().into();
            let network = setup::socket_of(&config.network.listen);
            let member = profile::node_of(&genesis, &node_id);
            let founder = member.is_some();
            let seat = match member {
                Some(member) if genesis.governance.is_some() => SeatEntry {
                    organisation: Some(member.organisation),
                    kind: Some(member.kind),
                    standing: Some(member.standing),
                },
                Some(_) => SeatEntry::default(),
                None => join::read_seat(&node_dir(&dir, index))?,
            };
            nodes.push(Node { index, node_id, api: config.api.listen, network, seat, founder });
        }
        Ok(Self { dir, nodes })
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// Number of nodes.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }
    /// The genesis document.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn genesis(&self) -> Result<Genesis> {
        setup::read_genesis(&self.dir.join("genesis.json"))
    }
    /// Base URLs of all nodes.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }
    /// The process of a node, if it lives and is ours.
    pub fn process(&self, index: usize) -> Option<Process> {
        Process::read(&node_dir(&self.dir, index)).filter(Process::lives)
    }

    /// Starts one node, unless it runs already.
    ///
    /// # Errors
    /// When there is no such node, the program is missing, or a port is taken.
    pub fn start(&self, index: usize) -> Result<Process> {
        let node = self.node(index)?;
        if let Some(process) = self.process(index) {
            return Ok(process);
        }
        for address in [Some(node.api), node.network].into_iter().flatten() {
            std::net::TcpListener::bind(address).map_err(|e| {
                CliError::new(Exit::Internal, "port_taken", format!("node {index} cannot listen on {address}: {e}"))
                    .field("port")
                    .value(address.port().to_string())
                    .rule("a free port on loopback; another program uses it")
                    .hint(format!(
                        "end that program, or change {}",
                        node_dir(&self.dir, index).join("config.toml").display()
                    ))
            })?;
        }
        let process = Process::start(&node_dir(&self.dir, index))?;
        self.write_file()?;
        Ok(process)
    }

    /// Starts all nodes that do not run.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_all(&self) -> Result<()> {
        (0..self.count()).try_for_each(|index| self.start(index).map(|_| ()))
    }

    /// Kills one node as a crash would. Tells whether it was running.
    ///
    /// # Errors
    /// When there is no such node, or it does not die.
    pub fn kill(&self, index: usize) -> Result<bool> {
        self.node(index)?;
        let Some(process) = self.process(index) else { return Ok(false) };
        process.kill(GRACE)?;
        Ok(true)
    }

    /// Ends all nodes; those that do not end by themselves are killed. Tells how many were running.
    ///
    /// # Errors
    /// When one does not die.
    pub fn down(&self) -> Result<usize> {
        let running: Vec<Process> = (0..self.count()).filter_map(|i| self.process(i)).collect();
        running.iter().for_each(Process::ask_to_end);
        let deadline = Instant::now().checked_add(GRACE);
        for process in &running {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now())).unwrap_or_default();
            if !process.wait_end(left) {
                process.kill(GRACE)?;
            }
        }
        Ok(running.len())
    }

    /// Waits until every node that the genesis names has a block of at least `height`.
    ///
    /// # Errors
    /// When a process ends, or the time passes.
    pub async fn wait_height(&self, height: u64, timeout: Duration, mut seen: impl FnMut(usize)) -> Result<()> {
        let started = Instant::now();
        loop {
            let mut reports = self.reports().await;
            reports.retain(|r| self.nodes.get(r.entry.index).is_some_and(|node| node.founder));
            let ready = reports.iter().filter(|r| r.height.is_some_and(|h| h >= height)).count();
            seen(ready);
            if ready == reports.len() {
                return Ok(());
            }
            if let Some(dead) = reports.iter().find(|r| !r.running) {
                let index = dead.entry.index;
                return Err(CliError::internal("node_ended", format!("node {index} ended before it had a block"))
                    .field("node")
                    .value(index.to_string())
                    .rule("a node that runs")
                    .hint(self.log_tail(index)));
            }
            if started.elapsed() > timeout {
                let heights: Vec<String> =
                    reports.iter().map(|r| r.height.map_or("-".into(), |h| h.to_string())).collect();
                let message = format!("after {} s not every node has height {height}", timeout.as_secs());
                return Err(CliError::new(Exit::Timeout, "not_ready", message)
                    .field("heights")
                    .value(heights.join(" "))
                    .rule(format!("every node at height {height} or above"))
                    .hint(self.log_tail(0)));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Every node, asked at the same time.
    pub async fn reports(&self) -> Vec<NodeReport> {
        let asked = self.nodes.iter().map(|node| async move {
            let process = Process::read(&node_dir(&self.dir, node.index));
            let running = process.as_ref().is_some_and(Process::lives);
            let status = if running { status_of(&node.url()).await } else { None };
            NodeReport {
                entry: node.entry(process.map_or(0, |p| p.pid)),
                running,
                height: status.as_ref().map(|s| s.height.0),
                block_hash: status.as_ref().map(|s| s.block_hash.to_string()),
                peers: status.as_ref().map(|s| s.peers.len()),
                halted: status.and_then(|s| s.halted),
            }
        });
        futures::future::join_all(asked).await
    }

    /// Writes `devnet.json`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_file(&self) -> Result<()> {
        let pid = |index| Process::read(&node_dir(&self.dir, index)).map_or(0, |p| p.pid);
        let nodes = self.nodes.iter().map(|n| n.entry(pid(n.index))).collect();
        let text = serde_json::to_string_pretty(&DevnetFile { nodes })
            .map_err(|e| CliError::internal("json", e.to_string()))?;
        write_file(&self.dir.join("devnet.json"), format!("{text}\n").as_bytes(), Access::Public)
    }

    /// The last lines of a node's log.
    pub fn log_tail(&self, index: usize) -> String {
        let path = node_dir(&self.dir, index).join("log");
        let text = std::fs::read(&path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(LOG_LINES)..).unwrap_or_default();
        format!("{}:\n    {}", path.display(), tail.join("\n    "))
    }

    fn node(&self, index: usize) -> Result<&Node> {
        self.nodes.get(index).ok_or_else(|| {
            CliError::not_found("no_such_node", format!("there is no node {index}"))
                .field("node")
                .value(index.to_string())
                .rule(format!("0 to {}", self.count().saturating_sub(1)))
        })
    }
}

impl Node {
    fn url(&self) -> String {
        format!("http://{}", self.api)
    }
    fn entry(&self, pid: u32) -> NodeEntry {
        NodeEntry { index: self.index, pid, api: self.url(), node_id: self.node_id, seat: self.seat.clone() }
    }
}

/// Folder of a node.
pub fn node_dir(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("node-{index}"))
}

/// What a node says of itself, without patience.
pub async fn status_of(url: &str) -> Option<StatusDocument> {
    let second = Duration::from_secs(1);
    let config = ClientConfig { connect_timeout: second, request_timeout: second, retry_for: Duration::ZERO };
    let client = Client::with_config(&[url], config).ok()?;
    client.status().await.ok()
}
