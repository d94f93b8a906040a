//! The public face: one machine for a node, shared by all its threads.

use crate::{
    cache::Cache,
    call::{CallContext, Invocation, NodeFault, Outcome},
    engine,
    frame::{Frame, Prepared, Unprepared},
    host::{self, Host},
    inspect::{Inspected, inspect},
    ticker::{TICK_MS, Ticker},
    transaction::Transaction,
    world::World,
};
use althing_abi::Abi;
use althing_types::{
    hash::Hash,
    keyspace::code_hash,
    receipt::{Failure, FailureCode},
};
use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, PoisonError},
};
use wasmtime::{Engine, Linker, OptLevel};

/// What a node may choose. None of it changes a result.
#[derive(Clone, Debug)]
pub struct Config {
    /// Folder of compiled modules; created when missing. `None` keeps them in memory only.
    pub cache: Option<PathBuf>,
    /// Most compiled modules kept in memory.
    pub modules: usize,
    /// How long a view may run, in milliseconds.
    pub view_limit_ms: u64,
    /// How long a call may run before the node takes itself for broken, in milliseconds.
    pub call_limit_ms: u64,
    /// Compile without optimisation: quicker to compile, slower to run, the same results.
    pub quick_compile: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { cache: None, modules: 64, view_limit_ms: 2_000, call_limit_ms: 60_000, quick_compile: false }
    }
}

/// Why the machine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The engine refused this machine.
    #[error("contract machine cannot start here: {reason}")]
    Engine {
        /// What it said.
        reason: String,
    },
    /// The folder of compiled modules cannot be used.
    #[error("folder of compiled contracts {path}: {source}")]
    Cache {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system refused the watchdog's thread.
    #[error("watchdog cannot start: {source}")]
    Watchdog {
        /// What the system said.
        source: std::io::Error,
    },
}

/// What a module says about itself, after it was checked.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// Its code hash.
    pub hash: Hash,
    /// Its description.
    pub abi: Abi,
    entries: Vec<String>,
}

impl ModuleInfo {
    /// Whether there is an initialiser.
    pub fn has_init(&self) -> bool {
        self.entries.iter().any(|name| name == althing_abi::exports::INIT)
    }
    /// Whether there is a migration.
    pub fn has_migration(&self) -> bool {
        self.entries.iter().any(|name| name == althing_abi::exports::MIGRATE)
    }
}

/// Lets a bounded number of callers in; the others wait.
struct Gate {
    free: Mutex<usize>,
    freed: Condvar,
}

impl Gate {
    const fn new(places: usize) -> Self {
        Self { free: Mutex::new(places), freed: Condvar::new() }
    }
    fn enter(&self) -> Pass<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_sub(1);
        Pass(self)
    }
}

struct Pass<'a>(&'a Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        let mut free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        *free = free.saturating_add(1);
        self.0.freed.notify_one();
    }
}

/// The contract machine of a node. Share it by reference; every method may run on many threads at a time.
pub struct Runtime {
    pub(crate) engine: Engine,
    linker: Linker<Host>,
    cache: Cache,
    pub(crate) ticker: Ticker,
    calls: Gate,
    views: Gate,
    config: Config,
}

