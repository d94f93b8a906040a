//! A network of real nodes in a temporary folder, brought up and taken down by the command line.

use crate::http;
use althing_cli::keyfile::KeyFile;
use althing_types::{
    codec::{Bytes, Text},
    crypto::SecretKey,
    genesis::Genesis,
    id::{ContractId, Height, Sequence},
    transaction::{Attributes, Content, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};

/// Longest wait for anything: only a network that stands still reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn program(name: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    // target/release/deps/e2e-... -> target/release/NAME
    let path = own.ancestors().nth(2).unwrap().join(name);
    assert!(path.exists(), "{} is missing: run `make test`, which builds the programs first", path.display());
    path
}

pub(crate) fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/four_nodes").join(name)
}

/// A network in a temporary folder; its processes end with it.
pub(crate) struct Net {
    folder: tempfile::TempDir,
    /// Where its ports are looked for: tests run side by side.
    ports: String,
}

/// Ports for one network; there are so many of these parts that one is long free when it is given again.
const PART: u16 = 400;

impl Net {
    pub(crate) fn up(extra: &[&str]) -> Self {
        let net = Self::none();
        let mut arguments = vec!["devnet", "up", "--authorities", "4", "--detach"];
        arguments.extend(extra);
        net.ok(&arguments);
        net
    }

    /// A folder without a network yet.
    pub(crate) fn none() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let from = 11_000 + NEXT.fetch_add(1, Ordering::Relaxed) % 50 * PART;
        Self { folder: tempfile::tempdir().unwrap(), ports: format!("{from}-{}", from + PART) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// The command line, to be started by the caller.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program("althing"));
        if arguments.starts_with(&["devnet", "up"]) {
            // Many networks that start at the same time share the machine.
            command.args(["--timeout", "180"]);
        }
        command
            .args(arguments)
            .env("ALTHING_HOME", self.path())
            .env("ALTHINGD", program("althingd"))
            .env("ALTHING_PORTS", &self.ports)
            .env_remove("ALTHING_API");
        command
    }

    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
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

    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let mut with: Vec<&str> = arguments.to_vec();
        with.push("--json");
        serde_json::from_str(&self.ok(&with)).unwrap()
    }

    pub(crate) fn apis(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path().join("devnet.json")).unwrap();
        let document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let nodes = document["nodes"].as_array().unwrap();
        nodes.iter().map(|n| n["api"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn height(&self, api: &str) -> u64 {
        self.json(&["--api", api, "status"])["height"].as_u64().unwrap()
    }

    pub(crate) fn wait_until_level(&self) {
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

    pub(crate) fn export(&self, api: &str) -> String {
        let out = self.path().join("export.zone");
        self.ok(&["--api", api, "zone", "export", "--out", out.to_str().unwrap()]);
        std::fs::read_to_string(out).unwrap()
    }

    pub(crate) fn logs(&self) -> String {
        let mut text = String::new();
        for index in 0.. {
            let Ok(log) = std::fs::read_to_string(self.path().join(format!("node-{index}/log"))) else { break };
            let lines: Vec<&str> = log.lines().collect();
            text.push_str(&format!("-- node {index}\n{}\n", lines[lines.len().saturating_sub(8)..].join("\n")));
        }
        text
    }
}

/// Says that a test is skipped, and why; an error when nothing may be skipped.
pub(crate) fn skip(reason: &str) {
    let required = std::env::var("ALTHING_REQUIRE_TEST_DATA").is_ok_and(|v| v == "1");
    assert!(!required, "{reason}, but ALTHING_REQUIRE_TEST_DATA=1");
    eprintln!("skipped: {reason}");
}

/// Waits until something holds; panics with what `otherwise` says when it does not.
pub(crate) fn wait_until(mut holds: impl FnMut() -> bool, otherwise: impl Fn() -> String) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{}", otherwise());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// Makes transactions of one key by hand.
pub(crate) struct Sender {
    /// The key.
    pub(crate) key: SecretKey,
    /// The chain's genesis.
    pub(crate) genesis: Genesis,
}

impl Sender {
    /// With a key of a network's home folder.
    pub(crate) fn new(net: &Net, name: &str) -> Self {
        let file = KeyFile::read(&net.path().join("keys").join(format!("{name}.json"))).unwrap();
        let passphrase = std::fs::read_to_string(net.path().join("passphrase")).unwrap();
        let genesis = std::fs::read_to_string(net.path().join("genesis.json")).unwrap();
        let key = file.open(passphrase.trim_end()).unwrap();
        Self { key, genesis: serde_json::from_str(&genesis).unwrap() }
    }

    /// Sequence number of the next transaction, by the state of a node.
    pub(crate) fn sequence(&self, api: &str) -> u64 {
        let account = http::get(api, &format!("/v1/accounts/{}", self.key.public())).json();
        account["sequence"].as_u64().unwrap_or_else(|| panic!("{account}"))
    }

    /// A call that every rule of admission lets pass at `height`.
    pub(crate) fn call(&self, sequence: u64, height: u64, method: &str, arguments: Vec<u8>) -> Transaction {
        Transaction {
            version: TRANSACTION_VERSION,
            chain: self.genesis.chain.clone(),
            attributes: Attributes::Root,
            operation: Operation::Call,
            content: Content::Call {
                contract: ContractId::new("tld_binding").unwrap(),
                method: Text::new(method).unwrap(),
                arguments: Bytes::new(arguments).unwrap(),
            },
            postscript: Text::default(),
            operator: self.key.public(),
            sequence: Sequence(sequence),
            timestamp_ms: 0,
            expiry: Height(height + 1_000),
            fuel_limit: 10_000_000,
        }
    }

    /// Signs.
    pub(crate) fn sign(&self, transaction: Transaction) -> SignedTransaction {
        SignedTransaction::sign(transaction, &self.key)
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = self.run(&["devnet", "down"]);
    }
}
