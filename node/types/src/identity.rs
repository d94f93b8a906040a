//! What a member's certificate says, once its chain has been checked.
//!
//! `node/identity` makes [`Facts`] from X.509 certificates; contracts, the wire and the state work with the facts alone
//! and never with certificates. Nothing here checks anything: facts are as good as whoever made them.

use crate::{
    codec::{List, Text},
    crypto::PublicKey,
    id::OrganisationId,
    name::DomainName,
    organisation::Role,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most TLDs of one certificate.
pub const MAX_CERTIFIED_TLDS: usize = 64;
/// Longest serial number of a certificate in hexadecimal digits (RFC 5280 4.1.2.2: 20 octets).
pub const MAX_SERIAL: usize = 40;

/// Whose key a certificate is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Usage {
    /// The organisation's own key, which speaks for it in admission and votes.
    Organisation = 0,
    /// A node's key, which is its identity on the wire.
    Node = 1,
    /// A person's or programme's key, which signs transactions.
    Key = 2,
}

impl Usage {
    /// Every usage.
    pub const ALL: [Self; 3] = [Self::Organisation, Self::Node, Self::Key];
    /// Stable text, as in certificates and in JSON.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Node => "node",
            Self::Key => "key",
        }
    }
    /// The usage of this text; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.text() == text)
    }
}

impl Wire for Usage {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Usage",
        variants: &[
            VariantSchema { name: "Organisation", fields: &[] },
            VariantSchema { name: "Node", fields: &[] },
            VariantSchema { name: "Key", fields: &[] },
        ],
    };
}

/// What a good certificate says: a key, whose it is, and what its owner may speak for (D 3).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Facts {
    /// The organisation.
    pub organisation: OrganisationId,
    /// What the organisation is to the chain.
    pub kind: Role,
    /// The certified key.
    pub subject: PublicKey,
    /// Whose key it is.
    pub usage: Usage,
    /// TLDs that the organisation runs: one label each, in canonical order, each once.
    pub tlds: List<DomainName, MAX_CERTIFIED_TLDS>,
    /// The registrar's number in the registry of registrar ids; only a registrar has one.
    pub registrar: Option<u32>,
    /// Serial number: lower-case hexadecimal digits without leading zero octets.
    pub serial: Text<MAX_SERIAL>,
    /// First moment of the certificate's validity, in milliseconds since 1970.
    pub not_before_ms: u64,
    /// Last moment of the certificate's validity, in milliseconds since 1970.
    pub not_after_ms: u64,
}

impl Facts {
    /// Whether the certificate itself is in its validity at this time; both ends belong to it (RFC 5280 4.1.2.5).
    pub const fn is_current(&self, time_ms: u64) -> bool {
        self.not_before_ms <= time_ms && time_ms <= self.not_after_ms
    }
}

macro_rules! fields {
    ($($field:ident: $type:ty),* $(,)?) => {
        &[$(FieldSchema { name: stringify!($field), kind: <$type as Wire>::SCHEMA }),*]
    };
}

impl Wire for Facts {
    const SCHEMA: &'static Schema = &Schema::Struct {
        name: "Facts",
        fields: fields! {
            organisation: OrganisationId,
            kind: Role,
            subject: PublicKey,
            usage: Usage,
            tlds: List<DomainName, MAX_CERTIFIED_TLDS>,
            registrar: Option<u32>,
            serial: Text<MAX_SERIAL>,
            not_before_ms: u64,
            not_after_ms: u64,
        },
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_usages_are_read_back() {
        for usage in Usage::ALL {
            assert_eq!(Usage::parse(usage.text()), Some(usage));
        }
        assert_eq!(Usage::parse("Node"), None);
    }
}
