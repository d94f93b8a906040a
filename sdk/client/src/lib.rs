//! althing-client.
