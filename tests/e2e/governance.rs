//! A root chain that seven members govern: joining, standing, votes, complaints, removal, and bindings by votes.

use crate::net::{Net, sample};
use serde_json::Value;
use std::time::{Duration, Instant};

impl Net {
    pub(crate) fn root(extra: &[&str]) -> Self {
        let net = Self::none();
        let mut arguments = vec!["devnet", "up", "--profile", "root", "--detach"];
        arguments.extend(extra);
        net.ok(&arguments);
        net
    }

    /// Runs a command that the contract must refuse with a numbered error.
    fn refused(&self, arguments: &[&str], error: &str) {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "althing {}: {text}", arguments.join(" "));
        assert!(text.contains(error), "althing {}: no '{error}' in {text}", arguments.join(" "));
    }

    pub(crate) fn agree(&self, proposal: &str, keys: &[&str]) -> Value {
        let answers: Vec<Value> =
            keys.iter().map(|key| self.json(&["vote", "agree", proposal, "--key", key])).collect();
        answers.into_iter().next_back().unwrap()
    }

    fn member(&self, org: &str) -> Option<Value> {
        let list = self.json(&["member", "list"]);
        list.as_array().unwrap().iter().find(|node| node["org"] == org).cloned()
    }

    pub(crate) fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "{what} does not come\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn status_of(&self, proposal: &str) -> String {
        self.json(&["proposal", "show", proposal])["status"].as_str().unwrap().to_owned()
    }
}

fn number(answer: &Value) -> String {
    answer["proposal"].as_u64().unwrap().to_string()
}

#[test]
fn a_node_joins_by_a_majority_is_promoted_complained_of_and_removed() {
    let net = Net::root(&["--promotion-ms", "1000"]);
    let list = net.json(&["member", "list"]);
    let standing = |name: &str| list.as_array().unwrap().iter().filter(|node| node["standing"] == name).count();
    assert_eq!((standing("authority"), standing("ordinary"), standing("backup")), (4, 2, 1), "{list}");
    assert_eq!(net.json(&["authority", "list"]).as_array().unwrap().len(), 4);

    // Four of seven admit it; three do not.
    let added = net.json(&["devnet", "add", "--organisation", "registry-6", "--kind", "registry"]);
    let text = |field: &str| added[field].as_str().unwrap().to_owned();
    let (node, address, key, certificate) = (text("node_id"), text("address"), text("public_key"), text("certificate"));
    let request = net.json(&[
        "member",
        "request",
        "--organisation",
        "registry-6",
        "--kind",
        "registry",
        "--node-id",
        &node,
        "--address",
        &address,
        "--public-key",
        &key,
        "--certificate",
        &certificate,
        "--key",
        "registry-1",
    ]);
    let admission = number(&request);
    net.agree(&admission, &["registry-1", "registry-2", "isp-1"]);
    net.refused(&["vote", "agree", &admission, "--key", "isp-1"], "SameVote (5)");
    net.ok(&["vote", "object", &admission, "--key", "registry-5"]);
    let shown = net.json(&["proposal", "show", &admission]);
    let counts = ["electorate", "agree", "object", "threshold"].map(|field| shown[field].as_u64().unwrap());
    assert_eq!((counts, shown["status"].as_str().unwrap()), ([7, 3, 1, 4], "open"));
    assert_eq!(shown["votes"].as_array().unwrap().len(), 4);
    assert!(net.member("registry-6").is_none());
    net.agree(&admission, &["coordinator"]);
    let member = net.until("the new member", || net.member("registry-6"));
    assert_eq!((member["node_id"].as_str(), member["standing"].as_str()), (Some(node.as_str()), Some("backup")));
    net.refused(&["vote", "agree", &admission, "--key", "registry-4"], "Closed (2)");

    // It connects and catches up.
    net.ok(&["devnet", "start", "7"]);
    net.wait_until_level();
    let own = text("api");
    assert!(net.height(&own) > 0, "the new node has no block");

    // Exactly half of eight is no majority.
    std::thread::sleep(Duration::from_millis(1_500));
    let promotion = number(&net.json(&["proposal", "open", "promote", &node, "--key", "coordinator"]));
    let half = net.agree(&promotion, &["registry-1", "registry-2", "registry-3", "registry-6"]);
    assert_eq!((half["agree"].as_u64(), half["status"].as_str()), (Some(4), Some("open")));
    net.agree(&promotion, &["isp-1"]);
    net.until("the fifth authority", || {
        (net.json(&["authority", "list"]).as_array().unwrap().len() == 5).then_some(())
    });
    let before = net.json(&["authority", "list", "--height", "1"]);
    assert_eq!(before.as_array().unwrap().len(), 4, "an old block was decided by the old list");

    // A member's second node is admitted without new keys.
    let second = net.json(&["devnet", "add", "--organisation", "registry-1", "--kind", "registry"]);
    let text = |field: &str| second[field].as_str().unwrap().to_owned();
    let (other, address, certificate) = (text("node_id"), text("address"), text("certificate"));
    let request = net.json(&[
        "member",
        "request",
        "--organisation",
        "registry-1",
        "--kind",
        "registry",
        "--node-id",
        &other,
        "--address",
        &address,
        "--certificate",
        &certificate,
        "--key",
        "isp-1",
    ]);
    net.agree(&number(&request), &["registry-1", "registry-2", "registry-3", "registry-4", "isp-1"]);
    net.until("the second node", || {
        let list = net.json(&["member", "list"]);
        list.as_array().unwrap().iter().any(|node| node["node_id"] == other.as_str()).then_some(())
    });

    // Two members complain, the coordinator opens the review, the members remove it.
    for complainant in ["isp-1", "registry-2"] {
        let filed = ["complaint", "file", "--organisation", "registry-6", "--evidence", "a wrong zone", "--key"];
        net.ok(&[filed.as_slice(), &[complainant]].concat());
    }
    assert_eq!(net.json(&["complaint", "list", "registry-6"]).as_array().unwrap().len(), 2);
    let opened = net.json(&[
        "review",
        "open",
        "--organisation",
        "registry-6",
        "--reason",
        "both are right",
        "--key",
        "coordinator",
    ]);
    net.agree(&number(&opened), &["registry-1", "registry-2", "registry-3", "registry-4", "isp-1"]);
    net.until("the removal", || net.member("registry-6").is_none().then_some(()));
    net.until("the shorter authority list", || {
        (net.json(&["authority", "list"]).as_array().unwrap().len() == 4).then_some(())
    });
    let output = net.run(&["proposal", "open", "coordinator", "isp-1", "--key", "registry-6"]);
    assert_eq!(output.status.code(), Some(3), "an organisation that was removed still acts");
}

