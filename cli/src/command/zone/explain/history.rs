//! Which event last set a record set: read backwards from the tip, compared with what is proven of the state.
//!
//! ```text
//!   tip: records ==== event, records after it ==== event, records after it =/= event, other records after it
//!                                                  '-- this one set them
//! ```
//! Events of a node are hints here. What an event says is proven later, under the receipts root of its block; that the
//! records were others before follows from the proven state of the height before, or from the event before. Events of a TLD
//! chain have a hash of what they led to, so that this is known when the state of their height is gone.

use super::sought::{Sought, Told};
use crate::{
    chain::Chain,
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_api::model::{EventDocument, MAX_EVENT_PAGE, parse_cursor};
use althing_client::Filter;
use althing_types::{event::EventId, hash::Hash, id::Height};

/// Heights of the first look back; doubled for each further one.
const FIRST_LOOK: u64 = 256;

/// The event that last set a record set.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    pub(super) event: EventDocument,
    /// Whether the proven state shows other records before this event's block, or that block shows both.
    pub(super) before_proven: bool,
    /// Whether the value after the event is known, from what it tells or from the proven state of its height.
    pub(super) after_known: bool,
}

/// Events that match, from the start of one height to the end of another, in ascending order.
///
/// # Errors
/// When no node answers.
pub(super) async fn events(chain: &Chain, filter: &Filter, from: Height, to: Height) -> Result<Vec<EventDocument>> {
    let mut out = Vec::new();
    let mut next = EventId { height: from, index: 0 };
    while next.height <= to {
        let page = chain.client.events(next, filter, MAX_EVENT_PAGE).await?;
        out.extend(page.events.into_iter().filter(|e| e.id.height <= to));
        match parse_cursor(&page.next) {
            Some(following) if following > next => next = following,
            _ => break,
        }
    }
    Ok(out)
}

/// The records of a height; `None` when its state is no longer kept.
async fn records_at(chain: &Chain, sought: &Sought, height: Height) -> Result<Option<Vec<String>>> {
    if height == Height(0) {
        return Ok(None);
    }
    match chain.read_kept(&[sought.key()?], height).await? {
        None => Ok(None),
        Some(entries) => sought.records(entries.values.first().and_then(Option::as_deref)).map(Some),
    }
}

/// What is looked for: the records of a height.
#[derive(Clone, Copy, Debug)]
pub(super) struct Present<'a> {
    pub(super) records: &'a [String],
    /// The hash by which events know them; `None` where events tell records.
    pub(super) image: Option<Hash>,
    pub(super) height: Height,
}

/// Finds the event that last set the records that a height has; `None` when no event leads to them.
///
/// # Errors
/// When no node answers or a proof fails.
pub(super) async fn cause(chain: &Chain, sought: &Sought, present: Present<'_>) -> Result<Option<Cause>> {
    let Present { records, image, height: tip } = present;
    let filter = sought.filter()?;
    let (mut end, mut look) = (tip, FIRST_LOOK);
    let mut found: Option<Cause> = None;
    loop {
        let start = Height(end.0.saturating_sub(look).max(1));
        for event in events(chain, &filter, start, end).await?.into_iter().rev() {
            let Some(told) = sought.told(&event.event) else { continue };
            let height = event.id.height;
            if let Some(cause) = &mut found
                && cause.event.id.height > height
                && let Some(before) = records_at(chain, sought, cause.event.id.height.previous()).await?
                && before != records
            {
                cause.before_proven = true;
                return Ok(found);
            }
            let same = match told {
                Told::Set(after) => after == records,
                Told::Image(after) if Some(after) == image => true,
                // The entry was another one; this type's records need not have been. Of several events of one block only
                // the last can be told apart by the state.
                Told::Image(_) if found.as_ref().is_some_and(|c| c.event.id.height == height) => continue,
                Told::Image(_) => match records_at(chain, sought, height).await? {
                    // From here on back nothing can be told any more.
                    None => return Ok(found.or(Some(Cause { event, before_proven: false, after_known: false }))),
                    Some(after) => after == records,
                },
            };
            if !same {
                if let Some(cause) = &mut found {
                    // Both events are proven if they stand in one block, else only the later one is.
                    cause.before_proven = cause.event.id.height == height;
                }
                return Ok(found);
            }
            found = Some(Cause { event, before_proven: false, after_known: true });
        }
        if let Some(cause) = &mut found
            && let Some(before) = records_at(chain, sought, cause.event.id.height.previous()).await?
            && before != records
        {
            cause.before_proven = true;
            return Ok(found);
        }
        if start <= Height(1) {
            return Ok(found);
        }
        (end, look) = (start.previous(), look.saturating_mul(4));
    }
}

/// No event leads to what the state has.
pub(super) fn no_event(sought: &Sought) -> CliError {
    CliError::new(
        Exit::NotFound,
        "no_event",
        format!("no event tells who set the {} records of '{}'", sought.kind, sought.owner),
    )
    .field("NAME")
    .value(sought.owner.to_string())
    .rule("records that a call set; the genesis document and a remediation set entries without events")
}
