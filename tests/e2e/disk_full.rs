//! A node whose disk fills up while it votes: it stops and says so, the others go on, and it comes back by itself.
//!
//! The disk is a small file system in memory, which needs the right to mount one.

use crate::{
    http,
    net::{Net, PATIENCE, Sender, skip, wait_until},
};
use althing_types::codec;
use serde_json::{Value, json};
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// The node with the small disk.
const NODE: usize = 3;
/// Size of its disk: several times what a node wants to have free before it resumes.
const DISK: &str = "size=256m";
/// Argument bytes of one transaction: as many as the chain allows.
const ARGUMENTS: usize = 32 * 1024;
/// Transactions of one submission.
const BATCH: u64 = 48;

/// A network of which one node has its data on a disk of its own. The disk goes after the processes and before the
/// folder, also when the test fails.
struct Cramped {
    net: Net,
    disk: PathBuf,
}

impl Drop for Cramped {
    fn drop(&mut self) {
        let _ = self.net.run(&["devnet", "down"]);
        if !Command::new("umount").arg(&self.disk).status().is_ok_and(|s| s.success()) {
            let _ = Command::new("umount").arg("--lazy").arg(&self.disk).status();
        }
    }
}

/// Mounts a small disk; what the system said when it does not let us.
fn mount(at: &Path) -> Result<(), String> {
    let tried = Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "tmpfs"]).arg(at).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes a file until nothing more fits.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for size in [1024 * 1024, 4096, 1] {
        let bytes = vec![0xa5; size];
        while file.write_all(&bytes).is_ok() {}
    }
}

/// Sends calls with long arguments that the contract refuses: they fill blocks and change next to nothing.
fn burden(sender: &Sender, api: &str) {
    let (sequence, status) = (sender.sequence(api), http::get(api, "/v1/status").json());
    let height = status["height"].as_u64().unwrap();
    let calls = (0..BATCH).map(|n| sender.sign(sender.call(sequence + n, height, "bind", vec![0xff; ARGUMENTS])));
    let texts: Vec<String> = calls.map(|signed| hex::encode(codec::encode(&signed))).collect();
    let last = sequence + BATCH;
    let answer = http::post(api, "/v1/transactions", &json!({ "transactions": texts }));
    assert_eq!(answer.status, 202, "{answer:?}");
    for result in answer.json()["results"].as_array().unwrap() {
        assert_eq!(result["accepted"], true, "{result}");
    }
    wait_until(
        || sender.sequence(api) == last,
        || format!("the others do not go on at sequence {}", sender.sequence(api)),
    );
}

fn status(api: &str) -> Value {
    http::get(api, "/v1/status").json()
}

fn block(api: &str, height: u64) -> Value {
    http::get(api, &format!("/v1/blocks/{height}")).json()
}

#[test]
fn a_node_with_a_full_disk_stops_says_so_and_comes_back() {
    let net = Net::up(&["--empty-block-ms", "1000"]);
    net.ok(&["devnet", "stop", &NODE.to_string()]);
    let disk = net.path().join(format!("node-{NODE}/data"));
    let kept = net.path().join("kept");
    std::fs::rename(&disk, &kept).unwrap();
    std::fs::create_dir(&disk).unwrap();
    if let Err(reason) = mount(&disk) {
        return skip(&format!("a file system in memory cannot be mounted ({reason})"));
    }
    let cramped = Cramped { net, disk };
    let net = &cramped.net;
    let copied = Command::new("cp").arg("-a").arg(kept.join(".")).arg(&cramped.disk).status().unwrap();
    assert!(copied.success());
    net.ok(&["devnet", "start", &NODE.to_string()]);
    net.wait_until_level();
    let apis = net.apis();
    let (own, other) = (&apis[NODE], &apis[0]);
    let id = status(own)["node_id"].as_str().unwrap().to_owned();
    assert_eq!(http::get(own, "/readyz").status, 200);

    // The log of the store has room of its own, which was taken in advance: that is used up first.
    let sender = Sender::new(net, "operator");
    let filler = cramped.disk.join("filler");
    fill(&filler);
    let started = Instant::now();
    while http::get(own, "/readyz").status == 200 {
        assert!(started.elapsed() < PATIENCE, "the disk is full and nothing happens\n{}", net.logs());
        burden(&sender, other);
    }
    wait_until(|| http::get(own, "/v1/status").status == 503, || format!("it still answers: {}", status(own)));
    for path in ["/readyz", "/v1/status", "/v1/blocks/latest"] {
        let answer = http::get(own, path);
        assert_eq!((answer.status, answer.code().as_str()), (503, "not_ready"), "{path}: {answer:?}");
        assert!(answer.body.contains("the disk is full"), "{path} gives no reason: {answer:?}");
    }
    assert_eq!(http::get(own, "/healthz").status, 200, "the process lives");
    let halted = http::post(own, "/v1/transactions", &json!({ "transaction": good(&sender, other) }));
    assert_eq!((halted.status, halted.code().as_str()), (503, "halted"), "{halted:?}");

    // The others go on, without a signature of it in any certificate.
    let before = net.height(other);
    for _ in 0..3 {
        burden(&sender, other);
    }
    let after = net.height(other);
    assert!(after > before + 1, "the others stand still: {before}, {after}");
    for height in before + 2..=after {
        let block = block(other, height);
        let voters = block["certificate"]["signatures"].as_array().unwrap();
        assert!(voters.len() >= 3, "{block}");
        assert!(voters.iter().all(|v| v["voter"] != id.as_str()), "a node that stopped has signed height {height}");
    }

    std::fs::remove_file(&filler).unwrap();
    wait_until(|| http::get(own, "/readyz").status == 200, || format!("it does not come back\n{}", net.logs()));
    net.wait_until_level();
    let height = net.height(own).max(after);
    wait_until(|| net.height(own) >= height, || net.logs());
    for height in [before, after, height] {
        let (there, here) = (block(other, height), block(own, height));
        assert_eq!(there["header"]["state_root"], here["header"]["state_root"], "height {height}");
        assert_eq!(there["hash"], here["hash"], "height {height}");
    }
    // It votes again: with another one away, the network needs it.
    net.ok(&["devnet", "stop", "1"]);
    burden(&sender, other);
    wait_until(|| sender.sequence(own) == sender.sequence(other), || net.logs());
    let latest = block(other, net.height(other));
    let voters = latest["certificate"]["signatures"].as_array().unwrap();
    assert!(voters.iter().any(|v| v["voter"] == id.as_str()), "it came back and does not vote: {latest}");
}

