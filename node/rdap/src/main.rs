//! `althing-rdap`: answers RDAP questions from chains, IANA's files, registries and registrars.

use althing_api::config::LogFormat;
use althing_rdap::{config::Config, published::Kind, refresh::Refresher, run};
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// The data service access node: RDAP over chains, IANA's and ICANN's files, registries and registrars.
///
/// The configuration file names the chains with the genesis documents that are trusted, where published files come from,
/// limits and users. SIGINT and SIGTERM end the node cleanly.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  althing-rdap --config rdap.toml\n  althing-rdap check --config rdap.toml\n\nExit codes: 0 ended by a signal or done; 1 a fault (the last line has its number); 2 wrong usage."
)]
struct Arguments {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Log as one JSON object a line, whatever the file says.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Check the configuration and everything that it names, then end. Published files are fetched.
    Check,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("althing-rdap: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(file) = &arguments.config else {
        eprintln!("althing-rdap: --config FILE is missing; see --help");
        return Ok(ExitCode::from(2));
    };
    let config = Config::read(file)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match arguments.command {
        Some(Action::Check) => runtime.block_on(check(&config)),
        None => {
            log(&config, arguments.json)?;
            runtime.block_on(serve(&config))
        }
    }
}

/// Reads everything that the configuration names.
async fn check(config: &Config) -> anyhow::Result<ExitCode> {
    for chain in &config.chains {
        let document = run::read_genesis(&chain.genesis)?;
        println!("chain {} with genesis {}, asked of {}", document.chain, document.hash(), chain.nodes.join(", "));
    }
    for chain in &config.tld_chains {
        let document = run::read_genesis(&chain.genesis)?;
        println!("registry of .{} on chain {} with genesis {}", chain.tld, document.chain, document.hash());
    }
    run::followers(config)?;
    run::tld_chains(config)?;
    if let Some(tls) = &config.tls {
        althing_rdap::serve::acceptor(tls)?;
    }
    let mut refresher = Refresher::open(&config.published, &config.state, run::fetcher(config)?)?;
    refresher.refresh().await;
    let (published, alarms) = (refresher.published(), refresher.alarms());
    let sizes = [
        (Kind::Bootstrap, published.bootstrap.entries.len()),
        (Kind::Supplement, published.supplement.entries.len()),
        (Kind::RegistrarIds, published.registrar_ids.len()),
        (Kind::Accredited, published.accredited.len()),
    ];
    for (kind, size) in sizes {
        match alarms.get(kind.text()) {
            Some(alarm) => println!("file {}: {size} entries of the last good copy; {alarm}", kind.text()),
            None => println!("file {}: {size} entries", kind.text()),
        }
    }
    println!("configuration is good; {} users, {} tiers", config.users.len(), config.limits.tiers.len());
    Ok(if alarms.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn log(config: &Config, json: bool) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match (json, config.log.format) {
        (false, LogFormat::Text) => log.init(),
        _ => log.json().init(),
    }
    Ok(())
}

async fn serve(config: &Config) -> anyhow::Result<ExitCode> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let running = run::start(config).await?;
    tracing::info!(address = %running.address, chains = config.chains.len(), "serving");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    running.stop().await;
    Ok(ExitCode::SUCCESS)
}
