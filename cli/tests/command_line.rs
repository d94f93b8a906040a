//! The program as scripts see it: exit codes, JSON on the right stream, key files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Output},
};

fn althing(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_althing"))
        .args(arguments)
        .env("ALTHING_HOME", home)
        .env("ALTHING_PASSPHRASE", "correct horse")
        .env_remove("ALTHING_API")
        .env_remove("ALTHING_GENESIS")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn error(output: &Output) -> Value {
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice::<Value>(&output.stderr).unwrap()["error"].clone()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_key_is_made_once_listed_and_opened() {
    let home = tempfile::tempdir().unwrap();
    let made = json(&althing(home.path(), &["key", "new", "alice", "--json"]));
    let listed = json(&althing(home.path(), &["key", "list", "--json"]));
    assert_eq!(listed["keys"][0]["public_key"], made["public_key"]);
    let shown = json(&althing(home.path(), &["key", "show", "alice", "--check", "--json"]));
    assert_eq!(shown["opened"], true);
    let again = althing(home.path(), &["key", "new", "alice", "--json"]);
    assert_eq!((again.status.code(), error(&again)["code"].as_str()), (Some(2), Some("key_exists")));
}

#[test]
fn a_wrong_pass_phrase_and_a_changed_file_are_told_apart() {
    let home = tempfile::tempdir().unwrap();
    assert!(althing(home.path(), &["key", "new", "alice"]).status.success());
    let wrong = Command::new(env!("CARGO_BIN_EXE_althing"))
        .args(["key", "show", "alice", "--check", "--json"])
        .env("ALTHING_HOME", home.path())
        .env("ALTHING_PASSPHRASE", "other")
        .output()
        .unwrap();
    assert_eq!((wrong.status.code(), error(&wrong)["code"].as_str()), (Some(8), Some("wrong_passphrase")));
    let path = home.path().join("keys/alice.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let text = file["cipher"]["text"].as_str().unwrap().to_owned();
    let flipped = if text.starts_with('0') { "1" } else { "0" };
    file["cipher"]["text"] = Value::String(format!("{flipped}{}", &text[1..]));
    std::fs::write(&path, file.to_string()).unwrap();
    let damaged = althing(home.path(), &["key", "show", "alice", "--check", "--json"]);
    assert_eq!((damaged.status.code(), error(&damaged)["code"].as_str()), (Some(8), Some("damaged_key")));
}

#[test]
fn each_kind_of_failure_has_its_exit_code() {
    let home = tempfile::tempdir().unwrap();
    let bad_zone = home.path().join("bad.zone");
    std::fs::write(&bad_zone, "aaa. 172800 IN A 1.2.3\n").unwrap();
    let bad_zone = bad_zone.to_str().unwrap();
    for (arguments, exit, code) in [
        (vec!["nonsense"], 2, "usage"),
        (vec!["status", "--timeout", "0"], 2, "usage"),
        (vec!["status"], 2, "no_api"),
        (vec!["sync", "relay", "--from", "tld-alpha", "--key", "alice"], 2, "two_chains"),
        (vec!["sync", "status", "--to", "althing-root"], 2, "two_chains"),
        (vec!["query", "tld", "a..b"], 2, "usage"),
        (vec!["key", "show", "nobody"], 7, "no_such_key"),
        (vec!["key", "new", "../up"], 2, "bad_key_name"),
        (vec!["zone", "import", bad_zone], 9, "bad_record"),
        (vec!["zone", "import", "missing.zone"], 7, "file"),
        (vec!["contract", "check", bad_zone], 9, "code_refused"),
        (vec!["devnet", "status"], 7, "no_devnet"),
        (vec!["--api", "nonsense", "status"], 2, "bad_url"),
    ] {
        let mut all = arguments.clone();
        all.push("--json");
        let output = althing(home.path(), &all);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let error = error(&output);
        assert_eq!(error["code"], code, "{arguments:?}");
        assert!(!error["message"].as_str().unwrap().is_empty(), "{arguments:?}");
    }
}

#[test]
fn an_error_in_a_zone_file_shows_line_text_and_rule() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("bad.zone");
    std::fs::write(&path, "aaa. 172800 IN NS ns.aaa.\nbbb. 172800 IN DS 1 8 2 ABCD\n").unwrap();
    let output = althing(home.path(), &["zone", "import", path.to_str().unwrap(), "--json"]);
    let error = error(&output);
    assert_eq!(error["field"], "line 2");
    assert_eq!(error["value"], "bbb. 172800 IN DS 1 8 2 ABCD");
    assert!(error["rule"].as_str().unwrap().contains("32 for 2"));
}

#[test]
fn completions_and_help_need_no_home() {
    for arguments in
        [vec!["completions", "bash"], vec!["completions", "fish"], vec!["--help"], vec!["zone", "import", "--help"]]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_althing"))
            .args(&arguments)
            .env_remove("HOME")
            .env_remove("ALTHING_HOME")
            .output()
            .unwrap();
        assert!(output.status.success(), "{arguments:?}");
        assert!(output.stdout.len() > 200, "{arguments:?}");
    }
}

#[test]
fn a_devnet_without_its_program_says_where_it_was_looked_for() {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_althing"))
        .args(["devnet", "up", "--detach", "--json"])
        .env("ALTHING_HOME", home.path().join("net"))
        .env("ALTHINGD", home.path().join("althingd"))
        .output()
        .unwrap();
    assert_eq!((output.status.code(), error(&output)["code"].as_str()), (Some(7), Some("no_althingd")));
    assert!(!home.path().join("net").exists(), "nothing is written before the program is found");
}

#[test]
fn a_new_contract_crate_refuses_bad_names_and_used_folders() {
    let home = tempfile::tempdir().unwrap();
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/contract");
    let dir = home.path().join("tally");
    let arguments =
        ["contract", "new", "my-tally", "--dir", dir.to_str().unwrap(), "--sdk", sdk.to_str().unwrap(), "--json"];
    let made = json(&althing(home.path(), &arguments));
    assert_eq!(made["name"], "my-tally");
    let source = std::fs::read_to_string(dir.join("src/lib.rs")).unwrap();
    assert!(source.contains("pub struct MyTally") && !source.contains("{type}"));
    let again = althing(home.path(), &arguments);
    assert_eq!((again.status.code(), error(&again)["code"].as_str()), (Some(2), Some("folder_in_use")));
    let bad = althing(home.path(), &["contract", "new", "Bad Name", "--json"]);
    assert_eq!(error(&bad)["code"], "bad_contract_name");
}
