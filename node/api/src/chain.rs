//! JSON shapes of blocks and headers.

use althing_types::{
    authority::AuthorityList, block::Header, certificate::QuorumCertificate, hash::Hash, receipt::Receipt,
    recovery::ProvenRecovery, transaction::SignedTransaction,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BlockDocument {
    /// Hash of its header.
    #[schema(value_type = String)]
    pub hash: Hash,
    /// Its header.
    #[schema(value_type = crate::schema::Header)]
    pub header: Header,
    /// The certificate that makes it final.
    #[schema(value_type = crate::schema::QuorumCertificate)]
    pub certificate: QuorumCertificate,
    /// Hashes of its transactions in order.
    #[schema(value_type = Vec<String>)]
    pub transaction_hashes: Vec<Hash>,
    /// The transactions; only with `full=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    pub transactions: Option<Vec<SignedTransaction>>,
    /// Their receipts; only with `full=true`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<crate::schema::Receipt>>)]
    pub receipts: Option<Vec<Receipt>>,
}

/// A header with what is needed to check it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeaderDocument {
    /// Its hash.
    #[schema(value_type = String)]
    pub hash: Hash,
    /// The header.
    #[schema(value_type = crate::schema::Header)]
    pub header: Header,
    /// The certificate that makes it final.
    #[schema(value_type = crate::schema::QuorumCertificate)]
    pub certificate: QuorumCertificate,
    /// The list that decided this height: in the first document of an answer and wherever it differs from the one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub authorities: Option<AuthorityList>,
    /// Why that list is not the one that the header before named: the chain had lost its quorum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub recovery: Option<ProvenRecovery>,
}

/// Headers in ascending order without a gap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeaderList {
    /// The headers.
    pub headers: Vec<HeaderDocument>,
}
