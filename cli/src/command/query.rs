//! `althing query`: state, proven unless asked otherwise.

use super::Context;
use crate::{
    args::QueryCommand,
    chain::{Chain, Entries, Trust, typed},
    error::{CliError, Result},
    keyfile::KeyFile,
    output::table,
};
use althing_interface::{
    domain_records::{self, Apex, Delegation, Host},
    layout, tld_binding,
    tld_binding::Binding,
    zone::Zone,
};
use althing_types::{
    crypto::PublicKey,
    genesis::Parameters,
    hash::Hash,
    id::{ContractId, Height, OrganisationId, Sequence},
    keyspace::{self, ContractEntry, storage},
    name::DomainName,
    order::Key,
    organisation::{KeyEntry, Organisation},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Entries that are asked for at a time.
const BATCH: usize = 64;

/// Where an answer stands.
#[derive(Serialize)]
pub(super) struct Place {
    pub(super) height: Height,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<Hash>,
    verified: bool,
    trust: Trust,
}

impl Place {
    pub(super) fn of(chain: &Chain, entries: &Entries) -> Self {
        Self { height: entries.height, block_hash: entries.block, verified: chain.verifies(), trust: chain.trust }
    }
    pub(super) fn row(&self) -> (&'static str, String) {
        let how = if self.verified { "verified" } else { "NOT verified" };
        ("height", format!("{} ({how})", self.height))
    }
}

/// Runs a command of `althing query`.
///
/// # Errors
/// When there is no such thing, no node answers, or a proof fails.
pub(super) async fn run(context: &Context, command: &QueryCommand) -> Result<()> {
    let chain = context.chain().await?;
    match command {
        QueryCommand::Tld { name } => tld(context, &chain, name).await,
        QueryCommand::Host { name } => host(context, &chain, name).await,
        QueryCommand::Apex => apex(context, &chain).await,
        QueryCommand::Contract { id } => contract(context, &chain, id).await,
        QueryCommand::Organisation { id } => organisation(context, &chain, id).await,
        QueryCommand::Key { key: text } => key(context, &chain, text).await,
        QueryCommand::Parameters => parameters(context, &chain).await,
    }
}

/// Key of a contract's own entry in the chain's state.
fn entry(contract: &str, key: &[u8]) -> Result<Vec<u8>> {
    Ok(storage(&ContractId::new(contract)?, key))
}

fn absent(what: &str, value: &str, place: &Place) -> CliError {
    let proven = if place.verified { "its absence is proven" } else { "the node says so" };
    CliError::not_found(
        format!("{what}_unknown"),
        format!("there is no {what} '{value}' at height {}: {proven}", place.height),
    )
    .field(what)
    .value(value)
    .rule("a name that the ledger holds")
}

#[derive(Serialize)]
struct TldAnswer {
    tld: DomainName,
    #[serde(flatten)]
    place: Place,
    binding: Option<Binding>,
    delegation: Option<Delegation>,
    hosts: BTreeMap<String, Host>,
    records: Vec<String>,
}

async fn tld(context: &Context, chain: &Chain, name: &DomainName) -> Result<()> {
    if name.labels().count() != 1 {
        return Err(CliError::usage("bad_tld", format!("'{name}' is no top-level domain"))
            .field("tld")
            .value(name.to_string())
            .rule("exactly one label"));
    }
    let keys = [
        entry(tld_binding::ID, &layout::binding_key(name))?,
        entry(domain_records::ID, &layout::delegation_key(name))?,
    ];
    let entries = chain.read(&keys, None).await?;
    let value = |index: usize| entries.values.get(index).and_then(Option::as_deref);
    let binding: Option<Binding> = typed("binding", value(0))?;
    let delegation: Option<Delegation> = typed("delegation", value(1))?;
    let place = Place::of(chain, &entries);
    if binding.is_none() && delegation.is_none() {
        chain.needs(tld_binding::ID).await?;
        return Err(absent("tld", &name.to_string(), &place));
    }
    let mut zone = Zone::default();
    if let Some(delegation) = &delegation {
        zone.delegations.insert(name.clone(), delegation.clone());
        let servers: Vec<DomainName> = delegation.ns.to_vec();
        let keys =
            servers.iter().map(|s| entry(domain_records::ID, &layout::host_key(s))).collect::<Result<Vec<_>>>()?;
        let hosts = chain.read(&keys, Some(entries.height)).await?;
        for (server, bytes) in servers.into_iter().zip(&hosts.values) {
            if let Some(host) = typed("host", bytes.as_deref())? {
                zone.hosts.insert(server, host);
            }
        }
    }
    let mut records: Vec<String> = zone.records().iter().map(ToString::to_string).collect();
    records.sort_unstable();
    let hosts = zone.hosts.iter().map(|(n, h)| (n.to_string(), h.clone())).collect();
    let answer = TldAnswer { tld: name.clone(), place, binding, delegation, hosts, records };
    context.output.print(&answer, |a| {
        let binding = a.binding.as_ref().map_or("not bound".into(), |b| {
            format!("{} ({}) since height {}", b.organisation, json_text(&b.status), b.since)
        });
        let rows = [("tld", a.tld.to_string()), ("registry", binding), a.place.row()];
        format!("{}\n{}", table(&rows), a.records.join("\n"))
    })
}

/// A unit variant's JSON text.
fn json_text<T: Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

#[derive(Serialize)]
struct HostAnswer {
    host: DomainName,
    #[serde(flatten)]
    place: Place,
    addresses: Host,
    /// TLDs that use it; the root stands for the apex.
    users: Vec<DomainName>,
    /// The organisations of these TLDs: a change of the addresses that one of them asks for needs the others' consent.
    registries: BTreeMap<OrganisationId, Vec<DomainName>>,
}

/// Whose TLDs these are.
async fn registries(chain: &Chain, tlds: &[DomainName]) -> Result<BTreeMap<OrganisationId, Vec<DomainName>>> {
    let mut out: BTreeMap<OrganisationId, Vec<DomainName>> = BTreeMap::new();
    for part in tlds.chunks(BATCH) {
        let keys =
            part.iter().map(|tld| entry(tld_binding::ID, &layout::binding_key(tld))).collect::<Result<Vec<_>>>()?;
        for (tld, bytes) in part.iter().zip(chain.read(&keys, None).await?.values) {
            if let Some(binding) = typed::<Binding>("binding", bytes.as_deref())? {
                out.entry(binding.organisation).or_default().push(tld.clone());
            }
        }
    }
    Ok(out)
}

async fn host(context: &Context, chain: &Chain, name: &DomainName) -> Result<()> {
    let (entries, found) = chain.value::<Host>("host", entry(domain_records::ID, &layout::host_key(name))?).await?;
    let place = Place::of(chain, &entries);
    if found.is_none() {
        chain.needs(domain_records::ID).await?;
    }
    let addresses = found.ok_or_else(|| absent("host", &name.to_string(), &place))?;
    let prefix = entry(domain_records::ID, &layout::users_prefix(name))?;
    let scan = chain.scan(&prefix).await?;
    let mut users: Vec<DomainName> =
        scan.entries.iter().filter_map(|(key, _)| DomainName::decode_key(&mut key.get(prefix.len()..)?)).collect();
    users.sort();
    let registries = registries(chain, &users).await?;
    let answer = HostAnswer { host: name.clone(), place, addresses, users, registries };
    context.output.print(&answer, |a| {
        let list = |addresses: Vec<String>| addresses.join(" ");
        table(&[
            ("host", a.host.to_string()),
            ("A", list(a.addresses.v4.iter().map(ToString::to_string).collect())),
            ("AAAA", list(a.addresses.v6.iter().map(ToString::to_string).collect())),
            ("used by", list(a.users.iter().map(ToString::to_string).collect())),
            ("of", list(a.registries.iter().map(|(id, tlds)| format!("{id} ({})", tlds.len())).collect())),
            a.place.row(),
        ])
    })
}

async fn apex(context: &Context, chain: &Chain) -> Result<()> {
    let (entries, found) = chain.value::<Apex>("apex", entry(domain_records::ID, &layout::apex_key())?).await?;
    let place = Place::of(chain, &entries);
    if found.is_none() {
        chain.needs(domain_records::ID).await?;
    }
    let apex = found.ok_or_else(|| absent("apex", ".", &place))?;
    #[derive(Serialize)]
    struct Answer {
        #[serde(flatten)]
        place: Place,
        apex: Apex,
    }
    context.output.print(&Answer { place, apex }, |a| {
        let servers: Vec<String> = a.apex.ns.iter().map(ToString::to_string).collect();
        table(&[("name servers", servers.join(" ")), ("ttl", a.apex.ttl.to_string()), a.place.row()])
    })
}

/// Prints an answer that is one ledger value with its name.
fn show<T: Serialize>(context: &Context, name: (&str, &str), place: &Place, value: &T) -> Result<()> {
    let wrap = |e: serde_json::Error| CliError::internal("json", e.to_string());
    let mut document = serde_json::to_value(place).map_err(wrap)?;
    if let Value::Object(fields) = &mut document {
        fields.insert(name.0.into(), json!(name.1));
        if let Value::Object(inner) = serde_json::to_value(value).map_err(wrap)? {
            // The value's own fields never replace what says where it stands.
            inner.into_iter().for_each(|(k, v)| {
                fields.entry(k).or_insert(v);
            });
        }
    }
    context.output.print(&document, |d| {
        let mut rows: Vec<(&str, String)> = vec![(name.0, name.1.to_owned())];
        for (key, value) in d.as_object().into_iter().flatten() {
            if key != name.0 {
                rows.push((key, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
            }
        }
        table(&rows)
    })
}

async fn contract(context: &Context, chain: &Chain, id: &ContractId) -> Result<()> {
    let (entries, found) = chain.value::<ContractEntry>("contract entry", keyspace::contract(id)).await?;
    let place = Place::of(chain, &entries);
    let found = found.ok_or_else(|| absent("contract", id.as_str(), &place))?;
    show(context, ("contract", id.as_str()), &place, &found)
}

async fn organisation(context: &Context, chain: &Chain, id: &OrganisationId) -> Result<()> {
    let (entries, found) = chain.value::<Organisation>("organisation", keyspace::organisation(id)).await?;
    let place = Place::of(chain, &entries);
    let found = found.ok_or_else(|| absent("organisation", id.as_str(), &place))?;
    show(context, ("organisation", id.as_str()), &place, &found)
}

async fn key(context: &Context, chain: &Chain, text: &str) -> Result<()> {
    let key = public_key(context, text)?;
    let entries = chain.read(&[keyspace::key_entry(&key), keyspace::sequence(&key)], None).await?;
    let value = |index: usize| entries.values.get(index).and_then(Option::as_deref);
    let place = Place::of(chain, &entries);
    let entry: KeyEntry = typed("key entry", value(0))?.ok_or_else(|| absent("key", &key.to_string(), &place))?;
    let sequence: Sequence = typed("sequence", value(1))?.unwrap_or_default();
    #[derive(Serialize)]
    struct Answer {
        #[serde(flatten)]
        entry: KeyEntry,
        sequence: Sequence,
    }
    show(context, ("key", &key.to_string()), &place, &Answer { entry, sequence })
}

async fn parameters(context: &Context, chain: &Chain) -> Result<()> {
    let (entries, found) = chain.value::<Parameters>("parameters", keyspace::parameters()).await?;
    let place = Place::of(chain, &entries);
    let found = found.ok_or_else(|| absent("parameters", "parameters", &place))?;
    show(context, ("chain", chain.genesis.chain.as_str()), &place, &found)
}

/// A public key from 64 hexadecimal digits, or from the name of a key in the home folder.
///
/// # Errors
/// When it is neither.
pub(super) fn public_key(context: &Context, text: &str) -> Result<PublicKey> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    crate::keyfile::check_name(text).map_err(|e| e.field("key").rule("64 hexadecimal digits, or the name of a key"))?;
    Ok(KeyFile::read(&context.home.key(text))?.public_key)
}
