//! What members vote on, and where a vote is.

use super::{MAX_CALL_ARGUMENTS, MAX_INIT_ARGUMENTS, MAX_OUTCOME, ProposedCalls};
use crate::describe::values;
use alloc::vec::Vec;
use althing_types::{
    authority::MAX_AUTHORITIES,
    codec::{Bytes, List, Text, encode},
    crypto::{NodeId, PublicKey},
    genesis::Parameters,
    govern::{GovernanceSettings, MemberNode, Standing},
    hash::{Hash, Tag, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId},
    identity::MAX_SERIAL,
    organisation::Organisation,
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Serial number of a certificate: lower-case hexadecimal digits without leading zero octets, as in
/// [`althing_types::identity::Facts`].
pub type Serial = Text<MAX_SERIAL>;

/// Declares enumerations without data.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $number:literal $text:literal),* $(,)? })*) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
            #[borsh(use_discriminant = true)]
            #[serde(rename_all = "snake_case")]
            #[repr(u8)]
            pub enum $name { $($(#[$variant_meta])* $variant = $number),* }
            impl $name {
                /// Stable text, as in JSON.
                pub const fn text(self) -> &'static str {
                    match self { $(Self::$variant => $text),* }
                }
            }
            impl core::fmt::Display for $name {
                fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                    f.write_str(self.text())
                }
            }
            impl Wire for $name {
                const SCHEMA: &'static Schema = &Schema::Enum {
                    name: stringify!($name),
                    variants: &[$(VariantSchema { name: stringify!($variant), fields: &[] }),*],
                };
            }
        )*
    };
}

words! {
    /// What a proposal is about: the name of its [`ProposalKind`].
    ProposalClass {
        /// A node, and its organisation when it is new, becomes a member.
        Admit = 0 "admit",
        /// A node stands as authority.
        Promote = 1 "promote",
        /// A node stands as authority no more.
        Demote = 2 "demote",
        /// A node or an organisation leaves.
        Remove = 3 "remove",
        /// The chain's parameters.
        Parameters = 4 "parameters",
        /// The numbers that governance works by.
        Settings = 5 "settings",
        /// Who leads votes.
        Coordinator = 6 "coordinator",
        /// Calls with the role governance.
        Calls = 7 "calls",
        /// A new contract.
        Deploy = 8 "deploy",
        /// New code of a contract.
        Upgrade = 9 "upgrade",
        /// A change of data under review.
        Change = 10 "change",
        /// What a removed member did is put right.
        Remediate = 11 "remediate",
    }
    /// Where a proposal is.
    ProposalStatus {
        /// Votes are cast.
        Open = 0 "open",
        /// Accepted; may still be vetoed until the timelock ends.
        Waiting = 1 "waiting",
        /// Being carried out.
        Executing = 2 "executing",
        /// Carried out.
        Done = 3 "done",
        /// Could not be carried out; the message says why.
        Failed = 4 "failed",
        /// So many were against it that it could not be accepted any more.
        Rejected = 5 "rejected",
        /// Too few had agreed when the vote closed.
        Expired = 6 "expired",
        /// Agreement fell below what is needed while it was waiting.
        Vetoed = 7 "vetoed",
    }
    /// A vote.
    Choice {
        /// For it.
        Agree = 0 "agree",
        /// Against it.
        Object = 1 "object",
    }
}

impl ProposalStatus {
    /// Whether nothing more happens to the proposal.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Open | Self::Waiting | Self::Executing)
    }
}