impl std::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtime").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Runtime {
    /// Starts the machine.
    ///
    /// # Errors
    /// [`RuntimeError`] when this computer cannot run it or the cache folder cannot be used.
    pub fn new(config: Config) -> Result<Self, RuntimeError> {
        let broken = |e: wasmtime::Error| RuntimeError::Engine { reason: format!("{e:#}") };
        let level = if config.quick_compile { OptLevel::None } else { OptLevel::Speed };
        let engine = engine::engine(level).map_err(broken)?;
        let mut linker = Linker::new(&engine);
        host::bind(&mut linker).map_err(broken)?;
        let cache = Cache::open(&engine, config.cache.as_deref(), config.modules)
            .map_err(|(path, source)| RuntimeError::Cache { path, source })?;
        let ticker = Ticker::start(&engine).map_err(|source| RuntimeError::Watchdog { source })?;
        let (calls, views) = (Gate::new(engine::MAX_CALLERS), Gate::new(engine::MAX_CALLERS));
        Ok(Self { engine, linker, cache, ticker, calls, views, config })
    }

    /// Checks code as at a deploy: caps, features, exports, description; then compiles and keeps it, and creates one
    /// instance to see that it can be. Runs none of its code.
    ///
    /// For programs and tests; a fault of this computer looks like a refusal. What decides a receipt must use
    /// [`Runtime::admit`].
    ///
    /// # Errors
    /// [`FailureCode::CodeRefused`] with the reason.
    pub fn check(&self, code: &[u8]) -> Result<ModuleInfo, Failure> {
        let unwell = |fault: NodeFault| Err(Failure::new(FailureCode::CodeRefused, &fault.to_string()));
        self.admit(code).unwrap_or_else(unwell)
    }

    /// As [`Runtime::check`], but tells refusals, which are the same on every node, from this node's own faults.
    ///
    /// # Errors
    /// [`NodeFault`] when this computer could not compile or instantiate code that others may accept.
    pub fn admit(&self, code: &[u8]) -> Result<Result<ModuleInfo, Failure>, NodeFault> {
        let inspected = match inspect(code) {
            Ok(inspected) => inspected,
            Err(failure) => return Ok(Err(failure)),
        };
        let _pass = self.calls.enter();
        let hash = code_hash(code);
        let info = ModuleInfo { hash, abi: inspected.abi.clone(), entries: inspected.entries.clone() };
        if self.cache.module(&hash, &self.linker).is_none() {
            match self.prepare(&hash, &inspected) {
                Ok(prepared) => drop(self.cache.keep(&hash, prepared)),
                Err(Unprepared::Refused(reason)) => {
                    let message = format!("cannot be compiled or instantiated: {reason}");
                    return Ok(Err(Failure::new(FailureCode::CodeRefused, &message)));
                }
                Err(Unprepared::Fault(reason)) => return Err(NodeFault::Machine { reason }),
            }
        }
        Ok(Ok(info))
    }

    /// Runs a contract for a transaction. When it fails, the world's writes and events since the start are undone.
    ///
    /// # Errors
    /// [`NodeFault`] when the node itself failed; the world must then be thrown away.
    pub fn invoke(
        &self,
        world: &mut dyn World,
        context: &CallContext,
        invocation: &Invocation<'_>,
    ) -> Result<Outcome, NodeFault> {
        let _pass = self.calls.enter();
        self.run(Transaction::new(self, world, context, self.config.call_limit_ms), invocation, false)
    }

    /// Runs a contract for a reader: whatever the entry, writes and events fail with [`FailureCode::ReadOnly`], and a
    /// run that takes longer than [`Config::view_limit_ms`] fails with [`FailureCode::OutOfFuel`]. No method of the
    /// world that takes `&mut self` is called.
    ///
    /// # Errors
    /// [`NodeFault`] when the node itself failed.
    pub fn invoke_view(
        &self,
        world: &mut dyn World,
        context: &CallContext,
        invocation: &Invocation<'_>,
    ) -> Result<Outcome, NodeFault> {
        let _pass = self.views.enter();
        let limit_ms = self.config.view_limit_ms;
        match self.run(Transaction::new(self, world, context, limit_ms), invocation, true) {
            Err(NodeFault::Watchdog { .. }) => {
                let message = format!("the view ran longer than this node's limit of {limit_ms} ms");
                let result = Err(Failure::new(FailureCode::OutOfFuel, &message));
                Ok(Outcome { result, fuel_used: invocation.fuel, logs: Vec::new() })
            }
            other => other,
        }
    }

    fn run(
        &self,
        mut transaction: Transaction<'_>,
        invocation: &Invocation<'_>,
        read_only: bool,
    ) -> Result<Outcome, NodeFault> {
        let frame = Frame {
            contract: invocation.contract.clone(),
            code: invocation.code,
            entry: invocation.entry,
            input: invocation.input.to_vec(),
            fuel: invocation.fuel,
            read_only,
        };
        let (result, fuel_used) = transaction.enter(frame)?;
        Ok(Outcome { result, fuel_used, logs: transaction.into_logs() })
    }

    /// The compiled module of a code hash: from memory, from the cache folder, or made anew from the world's code.
    pub(crate) fn module(&self, world: &dyn World, hash: &Hash) -> Result<Arc<Prepared>, NodeFault> {
        if let Some(found) = self.cache.module(hash, &self.linker) {
            return Ok(found);
        }
        let code = world.code(hash)?.ok_or(NodeFault::CodeMissing { code: *hash })?;
        let unusable = |reason: String| NodeFault::CodeUnusable { code: *hash, reason };
        let inspected = inspect(&code).map_err(|f| unusable(f.message.to_string()))?;
        let prepared = self.prepare(hash, &inspected).map_err(|e| unusable(e.reason()))?;
        Ok(self.cache.keep(hash, prepared))
    }

    /// Compiles a module, creates one instance of it and stores it.
    fn prepare(&self, hash: &Hash, inspected: &Inspected) -> Result<Prepared, Unprepared> {
        let prepared = self.cache.compile(inspected, &self.linker).map_err(Unprepared::from_machine)?;
        prepared.try_instance(&self.engine)?;
        self.cache.store(hash, &prepared);
        Ok(prepared)
    }

    /// Ticks that the watchdog allows for a run of `limit_ms`.
    pub(crate) const fn ticks(limit_ms: u64) -> u64 {
        (limit_ms / TICK_MS).saturating_add(1)
    }
}
