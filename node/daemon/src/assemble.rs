//! Builds every part from the configuration, in start order, and keeps the node running.
//!
//! When the disk is full, the node stops: it signs nothing and takes in nothing, says so in its log and its status,
//! and opens its store again once there is space. Any other fault of the store ends the process.

use crate::{
    checkpoint::{self, Maker, Offered},
    contacts::Contacts,
    driver::{Driver, Inbox, Outbox, Shared, channels},
    join, keys,
    ledger::{LedgerService, StoreSlot},
    metrics::Probe,
    node::{Halt, Node, NodeConfig, SharedPool},
    wire::Wire,
};
use althing_api::config::NodeConfig as FileConfig;
use althing_execution::Executor;
use althing_mempool::{Limits, Pool};
use althing_network::{Handle, Peer};
use althing_rpc::{Metrics, Services};
use althing_runtime::Runtime;
use althing_state::{RocksOptions, RocksStore, Storage, StoreError};
use althing_types::{
    crypto::{NodeId, SecretKey},
    genesis::Genesis,
    hash::Hash,
    id::Height,
    keyspace,
};
use anyhow::{Context, bail};
use prometheus_client::registry::Registry;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Free space below which a node that stopped for want of it does not start again.
const ENOUGH_SPACE: u64 = 64 * 1024 * 1024;
/// How often free space is looked at.
const SPACE_CHECK: Duration = Duration::from_secs(1);
/// How often old state is forgotten.
const PRUNE_EVERY: Duration = Duration::from_millis(500);

/// Reads and checks a configuration file.
///
/// # Errors
/// When it cannot be read, is not TOML of the right shape, or breaks a rule.
pub fn read_config(path: &Path) -> anyhow::Result<FileConfig> {
    let text = std::fs::read_to_string(path).with_context(|| format!("configuration {}", path.display()))?;
    let config: FileConfig = toml::from_str(&text).with_context(|| format!("configuration {}", path.display()))?;
    config.check().with_context(|| format!("configuration {}", path.display()))?;
    Ok(config.resolved(path.parent().unwrap_or(Path::new("."))))
}

