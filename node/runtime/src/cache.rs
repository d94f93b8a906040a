//! Compiled modules: in memory, linked and bounded; in a folder, authenticated.
//!
//! A file is `magic (8 B) || mac (32 B) || pages (8 B) || state version (4 B) || compiled module`, numbers
//! little-endian. Its name and the mac's first input is the cache key: SHA3-256 over code hash, the engine's
//! compatibility hash (wasmtime's version, settings, processor features) and [`MACHINE_VERSION`]. The mac is
//! SHA3-256 over a secret of this folder (made once, mode 0600), the key and all that follows the mac. Native code is
//! loaded only when the mac fits; whatever else is found is compiled anew and replaced. The files only save time:
//! losing or refusing them changes no result.

use crate::{
    frame::{Prepared, SharedModule},
    host::Host,
    inspect::Inspected,
    limits::MACHINE_VERSION,
};
use althing_types::hash::{Hash, sha3_256};
use std::{
    collections::BTreeMap,
    fs,
    hash::Hasher,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use wasmtime::{Engine, Linker, Module};

const MAGIC: &[u8; 8] = b"althmod1";
const SECRET: &str = "secret";
const SUFFIX: &str = "module";
/// Most files in the folder.
const MAX_FILES: usize = 256;
/// Longest file that is read.
const MAX_FILE: u64 = 64 << 20;

#[derive(Default)]
struct InMemory {
    modules: BTreeMap<Hash, (SharedModule, u64)>,
    clock: u64,
}

struct Folder {
    path: PathBuf,
    secret: [u8; 32],
}

/// The compiled modules of a node.
pub(crate) struct Cache {
    engine: Engine,
    compatibility: Hash,
    in_memory: Mutex<InMemory>,
    maximum: usize,
    folder: Option<Folder>,
}

/// Collects what a value would feed to a hash table, to hash it in a way that is the same in every process.
#[derive(Default)]
struct Collector(Vec<u8>);

impl Hasher for Collector {
    fn finish(&self) -> u64 {
        0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl Folder {
    fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let file = path.join(SECRET);
        let known = fs::read(&file).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        let secret = match known {
            Some(secret) => secret,
            None => {
                let mut secret = [0; 32];
                getrandom::fill(&mut secret).map_err(|e| io::Error::other(e.to_string()))?;
                write_file(&file, &[&secret])?;
                secret
            }
        };
        Ok(Self { path: path.to_owned(), secret })
    }

    fn file(&self, key: &Hash) -> PathBuf {
        self.path.join(format!("{key}.{SUFFIX}"))
    }

    fn mac(&self, key: &Hash, payload: &[u8]) -> Hash {
        let mut input = Vec::with_capacity(payload.len().saturating_add(64));
        input.extend_from_slice(&self.secret);
        input.extend_from_slice(&key.0);
        input.extend_from_slice(payload);
        sha3_256(&input)
    }

    /// The payload of a file whose mac fits.
    fn load(&self, key: &Hash) -> Option<Vec<u8>> {
        let path = self.file(key);
        if fs::metadata(&path).ok()?.len() > MAX_FILE {
            return None;
        }
        let mut bytes = fs::read(path).ok()?;
        let (mac, payload) = bytes.strip_prefix(MAGIC.as_slice())?.split_at_checked(32)?;
        if self.mac(key, payload).0 != *mac {
            return None;
        }
        Some(bytes.split_off(MAGIC.len().saturating_add(32)))
    }

    fn store(&self, key: &Hash, payload: &[u8]) -> io::Result<()> {
        write_file(&self.file(key), &[MAGIC, &self.mac(key, payload).0, payload])?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == SUFFIX) {
                files.push((fs::metadata(&path)?.modified()?, path));
            }
        }
        files.sort();
        for (_, path) in files.iter().take(files.len().saturating_sub(MAX_FILES)) {
            fs::remove_file(path)?;
        }
        Ok(())
    }
}

