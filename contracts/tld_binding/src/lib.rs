//! althing-tld-binding.
