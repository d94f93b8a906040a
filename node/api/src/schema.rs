//! How ledger types look in the OpenAPI document. These types are never used as values: they describe the JSON form
//! that `althing_types` gives, and a test compares the two field by field.
#![expect(dead_code, reason = "described, never built")]

use serde::Serialize;
use utoipa::ToSchema;

/// A block's header.
#[derive(ToSchema, Serialize)]
pub(crate) struct Header {
    version: u32,
    chain: String,
    height: u64,
    previous: String,
    packer: String,
    transactions_root: String,
    state_root: String,
    receipts_root: String,
    authorities: String,
    next_authorities: String,
    timestamp_ms: u64,
    instruction: String,
}

/// One authority's precommit inside a certificate.
#[derive(ToSchema, Serialize)]
pub(crate) struct CertificateSignature {
    voter: String,
    signature: String,
}

/// The precommits that made a block final.
#[derive(ToSchema, Serialize)]
pub(crate) struct QuorumCertificate {
    chain: String,
    height: u64,
    round: u32,
    block: String,
    signatures: Vec<CertificateSignature>,
}

/// The leaf that a proof ends at.
#[derive(ToSchema, Serialize)]
pub(crate) struct ProofLeaf {
    key: String,
    value: String,
}

/// The way from a leaf, or from an empty place, to the state root.
#[derive(ToSchema, Serialize)]
pub(crate) struct StateProof {
    leaf: Option<ProofLeaf>,
    siblings: Vec<String>,
}

/// Why a transaction failed.
#[derive(ToSchema, Serialize)]
pub(crate) struct Failure {
    code: String,
    detail: u32,
    message: String,
}

/// Outcome of a transaction.
#[derive(ToSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Succeeded,
    Failed(Failure),
}

/// An event of a contract.
#[derive(ToSchema, Serialize)]
pub(crate) struct Event {
    contract: String,
    name: String,
    topic: String,
    data: String,
}

/// Where an event stands.
#[derive(ToSchema, Serialize)]
pub(crate) struct EventId {
    height: u64,
    index: u32,
}

/// What became of one transaction of a block.
#[derive(ToSchema, Serialize)]
pub(crate) struct Receipt {
    transaction: String,
    status: Status,
    fuel_used: u64,
    result: String,
    events: Vec<Event>,
}

/// A deployed contract.
#[derive(ToSchema, Serialize)]
pub(crate) struct ContractEntry {
    code: String,
    state_version: u32,
    schema: String,
    upgrades: u32,
    deployer: Option<String>,
    since: u64,
}

/// A mark on a transaction that was left out.
#[derive(ToSchema, Serialize)]
pub(crate) struct Abnormal {
    transaction: String,
    operator: String,
    height: u64,
    code: String,
    message: String,
}
