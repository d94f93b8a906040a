//! althing-abi.
