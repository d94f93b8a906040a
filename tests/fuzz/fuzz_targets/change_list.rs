//! See [`althing_fuzz::change_list`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::change_list(data));
