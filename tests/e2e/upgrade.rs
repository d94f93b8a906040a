//! Other code for a deployed contract: with a migration its state stays readable, without one the old code stays.

use crate::{
    http,
    modules::module,
    net::{Net, Sender, wait_until},
};
use althing_types::{
    codec::{self, Bytes, Text},
    id::ContractId,
    transaction::{Content, Operation, SignedTransaction},
};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A module of an example as a file.
fn file(net: &Net, name: &str, version: &str) -> PathBuf {
    let path = net.path().join(format!("{name}-{version}.wasm"));
    std::fs::write(&path, module(name, version)).unwrap();
    path
}

fn entry(net: &Net, number: u64) -> Value {
    net.json(&["contract", "query", "guestbook", "entry", &format!("[{number}]")])["result"].clone()
}

fn write(net: &Net, text: &str) {
    let arguments = json!({ "text": text }).to_string();
    net.ok(&["contract", "call", "guestbook", "write", &arguments, "--key", "registry-1"]);
}

/// Upgrades as a client would that does not look at what it sends; gives the receipt's status.
fn upgrade_blindly(net: &Net, code: &[u8]) -> Value {
    let (api, sender) = (&net.apis()[0], Sender::new(net, "operator"));
    let mut transaction = sender.call(sender.sequence(api), net.height(api), "", vec![]);
    transaction.operation = Operation::Upgrade;
    transaction.content =
        Content::Upgrade { contract: ContractId::new("guestbook").unwrap(), code: Bytes::new(code.to_vec()).unwrap() };
    transaction.postscript = Text::new("blindly").unwrap();
    transaction.fuel_limit = sender.genesis.parameters.max_transaction_fuel;
    let signed: SignedTransaction = sender.sign(transaction);
    let bytes: String = codec::encode(&signed).iter().map(|byte| format!("{byte:02x}")).collect();
    let answer = http::post(api, "/v1/transactions", &json!({ "transaction": bytes }));
    assert_eq!(answer.status, 202, "{answer:?}");
    let path = format!("/v1/transactions/{}", signed.value.hash());
    wait_until(|| http::get(api, &path).json()["status"] == "final", || http::get(api, &path).body);
    http::get(api, &path).json()["receipt"]["status"].clone()
}

#[test]
fn an_upgrade_keeps_what_it_migrates_and_one_without_migration_changes_nothing() {
    let net = Net::up(&[]);
    let (old, new) = (file(&net, "guestbook", "1.0.0"), file(&net, "guestbook", "2.0.0"));
    let other = file(&net, "counter", "0.1.0");
    let title = r#"{"title": "Visitors"}"#;
    net.ok(&["contract", "deploy", "guestbook", old.to_str().unwrap(), title]);
    write(&net, "hello");
    let before = entry(&net, 0);
    assert_eq!((&before["text"], before.get("written_ms")), (&json!("hello"), None), "{before}");

    // Code with another state and no way to it: refused by the command line, and by the ledger when sent all the same.
    let refused = net.run(&["contract", "upgrade", "guestbook", other.to_str().unwrap(), "--breaking", "--json"]);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(3), "{text}");
    assert!(text.contains("migration_missing"), "{text}");
    let status = upgrade_blindly(&net, module("counter", "0.1.0"));
    assert!(status.to_string().contains("migration_missing"), "{status}");
    assert_eq!(entry(&net, 0), before, "the old code does not go on");
    write(&net, "still the first version");
    assert_eq!(net.json(&["query", "contract", "guestbook"])["verified"], true);

    // Entries have a field more, which readers of the first version do not expect: that is asked for by name.
    let careful = net.run(&["contract", "upgrade", "guestbook", new.to_str().unwrap(), "--json"]);
    let text = String::from_utf8_lossy(&careful.stderr).into_owned();
    assert_eq!(careful.status.code(), Some(3), "{text}");
    assert!(text.contains("abi_breaks"), "{text}");
    assert_eq!(entry(&net, 0), before);
    net.ok(&["contract", "upgrade", "guestbook", new.to_str().unwrap(), "--breaking"]);
    let after = entry(&net, 0);
    assert_eq!((&after["text"], &after["written_ms"]), (&json!("hello"), &Value::Null), "{after}");
    assert_eq!(after["organisation"], before["organisation"]);
    assert_eq!(entry(&net, 1)["text"], "still the first version");
    write(&net, "by the second version");
    let third = entry(&net, 2);
    assert!(third["written_ms"].as_u64().is_some_and(|ms| ms > 0), "{third}");
    let title = net.json(&["contract", "query", "guestbook", "title"]);
    assert_eq!(title["result"], "Visitors", "a value that is not migrated is gone: {title}");

    let status = upgrade_blindly(&net, module("guestbook", "1.0.0"));
    assert!(status.to_string().contains("migration_missing"), "there is a way back: {status}");
    assert_eq!(entry(&net, 2), third);
    for api in net.apis() {
        wait_until(|| net.height(&api) >= net.height(&net.apis()[0]), || net.logs());
        let read = net.json(&["--api", &api, "contract", "query", "guestbook", "entry", "[2]"]);
        assert_eq!(read["result"], third, "{api} runs other code");
    }
}
