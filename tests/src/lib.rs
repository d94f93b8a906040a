//! althing-tests.
