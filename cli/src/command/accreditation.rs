//! `althing accreditation`: the list of registrars that contract `bootstrap` keeps.

use super::{
    Context,
    bootstrap::{
        key as entry_key,
        load::{order, send_all},
    },
    key, send,
};
use crate::{
    args::{AccreditationCommand, SignOptions},
    chain::{Chain, typed},
    error::{CliError, Result},
    output::table,
};
use althing_interface::{
    bootstrap::{Accreditation, AccreditationChange, LoadAccreditation, MAX_BATCH, RegistrarStatus},
    layout,
};
use althing_types::codec::{List, Text, encode};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::SystemTime,
};

/// Most bytes of one batch: well below what a transaction may have.
const MAX_BATCH_BYTES: usize = 12 * 1024;
/// Blocks until a transaction expires.
const EXPIRY: u64 = 10_000;

/// Runs a command of `althing accreditation`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &AccreditationCommand) -> Result<()> {
    let AccreditationCommand::Load { file, published, sign } = command;
    load(context, file, published.as_deref(), sign).await
}

async fn load(context: &Context, file: &Path, published: Option<&str>, sign: &SignOptions) -> Result<()> {
    #[derive(Serialize)]
    struct Loaded {
        entries: usize,
        changed: usize,
        transactions: usize,
        published_ms: u64,
    }
    let wanted = read(file)?;
    let published_ms = match published {
        Some(day) => day_ms(day)?,
        None => changed_ms(file)?,
    };
    let chain = context.chain().await?;
    let changes = differences(&present(&chain).await?, &wanted);
    let changed = changes.len();
    let signer = key::open(context, &sign.key)?;
    let mut orders = Vec::new();
    for batch in batches(changes) {
        let changes = List::new(batch).map_err(|e| CliError::internal("batch", e.to_string()))?;
        orders.push((signer.clone(), order(&LoadAccreditation { changes, published_ms }, &sign.postscript)?));
    }
    let transactions = orders.len();
    let progress = context.output.progress("loading the list", transactions as u64);
    let mut submitter = send::submitter(context, &chain, EXPIRY);
    send_all(&mut submitter, &chain, orders, &progress).await?;
    drop(progress);
    let loaded = Loaded { entries: wanted.len(), changed, transactions, published_ms };
    context.output.print(&loaded, |l| {
        table(&[
            ("entries", l.entries.to_string()),
            ("changed", l.changed.to_string()),
            ("transactions", l.transactions.to_string()),
        ])
    })
}

/// The list as the chain has it.
async fn present(chain: &Chain) -> Result<BTreeMap<u32, Accreditation>> {
    let scan = chain.scan(&entry_key(&layout::accreditations_prefix())?).await?;
    let own = entry_key(&[])?.len();
    let mut out = BTreeMap::new();
    for (key, value) in &scan.entries {
        let id = key.get(own..).and_then(layout::registrar_of);
        out.extend(id.zip(typed::<Accreditation>("accreditation", Some(value))?));
    }
    Ok(out)
}

/// What leads from one list to another.
fn differences(
    present: &BTreeMap<u32, Accreditation>,
    wanted: &BTreeMap<u32, Accreditation>,
) -> Vec<AccreditationChange> {
    let ids: BTreeSet<u32> = present.keys().chain(wanted.keys()).copied().collect();
    let differs = |id: &u32| present.get(id) != wanted.get(id);
    ids.into_iter()
        .filter(differs)
        .map(|id| AccreditationChange { id, accreditation: wanted.get(&id).cloned() })
        .collect()
}

