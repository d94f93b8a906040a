//! `althing devnet`: a network of separate processes on this machine.

mod bind;

use super::Context;
use crate::{
    args::{DevnetAdd, DevnetCommand, DevnetDir, DevnetProfile, DevnetUp},
    devnet::{
        ChainEntry, Network, NodeReport,
        access_node::{self, AccessNodeEntry},
        join,
        process::Program,
        profile::{Directory, Profile, quick_settings, tld_chain},
        setup::{Plan, now_ms},
        zone_server::{self, ZoneServerEntry},
    },
    error::{CliError, Result},
    exit_code::Exit,
    output::{columns, table},
};
use althing_interface::governance::{self, GovernanceError};
use althing_types::{govern::GovernanceSettings, id::ChainId};
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Id of the chain of a new network, unless one is named.
const CHAIN: &str = "althing-devnet";
/// Id of the root chain of a new network with TLD chains, unless one is named.
const ROOT_CHAIN: &str = "althing-root";
/// Time between two blocks without transactions in a governed network.
const GOVERNED_EMPTY_BLOCK_MS: u64 = 1_000;
/// Time between two looks in the foreground.
const WATCH: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Report {
    dir: String,
    nodes: Vec<NodeReport>,
    chains: Vec<ChainEntry>,
    zone_servers: Vec<ZoneServerEntry>,
    access_nodes: Vec<AccessNodeEntry>,
}

/// Runs a command of `althing devnet`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &DevnetCommand) -> Result<()> {
    match command {
        DevnetCommand::Up(options) => up(context, options).await,
        DevnetCommand::Status(dir) => report(context, &open(context, dir)?).await,
        DevnetCommand::Down(dir) => down(context, &open(context, dir)?),
        DevnetCommand::Stop { node, dir } => stop(context, &open(context, dir)?, *node),
        DevnetCommand::Add(options) => add(context, options),
        DevnetCommand::Start { node, dir } => start(context, &open(context, dir)?, *node).await,
    }
}

fn folder(context: &Context, dir: &DevnetDir) -> PathBuf {
    dir.dir.clone().unwrap_or_else(|| context.home.path().to_owned())
}

fn open(context: &Context, dir: &DevnetDir) -> Result<Network> {
    Network::open(&folder(context, dir))
}

async fn up(context: &Context, options: &DevnetUp) -> Result<()> {
    let dir = folder(context, &options.dir);
    // Before anything is written: without the program nothing can be started.
    Program::NODE.find()?;
    let names = matches!(&options.profile, Some(DevnetProfile::Names { labels, .. }) if !labels.is_empty());
    if names {
        Program::ZONE.find()?;
    }
    let access = options.profile.is_some() && !options.no_rdap;
    if access {
        Program::ACCESS.find().map_err(|e| e.hint("--no-rdap does without it"))?;
    }
    let is_new = !Network::exists(&dir);
    if is_new {
        check_unused(&dir)?;
        plan(context, options)?.write(&dir)?;
        context.output.note(&format!("new network in {}", dir.display()));
    }
    let network = Network::open(&dir)?;
    if let Some(wanted) = options.authorities.map(usize::from)
        && wanted != network.count()
    {
        return Err(CliError::usage(
            "other_network",
            format!("{} has a network of {}", dir.display(), network.count()),
        )
        .field("--authorities")
        .value(wanted.to_string())
        .rule(format!("{}, or another folder", network.count())));
    }
    check_profile(options, &network)?;
    if names {
        zone_server::write(&network)?;
    }
    if access {
        access_node::write(&network)?;
    }
    access_node::allow(network.dir(), &options.rdap_allow)?;
    let running: Vec<usize> = (0..network.count()).filter(|i| network.process(*i).is_some()).collect();
    let zones_running = zone_server::process(network.dir()).is_some();
    let access_running = access_node::process(network.dir()).is_some();
    // One listener from here to the end: a Ctrl-C while the nodes are asked for their heights must not be missed.
    let mut signal = std::pin::pin!(stopped());
    let outcome = tokio::select! {
        biased;
        ended = &mut signal => ended,
        outcome = bring_up(context, &network, is_new) => outcome,
    };
    if let Err(error) = outcome {
        // What this command started does not stay behind half up.
        for index in (0..network.count()).filter(|i| !running.contains(i)) {
            let _ = network.kill(index);
        }
        if !zones_running {
            zone_server::stop(network.dir())?;
        }
        if !access_running {
            access_node::stop(network.dir())?;
        }
        return Err(error);
    }
    report(context, &network).await?;
    if options.detach { Ok(()) } else { watch(context, &network, signal).await }
}

