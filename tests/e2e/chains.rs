//! Several chains in one process: a root chain and a chain for each TLD, their zone server, and what becomes of all of
//! them when processes are killed.

use crate::{
    http,
    net::{Net, program, skip, wait_until},
};
use serde_json::{Value, json};
use std::{path::Path, process::Command};

const ROOT: &str = "althing-root";
const ALPHA: &str = "tld-alpha";
const BETA: &str = "tld-beta";

impl Net {
    /// A network of a profile with TLD chains.
    fn names(profile: &str) -> Self {
        let net = Self::none();
        net.ok(&["--timeout", "180", "devnet", "up", "--profile", profile, "--detach"]);
        net
    }

    /// What the zone server answers to a question, with the network's key.
    fn dig(&self, zone: &str, question: &[&str]) -> String {
        let file = self.devnet();
        let servers = file["zone_servers"].as_array().unwrap();
        let server = servers.iter().find(|server| server["zone"] == zone).unwrap();
        let (host, port) = server["address"].as_str().unwrap().rsplit_once(':').unwrap();
        let key = server["key_file"].as_str().unwrap();
        let output =
            Command::new("dig").arg(format!("@{host}")).args(["-p", port, "-k", key]).args(question).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn devnet(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path().join("devnet.json")).unwrap()).unwrap()
    }

    /// Base URL of a node's API for one of its chains.
    pub(crate) fn api(&self, node: usize, chain: &str) -> String {
        let file = self.devnet();
        let chains = file["nodes"][node]["chains"].as_array().unwrap();
        let found = chains.iter().find(|entry| entry["chain"] == chain);
        found.unwrap_or_else(|| panic!("node {node} is not in {chain}: {file}"))["api"].as_str().unwrap().to_owned()
    }

    /// Index of the node of an organisation.
    pub(crate) fn node_of(&self, organisation: &str) -> usize {
        let file = self.devnet();
        file["nodes"].as_array().unwrap().iter().position(|node| node["organisation"] == organisation).unwrap()
    }

    fn grows(&self, api: &str) {
        let before = self.height(api);
        wait_until(|| self.height(api) > before + 1, || format!("{api} stays at {before}\n{}", self.logs()));
    }
}

fn chains_of(node: &Value) -> Vec<&str> {
    node["chains"].as_array().unwrap().iter().map(|entry| entry["chain"].as_str().unwrap()).collect()
}

