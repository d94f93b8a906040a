//! The raw imports and the panic handler: the only unsafe code of a contract, with the allocator.
//!
//! Invariant: every pointer and length handed to the host comes from one Rust slice that lives across the call; the
//! host reads or writes inside it only.
#![expect(unsafe_code, reason = "imports are unsafe to call; each call states why it is sound")]

use alloc::{string::String, vec, vec::Vec};
use althing_abi::exports::abort as code;
use althing_types::receipt::Failure;

macro_rules! imports {
    ($($(#[doc = $docs:literal])* fn $name:ident($($argument:ident: $type:tt),* $(,)?) -> $result:tt
        [$base:literal, $per_byte:literal, $since:literal];)*) => {
        mod raw {
            #[link(wasm_import_module = "althing")]
            unsafe extern "C" {
                $(pub(super) fn $name($($argument: $type),*) -> $result;)*
            }
        }
    };
}
althing_abi::host_functions!(imports);

fn at(bytes: &[u8]) -> u32 {
    bytes.as_ptr() as usize as u32
}
fn len(bytes: &[u8]) -> u32 {
    bytes.len() as u32
}

fn taken(length: usize) -> Vec<u8> {
    let mut out = vec![0u8; length];
    if length > 0 {
        // SAFETY: `out` has `length` writable bytes.
        unsafe { raw::take(out.as_mut_ptr() as usize as u32, 0, length as u32) };
    }
    out
}

pub(crate) fn input() -> Vec<u8> {
    // SAFETY: takes no pointer.
    let mut out = vec![0u8; unsafe { raw::input_len() } as usize];
    if !out.is_empty() {
        // SAFETY: `out` has `input_len` writable bytes.
        unsafe { raw::input(out.as_mut_ptr() as usize as u32) };
    }
    out
}

pub(crate) fn ret(bytes: &[u8]) {
    // SAFETY: the range is a live slice.
    unsafe { raw::ret(at(bytes), len(bytes)) }
}

pub(crate) fn abort(code: i32, text: &str) -> ! {
    // SAFETY: the range is a live slice; the host does not return from this function.
    unsafe { raw::abort(code, at(text.as_bytes()), len(text.as_bytes())) };
    core::arch::wasm32::unreachable()
}

pub(crate) fn number(field: i32) -> u64 {
    // SAFETY: takes no pointer.
    unsafe { raw::ctx(field) as u64 }
}

pub(crate) fn bytes(field: i32) -> Vec<u8> {
    // SAFETY: takes no pointer.
    taken(unsafe { raw::ctx(field) } as usize)
}

pub(crate) fn log(text: &str) {
    // SAFETY: the range is a live slice.
    unsafe { raw::log(at(text.as_bytes()), len(text.as_bytes())) }
}

pub(crate) fn fuel_left() -> u64 {
    // SAFETY: takes no pointer.
    unsafe { raw::gas_left() as u64 }
}

pub(crate) fn has(key: &[u8]) -> bool {
    // SAFETY: the range is a live slice.
    unsafe { raw::kv_get(at(key), len(key)) >= 0 }
}

pub(crate) fn get(key: &[u8]) -> Option<Vec<u8>> {
    // SAFETY: the range is a live slice.
    let length = unsafe { raw::kv_get(at(key), len(key)) };
    if length < 0 { None } else { Some(taken(length as usize)) }
}

pub(crate) fn put(key: &[u8], value: &[u8]) {
    // SAFETY: both ranges are live slices.
    unsafe { raw::kv_put(at(key), len(key), at(value), len(value)) }
}

pub(crate) fn remove(key: &[u8]) -> bool {
    // SAFETY: the range is a live slice.
    unsafe { raw::kv_del(at(key), len(key)) == 1 }
}

pub(crate) fn scan(prefix: &[u8], after: &[u8]) -> i32 {
    // SAFETY: both ranges are live slices.
    unsafe { raw::scan(at(prefix), len(prefix), at(after), len(after)) }
}

pub(crate) fn scan_next(cursor: i32) -> Option<(Vec<u8>, Vec<u8>)> {
    // SAFETY: takes no pointer.
    let length = unsafe { raw::scan_next(cursor) };
    if length < 0 {
        return None;
    }
    let mut key = taken(length as usize);
    let (head, _) = key.split_first_chunk::<4>()?;
    let key_length = u32::from_le_bytes(*head) as usize;
    let value = key.split_off(key_length.checked_add(4)?);
    key.drain(..4);
    Some((key, value))
}

pub(crate) fn scan_close(cursor: i32) {
    // SAFETY: takes no pointer.
    unsafe { raw::scan_close(cursor) }
}

pub(crate) fn emit(name: &str, topic: &[u8], data: &[u8]) {
    let name = name.as_bytes();
    // SAFETY: all ranges are live slices.
    unsafe { raw::emit(at(name), len(name), at(topic), len(topic), at(data), len(data)) }
}

pub(crate) fn call(contract: &str, method: &str, arguments: &[u8], fuel: u64) -> Result<Vec<u8>, Failure> {
    let (contract, method) = (contract.as_bytes(), method.as_bytes());
    // SAFETY: all ranges are live slices.
    let result = unsafe {
        raw::call(
            at(contract),
            len(contract),
            at(method),
            len(method),
            at(arguments),
            len(arguments),
            fuel.min(i64::MAX as u64) as i64,
        )
    };
    if result >= 0 {
        return Ok(taken(result as usize));
    }
    let failure = taken((result.unsigned_abs() / 256) as usize);
    match borsh::from_slice(&failure) {
        Ok(failure) => Err(failure),
        Err(_) => abort(code::PANIC, "the host gave an unreadable failure"),
    }
}

pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0u8; 32];
    // SAFETY: the range is a live slice and `out` has 32 writable bytes.
    unsafe {
        raw::hash(althing_abi::exports::algorithm::SHA3_256, at(bytes), len(bytes), out.as_mut_ptr() as usize as u32);
    }
    out
}

pub(crate) fn ed25519(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    // SAFETY: the arrays have the lengths that the host reads, the message is a live slice.
    unsafe { raw::ed25519(at(key), at(signature), at(message), len(message)) == 1 }
}

pub(crate) fn certificate(root: &[u8], chain: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    // SAFETY: both ranges are live slices.
    let result = unsafe { raw::certificate(at(root), len(root), at(chain), len(chain)) };
    let answer = taken(result.unsigned_abs() as usize);
    if result >= 0 { Ok(answer) } else { Err(answer) }
}

pub(crate) fn govern(change: &[u8]) -> Result<(), Failure> {
    // SAFETY: the range is a live slice.
    let result = unsafe { raw::govern(at(change), len(change)) };
    if result >= 0 {
        return Ok(());
    }
    match borsh::from_slice(&taken(result.unsigned_abs() as usize)) {
        Ok(failure) => Err(failure),
        Err(_) => abort(code::PANIC, "the host gave an unreadable failure"),
    }
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    use core::fmt::Write;
    let mut text = String::new();
    // Writing to a string cannot fail; a second panic in here ends in the host's trap.
    let _ = write!(text, "{}", info.message());
    if let Some(place) = info.location() {
        let _ = write!(text, " ({}:{})", place.file(), place.line());
    }
    abort(code::PANIC, &text)
}
