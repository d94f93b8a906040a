//! A local network: separate `althingd` processes on loopback, in one folder.
//!
//! ```text
//! DIR/genesis.json                         the start of the first or only chain
//! DIR/chains/CHAIN/genesis.json            the starts of further chains
//! DIR/contracts/                           code of the chains' contracts
//! DIR/passphrase  keys/                    DIR is also the home folder of the network's keys
//! DIR/devnet.json                          what others read: index, pid, api, node_id of each node and its chains; in a
//!                                          governed network also organisation, kind and first standing; zone servers; access nodes
//! DIR/ca/                                  authority of certificates of a governed network
//! DIR/node-I/config.toml  node.key  data/  data-CHAIN/  log  process.json
//! DIR/node-I/relay.key                     of a node that carries messages between two chains
//! DIR/zone-server/                         configuration, key and state of the zone server, where there are TLD chains
//! DIR/access-node/                         configuration, state and log of the access node for registration data
//! DIR/node-I/member.json  node.crt         of a node that was added later: whose it is, and its certificate
//! ```
//!
//! [`process`] starts and ends processes and never touches one that this network did not start; [`setup`] writes a new
//! network's files, [`profile`] says who takes part in it, [`join`] makes nodes that are to join, [`zone_server`] looks
//! after the server of its zones, [`access_node`] after the one that answers RDAP. Node keys lie in plain text, as the node needs them unattended; keys that sign
//! transactions are encrypted, with a pass phrase that lies beside them: a local network protects nothing.

pub mod access_node;
mod contracts;
mod file;
pub mod join;
pub mod process;
pub mod profile;
pub mod setup;
pub mod zone_server;

pub use file::{ChainEntry, ChainReport, DevnetFile, NodeChain, NodeEntry, NodeReport, SeatEntry};

use crate::{
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, write_file},
};
use althing_api::{NodeConfig, model::StatusDocument};
use althing_client::{Client, ClientConfig};
use althing_types::{crypto::NodeId, genesis::Genesis, id::ChainId};
use process::Process;
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Time between two looks at the nodes.
const POLL: Duration = Duration::from_millis(100);
/// Time a process has to end by itself.
const GRACE: Duration = Duration::from_secs(10);
/// Time in which a node on this machine says whether it is ready.
const READY_WITHIN: Duration = Duration::from_millis(500);
/// Lines of a log that an error shows.
const LOG_LINES: usize = 8;

/// A network's folder.
#[derive(Clone, Debug)]
pub struct Network {
    dir: PathBuf,
    /// Its chains, the first one first.
    chains: Vec<(Genesis, PathBuf)>,
    nodes: Vec<Node>,
}

/// What the folder says of one node.
#[derive(Clone, Debug)]
struct Node {
    index: usize,
    node_id: NodeId,
    /// Its chains, in the order of its configuration.
    chains: Vec<Seated>,
}

