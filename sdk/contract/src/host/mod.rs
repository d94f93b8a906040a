//! The host's functions as safe Rust. In WebAssembly they are imports, natively they go to the fake host of tests.

#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::*;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) mod native;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::*;

/// Fails the call with one of the codes of [`althing_abi::exports::abort`] or a contract's own number.
pub(crate) fn fail(code: i32, text: &str) -> ! {
    abort(code, text)
}
