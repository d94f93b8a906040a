//! See [`althing_fuzz::root_delivery`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::root_delivery(data));
