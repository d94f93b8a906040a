//! What each command does: one module per noun.

mod accreditation;
mod authority;
mod bench;
mod block;
mod bootstrap;
mod ca;
mod complaint;
mod contract;
mod devnet;
mod domain;
mod events;
mod key;
mod key_text;
mod ledger;
mod member;
mod node;
mod proposal;
mod query;
mod rdap;
mod record;
mod recovery;
mod registrar;
mod remediation;
mod review;
mod send;
mod status;
mod sync;
mod tx;
mod upgrade;
mod vote;
mod zone;

use crate::{
    args::{Cli, Command, Global},
    chain::{self, Chain},
    error::Result,
    home::Home,
    output::Output,
};
use althing_client::Client;
use althing_types::id::ChainId;
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

impl Context {
    /// A client of the nodes to ask.
    ///
    /// # Errors
    /// When there is none, or a URL is bad.
    pub fn client(&self) -> Result<Client> {
        let nodes = chain::nodes(self.global.api.as_deref(), self.global.chain.as_ref(), &self.home)?;
        chain::client(&nodes, self.global.timeout)
    }
    /// The chain, ready to verify unless told not to.
    ///
    /// # Errors
    /// When no node answers, or its chain is not the trusted one.
    pub async fn chain(&self) -> Result<Chain> {
        let wanted = self.global.chain.as_ref();
        let file = match &self.global.genesis {
            Some(file) => Some(file.clone()),
            None => chain::trusted(self.global.api.as_deref(), wanted, &self.home)?,
        };
        Chain::connect(self.client()?, &self.home, file.as_deref(), wanted, self.global.no_verify, self.output).await
    }
    /// Another chain of the home folder, asked of its own nodes.
    ///
    /// # Errors
    /// As [`Self::chain`].
    pub async fn other_chain(&self, id: &ChainId) -> Result<Chain> {
        let mut other = self.clone();
        (other.global.api, other.global.genesis, other.global.chain) = (None, None, Some(id.clone()));
        other.chain().await
    }
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
    if !tends_signals(&cli.command) {
        tokio::spawn(end_when_stopped(output));
    }
    dispatch(&context, &cli.command).await
}

/// Whether a command has something to take down before it ends, and looks after signals itself.
const fn tends_signals(command: &Command) -> bool {
    matches!(command, Command::Devnet(_) | Command::Bench(_) | Command::Events(_) | Command::Sync(_))
}

/// Ends the process at Ctrl-C or a request to end, whatever the command waits for, and says so.
async fn end_when_stopped(output: Output) {
    if let Err(error) = devnet::stopped().await {
        let error = error.hint("what was sent before may still become final: althing tx list --key KEY");
        output.error(&error.render(output.json));
        std::process::exit(i32::from(error.exit.number()));
    }
}

async fn dispatch(context: &Context, command: &Command) -> Result<()> {
    match command {
        Command::Key(command) => key::run(context, command),
        Command::Ca(command) => ca::run(context, command),
        Command::Devnet(command) => devnet::run(context, command).await,
        Command::Node(command) => node::run(context, command),
        Command::Member(command) => member::run(context, command).await,
        Command::Proposal(command) => proposal::run(context, command).await,
        Command::Vote(command) => vote::run(context, command).await,
        Command::Authority(command) => authority::run(context, command).await,
        Command::Complaint(command) => complaint::run(context, command).await,
        Command::Review(command) => review::run(context, command).await,
        Command::Remediation(command) => remediation::run(context, command).await,
        Command::Upgrade(command) => upgrade::run(context, command).await,
        Command::Record(command) => record::run(context, command).await,
        Command::Recovery(command) => recovery::run(context, command).await,
        Command::Bootstrap(command) => bootstrap::run(context, command).await,
        Command::Registrar(command) => registrar::run(context, command).await,
        Command::Accreditation(command) => accreditation::run(context, command).await,
        Command::Rdap(command) => rdap::run(context, command).await,
        Command::Status => status::run(context).await,
        Command::Block(options) => block::run(context, options).await,
        Command::Query(command) => query::run(context, command).await,
        Command::Tx(command) => tx::run(context, command).await,
        Command::Events(options) => events::run(context, options).await,
        Command::Sync(command) => sync::run(context, command).await,
        Command::Zone(command) => zone::run(context, command).await,
        Command::Domain(command) => domain::run(context, command).await,
        Command::Contract(command) => contract::run(context, command).await,
        Command::Chain(command) => ledger::run(context, command).await,
        Command::Audit(options) => ledger::audit(context, options),
        Command::Bench(options) => bench::run(context, options).await,
        Command::Completions { .. } | Command::RunDetached { .. } => Ok(()),
    }
}
