//! Peers that are members and break the rules.

use super::harness::*;
use crate::{
    Event, Frame, Gossip, Lane, Limits, Quota, Request, RequestError, Response,
    event::Channel,
    gate::Gate,
    identity::keypair,
    message::{MAX_BATCH_BYTES, MAX_PROPOSAL_BYTES},
    shared::Shared,
    task::Call,
};
use althing_types::{
    codec::{self, List},
    id::Height,
};
use futures::{AsyncWrite, AsyncWriteExt, StreamExt};
use libp2p::{
    StreamProtocol, SwarmBuilder, noise, ping, request_response,
    swarm::{NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use std::{io, sync::Arc, time::Duration};

/// Sends bytes of our choice on a lane, past every check of the sender.
fn send_raw(node: &Node, lane: Lane, bytes: Vec<u8>) {
    node.handle.inner.shared.broadcast(lane, &Arc::from(bytes));
}

/// Two connected nodes; the second does what the closure says; the first must throw it out and go on.
fn is_thrown_out(attack: impl Fn(&Node)) {
    let nodes = full_mesh(&[1, 2, 3], &Limits::default());
    let (victim, hostile, honest) = (&nodes[0], &nodes[1], &nodes[2]);
    attack(hostile);
    victim.until_disconnected(hostile.id);
    assert_eq!(victim.handle.counters().penalties, 1);
    // It is kept away, and others are still served.
    wait_for("a refusal", || victim.handle.counters().refused > 0 || hostile.handle.peers().is_empty());
    honest.handle.publish(&Gossip::Status { height: Height(5) }).unwrap();
    assert_eq!(victim.until_gossip(), (honest.id, Gossip::Status { height: Height(5) }));
    assert_eq!(victim.handle.peers(), vec![honest.id]);
}

#[test]
fn an_oversized_frame_is_refused() {
    is_thrown_out(|hostile| send_raw(hostile, Lane::Transactions, vec![0; MAX_BATCH_BYTES + 2]));
    is_thrown_out(|hostile| send_raw(hostile, Lane::Consensus, vec![0; MAX_PROPOSAL_BYTES + 2]));
}

#[test]
fn a_frame_longer_than_its_variant_is_refused() {
    is_thrown_out(|hostile| send_raw(hostile, Lane::Consensus, [[0, 1].as_slice(), &[0; 4096]].concat()));
}

#[test]
fn a_malformed_frame_is_refused() {
    for bytes in [vec![], vec![0], vec![0, 9], vec![7; 40], vec![0, 2, 255, 255, 255, 255], vec![0, 3, 1]] {
        is_thrown_out(|hostile| send_raw(hostile, Lane::Consensus, bytes.clone()));
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let mut bytes = Frame::encode_gossip(&Gossip::Status { height: Height(1) });
    bytes.push(0);
    is_thrown_out(|hostile| send_raw(hostile, Lane::Consensus, bytes.clone()));
}

#[test]
fn transactions_on_the_consensus_lane_are_refused() {
    let bytes = Frame::encode_gossip(&Gossip::Transactions(List::new(vec![transaction(1, 1)]).unwrap()));
    is_thrown_out(|hostile| send_raw(hostile, Lane::Consensus, bytes.clone()));
}

#[test]
fn links_out_of_order_are_refused() {
    let mut two: Vec<_> = ids(&[4, 5]).into_iter().collect();
    two.reverse();
    let bytes = codec::encode(&Frame::Links(List::new(two).unwrap()));
    is_thrown_out(|hostile| send_raw(hostile, Lane::Consensus, bytes.clone()));
}

#[test]
fn a_penalised_peer_comes_back_after_its_ban() {
    let limits = Limits { ban: Duration::from_millis(500), ..Limits::default() };
    let nodes = full_mesh(&[1, 2], &limits);
    nodes[0].handle.penalise(&nodes[1].id, "test");
    assert!(nodes[0].handle.peers().is_empty());
    nodes[0].until_disconnected(nodes[1].id);
    nodes[0].until_connected(nodes[1].id);
}

fn bad_answer(bytes: Vec<u8>) {
    let nodes = full_mesh(&[1, 2], &Limits::default());
    let (asker, hostile) = (&nodes[0], &nodes[1]);
    let id = asker.handle.request(hostile.id, Request::Blocks { from: Height(1), count: 1 }).unwrap();
    let channel = hostile.until(|e| if let Event::Request { channel, .. } = e { Some(channel.0) } else { None });
    hostile.handle.inner.calls.try_send(Call::Respond(Channel(channel), bytes)).unwrap();
    let result = asker.until(|e| match e {
        Event::Response { id: i, result, .. } if *i == id => Some(result.clone()),
        _ => None,
    });
    assert!(matches!(result, Err(RequestError::Invalid { .. })), "{result:?}");
    assert_eq!(asker.handle.counters().penalties, 1);
    wait_for("the end of the connection", || asker.handle.peers().is_empty());
}

#[test]
fn a_malformed_answer_is_refused() {
    bad_answer(vec![9, 9, 9]);
    bad_answer(vec![0, 255, 255, 255, 255]);
}

#[test]
fn an_answer_of_another_kind_is_refused() {
    bad_answer(codec::encode(&Response::CompactBlock(None)));
}

#[test]
fn an_oversized_answer_is_refused() {
    bad_answer(vec![0; crate::message::MAX_RESPONSE_BYTES + 1]);
}

/// Asks with bytes of our choice.
#[derive(Clone)]
struct RawQuestions(Vec<u8>);

impl request_response::Codec for RawQuestions {
    type Protocol = StreamProtocol;
    type Request = ();
    type Response = ();

    async fn read_request<T: Send>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()> {
        Ok(())
    }
    async fn read_response<T: Send>(&mut self, _: &StreamProtocol, _: &mut T) -> io::Result<()> {
        std::future::pending().await
    }
    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, (): ()) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        io.write_all(&self.0).await
    }
    async fn write_response<T: Send>(&mut self, _: &StreamProtocol, _: &mut T, (): ()) -> io::Result<()> {
        Ok(())
    }
}

#[derive(NetworkBehaviour)]
struct Asker {
    gate: Gate,
    requests: request_response::Behaviour<RawQuestions>,
    ping: ping::Behaviour,
}

fn bad_question(bytes: Vec<u8>) {
    let victim = Node::start(config(1, &[1, 2]));
    let shared = Arc::new(Shared::new(id(2), Limits::default(), ids(&[1, 2]), Box::new(|_| true)));
    let name = StreamProtocol::try_from_owned(format!("/althing/{}/request/1", chain())).unwrap();
    let protocols = [(name, request_response::ProtocolSupport::Full)];
    let requests = request_response::Behaviour::with_codec(RawQuestions(bytes), protocols, Default::default());
    let asker =
        Asker { gate: Gate::new(shared, chain().as_str()).unwrap(), requests, ping: ping::Behaviour::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut swarm = SwarmBuilder::with_existing_identity(keypair(&key(2)).unwrap())
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| asker)
            .unwrap()
            .build();
        let std::net::SocketAddr::V4(at) = victim.address else { panic!() };
        swarm.dial(format!("/ip4/{}/tcp/{}", at.ip(), at.port()).parse::<libp2p::Multiaddr>().unwrap()).unwrap();
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { peer_id, .. } => {
                    swarm.behaviour_mut().requests.send_request(&peer_id, ());
                }
                SwarmEvent::ConnectionClosed { .. } => break,
                _ => {}
            }
        }
    });
    wait_for("a penalty", || victim.handle.counters().penalties == 1);
    assert!(victim.handle.peers().is_empty());
}

