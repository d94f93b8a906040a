//! althing-bundle.
