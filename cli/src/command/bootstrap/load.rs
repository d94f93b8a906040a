//! `althing bootstrap load` and `export`: a bootstrap file of RFC 9224 into the entries of contract `bootstrap`, and out again.
//!
//! ```text
//!   file --> wanted --+                      +--> TLDs without registry: bound, by votes or by the operator
//!   chain -> present -+--> what differs -----+--> entries: each registry's `set`; where changes are reviewed,
//!                                            |    `reviewed_set` in parcels that the members vote for
//!                                            '--> present again: all that was wanted is there
//! ```
//! What the chain has beyond the file stays. For networks in which one person holds the keys of enough members.

use super::{entries, key};
use crate::{
    args::{BootstrapExport, BootstrapLoad},
    bootstrap_file,
    call::{Abis, Outcome},
    chain::{Chain, typed},
    command::{
        Context,
        proposal::proposed,
        send,
        zone::{Committee, Signers, bindings, named},
    },
    error::{CliError, Result},
    governed::Governed,
    home::{Access, write_file},
    output::{Progress, table},
    zone::read_text,
};
use althing_client::{Order, Submitter};
use althing_interface::{
    bootstrap::{self, BaseUrls, Bind as OwnBind, EntryChange, ReviewedSet, Set},
    call::Call,
    governance::ProposedCall,
    layout, tld_binding,
};
use althing_types::{
    crypto::SecretKey,
    govern::ReviewMode,
    id::{ContractId, Height, OrganisationId},
    name::DomainName,
    receipt::Status,
    transaction::Content,
};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path, time::Instant};

/// Fuel of one call, far above what it takes.
const FUEL: u64 = 100_000_000;
/// Blocks until a transaction expires.
const EXPIRY: u64 = 10_000;
/// What transactions and proposals of this command carry as a note.
const NOTE: &str = "bootstrap load";
/// Names that an error lists.
const SHOWN: usize = 5;

#[derive(Serialize)]
struct Loaded {
    tlds: usize,
    bound: usize,
    changed: usize,
    unchanged: usize,
    mended: usize,
    left_alone: usize,
    by_votes: bool,
    height: Height,
    seconds: f64,
}

/// Brings the chain's entries to what a file says.
///
/// # Errors
/// When the file is malformed, keys are missing, or a transaction or a proposal fails.
pub(super) async fn run(context: &Context, options: &BootstrapLoad) -> Result<()> {
    let started = Instant::now();
    let file = &options.file;
    let wanted = bootstrap_file::parse(&file.display().to_string(), &read_text(file)?)?;
    let chain = context.chain().await?;
    let present = present(&chain).await?;
    let differing: BTreeMap<&DomainName, &BaseUrls> =
        wanted.entries.iter().filter(|(tld, urls)| present.get(*tld).map(|(urls, _)| urls) != Some(*urls)).collect();
    let left_alone = present.keys().filter(|tld| !wanted.entries.contains_key(*tld)).count();
    let (mut bound, mut by_votes) = (0usize, false);
    if !differing.is_empty() {
        let mut loading = Loading::new(context, &chain).await?;
        bound = loading.bind(context, differing.keys().copied()).await?;
        by_votes = loading.set(context, &differing, &present).await?;
    }
    let (scanned, after) = super::entries_at(&chain).await?;
    let after: BTreeMap<DomainName, BaseUrls> = after.into_iter().map(|row| (row.tld, row.entry.urls)).collect();
    let missing: Vec<&str> = wanted
        .entries
        .iter()
        .filter(|(tld, urls)| after.get(*tld) != Some(*urls))
        .map(|(tld, _)| tld.as_str())
        .take(SHOWN)
        .collect();
    if !missing.is_empty() {
        return Err(CliError::internal("not_as_wanted", "entries differ from the file, though all is final")
            .field("entries")
            .value(missing.join(" "))
            .rule("what the file says")
            .hint("somebody else changes them; run it again: only what differs is sent"));
    }
    let loaded = Loaded {
        tlds: wanted.entries.len(),
        bound,
        changed: differing.len(),
        unchanged: wanted.entries.len().saturating_sub(differing.len()),
        mended: wanted.mended,
        left_alone,
        by_votes,
        height: scanned,
        seconds: started.elapsed().as_secs_f64(),
    };
    context.output.print(&loaded, |l| {
        let how = if l.by_votes { ", decided by votes" } else { "" };
        table(&[
            ("TLDs", l.tlds.to_string()),
            ("bound", l.bound.to_string()),
            ("changed", format!("{}{how}", l.changed)),
            ("unchanged", l.unchanged.to_string()),
            ("form of URLs mended", l.mended.to_string()),
            ("others left alone", l.left_alone.to_string()),
            ("height", l.height.to_string()),
            ("time", format!("{:.1} s", l.seconds)),
        ])
    })
}

/// Base URLs and revision of every entry.
async fn present(chain: &Chain) -> Result<BTreeMap<DomainName, (BaseUrls, u64)>> {
    let rows = entries(chain).await?;
    Ok(rows.into_iter().map(|row| (row.tld, (row.entry.urls, row.entry.revision))).collect())
}

