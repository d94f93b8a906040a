//! A few engines on virtual time: every message takes 5 ms, every block is valid, faults are closures.

use crate::{Engine, Input, Output, Record, Timeouts};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    certificate::QuorumCertificate,
    crypto::{NodeId, SecretKey, Signed},
    hash::{Hash, Tag, hash},
    id::{ChainId, Height, OrganisationId, Round},
    vote::{Evidence, SignedProposal, SignedVote},
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) const HOP_MS: u64 = 5;
pub(crate) const TIMEOUTS: Timeouts =
    Timeouts { propose_ms: 2_000, vote_ms: 200, growth_ms: 100, rebroadcast_ms: 500, maximum_ms: 10_000, idle_ms: 0 };

#[derive(Clone, Debug)]
pub(crate) enum Wire {
    Proposal(SignedProposal),
    Vote(SignedVote),
}

#[derive(Clone, Debug)]
enum Event {
    Deliver(usize, Wire),
    Input(usize, Input),
}

pub(crate) struct Node {
    pub(crate) engine: Engine,
    pub(crate) log: Vec<Record>,
    pub(crate) synced: usize,
    pub(crate) decided: BTreeMap<Height, QuorumCertificate>,
    pub(crate) sent: Vec<Wire>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) faults: Vec<crate::Fault>,
}

/// Whether a message from one node to another is lost.
type Loss = Box<dyn FnMut(u64, usize, usize, &Wire) -> bool>;

pub(crate) struct Bench {
    pub(crate) now_ms: u64,
    pub(crate) nodes: Vec<Node>,
    pub(crate) silent: BTreeSet<usize>,
    pub(crate) loss: Loss,
    pub(crate) list: AuthorityList,
    pub(crate) last_height: Height,
    queue: BTreeMap<(u64, u64), Event>,
    sequence: u64,
}

pub(crate) fn chain() -> ChainId {
    ChainId::new("bench").unwrap()
}

pub(crate) fn key(index: usize) -> SecretKey {
    SecretKey::from_seed(&[u8::try_from(index).unwrap() + 1; 32])
}

pub(crate) fn node_id(index: usize) -> NodeId {
    NodeId::from(key(index).public())
}

pub(crate) fn list(n: usize, threshold: Threshold) -> AuthorityList {
    let organisation = OrganisationId::new("o").unwrap();
    let members = (0..n).map(|i| Authority { node: node_id(i), organisation: organisation.clone() });
    AuthorityList::new(members.collect(), threshold).unwrap()
}

pub(crate) fn block(height: Height, round: Round, salt: u8) -> Hash {
    hash(Tag::Header, &[&height.0.to_le_bytes(), &round.0.to_le_bytes(), &[salt]])
}

fn fresh_node(index: usize) -> Node {
    let engine = Engine::new(chain(), node_id(index), Box::new(key(index)));
    let (log, sent, evidence, faults) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    Node { engine, log, synced: 0, decided: BTreeMap::new(), sent, evidence, faults }
}

impl Bench {
    pub(crate) fn new(n: usize, threshold: Threshold) -> Self {
        Self::with_followers(n, 0, threshold)
    }

    /// Authorities first, then nodes that only follow.
    pub(crate) fn with_followers(n: usize, followers: usize, threshold: Threshold) -> Self {
        let mut bench = Self {
            now_ms: 0,
            nodes: (0..n + followers).map(fresh_node).collect(),
            silent: BTreeSet::new(),
            loss: Box::new(|_, _, _, _| false),
            list: list(n, threshold),
            last_height: Height(u64::MAX),
            queue: BTreeMap::new(),
            sequence: 0,
        };
        for index in 0..n + followers {
            bench.start(index, Height(1));
        }
        bench
    }

    fn start(&mut self, index: usize, height: Height) {
        if height <= self.last_height {
            let input = Input::StartHeight { height, authorities: self.list.clone(), timeouts: TIMEOUTS };
            self.later(HOP_MS, Event::Input(index, input));
        }
    }

    fn later(&mut self, after_ms: u64, event: Event) {
        self.sequence += 1;
        self.queue.insert((self.now_ms + after_ms, self.sequence), event);
    }

    /// Sends a message to one node, as if from outside.
    pub(crate) fn inject(&mut self, to: usize, wire: Wire) {
        self.later(HOP_MS, Event::Deliver(to, wire));
    }

    pub(crate) fn step(&mut self, index: usize, input: Input) {
        let outputs = self.nodes[index].engine.step(self.now_ms, input);
        for output in outputs {
            self.carry_out(index, output);
        }
    }

