//! Offers checkpoints: at each multiple of the chain's `checkpoint_blocks` the state of that height is written to a
//! folder beside the store, and the API serves it chunk by chunk.
//!
//! ```text
//! tip passes a multiple --> the pruner is held back --> snapshot of the store --> chunks --> offered
//!                                                                                   '--> older ones go
//! ```
//!
//! All of it happens on a thread of its own, at a bounded pace; no block waits for it. A node that cannot keep up skips
//! multiples. How joiners use what is offered is in [`crate::join`].

use crate::ledger::StoreSlot;
use althing_api::checkpoint::CheckpointDocument;
use althing_execution::Executor;
use althing_rpc::LedgerError;
use althing_state::{
    Storage, StoreError,
    checkpoint::{self, Checkpoint, CheckpointError},
};
use althing_types::{hash::Hash, id::Height};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Checkpoints that are kept anyway: the newest ones.
const KEPT: usize = 2;
/// Most that are kept while older ones are being fetched.
const MOST_KEPT: usize = 4;
/// How long after a chunk was read a checkpoint counts as being fetched.
const FETCHED: Duration = Duration::from_secs(60);
/// How long a checkpoint is kept at most once it is not among the newest, fetched or not.
const LONGEST_KEPT: Duration = Duration::from_secs(3_600);
/// Free space, beside twice the size of the last one, without which none is made: the chain needs it more.
const MIN_FREE: u64 = 256 * 1024 * 1024;
/// How often the tip is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After how many bytes the maker pauses, and for how long: it must not take the disk from commits.
const PACE_BYTES: usize = 512 * 1024;
/// See [`PACE_BYTES`].
const PACE_PAUSE: Duration = Duration::from_millis(10);
/// How many times as long as the last one took the maker rests before the next.
const REST_FACTOR: u32 = 4;

/// What is offered now. Shared by the maker and the API.
#[derive(Debug, Default)]
pub struct Offered {
    checkpoints: Mutex<BTreeMap<Height, Offer>>,
    /// No state from this height on may be forgotten yet; [`u64::MAX`] when all may.
    pin: Pin,
}

#[derive(Debug)]
struct Pin(AtomicU64);

impl Default for Pin {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

#[derive(Debug)]
struct Offer {
    checkpoint: Arc<Checkpoint>,
    read: Option<Instant>,
    superseded: Option<Instant>,
}

impl Offered {
    fn locked(&self) -> MutexGuard<'_, BTreeMap<Height, Offer>> {
        self.checkpoints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest height that the pruner may leave as the oldest.
    pub fn pinned(&self) -> Height {
        Height(self.pin.0.load(Ordering::SeqCst))
    }

    fn hold(&self, height: Height) {
        self.pin.0.store(height.0, Ordering::SeqCst);
    }

    /// What the API lists, the newest first.
    pub fn documents(&self) -> Vec<CheckpointDocument> {
        let document = |checkpoint: &Checkpoint| CheckpointDocument {
            height: checkpoint.height(),
            state_root: checkpoint.root(),
            chunks: checkpoint.chunks() as u64,
            entries: checkpoint.entries(),
            bytes: checkpoint.bytes(),
        };
        self.locked().values().rev().map(|offer| document(&offer.checkpoint)).collect()
    }

    /// Canonical bytes of the chunk that holds a place.
    ///
    /// # Errors
    /// [`LedgerError::NoCheckpoint`], and [`LedgerError::Fault`] when the file cannot be read.
    pub fn chunk(&self, height: Height, place: &Hash) -> Result<Vec<u8>, LedgerError> {
        let checkpoint = {
            let mut offers = self.locked();
            let offer = offers.get_mut(&height).ok_or(LedgerError::NoCheckpoint { height })?;
            offer.read = Some(Instant::now());
            Arc::clone(&offer.checkpoint)
        };
        checkpoint.chunk(place).map_err(|error| LedgerError::Fault { reason: error.to_string() })
    }

    fn add(&self, checkpoint: Checkpoint) {
        let height = checkpoint.height();
        let offer = Offer { checkpoint: Arc::new(checkpoint), read: None, superseded: None };
        self.locked().insert(height, offer);
    }

    /// Takes out what is to be removed from disk.
    fn outdated(&self, now: Instant) -> Vec<Height> {
        let mut offers = self.locked();
        let mut old: Vec<Height> = offers.keys().rev().skip(KEPT).copied().collect();
        let spare = MOST_KEPT.saturating_sub(KEPT);
        let mut kept = 0usize;
        old.retain(|height| {
            let Some(offer) = offers.get_mut(height) else { return false };
            let since = *offer.superseded.get_or_insert(now);
            let fetched = offer.read.is_some_and(|read| now.duration_since(read) < FETCHED);
            let keep = fetched && kept < spare && now.duration_since(since) < LONGEST_KEPT;
            kept = kept.saturating_add(usize::from(keep));
            !keep
        });
        for height in &old {
            offers.remove(height);
        }
        old
    }

    fn newest_bytes(&self) -> u64 {
        self.locked().values().next_back().map_or(0, |offer| offer.checkpoint.bytes())
    }

