//! See [`althing_fuzz::domain_name`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::domain_name(data));
