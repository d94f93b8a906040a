//! The view of an old state.
//!
//! The store keeps the latest value of each key, and by key hash what a key had before each height of the retention
//! window. A key that is still there is found under its latest value; one that was deleted since is found in the lists
//! of deleted keys, for a hash does not tell its key. [`entries`] goes over all of an old state once, and looks into the
//! past of those keys only that have one.

use crate::{
    chain::{self, Stale, by_height, value_at},
    error::StoreError,
    kv::{Reader, Table},
};
use althing_types::{
    hash::Hash,
    id::Height,
    keyspace::key_hash,
    view::{Entry, StateFault, StateView},
};
use std::{collections::BTreeSet, ops::Bound};

/// Called with key hash, key and value of each entry; `false` ends it.
pub type VisitEntry<'a> = &'a mut dyn FnMut(&Hash, &[u8], &[u8]) -> bool;

/// Visits every entry of the state after `height`, which must be in the retention window of the snapshot.
pub(crate) fn entries<S: Reader>(snapshot: S, height: Height, visit: VisitEntry<'_>) -> Result<(), StoreError> {
    let (mut changed, mut fault) = (BTreeSet::new(), None);
    snapshot.scan(Table::Chain, &by_height(chain::STALE, height.next()), &mut |key, value| {
        if key.first() != Some(&chain::STALE) {
            return false;
        }
        match chain::decode::<Stale>("list of stale nodes", value) {
            Ok(stale) => changed.extend(stale.former),
            Err(error) => fault = Some(error),
        }
        fault.is_none()
    })?;
    let mut on = fault.is_none();
    if on {
        snapshot.scan(Table::State, &[], &mut |key, value| {
            let place = key_hash(key);
            if !changed.contains(&place.0) {
                on = visit(&place, key, value);
                return on;
            }
            match value_at(&snapshot, height, key, &place) {
                Ok(Some(value)) => on = visit(&place, key, &value),
                Ok(None) => {}
                Err(error) => fault = Some(error),
            }
            on && fault.is_none()
        })?;
    }
    if let Some(error) = fault {
        return Err(error);
    }
    let view = PastView::new(snapshot, height)?;
    for key in view.deleted.iter() {
        if view.snapshot.get(Table::State, key)?.is_some() {
            continue;
        }
        let place = key_hash(key);
        if let Some(value) = value_at(&view.snapshot, height, key, &place)? {
            on = visit(&place, key, &value);
        }
        if !on {
            break;
        }
    }
    Ok(())
}

/// Keys that a scan takes from the store at a time.
const PAGE: usize = 256;

/// The state after one height of the retention window.
pub(crate) struct PastView<S> {
    snapshot: S,
    height: Height,
    /// Keys that a later height deleted.
    deleted: BTreeSet<Vec<u8>>,
}

impl<S: Reader> PastView<S> {
    /// The state after `height`, which must be in the retention window of the snapshot.
    pub(crate) fn new(snapshot: S, height: Height) -> Result<Self, StoreError> {
        let (mut deleted, mut fault) = (BTreeSet::new(), None);
        snapshot.scan(Table::Chain, &by_height(chain::DELETED, height.next()), &mut |key, value| {
            if key.first() != Some(&chain::DELETED) {
                return false;
            }
            match chain::decode::<Vec<Vec<u8>>>("list of deleted keys", value) {
                Ok(keys) => deleted.extend(keys),
                Err(error) => fault = Some(error),
            }
            fault.is_none()
        })?;
        match fault {
            Some(error) => Err(error),
            None => Ok(Self { snapshot, height, deleted }),
        }
    }

    fn value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        value_at(&self.snapshot, self.height, key, &key_hash(key)).map_err(StateFault::from)
    }

    /// At most [`PAGE`] keys with this prefix, greater than `after`, that are there now or were deleted since.
    fn keys(&self, prefix: &[u8], after: Option<&[u8]>) -> Result<BTreeSet<Vec<u8>>, StateFault> {
        let after = after.filter(|after| *after >= prefix);
        let mut found = BTreeSet::new();
        self.snapshot.scan(Table::State, after.unwrap_or(prefix), &mut |key, _| {
            if !key.starts_with(prefix) {
                return false;
            }
            if after != Some(key) {
                found.insert(key.to_vec());
            }
            found.len() < PAGE
        })?;
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        // A full page says nothing of keys behind its last one: those come with the next page.
        let last = if found.len() < PAGE { None } else { found.last().cloned() };
        let old = self.deleted.range::<[u8], _>((from, Bound::Unbounded));
        let old = old.take_while(|key| key.starts_with(prefix) && last.as_ref().is_none_or(|last| *key <= last));
        found.extend(old.cloned());
        Ok(found)
    }
}

impl<S: Reader> StateView for PastView<S> {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.value(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StateFault> {
        let mut out = Vec::new();
        let mut after = after.map(<[u8]>::to_vec);
        while out.len() < limit {
            let keys = self.keys(prefix, after.as_deref())?;
            let Some(last) = keys.last().cloned() else { break };
            for key in keys {
                if let Some(value) = self.value(&key)? {
                    out.push((key, value));
                    if out.len() >= limit {
                        break;
                    }
                }
            }
            after = Some(last);
        }
        Ok(out)
    }
}
