//! The keys of the home folder by what they may do on a chain: for commands that send on behalf of many members, as in a
//! trial where one person holds all keys.

use crate::{
    chain::{Chain, typed},
    command::{Context, key},
    error::{CliError, Result},
    home::Purpose,
    keyfile::KeyFile,
};
use althing_types::{
    crypto::SecretKey,
    hash::{Tag, hash},
    id::OrganisationId,
    keyspace,
    name::DomainName,
    organisation::{KeyEntry, Role},
};
use std::collections::BTreeMap;

/// Keys of the home folder.
#[derive(Debug)]
pub(in crate::command) struct Signers {
    /// The key that decides alone, on a chain that has one.
    pub(in crate::command) operator: Option<SecretKey>,
    /// A key of each registry.
    pub(in crate::command) registries: BTreeMap<OrganisationId, SecretKey>,
    /// A key of each member that may vote, on a governed chain.
    pub(in crate::command) voters: BTreeMap<OrganisationId, SecretKey>,
}

impl Signers {
    /// Opens the keys of the home folder that are of use on a chain.
    ///
    /// # Errors
    /// When one does not open; code `no_such_key` without the operator's, or without any registry's.
    pub(in crate::command) async fn open(context: &Context, chain: &Chain) -> Result<Self> {
        let passphrase = context.home.passphrase(Purpose::Open)?;
        let files = key::names(context)?
            .iter()
            .map(|name| KeyFile::read(&context.home.key(name)))
            .collect::<Result<Vec<_>>>()?;
        let keys: Vec<Vec<u8>> = files.iter().map(|file| keyspace::key_entry(&file.public_key)).collect();
        let entries = if keys.is_empty() { Vec::new() } else { chain.read(&keys, None).await?.values };
        let governed = chain.genesis.operator.is_none();
        let mut out = Self { operator: None, registries: BTreeMap::new(), voters: BTreeMap::new() };
        for (file, bytes) in files.iter().zip(entries) {
            let Some(entry) = typed::<KeyEntry>("key entry", bytes.as_deref())? else { continue };
            let id = &entry.organisation;
            let acts = entry.roles.contains(&Role::Operator);
            let is_operator = Some(file.public_key) == chain.genesis.operator && out.operator.is_none();
            let registry = acts && entry.roles.contains(&Role::Registry) && !out.registries.contains_key(id);
            let voter = governed && entry.roles.contains(&Role::Voter) && !out.voters.contains_key(id);
            if !(is_operator || registry || voter) {
                continue;
            }
            let key = file.open(&passphrase)?;
            if is_operator {
                out.operator = Some(key);
                continue;
            }
            if voter {
                out.voters.insert(id.clone(), key.clone());
            }
            if registry {
                out.registries.insert(id.clone(), key);
            }
        }
        let missing = |what: &str, rule: &str| {
            CliError::not_found("no_such_key", format!("{} has no key of {what}", context.home.keys().display()))
                .field("--home")
                .value(context.home.path().display().to_string())
                .rule(rule)
        };
        if out.operator.is_none() && !governed {
            return Err(missing("the genesis operator", "the operator's key"));
        }
        if out.registries.is_empty() {
            return Err(missing("any registry", "a key of at least one organisation with the role registry"));
        }
        Ok(out)
    }

    /// The registry of the home folder that a TLD without one is bound to: by its name's hash over their sorted names.
    ///
    /// # Errors
    /// When there is none.
    pub(in crate::command) fn registry_for(
        registries: &BTreeMap<OrganisationId, SecretKey>,
        tld: &DomainName,
    ) -> Result<OrganisationId> {
        let digest = hash(Tag::Contract, &[b"zone import registry", tld.as_str().as_bytes()]);
        let first: [u8; 8] = digest.0.first_chunk().copied().unwrap_or_default();
        let count = registries.len() as u64;
        let place = u64::from_be_bytes(first).checked_rem(count).and_then(|p| usize::try_from(p).ok()).unwrap_or(0);
        registries
            .keys()
            .nth(place)
            .cloned()
            .ok_or_else(|| CliError::internal("no_registry", "there is no registry to bind to"))
    }
}
