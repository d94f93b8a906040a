//! How state is read: the one trait between those who keep state and those who run on it.

use alloc::{string::String, vec::Vec};

/// The store cannot answer: a disk or corruption fault. The node must stop; it is never a transaction's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("state cannot be read: {reason}")]
pub struct StateFault {
    /// What the store said.
    pub reason: String,
}

/// One key with its value.
pub type Entry = (Vec<u8>, Vec<u8>);

/// A consistent view of the state after some height.
pub trait StateView {
    /// The value of a key; `None` when there is none.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault>;

    /// At most `limit` entries whose key starts with `prefix`, in ascending key order, from the first key that is
    /// greater than `after` when given.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StateFault>;
}
