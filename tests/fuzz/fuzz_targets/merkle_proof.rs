//! See [`althing_fuzz::merkle_proof`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::merkle_proof(data));
