//! althing-state.
