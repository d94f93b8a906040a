//! Member organisations and the keys that act for them.

use crate::{codec::List, crypto::PublicKey, id::OrganisationId};
use alloc::collections::BTreeSet;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most keys of one organisation.
pub const MAX_KEYS: usize = 16;
/// Most organisations of a chain's genesis.
pub const MAX_ORGANISATIONS: usize = 4096;

/// What an organisation is to the chain (L7), and what its key may do. Contracts ask for roles by these names.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Role {
    /// Runs one or more top-level domains.
    Registry = 0,
    /// Registers names for others.
    Registrar = 1,
    /// Internet service provider.
    Isp = 2,
    /// Runs recursive resolvers.
    RecursiveOperator = 3,
    /// Leads votes on a root chain.
    Coordinator = 4,
    /// Leads votes on a TLD chain.
    Regulator = 5,
    /// Only reads.
    Observer = 6,
    /// May deploy and upgrade contracts and bind TLDs until governance takes this over.
    Operator = 7,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 8] = [
        Self::Registry,
        Self::Registrar,
        Self::Isp,
        Self::RecursiveOperator,
        Self::Coordinator,
        Self::Regulator,
        Self::Observer,
        Self::Operator,
    ];
    /// Stable text, as used in `#[call(role = "...")]` and in JSON.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Registrar => "registrar",
            Self::Isp => "isp",
            Self::RecursiveOperator => "recursive_operator",
            Self::Coordinator => "coordinator",
            Self::Regulator => "regulator",
            Self::Observer => "observer",
            Self::Operator => "operator",
        }
    }
    /// The role of this text; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.text() == text)
    }
}

/// A member organisation, stored under its id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// What it is to the chain.
    pub roles: BTreeSet<Role>,
    /// Keys that may act for it.
    pub keys: List<PublicKey, MAX_KEYS>,
}

/// Whose key this is, stored under the key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct KeyEntry {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The organisation's roles.
    pub roles: BTreeSet<Role>,
}