/// Keys and rights for a load.
struct Loading<'a> {
    chain: &'a Chain,
    signers: Signers,
    committee: Option<Committee>,
    /// Whether members review changes.
    reviewed: bool,
    submitter: Submitter,
    /// Which organisation runs which TLD.
    bound: BTreeMap<DomainName, OrganisationId>,
    /// Whether contract `tld_binding` says so.
    others_bind: bool,
}

impl<'a> Loading<'a> {
    async fn new(context: &Context, chain: &'a Chain) -> Result<Self> {
        let mut signers = Signers::open(context, chain).await?;
        let others_bind = chain.genesis.contracts.iter().any(|contract| contract.id.as_str() == tld_binding::ID);
        let bound = if others_bind {
            bindings(chain).await?.into_iter().map(|(tld, binding)| (tld, binding.organisation)).collect()
        } else {
            let scan = chain.scan(&key(&layout::bootstrap_bindings_prefix())?).await?;
            named::<OrganisationId>("binding", &scan, &ContractId::new(bootstrap::ID)?)?
        };
        let (mut committee, mut reviewed) = (None, false);
        if signers.operator.is_none() {
            let governed = Governed::of(chain)?;
            reviewed = governed.settings().await?.review != ReviewMode::None;
            let home = context.home.path().display().to_string();
            let voters = std::mem::take(&mut signers.voters);
            committee = Some(Committee::new(&governed, voters, &home).await?);
        }
        let submitter = send::submitter(context, chain, EXPIRY);
        Ok(Self { chain, signers, committee, reviewed, submitter, bound, others_bind })
    }

    /// Binds the TLDs that nobody runs to registries of the home folder; tells how many.
    async fn bind<'b>(&mut self, context: &Context, tlds: impl Iterator<Item = &'b DomainName>) -> Result<usize> {
        let mut new = Vec::new();
        for tld in tlds.filter(|tld| !self.bound.contains_key(*tld)) {
            new.push((tld.clone(), Signers::registry_for(&self.signers.registries, tld)?));
        }
        let mut calls = Vec::new();
        let mut orders = Vec::new();
        for (tld, organisation) in &new {
            let (tld, organisation) = (tld.clone(), organisation.clone());
            let (call, order) = if self.others_bind {
                both(&tld_binding::Bind { tld, organisation })?
            } else {
                both(&OwnBind { tld, organisation: Some(organisation) })?
            };
            calls.push(call);
            orders.push((None, order));
        }
        let progress = context.output.progress("binding TLDs", calls.len() as u64);
        self.decide(calls, orders, &progress).await?;
        let count = new.len();
        self.bound.extend(new);
        Ok(count)
    }

    /// Sets the entries; tells whether the members decided on them.
    async fn set(
        &mut self,
        context: &Context,
        wanted: &BTreeMap<&DomainName, &BaseUrls>,
        present: &BTreeMap<DomainName, (BaseUrls, u64)>,
    ) -> Result<bool> {
        let progress = context.output.progress("setting entries", wanted.len() as u64);
        let mut calls = Vec::new();
        let mut orders = Vec::new();
        for (tld, urls) in wanted {
            let registry = self.bound.get(*tld).cloned();
            let registry = registry.ok_or_else(|| CliError::internal("not_bound", format!("'{tld}' is not bound")))?;
            let (tld, urls) = ((*tld).clone(), (*urls).clone());
            if self.reviewed {
                let basis = match present.get(&tld) {
                    Some((_, revision)) => *revision,
                    None => self.last_revision(&tld).await?,
                };
                calls.push(proposed(&ReviewedSet { organisation: registry, tld, basis, urls })?);
            } else {
                let key = self.signers.registries.get(&registry).cloned().ok_or_else(|| no_key(&tld, &registry))?;
                orders.push((Some(key), both(&Set { tld, urls })?.1));
            }
        }
        if self.reviewed {
            self.decide(calls, Vec::new(), &progress).await?;
        } else {
            self.send(orders, &progress).await?;
        }
        Ok(self.reviewed)
    }

    /// Number of the last change of an entry that is not there now.
    async fn last_revision(&self, tld: &DomainName) -> Result<u64> {
        let scan = self.chain.scan(&key(&layout::bootstrap_history_prefix(tld))?).await?;
        let mut last = 0;
        for (_, value) in &scan.entries {
            let change = typed::<EntryChange>("past entry", Some(value))?;
            last = last.max(change.map_or(0, |change| change.revision));
        }
        Ok(last)
    }

    /// Has calls made that are the operator's or the members' to decide.
    async fn decide(
        &mut self,
        calls: Vec<ProposedCall>,
        orders: Vec<(Option<SecretKey>, Order)>,
        progress: &Progress,
    ) -> Result<()> {
        match &self.committee {
            Some(_) if calls.is_empty() => Ok(()),
            Some(committee) => committee.carry(self.chain, &mut self.submitter, calls, NOTE, progress, &mut 0).await,
            None => self.send(orders, progress).await,
        }
    }

    /// Sends transactions, those without a key with the operator's, and waits until all have succeeded.
    async fn send(&mut self, orders: Vec<(Option<SecretKey>, Order)>, progress: &Progress) -> Result<()> {
        let operator = self.signers.operator.clone();
        let mut signed = Vec::with_capacity(orders.len());
        for (key, order) in orders {
            let key = key.or_else(|| operator.clone());
            signed.push((key.ok_or_else(|| CliError::internal("no_key", "there is no operator's key"))?, order));
        }
        send_all(&mut self.submitter, self.chain, signed, progress).await
    }
}

