//! See [`althing_fuzz::checkpoint_chunk`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::checkpoint_chunk(data));
