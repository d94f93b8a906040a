//! althing-types.
