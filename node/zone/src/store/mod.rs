//! What survives a restart: the last version, the deltas that led to it, and so the serial.
//!
//! ```text
//!   zone.snapshot   one whole version                       written anew from time to time: temporary file, sync, rename
//!   zone.journal    deltas before and behind the snapshot   each appended and synced before its version is served
//!   lock            held while a process uses the folder
//! ```
//! Nothing here knows what a zone should look like; it gives back what was put in, or refuses.

pub mod journal;
pub mod snapshot;

use crate::{
    error::{Result, ZoneFault},
    record::Owner,
    version::{Delta, Difference, Published},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, ErrorKind, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// The journal is written anew when it is longer than this, than the snapshot, and than twice what it was then.
const MIN_COMPACTION: u64 = 4 * 1024 * 1024;

/// The state folder of one zone.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    journal: File,
    length: u64,
    snapshot: u64,
    /// Length of the journal when it was written anew.
    compacted: u64,
    _lock: File,
}

/// What a state folder held.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The last version with its history; `None` in a new folder.
    pub published: Option<Published>,
    /// A serial that may have been served once and was lost: the next one must be after it.
    pub lost: Option<u32>,
}

impl Store {
    /// Opens the folder of a zone, or makes it.
    ///
    /// # Errors
    /// [`ZoneFault`] 201 to 204.
    pub fn open(folder: &Path, apex: &Owner) -> Result<(Self, Restored)> {
        fs::create_dir_all(folder).map_err(|e| ZoneFault::file("make folder", folder, e))?;
        let lock = folder.join("lock");
        let lock_file = open(&lock)?;
        match lock_file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(ZoneFault::InUse { folder: folder.into() }),
            Err(fs::TryLockError::Error(error)) => return Err(ZoneFault::file("lock", lock, error)),
        }
        let snapshot_file = folder.join("zone.snapshot");
        let journal_file = folder.join("zone.journal");
        let snapshot = match fs::read(&snapshot_file) {
            Ok(octets) => Some(octets),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(ZoneFault::file("read", snapshot_file, error)),
        };
        let journal = open(&journal_file)?;
        let octets = fs::read(&journal_file).map_err(|e| ZoneFault::file("read", &journal_file, e))?;
        let read = journal::decode(&octets).map_err(|damage| ZoneFault::Damaged {
            file: journal_file.clone(),
            at: damage.at,
            reason: damage.reason,
        })?;
        let mut store = Self {
            folder: folder.into(),
            journal,
            length: read.length,
            snapshot: snapshot.as_ref().map_or(0, |s| s.len() as u64),
            compacted: 0,
            _lock: lock_file,
        };
        let Some(octets) = snapshot else {
            if !read.deltas.is_empty() {
                let reason = "there is a journal and no snapshot".into();
                return Err(ZoneFault::Damaged { file: snapshot_file, at: 0, reason });
            }
            store.length = 0;
            return Ok((store, Restored::default()));
        };
        let damaged = |at: u64, reason: String| ZoneFault::Damaged { file: snapshot_file.clone(), at, reason };
        let version = snapshot::read(&octets).map_err(|reason| damaged(0, reason))?;
        if version.apex != *apex {
            let (found, expected) = (version.apex.to_string(), apex.to_string());
            return Err(ZoneFault::OtherZone { folder: folder.into(), found, expected });
        }
        let lost = read.torn.map(|serial| serial.unwrap_or_else(|| version.serial.wrapping_add(1)));
        let deltas: Vec<Arc<Delta>> = read.deltas.into_iter().map(Arc::new).collect();
        let mut published = Published { version, history: deltas };
        replay(&mut published).map_err(|reason| damaged(0, reason))?;
        let lost = lost.map(|serial| {
            let next = published.version.serial.wrapping_add(1);
            if crate::serial::is_after(serial, next) { serial } else { next }
        });
        if published.history.is_empty() {
            store.length = 0;
        }
        Ok((store, Restored { published: Some(published), lost }))
    }

    /// Makes a delta durable.
    ///
    /// # Errors
    /// [`ZoneFault`] 201; the delta must not be served then.
    pub fn append(&mut self, delta: &Delta) -> Result<()> {
        let file = self.folder.join("zone.journal");
        let fault = |error| ZoneFault::file("write", &file, error);
        let entry = journal::encode(delta).map_err(|e| fault(std::io::Error::new(ErrorKind::InvalidData, e)))?;
        let end = self.length.saturating_add(entry.len() as u64);
        self.journal.seek(SeekFrom::Start(self.length)).map_err(fault)?;
        self.journal.write_all(&entry).map_err(fault)?;
        self.journal.set_len(end).map_err(fault)?;
        self.journal.sync_all().map_err(fault)?;
        self.length = end;
        Ok(())
    }

    /// Whether the journal has grown so long that it should be written anew.
    pub fn wants_compaction(&self) -> bool {
        // Twice as long as after the last time, or a long history would be written again with every delta.
        self.length > self.compacted.saturating_mul(2).max(self.snapshot).max(MIN_COMPACTION)
    }

    /// Writes the snapshot anew, then the journal with the deltas of the version's history only.
    ///
    /// # Errors
    /// [`ZoneFault`] 201; what was durable before still is.
    pub fn compact(&mut self, published: &Published) -> Result<()> {
        let snapshot = self.folder.join("zone.snapshot");
        self.snapshot = replace(&snapshot, |out| snapshot::write(&published.version, out))?;
        let journal = self.folder.join("zone.journal");
        self.length = replace(&journal, |out| {
            for delta in &published.history {
                let entry = journal::encode(delta).map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e))?;
                out.write_all(&entry)?;
            }
            Ok(())
        })?;
        self.journal = open(&journal)?;
        self.compacted = self.length;
        Ok(())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Brings the snapshot's version to the end of the journal. The snapshot may be of any version that the journal names; a