fn no_key(tld: &DomainName, registry: &OrganisationId) -> CliError {
    CliError::not_found("no_such_key", format!("'{tld}' is bound to {registry}, whose key is not in the home folder"))
        .field("tld")
        .value(tld.to_string())
        .rule("a key of the bound registry in the home folder")
}

/// Sends calls of contract `bootstrap` or `tld_binding` and waits until all have succeeded.
///
/// # Errors
/// When one is refused or fails: the first error, with the number of them.
pub(in crate::command) async fn send_all(
    submitter: &mut Submitter,
    chain: &Chain,
    orders: Vec<(SecretKey, Order)>,
    progress: &Progress,
) -> Result<()> {
    let called: Vec<_> = orders
        .iter()
        .map(|(_, order)| match &order.content {
            Content::Call { contract, method, .. } => Some((contract.clone(), method.as_str().to_owned())),
            _ => None,
        })
        .collect();
    let (mut failed, mut first) = (0usize, None);
    let results = submitter.send_all(orders, |done| progress.set(done as u64)).await?;
    for (called, result) in called.iter().zip(results) {
        let error = match result {
            Ok(done) if done.receipt.status == Status::Succeeded => continue,
            Ok(_) if first.is_some() => None,
            Ok(done) => {
                let called = called.as_ref().map(|(contract, method)| (contract, method.as_str()));
                Outcome::of(&mut Abis::new(chain), &done, called).await.check().err()
            }
            Err(error) => Some(CliError::from(error)),
        };
        failed = failed.saturating_add(1);
        first = first.or(error);
    }
    let Some(mut error) = first else { return Ok(()) };
    if called.len() > 1 {
        error.message = format!("{failed} of {} transactions failed; the first: {}", called.len(), error.message);
        error = error.hint("run it again: only what differs is sent");
    }
    Err(error)
}

/// A call for a proposal, and for a transaction.
fn both<C: Call>(call: &C) -> Result<(ProposedCall, Order)> {
    Ok((proposed(call)?, order(call, NOTE)?))
}

/// A call of a load as a transaction.
///
/// # Errors
/// When its arguments are too long.
pub(in crate::command) fn order<C: Call>(call: &C, note: &str) -> Result<Order> {
    let content = call.content().map_err(|e| {
        CliError::usage("too_long", format!("{}.{}: {e}", C::CONTRACT, C::METHOD))
            .field("arguments")
            .value(e.found.to_string())
            .rule(format!("at most {} bytes", e.maximum))
    })?;
    Ok(Order { operation: C::OPERATION, content, postscript: note.to_owned(), fuel_limit: Some(FUEL) })
}

/// Writes the chain's entries as a bootstrap file.
///
/// # Errors
/// When no node answers, a proof fails, or the file cannot be written.
pub(super) async fn export(context: &Context, options: &BootstrapExport) -> Result<()> {
    #[derive(Serialize)]
    struct Exported<'a> {
        tlds: usize,
        height: Height,
        verified: bool,
        out: &'a Path,
    }
    let chain = context.chain().await?;
    let (height, rows) = super::entries_at(&chain).await?;
    let changed_ms = rows.iter().map(|row| row.entry.changed_ms).max().unwrap_or(0);
    let publication = crate::ca::rfc3339(changed_ms);
    let description = format!("RDAP bootstrap file for domains: entries of chain {}", chain.genesis.chain);
    let entries = rows.into_iter().map(|row| (row.tld, row.entry.urls)).collect::<BTreeMap<_, _>>();
    let document = bootstrap_file::write(&entries, &publication, &description);
    let Some(out) = &options.out else {
        // The file itself is the output, with and without --json.
        return context.output.print(&document, |d| serde_json::to_string_pretty(d).unwrap_or_default());
    };
    let text = serde_json::to_string_pretty(&document).map_err(|e| CliError::internal("json", e.to_string()))?;
    write_file(out, format!("{text}\n").as_bytes(), Access::Public)?;
    let exported = Exported { tlds: entries.len(), height, verified: chain.verifies(), out };
    context.output.print(&exported, |e| {
        table(&[
            ("TLDs", e.tlds.to_string()),
            ("height", e.height.to_string()),
            ("proof", if e.verified { "verified".into() } else { "NOT verified".into() }),
            ("file", e.out.display().to_string()),
        ])
    })
}
