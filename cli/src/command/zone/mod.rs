//! `althing zone`: the root zone into the ledger, along its changes, and out again.
//!
//! ```text
//!   import: file  -> wanted zone --.
//!   replay: serial -> wanted zone --+-> Plan(present, wanted) -> binds, apex, changes, releases -> final -> present
//!   export: proven state -> sorted lines
//! ```
//! [`present`] reads the zone out of proven state, [`sending`] signs each change with the key of the registry that is
//! bound to its TLD and waits until all is final. Bindings and the apex are the operator's to change; on a chain without
//! an operator's key they are proposed and voted on, see [`committee`].

mod committee;
mod export;
mod import;
mod present;
mod replay;
mod sending;

pub(in crate::command) use committee::Committee;
pub(in crate::command) use present::bindings;

use super::Context;
use crate::{args::ZoneCommand, error::Result};

/// Runs a command of `althing zone`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &ZoneCommand) -> Result<()> {
    match command {
        ZoneCommand::Import { file } => import::run(context, file).await,
        ZoneCommand::Replay { changes } => replay::run(context, changes).await,
        ZoneCommand::Export { out, compare } => export::run(context, out, compare.as_deref()).await,
    }
}
