//! althing-sdk.
