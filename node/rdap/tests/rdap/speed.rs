//! How fast answers are: kept ones against a bare server of the same bytes, and what this node adds to those it asks.
//!
//! Measured, not claimed, so it is run by hand:
//! `cargo test --release -p althing-rdap --test rdap speed -- --ignored --nocapture`.
use crate::town::{Play, Town, registrar_answer, registry_answer};
use axum::{Router, http::header, routing::get};
use serde_json::json;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Connections at a time.
const CONNECTIONS: usize = 16;
/// Questions on each connection in one run.
const QUESTIONS: usize = 4_000;

/// Asks one question over and over on one connection; the answer is of this length.
async fn ask(address: SocketAddr, path: &str, questions: usize) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/rdap+json\r\n\r\n");
    let mut buffer = vec![0; 64 * 1024];
    for _ in 0..questions {
        stream.write_all(request.as_bytes()).await.unwrap();
        let (mut have, mut need) = (0, usize::MAX);
        while have < need {
            have += stream.read(&mut buffer[have..]).await.unwrap();
            if need == usize::MAX
                && let Some(end) = buffer[..have].windows(4).position(|window| window == b"\r\n\r\n")
            {
                let head = std::str::from_utf8(&buffer[..end]).unwrap().to_ascii_lowercase();
                assert!(head.starts_with("http/1.1 200"), "{head}");
                let length = head.split_once("content-length: ").unwrap().1.lines().next().unwrap();
                need = end + 4 + length.parse::<usize>().unwrap();
            }
        }
    }
}

/// Answers a second.
async fn rate(address: SocketAddr, path: &'static str) -> f64 {
    let started = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS).map(|_| tokio::spawn(ask(address, path, QUESTIONS))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    (CONNECTIONS * QUESTIONS) as f64 / started.elapsed().as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by hand"]
async fn kept_answers_against_a_bare_server() {
    let town = Town::with(|config| {
        (config.limits.per_second, config.limits.burst) = (u32::MAX, u32::MAX);
        config.limits.questions = 10_000;
        config.cache.default_s = 3_600;
    })
    .await;
    town.known();
    let body = town.get("/domain/example.lab").await.text;
    let length = body.len();
    let bare = Router::new()
        .route("/domain/{name}", get(async move || ([(header::CONTENT_TYPE, "application/rdap+json")], body.clone())));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, bare).await.unwrap() });
    let mut ratios = Vec::new();
    for round in 0..5 {
        let plain = rate(address, "/domain/example.lab").await;
        let ours = rate(town.node.address, "/domain/example.lab").await;
        println!("round {round}: bare {plain:.0}/s, kept {ours:.0}/s, ratio {:.2}, {length} bytes", ours / plain);
        ratios.push(ours / plain);
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.2}", ratios[2]);
    assert_eq!(town.registry.asked().len(), 1);
    assert!(ratios[2] >= 0.5, "{ratios:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement, run by hand"]
async fn what_a_cold_lookup_adds_to_those_that_are_asked() {
    const MANY: usize = 500;
    let town = Town::start().await;
    let http = town.http().clone();
    let (mut added, mut upstream) = (Vec::new(), Vec::new());
    for number in 0..MANY {
        let name = format!("name{number}.lab");
        town.registry.on(&format!("/registry/domain/{name}"), Play::Rdap(registry_answer(&name, json!([]))));
        town.registrar.on(&format!("/registrar/domain/{name}"), Play::Rdap(registrar_answer(&name)));
        // The same two servers, asked by a client of their own over connections that are kept.
        let started = Instant::now();
        for url in [town.registry.url("/registry/domain/"), town.registrar.url("/registrar/domain/")] {
            http.get(format!("{url}{name}")).send().await.unwrap().bytes().await.unwrap();
        }
        let direct = started.elapsed();
        let started = Instant::now();
        assert_eq!(town.get(&format!("/domain/{name}")).await.status, 200);
        added.push(started.elapsed().saturating_sub(direct));
        upstream.push(direct);
    }
    added.sort();
    upstream.sort();
    let at = |times: &[Duration], percent: usize| times[MANY * percent / 100].as_secs_f64() * 1_000.0;
    println!("upstream p50 {:.2} ms, p95 {:.2} ms", at(&upstream, 50), at(&upstream, 95));
    println!("added    p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms", at(&added, 50), at(&added, 95), at(&added, 99));
    assert!(at(&added, 95) < 10.0);
}
