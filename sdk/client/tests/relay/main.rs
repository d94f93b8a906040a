//! The relay between two chains that run the contract itself behind made-up nodes: real certificates and real proofs over
//! what the contract wrote, and deliveries that the contract judges.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod chain;
#[path = "../../../../node/types/tests/made_up/mod.rs"]
mod made_up;
mod node;
mod stub;

use althing_client::{ClientConfig, Relay, RelayConfig, RelayError, Step, Verifier, relay};
use althing_interface::root_sync::{PeerStatus, Verdict, delivery::RefusalCode};
use althing_types::{crypto::SecretKey, id::Height};
use chain::{World, image};
use node::Node;
use std::time::Duration;

/// Both chains, each behind a node.
struct Pair {
    root: Node,
    tld: Node,
}

impl Pair {
    async fn start() -> Self {
        let [root, tld] = World::pair();
        Self { root: Node::start(root).await, tld: Node::start(tld).await }
    }

    fn verifier(node: &Node) -> Verifier {
        let config = ClientConfig { retry_for: Duration::from_secs(2), ..ClientConfig::default() };
        let client = althing_client::Client::with_config(&[node.url.as_str()], config).unwrap();
        Verifier::new(client, node.genesis.clone()).unwrap()
    }

    fn relay(from: &Node, to: &Node, config: RelayConfig) -> Relay {
        Self::relay_with(77, from, to, config)
    }

    fn relay_with(key: u8, from: &Node, to: &Node, config: RelayConfig) -> Relay {
        Relay::new(Self::verifier(from), Self::verifier(to), SecretKey::from_seed(&[key; 32]), config)
    }

    fn up(&self) -> Relay {
        Self::relay(&self.tld, &self.root, RelayConfig::default())
    }

    fn down(&self) -> Relay {
        Self::relay(&self.root, &self.tld, RelayConfig::default())
    }
}