/// Output and exit code of `althingd --check`.
fn checked(config: &Path) -> (Option<i32>, String) {
    let output = Command::new(program("althingd")).arg("--check").arg("--config").arg(config).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

#[test]
fn one_process_is_a_member_of_several_chains_and_comes_back_to_all_of_them() {
    let net = Net::names("root+tld:alpha,beta");
    let file = net.devnet();
    let chains: Vec<&str> =
        file["chains"].as_array().unwrap().iter().map(|entry| entry["chain"].as_str().unwrap()).collect();
    assert_eq!(chains, [ROOT, ALPHA, BETA]);
    let (first, second, registrar) = (net.node_of("registry-1"), net.node_of("registry-2"), net.node_of("registrar-1"));
    assert_eq!(chains_of(&file["nodes"][first]), [ROOT, ALPHA]);
    assert_eq!(chains_of(&file["nodes"][second]), [ROOT, BETA]);
    assert_eq!(chains_of(&file["nodes"][registrar]), [ALPHA, BETA]);
    assert_eq!(file["nodes"][first]["api"], net.api(first, ROOT).as_str());

    // The command line picks a chain by its id or by the node's address, and trusts that chain's genesis document.
    assert_eq!(net.json(&["status"])["chain_id"], ROOT);
    for (chain, leader) in [(ALPHA, "regulator"), (BETA, "regulator"), (ROOT, "coordinator")] {
        assert_eq!(net.json(&["--chain", chain, "status"])["chain_id"], chain);
        let members = net.json(&["--chain", chain, "member", "list"]);
        assert!(members.as_array().unwrap().iter().any(|node| node["org"] == leader), "{chain}: {members}");
    }
    let api = net.api(registrar, BETA);
    assert_eq!(net.json(&["--api", &api, "status"])["chain_id"], BETA);
    let block = net.json(&["--api", &api, "block", "1"]);
    assert_eq!(block["verified"], true, "{block}");
    let other = net.run(&["--api", &api, "--chain", ALPHA, "member", "list"]);
    assert_ne!(other.status.code(), Some(0), "a node of another chain was believed");
    let none = net.run(&["--chain", "tld-gamma", "status", "--json"]);
    let text = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(none.status.code() == Some(7) && text.contains("tld-alpha"), "{text}");

    // Each TLD is bound to the registry that runs its chain, under the same name on both.
    for (tld, registry) in [("alpha", "registry-1"), ("beta", "registry-2")] {
        let binding = net.json(&["query", "tld", tld]);
        assert_eq!((&binding["verified"], binding.to_string().contains(registry)), (&json!(true), true), "{binding}");
    }

    // What a configuration means is said chain by chain.
    let config = net.path().join(format!("node-{first}/config.toml"));
    let (code, text) = checked(&config);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("chain althing-root with") && text.contains("chain tld-alpha with"), "{text}");

    // A crash takes the process out of both chains; both go on, and it comes back to both.
    net.ok(&["devnet", "stop", &first.to_string()]);
    let (rest_root, rest_alpha) = (net.api(second, ROOT), net.api(registrar, ALPHA));
    net.grows(&rest_root);
    net.grows(&rest_alpha);
    net.ok(&["devnet", "start", &first.to_string()]);
    for (chain, rest) in [(ROOT, &rest_root), (ALPHA, &rest_alpha)] {
        let (own, least) = (net.api(first, chain), net.height(rest));
        wait_until(
            || net.height(&own) >= least && http::get(&own, "/readyz").status == 200,
            || format!("{chain} does not catch up\n{}", net.logs()),
        );
        let hash = |api: &str| http::get(api, &format!("/v1/blocks/{least}")).json()["hash"].clone();
        assert_eq!(hash(&own), hash(rest), "{chain} forked");
    }
    let log = std::fs::read_to_string(net.path().join(format!("node-{first}/log"))).unwrap();
    for chain in [ROOT, ALPHA] {
        assert!(log.contains(&format!("chain{{id={chain}}}")), "no line of the log is of {chain}: {log}");
    }

    // All end when asked, and all come back.
    let ended = net.json(&["devnet", "down"]);
    assert_eq!(ended["stopped"], file["nodes"].as_array().unwrap().len(), "{ended}");
    net.ok(&["--timeout", "180", "devnet", "up", "--detach"]);
    net.grows(&net.api(first, ALPHA));
    net.grows(&net.api(second, BETA));
}