/// What the folder says of a node in one of its chains.
#[derive(Clone, Debug)]
struct Seated {
    /// Index of the chain.
    chain: usize,
    api: SocketAddr,
    network: Option<SocketAddr>,
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
        let first = dir.join("genesis.json");
        let chains = vec![(setup::read_genesis(&first)?, first)];
        let mut network = Self { dir, chains, nodes: Vec::new() };
        for index in 0.. {
            if !node_dir(&network.dir, index).join("config.toml").exists() {
                return Ok(network);
            }
            let node = network.read_node(index)?;
            network.nodes.push(node);
        }
        Ok(network)
    }

    /// Reads a node's folder; takes in chains that no node before it has.
    fn read_node(&mut self, index: usize) -> Result<Node> {
        let folder = node_dir(&self.dir, index);
        let path = folder.join("config.toml");
        let text = std::fs::read_to_string(&path).map_err(|e| CliError::file("read", &path, &e))?;
        let config: NodeConfig = toml::from_str(&text).map_err(|e| {
            CliError::data("bad_config", format!("{} is no node configuration: {e}", path.display()))
                .field("config.toml")
                .rule("as `althing devnet up` wrote it")
        })?;
        let node_id: NodeId = setup::read_node_key(&folder.join("node.key"))?.public().into();
        let mut chains = Vec::new();
        for membership in config.chains {
            // Written as seen from any node's folder.
            let path = match membership.genesis.strip_prefix("..") {
                Ok(inside) => self.dir.join(inside),
                Err(_) => folder.join(&membership.genesis),
            };
            let chain = match self.chains.iter().position(|(_, known)| *known == path) {
                Some(chain) => chain,
                None => {
                    self.chains.push((setup::read_genesis(&path)?, path));
                    self.chains.len().saturating_sub(1)
                }
            };
            let genesis = self.genesis_of(chain)?;
            let member = profile::node_of(genesis, &node_id);
            let founder = member.is_some();
            let seat = match member {
                Some(member) if genesis.governance.is_some() => SeatEntry {
                    organisation: Some(member.organisation),
                    kind: Some(member.kind),
                    standing: Some(member.standing),
                },
                Some(_) => SeatEntry::default(),
                None => join::read_seat(&folder)?,
            };
            let network = setup::socket_of(&membership.network.listen);
            chains.push(Seated { chain, api: membership.api.listen, network, seat, founder });
        }
        Ok(Node { index, node_id, chains })
    }

    /// Index of the chain of this id; the first one when none is named.
    ///
    /// # Errors
    /// When there is none of this id.
    pub fn chain(&self, id: Option<&ChainId>) -> Result<usize> {
        let Some(id) = id else { return Ok(0) };
        self.chains.iter().position(|(genesis, _)| genesis.chain == *id).ok_or_else(|| {
            let known: Vec<&str> = self.chains.iter().map(|(genesis, _)| genesis.chain.as_str()).collect();
            CliError::not_found("no_such_chain", format!("the network in {} has no chain {id}", self.dir.display()))
                .field("--chain")
                .value(id.as_str())
                .rule(known.join(", "))
        })
    }

    /// Ids of its chains, the first one first.
    pub fn chain_ids(&self) -> Vec<ChainId> {
        self.chains.iter().map(|(genesis, _)| genesis.chain.clone()).collect()
    }

    /// Genesis documents of its chains and their files, the first one first.
    pub fn chains(&self) -> impl Iterator<Item = (&Genesis, &Path)> {
        self.chains.iter().map(|(genesis, path)| (genesis, path.as_path()))
    }

    fn genesis_of(&self, chain: usize) -> Result<&Genesis> {
        self.chains
            .get(chain)
            .map(|(genesis, _)| genesis)
            .ok_or_else(|| CliError::internal("no_chain", "no such chain"))
    }

    fn chain_id(&self, chain: usize) -> Result<&ChainId> {
        self.genesis_of(chain).map(|genesis| &genesis.chain)
    }

    /// All ports that it uses.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let seated = self.nodes.iter().flat_map(|node| &node.chains);
        let listeners = seated.flat_map(|seat| [Some(seat.api), seat.network]);
        let servers = [zone_server::address(&self.dir), access_node::address(&self.dir)];
        listeners.chain(servers).flatten().map(|address| address.port()).collect()
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
    /// Number of nodes.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }
    /// The genesis document of the first chain.
    ///
    /// # Errors
    /// Never for a network that was opened.
    pub fn genesis(&self) -> Result<Genesis> {
        self.genesis_of(0).cloned()
    }
    /// Base URLs of all nodes, each for its first chain.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Node::url).collect()
    }
    /// Base URLs for a chain of the nodes that run; those that say they do not follow it come last.
    pub fn running(&self, chain: usize) -> Vec<String> {
        let mut urls: Vec<String> = self
            .nodes
            .iter()
            .filter(|node| self.process(node.index).is_some())
            .filter_map(|node| Some(base_url(node.in_chain(chain)?.api)))
            .collect();
        // One that is ready is enough to begin with; the rest keep their order behind it.
        if let Some(ready) = urls.iter().position(|url| is_ready(url)) {
            urls.rotate_left(ready);
        }
        urls
    }
    /// Base URLs of all nodes of a chain.
    pub fn all_urls(&self, chain: usize) -> Vec<String> {
        self.nodes.iter().filter_map(|node| Some(base_url(node.in_chain(chain)?.api))).collect()
    }
    /// Genesis document of the chain that a base URL is for.
    pub fn chain_at(&self, url: &str) -> Option<&Path> {
        let seated = self.nodes.iter().flat_map(|node| &node.chains);
        let chain = seated.into_iter().find(|seat| base_url(seat.api) == url)?.chain;
        self.chains.get(chain).map(|(_, path)| path.as_path())
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
        let listeners = node.chains.iter().flat_map(|seat| [Some(seat.api), seat.network]);
        for address in listeners.flatten() {
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
        let process = Process::start(&process::Program::NODE, &node_dir(&self.dir, index))?;
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

    /// Starts the zone server, if the network has one that does not run. Its chains should have a block by then.
    ///
    /// # Errors
    /// When the program is missing or cannot be started.
    pub fn start_zone_server(&self) -> Result<()> {
        zone_server::start(&self.dir)
    }

    /// Starts the access node, if the network has one that does not run.
    ///
    /// # Errors
    /// When the program is missing, cannot be started, or ends at once.
    pub fn start_access_node(&self) -> Result<()> {
        access_node::start(&self.dir)
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

    /// Ends all nodes, the zone server and the access node; what does not end by itself is killed. Tells how many nodes were running.
    ///
    /// # Errors
    /// When one does not die.
    pub fn down(&self) -> Result<usize> {
        let nodes: Vec<Process> = (0..self.count()).filter_map(|i| self.process(i)).collect();
        let count = nodes.len();
        let servers = zone_server::process(&self.dir).into_iter().chain(access_node::process(&self.dir));
        let running: Vec<Process> = nodes.into_iter().chain(servers).collect();
        running.iter().for_each(Process::ask_to_end);
        let deadline = Instant::now().checked_add(GRACE);
        for process in &running {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now())).unwrap_or_default();
            if !process.wait_end(left) {
                process.kill(GRACE)?;
            }
        }
        Ok(count)
    }

    /// Waits until every node that a genesis names has a block of at least `height` of that chain.
    ///
    /// # Errors
    /// When a process ends, or the time passes.
    pub async fn wait_height(&self, height: u64, timeout: Duration, mut seen: impl FnMut(usize)) -> Result<()> {
        let started = Instant::now();
        loop {
            let reports = self.reports().await;
            let founder = |index: usize, chain: usize| {
                self.nodes.get(index).and_then(|node| node.chains.get(chain)).is_some_and(|seat| seat.founder)
            };
            let heights = |report: &NodeReport| {
                let own = report.chains.iter().enumerate();
                own.filter(|(at, _)| founder(report.entry.index, *at))
                    .map(|(_, chain)| chain.height)
                    .collect::<Vec<_>>()
            };
            let (mut ready, mut wanted) = (0usize, 0usize);
            for report in &reports {
                let heights = heights(report);
                wanted = wanted.saturating_add(usize::from(!heights.is_empty()));
                let all = !heights.is_empty() && heights.iter().all(|h| h.is_some_and(|h| h >= height));
                ready = ready.saturating_add(usize::from(all));
                if !heights.is_empty() && !report.running {
                    let index = report.entry.index;
                    return Err(CliError::internal("node_ended", format!("node {index} ended before it had a block"))
                        .field("node")
                        .value(index.to_string())
                        .rule("a node that runs")
                        .hint(self.log_tail(index)));
                }
            }
            seen(ready);
            if ready == wanted {
                return Ok(());
            }
            if started.elapsed() > timeout {
                let text = |h: Option<u64>| h.map_or("-".into(), |h| h.to_string());
                let heights: Vec<String> = reports.iter().flat_map(heights).map(text).collect();
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
            let chains = node.chains.iter().map(|seat| async move {
                let url = base_url(seat.api);
                let status = if running { status_of(&url).await } else { None };
                let chain = self.chain_id(seat.chain).map(ToString::to_string).unwrap_or_default();
                ChainReport {
                    chain,
                    api: url,
                    height: status.as_ref().map(|s| s.height.0),
                    block_hash: status.as_ref().map(|s| s.block_hash.to_string()),
                    peers: status.as_ref().map(|s| s.peers.len()),
                    halted: status.and_then(|s| s.halted),
                }
            });
            let chains = futures::future::join_all(chains).await;
            let first = chains.first().cloned().unwrap_or_default();
            let mut entry = self.entry(node, process.map_or(0, |p| p.pid));
            entry.chains.clear();
            NodeReport {
                entry,
                running,
                height: first.height,
                block_hash: first.block_hash,
                peers: first.peers,
                halted: first.halted,
                chains,
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
        let nodes = self.nodes.iter().map(|node| self.entry(node, pid(node.index))).collect();
        let file = DevnetFile {
            nodes,
            chains: self.chain_entries(),
            zone_servers: zone_server::entries(&self.dir),
            access_nodes: access_node::entries(self),
        };
        let text = serde_json::to_string_pretty(&file).map_err(|e| CliError::internal("json", e.to_string()))?;
        write_file(&self.dir.join("devnet.json"), format!("{text}\n").as_bytes(), Access::Public)
    }

    /// The chains as `devnet.json` has them.
    pub fn chain_entries(&self) -> Vec<ChainEntry> {
        self.chains().map(|(genesis, path)| ChainEntry::of(genesis, path)).collect()
    }

    fn entry(&self, node: &Node, pid: u32) -> NodeEntry {
        let seat = |seat: &Seated| NodeChain {
            chain: self.chain_id(seat.chain).map(ToString::to_string).unwrap_or_default(),
            api: base_url(seat.api),
            standing: seat.seat.standing,
        };
        NodeEntry {
            index: node.index,
            pid,
            api: node.url(),
            node_id: node.node_id,
            seat: node.chains.first().map(|first| first.seat.clone()).unwrap_or_default(),
            chains: node.chains.iter().map(seat).collect(),
        }
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
    fn in_chain(&self, chain: usize) -> Option<&Seated> {
        self.chains.iter().find(|seat| seat.chain == chain)
    }
    fn url(&self) -> String {
        self.chains.first().map(|first| base_url(first.api)).unwrap_or_default()
    }
}

fn base_url(api: SocketAddr) -> String {
    format!("http://{api}")
}

/// Whether a node says that it follows its chain; one that was removed, or lags, says that it does not.
fn is_ready(url: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let address: SocketAddr = url.trim_start_matches("http://").parse().map_err(std::io::Error::other)?;
        let mut stream = TcpStream::connect_timeout(&address, READY_WITHIN)?;
        stream.set_read_timeout(Some(READY_WITHIN))?;
        write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut head = [0u8; 12];
        stream.read_exact(&mut head)?;
        Ok(head.ends_with(b"200"))
    };
    ask().unwrap_or(false)
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
