//! The world of the simulation: network, clock, power, and the oracles.

use althing_daemon::{
    metrics::Probe,
    node::{Checked, Effect, Event, Node, NodeConfig, Question, RequestId, Submission, Timer, Verdict},
    preverify,
};
use althing_execution::Executor;
use althing_mempool::{Limits, Pool};
use althing_network::{Gossip, Request, Response};
use althing_runtime::Runtime;
use althing_state::{MemoryStore, Storage, WriteFault};
use althing_types::{
    authority::{Authority, Threshold},
    codec::{self, Bytes, List, Text},
    crypto::{NodeId, SecretKey, Signed},
    genesis::{ChainKind, FaultModel, Genesis, GenesisContract, Parameters},
    hash::{Hash, Tag, hash},
    id::{ChainId, ContractId, Height, OrganisationId, Sequence},
    keyspace,
    organisation::{MemberKey, Organisation, Role},
    transaction::{Attributes, Content, Operation, TRANSACTION_VERSION, Transaction},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock},
};

/// What can go wrong, in percent of messages or of steps.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    drop: u64,
    duplicate: u64,
    crash: u64,
    most_delay_ms: u64,
    partition: bool,
}

impl Faults {
    /// The faults of a seed.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut random = Random(seed ^ 0x5eed);
        Self {
            drop: random.below(20),
            duplicate: random.below(10),
            crash: random.below(8),
            most_delay_ms: 5 + random.below(120),
            partition: random.below(2) == 0,
        }
    }
}

/// What a run showed.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) heights: u64,
    pub(crate) crashes: u64,
    pub(crate) caught_up: u64,
    pub(crate) trace: Hash,
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

#[derive(Clone, Debug)]
enum Parcel {
    Gossip(usize, Gossip),
    Batch(usize, Vec<Checked>),
    Question(usize, RequestId, Request),
    Answer(usize, RequestId, Request, Option<Response>),
    Timer(Timer, u64),
    Submit(Vec<Checked>),
    Boot,
}

struct Machine {
    node: Option<Node<MemoryStore>>,
    store: MemoryStore,
    timers: BTreeMap<Timer, u64>,
    questions: BTreeMap<Question, (usize, RequestId, Request)>,
    life: u64,
}

/// The simulated world.
pub(crate) struct World {
    random: Random,
    faults: Faults,
    genesis: Genesis,
    keys: Vec<SecretKey>,
    users: Vec<SecretKey>,
    sent: Vec<u64>,
    machines: Vec<Machine>,
    queue: BTreeMap<(u64, u64), (usize, u64, Parcel)>,
    now_ms: u64,
    serial: u64,
    blocks: BTreeMap<Height, Hash>,
    accepted: BTreeMap<Hash, Checked>,
    pending: BTreeMap<Submission, Vec<Checked>>,
    cut: BTreeSet<usize>,
    trace: Hash,
    crashes: u64,
    caught_up: u64,
    healed: bool,
}

fn runtime() -> Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    Arc::clone(RUNTIME.get_or_init(|| Arc::new(Runtime::new(Default::default()).unwrap())))
}

const START_MS: u64 = 1_700_000_000_000;
const USERS: usize = 3;

impl World {
    pub(crate) fn new(seed: u64, nodes: usize, faults: Faults) -> Self {
        let key = |n: usize| SecretKey::from_seed(&[u8::try_from(n + 1).unwrap(); 32]);
        let keys: Vec<SecretKey> = (0..nodes).map(key).collect();
        let users: Vec<SecretKey> = (100..100 + USERS).map(key).collect();
        let genesis = genesis(&keys, &users);
        genesis.check().unwrap();
        let executor = Executor::new(runtime(), genesis.chain.clone(), genesis.kind.clone());
        let writes = executor.genesis(&genesis, |_| Some(althing_bundle::load().to_vec())).unwrap();
        let machines = keys.iter().map(|_| {
            let store = MemoryStore::new();
            store.initialise(&genesis, &writes).unwrap();
            Machine { node: None, store, timers: BTreeMap::new(), questions: BTreeMap::new(), life: 0 }
        });
        let mut world = Self {
            random: Random(seed),
            faults,
            machines: machines.collect(),
            genesis,
            sent: vec![0; users.len()],
            keys,
            users,
            queue: BTreeMap::new(),
            now_ms: START_MS,
            serial: 0,
            blocks: BTreeMap::new(),
            accepted: BTreeMap::new(),
            pending: BTreeMap::new(),
            cut: BTreeSet::new(),
            trace: Hash::ZERO,
            crashes: 0,
            caught_up: 0,
            healed: false,
        };
        for index in 0..nodes {
            world.push(index, world.machines[index].life, 1, Parcel::Boot);
        }
        world
    }

