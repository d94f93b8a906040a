//! `althing zone`: zones into the ledger, the root's along its changes, and out again.
//!
//! ```text
//!   import: file  -> wanted zone --.
//!   replay: serial -> wanted zone --+-> Plan(present, wanted) -> binds, apex, changes, releases -> final -> present
//!   export: proven state -> sorted lines
//! ```
//! [`explain`] goes the other way: from a record to what set it. [`present`] reads the root zone out of proven state, [`tld`]
//! that of a TLD; [`sending`] signs each change of the root with the key of the registry that is bound to its TLD and waits
//! until all is final, [`load`] has the registry of a TLD take names over. Bindings and the apex are the operator's to
//! change; on a chain without an operator's key they are proposed and voted on, see [`committee`].

mod committee;
mod explain;
mod export;
mod import;
mod load;
mod present;
mod replay;
mod sending;
mod signers;
mod tld;

pub(in crate::command) use committee::Committee;
pub(in crate::command) use present::{bindings, named};
pub(in crate::command) use signers::Signers;

use super::Context;
use crate::{
    args::ZoneCommand,
    chain::Chain,
    devnet::setup::read_genesis,
    error::{CliError, Result},
    home::Home,
};
use althing_types::{genesis::ChainKind, id::ChainId, name::DomainName};

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

/// The chain that keeps a zone: the one that the options name, else the one of the home folder whose zone it is.
///
/// # Errors
/// When no node answers, or its chain is not the trusted one.
async fn chain_of(context: &Context, zone: Option<&DomainName>) -> Result<Chain> {
    let named = context.global.api.is_some() || context.global.chain.is_some() || context.global.genesis.is_some();
    match zone.filter(|_| !named).and_then(|zone| at_home(&context.home, zone)) {
        Some(chain) => context.other_chain(&chain).await,
        None => context.chain().await,
    }
}

/// The chain of a home folder that keeps a zone.
fn at_home(home: &Home, zone: &DomainName) -> Option<ChainId> {
    let further = std::fs::read_dir(home.path().join("chains")).into_iter().flatten().flatten();
    let files = further.map(|entry| entry.path().join("genesis.json"));
    let mut documents = std::iter::once(home.genesis()).chain(files).filter_map(|file| read_genesis(&file).ok());
    documents.find(|genesis| name_of(&genesis.kind).as_ref() == Some(zone)).map(|genesis| genesis.chain)
}

/// The zone of a kind of chain; `None` when it has none.
fn name_of(kind: &ChainKind) -> Option<DomainName> {
    match kind {
        ChainKind::Root => Some(DomainName::root()),
        ChainKind::Tld(label) => DomainName::parse(label).ok(),
        ChainKind::Registry | ChainKind::Registrar => None,
    }
}

/// The zone of a chain: the root's, or that of its TLD.
///
/// # Errors
/// Code `other_zone` when another one is asked for; `no_zone` when the chain has none.
fn zone_of(chain: &Chain, wanted: Option<&DomainName>) -> Result<DomainName> {
    let zone = name_of(&chain.genesis.kind).ok_or_else(|| {
        CliError::not_found("no_zone", format!("chain '{}' has no zone", chain.genesis.chain))
            .field("chain")
            .value(chain.genesis.chain.as_str())
            .rule("a root chain or the chain of a TLD")
    })?;
    match wanted {
        Some(wanted) if *wanted != zone => {
            Err(CliError::usage("other_zone", format!("chain '{}' has the zone '{zone}'", chain.genesis.chain))
                .field("--zone")
                .value(wanted.to_string())
                .rule(zone.to_string())
                .hint("name the chain of that zone with --chain, or a node of it with --api"))
        }
        _ => Ok(zone),
    }
}
