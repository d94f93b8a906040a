//! althing-api.
