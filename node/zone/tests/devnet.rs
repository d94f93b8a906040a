//! The whole way with real processes: a change on a chain of four nodes arrives at real secondaries through the real
//! `althing-zone`, which outlives a kill and serves on while all nodes are down.
//!
//! Needs the programs `althing` and `althingd` beside this test's own programs, or in the folder ALTHING_PROGRAMS; without
//! them the test says so and does nothing, unless ALTHING_REQUIRE_PEERS is set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_client::Client;
use althing_types::id::Height;
use althing_zone::record::Record;
use common::{
    SECRET,
    client::{copy_of, serial_of},
    free, peers, records, until, without_own,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fmt::Write as _,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// The folder with `althing` and `althingd`.
fn programs() -> Option<PathBuf> {
    let beside = std::env::current_exe().unwrap().ancestors().nth(2).map(Path::to_path_buf);
    let given = std::env::var_os("ALTHING_PROGRAMS").map(PathBuf::from);
    let found = given.or(beside).filter(|f| f.join("althing").is_file() && f.join("althingd").is_file());
    assert!(found.is_some() || std::env::var_os("ALTHING_REQUIRE_PEERS").is_none(), "althing and althingd are missing");
    found
}

/// A network that ends with the test.
struct Net {
    folder: PathBuf,
    programs: PathBuf,
}

impl Net {
    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(self.programs.join("althing"))
            .args(arguments)
            .env("ALTHING_HOME", &self.folder)
            .env("ALTHINGD", self.programs.join("althingd"))
            .env_remove("ALTHING_API")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }
    fn up(&self) {
        self.run(&["devnet", "up", "--detach"]);
    }
    fn down(&self) {
        self.run(&["devnet", "down"]);
    }
    /// Imports a zone; the height at which the chain has it.
    fn import_at(&self, text: &str) -> u64 {
        let file = self.folder.join("import.zone");
        fs::write(&file, text).unwrap();
        let told = self.run(&["zone", "import", file.to_str().unwrap(), "--json"]);
        serde_json::from_str::<serde_json::Value>(&told).unwrap()["height"].as_u64().unwrap()
    }
    fn import(&self, text: &str) -> Vec<Record> {
        let file = self.folder.join("import.zone");
        fs::write(&file, text).unwrap();
        self.run(&["zone", "import", file.to_str().unwrap()]);
        // What the chain holds now, as its own program proves and writes it.
        let out = self.folder.join("export.zone");
        self.run(&["zone", "export", "--out", out.to_str().unwrap()]);
        without_own(records(&fs::read_to_string(out).unwrap()))
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = Command::new(self.programs.join("althing"))
            .args(["devnet", "down"])
            .env("ALTHING_HOME", &self.folder)
            .stderr(Stdio::null())
            .status();
    }
}

/// The zone server as a process.
struct Server(Child);

