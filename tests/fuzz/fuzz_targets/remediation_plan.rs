//! See [`althing_fuzz::remediation_plan`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| althing_fuzz::remediation_plan(data));
