//! What each command does: one module per noun.

mod devnet;
mod key;

use crate::{
    args::{Cli, Command, Global},
    error::Result,
    home::Home,
    output::Output,
};
use clap::CommandFactory;

/// What every command works with.
#[derive(Clone, Debug)]
pub struct Context {
    /// Options of every command.
    pub global: Global,
    /// The home folder.
    pub home: Home,
    /// How to print.
    pub output: Output,
}

/// Runs one command.
///
/// # Errors
/// The command's failure.
pub async fn run(cli: &Cli, output: Output) -> Result<()> {
    if let Command::Completions { shell } = &cli.command {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut Cli::command(), "althing", &mut script);
        output.line(&String::from_utf8_lossy(&script));
        return Ok(());
    }
    if let Command::RunDetached { program, arguments } = &cli.command {
        return Err(crate::devnet::process::run_detached(program, arguments));
    }
    let context = Context { global: cli.global.clone(), home: Home::new(cli.global.home.as_deref())?, output };
    match &cli.command {
        Command::Key(command) => key::run(&context, command),
        Command::Devnet(command) => devnet::run(&context, command).await,
        _ => Err(crate::error::CliError::internal("unfinished", "not written yet")),
    }
}
