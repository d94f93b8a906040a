//! See [`althing_fuzz::export_record`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::export_record(data));
