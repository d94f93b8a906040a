//! See [`althing_fuzz::vote`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::vote(data));
