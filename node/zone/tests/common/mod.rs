//! What the tests of the zone server have in common: a server in this process, a client that transfers and checks
//! signatures, zones to begin with, and real name servers as secondaries.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of a module that is in all of them")]

pub mod client;
pub mod peers;

use althing_zone::{
    config::Config,
    master,
    record::{Owner, Record},
    run::{self, Running},
    source::{
        ZoneSource,
        fed::{Feeder, fed},
    },
};
use std::{
    fmt::Write as _,
    io::Read,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// The secret of the tests' keys.
pub const SECRET: &str = "YWx0aGluZy10ZXN0LXNlY3JldC1hbHRoaW5nLXRlc3Q=";

/// A configuration for a zone "." with three keys; secondaries are told at some addresses.
pub fn config(folder: &Path, listen: SocketAddr, notify: &[(&str, SocketAddr)], more: &str) -> Config {
    config_of(folder, listen, notify, &["."], more)
}

/// A configuration for some zones.
pub fn config_of(
    folder: &Path,
    listen: SocketAddr,
    notify: &[(&str, SocketAddr)],
    zones: &[&str],
    more: &str,
) -> Config {
    let mut text = format!("listen = [\"{listen}\"]\n[limits]\nidle_s = 5\nwrite_s = 2\n");
    for (name, algorithm) in [("xfr.lab.", "hmac-sha256"), ("b.lab.", "hmac-sha384"), ("c.lab.", "hmac-sha512")] {
        let _ = writeln!(text, "[[key]]\nname = \"{name}\"\nalgorithm = \"{algorithm}\"\nsecret = \"{SECRET}\"");
        let _ = writeln!(text, "[[secondary]]\nname = \"holder of {name}\"\nkey = \"{name}\"");
    }
    let _ = writeln!(text, "[[key]]\nname = \"stranger.lab.\"\nsecret = \"{SECRET}\"");
    for (name, address) in notify {
        // Unbound knows no keys.
        let access = if *name == "unbound" { "unsigned = [\"127.0.0.1\"]" } else { "key = \"xfr.lab.\"" };
        let _ = writeln!(text, "[[secondary]]\nname = \"{name}\"\n{access}\nnotify = \"{address}\"");
    }
    for (index, zone) in zones.iter().enumerate() {
        let (state, kind) = match *zone {
            "." => ("state".to_owned(), "root_chain"),
            _ => (format!("state-{index}"), "tld_chain"),
        };
        let _ = write!(
            text,
            "[[zone]]\nname = \"{zone}\"\nstate = \"{state}\"\n{more}\n[zone.source]\nkind = \"{kind}\"\n\
             nodes = [\"http://127.0.0.1:9\"]\ngenesis = \"genesis.json\"\n\
             [zone.soa]\nmname = \"a.root-servers.net.\"\nrname = \"nstld.example.\"\nrefresh = 3600\nretry = 1\n"
        );
    }
    let file = folder.join("zone.toml");
    std::fs::write(&file, text).unwrap();
    Config::read(&file).unwrap()
}

/// Any free port of the loopback address.
pub fn any() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A port that is free for datagrams and connections now: each once, and none that the system gives to those who do not
/// care, so that nobody takes it before it is used.
pub fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 150).unwrap() * 64;
    loop {
        let port = 20_000 + start + NEXT.fetch_add(1, Ordering::Relaxed) % 2_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() && std::net::UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// Starts a server that is fed with records.
pub async fn start(config: &Config, records: impl IntoIterator<Item = Record>) -> (Running, Feeder) {
    let (feeder, source) = fed(records);
    let running = run::start_with(config, vec![Box::new(source)]).await.unwrap();
    (running, feeder)
}

/// Starts a server with a feeder for each zone.
pub async fn start_all(config: &Config, zones: Vec<Vec<Record>>) -> (Running, Vec<Feeder>) {
    let (mut feeders, mut sources) = (Vec::new(), Vec::<Box<dyn ZoneSource>>::new());
    for records in zones {
        let (feeder, source) = fed(records);
        feeders.push(feeder);
        sources.push(Box::new(source));
    }
    (run::start_with(config, sources).await.unwrap(), feeders)
}

/// Waits until something is so; names it when it is not within three minutes.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(180);
    while !is_so().await {
        assert!(Instant::now() < end, "{what}: not within 180 s");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the server serves a zone of these records.
pub async fn served(running: &Running, feeder: &Feeder) -> u32 {
    served_of(running, 0, feeder).await
}

/// Waits until one of its zones is of what it was fed.
pub async fn served_of(running: &Running, zone: usize, feeder: &Feeder) -> u32 {
    until("the server serves what it was fed", async || {
        running.zones[zone]
            .shared
            .published()
            .is_some_and(|p| without_own(p.version.records.iter().cloned()) == list(feeder))
    })
    .await;
    running.zones[zone].shared.published().unwrap().version.serial
}

fn list(feeder: &Feeder) -> Vec<Record> {
    feeder.records().iter().cloned().collect()
}

/// The records of a zone that the server does not make itself.
pub fn without_own(records: impl IntoIterator<Item = Record>) -> Vec<Record> {
    use domain::base::Rtype;
    let own = [Rtype::SOA, Rtype::ZONEMD];
    let mut out: Vec<Record> = records.into_iter().filter(|r| !own.contains(&r.key.record_type())).collect();
    out.sort_unstable();
    out
}

/// Records of text under the root.
pub fn records(text: &str) -> Vec<Record> {
    master::parse(text, &Owner::root()).unwrap()
}

/// A root zone with a hundred delegations.
pub fn small_zone() -> Vec<Record> {
    let mut text = String::from(". 518400 IN NS a.root-servers.net.\na.root-servers.net. 518400 IN A 198.41.0.4\n");
    for number in 0..100 {
        let _ = writeln!(text, "t{number}. 172800 IN NS ns.t{number}.\nns.t{number}. 172800 IN A 192.0.2.{number}");
    }
    records(&text)
}

/// A file of the data folder; `None`, with a note, when there is none.
pub fn data(name: &str) -> Option<String> {
    let folder = std::env::var("ALTHING_TEST_DATA").ok()?;
    let file = std::fs::File::open(Path::new(&folder).join(name)).ok()?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).ok()?;
    Some(text)
}

/// The whole real root zone, or a small one when the data folder is not there.
pub fn root_zone() -> Vec<Record> {
    match data("rootzone/root-base-2023110400.zone.gz") {
        Some(text) => records(&text),
        None => {
            eprintln!("ALTHING_TEST_DATA names no data folder: a small zone is used");
            small_zone()
        }
    }
}
