//! See [`althing_fuzz::network_frame`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::network_frame(data));
