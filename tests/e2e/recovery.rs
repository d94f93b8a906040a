//! Two of four authorities are killed for good: the members sign who goes on, and the chain goes on.

use crate::net::Net;
use serde_json::Value;

impl Net {
    /// Runs a command that must be refused as a recovery, and gives the number of the rule.
    fn recovery_refused(&self, arguments: &[&str]) -> String {
        let mut with = arguments.to_vec();
        with.push("--json");
        let output = self.run(&with);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "althing {}: {errors}", arguments.join(" "));
        let error: Value = serde_json::from_str(errors.lines().last().unwrap_or_default()).unwrap();
        assert_eq!(error["error"]["code"], "recovery_refused", "{error}");
        error["error"]["value"].as_str().unwrap().to_owned()
    }
}

#[test]
fn members_recover_a_chain_whose_authorities_are_gone() {
    let net = Net::root(&[]);
    let apis = net.apis();
    let api = apis[0].as_str();
    net.until("a few blocks", || (net.height(api) >= 3).then_some(()));
    net.ok(&["devnet", "stop", "2"]);
    net.ok(&["devnet", "stop", "3"]);
    std::thread::sleep(std::time::Duration::from_secs(4));
    let height = net.height(api);
    let plan = net.path().join("plan.json");
    let file = plan.to_str().unwrap();
    let draft = ["--api", api, "recovery", "draft", "--authorities", "registry-1,registry-2,registry-5", "--reason"];
    let drafted = net.json(&[draft.as_slice(), &["two sites are destroyed", "--out", file]].concat());
    assert_eq!(drafted["height"].as_u64(), Some(height), "it stands still: {drafted}");

    // Three of seven are not more than half; a signature of a key that is no member's is none.
    for signer in ["registry-1", "registry-2", "isp-1"] {
        net.ok(&["recovery", "sign", file, "--key", signer]);
    }
    assert_eq!(net.recovery_refused(&["--api", api, "recovery", "apply", file]), "11");
    let shown = net.json(&["--api", api, "recovery", "show", file]);
    let fields = ["members", "needed", "refusal"].map(|field| shown[field].as_u64());
    assert_eq!(fields, [Some(7), Some(4), Some(11)], "{shown}");
    let bad = net.path().join("bad.json");
    let bad = bad.to_str().unwrap();
    net.ok(&["recovery", "sign", file, "--key", "registry-4", "--organisation", "registry-3", "--out", bad]);
    assert_eq!(net.recovery_refused(&["--api", api, "recovery", "apply", bad]), "9");

    // Signed apart, put together.
    let apart = net.path().join("coordinator.json");
    let apart = apart.to_str().unwrap();
    net.ok(&["recovery", "sign", file, "--key", "coordinator", "--out", apart]);
    net.ok(&["recovery", "merge", file, apart, "--out", file]);
    let shown = net.json(&["--api", api, "recovery", "show", file]);
    assert_eq!((shown["good"].as_bool(), shown["signed"].as_array().unwrap().len()), (Some(true), 4), "{shown}");

    // A second plan for the same height is not signed by mistake.
    let second = net.path().join("second.json");
    let second = second.to_str().unwrap();
    net.ok(&[draft.as_slice(), &["another reason", "--out", second]].concat());
    let output = net.run(&["recovery", "sign", second, "--key", "coordinator"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));

    let applied = net.json(&["--api", api, "recovery", "apply", file]);
    assert_eq!(applied["progress"], "final", "{applied}");
    net.until("blocks by the new list", || (net.height(&apis[4]) >= height + 4).then_some(()));
    assert_eq!(net.recovery_refused(&["--api", api, "recovery", "apply", second, "--no-wait"]), "15");

    // What is read now is verified from the genesis on, across the recovery.
    let standing = |org: &str| net.member(org).unwrap()["standing"].as_str().unwrap().to_owned();
    assert_eq!(["registry-5", "registry-3"].map(standing), ["authority", "backup"]);
    let list = net.json(&["--api", api, "authority", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 3, "{list}");
    let block = (height + 1).to_string();
    net.ok(&["--api", api, "block", &block]);

    // A lost one comes back and follows.
    net.ok(&["devnet", "start", "3"]);
    net.until("the lost node", || (net.height(&apis[3]) >= height + 4).then_some(()));
    net.ok(&["--api", &apis[3], "authority", "list"]);
}
