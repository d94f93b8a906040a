//! JSON shapes of the API. Hashes, keys and bytes are lower-case hexadecimal text; heights and numbers are JSON numbers.
//!
//! Ledger types (header, certificate, receipt, proof, genesis) appear in their own JSON form, as `althing_types` gives it.

use crate::error::Refusal;
use althing_types::{
    crypto::{NodeId, PublicKey},
    event::{Event, EventId},
    genesis::{ChainKind, Genesis},
    govern::Standing,
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Sequence},
    keyspace::ContractEntry,
    organisation::Role,
    proof::StateProof,
    receipt::{Failure, Receipt},
    transaction::{Abnormal, AbnormalCode, Operation},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Most transactions of one submission or status request.
pub const MAX_BATCH: usize = 512;
/// Most state keys of one batch.
pub const MAX_STATE_BATCH: usize = 1_024;
/// Most state entries of one scanned page.
pub const MAX_SCAN: usize = 4_096;
/// Most state entries of one scanned page when proofs are asked for.
pub const MAX_SCAN_WITH_PROOFS: usize = 512;
/// Most headers of one answer.
pub const MAX_HEADERS: usize = 128;
/// Most events of one page.
pub const MAX_EVENT_PAGE: usize = 1_000;
/// Most rows of other lists.
pub const MAX_ROWS: usize = 500;
/// Longest state key in bytes.
pub const MAX_STATE_KEY: usize = 640;

/// Bytes; hexadecimal text in JSON.
#[derive(Clone, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct HexBytes(pub Vec<u8>);

impl core::fmt::Debug for HexBytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0.len() <= 64 { f.write_str(&hex::encode(&self.0)) } else { write!(f, "[{} bytes]", self.0.len()) }
    }
}

impl From<Vec<u8>> for HexBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Serialize for HexBytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        hex::decode(&text).map(Self).map_err(|e| serde::de::Error::custom(format_args!("not hexadecimal bytes: {e}")))
    }
}

// ---- transactions

/// Body of a submission: exactly one of the two fields. The binary form is the canonical list of the transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitRequest {
    /// One signed transaction: canonical bytes, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub transaction: Option<HexBytes>,
    /// Up to 512 signed transactions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>)]
    pub transactions: Option<Vec<HexBytes>>,
}

/// Answer to a submission: one result per transaction, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmitResponse {
    /// The results.
    pub results: Vec<SubmitResult>,
}

/// What became of one submitted transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubmitResult {
    /// Its hash; all zero when the bytes were no transaction.
    #[schema(value_type = String)]
    pub hash: Hash,
    /// Whether it is pending or final now. Submitting it again is harmless.
    pub accepted: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// Where a transaction stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum TransactionStatus {
    /// This node has not seen it, or has forgotten it.
    Unknown,
    /// It waits for a block.
    Pending,
    /// It is in a final block.
    Final {
        /// The block's height.
        #[schema(value_type = u64)]
        height: Height,
        /// Its position in the block, from 0.
        index: u32,
        /// What became of it.
        #[schema(value_type = crate::schema::Receipt)]
        receipt: Box<Receipt>,
    },
    /// It was left out of every block.
    Abnormal {
        /// Height at which it was marked.
        #[schema(value_type = u64)]
        height: Height,
        /// The reason.
        #[schema(value_type = String)]
        code: AbnormalCode,
        /// For people.
        message: String,
    },
}

impl TransactionStatus {
    /// Whether it will not change any more.
    pub const fn is_decided(&self) -> bool {
        matches!(self, Self::Final { .. } | Self::Abnormal { .. })
    }
}

/// One transaction with its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionDocument {
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: Hash,
    /// Where it stands.
    #[serde(flatten)]
    pub status: TransactionStatus,
}

/// Body of a status request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StatusRequest {
    /// Up to 512 hashes.
    #[schema(value_type = Vec<String>)]
    pub hashes: Vec<Hash>,
    /// Longest time to wait until all are final or abnormal; 0 answers at once.
    #[serde(default)]
    pub timeout_ms: u64,
}

/// Answer to a status request, in the order of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusResponse {
    /// One per hash.
    pub transactions: Vec<TransactionDocument>,
}

/// One line in a key's list of transactions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionSummary {
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: Hash,
    /// Its sequence number.
    #[schema(value_type = u64)]
    pub sequence: Sequence,
    /// What it does.
    #[schema(value_type = String)]
    pub operation: Operation,
    /// The contract it is about; none for an upload of code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub contract: Option<ContractId>,
    /// The method, for calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Height of its block; `None` while pending.
    #[schema(value_type = Option<u64>)]
    pub height: Option<Height>,
    /// Whether it succeeded; `None` while pending.
    pub succeeded: Option<bool>,
}