/// Refuses a folder with files that a new network would replace.
fn check_unused(dir: &Path) -> Result<()> {
    for name in ["genesis.json", "node-0"] {
        if dir.join(name).exists() {
            let message = format!("{} is in use and has no network", dir.display());
            return Err(CliError::usage("folder_in_use", message)
                .field("--dir")
                .value(dir.join(name).display().to_string())
                .rule("an empty folder, or that of a network"));
        }
    }
    Ok(())
}

/// Refuses a profile that an existing network does not have.
fn check_profile(options: &DevnetUp, network: &Network) -> Result<()> {
    let other = |has: String, wanted: String| {
        Err(CliError::usage("other_network", format!("{} has {has}", network.dir().display()))
            .field("--profile")
            .value(wanted)
            .rule("no profile, or another folder"))
    };
    match &options.profile {
        None => Ok(()),
        Some(DevnetProfile::Root) if network.genesis()?.governance.is_none() => {
            other("a network without governance".into(), "root".into())
        }
        Some(DevnetProfile::Root) => Ok(()),
        Some(DevnetProfile::Names { labels, directories, .. }) => {
            let chains = network.chain_ids();
            let mut wanted = labels.iter().map(tld_chain).collect::<Result<Vec<_>>>()?;
            if chains.len() > 1 {
                // The only chain of a network may have any name.
                let named = directories.iter().map(|directory| ChainId::new(directory.chain()));
                wanted.extend(named.collect::<std::result::Result<Vec<_>, _>>()?);
            }
            if wanted.iter().all(|chain| chains.contains(chain)) {
                return Ok(());
            }
            let text = |ids: &[ChainId]| ids.iter().map(ChainId::as_str).collect::<Vec<_>>().join(", ");
            other(format!("other chains: {}", text(&chains)), text(&wanted))
        }
    }
}

async fn bring_up(context: &Context, network: &Network, is_new: bool) -> Result<()> {
    network.start_all()?;
    let progress = context.output.progress("waiting for blocks", network.count() as u64);
    network.wait_height(1, Duration::from_secs(context.global.timeout), |ready| progress.set(ready as u64)).await?;
    drop(progress);
    network.start_zone_server()?;
    network.start_access_node()?;
    network.write_file()?;
    if is_new { bind::labels(context, network).await } else { Ok(()) }
}

fn plan(context: &Context, options: &DevnetUp) -> Result<Plan> {
    let named = |default: &str| context.global.chain.clone().map_or_else(|| ChainId::new(default), Ok);
    let only = match &options.profile {
        Some(DevnetProfile::Names { directories, .. }) => directories.first().map_or(CHAIN, Directory::chain),
        _ => CHAIN,
    };
    let mut plan = Plan::new(usize::from(options.authorities.unwrap_or(4)), named(only)?);
    if let Some(profile) = &options.profile {
        let mut settings = quick_settings();
        settings.timelock_ms = options.timelock_ms.unwrap_or(settings.timelock_ms);
        settings.vote_ms = options.vote_ms.unwrap_or(settings.vote_ms);
        settings.promotion_ms = options.promotion_ms.unwrap_or(settings.promotion_ms);
        settings.review = options.review.unwrap_or(settings.review);
        check_settings(&settings)?;
        let settings = Box::new(settings);
        plan.profile = match profile {
            DevnetProfile::Root => Profile::Root(settings),
            DevnetProfile::Names { root, labels, directories } => {
                let root = root.then(|| named(ROOT_CHAIN)).transpose()?;
                Profile::Names { root, labels: labels.clone(), directories: directories.clone(), settings }
            }
        };
        // Waits end with a block: without transactions too, people shall not wait long for one.
        plan.parameters.empty_block_interval_ms = GOVERNED_EMPTY_BLOCK_MS;
    }
    plan.api_port = options.api_port;
    plan.network_port = options.network_port;
    plan.log.clone_from(&options.log);
    if let Some(ms) = options.empty_block_ms {
        plan.parameters.empty_block_interval_ms = ms;
    }
    if let Some(blocks) = options.checkpoint_blocks {
        plan.parameters.checkpoint_blocks = blocks;
    }
    if let Some(ms) = options.block_ms {
        plan.parameters.block_interval_ms = ms;
    }
    Ok(plan)
}

