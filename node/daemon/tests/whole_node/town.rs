//! A quiet little network with the real governing contract: five member organisations with a node each, four of them
//! authorities. Nodes can be switched off, and what one of them says reaches all others that are on.

use crate::{setup::START_MS, world};
use althing_daemon::{
    driver::Recovered,
    metrics::Probe,
    node::{Effect, Event, Node, NodeConfig, Question, RequestId, Submission, Timer},
    preverify,
};
use althing_execution::Executor;
use althing_mempool::{Limits, Pool};
use althing_network::{CertifiedBlock, Gossip, Request, Response};
use althing_state::{MemoryStore, Storage, Tip};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    codec::{Bytes, List, Text},
    crypto::{NodeId, SecretKey},
    genesis::{ChainKind, FaultModel, Genesis, GenesisContract, Parameters},
    govern::{GenesisGovernance, GovernanceSettings, MemberNode, Standing},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId},
    keyspace,
    organisation::{MemberKey, Organisation, Role},
    recovery::{RecoveryPlan, SignedRecovery},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

/// Member organisations, each with one node.
pub(crate) const MEMBERS: usize = 5;
/// Those of them that decide at first.
pub(crate) const AUTHORITIES: usize = 4;

#[derive(Clone, Debug)]
enum Mail {
    Gossip(usize, Gossip),
    Question(usize, RequestId, Request),
    Answer(usize, RequestId, Request, Option<Response>),
    Timer(Timer, u64),
}

/// The network.
pub(crate) struct Town {
    pub(crate) genesis: Genesis,
    /// Code of the governing contract, when it is not the real one.
    governor: Option<Vec<u8>>,
    pub(crate) stores: Vec<MemoryStore>,
    nodes: Vec<Option<Node<MemoryStore>>>,
    timers: Vec<BTreeMap<Timer, u64>>,
    questions: BTreeMap<Question, (usize, RequestId, Request)>,
    queue: BTreeMap<(u64, u64), (usize, Mail)>,
    pub(crate) now_ms: u64,
    serial: u64,
    blocks: BTreeMap<Height, Hash>,
    outcomes: Vec<Recovered>,
    pub(crate) penalties: Vec<(usize, NodeId, String)>,
}

pub(crate) fn organisation(n: usize) -> OrganisationId {
    OrganisationId::new(format!("member-{n}")).unwrap()
}

/// Key of a member's node.
pub(crate) fn node_key(n: usize) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(n + 1).unwrap(); 32])
}

/// A member's voter key.
pub(crate) fn voter(n: usize) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(n + 101).unwrap(); 32])
}

pub(crate) fn id(n: usize) -> NodeId {
    node_key(n).public().into()
}

/// The list of these members' nodes, in the order of their ids.
pub(crate) fn list(of: &[usize]) -> AuthorityList {
    let mut members: Vec<Authority> =
        of.iter().map(|n| Authority { node: id(*n), organisation: organisation(*n) }).collect();
    members.sort_by_key(|authority| authority.node);
    AuthorityList::new(members, Threshold::TwoThirds).unwrap()
}

fn genesis() -> Genesis {
    let contract = |bundled: &althing_bundle::Bundled| {
        GenesisContract::new(ContractId::new(bundled.id).unwrap(), keyspace::code_hash(bundled.code))
    };
    // The others are started with arguments.
    let plain = |bundled: &&althing_bundle::Bundled| !["registrations", "root_sync", "bootstrap"].contains(&bundled.id);
    let authorities: Vec<usize> = (0..AUTHORITIES).collect();
    let node = |n: usize| MemberNode {
        node: id(n),
        organisation: organisation(n),
        kind: Role::Registry,
        standing: if n < AUTHORITIES { Standing::Authority } else { Standing::Backup },
        address: Text::default(),
        since: Height(0),
    };
    let member = |n: usize| Organisation {
        id: organisation(n),
        roles: [Role::Registry].into(),
        keys: List::new(vec![MemberKey::whole(voter(n).public())]).unwrap(),
    };
    let mut nodes: Vec<MemberNode> = (0..MEMBERS).map(node).collect();
    nodes.sort_by_key(|node| node.node);
    Genesis {
        chain: ChainId::new("town").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: START_MS - 1,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(list(&authorities).members().to_vec()).unwrap(),
        organisations: List::new((0..MEMBERS).map(member).collect()).unwrap(),
        operator: None,
        governance: Some(GenesisGovernance {
            contract: ContractId::new("governance").unwrap(),
            coordinator: organisation(0),
            certificate_authority: Bytes::default(),
            nodes: List::new(nodes).unwrap(),
            settings: GovernanceSettings::default(),
        }),
        contracts: List::new(althing_bundle::contracts().iter().filter(plain).map(contract).collect()).unwrap(),
        parameters: Parameters { empty_block_interval_ms: 400, ..Parameters::default() },
    }
}

