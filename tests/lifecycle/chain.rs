//! A chain of four members whose state is a map: blocks are executed one after the other by the node's own executor.

use crate::modules::module;
use althing_execution::{BlockContext, Candidate, DryRun, Executor, Writes};
use althing_interface::{
    call::Call,
    governance::{self, CastVote, Choice, Open, Proposal, ProposalKind, ProposalStatus, content_hash},
    layout,
};
use althing_runtime::{CallContext, Config, Runtime};
use althing_types::{
    authority::{Authority, Threshold},
    codec::{Bytes, List, Text, decode, encode},
    crypto::{NodeId, PublicKey, SecretKey, Signed},
    genesis::{ChainKind, FaultModel, Genesis, GenesisContract, Parameters},
    govern::{GenesisGovernance, GovernanceSettings, MemberNode, Standing, SystemChange},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Sequence},
    keyspace::{self, ContractEntry, code_hash, storage},
    migration::Migration,
    organisation::{MemberKey, Organisation, Role},
    receipt::{Failure, Receipt},
    transaction::{Attributes, Content, Operation, TRANSACTION_VERSION, Transaction},
    view::{Entry, StateFault, StateView},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

static RUNTIME: LazyLock<Arc<Runtime>> = LazyLock::new(|| Arc::new(Runtime::new(Config::default()).expect("machine")));

/// How large a chain is.
pub(crate) struct Size {
    /// Members.
    pub(crate) members: usize,
    /// Nodes of all of them together; each member has at least one.
    pub(crate) nodes: usize,
    /// Nodes that stand as authorities.
    pub(crate) authorities: usize,
}

/// Four members with an authority each.
const SMALL: Size = Size { members: 4, nodes: 4, authorities: 4 };

