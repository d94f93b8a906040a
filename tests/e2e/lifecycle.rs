//! Upgrades by votes on a root chain: one that migrates, one that traps and is put back, one that is vetoed.

use crate::{modules::module, net::Net};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A book in the namespace of the member that deploys it.
const BOOK: &str = "registry-1.book";
const VOTERS: [&str; 4] = ["registry-1", "registry-2", "registry-3", "isp-1"];

fn file(net: &Net, version: &str) -> PathBuf {
    let path = net.path().join(format!("guestbook-{version}.wasm"));
    std::fs::write(&path, module("guestbook", version)).unwrap();
    path
}

fn write(net: &Net, text: &str) {
    let arguments = json!({ "text": text }).to_string();
    net.ok(&["contract", "call", BOOK, "write", &arguments, "--key", "registry-1"]);
}

fn entry(net: &Net, number: u64) -> Value {
    net.json(&["contract", "query", BOOK, "entry", &format!("[{number}]")])["result"].clone()
}

fn with_book(timelock_ms: &str) -> Net {
    let net = Net::root(&["--timelock-ms", timelock_ms]);
    let old = file(&net, "1.0.0");
    let title = r#"{"title": "Visitors"}"#;
    net.ok(&["contract", "deploy", BOOK, old.to_str().unwrap(), title, "--key", "registry-1"]);
    write(&net, "hello");
    net
}

fn ended(net: &Net, proposal: &str) -> (String, String) {
    net.until("the end of the proposal", || {
        let shown = net.json(&["proposal", "show", proposal]);
        let status = shown["status"].as_str().unwrap().to_owned();
        let open = ["open", "waiting", "executing"].contains(&status.as_str());
        (!open).then(|| (status, shown["message"].as_str().unwrap().to_owned()))
    })
}

#[test]
fn an_upgrade_is_tried_voted_through_and_migrates_and_one_that_traps_changes_nothing() {
    let net = with_book("1000");
    let faulty = file(&net, "2.1.0");
    let new = file(&net, "2.0.0");

    // What would trap is refused before it is proposed, and put back when it is voted through all the same.
    write(&net, "trap");
    let before = (entry(&net, 0), entry(&net, 1), net.json(&["upgrade", "status", BOOK])["code"].clone());
    let tried = net.run(&["upgrade", "dry-run", BOOK, faulty.to_str().unwrap(), "--json"]);
    let shown: Value = serde_json::from_slice(&tried.stdout).unwrap();
    assert_eq!((tried.status.code(), &shown["passes"]), (Some(3), &json!(false)), "{shown}");
    let refused = net.run(&["upgrade", "propose", BOOK, faulty.to_str().unwrap(), "--key", "registry-2"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(3) && text.contains("says trap"), "{text}");
    let opened =
        net.json(&["upgrade", "propose", BOOK, faulty.to_str().unwrap(), "--even-if-it-fails", "--key", "registry-2"]);
    let number = opened["proposal"].as_u64().unwrap().to_string();
    net.agree(&number, &VOTERS);
    let (status, message) = ended(&net, &number);
    assert!(status == "failed" && message.contains("says trap"), "{status}: {message}");
    let after = (entry(&net, 0), entry(&net, 1), net.json(&["upgrade", "status", BOOK])["code"].clone());
    assert_eq!(after, before, "a failed upgrade changed something");
    write(&net, "still the old code");

    // A good one: its dry run says what it does, the proposal repeats it, and members can compute it again.
    let tried = net.json(&["upgrade", "dry-run", BOOK, new.to_str().unwrap()]);
    assert_eq!(tried["passes"], true, "{tried}");
    let what = |change: &Value| change["what"].as_str().unwrap().to_owned();
    let changes = tried["changes"].as_array().unwrap();
    let first = changes.iter().find(|change| what(change) == format!("{BOOK}.entries[0]")).unwrap();
    assert!(first["after"].as_str().unwrap().contains("written_ms"), "{first}");
    assert!(!first["before"].as_str().unwrap().contains("written_ms"), "{first}");
    assert!(tried["abi"].as_array().unwrap().iter().any(|change| change["breaking"] == true), "{tried}");
    let opened = net.json(&["upgrade", "propose", BOOK, new.to_str().unwrap(), "--key", "registry-2"]);
    let number = opened["proposal"].as_u64().unwrap().to_string();
    let again = net.json(&["upgrade", "dry-run", "--proposal", &number]);
    assert_eq!(again["compared"]["same"], true, "{again}");
    assert_eq!(again["predicted"], tried["predicted"]);
    write(&net, "one entry more");
    let moved = net.json(&["upgrade", "dry-run", "--proposal", &number]);
    assert_eq!(moved["compared"]["same"], false, "{moved}");
    net.agree(&number, &VOTERS);
    assert_eq!(ended(&net, &number).0, "done");
    assert_eq!((&entry(&net, 0)["text"], &entry(&net, 0)["written_ms"]), (&json!("hello"), &Value::Null));
    write(&net, "by the second version");
    assert!(entry(&net, 4)["written_ms"].as_u64().is_some_and(|ms| ms > 0));
    let status = net.json(&["upgrade", "status", &number]);
    assert_eq!((&status["status"], &status["attestations"]), (&json!("done"), &json!([])), "{status}");
}

#[test]
fn an_accepted_upgrade_is_vetoed_while_it_waits() {
    let net = with_book("30000");
    let new = file(&net, "2.0.0");
    let opened = net.json(&["upgrade", "propose", BOOK, new.to_str().unwrap(), "--key", "registry-2"]);
    let number = opened["proposal"].as_u64().unwrap().to_string();
    assert_eq!(net.agree(&number, &VOTERS)["status"], "waiting");
    net.ok(&["vote", "object", &number, "--key", "isp-1"]);
    assert_eq!(ended(&net, &number).0, "vetoed");
    assert_eq!(entry(&net, 0).get("written_ms"), None, "it was carried out");
    write(&net, "still the old code");
}