    fn newest(&self) -> Option<Height> {
        self.locked().keys().next_back().copied()
    }
}

/// Makes checkpoints as long as the node runs.
pub struct Maker<S> {
    /// The store of the running node.
    pub store: StoreSlot<S>,
    /// Where checkpoints lie.
    pub folder: PathBuf,
    /// What is offered.
    pub offered: Arc<Offered>,
    /// Whether the process is to end.
    pub stopping: Arc<AtomicBool>,
}

impl<S: Storage + 'static> Maker<S> {
    /// Offers what is on disk already, and begins to make more on a thread of its own.
    ///
    /// # Errors
    /// When the folder cannot be read or the thread not be started.
    pub fn spawn(self) -> anyhow::Result<()> {
        self.offer_known()?;
        std::thread::Builder::new().name("checkpoint".into()).spawn(move || self.run())?;
        Ok(())
    }

    fn offer_known(&self) -> anyhow::Result<()> {
        let Some(store) = self.open_store() else { return Ok(()) };
        for height in checkpoint::list(&self.folder)? {
            let path = checkpoint::folder(&self.folder, height);
            let expected = store.header(height)?.map(|header| header.state_root);
            match Checkpoint::open(&path) {
                Ok(found) if Some(found.root()) == expected => self.offered.add(found),
                Ok(_) => self.remove(height),
                Err(error) => {
                    tracing::warn!(height = height.0, %error, "a checkpoint cannot be read and is removed");
                    self.remove(height);
                }
            }
        }
        Ok(())
    }

    fn open_store(&self) -> Option<Arc<S>> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn run(&self) {
        let mut rest_until = Instant::now();
        while !self.stopping.load(Ordering::SeqCst) {
            std::thread::sleep(LOOK_EVERY);
            for height in self.offered.outdated(Instant::now()) {
                self.remove(height);
            }
            let Some(store) = self.open_store() else { continue };
            let begun = Instant::now();
            match self.make_due(&*store, begun < rest_until) {
                Ok(false) => {}
                Ok(true) => {
                    let now = Instant::now();
                    let rest = now.duration_since(begun).saturating_mul(REST_FACTOR);
                    rest_until = now.checked_add(rest).unwrap_or(now);
                    self.offered.hold(Height(u64::MAX));
                }
                Err(CheckpointError::Stopped) => return,
                Err(error) => {
                    tracing::warn!(%error, "no checkpoint was made");
                    // What is half made only takes space.
                    let _ = checkpoint::list(&self.folder);
                    self.offered.hold(Height(u64::MAX));
                    rest_until = begun.checked_add(FETCHED).unwrap_or(begun);
                }
            }
        }
    }

    /// Makes the checkpoint that is due, if one is; otherwise sees to it that the next one can be made.
    fn make_due(&self, store: &S, resting: bool) -> Result<bool, CheckpointError> {
        let Some(tip) = store.tip()? else { return Ok(false) };
        let parameters = Executor::parameters(&*store.view());
        let every = parameters.map_or(0, |parameters| parameters.checkpoint_blocks);
        let Some(behind) = tip.height.0.checked_rem(every) else {
            self.offered.hold(Height(u64::MAX));
            return Ok(false);
        };
        let due = Height(tip.height.0.saturating_sub(behind));
        if due.0 == 0 || due <= store.base()? || self.offered.newest().is_some_and(|newest| newest >= due) {
            self.offered.hold(Height(due.0.saturating_add(every)));
            return Ok(false);
        }
        if resting {
            return Ok(false);
        }
        let free = store.free_space()?;
        if free < self.offered.newest_bytes().saturating_mul(2).saturating_add(MIN_FREE) {
            tracing::debug!(height = due.0, free, "no checkpoint: too little space");
            self.offered.hold(Height(u64::MAX));
            return Ok(false);
        }
        self.offered.hold(due);
        let Some(header) = store.header(due)? else { return Ok(false) };
        let begun = Instant::now();
        let mut since_pause = 0usize;
        let mut pace = |bytes: usize| {
            since_pause = since_pause.saturating_add(bytes);
            if since_pause >= PACE_BYTES {
                since_pause = 0;
                std::thread::sleep(PACE_PAUSE);
            }
            !self.stopping.load(Ordering::SeqCst)
        };
        let made = match checkpoint::write(store, due, header.state_root, &self.folder, &mut pace) {
            Err(CheckpointError::Store(StoreError::Pruned { height, .. })) => {
                tracing::debug!(height = height.0, "the state of a checkpoint was forgotten before it was written");
                return Ok(false);
            }
            other => other?,
        };
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (entries, chunks, bytes) = (made.entries(), made.chunks(), made.bytes());
        tracing::info!(height = due.0, entries, chunks, bytes, took_ms, "checkpoint");
        self.offered.add(made);
        Ok(true)
    }

    fn remove(&self, height: Height) {
        if let Err(error) = checkpoint::remove(&self.folder, height) {
            tracing::warn!(height = height.0, %error, "a checkpoint was not removed");
        }
    }
}

/// Where a chain's checkpoints lie.
pub fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("checkpoints")
}
