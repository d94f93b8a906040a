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
    previous_certificate: String,
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

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::{
        codec::{Bytes, List, Text},
        crypto::{NodeId, PublicKey},
        hash::Hash,
        id::{ChainId, ContractId, Height, Round},
        transaction::AbnormalCode,
    };
    use std::collections::BTreeSet;
    use utoipa::PartialSchema;

    fn assert_same_fields<Shown: PartialSchema>(value: &impl Serialize) {
        let value = serde_json::to_value(value).unwrap();
        let shown = serde_json::to_value(Shown::schema()).unwrap();
        let fields: BTreeSet<&String> = value.as_object().unwrap().keys().collect();
        let properties = shown["properties"].as_object().unwrap();
        assert_eq!(fields, properties.keys().collect());
        for (name, value) in value.as_object().unwrap() {
            let kind = &properties[name]["type"];
            let fits = match value {
                serde_json::Value::String(_) => kind == "string",
                serde_json::Value::Number(_) => kind == "integer",
                serde_json::Value::Array(_) => kind == "array",
                _ => true,
            };
            assert!(fits, "{name}: {value} is shown as {kind}");
        }
    }

    #[test]
    fn shown_fields_are_those_of_the_ledgers_types() {
        use althing_types::{block, certificate, event, keyspace, proof, receipt, transaction};
        let (chain, contract) = (ChainId::new("c").unwrap(), ContractId::new("c").unwrap());
        assert_same_fields::<Header>(&block::Header {
            version: 1,
            chain: chain.clone(),
            height: Height(1),
            previous: Hash::ZERO,
            packer: NodeId([0; 32]),
            transactions_root: Hash::ZERO,
            state_root: Hash::ZERO,
            receipts_root: Hash::ZERO,
            authorities: Hash::ZERO,
            next_authorities: Hash::ZERO,
            timestamp_ms: 1,
            instruction: block::NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        });
        assert_same_fields::<QuorumCertificate>(&certificate::QuorumCertificate {
            chain,
            height: Height(1),
            round: Round(0),
            block: Hash::ZERO,
            signatures: List::default(),
        });
        let leaf = proof::ProofLeaf { key: Hash::ZERO, value: Hash::ZERO };
        assert_same_fields::<ProofLeaf>(&leaf);
        assert_same_fields::<StateProof>(&proof::StateProof { leaf: Some(leaf), siblings: List::default() });
        assert_same_fields::<Event>(&event::Event {
            contract,
            name: Text::default(),
            topic: Bytes::default(),
            data: Bytes::default(),
        });
        assert_same_fields::<EventId>(&event::EventId { height: Height(1), index: 0 });
        let failure = receipt::Failure::new(receipt::FailureCode::Trap, "x");
        assert_same_fields::<Failure>(&failure);
        assert_same_fields::<Receipt>(&receipt::Receipt {
            transaction: Hash::ZERO,
            status: receipt::Status::Failed(failure),
            fuel_used: 1,
            result: Bytes::default(),
            events: List::default(),
        });
        assert_same_fields::<ContractEntry>(&keyspace::ContractEntry {
            code: Hash::ZERO,
            state_version: 1,
            schema: Hash::ZERO,
            upgrades: 0,
            deployer: None,
            since: Height(0),
        });
        assert_same_fields::<Abnormal>(&transaction::Abnormal {
            transaction: Hash::ZERO,
            operator: PublicKey([0; 32]),
            height: Height(1),
            code: AbnormalCode::Expired,
            message: Text::default(),
        });
    }
}
