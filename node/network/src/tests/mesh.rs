//! Delivery and membership.

use super::harness::*;
use crate::{Event, Gossip, Limits, Peer};
use althing_types::{codec::List, id::Height};
use std::{collections::BTreeSet, time::Duration};

#[test]
fn four_nodes_deliver_each_message_once_to_everyone() {
    let nodes = full_mesh(&[1, 2, 3, 4], &Limits::default());
    let each = 50;
    for (node, seed) in nodes.iter().zip(1u8..) {
        for n in 0..each {
            node.handle.publish(&Gossip::Vote(vote(seed, n))).unwrap();
            let batch = vec![transaction(seed, u64::from(n))];
            let published = node.handle.publish(&Gossip::Transactions(List::new(batch).unwrap())).unwrap();
            assert_eq!((published.peers, published.dropped), (3, 0));
        }
    }
    for (node, seed) in nodes.iter().zip(1u8..) {
        let mut votes = BTreeSet::new();
        let mut transactions = BTreeSet::new();
        for _ in 0..each * 3 * 2 {
            match node.until_gossip() {
                (from, Gossip::Vote(vote)) => {
                    assert_eq!(vote.value.voter, from);
                    assert!(votes.insert(vote.value), "a vote came twice");
                }
                (_, Gossip::Transactions(batch)) => {
                    assert!(transactions.insert(batch[0].value.hash()), "a transaction came twice");
                }
                other => panic!("{other:?}"),
            }
        }
        assert!(votes.iter().all(|v| v.voter != id(seed)));
        assert_eq!((votes.len(), transactions.len()), (each as usize * 3, each as usize * 3));
        assert_eq!(node.handle.counters().dropped_in, 0);
    }
}

#[test]
fn transactions_are_cut_into_batches_in_order() {
    let nodes = full_mesh(&[1, 2], &Limits::default());
    let all: Vec<_> = (0..1500).map(|n| transaction(1, n)).collect();
    nodes[0].handle.publish_transactions(&all).unwrap();
    let mut got = Vec::new();
    while got.len() < all.len() {
        if let (_, Gossip::Transactions(batch)) = nodes[1].until_gossip() {
            got.extend(batch.into_vec());
        }
    }
    assert_eq!(got, all);
}

#[test]
fn messages_to_one_peer_reach_only_that_peer() {
    let nodes = full_mesh(&[1, 2, 3], &Limits::default());
    let status = |height| Gossip::Status { height: Height(height) };
    nodes[0].handle.send(&nodes[1].id, &status(1)).unwrap();
    nodes[0].handle.publish(&status(2)).unwrap();
    assert_eq!(nodes[1].until_gossip(), (nodes[0].id, status(1)));
    assert_eq!(nodes[2].until_gossip(), (nodes[0].id, status(2)));
}

#[test]
fn a_stranger_that_dials_is_refused() {
    let member = Node::start(config(1, &[1, 2]));
    let mut stranger = config(9, &[1, 9]);
    stranger.peers = vec![peer(&member)];
    let stranger = Node::start(stranger);
    wait_for("a refusal", || member.handle.counters().refused >= 2);
    assert!(member.handle.peers().is_empty() && stranger.handle.peers().is_empty());
    assert!(member.next_within(Duration::from_millis(100)).is_none());
}

#[test]
fn a_stranger_that_is_dialled_is_refused() {
    // A stranger listens at the address where the member 2 is expected, and one that is listed but no member.
    let stranger = Node::start(config(9, &[1, 9]));
    let mut member = config(1, &[1, 2, 3]);
    member.peers = vec![Peer { node: id(2), address: stranger.address.to_string() }, peer(&stranger)];
    let member = Node::start(member);
    // A true member comes in meanwhile, so that the node is known to be at work.
    let mut other = config(3, &[1, 3]);
    other.peers = vec![peer(&member)];
    let other = Node::start(other);
    member.until_connected(other.id);
    assert!(member.next_within(Duration::from_secs(1)).is_none());
    assert_eq!(member.handle.peers(), vec![other.id]);
    assert!(stranger.handle.peers().is_empty());
}

