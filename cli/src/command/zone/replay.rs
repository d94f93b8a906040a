//! `althing zone replay`: the root zone's changes, serial by serial.

use super::{
    present,
    sending::{Counts, Sending},
};
use crate::{
    command::Context,
    error::{CliError, Result},
    output::table,
    zone::{changes::ChangeList, follow::Follower, read_text},
};
use althing_types::id::Height;
use serde::Serialize;
use std::{path::Path, time::Instant};

#[derive(Serialize)]
struct Replayed {
    serials: usize,
    already_there: usize,
    with_changes: usize,
    records_added: usize,
    records_deleted: usize,
    #[serde(flatten)]
    counts: Counts,
    transactions: u64,
    last_serial: Option<u32>,
    height: Height,
    seconds: f64,
}

/// Replays a change list.
///
/// # Errors
/// When the list is malformed, does not fit the ledger's zone, keys are missing, or a transaction fails.
pub(super) async fn run(context: &Context, path: &Path) -> Result<()> {
    let started = Instant::now();
    let name = path.display().to_string();
    let list = ChangeList::parse(&name, &read_text(path)?)?;
    let chain = context.chain().await?;
    let before = present::zone(&chain).await?;
    let mut follower = Follower::new(before.zone);
    let position = list.position(follower.records())?;
    let pending = list.changes.get(position.done..).unwrap_or_default();
    let mut sending = Sending::new(context, &chain).await?;
    let progress = context.output.progress("replaying", pending.len() as u64);
    let (mut with_changes, mut added, mut deleted, mut sent) = (0usize, 0usize, 0usize, 0u64);
    let quiet = crate::output::Output { quiet: true, ..context.output }.progress("", 0);
    for change in pending {
        progress.say(&format!("serial {}", change.serial));
        let step = follower.apply(change).map_err(|e| {
            CliError::data("bad_change", format!("{name}: serial {} makes no root zone: {e}", change.serial))
                .field(format!("serial {}", change.serial))
                .rule(e.to_string())
        })?;
        if step.added.saturating_add(step.deleted) > 0 {
            let note = format!("root zone serial {}", change.serial);
            sending.send(&step.plan, &note, &quiet, &mut sent).await.map_err(|mut e| {
                e.message = format!("serial {}: {}", change.serial, e.message);
                e
            })?;
            with_changes = with_changes.saturating_add(1);
            added = added.saturating_add(step.added);
            deleted = deleted.saturating_add(step.deleted);
        }
        progress.advance(1);
    }
    drop(progress);
    let outcome = present::zone(&chain).await?;
    if outcome.zone != *follower.zone() {
        return Err(CliError::internal(
            "not_as_wanted",
            "the ledger's zone is not what the list says, though all is final",
        )
        .field("zone")
        .value(format!("{} records", outcome.counts.records))
        .rule(format!("{} records", follower.records().len()))
        .hint("somebody else changes the zone; run it again"));
    }
    let replayed = Replayed {
        serials: list.changes.len(),
        already_there: position.done,
        with_changes,
        records_added: added,
        records_deleted: deleted,
        counts: sending.counts,
        transactions: sending.counts.total(),
        last_serial: list.changes.last().map(|c| c.serial),
        height: outcome.height,
        seconds: started.elapsed().as_secs_f64(),
    };
    context.output.print(&replayed, |r| {
        table(&[
            ("serials", format!("{}, {} of them in the ledger before", r.serials, r.already_there)),
            ("with changes", r.with_changes.to_string()),
            ("records", format!("{} added, {} deleted", r.records_added, r.records_deleted)),
            ("bound", r.counts.bound.to_string()),
            ("changed", format!("{} TLDs, {} times the apex", r.counts.changed, r.counts.apex)),
            ("released", r.counts.released.to_string()),
            ("last serial", r.last_serial.map_or("-".into(), |s| s.to_string())),
            ("held", format!("{} changes, {} consents given", r.counts.held, r.counts.consents)),
            ("height", r.height.to_string()),
            ("time", format!("{:.1} s", r.seconds)),
        ])
    })
}
