//! The state tree.

/// What a commit writes into the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct TreeChange {}
