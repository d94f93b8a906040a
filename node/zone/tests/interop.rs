//! BIND, NSD and Knot DNS as secondaries of a server that is fed by the test: every copy is compared with the zone record
//! by record. Those that are not installed are left out, unless ALTHING_REQUIRE_PEERS is set.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_zone::{record::Record, run::Running, source::fed::Feeder, version::Difference};
use common::{
    client::{copy_of, serial_of},
    config, free,
    peers::{self, Peer},
    records, root_zone, served, start, until, without_own,
};
use std::net::SocketAddr;

struct Lab {
    folder: tempfile::TempDir,
    listen: SocketAddr,
    notify: Vec<(&'static str, SocketAddr)>,
}

impl Lab {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), listen: free(), notify: peers::installed() }
    }
    async fn start(&self, zone: impl IntoIterator<Item = Record>) -> (Running, Feeder) {
        start(&config(self.folder.path(), self.listen, &self.notify, ""), zone).await
    }
    fn peers(&self) -> Vec<Peer> {
        self.notify.iter().map(|(name, at)| peers::start(name, *at, self.listen, self.folder.path())).collect()
    }
}

/// Every secondary has the server's serial and, record by record, its zone.
async fn all_equal(running: &Running, feeder: &Feeder, peers: &[Peer]) -> u32 {
    let serial = served(running, feeder).await;
    let published = running.zones[0].shared.published().unwrap();
    for peer in peers {
        let end = std::time::Instant::now() + std::time::Duration::from_secs(180);
        while serial_of(peer.address).await != Some(serial) {
            let found = serial_of(peer.address).await;
            assert!(std::time::Instant::now() < end, "{} has {found:?}, not {serial}:\n{}", peer.name, peer.log());
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        let (copied, mut found) = copy_of(peer.address).await;
        assert_eq!(copied, serial, "{}", peer.name);
        found.pop();
        found.sort_unstable();
        let mut wanted: Vec<Record> = published.version.records.iter().cloned().collect();
        wanted.push(published.version.soa.clone());
        wanted.sort_unstable();
        assert_eq!(found.len(), wanted.len(), "{}", peer.name);
        for (found, wanted) in found.iter().zip(&wanted) {
            assert_eq!(found, wanted, "{}", peer.name);
        }
    }
    serial
}

fn swap(deleted: Vec<Record>, added: Vec<Record>) -> Difference {
    Difference { deleted, added }
}

#[tokio::test(flavor = "multi_thread")]
async fn secondaries_copy_the_whole_root_zone_then_follow_changes_and_a_restart() {
    let lab = Lab::new();
    let (running, feeder) = lab.start(root_zone()).await;
    let peers = lab.peers();
    let first = all_equal(&running, &feeder, &peers).await;
    // A new delegation with signer and host, then one more address, then all of it gone.
    let new = records(
        "zz--test. 172800 IN NS ns.zz--test.\nzz--test. 86400 IN DS 1 8 2 \
         CB14A0AF7298E258CEA6B3A50686520D007A20AC3BC3E676E67D050EE42A0D61\nns.zz--test. 172800 IN A 192.0.2.77\n",
    );
    let more = records("ns.zz--test. 172800 IN AAAA 2001:db8::77\n");
    feeder.change(swap(vec![], new.clone())).await;
    let second = all_equal(&running, &feeder, &peers).await;
    assert_eq!(second, first + 1);
    feeder.change(swap(vec![], more.clone())).await;
    all_equal(&running, &feeder, &peers).await;
    let counts = running.tally.counts(".");
    let count = peers.len() as u64;
    assert_eq!(counts.incremental_transfers, count * 2, "{counts:?}");
    for knot in peers.iter().filter(|p| p.name == "knot") {
        assert!(knot.logged("ZONEMD, verification successful") >= 3, "{}", knot.log());
    }
    // Restarted in the middle: the serial goes on, the secondaries still get increments.
    let zone = feeder.records();
    running.stop().await;
    let (running, feeder) = lab.start(zone.iter().cloned()).await;
    assert_eq!(served(&running, &feeder).await, first + 2, "nothing changed, so no new serial");
    feeder.change(swap([new, more].concat(), vec![])).await;
    let last = all_equal(&running, &feeder, &peers).await;
    assert_eq!(last, first + 3);
    let counts = running.tally.counts(".");
    let logs: String = peers.iter().map(|p| format!("--- {}\n{}\n", p.name, p.log())).collect();
    assert_eq!((counts.incremental_transfers, counts.whole_transfers), (count, 0), "{counts:?}\n{logs}");
    assert!(peers.iter().all(|p| counts.notified.get(p.name) == Some(&last)), "{counts:?}");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_small_changes_arrive_everywhere_across_a_restart() {
    let lab = Lab::new();
    let (mut running, mut feeder) = lab.start(common::small_zone()).await;
    let peers = lab.peers();
    let first = all_equal(&running, &feeder, &peers).await;
    let glue = |n: u32| {
        let (host, high, low) = (n % 100, n / 250 % 250, n % 250);
        records(&format!("ns.t{host}. 172800 IN A 10.1.{high}.{low}\n"))
    };
    for n in 0..2_000u32 {
        let gone = if n >= 150 { glue(n - 150) } else { vec![] };
        feeder.change(swap(gone, glue(n))).await;
        if n == 999 {
            served(&running, &feeder).await;
            let zone = feeder.records();
            running.stop().await;
            (running, feeder) = lab.start(zone.iter().cloned()).await;
        }
        if n % 500 == 0 {
            all_equal(&running, &feeder, &peers).await;
        }
    }
    let last = all_equal(&running, &feeder, &peers).await;
    assert_eq!(last, first + 2_000, "one serial for each change");
    // One increment over all that is kept gives the same zone.
    let published = running.zones[0].shared.published().unwrap();
    assert_eq!(published.since(first).unwrap().len(), 2_000);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_real_changes_of_the_root_zone_end_in_the_real_zone() {
    let name = "rootzone/root-changes-2023110400..2024123101.jsonl.gz";
    let (Some(changes), Some(expected)) =
        (common::data(name), common::data("rootzone/root-expected-2024123101.zone.gz"))
    else {
        eprintln!("ALTHING_TEST_DATA names no data folder: left out");
        return;
    };
    let lab = Lab::new();
    let (running, feeder) = lab.start(root_zone()).await;
    let peers = lab.peers();
    let first = all_equal(&running, &feeder, &peers).await;
    let mut serials = 0;
    for line in changes.lines() {
        let change: serde_json::Value = serde_json::from_str(line).unwrap();
        let list = |field: &str| {
            let lines: Vec<&str> = change[field].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
            records(&(lines.join("\n") + "\n"))
        };
        let (deleted, added) = (list("del"), list("add"));
        if !(deleted.is_empty() && added.is_empty()) {
            feeder.change(swap(deleted, added)).await;
            serials += 1;
        }
    }
    let last = all_equal(&running, &feeder, &peers).await;
    assert_eq!(last, first + serials);
    let found = without_own(running.zones[0].shared.published().unwrap().version.records.iter().cloned());
    assert_eq!(found, without_own(records(&expected)));
    until("every secondary acknowledged", async || {
        let told = running.tally.counts(".").notified;
        peers.iter().all(|p| told.get(p.name) == Some(&last))
    })
    .await;
    running.stop().await;
}
