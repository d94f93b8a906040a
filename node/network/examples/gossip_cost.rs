//! What one message costs: the lanes of this crate against gossipsub, four nodes in one process over the loopback
//! interface. Prints CPU per published message (all nodes together) and the time until the last node has it.
//!
//! `cargo run --release -p althing-network --example gossip_cost`; the figures are in docs/adr/004-gossip.md.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a measurement, no product"
)]

use althing_network::{Config, Event, Gossip, Handle, Limits, Peer};
use althing_types::{
    codec::{self, Bytes, List, Text},
    crypto::{NodeId, SecretKey, Signed},
    hash::Hash,
    id::{ChainId, ContractId, Height, Round, Sequence},
    transaction::{Attributes, Content, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
    vote::{Vote, VoteKind},
};
use futures::StreamExt;
use libp2p::{SwarmBuilder, gossipsub, noise, swarm::SwarmEvent, tcp, yamux};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

const NODES: usize = 4;
const SECONDS: u64 = 5;

/// When each message was sent and when each node had it, in microseconds.
struct Clock {
    start: Instant,
    sent: Vec<AtomicU64>,
    heard: Vec<AtomicU64>,
    late: Mutex<Vec<u64>>,
}

impl Clock {
    fn new(messages: usize) -> Arc<Self> {
        let zeros = || (0..messages).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Self { start: Instant::now(), sent: zeros(), heard: zeros(), late: Mutex::default() })
    }
    fn now(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }
    fn send(&self, index: usize) {
        self.sent[index].store(self.now(), Ordering::Release);
    }
    fn hear(&self, index: usize) {
        if self.heard[index].fetch_add(1, Ordering::AcqRel) as usize == NODES - 2 {
            let took = self.now() - self.sent[index].load(Ordering::Acquire);
            self.late.lock().unwrap().push(took);
        }
    }
}

fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = |n: usize| stat.rsplit(')').next().unwrap().split_whitespace().nth(n).unwrap().parse::<u64>().unwrap();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// Publishes `rate` messages per second and prints what they cost.
fn run(name: &str, rate: u64, clock: &Clock, mut publish: impl FnMut(usize)) {
    let messages = (rate * SECONDS) as usize;
    let idle = {
        let (from, at) = (cpu(), Instant::now());
        std::thread::sleep(Duration::from_secs(3));
        (cpu() - from).as_secs_f64() / at.elapsed().as_secs_f64()
    };
    let before = cpu();
    let begin = Instant::now();
    for index in 0..messages {
        let due = begin + Duration::from_micros(index as u64 * 1_000_000 / rate);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        clock.send(index);
        publish(index);
    }
    let end = Instant::now() + Duration::from_secs(10);
    while clock.late.lock().unwrap().len() < messages && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(5));
    }
    let used = (cpu() - before).as_micros() as f64 / messages as f64;
    let mut late = clock.late.lock().unwrap().clone();
    late.sort_unstable();
    let at = |percent: usize| late.get(late.len() * percent / 100).copied().unwrap_or(0);
    println!(
        "{name:<42} {rate:>5}/s  cpu {used:>7.1} us/message  latency p50 {:>6} p99 {:>6} us  complete {}/{messages}  idle {:.2} %",
        at(50),
        at(99),
        late.len(),
        idle * 100.0
    );
}

fn key(n: usize) -> SecretKey {
    SecretKey::from_seed(&[n as u8 + 1; 32])
}

fn vote(n: usize, index: usize) -> Gossip {
    let value = Vote {
        chain: ChainId::new("bench").unwrap(),
        height: Height(1),
        round: Round(index as u32),
        kind: VoteKind::Prevote,
        block: Some(Hash([3; 32])),
        voter: NodeId::from(key(n).public()),
    };
    // Not signed: the node checks and pays for that under either design.
    Gossip::Vote(Signed { value, signature: althing_types::crypto::Signature([7; 64]) })
}

fn transaction(sequence: usize) -> SignedTransaction {
    let value = Transaction {
        version: TRANSACTION_VERSION,
        chain: ChainId::new("bench").unwrap(),
        attributes: Attributes::Root,
        operation: Operation::Call,
        content: Content::Call {
            contract: ContractId::new("domain_records").unwrap(),
            method: Text::new("set").unwrap(),
            arguments: Bytes::new(vec![5; 60]).unwrap(),
        },
        postscript: Text::default(),
        operator: key(0).public(),
        sequence: Sequence(sequence as u64),
        timestamp_ms: 1,
        expiry: Height(100),
        fuel_limit: 1_000_000,
    };
    Signed { value, signature: althing_types::crypto::Signature([7; 64]) }
}

