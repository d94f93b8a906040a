//! See [`althing_fuzz::certificate_chain`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::certificate_chain(data));
