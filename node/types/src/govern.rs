//! What the governing contract and the node say to each other: who is a member, what a block was like, and what is to
//! change in the parts of the state that the node itself reads.
//!
//! ```text
//!   genesis --GovernorSeed--> init          each block --BlockFacts--> end_block
//!   contract --SystemChange--> govern (host function) --writes--> system keys of the state
//! ```
//!
//! Only the contract that the genesis names as governor may ask for a [`SystemChange`]. A change of code is put off
//! to the end of the block, when no contract is running; how it ended is in the next block's facts.

use crate::{
    authority::AuthorityList,
    codec::{Bytes, List, Text, decode, encode},
    crypto::NodeId,
    genesis::Parameters,
    hash::Hash,
    id::{ContractId, Height, OrganisationId, Round},
    keyspace,
    organisation::{KeyEntry, MAX_ORGANISATIONS, Organisation, Role},
    receipt::{Failure, FailureCode},
    remediation::{RemediationStep, check_subject, stored_head},
    transaction::MAX_ARGUMENTS,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use alloc::{format, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most nodes of a chain's member list.
pub const MAX_NODES: usize = 512;
/// Longest network address in bytes.
pub const MAX_ADDRESS: usize = 128;
/// Longest DER form of a certificate authority's certificate in bytes.
pub const MAX_ROOT_CERTIFICATE: usize = 4096;
/// Longest message about a change that was put off.
pub const MAX_CHANGE_MESSAGE: usize = 256;
/// Most changes of code in one block.
pub const MAX_DEFERRED: usize = 4;
/// Most results of changes of code that one block tells.
pub const MAX_RESULTS: usize = 16;
/// Longest encoded [`SystemChange`] in bytes.
pub const MAX_CHANGE: usize = 256 * 1024;
/// Most fuel for the governing contract's work at the end of a block.
pub const END_BLOCK_FUEL: u64 = 400_000_000;
/// Most fuel for the work of each further contract at the end of a block.
pub const CONTRACT_END_BLOCK_FUEL: u64 = 100_000_000;
/// Name of the governing contract's method that is called at the end of each block; other contracts' has no arguments.
pub const END_BLOCK: &str = "end_block";

/// What a member node is entitled to (L7, P 0034).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Standing {
    /// Packs, verifies and votes for blocks.
    Authority = 0,
    /// Signs and forwards only.
    Ordinary = 1,
    /// New, or waiting to be promoted; otherwise as an ordinary node.
    Backup = 2,
}

impl Standing {
    /// Stable text, as in JSON.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Authority => "authority",
            Self::Ordinary => "ordinary",
            Self::Backup => "backup",
        }
    }
}

impl Wire for Standing {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Standing",
        variants: &[
            VariantSchema { name: "Authority", fields: &[] },
            VariantSchema { name: "Ordinary", fields: &[] },
            VariantSchema { name: "Backup", fields: &[] },
        ],
    };
}

/// How the authority list is chosen from the nodes that stand as authorities (A2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SelectionPolicy {
    /// The greatest scores: tenure and blocks verified.
    Score = 0,
    /// Most votes of member organisations.
    Election = 1,
}

impl Wire for SelectionPolicy {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "SelectionPolicy",
        variants: &[VariantSchema { name: "Score", fields: &[] }, VariantSchema { name: "Election", fields: &[] }],
    };
}

/// Who reviews a change of data before it is written (A6). No organisation reviews its own while there are others: the next
/// authorities in turn do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ReviewMode {
    /// Nobody.
    None = 0,
    /// The management node of the moment.
    Management = 1,
    /// A committee, `committee_needed` of `committee_size`.
    Committee = 2,
}

impl Wire for ReviewMode {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "ReviewMode",
        variants: &[
            VariantSchema { name: "None", fields: &[] },
            VariantSchema { name: "Management", fields: &[] },
            VariantSchema { name: "Committee", fields: &[] },
        ],
    };
}

/// Who may deploy a contract (C2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum DeployPolicy {
    /// Only a proposal that the members accepted.
    Governed = 0,
    /// A member's deployer key too, under an id that begins with `ORGANISATION.`; it may also replace that code.
    Open = 1,
}

