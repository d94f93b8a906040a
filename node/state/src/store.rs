//! The one implementation of [`Storage`], over any key-value store.

use crate::{
    PRUNE_ENTRIES,
    cache::NodeCache,
    chain::{self, RawTip, Stale, by_hash, by_height, by_index, corrupt},
    error::StoreError,
    kv::{Batch, Durability, Kv, Reader, Table},
    past::{self, PastView, VisitEntry},
    read::{View, events, stored_receipt},
    ring::{ABNORMAL, EVIDENCE},
    storage::{Commit, EventPage, Kept, Staged, Storage, Tip, Writes},
    tree,
};
use althing_types::{
    authority::AuthorityList,
    block::{Block, Header, MAX_BLOCK_TRANSACTIONS},
    certificate::QuorumCertificate,
    codec::{List, encode},
    event::EventId,
    genesis::Genesis,
    hash::Hash,
    id::Height,
    keyspace::key_hash,
    proof::StateProof,
    receipt::Receipt,
    recovery::ProvenRecovery,
    transaction::{Abnormal, SignedTransaction},
    view::StateView,
    vote::Evidence,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Budgets of the store's own caches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caches {
    /// Bytes of tree nodes.
    pub(crate) tree_bytes: usize,
}

/// A store over a key-value store. Clones are handles to the same store.
#[derive(Debug)]
pub struct Store<K>(Arc<Inner<K>>);

impl<K> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[derive(Debug)]
struct Inner<K> {
    kv: K,
    cache: Mutex<NodeCache>,
    log: Mutex<Log>,
    rings: Mutex<Rings>,
    pruning: Mutex<()>,
    /// The error of the first write that failed.
    broken: Mutex<Option<StoreError>>,
}

