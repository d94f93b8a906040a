//! A chain with upgrades, votes and a zone is exported and computed again offline; a change of it is found.

use crate::{
    governance::number,
    modules::module,
    net::{Net, program, sample},
};
use serde_json::Value;
use std::{
    io::{Read, Write},
    path::Path,
    process::Command,
};

/// Runs `althing audit`; the exit code, the report and the error.
fn audit(net: &Net, file: &Path) -> (Option<i32>, Value, String) {
    let output = net.run(&["audit", file.to_str().unwrap(), "--json"]);
    let report = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), report, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn unpack(file: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_end(&mut out).unwrap();
    out
}

fn pack(file: &Path, bytes: &[u8]) {
    let out = std::fs::File::create(file).unwrap();
    let mut packed = flate2::GzBuilder::new().operating_system(255).write(out, flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap();
}

/// Where the frames of an unpacked file begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let (mut at, mut out) = (18, Vec::new());
    while at < bytes.len() {
        out.push(at);
        at += 4 + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    }
    out
}

#[test]
fn an_exported_chain_is_computed_again_and_any_change_of_it_is_found() {
    let net = Net::root(&["--timelock-ms", "500"]);
    net.ok(&["zone", "import", sample("sample.zone").to_str().unwrap()]);
    let voters = ["registry-1", "registry-2", "registry-3", "registry-4"];
    let coordinator = number(&net.json(&["proposal", "open", "coordinator", "isp-1", "--key", "registry-1"]));
    net.agree(&coordinator, &voters);
    let file = |version: &str| {
        let path = net.path().join(format!("guestbook-{version}.wasm"));
        std::fs::write(&path, module("guestbook", version)).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (file("1.0.0"), file("2.0.0"));
    net.ok(&["contract", "deploy", "registry-1.book", &old, r#"{"title": "x"}"#, "--key", "registry-1"]);
    net.ok(&["contract", "call", "registry-1.book", "write", r#"{"text": "hello"}"#, "--key", "registry-1"]);
    let upgrade = number(&net.json(&["upgrade", "propose", "registry-1.book", &new, "--key", "registry-2"]));
    net.agree(&upgrade, &voters);
    net.until("the upgrade", || (net.status_of(&upgrade) == "done").then_some(()));

    let out = net.path().join("chain.gz");
    let exported = net.json(&["chain", "export", "--out", out.to_str().unwrap()]);
    let (code, report, errors) = audit(&net, &out);
    assert_eq!((code, &report["clean"]), (Some(0), &Value::Bool(true)), "{report}\n{errors}");
    for field in ["height", "block", "transactions", "genesis_hash"] {
        assert_eq!(report[field], exported[field], "{field}");
    }
    assert!(report["transactions"].as_u64().unwrap() > 10);
    let again = net.path().join("again.gz");
    net.ok(&["chain", "export", "--out", again.to_str().unwrap(), "--to", &exported["height"].to_string()]);
    assert_eq!(std::fs::read(&again).unwrap(), std::fs::read(&out).unwrap(), "two exports of one chain differ");

    // A byte of the head, of the first records, and of later ones. Each costs an audit up to there, which begins with the
    // compilation of every contract: few places, of each kind one.
    let good = unpack(&out);
    let starts = frames(&good);
    let changed = net.path().join("changed.gz");
    let late = starts.len() / 2;
    let places = [
        0,
        17,
        starts[0],
        starts[0] + 4,
        usize::midpoint(starts[1], starts[2]),
        starts[3] - 1,
        starts[starts.len() / 4] + 60,
        usize::midpoint(starts[late], starts[late + 1]),
        good.len() - 1,
    ];
    for at in places {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        pack(&changed, &bad);
        let output = Command::new(program("althingd"))
            .args(["audit", "--json", "--quiet"])
            .arg(&changed)
            .args(["--genesis-hash", exported["genesis_hash"].as_str().unwrap()])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(matches!(output.status.code(), Some(4 | 9)), "byte {at} of {}: {text}", good.len());
        assert!(text.contains("\"clean\": false"), "byte {at}: {text}");
    }
    // Bytes of the packed file, whatever they stand for.
    let packed = std::fs::read(&out).unwrap();
    let few = [0, 3, packed.len() / 2, packed.len() - 7];
    for at in few {
        let mut bad = packed.clone();
        bad[at] ^= 0xff;
        std::fs::write(&changed, &bad).unwrap();
        let (code, report, _) = audit(&net, &changed);
        assert!(matches!(code, Some(4 | 9)), "byte {at} of {}: {report}", packed.len());
    }
    // What is cut off, or left out in the middle, is missed.
    pack(&changed, &good[..*starts.last().unwrap()]);
    assert_eq!(audit(&net, &changed).0, Some(9), "the end was cut off");
    let (from, to) = (starts[starts.len() / 2], starts[starts.len() / 2 + 1]);
    pack(&changed, &[&good[..from], &good[to..]].concat());
    let (code, report, errors) = audit(&net, &changed);
    assert_eq!(code, Some(4), "{report}");
    assert_eq!(report["failure"]["what"], "height of the block", "{report}");
    assert!(errors.contains("chain_disagrees"), "{errors}");

    // Another network's genesis is not this one's.
    let other = Net::up(&[]);
    let genesis = other.path().join("genesis.json");
    let output = net.run(&["--genesis", genesis.to_str().unwrap(), "audit", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
}