impl Wire for DeployPolicy {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "DeployPolicy",
        variants: &[VariantSchema { name: "Governed", fields: &[] }, VariantSchema { name: "Open", fields: &[] }],
    };
}

macro_rules! wire_struct {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
        impl Wire for $name {
            const SCHEMA: &'static Schema = &Schema::Struct {
                name: stringify!($name),
                fields: &[$(FieldSchema { name: stringify!($field), kind: <$type as Wire>::SCHEMA }),*],
            };
        }
    };
}

wire_struct!(
    /// A node of the member list.
    MemberNode {
        /// Its identity on the wire.
        node: NodeId,
        /// The organisation that runs it.
        organisation: OrganisationId,
        /// What the organisation is to the chain.
        kind: Role,
        /// What the node may do.
        standing: Standing,
        /// Where other nodes reach it: `host:port`; empty when only it dials.
        address: Text<MAX_ADDRESS>,
        /// Height at which it became a member; 0 for the first ones.
        since: Height,
    }
);

wire_struct!(
    /// The member list: who may connect. Ascending by node, no node twice.
    MemberList {
        /// The nodes.
        nodes: List<MemberNode, MAX_NODES>,
    }
);

wire_struct!(
    /// Numbers that the governing contract works by. Times are in milliseconds of block time.
    GovernanceSettings {
        /// How authorities are chosen from those that stand as authorities.
        policy: SelectionPolicy,
        /// Most authorities.
        most_authorities: u16,
        /// Fewest authorities that a removal or demotion may leave.
        least_authorities: u16,
        /// Heights between two elections.
        election_blocks: u64,
        /// How long a vote is open.
        vote_ms: u64,
        /// How long an accepted change of code or parameters waits, so that it can still be vetoed.
        timelock_ms: u64,
        /// How long a node must have been a member before it may be promoted.
        promotion_ms: u64,
        /// Complaints, of different organisations, that start a review.
        complaints_needed: u16,
        /// How long a complaint counts.
        complaint_ms: u64,
        /// How long the coordinator may leave enough complaints without an answer before anyone may open the review.
        silence_ms: u64,
        /// Most reviews that the coordinator may have open at a time.
        open_reviews: u16,
        /// Who reviews changes of data.
        review: ReviewMode,
        /// Heights after which the management node changes.
        rotation_blocks: u64,
        /// Authorities in the endorsement committee.
        committee_size: u16,
        /// Endorsements that the committee must give.
        committee_needed: u16,
        /// Who may deploy.
        deploy: DeployPolicy,
        /// Organisations that must have rebuilt a module before an upgrade to it may be executed.
        attestations_needed: u16,
    }
);

wire_struct!(
    /// What the governing contract's initialiser is given.
    GovernorSeed {
        /// The first member organisations.
        organisations: List<Organisation, MAX_ORGANISATIONS>,
        /// The first member nodes; those that stand as authorities in the order of the first authority list.
        nodes: List<MemberNode, MAX_NODES>,
        /// The organisation that leads votes (P 0049): coordinator of a root chain, regulator of a TLD chain.
        coordinator: OrganisationId,
        /// The consortium's certificate authority: X.509 in DER.
        certificate_authority: Bytes<MAX_ROOT_CERTIFICATE>,
        /// Numbers.
        settings: GovernanceSettings,
        /// The chain's parameters, which a proposal may change.
        parameters: Parameters,
        /// The first authority list.
        authorities: AuthorityList,
    }
);

wire_struct!(
    /// How a change that was put off ended.
    ChangeResult {
        /// The number that the contract gave it.
        tag: u64,
        /// Whether it was done; if not, nothing of it is in the state.
        done: bool,
        /// Why not.
        message: Text<MAX_CHANGE_MESSAGE>,
    }
);

wire_struct!(
    /// What is known at the end of a block.
    BlockFacts {
        /// Its height.
        height: Height,
        /// Its time in milliseconds since 1970.
        time_ms: u64,
        /// The node that packed it.
        packer: NodeId,
        /// The turn of the round in which the block before was decided ([`Round::turn`]); in each lower one a primary
        /// brought no block to an end in time.
        previous_round: Round,
        /// The authorities whose precommits certify the block before, as this block carries them.
        verified: List<NodeId, { crate::authority::MAX_AUTHORITIES }>,
        /// The list that decides this block after a loss of the quorum, when the block begins with a recovery. The
        /// node has made it the list in force; standings are to follow it.
        recovered: Option<AuthorityList>,
        /// How changes that were put off have ended since the last block.
        results: List<ChangeResult, MAX_RESULTS>,
    }
);

