//! The one hash function, SHA3-256, with a tag for each kind of thing that is hashed.
//!
//! A tag separates domains: bytes that are a transaction can never have the hash of a header. The input is
//! `length of tag (1 B) || tag || parts`, so no tag is a prefix of another's input.

use alloc::{string::String, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use sha3::{Digest, Sha3_256};

/// A SHA3-256 hash: 32 bytes; 64 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, BorshSerialize, BorshDeserialize)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Thirty-two zero bytes: the parent of the first block, the root of an empty list.
    pub const ZERO: Self = Self([0; 32]);

    /// Parses 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`HashTextError`] when the text is not 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, HashTextError> {
        let mut out = [0u8; 32];
        hex::decode_to_slice(text, &mut out).map_err(|_| HashTextError { text: text.chars().take(80).collect() })?;
        Ok(Self(out))
    }
}

/// Text that is not a hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not 64 hexadecimal digits")]
pub struct HashTextError {
    /// The text, cut at 80 characters.
    pub text: String,
}

impl core::fmt::Display for Hash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl core::fmt::Debug for Hash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", &hex::encode(self.0)[..12])
    }
}

impl core::str::FromStr for Hash {
    type Err = HashTextError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_hex(text)
    }
}

impl Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_hex(&<String as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What is hashed. The text is part of the hash: changing one changes the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tag {
    /// A transaction without its signature; also what the operator signs.
    Transaction,
    /// A block header.
    Header,
    /// A receipt.
    Receipt,
    /// An authority list.
    Authorities,
    /// A genesis document.
    Genesis,
    /// A proposal as signed by the primary.
    Proposal,
    /// A prevote or precommit as signed by an authority.
    Vote,
    /// A leaf of a binary Merkle tree.
    MerkleLeaf,
    /// An inner node of a binary Merkle tree.
    MerkleNode,
    /// The root over a binary Merkle tree and its number of leaves.
    MerkleRoot,
    /// A key of the state tree.
    StateKey,
    /// Contract code.
    Code,
    /// A contract's own use, through the hash host function.
    Contract,
    /// A message of the peer-to-peer network.
    Message,
    /// The layout of a contract's state.
    Schema,
    /// The certificate of the block before, as a block carries it.
    Certificate,
    /// The work of the governing contract at the end of a block: stands for a transaction in its receipt.
    BlockEnd,
    /// The content of a proposal that members vote on.
    Ballot,
    /// A document of a remediation plan.
    RemediationPlan,
    /// A plan to go on after the loss of the quorum, as member organisations sign it.
    Recovery,
    /// What a change of code writes into the state of contracts.
    StateDiff,
}

impl Tag {
    /// The tag's text.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Transaction => "althing.transaction.1",
            Self::Header => "althing.header.1",
            Self::Receipt => "althing.receipt.1",
            Self::Authorities => "althing.authorities.1",
            Self::Genesis => "althing.genesis.1",
            Self::Proposal => "althing.proposal.1",
            Self::Vote => "althing.vote.1",
            Self::MerkleLeaf => "althing.merkle.leaf.1",
            Self::MerkleNode => "althing.merkle.node.1",
            Self::MerkleRoot => "althing.merkle.root.1",
            Self::StateKey => "althing.state.key.1",
            Self::Code => "althing.code.1",
            Self::Contract => "althing.contract.1",
            Self::Message => "althing.message.1",
            Self::Schema => "althing.schema.1",
            Self::Certificate => "althing.certificate.1",
            Self::BlockEnd => "althing.block_end.1",
            Self::Ballot => "althing.ballot.1",
            Self::RemediationPlan => "althing.remediation_plan.1",
            Self::Recovery => "althing.recovery.1",
            Self::StateDiff => "althing.state_diff.1",
        }
    }
}

/// Hashes the concatenation of `parts` under `tag`.
///
/// Callers with more than one variable-length part must put lengths between them.
pub fn hash(tag: Tag, parts: &[&[u8]]) -> Hash {
    let text = tag.text().as_bytes();
    let mut hasher = Sha3_256::new();
    #[expect(clippy::cast_possible_truncation, reason = "tags are shorter than 256 bytes")]
    hasher.update([text.len() as u8]);
    hasher.update(text);
    for part in parts {
        hasher.update(part);
    }
    Hash(hasher.finalize().into())
}

/// Hashes a value's canonical bytes under `tag`.
pub fn hash_of<T: BorshSerialize + ?Sized>(tag: Tag, value: &T) -> Hash {
    hash(tag, &[&crate::codec::encode(value)])
}

/// The bytes whose plain SHA3-256 is [`hash()`] of the parts: for those who have another's hash function.
pub fn preimage(tag: Tag, parts: &[&[u8]]) -> Vec<u8> {
    let text = tag.text().as_bytes();
    #[expect(clippy::cast_possible_truncation, reason = "tags are shorter than 256 bytes")]
    let mut out = alloc::vec![text.len() as u8];
    out.extend_from_slice(text);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    out
}

/// The same of a value's canonical bytes, see [`hash_of`].
pub fn preimage_of<T: BorshSerialize + ?Sized>(tag: Tag, value: &T) -> Vec<u8> {
    preimage(tag, &[&crate::codec::encode(value)])
}

/// Plain SHA3-256 without a tag: for values in the state tree and for outside standards.
pub fn sha3_256(bytes: &[u8]) -> Hash {
    Hash(Sha3_256::digest(bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha3_matches_the_standard_vector() {
        // FIPS 202: SHA3-256 of the empty string.
        assert_eq!(
            alloc::format!("{}", sha3_256(b"")),
            "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
        );
    }

    #[test]
    fn the_preimage_is_what_is_hashed() {
        assert_eq!(sha3_256(&preimage_of(Tag::Header, &7u64)), hash_of(Tag::Header, &7u64));
    }

    #[test]
    fn tags_separate_equal_bytes() {
        assert_ne!(hash(Tag::Header, &[b"x"]), hash(Tag::Transaction, &[b"x"]));
    }
}
