//! JSON shapes of dry runs: a change of code tried on a fork of the present state, before anyone votes on it.

use crate::model::HexBytes;
use althing_types::{
    hash::Hash,
    id::{ContractId, Height},
    receipt::Failure,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of a dry run. Either `code` or `module` is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRunRequest {
    /// The contract whose code would be replaced; one that does not exist would be deployed.
    #[schema(value_type = String)]
    pub contract: ContractId,
    /// Hash of code that was uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub code: Option<Hash>,
    /// Code that was not uploaded yet; it is not kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub module: Option<HexBytes>,
    /// Arguments of the initialiser, of a contract that would be deployed.
    #[serde(default)]
    #[schema(value_type = String)]
    pub arguments: HexBytes,
}

/// An event that a migration or an initialiser would emit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRunEvent {
    /// The contract.
    #[schema(value_type = String)]
    pub contract: ContractId,
    /// The event's name.
    pub name: String,
    /// Canonical bytes of its fields.
    #[schema(value_type = String)]
    pub data: HexBytes,
}

/// A state entry that would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRunChange {
    /// Full state key.
    #[schema(value_type = String)]
    pub key: HexBytes,
    /// Value now; `None`: there is none.
    #[schema(value_type = Option<String>)]
    pub before: Option<HexBytes>,
    /// Value then; `None`: removed.
    #[schema(value_type = Option<String>)]
    pub after: Option<HexBytes>,
}

/// Most changes that a dry run lists.
pub const MAX_DRY_RUN_CHANGES: usize = 512;

/// What a change of code would do, were it done in the next block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DryRunResponse {
    /// Height of the state it was tried on.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Hash of what it would write into the state of contracts; a later dry run of the same change gives the same hash
    /// as long as it would write the same.
    #[schema(value_type = String)]
    pub predicted: Hash,
    /// Blocks that it would take.
    pub blocks: u64,
    /// Events of migration or initialiser, at most 512.
    pub events: Vec<DryRunEvent>,
    /// Root of the state tree with the change and nothing else.
    #[schema(value_type = String)]
    pub state_root: Hash,
    /// Why it would fail; nothing would change then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Failure>)]
    pub failure: Option<Failure>,
    /// Why the chain could not be governed afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Failure>)]
    pub ungoverned: Option<Failure>,
    /// Fuel that it would use.
    pub fuel_used: u64,
    /// Number of state entries that would change.
    pub changed: u64,
    /// The first of them in the order of their keys, at most 512.
    pub changes: Vec<DryRunChange>,
}
