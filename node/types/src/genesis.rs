//! The document that a chain starts from. What a chain is follows from it alone (L1).

use crate::{
    authority::{Authority, AuthorityList, AuthorityListError, MAX_AUTHORITIES, Threshold},
    codec::{Bytes, List, Text},
    crypto::PublicKey,
    govern::{GenesisGovernance, GovernorSeed, MemberList, MemberNode, Standing},
    hash::{Hash, Tag, hash_of},
    id::{ChainId, ContractId, Height, OrganisationId},
    organisation::{MAX_ORGANISATIONS, Organisation, Role},
    transaction::Attributes,
    wire::{FieldSchema, Schema, Wire},
};
use alloc::{collections::BTreeSet, string::String};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Most contracts of a genesis.
pub const MAX_CONTRACTS: usize = 64;
/// Longest arguments of the initialiser of a genesis contract, in bytes.
pub const MAX_INIT: usize = 64 * 1024;
/// Most contracts besides the governing one that work at the end of each block.
pub const MAX_BLOCK_END: usize = 8;

/// What a chain is for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainKind {
    /// The root zone's chain.
    Root,
    /// The chain of one top-level domain, given by its label.
    Tld(Text<63>),
    /// Registry bootstrap entries only.
    Registry,
    /// Registrar entries only.
    Registrar,
}

impl ChainKind {
    /// The attributes that this chain's transactions must carry.
    pub const fn attributes(&self) -> Attributes {
        match self {
            Self::Root => Attributes::Root,
            Self::Tld(_) => Attributes::Tld,
            Self::Registry | Self::Registrar => Attributes::Directory,
        }
    }
}

/// How authorities are assumed to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum FaultModel {
    /// In any way.
    Byzantine = 0,
    /// By stopping only.
    Crash = 1,
}

/// Numbers that a chain chooses. All sizes are in bytes, all times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Least time between the start of two blocks that carry transactions.
    pub block_interval_ms: u64,
    /// Time between blocks when there is nothing to do.
    pub empty_block_interval_ms: u64,
    /// How long the others wait for a silent primary (P 0041).
    pub propose_timeout_ms: u64,
    /// First time-out of the two votes; grows by itself in each further round.
    pub vote_timeout_ms: u64,
    /// Largest clock difference at which a proposal is still voted for.
    pub clock_drift_ms: u64,
    /// Most transactions of a block.
    pub max_block_transactions: u32,
    /// Longest sum of transactions of a block.
    pub max_block_bytes: u32,
    /// Most fuel of all transactions of a block.
    pub max_block_fuel: u64,
    /// Most fuel of one transaction.
    pub max_transaction_fuel: u64,
    /// Longest arguments of a call (Table 2: modified content).
    pub max_arguments_bytes: u32,
    /// Longest contract code.
    pub max_code_bytes: u32,
    /// Longest postscript (Table 2).
    pub max_postscript_bytes: u32,
    /// Furthest expiry, in blocks from the present height.
    pub max_expiry_blocks: u64,
    /// Heights of which old state stays readable with proof.
    pub retention_blocks: u64,
    /// Every so many heights nodes offer their state to joiners (P 0048); 0: never.
    pub checkpoint_blocks: u64,
}

