//! Registration data from end to end: chains that say who is asked, real RDAP servers over SQLite, the access node.

use crate::{
    http,
    net::{Net, program, wait_until},
};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

const REGISTRARS: &str = "rdap-registrar";
const REGISTRIES: [&str; 4] = ["registry-1", "registry-2", "registry-3", "registry-4"];

/// An RDAP server of a registry or registrar; it ends with the value.
struct Backend {
    child: Child,
    url: String,
}

impl Backend {
    fn start(side: &str, folder: &Path, data: &Path) -> Self {
        let mut child = Command::new(program("rdap-backend"))
            .args(["--side", side, "--database"])
            .arg(folder.join(format!("{side}-{}.sqlite", data.file_stem().unwrap().to_str().unwrap())))
            .arg("--load")
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, url: url.trim().to_owned() }
    }

    fn host(&self) -> &str {
        self.url.trim_start_matches("http://").trim_end_matches('/')
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sample() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/rdap_backend/sample.json"))
}

impl Net {
    fn directory(profile: &str, further: &[&str]) -> Self {
        let net = Self::none();
        let up = ["devnet", "up", "--profile", profile, "--timelock-ms", "500", "--detach"];
        net.ok(&[up.as_slice(), further].concat());
        net
    }

    fn access_node(&self) -> Value {
        let text = std::fs::read_to_string(self.path().join("devnet.json")).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        file["access_nodes"][0].clone()
    }

    /// What the access node answers to a path.
    fn rdap(&self, path: &str) -> http::Answer {
        let node = self.access_node();
        http::get(node["url"].as_str().unwrap().trim_end_matches('/'), path)
    }

    /// Has a proposal voted for by those who may, until it is done.
    fn reviewed(&self, chain: &[&str], proposal: &Value, members: &[&str]) {
        let number = proposal.as_u64().unwrap_or_else(|| panic!("{proposal} is no proposal")).to_string();
        for member in members {
            // Who does not review is refused.
            let _ = self.run(&[chain, &["vote", "agree", &number, "--key", member]].concat());
        }
        let shown = || self.json(&[chain, &["proposal", "show", &number]].concat());
        wait_until(|| shown()["status"] == "done", || format!("{}\n{}", shown(), self.logs()));
    }

    /// Waits until the access node gives an answer of which something holds.
    fn until_says(&self, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let holds = |reply: &http::Answer| reply.status == 200 && holds(&reply.json());
        wait_until(|| holds(&self.rdap(path)), || format!("{path}: {}", self.rdap(path).body));
        self.rdap(path).json()
    }
}

/// Where each part of an answer came from: origin and URL.
fn parts(answer: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let parts = answer["althing_provenance"]["parts"].as_array().cloned().unwrap_or_default();
    parts.iter().map(|part| (text(&part["part"]), (text(&part["found"]["origin"]), text(&part["url"])))).collect()
}

