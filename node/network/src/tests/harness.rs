//! Nodes of a test network and the messages that they send.

use crate::{Config, Event, Gossip, Handle, Limits, Peer};
use althing_types::{
    codec::{Bytes, Text},
    crypto::{NodeId, SecretKey, Signed},
    hash::Hash,
    id::{ChainId, ContractId, Height, Round, Sequence},
    transaction::{Attributes, Content, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
    vote::{SignedVote, Vote, VoteKind},
};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::mpsc::{self, Receiver},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

/// No step of these tests takes nearly as long; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

pub(super) fn id(seed: u8) -> NodeId {
    NodeId::from(key(seed).public())
}

pub(super) fn chain() -> ChainId {
    ChainId::new("test").unwrap()
}

pub(super) fn ids(seeds: &[u8]) -> BTreeSet<NodeId> {
    seeds.iter().map(|s| id(*s)).collect()
}

pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) handle: Handle,
    pub(super) address: SocketAddr,
    events: Receiver<Event>,
    _runtime: Runtime,
}

pub(super) fn config(seed: u8, members: &[u8]) -> Config {
    Config {
        key: key(seed),
        chain: chain(),
        listen: "127.0.0.1:0".parse().unwrap(),
        peers: Vec::new(),
        members: ids(members),
        limits: Limits { redial_most: Duration::from_millis(400), ..Limits::default() },
    }
}

pub(super) fn peer(node: &Node) -> Peer {
    Peer { node: node.id, address: node.address.to_string() }
}

impl Node {
    pub(super) fn start(config: Config) -> Self {
        Self::start_with(config, |_| true)
    }

    /// `takes` says which events the node can take.
    pub(super) fn start_with(config: Config, takes: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let id = NodeId::from(config.key.public());
        let (sender, events) = mpsc::channel();
        let sink = move |event: Event| takes(&event) && sender.send(event).is_ok();
        let handle = crate::start(config, runtime.handle(), sink).unwrap();
        let mut node = Self { id, handle, address: "127.0.0.1:0".parse().unwrap(), events, _runtime: runtime };
        node.address = node.until(|e| if let Event::Listening { address } = e { Some(*address) } else { None });
        node
    }

    /// Waits for the first event that the closure picks; others are dropped.
    pub(super) fn until<T>(&self, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let event = self.events.recv_timeout(left).expect("the expected event did not come");
            if let Some(found) = pick(&event) {
                return found;
            }
        }
    }

    pub(super) fn next(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("no event came")
    }

    pub(super) fn next_within(&self, most: Duration) -> Option<Event> {
        self.events.recv_timeout(most).ok()
    }

    pub(super) fn until_connected(&self, node: NodeId) {
        self.until(|e| matches!(e, Event::PeerConnected { node: n } if *n == node).then_some(()));
    }

    pub(super) fn until_disconnected(&self, node: NodeId) {
        self.until(|e| matches!(e, Event::PeerDisconnected { node: n } if *n == node).then_some(()));
    }

    pub(super) fn until_gossip(&self) -> (NodeId, Gossip) {
        self.until(|e| if let Event::Gossip { from, message } = e { Some((*from, message.clone())) } else { None })
    }
}

/// Waits for a condition that is read from outside.
pub(super) fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < end, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Nodes that all know each other; `limits` for all.
pub(super) fn full_mesh(seeds: &[u8], limits: &Limits) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for seed in seeds {
        let mut config = config(*seed, seeds);
        config.limits = limits.clone();
        config.peers = nodes.iter().map(peer).collect();
        nodes.push(Node::start(config));
    }
    let others = seeds.len() - 1;
    for node in &nodes {
        wait_for("a full mesh", || node.handle.peers().len() == others);
    }
    nodes
}

pub(super) fn vote(seed: u8, round: u32) -> SignedVote {
    let voter = id(seed);
    let vote = Vote {
        chain: chain(),
        height: Height(1),
        round: Round(round),
        kind: VoteKind::Prevote,
        block: Some(Hash([3; 32])),
        voter,
    };
    Signed::sign(vote, &key(seed))
}

pub(super) fn transaction(seed: u8, sequence: u64) -> SignedTransaction {
    let transaction = Transaction {
        version: TRANSACTION_VERSION,
        chain: chain(),
        attributes: Attributes::Root,
        operation: Operation::Call,
        content: Content::Call {
            contract: ContractId::new("domain_records").unwrap(),
            method: Text::new("set").unwrap(),
            arguments: Bytes::new(vec![5; 60]).unwrap(),
        },
        postscript: Text::default(),
        operator: key(seed).public(),
        sequence: Sequence(sequence),
        timestamp_ms: 1,
        expiry: Height(100),
        fuel_limit: 1_000_000,
    };
    Signed::sign(transaction, &key(seed))
}
