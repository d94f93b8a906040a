//! Makes a checkpoint folder from the store.
//!
//! The store has its entries by key, a checkpoint by key hash: entries go into 256 heaps by the first byte of the hash,
//! in memory while they are few, in files beyond that; then each heap is sorted. Which part of the tree becomes a chunk
//! depends on the entries alone, so every node cuts the same state in the same way.

use super::{CHUNKS, Checkpoint, CheckpointError, INDEX, Index, PARTIAL, Row, file_fault, folder};
use crate::storage::Storage;
use althing_types::{
    checkpoint::{CHUNK_BYTES, ChunkEntry, DEPTH, MAX_CHUNK_ENTRIES, Prefix, Subtree},
    codec::{Bytes, encode},
    hash::Hash,
    id::Height,
    proof::ProofLeaf,
};
use borsh::BorshDeserialize;
use std::{
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

/// Bytes of entries that are kept in memory before they go into files.
const IN_MEMORY: usize = 48 * 1024 * 1024;
/// Heaps: one for each first byte of a key hash.
const HEAPS: usize = 256;
/// Bits that all entries of a heap share.
const HEAP_BITS: u16 = 8;

/// Called with the bytes that were worked on since the last call; `false` stops.
pub type Pace<'a> = &'a mut dyn FnMut(usize) -> bool;

/// Writes the state of `height`, whose root a header says, to its folder below `parent`, and opens it.
///
/// # Errors
/// [`CheckpointError`]; nothing is left behind then but a partial folder, which [`super::list`] removes.
pub fn write(
    store: &dyn Storage,
    height: Height,
    expected: Hash,
    parent: &Path,
    pace: Pace<'_>,
) -> Result<Checkpoint, CheckpointError> {
    let whole = folder(parent, height);
    let partial = whole.with_extension(PARTIAL);
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(file_fault(&partial))?;
    }
    fs::create_dir_all(&partial).map_err(file_fault(&partial))?;
    let mut heaps = Heaps::new(&partial);
    let (mut fault, mut on) = (None, true);
    store.entries(height, &mut |place, key, value| {
        fault = heaps.put(place, key, value).err();
        on = pace(key.len().saturating_add(value.len()));
        on && fault.is_none()
    })?;
    if let Some(error) = fault {
        return Err(error);
    }
    if !on {
        return Err(CheckpointError::Stopped);
    }
    let path = partial.join(CHUNKS);
    let file = File::create(&path).map_err(file_fault(&path))?;
    let mut chunks = Chunks { heaps, path, file: BufWriter::new(file), offset: 0, rows: Vec::new(), pace };
    chunks.cut(Prefix::ALL)?;
    let Chunks { heaps, path, file, rows, .. } = chunks;
    heaps.remove()?;
    let file = file.into_inner().map_err(|error| file_fault(&path)(error.into_error()))?;
    file.sync_all().map_err(file_fault(&path))?;
    let index = Index { height, rows };
    let path = partial.join(INDEX);
    let mut file = File::create(&path).map_err(file_fault(&path))?;
    file.write_all(&encode(&index)).and_then(|()| file.sync_all()).map_err(file_fault(&path))?;
    let found = althing_types::checkpoint::root(&index.parts());
    if found != expected {
        return Err(CheckpointError::Root { height, found, expected });
    }
    sync_folder(&partial)?;
    fs::rename(&partial, &whole).map_err(file_fault(&whole))?;
    sync_folder(parent)?;
    Checkpoint::open(&whole)
}

fn sync_folder(path: &Path) -> Result<(), CheckpointError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(file_fault(path))
}

/// Entries by the first byte of their key hash.
struct Heaps {
    folder: PathBuf,
    /// What is in memory of each.
    memory: Vec<Vec<u8>>,
    in_memory: usize,
    /// Whether anything went into files.
    spilled: bool,
    /// Bytes and number of all entries of each.
    totals: Vec<(usize, usize)>,
}

