//! `althing status`: what a node says of itself.

use super::Context;
use crate::{error::Result, output::table};

/// Shows the node.
///
/// # Errors
/// When no node answers.
pub(super) async fn run(context: &Context) -> Result<()> {
    let status = context.client()?.status().await?;
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