#[test]
fn a_lookup_goes_over_chain_registry_and_registrar_and_follows_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Backend::start("registry", folder.path(), sample());
    let registrar = Backend::start("registrar", folder.path(), sample());
    let moved = folder.path().join("moved.json");
    let text = std::fs::read_to_string(sample()).unwrap().replace("H-ALICE", "H-MOVED");
    std::fs::write(&moved, text).unwrap();
    let other = Backend::start("registry", folder.path(), &moved);
    let allowed: Vec<&str> =
        [&registry, &registrar, &other].into_iter().flat_map(|b| ["--rdap-allow", b.host()]).collect();
    let net = Net::directory("root+registrar", &allowed);
    let sellers = ["--chain", REGISTRARS];
    assert_eq!(net.access_node()["chains"], json!(["althing-root", REGISTRARS]));
    assert_eq!(net.rdap("/domain/alice.lab").status, 404, "nobody has said yet who is asked");

    // The registry is bound by votes, sets its entry, and the change is reviewed before it counts.
    let binding = net.json(&["proposal", "open", "bind", "lab", "registry-1", "--key", "registry-1"]);
    net.reviewed(&[], &binding["proposal"], &REGISTRIES[..3]);
    let change = net.json(&["bootstrap", "set", "lab", &registry.url, "--key", "registry-1"]);
    assert_eq!(net.run(&["bootstrap", "show", "lab"]).status.code(), Some(7), "written before the review");
    net.reviewed(&[], &change["proposal"], &REGISTRIES);
    let wrong = net.run(&["bootstrap", "set", "lab", &other.url, "--key", "registry-2"]);
    assert_eq!(wrong.status.code(), Some(3), "another registry changed it");

    // A registrar of the list claims its id, is approved, and says where it is asked.
    let list = folder.path().join("ids.csv");
    std::fs::write(&list, "ID,Registrar Name,Status\n292,MarkMonitor Inc.,Accredited\n7,Gone,Terminated\n").unwrap();
    let on_sellers = |arguments: &[&str]| net.json(&[sellers.as_slice(), arguments].concat());
    let loaded = on_sellers(&["accreditation", "load", list.to_str().unwrap(), "--key", "coordinator"]);
    assert_eq!((&loaded["changed"], &loaded["entries"]), (&json!(2), &json!(2)));
    on_sellers(&["registrar", "apply", "292", "--key", "registrar-1"]);
    on_sellers(&["registrar", "approve", "registrar-1", "292", "--key", "coordinator"]);
    let data = ["--country", "Iceland", "--contact", "desk@seller.example", "--link", "https://seller.example"];
    let set = [&["registrar", "set", "--url", &registrar.url, "--key", "registrar-1"], data.as_slice()].concat();
    let change = on_sellers(&set);
    net.reviewed(&sellers, &change["proposal"], &["registrar-1", "registrar-2", "registrar-3", "coordinator"]);

    // Chain, registry, registrar: one answer, of which both addresses are proven.
    let answer = net.until_says("/domain/alice.lab", |answer| answer.to_string().contains("Alice Liddell"));
    let found = parts(&answer);
    assert_eq!(found["registry"], ("chain".into(), format!("{}domain/alice.lab", registry.url)), "{answer}");
    assert_eq!(found["registrar"], ("chain".into(), format!("{}domain/alice.lab", registrar.url)), "{answer}");
    let asked = net.json(&["rdap", "query", "alice.lab"]);
    let verdicts: Vec<&str> =
        asked["parts"].as_array().unwrap().iter().map(|part| part["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["proven", "proven"], "{asked}");
    let alone = net.json(&["rdap", "query", "alice.lab", "--source", "registry"]);
    assert!(!alone.to_string().contains("Liddell"), "{alone}");
    let alone = net.json(&["rdap", "query", "alice.lab", "--source", "registrar"]);
    assert_eq!(alone["parts"][0]["part"], "registrar", "{alone}");
    let file = net.rdap("/bootstrap/dns.json").json();
    assert_eq!(file["services"], json!([[["lab"], [registry.url]]]));
    assert_eq!(net.json(&["bootstrap", "export"])["services"], file["services"]);
    assert_eq!(net.rdap("/entity/292").json()["publicIds"][0]["identifier"], "292");

    // The entry changes: the next question goes to the new place.
    let change = net.json(&["bootstrap", "set", "lab", &other.url, "--key", "registry-1"]);
    net.reviewed(&[], &change["proposal"], &REGISTRIES);
    let answer = net.until_says("/domain/alice.lab", |answer| answer["handle"] == "H-MOVED");
    assert_eq!(parts(&answer)["registry"].1, format!("{}domain/alice.lab", other.url));
    let history = net.json(&["bootstrap", "history", "lab"]);
    assert_eq!(history.as_array().unwrap().len(), 2, "{history}");

    // Without any node of the chains it answers from what it knows, and says that it cannot renew it.
    let nodes = net.json(&["devnet", "status"])["nodes"].as_array().unwrap().len();
    for index in 0..nodes {
        net.ok(&["devnet", "stop", &index.to_string()]);
    }
    // One chain is found silent before the other.
    net.until_says("/healthz", |health| health["troubles"].to_string().contains("althing-root"));
    assert_eq!(net.rdap("/domain/bob.lab").json()["handle"], "H-BOB", "the chain's word was forgotten");

    // All come back, and it with them.
    net.ok(&["devnet", "down"]);
    net.ok(&["devnet", "up", "--detach"]);
    net.until_says("/domain/alice.lab", |answer| {
        answer["handle"] == "H-MOVED" && answer.to_string().contains("Liddell")
    });
}

#[test]
fn a_bootstrap_file_goes_in_by_votes_comes_out_equal_and_only_differences_are_sent() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dns.json");
    let write = |third: &str| {
        let services = json!([
            [["alpha", "beta"], ["https://rdap.one.example/"]],
            [["gamma"], ["https://rdap.two.example/v1"]],
            [["delta"], [third]],
        ]);
        let document = json!({ "version": "1.0", "publication": "2026-01-01T00:00:00Z", "services": services });
        std::fs::write(&file, document.to_string()).unwrap();
    };
    let net = Net::directory("registry:alpha", &[]);
    let load = || net.json(&["bootstrap", "load", file.to_str().unwrap()]);
    write("https://rdap.three.example/");
    let first = load();
    let figures = |loaded: &Value| ["tlds", "bound", "changed", "mended"].map(|field| loaded[field].as_u64().unwrap());
    assert_eq!(figures(&first), [4, 3, 4, 1], "{first}");
    assert_eq!(figures(&load()), [4, 0, 0, 1], "it was there already");
    write("https://rdap.four.example/");
    assert_eq!(figures(&load()), [4, 0, 1, 1], "one had changed");
    let wanted = json!([
        [["alpha", "beta"], ["https://rdap.one.example/"]],
        [["delta"], ["https://rdap.four.example/"]],
        [["gamma"], ["https://rdap.two.example/v1/"]],
    ]);
    assert_eq!(net.json(&["bootstrap", "export"])["services"], wanted);
    net.until_says("/bootstrap/dns.json", |served| served["services"] == wanted);
}
