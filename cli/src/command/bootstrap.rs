//! `althing bootstrap`: entries of TLDs in contract `bootstrap`.

pub(super) mod load;

use super::{Context, send};
use crate::{
    args::BootstrapCommand,
    ca::date,
    call::Outcome,
    chain::{Chain, typed},
    error::{CliError, Result},
    exit_code::Exit,
    output::{columns, table},
};
use althing_interface::{
    bootstrap::{self, BaseUrls, Counts, Delete, Entry, EntryChange, Set},
    layout,
};
use althing_types::{
    codec::{List, Text},
    hash::Hash,
    id::{ContractId, Height},
    keyspace::storage,
    name::DomainName,
};
use serde::Serialize;

/// Readings before giving up because entries change all the time.
const ATTEMPTS: usize = 10;

/// Runs a command of `althing bootstrap`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &BootstrapCommand) -> Result<()> {
    match command {
        BootstrapCommand::Set { tld, urls, sign } => {
            let call = Set { tld: tld.clone(), urls: base_urls("URL", urls)? };
            let outcome = send::call(context, &context.chain().await?, sign, &call).await?;
            changed(context, &outcome)
        }
        BootstrapCommand::Delete { tld, sign } => {
            let outcome = send::call(context, &context.chain().await?, sign, &Delete { tld: tld.clone() }).await?;
            changed(context, &outcome)
        }
        BootstrapCommand::Show { tld: Some(tld) } => show(context, tld).await,
        BootstrapCommand::Show { tld: None } => all(context).await,
        BootstrapCommand::History { tld } => history(context, tld).await,
        BootstrapCommand::Load(options) => load::run(context, options).await,
        BootstrapCommand::Export(options) => load::export(context, options).await,
    }
}

/// A key of contract `bootstrap` in the chain's state.
///
/// # Errors
/// Never for the contract's own id.
pub(super) fn key(own: &[u8]) -> Result<Vec<u8>> {
    Ok(storage(&ContractId::new(bootstrap::ID)?, own))
}

/// Base URLs of an option.
///
/// # Errors
/// When there are too many or one is too long; their form is the contract's to check.
pub(super) fn base_urls(option: &str, urls: &[String]) -> Result<BaseUrls> {
    let refuse = |value: &str, rule: String| {
        CliError::usage("bad_url", format!("{option} cannot be taken")).field(option).value(value).rule(rule)
    };
    let texts = urls
        .iter()
        .map(|url| Text::new(url.as_str()).map_err(|e| refuse(url, format!("at most {} bytes", e.maximum))))
        .collect::<Result<Vec<_>>>()?;
    List::new(texts).map_err(|e| refuse(&e.found.to_string(), format!("at most {} base URLs", e.maximum)))
}

/// Shows what became of a change: written, or under review.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn changed(context: &Context, outcome: &Outcome) -> Result<()> {
    #[derive(Serialize)]
    struct Changed {
        proposal: Option<u64>,
        transaction: Hash,
        height: u64,
    }
    let proposal = outcome.result.as_u64();
    let changed = Changed { proposal, transaction: outcome.hash, height: outcome.height };
    context.output.print(&changed, |c| {
        let state = match c.proposal {
            Some(number) => format!("waits for its review: althing proposal show {number}"),
            None => "written".into(),
        };
        table(&[("change", state), ("transaction", c.transaction.to_string()), ("block", c.height.to_string())])
    })
}

/// What is not there.
///
/// # Errors
/// Always.
pub(super) fn missing<T>(what: &str, value: String) -> Result<T> {
    Err(CliError::not_found("entry_unknown", format!("there is no entry of {what} '{value}' on the chain"))
        .field(what)
        .value(value)
        .rule("an entry of contract bootstrap")
        .hint("where a network has several chains, --chain names the one to look on"))
}

fn urls_text(urls: &BaseUrls) -> String {
    urls.iter().map(|url| url.as_str()).collect::<Vec<_>>().join(" ")
}

async fn show(context: &Context, tld: &DomainName) -> Result<()> {
    let chain = context.chain().await?;
    let (_, entry) = chain.value::<Entry>("entry", key(&layout::bootstrap_entry_key(tld))?).await?;
    let Some(entry) = entry else { return missing("tld", tld.as_str().to_owned()) };
    context.output.print(&entry, |entry| {
        table(&[
            ("tld", tld.as_str().to_owned()),
            ("base urls", urls_text(&entry.urls)),
            ("by", entry.by.to_string()),
            ("revision", entry.revision.to_string()),
            ("changed", format!("{} (height {})", date(entry.changed_ms), entry.changed)),
            ("proof", if chain.verifies() { "verified".into() } else { "NOT verified".into() }),
        ])
    })
}

#[derive(Serialize)]
struct Row {
    tld: DomainName,
    entry: Entry,
}

/// Every entry; that none is missing follows from the proven total.
async fn entries(chain: &Chain) -> Result<Vec<Row>> {
    Ok(entries_at(chain).await?.1)
}

/// As [`entries`], with a height at which it was so.
async fn entries_at(chain: &Chain) -> Result<(Height, Vec<Row>)> {
    let prefix = key(&layout::bootstrap_entries_prefix())?;
    let own = key(&[])?.len();
    for _ in 0..ATTEMPTS {
        let scan = chain.scan(&prefix).await?;
        let (_, counts) = chain.value::<Counts>("totals", key(&layout::bootstrap_counts_key())?).await?;
        let mut rows = Vec::new();
        for (key, value) in &scan.entries {
            let name = key.get(own..).and_then(layout::name_of);
            let entry = typed::<Entry>("entry", Some(value))?;
            rows.extend(name.zip(entry).map(|(tld, entry)| Row { tld, entry }));
        }
        if usize::try_from(counts.unwrap_or_default().entries).is_ok_and(|total| total == rows.len()) {
            return Ok((scan.height, rows));
        }
    }
    Err(CliError::new(Exit::Proof, "incomplete", "the node's entries are not as many as the proven total")
        .field("entries")
        .rule("every one of them")
        .hint("run it again, or ask another node"))
}

async fn all(context: &Context) -> Result<()> {
    let rows = entries(&context.chain().await?).await?;
    context.output.print(&rows, |rows| {
        if rows.is_empty() {
            return "no TLD has an entry".into();
        }
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|row| {
                vec![
                    row.tld.as_str().to_owned(),
                    row.entry.by.to_string(),
                    date(row.entry.changed_ms),
                    urls_text(&row.entry.urls),
                ]
            })
            .collect();
        columns(&["TLD", "BY", "CHANGED", "BASE URLS"], &cells)
    })
}

async fn history(context: &Context, tld: &DomainName) -> Result<()> {
    let chain = context.chain().await?;
    let scan = chain.scan(&key(&layout::bootstrap_history_prefix(tld))?).await?;
    let mut changes = Vec::new();
    for (_, value) in &scan.entries {
        changes.extend(typed::<EntryChange>("past entry", Some(value))?);
    }
    if changes.is_empty() {
        return missing("tld", tld.as_str().to_owned());
    }
    context.output.print(&changes, |changes| {
        let cells: Vec<Vec<String>> = changes
            .iter()
            .map(|change| {
                let urls = if change.urls.is_empty() { "deleted".into() } else { urls_text(&change.urls) };
                vec![
                    change.revision.to_string(),
                    change.height.to_string(),
                    date(change.time_ms),
                    change.by.to_string(),
                    urls,
                ]
            })
            .collect();
        columns(&["REVISION", "HEIGHT", "AT", "BY", "BASE URLS"], &cells)
    })
}
