//! Builds contracts to WebAssembly.
