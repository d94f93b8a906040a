//! See [`althing_fuzz::evidence`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::evidence(data));
