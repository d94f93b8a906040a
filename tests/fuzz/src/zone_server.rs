//! Targets of the zone server: what secondaries send, and what it finds in its state folder.

use althing_types::codec;
use althing_zone::{
    answer::{Answer, Answerer, ServedZone, Transport},
    keys::KeyRing,
    master, message,
    publish::Shared,
    record::Owner,
    store::{journal, snapshot},
};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// The journal: what is read is written again as it was; damage is refused.
pub fn zone_journal(data: &[u8]) {
    let Ok(read) = journal::decode(data) else { return };
    let written: Vec<u8> = read.deltas.iter().flat_map(|d| journal::encode(d).expect("it was read")).collect();
    assert_eq!(written.len() as u64, read.length);
    assert!(data.starts_with(&written), "two forms of one journal");
    assert_eq!(read.torn.is_some(), written.len() != data.len());
}

/// The body of a journal's entry, without the digests that keep a fuzzer out.
pub fn zone_delta(data: &[u8]) {
    let Ok(delta) = codec::decode::<althing_zone::version::Delta>("delta", data, journal::MAX_BODY) else { return };
    assert_eq!(codec::encode(&delta), data, "two forms of one delta");
    for record in delta.added.iter().chain(&delta.deleted) {
        // A record that can be written as a line is that line's record, unless its data are not in canonical form.
        let again = master::parse(&format!("{record}\n"), &Owner::root());
        assert!(again.is_ok() || record.key.record_type().to_int() != 1, "{record}");
    }
}

/// The snapshot.
pub fn zone_snapshot(data: &[u8]) {
    let Ok(version) = snapshot::read(data) else { return };
    let mut written = Vec::new();
    snapshot::write(&version, &mut written).expect("it was read");
    assert_eq!(written, data, "two forms of one snapshot");
}

/// A request over either transport: no answer is an answer to an answer, and none has data without a key.
pub fn zone_request(data: &[u8]) {
    let mut keys = KeyRing::default();
    keys.add("xfr.lab.", "hmac-sha256", b"a secret of the fuzz target").expect("a good key");
    let apex = Owner::root();
    let zone = ServedZone {
        apex: apex.clone(),
        shared: Arc::new(Shared::default()),
        keys: BTreeSet::from([Owner::parse("xfr.lab.").expect("a name")]),
        unsigned: BTreeSet::new(),
    };
    let answerer = Answerer { zones: vec![zone], keys, message_limit: 4096 };
    for transport in [Transport::Udp, Transport::Tcp] {
        match answerer.answer(data.to_vec(), transport, IpAddr::from([127, 0, 0, 1]), 1_795_305_600) {
            Answer::Silence => {}
            Answer::Message(octets, _) => {
                assert_eq!(octets.get(..2), data.get(..2), "the answer to another request");
                assert_eq!(message::answers(&octets).map(|r| r.len()), Ok(0));
                let silent = answerer.answer(octets, transport, IpAddr::from([127, 0, 0, 1]), 0);
                assert!(matches!(silent, Answer::Silence), "an answer is answered");
            }
            Answer::Transfer(_) => panic!("a transfer without a version"),
        }
    }
}
