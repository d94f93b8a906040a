//! Errors of the client: the way to the node, the node's answer, and proofs that fail are kept apart.

use althing_api::{ApiError, Refusal};
use althing_types::{
    certificate::CertificateError,
    genesis::GenesisError,
    hash::Hash,
    id::{ChainId, Height},
    proof::ProofError,
    recovery::RecoveryError,
};

/// Why a call did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A URL that is none.
    #[error("'{url}' is not an http URL: {reason}")]
    Url {
        /// The text.
        url: String,
        /// The rule.
        reason: String,
    },
    /// No node could be reached, after all retries.
    #[error("no answer from {url}: {reason}")]
    Transport {
        /// The node asked last.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The node answered with an error.
    #[error("{url}: {error}")]
    Api {
        /// The node.
        url: String,
        /// Its error.
        error: Box<ApiError>,
    },
    /// The node's answer is not what the API promises.
    #[error("unexpected answer from {url}: {reason}")]
    Answer {
        /// The node.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The answer is well-formed, but its proof fails.
    #[error("the answer of the node is not proven: {0}")]
    Verify(#[from] VerifyError),
    /// The transaction was refused for good.
    #[error("transaction {hash} refused: {refusal}")]
    Refused {
        /// Its hash.
        hash: Hash,
        /// Why.
        refusal: Refusal,
    },
    /// The transaction was left out of every block.
    #[error("transaction {hash} was left out: {code}: {message}")]
    Abnormal {
        /// Its hash.
        hash: Hash,
        /// The code's text.
        code: String,
        /// For people.
        message: String,
    },
    /// The transaction did not become final in time. It may still do so.
    #[error("transaction {hash} is not final after {waited_ms} ms")]
    NotFinal {
        /// Its hash.
        hash: Hash,
        /// Time waited.
        waited_ms: u64,
    },
    /// An argument that cannot be sent.
    #[error("{field}: {rule}")]
    Argument {
        /// The argument.
        field: &'static str,
        /// The rule it breaks.
        rule: String,
    },
}

impl ClientError {
    /// The API's error, when the node answered with one.
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// Why an answer proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The genesis document is not the pinned one.
    #[error("genesis hash is {found}, but {pinned} is pinned")]
    Genesis {
        /// The node's.
        found: Hash,
        /// The pinned one.
        pinned: Hash,
    },
    /// The genesis document breaks a rule.
    #[error("genesis: {0}")]
    GenesisRule(#[from] GenesisError),
    /// A header of another chain.
    #[error("header of height {height} is of chain {found}, not {expected}")]
    Chain {
        /// The height.
        height: Height,
        /// The header's chain.
        found: ChainId,
        /// The trusted chain.
        expected: ChainId,
    },
    /// A header of another height than asked for.
    #[error("header is of height {found}, not {expected}")]
    Height {
        /// The header's.
        found: Height,
        /// The one asked for.
        expected: Height,
    },
    /// The certificate is not for this header.
    #[error("certificate of height {height} is for block {found}, not {expected}")]
    Block {
        /// The height.
        height: Height,
        /// The certificate's block.
        found: Hash,
        /// Hash of the header.
        expected: Hash,
    },
    /// The certificate does not prove that the block is final.
    #[error("certificate of height {height}: {error}")]
    Certificate {
        /// The height.
        height: Height,
        /// Why.
        error: CertificateError,
    },
    /// The list that decides a height is not the one that follows from the genesis.
    #[error("authority list of height {height} is {found}, but {expected} is trusted")]
    Authorities {
        /// The height.
        height: Height,
        /// Hash of the list given.
        found: Hash,
        /// Hash of the trusted list.
        expected: Hash,
    },
    /// Another list decides a height after a loss of the quorum, and that is not proven.
    #[error("recovery at height {height}: {error}")]
    Recovery {
        /// The height.
        height: Height,
        /// Why.
        error: RecoveryError,
    },
    /// An answer for another key than asked for, or in another order.
    #[error("entry {index} is for key {found}, not {expected}")]
    Key {
        /// Position in the answer.
        index: usize,
        /// The answer's key, hexadecimal.
        found: String,
        /// The key asked for, hexadecimal.
        expected: String,
    },
    /// An entry without a proof.
    #[error("entry of key {key} has no proof")]
    NoProof {
        /// The key, hexadecimal.
        key: String,
    },
    /// A state proof that fails.
    #[error("state proof of key {key} at height {height}: {error}")]
    Proof {
        /// The height.
        height: Height,
        /// The key, hexadecimal.
        key: String,
        /// Why.
        error: ProofError,
    },
    /// The chain has no block yet: nothing is certified.
    #[error("the chain has no block yet")]
    NoBlock,
    /// A node reports a height below one that was already verified.
    #[error("height {found} is below {trusted}, which was verified before")]
    Behind {
        /// The node's height.
        found: Height,
        /// The verified height.
        trusted: Height,
    },
}
