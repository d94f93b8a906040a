//! Checkpoints on disk: the state of one height as a folder of chunks, beside the store.
//!
//! ```text
//! HEIGHT.partial/   while it is made: `spill-BB`, `chunks`, `index`
//! HEIGHT/           whole and synced: put in place by one rename
//!   chunks          the lists of entries, one after the other
//!   index           [`Index`]: where each list is, what part of the tree it is, and what it comes to
//! ```
//!
//! A folder is made once from a snapshot of the store ([`write()`]) and never changed. Serving reads one piece of one
//! file; the siblings of a chunk are computed from the index. Nothing of it is trusted by who receives it.

mod write;

pub use write::{Pace, write};

use crate::error::StoreError;
use althing_types::{
    checkpoint::{Chunk, Part, Prefix, Subtree, root, siblings},
    codec,
    hash::Hash,
    id::Height,
};
use borsh::{BorshDeserialize, BorshSerialize};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

pub(crate) const CHUNKS: &str = "chunks";
pub(crate) const INDEX: &str = "index";
const PARTIAL: &str = "partial";

/// Why a checkpoint was not made or cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the checkpoint.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The index cannot be read.
    #[error("{path}: {reason}")]
    Index {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The entries do not lead to the root of the header.
    #[error("the state of height {height} leads to root {found}, its header says {expected}")]
    Root {
        /// The height.
        height: Height,
        /// What the entries lead to.
        found: Hash,
        /// What the header says.
        expected: Hash,
    },
    /// The caller wanted no more.
    #[error("stopped")]
    Stopped,
}

pub(crate) fn file_fault(path: &Path) -> impl FnOnce(io::Error) -> CheckpointError + use<> {
    let path = path.to_path_buf();
    move |source| CheckpointError::File { path, source }
}

/// One chunk in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Row {
    pub(crate) prefix: Prefix,
    pub(crate) subtree: Subtree,
    pub(crate) offset: u64,
    pub(crate) length: u32,
    pub(crate) entries: u32,
}

/// What the file `index` holds, in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Index {
    pub(crate) height: Height,
    pub(crate) rows: Vec<Row>,
}

impl Index {
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.rows.iter().map(|row| Part { prefix: row.prefix, subtree: row.subtree }).collect()
    }
}

/// A checkpoint that can be read. Cheap to share; it keeps its file open, so it can be read after it was removed.
#[derive(Debug)]
pub struct Checkpoint {
    folder: PathBuf,
    file: File,
    index: Index,
    parts: Vec<Part>,
    root: Hash,
}

impl Checkpoint {
    /// Opens the checkpoint of a folder.
    ///
    /// # Errors
    /// [`CheckpointError::File`] and [`CheckpointError::Index`].
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let path = folder.join(INDEX);
        let bytes = fs::read(&path).map_err(file_fault(&path))?;
        let index: Index = codec::decode("index", &bytes, usize::MAX)
            .map_err(|error| CheckpointError::Index { path, reason: error.to_string() })?;
        let path = folder.join(CHUNKS);
        let file = File::open(&path).map_err(file_fault(&path))?;
        let parts = index.parts();
        Ok(Self { folder: folder.to_path_buf(), file, root: root(&parts), parts, index })
    }

    /// Its height.
    pub const fn height(&self) -> Height {
        self.index.height
    }

    /// The state root that its chunks lead to.
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        self.index.rows.len()
    }

    /// Number of entries.
    pub fn entries(&self) -> u64 {
        self.index.rows.iter().fold(0, |sum, row| sum.saturating_add(row.entries.into()))
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> u64 {
        self.index.rows.iter().fold(0, |sum, row| sum.saturating_add(row.length.into()))
    }

    /// Canonical bytes of the [`Chunk`] that holds a place of the tree.
    ///
    /// # Errors
    /// [`CheckpointError::File`] when it cannot be read.
    pub fn chunk(&self, place: &Hash) -> Result<Vec<u8>, CheckpointError> {
        let rows = &self.index.rows;
        let behind = rows.partition_point(|row| row.prefix.start <= *place);
        let index = behind.saturating_sub(1);
        let path = || self.folder.join(CHUNKS);
        let row = rows.get(index).ok_or_else(|| CheckpointError::Index { path: path(), reason: "no chunks".into() })?;
        let head = Chunk {
            height: self.index.height,
            prefix: row.prefix,
            siblings: siblings(&self.parts, index),
            entries: Default::default(),
        };
        // The last four bytes are the number of entries, with which the list in the file begins too.
        let mut out = codec::encode(&head);
        out.truncate(out.len().saturating_sub(4));
        let mut entries = vec![0; usize::try_from(row.length).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut entries, row.offset).map_err(file_fault(&path()))?;
        out.extend_from_slice(&entries);
        Ok(out)
    }
}

/// The folder of a height below `parent`.
pub fn folder(parent: &Path, height: Height) -> PathBuf {
    parent.join(height.to_string())
}

/// The whole checkpoints below a folder, by ascending height; what was left half made is removed.
///
/// # Errors
/// [`CheckpointError::File`] when the folder cannot be read.
pub fn list(parent: &Path) -> Result<Vec<Height>, CheckpointError> {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(file_fault(parent)(error)),
    };
    let mut heights = Vec::new();
    for entry in entries {
        let path = entry.map_err(file_fault(parent))?.path();
        if path.extension().is_some_and(|extension| extension == PARTIAL) {
            fs::remove_dir_all(&path).map_err(file_fault(&path))?;
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str());
        heights.extend(name.and_then(|name| name.parse().ok()).map(Height));
    }
    heights.sort_unstable();
    Ok(heights)
}

/// Removes the checkpoint of a height; who reads it can go on.
///
/// # Errors
/// [`CheckpointError::File`] when it cannot be removed.
pub fn remove(parent: &Path, height: Height) -> Result<(), CheckpointError> {
    let path = folder(parent, height);
    // Renamed first: a folder that is half gone must not count as whole.
    let dying = path.with_extension(PARTIAL);
    fs::rename(&path, &dying).map_err(file_fault(&path))?;
    fs::remove_dir_all(&dying).map_err(file_fault(&dying))
}