#[test]
fn votes_after_the_end_are_refused() {
    let net = Net::root(&["--vote-ms", "3000"]);
    let opened = number(&net.json(&["proposal", "open", "coordinator", "isp-1", "--key", "registry-1"]));
    net.agree(&opened, &["registry-1", "registry-2", "registry-3"]);
    net.until("the end of the vote", || (net.status_of(&opened) == "expired").then_some(()));
    net.refused(&["vote", "agree", &opened, "--key", "registry-4"], "Closed (2)");
    net.refused(&["vote", "withdraw", &opened, "--key", "registry-1"], "Closed (2)");
}

#[test]
fn the_zone_goes_in_by_votes_and_settings_change_after_the_timelock() {
    let net = Net::root(&["--timelock-ms", "2000"]);
    let api = net.apis()[0].clone();
    net.ok(&["zone", "import", sample("sample.zone").to_str().unwrap()]);
    net.ok(&["zone", "replay", sample("sample-changes.jsonl").to_str().unwrap()]);
    assert_eq!(net.export(&api), std::fs::read_to_string(sample("sample-expected.zone")).unwrap());

    let file = net.path().join("settings.json");
    std::fs::write(&file, r#"{"complaints_needed": 3}"#).unwrap();
    let opened = net.json(&["proposal", "open", "settings", file.to_str().unwrap(), "--key", "registry-1"]);
    let settings = number(&opened);
    let diff = net.json(&["proposal", "diff", &settings]);
    assert_eq!(diff["changes"][0]["what"], "complaints_needed", "{diff}");
    assert_eq!((&diff["changes"][0]["before"], &diff["changes"][0]["after"]), (&"2".into(), &"3".into()));
    let accepted = net.agree(&settings, &["registry-1", "registry-2", "registry-3", "registry-4"]);
    assert_eq!(accepted["status"], "waiting", "{accepted}");
    net.until("the settings", || (net.status_of(&settings) == "done").then_some(()));

    // With the keys of three members nobody can bind.
    for name in ["registry-4", "registry-5", "isp-1", "coordinator"] {
        std::fs::remove_file(net.path().join(format!("keys/{name}.json"))).unwrap();
    }
    let few = net.run(&["zone", "import", sample("sample.zone").to_str().unwrap()]);
    let errors = String::from_utf8_lossy(&few.stderr).into_owned();
    assert!(few.status.code() == Some(7) && errors.contains("too_few_voters"), "{errors}");
}
