//! Real processes from end to end: four nodes on loopback, driven by the command line as a person would.
//!
//! The programs are those of the same build: `make test` builds them first. The sample zone ships with the repository;
//! the real root zone is used as well when `ALTHING_TEST_DATA` names the data folder.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::large_enum_variant,
    reason = "a test fails by panicking, and its values are few"
)]

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    // target/release/deps/e2e-... -> target/release/NAME
    let path = own.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is missing: run `make test`, which builds the programs first", path.display());
    path
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/four_nodes").join(name)
}

/// A network in a temporary folder; its processes end with it.
struct Net {
    folder: tempfile::TempDir,
}

impl Net {
    fn up(extra: &[&str]) -> Self {
        let net = Self { folder: tempfile::tempdir().unwrap() };
        let mut arguments = vec!["devnet", "up", "--authorities", "4", "--detach"];
        arguments.extend(extra);
        net.ok(&arguments);
        net
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(program("althing"))
            .args(arguments)
            .env("ALTHING_HOME", self.path())
            .env("ALTHINGD", program("althingd"))
            .env_remove("ALTHING_API")
            .output()
            .unwrap()
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "althing {}: {}\n{text}{errors}\n{}",
            arguments.join(" "),
            output.status,
            self.logs()
        );
        text
    }

    fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut with: Vec<&str> = arguments.to_vec();
        with.push("--json");
        serde_json::from_str(&self.ok(&with)).unwrap()
    }

    fn apis(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path().join("devnet.json")).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let nodes = document["nodes"].as_array().unwrap();
        nodes.iter().map(|n| n["api"].as_str().unwrap().to_owned()).collect()
    }

    fn height(&self, api: &str) -> u64 {
        self.json(&["--api", api, "status"])["height"].as_u64().unwrap()
    }

    fn wait_until_level(&self) {
        let started = Instant::now();
        loop {
            let heights: Vec<u64> = self.apis().iter().map(|api| self.height(api)).collect();
            let (least, most) = (heights.iter().min().unwrap(), heights.iter().max().unwrap());
            if least + 1 >= *most {
                return;
            }
            assert!(
                started.elapsed() < Duration::from_secs(120),
                "a node does not catch up: {heights:?}\n{}",
                self.logs()
            );
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn export(&self, api: &str) -> String {
        let out = self.path().join("export.zone");
        self.ok(&["--api", api, "zone", "export", "--out", out.to_str().unwrap()]);
        std::fs::read_to_string(out).unwrap()
    }

    fn logs(&self) -> String {
        let mut text = String::new();
        for index in 0..4 {
            let log = std::fs::read_to_string(self.path().join(format!("node-{index}/log"))).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            text.push_str(&format!("-- node {index}\n{}\n", lines[lines.len().saturating_sub(8)..].join("\n")));
        }
        text
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = self.run(&["devnet", "down"]);
    }
}

#[test]
fn the_sample_zone_goes_in_changes_and_comes_out_while_a_node_is_killed() {
    let net = Net::up(&[]);
    let api = net.apis()[0].clone();
    let imported = net.json(&["--api", &api, "zone", "import", sample("sample.zone").to_str().unwrap()]);
    assert!(imported["records"].as_u64().unwrap() >= 50, "{imported}");
    net.ok(&["devnet", "stop", "3"]);
    net.ok(&["--api", &api, "zone", "replay", sample("sample-changes.jsonl").to_str().unwrap()]);
    net.ok(&["devnet", "start", "3"]);
    let expected = std::fs::read_to_string(sample("sample-expected.zone")).unwrap();
    assert_eq!(net.export(&api), expected);
    net.wait_until_level();
    assert_eq!(net.export(&net.apis()[3]), expected, "the node that was away has another zone");

    let answer = net.json(&["--api", &api, "query", "tld", "mike"]);
    assert_eq!(answer["verified"], true, "{answer}");
    assert!(answer["height"].as_u64().unwrap() > 0);

    // Power goes everywhere at once; what was acknowledged is still there.
    for index in ["0", "1", "2", "3"] {
        net.ok(&["devnet", "stop", index]);
    }
    net.ok(&["devnet", "up", "--detach"]);
    assert_eq!(net.export(&net.apis()[0]), expected, "a restart of every node lost something");
}

#[test]
fn errors_name_the_value_and_have_their_exit_codes() {
    let net = Net::up(&[]);
    let api = net.apis()[0].clone();
    let refused = net.run(&[
        "--api",
        &api,
        "contract",
        "call",
        "tld_binding",
        "bind",
        r#"{"tld": "localhost", "organisation": "registry-1"}"#,
        "--json",
    ]);
    let text = String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(3), "{text}");
    assert!(text.contains("localhost"), "{text}");
    let stranger = net.run(&[
        "--api",
        &api,
        "contract",
        "call",
        "tld_binding",
        "bind",
        r#"{"tld": "abc", "organisation": "registry-1"}"#,
        "--key",
        "registry-1",
    ]);
    assert_eq!(stranger.status.code(), Some(3), "a registry must not bind TLDs");
    let wrong = net.run(&["--api", &api, "contract", "call", "tld_binding", "bind", r#"{"tld": 5}"#]);
    assert_ne!(wrong.status.code(), Some(0));
    let nobody = net.run(&["--api", "http://127.0.0.1:9", "--timeout", "2", "status"]);
    assert_eq!(nobody.status.code(), Some(5));
    assert_eq!(net.run(&["no-such-command"]).status.code(), Some(2));
}

#[test]
fn the_real_root_zone_and_its_history_come_out_identical() {
    let required = std::env::var("ALTHING_REQUIRE_TEST_DATA").is_ok_and(|v| v == "1");
    let Ok(data) = std::env::var("ALTHING_TEST_DATA") else {
        assert!(!required, "ALTHING_TEST_DATA is not set, but ALTHING_REQUIRE_TEST_DATA=1");
        eprintln!("skipped: ALTHING_TEST_DATA does not name the data folder");
        return;
    };
    let zone = Path::new(&data).join("rootzone");
    let file = |name: &str| zone.join(name).to_str().unwrap().to_owned();
    let net = Net::up(&[]);
    let api = net.apis()[0].clone();
    net.ok(&["--api", &api, "zone", "import", &file("root-base-2023110400.zone.gz")]);
    net.ok(&["--api", &api, "zone", "replay", &file("root-changes-2023110400..2024123101.jsonl.gz")]);
    let out = net.path().join("root.zone");
    let compared = [
        "--api",
        &api,
        "zone",
        "export",
        "--out",
        out.to_str().unwrap(),
        "--compare",
        &file("root-expected-2024123101.zone.gz"),
    ];
    net.ok(&compared);
}
