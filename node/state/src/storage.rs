//! The interface of the store: what the node writes and what everybody reads.
//!
//! A block's life here: [`Storage::stage`] computes the state root that its writes lead to, without writing anything;
//! when the block is final, [`Storage::commit`] writes everything that belongs to it in one atomic, synced batch.
//! Between the two, the consensus log ([`Storage::log_append`], [`Storage::log_sync`]) keeps what this node has
//! promised at the present height.

use crate::{error::StoreError, past::VisitEntry, tree::TreeChange};
use althing_types::{
    authority::AuthorityList,
    block::{Block, Header},
    certificate::QuorumCertificate,
    event::{Event, EventId},
    genesis::Genesis,
    hash::Hash,
    id::Height,
    proof::StateProof,
    receipt::Receipt,
    recovery::ProvenRecovery,
    transaction::Abnormal,
    view::StateView,
    vote::Evidence,
};
use std::collections::BTreeMap;

/// New values by state key; `None` deletes.
pub type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The end of the chain in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its height; 0 right after genesis.
    pub height: Height,
    /// Hash of its header; the genesis hash at height 0.
    pub block: Hash,
    /// Root of the state after it.
    pub state_root: Hash,
    /// Its header; `None` at height 0.
    pub header: Option<Header>,
}

/// The state changes of a block that may become final: its root, and what a commit of it will write.
///
/// Only [`Storage::stage`] makes one. Several may be staged for one height; at most one is committed.
#[derive(Clone, Debug)]
pub struct Staged {
    /// Height it was staged for.
    pub height: Height,
    /// Root of the state after the writes.
    pub root: Hash,
    /// The block before, as the store had it.
    pub(crate) parent: Hash,
    /// Tree nodes and old values.
    pub(crate) change: TreeChange,
}

/// Everything that becomes durable with a block.
#[derive(Clone, Debug)]
pub struct Commit<'a> {
    /// The block.
    pub block: &'a Block,
    /// Why it is final.
    pub certificate: &'a QuorumCertificate,
    /// What became of its transactions, in order.
    pub receipts: &'a [Receipt],
    /// The authority list that decides the next height.
    pub next_authorities: &'a AuthorityList,
    /// What [`Storage::stage`] gave for these writes.
    pub staged: Staged,
    /// The same writes that were staged.
    pub writes: &'a Writes,
}

/// An event with where it stands and the transaction that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Where it stands.
    pub id: EventId,
    /// Hash of the transaction.
    pub transaction: Hash,
    /// The event.
    pub event: Event,
}

/// Something kept in a bounded ring, with its number; numbers only grow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    /// Its number, from 1.
    pub number: u64,
    /// The thing.
    pub value: T,
}

/// Most abnormal transactions that are kept; the oldest goes first.
pub const MAX_ABNORMAL: u64 = 10_000;
/// Most pieces of evidence that are kept; the oldest goes first.
pub const MAX_EVIDENCE: u64 = 1_000;

/// The durable part of a node. Handles are cheap to clone and may be used from any thread; one thread writes blocks.
pub trait Storage: Send + Sync {
    /// The last committed block; `None` before [`Storage::initialise`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn tip(&self) -> Result<Option<Tip>, StoreError>;

    /// The genesis that the chain started from; `None` before [`Storage::initialise`].
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn genesis(&self) -> Result<Option<Genesis>, StoreError>;

    /// Writes genesis and the first state as height 0 and returns its root. With the same genesis again it changes
    /// nothing and returns the stored root.
    ///
    /// # Errors
    /// [`StoreError::OtherGenesis`] when the store belongs to another chain; write errors.
    fn initialise(&self, genesis: &Genesis, writes: &Writes) -> Result<Hash, StoreError>;

    /// The state after the last commit; later commits do not change what this view shows.
    fn view(&self) -> Box<dyn StateView + Send + '_>;
    /// The state after `height`, scans included; later commits and prunes do not change what this view shows.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below the retention window, [`StoreError::NotYet`] above the tip.
    fn view_at(&self, height: Height) -> Result<Box<dyn StateView + Send + '_>, StoreError>;

    /// Computes the state root after `writes` on top of the last commit. Nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] when `height` does not follow the tip, [`StoreError::Empty`], [`StoreError::Corrupt`].
    fn stage(&self, height: Height, writes: &Writes) -> Result<Staged, StoreError>;

