//! The store on disk: RocksDB, opened so that it neither loses nor hides anything.
//!
//! The folder holds `db` (RocksDB) and `acknowledged` (see [`crate::acknowledged`]). What was acknowledged is found
//! again after a kill or a power cut; what is damaged is refused with what to do about it. Log recovery tolerates a
//! torn record at the end of the log, as a crash leaves it, and nothing else; because RocksDB cannot tell a torn end
//! from a damaged length field near the end, the acknowledged position is kept beside it and compared.

use crate::{
    acknowledged::Acknowledged,
    chain::{FORMAT, META_FORMAT, META_GENESIS, u32_of},
    error::StoreError,
    kv::{Batch, Durability, Kv, Reader, Table, Visit},
    store::{Caches, Store},
};
use rocksdb::{
    BlockBasedIndexType, BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRecoveryMode, Direction, ErrorKind, IteratorMode, LogLevel, Options, ReadOptions, Snapshot, WriteBatch,
    WriteOptions,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const MIB: usize = 1024 * 1024;
/// Blocks of table files that are kept in memory, at most.
const BLOCK_CACHE: usize = 96 * MIB;
/// Size of a part of an index or a filter.
const PART: usize = 4 * 1024;
/// Size at which a table's write buffer is written out.
const WRITE_BUFFER: usize = 16 * MIB;
/// Write buffers of all tables together.
const ALL_WRITE_BUFFERS: usize = 48 * MIB;
/// Log length at which write buffers are written out, so that a restart is quick.
const MAX_LOG: u64 = 96 * MIB as u64;
/// Table files that are open at once.
const MAX_OPEN_FILES: i32 = 256;
/// Size of a store up to which opening it reads every block of every table.
const VERIFY_ON_OPEN: u64 = 256 * MIB as u64;

/// Budgets of a store on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RocksOptions {
    /// Bytes of tree nodes kept in memory.
    pub tree_cache_bytes: usize,
    /// Opening reads and checks everything when the store has at most this many bytes; a larger one is checked as it
    /// is read, or by [`RocksStore::verify`].
    pub verify_up_to_bytes: u64,
}

impl Default for RocksOptions {
    fn default() -> Self {
        Self { tree_cache_bytes: 32 * MIB, verify_up_to_bytes: VERIFY_ON_OPEN }
    }
}

/// A store on disk.
pub type RocksStore = Store<RocksKv>;

/// RocksDB with the position that was acknowledged last.
#[derive(Debug)]
pub struct RocksKv {
    db: DB,
    path: PathBuf,
    acknowledged: Mutex<Acknowledged>,
}

impl RocksStore {
    /// Opens the store in the folder `path`, which is made when it is not there.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Corrupt`], [`StoreError::Format`], [`StoreError::DiskFull`],
    /// [`StoreError::Open`].
    pub fn open(path: &Path, options: RocksOptions) -> Result<Self, StoreError> {
        let mut store = Self::unloaded(RocksKv::open(path)?, Caches { tree_bytes: options.tree_cache_bytes });
        if size_of_folder(&database(path)) <= options.verify_up_to_bytes {
            store.verify()?;
        }
        store.load()?;
        Ok(store)
    }

    /// Reads every block of every table, which checks their checksums.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn verify(&self) -> Result<(), StoreError> {
        let kv = self.kv();
        for table in Table::ALL {
            let mut options = ReadOptions::default();
            options.fill_cache(false);
            options.set_verify_checksums(true);
            options.set_readahead_size(2 * MIB);
            for entry in kv.db.iterator_cf_opt(kv.family(table)?, options, IteratorMode::Start) {
                entry.map_err(|e| kv.fault(&e))?;
            }
        }
        Ok(())
    }

    /// Memory that RocksDB uses now, in bytes: block cache, write buffers, open tables.
    pub fn memory_bytes(&self) -> u64 {
        let kv = self.kv();
        let property = |family: &ColumnFamily, name: &str| kv.db.property_int_value_cf(family, name).ok().flatten();
        let mut sum = 0u64;
        for table in Table::ALL {
            let Ok(family) = kv.family(table) else { continue };
            for name in ["rocksdb.cur-size-all-mem-tables", "rocksdb.estimate-table-readers-mem"] {
                sum = sum.saturating_add(property(family, name).unwrap_or(0));
            }
        }
        let cache = kv.family(Table::State).ok().and_then(|family| property(family, "rocksdb.block-cache-usage"));
        sum.saturating_add(cache.unwrap_or(0))
    }
}

fn database(path: &Path) -> PathBuf {
    path.join("db")
}