    /// Runs a faulty phase with `submissions` batches, then heals the network and waits for all of them.
    pub(crate) fn run(mut self, submissions: u64) -> Report {
        for _ in 0..submissions {
            self.submit();
            let until = self.now_ms + 50 + self.random.below(400);
            self.run_until(until);
            if self.faults.partition && self.random.below(10) == 0 {
                self.cut = (0..self.machines.len()).filter(|_| self.random.below(2) == 0).collect();
            }
        }
        self.healed = true;
        self.cut.clear();
        let deadline = self.now_ms + 600_000;
        while !self.is_finished() {
            assert!(self.now_ms < deadline, "no progress in ten minutes after the network healed: {}", self.describe());
            let until = self.now_ms + 1_000;
            self.offer_again();
            self.run_until(until);
        }
        self.check_the_end();
        let heights = self.blocks.len() as u64;
        Report { heights, crashes: self.crashes, caught_up: self.caught_up, trace: self.trace }
    }

    fn push(&mut self, to: usize, life: u64, after_ms: u64, parcel: Parcel) {
        self.serial += 1;
        self.queue.insert((self.now_ms + after_ms, self.serial), (to, life, parcel));
    }

    fn run_until(&mut self, until_ms: u64) {
        while let Some((&(at, serial), _)) = self.queue.first_key_value() {
            if at > until_ms {
                break;
            }
            let (to, life, parcel) = self.queue.remove(&(at, serial)).unwrap();
            self.now_ms = at;
            // A timer or a restart belongs to one life of a node; messages reach whichever life is there.
            let own = matches!(parcel, Parcel::Timer(..) | Parcel::Boot);
            if own && life != self.machines[to].life {
                continue;
            }
            self.trace = hash(Tag::Contract, &[&self.trace.0, &at.to_le_bytes(), &[u8::try_from(to).unwrap()]]);
            self.deliver(to, parcel);
        }
        self.now_ms = self.now_ms.max(until_ms);
    }

    fn deliver(&mut self, to: usize, parcel: Parcel) {
        if let Parcel::Boot = parcel {
            return self.boot(to);
        }
        let id = |n: usize| NodeId::from(self.keys[n].public());
        let event = match parcel {
            Parcel::Gossip(from, message) => preverify::gossip(id(from), message).expect("correct nodes sign well"),
            Parcel::Batch(from, transactions) => Event::Transactions { from: id(from), transactions },
            Parcel::Submit(transactions) => {
                self.serial += 1;
                let submission = Submission(self.serial);
                self.pending.insert(submission, transactions.clone());
                Event::Submit { submission, transactions }
            }
            Parcel::Timer(timer, at) => {
                if self.machines[to].timers.get(&timer) != Some(&at) {
                    return;
                }
                self.machines[to].timers.remove(&timer);
                Event::Timer(timer)
            }
            Parcel::Question(from, request_id, request) => {
                self.serial += 1;
                let question = Question(self.serial);
                self.machines[to].questions.insert(question, (from, request_id, request.clone()));
                Event::Request { from: id(from), question, request }
            }
            Parcel::Answer(from, request, asked, response) => answer(id(from), request, &asked, response),
            Parcel::Boot => return,
        };
        if self.machines[to].node.is_none() {
            return;
        }
        let now = self.now_ms;
        // Power may go while the node writes: then what it does next is nothing.
        let dying = !self.healed && self.random.below(1_000) < self.faults.crash;
        if dying && self.random.below(2) == 0 {
            let fault = [WriteFault::NotWritten, WriteFault::Written][usize::try_from(self.random.below(2)).unwrap()];
            self.machines[to].store.fail_next_write(fault);
        }
        let Some(node) = self.machines[to].node.as_mut() else { return };
        match node.handle(now, event) {
            Ok(mut effects) => {
                if dying {
                    let kept = self.random.below(effects.len() as u64 + 1);
                    effects.truncate(usize::try_from(kept).unwrap());
                }
                self.carry_out(to, effects);
                if dying {
                    self.crash(to);
                }
            }
            Err(halt) => {
                assert!(dying, "node {to} halted without a fault of its disk: {halt}");
                self.crash(to);
            }
        }
    }

