//! `althing-zone`: follows chains and serves their zones to secondaries.

use althing_api::config::LogFormat;
use althing_zone::{brake::Alarm, config::Config, error::ZoneFault, run};
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};
use tokio::signal::unix::{SignalKind, signal};

/// Follows chains with proofs and serves their zones: AXFR, IXFR, NOTIFY, TSIG.
///
/// The configuration file names the zones, the nodes that are asked, the genesis documents that are trusted, the
/// secondaries and their keys. SIGINT and SIGTERM end the server cleanly; kill -9 loses nothing that was served.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  althing-zone --config zone.toml\n  althing-zone check --config zone.toml\n  althing-zone status --config zone.toml\n  althing-zone release --config zone.toml\n\nExit codes: 0 ended by a signal or done; 1 a fault (the last line has its number); 2 wrong usage; 3 held (status)."
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
    /// Check the configuration and everything that it names, then end.
    Check,
    /// Print where each zone stands, as the running server wrote it last.
    Status,
    /// Release a zone that is held: publish it although it shrank.
    Release {
        /// The zone; may be left out when one zone only is held.
        #[arg(long)]
        zone: Option<String>,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(&arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("althing-zone: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Some(file) = &arguments.config else {
        eprintln!("althing-zone: --config FILE is missing; see --help");
        return Ok(ExitCode::from(2));
    };
    let config = Config::read(file)?;
    match &arguments.command {
        Some(Action::Check) => check(&config),
        Some(Action::Status) => status(&config),
        Some(Action::Release { zone }) => release(&config, zone.as_deref()),
        None => serve(&config, arguments.json),
    }
}

/// Reads everything that the configuration names.
fn check(config: &Config) -> anyhow::Result<ExitCode> {
    for (index, zone) in config.zones.iter().enumerate() {
        let document = run::read_genesis(zone, index)?;
        println!(
            "zone {} of chain {} with genesis {}, asked of {}",
            zone.name,
            document.chain,
            document.hash(),
            zone.source.chain().nodes.join(", ")
        );
    }
    println!("configuration is good; {} keys, {} secondaries", config.keys.len(), config.secondaries.len());
    Ok(ExitCode::SUCCESS)
}

/// Prints what the server wrote into its state folders.
fn status(config: &Config) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for zone in &config.zones {
        let file = zone.state.join(run::STATUS_FILE);
        let text = std::fs::read_to_string(&file).map_err(|e| ZoneFault::file("read", &file, e))?;
        println!("{text}");
        if Alarm::read(&zone.state)?.is_some() {
            code = ExitCode::from(3);
        }
    }
    Ok(code)
}

/// Writes the release of a held zone.
fn release(config: &Config, zone: Option<&str>) -> anyhow::Result<ExitCode> {
    let mut held = Vec::new();
    for candidate in config.zones.iter().filter(|z| zone.is_none_or(|name| z.name == name)) {
        if let Some(alarm) = Alarm::read(&candidate.state)? {
            held.push((candidate, alarm));
        }
    }
    match held.as_slice() {
        [] => anyhow::bail!("Z405 no zone is held"),
        [(zone, alarm)] if alarm.releasable => {
            alarm.release(&zone.state)?;
            println!("released zone {} (token {}): {}", zone.name, alarm.token, alarm.reason);
            Ok(ExitCode::SUCCESS)
        }
        [(zone, alarm)] => anyhow::bail!("Z406 zone {} cannot be released: {}", zone.name, alarm.reason),
        _ => anyhow::bail!("Z407 several zones are held; name one with --zone"),
    }
}

fn serve(config: &Config, json: bool) -> anyhow::Result<ExitCode> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter)?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    match (json, config.log.format) {
        (false, LogFormat::Text) => log.init(),
        _ => log.json().init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let running = run::start(config).await?;
        let addresses: Vec<String> = running.addresses.iter().map(ToString::to_string).collect();
        tracing::info!(addresses = addresses.join(" "), zones = running.zones.len(), "serving");
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        running.stop().await;
        Ok::<(), anyhow::Error>(())
    })?;
    Ok(ExitCode::SUCCESS)
}
