//! Host functions: what the rows of [`althing_abi::functions`] do.
//!
//! [`bind`] is generated from the table: a row without a function of its name and types here does not compile. Each
//! function charges first, then checks its pointers, then acts.

mod context;
mod contracts;
mod crypto;
mod govern;
mod storage;

use crate::{
    call::NodeFault,
    frame::Stop,
    limits::MAX_MEMORY,
    transaction::{Shared, Transaction},
    world::World,
};
use althing_abi::functions;
use althing_types::{
    id::ContractId,
    receipt::{Failure, FailureCode},
    view::StateFault,
};
use context::{abort, ctx, gas_left, input, input_len, log, ret, take};
use contracts::{call, emit};
use crypto::{certificate, ed25519, hash};
use govern::govern;
use storage::{Scan, kv_del, kv_get, kv_put, scan, scan_close, scan_next};
use wasmtime::{Caller, Linker, Memory, ResourceLimiter};

/// What a host function gives back; the error ends the call and is a [`Stop`].
type Given<T> = wasmtime::Result<T>;
/// The instance that called.
type Guest<'a> = Caller<'a, Host>;

/// The host's side of one instance.
pub(crate) struct Host {
    shared: Option<Shared>,
    input: Vec<u8>,
    taken: Vec<u8>,
    pub(crate) result: Vec<u8>,
    scans: Vec<Option<Scan>>,
    pub(crate) memory: Option<Memory>,
    pub(crate) limiter: Limiter,
    read_only: bool,
    state_version: u32,
}

impl Host {
    /// For an instance that runs.
    pub(crate) fn new(shared: Shared, input: Vec<u8>, read_only: bool, state_version: u32) -> Self {
        Self { shared: Some(shared), input, read_only, state_version, ..Self::idle() }
    }

    /// For an instance that is only tried out.
    pub(crate) fn idle() -> Self {
        Self {
            shared: None,
            input: Vec::new(),
            taken: Vec::new(),
            result: Vec::new(),
            scans: Vec::new(),
            memory: None,
            limiter: Limiter,
            read_only: true,
            state_version: 0,
        }
    }

    /// Lends what the frames of the transaction share.
    fn transaction<R>(&mut self, use_it: impl FnOnce(&mut Transaction<'_>) -> R) -> Given<R> {
        self.shared
            .as_mut()
            .map(|shared| shared.with(use_it))
            .ok_or_else(|| broken("an instance outside of a transaction"))
    }

    /// Lends the world and the contract that runs.
    fn world<R>(&mut self, use_it: impl FnOnce(&mut dyn World, &ContractId) -> R) -> Given<R> {
        let done = self.transaction(|transaction| {
            let Transaction { world, active, .. } = transaction;
            active.last().map(|contract| use_it(&mut **world, contract))
        })?;
        done.ok_or_else(|| broken("no contract is active"))
    }

    /// Fails in a view.
    fn writable(&self, what: &str) -> Given<()> {
        if self.read_only { Err(failed(FailureCode::ReadOnly, &format!("{what} in a view"))) } else { Ok(()) }
    }
}

/// Refuses memory above the limit with a failure instead of -1, so that it has a name in the receipt.
pub(crate) struct Limiter;

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > MAX_MEMORY {
            let message = format!("{} KiB of memory, at most {} KiB are allowed", desired / 1024, MAX_MEMORY / 1024);
            return Err(failed(FailureCode::MemoryLimit, &message));
        }
        Ok(maximum.is_none_or(|maximum| desired <= maximum))
    }
    /// The system refused memory within the limit: that is no answer of -1, which other nodes would not give.
    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(broken(&format!("memory cannot grow: {error:#}")))
    }
    fn table_growing(&mut self, _current: usize, _desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

fn failed(code: FailureCode, message: &str) -> wasmtime::Error {
    Stop::Failure(Failure::new(code, message)).into()
}

fn misuse(message: &str) -> wasmtime::Error {
    failed(FailureCode::HostMisuse, message)
}

fn too_large(what: &str, found: usize, maximum: usize) -> wasmtime::Error {
    failed(FailureCode::SizeLimit, &format!("{found} bytes of {what}, at most {maximum} are allowed"))
}

fn fault(fault: NodeFault) -> wasmtime::Error {
    Stop::Fault(fault).into()
}

fn broken(reason: &str) -> wasmtime::Error {
    fault(NodeFault::Machine { reason: reason.to_owned() })
}

fn state(error: StateFault) -> wasmtime::Error {
    fault(NodeFault::State(error))
}

/// Charges `base + per_byte * bytes`. More bytes than a memory can hold are a wrong length, not a want of fuel.
fn charge(guest: &mut Guest<'_>, cost: (u64, u64), bytes: usize) -> Given<()> {
    let (base, per_byte) = cost;
    if bytes > MAX_MEMORY {
        return Err(misuse(&format!("a length of {bytes} bytes is more than a memory holds")));
    }
    charge_fuel(guest, base.saturating_add(per_byte.saturating_mul(bytes as u64)))
}

/// Charges for bytes that are only known after the work; the base was charged before.
fn charge_bytes(guest: &mut Guest<'_>, cost: (u64, u64), bytes: usize) -> Given<()> {
    charge(guest, (0, cost.1), bytes)
}

fn charge_fuel(guest: &mut Guest<'_>, fuel: u64) -> Given<()> {
    let left = guest.get_fuel()?;
    match left.checked_sub(fuel) {
        Some(left) => guest.set_fuel(left),
        None => Err(failed(FailureCode::OutOfFuel, &format!("a host function needs {fuel} fuel, {left} are left"))),
    }
}

/// The guest's memory and the host's side.
fn parts<'a>(guest: &'a mut Guest<'_>) -> Given<(&'a mut [u8], &'a mut Host)> {
    let memory = guest.data().memory.ok_or_else(|| broken("an instance without memory"))?;
    Ok(memory.data_and_store_mut(guest))
}