impl Default for GovernanceSettings {
    fn default() -> Self {
        const DAY: u64 = 24 * 60 * 60 * 1000;
        Self {
            policy: SelectionPolicy::Score,
            most_authorities: 21,
            least_authorities: 1,
            election_blocks: 10_000,
            vote_ms: 14 * DAY,
            timelock_ms: 2 * DAY,
            promotion_ms: 30 * DAY,
            complaints_needed: 2,
            complaint_ms: 30 * DAY,
            silence_ms: 3 * DAY,
            open_reviews: 4,
            review: ReviewMode::Management,
            rotation_blocks: 1_000,
            committee_size: 3,
            committee_needed: 2,
            deploy: DeployPolicy::Open,
            attestations_needed: 0,
        }
    }
}

/// The part of the genesis that governance starts from.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenesisGovernance {
    /// The contract that governs; it must be among the genesis contracts.
    pub contract: ContractId,
    /// The organisation that leads votes.
    pub coordinator: OrganisationId,
    /// The consortium's certificate authority: X.509 in DER.
    pub certificate_authority: Bytes<MAX_ROOT_CERTIFICATE>,
    /// Every member node, those of the authority list included.
    pub nodes: List<MemberNode, MAX_NODES>,
    /// Numbers.
    #[serde(default)]
    pub settings: GovernanceSettings,
}

/// What the governing contract wants changed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SystemChange {
    /// The authority list from the next height on.
    Authorities(AuthorityList) = 0,
    /// The member list; nodes that are not in it are cut off.
    Members(MemberList) = 1,
    /// Adds an organisation, or replaces its roles and keys.
    PutOrganisation(Organisation) = 2,
    /// Removes an organisation; its keys may sign nothing more.
    RemoveOrganisation(OrganisationId) = 3,
    /// The chain's parameters from the next block on.
    Parameters(Parameters) = 4,
    /// Puts a contract's stored value back; `None` removes the key.
    Restore {
        /// The contract.
        contract: ContractId,
        /// Its own key.
        key: Bytes<{ keyspace::MAX_CONTRACT_KEY }>,
        /// The value.
        value: Option<Bytes<{ keyspace::MAX_CONTRACT_VALUE }>>,
    } = 5,
    /// Whether members may deploy under their own namespace.
    OpenDeploy(bool) = 8,
    /// Put off: deploys code that was stored before.
    Deploy {
        /// Comes back in [`ChangeResult::tag`].
        tag: u64,
        /// The new contract's id.
        contract: ContractId,
        /// Hash of its code.
        code: Hash,
        /// Arguments of the initialiser.
        arguments: Bytes<MAX_ARGUMENTS>,
    } = 6,
    /// Put off: replaces a contract's code by code that was stored before, and runs its migration.
    Upgrade {
        /// Comes back in [`ChangeResult::tag`].
        tag: u64,
        /// The contract.
        contract: ContractId,
        /// Hash of its new code.
        code: Hash,
    } = 7,
    /// A plan that repairs what a removed member did.
    Remediate(RemediationStep) = 9,
}

/// A full state key with its new value, or `None` for removal.
pub type SystemWrite = (Vec<u8>, Option<Vec<u8>>);