impl Town {
    /// Everybody is on.
    pub(crate) fn new() -> Self {
        Self::start(genesis(), None)
    }

    /// Everybody is on, and this is the governing contract.
    pub(crate) fn governed_by(code: Vec<u8>) -> Self {
        let mut genesis = genesis();
        let mut contracts = genesis.contracts.to_vec();
        let place = contracts.iter_mut().find(|contract| contract.id.as_str() == "governance").unwrap();
        place.code = keyspace::code_hash(&code);
        genesis.contracts = List::new(contracts).unwrap();
        Self::start(genesis, Some(code))
    }

    fn start(genesis: Genesis, governor: Option<Vec<u8>>) -> Self {
        genesis.check().unwrap();
        let mut town = Self {
            stores: Vec::new(),
            nodes: (0..MEMBERS).map(|_| None).collect(),
            timers: vec![BTreeMap::new(); MEMBERS],
            questions: BTreeMap::new(),
            queue: BTreeMap::new(),
            now_ms: START_MS,
            serial: 0,
            blocks: BTreeMap::new(),
            outcomes: Vec::new(),
            penalties: Vec::new(),
            genesis,
            governor,
        };
        town.stores = (0..MEMBERS).map(|_| town.fresh_store()).collect();
        (0..MEMBERS).for_each(|n| town.switch_on(n));
        town
    }

    fn executor(&self) -> Executor {
        Executor::new(world::runtime(), self.genesis.chain.clone(), self.genesis.kind.clone())
    }

    /// A store of the genesis and nothing else.
    pub(crate) fn fresh_store(&self) -> MemoryStore {
        let code_of = |hash: &Hash| {
            let found = althing_bundle::contracts().iter().find(|b| keyspace::code_hash(b.code) == *hash);
            let own = || self.governor.clone().filter(|code| keyspace::code_hash(code) == *hash);
            found.map(|bundled| bundled.code.to_vec()).or_else(own)
        };
        let writes = self.executor().genesis(&self.genesis, code_of).unwrap();
        let store = MemoryStore::new();
        store.initialise(&self.genesis, &writes).unwrap();
        store
    }

    /// Power goes; what was not synced is lost.
    pub(crate) fn switch_off(&mut self, n: usize) {
        self.nodes[n] = None;
        self.timers[n].clear();
        self.stores[n] = self.stores[n].crash(0);
    }

    pub(crate) fn switch_on(&mut self, n: usize) {
        let config = NodeConfig {
            key: node_key(n),
            genesis: self.genesis.clone(),
            pool: Arc::new(Mutex::new(Pool::new(Limits::default()))),
            probe: Arc::new(Probe::default()),
        };
        let mut node = Node::new(config, Arc::new(self.stores[n].clone()), self.executor()).unwrap();
        let effects = node.start(self.now_ms).unwrap();
        self.nodes[n] = Some(node);
        self.carry_out(n, effects);
        for other in (0..MEMBERS).filter(|other| *other != n && self.nodes[*other].is_some()).collect::<Vec<_>>() {
            self.on(n, Event::PeerConnected(id(other)));
            self.on(other, Event::PeerConnected(id(n)));
        }
    }

    pub(crate) fn tip(&self, n: usize) -> Tip {
        self.stores[n].tip().unwrap().unwrap()
    }

    pub(crate) fn heights(&self) -> Vec<u64> {
        (0..MEMBERS).map(|n| self.tip(n).height.0).collect()
    }

    /// The final blocks of a node.
    pub(crate) fn past(&self, n: usize) -> Vec<CertifiedBlock> {
        let block = |height: u64| CertifiedBlock {
            block: self.stores[n].block(Height(height)).unwrap().unwrap(),
            certificate: self.stores[n].certificate(Height(height)).unwrap().unwrap(),
        };
        (1..=self.tip(n).height.0).map(block).collect()
    }

    /// A plan for the tip of a node, signed by these members.
    pub(crate) fn plan(&self, tip_of: usize, number: u16, authorities: &[usize], signers: &[usize]) -> SignedRecovery {
        let tip = self.tip(tip_of);
        let mut signed = SignedRecovery::unsigned(RecoveryPlan {
            chain: self.genesis.chain.clone(),
            height: tip.height,
            block: tip.block,
            number,
            authorities: list(authorities),
            reason: Text::new("two sites are gone").unwrap(),
            drafted_ms: self.now_ms,
        });
        signers.iter().for_each(|n| signed.sign(organisation(*n), &voter(*n)).unwrap());
        signed
    }