/// Reads and checks a genesis document.
///
/// # Errors
/// When it cannot be read, is not JSON of the right shape, or breaks a rule.
pub fn read_genesis(path: &Path) -> anyhow::Result<Genesis> {
    let text = std::fs::read_to_string(path).with_context(|| format!("genesis {}", path.display()))?;
    let genesis: Genesis = serde_json::from_str(&text).with_context(|| format!("genesis {}", path.display()))?;
    genesis.check().with_context(|| format!("genesis {}", path.display()))?;
    Ok(genesis)
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

/// Everything that lives as long as the process.
struct Parts<W> {
    key: SecretKey,
    genesis: Genesis,
    data: PathBuf,
    executor: Executor,
    pool: SharedPool,
    probe: Arc<Probe>,
    shared: Arc<Shared>,
    slot: StoreSlot<RocksStore>,
    halted: Arc<Mutex<Option<String>>>,
    network: W,
    contacts: Contacts,
    inbox: Inbox,
    stopping: Arc<AtomicBool>,
}

/// Runs a node until a signal ends it.
///
/// # Errors
/// When a part cannot be started, or the node halts for a reason that a restart must not hide.
pub fn run(config: FileConfig) -> anyhow::Result<()> {
    run_over(config, |network, _| network)
}

/// As [`run`], with the way out to the other nodes made by `wire` from the network and the node's key.
///
/// # Errors
/// As [`run`].
pub fn run_over<W: Wire>(config: FileConfig, wire: impl FnOnce(Handle, &SecretKey) -> W) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let key = keys::read(&config.key_file)?;
    let me = NodeId::from(key.public());
    let membership = config.chains.first().context("the configuration names no chain")?;
    let genesis = read_genesis(&membership.genesis)?;
    let genesis_hash = genesis.hash();
    std::fs::create_dir_all(&membership.data_dir)
        .with_context(|| format!("data folder {}", membership.data_dir.display()))?;
    tracing::info!(chain = %genesis.chain, genesis = %genesis_hash, node = %me, "starting");

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
    let metrics = Metrics::register(&mut registry);
    let (inbox, outbox) = channels();
    let contacts = contacts(&config, me, &genesis, &store)?;
    let network = start_network(&config, key.clone(), &genesis, &contacts, runtime.handle(), inbox.clone())?;
    let wire = wire(network.clone(), &key);
    let shared = Arc::new(Shared::new(tip));
    shared.member.store(contacts.is_member(), Ordering::Relaxed);
    let offered = Arc::new(Offered::default());
    let checkpoints = checkpoint::folder(&membership.data_dir);
    let parts = Parts {
        key,
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
        checkpoints: Arc::clone(&offered),
        halted: Arc::clone(&parts.halted),
    });
    let services =
        Services { ledger: Arc::clone(&service) as _, submit: service, registry: Arc::new(registry), metrics };
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(config.api.listen))
        .with_context(|| format!("API address {}", config.api.listen))?;
    tracing::info!(address = %listener.local_addr()?, "API");

    let stopping = Arc::clone(&parts.stopping);
    let signal_inbox = parts.inbox.clone();
    let (stop_api, api_stopped) = tokio::sync::oneshot::channel::<()>();
    let api = runtime.spawn(althing_rpc::serve(listener, services, config.api.limits.clone(), async {
        // Also when the sender is gone.
        let _ = api_stopped.await;
    }));
    runtime.spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping");
        stopping.store(true, Ordering::SeqCst);
        tokio::task::spawn_blocking(move || signal_inbox.stop());
    });
    let (slot, stopping) = (Arc::clone(&parts.slot), Arc::clone(&parts.stopping));
    Maker { store: slot, folder: checkpoints, offered: Arc::clone(&offered), stopping }.spawn()?;
    spawn_pruner(&parts, offered)?;

    let halted = Arc::clone(&parts.halted);
    let node = std::thread::Builder::new().name("node".into()).spawn(move || keep_running(parts, outbox))?;
    let result = node.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the node's thread panicked")));
    if let Err(error) = &result {
        tracing::error!(%error, "the node has halted");
        *halted.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }
    network.shutdown();
    // Running requests may end; a server that is gone already needs no telling.
    let _ = stop_api.send(());
    let ended = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(3), api).await });
    if let Ok(Ok(Err(error))) = ended {
        tracing::warn!(%error, "API");
    }
    runtime.shutdown_timeout(Duration::from_secs(2));
    result
}

async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    match (interrupt, terminate) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        }
        _ => std::future::pending().await,
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

/// The peers of the configuration, and the member list of this node's own state.
fn contacts(config: &FileConfig, me: NodeId, genesis: &Genesis, store: &Arc<RocksStore>) -> anyhow::Result<Contacts> {
    let mut peers = Vec::new();
    for peer in &config.network.peers {
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
    config: &FileConfig,
    key: SecretKey,
    genesis: &Genesis,
    contacts: &Contacts,
    runtime: &tokio::runtime::Handle,
    inbox: Inbox,
) -> anyhow::Result<Handle> {
    let listen = host_and_port(&config.network.listen)?;
    let listen: SocketAddr = listen.parse().with_context(|| format!("network.listen '{listen}'"))?;
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
fn spawn_pruner<W>(parts: &Parts<W>, offered: Arc<Offered>) -> anyhow::Result<()> {
    let (slot, stopping, probe) = (Arc::clone(&parts.slot), Arc::clone(&parts.stopping), Arc::clone(&parts.probe));
    let retention = parts.genesis.parameters.retention_blocks;
    std::thread::Builder::new().name("pruner".into()).spawn(move || {
        while !stopping.load(Ordering::SeqCst) {
            std::thread::sleep(PRUNE_EVERY);
            let store = slot.read().unwrap_or_else(PoisonError::into_inner).clone();
            let Some(store) = store else { continue };
            if let Err(error) = probe.time("prune", || prune_once(&store, retention, offered.pinned())) {
                tracing::warn!(%error, "old state was not forgotten");
            }
        }
    })?;
    Ok(())
}

fn prune_once(store: &RocksStore, retention: u64, pinned: Height) -> Result<(), StoreError> {
    let Some(tip) = store.tip()? else { return Ok(()) };
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
