//! `althing node`: the files of a node that is to join a chain.

use super::Context;
use crate::{
    args::{NodeCommand, NodeInit},
    devnet::join::{self, Joiner},
    error::{CliError, Result},
    output::table,
};
use std::net::SocketAddr;

/// Runs a command of `althing node`.
///
/// # Errors
/// The command's failure.
pub(super) fn run(context: &Context, command: &NodeCommand) -> Result<()> {
    match command {
        NodeCommand::Init(options) => init(context, options),
    }
}

fn init(context: &Context, options: &NodeInit) -> Result<()> {
    let missing = |option: &str, rule: &str| {
        CliError::usage("usage", format!("{option} is needed")).field(option).rule(rule).hint("see --help")
    };
    let given = context.global.genesis.as_deref();
    let genesis = given.ok_or_else(|| missing("--genesis", "the chain's genesis document"))?;
    let text = context.global.api.as_deref().ok_or_else(|| missing("--api", "HOST:PORT for the node's own API"))?;
    let api: SocketAddr = text.parse().map_err(|_| {
        CliError::usage("bad_address", format!("'{text}' is no address to listen on"))
            .field("--api")
            .value(text)
            .rule("HOST:PORT with an IP address, such as 127.0.0.1:8100")
    })?;
    let joiner = Joiner {
        genesis,
        peers: options.peers.clone(),
        listen: options.listen.multiaddress(),
        api,
        contracts: options.contracts.as_deref(),
        checkpoint_from: options.checkpoint_from.clone(),
    };
    let made = join::init(&options.dir, &joiner)?;
    context.output.print(&made, |m| {
        let rows = [("node id", m.node_id.to_string()), ("folder", m.dir.clone()), ("configuration", m.config.clone())];
        format!("{}\nstart it: althingd --config {}", table(&rows), m.config)
    })
}