/// Recent transactions of a key, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TransactionList {
    /// The transactions.
    pub transactions: Vec<TransactionSummary>,
}

// ---- blocks

pub use crate::chain::{BlockDocument, HeaderDocument, HeaderList};

// ---- state

/// A state entry, or its absence, with proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateDocument {
    /// The height of which it is the state; the header of this height has the root.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The entry.
    #[serde(flatten)]
    pub entry: StateEntry,
}

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateEntry {
    /// The key.
    #[schema(value_type = String)]
    pub key: HexBytes,
    /// The value; `None` when there is none.
    #[schema(value_type = Option<String>)]
    pub value: Option<HexBytes>,
    /// The proof, when asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::StateProof>)]
    pub proof: Option<StateProof>,
}

/// Body of a batch of state queries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StateBatchRequest {
    /// Up to 1024 keys.
    #[schema(value_type = Vec<String>)]
    pub keys: Vec<HexBytes>,
    /// The height; the tip when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub height: Option<Height>,
}

/// State entries of one height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StateBatch {
    /// The height.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The entries, in the order of the request or, for a scan, of the keys.
    pub entries: Vec<StateEntry>,
    /// For a scan: the key to give as `after` for the following page; `None` when this was the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub next: Option<HexBytes>,
}

// ---- contracts

/// Body of a view call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ViewRequest {
    /// The contract.
    #[schema(value_type = String)]
    pub contract: ContractId,
    /// The view's name in the ABI.
    pub method: String,
    /// Canonical bytes of its arguments, as a tuple.
    #[serde(default)]
    #[schema(value_type = String)]
    pub arguments: HexBytes,
}

/// What a view answered. Not provable: use state queries where a proof is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ViewResponse {
    /// Height of the state it ran on.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Canonical bytes of its result; `None` when it failed.
    #[schema(value_type = Option<String>)]
    pub result: Option<HexBytes>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<crate::schema::Failure>)]
    pub failure: Option<Failure>,
    /// Fuel used.
    pub fuel_used: u64,
    /// Log lines of the contract.
    #[serde(default)]
    pub logs: Vec<String>,
}

/// A deployed contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractDocument {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ContractId,
    /// What the state says of it.
    #[schema(value_type = crate::schema::ContractEntry)]
    pub entry: ContractEntry,
    /// Its ABI as JSON; only when one contract is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub abi: Option<serde_json::Value>,
}

/// Deployed contracts in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContractList {
    /// Height of the state.
    #[schema(value_type = u64)]
    pub height: Height,
    /// The contracts, without ABI.
    pub contracts: Vec<ContractDocument>,
}

// ---- events

/// An event with its place and its transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventDocument {
    /// Its place.
    #[schema(value_type = crate::schema::EventId)]
    pub id: EventId,
    /// Hash of its transaction.
    #[schema(value_type = String)]
    pub transaction: Hash,
    /// The event.
    #[schema(value_type = crate::schema::Event)]
    pub event: Event,
}

/// A page of events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventPage {
    /// The events, ascending.
    pub events: Vec<EventDocument>,
    /// Cursor (`height:index`) to give as `from` for what follows.
    pub next: String,
    /// The node's height when it answered.
    #[schema(value_type = u64)]
    pub height: Height,
}

/// Text of an event's place: `height:index`.
pub fn cursor_text(id: EventId) -> String {
    format!("{}:{}", id.height, id.index)
}

/// Parses `height:index`, or `height` alone for its first event; `None` for other text.
pub fn parse_cursor(text: &str) -> Option<EventId> {
    let number = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (height, index) = text.split_once(':').unwrap_or((text, "0"));
    if !number(height) || !number(index) {
        return None;
    }
    Some(EventId { height: Height(height.parse().ok()?), index: index.parse().ok()? })
}

/// The place after `id`.
pub const fn cursor_after(id: EventId) -> EventId {
    match id.index.checked_add(1) {
        Some(index) => EventId { height: id.height, index },
        None => EventId { height: id.height.next(), index: 0 },
    }
}

// ---- the node

/// A transaction that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbnormalDocument {
    /// Its number on this node, ascending.
    pub number: u64,
    /// The mark.
    #[serde(flatten)]
    #[schema(value_type = crate::schema::Abnormal)]
    pub abnormal: Abnormal,
}

/// Transactions that were left out, ascending by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbnormalList {
    /// The rows.
    pub abnormal: Vec<AbnormalDocument>,
}