#[test]
fn a_full_disk_of_one_chain_leaves_the_other_alone() {
    let net = Net::none();
    net.ok(&["--timeout", "180", "devnet", "up", "--profile", "root+tld:alpha", "--detach"]);
    net.ok(&["devnet", "stop", "0"]);
    let disk = net.path().join("node-0/data");
    let kept = net.path().join("kept");
    std::fs::rename(&disk, &kept).unwrap();
    std::fs::create_dir(&disk).unwrap();
    if let Err(reason) = mount(&disk) {
        return skip(&format!("a file system in memory cannot be mounted ({reason})"));
    }
    let cramped = Cramped { net, disk };
    let net = &cramped.net;
    let copied = Command::new("cp").arg("-a").arg(kept.join(".")).arg(&cramped.disk).status().unwrap();
    assert!(copied.success());
    net.ok(&["devnet", "start", "0"]);
    let (root, alpha, other) = (net.api(0, "althing-root"), net.api(0, "tld-alpha"), net.api(1, "althing-root"));
    for api in [&root, &alpha] {
        wait_until(|| http::get(api, "/readyz").status == 200, || net.logs());
    }
    let id = status(&alpha)["node_id"].as_str().unwrap().to_owned();

    let sender = Sender::new(net, "registry-1");
    let filler = cramped.disk.join("filler");
    fill(&filler);
    let started = Instant::now();
    while http::get(&root, "/readyz").status == 200 {
        assert!(started.elapsed() < PATIENCE, "the disk is full and nothing happens\n{}", net.logs());
        burden(&sender, &other);
    }
    // The process votes on in its other chain: no block there is without it when another authority is away.
    net.ok(&["devnet", "stop", &net.node_of("registrar-2").to_string()]);
    let before = net.height(&alpha);
    wait_until(|| net.height(&alpha) > before + 3, || format!("tld-alpha stands still\n{}", net.logs()));
    assert_eq!(http::get(&alpha, "/readyz").status, 200);
    let latest = block(&alpha, before + 3);
    let voters = latest["certificate"]["signatures"].as_array().unwrap();
    assert!(voters.iter().any(|v| v["voter"] == id.as_str()), "it votes no more in tld-alpha: {latest}");
    let answer = http::get(&root, "/readyz");
    assert!(answer.status == 503 && answer.body.contains("the disk is full"), "{answer:?}");

    std::fs::remove_file(&filler).unwrap();
    wait_until(|| http::get(&root, "/readyz").status == 200, || format!("it does not come back\n{}", net.logs()));
}

/// A good transaction, as the API takes it.
fn good(sender: &Sender, api: &str) -> String {
    let height = status(api)["height"].as_u64().unwrap();
    hex::encode(codec::encode(&sender.sign(sender.call(sender.sequence(api), height, "bind", vec![0xff]))))
}
