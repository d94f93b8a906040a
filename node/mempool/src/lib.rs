//! althing-mempool.
