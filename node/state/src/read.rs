//! Readers that look at more than one key: events and the view of the state.

use crate::{
    MAX_EVENT_SCAN,
    chain::{self, RawTip, by_height, corrupt},
    error::StoreError,
    kv::{Reader, Table},
    storage::{EventPage, StoredEvent},
};
use althing_types::{
    event::EventId,
    id::Height,
    receipt::Receipt,
    view::{Entry, StateFault, StateView},
};

/// A receipt as stored, with the number of its first event.
pub(crate) fn stored_receipt(bytes: &[u8]) -> Result<(u32, Receipt), StoreError> {
    let (first, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| corrupt("a receipt is cut off"))?;
    Ok((u32::from_be_bytes(*first), chain::decode("receipt", rest)?))
}

/// A page of events; see [`crate::Storage::events`].
pub(crate) fn events(snapshot: &impl Reader, from: EventId, limit: usize) -> Result<EventPage, StoreError> {
    let mut page = EventPage { events: Vec::new(), next: from };
    let Some(tip) = RawTip::read(snapshot)? else { return Ok(page) };
    let mut looked = 0usize;
    let mut fault = None;
    let mut at = from;
    while at.height <= tip.height && page.events.len() < limit && looked < MAX_EVENT_SCAN {
        // The next height that has events at all.
        let mut found = None;
        snapshot.scan(Table::Chain, &by_height(chain::EVENTS, at.height), &mut |key, value| {
            found = key.strip_prefix(&[chain::EVENTS]).map(|height| (height.to_vec(), value.to_vec()));
            false
        })?;
        let Some((height, count)) = found else {
            at = EventId { height: tip.height.next(), index: 0 };
            break;
        };
        let height = Height(chain::u64_of("a height", &height)?);
        let count = chain::u32_of("a number of events", &count)?;
        if height > at.height {
            at = EventId { height, index: 0 };
        }
        let start = by_height(chain::RECEIPT, height);
        snapshot.scan(Table::Chain, &start, &mut |key, value| {
            if !key.starts_with(&start) || page.events.len() >= limit {
                return false;
            }
            looked = looked.saturating_add(1);
            match stored_receipt(value) {
                Ok((first, receipt)) => {
                    for (index, event) in (first..).zip(receipt.events.iter()) {
                        if index >= at.index && page.events.len() < limit {
                            let id = EventId { height, index };
                            let event = StoredEvent { id, transaction: receipt.transaction, event: event.clone() };
                            page.events.push(event);
                        }
                    }
                    true
                }
                Err(error) => {
                    fault = Some(error);
                    false
                }
            }
        })?;
        if let Some(error) = fault {
            return Err(error);
        }
        at = match page.events.last() {
            Some(last) if last.id.height == height && last.id.index.saturating_add(1) < count => {
                EventId { height, index: last.id.index.saturating_add(1) }
            }
            _ => EventId { height: height.next(), index: 0 },
        };
    }
    page.next = at;
    Ok(page)
}

/// The latest state, as of one moment.
pub(crate) struct View<S>(pub(crate) S);

impl<S: Reader> StateView for View<S> {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.0.get(Table::State, key).map_err(StateFault::from)
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StateFault> {
        let start = after.filter(|after| *after > prefix).unwrap_or(prefix);
        let mut out = Vec::new();
        if limit == 0 {
            return Ok(out);
        }
        self.0.scan(Table::State, start, &mut |key, value| {
            if !key.starts_with(prefix) {
                return false;
            }
            if after != Some(key) {
                out.push((key.to_vec(), value.to_vec()));
            }
            out.len() < limit
        })?;
        Ok(out)
    }
}
