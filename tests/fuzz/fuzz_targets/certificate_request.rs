//! See [`althing_fuzz::certificate_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::certificate_request(data));
