//! `althing zone`: the root zone into the ledger, along its changes, and out again.
//!
//! ```text
//!   import: file  -> wanted zone --.
//!   replay: serial -> wanted zone --+-> Plan(present, wanted) -> binds, apex, changes, releases -> final -> present
//!   export: proven state -> sorted lines
//! ```
//! [`explain`] goes the other way: from a record to what set it. [`present`] reads the zone out of proven state, [`sending`] signs each change with the key of the registry that is
//! bound to its TLD and waits until all is final. Bindings and the apex are the operator's to change; on a chain without
//! an operator's key they are proposed and voted on, see [`committee`].

mod committee;
mod explain;
mod export;
mod import;
mod load;
mod present;
mod replay;
mod sending;
mod tld;

pub(in crate::command) use committee::Committee;
pub(in crate::command) use present::bindings;

use super::Context;
use crate::{
    args::ZoneCommand,
    chain::Chain,
    error::{CliError, Result},
};
use althing_types::{genesis::ChainKind, name::DomainName};

/// Runs a command of `althing zone`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &ZoneCommand) -> Result<()> {
    match command {
        ZoneCommand::Import { zone, file, terms } => import::run(context, zone.as_ref(), file, terms).await,
        ZoneCommand::Replay { changes } => replay::run(context, changes).await,
        ZoneCommand::Export { zone, out, compare } => {
            export::run(context, zone.as_ref(), out, compare.as_deref()).await
        }
        ZoneCommand::Explain { name, record_type, zone } => {
            explain::run(context, name, record_type, zone.as_ref()).await
        }
    }
}

/// The zone of a chain: the root's, or that of its TLD.
///
/// # Errors
/// Code `other_zone` when another one is asked for; `no_zone` when the chain has none.
fn zone_of(chain: &Chain, wanted: Option<&DomainName>) -> Result<DomainName> {
    let zone = match &chain.genesis.kind {
        ChainKind::Root => DomainName::root(),
        ChainKind::Tld(label) => DomainName::parse(label)
            .map_err(|e| CliError::internal("bad_genesis", format!("the chain's TLD '{label}': {e}")))?,
        ChainKind::Registry | ChainKind::Registrar => {
            return Err(CliError::not_found("no_zone", format!("chain '{}' has no zone", chain.genesis.chain))
                .field("chain")
                .value(chain.genesis.chain.as_str())
                .rule("a root chain or the chain of a TLD"));
        }
    };
    match wanted {
        Some(wanted) if *wanted != zone => {
            Err(CliError::usage("other_zone", format!("chain '{}' has the zone '{zone}'", chain.genesis.chain))
                .field("--zone")
                .value(wanted.to_string())
                .rule(zone.to_string())
                .hint("name a node of that zone's chain with --api"))
        }
        _ => Ok(zone),
    }
}
