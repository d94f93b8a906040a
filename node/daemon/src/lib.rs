//! althing-daemon.