impl Wire for Parameters {
    const SCHEMA: &'static Schema = &Schema::Struct {
        name: "Parameters",
        fields: &[
            FieldSchema { name: "block_interval_ms", kind: u64::SCHEMA },
            FieldSchema { name: "empty_block_interval_ms", kind: u64::SCHEMA },
            FieldSchema { name: "propose_timeout_ms", kind: u64::SCHEMA },
            FieldSchema { name: "vote_timeout_ms", kind: u64::SCHEMA },
            FieldSchema { name: "clock_drift_ms", kind: u64::SCHEMA },
            FieldSchema { name: "max_block_transactions", kind: u32::SCHEMA },
            FieldSchema { name: "max_block_bytes", kind: u32::SCHEMA },
            FieldSchema { name: "max_block_fuel", kind: u64::SCHEMA },
            FieldSchema { name: "max_transaction_fuel", kind: u64::SCHEMA },
            FieldSchema { name: "max_arguments_bytes", kind: u32::SCHEMA },
            FieldSchema { name: "max_code_bytes", kind: u32::SCHEMA },
            FieldSchema { name: "max_postscript_bytes", kind: u32::SCHEMA },
            FieldSchema { name: "max_expiry_blocks", kind: u64::SCHEMA },
            FieldSchema { name: "retention_blocks", kind: u64::SCHEMA },
            FieldSchema { name: "checkpoint_blocks", kind: u64::SCHEMA },
        ],
    };
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            block_interval_ms: 50,
            empty_block_interval_ms: 5_000,
            propose_timeout_ms: 2_000,
            vote_timeout_ms: 500,
            clock_drift_ms: 10_000,
            max_block_transactions: 4_096,
            max_block_bytes: 2 * 1024 * 1024,
            max_block_fuel: 2_000_000_000,
            max_transaction_fuel: 500_000_000,
            max_arguments_bytes: 32 * 1024,
            max_code_bytes: 768 * 1024,
            max_postscript_bytes: 512,
            max_expiry_blocks: 100_000,
            retention_blocks: 1_000,
            checkpoint_blocks: 1_000,
        }
    }
}

/// A contract that exists from the start.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct GenesisContract {
    /// Its id; the node takes the code from its bundle or from the configured folder.
    pub id: ContractId,
    /// Hash of its code, under [`Tag::Code`].
    pub code: Hash,
    /// Canonical bytes of the arguments of its initialiser, where it takes some; the governing contract is given its
    /// [`GovernorSeed`] instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<Bytes<MAX_INIT>>,
    /// Whether its method `end_block`, which takes no arguments, is called at the end of each block, after the
    /// governing contract's.
    #[serde(default)]
    pub block_end: bool,
}

impl GenesisContract {
    /// A contract whose initialiser takes nothing.
    pub const fn new(id: ContractId, code: Hash) -> Self {
        Self { id, code, init: None, block_end: false }
    }
}

/// The genesis document.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The chain's id.
    pub chain: ChainId,
    /// What it is for.
    pub kind: ChainKind,
    /// Milliseconds since 1970; the first block's time is greater.
    pub timestamp_ms: u64,
    /// How authorities are assumed to fail.
    pub fault_model: FaultModel,
    /// What they must exceed.
    pub threshold: Threshold,
    /// The first authorities, in order.
    pub authorities: List<Authority, MAX_AUTHORITIES>,
    /// The first member organisations.
    pub organisations: List<Organisation, MAX_ORGANISATIONS>,
    /// The one key of a development chain that holds [`crate::organisation::Role::Governance`]; a chain that is shared
    /// names none.
    #[serde(default)]
    pub operator: Option<PublicKey>,
    /// Contracts from the start.
    pub contracts: List<GenesisContract, MAX_CONTRACTS>,
    /// Who governs; a chain without it stays as it starts.
    #[serde(default)]
    pub governance: Option<GenesisGovernance>,
    /// Numbers.
    #[serde(default)]
    pub parameters: Parameters,
}

/// A genesis that no chain may start from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The authority list.
    #[error("authorities: {0}")]
    Authorities(#[from] AuthorityListError),
    /// 1/2 is safe only when authorities fail by stopping, and that must be said.
    #[error("threshold 1/2 needs fault_model \"crash\"")]
    HalfNeedsCrash,
    /// A root chain must withstand Byzantine authorities.
    #[error("a root chain refuses fault_model \"crash\" and threshold 1/2")]
    RootNeedsByzantine,
    /// An authority's organisation is not listed.
    #[error("authority organisation {organisation} is not in organisations")]
    UnknownOrganisation {
        /// The organisation.
        organisation: OrganisationId,
    },
    /// An organisation, key or contract listed twice.
    #[error("{what} {value} is listed twice")]
    Duplicate {
        /// What it is.
        what: &'static str,
        /// Its text.
        value: String,
    },
    /// The operator key belongs to no organisation.
    #[error("operator key {key} belongs to no organisation")]
    UnknownOperator {
        /// The key.
        key: PublicKey,
    },
    /// The governing contract is not among the genesis contracts.
    #[error("governance contract {contract} is not in contracts")]
    UnknownGovernor {
        /// The contract.
        contract: ContractId,
    },
    /// The nodes that stand as authorities are not those of the authority list.
    #[error("{standing} nodes of governance stand as authorities, {listed} are in authorities: they must be the same")]
    AuthoritiesDiffer {
        /// Nodes that stand as authorities.
        standing: usize,
        /// Authorities listed.
        listed: usize,
    },
    /// More contracts at the end of each block than [`MAX_BLOCK_END`].
    #[error("{found} contracts have block_end; at most {MAX_BLOCK_END} may")]
    TooManyAtBlockEnd {
        /// How many.
        found: usize,
    },
    /// A parameter out of range.
    #[error("parameter {name} is {value}: {rule}")]
    Parameter {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: u64,
        /// The rule.
        rule: &'static str,
    },
}

