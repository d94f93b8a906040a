//! Joining from a checkpoint with real nodes: while blocks go on, across a kill in the middle, and past a source that lies.

use crate::{
    governance::number,
    http,
    net::{Net, program, sample, wait_until},
};
use serde_json::{Value, json};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const VOTERS: [&str; 4] = ["registry-1", "registry-2", "registry-3", "registry-4"];

/// Stands before a node's API: passes everything on, changes chunks as it is told, and counts them.
struct Proxy {
    url: String,
    chunks: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Conduct {
    Honest,
    /// One bit of each chunk is another.
    Lies,
    /// So many chunks are given, then no more answers come.
    StopsAfter(usize),
}

impl Proxy {
    fn before(api: &str, conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let chunks = Arc::new(AtomicUsize::new(0));
        let (target, counter) = (api.strip_prefix("http://").unwrap().to_owned(), Arc::clone(&chunks));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (target, counter) = (target.clone(), Arc::clone(&counter));
                std::thread::spawn(move || serve(stream, &target, conduct, &counter));
            }
        });
        Self { url, chunks }
    }
}

fn serve(mut client: TcpStream, target: &str, conduct: Conduct, chunks: &AtomicUsize) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        if client.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).unwrap();
    let chunk = text.contains("/chunks/");
    if chunk {
        let before = chunks.fetch_add(1, Ordering::SeqCst);
        if matches!(conduct, Conduct::StopsAfter(most) if before >= most) {
            std::thread::sleep(std::time::Duration::from_secs(600));
        }
    }
    let mut node = TcpStream::connect(target).unwrap();
    let request = text.trim_end().to_owned() + "\r\nconnection: close\r\n\r\n";
    node.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    node.read_to_end(&mut answer).unwrap();
    if chunk && conduct == Conduct::Lies {
        let last = answer.len() - 1;
        answer[last] ^= 1;
    }
    let _ = client.write_all(&answer);
}

/// A node that is to join, not started; its folder and API.
fn joiner(net: &Net, index: usize, sources: &[&str]) -> (Value, PathBuf) {
    let added = net.json(&["devnet", "add", "--organisation", "registry-6", "--kind", "registry"]);
    let folder = net.path().join(format!("node-{index}"));
    let config = folder.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let list = serde_json::to_string(sources).unwrap();
    let with = text.replacen("data_dir = ", &format!("checkpoint_from = {list}\ndata_dir = "), 1);
    assert_ne!(text, with);
    std::fs::write(&config, with).unwrap();
    (added, folder)
}

fn admit(net: &Net, added: &Value) {
    let text = |field: &str| added[field].as_str().unwrap().to_owned();
    let (node, address, key, certificate) = (text("node_id"), text("address"), text("public_key"), text("certificate"));
    let command = ["member", "request", "--organisation", "registry-6", "--kind", "registry", "--node-id", &node];
    let rest = ["--address", &address, "--public-key", &key, "--certificate", &certificate, "--key", "registry-1"];
    net.agree(&number(&net.json(&[&command[..], &rest[..]].concat())), &VOTERS);
}

