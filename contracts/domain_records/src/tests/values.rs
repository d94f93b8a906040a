//! Claims about values alone.

use super::{delegation, ds, host, list, name, names};
use crate::rules;
use althing_interface::domain_records::{Apex, Delegation, Host, HostChange, MAX_NS, MAX_TTL, RecordsError};
use althing_sdk::prelude::*;

fn signed(ds: Vec<althing_interface::rdata::Ds>) -> Result<Delegation, RecordsError> {
    rules::delegation(&name("lab"), &Delegation { ds: list(ds), ds_ttl: 86_400, ..delegation(&["ns.example.net"]) })
}

fn host_number(text: &str) -> Option<u32> {
    rules::host_name(&name(text)).err().map(|e| e.number())
}

#[test]
fn lists_are_put_in_canonical_order() {
    let given = delegation(&["b.net", "a.net", "z.com"]);
    let kept = rules::delegation(&name("lab"), &given).unwrap();
    assert_eq!(kept.ns, names(&["z.com", "a.net", "b.net"]));
    let kept = rules::host(&name("ns.lab"), &host(&["192.0.2.9", "192.0.2.1", "2001:db8::1"])).unwrap();
    assert_eq!(kept.v4.iter().map(ToString::to_string).collect::<Vec<_>>(), ["192.0.2.1", "192.0.2.9"]);
}

#[test]
fn a_value_given_twice_is_refused() {
    let twice = rules::delegation(&name("lab"), &delegation(&["a.net", "A.net."]));
    assert!(matches!(twice, Err(RecordsError::Duplicate { field: "ns", .. })), "{twice:?}");
    assert!(matches!(signed(vec![ds(1, 2, 32), ds(1, 2, 32)]), Err(RecordsError::Duplicate { field: "ds", .. })));
    let twice = rules::host(&name("ns.lab"), &host(&["192.0.2.1", "192.0.2.1"]));
    assert_eq!(twice.unwrap_err().to_string(), "v4 of 'ns.lab.' has 192.0.2.1 twice");
    let change = HostChange { host: name("ns.lab"), addresses: None };
    assert_eq!(rules::host_changes(&list(vec![change.clone(), change])).unwrap_err().number(), 6);
}

#[test]
fn name_servers_are_one_to_thirty_two() {
    let none = rules::delegation(&name("lab"), &delegation(&[]));
    assert!(matches!(none, Err(RecordsError::NoNameServer { .. })));
    let all: Vec<_> = (0..MAX_NS).map(|n| name(&format!("ns{n}.example.net"))).collect();
    let most = Delegation { ns: list(all), ..delegation(&[]) };
    assert_eq!(rules::delegation(&name("lab"), &most).unwrap().ns.len(), 32);
    assert_eq!(rules::apex(&Apex { ns: List::default(), ttl: 1 }).unwrap_err().number(), 5);
}

#[test]
fn case_1_long_names_cannot_be_said() {
    assert!(DomainName::parse(&format!("{}.lab", "a".repeat(64))).is_err());
    let bytes = althing_sdk::types::codec::encode(&format!("{}.lab", "a".repeat(64)));
    assert!(althing_sdk::types::codec::decode::<DomainName>("name", &bytes, 300).is_err());
}

#[test]
fn case_2_and_3_host_labels_follow_the_host_name_rules() {
    assert_eq!(host_number("ns.lab"), None);
    assert_eq!(host_number("a.nic.xn--kcrx77d1x4a"), None);
    for bad in ["ns", "_ns.lab", "ab--cd.lab", "xn--a.lab", "ns.xn--99999999", "xn--e28h.lab", "192.0.2.1"] {
        assert_eq!(host_number(bad), Some(8), "{bad}");
    }
}

#[test]
fn case_6_other_spellings_are_no_canonical_names() {
    for text in ["LAB", "lab.", "Ns.lab"] {
        let bytes = althing_sdk::types::codec::encode(&text.to_owned());
        assert!(althing_sdk::types::codec::decode::<DomainName>("name", &bytes, 300).is_err(), "{text}");
    }
}

#[test]
fn case_13_digest_lengths_follow_their_type() {
    for (digest_type, length) in [(1, 20), (2, 32), (3, 32), (4, 48), (5, 32), (6, 32)] {
        assert!(signed(vec![ds(1, digest_type, length)]).is_ok(), "{digest_type}");
        for wrong in [0, length - 1, (length + 1).min(48), 16] {
            let refused = signed(vec![ds(1, digest_type, wrong)]);
            if wrong != length {
                assert!(matches!(refused, Err(RecordsError::DigestLength { .. })), "{digest_type} {wrong}");
            }
        }
    }
    let text = signed(vec![ds(7, 2, 20)]).unwrap_err().to_string();
    assert_eq!(text, "ds 7 of 'lab.': digest of 20 octets; digest type 2 has 32");
    for unknown in [0, 7, 255] {
        assert!(matches!(signed(vec![ds(1, unknown, 32)]), Err(RecordsError::DigestType { .. })));
    }
    for algorithm in [0, 1, 2, 4, 252, 253, 255] {
        let refused = signed(vec![althing_interface::rdata::Ds { algorithm, ..ds(1, 2, 32) }]);
        assert!(matches!(refused, Err(RecordsError::Algorithm { .. })), "{algorithm}");
    }
}

#[test]
fn case_14_one_set_has_one_ttl_in_range() {
    for ttl in [0, MAX_TTL + 1, u32::MAX] {
        let refused = rules::delegation(&name("lab"), &Delegation { ns_ttl: ttl, ..delegation(&["a.net"]) });
        assert!(matches!(refused, Err(RecordsError::Ttl { field: "ns_ttl", .. })), "{ttl}");
        let refused = rules::host(&name("a.net"), &Host { a_ttl: ttl, ..host(&["192.0.2.1"]) });
        assert!(matches!(refused, Err(RecordsError::Ttl { field: "a_ttl", .. })), "{ttl}");
    }
    // NS and DS are two sets: two times to live. The one of an empty set is 0.
    let kept = rules::delegation(&name("lab"), &Delegation { ds_ttl: 5, ..delegation(&["a.net"]) }).unwrap();
    assert_eq!((kept.ns_ttl, kept.ds_ttl), (172_800, 0));
    assert_eq!(signed(vec![ds(1, 2, 32)]).unwrap().ds_ttl, 86_400);
}

#[test]
fn addresses_that_no_server_can_have_are_refused() {
    let bad = [
        "0.0.0.0",
        "127.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "169.254.169.254",
        "::",
        "::1",
        "ff02::1",
        "fe80::1",
        "::ffff:192.0.2.1",
        "::192.0.2.1",
    ];
    for address in bad {
        let refused = rules::host(&name("ns.lab"), &host(&[address]));
        assert!(matches!(refused, Err(RecordsError::Address { .. })), "{address}");
    }
    for address in ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1"] {
        assert!(rules::host(&name("ns.lab"), &host(&[address])).is_ok(), "{address}");
    }
    assert!(matches!(rules::host(&name("ns.lab"), &host(&[])), Err(RecordsError::NoAddress { .. })));
}