/// The state.
#[derive(Clone, Default)]
pub(crate) struct State(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

impl StateView for State {
    fn read(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(self.0.get(key).cloned())
    }
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>, StateFault> {
        let from = after.filter(|after| *after >= prefix).unwrap_or(prefix).to_vec();
        let found = self.0.range(from..).skip_while(|(key, _)| after.is_some_and(|after| key.as_slice() <= after));
        let found = found.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }
}

/// A chain.
pub(crate) struct Chain {
    pub(crate) state: State,
    pub(crate) height: u64,
    pub(crate) time_ms: u64,
    pub(crate) executor: Executor,
    pub(crate) chain: ChainId,
}

pub(crate) fn id(contract: &str) -> ContractId {
    ContractId::new(contract).unwrap()
}

fn key(member: usize) -> SecretKey {
    SecretKey::from_seed(&[member as u8 + 1; 32])
}

pub(crate) fn node(number: usize) -> NodeId {
    let mut seed = [101; 32];
    seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
    NodeId::from(SecretKey::from_seed(&seed).public())
}

fn organisation(member: usize) -> OrganisationId {
    OrganisationId::new(format!("member-{member}")).unwrap()
}

/// Code with the hash by which the state names it.
fn put_code(state: &mut State, code: &[u8]) -> Hash {
    let hash = code_hash(code);
    state.0.insert(keyspace::code(&hash), code.to_vec());
    hash
}

impl Chain {
    /// A chain with the built-in contracts.
    pub(crate) fn start() -> Self {
        Self::sized(&SMALL, GovernanceSettings { vote_ms: 100_000, timelock_ms: 50, ..GovernanceSettings::default() })
    }

    /// A chain of any size.
    pub(crate) fn sized(size: &Size, settings: GovernanceSettings) -> Self {
        let codes = althing_bundle::contracts();
        let member = |n: usize| MemberNode {
            node: node(n),
            organisation: organisation(n % size.members),
            kind: Role::Registry,
            standing: if n < size.authorities { Standing::Authority } else { Standing::Ordinary },
            address: Text::new(format!("node-{n}.example.net:7000")).unwrap(),
            since: Height(0),
        };
        let authority = |n: usize| Authority { node: node(n), organisation: organisation(n % size.members) };
        let mut authorities: Vec<Authority> = (0..size.authorities).map(authority).collect();
        authorities.sort_by_key(|authority| authority.node);
        let mut nodes: Vec<MemberNode> = (0..size.nodes).map(member).collect();
        nodes.sort_by_key(|node| node.node);
        let whole = |m| Organisation {
            id: organisation(m),
            roles: [Role::Registry].into(),
            keys: List::new(vec![MemberKey::whole(key(m).public())]).unwrap(),
        };
        let governance = GenesisGovernance {
            contract: id(governance::ID),
            coordinator: organisation(0),
            certificate_authority: Bytes::default(),
            nodes: List::new(nodes).unwrap(),
            settings,
        };
        let contract = |b: &althing_bundle::Bundled| GenesisContract::new(id(b.id), code_hash(b.code));
        // The others are started with arguments.
        let plain = |b: &&althing_bundle::Bundled| !["registrations", "root_sync", "bootstrap"].contains(&b.id);
        let genesis = Genesis {
            chain: ChainId::new("lifecycle").unwrap(),
            kind: ChainKind::Root,
            timestamp_ms: 1_700_000_000_000,
            fault_model: FaultModel::Byzantine,
            threshold: Threshold::TwoThirds,
            authorities: List::new(authorities).unwrap(),
            organisations: List::new((0..size.members).map(whole).collect()).unwrap(),
            operator: None,
            contracts: List::new(codes.iter().filter(plain).map(contract).collect()).unwrap(),
            governance: Some(governance),
            parameters: Parameters::default(),
        };
        let executor = Executor::new(Arc::clone(&RUNTIME), genesis.chain.clone(), genesis.kind.clone());
        let code_of = |hash: &Hash| codes.iter().find(|b| code_hash(b.code) == *hash).map(|b| b.code.to_vec());
        let writes = executor.genesis(&genesis, code_of).unwrap();
        let mut chain =
            Self { state: State::default(), height: 0, time_ms: genesis.timestamp_ms, executor, chain: genesis.chain };
        chain.apply(&writes);
        chain
    }

    fn apply(&mut self, writes: &Writes) {
        for (key, value) in writes {
            match value {
                Some(value) => self.state.0.insert(key.clone(), value.clone()),
                None => self.state.0.remove(key),
            };
        }
    }

    pub(crate) fn context(&self) -> BlockContext {
        let height = Height(self.height + 1);
        BlockContext { height, timestamp_ms: self.time_ms + 1_000, packer: node(0), previous: None, recovered: None }
    }

    /// A block with these contents, each signed by a member; its receipts.
    pub(crate) fn block(&mut self, contents: Vec<(usize, Content)>) -> Vec<Receipt> {
        let mut next: BTreeMap<usize, u64> = BTreeMap::new();
        let mut transactions = Vec::new();
        for (member, content) in contents {
            let operator: PublicKey = key(member).public();
            let known: Sequence = Executor::next_sequence(&self.state, &operator).unwrap();
            let sequence = *next.entry(member).and_modify(|n| *n += 1).or_insert(known.0);
            let transaction = Transaction {
                version: TRANSACTION_VERSION,
                chain: self.chain.clone(),
                attributes: Attributes::Root,
                operation: Operation::Call,
                content,
                postscript: Text::default(),
                operator,
                sequence: Sequence(sequence),
                timestamp_ms: self.time_ms,
                expiry: Height(self.height + 100),
                fuel_limit: 500_000_000,
            };
            transactions.push(Arc::new(Signed::sign(transaction, &key(member)).verify().unwrap()));
        }
        let context = self.context();
        let execution = self.executor.propose(&self.state, &context, &transactions, u64::MAX).unwrap();
        let few = self.executor.propose(&self.state, &context, &transactions, 0).unwrap();
        assert_eq!(few.transactions.len(), transactions.len().min(1), "a primary that wants little packs little");
        let again = self.executor.verify(&self.state, &context, &execution.transactions).unwrap().unwrap();
        assert_eq!(again.writes, execution.writes, "two executions of one block differ");
        assert_eq!(execution.transactions.len(), transactions.len(), "{:?}", execution.abnormal);
        self.apply(&execution.writes);
        self.height += 1;
        self.time_ms = context.timestamp_ms;
        execution.receipts
    }

    /// A block with one call.
    pub(crate) fn call<C: Call>(&mut self, member: usize, call: &C) -> Receipt {
        self.block(vec![(member, call.content().unwrap())]).remove(0)
    }

    /// Stores code and gives its hash.
    pub(crate) fn store(&mut self, code: &[u8]) -> Hash {
        put_code(&mut self.state, code)
    }

    /// A contract as if it had been deployed before, with these entries.
    pub(crate) fn put_contract(&mut self, contract: &str, code: &[u8], entries: impl Iterator<Item = Entry>) {
        let hash = self.store(code);
        let abi = althing_abi::Abi::read(code).unwrap();
        let entry = ContractEntry {
            code: hash,
            state_version: abi.state_version,
            schema: abi.schema_hash(),
            upgrades: 0,
            deployer: None,
            since: Height(0),
        };
        self.state.0.insert(keyspace::contract(&id(contract)), encode(&entry));
        for (own, value) in entries {
            self.state.0.insert(storage(&id(contract), &own), value);
        }
    }

    /// A block at whose end this change is due, as the governing contract would have put it off.
    pub(crate) fn change(&mut self, contract: &str, code: Hash) {
        let change = SystemChange::Upgrade { tag: 77, contract: id(contract), code };
        let list: List<SystemChange, { althing_types::govern::MAX_DEFERRED }> = List::new(vec![change]).unwrap();
        self.state.0.insert(keyspace::deferred(), encode(&list));
        self.block(Vec::new());
    }

    /// Everything that a contract stores.
    pub(crate) fn entries(&self, contract: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let prefix = storage(&id(contract), &[]);
        self.state.scan(&prefix, None, usize::MAX).unwrap().into_iter().collect()
    }

    pub(crate) fn entry(&self, contract: &str) -> ContractEntry {
        decode("entry", &self.state.0[&keyspace::contract(&id(contract))], 4096).unwrap()
    }

    pub(crate) fn migration(&self, contract: &str) -> Option<Migration> {
        let bytes = self.state.0.get(&keyspace::migration(&id(contract)))?;
        Some(decode("migration", bytes, 8192).unwrap())
    }

    /// Old values that are kept for a contract.
    pub(crate) fn kept(&self, contract: &str) -> usize {
        self.state.scan(&keyspace::undo(&id(contract), &[]), None, usize::MAX).unwrap().len()
    }

    /// A view.
    pub(crate) fn view(&self, contract: &str, method: &str, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let context = CallContext {
            chain: self.chain.clone(),
            height: Height(self.height),
            timestamp_ms: self.time_ms,
            transaction: Hash::ZERO,
            signer: PublicKey([0; 32]),
            organisation: None,
            roles: Default::default(),
            governor: Executor::governor(&self.state).unwrap(),
        };
        self.executor.view(&self.state, &context, &id(contract), method, input, 200_000_000).unwrap().result
    }

    pub(crate) fn dry_run(&self, contract: &str, candidate: Candidate<'_>) -> DryRun {
        let none = Bytes::default();
        self.executor.dry_run(&self.state, &self.context(), &id(contract), candidate, &none).unwrap()
    }

    /// A proposal as it stands.
    pub(crate) fn proposal(&self, number: u64) -> Proposal {
        let key = storage(&id(governance::ID), &layout::proposal_key(number));
        decode("proposal", &self.state.0[&key], 1 << 20).unwrap()
    }

    /// Opens a proposal and lets three members agree.
    pub(crate) fn accept(&mut self, kind: ProposalKind) -> u64 {
        let receipt = self.call(0, &Open { kind: kind.clone() });
        let number: u64 = decode("number", &receipt.result, 8).unwrap_or_else(|_| panic!("{:?}", receipt.status));
        let content = content_hash(&self.chain, number, &kind);
        for member in 0..3 {
            let receipt = self.call(member, &CastVote { proposal: number, content, choice: Choice::Agree });
            assert!(receipt.status.failure().is_none(), "{:?}", receipt.status);
        }
        number
    }

    /// Blocks until a proposal is ended.
    pub(crate) fn end(&mut self, number: u64) -> Proposal {
        for _ in 0..40 {
            let proposal = self.proposal(number);
            if proposal.status.is_final() {
                return proposal;
            }
            self.block(Vec::new());
        }
        panic!("proposal {number} is not ended: {:?}", self.proposal(number).status)
    }

    /// Whether members can still decide something.
    pub(crate) fn decides(&mut self) -> bool {
        let parameters = Executor::parameters(&self.state).unwrap();
        let parameters = Parameters { max_expiry_blocks: parameters.max_expiry_blocks - 1, ..parameters };
        let number = self.accept(ProposalKind::Parameters { parameters });
        self.end(number).status == ProposalStatus::Done
    }
}

/// An example's module.
pub(crate) fn book(version: &str) -> &'static [u8] {
    module("guestbook", version)
}
