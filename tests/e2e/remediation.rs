//! What a removed member wrote is put right by a plan that the others vote on.

use crate::{
    governance::number,
    modules::module,
    net::{Net, sample},
};
use serde_json::{Value, json};

const BOOK: &str = "registry-1.guestbook";

fn write(net: &Net, text: &str, key: &str) -> String {
    let arguments = json!({ "text": text }).to_string();
    let done = net.json(&["contract", "call", BOOK, "write", &arguments, "--key", key]);
    done["hash"].as_str().unwrap_or_else(|| panic!("{done}")).to_owned()
}

fn texts(net: &Net, api: &str) -> Vec<Value> {
    let page = net.json(&["--api", api, "contract", "query", BOOK, "entries", "[null]"]);
    page["result"].as_array().unwrap().iter().map(|entry| entry[1]["text"].clone()).collect()
}

#[test]
fn what_a_removed_member_wrote_is_put_right_by_a_vote() {
    let net = Net::root(&["--timelock-ms", "1500"]);
    let apis = net.apis();
    let code = net.path().join("guestbook.wasm");
    std::fs::write(&code, module("guestbook", "2.0.0")).unwrap();
    let title = r#"{"title": "Visitors"}"#;
    net.ok(&["contract", "deploy", BOOK, code.to_str().unwrap(), title, "--key", "registry-1"]);
    write(&net, "hello", "registry-1");
    let from = (net.height(&apis[0]) + 1).to_string();
    let bad = write(&net, "spam", "registry-5");
    let good = write(&net, "fine", "registry-2");
    let last = write(&net, "more spam", "registry-5");
    assert_eq!(texts(&net, &apis[0]), ["hello", "spam", "fine", "more spam"]);

    let reason = ["--organisation", "registry-5", "--reason", "spam", "--key", "coordinator"];
    let review = number(&net.json(&[["review", "open"].as_slice(), &reason].concat()));
    net.agree(&review, &["registry-1", "registry-2", "registry-3", "registry-4"]);
    net.until("the removal", || net.member("registry-5").is_none().then_some(()));

    // Every node computes the same plan.
    let file = net.path().join("plan.json");
    let about = ["remediation", "plan", "--organisation", "registry-5", "--from", &from];
    let plan = net.json(&[about.as_slice(), &["--out", file.to_str().unwrap()]].concat());
    let counts = &plan["counts"];
    assert_eq!((&counts["marked"], &counts["restored"], &counts["kept"]), (&json!(2), &json!(5), &json!(0)), "{plan}");
    let base = plan["base"].as_u64().unwrap().to_string();
    let reached = || (net.height(&apis[2]) >= plan["base"].as_u64().unwrap()).then_some(());
    net.until("the plan's last block on another node", reached);
    let other = net.json(&[["--api", &apis[2]].as_slice(), &about, &["--base", &base]].concat());
    assert_eq!(other["plan_hash"], plan["plan_hash"]);
    let shown = plan["changes"].to_string();
    assert!(shown.contains("registry-1.guestbook entries[1]") && shown.contains("more spam"), "{shown}");
    let early = net.run(&["remediation", "plan", "--organisation", "registry-5", "--from", "0", "--json"]);
    let errors = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(early.status.code() == Some(3) && errors.contains("plan_refused"), "{errors}");

    // It is uploaded, checked by another member's node, voted on, and carried out.
    let opened = net.json(&["remediation", "propose", file.to_str().unwrap(), "--key", "registry-2"]);
    let proposal = number(&opened);
    let checked = net.json(&["--api", &apis[1], "remediation", "check", &proposal]);
    assert_eq!((&checked["same"], &checked["plan_hash"]), (&json!(true), &plan["plan_hash"]), "{checked}");
    let diff = net.json(&["proposal", "diff", &proposal]).to_string();
    assert!(diff.contains("entries[3]") && diff.contains(&bad), "{diff}");
    let accepted = net.agree(&proposal, &["registry-1", "registry-2", "registry-3", "registry-4"]);
    assert_eq!(accepted["status"], "waiting", "{accepted}");
    net.until("the remediation", || (net.status_of(&proposal) == "done").then_some(()));
    let done = net.json(&["proposal", "show", &proposal]);
    assert_eq!(done["message"], "5 values put back, 0 skipped, 2 transactions marked", "{done}");
    // The removed member's node is cut off; the authorities' all have it.
    for api in &apis[..4] {
        net.until("the repaired book", || (texts(&net, api) == ["hello", "fine"]).then_some(()));
    }

    // The marks can be proven; the book goes on where the last good entry had left it.
    for transaction in [&bad, &last] {
        let status = net.json(&["tx", "status", transaction]);
        assert_eq!(
            (&status["mark"]["kind"], status["mark"]["proposal"].to_string()),
            (&json!("remedied"), proposal.clone())
        );
    }
    assert!(net.json(&["tx", "status", &good]).get("mark").is_none());
    write(&net, "next", "registry-3");
    assert_eq!(texts(&net, &apis[0]), ["hello", "fine", "next"]);
}

/// A TLD of the sample zone that this registry runs.
fn tld_of(net: &Net, registry: &str) -> String {
    let names = ["alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett", "kilo"];
    let runs = |name: &&str| net.json(&["query", "tld", name])["binding"]["organisation"] == registry;
    names.into_iter().find(runs).unwrap_or_else(|| panic!("{registry} runs no TLD")).to_owned()
}

#[test]
fn totals_that_others_have_changed_since_are_right_after_a_remediation() {
    let net = Net::root(&["--timelock-ms", "500"]);
    let api = net.apis()[0].clone();
    net.ok(&["zone", "import", sample("sample.zone").to_str().unwrap()]);
    let (bad, honest) = (tld_of(&net, "registry-5"), tld_of(&net, "registry-4"));
    let from = (net.height(&api) + 1).to_string();
    // The first one deletes a host of its own; the second one's write comes later and has its own totals.
    let call = |tld: &str, server: &str, key: &str| {
        let arguments = json!({ "tld": tld, "ns": [server], "ttl": 60 }).to_string();
        net.ok(&["contract", "call", "domain_records", "set_ns", &arguments, "--key", key]);
    };
    let before = net.export(&api);
    call(&bad, "ns1.elsewhere.example", "registry-5");
    call(&honest, "shared.anycast.example", "registry-4");

    let voters = ["registry-1", "registry-2", "registry-3", "registry-4"];
    let reason = ["--organisation", "registry-5", "--reason", "a wrong zone", "--key", "coordinator"];
    net.agree(&number(&net.json(&[["review", "open"].as_slice(), &reason].concat())), &voters);
    net.until("the removal", || net.member("registry-5").is_none().then_some(()));
    let file = net.path().join("plan.json");
    let about = ["remediation", "plan", "--organisation", "registry-5", "--from", &from];
    net.ok(&[about.as_slice(), &["--out", file.to_str().unwrap()]].concat());
    let proposal = number(&net.json(&["remediation", "propose", file.to_str().unwrap(), "--key", "registry-2"]));
    net.agree(&proposal, &voters);
    net.until("the remediation", || (net.status_of(&proposal) == "done").then_some(()));

    // The export proves that nothing is left out by these totals.
    let of = |zone: &str| {
        let own = |line: &&str| line.starts_with(&format!("{bad}. ")) || line.contains(&format!(".{bad}. "));
        zone.lines().filter(own).map(str::to_owned).collect::<Vec<_>>()
    };
    let after = net.export(&api);
    assert_eq!(of(&after), of(&before));
    assert!(!of(&after).is_empty() && after.contains(&format!("{honest}. 60 ")), "{after}");
}