#[test]
fn a_malformed_question_is_refused() {
    bad_question(vec![1, 0, 0, 0, 9]);
    bad_question([[9, 0, 0, 0].as_slice(), &[0; 9]].concat());
}

#[test]
fn an_oversized_question_is_refused() {
    bad_question(vec![255; 64]);
}

#[test]
fn a_flood_of_one_peer_does_not_starve_another() {
    let slow = Quota { rate: 50, burst: 50 };
    let limits = Limits {
        consensus_messages: slow,
        transactions_messages: slow,
        consensus_queue: 100_000,
        transactions_queue: 100_000,
        ..Limits::default()
    };
    let nodes = full_mesh(&[1, 2, 3], &limits);
    let (victim, flood, honest) = (&nodes[0], &nodes[1], &nodes[2]);
    let total = 5000;
    let batch = Gossip::Transactions(List::new(vec![transaction(2, 1); 20]).unwrap());
    for n in 0..total {
        flood.handle.send(&victim.id, &Gossip::Status { height: Height(n) }).unwrap();
        flood.handle.send(&victim.id, &batch).unwrap();
    }
    wait_for("throttling", || victim.handle.counters().throttled >= 2);
    honest.handle.publish(&Gossip::Vote(vote(3, 1))).unwrap();
    honest.handle.publish_transactions(&[transaction(3, 1)]).unwrap();
    let (mut flooded, mut heard) = (0, 0);
    while heard < 2 {
        if victim.until_gossip().0 == honest.id { heard += 1 } else { flooded += 1 }
    }
    // The flood would take more than a minute and a half at its quota: it is far from over.
    assert!(flooded < total, "the flood came first: {flooded}");
    assert_eq!(victim.handle.peers().len(), 2);
}

#[test]
fn a_node_that_does_not_read_costs_a_bounded_queue() {
    // The victim takes one message per second; the sender's queue keeps the newest.
    let limits =
        Limits { transactions_messages: Quota { rate: 1, burst: 1 }, transactions_queue: 10, ..Limits::default() };
    let nodes = full_mesh(&[1, 2], &limits);
    let batch = Gossip::Transactions(List::new(vec![transaction(1, 1); 500]).unwrap());
    let mut dropped = 0;
    for _ in 0..200 {
        dropped += nodes[0].handle.publish(&batch).unwrap().dropped;
    }
    assert!(dropped > 0);
    assert_eq!(nodes[0].handle.counters().dropped_out, dropped as u64);
    // The other lane is free.
    nodes[0].handle.publish(&Gossip::Vote(vote(1, 1))).unwrap();
    nodes[1].until(|e| matches!(e, Event::Gossip { message: Gossip::Vote(_), .. }).then_some(()));
}
