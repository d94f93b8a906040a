//! Staged writes over a view of the state, with undo.
//!
//! Writes go into one ordered map at once; a journal remembers what was there before. A checkpoint is a position in
//! the journal: undoing walks back to it. Reads see staged writes first.

use crate::outcome::Writes;
use althing_runtime::World;
use althing_types::{
    codec,
    event::Event,
    hash::Hash,
    id::ContractId,
    keyspace::{self, ContractEntry},
    migration::Migration,
    view::{Entry, StateFault, StateView},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
};

/// Most values kept from the view within one block.
const READ_CACHE: usize = 65_536;

/// A key with what was staged for it before a write; `None` when nothing was.
type Before = (Vec<u8>, Option<Option<Vec<u8>>>);

/// A key with its value before.
pub type Changed = (Vec<u8>, Option<Vec<u8>>);

/// Staged state of a block.
pub struct Overlay<'a> {
    view: &'a dyn StateView,
    staged: Writes,
    seen: RefCell<BTreeMap<Vec<u8>, Option<Vec<u8>>>>,
    journal: Vec<Before>,
    events: Vec<Event>,
    marks: Vec<(usize, usize)>,
    /// Keys that ended transactions wrote, when somebody wants to know.
    written: Option<BTreeSet<Vec<u8>>>,
}

impl<'a> Overlay<'a> {
    /// Nothing staged yet.
    pub fn new(view: &'a dyn StateView) -> Self {
        Self {
            view,
            staged: Writes::new(),
            seen: RefCell::default(),
            journal: Vec::new(),
            events: Vec::new(),
            marks: Vec::new(),
            written: None,
        }
    }

    /// Nothing staged yet; [`Overlay::take_written`] tells what was written.
    pub fn noting(view: &'a dyn StateView) -> Self {
        Self { written: Some(BTreeSet::new()), ..Self::new(view) }
    }

    /// The keys that transactions ended since the last time have written, and that was not undone.
    pub fn take_written(&mut self) -> BTreeSet<Vec<u8>> {
        self.written.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Reads a full state key.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    pub fn read_key(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        if let Some(value) = self.staged.get(key) {
            return Ok(value.clone());
        }
        if let Some(value) = self.seen.borrow().get(key) {
            return Ok(value.clone());
        }
        let value = self.view.read(key)?;
        let mut seen = self.seen.borrow_mut();
        if seen.len() < READ_CACHE {
            seen.insert(key.to_vec(), value.clone());
        }
        Ok(value)
    }

    /// Stages a full state key.
    pub fn write_key(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        let before = self.staged.insert(key.clone(), value);
        self.journal.push((key, before));
    }

    /// Ends a transaction: its writes can no longer be undone; returns its events.
    pub fn finish_transaction(&mut self) -> Vec<Event> {
        let done = self.journal.drain(..);
        match &mut self.written {
            Some(written) => written.extend(done.map(|(key, _)| key)),
            None => drop(done),
        }
        self.marks.clear();
        std::mem::take(&mut self.events)
    }

    /// Every key that was written since the latest checkpoint, in order, with its value at that checkpoint.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    pub fn changed(&self) -> Result<Vec<Changed>, StateFault> {
        let from = self.marks.last().map_or(0, |mark| mark.0);
        let mut first: BTreeMap<&Vec<u8>, &Option<Option<Vec<u8>>>> = BTreeMap::new();
        for (key, before) in self.journal.iter().skip(from) {
            first.entry(key).or_insert(before);
        }
        let old = |(key, before): (&Vec<u8>, &Option<Option<Vec<u8>>>)| {
            let value = match before {
                Some(value) => value.clone(),
                None => self.view.read(key)?,
            };
            Ok((key.clone(), value))
        };
        first.into_iter().map(old).collect()
    }

    /// Writes since the latest checkpoint; a key that was written twice counts twice.
    pub fn weight(&self) -> usize {
        self.journal.len().saturating_sub(self.marks.last().map_or(0, |mark| mark.0))
    }

    /// What is staged so far.
    pub const fn staged(&self) -> &Writes {
        &self.staged
    }

    /// All staged writes.
    pub fn into_writes(self) -> Writes {
        self.staged
    }

    pub(crate) fn scan_keys(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StateFault> {
        let from = after.filter(|a| *a >= prefix).map_or(Bound::Included(prefix), Bound::Excluded);
        let staged: Vec<_> = self
            .staged
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .collect();
        // Each staged key hides at most one stored key, so this many are enough to fill the limit.
        let stored = self.view.scan(prefix, after, limit.saturating_add(staged.len()))?;
        let mut merged: BTreeMap<Vec<u8>, Option<Vec<u8>>> = stored.into_iter().map(|(k, v)| (k, Some(v))).collect();
        for (key, value) in staged {
            merged.insert(key.clone(), value.clone());
        }
        Ok(merged.into_iter().filter_map(|(k, v)| v.map(|v| (k, v))).take(limit).collect())
    }
}

impl StateView for Overlay<'_> {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.read_key(key)
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StateFault> {
        self.scan_keys(prefix, after, limit)
    }
}

