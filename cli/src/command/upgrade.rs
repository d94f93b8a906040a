//! `althing upgrade`: new code of a contract, by a vote of the members.

use super::{Context, proposal};
use crate::{args::UpgradeCommand, error::Result, governed::Governed, output::table};
use althing_interface::governance::ProposalKind;
use althing_types::{id::ContractId, keyspace::ContractEntry};
use serde::Serialize;

/// Runs a command of `althing upgrade`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &UpgradeCommand) -> Result<()> {
    match command {
        UpgradeCommand::Propose { id, file, sign } => proposal::upgrade(context, id, file, sign).await,
        UpgradeCommand::Status { id } => status(context, id).await,
    }
}

async fn status(context: &Context, id: &ContractId) -> Result<()> {
    #[derive(Serialize)]
    struct Shown<P> {
        contract: ContractId,
        #[serde(flatten)]
        entry: ContractEntry,
        proposals: P,
        verified: bool,
    }
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let (_, entry) = chain.contract(id).await?;
    let wanted = |kind: &ProposalKind| match kind {
        ProposalKind::Upgrade { contract, .. } | ProposalKind::Deploy { contract, .. } => contract == id,
        _ => false,
    };
    let (proposals, text) = proposal::about(&governed, wanted).await?;
    let shown = Shown { contract: id.clone(), entry, proposals, verified: chain.verifies() };
    context.output.print(&shown, |s| {
        let rows = [
            ("contract", s.contract.to_string()),
            ("code", s.entry.code.to_string()),
            ("state version", s.entry.state_version.to_string()),
            ("upgrades so far", s.entry.upgrades.to_string()),
        ];
        format!("{}\n\n{text}", table(&rows))
    })
}
