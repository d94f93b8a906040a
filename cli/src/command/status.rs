//! `althing status`: what a node says of itself.

use super::Context;
use crate::{
    devnet::setup::read_genesis,
    error::{CliError, Result},
    exit_code::Exit,
    output::table,
};

/// Shows the node.
///
/// # Errors
/// When no node answers, or it is of another chain than the one that was asked for.
pub(super) async fn run(context: &Context) -> Result<()> {
    let status = context.client()?.status().await?;
    let (mut wanted, mut hash) = (context.global.chain.clone(), None);
    if let Some(file) = &context.global.genesis {
        let genesis = read_genesis(file)?;
        hash = Some(genesis.hash());
        wanted.get_or_insert(genesis.chain);
    }
    let other = |value: String, rule: String| {
        Err(CliError::new(Exit::Proof, "other_chain", format!("the node is of chain '{}'", status.chain_id))
            .field("chain")
            .value(value)
            .rule(rule))
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != status.chain_id) {
        return other(status.chain_id.to_string(), wanted.to_string());
    }
    if let Some(hash) = hash.filter(|hash| *hash != status.genesis_hash) {
        return other(status.genesis_hash.to_string(), hash.to_string());
    }
    context.output.print(&status, |s| {
        let list = |ids: &[althing_types::crypto::NodeId]| {
            ids.iter().map(|id| id.to_string().chars().take(12).collect::<String>()).collect::<Vec<_>>().join(" ")
        };
        let state = match &s.halted {
            Some(reason) => format!("halted: {reason}"),
            None if s.syncing => format!("catching up to {}", s.highest_known),
            None => "following".into(),
        };
        table(&[
            ("chain", s.chain_id.to_string()),
            ("genesis", s.genesis_hash.to_string()),
            ("node", s.node_id.to_string()),
            ("state", state),
            ("height", s.height.to_string()),
            ("block", s.block_hash.to_string()),
            ("state root", s.state_root.to_string()),
            ("authorities", format!("{}: {}", s.authorities.len(), list(&s.authorities))),
            (
                "recovery",
                s.recovery.as_ref().map_or("none".into(), |r| format!("plan {} from block {} on", r.plan, r.height)),
            ),
            ("peers", format!("{}: {}", s.peers.len(), list(&s.peers))),
            ("pending", format!("{} transactions, {} bytes", s.pending_transactions, s.pending_bytes)),
            ("oldest provable state", s.oldest_state.to_string()),
            ("version", s.version.clone()),
        ])
    })
}
