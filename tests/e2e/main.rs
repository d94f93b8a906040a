//! Real processes from end to end: nodes on loopback, driven by the command line as a person would, and
//! over HTTP as a stranger would.
//!
//! The programs are those of the same build: `make test` builds them first. The sample zone ships with the repository;
//! the real root zone is used as well when `ALTHING_TEST_DATA` names the data folder.
//! With `ALTHING_REQUIRE_TEST_DATA=1` nothing is skipped: what a test needs and does not find is then an error.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::large_enum_variant,
    reason = "a test fails by panicking, and its values are few"
)]

mod audit;
mod chains;
mod checkpoint;
mod disk_full;
mod explain;
mod foreground;
mod governance;
mod hostile;
mod http;
mod lifecycle;
mod load;
mod net;
mod rdap;
mod recovery;
mod remediation;
mod upgrade;

#[path = "../sdk_vm/modules.rs"]
mod modules;

use net::{Net, sample};
use std::{path::Path, process::Command};

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
fn a_check_of_the_configuration_names_node_and_chain() {
    let net = Net::up(&["--chain", "checked-chain"]);
    let status = net.json(&["status"]);
    let config = net.path().join("node-0/config.toml");
    let checked = |config: &Path| {
        let output =
            Command::new(net::program("althingd")).arg("--check").arg("--config").arg(config).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), text)
    };
    let (code, text) = checked(&config);
    assert_eq!(code, Some(0), "{text}");
    for part in [status["node_id"].as_str().unwrap(), "checked-chain", status["genesis_hash"].as_str().unwrap()] {
        assert!(text.contains(part), "'{part}' is not in: {text}");
    }
    let broken = net.path().join("node-0/broken.toml");
    std::fs::write(&broken, std::fs::read_to_string(&config).unwrap().replace("node.key", "no-such.key")).unwrap();
    let (code, text) = checked(&broken);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("no-such.key"), "{text}");
}

#[test]
fn the_real_root_zone_and_its_history_come_out_identical() {
    let Ok(data) = std::env::var("ALTHING_TEST_DATA") else {
        return net::skip("ALTHING_TEST_DATA does not name the data folder");
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
