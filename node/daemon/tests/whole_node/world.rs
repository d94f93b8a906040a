//! The world of the simulation: network, clock, power, and the oracles.

use crate::setup::{self, CHANGING, Random, START_MS, Step};
use althing_daemon::{
    contacts::Contacts,
    metrics::Probe,
    node::{Checked, Effect, Event, Node, NodeConfig, Question, RequestId, Submission, Timer, Verdict},
    preverify,
};
use althing_execution::Executor;
use althing_mempool::{Limits, Pool};
use althing_network::{CertifiedBlock, Gossip, Peer, Request, Response};
use althing_runtime::Runtime;
use althing_state::{MemoryStore, Storage, WriteFault};
use althing_types::{
    crypto::{NodeId, SecretKey},
    genesis::Genesis,
    hash::{Hash, Tag, hash},
    id::Height,
    keyspace,
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
    /// Sizes of the authority lists that decided a block.
    pub(crate) list_sizes: BTreeSet<usize>,
    /// How often the authority list changed.
    pub(crate) list_changes: u64,
    /// Connections that ended because a node was removed.
    pub(crate) cut_off: u64,
    pub(crate) trace: Hash,
}

#[derive(Clone, Debug)]
pub(crate) enum Parcel {
    Gossip(usize, Gossip),
    Batch(usize, Vec<Checked>),
    Question(usize, RequestId, Request),
    Answer(usize, RequestId, Request, Option<Response>),
    Timer(Timer, u64),
    /// A connection with this node can come about.
    Dialled(usize),
    Connected(NodeId),
    Disconnected(NodeId),
    Submit(Vec<Checked>),
    Boot,
}

pub(crate) struct Machine {
    pub(crate) node: Option<Node<MemoryStore>>,
    pub(crate) store: MemoryStore,
    pub(crate) contacts: Option<Contacts>,
    timers: BTreeMap<Timer, u64>,
    questions: BTreeMap<Question, (usize, RequestId, Request)>,
    pub(crate) life: u64,
}

/// The simulated world.
pub(crate) struct World {
    pub(crate) random: Random,
    faults: Faults,
    pub(crate) genesis: Genesis,
    pub(crate) keys: Vec<SecretKey>,
    users: Vec<SecretKey>,
    schedule: Vec<Step>,
    sent: Vec<u64>,
    pub(crate) machines: Vec<Machine>,
    queue: BTreeMap<(u64, u64), (usize, u64, Parcel)>,
    pub(crate) now_ms: u64,
    serial: u64,
    pub(crate) blocks: BTreeMap<Height, Hash>,
    accepted: BTreeMap<Hash, Checked>,
    pending: BTreeMap<Submission, Vec<Checked>>,
    cut: BTreeSet<usize>,
    /// Pairs of nodes that are connected, the smaller one first.
    pub(crate) links: BTreeSet<(usize, usize)>,
    pub(crate) cut_off: u64,
    trace: Hash,
    crashes: u64,
    caught_up: u64,
    healed: bool,
}

pub(crate) fn runtime() -> Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    Arc::clone(RUNTIME.get_or_init(|| Arc::new(Runtime::new(Default::default()).unwrap())))
}

const USERS: usize = 3;

impl World {
    /// A chain whose nodes decide all the time.
    pub(crate) fn new(seed: u64, nodes: usize, faults: Faults) -> Self {
        Self::build(seed, nodes, faults, Vec::new())
    }

    /// A chain whose lists change as the schedule of the seed says.
    pub(crate) fn changing(seed: u64, faults: Faults) -> Self {
        Self::build(seed, CHANGING, faults, setup::schedule(seed))
    }

    /// The blocks of a quiet chain of this many authorities.
    pub(crate) fn quiet_past(nodes: usize, submissions: u64) -> (Genesis, Vec<SecretKey>, Vec<CertifiedBlock>) {
        let mut world = Self::new(1, nodes, Faults::default());
        world.go(submissions);
        let store = &world.machines[0].store;
        let block = |height: &Height| CertifiedBlock {
            block: store.block(*height).unwrap().unwrap(),
            certificate: store.certificate(*height).unwrap().unwrap(),
        };
        let blocks = world.blocks.keys().map(block).collect();
        (world.genesis, world.keys, blocks)
    }