impl Server {
    fn start(config: &Path, log: &str) -> Self {
        let log = File::create(config.with_file_name(log)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_althing-zone"));
        command.arg("--config").arg(config).arg("--json").stdout(Stdio::null()).stderr(log);
        Self(command.spawn().unwrap())
    }
    fn signal(&mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config(net: &Path, listen: SocketAddr, notify: &[(&'static str, SocketAddr)]) -> PathBuf {
    let document: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(net.join("devnet.json")).unwrap()).unwrap();
    let nodes: Vec<&str> = document["nodes"].as_array().unwrap().iter().map(|n| n["api"].as_str().unwrap()).collect();
    let mut text = format!("listen = [\"{listen}\"]\n[[key]]\nname = \"xfr.lab.\"\nsecret = \"{SECRET}\"\n");
    for (name, address) in notify {
        let _ = writeln!(text, "[[secondary]]\nname = \"{name}\"\nkey = \"xfr.lab.\"\nnotify = \"{address}\"");
    }
    let _ = write!(
        text,
        "[[zone]]\nname = \".\"\nstate = \"zone-state\"\nmaster_file = \"served.zone\"\n[zone.source]\n\
         kind = \"root_chain\"\nnodes = {nodes:?}\ngenesis = \"genesis.json\"\n\
         [zone.soa]\nmname = \"a.root-servers.net.\"\nrname = \"nstld.example.\"\nretry = 1\n"
    );
    let file = net.join("zone.toml");
    fs::write(&file, text).unwrap();
    file
}

const ZONE: &str = ". 518400 IN NS a.root-servers.net.\na.root-servers.net. 518400 IN A 198.41.0.4\n\
                    lab. 172800 IN NS ns.lab.\nns.lab. 172800 IN A 192.0.2.1\ntwo. 172800 IN NS ns.lab.\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_change_on_the_chain_arrives_at_secondaries_and_the_zone_outlives_kill_and_validators() {
    let Some(programs) = programs() else {
        eprintln!("althing and althingd are not there: left out");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let net = Net { folder: folder.path().join("net"), programs };
    net.up();
    let wanted = net.import(ZONE);
    let (listen, notify) = (free(), peers::installed());
    let file = config(&net.folder, listen, &notify);
    let mut server = Server::start(&file, "zone-1.log");
    let secondaries: Vec<_> = notify.iter().map(|(name, at)| peers::start(name, *at, listen, folder.path())).collect();
    let everyone_has = async |wanted: &[Record]| {
        for secondary in &secondaries {
            until("the secondary has the chain's zone", async || {
                serial_of(secondary.address).await.is_some()
                    && without_own(copy_of(secondary.address).await.1.into_iter().skip(1)) == wanted
            })
            .await;
        }
    };
    everyone_has(&wanted).await;
    until("the server answers", async || serial_of(listen).await.is_some()).await;
    let first = serial_of(listen).await.unwrap();
    // One change on the chain is one serial, and the secondaries have it.
    let wanted = net.import(&format!("{ZONE}lab. 172800 IN NS ns2.lab.\nns2.lab. 172800 IN A 192.0.2.22\n"));
    everyone_has(&wanted).await;
    assert_eq!(serial_of(listen).await, Some(first + 1));
    if let Some(secondary) = secondaries.first() {
        let port = secondary.address.port().to_string();
        match Command::new("dig").args(["@127.0.0.1", "-p", &port, "+norec", "lab.", "NS"]).output() {
            Ok(dig) => assert!(String::from_utf8_lossy(&dig.stdout).contains("192.0.2.22"), "{dig:?}"),
            Err(error) => eprintln!("dig: {error}"),
        }
    }
    // Killed, and all nodes down: what was served is served again.
    server.signal(Signal::SIGKILL);
    net.down();
    let mut server = Server::start(&file, "zone-2.log");
    until("the server serves from its folder", async || serial_of(listen).await == Some(first + 1)).await;
    // The nodes are back: the next change flows, from the serial where it stood.
    net.up();
    let wanted = net.import(&ZONE.replace("192.0.2.1\n", "192.0.2.111\n"));
    everyone_has(&wanted).await;
    assert_eq!(serial_of(listen).await, Some(first + 2));
    let status =
        Command::new(env!("CARGO_BIN_EXE_althing-zone")).args(["status", "--config"]).arg(&file).output().unwrap();
    assert!(status.status.success(), "{status:?}");
    assert_eq!(server.signal(Signal::SIGTERM), Some(0));
    let served = fs::read_to_string(net.folder.join("served.zone")).unwrap();
    assert!(served.starts_with(". 86400 IN SOA "), "{served}");
}

/// From the time of a block to the moment at which a secondary answers with its change; prints figures; run by hand.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints times from block to secondary; run by hand"]
async fn times_from_a_block_to_the_secondaries() {
    let programs = programs().expect("althing and althingd beside this test");
    let changes: u32 = std::env::var("ALTHING_CHANGES").ok().and_then(|n| n.parse().ok()).unwrap_or(50);
    let folder = tempfile::tempdir().unwrap();
    let net = Net { folder: folder.path().join("net"), programs };
    net.up();
    net.import(ZONE);
    let (listen, notify) = (free(), peers::installed());
    let file = config(&net.folder, listen, &notify);
    let mut server = Server::start(&file, "zone.log");
    let secondaries: Vec<_> = notify.iter().map(|(name, at)| peers::start(name, *at, listen, folder.path())).collect();
    for secondary in &secondaries {
        until("the first copy", async || serial_of(secondary.address).await.is_some()).await;
    }
    let document: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(net.folder.join("devnet.json")).unwrap()).unwrap();
    let client = Client::new(document["nodes"][0]["api"].as_str().unwrap()).unwrap();
    let now_ms = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        since.as_secs_f64() * 1000.0
    };
    let mut times: Vec<(&str, Vec<f64>)> = secondaries.iter().map(|s| (s.name, Vec::new())).collect();
    for n in 0..changes {
        let before = serial_of(listen).await.unwrap();
        let text = ZONE.replace("192.0.2.1\n", &format!("192.0.2.{}\n", n % 200 + 2));
        let mut seen: Vec<Option<f64>> = vec![None; secondaries.len()];
        // The command goes on after the block to prove the outcome: it runs beside the looking.
        let height = std::thread::scope(|scope| {
            let importing = scope.spawn(|| net.import_at(&text));
            let looking = tokio::runtime::Handle::current();
            tokio::task::block_in_place(|| {
                looking.block_on(async {
                    let begin = std::time::Instant::now();
                    while seen.iter().any(Option::is_none) {
                        for (secondary, seen) in secondaries.iter().zip(&mut seen) {
                            if seen.is_none() && serial_of(secondary.address).await.is_some_and(|s| s > before) {
                                *seen = Some(now_ms());
                            }
                        }
                        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                        assert!(begin.elapsed().as_secs() < 60, "a secondary does not follow");
                    }
                });
            });
            importing.join().unwrap()
        });
        // The last change is at this height or, by an empty block more, before it.
        let mut made = std::time::Duration::ZERO;
        for height in height.saturating_sub(3)..=height {
            let header = &client.headers(Height(height), 1).await.unwrap().headers[0].header;
            let at = header.timestamp_ms;
            if header.transactions_root != althing_types::merkle::root(&[]) {
                made = std::time::Duration::from_millis(at);
            }
        }
        for ((_, times), seen) in times.iter_mut().zip(&seen) {
            times.push(seen.unwrap() - made.as_secs_f64() * 1000.0);
        }
    }
    for (name, mut times) in times {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        println!("{name}: p50 {:.0} ms, p95 {:.0} ms, longest {:.0} ms", at(50), at(95), times[times.len() - 1]);
    }
    assert_eq!(server.signal(Signal::SIGTERM), Some(0));
}