    fn carry_out(&mut self, index: usize, output: Output) {
        match output {
            Output::Log(record) => self.nodes[index].log.push(record),
            Output::Sync => self.nodes[index].synced = self.nodes[index].log.len(),
            Output::SendProposal(signed) => self.send(index, &Wire::Proposal(signed)),
            Output::SendVote(signed) => self.send(index, &Wire::Vote(signed)),
            Output::SetTimer { key, after_ms } => self.later(after_ms, Event::Input(index, Input::Timer(key))),
            Output::CancelTimer(_) => (),
            Output::Build { height, round } => {
                let block = block(height, round, u8::try_from(index).unwrap());
                self.later(1, Event::Input(index, Input::Built { height, round, block }));
            }
            Output::NeedBlock { height, round, block, .. } => {
                self.later(1, Event::Input(index, Input::BlockReady { height, round, block, valid: true }));
            }
            Output::Decide { certificate } => {
                let height = certificate.height;
                certificate.verify(&chain(), &self.list).unwrap();
                assert!(self.nodes[index].decided.insert(height, certificate).is_none(), "decides once");
                self.nodes[index].log.clear();
                self.start(index, height.next());
            }
            Output::Evidence(evidence) => self.nodes[index].evidence.push(evidence),
            Output::Fault(fault) => self.nodes[index].faults.push(fault),
        }
    }

    fn send(&mut self, from: usize, wire: &Wire) {
        self.nodes[from].sent.push(wire.clone());
        if self.silent.contains(&from) {
            return;
        }
        for to in 0..self.nodes.len() {
            if to != from && !(self.loss)(self.now_ms, from, to, wire) {
                self.later(HOP_MS, Event::Deliver(to, wire.clone()));
            }
        }
    }

    /// Runs until nobody has anything to do or the time is over.
    pub(crate) fn run_until(&mut self, end_ms: u64, mut done: impl FnMut(&Self) -> bool) -> bool {
        while self.queue.first_key_value().is_some_and(|((at, _), _)| *at <= end_ms) {
            let Some(((at, _), event)) = self.queue.pop_first() else { break };
            self.now_ms = at;
            match event {
                Event::Input(index, input) => self.step(index, input),
                Event::Deliver(to, Wire::Proposal(signed)) => {
                    self.step(to, Input::Proposal(signed.verify().unwrap()));
                }
                Event::Deliver(to, Wire::Vote(signed)) => self.step(to, Input::Vote(signed.verify().unwrap())),
            }
            if done(self) {
                return true;
            }
        }
        false
    }

    /// A crash at once: what was not synced is lost, and the node starts again from its log.
    pub(crate) fn restart(&mut self, index: usize) {
        let old = &mut self.nodes[index];
        old.log.truncate(old.synced);
        let (log, decided) = (old.log.clone(), core::mem::take(&mut old.decided));
        let sent = core::mem::take(&mut old.sent);
        self.queue.retain(|_, event| !matches!(event, Event::Input(to, _) if *to == index));
        let height = decided.last_key_value().map_or(Height(1), |(height, _)| height.next());
        let mut node = fresh_node(index);
        (node.decided, node.sent, node.synced, node.log) = (decided, sent, log.len(), log.clone());
        self.nodes[index] = node;
        self.step(index, Input::StartHeight { height, authorities: self.list.clone(), timeouts: TIMEOUTS });
        self.step(index, Input::Replay(log));
    }

    pub(crate) fn all_decided(&self, height: Height) -> bool {
        self.nodes.iter().all(|node| node.decided.contains_key(&height))
    }

    /// No two nodes decided differently.
    pub(crate) fn agrees(&self) -> bool {
        let mut blocks: BTreeMap<Height, Hash> = BTreeMap::new();
        self.nodes
            .iter()
            .flat_map(|node| &node.decided)
            .all(|(height, certificate)| *blocks.entry(*height).or_insert(certificate.block) == certificate.block)
    }

    /// No node sent two different messages of one place.
    pub(crate) fn nobody_equivocates(&self) -> bool {
        (0..self.nodes.len()).all(|index| {
            let (mut votes, mut proposals) = (BTreeMap::new(), BTreeMap::new());
            self.nodes[index].sent.iter().all(|wire| match wire {
                Wire::Vote(Signed { value, .. }) if value.voter == node_id(index) => {
                    *votes.entry((value.height, value.round, value.kind)).or_insert(value.block) == value.block
                }
                Wire::Proposal(Signed { value, .. }) if value.proposer == node_id(index) => {
                    proposals.entry((value.height, value.round)).or_insert_with(|| value.clone()) == value
                }
                _ => true,
            })
        })
    }
}
