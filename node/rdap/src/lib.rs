//! `althing-rdap`: the data service access node (D 4).