    /// Makes a block final: block, certificate, the next authority list, tree nodes, values, receipts, events,
    /// transaction index and tip in one atomic, synced batch, which also drops the whole consensus log, be it synced
    /// or not.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] when the parts do not belong together or do not follow the tip (nothing is written);
    /// [`StoreError::Broken`] or [`StoreError::DiskFull`] when the write failed.
    fn commit(&self, commit: Commit<'_>) -> Result<(), StoreError>;

    /// The header of a height.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`]. The same for all readers below.
    fn header(&self, height: Height) -> Result<Option<Header>, StoreError>;
    /// The block of a height.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn block(&self, height: Height) -> Result<Option<Block>, StoreError>;
    /// The certificate of a height.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn certificate(&self, height: Height) -> Result<Option<QuorumCertificate>, StoreError>;
    /// The authority list that decides a height; known up to one height after the tip.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn authorities(&self, height: Height) -> Result<Option<AuthorityList>, StoreError>;
    /// The recovery that a height began with; `None` for most.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn recovery(&self, height: Height) -> Result<Option<ProvenRecovery>, StoreError>;
    /// Keeps a recovery that was checked against the tip, synced, until the next commit; it replaces one that was kept
    /// before.
    ///
    /// # Errors
    /// Write errors.
    fn keep_recovery(&self, recovery: &ProvenRecovery) -> Result<(), StoreError>;
    /// The recovery that is kept for the height after the tip.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn kept_recovery(&self) -> Result<Option<ProvenRecovery>, StoreError>;
    /// The height of the block with this header hash.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn height_of_block(&self, block: &Hash) -> Result<Option<Height>, StoreError>;
    /// Where a transaction is: height and position in the block.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn transaction(&self, transaction: &Hash) -> Result<Option<(Height, u32)>, StoreError>;
    /// The receipt of the transaction at this position.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn receipt(&self, height: Height, index: u32) -> Result<Option<Receipt>, StoreError>;
    /// All receipts of a height, in order; `None` when there is no such block.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn receipts(&self, height: Height) -> Result<Option<Vec<Receipt>>, StoreError>;
    /// At most `limit` events from `from` on (inclusive), in order, over as many heights as that takes; the search
    /// ends after [`crate::MAX_EVENT_SCAN`] receipts, so an empty answer with a lower `next` is not the end.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn events(&self, from: EventId, limit: usize) -> Result<EventPage, StoreError>;

    /// The value of a state key after `height`.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below the retention window, [`StoreError::NotYet`] above the tip.
    fn read(&self, height: Height, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// The value of a state key after `height`, with the proof that `types::proof` checks under that height's root.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below the retention window, [`StoreError::NotYet`] above the tip.
    fn prove(&self, height: Height, key: &[u8]) -> Result<(Option<Vec<u8>>, StateProof), StoreError>;
    /// Visits every entry of the state after `height`, each once, in no order that is promised. Later commits and prunes
    /// do not change what is visited.
    ///
    /// # Errors
    /// [`StoreError::Pruned`] below the retention window, [`StoreError::NotYet`] above the tip.
    fn entries(&self, height: Height, visit: VisitEntry<'_>) -> Result<(), StoreError>;
    /// The height of the checkpoint that the store began with, 0 when it began with the genesis. Blocks, receipts and
    /// events up to it are not here; its header, certificate and authority list are.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn base(&self) -> Result<Height, StoreError>;
    /// The oldest height whose state can be read and proven.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn oldest(&self) -> Result<Height, StoreError>;
    /// Forgets states older than `oldest`, a bounded amount of work per call (about [`crate::PRUNE_ENTRIES`]
    /// entries, at least one height), and returns the oldest height that is kept now. Call again while that is lower.
    /// Blocks, receipts and events are never pruned. May run beside commits.
    ///
    /// # Errors
    /// Write errors.
    fn prune(&self, oldest: Height) -> Result<Height, StoreError>;

    /// Adds a record to the consensus log. It is lost in a crash until [`Storage::log_sync`] returned.
    ///
    /// # Errors
    /// [`StoreError::Broken`] and [`StoreError::DiskFull`] once a write has failed.
    fn log_append(&self, record: &[u8]) -> Result<(), StoreError>;
    /// Makes all records appended so far durable, in one synced write. Nothing to do is no write.
    ///
    /// # Errors
    /// [`StoreError::Broken`] and [`StoreError::DiskFull`]: then nothing that depends on the log may be sent.
    fn log_sync(&self) -> Result<(), StoreError>;
    /// The records since the last commit, in order.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn log_read(&self) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Keeps the mark of a transaction that was left out; not synced on its own. At most [`MAX_ABNORMAL`] are kept.
    ///
    /// # Errors
    /// Write errors.
    fn put_abnormal(&self, mark: &Abnormal) -> Result<(), StoreError>;
    /// At most `limit` marks with a number greater than `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn abnormal(&self, after: u64, limit: usize) -> Result<Vec<Kept<Abnormal>>, StoreError>;
    /// The last mark of a transaction.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn abnormal_of(&self, transaction: &Hash) -> Result<Option<Abnormal>, StoreError>;
    /// Keeps evidence against an authority; not synced on its own. At most [`MAX_EVIDENCE`] are kept.
    ///
    /// # Errors
    /// Write errors.
    fn put_evidence(&self, evidence: &Evidence) -> Result<(), StoreError>;
    /// At most `limit` pieces of evidence with a number greater than `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    fn evidence(&self, after: u64, limit: usize) -> Result<Vec<Kept<Evidence>>, StoreError>;

    /// Bytes that can still be written where the store is.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the system does not say.
    fn free_space(&self) -> Result<u64, StoreError>;
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events, in order.
    pub events: Vec<StoredEvent>,
    /// Where to go on from: the first event that was not looked at, be it there already or not.
    pub next: EventId,
}
