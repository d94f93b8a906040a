//! Member organisations and the keys that act for them.

use crate::{
    codec::List,
    crypto::PublicKey,
    id::OrganisationId,
    wire::{FieldSchema, Schema, Wire},
};
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
    /// Decides for all: held by what the governing contract calls, and by no key but the one that the genesis of a
    /// development chain may name.
    Governance = 7,
    /// A key's duty: acts for its organisation day by day.
    Operator = 8,
    /// A key's duty: casts its organisation's votes.
    Voter = 9,
    /// A key's duty: uploads and deploys contracts.
    Deployer = 10,
    /// A key's duty: it is a node's, and reports what the node has seen.
    Node = 11,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 12] = [
        Self::Registry,
        Self::Registrar,
        Self::Isp,
        Self::RecursiveOperator,
        Self::Coordinator,
        Self::Regulator,
        Self::Observer,
        Self::Governance,
        Self::Operator,
        Self::Voter,
        Self::Deployer,
        Self::Node,
    ];
    /// The duties that an organisation's only key usually has.
    pub const DUTIES: [Self; 3] = [Self::Operator, Self::Voter, Self::Deployer];
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
            Self::Governance => "governance",
            Self::Operator => "operator",
            Self::Voter => "voter",
            Self::Deployer => "deployer",
            Self::Node => "node",
        }
    }
    /// Whether it is a duty of single keys and not what an organisation is.
    pub const fn is_duty(self) -> bool {
        matches!(self, Self::Operator | Self::Voter | Self::Deployer | Self::Node)
    }
    /// The role of this text; `None` for other text.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.text() == text)
    }
}

/// A key of an organisation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberKey {
    /// The key.
    pub key: PublicKey,
    /// What it may do for the organisation: roles of which [`Role::is_duty`] is true.
    pub duties: BTreeSet<Role>,
}

impl MemberKey {
    /// A key that does everything for its organisation.
    pub fn whole(key: PublicKey) -> Self {
        Self { key, duties: Role::DUTIES.into() }
    }
}

impl Wire for MemberKey {
    const SCHEMA: &'static Schema = &Schema::Struct {
        name: "MemberKey",
        fields: &[
            FieldSchema { name: "key", kind: PublicKey::SCHEMA },
            FieldSchema { name: "duties", kind: <BTreeSet<Role> as Wire>::SCHEMA },
        ],
    };
}

/// A member organisation, stored under its id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its id.
    pub id: OrganisationId,
    /// What it is to the chain.
    pub roles: BTreeSet<Role>,
    /// Keys that may act for it.
    pub keys: List<MemberKey, MAX_KEYS>,
}

impl Organisation {
    /// What is stored under one of its keys.
    pub fn entry_of(&self, key: &MemberKey) -> KeyEntry {
        KeyEntry { organisation: self.id.clone(), roles: self.roles.union(&key.duties).copied().collect() }
    }
}

impl Wire for Organisation {
    const SCHEMA: &'static Schema = &Schema::Struct {
        name: "Organisation",
        fields: &[
            FieldSchema { name: "id", kind: OrganisationId::SCHEMA },
            FieldSchema { name: "roles", kind: <BTreeSet<Role> as Wire>::SCHEMA },
            FieldSchema { name: "keys", kind: <List<MemberKey, MAX_KEYS> as Wire>::SCHEMA },
        ],
    };
}

/// Whose key this is, stored under the key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct KeyEntry {
    /// The organisation.
    pub organisation: OrganisationId,
    /// The organisation's roles, and the key's duties.
    pub roles: BTreeSet<Role>,
}
