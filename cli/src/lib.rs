//! althing-cli.
