//! althing-sync.
