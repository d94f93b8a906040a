//! `althing zone import` on the chain of a TLD: the names of a zone file, loaded by the registry in parcels.

use super::tld;
use crate::{
    args::ImportTerms,
    call::{Abis, Outcome},
    chain::{Chain, typed},
    command::{Context, key, send::submitter},
    error::{CliError, Result},
    keyfile::KeyFile,
    output::table,
    zone::{
        load::{Load, MostBytes, Terms},
        master::MasterFile,
    },
};
use althing_client::Order;
use althing_interface::{
    call::Call,
    layout::registrations as keys,
    registrations::{self, Charter, Load as LoadCall, LoadEntry, Loaded, SetApex, add_years},
};
use althing_types::{
    codec::List,
    crypto::SecretKey,
    id::{ContractId, Height, OrganisationId},
    keyspace::{self, storage},
    name::DomainName,
    organisation::{KeyEntry, Role},
    receipt::Status,
    transaction::MAX_ARGUMENTS,
};
use serde::Serialize;
use std::{collections::BTreeMap, time::Instant};

/// Blocks until a transaction expires.
const EXPIRY: u64 = 10_000;
/// Times the fuel of a name of the first parcel that each further name is given.
const SPARE: u64 = 3;
/// Names that a warning lists.
const SHOWN: usize = 5;

#[derive(Serialize)]
struct Imported {
    zone: DomainName,
    records: usize,
    names: usize,
    skipped: BTreeMap<String, u64>,
    repeated: u64,
    present: usize,
    left_as_they_are: usize,
    hosts_only: usize,
    apex: bool,
    transactions: usize,
    fuel_per_name: u64,
    height: Height,
    seconds: f64,
    /// From the first load to the last one that is final: without reading the zone before and after.
    load_seconds: f64,
    names_per_second: f64,
}

/// Imports the zone file of a TLD.
///
/// # Errors
/// When the file is malformed, the registry's key is missing, or a transaction fails.
pub(super) async fn run(
    context: &Context,
    chain: &Chain,
    zone: &DomainName,
    file: MasterFile,
    terms: &ImportTerms,
) -> Result<()> {
    let started = Instant::now();
    let present = tld::zone(chain, zone).await?;
    let id = ContractId::new(registrations::ID)?;
    let charter: Charter = chain.value("charter", storage(&id, &keys::charter_key())).await?.1.ok_or_else(|| {
        CliError::not_found("no_charter", format!("chain '{}' does not say who runs its TLD", chain.genesis.chain))
    })?;
    let signer = registry_key(context, chain, &charter.registry).await?;
    let created_ms = block_time(chain, present.height).await?;
    let expires_ms = add_years(created_ms, terms.years, present.settings.year_ms);
    let sponsor = terms.sponsor.clone().unwrap_or_else(|| charter.registry.clone());
    let parameters = chain.parameters().await?.1;
    let most = MostBytes(usize::try_from(parameters.max_arguments_bytes).unwrap_or(usize::MAX).min(MAX_ARGUMENTS));
    let load = Load::new(zone, &file.records, &present.zone, &Terms { sponsor, created_ms, expires_ms }, most)?;
    if !load.other.is_empty() {
        let shown: Vec<&str> = load.other.iter().take(SHOWN).map(DomainName::as_str).collect();
        context.output.warn(&format!(
            "{} names are registered with other records and left as they are: {}",
            load.other.len(),
            shown.join(", ")
        ));
    }
    if !load.parcels.is_empty() && !charter.loading {
        return Err(CliError::new(crate::exit_code::Exit::Refused, "load_closed", "the load of names was closed")
            .field("FILE")
            .value(format!("{} new names", load.names.saturating_sub(load.present)))
            .rule("names come by registration now: althing domain register"));
    }
    let most_fuel = parameters.max_transaction_fuel;
    let mut sender = Sender { context, chain, signer, most_fuel, fuel_per_name: 0, transactions: 0 };
    let (apex, to_load) = (load.apex.is_some(), load.names.saturating_sub(load.present));
    if let Some(apex) = load.apex {
        sender.calls(vec![(1, SetApex { apex })], None, |_| {}).await?;
    }
    let loading = Instant::now();
    sender.load(load.parcels, to_load).await?;
    let load_seconds = loading.elapsed().as_secs_f64();
    let outcome = tld::zone(chain, zone).await?;
    if outcome.zone.domains.len() < load.names {
        return Err(CliError::internal(
            "not_as_wanted",
            "the ledger has fewer names than were loaded, though all is final",
        )
        .field("names")
        .value(outcome.zone.domains.len().to_string())
        .rule(load.names.to_string()));
    }
    let seconds = started.elapsed().as_secs_f64();
    let imported = Imported {
        zone: zone.clone(),
        records: file.records.len(),
        names: load.names,
        skipped: file.skipped,
        repeated: file.repeated,
        present: load.present,
        left_as_they_are: load.other.len(),
        hosts_only: load.hosts_only,
        apex,
        transactions: sender.transactions,
        fuel_per_name: sender.fuel_per_name,
        height: outcome.height,
        seconds,
        load_seconds,
        names_per_second: f64::from(u32::try_from(to_load).unwrap_or(u32::MAX)) / load_seconds.max(0.001),
    };
    context.output.print(&imported, |i| {
        table(&[
            ("zone", i.zone.to_string()),
            ("records", i.records.to_string()),
            ("names", format!("{}, {} of them there already", i.names, i.present)),
            ("left as they are", i.left_as_they_are.to_string()),
            ("apex", if i.apex { "set".into() } else { "kept".into() }),
            ("transactions", i.transactions.to_string()),
            ("height", i.height.to_string()),
            (
                "time",
                format!(
                    "{:.1} s; load {:.1} s, {:.0} names a second; the rest is reading and proving",
                    i.seconds, i.load_seconds, i.names_per_second
                ),
            ),
        ])
    })
}

