//! What is answered to whom, over real sockets: keys, times, transports, serials, limits, and nonsense.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_zone::{
    answer::Transport,
    brake::Alarm,
    record::{Owner, Record},
    run::Running,
    serve::{MAX_REQUEST, now_s},
    source::fed::Feeder,
    version::Difference,
};
use common::{any, client::Ask, client::key, config, records, served, small_zone, start};
use domain::base::{Rtype, iana::Rcode};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Instant, timeout},
};

struct Lab {
    _folder: tempfile::TempDir,
    running: Running,
    feeder: Feeder,
    at: SocketAddr,
    serial: u32,
}

async fn lab_with(zone: Vec<Record>, more: &str) -> Lab {
    let folder = tempfile::tempdir().unwrap();
    let (running, feeder) = start(&config(folder.path(), any(), &[], more), zone).await;
    let serial = served(&running, &feeder).await;
    Lab { _folder: folder, at: running.addresses[0], running, feeder, serial }
}

async fn lab() -> Lab {
    lab_with(small_zone(), "").await
}

impl Lab {
    async fn change(&self, deleted: &str, added: &str) -> u32 {
        self.feeder.change(Difference { deleted: records(deleted), added: records(added) }).await;
        served(&self.running, &self.feeder).await
    }
    fn zone(&self) -> Vec<Record> {
        let published = self.running.zones[0].shared.published().unwrap();
        let soa = published.version.soa.clone();
        [soa.clone()].into_iter().chain(published.version.records.iter().cloned()).chain([soa]).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_algorithm_transfers_the_whole_zone() {
    let lab = lab().await;
    for (name, algorithm) in [("xfr.lab.", "hmac-sha256"), ("b.lab.", "hmac-sha384"), ("c.lab.", "hmac-sha512")] {
        let got = Ask { key: Some(key(name, algorithm)), ..Ask::new(Rtype::AXFR) }.to(lab.at).await;
        assert_eq!((got.rcode, &got.records), (Rcode::NOERROR, &lab.zone()), "{name}");
    }
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_zone_comes_in_many_signed_messages() {
    let lab = lab_with(common::root_zone(), "").await;
    let got = Ask::new(Rtype::AXFR).to(lab.at).await;
    assert_eq!(got.records, lab.zone());
    assert!(got.messages > 1 || got.records.len() < 1000, "{}", got.messages);
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn transfers_without_with_wrong_or_with_late_signatures_give_no_data() {
    let lab = lab().await;
    let ask = || Ask::new(Rtype::AXFR);
    let wrong = {
        use althing_zone::keys::KeyRing;
        KeyRing::default().add("xfr.lab.", "hmac-sha256", b"another secret, long enough").unwrap()
    };
    let cases = [
        ("no key", ask().unsigned(), Rcode::REFUSED, None),
        ("unknown key", Ask { key: Some(key("who.lab.", "hmac-sha256")), ..ask() }, Rcode::NOTAUTH, Some(17)),
        ("other algorithm", Ask { key: Some(key("xfr.lab.", "hmac-sha512")), ..ask() }, Rcode::NOTAUTH, Some(17)),
        ("wrong secret", Ask { key: Some(wrong), ..ask() }, Rcode::NOTAUTH, Some(16)),
        ("late", Ask { time_s: now_s() - 1000, ..ask() }, Rcode::NOTAUTH, Some(18)),
        ("early", Ask { time_s: now_s() + 1000, ..ask() }, Rcode::NOTAUTH, Some(18)),
        (
            "a key of no secondary",
            Ask { key: Some(key("stranger.lab.", "hmac-sha256")), ..ask() },
            Rcode::REFUSED,
            Some(0),
        ),
    ];
    for (what, ask, rcode, error) in cases {
        for kind in [Rtype::AXFR, Rtype::IXFR] {
            for over in [Transport::Tcp, Transport::Udp] {
                let serial = (kind == Rtype::IXFR).then_some(1);
                let got = Ask { kind, serial, over, ..ask.clone() }.to(lab.at).await;
                assert_eq!((got.rcode, got.tsig_error, got.records.len()), (rcode, error, 0), "{what} {kind} {over:?}");
            }
        }
    }
    let over_udp = Ask { over: Transport::Udp, ..ask() }.to(lab.at).await;
    assert_eq!((over_udp.rcode, over_udp.records.len()), (Rcode::REFUSED, 0));
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_are_condensed_and_fall_back_to_the_whole_zone() {
    let lab = lab().await;
    let first = lab.serial;
    let second = lab.change("", "ns.t1. 172800 IN AAAA 2001:db8::1\n").await;
    let third = lab.change("ns.t1. 172800 IN AAAA 2001:db8::1\n", "ns.t2. 172800 IN AAAA 2001:db8::2\n").await;
    let types = |records: &[Record]| -> Vec<Rtype> { records.iter().map(|r| r.key.record_type()).collect() };
    use Rtype as T;
    let got = Ask::since(second).to(lab.at).await;
    let one_step = [T::SOA, T::SOA, T::ZONEMD, T::AAAA, T::SOA, T::ZONEMD, T::AAAA, T::SOA];
    assert_eq!(types(&got.records), one_step);
    // What came and went in between is in neither list.
    let got = Ask::since(first).to(lab.at).await;
    let two_steps = [T::SOA, T::SOA, T::ZONEMD, T::SOA, T::ZONEMD, T::AAAA, T::SOA];
    assert_eq!((types(&got.records), got.serial()), (two_steps.to_vec(), third));
    // Present and future serials: one SOA; an unknown one: everything.
    for serial in [third, third + 1, third + 1000] {
        assert_eq!(types(&Ask::since(serial).to(lab.at).await.records), [T::SOA], "{serial}");
    }
    for serial in [first - 1, 1] {
        assert_eq!(Ask::since(serial).to(lab.at).await.records, lab.zone(), "{serial}");
    }
    // Over UDP the SOA tells to come over TCP.
    let got = Ask { over: Transport::Udp, ..Ask::since(first) }.to(lab.at).await;
    assert_eq!((types(&got.records), got.serial()), (vec![T::SOA], third));
    let got = Ask { serial: None, ..Ask::since(first) }.to(lab.at).await;
    assert_eq!(got.rcode, Rcode::FORMERR, "IXFR without a serial");
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_serial_gets_the_whole_zone() {
    let lab = lab_with(small_zone(), "history = 2").await;
    for n in 0..4 {
        lab.change("", &format!("ns.t1. 172800 IN A 10.0.0.{n}\n")).await;
    }
    assert_eq!(Ask::since(lab.serial).to(lab.at).await.records, lab.zone());
    assert!(Ask::since(lab.serial + 2).to(lab.at).await.records.len() < 20);
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_names_and_questions_are_refused() {
    let lab = lab().await;
    let other = Owner::parse("t1.").unwrap();
    for (ask, rcode) in [
        (Ask { name: other.clone(), ..Ask::since(1) }, Rcode::NOTAUTH),
        (Ask { name: other.clone(), ..Ask::new(Rtype::AXFR) }, Rcode::NOTAUTH),
        (Ask { name: other, ..Ask::new(Rtype::SOA) }, Rcode::REFUSED),
        (Ask::new(Rtype::NS), Rcode::REFUSED),
        (Ask::new(Rtype::ANY), Rcode::REFUSED),
    ] {
        for over in [Transport::Tcp, Transport::Udp] {
            let got = Ask { over, ..ask.clone() }.to(lab.at).await;
            assert_eq!((got.rcode, got.records.len()), (rcode, 0), "{} {}", ask.name, ask.kind);
        }
    }
    for over in [Transport::Tcp, Transport::Udp] {
        for ask in [Ask::new(Rtype::SOA), Ask::new(Rtype::SOA).unsigned()] {
            let got = Ask { over, ..ask }.to(lab.at).await;
            assert_eq!((got.rcode, got.serial()), (Rcode::NOERROR, lab.serial));
        }
    }
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_without_version_is_a_failure_not_an_empty_zone() {
    let folder = tempfile::tempdir().unwrap();
    let (running, feeder) = start(&config(folder.path(), any(), &[], ""), records("a. 5 IN NS b.\n")).await;
    let at = running.addresses[0];
    for kind in [Rtype::SOA, Rtype::AXFR] {
        assert_eq!(Ask::new(kind).to(at).await.rcode, Rcode::SERVFAIL);
    }
    // A new chain has no name servers yet: that is no alarm. What is wrong with records beside them is one.
    let state = folder.path().join("state");
    assert!(Alarm::read(&state).unwrap().is_none());
    let change = |text: &str| Difference { deleted: vec![], added: records(text) };
    feeder.change(change(". 5 IN NS b.\nb. 5 IN CNAME c.\nb. 5 IN A 192.0.2.1\n")).await;
    common::until("the alarm", async || Alarm::read(&state).unwrap().is_some_and(|a| a.reason.contains("CNAME"))).await;
    feeder.change(Difference { deleted: records("b. 5 IN CNAME c.\n"), added: vec![] }).await;
    served(&running, &feeder).await;
    assert!(Alarm::read(&state).unwrap().is_none());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_zone_is_not_served_until_its_release_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (running, feeder) = start(&config(folder.path(), any(), &[], ""), small_zone()).await;
    let serial = served(&running, &feeder).await;
    let gone = feeder.records().iter().filter(|r| r.key.owner().to_string().contains("t1")).cloned().collect();
    feeder.change(Difference { deleted: gone, added: vec![] }).await;
    let state = folder.path().join("state");
    common::until("the alarm", async || Alarm::read(&state).unwrap().is_some()).await;
    common::until("the status tells of it", async || {
        std::fs::read_to_string(state.join("status.json")).is_ok_and(|text| text.contains("delegations are left"))
    })
    .await;
    assert_eq!(Ask::new(Rtype::SOA).to(running.addresses[0]).await.serial(), serial);
    Alarm::read(&state).unwrap().unwrap().release(&state).unwrap();
    assert_eq!(served(&running, &feeder).await, serial + 1);
    assert!(Alarm::read(&state).unwrap().is_none());
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_is_a_form_error_or_nothing_and_the_server_lives() {
    let lab = lab().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(lab.at).await.unwrap();
    let head = |flags: u16, questions: u16| {
        let mut out = vec![7, 7];
        out.extend(flags.to_be_bytes());
        out.extend(questions.to_be_bytes());
        out.extend([0; 6]);
        out
    };
    let mut looped = head(0, 1);
    looped.extend([0xC0, 12, 0, 6, 0, 1]);
    let mut notify = head(4 << 11, 1);
    notify.extend([0, 0, 6, 0, 1]);
    let mut update = head(5 << 11, 1);
    update.extend([0, 0, 6, 0, 1]);
    let mut two = head(0, 2);
    two.extend([0, 0, 6, 0, 1, 0, 0, 6, 0, 1]);
    for (octets, rcode) in [
        (looped, Some(1)),
        (two, Some(1)),
        (head(0, 0), Some(1)),
        (head(0, 9), Some(1)),
        (notify, Some(5)),
        (update, Some(4)),
        (head(0x8000, 1), None),
        (vec![1, 2, 3], None),
        (vec![], None),
    ] {
        socket.send(&octets).await.unwrap();
        let mut buffer = [0u8; 512];
        let patience = Duration::from_millis(if rcode.is_some() { 5000 } else { 200 });
        let found = timeout(patience, socket.recv(&mut buffer)).await.ok().map(|r| (r.unwrap(), buffer[3] & 15));
        assert_eq!(found.map(|f| f.1), rcode, "{octets:?}");
        assert!(found.is_none_or(|f| f.0 <= octets.len().max(12)), "no answer is longer than such a request");
    }
    assert_eq!(Ask::new(Rtype::SOA).to(lab.at).await.serial(), lab.serial);
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_idle_connections_are_closed_while_others_are_served() {
    let lab = lab_with(common::root_zone(), "").await;
    let begin = Instant::now();
    // Asks for the whole zone again and again and reads nothing: buffers fill, then the write time passes.
    let (request, _) = Ask::new(Rtype::AXFR).message();
    let mut framed = u16::try_from(request.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(&request);
    let mut slow = TcpStream::connect(lab.at).await.unwrap();
    for _ in 0..40 {
        slow.write_all(&framed).await.unwrap();
    }
    // Says nothing; says too much.
    let mut idle = TcpStream::connect(lab.at).await.unwrap();
    let mut loud = TcpStream::connect(lab.at).await.unwrap();
    loud.write_u16(u16::try_from(MAX_REQUEST + 1).unwrap()).await.unwrap();
    let mut nothing = [0u8; 1];
    assert_eq!(timeout(Duration::from_secs(3), loud.read(&mut nothing)).await.unwrap().unwrap_or(0), 0);
    assert_eq!(Ask::new(Rtype::SOA).to(lab.at).await.serial(), lab.serial);
    assert_eq!(timeout(Duration::from_secs(9), idle.read(&mut nothing)).await.unwrap().unwrap_or(0), 0);
    assert!(begin.elapsed() >= Duration::from_secs(4), "the idle one had its time");
    if lab.zone().len() > 1000 {
        common::until("the slow reader is cut off", async || lab.running.tally.counts(".").broken_transfers == 1).await;
    }
    lab.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_of_one_address_are_capped() {
    let lab = lab().await;
    let mut open = Vec::new();
    for _ in 0..32 {
        let mut stream = TcpStream::connect(lab.at).await.unwrap();
        let (request, _) = Ask::new(Rtype::SOA).message();
        stream.write_u16(u16::try_from(request.len()).unwrap()).await.unwrap();
        stream.write_all(&request).await.unwrap();
        assert!(stream.read_u16().await.unwrap() > 12);
        open.push(stream);
    }
    let mut surplus = TcpStream::connect(lab.at).await.unwrap();
    let mut nothing = [0u8; 1];
    assert_eq!(timeout(Duration::from_secs(3), surplus.read(&mut nothing)).await.unwrap().unwrap_or(0), 0);
    drop(open);
    common::until("closed ones make room", async || {
        let Ok(mut stream) = TcpStream::connect(lab.at).await else { return false };
        let (request, _) = Ask::new(Rtype::SOA).message();
        let _ = stream.write_u16(u16::try_from(request.len()).unwrap()).await;
        let _ = stream.write_all(&request).await;
        stream.read_u16().await.is_ok()
    })
    .await;
    lab.running.stop().await;
}
