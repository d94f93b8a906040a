//! Commands that stay until they are told to end.

use crate::net::{Net, PATIENCE, wait_until};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

/// Exit code of a command that was interrupted, as the command line documents it.
const INTERRUPTED: i32 = 130;

/// A running command; killed when the test fails.
struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Running {
    fn start(net: &Net, arguments: &[&str]) -> Self {
        let mut command = net.command(arguments);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    /// The next line, as JSON.
    fn event(&self) -> Value {
        let line = self.lines.recv_timeout(PATIENCE).expect("a line in time");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }

    /// Sends Ctrl-C and gives the exit code with what stands on standard error.
    fn interrupt(&mut self) -> (Option<i32>, String) {
        let sent = Command::new("kill").args(["-s", "INT", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end on SIGINT");
            std::thread::sleep(Duration::from_millis(50));
        };
        let mut errors = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (status.code(), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn bind(net: &Net, tld: &str) {
    let arguments = format!(r#"{{"tld": "{tld}", "organisation": "registry-1"}}"#);
    net.ok(&["contract", "call", "tld_binding", "bind", &arguments]);
}

#[test]
fn followed_events_come_as_they_happen_and_end_with_ctrl_c() {
    let net = Net::up(&[]);
    bind(&net, "alfa");
    let mut follower = Running::start(&net, &["events", "--follow", "--contract", "tld_binding", "--json"]);
    let first = follower.event();
    assert!(first.to_string().contains("alfa"), "{first}");
    // The call comes when the follower already waits: its cursor is past all that was.
    bind(&net, "bravo");
    let second = follower.event();
    assert!(second.to_string().contains("bravo"), "{second}");
    assert_ne!(first["cursor"], second["cursor"]);
    let (code, errors) = follower.interrupt();
    assert_eq!(code, Some(INTERRUPTED), "{errors}");
    assert!(follower.lines.try_recv().is_err(), "an event came twice");

    // Where one stopped, another goes on.
    let cursor = second["cursor"].as_str().unwrap();
    let from = net.json(&["events", "--from", cursor, "--contract", "tld_binding"]);
    assert_eq!(from["cursor"], second["cursor"], "{from}");
}

/// Processes of a network, as its file names them.
fn processes(net: &Net) -> Vec<u64> {
    let Ok(text) = std::fs::read_to_string(net.path().join("devnet.json")) else { return Vec::new() };
    let document: Value = serde_json::from_str(&text).unwrap();
    document["nodes"].as_array().unwrap().iter().map(|n| n["pid"].as_u64().unwrap()).collect()
}

/// Whether one of these processes runs a node.
fn lives(processes: &[u64]) -> bool {
    let node = |pid: &u64| {
        let line = std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("althingd")
    };
    processes.iter().any(node)
}

#[test]
fn a_network_in_the_foreground_ends_with_ctrl_c_and_takes_its_nodes_along() {
    let net = Net::none();
    let mut up = Running::start(&net, &["devnet", "up", "--authorities", "4"]);
    let heading = up.lines.recv_timeout(PATIENCE).expect("the network comes up");
    assert!(heading.contains("network in"), "{heading}");
    let nodes = processes(&net);
    assert_eq!(nodes.len(), 4);
    assert!(nodes.iter().all(|node| lives(&[*node])), "a node does not run");
    // In the middle of its watching, whatever it does there.
    std::thread::sleep(Duration::from_millis(1_500));
    let (code, errors) = up.interrupt();
    assert_eq!(code, Some(INTERRUPTED), "{errors}");
    assert!(errors.contains("all nodes stopped"), "{errors}");
    assert!(!lives(&nodes), "nodes outlive their network");
}

#[test]
fn a_network_that_is_interrupted_while_it_starts_leaves_no_process() {
    let net = Net::none();
    let mut up = Running::start(&net, &["devnet", "up", "--authorities", "4"]);
    wait_until(|| processes(&net).iter().any(|pid| *pid != 0), || "no node was started".into());
    let (code, errors) = up.interrupt();
    assert_eq!(code, Some(INTERRUPTED), "{errors}");
    assert!(!lives(&processes(&net)), "a node was left behind");
}
