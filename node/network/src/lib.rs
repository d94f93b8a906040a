//! althing-network.
