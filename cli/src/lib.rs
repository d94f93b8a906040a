//! The command line of the ledger: `althing`.
//!
//! [`args`] is the command tree, [`command`] has one file or folder per noun, [`output`] prints, [`error`] and
//! [`exit_code`] say what went wrong. Nodes are reached through the client library only; `althingd` is started as a
//! separate process and never linked.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a test fails by panicking"
    )
)]

pub mod args;
pub mod bench;
pub mod bootstrap_file;
pub mod ca;
pub mod call;
pub mod chain;
pub mod command;
pub mod devnet;
pub mod error;
pub mod exit_code;
pub mod governed;
pub mod home;
pub mod keyfile;
pub mod output;
pub mod recovery;
pub mod zone;

use args::Cli;
use clap::{Parser, error::ErrorKind};
use error::CliError;
use exit_code::Exit;
use output::Output;

/// Runs the command that the process was started with and tells how it ended.
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    let output = Output { json: cli.global.json, quiet: cli.global.quiet };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(command::run(&cli, output)),
        Err(error) => Err(CliError::internal("runtime", format!("no runtime: {error}"))),
    };
    match outcome {
        Ok(()) => Exit::Success,
        Err(error) => {
            output.error(&error.render(cli.global.json));
            error.exit
        }
    }
}

/// Prints what clap has to say: help on standard output, refusals on standard error, as JSON when that was asked for.
fn refuse(error: &clap::Error) -> Exit {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        let _ = error.print();
        return Exit::Success;
    }
    if std::env::args_os().any(|a| a == "--json") {
        Output { json: true, quiet: false }.error(&from_clap(error).render(true));
    } else {
        let _ = error.print();
    }
    Exit::Usage
}

/// Field, value and rule of a refusal by clap.
fn from_clap(error: &clap::Error) -> CliError {
    use clap::error::{ContextKind, ContextValue};
    let text = |kind: ContextKind| {
        error.get(kind).map(|value| match value {
            ContextValue::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    let rendered = error.to_string();
    let message = rendered.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let mut out = CliError::usage("usage", message);
    out.field = text(ContextKind::InvalidArg).or_else(|| text(ContextKind::InvalidSubcommand));
    out.value = text(ContextKind::InvalidValue);
    out.rule = text(ContextKind::ValidValue).or_else(|| text(ContextKind::ValidSubcommand));
    out.hint = text(ContextKind::Usage).or(Some("see --help".into()));
    out
}