#[test]
fn what_a_tld_chain_decides_is_served_and_both_chains_hear_of_each_other() {
    const DIGEST: &str = "49fd46e6c4b45c55d4ac49fd46e6c4b45c55d4ac49fd46e6c4b45c55d4ac0000";
    let net = Net::names("root+tld:alpha");
    let alpha = |arguments: &[&str]| {
        let mut all = vec!["--chain", ALPHA];
        all.extend(arguments);
        net.ok(&all)
    };
    let root_says = |text: &str| net.ok(&["query", "tld", "alpha", "--json"]).to_lowercase().contains(text);
    let apex_says = |text: &str| alpha(&["domain", "apex", "--json"]).to_lowercase().contains(text);

    // The registry's node carries what the TLD chain decided to the root chain.
    let apex = |server: &str| {
        let (host, ds) = (format!("{server}=192.0.2.53"), format!("4711 13 2 {DIGEST}"));
        alpha(&["domain", "apex", "--ns", server, "--host", &host, "--ds", &ds, "--key", "registry-1"]);
    };
    apex("ns1.alpha");
    wait_until(|| root_says("ns1.alpha") && root_says(DIGEST), || net.logs());

    // While it is down nobody carries; afterwards it goes on where it was.
    net.ok(&["devnet", "stop", "0"]);
    apex("ns2.alpha");
    net.grows(&net.api(1, ROOT));
    assert!(!root_says("ns2.alpha"), "somebody else carried");
    net.ok(&["devnet", "start", "0"]);
    wait_until(|| root_says("ns2.alpha"), || net.logs());

    // The other way: the registry takes the DS record back on the root chain.
    assert!(apex_says(DIGEST));
    net.ok(&["contract", "call", "domain_records", "delete_ds", r#"{"tld": "alpha"}"#, "--key", "registry-1"]);
    wait_until(|| !apex_says(DIGEST), || net.logs());
    assert!(apex_says("ns2.alpha"));

    // Its figures say so, at the address of the chain that receives.
    let shows = |line: &str| http::get(&net.api(0, ROOT), "/metrics").body.contains(line);
    for line in ["failing{from=\"ALPHA\"} 0\n", "refused_total{from=\"ALPHA\"} 0\n"] {
        wait_until(|| shows(&format!("althing_relay_{}", line.replace("ALPHA", ALPHA))), || net.logs());
    }
    assert!(!shows(&format!("althing_relay_received{{from=\"{ALPHA}\"}} 0\n")));

    let server = "ns.alice.alpha=192.0.2.1";
    let register = ["domain", "register", "alice.alpha", "--ns", "ns.alice.alpha", "--host", server];
    alpha(&[register.as_slice(), &["--key", "registrar-1"]].concat());
    if Command::new("dig").arg("-v").output().is_err() {
        return skip("there is no dig");
    }
    let zone = || net.dig("alpha.", &["alpha.", "AXFR"]);
    wait_until(|| zone().contains("ns.alice.alpha."), || format!("{}\n{}", zone(), net.logs()));
    let text = zone();
    for part in ["ns2.alpha.", "192.0.2.53", "192.0.2.1", "ZONEMD"] {
        assert!(text.contains(part), "no {part}: {text}");
    }
}

#[test]
fn configurations_that_no_process_can_run_say_what_is_wrong() {
    let net = Net::names("tld:alpha");
    assert_eq!(net.json(&["status"])["chain_id"], ALPHA);
    let folder = net.path().join("node-0");
    let good = std::fs::read_to_string(folder.join("config.toml")).unwrap();
    let said = |text: &str| {
        let path = folder.join("broken.toml");
        std::fs::write(&path, text).unwrap();
        let (code, text) = checked(&path);
        assert_eq!(code, Some(1), "{text}");
        text
    };
    let old = said(&good.replace("[chain.api", "[api"));
    assert!(old.contains("write it as [chain.api] below its [[chain]]"), "{old}");
    let chain = &good[good.find("[[chain]]").unwrap()..good.find("[log]").unwrap()];
    let twice = said(&good.replace("[log]", &format!("{chain}\n[log]")));
    assert!(twice.contains("data_dir"), "{twice}");
    let again = chain.replace("\"data\"", "\"more\"").replace("../genesis.json", "./../genesis.json");
    let ports = said(&good.replace("[log]", &format!("{again}\n[log]")));
    assert!(ports.contains("must be of one listener only"), "{ports}");
    let moved: Vec<String> =
        again.lines().map(|line| if line.starts_with("listen") { free(line) } else { line.to_owned() }).collect();
    let moved = moved.join("\n");
    let same = said(&good.replace("[log]", &format!("{moved}\n[log]")));
    assert!(same.contains("chain tld-alpha is named twice"), "{same}");
    let relay = "[[relay]]\nroot = \"nowhere\"\ntld = \"tld-alpha\"\nkey_file = \"node.key\"\n";
    let nowhere = said(&good.replace("[log]", &format!("{relay}\n[log]")));
    assert!(nowhere.contains("chain nowhere, which is none of this process"), "{nowhere}");
}

/// A line that names an address, with any free port.
fn free(line: &str) -> String {
    let at = line.rfind(['/', ':']).unwrap();
    format!("{}0\"", &line[..=at])
}
