//! See [`althing_fuzz::abi`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::abi(data));