values! {
    /// What is kept of a certificate that was checked.
    CertificateFacts {
        /// Its serial number.
        serial: Serial,
        /// SHA3-256 of its DER form.
        hash: Hash,
    }
    /// A call that is made when the proposal is carried out.
    ProposedCall {
        /// The contract.
        contract: ContractId,
        /// The method.
        method: Text<64>,
        /// Its arguments in canonical form.
        arguments: Bytes<MAX_CALL_ARGUMENTS>,
    }
    /// Who may vote on a proposal.
    Electorate {
        /// Members with a lower number: those who had joined when it opened.
        joined_before: u64,
        /// Only these, for a review of data; `None` for every member.
        chosen: Option<List<OrganisationId, MAX_AUTHORITIES>>,
        /// How many they were.
        electors: u32,
        /// How many must agree.
        needed: u32,
    }
    /// What a dry run said of an upgrade when it was proposed, for members to compare with one of their own.
    Forecast {
        /// Hash of what the migration would write into the state of contracts.
        predicted: Hash,
        /// Height of the state that it was tried on.
        base: Height,
        /// Entries of the state that would change.
        changed: u64,
        /// Fuel that the migration would use.
        fuel: u64,
        /// Blocks that it would take.
        blocks: u64,
    }
    /// A proposal without its content.
    Proposal {
        /// Its number, from 0.
        id: u64,
        /// What it is about.
        class: ProposalClass,
        /// The organisation that opened it.
        opener: OrganisationId,
        /// Height at which it opened.
        opened: Height,
        /// Block time at which it opened.
        opened_ms: u64,
        /// Last block time at which votes count while it is open.
        closes_ms: u64,
        /// Hash of chain, number and content: what each vote repeats.
        content: Hash,
        /// Who may vote.
        electorate: Electorate,
        /// Who agree now.
        agree: u32,
        /// Who object now.
        object: u32,
        /// Where it is.
        status: ProposalStatus,
        /// While it waits: block time at which the timelock ends. Once it is ended: block time of that.
        until_ms: u64,
        /// Calls that were made, or parts of a plan that were carried out.
        progress: u32,
        /// How it ended, for people.
        message: Text<MAX_OUTCOME>,
    }
    /// Result of the view `proposal`.
    ProposalView {
        /// Where it is.
        proposal: Proposal,
        /// What it is.
        kind: ProposalKind,
    }
    /// An organisation's vote as it stands.
    VoteRecord {
        /// The vote.
        choice: Choice,
        /// The key that cast it.
        key: PublicKey,
        /// Height at which it was cast or changed.
        height: Height,
        /// Block time of that.
        time_ms: u64,
    }
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ProposalKind {
    /// A node becomes a member as backup node, with its organisation when that is none yet (P 0060).
    Admit {
        /// The node.
        node: MemberNode,
        /// Its organisation; for one that is a member already, roles and keys are empty.
        organisation: Organisation,
        /// Its certificate.
        certificate: CertificateFacts,
    } = 0,
    /// A node stands as authority (P 0034).
    Promote {
        /// The node.
        node: NodeId,
    } = 1,
    /// A node stands as authority no more.
    Demote {
        /// The node.
        node: NodeId,
        /// What it is from then on: ordinary or backup.
        standing: Standing,
    } = 2,
    /// A node, or an organisation with all its nodes, leaves (P 0064).
    Remove {
        /// The organisation.
        organisation: OrganisationId,
        /// Only this node of it.
        node: Option<NodeId>,
    } = 3,
    /// The chain's parameters.
    Parameters {
        /// All of them.
        parameters: Parameters,
    } = 4,
    /// The numbers that governance works by.
    Settings {
        /// All of them.
        settings: GovernanceSettings,
    } = 5,
    /// Who leads votes.
    Coordinator {
        /// A member.
        organisation: OrganisationId,
    } = 6,
    /// Calls, in order, with the role governance. They are made 64 in a block; the first one that fails ends it, and
    /// those before it stay.
    Calls {
        /// The calls.
        calls: ProposedCalls,
    } = 7,
    /// A new contract whose code was stored before.
    Deploy {
        /// Its id.
        contract: ContractId,
        /// Hash of its code.
        code: Hash,
        /// Arguments of its initialiser in canonical form.
        arguments: Bytes<MAX_INIT_ARGUMENTS>,
    } = 8,
    /// New code, stored before, of a contract.
    Upgrade {
        /// The contract.
        contract: ContractId,
        /// Hash of its new code.
        code: Hash,
        /// What a dry run said of it. Its proposer's word: it decides nothing.
        forecast: Option<Forecast>,
    } = 9,
    /// A change of data that waits for its review (A6).
    Change {
        /// Calls of methods that are made for this, each with the submitter as first argument.
        calls: ProposedCalls,
    } = 10,
    /// What an organisation did is put right by a plan that was stored before, one part in each block (P 0064 (4)).
    Remediate {
        /// The plan: the hash of its head.
        plan: Hash,
        /// Whose transactions it repairs.
        organisation: OrganisationId,
        /// The first height of them.
        from: Height,
        /// How many parts it has.
        parts: u32,
        /// How many values it puts back.
        restored: u32,
        /// How many transactions it marks.
        marked: u32,
    } = 11,
}

impl ProposalKind {
    /// Its name.
    pub const fn class(&self) -> ProposalClass {
        match self {
            Self::Admit { .. } => ProposalClass::Admit,
            Self::Promote { .. } => ProposalClass::Promote,
            Self::Demote { .. } => ProposalClass::Demote,
            Self::Remove { .. } => ProposalClass::Remove,
            Self::Parameters { .. } => ProposalClass::Parameters,
            Self::Settings { .. } => ProposalClass::Settings,
            Self::Coordinator { .. } => ProposalClass::Coordinator,
            Self::Calls { .. } => ProposalClass::Calls,
            Self::Deploy { .. } => ProposalClass::Deploy,
            Self::Upgrade { .. } => ProposalClass::Upgrade,
            Self::Change { .. } => ProposalClass::Change,
            Self::Remediate { .. } => ProposalClass::Remediate,
        }
    }
}

impl ProposalClass {
    /// Whether it waits for the timelock once it is accepted.
    pub const fn has_timelock(self) -> bool {
        matches!(self, Self::Parameters | Self::Settings | Self::Calls | Self::Deploy | Self::Upgrade | Self::Remediate)
    }
}

const fn field(name: &'static str, kind: &'static Schema) -> FieldSchema {
    FieldSchema { name, kind }
}

impl Wire for ProposalKind {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "ProposalKind",
        variants: &[
            VariantSchema {
                name: "Admit",
                fields: &[
                    field("node", MemberNode::SCHEMA),
                    field("organisation", Organisation::SCHEMA),
                    field("certificate", CertificateFacts::SCHEMA),
                ],
            },
            VariantSchema { name: "Promote", fields: &[field("node", NodeId::SCHEMA)] },
            VariantSchema {
                name: "Demote",
                fields: &[field("node", NodeId::SCHEMA), field("standing", Standing::SCHEMA)],
            },
            VariantSchema {
                name: "Remove",
                fields: &[
                    field("organisation", OrganisationId::SCHEMA),
                    field("node", <Option<NodeId> as Wire>::SCHEMA),
                ],
            },
            VariantSchema { name: "Parameters", fields: &[field("parameters", Parameters::SCHEMA)] },
            VariantSchema { name: "Settings", fields: &[field("settings", GovernanceSettings::SCHEMA)] },
            VariantSchema { name: "Coordinator", fields: &[field("organisation", OrganisationId::SCHEMA)] },
            VariantSchema { name: "Calls", fields: &[field("calls", ProposedCalls::SCHEMA)] },
            VariantSchema {
                name: "Deploy",
                fields: &[
                    field("contract", ContractId::SCHEMA),
                    field("code", Hash::SCHEMA),
                    field("arguments", <Bytes<MAX_INIT_ARGUMENTS> as Wire>::SCHEMA),
                ],
            },
            VariantSchema {
                name: "Upgrade",
                fields: &[
                    field("contract", ContractId::SCHEMA),
                    field("code", Hash::SCHEMA),
                    field("forecast", <Option<Forecast> as Wire>::SCHEMA),
                ],
            },
            VariantSchema { name: "Change", fields: &[field("calls", ProposedCalls::SCHEMA)] },
            VariantSchema {
                name: "Remediate",
                fields: &[
                    field("plan", Hash::SCHEMA),
                    field("organisation", OrganisationId::SCHEMA),
                    field("from", Height::SCHEMA),
                    field("parts", u32::SCHEMA),
                    field("restored", u32::SCHEMA),
                    field("marked", u32::SCHEMA),
                ],
            },
        ],
    };
}

