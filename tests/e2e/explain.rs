//! Where a record comes from is known with proofs, also when the state of that time is gone.

use crate::{
    governance::number,
    net::{Net, wait_until},
};
use serde_json::Value;

#[test]
fn where_an_old_name_comes_from_is_verified_when_the_state_of_its_time_is_gone() {
    let net = Net::none();
    net.ok(&["--timeout", "180", "devnet", "up", "--profile", "tld:alpha", "--empty-block-ms", "200", "--detach"]);
    net.ok(&["domain", "apex", "--ns", "ns1.alpha", "--host", "ns1.alpha=192.0.2.53", "--key", "registry-1"]);
    let host = ["--ns", "ns.alice.alpha", "--host", "ns.alice.alpha=192.0.2.1"];
    let register = |name: &'static str| [&["domain", "register", name][..], &host, &["--key", "registrar-1"]].concat();
    let registered = net.json(&register("alice.alpha"));
    net.ok(&["domain", "register", "bob.alpha", "--ns", "ns1.alpha", "--key", "registrar-2"]);
    // Two values after one another, so that the later one alone is the answer.
    let changed = net.json(&["domain", "update", "bob.alpha", "--ns", "ns1.example", "--key", "registrar-2"]);
    let explained = |name: &str, kind: &str| net.json(&["zone", "explain", name, kind]);
    let by = |answer: &Value| (answer["transaction_hash"].clone(), answer["organisation"].clone());
    let (alice, bob) = (explained("alice.alpha", "NS"), explained("bob.alpha", "NS"));
    let (glue, apex) = (explained("ns.alice.alpha", "A"), explained("alpha", "NS"));
    assert_eq!(alice["verified"], true, "{alice}");
    assert_eq!(by(&alice), (registered["transaction"].clone(), "registrar-1".into()), "{alice} {registered}");
    assert_eq!(by(&bob), (changed["transaction"].clone(), "registrar-2".into()), "{bob} {changed}");

    // The members let the nodes forget all but the last blocks.
    let file = net.path().join("parameters.json");
    std::fs::write(&file, r#"{"retention_blocks": 4, "checkpoint_blocks": 0}"#).unwrap();
    let proposal =
        number(&net.json(&["proposal", "open", "parameters", file.to_str().unwrap(), "--key", "registry-1"]));
    net.agree(&proposal, &["registry-1", "registrar-1", "registrar-2", "isp-1"]);
    net.until("the vote", || (net.status_of(&proposal) == "done").then_some(()));
    let bobs = bob["height"].as_u64().unwrap();
    wait_until(|| net.json(&["status"])["oldest_state"].as_u64().unwrap() > bobs, || net.logs());
    for (name, kind, before) in [
        ("alice.alpha", "NS", &alice),
        ("ns.alice.alpha", "A", &glue),
        ("bob.alpha", "NS", &bob),
        ("alpha", "NS", &apex),
    ] {
        let now = explained(name, kind);
        assert_eq!(now["verified"], true, "{now}");
        for field in ["transaction_hash", "block", "signer", "records"] {
            assert_eq!(now[field], before[field], "{name} {kind} {field}");
        }
        assert!(now["certificate_signers"].as_array().unwrap().len() >= 3, "{now}");
    }
}
