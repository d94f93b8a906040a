//! See [`althing_fuzz::compact_block`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::compact_block(data));