/// Starts a node's process by hand, so that it can be killed while it joins.
fn start(folder: &Path) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    Command::new(program("althingd"))
        .arg("--config")
        .arg(folder.join("config.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn log(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

fn checkpoints(api: &str) -> Vec<u64> {
    let list = http::get(api, "/v1/checkpoints").json();
    list["checkpoints"].as_array().unwrap().iter().map(|c| c["height"].as_u64().unwrap()).collect()
}

fn with_checkpoint(extra: &[&str]) -> (Net, Vec<String>) {
    let net = Net::root(&[&["--checkpoint-blocks", "5"], extra].concat());
    let apis = net.apis();
    net.ok(&["zone", "import", sample("sample.zone").to_str().unwrap()]);
    for api in &apis[..2] {
        wait_until(|| checkpoints(api).first().is_some_and(|height| *height >= 10), || net.logs());
    }
    (net, apis)
}

#[test]
fn a_node_joins_from_a_checkpoint_while_blocks_go_on_and_takes_part() {
    let (net, apis) = with_checkpoint(&["--promotion-ms", "1000"]);
    // The liar speaks for the same node as the honest source: whatever checkpoint is the newest, both offer it.
    let liar = Proxy::before(&apis[1], Conduct::Lies);
    let dead = "http://127.0.0.1:9";
    let (added, folder) = joiner(&net, 7, &[dead, &liar.url, &apis[1]]);
    admit(&net, &added);
    let expected = net.export(&apis[0]);
    net.ok(&["devnet", "start", "7"]);
    let own = added["api"].as_str().unwrap().to_owned();
    wait_until(|| log(&folder).contains("the store begins with the checkpoint"), || log(&folder));
    assert_eq!(liar.chunks.load(Ordering::SeqCst), 1, "a source that lied was asked again");
    let text = log(&folder);
    assert!(text.contains(&liar.url) && text.contains("a bad chunk of height"), "{text}");
    net.wait_until_level();

    // It began above the genesis, has the same state, and says clearly what it does not have.
    let status = http::get(&own, "/v1/status").json();
    let base = status["base"].as_u64().unwrap();
    assert!(base >= 10 && base.is_multiple_of(5), "{status}");
    assert_eq!(net.export(&own), expected, "another zone");
    for path in
        [format!("/v1/blocks/{base}"), "/v1/headers/1".into(), "/v1/chain/1".into(), "/v1/events?from=1:0".into()]
    {
        let answer = http::get(&own, &path);
        assert_eq!((answer.status, answer.code().as_str()), (410, "height_pruned"), "{path}: {answer:?}");
    }
    wait_until(|| net.height(&own) > base, || log(&folder));
    let next = http::get(&own, &format!("/v1/blocks/{}", base + 1));
    assert_eq!(next.status, 200, "{next:?}");
    assert!(!folder.join("data/joining").exists() && !folder.join("data/store.partial").exists());

    // It is promoted, and the blocks that follow need it no less than the others.
    let node = added["node_id"].as_str().unwrap();
    net.until("the time of membership", || {
        let opened = net.run(&["proposal", "open", "promote", node, "--key", "coordinator", "--json"]);
        let answer: Value = serde_json::from_slice(&opened.stdout).ok()?;
        net.agree(&number(&answer), &["registry-1", "registry-2", "registry-3", "registry-4", "isp-1"]);
        Some(())
    });
    net.until("the fifth authority", || {
        (net.json(&["authority", "list"]).as_array().unwrap().len() == 5).then_some(())
    });
    net.until("a block that it packed", || {
        let height = net.height(&own);
        let packer = http::get(&own, &format!("/v1/blocks/{height}")).json()["header"]["packer"].clone();
        (packer == json!(node)).then_some(())
    });
    // Old ones go, here and on disk; the joiner offers its own by now.
    let heights = checkpoints(&apis[1]);
    assert!(heights.len() <= 4 && heights.is_sorted_by(|a, b| a > b), "{heights:?}");
    wait_until(|| checkpoints(&own).first().is_some_and(|height| *height > base), || log(&folder));
    // Restarted, it goes on from its own store.
    net.ok(&["devnet", "stop", "7"]);
    net.ok(&["devnet", "start", "7"]);
    net.wait_until_level();
    assert_eq!(http::get(&own, "/v1/status").json()["base"].as_u64(), Some(base));
}

#[test]
fn a_joiner_that_is_killed_in_the_middle_goes_on_where_it_was() {
    let (net, apis) = with_checkpoint(&[]);
    let stops = Proxy::before(&apis[0], Conduct::StopsAfter(2));
    let (added, folder) = joiner(&net, 7, &[&stops.url]);
    admit(&net, &added);
    let chunks = http::get(&apis[0], "/v1/checkpoints").json()["checkpoints"][0]["chunks"].as_u64().unwrap();
    assert!(chunks >= 3, "{chunks} chunks are too few for this test");
    let mut process = start(&folder);
    wait_until(|| stops.chunks.load(Ordering::SeqCst) >= 3, || log(&folder));
    process.kill().unwrap();
    process.wait().unwrap();
    assert!(folder.join("data/joining/chunk-000001").exists() && !folder.join("data/store").exists());
    let height = std::fs::read_to_string(folder.join("data/joining/height")).unwrap();

    // One kept chunk is damaged by hand: it is fetched again, the other is not.
    std::fs::write(folder.join("data/joining/chunk-000001"), b"damaged").unwrap();
    let honest = Proxy::before(&apis[0], Conduct::Honest);
    let config = folder.join("config.toml");
    let text = std::fs::read_to_string(&config).unwrap().replace(&stops.url, &honest.url);
    std::fs::write(&config, text).unwrap();
    net.ok(&["devnet", "start", "7"]);
    wait_until(|| log(&folder).contains("the store begins with the checkpoint"), || log(&folder));
    let status = http::get(added["api"].as_str().unwrap(), "/v1/status");
    let base = status.json()["base"].as_u64().unwrap();
    if base.to_string() == height {
        assert_eq!(honest.chunks.load(Ordering::SeqCst) as u64, chunks - 1, "what was kept was fetched again");
    }
    net.wait_until_level();
}

#[test]
fn a_joiner_whose_sources_all_lie_does_not_start() {
    let (net, apis) = with_checkpoint(&[]);
    let liars = [Proxy::before(&apis[0], Conduct::Lies), Proxy::before(&apis[1], Conduct::Lies)];
    let (_, folder) = joiner(&net, 7, &[&liars[0].url, &liars[1].url]);
    let mut process = start(&folder);
    let code = process.wait().unwrap().code();
    let text = log(&folder);
    assert_eq!(code, Some(1), "{text}");
    assert!(liars.iter().all(|liar| text.contains(&liar.url)) && !folder.join("data/store").exists(), "{text}");
}
