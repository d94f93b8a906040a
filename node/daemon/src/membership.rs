//! One chain of the process: every part of its node, in start order, and what keeps the node running.
//!
//! When the disk is full, the node stops: it signs nothing and takes in nothing, says so in its log and its status,
//! and opens its store again once there is space. Any other fault of the store ends the node for good. Either way the
//! process's other chains go on: they share nothing with this one but the key, the runtime and its threads.

use crate::{
    checkpoint::{self, Maker, Offered},
    contacts::Contacts,
    driver::{Driver, Inbox, Outbox, Shared, channels},
    join,
    ledger::{LedgerService, StoreSlot},
    metrics::{Probe, RelayFigures},
    node::{Halt, Node, NodeConfig, SharedPool},
    relay::End,
    wire::Wire,
};
use althing_api::config::{ApiLimits, Membership, NetworkConfig};
use althing_execution::Executor;
use althing_mempool::{Limits, Pool};
use althing_network::{Handle, Peer};
use althing_rpc::{Metrics, ServeError, Services};
use althing_runtime::Runtime;
use althing_state::{RocksOptions, RocksStore, Storage, StoreError};
use althing_types::{
    crypto::{NodeId, SecretKey},
    genesis::Genesis,
    hash::Hash,
    id::{ChainId, Height},
    keyspace,
};
use anyhow::{Context, bail};
use prometheus_client::registry::Registry;
use std::{
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tracing::{Instrument, Span};

/// Free space below which a node that stopped for want of it does not start again.
const ENOUGH_SPACE: u64 = 64 * 1024 * 1024;
/// How often free space is looked at.
const SPACE_CHECK: Duration = Duration::from_secs(1);
/// How often old state is forgotten.
const PRUNE_EVERY: Duration = Duration::from_millis(500);

/// What a node needs as long as it runs.
struct Parts<W> {
    key: SecretKey,
    genesis: Genesis,
    data: PathBuf,
    executor: Executor,
    pool: SharedPool,
    probe: Arc<Probe>,
    shared: Arc<Shared>,
    slot: StoreSlot<RocksStore>,
    halted: Halted,
    network: W,
    contacts: Contacts,
    inbox: Inbox,
    stopping: Arc<AtomicBool>,
    checkpoints: PathBuf,
    offered: Arc<Offered>,
}

/// Why the node does not follow the chain, when it does not.
type Halted = Arc<Mutex<Option<String>>>;

/// A node with everything opened, and nothing running yet but its network.
pub(crate) struct Prepared<W> {
    parts: Parts<W>,
    outbox: Outbox,
    network: Handle,
    listener: TcpListener,
    services: Services,
    limits: ApiLimits,
    relays: RelayFigures,
    span: Span,
}

/// A node that runs.
pub(crate) struct Running {
    /// Its chain.
    pub(crate) chain: ChainId,
    span: Span,
    inbox: Inbox,
    stopping: Arc<AtomicBool>,
    halted: Halted,
    network: Handle,
    stop_api: oneshot::Sender<()>,
    server: JoinHandle<Result<(), ServeError>>,
}

/// How to end a node from another thread.
#[derive(Clone)]
pub(crate) struct Stop {
    inbox: Inbox,
    stopping: Arc<AtomicBool>,
}

impl Stop {
    /// Ends the node after what it is doing.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.inbox.stop();
    }
}

