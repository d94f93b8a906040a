//! `althing upgrade`: new code of a contract, by a vote of the members.
//!
//! [`dry_run`] says beforehand what it would do, [`attest`] that its source gives these very bytes, [`status`] where it
//! is. [`entry`] turns entries of the state into words.

mod attest;
mod dry_run;
mod entry;
mod status;

pub(super) use dry_run::before_proposing;

use super::{Context, proposal};
use crate::{args::UpgradeCommand, error::Result};

/// Runs a command of `althing upgrade`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &UpgradeCommand) -> Result<()> {
    match command {
        UpgradeCommand::DryRun { id, file, proposal } => {
            dry_run::run(context, id.as_ref(), file.as_deref(), *proposal).await
        }
        UpgradeCommand::Propose { id, file, even_if_it_fails, sign } => {
            proposal::upgrade(context, id, file, *even_if_it_fails, sign).await
        }
        UpgradeCommand::Attest { proposal, source, sign } => attest::run(context, *proposal, source, sign).await,
        UpgradeCommand::Status { what } => status::run(context, what).await,
    }
}