fn bounds(memory: &[u8], at: u32, length: u32) -> Given<std::ops::Range<usize>> {
    let (start, length) = (at as usize, length as usize);
    match start.checked_add(length) {
        Some(end) if end <= memory.len() => Ok(start..end),
        _ => Err(misuse(&format!("pointer {start} with length {length} is outside of the memory"))),
    }
}

fn read(memory: &[u8], at: u32, length: u32) -> Given<&[u8]> {
    Ok(memory.get(bounds(memory, at, length)?).unwrap_or_default())
}

fn write(memory: &mut [u8], at: u32, bytes: &[u8]) -> Given<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| misuse("more bytes than a memory holds"))?;
    let range = bounds(memory, at, length)?;
    if let Some(target) = memory.get_mut(range) {
        target.copy_from_slice(bytes);
    }
    Ok(())
}

/// A length as the guest gets it: bounded far below the type's maximum.
fn length(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

macro_rules! rows {
    ($($(#[doc = $docs:literal])* fn $name:ident($($argument:ident: $type:tt),* $(,)?) -> $result:tt
        [$base:literal, $per_byte:literal, $since:literal];)*) => {
        /// Binds every row of the table.
        ///
        /// # Errors
        /// When wasmtime refuses a row: two of one name.
        pub(crate) fn bind(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
            $(
                linker.func_wrap(
                    functions::MODULE,
                    stringify!($name),
                    |mut guest: Guest<'_>, $($argument: $type),*| -> Given<$result> { $name(&mut guest, $($argument),*) },
                )?;
            )*
            Ok(())
        }
    };
}
althing_abi::host_functions!(rows);

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::{Engine, OptLevel};

    #[test]
    fn every_row_is_bound_and_nothing_else() {
        let engine: Engine = crate::engine::engine(OptLevel::Speed).unwrap();
        let mut linker = Linker::new(&engine);
        bind(&mut linker).unwrap();
        let mut store = wasmtime::Store::new(&engine, Host::idle());
        let bound: Vec<(String, String)> =
            linker.iter(&mut store).map(|(module, name, _)| (module.to_owned(), name.to_owned())).collect();
        assert_eq!(bound.len(), functions::FUNCTIONS.len());
        for row in functions::FUNCTIONS {
            assert!(bound.contains(&(functions::MODULE.to_owned(), row.name.to_owned())), "{} is not bound", row.name);
        }
    }
}
