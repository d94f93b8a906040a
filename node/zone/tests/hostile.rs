//! Hostile cases of a TLD zone on its way through the server: owners outside it, text that looks like directives, serials
//! that pass 2^32, floods of NOTIFY.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_zone::{
    brake::Alarm,
    master,
    record::{Owner, Record},
    version::Difference,
};
use common::{any, client::Ask, config_of, records, served_of, start_all, until, without_own};
use domain::base::{Rtype, iana::Rcode};
use std::{collections::BTreeSet, time::Duration};
use tokio::net::UdpSocket;

fn lab() -> Owner {
    Owner::parse("lab.").unwrap()
}
fn ask(kind: Rtype) -> Ask {
    Ask { name: lab(), ..Ask::new(kind) }
}
fn since(serial: u32) -> Ask {
    Ask { name: lab(), ..Ask::since(serial) }
}
fn small() -> Vec<Record> {
    records("lab. 5 IN NS ns.lab.\nns.lab. 5 IN A 192.0.2.1\na.lab. 5 IN NS ns.lab.\n")
}
fn add(text: &str) -> Difference {
    Difference { deleted: vec![], added: records(text) }
}

#[tokio::test(flavor = "multi_thread")]
async fn case_12_an_owner_outside_the_zone_holds_it() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_of(folder.path(), any(), &[], &["lab."], "");
    let (running, feeders) = start_all(&config, vec![small()]).await;
    let serial = served_of(&running, 0, &feeders[0]).await;
    let state = &config.zones[0].state;
    for line in ["other. 5 IN NS ns.other.\n", "xlab. 5 IN A 192.0.2.2\n"] {
        feeders[0].change(add(line)).await;
        until("the alarm", async || {
            Alarm::read(state).unwrap().is_some_and(|a| a.reason.contains("an owner lies in the zone") && !a.releasable)
        })
        .await;
        assert_eq!(ask(Rtype::SOA).to(running.addresses[0]).await.serial(), serial, "the last good one is served");
        feeders[0].change(Difference { deleted: records(line), added: vec![] }).await;
        until("the alarm ended", async || Alarm::read(state).unwrap().is_none()).await;
    }
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_15_text_that_looks_like_a_directive_is_data() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_of(folder.path(), any(), &[], &["lab."], "master_file = \"lab.zone\"");
    let hostile = "t.lab. 5 IN TXT \"\\010$INCLUDE /etc/passwd\\010; comment ( \\\"q\\\" \\\\ )\"\n";
    let (running, feeders) = start_all(&config, vec![[small(), records(hostile)].concat()]).await;
    served_of(&running, 0, &feeders[0]).await;
    let wanted = without_own(feeders[0].records().iter().cloned());
    assert_eq!(without_own(ask(Rtype::AXFR).to(running.addresses[0]).await.records), wanted);
    let file = folder.path().join("lab.zone");
    until("the master file", async || file.exists()).await;
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(!text.lines().any(|line| line.starts_with('$') || line.starts_with(';')), "{text}");
    assert_eq!(without_own(master::parse(&text, &lab()).unwrap()), wanted);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_17_data_that_come_back_have_higher_serials_across_the_end_of_the_circle() {
    let folder = tempfile::tempdir().unwrap();
    let more = "serial = \"increment\"\nserial_floor = 4294967293\nbrake = { shrink_percent = 100 }";
    let config = config_of(folder.path(), any(), &[], &["lab."], more);
    let (running, feeders) = start_all(&config, vec![small()]).await;
    let first = served_of(&running, 0, &feeders[0]).await;
    assert_eq!(first, 4_294_967_294);
    let more = add("b.lab. 5 IN NS ns.lab.\n");
    let back = Difference { deleted: more.added.clone(), added: vec![] };
    let mut serials = vec![first];
    for change in [more.clone(), back.clone(), more, back] {
        feeders[0].change(change).await;
        serials.push(served_of(&running, 0, &feeders[0]).await);
    }
    // Zero is no serial that a secondary could tell from none, so it may be left out; each is after the one before.
    assert!(serials.windows(2).all(|pair| althing_zone::serial::is_after(pair[1], pair[0])), "{serials:?}");
    assert!(serials[4] < first, "the circle was closed: {serials:?}");
    let got = since(first).to(running.addresses[0]).await;
    assert_eq!((got.rcode, got.serial()), (Rcode::NOERROR, serials[4]));
    let whole = without_own(ask(Rtype::AXFR).to(running.addresses[0]).await.records);
    assert_eq!(whole, without_own(small()), "old data under a new serial");
    // From before the change to after it: what differs, and no more.
    let got = since(serials[3]).to(running.addresses[0]).await;
    let touched: BTreeSet<String> =
        without_own(got.records).iter().map(|record| record.key.owner().to_string()).collect();
    assert_eq!(touched, BTreeSet::from(["b.lab.".to_owned()]));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_20_a_flood_of_notify_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_of(folder.path(), any(), &[], &["lab."], "");
    let (running, feeders) = start_all(&config, vec![small()]).await;
    let serial = served_of(&running, 0, &feeders[0]).await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(running.addresses[0]).await.unwrap();
    // NOTIFY of "lab." for its SOA, not signed, as from anybody.
    let spoof = [7, 7, 0x24, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'l', b'a', b'b', 0, 0, 6, 0, 1];
    let mut answers = 0;
    for _ in 0..2_000 {
        socket.send(&spoof).await.unwrap();
        let mut buffer = [0u8; 512];
        if let Ok(Ok(length)) = tokio::time::timeout(Duration::from_millis(2), socket.recv(&mut buffer)).await {
            assert_eq!((buffer[3] & 15, length <= spoof.len()), (5, true), "refused, in no more octets than it took");
            answers += 1;
        }
    }
    assert!(answers > 0);
    assert_eq!(ask(Rtype::SOA).to(running.addresses[0]).await.serial(), serial);
    assert!(running.tally.counts("lab.").refused.values().sum::<u64>() >= answers);
    running.stop().await;
}
