//! See [`althing_fuzz::contract_key`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::contract_key(data));
