//! `althing member key`: the keys of an organisation, changed by itself.
//!
//! The contract replaces all keys of an organisation at once; what is to stay is read out of proven state first.

use super::super::{Context, key, send};
use crate::{
    args::{MemberKeyCommand, SignOptions},
    error::{CliError, Result},
    governed::Governed,
    output::table,
};
use althing_interface::governance::SetKeys;
use althing_types::{
    codec::List,
    crypto::PublicKey,
    hash::Hash,
    id::OrganisationId,
    keyspace,
    organisation::{KeyEntry, MemberKey, Role},
};
use serde::Serialize;

/// The keys after a change.
#[derive(Serialize)]
struct Changed {
    organisation: OrganisationId,
    keys: Vec<MemberKey>,
    transaction: Hash,
    height: u64,
}

/// Runs a command of `althing member key`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &MemberKeyCommand) -> Result<()> {
    match command {
        MemberKeyCommand::Add { public_key, new_key, duties, sign } => {
            let own = Own::read(context, sign).await?;
            let key = match (public_key, new_key) {
                (Some(key), _) => *key,
                (None, Some(name)) => super::new_key(context, name)?,
                (None, None) => return Err(CliError::usage("usage", "no key is given").field("--public-key")),
            };
            if own.keys.iter().any(|entry| entry.key == key) {
                return Err(CliError::usage("has_key", format!("organisation '{}' has this key", own.organisation))
                    .field("--public-key")
                    .value(key.to_string())
                    .rule("a new key"));
            }
            let mut keys = own.keys.clone();
            keys.push(MemberKey { key, duties: duties.iter().copied().collect() });
            own.set(context, sign, keys).await
        }
        MemberKeyCommand::Remove { public_key, sign } => {
            let own = Own::read(context, sign).await?;
            let keys: Vec<MemberKey> = own.keys.iter().filter(|entry| entry.key != *public_key).cloned().collect();
            if keys.len() == own.keys.len() {
                return Err(CliError::not_found(
                    "key_unknown",
                    format!("organisation '{}' has no such key", own.organisation),
                )
                .field("PUBLIC_KEY")
                .value(public_key.to_string())
                .rule("a key of althing member show; those of nodes leave with their nodes"));
            }
            own.set(context, sign, keys).await
        }
        MemberKeyCommand::Rotate { new_key, sign } => {
            let own = Own::read(context, sign).await?;
            let key = super::new_key(context, new_key)?;
            let replaced = |entry: &MemberKey| {
                if entry.key == own.signer { MemberKey { key, ..entry.clone() } } else { entry.clone() }
            };
            let keys = own.keys.iter().map(replaced).collect();
            own.set(context, sign, keys).await
        }
    }
}

/// The organisation whose key signs, and its keys without those of its nodes.
struct Own {
    organisation: OrganisationId,
    signer: PublicKey,
    keys: Vec<MemberKey>,
}

impl Own {
    async fn read(context: &Context, sign: &SignOptions) -> Result<Self> {
        let signer = key::public(context, &sign.key)?;
        let chain = context.chain().await?;
        let governed = Governed::of(&chain)?;
        let (entries, entry) = chain.value::<KeyEntry>("key entry", keyspace::key_entry(&signer)).await?;
        let unknown = || {
            CliError::not_found("not_a_member_key", format!("no member has this key at height {}", entries.height))
                .field("--key")
                .value(sign.key.as_str())
                .rule("a key of a member organisation")
        };
        let organisation = entry.ok_or_else(unknown)?.organisation;
        let member = governed.member(&organisation).await?.1.ok_or_else(unknown)?;
        let is_node = |entry: &&MemberKey| !entry.duties.contains(&Role::Node);
        let keys = member.organisation.keys.iter().filter(is_node).cloned().collect();
        Ok(Self { organisation, signer, keys })
    }

    async fn set(self, context: &Context, sign: &SignOptions, keys: Vec<MemberKey>) -> Result<()> {
        let chain = context.chain().await?;
        let list = List::new(keys.clone()).map_err(|e| {
            CliError::usage("too_many", format!("too many keys: {e}"))
                .field("keys")
                .value(e.found.to_string())
                .rule(format!("at most {}", e.maximum))
        })?;
        let outcome = send::call(context, &chain, sign, &SetKeys { keys: list }).await?;
        let changed =
            Changed { organisation: self.organisation, keys, transaction: outcome.hash, height: outcome.height };
        context.output.print(&changed, |c| {
            let mut rows = vec![("organisation", c.organisation.to_string())];
            for entry in &c.keys {
                let duties: Vec<&str> = entry.duties.iter().map(|role| role.text()).collect();
                rows.push(("key", format!("{}  {}", entry.key, duties.join(", "))));
            }
            rows.push(("block", c.height.to_string()));
            table(&rows)
        })
    }
}