/// The consensus log: records `first..next` are written, `pending` follow.
#[derive(Debug, Default)]
struct Log {
    first: u64,
    next: u64,
    pending: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Rings {
    abnormal: u64,
    evidence: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn mismatch(what: &'static str, found: impl ToString, expected: impl ToString) -> StoreError {
    StoreError::Mismatch { what, found: found.to_string(), expected: expected.to_string() }
}

fn same<T: PartialEq + ToString>(what: &'static str, found: T, expected: T) -> Result<(), StoreError> {
    if found == expected { Ok(()) } else { Err(mismatch(what, found, expected)) }
}

impl<K: Kv> Store<K> {
    pub(crate) fn unloaded(kv: K, caches: Caches) -> Self {
        Self(Arc::new(Inner {
            kv,
            cache: Mutex::new(NodeCache::new(caches.tree_bytes)),
            log: Mutex::default(),
            rings: Mutex::default(),
            pruning: Mutex::default(),
            broken: Mutex::default(),
        }))
    }

    /// Reads what is kept in memory: where the log and the rings end. Checks that the tip belongs together.
    pub(crate) fn load(&mut self) -> Result<(), StoreError> {
        self.locate(self.load_inner())
    }

    fn load_inner(&self) -> Result<(), StoreError> {
        let kv = &self.0.kv;
        let (mut first, mut next) = (None, 0);
        let mut fault = None;
        kv.scan(Table::Log, &[], &mut |key, _| match chain::u64_of("a log key", key) {
            Ok(number) => {
                first.get_or_insert(number);
                next = number.saturating_add(1);
                true
            }
            Err(error) => {
                fault = Some(error);
                false
            }
        })?;
        if let Some(error) = fault {
            return Err(error);
        }
        *lock(&self.0.log) = Log { first: first.unwrap_or(0), next, pending: Vec::new() };
        *lock(&self.0.rings) = Rings { abnormal: ABNORMAL.last(kv)?, evidence: EVIDENCE.last(kv)? };
        let Some(tip) = RawTip::read(kv)? else { return Ok(()) };
        let root = tree::root(kv, tip.height)?;
        if root != tip.root {
            return Err(corrupt(format!("the tree's root is {root}, the tip's is {}", tip.root)));
        }
        let found = match self.tip_of(kv)? {
            Some(Tip { header: Some(header), .. }) => header.hash(),
            _ => self.genesis_of(kv)?.map_or(Hash::ZERO, |genesis| genesis.hash()),
        };
        if found != tip.block {
            return Err(corrupt(format!("the last header's hash is {found}, the tip's is {}", tip.block)));
        }
        Ok(())
    }

    pub(crate) fn kv(&self) -> &K {
        &self.0.kv
    }

    /// The first `count` log records that were not synced.
    pub(crate) fn unsynced(&self, count: usize) -> Vec<Vec<u8>> {
        lock(&self.0.log).pending.iter().take(count).cloned().collect()
    }

    /// Says where the store is, in errors that do not yet.
    fn locate<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        result.map_err(|error| match error {
            StoreError::Corrupt { path, reason } if path.is_empty() => {
                StoreError::Corrupt { path: self.0.kv.place(), reason }
            }
            other => other,
        })
    }

    fn check_usable(&self) -> Result<(), StoreError> {
        match &*lock(&self.0.broken) {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// The only way to the disk: after one failure there is no second try.
    pub(crate) fn write(&self, batch: K::Batch<'_>, durability: Durability) -> Result<(), StoreError> {
        self.check_usable()?;
        self.0.kv.write(batch, durability).inspect_err(|error| {
            lock(&self.0.broken).get_or_insert_with(|| error.clone());
        })
    }

    fn tip_of(&self, reader: &impl Reader) -> Result<Option<Tip>, StoreError> {
        let Some(RawTip { height, block, root }) = RawTip::read(reader)? else { return Ok(None) };
        let header = chain::read(reader, Table::Chain, &by_height(chain::HEADER, height), "header")?;
        if header.is_none() && height.0 > 0 {
            return Err(corrupt(format!("the header of the tip, height {height}, is missing")));
        }
        Ok(Some(Tip { height, block, state_root: root, header }))
    }

    fn genesis_of(&self, reader: &impl Reader) -> Result<Option<Genesis>, StoreError> {
        chain::read(reader, Table::Meta, chain::META_GENESIS, "genesis")
    }

    /// A snapshot in which the state of `height` can be read.
    fn snapshot_at(&self, height: Height) -> Result<K::Snapshot<'_>, StoreError> {
        let snapshot = self.0.kv.snapshot();
        let tip = RawTip::read(&snapshot)?.ok_or(StoreError::Empty)?.height;
        if height > tip {
            return Err(StoreError::NotYet { height, tip });
        }
        let oldest = chain::oldest(&snapshot)?;
        if height < oldest {
            return Err(StoreError::Pruned { height, oldest });
        }
        Ok(snapshot)
    }

    fn chain_value<T: borsh::BorshDeserialize>(
        &self,
        kind: u8,
        height: Height,
        what: &'static str,
    ) -> Result<Option<T>, StoreError> {
        self.locate(chain::read(&self.0.kv, Table::Chain, &by_height(kind, height), what))
    }

    fn put_state(batch: &mut K::Batch<'_>, height: Height, staged: &Staged, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => batch.put(Table::State, key, value),
                None => batch.delete(Table::State, key),
            }
        }
        for (key, node) in &staged.change.nodes {
            batch.put(Table::Tree, key, node);
        }
        // Nothing is older than genesis: its former values and stale nodes are of no use.
        if height.0 == 0 {
            return;
        }
        let mut bytes = Vec::new();
        for (place, former) in &staged.change.former {
            bytes.clear();
            bytes.push(u8::from(former.is_some()));
            bytes.extend_from_slice(former.as_deref().unwrap_or_default());
            batch.put(Table::History, &chain::history(place, height), &bytes);
        }
        let stale = Stale {
            nodes: staged.change.stale.iter().cloned().collect(),
            former: staged.change.former.iter().map(|(place, _)| place.0).collect(),
        };
        batch.put(Table::Chain, &by_height(chain::STALE, height), &encode(&stale));
        let deleted: Vec<&Vec<u8>> = writes.iter().filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
        if !deleted.is_empty() {
            batch.put(Table::Chain, &by_height(chain::DELETED, height), &encode(&deleted));
        }
    }

