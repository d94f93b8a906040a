//! See [`althing_fuzz::genesis_json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::genesis_json(data));