/// Refuses settings that the governing contract would not start with.
fn check_settings(settings: &GovernanceSettings) -> Result<()> {
    governance::check_settings(settings).map_err(|e| {
        let error = CliError::usage("bad_settings", e.to_string());
        match e {
            GovernanceError::BadSettings { field, value, low, high } => {
                error.field(field).value(value.to_string()).rule(format!("{low} to {high}"))
            }
            _ => error,
        }
    })
}

/// Makes a node that is to join.
fn add(context: &Context, options: &DevnetAdd) -> Result<()> {
    let network = open(context, &options.dir)?;
    let added = join::add(&network, context.global.chain.as_ref(), &options.organisation, options.kind, now_ms())?;
    context.output.print(&added, |a| {
        let rows = [
            ("node", a.node.to_string()),
            ("node id", a.node_id.to_string()),
            ("organisation", format!("{}, {}", a.organisation, a.kind.text())),
            ("its key", format!("{} ({})", a.organisation, a.public_key)),
            ("address", a.address.clone()),
            ("api", a.api.clone()),
            ("certificate", a.certificate.clone()),
        ];
        let dir = network.dir().display();
        let request = format!(
            "ask for it:  althing --home {dir} member request --organisation {} --kind {} --node-id {} --address {} --public-key {} --certificate {} --key registry-1",
            a.organisation,
            a.kind.text(),
            a.node_id,
            a.address,
            a.public_key,
            a.certificate
        );
        format!("{}\n{request}\nstart it:    althing devnet start {} --dir {dir}", table(&rows), a.node)
    })
}

/// Shows heights until Ctrl-C, then ends all nodes.
async fn watch(
    context: &Context,
    network: &Network,
    mut signal: impl Future<Output = Result<()>> + Unpin,
) -> Result<()> {
    context.output.note("running; Ctrl-C stops all nodes");
    let progress = context.output.progress("height", 0);
    let mut dead = vec![false; network.count()];
    let ended = loop {
        tokio::select! {
            ended = &mut signal => break ended,
            () = tokio::time::sleep(WATCH) => {}
        }
        let reports = network.reports().await;
        let heights: Vec<String> = reports.iter().map(|r| r.height.map_or("-".into(), |h| h.to_string())).collect();
        progress.say(&format!("heights {}", heights.join(" ")));
        for (report, dead) in reports.iter().zip(&mut dead) {
            if !report.running && !*dead {
                context.output.warn(&format!(
                    "node {} ended\n{}",
                    report.entry.index,
                    network.log_tail(report.entry.index)
                ));
            }
            *dead = !report.running;
        }
    };
    drop(progress);
    network.down()?;
    context.output.note("all nodes stopped");
    ended
}

/// Waits for Ctrl-C or a request to end.
///
/// # Errors
/// Always: that is how the command ends.
pub(super) async fn stopped() -> Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|e| CliError::internal("signals", e.to_string()))?;
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Err(CliError::new(Exit::Interrupted, "interrupted", "stopped by request"))
}

