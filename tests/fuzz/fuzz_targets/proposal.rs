//! See [`althing_fuzz::proposal`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::proposal(data));
