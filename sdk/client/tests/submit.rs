//! Transactions and events over nodes that forget, refuse, break off or are killed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_api::RefusalCode;
use althing_client::{
    Client, ClientConfig, ClientError, Filter, Followed, Follower, Order, Submitter, SubmitterConfig,
};
use althing_types::{
    codec::encode,
    crypto::SecretKey,
    event::EventId,
    genesis::Parameters,
    id::{ContractId, Height},
    keyspace,
    transaction::Operation,
};
use common::{Inner, Node, genesis, serve, start};
use std::{collections::BTreeSet, time::Duration};

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn order(number: u16) -> Order {
    let contract = ContractId::new("counter").unwrap();
    Order::call(contract, "add", number.to_le_bytes().to_vec(), Operation::Call).unwrap()
}

fn orders(keys: u8, each: u16) -> Vec<(SecretKey, Order)> {
    (0..each).flat_map(|n| (0..keys).map(move |k| (key(k + 1), order(n)))).collect()
}

fn submitter(url: &str) -> Submitter {
    let config = SubmitterConfig { batch: 32, window: 100, ..SubmitterConfig::default() };
    Submitter::new(Client::new(url).unwrap(), &genesis(), config)
}

/// Each order is included once, and those of one key in their order.
fn assert_in_order(inner: &Inner, keys: u8, each: u16) {
    assert_eq!(inner.included.len(), usize::from(keys) * usize::from(each));
    for k in 0..keys {
        let public = key(k + 1).public();
        let mine: Vec<_> = inner.included.iter().filter(|t| t.value.operator == public).collect();
        let expected: Vec<_> = (0..each).map(|n| order(n).content).collect();
        assert_eq!(mine.iter().map(|t| t.value.content.clone()).collect::<Vec<_>>(), expected);
    }
}

#[tokio::test]
async fn all_orders_become_final_in_order() {
    let (node, url) = start(5).await;
    let mut seen = Vec::new();
    let results = submitter(&url).send_all(orders(3, 70), |done| seen.push(done)).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert!(seen.is_sorted() && seen.last() == Some(&210));
    assert_in_order(&node.lock(), 3, 70);
}

#[tokio::test]
async fn what_a_killed_node_lost_is_sent_again() {
    let (node, url) = start(5).await;
    node.lock().lose_at = BTreeSet::from([1, 2, 4, 7]);
    let results = submitter(&url).send_all(orders(2, 60), |_| {}).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert_in_order(&node.lock(), 2, 60);
}

#[tokio::test]
async fn a_full_pool_slows_down_and_loses_nothing() {
    let (node, url) = start(5).await;
    node.lock().per_key = 10;
    let results = submitter(&url).send_all(orders(2, 60), |_| {}).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
    assert_in_order(&node.lock(), 2, 60);
}

#[tokio::test]
async fn a_refused_order_does_not_stop_the_others() {
    let (node, url) = start(5).await;
    let mut orders = orders(1, 100);
    orders[3].1.postscript = "refuse me".into();
    orders[5].1.fuel_limit = Some(0);
    orders[6].1.postscript = "x".repeat(600);
    let results = submitter(&url).send_all(orders, |_| {}).await.unwrap();
    let bad: Vec<usize> = (0..100).filter(|i| results[*i].is_err()).collect();
    assert_eq!(bad, [3, 5, 6]);
    let refused = |r: &Result<_, ClientError>| matches!(r, Err(ClientError::Refused { refusal, .. }) if refusal.code == RefusalCode::WrongKind);
    assert!(refused(&results[3]));
    assert!(matches!(results[5], Err(ClientError::Argument { field: "fuel_limit", .. })));
    assert!(matches!(results[6], Err(ClientError::Argument { field: "postscript", .. })));
    assert_eq!(node.lock().included.len(), 97);
}

#[tokio::test]
async fn orders_are_measured_by_the_parameters_in_force_not_by_the_genesis() {
    let (node, url) = start(5).await;
    let voted = |most_arguments: u32| {
        let parameters = Parameters { max_arguments_bytes: most_arguments, ..genesis().parameters };
        node.lock().tamper_entry = Some(Box::new(move |entry| {
            if entry.key.0 == keyspace::parameters() {
                entry.value = Some(encode(&parameters).into());
            }
        }));
    };
    let mut submitter = submitter(&url);
    voted(1);
    let error = submitter.send(&key(1), order(0)).await.unwrap_err();
    assert!(matches!(error, ClientError::Argument { field: "arguments", .. }), "{error}");
    voted(2);
    submitter.send(&key(1), order(0)).await.unwrap();
    assert_eq!(node.lock().included.len(), 1);
}

#[tokio::test]
async fn a_number_used_by_another_sender_is_replaced() {
    let (node, url) = start(5).await;
    let mut first = submitter(&url);
    let mut second = submitter(&url);
    first.send(&key(1), order(0)).await.unwrap();
    second.send(&key(1), order(1)).await.unwrap();
    // The first still thinks that number 1 is free.
    first.send(&key(1), order(2)).await.unwrap();
    let hash = second.send_only(&key(1), order(3)).await.unwrap();
    let waited = Client::new(&url).unwrap().wait(&hash, Duration::from_secs(10)).await.unwrap();
    assert!(waited.status.is_decided());
    assert_eq!(node.lock().included.len(), 4);
}

#[tokio::test]
async fn a_client_goes_on_with_another_node() {
    let (_, good) = start(5).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = Client::with_config(&[&dead, &good], ClientConfig::default()).unwrap();
    assert_eq!(client.status().await.unwrap().height, Height(5));
    assert_eq!(client.url(), good, "the node that answered is asked first from now on");
    let config = ClientConfig { retry_for: Duration::from_millis(100), ..ClientConfig::default() };
    let alone = Client::with_config(&[&dead], config).unwrap();
    assert!(matches!(alone.status().await, Err(ClientError::Transport { .. })));
}

#[tokio::test]
async fn a_call_outlives_a_restart_of_the_node() {
    let node = Node::new(5);
    let (address, task) = serve(node.clone(), "127.0.0.1:0".parse().unwrap()).await;
    let client = Client::new(&format!("http://{address}")).unwrap();
    client.status().await.unwrap();
    task.abort();
    let _ = task.await;
    let (status, ()) = tokio::join!(client.status(), async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        serve(node, address).await;
    });
    assert_eq!(status.unwrap().height, Height(5));
}

#[tokio::test]
async fn each_event_is_given_once_over_broken_streams() {
    let (_, url) = start(10).await;
    let from = EventId { height: Height(2), index: 1 };
    let mut follower = Follower::new(Client::new(&url).unwrap(), from, Filter::default());
    let mut ids = Vec::new();
    loop {
        match follower.next().await.unwrap() {
            Followed::Event(document) => ids.push((document.id.height.0, document.id.index)),
            Followed::Height(height) => {
                assert_eq!(height, Height(10));
                break;
            }
        }
    }
    let expected: Vec<_> = (2..=10).flat_map(|h| (0..2).map(move |i| (h, i))).filter(|id| *id >= (2, 1)).collect();
    assert_eq!(ids, expected);
    assert_eq!(follower.cursor(), EventId { height: Height(11), index: 0 });
}
