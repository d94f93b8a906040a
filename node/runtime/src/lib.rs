//! althing-runtime.
