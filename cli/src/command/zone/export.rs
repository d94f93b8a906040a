//! `althing zone export`: the root zone out of proven state.

use super::present;
use crate::{
    command::Context,
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, write_file},
    output::table,
    zone::{master, read_text, to_lines},
};
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

/// Exports the zone, and compares it when asked to.
///
/// # Errors
/// When a proof fails, entries are missing, the file cannot be written, or the comparison fails.
pub(super) async fn run(
    context: &Context,
    zone: Option<&DomainName>,
    out: &Path,
    compare: Option<&Path>,
) -> Result<()> {
    let expected = compare.map(|path| master::parse(&path.display().to_string(), &read_text(path)?)).transpose()?;
    let chain = context.chain().await?;
    super::zone_of(&chain, zone)?;
    let present = present::zone(&chain).await?;
    let text = to_lines(&present.zone);
    let to_stdout = out.as_os_str() == "-";
    if to_stdout {
        context.output.line(&text);
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
        delegations: present.zone.delegations.len(),
        hosts: present.zone.hosts.len(),
        height: present.height,
        changed: present.counts.changed,
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