impl<W: Wire> Prepared<W> {
    /// Opens the store, starts the network, and takes the API's address.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub(crate) fn open(
        membership: &Membership,
        genesis: Genesis,
        key: &SecretKey,
        runtime: &tokio::runtime::Handle,
        wire: &impl Fn(Handle, &SecretKey) -> W,
    ) -> anyhow::Result<Self> {
        // At the level of errors, so that no filter leaves it out.
        let span = tracing::error_span!("chain", id = %genesis.chain);
        let inside = span.clone();
        let _inside = inside.enter();
        let me = NodeId::from(key.public());
        let genesis_hash = genesis.hash();
        std::fs::create_dir_all(&membership.data_dir)
            .with_context(|| format!("data folder {}", membership.data_dir.display()))?;
        tracing::info!(genesis = %genesis_hash, node = %me, "starting");

        let machine = Arc::new(Runtime::new(althing_runtime::Config {
            cache: Some(membership.data_dir.join("modules")),
            ..Default::default()
        })?);
        let executor = Executor::new(machine, genesis.chain.clone(), genesis.kind.clone());
        let data = membership.data_dir.join("store");
        runtime.block_on(join::join(&membership.data_dir, &membership.checkpoint_from, &genesis))?;
        let store = open(&data, &genesis, &executor, membership.contracts_dir.as_deref())?;
        let tip = store.tip()?.map_or(Height(0), |t| t.height);

        let mut registry = Registry::default();
        let probe = Arc::new(Probe::registered(&mut registry));
        probe.set_height(tip);
        let relays = RelayFigures::registered(&mut registry);
        let metrics = Metrics::register(&mut registry);
        let (inbox, outbox) = channels();
        let contacts = contacts(&membership.network, me, &genesis, &store)?;
        let network = start_network(&membership.network, key.clone(), &genesis, &contacts, runtime, inbox.clone())?;
        let wire = wire(network.clone(), key);
        let shared = Arc::new(Shared::new(tip));
        shared.member.store(contacts.is_member(), Ordering::Relaxed);
        let offered = Arc::new(Offered::default());
        let parts = Parts {
            key: key.clone(),
            data,
            executor,
            pool: Arc::new(Mutex::new(Pool::new(Limits::default()))),
            probe,
            shared,
            slot: Arc::new(RwLock::new(Some(store))),
            halted: Arc::default(),
            network: wire,
            contacts,
            inbox: inbox.clone(),
            stopping: Arc::default(),
            checkpoints: checkpoint::folder(&membership.data_dir),
            offered: Arc::clone(&offered),
            genesis,
        };
        let service = Arc::new(LedgerService {
            store: Arc::clone(&parts.slot),
            genesis: Arc::new(parts.genesis.clone()),
            genesis_hash,
            me,
            executor: parts.executor.clone(),
            pool: Arc::clone(&parts.pool),
            shared: Arc::clone(&parts.shared),
            inbox,
            network: network.clone(),
            plans: Default::default(),
            checkpoints: offered,
            halted: Arc::clone(&parts.halted),
        });
        let services =
            Services { ledger: Arc::clone(&service) as _, submit: service, registry: Arc::new(registry), metrics };
        let listener = runtime
            .block_on(TcpListener::bind(membership.api.listen))
            .with_context(|| format!("API address {}", membership.api.listen))?;
        tracing::info!(address = %listener.local_addr()?, "API");
        let limits = membership.api.limits.clone();
        Ok(Self { parts, outbox, network, listener, services, limits, relays, span })
    }

    /// How to end it.
    pub(crate) fn stop(&self) -> Stop {
        Stop { inbox: self.parts.inbox.clone(), stopping: Arc::clone(&self.parts.stopping) }
    }

    /// The chain as relays see it.
    ///
    /// # Errors
    /// When the API's socket is gone.
    pub(crate) fn end(&self) -> anyhow::Result<End> {
        let figures = self.relays.clone();
        Ok(End { genesis: self.parts.genesis.clone(), api: self.listener.local_addr()?, figures })
    }

    /// Starts its threads; `ended` is told how the node's thread ends.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(crate) fn start(
        self,
        runtime: &tokio::runtime::Handle,
        ended: impl FnOnce(anyhow::Result<()>) + Send + 'static,
    ) -> anyhow::Result<Running> {
        let Self { parts, outbox, network, listener, services, limits, relays: _, span } = self;
        let chain = parts.genesis.chain.clone();
        let (inbox, stopping, halted) = (parts.inbox.clone(), Arc::clone(&parts.stopping), Arc::clone(&parts.halted));
        let (slot, offered) = (Arc::clone(&parts.slot), Arc::clone(&parts.offered));
        let folder = parts.checkpoints.clone();
        Maker { store: slot, folder, offered, stopping: Arc::clone(&stopping) }.spawn()?;
        spawn_pruner(&parts, span.clone())?;
        let (stop_api, api_stopped) = oneshot::channel::<()>();
        let serving = althing_rpc::serve(listener, services, limits, async {
            // Also when the sender is gone.
            let _ = api_stopped.await;
        });
        let server = runtime.spawn(serving.instrument(span.clone()));
        let inside = span.clone();
        std::thread::Builder::new().name(format!("node {chain}")).spawn(move || {
            let _inside = inside.enter();
            let outcome = catch_unwind(AssertUnwindSafe(|| keep_running(parts, outbox)));
            ended(outcome.unwrap_or_else(|_| Err(anyhow::anyhow!("the node's thread panicked"))));
        })?;
        Ok(Running { chain, span, inbox, stopping, halted, network, stop_api, server })
    }
}