/// The node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusDocument {
    /// The chain.
    #[schema(value_type = String)]
    pub chain_id: ChainId,
    /// What the chain is for: `"root"`, `"registry"`, `"registrar"` or `{"tld": LABEL}`.
    #[schema(value_type = serde_json::Value)]
    pub chain_kind: ChainKind,
    /// Hash of the genesis document.
    #[schema(value_type = String)]
    pub genesis_hash: Hash,
    /// Height of the last final block; 0 before the first.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Hash of its header; the genesis hash before the first.
    #[schema(value_type = String)]
    pub block_hash: Hash,
    /// Root of the state after it.
    #[schema(value_type = String)]
    pub state_root: Hash,
    /// Its time: milliseconds since 1970.
    pub block_time_ms: u64,
    /// Authorities that decide the next height, in order.
    #[schema(value_type = Vec<String>)]
    pub authorities: Vec<NodeId>,
    /// Connected peers.
    #[schema(value_type = Vec<String>)]
    pub peers: Vec<NodeId>,
    /// This node.
    #[schema(value_type = String)]
    pub node_id: NodeId,
    /// Whether it votes.
    pub is_authority: bool,
    /// Whether it is in the member list of the state that it has. A node that is not can neither connect nor pass on
    /// transactions; it may not have heard yet that it was admitted or removed.
    pub member: bool,
    /// What it may do, by the member list; absent when it is no member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub standing: Option<Standing>,
    /// Whether it is catching up.
    pub syncing: bool,
    /// Greatest height that a peer said it has.
    #[schema(value_type = u64)]
    pub highest_known: Height,
    /// Why it has stopped, when it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
    /// The recovery that the next height begins with; absent as long as the chain has its quorum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<crate::recovery::RecoveryNotice>,
    /// Pending transactions.
    pub pending_transactions: u64,
    /// Their bytes.
    pub pending_bytes: u64,
    /// Oldest height of which state is still provable.
    #[schema(value_type = u64)]
    pub oldest_state: Height,
    /// Height of the checkpoint that the node began with, 0 when it began with the genesis: blocks up to it are not here.
    #[serde(default)]
    #[schema(value_type = u64)]
    pub base: Height,
    /// Version of the program.
    pub version: String,
}

/// The genesis document with its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GenesisDocument {
    /// Its hash: what clients pin.
    #[schema(value_type = String)]
    pub hash: Hash,
    /// The document.
    #[schema(value_type = Object)]
    pub genesis: Genesis,
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountDocument {
    /// The key.
    #[schema(value_type = String)]
    pub key: PublicKey,
    /// Height of the state.
    #[schema(value_type = u64)]
    pub height: Height,
    /// Sequence number of its next transaction by the state.
    #[schema(value_type = u64)]
    pub sequence: Sequence,
    /// Sequence number to use next, pending transactions included.
    #[schema(value_type = u64)]
    pub next_sequence: Sequence,
    /// Its organisation; `None` for a stranger, whose transactions are refused.
    #[schema(value_type = Option<String>)]
    pub organisation: Option<OrganisationId>,
    /// The organisation's roles.
    #[schema(value_type = Vec<String>)]
    pub roles: BTreeSet<Role>,
}

/// Answer of the health and readiness paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HealthDocument {
    /// `ok`.
    pub status: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cursors_are_ordered_text() {
        let id = EventId { height: Height(7), index: 3 };
        assert_eq!(parse_cursor(&cursor_text(id)), Some(id));
        assert_eq!(parse_cursor("7"), Some(EventId { height: Height(7), index: 0 }));
        for bad in ["", ":", "7:", ":3", "-1:0", "+1:0", "7:3:1", "a", "99999999999999999999:0", "1:4294967296"] {
            assert_eq!(parse_cursor(bad), None, "{bad}");
        }
        assert_eq!(
            cursor_after(EventId { height: Height(7), index: u32::MAX }),
            EventId { height: Height(8), index: 0 }
        );
    }

    #[test]
    fn a_status_stands_beside_its_hash() {
        let document = TransactionDocument { hash: Hash::ZERO, status: TransactionStatus::Pending };
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(text, format!("{{\"hash\":\"{}\",\"status\":\"pending\"}}", Hash::ZERO));
        assert_eq!(serde_json::from_str::<TransactionDocument>(&text).unwrap(), document);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,100}") {
            if let Some(id) = parse_cursor(&text) {
                prop_assert_eq!(parse_cursor(&cursor_text(id)), Some(id));
            }
            let quoted = serde_json::to_string(&text).unwrap();
            if let Ok(bytes) = serde_json::from_str::<HexBytes>(&quoted) {
                prop_assert_eq!(hex::encode(bytes.0), text.to_lowercase());
            }
            let _ = serde_json::from_str::<SubmitRequest>(&text);
            let _ = serde_json::from_str::<TransactionDocument>(&text);
        }

        #[test]
        fn cursors_keep_their_order(height in any::<u64>(), index in any::<u32>()) {
            let id = EventId { height: Height(height), index };
            prop_assert_eq!(parse_cursor(&cursor_text(id)), Some(id));
            prop_assert!(cursor_after(id) > id || height == u64::MAX);
        }
    }
}
