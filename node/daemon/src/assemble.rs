//! Reads the configuration and keeps the process running: one node for each chain, and what they share.
//!
//! A node that halts for good, and one whose disk is full, leave the others as they are. The process ends by a signal,
//! or when no node is left; with a fault when one has halted, whatever became of the others.

use crate::{
    keys,
    membership::{Prepared, Running, Stop},
    relay::{self, End},
    wire::Wire,
};
use althing_api::config::{NodeConfig, RelayConfig};
use althing_network::Handle;
use althing_types::{crypto::SecretKey, genesis::Genesis, id::ChainId};
use anyhow::{Context, bail};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};
use tokio::sync::watch;

/// Time that the API has to end what it is answering.
const API_GRACE: Duration = Duration::from_secs(3);
/// Time that other tasks have to end.
const TASK_GRACE: Duration = Duration::from_secs(2);

/// Reads and checks a configuration file.
///
/// # Errors
/// When it cannot be read, is not TOML of the right shape, or breaks a rule.
pub fn read_config(path: &Path) -> anyhow::Result<NodeConfig> {
    let text = std::fs::read_to_string(path).with_context(|| format!("configuration {}", path.display()))?;
    let config: NodeConfig = toml::from_str(&text).with_context(|| format!("configuration {}", path.display()))?;
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

/// Reads the genesis documents of all chains of a configuration, in its order.
///
/// # Errors
/// When one cannot be read, two are of one chain, or a relay is for a chain that is not among them.
pub fn read_chains(config: &NodeConfig) -> anyhow::Result<Vec<Genesis>> {
    let mut geneses: Vec<Genesis> = Vec::new();
    let mut ids: BTreeSet<ChainId> = BTreeSet::new();
    for membership in &config.chains {
        let genesis = read_genesis(&membership.genesis)?;
        if !ids.insert(genesis.chain.clone()) {
            bail!("chain {} is named twice: one process runs one node of a chain", genesis.chain);
        }
        geneses.push(genesis);
    }
    for relay in &config.relays {
        if let Some(missing) = [&relay.root, &relay.tld].into_iter().find(|chain| !ids.contains(*chain)) {
            bail!("[[relay]] names chain {missing}, which is none of this process");
        }
    }
    Ok(geneses)
}

/// Runs the nodes of a configuration until a signal ends them.
///
/// # Errors
/// When a part cannot be started, or a node has halted for a reason that a restart must not hide.
pub fn run(config: NodeConfig) -> anyhow::Result<()> {
    run_over(config, |network, _| network)
}

/// As [`run`], with the way out to the other nodes made by `wire` from a chain's network and the node's key.
///
/// # Errors
/// As [`run`].
pub fn run_over<W: Wire>(config: NodeConfig, wire: impl Fn(Handle, &SecretKey) -> W) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let key = keys::read(&config.key_file)?;
    let geneses = read_chains(&config)?;
    // All or none: a chain that cannot be opened is told before another one takes part in anything.
    let mut prepared = Vec::new();
    for (membership, genesis) in config.chains.iter().zip(geneses) {
        let chain = genesis.chain.clone();
        let opened = Prepared::open(membership, genesis, &key, runtime.handle(), &wire);
        prepared.push(opened.with_context(|| format!("chain {chain}"))?);
    }
    let stops: Vec<Stop> = prepared.iter().map(Prepared::stop).collect();
    let ends = prepared.iter().map(Prepared::end).collect::<anyhow::Result<Vec<_>>>()?;
    let (stop_relays, relays_stop) = watch::channel(false);
    let stop_relays = Arc::new(stop_relays);
    start_relays(&config.relays, &ends, runtime.handle(), &relays_stop)?;
    let signalled = Arc::clone(&stop_relays);
    runtime.spawn(async move {
        wait_for_signal().await;
        tracing::info!("stopping");
        signalled.send_replace(true);
        stops.into_iter().for_each(|stop| drop(tokio::task::spawn_blocking(move || stop.stop())));
    });
    let (tell, ended) = std::sync::mpsc::channel();
    let mut running: Vec<Running> = Vec::new();
    let mut outcome = Ok(());
    for (index, node) in prepared.into_iter().enumerate() {
        let tell = tell.clone();
        // Nobody listens once the process ends.
        let started = node.start(runtime.handle(), move |result| drop(tell.send((index, result))));
        match started {
            Ok(node) => running.push(node),
            Err(error) => {
                running.iter().for_each(|node| node.stop().stop());
                outcome = Err(error);
                break;
            }
        }
    }
    drop(tell);
    let faults = wait_for_all(&running, &ended);
    stop_relays.send_replace(true);
    runtime.block_on(async {
        let now = tokio::time::Instant::now();
        let deadline = now.checked_add(API_GRACE).unwrap_or(now);
        let closing: Vec<_> = running.into_iter().map(|node| tokio::spawn(node.close(deadline))).collect();
        for closed in closing {
            // One that panicked has nothing to close any more.
            let _ = closed.await;
        }
    });
    runtime.shutdown_timeout(TASK_GRACE);
    outcome.and(if faults.is_empty() { Ok(()) } else { Err(anyhow::anyhow!(faults.join("; "))) })
}

/// Starts the relays. They fail and wait as long as the nodes do not answer.
fn start_relays(
    relays: &[RelayConfig],
    ends: &[End],
    runtime: &tokio::runtime::Handle,
    stop: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let end = |chain: &ChainId| {
        let found = ends.iter().find(|end| end.genesis.chain == *chain);
        found.with_context(|| format!("[[relay]] names chain {chain}, which is none of this process"))
    };
    for relay in relays {
        let key = keys::read(&relay.key_file)?;
        let (root, tld) = (end(&relay.root)?, end(&relay.tld)?);
        relay::start(root, tld, &key, runtime, stop.clone())?;
    }
    Ok(())
}

/// Waits until every node's thread has ended. Gives what went wrong, by chain.
fn wait_for_all(running: &[Running], ended: &Receiver<(usize, anyhow::Result<()>)>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut left = running.len();
    while left > 0
        && let Ok((index, result)) = ended.recv()
    {
        left = left.saturating_sub(1);
        let Some(node) = running.get(index) else { continue };
        node.ended(&result);
        if let Err(error) = result {
            faults.push(format!("chain {}: {error:#}", node.chain));
            if left > 0 {
                tracing::warn!(halted = %node.chain, left, "the other chains go on; restart the process once the cause is mended");
            }
        }
    }
    faults
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
