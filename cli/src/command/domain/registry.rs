//! What the registry alone does: the apex, reserved names, the end of a load.

use super::{call, charter, host_of, list, make, signing};
use crate::{
    args::{HostAddresses, SignOptions},
    command::Context,
    error::{CliError, Result},
    output::table,
    zone::read_text,
};
use althing_interface::{
    domain_records::{Delegation, HostEntry},
    rdata::Ds,
    registrations::{Apex, CloseLoad, MAX_BATCH, Reserve, ReservedName, SetApex, Unreserve},
};
use althing_types::{codec::Text, name::DomainName};
use serde::Serialize;
use std::path::Path;

/// Sets the TLD's own delegation.
///
/// # Errors
/// When it is refused, or not final in time.
pub(super) async fn set_apex(
    context: &Context,
    (ns, ds, hosts): (&[DomainName], &[Ds], &[HostAddresses]),
    ttl: u32,
    key: &str,
) -> Result<()> {
    let mut entries = Vec::with_capacity(hosts.len());
    for entry in hosts {
        entries.push(HostEntry { name: entry.host.clone(), host: host_of(entry, ttl)? });
    }
    let ds_ttl = if ds.is_empty() { 0 } else { ttl };
    let delegation = Delegation { ns: list("--ns", ns.to_vec())?, ns_ttl: ttl, ds: list("--ds", ds.to_vec())?, ds_ttl };
    let apex = Apex { delegation, hosts: list("--host", entries)? };
    make(context, &signing(key), &SetApex { apex }).await
}

/// What became of a list of names.
#[derive(Serialize)]
struct Done {
    names: usize,
    transactions: usize,
    height: u64,
}

impl Done {
    fn print(self, context: &Context, what: &'static str) -> Result<()> {
        context.output.print(&self, |d| {
            table(&[
                (what, d.names.to_string()),
                ("transactions", d.transactions.to_string()),
                ("block", d.height.to_string()),
            ])
        })
    }
}

/// Reserves names, in as many transactions as they need.
///
/// # Errors
/// As [`set_apex`]; when a line of the file is no label.
pub(super) async fn reserve(
    context: &Context,
    names: &[DomainName],
    file: Option<&Path>,
    reason: &str,
    sign: &SignOptions,
) -> Result<()> {
    let reason: Text<{ althing_interface::registrations::MAX_REASON }> = Text::new(reason).map_err(|e| {
        CliError::usage("too_long", "the reason is too long")
            .field("--reason")
            .value(reason)
            .rule(format!("at most {} bytes", e.maximum))
    })?;
    let chain = context.chain().await?;
    let tld = charter(&chain).await?.tld;
    let mut all = names.to_vec();
    if let Some(path) = file {
        all.extend(labels(&path.display().to_string(), &read_text(path)?, &tld)?);
    }
    let (mut done, total) = (Done { names: all.len(), transactions: 0, height: 0 }, all.len() as u64);
    let progress = context.output.progress("reserving", total);
    for batch in all.chunks(MAX_BATCH) {
        let names = batch.iter().map(|name| ReservedName { name: name.clone(), reason: reason.clone() }).collect();
        let outcome = call(context, &chain, sign, &Reserve { names: list("names", names)? }).await?;
        done.transactions = done.transactions.saturating_add(1);
        done.height = outcome.height;
        progress.advance(batch.len() as u64);
    }
    drop(progress);
    done.print(context, "reserved")
}

/// Names out of a file with one label or name a line.
fn labels(file: &str, text: &str, tld: &DomainName) -> Result<Vec<DomainName>> {
    let mut out = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim().trim_start_matches('\u{feff}');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let name = althing_interface::label::parse_name(line)
            .ok()
            .map(|name| if name.is_within(tld) { Some(name) } else { below(&name, tld) });
        out.push(name.flatten().ok_or_else(|| {
            CliError::data("bad_name", format!("{file}, line {}: no label or name", number.saturating_add(1)))
                .field(format!("line {}", number.saturating_add(1)))
                .value(line)
                .rule(format!("a label, or a name below '{tld}'"))
        })?);
    }
    Ok(out)
}

/// A label as a name below a TLD.
fn below(label: &DomainName, tld: &DomainName) -> Option<DomainName> {
    if label.labels().count() != 1 {
        return None;
    }
    DomainName::parse(&format!("{}.{}", label.as_str(), tld.as_str())).ok()
}

/// Frees reserved names.
///
/// # Errors
/// As [`set_apex`].
pub(super) async fn unreserve(context: &Context, names: &[DomainName], sign: &SignOptions) -> Result<()> {
    make(context, sign, &Unreserve { names: list("names", names.to_vec())? }).await
}

/// Ends the load of an existing TLD.
///
/// # Errors
/// As [`set_apex`].
pub(super) async fn close_load(context: &Context, sign: &SignOptions) -> Result<()> {
    make(context, sign, &CloseLoad {}).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_labels_or_names() {
        let tld = DomainName::parse("lab").unwrap();
        let found = labels("f", "\u{feff}# head\nGov\n\nmüller\nalice.lab.\n", &tld).unwrap();
        let texts: Vec<&str> = found.iter().map(DomainName::as_str).collect();
        assert_eq!(texts, ["gov.lab", "xn--mller-kva.lab", "alice.lab"]);
        let error = labels("f", "good\na.org\n", &tld).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("line 2"));
    }
}
