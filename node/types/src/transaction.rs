//! Transactions: the documents' "domain name operation record" (P 0036, Table 2).
//!
//! | Table 2 | field |
//! |---|---|
//! | attributes | [`Transaction::attributes`] |
//! | operation type | [`Transaction::operation`] |
//! | modified content | [`Transaction::content`] |
//! | postscript | [`Transaction::postscript`] |
//! | public key, signature | [`Transaction::operator`], [`Signed::signature`] |
//! | timestamp | [`Transaction::timestamp_ms`] |

use crate::{
    codec::{Bytes, Text},
    crypto::{PublicKey, Signable, Signed},
    hash::{Hash, Tag, hash_of},
    id::{ChainId, ContractId, Height, Sequence},
    remediation::MAX_DOCUMENT,
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest contract code in bytes; a chain parameter may lower it.
pub const MAX_CODE: usize = 768 * 1024;
/// Longest arguments of a call in bytes; a chain parameter may lower it.
pub const MAX_ARGUMENTS: usize = 64 * 1024;
/// Longest postscript in bytes; a chain parameter may lower it.
pub const MAX_POSTSCRIPT: usize = 1024;
/// Longest signed transaction in bytes.
pub const MAX_TRANSACTION: usize = MAX_CODE + MAX_ARGUMENTS + MAX_POSTSCRIPT + 4096;
/// The version of this form.
pub const TRANSACTION_VERSION: u8 = 1;

/// Which kind of chain a transaction is meant for (Table 2: attributes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Attributes {
    /// A root chain.
    Root = 0,
    /// A TLD chain.
    Tld = 1,
    /// A registry or registrar chain.
    Directory = 2,
}

/// What a transaction does (Table 2: operation type).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Operation {
    /// Calls a contract in another way than the three below.
    Call = 0,
    /// Registers something new.
    Register = 1,
    /// Changes something.
    Update = 2,
    /// Deletes something.
    Delete = 3,
    /// Deploys a contract.
    Deploy = 4,
    /// Replaces a contract's code.
    Upgrade = 5,
    /// Stores code for a proposal.
    Upload = 6,
    /// Stores a document of a remediation plan for a proposal.
    StorePlan = 7,
}

/// What is to be done (Table 2: modified content).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Calls a method.
    Call {
        /// The contract.
        contract: ContractId,
        /// The method's name in the ABI.
        method: Text<64>,
        /// Canonical bytes of the method's arguments, as a tuple.
        arguments: Bytes<MAX_ARGUMENTS>,
    },
    /// Deploys a contract and calls its initialiser, when it has one.
    Deploy {
        /// The new contract's id.
        contract: ContractId,
        /// WebAssembly module.
        code: Bytes<MAX_CODE>,
        /// Arguments of the initialiser.
        arguments: Bytes<MAX_ARGUMENTS>,
    },
    /// Replaces a contract's code and runs its migration, when the state version changes.
    Upgrade {
        /// The contract.
        contract: ContractId,
        /// WebAssembly module.
        code: Bytes<MAX_CODE>,
    },
    /// Stores checked code, so that a proposal can name it by its hash.
    Upload {
        /// WebAssembly module.
        code: Bytes<MAX_CODE>,
    },
    /// Stores a document of a remediation plan, so that a proposal can name the plan by its hash.
    StorePlan {
        /// Canonical bytes of a [`crate::remediation::PlanDocument`].
        document: Bytes<MAX_DOCUMENT>,
    },
}

/// A transaction before it is signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Transaction {
    /// [`TRANSACTION_VERSION`].
    pub version: u8,
    /// The one chain on which it is valid.
    pub chain: ChainId,
    /// Kind of that chain.
    pub attributes: Attributes,
    /// What it does.
    pub operation: Operation,
    /// What is to be done.
    pub content: Content,
    /// A note for people.
    pub postscript: Text<MAX_POSTSCRIPT>,
    /// The key that signs.
    pub operator: PublicKey,
    /// Number of transactions of this key before this one.
    pub sequence: Sequence,
    /// When it was made, by the sender's clock: milliseconds since 1970. For people; no rule depends on it.
    pub timestamp_ms: u64,
    /// The last height at which it may be in a block.
    pub expiry: Height,
    /// Most fuel it may use.
    pub fuel_limit: u64,
}

impl Transaction {
    /// The transaction's identity: the hash of everything but the signature.
    pub fn hash(&self) -> Hash {
        hash_of(Tag::Transaction, self)
    }
}

impl Signable for Transaction {
    fn signing_hash(&self) -> Hash {
        self.hash()
    }
    fn signer(&self) -> PublicKey {
        self.operator
    }
}

/// A transaction with its signature.
pub type SignedTransaction = Signed<Transaction>;

/// Numbered reasons for which a transaction is left out of every block (P 0035). Numbers never change their meaning.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum AbnormalCode {
    /// The bytes are not a transaction.
    Malformed = 1,
    /// Longer than the chain allows.
    TooLarge = 2,
    /// Another version of the form.
    Version = 3,
    /// The signature does not verify.
    BadSignature = 4,
    /// Made for another chain.
    WrongChain = 5,
    /// The attributes or the operation type do not fit the chain or the content.
    WrongKind = 6,
    /// The expiry height has passed.
    Expired = 7,
    /// The expiry height is further away than the chain allows.
    ExpiryTooFar = 8,
    /// The sequence number was used before.
    SequenceUsed = 9,
    /// The sequence number is too far ahead of the last one used.
    SequenceGap = 10,
    /// The key belongs to no member organisation.
    UnknownOperator = 11,
    /// The fuel limit is above the chain's maximum, or zero.
    FuelLimit = 12,
}

impl AbnormalCode {
    /// Stable text of the code, as used by the API.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Version => "version",
            Self::BadSignature => "bad_signature",
            Self::WrongChain => "wrong_chain",
            Self::WrongKind => "wrong_kind",
            Self::Expired => "expired",
            Self::ExpiryTooFar => "expiry_too_far",
            Self::SequenceUsed => "sequence_used",
            Self::SequenceGap => "sequence_gap",
            Self::UnknownOperator => "unknown_operator",
            Self::FuelLimit => "fuel_limit",
        }
    }
}

/// A mark on a transaction that was left out, kept as evidence for reviews.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Abnormal {
    /// Hash of the transaction.
    pub transaction: Hash,
    /// Who signed, or was said to have signed.
    pub operator: PublicKey,
    /// Height at which it was marked.
    pub height: Height,
    /// The numbered reason.
    pub code: AbnormalCode,
    /// Field, value and rule, for people.
    pub message: Text<512>,
}
