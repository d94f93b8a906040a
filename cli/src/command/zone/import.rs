//! `althing zone import`: a zone file into the ledger; that of a TLD in [`load`].

use super::{
    load, present,
    sending::{Counts, Sending},
};
use crate::{
    args::ImportTerms,
    command::Context,
    error::{CliError, Result},
    output::table,
    zone::{master, read_text},
};
use althing_interface::zone::{Plan, Zone};
use althing_types::{id::Height, name::DomainName};
use serde::Serialize;
use std::{collections::BTreeMap, path::Path, time::Instant};

#[derive(Serialize)]
struct Imported {
    records: usize,
    delegations: usize,
    hosts: usize,
    skipped: BTreeMap<String, u64>,
    repeated: u64,
    unused_hosts: usize,
    left_alone: usize,
    #[serde(flatten)]
    counts: Counts,
    transactions: u64,
    height: Height,
    seconds: f64,
}

/// Imports a zone file.
///
/// # Errors
/// When the file is malformed, keys are missing, or a transaction fails.
pub(super) async fn run(context: &Context, zone: Option<&DomainName>, path: &Path, terms: &ImportTerms) -> Result<()> {
    let started = Instant::now();
    let name = path.display().to_string();
    let text = read_text(path)?;
    // A malformed file is told of before anybody is asked; which zone it is of, the chain may have to say.
    let file = match zone {
        Some(zone) => Ok(master::parse_of(&name, &text, zone)?),
        None => master::parse(&name, &text),
    };
    let chain = match super::chain_of(context, zone).await {
        Ok(chain) => chain,
        Err(error) => return Err(file.err().unwrap_or(error)),
    };
    let zone = super::zone_of(&chain, zone)?;
    if !zone.is_root() {
        return load::run(context, &chain, &zone, master::parse_of(&name, &text, &zone)?, terms).await;
    }
    let file = file?;
    let mut wanted = Zone::from_records(&file.records).map_err(|e| {
        CliError::data("bad_zone", format!("{name}: {e}")).field("FILE").value(name.clone()).rule("a root zone")
    })?;
    if wanted.delegations.is_empty() && wanted.apex.is_none() {
        return Err(CliError::data("empty_zone", format!("{name} has no delegation"))
            .field("FILE")
            .value(name)
            .rule("a root zone with at least one NS record"));
    }
    let unused_hosts = drop_unused(&mut wanted);
    if unused_hosts > 0 {
        context.output.warn(&format!("{unused_hosts} hosts serve no delegation of the file and are left out"));
    }
    let before = present::zone(&chain).await?;
    let (records, delegations, hosts) = (file.records.len(), wanted.delegations.len(), wanted.hosts.len());
    let (after, left_alone) = keep_others(&before.zone, wanted);
    let plan = Plan::new(&before.zone, &after);
    let mut sending = Sending::new(context, &chain).await?;
    let progress = context.output.progress("importing", sending.size(&plan) as u64);
    sending.send(&plan, "root zone import", &progress, &mut 0).await?;
    drop(progress);
    let outcome = present::zone(&chain).await?;
    if outcome.zone != after {
        return Err(CliError::internal(
            "not_as_wanted",
            "the ledger's zone is not what the file says, though all is final",
        )
        .field("zone")
        .value(format!("{} records", outcome.counts.records))
        .rule(format!("{} records", after.records().len()))
        .hint("somebody else changes the zone; run it again"));
    }
    let imported = Imported {
        records,
        delegations,
        hosts,
        skipped: file.skipped,
        repeated: file.repeated,
        unused_hosts,
        left_alone,
        counts: sending.counts,
        transactions: sending.counts.total(),
        height: outcome.height,
        seconds: started.elapsed().as_secs_f64(),
    };
    context.output.print(&imported, |i| {
        let skipped: Vec<String> = i.skipped.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        table(&[
            ("records", i.records.to_string()),
            ("delegations", i.delegations.to_string()),
            ("hosts", i.hosts.to_string()),
            ("skipped", if skipped.is_empty() { "none".into() } else { skipped.join(", ") }),
            ("other TLDs left alone", i.left_alone.to_string()),
            ("bound", i.counts.bound.to_string()),
            ("changed", format!("{} TLDs, {} times the apex", i.counts.changed, i.counts.apex)),
            ("held", format!("{} changes, {} consents given", i.counts.held, i.counts.consents)),
            ("height", i.height.to_string()),
            ("time", format!("{:.1} s", i.seconds)),
        ])
    })
}

/// Removes hosts that no delegation uses: the ledger keeps none. Tells how many.
fn drop_unused(zone: &mut Zone) -> usize {
    let used: std::collections::BTreeSet<_> = zone.users().into_keys().cloned().collect();
    let before = zone.hosts.len();
    zone.hosts.retain(|name, _| used.contains(name));
    before.saturating_sub(zone.hosts.len())
}

/// The wanted zone with what the present one has beyond it: delegations that the file does not name, and the hosts that
/// they use. Tells how many delegations those are.
fn keep_others(present: &Zone, wanted: Zone) -> (Zone, usize) {
    let mut after = wanted;
    let others: Vec<_> = present.delegations.iter().filter(|(tld, _)| !after.delegations.contains_key(*tld)).collect();
    for (tld, delegation) in &others {
        for server in delegation.ns.iter() {
            if let Some(host) = present.hosts.get(server) {
                after.hosts.entry(server.clone()).or_insert_with(|| host.clone());
            }
        }
        after.delegations.insert((*tld).clone(), (*delegation).clone());
    }
    if after.apex.is_none()
        && let Some(apex) = &present.apex
    {
        for server in apex.ns.iter() {
            if let Some(host) = present.hosts.get(server) {
                after.hosts.entry(server.clone()).or_insert_with(|| host.clone());
            }
        }
        after.apex = Some(apex.clone());
    }
    (after, others.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(text: &str) -> Zone {
        Zone::from_records(&master::parse("t", text).unwrap().records).unwrap()
    }

    #[test]
    fn what_the_file_does_not_name_stays() {
        let present = zone(
            ". 5 IN NS r.root.\nr.root. 5 IN A 192.0.2.1\nold. 5 IN NS ns.old.\nns.old. 5 IN A 192.0.2.2\nboth. 5 IN NS ns.both.\nns.both. 5 IN A 192.0.2.3\n",
        );
        let wanted = zone("new. 5 IN NS ns.new.\nns.new. 5 IN A 192.0.2.4\nboth. 5 IN NS other.example.\n");
        let (after, left_alone) = keep_others(&present, wanted);
        assert_eq!(left_alone, 1);
        assert_eq!(after.apex, present.apex);
        let names: Vec<String> = after.hosts.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["ns.new.", "ns.old.", "r.root."]);
        assert!(Plan::new(&present, &present).changes.is_empty());
    }

    #[test]
    fn a_host_without_a_delegation_is_left_out() {
        let mut zone = zone("a. 5 IN NS ns.a.\nns.a. 5 IN A 192.0.2.1\nlost.a. 5 IN A 192.0.2.2\n");
        assert_eq!(drop_unused(&mut zone), 1);
        assert_eq!(zone.hosts.len(), 1);
    }
}