impl Genesis {
    /// The first authority list.
    ///
    /// # Errors
    /// [`AuthorityListError`] when it cannot decide anything.
    pub fn authority_list(&self) -> Result<AuthorityList, AuthorityListError> {
        AuthorityList::new(self.authorities.to_vec(), self.threshold)
    }

    /// The chain's first hash: the parent of block 1.
    pub fn hash(&self) -> Hash {
        hash_of(Tag::Genesis, self)
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// [`GenesisError`] for the first rule that is broken.
    pub fn check(&self) -> Result<(), GenesisError> {
        self.authority_list()?;
        let crash = self.fault_model == FaultModel::Crash;
        let half = self.threshold == Threshold::Half;
        if self.kind == ChainKind::Root && (crash || half) {
            return Err(GenesisError::RootNeedsByzantine);
        }
        if half && !crash {
            return Err(GenesisError::HalfNeedsCrash);
        }
        let duplicate = |what, value: String| Err(GenesisError::Duplicate { what, value });
        let (mut ids, mut keys, mut contracts) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for organisation in self.organisations.iter() {
            if !ids.insert(organisation.id.clone()) {
                return duplicate("organisation", alloc::format!("{}", organisation.id));
            }
            for key in organisation.keys.iter() {
                if !keys.insert(key.key) {
                    return duplicate("key", alloc::format!("{}", key.key));
                }
            }
        }
        for contract in self.contracts.iter() {
            if !contracts.insert(contract.id.clone()) {
                return duplicate("contract", alloc::format!("{}", contract.id));
            }
        }
        let found = self.contracts.iter().filter(|contract| contract.block_end).count();
        if found > MAX_BLOCK_END {
            return Err(GenesisError::TooManyAtBlockEnd { found });
        }
        for authority in self.authorities.iter() {
            if !ids.contains(&authority.organisation) {
                return Err(GenesisError::UnknownOrganisation { organisation: authority.organisation.clone() });
            }
        }
        if let Some(key) = self.operator.filter(|key| !keys.contains(key)) {
            return Err(GenesisError::UnknownOperator { key });
        }
        if let Some(governance) = &self.governance {
            self.check_governance(governance, &ids, &contracts)?;
        }
        self.parameters.check()
    }
}

impl Genesis {
    fn check_governance(
        &self,
        governance: &GenesisGovernance,
        organisations: &BTreeSet<OrganisationId>,
        contracts: &BTreeSet<ContractId>,
    ) -> Result<(), GenesisError> {
        if !contracts.contains(&governance.contract) {
            return Err(GenesisError::UnknownGovernor { contract: governance.contract.clone() });
        }
        let named = governance.nodes.iter().map(|node| &node.organisation).chain([&governance.coordinator]);
        if let Some(organisation) = named.into_iter().find(|id| !organisations.contains(*id)) {
            return Err(GenesisError::UnknownOrganisation { organisation: organisation.clone() });
        }
        let mut nodes = BTreeSet::new();
        for node in governance.nodes.iter() {
            if !nodes.insert(node.node) {
                return Err(GenesisError::Duplicate { what: "node", value: alloc::format!("{}", node.node) });
            }
        }
        let standing: BTreeSet<_> =
            governance.nodes.iter().filter(|n| n.standing == Standing::Authority).map(|n| n.node).collect();
        let listed: BTreeSet<_> = self.authorities.iter().map(|a| a.node).collect();
        if standing != listed {
            return Err(GenesisError::AuthoritiesDiffer { standing: standing.len(), listed: listed.len() });
        }
        Ok(())
    }

