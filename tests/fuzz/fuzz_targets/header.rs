//! See [`althing_fuzz::header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::header(data));