    fn initialise_inner(&self, genesis: &Genesis, writes: &Writes) -> Result<Hash, StoreError> {
        if let Some(found) = self.genesis_of(&self.0.kv)? {
            let (found, given) = (found.hash(), genesis.hash());
            if found != given {
                return Err(StoreError::OtherGenesis { found, given });
            }
            let root = chain::read(&self.0.kv, Table::Meta, chain::META_GENESIS_ROOT, "root of genesis")?;
            return root.ok_or_else(|| corrupt("the root of genesis is missing"));
        }
        let authorities = genesis.authority_list().map_err(|e| mismatch("authorities", e, "a list that can decide"))?;
        let (root, change) = tree::stage(&self.0.kv, &mut lock(&self.0.cache), Height(0), writes)?;
        let staged = Staged { height: Height(0), root, parent: Hash::ZERO, change };
        let mut batch = self.0.kv.batch();
        Self::put_state(&mut batch, Height(0), &staged, writes);
        let tip = RawTip { height: Height(0), block: genesis.hash(), root };
        batch.put(Table::Meta, chain::META_GENESIS, &encode(genesis));
        batch.put(Table::Meta, chain::META_GENESIS_ROOT, &encode(&root));
        batch.put(Table::Meta, chain::META_TIP, &tip.encode());
        batch.put(Table::Index, &by_hash(chain::BLOCK, &tip.block), &0u64.to_be_bytes());
        batch.put(Table::Chain, &by_height(chain::AUTHORITIES, Height(1)), &encode(&authorities));
        self.write(batch, Durability::Synced)?;
        tree::remember(&mut lock(&self.0.cache), staged.change);
        Ok(root)
    }

    fn stage_inner(&self, height: Height, writes: &Writes) -> Result<Staged, StoreError> {
        let tip = RawTip::read(&self.0.kv)?.ok_or(StoreError::Empty)?;
        same("staged height", height, tip.height.next())?;
        let (root, change) = tree::stage(&self.0.kv, &mut lock(&self.0.cache), height, writes)?;
        Ok(Staged { height, root, parent: tip.block, change })
    }

    fn check_commit(&self, commit: &Commit<'_>) -> Result<RawTip, StoreError> {
        let tip = RawTip::read(&self.0.kv)?.ok_or(StoreError::Empty)?;
        let (header, staged) = (&commit.block.header, &commit.staged);
        let next = RawTip { height: header.height, block: header.hash(), root: staged.root };
        same("height", header.height, tip.height.next())?;
        same("previous block", header.previous, tip.block)?;
        same("staged height", staged.height, header.height)?;
        same("block under the staged one", staged.parent, tip.block)?;
        same("number of writes", commit.writes.len(), staged.change.former.len())?;
        same("staged state root", staged.root, header.state_root)?;
        same("certified height", commit.certificate.height, header.height)?;
        same("certified block", commit.certificate.block, next.block)?;
        // One more when the end of the block had something to tell.
        let (receipts, transactions) = (commit.receipts.len(), commit.block.transactions.len());
        if receipts != transactions.saturating_add(1) {
            same("number of receipts", receipts, transactions)?;
        }
        same("next authority list", commit.next_authorities.hash(), header.next_authorities)?;
        Ok(next)
    }