fn batch(index: usize, size: usize) -> Gossip {
    let one = transaction(index);
    Gossip::Transactions(List::new(vec![one; size]).unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn index_of(message: &Gossip) -> usize {
    match message {
        Gossip::Vote(vote) => vote.value.round.0 as usize,
        Gossip::Transactions(batch) => batch[0].value.sequence.0 as usize,
        _ => 0,
    }
}

fn lanes(name: &str, rate: u64, make: impl Fn(usize, usize) -> Gossip) {
    let clock = Clock::new((rate * SECONDS) as usize);
    let members: BTreeSet<_> = (0..NODES).map(|n| NodeId::from(key(n).public())).collect();
    let runtimes: Vec<_> = (0..NODES).map(|_| runtime()).collect();
    let mut nodes: Vec<Handle> = Vec::new();
    for (n, runtime) in runtimes.iter().enumerate() {
        let known = nodes.iter().enumerate().map(|(m, h)| Peer {
            node: NodeId::from(key(m).public()),
            address: h.listen_address().unwrap().to_string(),
        });
        let config = Config {
            key: key(n),
            chain: ChainId::new("bench").unwrap(),
            listen: "127.0.0.1:0".parse().unwrap(),
            peers: known.collect(),
            members: members.clone(),
            limits: Limits::default(),
        };
        let clock = Arc::clone(&clock);
        let sink = move |event| {
            if let Event::Gossip { message, .. } = event {
                clock.hear(index_of(&message));
            }
            true
        };
        let handle = althing_network::start(config, runtime.handle(), sink).unwrap();
        while handle.listen_address().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        nodes.push(handle);
    }
    while nodes.iter().any(|h| h.peers().len() < NODES - 1) {
        std::thread::sleep(Duration::from_millis(5));
    }
    run(&format!("lanes, {name}"), rate, &clock, |index| {
        nodes[index % NODES].publish(&make(index % NODES, index)).unwrap();
    });
}

fn gossipsub(name: &str, rate: u64, make: impl Fn(usize, usize) -> Gossip) {
    let clock = Clock::new((rate * SECONDS) as usize);
    let runtimes: Vec<_> = (0..NODES).map(|_| runtime()).collect();
    let topic = gossipsub::IdentTopic::new("bench");
    let mut addresses: Vec<libp2p::Multiaddr> = Vec::new();
    let mut senders = Vec::new();
    let joined = Arc::new(AtomicU64::new(0));
    for runtime in &runtimes {
        let _inside = runtime.enter();
        let mut swarm = SwarmBuilder::with_new_identity()
            .with_tokio()
            .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|key| {
                let config = gossipsub::ConfigBuilder::default()
                    .heartbeat_interval(Duration::from_millis(700))
                    .flood_publish(true)
                    .max_transmit_size(1024 * 1024)
                    .validation_mode(gossipsub::ValidationMode::Strict)
                    .build()
                    .unwrap();
                let authenticity = gossipsub::MessageAuthenticity::Signed(key.clone());
                gossipsub::Behaviour::<gossipsub::IdentityTransform>::new(authenticity, config).unwrap()
            })
            .unwrap()
            .with_swarm_config(|c| c.with_idle_connection_timeout(Duration::from_secs(600)))
            .build();
        swarm.behaviour_mut().subscribe(&topic).unwrap();
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
        let address = runtime.block_on(async {
            loop {
                if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                    break address;
                }
            }
        });
        for address in &addresses {
            swarm.dial(address.clone()).unwrap();
        }
        addresses.push(address);
        let (sender, mut calls) = tokio::sync::mpsc::channel::<Vec<u8>>(1024);
        senders.push(sender);
        let (clock, joined, topic) = (Arc::clone(&clock), Arc::clone(&joined), topic.clone());
        runtime.spawn(async move {
            loop {
                tokio::select! {
                    Some(bytes) = calls.recv() => {
                        if let Err(e) = swarm.behaviour_mut().publish(topic.clone(), bytes) {
                            println!("not published: {e}");
                        }
                    }
                    event = swarm.select_next_some() => match event {
                        SwarmEvent::Behaviour(gossipsub::Event::Message { message, .. }) => {
                            let message = codec::decode::<Gossip>("gossip", &message.data, 1 << 20).unwrap();
                            clock.hear(index_of(&message));
                        }
                        SwarmEvent::Behaviour(gossipsub::Event::Subscribed { .. }) => {
                            joined.fetch_add(1, Ordering::AcqRel);
                        }
                        _ => {}
                    }
                }
            }
        });
    }
    while (joined.load(Ordering::Acquire) as usize) < NODES * (NODES - 1) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // The mesh forms with the first heartbeats.
    std::thread::sleep(Duration::from_secs(3));
    run(&format!("gossipsub, {name}"), rate, &clock, |index| {
        senders[index % NODES].blocking_send(codec::encode(&make(index % NODES, index))).unwrap();
    });
}

fn main() {
    let size = codec::encode(&transaction(1)).len();
    println!("{NODES} nodes; a vote has {} bytes, a transaction {size}", codec::encode(&vote(0, 1)).len());
    for _ in 0..2 {
        lanes("votes", 400, vote);
        gossipsub("votes", 400, vote);
        lanes("25 transactions each", 100, |_, i| batch(i, 25));
        gossipsub("25 transactions each", 100, |_, i| batch(i, 25));
        lanes("250 transactions each", 40, |_, i| batch(i, 250));
        gossipsub("250 transactions each", 40, |_, i| batch(i, 250));
    }
}