    fn boot(&mut self, index: usize) {
        let executor = Executor::new(runtime(), self.genesis.chain.clone(), self.genesis.kind.clone());
        let config = NodeConfig {
            key: self.keys[index].clone(),
            genesis: self.genesis.clone(),
            pool: Arc::new(Mutex::new(Pool::new(Limits::default()))),
            probe: Arc::new(Probe::default()),
        };
        let store = Arc::new(self.machines[index].store.clone());
        let mut node = Node::new(config, store, executor).expect("a crashed store opens");
        let effects = node.start(self.now_ms).expect("a crashed node starts");
        self.machines[index].node = Some(node);
        self.carry_out(index, effects);
        for other in 0..self.machines.len() {
            if other != index && self.machines[other].node.is_some() {
                let id = NodeId::from(self.keys[index].public());
                let now = self.now_ms;
                if let Some(Ok(effects)) =
                    self.machines[other].node.as_mut().map(|n| n.handle(now, Event::PeerConnected(id)))
                {
                    self.carry_out(other, effects);
                }
            }
        }
    }

    fn crash(&mut self, index: usize) {
        self.crashes += 1;
        let surviving = usize::try_from(self.random.below(4)).unwrap();
        let machine = &mut self.machines[index];
        machine.node = None;
        machine.store = machine.store.crash(surviving);
        machine.timers.clear();
        machine.questions.clear();
        machine.life += 1;
        let life = machine.life;
        let after = 100 + self.random.below(3_000);
        self.push(index, life, after, Parcel::Boot);
    }

    fn send(&mut self, from: usize, to: usize, parcel: Parcel) {
        if !self.healed {
            let apart = self.cut.contains(&from) != self.cut.contains(&to);
            if apart || self.random.below(100) < self.faults.drop {
                return;
            }
            if self.random.below(100) < self.faults.duplicate {
                let delay = 1 + self.random.below(self.faults.most_delay_ms + 1);
                self.push(to, 0, delay, parcel.clone());
            }
        }
        let delay = 1 + self.random.below(self.faults.most_delay_ms + 1);
        self.push(to, 0, delay, parcel);
    }

    fn carry_out(&mut self, from: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Members(_) => {}
                Effect::Publish(message) => {
                    for to in (0..self.machines.len()).filter(|to| *to != from) {
                        self.send(from, to, Parcel::Gossip(from, message.clone()));
                    }
                }
                Effect::PublishTransactions(transactions) => {
                    let checked: Vec<Checked> =
                        transactions.iter().filter_map(|t| preverify::transaction(t.signed().clone())).collect();
                    for to in (0..self.machines.len()).filter(|to| *to != from) {
                        self.send(from, to, Parcel::Batch(from, checked.clone()));
                    }
                }
                Effect::Request { to, id, request } => {
                    let to = self.index(&to);
                    let lost = !self.healed && self.random.below(100) < self.faults.drop;
                    if lost || self.machines[to].node.is_none() {
                        self.push(from, 0, 500, Parcel::Answer(to, id, request, None));
                    } else {
                        self.push(to, 0, 2, Parcel::Question(from, id, request));
                    }
                }
                Effect::Respond { question, response } => {
                    if let Some((asker, id, request)) = self.machines[from].questions.remove(&question) {
                        self.push(asker, 0, 2, Parcel::Answer(from, id, request, Some(response)));
                    }
                }
                Effect::SetTimer { timer, after_ms } => {
                    let at = self.now_ms + after_ms.max(1);
                    self.machines[from].timers.insert(timer, at);
                    let life = self.machines[from].life;
                    self.push(from, life, after_ms.max(1), Parcel::Timer(timer, at));
                }
                Effect::CancelTimer(timer) => {
                    self.machines[from].timers.remove(&timer);
                }
                Effect::Penalise { node, reason } => {
                    panic!("node {from} penalised correct node {}: {reason}", self.index(&node));
                }
                Effect::Verdicts { submission, verdicts } => {
                    let batch = self.pending.remove(&submission).unwrap();
                    for (checked, verdict) in batch.into_iter().zip(verdicts) {
                        if verdict == Verdict::Accepted {
                            self.accepted.insert(checked.hash, checked);
                        }
                    }
                }
                Effect::Committed(committed) => {
                    let known = *self.blocks.entry(committed.height).or_insert(committed.block);
                    assert_eq!(known, committed.block, "two blocks are final at height {}", committed.height);
                    self.caught_up += u64::from(committed.caught_up);
                }
            }
        }
    }

    fn index(&self, id: &NodeId) -> usize {
        self.keys.iter().position(|k| NodeId::from(k.public()) == *id).unwrap()
    }

    fn submit(&mut self) {
        let mut batch = Vec::new();
        for user in 0..self.users.len() {
            let sequence = self.sent[user];
            self.sent[user] += 1;
            batch.push(preverify::transaction(self.transaction(user, sequence)).unwrap());
        }
        let to = usize::try_from(self.random.below(self.machines.len() as u64)).unwrap();
        // A client keeps what it sent until it is accepted: a node without power accepts nothing.
        for checked in &batch {
            self.accepted.insert(checked.hash, checked.clone());
        }
        self.push(to, 0, 1, Parcel::Submit(batch));
    }

    fn transaction(&self, user: usize, sequence: u64) -> Signed<Transaction> {
        let key = &self.users[user];
        let note = Bytes::<128>::new(vec![7; 40]).unwrap();
        let slot = u32::try_from(sequence % 16).unwrap();
        let transaction = Transaction {
            version: TRANSACTION_VERSION,
            chain: self.genesis.chain.clone(),
            attributes: Attributes::Root,
            operation: Operation::Call,
            content: Content::Call {
                contract: ContractId::new("load").unwrap(),
                method: Text::new("record").unwrap(),
                arguments: Bytes::new(codec::encode(&(slot, note))).unwrap(),
            },
            postscript: Text::default(),
            operator: key.public(),
            sequence: Sequence(sequence),
            timestamp_ms: 0,
            expiry: Height(10_000),
            fuel_limit: 1_000_000,
        };
        Signed::sign(transaction, key)
    }

    /// What a client does: it sends again what is not final yet.
    fn offer_again(&mut self) {
        let open: Vec<Checked> =
            self.accepted.values().filter(|c| !self.is_final(0, &c.hash)).take(200).cloned().collect();
        if !open.is_empty() {
            let to = usize::try_from(self.random.below(self.machines.len() as u64)).unwrap();
            self.push(to, 0, 1, Parcel::Submit(open));
        }
    }

    fn is_final(&self, node: usize, transaction: &Hash) -> bool {
        self.machines[node].store.transaction(transaction).unwrap().is_some()
    }

    fn is_finished(&self) -> bool {
        let tip = |n: usize| self.machines[n].store.tip().unwrap().unwrap().height;
        let alive = self.machines.iter().all(|m| m.node.is_some());
        let last = self.blocks.keys().last().copied().unwrap_or_default();
        alive && self.accepted.keys().all(|h| self.is_final(0, h)) && (0..self.machines.len()).all(|n| tip(n) == last)
    }

    fn describe(&self) -> String {
        let tips: Vec<u64> = self.machines.iter().map(|m| m.store.tip().unwrap().unwrap().height.0).collect();
        let open = self.accepted.keys().filter(|h| !self.is_final(0, h)).count();
        format!("tips {tips:?}, {open} of {} transactions open on node 0", self.accepted.len())
    }

    fn check_the_end(&self) {
        let root = |n: usize| self.machines[n].store.tip().unwrap().unwrap().state_root;
        for n in 0..self.machines.len() {
            assert_eq!(root(n), root(0), "node {n} has another state");
            let mut seen = BTreeSet::new();
            for height in self.blocks.keys() {
                for hash in self.machines[n].store.block(*height).unwrap().unwrap().transaction_hashes() {
                    assert!(seen.insert(hash), "a transaction is final twice");
                }
            }
            assert!(self.accepted.keys().all(|h| seen.contains(h)), "an accepted transaction is lost");
        }
    }
}

