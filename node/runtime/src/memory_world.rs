//! A world in memory: for tests of contracts, for the SDK's comparison of native and real runs, for measurements.

use crate::world::World;
use althing_types::{
    event::Event,
    hash::Hash,
    id::ContractId,
    keyspace::{code_hash, parse_storage},
    view::{Entry, StateFault},
};
use std::{collections::BTreeMap, ops::Bound};

/// A contract's key, or a system entry's.
type Place = (Option<ContractId>, Vec<u8>);
type Storage = BTreeMap<Place, Vec<u8>>;
type Undo = (Place, Option<Vec<u8>>);

/// State, code and events in ordered maps, with nested checkpoints. It cannot fail.
#[derive(Clone, Debug, Default)]
pub struct MemoryWorld {
    contracts: BTreeMap<ContractId, Hash>,
    codes: BTreeMap<Hash, Vec<u8>>,
    storage: Storage,
    events: Vec<Event>,
    journal: Vec<Undo>,
    marks: Vec<(usize, usize)>,
}

impl MemoryWorld {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }
    /// Puts a contract's code in place and returns the code's hash. It does not check or initialise it.
    pub fn deploy(&mut self, contract: &ContractId, code: &[u8]) -> Hash {
        let hash = code_hash(code);
        self.codes.insert(hash, code.to_vec());
        self.contracts.insert(contract.clone(), hash);
        hash
    }
    /// All entries of a contract in order.
    pub fn entries(&self, contract: &ContractId) -> Vec<Entry> {
        let own = self.storage.iter().filter(|((id, _), _)| id.as_ref() == Some(contract));
        own.map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }
    /// The events so far.
    pub fn all_events(&self) -> &[Event] {
        &self.events
    }
    /// Ends a transaction: its events are handed out, its writes can no longer be undone.
    pub fn finish(&mut self) -> Vec<Event> {
        self.journal.clear();
        self.marks.clear();
        std::mem::take(&mut self.events)
    }
    /// System entries in order, by their full keys.
    pub fn system(&self) -> Vec<Entry> {
        let own = self.storage.iter().filter(|((id, _), _)| id.is_none());
        own.map(|((_, key), value)| (key.clone(), value.clone())).collect()
    }
    fn note(&mut self, key: Place, value: Option<Vec<u8>>) {
        let before = self.put(key.clone(), value);
        self.journal.push((key, before));
    }
    fn put(&mut self, key: Place, value: Option<Vec<u8>>) -> Option<Vec<u8>> {
        match value {
            Some(value) => self.storage.insert(key, value),
            None => self.storage.remove(&key),
        }
    }
}

impl World for MemoryWorld {
    fn read(&self, contract: &ContractId, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.storage.get(&(Some(contract.clone()), key.to_vec())).cloned())
    }
    fn write(&mut self, contract: &ContractId, key: &[u8], value: Option<Vec<u8>>) {
        self.note((Some(contract.clone()), key.to_vec()), value);
    }
    fn scan(
        &self,
        contract: &ContractId,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StateFault> {
        let from = match after.filter(|a| *a >= prefix) {
            Some(after) => Bound::Excluded((Some(contract.clone()), after.to_vec())),
            None => Bound::Included((Some(contract.clone()), prefix.to_vec())),
        };
        let found = self.storage.range((from, Bound::Unbounded));
        let own = found.take_while(|((id, key), _)| id.as_ref() == Some(contract) && key.starts_with(prefix));
        Ok(own.take(limit).map(|((_, key), value)| (key.clone(), value.clone())).collect())
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
            self.put(key, before);
        }
        self.events.truncate(events);
    }
    fn read_system(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.storage.get(&(None, key.to_vec())).cloned())
    }
    fn write_system(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        match parse_storage(&key) {
            Some((contract, own)) => self.note((Some(contract), own), value),
            None => self.note((None, key), value),
        }
    }
    fn code_hash(&self, contract: &ContractId) -> Result<Option<Hash>, StateFault> {
        Ok(self.contracts.get(contract).copied())
    }
    fn code(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.codes.get(hash).cloned())
    }
}