    fn commit_inner(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        self.check_usable()?;
        let tip = self.check_commit(&commit)?;
        let Commit { block, certificate, receipts, next_authorities, staged, writes } = commit;
        let height = tip.height;
        let mut batch = self.0.kv.batch();
        Self::put_state(&mut batch, height, &staged, writes);
        batch.put(Table::Chain, &by_height(chain::HEADER, height), &encode(&block.header));
        batch.put(
            Table::Chain,
            &by_height(chain::TRANSACTIONS, height),
            &encode(&(&block.previous, &block.transactions)),
        );
        batch.put(Table::Chain, &by_height(chain::CERTIFICATE, height), &encode(certificate));
        batch.put(Table::Chain, &by_height(chain::AUTHORITIES, height.next()), &encode(next_authorities));
        batch.delete(Table::Meta, chain::META_RECOVERY);
        if let Some(recovery) = &block.recovery {
            // Not the list that the block before named has decided this height.
            let list = &recovery.signed.plan.authorities;
            batch.put(Table::Chain, &by_height(chain::AUTHORITIES, height), &encode(list));
            batch.put(Table::Chain, &by_height(chain::RECOVERY, height), &encode(recovery));
        }
        let mut events = 0u32;
        let mut bytes = Vec::new();
        for (index, receipt) in (0u32..).zip(receipts) {
            bytes.clear();
            bytes.extend_from_slice(&events.to_be_bytes());
            bytes.extend_from_slice(&encode(receipt));
            batch.put(Table::Chain, &by_index(chain::RECEIPT, height, index), &bytes);
            events = events.saturating_add(u32::try_from(receipt.events.len()).unwrap_or(u32::MAX));
            if index as usize >= block.transactions.len() {
                continue;
            }
            let mut place = [0u8; 12];
            if let Some((start, rest)) = place.split_first_chunk_mut::<8>() {
                *start = height.0.to_be_bytes();
                rest.copy_from_slice(&index.to_be_bytes());
            }
            batch.put(Table::Index, &by_hash(chain::TRANSACTION, &receipt.transaction), &place);
        }
        if events > 0 {
            batch.put(Table::Chain, &by_height(chain::EVENTS, height), &events.to_be_bytes());
        }
        batch.put(Table::Index, &by_hash(chain::BLOCK, &tip.block), &height.0.to_be_bytes());
        batch.put(Table::Meta, chain::META_TIP, &tip.encode());
        let mut log = lock(&self.0.log);
        for number in log.first..log.next {
            batch.delete(Table::Log, &number.to_be_bytes());
        }
        self.write(batch, Durability::Synced)?;
        log.first = log.next;
        log.pending.clear();
        drop(log);
        tree::remember(&mut lock(&self.0.cache), staged.change);
        Ok(())
    }

    fn prune_inner(&self, wanted: Height) -> Result<Height, StoreError> {
        let _one_at_a_time = lock(&self.0.pruning);
        let kv = &self.0.kv;
        let Some(tip) = RawTip::read(kv)? else { return Ok(Height(0)) };
        let wanted = wanted.min(tip.height);
        let mut oldest = chain::oldest(kv)?;
        let mut batch = kv.batch();
        let mut removed = 0usize;
        let before = oldest;
        while oldest < wanted && removed < PRUNE_ENTRIES {
            // What this height replaced is only needed for heights below it.
            oldest = oldest.next();
            let key = by_height(chain::STALE, oldest);
            let Some(stale) = chain::read::<Stale>(kv, Table::Chain, &key, "list of stale nodes")? else { continue };
            for node in &stale.nodes {
                batch.delete(Table::Tree, node);
            }
            for place in &stale.former {
                batch.delete(Table::History, &chain::history(&Hash(*place), oldest));
            }
            batch.delete(Table::Chain, &key);
            batch.delete(Table::Chain, &by_height(chain::DELETED, oldest));
            removed = removed.saturating_add(stale.nodes.len()).saturating_add(stale.former.len());
        }
        if oldest > before {
            batch.put(Table::Meta, chain::META_OLDEST, &oldest.0.to_be_bytes());
            self.write(batch, Durability::Buffered)?;
        }
        Ok(oldest)
    }
}