    /// Gives a plan to a node.
    pub(crate) fn recover(&mut self, n: usize, signed: SignedRecovery) -> Recovered {
        self.serial += 1;
        let submission = Submission(self.serial);
        self.on(n, Event::Recover { submission, recovery: Box::new(signed) });
        self.outcomes.pop().expect("an outcome at once")
    }

    /// Runs until a node is so high; panics after two minutes of virtual time.
    pub(crate) fn run_to(&mut self, n: usize, height: u64) {
        let end = self.now_ms + 120_000;
        while self.tip(n).height.0 < height {
            assert!(self.now_ms < end, "no progress: {:?}", self.heights());
            self.run(100);
        }
    }

    pub(crate) fn run(&mut self, for_ms: u64) {
        let until = self.now_ms + for_ms;
        while let Some((&(at, serial), _)) = self.queue.first_key_value() {
            if at > until {
                break;
            }
            let (to, mail) = self.queue.remove(&(at, serial)).unwrap();
            self.now_ms = at;
            self.deliver(to, mail);
        }
        self.now_ms = until;
    }

    fn post(&mut self, to: usize, after_ms: u64, mail: Mail) {
        self.serial += 1;
        self.queue.insert((self.now_ms + after_ms, self.serial), (to, mail));
    }

    fn deliver(&mut self, to: usize, mail: Mail) {
        if self.nodes[to].is_none() {
            if let Mail::Question(from, request, asked) = mail {
                self.post(from, 500, Mail::Answer(to, request, asked, None));
            }
            return;
        }
        let event = match mail {
            Mail::Gossip(from, message) => preverify::gossip(id(from), message).expect("correct nodes sign well"),
            Mail::Question(from, request, asked) => {
                self.serial += 1;
                let question = Question(self.serial);
                self.questions.insert(question, (from, request, asked.clone()));
                Event::Request { from: id(from), question, request: asked }
            }
            Mail::Answer(from, request, asked, response) => world::answer(id(from), request, &asked, response),
            Mail::Timer(timer, at) => {
                if self.timers[to].get(&timer) != Some(&at) {
                    return;
                }
                self.timers[to].remove(&timer);
                Event::Timer(timer)
            }
        };
        self.on(to, event);
    }

    pub(crate) fn on(&mut self, to: usize, event: Event) {
        let now = self.now_ms;
        let effects = self.nodes[to].as_mut().expect("a node that is on").handle(now, event).expect("it goes on");
        self.carry_out(to, effects);
    }

    fn carry_out(&mut self, from: usize, effects: Vec<Effect>) {
        let index = |node: &NodeId| (0..MEMBERS).find(|n| id(*n) == *node).unwrap();
        for effect in effects {
            match effect {
                Effect::Publish(message) => {
                    for to in (0..MEMBERS).filter(|to| *to != from) {
                        self.post(to, 5, Mail::Gossip(from, message.clone()));
                    }
                }
                Effect::Request { to, id, request } => self.post(index(&to), 5, Mail::Question(from, id, request)),
                Effect::Respond { question, response } => {
                    let (asker, request, asked) = self.questions.remove(&question).unwrap();
                    self.post(asker, 5, Mail::Answer(from, request, asked, Some(response)));
                }
                Effect::SetTimer { timer, after_ms } => {
                    let at = self.now_ms + after_ms.max(1);
                    self.timers[from].insert(timer, at);
                    self.post(from, after_ms.max(1), Mail::Timer(timer, at));
                }
                Effect::CancelTimer(timer) => {
                    self.timers[from].remove(&timer);
                }
                Effect::Penalise { node, reason } => self.penalties.push((from, node, reason)),
                Effect::Recovered { outcome, .. } => self.outcomes.push(outcome),
                Effect::Committed(committed) => {
                    let known = *self.blocks.entry(committed.height).or_insert(committed.block);
                    assert_eq!(known, committed.block, "two blocks are final at height {}", committed.height);
                }
                // Nobody sends a transaction here, and nobody leaves.
                Effect::PublishTransactions(_) | Effect::Verdicts { .. } | Effect::Members(_) => {}
            }
        }
    }

    /// What all nodes that are on must agree on, and what nobody may have been blamed for.
    pub(crate) fn check(&self, on: &[usize]) {
        let roots: BTreeSet<Hash> =
            on.iter().map(|n| self.stores[*n].header(Height(self.common(on))).unwrap().unwrap().state_root).collect();
        assert_eq!(roots.len(), 1, "other states at one height: {:?}", self.heights());
        for n in on {
            assert_eq!(self.stores[*n].evidence(0, 10).unwrap(), Vec::new(), "node {n} holds evidence");
        }
        assert_eq!(self.penalties, Vec::new());
    }

    /// The height that all of these have.
    pub(crate) fn common(&self, on: &[usize]) -> u64 {
        on.iter().map(|n| self.tip(*n).height.0).min().unwrap()
    }
}