    /// What the governing contract's initialiser is given; `None` without governance.
    pub fn governor_seed(&self) -> Option<GovernorSeed> {
        let governance = self.governance.as_ref()?;
        Some(GovernorSeed {
            organisations: self.organisations.clone(),
            nodes: governance.nodes.clone(),
            coordinator: governance.coordinator.clone(),
            certificate_authority: governance.certificate_authority.clone(),
            settings: governance.settings.clone(),
            parameters: self.parameters.clone(),
            authorities: self.authority_list().ok()?,
        })
    }

    /// The first member list: that of governance, else the authorities.
    pub fn member_list(&self) -> MemberList {
        let mut nodes: alloc::vec::Vec<MemberNode> = match &self.governance {
            Some(governance) => governance.nodes.to_vec(),
            None => self.authorities.iter().map(|authority| self.plain_member(authority)).collect(),
        };
        nodes.sort_by_key(|node| node.node);
        MemberList { nodes: List::new(nodes).unwrap_or_default() }
    }

    fn plain_member(&self, authority: &Authority) -> MemberNode {
        let runner = self.organisations.iter().find(|o| o.id == authority.organisation);
        MemberNode {
            node: authority.node,
            organisation: authority.organisation.clone(),
            kind: runner.and_then(|o| o.roles.first().copied()).unwrap_or(Role::Registry),
            standing: Standing::Authority,
            address: Text::default(),
            since: Height(0),
        }
    }
}

impl Parameters {
    /// Checks every range.
    ///
    /// # Errors
    /// [`GenesisError::Parameter`] for the first number out of range.
    pub fn check(&self) -> Result<(), GenesisError> {
        use crate::{
            block::MAX_BLOCK_TRANSACTIONS,
            transaction::{MAX_ARGUMENTS, MAX_CODE, MAX_POSTSCRIPT},
        };
        let within = |name, value: u64, low: u64, high: u64, rule| {
            if (low..=high).contains(&value) { Ok(()) } else { Err(GenesisError::Parameter { name, value, rule }) }
        };
        within("propose_timeout_ms", self.propose_timeout_ms, 50, 60_000, "must be 50 to 60000")?;
        within("vote_timeout_ms", self.vote_timeout_ms, 10, 60_000, "must be 10 to 60000")?;
        within("block_interval_ms", self.block_interval_ms, 0, 60_000, "must be 0 to 60000")?;
        within("empty_block_interval_ms", self.empty_block_interval_ms, 0, 600_000, "must be 0 to 600000")?;
        within("clock_drift_ms", self.clock_drift_ms, 100, 600_000, "must be 100 to 600000")?;
        let most = MAX_BLOCK_TRANSACTIONS as u64;
        within("max_block_transactions", self.max_block_transactions.into(), 1, most, "must be 1 to 8192")?;
        within("max_block_bytes", self.max_block_bytes.into(), 65_536, 4 * 1024 * 1024, "must be 64 KiB to 4 MiB")?;
        within(
            "max_arguments_bytes",
            self.max_arguments_bytes.into(),
            256,
            MAX_ARGUMENTS as u64,
            "must be 256 B to 64 KiB",
        )?;
        within("max_code_bytes", self.max_code_bytes.into(), 1_024, MAX_CODE as u64, "must be 1 KiB to 768 KiB")?;
        within(
            "max_postscript_bytes",
            self.max_postscript_bytes.into(),
            0,
            MAX_POSTSCRIPT as u64,
            "must be at most 1 KiB",
        )?;
        within(
            "max_transaction_fuel",
            self.max_transaction_fuel,
            1_000_000,
            self.max_block_fuel,
            "must be 1000000 to max_block_fuel",
        )?;
        within("max_expiry_blocks", self.max_expiry_blocks, 10, 10_000_000, "must be 10 to 10000000")?;
        within("retention_blocks", self.retention_blocks, 1, 100_000_000, "must be 1 to 100000000")?;
        within("checkpoint_blocks", self.checkpoint_blocks, 0, 100_000_000, "must be 0 to 100000000")
    }
}