impl Running {
    /// How to end it.
    pub(crate) fn stop(&self) -> Stop {
        Stop { inbox: self.inbox.clone(), stopping: Arc::clone(&self.stopping) }
    }

    /// Takes note that the node's thread has ended. After a fault its API goes on to answer, and says so.
    pub(crate) fn ended(&self, result: &anyhow::Result<()>) {
        let _inside = self.span.enter();
        // Nothing more to prune.
        self.stopping.store(true, Ordering::SeqCst);
        if let Err(error) = result {
            tracing::error!(error = format!("{error:#}"), "the node has halted");
            *self.halted.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("{error:#}"));
        }
        self.network.shutdown();
    }

    /// Closes the API; what it is answering may end until `deadline`.
    pub(crate) async fn close(self, deadline: tokio::time::Instant) {
        // A server that is gone already needs no telling.
        let _ = self.stop_api.send(());
        if let Ok(Ok(Err(error))) = tokio::time::timeout_at(deadline, self.server).await {
            let _inside = self.span.enter();
            tracing::warn!(%error, "API");
        }
    }
}

/// Opens the store and writes the genesis state when there is none.
fn open(
    path: &Path,
    genesis: &Genesis,
    executor: &Executor,
    contracts: Option<&Path>,
) -> anyhow::Result<Arc<RocksStore>> {
    let store = RocksStore::open(path, RocksOptions::default())?;
    if let Some(found) = store.genesis()? {
        if found.hash() != genesis.hash() {
            return Err(StoreError::OtherGenesis { found: found.hash(), given: genesis.hash() }.into());
        }
        return Ok(Arc::new(store));
    }
    let writes = executor.genesis(genesis, |hash| find_code(hash, contracts))?;
    let root = store.initialise(genesis, &writes)?;
    tracing::info!(%root, entries = writes.len(), "genesis state written");
    Ok(Arc::new(store))
}

/// Finds the code of a genesis contract by its hash: in the bundle, or in the folder of the configuration.
pub(crate) fn find_code(hash: &Hash, folder: Option<&Path>) -> Option<Vec<u8>> {
    let bundled = althing_bundle::contracts().iter().map(|c| c.code.to_vec());
    let found = bundled.into_iter().find(|code| keyspace::code_hash(code) == *hash);
    found.or_else(|| {
        let entries = std::fs::read_dir(folder?).ok()?;
        let wasm = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "wasm"));
        wasm.filter_map(|path| std::fs::read(path).ok()).find(|code| keyspace::code_hash(code) == *hash)
    })
}

/// `/ip4/127.0.0.1/tcp/7000` as `127.0.0.1:7000`; host names by `/dns/`.
fn host_and_port(address: &str) -> anyhow::Result<String> {
    let parts: Vec<&str> = address.split('/').collect();
    match parts.as_slice() {
        ["", "ip4" | "dns" | "dns4" | "dns6", host, "tcp", port] => Ok(format!("{host}:{port}")),
        ["", "ip6", host, "tcp", port] => Ok(format!("[{host}]:{port}")),
        _ => bail!(
            "network address '{address}' is not of the form /ip4/HOST/tcp/PORT, /ip6/HOST/tcp/PORT or /dns/HOST/tcp/PORT"
        ),
    }
}

/// The peers of the configuration, and the member list of this node's own state.
fn contacts(
    config: &NetworkConfig,
    me: NodeId,
    genesis: &Genesis,
    store: &Arc<RocksStore>,
) -> anyhow::Result<Contacts> {
    let mut peers = Vec::new();
    for peer in &config.peers {
        peers.push(Peer { node: peer.node_id, address: host_and_port(&peer.address)? });
    }
    let list = Executor::members(&*store.view())?.unwrap_or_else(|| genesis.member_list());
    let contacts = Contacts::new(me, peers, list);
    if !contacts.is_member() {
        tracing::warn!(
            node = %me,
            "this node is no member by the state that it has: it tries to connect until it is admitted"
        );
    }
    Ok(contacts)
}

fn start_network(
    config: &NetworkConfig,
    key: SecretKey,
    genesis: &Genesis,
    contacts: &Contacts,
    runtime: &tokio::runtime::Handle,
    inbox: Inbox,
) -> anyhow::Result<Handle> {
    let listen = host_and_port(&config.listen)?;
    let listen: SocketAddr = listen.parse().with_context(|| format!("chain.network.listen '{listen}'"))?;
    let settings = althing_network::Config {
        key,
        chain: genesis.chain.clone(),
        listen,
        peers: contacts.configured().to_vec(),
        members: contacts.admitted(),
        limits: Default::default(),
    };
    Ok(althing_network::start(settings, runtime, move |event| inbox.network(event))?)
}