/// Writes a file that only this user can read, whole or not at all.
fn write_file(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let temporary = path.with_extension(format!("new{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    for part in parts {
        file.write_all(part)?;
    }
    drop(file);
    fs::rename(temporary, path)
}

impl Cache {
    /// Opens the folder, if there is to be one.
    ///
    /// # Errors
    /// The folder and what the system said.
    pub(crate) fn open(engine: &Engine, folder: Option<&Path>, maximum: usize) -> Result<Self, (PathBuf, io::Error)> {
        let mut collector = Collector::default();
        std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut collector);
        let folder = folder.map(|path| Folder::open(path).map_err(|e| (path.to_owned(), e))).transpose()?;
        Ok(Self {
            engine: engine.clone(),
            compatibility: sha3_256(&collector.0),
            in_memory: Mutex::default(),
            maximum: maximum.max(1),
            folder,
        })
    }

    fn key(&self, code: &Hash) -> Hash {
        sha3_256(&[&code.0, &self.compatibility.0, MACHINE_VERSION.as_bytes()].concat())
    }

    /// A module that is in memory or in the folder.
    pub(crate) fn module(&self, code: &Hash, linker: &Linker<Host>) -> Option<SharedModule> {
        {
            let mut memory = self.in_memory.lock().unwrap_or_else(PoisonError::into_inner);
            memory.clock = memory.clock.saturating_add(1);
            let now = memory.clock;
            if let Some((module, used)) = memory.modules.get_mut(code) {
                *used = now;
                return Some(Arc::clone(module));
            }
        }
        let prepared = self.load(code, linker)?;
        Some(self.keep(code, prepared))
    }

    fn load(&self, code: &Hash, linker: &Linker<Host>) -> Option<Prepared> {
        let payload = self.folder.as_ref()?.load(&self.key(code))?;
        let (pages, rest) = payload.split_first_chunk::<8>()?;
        let (state_version, native) = rest.split_first_chunk::<4>()?;
        #[expect(unsafe_code, reason = "loading compiled code is trusting it")]
        // SAFETY: the mac was made with a secret that only this node's user can read, over bytes that `store` got from
        // `Module::serialize` of an engine with the same compatibility hash.
        let module = unsafe { Module::deserialize(&self.engine, native) }.ok()?;
        let pre = linker.instantiate_pre(&module).ok()?;
        Prepared::new(pre, u64::from_le_bytes(*pages), u32::from_le_bytes(*state_version)).ok()
    }

    /// Compiles a module that passed inspection.
    ///
    /// # Errors
    /// What the compiler said.
    pub(crate) fn compile(&self, inspected: &Inspected, linker: &Linker<Host>) -> wasmtime::Result<Prepared> {
        let module = Module::from_binary(&self.engine, &inspected.module)?;
        let pre = linker.instantiate_pre(&module)?;
        Prepared::new(pre, inspected.pages, inspected.abi.state_version).map_err(|e| wasmtime::format_err!("{e}"))
    }

    /// Stores a module in the folder. A folder that cannot be written only costs time later.
    pub(crate) fn store(&self, code: &Hash, prepared: &Prepared) {
        let Some(folder) = &self.folder else { return };
        let Ok(native) = prepared.module().serialize() else { return };
        let mut payload = prepared.pages.to_le_bytes().to_vec();
        payload.extend_from_slice(&prepared.state_version.to_le_bytes());
        payload.extend_from_slice(&native);
        let _unwritten = folder.store(&self.key(code), &payload);
    }

    /// Keeps a module in memory; the one used longest ago makes room.
    pub(crate) fn keep(&self, code: &Hash, prepared: Prepared) -> SharedModule {
        let mut memory = self.in_memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.clock = memory.clock.saturating_add(1);
        let now = memory.clock;
        let module = Arc::new(prepared);
        memory.modules.insert(*code, (Arc::clone(&module), now));
        while memory.modules.len() > self.maximum {
            let Some(oldest) = memory.modules.iter().min_by_key(|(_, (_, used))| *used).map(|(hash, _)| *hash) else {
                break;
            };
            memory.modules.remove(&oldest);
        }
        module
    }
}
