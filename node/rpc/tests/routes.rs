//! Every route with good and bad input, against a made-up ledger.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_api::{
    config::ApiLimits,
    model::{self, MAX_BATCH},
    openapi::{ENDPOINTS, Endpoint, Method},
};
use althing_types::{
    codec::{List, encode},
    hash::Hash,
    transaction::SignedTransaction,
};
use common::{Server, contract, transaction};
use proptest::prelude::*;
use serde_json::json;

fn target(endpoint: &Endpoint) -> String {
    let filled = endpoint
        .path
        .replace("{hash}", &Hash::ZERO.to_string())
        .replace("{block}", "latest")
        .replace("{height}", "1")
        .replace("{place}", "0")
        .replace("{contract}", contract().as_str())
        .replace("{key}", &Hash::ZERO.to_string());
    match endpoint.path {
        "/v1/state" => format!("{filled}?prefix=01"),
        "/v1/transactions/{hash}/wait" => format!("{filled}?timeout_ms=0"),
        _ => filled,
    }
}

fn body(endpoint: &Endpoint) -> serde_json::Value {
    match endpoint.request.unwrap() {
        "SubmitRequest" => json!({ "transaction": hex::encode(encode(&transaction(9))) }),
        "StatusRequest" => json!({ "hashes": [Hash::ZERO] }),
        "StateBatchRequest" => json!({ "keys": ["0101", "ff"] }),
        "RecoveryRequest" => json!({ "recovery": common::recovery(1) }),
        "DryRunRequest" => json!({ "contract": "counter", "code": "00".repeat(32) }),
        "RemediationPlanRequest" => json!({ "organisation": "bad", "from_height": 1 }),
        "ViewRequest" => json!({ "contract": "counter", "method": "total", "arguments": "01" }),
        other => panic!("no sample of {other}"),
    }
}

#[tokio::test]
async fn every_documented_method_answers_and_only_with_its_method() {
    let server = Server::start(3, ApiLimits::default()).await;
    for endpoint in ENDPOINTS {
        let target = target(endpoint);
        let (good, other) = match endpoint.method {
            Method::Get => (server.get(&target).await, server.json(&target, json!({})).await),
            Method::Post => (server.json(&target, body(endpoint)).await, server.get(&target).await),
        };
        assert_eq!(good.status, endpoint.status, "{target}: {good:?}");
        let form = if endpoint.response.contains('/') { endpoint.response } else { "application/json" };
        assert!(good.form.starts_with(form), "{target}: {good:?}");
        if endpoint.path == "/v1/state" {
            continue;
        }
        assert_eq!(other.status, 405, "{target}: {other:?}");
        assert_eq!(other.code(), "method_not_allowed", "{target}");
    }
}

#[tokio::test]
async fn a_refused_recovery_is_told_with_the_number_of_the_rule() {
    let server = Server::start(3, ApiLimits::default()).await;
    let good = server.json("/v1/recoveries", json!({ "recovery": common::recovery(1) })).await;
    assert_eq!((good.status, good.value()["progress"].as_str()), (200, Some("in_force")), "{good:?}");
    let few = server.json("/v1/recoveries", json!({ "recovery": common::recovery(0) })).await;
    assert_eq!((few.status, few.code()), (422, "recovery_refused".to_owned()), "{few:?}");
    assert_eq!(few.value()["value"], "11");
    let none = server.json("/v1/recoveries", json!({ "recovery": {} })).await;
    assert_eq!((none.status, none.code()), (400, "bad_json".to_owned()), "{none:?}");
}