fn size_of_folder(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).fold(0, |sum, data| sum.saturating_add(data.len()))
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options.set_paranoid_checks(true);
    options.set_track_and_verify_wals_in_manifest(true);
    options.set_max_total_wal_size(MAX_LOG);
    options.set_db_write_buffer_size(ALL_WRITE_BUFFERS);
    options.set_max_open_files(MAX_OPEN_FILES);
    options.set_max_background_jobs(2);
    options.set_bytes_per_sync(MIB as u64);
    options.set_max_log_file_size(MIB);
    options.set_keep_log_file_num(2);
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options
}

fn table_options(table: Table, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    // Index and filters in parts: whole ones of a large state push each other out of the cache, and each is read and
    // checked anew for one entry.
    blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
    blocks.set_partition_filters(true);
    blocks.set_metadata_block_size(PART);
    blocks.set_cache_index_and_filter_blocks(true);
    blocks.set_pin_top_level_index_and_filter(true);
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_format_version(5);
    blocks.set_block_size(if table == Table::Chain { 16 * 1024 } else { 4 * 1024 });
    let mut options = Options::default();
    options.set_block_based_table_factory(&blocks);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_write_buffer_size(WRITE_BUFFER);
    options.set_max_write_buffer_number(2);
    options.set_level_compaction_dynamic_level_bytes(true);
    options
}

impl RocksKv {
    fn open(path: &Path) -> Result<Self, StoreError> {
        let place = path.display().to_string();
        let cannot = |reason: String| StoreError::Open { path: place.clone(), reason };
        let corrupt = |reason: String| StoreError::Corrupt { path: place.clone(), reason };
        let folder = database(path);
        fs::create_dir_all(&folder).map_err(|e| cannot(e.to_string()))?;
        refuse_headless(&folder).map_err(corrupt)?;
        sync_folders(path).map_err(|e| cannot(e.to_string()))?;
        let cache = Cache::new_lru_cache(BLOCK_CACHE);
        let families = Table::ALL.map(|table| ColumnFamilyDescriptor::new(table.name(), table_options(table, &cache)));
        let db = DB::open_cf_descriptors(&database_options(), &folder, families)
            .map_err(|error| open_fault(&place, &error))?;
        let acknowledged = Acknowledged::open(&path.join("acknowledged")).map_err(|e| cannot(e.to_string()))?;
        let (promised, found) = (acknowledged.position(), db.latest_sequence_number());
        if found < promised {
            let reason = format!(
                "the log ends at write {found}, but write {promised} was acknowledged: the end of the log is damaged"
            );
            return Err(corrupt(reason));
        }
        let kv = Self { db, path: path.to_path_buf(), acknowledged: Mutex::new(acknowledged) };
        kv.check_format()?;
        Ok(kv)
    }

    fn check_format(&self) -> Result<(), StoreError> {
        let wrong = |found: String| StoreError::Format { path: self.place(), found, expected: FORMAT };
        match self.get(Table::Meta, META_FORMAT)? {
            Some(bytes) => match u32_of("the format", &bytes) {
                Ok(FORMAT) => Ok(()),
                Ok(found) => Err(wrong(found.to_string())),
                Err(error) => Err(wrong(error.to_string())),
            },
            None if self.get(Table::Meta, META_GENESIS)?.is_some() => Err(wrong("unknown".into())),
            None => {
                let mut batch = self.batch();
                batch.put(Table::Meta, META_FORMAT, &FORMAT.to_be_bytes());
                self.write(batch, Durability::Synced)
            }
        }
    }

    fn family(&self, table: Table) -> Result<&ColumnFamily, StoreError> {
        let missing = || StoreError::Corrupt { path: self.place(), reason: format!("no table {}", table.name()) };
        self.db.cf_handle(table.name()).ok_or_else(missing)
    }

    /// What a failed read or write means.
    fn fault(&self, error: &rocksdb::Error) -> StoreError {
        let reason = error.to_string();
        match error.kind() {
            ErrorKind::Corruption => StoreError::Corrupt { path: self.place(), reason },
            _ => write_fault(reason),
        }
    }

    fn scan_with(&self, table: Table, from: &[u8], options: ReadOptions, visit: Visit<'_>) -> Result<(), StoreError> {
        let mode = IteratorMode::From(from, Direction::Forward);
        for entry in self.db.iterator_cf_opt(self.family(table)?, options, mode) {
            let (key, value) = entry.map_err(|e| self.fault(&e))?;
            if !visit(&key, &value) {
                break;
            }
        }
        Ok(())
    }
}

/// A disk that is full is waited for; whatever else a write meets is not.
fn write_fault(reason: String) -> StoreError {
    if is_full(&reason) { StoreError::DiskFull { reason } } else { StoreError::Broken { reason } }
}

fn is_full(reason: &str) -> bool {
    ["No space left", "NoSpace", "Disk quota exceeded"].iter().any(|text| reason.contains(text))
}

