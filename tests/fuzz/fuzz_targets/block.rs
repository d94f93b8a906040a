//! See [`althing_fuzz::block`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::block(data));
