//! althing-interface.
