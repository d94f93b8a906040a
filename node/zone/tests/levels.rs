//! One server with several zones: the root and TLDs below it, each with a source of its own, copied by BIND, NSD and Knot
//! DNS with keys and by Unbound without, followed through changes of either level.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_zone::{
    record::{Owner, Record},
    run::Running,
    source::fed::Feeder,
    version::Difference,
};
use common::{
    client::{copy_of_zone, serial_of_zone},
    config_of, free,
    peers::{self, Peer},
    records, served_of, start_all, until, without_own,
};
use std::{net::SocketAddr, process::Command};

const ZONES: [&str; 3] = [".", "lab.", "zone."];

/// The root delegates both TLDs; a name of one is served by a host of the other.
fn zones() -> Vec<Vec<Record>> {
    let root = ". 518400 IN NS a.root-servers.net.\na.root-servers.net. 518400 IN A 198.41.0.4\n\
                lab. 172800 IN NS ns.lab.\nns.lab. 172800 IN A 192.0.2.1\nzone. 172800 IN NS ns.lab.\n";
    let lab = "lab. 86400 IN NS ns.lab.\nns.lab. 86400 IN A 192.0.2.1\n\
               alpha.lab. 86400 IN NS ns.alpha.lab.\nns.alpha.lab. 86400 IN A 192.0.2.10\n\
               beta.lab. 86400 IN NS ns.one.zone.\n";
    let zone = "zone. 86400 IN NS ns.lab.\none.zone. 86400 IN NS ns.one.zone.\nns.one.zone. 86400 IN A 192.0.2.20\n";
    [root, lab, zone].map(records).to_vec()
}

fn owner(zone: &str) -> Owner {
    Owner::parse(zone).unwrap()
}

/// Every secondary has the serial of every zone and, where it lets itself be copied, the same records.
async fn all_equal(running: &Running, feeders: &[Feeder], peers: &[Peer]) -> Vec<u32> {
    let mut serials = Vec::new();
    for (index, (zone, feeder)) in ZONES.iter().zip(feeders).enumerate() {
        let serial = served_of(running, index, feeder).await;
        serials.push(serial);
        for peer in peers {
            until(&format!("{} has serial {serial} of {zone}", peer.name), async || {
                serial_of_zone(peer.address, &owner(zone)).await == Some(serial)
            })
            .await;
            // Unbound gives no copies.
            if peer.name != "unbound" {
                let found = without_own(copy_of_zone(peer.address, &owner(zone)).await.1);
                let wanted: Vec<Record> = feeder.records().iter().cloned().collect();
                assert_eq!(found, wanted, "{zone} of {}", peer.name);
            }
        }
    }
    serials
}