fn answer(from: NodeId, request: RequestId, asked: &Request, response: Option<Response>) -> Event {
    match asked {
        Request::Blocks { .. } => {
            let blocks = if let Some(Response::Blocks(blocks)) = response { Some(blocks.into_vec()) } else { None };
            Event::Blocks { from, request, blocks }
        }
        Request::Transactions { .. } => {
            let list = if let Some(Response::Transactions(list)) = response { Some(list.into_vec()) } else { None };
            let transactions = list.map(|l| preverify::transactions(l).into_iter().flatten().collect());
            Event::Fetched { from, request, transactions }
        }
        Request::CompactBlock { .. } => {
            let block = if let Some(Response::CompactBlock(block)) = response { block } else { None };
            Event::FetchedBlock { from, request, block }
        }
    }
}

fn genesis(keys: &[SecretKey], users: &[SecretKey]) -> Genesis {
    let organisation = OrganisationId::new("registry").unwrap();
    let authorities = keys.iter().map(|k| Authority { node: k.public().into(), organisation: organisation.clone() });
    let load =
        GenesisContract { id: ContractId::new("load").unwrap(), code: keyspace::code_hash(althing_bundle::load()) };
    Genesis {
        chain: ChainId::new("simulated").unwrap(),
        kind: ChainKind::Root,
        timestamp_ms: START_MS - 1,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: List::new(authorities.collect()).unwrap(),
        organisations: List::new(vec![Organisation {
            id: organisation,
            roles: [Role::Registry].into(),
            keys: List::new(users.iter().map(|user| MemberKey::whole(user.public())).collect()).unwrap(),
        }])
        .unwrap(),
        operator: Some(users[0].public()),
        governance: None,
        contracts: List::new(vec![load]).unwrap(),
        parameters: Parameters::default(),
    }
}