/// The bytes whose SHA3-256 is the hash that votes repeat: those of
/// [`hash_of`](althing_types::hash::hash_of) under [`Tag::Ballot`] over chain, number and content.
pub fn ballot_bytes(chain: &str, proposal: u64, kind: &ProposalKind) -> Vec<u8> {
    let tag = Tag::Ballot.text().as_bytes();
    let mut out = Vec::with_capacity(128);
    #[expect(clippy::cast_possible_truncation, reason = "tags are shorter than 256 bytes")]
    out.push(tag.len() as u8);
    out.extend_from_slice(tag);
    out.extend_from_slice(&encode(&(chain, proposal)));
    out.extend_from_slice(&encode(kind));
    out
}

/// The hash that binds a vote to chain, proposal and content (G7).
pub fn content_hash(chain: &ChainId, proposal: u64, kind: &ProposalKind) -> Hash {
    sha3_256(&ballot_bytes(chain.as_str(), proposal, kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::hash::hash_of;

    #[test]
    fn the_content_hash_is_a_tagged_hash_of_chain_number_and_content() {
        let chain = ChainId::new("test").unwrap();
        let kind = ProposalKind::Promote { node: NodeId([7; 32]) };
        assert_eq!(content_hash(&chain, 3, &kind), hash_of(Tag::Ballot, &(&chain, 3u64, &kind)));
        assert_ne!(content_hash(&chain, 3, &kind), content_hash(&chain, 4, &kind));
        assert_ne!(content_hash(&chain, 3, &kind), content_hash(&ChainId::new("other").unwrap(), 3, &kind));
    }

    #[test]
    fn each_kind_has_the_number_of_its_class() {
        let kinds = [
            ProposalKind::Promote { node: NodeId([7; 32]) },
            ProposalKind::Remove { organisation: OrganisationId::new("a").unwrap(), node: None },
            ProposalKind::Calls { calls: List::default() },
            ProposalKind::Change { calls: List::default() },
            ProposalKind::Remediate {
                plan: Hash([1; 32]),
                organisation: OrganisationId::new("a").unwrap(),
                from: Height(1),
                parts: 1,
                restored: 1,
                marked: 1,
            },
        ];
        for kind in kinds {
            assert_eq!(encode(&kind)[0], kind.class() as u8, "{kind:?}");
        }
    }
}