impl World for Overlay<'_> {
    fn read(&self, contract: &ContractId, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.read_key(&keyspace::storage(contract, key))
    }

    fn write(&mut self, contract: &ContractId, key: &[u8], value: Option<Vec<u8>>) {
        self.write_key(keyspace::storage(contract, key), value);
    }

    fn scan(
        &self,
        contract: &ContractId,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StateFault> {
        let own = keyspace::storage(contract, &[]).len();
        let full_after = after.map(|a| keyspace::storage(contract, a));
        let found = self.scan_keys(&keyspace::storage(contract, prefix), full_after.as_deref(), limit)?;
        Ok(found.into_iter().map(|(key, value)| (key.get(own..).unwrap_or_default().to_vec(), value)).collect())
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    fn events(&self) -> usize {
        self.events.len()
    }

    fn checkpoint(&mut self) {
        self.marks.push((self.journal.len(), self.events.len()));
    }

    fn accept(&mut self) {
        self.marks.pop();
    }

    fn revert(&mut self) {
        let Some((writes, events)) = self.marks.pop() else { return };
        while self.journal.len() > writes {
            let Some((key, before)) = self.journal.pop() else { break };
            match before {
                Some(value) => self.staged.insert(key, value),
                None => self.staged.remove(&key),
            };
        }
        self.events.truncate(events);
    }

    fn read_system(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.read_key(key)
    }

    fn write_system(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.write_key(key, value);
    }

    fn code_hash(&self, contract: &ContractId) -> Result<Option<Hash>, StateFault> {
        let Some(bytes) = self.read_key(&keyspace::contract(contract))? else { return Ok(None) };
        let entry: ContractEntry = codec::decode("contract entry", &bytes, 4096)
            .map_err(|e| StateFault { reason: format!("contract entry of {contract}: {e}") })?;
        Ok(Some(entry.code))
    }

    fn migrating(&self, contract: &ContractId) -> Result<bool, StateFault> {
        let Some(bytes) = self.read_key(&keyspace::migration(contract))? else { return Ok(false) };
        let migration: Migration = codec::decode("migration", &bytes, 4096)
            .map_err(|e| StateFault { reason: format!("migration of {contract}: {e}") })?;
        Ok(!migration.is_open())
    }

    fn code(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StateFault> {
        self.read_key(&keyspace::code(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(BTreeMap<Vec<u8>, Vec<u8>>);

    impl StateView for Fixed {
        fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
            Ok(self.0.get(key).cloned())
        }
        fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StateFault> {
            let later = |k: &Vec<u8>| after.is_none_or(|a| k.as_slice() > a);
            let all = self.0.iter().filter(|(k, _)| k.starts_with(prefix) && later(k));
            Ok(all.take(limit).map(|(k, v)| (k.clone(), v.clone())).collect())
        }
    }

    fn id() -> ContractId {
        ContractId::new("c").unwrap()
    }

    fn stored(keys: &[&[u8]]) -> Fixed {
        Fixed(keys.iter().map(|k| (keyspace::storage(&id(), k), k.to_vec())).collect())
    }

    #[test]
    fn revert_restores_writes_and_events_of_the_inner_call_only() {
        let view = stored(&[b"a"]);
        let mut world = Overlay::new(&view);
        world.write(&id(), b"a", Some(vec![1]));
        world.checkpoint();
        world.write(&id(), b"a", None);
        world.write(&id(), b"b", Some(vec![2]));
        world.revert();
        assert_eq!(World::read(&world, &id(), b"a").unwrap(), Some(vec![1]));
        assert_eq!(World::read(&world, &id(), b"b").unwrap(), None);
    }

    #[test]
    fn scans_merge_staged_and_stored_entries() {
        let view = stored(&[b"p1", b"p2", b"p3", b"q"]);
        let mut world = Overlay::new(&view);
        world.write(&id(), b"p2", None);
        world.write(&id(), b"p4", Some(vec![4]));
        let keys = |limit, after: Option<&[u8]>| -> Vec<Vec<u8>> {
            World::scan(&world, &id(), b"p", after, limit).unwrap().into_iter().map(|e| e.0).collect()
        };
        assert_eq!(keys(10, None), [b"p1".to_vec(), b"p3".to_vec(), b"p4".to_vec()]);
        assert_eq!(keys(2, None), [b"p1".to_vec(), b"p3".to_vec()]);
        assert_eq!(keys(10, Some(b"p1")), [b"p3".to_vec(), b"p4".to_vec()]);
    }
}