#[test]
fn nodes_of_two_chains_do_not_connect() {
    let a = Node::start(config(1, &[1, 2]));
    let mut b = config(2, &[1, 2]);
    b.chain = althing_types::id::ChainId::new("another").unwrap();
    b.peers = vec![peer(&a)];
    let b = Node::start(b);
    assert!(b.next_within(Duration::from_secs(1)).is_none());
    assert!(a.handle.peers().is_empty() && b.handle.peers().is_empty());
}

#[test]
fn a_removed_member_is_disconnected_at_once() {
    let nodes = full_mesh(&[1, 2, 3], &Limits::default());
    nodes[0].handle.set_members(ids(&[1, 2]));
    assert_eq!(nodes[0].handle.peers(), vec![nodes[1].id]);
    let published = nodes[0].handle.publish(&Gossip::Status { height: Height(1) }).unwrap();
    assert_eq!(published.peers, 1);
    nodes[0].until_disconnected(nodes[2].id);
    nodes[2].until_disconnected(nodes[0].id);
    wait_for("a refusal", || nodes[0].handle.counters().refused > 0);
    assert_eq!(nodes[0].handle.peers(), vec![nodes[1].id]);
    // And comes back when it is a member again.
    nodes[0].handle.set_members(ids(&[1, 2, 3]));
    nodes[0].until_connected(nodes[2].id);
}

#[test]
fn an_added_member_is_dialled_at_once_and_a_removed_one_stays_away() {
    let limits = Limits { redial_most: Duration::from_secs(30), ..Limits::default() };
    let mut first = config(1, &[1]);
    first.limits = limits.clone();
    let first = Node::start(first);
    // It knows the other's address, is refused for long enough that it would wait for half a minute, and listens.
    let mut second = config(2, &[1, 2]);
    (second.limits, second.peers) = (limits, vec![peer(&first)]);
    let second = Node::start(second);
    wait_for("refusals", || first.handle.counters().refused >= 4);
    assert!(first.handle.peers().is_empty() && second.handle.peers().is_empty());
    let admitted = std::time::Instant::now();
    first.handle.set_members(ids(&[1, 2]));
    first.handle.set_peers(vec![peer(&second)]);
    first.until_connected(second.id);
    second.until_connected(first.id);
    assert!(admitted.elapsed() < Duration::from_secs(2), "{:?}", admitted.elapsed());

    // Removed: both ends see it, and neither a dial from here nor from there brings the connection back.
    first.handle.set_members(ids(&[1]));
    assert!(first.handle.peers().is_empty());
    first.until_disconnected(second.id);
    second.until_disconnected(first.id);
    let refused = first.handle.counters().refused;
    wait_for("another refusal", || first.handle.counters().refused > refused);
    assert!(first.next_within(Duration::from_millis(200)).is_none());

    // An address that comes before the membership is used when the membership comes.
    first.handle.set_members(ids(&[1, 2]));
    first.until_connected(second.id);
}

#[test]
fn a_member_that_is_listed_elsewhere_is_found_at_its_new_address() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let second = Node::start(config(2, &[1, 2]));
    let mut first = config(1, &[1, 2]);
    first.peers = vec![Peer { node: second.id, address: free.to_string() }];
    let first = Node::start(first);
    assert!(first.next_within(Duration::from_millis(500)).is_none());
    first.handle.set_peers(vec![peer(&second)]);
    first.until_connected(second.id);
}