fn delivered(step: Step) -> (u64, usize) {
    match step {
        Step::Delivered { progress, .. } => (progress.received, progress.verdicts.len()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_change_is_carried_and_the_answer_comes_back() {
    let pair = Pair::start().await;
    let (mut up, mut down) = (pair.up(), pair.down());
    assert!(matches!(up.step().await.unwrap(), Step::Idle { received: 0, .. }));
    pair.tld.run(|world| world.change(1)).await;
    assert_eq!(delivered(up.step().await.unwrap()), (1, 1));
    assert_eq!(pair.root.run(|world| world.image()).await, Some(image(1)));
    assert!(matches!(up.step().await.unwrap(), Step::Idle { received: 1, .. }));
    assert_eq!(delivered(down.step().await.unwrap()), (1, 1));
    assert!(matches!(down.step().await.unwrap(), Step::Idle { .. }));
    let held = down.receiver().await.unwrap().unwrap();
    assert_eq!(held.peer.answer.unwrap().verdict, Verdict::Applied);
    assert_eq!(held.peer.acknowledged, 1);
}

#[tokio::test]
async fn many_messages_go_in_batches_and_a_relay_that_starts_anew_goes_on() {
    let pair = Pair::start().await;
    pair.tld.run(|world| (1..=20).for_each(|number| world.change(number))).await;
    let mut first = Pair::relay(&pair.tld, &pair.root, RelayConfig { messages: 7, ..RelayConfig::default() });
    assert_eq!(delivered(first.step().await.unwrap()), (7, 7));
    drop(first);
    let mut second = pair.up();
    assert_eq!(delivered(second.step().await.unwrap()), (20, 13));
    assert_eq!(pair.root.run(|world| world.image()).await, Some(image(20)));
}

#[tokio::test]
async fn a_relay_that_was_outrun_looks_again() {
    let pair = Pair::start().await;
    let mut slow = Pair::relay_with(78, &pair.tld, &pair.root, RelayConfig::default());
    let mut quick = pair.up();
    pair.tld.run(|world| world.change(1)).await;
    // The other one delivers while this one's transaction is on its way.
    pair.root.hold_next();
    let quicker = async {
        pair.root.held().await;
        let step = quick.step().await.unwrap();
        pair.root.let_go();
        step
    };
    let (step, quicker) = tokio::join!(slow.step(), quicker);
    assert_eq!(delivered(quicker), (1, 1));
    assert_eq!(step.unwrap(), Step::Outrun { code: RefusalCode::Replayed });
    assert!(matches!(slow.step().await.unwrap(), Step::Idle { .. }));
    assert_eq!(pair.root.run(|world| world.refusals()).await, 1);
}

#[tokio::test]
async fn each_change_of_the_authorities_is_carried_in_sequence() {
    let pair = Pair::start().await;
    pair.tld
        .run(|world| {
            for set in 2..=4 {
                world.change(set);
                world.change_authorities(set);
                world.decide();
                world.decide();
            }
        })
        .await;
    let mut up = pair.up();
    let mut changes = 0;
    let received = loop {
        match up.step().await.unwrap() {
            Step::Delivered { progress, .. } => changes += usize::from(progress.list_changed),
            Step::Idle { received, .. } => break received,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((changes, received), (3, 3));
    // At the very block that changes the list there is no block of the new list yet.
    pair.tld
        .run(|world| {
            world.change_authorities(5);
            world.decide();
        })
        .await;
    assert!(matches!(up.step().await.unwrap(), Step::Delivered { progress, .. } if progress.list_changed));
    assert!(matches!(up.step().await.unwrap(), Step::Idle { .. }));
    assert_eq!(pair.root.run(|world| world.refusals()).await, 0);
}

#[tokio::test]
async fn too_many_messages_are_tried_with_fewer() {
    let pair = Pair::start().await;
    pair.root.run(|world| world.tell_much()).await;
    pair.tld.run(|world| (1..=4).for_each(|number| world.change(number))).await;
    let mut up = pair.up();
    assert!(matches!(up.step().await.unwrap(), Step::TooMany { .. }));
    assert_eq!(delivered(up.step().await.unwrap()), (2, 2));
    assert_eq!(pair.root.run(|world| world.image()).await, Some(image(2)));
}

#[tokio::test]
async fn a_recovery_of_the_sender_needs_a_vote() {
    let pair = Pair::start().await;
    pair.tld.run(|world| world.change(1)).await;
    let mut up = pair.up();
    delivered(up.step().await.unwrap());
    pair.root.run(|world| world.trust_another_list()).await;
    let error = up.step().await.unwrap_err();
    assert!(matches!(error, RelayError::NeedsTrust { .. }), "{error}");
    pair.root.run(|world| world.distrust()).await;
    let error = up.step().await.unwrap_err();
    assert!(matches!(error, RelayError::NotTrusted { status: PeerStatus::Distrusted, .. }), "{error}");
}

#[tokio::test]
async fn a_node_that_lies_makes_no_delivery() {
    let pair = Pair::start().await;
    pair.tld.run(|world| world.change(1)).await;
    pair.tld.lie();
    assert!(matches!(pair.up().step().await, Err(RelayError::Client(_))));
    assert_eq!(pair.root.run(|world| world.refusals()).await, 0);
}

#[tokio::test]
async fn the_end_is_confirmed_when_that_is_asked_for() {
    let pair = Pair::start().await;
    let config = RelayConfig { confirm_blocks: Some(5), ..RelayConfig::default() };
    let mut up = Pair::relay(&pair.tld, &pair.root, config);
    pair.tld.run(|world| (0..10).for_each(|_| world.decide())).await;
    assert_eq!(delivered(up.step().await.unwrap()), (0, 0));
    let held = relay::receiver(&Pair::verifier(&pair.root), &pair.tld.genesis.chain).await.unwrap().unwrap();
    assert!(held.peer.checked > Height(10));
    assert!(matches!(up.step().await.unwrap(), Step::Idle { .. }));
}
