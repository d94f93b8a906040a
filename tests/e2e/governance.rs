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

    pub(crate) fn member(&self, org: &str) -> Option<Value> {
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

    pub(crate) fn status_of(&self, proposal: &str) -> String {
        self.json(&["proposal", "show", proposal])["status"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn number(answer: &Value) -> String {
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

/// A second node of a member, admitted by votes and running; its id, address of the API, and certificate.
fn second_node(net: &Net, organisation: &str, index: &str, voters: &[&str]) -> (String, String, String) {
    let added = net.json(&["devnet", "add", "--organisation", organisation, "--kind", "registry"]);
    let text = |field: &str| added[field].as_str().unwrap().to_owned();
    let (node, address, certificate) = (text("node_id"), text("address"), text("certificate"));
    let command = ["member", "request", "--organisation", organisation, "--kind", "registry", "--node-id", &node];
    let rest = ["--address", &address, "--certificate", &certificate, "--key", voters[0]];
    net.agree(&number(&net.json(&[&command[..], &rest[..]].concat())), voters);
    net.ok(&["devnet", "start", index]);
    (node, text("api"), certificate)
}

#[test]
fn keys_rotate_and_a_revoked_certificate_cuts_its_node_off() {
    let net = Net::root(&[]);
    let voters = ["registry-1", "registry-2", "registry-3", "registry-4"];
    let (node, api, certificate) = second_node(&net, "registry-1", "7", &voters);
    net.wait_until_level();

    // A key with one duty, then a new key in the place of the old one: the old one signs nothing more.
    net.ok(&["member", "key", "add", "--new-key", "robot", "--duty", "operator", "--key", "registry-1"]);
    let denied = net.run(&["member", "key", "add", "--new-key", "spare", "--duty", "voter", "--key", "robot"]);
    assert_eq!(denied.status.code(), Some(3), "{}", String::from_utf8_lossy(&denied.stderr));
    net.ok(&["member", "key", "rotate", "--new-key", "registry-1-b", "--key", "registry-1"]);
    let old = net.run(&["proposal", "open", "coordinator", "isp-1", "--key", "registry-1"]);
    let text = String::from_utf8_lossy(&old.stderr).into_owned();
    assert!(old.status.code() == Some(3) && text.contains("unknown_operator"), "{text}");
    let robot = net.json(&["key", "show", "robot"])["public_key"].as_str().unwrap().to_owned();
    net.ok(&["member", "key", "remove", &robot, "--key", "registry-1-b"]);
    let keys = net.json(&["member", "show", "registry-1"])["organisation"]["keys"].as_array().unwrap().len();
    assert_eq!(keys, 3, "one of the organisation, two of its nodes");
    let last = net.json(&["key", "show", "registry-1-b"])["public_key"].as_str().unwrap().to_owned();
    net.refused(&["member", "key", "remove", &last, "--key", "registry-1-b"], "must have the duty voter");

    // The certificate's number is revoked: the node is no member from then on, and no more blocks reach it.
    let serial = net.json(&["ca", "show", &certificate])["serial"].as_str().unwrap().to_owned();
    net.refused(&["member", "revoke", &serial, "--reason", "x", "--key", "isp-1"], "NotCoordinator");
    net.ok(&["member", "revoke", &serial, "--reason", "machine stolen", "--key", "registry-1-b"]);
    let list = net.json(&["member", "list"]);
    assert!(list.as_array().unwrap().iter().all(|member| member["node_id"] != node.as_str()), "{list}");
    net.until("the cut", || {
        let status = net.json(&["--api", &api, "status"]);
        status["peers"].as_array().is_some_and(Vec::is_empty).then_some(())
    });
    net.ok(&[
        "vote",
        "agree",
        &number(&net.json(&["proposal", "open", "coordinator", "isp-1", "--key", "isp-1"])),
        "--key",
        "isp-1",
    ]);
    assert!(net.height(&api) < net.height(&net.apis()[0]), "a node whose certificate is revoked gets blocks");
    // The coordinator revokes one that nobody used: nobody joins with it.
    let unused = net.json(&["devnet", "add", "--organisation", "registry-2", "--kind", "registry"]);
    let text = |field: &str| unused[field].as_str().unwrap().to_owned();
    let serial = net.json(&["ca", "show", &text("certificate")])["serial"].as_str().unwrap().to_owned();
    net.ok(&["member", "revoke", &serial, "--reason", "sent to the wrong people", "--key", "coordinator"]);
    let (id, address, file) = (text("node_id"), text("address"), text("certificate"));
    let command = ["member", "request", "--organisation", "registry-2", "--kind", "registry", "--node-id", &id];
    let rest = ["--address", &address, "--certificate", &file, "--key", "registry-2"];
    net.refused(&[&command[..], &rest[..]].concat(), "SerialTaken");
}

#[test]
fn members_elect_demote_and_change_parameters_and_the_coordinator() {
    let net = Net::root(&["--timelock-ms", "500"]);
    let voters = ["registry-1", "registry-2", "registry-3", "registry-4"];
    let carried = |proposal: &str| {
        net.agree(proposal, &voters);
        net.until("the proposal", || (net.status_of(proposal) == "done").then_some(()));
    };
    let file = net.path().join("settings.json");
    std::fs::write(&file, r#"{"policy": "election", "most_authorities": 3, "election_blocks": 5}"#).unwrap();
    carried(&number(&net.json(&["proposal", "open", "settings", file.to_str().unwrap(), "--key", "registry-1"])));
    let node = |org: &str| net.member(org).unwrap()["node_id"].as_str().unwrap().to_owned();
    let (first, second, fourth) = (node("registry-1"), node("registry-2"), node("registry-4"));
    for key in voters {
        net.ok(&["authority", "elect", &first, &second, &fourth, "--key", key]);
    }
    let elected = || {
        let list = net.json(&["authority", "list"]);
        let mut orgs: Vec<String> =
            list.as_array().unwrap().iter().map(|row| row["org"].as_str().unwrap().to_owned()).collect();
        orgs.sort();
        orgs
    };
    net.until("the election", || (elected() == ["registry-1", "registry-2", "registry-4"]).then_some(()));

    carried(&number(&net.json(&["proposal", "open", "demote", &fourth, "--to", "ordinary", "--key", "registry-1"])));
    net.until("the list without it", || (elected() == ["registry-1", "registry-2", "registry-3"]).then_some(()));
    assert_eq!(net.member("registry-4").unwrap()["standing"], "ordinary");

    let file = net.path().join("parameters.json");
    std::fs::write(&file, r#"{"max_block_transactions": 77}"#).unwrap();
    carried(&number(&net.json(&["proposal", "open", "parameters", file.to_str().unwrap(), "--key", "registry-1"])));
    let stored = net.json(&["contract", "query", "governance", "parameters"]);
    assert!(stored.to_string().contains("\"max_block_transactions\":77"), "{stored}");

    carried(&number(&net.json(&["proposal", "open", "coordinator", "isp-1", "--key", "registry-1"])));
    assert_eq!(net.json(&["member", "show", "isp-1"])["leads_votes"], true);
}
