//! See [`althing_fuzz::state_value`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::state_value(data));