/// Runs the node; opens it anew after the disk was full.
fn keep_running<W: Wire>(parts: Parts<W>, mut outbox: Outbox) -> anyhow::Result<()> {
    loop {
        let store = parts.slot.read().unwrap_or_else(PoisonError::into_inner).clone();
        let store = store.context("the store is not open")?;
        let config = NodeConfig {
            key: parts.key.clone(),
            genesis: parts.genesis.clone(),
            pool: Arc::clone(&parts.pool),
            probe: Arc::clone(&parts.probe),
        };
        let halt = match Node::new(config, store, parts.executor.clone()) {
            Ok(node) => {
                let driver = Driver::new(
                    node,
                    parts.network.clone(),
                    parts.contacts.clone(),
                    &parts.inbox,
                    outbox,
                    Arc::clone(&parts.shared),
                    Arc::clone(&parts.probe),
                )?;
                let (returned, result) = driver.run();
                outbox = returned;
                match result {
                    Ok(()) => return Ok(()),
                    Err(halt) => halt,
                }
            }
            Err(halt) => halt,
        };
        let Halt::DiskFull { reason } = halt else { bail!("{halt}") };
        tracing::error!(reason, "the disk is full: this node signs nothing until there is space");
        *parts.halted.lock().unwrap_or_else(PoisonError::into_inner) = Some(format!("the disk is full: {reason}"));
        if !wait_for_space(&parts, &outbox)? {
            return Ok(());
        }
        *parts.halted.lock().unwrap_or_else(PoisonError::into_inner) = None;
        tracing::info!("there is space again: resuming");
    }
}

/// Closes the store, waits for space, opens it again; `false` when the process is to end.
fn wait_for_space<W>(parts: &Parts<W>, outbox: &Outbox) -> anyhow::Result<bool> {
    let close = || parts.slot.write().unwrap_or_else(PoisonError::into_inner).take();
    drop(close());
    loop {
        std::thread::sleep(SPACE_CHECK);
        outbox.discard();
        if parts.stopping.load(Ordering::SeqCst) {
            return Ok(false);
        }
        if free_space(&parts.data)? < ENOUGH_SPACE {
            continue;
        }
        match RocksStore::open(&parts.data, RocksOptions::default()) {
            Ok(store) => {
                *parts.slot.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(store));
                return Ok(true);
            }
            // A reader may still hold the old handle, and the space may be gone again.
            Err(StoreError::Locked { .. } | StoreError::DiskFull { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn free_space(path: &Path) -> anyhow::Result<u64> {
    let stat = nix::sys::statvfs::statvfs(path).with_context(|| format!("free space of {}", path.display()))?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}

/// Forgets old state beside the node's thread, a little at a time.
fn spawn_pruner<W>(parts: &Parts<W>, span: Span) -> anyhow::Result<()> {
    let offered = Arc::clone(&parts.offered);
    let (slot, stopping, probe) = (Arc::clone(&parts.slot), Arc::clone(&parts.stopping), Arc::clone(&parts.probe));
    std::thread::Builder::new().name(format!("prune {}", parts.genesis.chain)).spawn(move || {
        let _inside = span.enter();
        while !stopping.load(Ordering::SeqCst) {
            std::thread::sleep(PRUNE_EVERY);
            let store = slot.read().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(store) = store else { continue };
            if let Err(error) = probe.time("prune", || prune_once(&store, offered.pinned())) {
                tracing::warn!(%error, "old state was not forgotten");
            }
        }
    })?;
    Ok(())
}

/// Forgets what is older than the parameters in force keep.
fn prune_once(store: &RocksStore, pinned: Height) -> anyhow::Result<()> {
    let Some(tip) = store.tip()? else { return Ok(()) };
    let retention = Executor::parameters(&*store.view())?.retention_blocks;
    let oldest = Height(tip.height.0.saturating_sub(retention)).min(pinned);
    if store.oldest()? < oldest {
        store.prune(oldest)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_their_three_forms() {
        assert_eq!(host_and_port("/ip4/127.0.0.1/tcp/7000").unwrap(), "127.0.0.1:7000");
        assert_eq!(host_and_port("/ip6/::1/tcp/7000").unwrap(), "[::1]:7000");
        assert_eq!(host_and_port("/dns/node.example/tcp/7000").unwrap(), "node.example:7000");
        assert!(host_and_port("127.0.0.1:7000").is_err());
    }
}