/// Changes in batches of bounded size.
fn batches(changes: Vec<AccreditationChange>) -> Vec<Vec<AccreditationChange>> {
    let (mut out, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0usize);
    for change in changes {
        let length = encode(&change).len();
        if batch.len() >= MAX_BATCH || bytes.saturating_add(length) > MAX_BATCH_BYTES {
            out.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes = bytes.saturating_add(length);
        batch.push(change);
    }
    if !batch.is_empty() {
        out.push(batch);
    }
    out
}

/// Reads IANA's list of registrar ids.
fn read(file: &Path) -> Result<BTreeMap<u32, Accreditation>> {
    let bytes = std::fs::read(file).map_err(|error| CliError::file("read", file, &error))?;
    parse(&bytes).map_err(|reason| {
        CliError::data("bad_list", format!("{}: {reason}", file.display()))
            .field("file")
            .value(file.display().to_string())
            .rule("IANA's list of registrar ids with the columns ID, Registrar Name, Status; each id once")
    })
}

fn parse(bytes: &[u8]) -> std::result::Result<BTreeMap<u32, Accreditation>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let head = reader.headers().map_err(|error| error.to_string())?.clone();
    let place = |column: &str| {
        head.iter().position(|name| name == column).ok_or_else(|| format!("it has no column '{column}'"))
    };
    let (id, name, status) = (place("ID")?, place("Registrar Name")?, place("Status")?);
    let mut out = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let field = |place: usize| record.get(place).unwrap_or_default();
        let number: u32 = field(id).parse().map_err(|_| format!("'{}' is no registrar id", field(id)))?;
        let status = match field(status) {
            "Accredited" => RegistrarStatus::Accredited,
            "Reserved" => RegistrarStatus::Reserved,
            "Terminated" => RegistrarStatus::Terminated,
            other => return Err(format!("registrar {number} has the status '{other}'")),
        };
        let name = Text::new(field(name)).map_err(|e| format!("name of registrar {number}: {e}"))?;
        if out.insert(number, Accreditation { name, status }).is_some() {
            return Err(format!("registrar {number} is there twice"));
        }
    }
    if out.is_empty() { Err("it has no entries".into()) } else { Ok(out) }
}

fn changed_ms(file: &Path) -> Result<u64> {
    let time =
        std::fs::metadata(file).and_then(|data| data.modified()).map_err(|e| CliError::file("read", file, &e))?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The start of a day in milliseconds since 1970.
fn day_ms(text: &str) -> Result<u64> {
    let refuse = || {
        CliError::usage("bad_date", format!("'{text}' is no date"))
            .field("--published")
            .value(text)
            .rule("YYYY-MM-DD, from 1970 on")
    };
    let mut parts = text.splitn(3, '-');
    let mut part = || parts.next().and_then(|part| part.parse::<u16>().ok()).ok_or_else(refuse);
    let (year, month, day) = (part()?, part()?, part()?);
    let month = u8::try_from(month).ok().and_then(|month| time::Month::try_from(month).ok()).ok_or_else(refuse)?;
    let day = u8::try_from(day).map_err(|_| refuse())?;
    let date = time::Date::from_calendar_date(i32::from(year), month, day).map_err(|_| refuse())?;
    u64::try_from(date.midnight().assume_utc().unix_timestamp()).map(|s| s.saturating_mul(1_000)).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str =
        "\u{feff}ID,Registrar Name,Status,RDAP Base URL\n1,Reserved,Reserved,\n2,\"A, Inc.\",Accredited,x\n";

    #[test]
    fn only_what_differs_is_sent() {
        let wanted = parse(LIST.as_bytes()).unwrap();
        assert_eq!(differences(&wanted, &wanted), vec![]);
        let mut present = wanted.clone();
        present.remove(&1);
        present.insert(3, wanted[&2].clone());
        let changes = differences(&present, &wanted);
        let ids: Vec<_> = changes.iter().map(|change| (change.id, change.accreditation.is_some())).collect();
        assert_eq!(ids, [(1, true), (3, false)]);
    }

    #[test]
    fn batches_are_bounded_and_keep_the_order() {
        let accreditation = parse(LIST.as_bytes()).unwrap().remove(&2);
        let changes: Vec<_> =
            (0..1_000).map(|id| AccreditationChange { id, accreditation: accreditation.clone() }).collect();
        let batches = batches(changes.clone());
        assert!(batches.iter().all(|batch| batch.len() <= MAX_BATCH && encode(batch).len() <= MAX_BATCH_BYTES + 4));
        assert_eq!(batches.concat(), changes);
    }

    #[test]
    fn a_damaged_list_is_refused() {
        for (from, to, why) in [
            ("2,", "1,", "twice"),
            ("Accredited", "Good", "Good"),
            ("Status", "State", "column"),
            ("1,R", "x,R", "'x'"),
        ] {
            assert!(parse(LIST.replacen(from, to, 1).as_bytes()).unwrap_err().contains(why), "{why}");
        }
    }

    #[test]
    fn days_are_days() {
        assert_eq!(day_ms("1970-01-02").unwrap(), 86_400_000);
        for text in ["", "2026", "2026-02-30", "1969-12-31", "2026-1x-01"] {
            assert!(day_ms(text).is_err(), "{text}");
        }
    }
}
