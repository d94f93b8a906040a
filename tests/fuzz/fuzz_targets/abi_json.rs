//! See [`althing_fuzz::abi_json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::abi_json(data));
