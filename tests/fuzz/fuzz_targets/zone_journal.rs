//! See [`althing_fuzz::zone_journal`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::zone_journal(data));