async fn report(context: &Context, network: &Network) -> Result<()> {
    let report = Report {
        dir: network.dir().display().to_string(),
        nodes: network.reports().await,
        chains: network.chain_entries(),
        zone_servers: zone_server::entries(network.dir()),
        access_nodes: access_node::entries(network),
    };
    context.output.print(&report, |r| {
        let cell = |value: Option<String>| value.unwrap_or_else(|| "-".into());
        let several = r.chains.len() > 1;
        let mut rows = Vec::new();
        for node in &r.nodes {
            let process = if node.running { node.entry.pid.to_string() } else { "stopped".into() };
            let id: String = node.entry.node_id.to_string().chars().take(12).collect();
            for chain in &node.chains {
                let mut row = vec![node.entry.index.to_string(), process.clone()];
                if several {
                    let organisation = node.entry.seat.organisation.as_ref().map(ToString::to_string);
                    row.extend([cell(organisation), chain.chain.clone()]);
                }
                let height = cell(chain.height.map(|h| h.to_string()));
                row.extend([chain.api.clone(), height, cell(chain.peers.map(|p| p.to_string())), id.clone()]);
                rows.push(row);
            }
        }
        let heads: &[&str] = if several {
            &["NODE", "PID", "ORGANISATION", "CHAIN", "API", "HEIGHT", "PEERS", "NODE ID"]
        } else {
            &["NODE", "PID", "API", "HEIGHT", "PEERS", "NODE ID"]
        };
        let mut text = format!("network in {}\n{}", r.dir, columns(heads, &rows));
        if let Some(first) = r.zone_servers.first() {
            let zones: Vec<&str> = r.zone_servers.iter().map(|entry| entry.zone.as_str()).collect();
            let running =
                if zone_server::process(network.dir()).is_some() { first.pid.to_string() } else { "stopped".into() };
            let key = first.key_file.display();
            text.push_str(&format!("\nzones {} at {}, process {running}, key {key}", zones.join(" "), first.address));
        }
        if let Some(node) = r.access_nodes.first() {
            let running =
                if access_node::process(network.dir()).is_some() { node.pid.to_string() } else { "stopped".into() };
            let chains = node.chains.join(" ");
            text.push_str(&format!("\nRDAP at {}, process {running}, from the entries of {chains}", node.url));
        }
        text
    })
}

fn down(context: &Context, network: &Network) -> Result<()> {
    #[derive(Serialize)]
    struct Down {
        stopped: usize,
    }
    let stopped = network.down()?;
    context.output.print(&Down { stopped }, |d| format!("{} nodes stopped", d.stopped))
}

fn stop(context: &Context, network: &Network, node: usize) -> Result<()> {
    #[derive(Serialize)]
    struct Stopped {
        node: usize,
        was_running: bool,
    }
    let stopped = Stopped { node, was_running: network.kill(node)? };
    context.output.print(&stopped, |s| {
        if s.was_running { format!("node {} killed", s.node) } else { format!("node {} was not running", s.node) }
    })
}

async fn start(context: &Context, network: &Network, node: usize) -> Result<()> {
    #[derive(Serialize)]
    struct Started {
        node: usize,
        pid: u32,
        was_running: bool,
    }
    let was_running = network.process(node).is_some();
    let pid = network.start(node)?.pid;
    if !was_running {
        answers(context, network, node).await?;
    }
    network.write_file()?;
    let started = Started { node, pid, was_running };
    context.output.print(&started, |s| {
        let how = if s.was_running { "runs already" } else { "started" };
        format!("node {} {how}, process {}", s.node, s.pid)
    })
}

/// Waits until a node's API answers.
async fn answers(context: &Context, network: &Network, node: usize) -> Result<()> {
    let url = network.urls().get(node).cloned().unwrap_or_default();
    let deadline = tokio::time::Instant::now()
        .checked_add(Duration::from_secs(context.global.timeout))
        .unwrap_or_else(tokio::time::Instant::now);
    while crate::devnet::status_of(&url).await.is_none() {
        if network.process(node).is_none() {
            return Err(CliError::internal("node_ended", format!("node {node} ended at once"))
                .field("node")
                .value(node.to_string())
                .rule("a node that runs")
                .hint(network.log_tail(node)));
        }
        if tokio::time::Instant::now() > deadline {
            return Err(CliError::new(Exit::Timeout, "not_ready", format!("node {node} does not answer"))
                .field("node")
                .value(node.to_string())
                .rule(format!("an answer within {} s", context.global.timeout))
                .hint(network.log_tail(node)));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