#[tokio::test]
async fn bad_input_is_answered_with_field_value_and_rule() {
    let server = Server::start(3, ApiLimits::default()).await;
    let zero = Hash::ZERO;
    for (target, status, code, field) in [
        ("/".to_owned(), 404, "unknown_path", "path"),
        ("/v2/status".into(), 404, "unknown_path", "path"),
        ("/v1/status/".into(), 404, "unknown_path", "path"),
        ("/v1/transactions/zz".into(), 400, "bad_parameter", "hash"),
        ("/v1/transactions/%ff".into(), 400, "bad_parameter", "path"),
        (format!("/v1/transactions/{zero}/wait?timeout_ms=99999999"), 400, "bad_parameter", "timeout_ms"),
        (format!("/v1/transactions/{zero}/wait?timeout=1"), 400, "bad_parameter", "timeout"),
        ("/v1/blocks/-1".into(), 400, "bad_parameter", "block"),
        ("/v1/blocks/0".into(), 404, "block_unknown", "block"),
        ("/v1/blocks/99".into(), 404, "block_unknown", "block"),
        (format!("/v1/blocks/{zero}"), 404, "block_unknown", "block"),
        ("/v1/blocks/latest?full=yes".into(), 400, "bad_parameter", "full"),
        ("/v1/headers/0".into(), 400, "bad_parameter", "height"),
        ("/v1/headers/4".into(), 404, "height_ahead", "height"),
        ("/v1/headers/1?count=0".into(), 400, "bad_parameter", "count"),
        ("/v1/headers/1?count=129".into(), 400, "bad_parameter", "count"),
        ("/v1/headers/1?count=1&count=2".into(), 400, "bad_parameter", "count"),
        ("/v1/state".into(), 400, "bad_parameter", "prefix"),
        ("/v1/state?prefix=0g".into(), 400, "bad_parameter", "prefix"),
        ("/v1/state?prefix=01&limit=513".into(), 400, "bad_parameter", "limit"),
        ("/v1/state/0".into(), 400, "bad_parameter", "key"),
        (format!("/v1/state/{}", "00".repeat(641)), 400, "bad_parameter", "key"),
        ("/v1/state/01?height=9".into(), 404, "height_ahead", "height"),
        ("/v1/state/01?height=1".into(), 410, "height_pruned", "height"),
        ("/v1/chain/0".into(), 400, "bad_parameter", "height"),
        ("/v1/chain/4".into(), 404, "height_ahead", "height"),
        ("/v1/checkpoints/2/chunks/0".into(), 404, "checkpoint_unknown", "height"),
        ("/v1/checkpoints/1/chunks/0g".into(), 400, "bad_parameter", "place"),
        (format!("/v1/checkpoints/1/chunks/{zero}0"), 400, "bad_parameter", "place"),
        ("/v1/checkpoints/-1/chunks/0".into(), 400, "bad_parameter", "height"),
        ("/v1/contracts/UPPER".into(), 400, "bad_parameter", "contract"),
        ("/v1/contracts/none".into(), 404, "contract_unknown", "contract"),
        ("/v1/contracts/none/code".into(), 404, "contract_unknown", "contract"),
        ("/v1/events?from=x".into(), 400, "bad_parameter", "from"),
        ("/v1/events?topic=x".into(), 400, "bad_parameter", "topic"),
        ("/v1/events?limit=1001".into(), 400, "bad_parameter", "limit"),
        ("/v1/abnormal?after=-1".into(), 400, "bad_parameter", "after"),
        ("/v1/accounts/00".into(), 400, "bad_parameter", "key"),
    ] {
        let answer = server.get(&target).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{target}: {answer:?}");
        assert_eq!(answer.value()["field"], field, "{target}: {answer:?}");
        assert!(answer.value()["rule"].is_string() && answer.value()["value"].is_string(), "{target}: {answer:?}");
    }
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    let server = Server::start(3, ApiLimits { max_body_bytes: 100_000, ..ApiLimits::default() }).await;
    let json = "application/json";
    let deep = format!("{}{}", "[".repeat(40), "]".repeat(40));
    let endless = "[".repeat(90_000);
    let many: Vec<Hash> = vec![Hash::ZERO; MAX_BATCH + 1];
    let many = json!({ "hashes": many }).to_string();
    let long_wait = json!({ "hashes": [Hash::ZERO], "timeout_ms": 99_999_999 }).to_string();
    let both = json!({ "transaction": "00", "transactions": [] }).to_string();
    for (target, form, body, status, code) in [
        ("/v1/views", json, "", 400, "bad_json"),
        ("/v1/views", json, "{", 400, "bad_json"),
        ("/v1/views", json, "{\"contract\":\"counter\",\"method\":\"m\",\"more\":1}", 400, "bad_json"),
        ("/v1/views", json, "{\"contract\":\"COUNTER\",\"method\":\"m\"}", 400, "bad_json"),
        ("/v1/views", json, "{\"contract\":\"counter\",\"method\":\"\"}", 400, "bad_parameter"),
        ("/v1/views", json, "{\"contract\":\"counter\",\"method\":\"m\",\"arguments\":\"0\"}", 400, "bad_json"),
        ("/v1/views", json, &deep, 400, "too_deep"),
        ("/v1/views", json, &endless, 400, "too_deep"),
        ("/v1/views", "text/plain", "{}", 415, "unsupported_media_type"),
        ("/v1/views", "application/octet-stream", "{}", 415, "unsupported_media_type"),
        ("/v1/state/batch", json, "{\"keys\":[]}", 400, "bad_parameter"),
        ("/v1/state/batch", json, "{\"keys\":[\"01\"],\"height\":9}", 404, "height_ahead"),
        ("/v1/transactions", json, "{}", 400, "bad_parameter"),
        ("/v1/transactions", json, &both, 400, "bad_parameter"),
        ("/v1/transactions", json, "{\"transactions\":[]}", 400, "bad_parameter"),
        ("/v1/transactions", json, "{\"transaction\":\"00\"}", 422, "transaction_refused"),
        ("/v1/transactions", "application/octet-stream", "", 400, "bad_bytes"),
        ("/v1/transactions", "application/octet-stream", "\0\0\0\0", 400, "bad_parameter"),
        ("/v1/transactions/status", json, &many, 400, "bad_parameter"),
        ("/v1/transactions/status", json, &long_wait, 400, "bad_parameter"),
    ] {
        let answer = server.post(target, form, body.to_owned()).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{target} {body:.60}: {answer:?}");
    }
    let huge = server.post("/v1/views", json, vec![b' '; 100_001]).await;
    assert_eq!((huge.status, huge.code().as_str()), (413, "body_too_large"));
    // Without a length, the bytes are counted as they come.
    let chunks = futures::stream::iter((0..200).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1_000])));
    let chunked = server.post("/v1/views", json, reqwest::Body::wrap_stream(chunks)).await;
    assert_eq!((chunked.status, chunked.code().as_str()), (413, "body_too_large"));
}

