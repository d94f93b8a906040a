//! althing-execution.
