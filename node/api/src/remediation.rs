//! JSON shapes of remediation plans: what would put right what a member did, computed before anyone votes on it.

use crate::model::HexBytes;
use althing_types::{
    hash::Hash,
    id::{Height, OrganisationId},
    remediation::{Plan, PlanHead, PlanItem},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of a question for a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemediationPlanRequest {
    /// Whose transactions are to be put right.
    #[schema(value_type = String)]
    pub organisation: OrganisationId,
    /// The first height that is looked at, from 1. The state before it must still be kept.
    #[schema(value_type = u64)]
    pub from_height: Height,
    /// The last height; the tip when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub base_height: Option<Height>,
}

/// A plan. The same on every node of the chain that is asked for the same heights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RemediationPlanResponse {
    /// The plan's hash: what a proposal names.
    #[schema(value_type = String)]
    pub plan_hash: Hash,
    /// What it is about, and how much it does.
    #[schema(value_type = Object)]
    pub head: PlanHead,
    /// What it does and says, in order.
    #[schema(value_type = Vec<Object>)]
    pub items: Vec<PlanItem>,
    /// Its documents in canonical form, in the order in which they are uploaded.
    #[schema(value_type = Vec<String>)]
    pub documents: Vec<HexBytes>,
}

impl From<Plan> for RemediationPlanResponse {
    fn from(plan: Plan) -> Self {
        let plan_hash = plan.hash();
        let documents = plan.documents.into_iter().map(HexBytes).collect();
        Self { plan_hash, head: plan.head, items: plan.items, documents }
    }
}