impl<K: Kv> Storage for Store<K> {
    fn tip(&self) -> Result<Option<Tip>, StoreError> {
        self.locate(self.tip_of(&self.0.kv.snapshot()))
    }
    fn genesis(&self) -> Result<Option<Genesis>, StoreError> {
        self.locate(self.genesis_of(&self.0.kv))
    }
    fn initialise(&self, genesis: &Genesis, writes: &Writes) -> Result<Hash, StoreError> {
        self.locate(self.initialise_inner(genesis, writes))
    }
    fn view(&self) -> Box<dyn StateView + Send + '_> {
        Box::new(View(self.0.kv.snapshot()))
    }
    fn view_at(&self, height: Height) -> Result<Box<dyn StateView + Send + '_>, StoreError> {
        let view = self.snapshot_at(height).and_then(|snapshot| PastView::new(snapshot, height));
        Ok(Box::new(self.locate(view)?))
    }
    fn stage(&self, height: Height, writes: &Writes) -> Result<Staged, StoreError> {
        self.locate(self.stage_inner(height, writes))
    }
    fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError> {
        self.locate(self.commit_inner(commit))
    }
    fn header(&self, height: Height) -> Result<Option<Header>, StoreError> {
        self.chain_value(chain::HEADER, height, "header")
    }
    fn block(&self, height: Height) -> Result<Option<Block>, StoreError> {
        let Some(header) = self.header(height)? else { return Ok(None) };
        let body: Option<(Option<QuorumCertificate>, List<SignedTransaction, MAX_BLOCK_TRANSACTIONS>)> =
            self.chain_value(chain::TRANSACTIONS, height, "list of transactions")?;
        match body {
            Some((previous, transactions)) => {
                let recovery = self.recovery(height)?;
                Ok(Some(Block { header, previous, recovery, transactions }))
            }
            None if height <= self.base()? => Ok(None),
            None => self.locate(Err(corrupt(format!("the transactions of height {height} are missing")))),
        }
    }
    fn certificate(&self, height: Height) -> Result<Option<QuorumCertificate>, StoreError> {
        self.chain_value(chain::CERTIFICATE, height, "certificate")
    }
    fn authorities(&self, height: Height) -> Result<Option<AuthorityList>, StoreError> {
        self.chain_value(chain::AUTHORITIES, height, "authority list")
    }
    fn recovery(&self, height: Height) -> Result<Option<ProvenRecovery>, StoreError> {
        self.chain_value(chain::RECOVERY, height, "recovery")
    }
    fn keep_recovery(&self, recovery: &ProvenRecovery) -> Result<(), StoreError> {
        let mut batch = self.0.kv.batch();
        batch.put(Table::Meta, chain::META_RECOVERY, &encode(recovery));
        self.write(batch, Durability::Synced)
    }
    fn kept_recovery(&self) -> Result<Option<ProvenRecovery>, StoreError> {
        self.locate(chain::read(&self.0.kv, Table::Meta, chain::META_RECOVERY, "recovery"))
    }
    fn height_of_block(&self, block: &Hash) -> Result<Option<Height>, StoreError> {
        let bytes = self.0.kv.get(Table::Index, &by_hash(chain::BLOCK, block))?;
        self.locate(bytes.map(|bytes| chain::u64_of("a height", &bytes).map(Height)).transpose())
    }
    fn transaction(&self, transaction: &Hash) -> Result<Option<(Height, u32)>, StoreError> {
        let key = by_hash(chain::TRANSACTION, transaction);
        let Some(bytes) = self.locate(self.0.kv.get(Table::Index, &key))? else { return Ok(None) };
        let (height, index) = bytes.split_at_checked(8).unwrap_or_default();
        let height = self.locate(chain::u64_of("a height", height))?;
        Ok(Some((Height(height), self.locate(chain::u32_of("an index", index))?)))
    }
    fn receipt(&self, height: Height, index: u32) -> Result<Option<Receipt>, StoreError> {
        let bytes = self.locate(self.0.kv.get(Table::Chain, &by_index(chain::RECEIPT, height, index)))?;
        let receipt = bytes.map(|bytes| stored_receipt(&bytes).map(|(_, receipt)| receipt)).transpose();
        self.locate(receipt)
    }
    fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, StoreError> {
        let snapshot = self.0.kv.snapshot();
        if self.locate(snapshot.get(Table::Chain, &by_height(chain::HEADER, height)))?.is_none() {
            return Ok(None);
        }
        let start = by_height(chain::RECEIPT, height);
        let mut found = Vec::new();
        self.locate(snapshot.scan(Table::Chain, &start, &mut |key, value| {
            let mine = key.starts_with(&start);
            if mine {
                found.push(stored_receipt(value).map(|(_, receipt)| receipt));
            }
            mine
        }))?;
        self.locate(found.into_iter().collect::<Result<Vec<_>, _>>().map(Some))
    }
    fn events(&self, from: EventId, limit: usize) -> Result<EventPage, StoreError> {
        self.locate(events(&self.0.kv.snapshot(), from, limit))
    }
    fn read(&self, height: Height, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let read = self.snapshot_at(height).and_then(|s| chain::value_at(&s, height, key, &key_hash(key)));
        self.locate(read)
    }
    fn prove(&self, height: Height, key: &[u8]) -> Result<(Option<Vec<u8>>, StateProof), StoreError> {
        let place = key_hash(key);
        let proven = self.snapshot_at(height).and_then(|snapshot| {
            let value = chain::value_at(&snapshot, height, key, &place)?;
            Ok((value, tree::prove(&snapshot, height, &place)?))
        });
        self.locate(proven)
    }
    fn entries(&self, height: Height, visit: VisitEntry<'_>) -> Result<(), StoreError> {
        let visited = self.snapshot_at(height).and_then(|snapshot| past::entries(snapshot, height, visit));
        self.locate(visited)
    }
    fn base(&self) -> Result<Height, StoreError> {
        self.locate(chain::base(&self.0.kv))
    }
    fn oldest(&self) -> Result<Height, StoreError> {
        self.locate(chain::oldest(&self.0.kv))
    }
    fn prune(&self, oldest: Height) -> Result<Height, StoreError> {
        self.locate(self.prune_inner(oldest))
    }
    fn log_append(&self, record: &[u8]) -> Result<(), StoreError> {
        self.check_usable()?;
        lock(&self.0.log).pending.push(record.to_vec());
        Ok(())
    }
    fn log_sync(&self) -> Result<(), StoreError> {
        self.check_usable()?;
        let mut log = lock(&self.0.log);
        if log.pending.is_empty() {
            return Ok(());
        }
        let mut batch = self.0.kv.batch();
        let mut next = log.next;
        for record in &log.pending {
            batch.put(Table::Log, &next.to_be_bytes(), record);
            next = next.saturating_add(1);
        }
        self.write(batch, Durability::Synced)?;
        log.next = next;
        log.pending.clear();
        Ok(())
    }
    fn log_read(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let log = lock(&self.0.log);
        let mut records = Vec::new();
        self.locate(self.0.kv.scan(Table::Log, &log.first.to_be_bytes(), &mut |_, record| {
            records.push(record.to_vec());
            true
        }))?;
        records.extend(log.pending.iter().cloned());
        Ok(records)
    }
    fn put_abnormal(&self, mark: &Abnormal) -> Result<(), StoreError> {
        let mut rings = lock(&self.0.rings);
        let number = rings.abnormal.saturating_add(1);
        let mut batch = self.0.kv.batch();
        let gone = ABNORMAL.add(&mut batch, number, mark);
        if let Some(old) = gone
            && let Some(old_mark) = self.locate(ABNORMAL.get::<Abnormal>(&self.0.kv, old, "abnormal mark"))?
        {
            let key = by_hash(chain::MARK, &old_mark.transaction);
            if self.locate(self.0.kv.get(Table::Index, &key))?.is_some_and(|last| last == old.to_be_bytes()) {
                batch.delete(Table::Index, &key);
            }
        }
        batch.put(Table::Index, &by_hash(chain::MARK, &mark.transaction), &number.to_be_bytes());
        self.write(batch, Durability::Buffered)?;
        rings.abnormal = number;
        Ok(())
    }
    fn abnormal(&self, after: u64, limit: usize) -> Result<Vec<Kept<Abnormal>>, StoreError> {
        self.locate(ABNORMAL.list(&self.0.kv, after, limit, "abnormal mark"))
    }
    fn abnormal_of(&self, transaction: &Hash) -> Result<Option<Abnormal>, StoreError> {
        let snapshot = self.0.kv.snapshot();
        let bytes = self.locate(snapshot.get(Table::Index, &by_hash(chain::MARK, transaction)))?;
        let Some(bytes) = bytes else { return Ok(None) };
        let number = self.locate(chain::u64_of("a mark's number", &bytes))?;
        self.locate(ABNORMAL.get(&snapshot, number, "abnormal mark"))
    }
    fn put_evidence(&self, evidence: &Evidence) -> Result<(), StoreError> {
        let mut rings = lock(&self.0.rings);
        let number = rings.evidence.saturating_add(1);
        let mut batch = self.0.kv.batch();
        EVIDENCE.add(&mut batch, number, evidence);
        self.write(batch, Durability::Buffered)?;
        rings.evidence = number;
        Ok(())
    }
    fn evidence(&self, after: u64, limit: usize) -> Result<Vec<Kept<Evidence>>, StoreError> {
        self.locate(EVIDENCE.list(&self.0.kv, after, limit, "evidence"))
    }
    fn free_space(&self) -> Result<u64, StoreError> {
        self.0.kv.free_space()
    }
}
