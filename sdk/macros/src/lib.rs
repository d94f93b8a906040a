//! althing-macros.
