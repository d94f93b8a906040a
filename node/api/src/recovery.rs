//! JSON shapes of a recovery after the loss of the quorum (P 0049).

use althing_types::{hash::Hash, id::Height, recovery::SignedRecovery};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of a recovery: a plan with the signatures of member organisations. It stands for itself, so anyone may bring it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecoveryRequest {
    /// Plan and signatures.
    #[schema(value_type = Object)]
    pub recovery: SignedRecovery,
}

/// Where a recovery stands on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryProgress {
    /// The node is behind the plan's height and looks at it when it has caught up.
    Waiting,
    /// The node works on the next height under the plan.
    InForce,
    /// The next height is final under the plan.
    Final,
}

/// Answer to a recovery that is not refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryResponse {
    /// Hash of the plan.
    #[schema(value_type = String)]
    pub plan: Hash,
    /// Where it stands.
    pub progress: RecoveryProgress,
    /// The node's last final height.
    #[schema(value_type = u64)]
    pub height: Height,
}

/// A recovery in force, as the node's status tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecoveryNotice {
    /// Hash of the plan.
    #[schema(value_type = String)]
    pub plan: Hash,
    /// Its number.
    pub number: u16,
    /// The height that begins with it.
    #[schema(value_type = u64)]
    pub height: Height,
}