/// journal that ends before it, as after a crash between the two files of a compaction, is only history.
fn replay(published: &mut Published) -> Result<(), String> {
    let Published { version, history } = published;
    let Some(last) = history.last() else { return Ok(()) };
    if last.to == version.serial {
        return Ok(());
    }
    let Some(at) = history.iter().position(|delta| delta.from == version.serial) else {
        return Err(format!("its serial {} is not in the journal, which ends with {}", version.serial, last.to));
    };
    for delta in history.get(at..).unwrap_or_default() {
        let difference = Difference { deleted: delta.deleted.clone(), added: delta.added.clone() };
        if version.soa != delta.soa_before || !difference.deleted.iter().all(|r| version.records.contains(r)) {
            return Err(format!("the journal's change to serial {} does not fit it", delta.to));
        }
        difference.apply(&mut version.records);
        version.serial = delta.to;
        version.soa = delta.soa_after.clone();
        version.origin = delta.origin;
        version.delegations = delta.delegations;
    }
    Ok(())
}

fn open(file: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(file)
        .map_err(|e| ZoneFault::file("open", file, e))
}

/// Replaces a file so that a crash leaves the old one or the new one; gives the new one's length.
///
/// # Errors
/// [`ZoneFault`] 201.
pub fn replace(file: &Path, write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>) -> Result<u64> {
    let temporary = file.with_extension("new");
    let fault = |action: &'static str| {
        let file = temporary.clone();
        move |error| ZoneFault::file(action, file, error)
    };
    let new = File::create(&temporary).map_err(fault("create"))?;
    let mut out = BufWriter::with_capacity(1 << 20, &new);
    write(&mut out).map_err(fault("write"))?;
    out.flush().map_err(fault("write"))?;
    drop(out);
    new.sync_all().map_err(fault("sync"))?;
    let length = new.metadata().map_err(fault("read"))?.len();
    fs::rename(&temporary, file).map_err(fault("rename"))?;
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        File::open(folder).and_then(|f| f.sync_all()).map_err(|e| ZoneFault::file("sync", folder, e))?;
    }
    Ok(length)
}
