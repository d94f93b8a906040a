//! See [`althing_fuzz::rdap_answer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::rdap_answer(data));