impl SystemChange {
    /// The writes that make the change, given how system entries are read.
    ///
    /// # Errors
    /// The outer error is the reader's; the inner one says why the change is refused.
    pub fn writes<E>(
        self,
        read: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Result<Vec<SystemWrite>, Failure>, E> {
        let refused = |message: &str| Ok(Err(Failure::new(FailureCode::NotAllowed, message)));
        match self {
            Self::Authorities(list) => Ok(Ok(alloc::vec![(keyspace::authorities(), Some(encode(&list)))])),
            Self::Members(list) => {
                if list.nodes.windows(2).any(|pair| matches!(pair, [a, b] if a.node >= b.node)) {
                    return refused("the member list is not strictly ascending by node");
                }
                Ok(Ok(alloc::vec![(keyspace::members(), Some(encode(&list)))]))
            }
            Self::PutOrganisation(organisation) => put_organisation(&organisation, read),
            Self::RemoveOrganisation(id) => {
                let key = keyspace::organisation(&id);
                let Some(old) = read(&key)?.and_then(|bytes| organisation_of(&bytes)) else {
                    return refused(&format!("organisation {id} is no member"));
                };
                let keys = old.keys.iter().map(|entry| (keyspace::key_entry(&entry.key), None));
                let count = member_count(&read)?.saturating_sub(1);
                let count = (keyspace::member_count(), Some(encode(&count)));
                Ok(Ok(keys.chain([(key, None), count]).collect()))
            }
            Self::Parameters(parameters) => match parameters.check() {
                Ok(()) => Ok(Ok(alloc::vec![(keyspace::parameters(), Some(encode(&parameters)))])),
                Err(error) => refused(&format!("{error}")),
            },
            Self::Restore { contract, .. } if read(&keyspace::migration(&contract))?.is_some() => {
                refused(&format!("contract '{contract}' is migrating"))
            }
            Self::Restore { contract, key, value } => {
                Ok(Ok(alloc::vec![(keyspace::storage(&contract, &key), value.map(Bytes::into_vec))]))
            }
            Self::OpenDeploy(open) => Ok(Ok(alloc::vec![(keyspace::open_deploy(), Some(encode(&open)))])),
            Self::Remediate(RemediationStep::Check { plan, subject }) => {
                let bytes = read(&keyspace::remediation(&plan))?;
                let head = stored_head(&plan, bytes.as_deref());
                Ok(head.and_then(|head| check_subject(&plan, &head, &subject)).map(|()| Vec::new()))
            }
            Self::Deploy { .. } | Self::Upgrade { .. } | Self::Remediate(RemediationStep::Apply { .. }) => {
                let before = read(&keyspace::deferred())?;
                let mut list = before.and_then(|bytes| deferred_of(&bytes)).unwrap_or_default().into_vec();
                list.push(self);
                match List::<Self, MAX_DEFERRED>::new(list) {
                    Ok(list) => Ok(Ok(alloc::vec![(keyspace::deferred(), Some(encode(&list)))])),
                    Err(_) => refused(&format!("more than {MAX_DEFERRED} changes put off in a block")),
                }
            }
        }
    }
}

/// The changes that wait for the end of the block; `None` for other bytes.
pub fn deferred_of(bytes: &[u8]) -> Option<List<SystemChange, MAX_DEFERRED>> {
    decode("deferred changes", bytes, MAX_CHANGE.saturating_mul(MAX_DEFERRED)).ok()
}

fn organisation_of(bytes: &[u8]) -> Option<Organisation> {
    decode("organisation", bytes, bytes.len()).ok()
}

fn member_count<E>(read: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, E>) -> Result<u32, E> {
    let stored = read(&keyspace::member_count())?;
    Ok(stored.and_then(|bytes| decode("number of members", &bytes, 4).ok()).unwrap_or(0))
}

fn put_organisation<E>(
    organisation: &Organisation,
    read: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, E>,
) -> Result<Result<Vec<SystemWrite>, Failure>, E> {
    let key = keyspace::organisation(&organisation.id);
    let mut writes = Vec::new();
    if let Some(old) = read(&key)?.and_then(|bytes| organisation_of(&bytes)) {
        writes.extend(old.keys.iter().map(|entry| (keyspace::key_entry(&entry.key), None)));
    } else {
        let count = member_count(&read)?.saturating_add(1);
        writes.push((keyspace::member_count(), Some(encode(&count))));
    }
    for entry in organisation.keys.iter() {
        let at = keyspace::key_entry(&entry.key);
        let owner = read(&at)?.and_then(|bytes| decode::<KeyEntry>("key entry", &bytes, bytes.len()).ok());
        if let Some(owner) = owner.filter(|owner| owner.organisation != organisation.id) {
            let message = format!("key {} belongs to organisation {}", entry.key, owner.organisation);
            return Ok(Err(Failure::new(FailureCode::NotAllowed, &message)));
        }
        writes.push((at, Some(encode(&organisation.entry_of(entry)))));
    }
    writes.push((key, Some(encode(organisation))));
    Ok(Ok(writes))
}
