//! See [`althing_fuzz::state_proof`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::state_proof(data));
