//! althing-domain-records.
