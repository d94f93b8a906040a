//! althing-consensus.
