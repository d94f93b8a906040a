//! NOTIFY as a secondary sees it: signed, repeated until it is acknowledged, and only an acknowledgement that proves to
//! come from the secondary counts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_zone::{keys, message, serve::now_s, version::Difference};
use common::{any, client::key, config, records, served, small_zone, start, until};
use domain::{
    base::{
        Message, Rtype,
        iana::{Opcode, Rcode},
    },
    tsig::{Key, ServerTransaction},
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::UdpSocket, time::timeout};

/// Receives one NOTIFY and checks its signature; gives its serial, who sent it, and what an answer is signed with.
async fn heard(socket: &UdpSocket) -> (u32, SocketAddr, Message<Vec<u8>>, ServerTransaction<Arc<Key>>) {
    let mut buffer = vec![0u8; 4096];
    let (length, from) = timeout(Duration::from_secs(20), socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    let mut message = Message::from_octets(buffer[..length].to_vec()).unwrap();
    let ring = key("xfr.lab.", "hmac-sha256");
    let transaction = ServerTransaction::request(&ring, &mut message, keys::time(now_s())).unwrap().unwrap();
    assert_eq!((message.header().opcode(), message.header().aa()), (Opcode::NOTIFY, true));
    assert_eq!(message.sole_question().unwrap().qtype(), Rtype::SOA);
    let soa = message::answers(message.as_octets()).unwrap();
    (message::serial_of(&soa[0]).unwrap(), from, message, transaction)
}

fn acknowledge(message: &Message<Vec<u8>>, transaction: Option<ServerTransaction<Arc<Key>>>) -> Vec<u8> {
    let builder = message::builder(512).start_answer(message, Rcode::NOERROR).unwrap();
    let mut builder = builder.additional();
    if let Some(transaction) = transaction {
        transaction.answer(&mut builder, keys::time(now_s())).unwrap();
    }
    builder.finish().into_target()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notify_is_repeated_until_the_secondary_acknowledges_it() {
    let folder = tempfile::tempdir().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let config = config(folder.path(), any(), &[("peer", socket.local_addr().unwrap())], "");
    let (running, feeder) = start(&config, small_zone()).await;
    let first = served(&running, &feeder).await;
    // Said nothing; then answered without a signature, which could be anybody.
    let (serial, ..) = heard(&socket).await;
    assert_eq!(serial, first);
    let (_, from, message, _) = heard(&socket).await;
    socket.send_to(&acknowledge(&message, None), from).await.unwrap();
    let (_, from, message, transaction) = heard(&socket).await;
    assert_eq!(running.tally.counts(".").notified.get("peer"), None);
    socket.send_to(&acknowledge(&message, Some(transaction)), from).await.unwrap();
    until("the acknowledgement is known", async || running.tally.counts(".").notified.get("peer") == Some(&first))
        .await;
    // Told of now: changes that come while an answer is awaited are told of together.
    let address = |n: u32| Difference { deleted: vec![], added: records(&format!("ns.t1. 172800 IN A 10.0.0.{n}\n")) };
    feeder.change(address(1)).await;
    let (serial, from, message, transaction) = heard(&socket).await;
    assert_eq!(serial, first + 1);
    for n in 2..10 {
        feeder.change(address(n)).await;
    }
    let last = served(&running, &feeder).await;
    socket.send_to(&acknowledge(&message, Some(transaction)), from).await.unwrap();
    let (serial, from, message, transaction) = heard(&socket).await;
    assert_eq!(serial, last);
    socket.send_to(&acknowledge(&message, Some(transaction)), from).await.unwrap();
    until("the last serial is known", async || running.tally.counts(".").notified.get("peer") == Some(&last)).await;
    assert!(timeout(Duration::from_millis(500), heard(&socket)).await.is_err(), "nothing more to tell");
    running.stop().await;
}