#[test]
fn nodes_that_dial_each_other_end_with_one_connection() {
    let listen = |seed| {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        (seed, free)
    };
    let (a, b) = (listen(1u8), listen(2u8));
    let start = |(me, at): (u8, std::net::SocketAddr), (other, there): (u8, std::net::SocketAddr)| {
        let mut config = config(me, &[1, 2]);
        config.listen = at;
        config.peers = vec![Peer { node: id(other), address: there.to_string() }];
        Node::start(config)
    };
    let (first, second) = (start(a, b), start(b, a));
    first.until_connected(second.id);
    second.until_connected(first.id);
    for n in 0..20 {
        first.handle.publish(&Gossip::Status { height: Height(n) }).unwrap();
    }
    for n in 0..20 {
        assert_eq!(second.until_gossip().1, Gossip::Status { height: Height(n) });
    }
}

#[test]
fn a_node_that_restarts_is_connected_again() {
    let a = Node::start(config(1, &[1, 2]));
    let mut again = config(2, &[1, 2]);
    again.peers = vec![peer(&a)];
    let b = Node::start(again.clone());
    a.until_connected(b.id);
    b.handle.shutdown();
    assert!(b.handle.wait_closed(Duration::from_secs(30)));
    assert_eq!(b.handle.publish(&Gossip::Status { height: Height(1) }), Err(crate::CallError::Closed));
    a.until_disconnected(b.id);
    again.listen = b.address;
    drop(b);
    let b = Node::start(again);
    a.until_connected(b.id);
    b.until_connected(a.id);
    a.handle.publish(&Gossip::Status { height: Height(7) }).unwrap();
    assert_eq!(b.until_gossip(), (a.id, Gossip::Status { height: Height(7) }));
}

#[test]
fn a_host_name_is_looked_up() {
    let a = Node::start(config(1, &[1, 2]));
    let mut b = config(2, &[1, 2]);
    b.peers = vec![Peer { node: a.id, address: format!("localhost:{}", a.address.port()) }];
    let b = Node::start(b);
    b.until_connected(a.id);
}

/// 1 - 3 - 2: the ends do not know each other's address.
fn line() -> (Node, Node, Node) {
    let middle = Node::start(config(3, &[1, 2, 3]));
    let end = |seed| {
        let mut config = config(seed, &[1, 2, 3]);
        config.peers = vec![peer(&middle)];
        let node = Node::start(config);
        node.until_connected(middle.id);
        node
    };
    let (a, b) = (end(1), end(2));
    (a, b, middle)
}

#[test]
fn votes_are_relayed_to_those_who_lack_the_author() {
    let (a, b, middle) = line();
    let mut round = 0;
    // The ends' announcements may still be on their way at first.
    let seen = loop {
        a.handle.publish(&Gossip::Vote(vote(1, round))).unwrap();
        if let Some(Event::Gossip { from, message }) = b.next_within(Duration::from_millis(50)) {
            break (from, message);
        }
        round += 1;
        assert!(round < 200, "nothing was relayed");
    };
    assert_eq!(seen.0, middle.id);
    assert!(matches!(seen.1, Gossip::Vote(v) if v.value.voter == a.id));
    assert!(middle.handle.counters().relayed > 0);
}

#[test]
fn a_forged_vote_is_not_relayed_and_its_sender_penalised() {
    let (a, b, middle) = line();
    let mut forged = vote(2, 1);
    forged.value.voter = id(1);
    wait_for("a penalty", || {
        a.handle.publish(&Gossip::Vote(forged.clone())).unwrap();
        middle.handle.counters().penalties > 0
    });
    middle.until_disconnected(a.id);
    assert!(b.next_within(Duration::from_millis(100)).is_none());
    assert_eq!(middle.handle.counters().relayed, 0);
}

#[test]
fn an_address_in_use_is_reported() {
    let a = Node::start(config(1, &[1]));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut taken = config(2, &[1, 2]);
    taken.listen = a.address;
    let error = crate::start(taken, runtime.handle(), |_| true).unwrap_err();
    assert!(error.to_string().starts_with(&format!("cannot listen on {}", a.address)), "{error}");
}