/// A folder with table files or logs but without the file that names the present manifest is damaged, not new.
fn refuse_headless(folder: &Path) -> Result<(), String> {
    if folder.join("CURRENT").exists() {
        return Ok(());
    }
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_data = name.ends_with(".sst") || (name.ends_with(".log") && entry.metadata().is_ok_and(|m| m.len() > 0));
        if is_data {
            return Err(format!("the file CURRENT is missing, but {name} is there"));
        }
    }
    Ok(())
}

/// Makes the folder's own entry durable: a new store must not vanish with the power.
fn sync_folders(path: &Path) -> std::io::Result<()> {
    fs::File::open(path)?.sync_all()?;
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn open_fault(place: &str, error: &rocksdb::Error) -> StoreError {
    let (path, reason) = (place.to_string(), error.to_string());
    if reason.contains("lock hold by current process") || reason.contains("While lock file") {
        StoreError::Locked { path, reason }
    } else if is_full(&reason) {
        StoreError::DiskFull { reason }
    } else if reason.contains("olumn famil") || error.kind() == ErrorKind::NotSupported {
        StoreError::Format { path, found: format!("of another program ({reason})"), expected: FORMAT }
    } else if error.kind() == ErrorKind::Corruption || reason.contains("No such file or directory") {
        StoreError::Corrupt { path, reason }
    } else {
        StoreError::Open { path, reason }
    }
}

impl Reader for RocksKv {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.db.get_cf(self.family(table)?, key).map_err(|e| self.fault(&e))
    }
    fn scan(&self, table: Table, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        self.scan_with(table, from, ReadOptions::default(), visit)
    }
}

/// The store at one moment.
pub struct RocksSnapshot<'a> {
    kv: &'a RocksKv,
    snapshot: Snapshot<'a>,
}

impl std::fmt::Debug for RocksSnapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RocksSnapshot of {}", self.kv.place())
    }
}

impl Reader for RocksSnapshot<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.snapshot.get_cf(self.kv.family(table)?, key).map_err(|e| self.kv.fault(&e))
    }
    fn scan(&self, table: Table, from: &[u8], visit: Visit<'_>) -> Result<(), StoreError> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.snapshot);
        self.kv.scan_with(table, from, options, visit)
    }
}

/// Writes for RocksDB.
pub struct RocksBatch<'a> {
    families: [Option<&'a ColumnFamily>; Table::ALL.len()],
    batch: WriteBatch,
}

impl std::fmt::Debug for RocksBatch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RocksBatch of {} writes", self.batch.len())
    }
}

impl<'a> RocksBatch<'a> {
    fn family(&self, table: Table) -> Option<&'a ColumnFamily> {
        self.families.get(table as usize).copied().flatten()
    }
}

impl Batch for RocksBatch<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) {
        if let Some(family) = self.family(table) {
            self.batch.put_cf(family, key, value);
        }
    }
    fn delete(&mut self, table: Table, key: &[u8]) {
        if let Some(family) = self.family(table) {
            self.batch.delete_cf(family, key);
        }
    }
}

impl Kv for RocksKv {
    type Snapshot<'a> = RocksSnapshot<'a>;
    type Batch<'a> = RocksBatch<'a>;

    fn snapshot(&self) -> RocksSnapshot<'_> {
        RocksSnapshot { kv: self, snapshot: self.db.snapshot() }
    }
    fn batch(&self) -> RocksBatch<'_> {
        RocksBatch { families: Table::ALL.map(|table| self.db.cf_handle(table.name())), batch: WriteBatch::default() }
    }
    fn write(&self, batch: RocksBatch<'_>, durability: Durability) -> Result<(), StoreError> {
        if batch.families.iter().any(Option::is_none) {
            return Err(StoreError::Broken { reason: "a table is missing".into() });
        }
        let mut options = WriteOptions::default();
        options.set_sync(durability == Durability::Synced);
        // Numbers up to here, and those of this batch, are on disk once a synced write returns.
        let before = self.db.latest_sequence_number();
        let writes = u64::try_from(batch.batch.len()).unwrap_or(0);
        self.db.write_opt(batch.batch, &options).map_err(|e| self.fault(&e))?;
        if durability == Durability::Synced {
            let mut acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
            acknowledged.set(before.saturating_add(writes)).map_err(|e| write_fault(e.to_string()))?;
        }
        Ok(())
    }
    fn free_space(&self) -> Result<u64, StoreError> {
        let cannot = |e: nix::Error| StoreError::Open { path: self.place(), reason: e.to_string() };
        let statistics = nix::sys::statvfs::statvfs(&self.path).map_err(cannot)?;
        Ok(statistics.blocks_available().saturating_mul(statistics.fragment_size()))
    }
    fn place(&self) -> String {
        self.path.display().to_string()
    }
}
