//! One contract call: a fresh instance, its fuel, its end.

use crate::{
    call::{Entry, NodeFault},
    host::Host,
    instrument::STACK_EXPORT,
    limits::{FUEL_PER_ENTRY, FUEL_PER_PAGE},
    transaction::{Finished, Transaction},
};
use althing_abi::exports;
use althing_types::{
    hash::Hash,
    id::ContractId,
    receipt::{Failure, FailureCode},
};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};
use wasmtime::{Engine, Extern, InstancePre, Module, ModuleExport, Store, Trap};

/// Fuel that an instance may use up while it is created: enough for any segments; it is not charged.
const START_FUEL: u64 = 1 << 40;

/// What is to be run.
pub(crate) struct Frame<'a> {
    pub(crate) contract: ContractId,
    pub(crate) code: Hash,
    pub(crate) entry: Entry<'a>,
    pub(crate) input: Vec<u8>,
    pub(crate) fuel: u64,
    pub(crate) read_only: bool,
}

/// A compiled module, linked and ready to be instantiated.
pub(crate) struct Prepared {
    pre: InstancePre<Host>,
    entries: BTreeMap<String, ModuleExport>,
    memory: ModuleExport,
    stack: ModuleExport,
    /// Pages of memory that an instance starts with.
    pub(crate) pages: u64,
    /// State version of its description.
    pub(crate) state_version: u32,
}

/// Why a host function ended the call.
#[derive(Debug)]
pub(crate) enum Stop {
    /// By the contract's doing.
    Failure(Failure),
    /// By the node's.
    Fault(NodeFault),
}

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failure(failure) => write!(f, "call failed: {}", failure.message),
            Self::Fault(fault) => write!(f, "node failed: {fault}"),
        }
    }
}

impl std::error::Error for Stop {}

/// Why an inspected module cannot be used.
#[derive(Debug)]
pub(crate) enum Unprepared {
    /// It cannot be used on any node.
    Refused(String),
    /// This node cannot prepare it now.
    Fault(String),
}

impl Unprepared {
    /// Sorts an error of compiling: wants of this computer are faults, limits of the compiler are not.
    pub(crate) fn from_machine(error: wasmtime::Error) -> Self {
        let reason = format!("{error:#}");
        if error.is::<std::io::Error>() || error.is::<wasmtime::OutOfMemory>() {
            Self::Fault(reason)
        } else {
            Self::Refused(reason)
        }
    }

    /// The reason alone.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::Refused(reason) | Self::Fault(reason) => reason,
        }
    }
}

impl Prepared {
    /// Looks up what every call needs.
    ///
    /// # Errors
    /// A reason when the module is not one that [`crate::inspect`] made.
    pub(crate) fn new(pre: InstancePre<Host>, pages: u64, state_version: u32) -> Result<Self, String> {
        let module = pre.module();
        let find = |name: &str| module.get_export_index(name).ok_or_else(|| format!("no export '{name}'"));
        let (memory, stack) = (find(exports::MEMORY)?, find(STACK_EXPORT)?);
        let mut entries = BTreeMap::new();
        for export in module.exports() {
            if export.ty().func().is_some() {
                entries.insert(export.name().to_owned(), find(export.name())?);
            }
        }
        Ok(Self { pre, entries, memory, stack, pages, state_version })
    }

    /// The compiled module.
    pub(crate) fn module(&self) -> &Module {
        self.pre.module()
    }

    /// Creates an instance and throws it away: segments that do not fit are found at the deploy.
    ///
    /// # Errors
    /// [`Unprepared`] when there can be no instance.
    pub(crate) fn try_instance(&self, engine: &Engine) -> Result<(), Unprepared> {
        let mut store = Store::new(engine, Host::idle());
        store.set_fuel(START_FUEL).map_err(Unprepared::from_machine)?;
        store.set_epoch_deadline(u64::from(u32::MAX));
        store.limiter(|host| &mut host.limiter);
        self.pre.instantiate(&mut store).map(|_| ()).map_err(|e| match e.downcast_ref::<Trap>() {
            Some(trap) => Unprepared::Refused(trap_text(*trap).to_owned()),
            None => Unprepared::Fault(format!("{e:#}")),
        })
    }

    fn export(&self, entry: Entry<'_>) -> Option<&ModuleExport> {
        let name: Cow<'_, str> = match entry {
            Entry::Call(method) => format!("{}{method}", exports::CALL_PREFIX).into(),
            Entry::View(method) => format!("{}{method}", exports::VIEW_PREFIX).into(),
            Entry::Init => exports::INIT.into(),
            Entry::Migrate => exports::MIGRATE.into(),
        };
        self.entries.get(name.as_ref())
    }

    /// Whether there is a method of this name that may change state.
    pub(crate) fn has_call(&self, method: &str) -> bool {
        self.export(Entry::Call(method)).is_some()
    }
}

/// The text of a trap, ours so that receipts do not change with the machine's wording.
const fn trap_text(trap: Trap) -> &'static str {
    match trap {
        Trap::MemoryOutOfBounds => "memory access out of bounds",
        Trap::TableOutOfBounds => "table access out of bounds",
        Trap::IndirectCallToNull => "indirect call to nothing",
        Trap::BadSignature => "indirect call with another type",
        Trap::IntegerOverflow => "integer overflow",
        Trap::IntegerDivisionByZero => "integer division by zero",
        Trap::UnreachableCodeReached => "unreachable code reached",
        _ => "trap",
    }
}

