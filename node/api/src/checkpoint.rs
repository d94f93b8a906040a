//! JSON shapes of checkpoints.

use althing_types::{hash::Hash, id::Height};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One checkpoint: the whole state of a height, in chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckpointDocument {
    /// Its height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The state root of that height's header, by the node's word.
    #[schema(value_type = String)]
    pub state_root: Hash,
    /// Number of chunks.
    pub chunks: u64,
    /// Number of state entries.
    pub entries: u64,
    /// Bytes of all entries.
    pub bytes: u64,
}

/// Checkpoints that a node offers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckpointList {
    /// The newest first.
    pub checkpoints: Vec<CheckpointDocument>,
}