impl Heaps {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
            memory: vec![Vec::new(); HEAPS],
            in_memory: 0,
            spilled: false,
            totals: vec![(0, 0); HEAPS],
        }
    }

    fn file(&self, index: usize) -> PathBuf {
        self.folder.join(format!("spill-{index:02x}"))
    }

    fn put(&mut self, place: &Hash, key: &[u8], value: &[u8]) -> Result<(), CheckpointError> {
        let long = |_| CheckpointError::Index { path: self.folder.clone(), reason: "an entry is too long".into() };
        let entry = ChunkEntry {
            key: Bytes::new(key.to_vec()).map_err(long)?,
            value: Bytes::new(value.to_vec()).map_err(long)?,
        };
        let index = usize::from(place.0[0]);
        if let (Some(heap), Some(total)) = (self.memory.get_mut(index), self.totals.get_mut(index)) {
            let bytes = encode(&entry);
            *total = (total.0.saturating_add(bytes.len()), total.1.saturating_add(1));
            self.in_memory = self.in_memory.saturating_add(bytes.len());
            heap.extend_from_slice(&bytes);
        }
        if self.in_memory > IN_MEMORY { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> Result<(), CheckpointError> {
        for index in 0..HEAPS {
            let path = self.file(index);
            let Some(heap) = self.memory.get_mut(index) else { continue };
            let mut file = OpenOptions::new().create(true).append(true).open(&path).map_err(file_fault(&path))?;
            file.write_all(heap).map_err(file_fault(&path))?;
            *heap = Vec::new();
        }
        (self.in_memory, self.spilled) = (0, true);
        Ok(())
    }

    /// The entries of a heap with their leaves, by ascending key hash.
    fn sorted(&mut self, index: usize) -> Result<Vec<(ProofLeaf, ChunkEntry)>, CheckpointError> {
        let path = self.file(index);
        let mut bytes = if self.spilled { fs::read(&path).map_err(file_fault(&path))? } else { Vec::new() };
        bytes.append(&mut self.memory.get_mut(index).map(std::mem::take).unwrap_or_default());
        let (mut rest, mut entries) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let entry = ChunkEntry::deserialize(&mut rest).map_err(file_fault(&path))?;
            entries.push((entry.leaf(), entry));
        }
        entries.sort_unstable_by_key(|(leaf, _)| leaf.key);
        Ok(entries)
    }

    /// Bytes and number of the entries of some heaps.
    fn total(&self, heaps: std::ops::Range<usize>) -> (usize, usize) {
        let totals = self.totals.get(heaps).unwrap_or_default();
        totals.iter().fold((0, 0), |(a, b), (c, d)| (a.saturating_add(*c), b.saturating_add(*d)))
    }

    fn remove(self) -> Result<(), CheckpointError> {
        for index in (0..HEAPS).filter(|_| self.spilled) {
            let path = self.file(index);
            fs::remove_file(&path).map_err(file_fault(&path))?;
        }
        Ok(())
    }
}

const fn fits(bytes: usize, count: usize) -> bool {
    count <= 1 || (bytes <= CHUNK_BYTES && count <= MAX_CHUNK_ENTRIES)
}

/// The file of chunks under way.
struct Chunks<'a> {
    heaps: Heaps,
    path: PathBuf,
    file: BufWriter<File>,
    offset: u64,
    rows: Vec<Row>,
    pace: Pace<'a>,
}

impl Chunks<'_> {
    /// Writes the part of the tree at `prefix`, which has at most as many bits as a heap, as one chunk or as several.
    fn cut(&mut self, prefix: Prefix) -> Result<(), CheckpointError> {
        let first = usize::from(prefix.start.0[0]);
        let heaps = HEAPS.checked_shr(prefix.bits.into()).unwrap_or(1).max(1);
        let range = first..first.saturating_add(heaps);
        let (bytes, count) = self.heaps.total(range.clone());
        if fits(bytes, count) || prefix.bits == HEAP_BITS {
            let mut entries = Vec::with_capacity(count);
            for index in range {
                entries.append(&mut self.heaps.sorted(index)?);
            }
            return self.cut_sorted(prefix, &entries);
        }
        let Some((lower, upper)) = prefix.halves() else { return Ok(()) };
        self.cut(lower)?;
        self.cut(upper)
    }

    fn cut_sorted(&mut self, prefix: Prefix, entries: &[(ProofLeaf, ChunkEntry)]) -> Result<(), CheckpointError> {
        let bytes = entries.iter().fold(0usize, |sum, (_, entry)| sum.saturating_add(entry.len()));
        match prefix.halves() {
            Some((lower, upper)) if !fits(bytes, entries.len()) && prefix.bits < DEPTH => {
                let (below, above) = entries.split_at(entries.partition_point(|(leaf, _)| leaf.key < upper.start));
                self.cut_sorted(lower, below)?;
                self.cut_sorted(upper, above)
            }
            _ => self.write(prefix, entries),
        }
    }

    fn write(&mut self, prefix: Prefix, entries: &[(ProofLeaf, ChunkEntry)]) -> Result<(), CheckpointError> {
        let leaves: Vec<ProofLeaf> = entries.iter().map(|(leaf, _)| *leaf).collect();
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let mut bytes = count.to_le_bytes().to_vec();
        for (_, entry) in entries {
            bytes.extend_from_slice(&encode(entry));
        }
        self.file.write_all(&bytes).map_err(file_fault(&self.path))?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let subtree = Subtree::over(&leaves, prefix.bits);
        self.rows.push(Row { prefix, subtree, offset: self.offset, length, entries: count });
        self.offset = self.offset.saturating_add(length.into());
        if (self.pace)(bytes.len()) { Ok(()) } else { Err(CheckpointError::Stopped) }
    }
}
