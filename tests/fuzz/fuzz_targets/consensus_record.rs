//! See [`althing_fuzz::consensus_record`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::consensus_record(data));