/// What a server says of a name, with what comes along.
fn dig(at: SocketAddr, name: &str, kind: &str) -> Option<String> {
    let port = at.port().to_string();
    let output = Command::new("dig").args(["@127.0.0.1", "-p", &port, "+norec", name, kind]).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_of_two_levels_are_copied_by_all_and_a_resolver_answers_from_them() {
    let folder = tempfile::tempdir().unwrap();
    let (listen, mut notify) = (free(), peers::installed());
    notify.extend(peers::installed_of(&[peers::RESOLVER]));
    let config = config_of(folder.path(), listen, &notify, &ZONES, "");
    let (running, feeders) = start_all(&config, zones()).await;
    let peers: Vec<Peer> =
        notify.iter().map(|(name, at)| peers::start_of(name, *at, listen, folder.path(), &ZONES)).collect();
    let first = all_equal(&running, &feeders, &peers).await;
    // A change of one zone is a version of that zone alone.
    let more = "gamma.lab. 86400 IN NS ns.gamma.lab.\nns.gamma.lab. 86400 IN AAAA 2001:db8::30\n\
                gamma.lab. 86400 IN DS 1 8 2 CB14A0AF7298E258CEA6B3A50686520D007A20AC3BC3E676E67D050EE42A0D61\n";
    feeders[1].change(Difference { deleted: vec![], added: records(more) }).await;
    let second = all_equal(&running, &feeders, &peers).await;
    assert_eq!(second, [first[0], first[1] + 1, first[2]]);
    for peer in &peers {
        // A referral out of the copy, with its glue.
        let Some(answer) = dig(peer.address, "www.gamma.lab.", "A") else { continue };
        assert!(answer.contains("ns.gamma.lab."), "{}: {answer}", peer.name);
        assert!(answer.contains("2001:db8::30"), "{}: {answer}", peer.name);
    }
    // The TLD's own delegation at the root follows by itself.
    let new = [
        "lab. 172800 IN NS ns2.lab.\nns2.lab. 172800 IN A 192.0.2.2\n",
        "lab. 86400 IN NS ns2.lab.\nns2.lab. 86400 IN A 192.0.2.2\n",
    ];
    for (feeder, text) in feeders.iter().zip(new) {
        feeder.change(Difference { deleted: vec![], added: records(text) }).await;
    }
    let third = all_equal(&running, &feeders, &peers).await;
    assert_eq!(third, [first[0] + 1, first[1] + 2, first[2]]);
    for (zone, serial) in ZONES.iter().zip(&third) {
        until("every secondary acknowledged", async || {
            let told = running.tally.counts(zone).notified;
            peers.iter().all(|p| told.get(p.name) == Some(serial))
        })
        .await;
    }
    running.stop().await;
}

/// From a change to the moment at which a secondary answers with it; prints figures; run by hand.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints times from change to secondary; run by hand"]
async fn times_from_a_change_to_the_secondaries() {
    let number = |name: &str, default: usize| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (names, changes) = (number("ALTHING_NAMES", 100_000), number("ALTHING_CHANGES", 100));
    let folder = tempfile::tempdir().unwrap();
    let (listen, notify) = (free(), peers::installed());
    let config = config_of(folder.path(), listen, &notify, &["lab."], "");
    let mut text = String::from("lab. 86400 IN NS ns.lab.\nns.lab. 86400 IN A 192.0.2.1\n");
    for n in 0..names {
        text.push_str(&format!(
            "name-{n}.lab. 86400 IN NS ns{}.example.\nname-{n}.lab. 86400 IN NS ns.lab.\n",
            n % 200
        ));
    }
    let (running, feeders) = start_all(&config, vec![records(&text)]).await;
    let peers: Vec<Peer> =
        notify.iter().map(|(name, at)| peers::start_of(name, *at, listen, folder.path(), &["lab."])).collect();
    let lab = owner("lab.");
    let first = served_of(&running, 0, &feeders[0]).await;
    for peer in &peers {
        until("the first copy", async || serial_of_zone(peer.address, &lab).await == Some(first)).await;
    }
    let mut times: Vec<(&str, Vec<f64>)> = peers.iter().map(|p| (p.name, Vec::new())).collect();
    let (mut own, mut serials) = (Vec::new(), running.zones[0].shared.serials());
    for n in 0..changes {
        serials.mark_unchanged();
        let added = records(&format!("new-{n}.lab. 86400 IN NS ns.lab.\n"));
        let begin = std::time::Instant::now();
        feeders[0].change(Difference { deleted: vec![], added }).await;
        serials.changed().await.unwrap();
        let serial = running.zones[0].shared.published().unwrap().version.serial;
        own.push(begin.elapsed().as_secs_f64());
        let mut waiting: Vec<usize> = (0..peers.len()).collect();
        while !waiting.is_empty() {
            let mut left = Vec::new();
            for at in waiting {
                match serial_of_zone(peers[at].address, &lab).await == Some(serial) {
                    true => times[at].1.push(begin.elapsed().as_secs_f64()),
                    false => left.push(at),
                }
            }
            waiting = left;
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            assert!(begin.elapsed().as_secs() < 60, "a secondary does not follow");
        }
    }
    println!("{names} names, {changes} changes, one at a time");
    times.insert(0, ("this server", own));
    for (name, mut times) in times {
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times[(times.len() * percent / 100).min(times.len() - 1)];
        println!("{name}: p50 {:.3} s, p95 {:.3} s, longest {:.3} s", at(50), at(95), times[times.len() - 1]);
    }
    running.stop().await;
}