    fn build(seed: u64, nodes: usize, faults: Faults, schedule: Vec<Step>) -> Self {
        let key = |n: usize| SecretKey::from_seed(&[u8::try_from(n + 1).unwrap(); 32]);
        let keys: Vec<SecretKey> = (0..nodes).map(key).collect();
        let users: Vec<SecretKey> = (100..100 + USERS).map(key).collect();
        let mut codes = vec![althing_bundle::load().to_vec()];
        if !schedule.is_empty() {
            codes.push(setup::governor(&keys, &[], &schedule));
        }
        let hashes: Vec<Hash> = codes.iter().map(|code| keyspace::code_hash(code)).collect();
        let genesis = setup::genesis(&keys, &users, &schedule, hashes.get(1).copied());
        genesis.check().unwrap();
        let executor = Executor::new(runtime(), genesis.chain.clone(), genesis.kind.clone());
        let code_of = |hash: &Hash| codes.iter().find(|code| keyspace::code_hash(code) == *hash).cloned();
        let writes = executor.genesis(&genesis, code_of).unwrap();
        let machines = keys.iter().map(|_| {
            let store = MemoryStore::new();
            store.initialise(&genesis, &writes).unwrap();
            Machine { node: None, store, contacts: None, timers: BTreeMap::new(), questions: BTreeMap::new(), life: 0 }
        });
        let mut world = Self {
            random: Random(seed),
            faults,
            machines: machines.collect(),
            genesis,
            sent: vec![0; users.len()],
            keys,
            users,
            schedule,
            queue: BTreeMap::new(),
            now_ms: START_MS,
            serial: 0,
            blocks: BTreeMap::new(),
            accepted: BTreeMap::new(),
            pending: BTreeMap::new(),
            cut: BTreeSet::new(),
            links: BTreeSet::new(),
            cut_off: 0,
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
        self.go(submissions);
        let heights = self.blocks.len() as u64;
        let lists = self.lists();
        Report {
            heights,
            crashes: self.crashes,
            caught_up: self.caught_up,
            list_sizes: lists.iter().map(Vec::len).collect(),
            list_changes: lists.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64,
            cut_off: self.cut_off,
            trace: self.trace,
        }
    }

    fn go(&mut self, submissions: u64) {
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
    }

    pub(crate) fn push(&mut self, to: usize, life: u64, after_ms: u64, parcel: Parcel) {
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
            let own =
                matches!(parcel, Parcel::Timer(..) | Parcel::Boot | Parcel::Connected(_) | Parcel::Disconnected(_));
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
            Parcel::Dialled(other) => return self.connect(to, other),
            Parcel::Gossip(from, _) | Parcel::Batch(from, _) if !self.is_linked(from, to) => return,
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
            Parcel::Question(from, request_id, request) if !self.is_linked(from, to) => {
                return self.push(from, 0, 1, Parcel::Answer(to, request_id, request, None));
            }
            Parcel::Question(from, request_id, request) => {
                self.serial += 1;
                let question = Question(self.serial);
                self.machines[to].questions.insert(question, (from, request_id, request.clone()));
                Event::Request { from: id(from), question, request }
            }
            Parcel::Answer(from, request, asked, response) => {
                let response = response.filter(|_| self.is_linked(from, to));
                answer(id(from), request, &asked, response)
            }
            Parcel::Connected(node) => Event::PeerConnected(node),
            Parcel::Disconnected(node) => Event::PeerDisconnected(node),
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
        let list = Executor::members(&*self.machines[index].store.view()).unwrap().unwrap();
        let known = if self.schedule.is_empty() { self.machines.len() } else { 1 };
        let configured = (0..known).map(|n| Peer { node: self.keys[n].public().into(), address: String::new() });
        self.machines[index].contacts =
            Some(Contacts::new(self.keys[index].public().into(), configured.collect(), list));
        self.machines[index].node = Some(node);
        self.carry_out(index, effects);
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
        for other in 0..self.machines.len() {
            self.disconnect(index, other);
        }
        let after = 100 + self.random.below(3_000);
        self.push(index, life, after, Parcel::Boot);
    }

    fn send(&mut self, from: usize, to: usize, parcel: Parcel) {
        if !self.is_linked(from, to) {
            return;
        }
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
                Effect::Members(list) => {
                    let contacts = self.machines[from].contacts.as_mut().unwrap();
                    contacts.set_list(list);
                    contacts.part();
                    self.meet(from);
                }
                Effect::Publish(message) => {
                    self.check_entitled(from, &message);
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
                    if lost || self.machines[to].node.is_none() || !self.is_linked(from, to) {
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
                Effect::Recovered { .. } => {}
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
                    if self.machines[from].contacts.as_mut().unwrap().committed(committed.caught_up) {
                        self.meet(from);
                    }
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
            batch.push(
                preverify::transaction(setup::transaction(&self.genesis.chain, &self.users[user], sequence)).unwrap(),
            );
        }
        let to = usize::try_from(self.random.below(self.machines.len() as u64)).unwrap();
        // A client keeps what it sent until it is accepted: a node without power accepts nothing.
        for checked in &batch {
            self.accepted.insert(checked.hash, checked.clone());
        }
        self.push(to, 0, 1, Parcel::Submit(batch));
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
        let changed = self.schedule.last().is_none_or(|step| last.0 > step.height + 1);
        alive
            && changed
            && self.accepted.keys().all(|h| self.is_final(0, h))
            && (0..self.machines.len()).all(|n| tip(n) == last)
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

pub(crate) fn answer(from: NodeId, request: RequestId, asked: &Request, response: Option<Response>) -> Event {
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