fn fail(code: FailureCode, message: &str, fuel: u64) -> Finished {
    (Err(Failure::new(code, message)), fuel)
}

/// Runs one frame. [`Transaction::enter`] has checked depth and reentrancy and undoes effects afterwards.
///
/// # Errors
/// [`NodeFault`] when the node failed.
pub(crate) fn run(transaction: &mut Transaction<'_>, frame: Frame<'_>) -> Result<Finished, NodeFault> {
    let runtime = transaction.runtime;
    let prepared = runtime.module(transaction.world, &frame.code)?;
    let fuel = frame.fuel;
    let Some(entry) = prepared.export(frame.entry) else {
        return Ok(match frame.entry {
            Entry::Init if frame.input.is_empty() => (Ok(Vec::new()), 0),
            Entry::Init => fail(FailureCode::BadArguments, "the contract has no initialiser and takes no arguments", 0),
            Entry::Migrate => fail(FailureCode::MigrationMissing, "the contract has no migration", 0),
            Entry::Call(method) | Entry::View(method) => {
                fail(FailureCode::NoSuchMethod, &format!("contract '{}' has no method '{method}'", frame.contract), 0)
            }
        });
    };
    let entering = FUEL_PER_ENTRY.saturating_add(prepared.pages.saturating_mul(FUEL_PER_PAGE));
    let Some(left) = fuel.checked_sub(entering) else {
        return Ok(fail(FailureCode::OutOfFuel, &format!("entering the contract needs {entering} fuel"), fuel));
    };
    let contract = frame.contract;
    let read_only = frame.read_only || matches!(frame.entry, Entry::View(_));
    let remaining = transaction.deadline.saturating_sub(runtime.ticker.now());
    let limit_ms = transaction.limit_ms;

    let host = Host::new(transaction.share(), frame.input, read_only, prepared.state_version);
    let mut store = Store::new(&runtime.engine, host);
    let machine = |e: wasmtime::Error| NodeFault::Machine { reason: format!("{e:#}") };
    store.set_fuel(START_FUEL).map_err(machine)?;
    store.set_epoch_deadline(remaining);
    store.limiter(|host| &mut host.limiter);
    let instance = match prepared.pre.instantiate(&mut store) {
        Ok(instance) => instance,
        // The deploy tried this; only a fault of the node can make it fail now.
        Err(error) => return Err(machine(error)),
    };
    let Some(Extern::Memory(memory)) = instance.get_module_export(&mut store, &prepared.memory) else {
        return Err(NodeFault::Machine { reason: "an instance without memory".into() });
    };
    store.data_mut().memory = Some(memory);
    // Whether segments are copied by code or mapped by the system depends on the node, so their fuel must not count.
    store.set_fuel(left).map_err(machine)?;
    let function = match instance.get_module_export(&mut store, entry) {
        Some(Extern::Func(function)) => function.typed::<(), ()>(&store).map_err(machine)?,
        _ => return Err(NodeFault::Machine { reason: "an entry that is no function".into() }),
    };
    let ended = on_own_stack(function.call_async(&mut store, ()));
    let used = fuel.saturating_sub(store.get_fuel().unwrap_or_default());
    let grown = memory.size(&store).saturating_sub(prepared.pages);
    let Err(error) = ended else {
        let used = used.saturating_add(grown.saturating_mul(FUEL_PER_PAGE));
        if used > fuel {
            return Ok(fail(FailureCode::OutOfFuel, "no fuel is left for the memory used", fuel));
        }
        return Ok((Ok(std::mem::take(&mut store.data_mut().result)), used));
    };
    match error.downcast::<Stop>() {
        Ok(Stop::Fault(fault)) => Err(fault),
        Ok(Stop::Failure(failure)) => {
            let whole = matches!(failure.code, FailureCode::OutOfFuel | FailureCode::MemoryLimit);
            Ok((Err(failure), if whole { fuel } else { used }))
        }
        Err(error) => match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Ok(fail(FailureCode::OutOfFuel, "all fuel is used", fuel)),
            Some(Trap::StackOverflow) => Err(NodeFault::NativeStack { contract }),
            Some(Trap::Interrupt) => Err(NodeFault::Watchdog { contract, limit_ms }),
            Some(trap) => {
                let stack = instance.get_module_export(&mut store, &prepared.stack).and_then(Extern::into_global);
                let left = stack.and_then(|global| global.get(&mut store).i32());
                if *trap == Trap::UnreachableCodeReached && left.is_some_and(|left| left < 0) {
                    return Ok(fail(FailureCode::StackLimit, "functions nested too deep", fuel));
                }
                Ok(fail(FailureCode::Trap, trap_text(*trap), fuel))
            }
            None => Err(machine(error)),
        },
    }
}

/// Runs a guest on a stack from the pool, so that the caller's stack need not be large: contracts get the same native
/// stack on every thread. Nothing in it waits, so one poll ends it.
fn on_own_stack<T>(guest: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match pin!(guest).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ended) => ended,
        Poll::Pending => Err(wasmtime::format_err!("a contract call waited")),
    }
}

/// An [`Arc`] of a module that another thread may have prepared at the same time: either is as good.
pub(crate) type SharedModule = Arc<Prepared>;
