//! `althingd`: runs the nodes of one configuration file, one for each chain that it names.

use althing_api::config::{LogFormat, NodeConfig};
use althing_daemon::{assemble, audit, keys};
use althing_types::crypto::NodeId;
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Runs nodes of Althing chains: one for each chain of the configuration, in one process and with one key.
///
/// The configuration file names the node's key and, for each chain, its genesis, peers and addresses; `althing devnet
/// up` writes complete ones. SIGINT and SIGTERM end the node cleanly; kill -9 loses nothing that was acknowledged.
#[derive(Debug, Parser)]
#[command(
    version,
    subcommand_negates_reqs = true,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  althingd --config node.toml\n  althingd --config node.toml --check\n  althingd audit chain.gz\n\nExit codes: 0 ended by a signal; 1 a chain has halted, or could not start (the last line says which and why); 2 wrong usage."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Work>,
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// Check the configuration, the key and the genesis, print the identities of the node and of its chains, then end.
    #[arg(long)]
    check: bool,
}

/// What it does instead of running a node.
#[derive(Debug, Subcommand)]
enum Work {
    /// Computes an exported chain again from its genesis, without any network, and says where it first disagrees.
    #[command(after_help = audit::AFTER)]
    Audit(audit::AuditArgs),
}

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("althingd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(Work::Audit(options)) = &arguments.command {
        return audit::run(options);
    }
    let config = assemble::read_config(&arguments.config.context("--config is needed")?)?;
    if arguments.check {
        check(&config)?;
        return Ok(ExitCode::SUCCESS);
    }
    let filter = filter(&config)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match config.log.format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    assemble::run(config)?;
    Ok(ExitCode::SUCCESS)
}

/// What is logged.
fn filter(config: &NodeConfig) -> anyhow::Result<tracing_subscriber::EnvFilter> {
    // The consensus library tells of every vote at level info; what matters of it, the node itself logs.
    let quiet = format!("arc_malachitebft_core_consensus=warn,arc_malachitebft_core_driver=warn,{}", config.log.filter);
    tracing_subscriber::EnvFilter::try_new(quiet).with_context(|| format!("log.filter is {:?}", config.log.filter))
}

/// Reads everything that the configuration names, and says whose node it would start on which chains.
fn check(config: &NodeConfig) -> anyhow::Result<()> {
    filter(config)?;
    let node = NodeId::from(keys::read(&config.key_file)?.public());
    let chains = assemble::read_chains(config)?;
    println!("configuration is good; node {node}");
    for genesis in chains {
        let role = if genesis.authorities.iter().any(|authority| authority.node == node) {
            "authority"
        } else {
            "no authority"
        };
        println!("chain {} with genesis {}; this node is {role}", genesis.chain, genesis.hash());
    }
    Ok(())
}
