//! See [`althing_fuzz::module`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::module(data));
