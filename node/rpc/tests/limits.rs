//! What a flood, a slow client or a greedy client meets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_api::config::ApiLimits;
use common::{Server, transaction};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn a_flood_is_answered_with_429_and_a_time_to_wait() {
    let limits = ApiLimits { requests_per_second: 1, request_burst: 5, ..ApiLimits::default() };
    let server = Server::start(1, limits).await;
    let mut limited = None;
    for _ in 0..50 {
        let answer = server.get("/v1/status").await;
        if answer.status == 429 {
            limited = Some(answer);
            break;
        }
    }
    let limited = limited.expect("50 requests pass a limit of 5");
    assert_eq!(limited.code(), "rate_limited");
    assert!(limited.retry_after.unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(server.get("/healthz").await.status, 200, "the probe is never limited");
}

#[tokio::test]
async fn a_connection_that_sends_its_head_slowly_is_closed() {
    let server = Server::start(1, ApiLimits { header_timeout_ms: 100, ..ApiLimits::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nhost: x\r\n").await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn a_body_that_never_comes_is_given_up() {
    let server = Server::start(1, ApiLimits { request_timeout_ms: 100, ..ApiLimits::default() }).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = b"POST /v1/views HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 10\r\n\r\n{";
    stream.write_all(head).await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let text = String::from_utf8_lossy(&rest);
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("\"timeout\""), "{text}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_refused() {
    let server = Server::start(1, ApiLimits::default()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /v1/status HTTP/1.1\r\nx: ").await.unwrap();
    for _ in 0..64 {
        if stream.write_all(&[b'a'; 1024]).await.is_err() {
            break;
        }
    }
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    let text = String::from_utf8_lossy(&rest);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 431"), "{text}");
}

#[tokio::test]
async fn connections_of_one_address_are_bounded() {
    let server = Server::start(1, ApiLimits { max_connections_per_address: 2, ..ApiLimits::default() }).await;
    let ask = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(ask).await.unwrap();
        assert!(stream.read(&mut [0; 512]).await.unwrap() > 0);
        held.push(stream);
    }
    let mut third = TcpStream::connect(server.address).await.unwrap();
    let _ = third.write_all(ask).await;
    assert_eq!(third.read(&mut [0; 512]).await.unwrap_or(0), 0);
    drop(held);
    loop {
        let mut again = TcpStream::connect(server.address).await.unwrap();
        let _ = again.write_all(ask).await;
        if again.read(&mut [0; 512]).await.unwrap_or(0) > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn streams_of_one_address_are_bounded_and_given_back() {
    let server = Server::start(1, ApiLimits { max_streams_per_address: 1, ..ApiLimits::default() }).await;
    let open = || server.http.get(format!("{}/v1/events", server.url)).header("accept", "text/event-stream").send();
    let mut first = open().await.unwrap();
    assert!(first.chunk().await.unwrap().is_some());
    let second = open().await.unwrap();
    assert_eq!(second.status(), 503);
    assert_eq!(second.headers()["retry-after"], "1");
    drop(first);
    while open().await.unwrap().status() != 200 {
        tokio::task::yield_now().await;
        server.fake.commit();
    }
}

#[tokio::test]
async fn waiting_places_are_bounded() {
    let server = Server::start(1, ApiLimits { max_waiters: 1, ..ApiLimits::default() }).await;
    let hash = transaction(2).value.hash();
    let body = json!({ "hashes": [hash], "timeout_ms": 60_000 });
    let (a, b) = (server.json("/v1/transactions/status", body.clone()), server.json("/v1/transactions/status", body));
    tokio::pin!(a, b);
    // One of the two is refused at once; the other goes on until the block comes.
    let (refused, waiting) = match futures::future::select(a, b).await {
        futures::future::Either::Left((answer, other)) | futures::future::Either::Right((answer, other)) => {
            (answer, other)
        }
    };
    assert_eq!((refused.status, refused.code().as_str()), (503, "busy"));
    server.fake.commit();
    assert_eq!(waiting.await.value()["transactions"][0]["status"], "final");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_that_takes_too_long_is_answered_and_keeps_its_place() {
    let limits = ApiLimits { request_timeout_ms: 200, max_views: 1, ..ApiLimits::default() };
    let server = Server::start(1, limits).await;
    let fake = server.fake.clone();
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let holder = std::thread::spawn(move || {
        let _gate = fake.gate.lock().unwrap();
        locked.send(()).unwrap();
        let _ = released.recv();
    });
    is_locked.await.unwrap();
    let view = |method: &str| json!({ "contract": "counter", "method": method });
    let stuck = server.json("/v1/views", view("stuck")).await;
    assert_eq!((stuck.status, stuck.code().as_str()), (503, "timeout"));
    let queued = server.json("/v1/views", view("total")).await;
    assert_eq!((queued.status, queued.code().as_str()), (503, "timeout"), "the only place is still taken");
    assert_eq!(server.get("/v1/status").await.status, 200, "light reads go on");
    drop(release);
    holder.join().unwrap();
    assert_eq!(server.json("/v1/views", view("total")).await.status, 200);
}

#[tokio::test]
async fn stopping_ends_streams_and_waits_in_good_order() {
    let server = Server::start(1, ApiLimits::default()).await;
    let request = server.http.get(format!("{}/v1/events", server.url)).header("accept", "text/event-stream");
    let mut stream = request.send().await.unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    let target = format!("/v1/transactions/{}/wait?timeout_ms=60000", transaction(9).value.hash());
    let (waited, ()) = tokio::join!(server.get(&target), async {
        // The wait has begun when the server has counted its connection.
        while !server.get("/metrics").await.text.contains("althing_api_connections 3") {
            tokio::task::yield_now().await;
        }
        server.begin_stop();
    });
    assert_eq!(waited.value()["status"], "unknown");
    while stream.chunk().await.unwrap().is_some() {}
    server.stopped().await;
}