/// Signs and sends calls of the registry.
struct Sender<'a> {
    context: &'a Context,
    chain: &'a Chain,
    signer: SecretKey,
    /// Most fuel of one transaction.
    most_fuel: u64,
    fuel_per_name: u64,
    transactions: usize,
}

impl Sender<'_> {
    /// Loads parcels: one alone, to see what a name costs, then all others. A parcel whose names came in meanwhile, by what
    /// an interrupted load had sent, shows nothing: then twice as many are tried.
    async fn load(&mut self, mut parcels: Vec<Vec<LoadEntry>>, names: usize) -> Result<()> {
        let progress = self.context.output.progress("loading", names as u64);
        let (mut done, mut tried) = (0u64, 1usize);
        while !parcels.is_empty() {
            let now = if self.fuel_per_name == 0 { tried.min(parcels.len()) } else { parcels.len() };
            tried = tried.saturating_mul(2);
            let rest = parcels.split_off(now);
            let before = done;
            let mut calls = Vec::with_capacity(parcels.len());
            for parcel in parcels {
                let count = parcel.len() as u64;
                let entries = List::new(parcel).map_err(|e| CliError::internal("too_many", e.to_string()))?;
                done = done.saturating_add(count);
                calls.push((count, LoadCall { entries }));
            }
            let fuel = (self.fuel_per_name > 0).then_some(self.fuel_per_name);
            self.calls(calls, fuel, |names| progress.set(before.saturating_add(names))).await?;
            progress.set(done);
            parcels = rest;
        }
        Ok(())
    }

    /// Sends calls, each with its number of names, and waits until all have succeeded.
    /// `progress` gets how many names are in, about: calls that are final are counted from the first on.
    async fn calls<C: Call>(
        &mut self,
        calls: Vec<(u64, C)>,
        fuel_per_name: Option<u64>,
        progress: impl Fn(u64) + Send + Sync,
    ) -> Result<()> {
        let most = self.most_fuel;
        let (mut orders, mut counts) = (Vec::with_capacity(calls.len()), Vec::with_capacity(calls.len()));
        for (count, call) in calls {
            let content = call.content().map_err(|e| CliError::internal("too_long", format!("{}: {e}", C::METHOD)))?;
            let fuel = fuel_per_name.map_or(most, |fuel| fuel.saturating_mul(count).saturating_mul(SPARE).min(most));
            let postscript = "zone import".to_owned();
            let order = Order { operation: C::OPERATION, content, postscript, fuel_limit: Some(fuel) };
            orders.push((self.signer.clone(), order));
            counts.push(count);
        }
        self.transactions = self.transactions.saturating_add(orders.len());
        let mut submitter = submitter(self.context, self.chain, EXPIRY);
        let contract = ContractId::new(C::CONTRACT)?;
        let names = |decided: usize| counts.iter().take(decided).fold(0u64, |sum, count| sum.saturating_add(*count));
        let results = submitter.send_all(orders, |decided| progress(names(decided))).await?;
        for result in results {
            let done = result?;
            if done.receipt.status != Status::Succeeded {
                Outcome::of(&mut Abis::new(self.chain), &done, Some((&contract, C::METHOD)))
                    .await
                    .check()
                    .map_err(|error| error.hint("run it again: only what is missing is sent"))?;
            }
            if C::METHOD == LoadCall::METHOD {
                // What was there already costs little and says nothing.
                let loaded: Loaded = typed("result of the load", Some(&done.receipt.result))?.unwrap_or_default();
                let each = done.receipt.fuel_used.checked_div(loaded.loaded.into()).unwrap_or_default();
                self.fuel_per_name = self.fuel_per_name.max(each);
            }
        }
        Ok(())
    }
}

/// The time of a block in milliseconds since 1970.
async fn block_time(chain: &Chain, height: Height) -> Result<u64> {
    if let Some(verifier) = chain.verifier() {
        return Ok(verifier.header(height).await?.header().timestamp_ms);
    }
    let list = chain.client.headers(height, 1).await?;
    Ok(list.headers.first().map_or(0, |document| document.header.timestamp_ms))
}

/// The key of the registry among those of the home folder.
async fn registry_key(context: &Context, chain: &Chain, registry: &OrganisationId) -> Result<SecretKey> {
    let files =
        key::names(context)?.iter().map(|name| KeyFile::read(&context.home.key(name))).collect::<Result<Vec<_>>>()?;
    let wanted: Vec<Vec<u8>> = files.iter().map(|file| keyspace::key_entry(&file.public_key)).collect();
    let entries = if wanted.is_empty() { Vec::new() } else { chain.read(&wanted, None).await?.values };
    for (file, bytes) in files.iter().zip(entries) {
        let Some(entry) = typed::<KeyEntry>("key entry", bytes.as_deref())? else { continue };
        if entry.organisation == *registry && entry.roles.contains(&Role::Operator) {
            return file.open(&context.home.passphrase(crate::home::Purpose::Open)?);
        }
    }
    Err(CliError::not_found("no_such_key", format!("{} has no key of {registry}", context.home.keys().display()))
        .field("--home")
        .value(context.home.path().display().to_string())
        .rule("the key of the TLD's registry, with the duty operator"))
}
