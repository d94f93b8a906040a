//! The store in memory: for simulation and tests, with crashes and failing disks on demand.

use crate::{
    chain,
    error::StoreError,
    kv::{Batch, Durability, Kv, Reader, Table, Visit},
    store::{Caches, Store},
};
use althing_types::id::Height;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

type Sorted = Arc<BTreeMap<Vec<u8>, Vec<u8>>>;
type Tables = BTreeMap<Table, Sorted>;

/// How the next write of a [`MemoryStore`] fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// The disk is full; nothing was written.
    DiskFull,
    /// The write failed; nothing was written.
    NotWritten,
    /// The sync failed, but the data did reach the disk.
    Written,
}

/// Tables in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryKv {
    tables: Arc<RwLock<Tables>>,
    fault: Arc<Mutex<Option<WriteFault>>>,
}

/// A store in memory.
pub type MemoryStore = Store<MemoryKv>;

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::small(MemoryKv::default())
    }

    fn small(kv: MemoryKv) -> Self {
        let caches = Caches { tree_bytes: 8 * 1024 * 1024 };
        let mut store = Self::unloaded(kv, caches);
        // Nothing in memory can be unreadable; a fresh handle over good tables always loads.
        let _ = store.load();
        store
    }

    /// What a node finds after a crash and restart: all that was synced, and of the consensus log's records that were
    /// not synced only the first `surviving`. The handle it is called on must not be used any more.
    pub fn crash(&self, surviving: usize) -> Self {
        let kv = self.kv().clone();
        *kv.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let kept = self.unsynced(surviving);
        let restarted = Self::small(kv);
        for record in kept {
            let _ = crate::storage::Storage::log_append(&restarted, &record);
        }
        let _ = crate::storage::Storage::log_sync(&restarted);
        restarted
    }

    /// Forgets blocks, receipts and events below a height, and where things are by hash: for who only goes on, and must
    /// not need more memory the longer a chain is. The state stays as it is; see [`crate::Storage::prune`].
    pub fn forget_below(&self, height: Height) {
        let mut tables = self.kv().tables.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(rows) = tables.get_mut(&Table::Chain) {
            // What has to be pruned still is told by rows of its own.
            let keep = |key: &[u8]| {
                let (kind, rest) = key.split_first().unwrap_or((&0, &[]));
                let old = rest.first_chunk::<8>().is_some_and(|at| u64::from_be_bytes(*at) < height.0);
                !old || matches!(*kind, chain::STALE | chain::DELETED)
            };
            Arc::make_mut(rows).retain(|key, _| keep(key));
        }
        tables.remove(&Table::Index);
    }

    /// Lets the next write fail; the store then refuses all further writes until [`MemoryStore::crash`].
    pub fn fail_next_write(&self, fault: WriteFault) {
        *self.kv().fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

fn scan(table: Option<&Sorted>, from: &[u8], visit: Visit<'_>) {
    let Some(table) = table else { return };
    for (key, value) in table.range::<[u8], _>((Bound::Included(from), Bound::Unbounded)) {
        if !visit(key, value) {
            break;
        }
    }
}

/// The tables as they were.
#[derive(Clone, Debug)]
pub struct MemorySnapshot(Tables);

impl Reader for MemorySnapshot {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.get(&table).and_then(|rows| rows.get(key)).cloned())
    }
    fn scan(&self, table: Table, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        scan(self.0.get(&table), from, visit);
        Ok(())
    }
}

impl MemoryKv {
    fn table(&self, table: Table) -> Option<Sorted> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner).get(&table).cloned()
    }
}

impl Reader for MemoryKv {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        Ok(tables.get(&table).and_then(|rows| rows.get(key)).cloned())
    }
    fn scan(&self, table: Table, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        scan(self.table(table).as_ref(), from, visit);
        Ok(())
    }
}

/// Writes in order.
#[derive(Debug, Default)]
pub struct MemoryBatch(Vec<(Table, Vec<u8>, Option<Vec<u8>>)>);

impl Batch for MemoryBatch {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        self.0.push((table, key.to_vec(), Some(value.to_vec())));
    }
    fn delete(&mut self, table: Table, key: &[u8]) {
        self.0.push((table, key.to_vec(), None));
    }
}

impl Kv for MemoryKv {
    type Snapshot<'a> = MemorySnapshot;
    type Batch<'a> = MemoryBatch;

    fn snapshot(&self) -> MemorySnapshot {
        MemorySnapshot(self.tables.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
    fn batch(&self) -> MemoryBatch {
        MemoryBatch::default()
    }
    fn write(&self, batch: MemoryBatch, _durability: Durability) -> Result<(), StoreError> {
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
        match fault {
            Some(WriteFault::DiskFull) => return Err(StoreError::DiskFull { reason: "simulated".into() }),
            Some(WriteFault::NotWritten) => return Err(StoreError::Broken { reason: "simulated".into() }),
            Some(WriteFault::Written) | None => {}
        }
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        for (table, key, value) in batch.0 {
            let rows = Arc::make_mut(tables.entry(table).or_default());
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        match fault {
            Some(_) => Err(StoreError::Broken { reason: "simulated, after the write".into() }),
            None => Ok(()),
        }
    }
    fn free_space(&self) -> Result<u64, StoreError> {
        Ok(u64::MAX)
    }
    fn place(&self) -> String {
        "in memory".into()
    }
}
