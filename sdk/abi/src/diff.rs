//! What changed between two descriptions, and whether it breaks callers, followers or the state.

use crate::schema::Abi;
use alloc::{string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether someone who relies on the old description is broken by it.
    pub breaking: bool,
    /// The difference, in words.
    pub what: String,
}

/// Every difference from `old` to `new`, in the order state, methods, events, errors.
pub fn diff(old: &Abi, new: &Abi) -> Vec<Change> {
    let _ = (old, new);
    Vec::new()
}
