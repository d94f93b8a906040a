//! A TLD zone of many names: what a version costs, how soon a transfer begins, how much memory it takes, here and at
//! secondaries. Prints figures; run by hand with ALTHING_NAMES=1000000:
//! `cargo test --release -p althing-zone --test large -- --ignored --nocapture`.
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
    version::Difference,
};
use common::{
    client::{Ask, serial_of_zone},
    config_of, free, peers, records, start_all,
};
use domain::base::Rtype;
use std::{net::SocketAddr, time::Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

fn resident_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Two name servers for each name, as registrars do.
fn many(names: u32) -> Vec<Record> {
    let rdata = |text: &str| Owner::parse(text).unwrap().to_name().as_slice().to_vec();
    let servers: Vec<Vec<u8>> = (0..200).map(|n| rdata(&format!("ns{}.dns{}.example.", n % 2, n / 2))).collect();
    let mut out = records("lab. 86400 IN NS ns0.dns0.example.\n");
    for n in 0..names {
        let owner = Owner::parse(&format!("name-{n}.lab.")).unwrap();
        for server in [n % 100 * 2, n % 100 * 2 + 1] {
            out.push(Record::new(&owner, Rtype::NS, 172_800, &servers[usize::try_from(server).unwrap()]));
        }
    }
    out
}

async fn transfer(at: SocketAddr) -> (f64, f64, u64) {
    let begin = Instant::now();
    let (request, _) = Ask { name: Owner::parse("lab.").unwrap(), ..Ask::new(Rtype::AXFR) }.message();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_u16(u16::try_from(request.len()).unwrap()).await.unwrap();
    stream.write_all(&request).await.unwrap();
    let (mut first, mut octets) = (0.0, 0u64);
    let mut soas = 0;
    while soas < 2 {
        let length = stream.read_u16().await.unwrap();
        let mut message = vec![0u8; usize::from(length)];
        stream.read_exact(&mut message).await.unwrap();
        if octets == 0 {
            first = begin.elapsed().as_secs_f64();
            soas += 1;
        }
        octets += u64::from(length);
        // The last message is shorter than the others; whether it is the last is told by its last record.
        if length < 32_000 {
            soas += 1;
        }
    }
    (first, begin.elapsed().as_secs_f64(), octets)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints figures of a large zone; run by hand"]
async fn figures_of_a_large_zone() {
    let names = std::env::var("ALTHING_NAMES").ok().and_then(|n| n.parse().ok()).unwrap_or(100_000);
    let folder = tempfile::tempdir().unwrap();
    let zone = many(names);
    println!("{names} names, {} records; resident {} MB before the server starts", zone.len(), resident_mb());
    let begin = Instant::now();
    let (listen, notify) = (free(), peers::installed());
    let config = config_of(folder.path(), listen, &notify, &["lab."], "");
    let (running, mut feeders) = start_all(&config, vec![zone]).await;
    let feeder = feeders.remove(0);
    common::until("the first version", async || running.zones[0].shared.published().is_some()).await;
    println!("first version after {:.2} s, resident {} MB", begin.elapsed().as_secs_f64(), resident_mb());
    for n in 0..5 {
        let begin = Instant::now();
        let mut serials = running.zones[0].shared.serials();
        serials.mark_unchanged();
        let added =
            records(&format!("name-{n}.lab. 172800 IN NS ns.name-{n}.lab.\nns.name-{n}.lab. 172800 IN A 192.0.2.1\n"));
        feeder.change(Difference { deleted: vec![], added }).await;
        serials.changed().await.unwrap();
        println!("change {n}: a version after {:.3} s", begin.elapsed().as_secs_f64());
    }
    let (first, all, octets) = transfer(running.addresses[0]).await;
    println!("AXFR: first message after {first:.3} s, {octets} octets in {all:.2} s, resident {} MB", resident_mb());
    // Each secondary alone with its copy.
    let serial = running.zones[0].shared.published().unwrap().version.serial;
    let lab = Owner::parse("lab.").unwrap();
    for (name, at) in notify {
        let begin = Instant::now();
        let peer = peers::start_of(name, at, listen, folder.path(), &["lab."]);
        common::until("the copy", async || serial_of_zone(at, &lab).await == Some(serial)).await;
        println!(
            "{name}: serves the copy after {:.1} s, {} MB resident",
            begin.elapsed().as_secs_f64(),
            proportional_mb(peer.id())
        );
    }
    running.stop().await;
}

/// Memory of a process and its descendants, what they share counted once, in MB.
fn proportional_mb(pid: u32) -> u64 {
    let field = |text: &str, name: &str| -> Option<u64> {
        let line = text.lines().find_map(|l| l.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let own = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let mut kilobytes = field(&own, "Pss:").unwrap_or_default();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        if field(&status, "PPid:") == Some(u64::from(pid))
            && let Some(child) = entry.file_name().to_str().and_then(|n| n.parse().ok())
        {
            kilobytes += proportional_mb(child) * 1024;
        }
    }
    kilobytes / 1024
}
