//! althing-rpc.