#[tokio::test]
async fn one_transaction_is_accepted_or_refused_with_the_ledgers_code() {
    let server = Server::start(3, ApiLimits::default()).await;
    let good = transaction(7);
    let answer = server.json("/v1/transactions", json!({ "transaction": hex::encode(encode(&good)) })).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.value()["results"][0]["hash"], good.value.hash().to_string());
    let mut forged = good.clone();
    forged.value.sequence.0 += 1;
    let answer = server.json("/v1/transactions", json!({ "transaction": hex::encode(encode(&forged)) })).await;
    assert_eq!((answer.status, answer.value()["refusal"].as_str()), (422, Some("bad_signature")));
}

#[tokio::test]
async fn a_batch_has_one_result_each_in_order() {
    let server = Server::start(3, ApiLimits::default()).await;
    let mut forged = transaction(8);
    forged.value.sequence.0 += 1;
    let items = [encode(&transaction(7)), b"nonsense".to_vec(), encode(&forged), encode(&transaction(8))];
    let texts: Vec<String> = items.iter().map(hex::encode).collect();
    let answer = server.json("/v1/transactions", json!({ "transactions": texts })).await;
    assert_eq!(answer.status, 202);
    let results: model::SubmitResponse = serde_json::from_str(&answer.text).unwrap();
    let codes: Vec<_> = results.results.iter().map(|r| r.refusal.as_ref().map(|r| r.code.text())).collect();
    assert_eq!(codes, [None, Some("malformed"), Some("bad_signature"), None]);
    assert_eq!(results.results[3].hash, transaction(8).value.hash());

    let list: List<SignedTransaction, MAX_BATCH> = List::new(vec![transaction(11), forged]).unwrap();
    let answer = server.post("/v1/transactions", "application/octet-stream", encode(&list)).await;
    let results: model::SubmitResponse = serde_json::from_str(&answer.text).unwrap();
    assert_eq!(results.results.iter().map(|r| r.accepted).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn waiting_ends_when_the_block_is_final() {
    let server = Server::start(3, ApiLimits::default()).await;
    let hash = transaction(4).value.hash();
    server.json("/v1/transactions", json!({ "transaction": hex::encode(encode(&transaction(4))) })).await;
    let pending = server.get(&format!("/v1/transactions/{hash}/wait?timeout_ms=10")).await;
    assert_eq!(pending.value()["status"], "pending");
    let target = format!("/v1/transactions/{hash}/wait?timeout_ms=60000");
    let (answer, ()) = tokio::join!(server.get(&target), async {
        tokio::task::yield_now().await;
        server.fake.commit();
    });
    assert_eq!((answer.value()["status"].as_str(), answer.value()["height"].as_u64()), (Some("final"), Some(4)));
    let many = json!({ "hashes": [hash, transaction(1).value.hash()], "timeout_ms": 60_000 });
    let answer = server.json("/v1/transactions/status", many).await;
    assert_eq!(answer.value()["transactions"][1]["receipt"]["fuel_used"], 5);
}

#[tokio::test]
async fn headers_carry_a_list_where_it_changes() {
    let server = Server::start(5, ApiLimits::default()).await;
    let answer = server.get("/v1/headers/1?count=128").await;
    let list: model::HeaderList = serde_json::from_str(&answer.text).unwrap();
    let with_list: Vec<bool> = list.headers.iter().map(|h| h.authorities.is_some()).collect();
    assert_eq!(with_list, [true, false, true, false, false]);
}

#[tokio::test]
async fn a_scan_goes_on_after_the_last_key() {
    let server = Server::start(3, ApiLimits::default()).await;
    let mut keys = Vec::new();
    let mut target = "/v1/state?prefix=01&limit=4".to_owned();
    loop {
        let page: model::StateBatch = serde_json::from_str(&server.get(&target).await.text).unwrap();
        keys.extend(page.entries.iter().map(|e| e.key.0.clone()));
        assert!(page.entries.iter().all(|e| e.proof.is_some() && e.value.is_some()));
        let Some(next) = page.next else { break };
        target = format!("/v1/state?prefix=01&limit=4&after={}", hex::encode(next.0));
    }
    assert_eq!(keys, (0..10u8).map(|i| vec![1, i]).collect::<Vec<_>>());
    let bare = server.get("/v1/state?prefix=01&proofs=false&values=false").await.value();
    assert!(bare["entries"][0]["proof"].is_null() && bare["entries"][0]["value"].is_null());
}

#[tokio::test]
async fn a_fault_of_the_node_says_nothing_of_its_inside_and_stops_nobody() {
    let server = Server::start(3, ApiLimits::default()).await;
    for key in ["panic", "fault"] {
        let answer = server.get(&format!("/v1/state/{}", hex::encode(key))).await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "internal"));
        assert!(!answer.text.contains("secret"));
    }
    assert_eq!(server.get("/v1/status").await.status, 200);
    *server.fake.halted.lock().unwrap() = true;
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.code().as_str()), (503, "not_ready"));
    assert_eq!(server.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn figures_count_requests_by_route() {
    let server = Server::start(3, ApiLimits::default()).await;
    server.get("/v1/transactions/zz").await;
    let text = server.get("/metrics").await.text;
    assert!(text.contains("althing_api_requests_total{route=\"/v1/transactions/{hash}\",status=\"400\"} 1"), "{text}");
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn event_pages_are_filtered_and_go_on_from_their_cursor() {
    let server = Server::start(4, ApiLimits::default()).await;
    let page = |target: String| {
        let server = &server;
        async move { serde_json::from_str::<model::EventPage>(&server.get(&target).await.text).unwrap() }
    };
    let first = page("/v1/events?limit=3".into()).await;
    assert_eq!((first.events.len(), first.next.as_str()), (3, "2:1"));
    let rest = page(format!("/v1/events?from={}", first.next)).await;
    assert_eq!((rest.events.len(), rest.next.as_str()), (5, "5:0"));
    assert_eq!(page("/v1/events?name=added".into()).await.events.len(), 4);
    assert_eq!(page("/v1/events?topic=0301".into()).await.events.len(), 1);
    assert_eq!(page("/v1/events?contract=other".into()).await.events.len(), 0);
}

/// Reads frames of a stream until `count` events were seen; gives their ids.
async fn stream_ids(server: &Server, target: &str, last: Option<&str>, count: usize) -> Vec<String> {
    let mut request = server.http.get(format!("{}{target}", server.url)).header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let mut response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut text = String::new();
    loop {
        let events = text.split("\n\n").filter(|f| f.contains("event: event"));
        let ids: Vec<String> =
            events.filter_map(|f| f.lines().find_map(|l| l.strip_prefix("id: ")).map(str::to_owned)).collect();
        if ids.len() >= count {
            return ids;
        }
        text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
}

#[tokio::test]
async fn a_stream_resumes_after_the_last_event_id() {
    let server = Server::start(3, ApiLimits::default()).await;
    assert_eq!(stream_ids(&server, "/v1/events", None, 6).await, ["1:0", "1:1", "2:0", "2:1", "3:0", "3:1"]);
    assert_eq!(stream_ids(&server, "/v1/events?from=1:0", Some("2:0"), 3).await, ["2:1", "3:0", "3:1"]);
    assert_eq!(stream_ids(&server, "/v1/events?from=2:1&name=added", None, 1).await, ["3:0"]);
    let (ids, ()) = tokio::join!(stream_ids(&server, "/v1/events?from=4:0", None, 4), async {
        server.fake.commit();
        tokio::task::yield_now().await;
        server.fake.commit();
    });
    assert_eq!(ids, ["4:0", "4:1", "5:0", "5:1"]);
}

#[tokio::test]
async fn the_height_follows_the_events_of_each_block_at_once() {
    let server = Server::start(3, ApiLimits::default()).await;
    let request = server.http.get(format!("{}/v1/events?from=4:0", server.url)).header("accept", "text/event-stream");
    let mut response = request.send().await.unwrap();
    let mut text = String::new();
    // Each block is made when the events of the one before were seen: a height that waits for its second is not there.
    for height in 4..8 {
        server.fake.commit();
        while !text.contains(&format!("id: {height}:1\n")) {
            text.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
        }
    }
    for height in 4..7 {
        let told = text.find(&format!("id: {height}:{}\n", u32::MAX)).expect("a height after the events");
        assert!(told < text.find(&format!("id: {}:0\n", height + 1)).unwrap(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn any_body_gets_an_answer_below_500(bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = Server::start(2, ApiLimits::default()).await;
            for body in bodies {
                for form in ["application/json", "application/octet-stream"] {
                    let answer = server.post("/v1/transactions", form, body.clone()).await;
                    assert!(answer.status < 500 && !answer.code().is_empty(), "{answer:?}");
                }
            }
        });
    }
}
