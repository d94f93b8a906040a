//! `althing zone export`: the zone out of proven state.

use super::{
    present::{self, Present},
    tld,
};
use crate::{
    chain::Chain,
    command::Context,
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, write_file},
    output::table,
    zone::{lines_of, master, read_text, to_lines},
};
use althing_interface::rdata::Rdata;
use althing_types::{hash::sha3_256, id::Height, name::DomainName};
use serde::Serialize;
use std::{collections::BTreeSet, path::Path};

/// Differing lines that are shown.
const SHOWN: usize = 10;

#[derive(Serialize)]
struct Exported {
    records: usize,
    delegations: usize,
    hosts: usize,
    height: Height,
    changed: Height,
    verified: bool,
    sha3_256: String,
    out: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    equal: Option<bool>,
}

/// A zone as it was found.
struct Found {
    text: String,
    delegations: usize,
    hosts: usize,
    height: Height,
    changed: Height,
}

async fn found(chain: &Chain, zone: &DomainName) -> Result<Found> {
    if zone.is_root() {
        let Present { zone, height, counts } = present::zone(chain).await?;
        let (delegations, hosts) = (zone.delegations.len(), zone.hosts.len());
        return Ok(Found { text: to_lines(&zone), delegations, hosts, height, changed: counts.changed });
    }
    let present = tld::zone(chain, zone).await?;
    let records = present.records();
    let of = |wanted: fn(&Rdata) -> bool| -> usize {
        let owners: BTreeSet<&DomainName> =
            records.iter().filter(|r| wanted(&r.data) && r.owner != *zone).map(|r| &r.owner).collect();
        owners.len()
    };
    Ok(Found {
        text: lines_of(&records),
        delegations: of(|data| matches!(data, Rdata::Ns(_))),
        hosts: of(|data| matches!(data, Rdata::A(_) | Rdata::Aaaa(_))),
        height: present.height,
        changed: present.counts.changed,
    })
}

/// Exports the zone, and compares it when asked to.
///
/// # Errors
/// When a proof fails, entries are missing, the file cannot be written, or the comparison fails.
pub(super) async fn run(
    context: &Context,
    wanted: Option<&DomainName>,
    out: &Path,
    compare: Option<&Path>,
) -> Result<()> {
    let given = compare.map(read_text).transpose()?;
    let chain = super::chain_of(context, wanted).await?;
    let zone = super::zone_of(&chain, wanted)?;
    let expected = given
        .zip(compare)
        .map(|(text, path)| master::parse_of(&path.display().to_string(), &text, &zone))
        .transpose()?;
    let found = found(&chain, &zone).await?;
    let text = &found.text;
    let to_stdout = out.as_os_str() == "-";
    if to_stdout {
        context.output.line(text);
    } else {
        write_file(out, text.as_bytes(), Access::Public)?;
    }
    let mut equal = None;
    if let (Some(expected), Some(path)) = (expected, compare) {
        let wanted: BTreeSet<String> = expected.records.iter().map(ToString::to_string).collect();
        let found: BTreeSet<String> = text.lines().map(str::to_owned).collect();
        let missing = wanted.difference(&found).map(|l| format!("- {l}"));
        let extra = found.difference(&wanted).map(|l| format!("+ {l}"));
        let differing: Vec<String> = missing.chain(extra).collect();
        if !differing.is_empty() {
            let shown = differing.get(..SHOWN).unwrap_or(&differing).join("\n    ");
            return Err(CliError::new(
                Exit::Refused,
                "zones_differ",
                format!(
                    "{} lines differ from {} (- missing, + too much):\n    {shown}",
                    differing.len(),
                    path.display()
                ),
            )
            .field("--compare")
            .value(path.display().to_string())
            .rule("the same records"));
        }
        equal = Some(true);
    }
    let exported = Exported {
        records: text.lines().count(),
        delegations: found.delegations,
        hosts: found.hosts,
        height: found.height,
        changed: found.changed,
        verified: chain.verifies(),
        sha3_256: sha3_256(text.as_bytes()).to_string(),
        out: out.display().to_string(),
        equal,
    };
    if to_stdout {
        return Ok(());
    }
    context.output.print(&exported, |e| {
        let mut rows = vec![
            ("records", e.records.to_string()),
            ("delegations", e.delegations.to_string()),
            ("hosts", e.hosts.to_string()),
            ("height", format!("{}, last changed at {}", e.height, e.changed)),
            ("verified", e.verified.to_string()),
            ("sha3-256", e.sha3_256.clone()),
            ("written to", e.out.clone()),
        ];
        if e.equal == Some(true) {
            rows.push(("comparison", "equal".into()));
        }
        table(&rows)
    })
}
