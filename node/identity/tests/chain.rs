//! Chains that are good, and every way in which one is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod making;

use althing_identity::{
    CertificateRefusal as Refusal, MAX_CERTIFICATE, check_chain, check_root, claims, requested_key, serial,
};
use althing_types::{
    codec::{List, Text},
    id::OrganisationId,
    identity::{Facts, Usage},
    name::DomainName,
    organisation::Role,
};
use making::*;
use proptest::prelude::*;
use rcgen::{CertificateParams, IsCa, KeyIdMethod, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType};
use std::{collections::BTreeSet, fs, path::Path};

fn code(root: &[u8], chain: &[Vec<u8>], time_ms: u64) -> u32 {
    check_chain(root, chain, time_ms).map_or_else(|refusal| refusal.code(), |_| 0)
}

/// The code for one certificate under the usual root.
fn code_of(leaf: Vec<u8>) -> u32 {
    code(&root().0, &[leaf], NOW)
}

fn facts() -> Facts {
    Facts {
        organisation: OrganisationId::new("alpha").unwrap(),
        kind: Role::Registry,
        subject: Key::new(9).public(),
        usage: Usage::Node,
        tlds: List::new(["lab", "xn--p1ai"].map(|tld| DomainName::parse(tld).unwrap()).into()).unwrap(),
        registrar: None,
        serial: Text::new("8007").unwrap(),
        not_before_ms: BEGIN,
        not_after_ms: END,
    }
}

/// A root and so many authorities below it, the last issuing a leaf; without the root, leaf first.
fn tower(height: u8, length: Option<u8>) -> (Vec<u8>, Vec<Vec<u8>>) {
    let (mut above, mut above_key) = (authority("root", &Key::new(1), length), Key::new(1));
    let root = self_signed(&above, &above_key);
    let mut chain = Vec::new();
    for level in 0..height {
        let key = Key::new(20 + level);
        let mut own = authority(&format!("authority {level}"), &key, None);
        own.use_authority_key_identifier_extension = true;
        chain.insert(0, signed(&own, &key, &above, &above_key));
        (above, above_key) = (own, key);
    }
    chain.insert(0, signed(&member(&NAMES), &Key::new(9), &above, &above_key));
    (root, chain)
}

#[test]
fn a_good_chain_says_whose_key_it_is() {
    for height in 0..=3 {
        let (root, chain) = tower(height, None);
        assert_eq!(check_chain(&root, &chain, NOW), Ok(facts()), "{height}");
    }
    let leaf = leaf(|_| {});
    assert_eq!(claims(&leaf), Ok(facts()));
    assert_eq!(serial(&leaf).unwrap().as_str(), "8007");
    let authority = check_root(&root().0, NOW).unwrap();
    assert_eq!((authority.key, authority.name.as_str()), (Key::new(1).public(), "O=consortium, CN=root"));
}

#[test]
fn names_of_others_and_uncritical_extensions_are_passed_over() {
    let leaf = leaf(|all| {
        all.subject_alt_names.push(SanType::URI("https://alpha.example/".try_into().unwrap()));
        all.subject_alt_names.push(SanType::DnsName("node.alpha.example".try_into().unwrap()));
        all.custom_extensions.push(extension(&[1, 3, 6, 1, 4, 1, 99999, 1], &[5, 0], false));
    });
    assert_eq!(check_chain(&root().0, &[leaf], NOW), Ok(facts()));
}

#[test]
fn a_registrar_has_its_number() {
    let leaf = leaf(|all| *all = member(&["organisation:alpha", "kind:registrar", "usage:key", "registrar:292"]));
    let facts = check_chain(&root().0, &[leaf], NOW).unwrap();
    assert_eq!((facts.registrar, facts.kind, facts.usage), (Some(292), Role::Registrar, Usage::Key));
}

#[test]
fn both_ends_of_a_validity_belong_to_it() {
    let good = [leaf(|_| {})];
    let root = root().0;
    for (time, expected) in [(BEGIN - 1, 5), (BEGIN, 0), (END, 0), (END + 1, 4), (0, 5), (u64::MAX, 4)] {
        assert_eq!(code(&root, &good, time), expected, "{time}");
    }
}

#[test]
fn every_certificate_of_the_chain_must_be_valid() {
    let (_, mut by, key) = making::root();
    within(&mut by, BEGIN, NOW - 1000);
    let chain = [signed(&member(&NAMES), &Key::new(9), &by, &key)];
    assert_eq!(
        check_chain(&self_signed(&by, &key), &chain, NOW),
        Err(Refusal::Expired { place: 1, not_after_ms: NOW - 1000, time_ms: NOW })
    );
    let (root, chain) = tower(2, None);
    let mut middle = authority("authority 0", &Key::new(20), None);
    within(&mut middle, NOW + 1000, END);
    let changed = vec![chain[0].clone(), chain[1].clone(), signed(&middle, &Key::new(20), &by, &key)];
    assert!(matches!(check_chain(&root, &changed, NOW), Err(Refusal::NotYetValid { place: 2, .. })));
}

#[test]
fn a_certificate_of_another_root_is_refused() {
    let other = Key::new(2);
    let mut by = authority("root", &other, None);
    assert_eq!(code_of(signed(&member(&NAMES), &Key::new(9), &by, &other)), 6);
    // The same name and the same key identifier: only the signature tells.
    by.key_identifier_method = KeyIdMethod::PreSpecified(Key::new(1).public().0[..20].to_vec());
    assert_eq!(code_of(signed(&member(&NAMES), &Key::new(9), &by, &other)), 3);
    assert_eq!(code_of(signed(&member(&NAMES), &Key::new(9), &authority("another", &other, None), &other)), 6);
}

#[test]
fn no_bit_of_a_chain_can_be_changed() {
    let (root, chain) = tower(1, None);
    for at in 0..2 {
        for bit in 0..chain[at].len() * 8 {
            let mut changed = chain.clone();
            changed[at][bit / 8] ^= 1 << (bit % 8);
            assert!(check_chain(&root, &changed, NOW).is_err(), "certificate {at} bit {bit}");
        }
    }
}

#[test]
fn bytes_left_over_or_missing_are_refused() {
    let (root, chain) = tower(0, None);
    for length in 0..chain[0].len() {
        assert_eq!(code(&root, &[chain[0][..length].to_vec()], NOW), 1, "{length}");
    }
    assert_eq!(code(&root, &[[&chain[0][..], &[0]].concat()], NOW), 1);
    assert_eq!(code(&[&root[..], &[0]].concat(), &chain, NOW), 1);
}

/// The parts of a certificate: what is signed, algorithm, signature, each with its tag and length.
fn parts(leaf: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let end = 4 + 4 + usize::from(u16::from_be_bytes([leaf[6], leaf[7]]));
    (&leaf[4..end], &leaf[end..end + 7], &leaf[end + 7..])
}

fn sequence(content: &[u8]) -> Vec<u8> {
    [&[0x30, 0x82][..], &u16::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

#[test]
fn another_form_of_the_same_certificate_is_refused() {
    let leaf = leaf(|_| {});
    let (body, algorithm, signature) = parts(&leaf);
    assert_eq!(code_of(sequence(&[body, algorithm, signature].concat())), 0);
    // A length in a longer form, a parameter of the algorithm, a fourth part, unused bits of the signature.
    let length = &leaf[2..4];
    assert_eq!(code_of([&[0x30, 0x83, 0][..], length, &leaf[4..]].concat()), 1);
    let parameters = [0x30, 0x07, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x05, 0x00];
    assert_eq!(code_of(sequence(&[body, &parameters, signature].concat())), 2);
    assert_eq!(code_of(sequence(&[body, algorithm, signature, &[0x05, 0x00]].concat())), 1);
    let mut padded = signature.to_vec();
    padded[2] = 1;
    *padded.last_mut().unwrap() &= 0xfe;
    assert!(matches!(code_of(sequence(&[body, algorithm, &padded].concat())), 1 | 2));
    // A tag of another class, which stands outside of what is signed.
    assert_eq!(code_of([&[0xb0][..], &leaf[1..]].concat()), 1);
}

#[test]
fn another_algorithm_is_refused() {
    let (_, by, key) = root();
    let mut subject = Key::new(9);
    subject.algorithm = &PKCS_ECDSA_P256_SHA256;
    assert_eq!(code_of(signed(&member(&NAMES), &subject, &by, &key)), 2);
    let mut key = key;
    key.algorithm = &PKCS_ECDSA_P256_SHA256;
    assert_eq!(code_of(signed(&member(&NAMES), &Key::new(9), &by, &key)), 2);
}

#[test]
fn only_an_authority_issues() {
    let issue = |change: &dyn Fn(&mut CertificateParams)| {
        let (root, by, key) = making::root();
        let middle_key = Key::new(30);
        let mut middle = authority("middle", &middle_key, None);
        change(&mut middle);
        let chain =
            [signed(&member(&NAMES), &Key::new(9), &middle, &middle_key), signed(&middle, &middle_key, &by, &key)];
        code(&root, &chain, NOW)
    };
    assert_eq!(issue(&|_| {}), 0);
    assert_eq!(issue(&|all| all.is_ca = IsCa::ExplicitNoCa), 7);
    assert_eq!(issue(&|all| all.is_ca = IsCa::NoCa), 7);
    assert_eq!(issue(&|all| all.key_usages = vec![KeyUsagePurpose::DigitalSignature]), 7);
    assert_eq!(issue(&|all| all.key_usages = vec![]), 7);
    assert_eq!(issue(&|all| all.subject_alt_names = member(&NAMES).subject_alt_names), 7);
}

#[test]
fn path_lengths_are_kept() {
    for (height, length, expected) in
        [(0, Some(0), 0), (1, Some(0), 8), (2, Some(1), 8), (2, Some(2), 0), (3, None, 0), (4, None, 8)]
    {
        let (root, chain) = tower(height, length);
        assert_eq!(code(&root, &chain, NOW), expected, "{height} below {length:?}");
    }
}

#[test]
fn an_authority_is_no_member() {
    assert_eq!(code_of(leaf(|all| all.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained))), 13);
    assert_eq!(code_of(leaf(|all| all.key_usages.push(KeyUsagePurpose::KeyCertSign))), 13);
    assert_eq!(code_of(leaf(|all| all.key_usages = vec![])), 13);
    assert_eq!(code_of(leaf(|all| all.key_usages = vec![KeyUsagePurpose::KeyAgreement])), 13);
    assert_eq!(code_of(root().0), 13);
}

#[test]
fn a_chain_is_in_order_and_not_empty() {
    let (root, chain) = tower(2, None);
    assert_eq!(code(&root, &[], NOW), 14);
    assert_eq!(code(&root, &chain[..2], NOW), 6);
    assert!(matches!(code(&root, &[chain[0].clone(), chain[2].clone(), chain[1].clone()], NOW), 6 | 7));
    assert!(matches!(code(&root, &chain[1..], NOW), 13));
}

#[test]
fn the_root_signed_itself() {
    let (_, chain) = tower(1, None);
    assert_eq!(code(&chain[1], &chain[..1], NOW), 12);
    let (mut forged, by, key) = root();
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(code(&forged, &[signed(&member(&NAMES), &Key::new(9), &by, &key)], NOW), 12);
    assert_eq!(check_root(&leaf(|_| {}), NOW).unwrap_err().code(), 12);
}

#[test]
fn names_of_ours_are_there_once_and_of_their_form() {
    let with = |names: &[&str]| code_of(leaf(|all| *all = member(names)));
    assert_eq!(with(&NAMES), 0);
    for (at, missing) in NAMES.iter().enumerate().take(3) {
        let mut names = NAMES.to_vec();
        names.remove(at);
        assert_eq!(with(&names), 9, "without {missing}");
    }
    for twice in NAMES {
        assert_eq!(with(&[&NAMES[..], &[twice]].concat()), 9, "twice {twice}");
    }
    for more in [
        "kind:registrar",
        "usage:key",
        "organisation:beta",
        "registrar:292",
        "tld:LAB2",
        "tld:a.b",
        "tld:b.",
        "tld:",
        "tld:ü",
        "unknown:1",
        "unknown",
        "",
    ] {
        // Names in certificates are ASCII; the maker of certificates refuses others by itself.
        if more.is_ascii() {
            assert_eq!(with(&[&NAMES[..], &[more]].concat()), 9, "{more}");
        }
    }
    for bad in ["kind:Registry", "kind:", "usage:nodes", "organisation:", "organisation:Alpha"] {
        let field = bad.split(':').next().unwrap();
        let mut names: Vec<&str> = NAMES.into_iter().filter(|name| !name.starts_with(field)).collect();
        names.push(bad);
        assert_eq!(with(&names), 9, "{bad}");
    }
    for bad in ["registrar:0292", "registrar:+292", "registrar:", "registrar:4294967296", "tld:lab"] {
        assert_eq!(with(&["organisation:alpha", "kind:registrar", "usage:key", bad]), 9, "{bad}");
    }
}

#[test]
fn the_scheme_has_one_spelling() {
    let other = leaf(|all| all.subject_alt_names.push(SanType::URI("ALTHING:tld:more".try_into().unwrap())));
    assert_eq!(code_of(other), 9);
}

#[test]
fn a_certificate_without_alternative_names_is_refused() {
    assert_eq!(code_of(leaf(|all| all.subject_alt_names.clear())), 9);
}

#[test]
fn sixty_four_tlds_are_the_most() {
    let labels = |count: usize| (0..count).map(|n| format!("tld:t{n}")).collect::<Vec<_>>();
    for (count, expected) in [(64, 0), (65, 9)] {
        let tlds = labels(count);
        let names: Vec<&str> = NAMES[..3].iter().copied().chain(tlds.iter().map(String::as_str)).collect();
        assert_eq!(code_of(leaf(|all| *all = member(&names))), expected, "{count}");
    }
}

#[test]
fn the_subject_says_the_same_organisation() {
    assert_eq!(code_of(leaf(|all| all.distinguished_name = parameters("beta", "x", &[1]).distinguished_name)), 9);
    assert_eq!(code_of(leaf(|all| all.distinguished_name = rcgen::DistinguishedName::new())), 9);
}

#[test]
fn what_must_be_understood_and_is_not_is_refused() {
    assert_eq!(code_of(leaf(|all| all.custom_extensions.push(extension(&[1, 2, 3], &[5, 0], true)))), 10);
    // Name constraints, critical or not: to pass over them would be to widen what an issuer may do.
    for critical in [true, false] {
        assert_eq!(
            code_of(leaf(|all| all.custom_extensions.push(extension(&[2, 5, 29, 30], &[0x30, 0], critical)))),
            10
        );
    }
}

#[test]
fn an_extension_is_there_once_and_of_its_form() {
    let twice = extension(&[1, 2, 3], &[5, 0], false);
    assert_eq!(code_of(leaf(|all| all.custom_extensions = vec![twice.clone(), twice])), 1);
    let usage = |content: &'static [u8]| {
        code_of(leaf(|all| {
            all.key_usages.clear();
            all.custom_extensions.push(extension(&[2, 5, 29, 15], content, true));
        }))
    };
    assert_eq!(usage(&[3, 2, 7, 0x80]), 0);
    // Unused bits that are counted as used, no bits, too many, bytes after the end, another type.
    for bad in [&[3, 2, 0, 0x80][..], &[3, 1, 0], &[3, 4, 0, 0x80, 0, 1], &[3, 2, 7, 0x80, 0], &[4, 1, 0x80], &[]] {
        assert_eq!(usage(bad), 1, "{bad:02x?}");
    }
    let constraints = |content: &'static [u8]| {
        code_of(leaf(|all| {
            all.is_ca = IsCa::NoCa;
            all.custom_extensions.push(extension(&[2, 5, 29, 19], content, true));
        }))
    };
    assert_eq!(constraints(&[0x30, 0]), 0);
    // A default that is written out, a path length of no authority, a truth value of another form.
    for bad in [&[0x30, 3, 1, 1, 0][..], &[0x30, 3, 2, 1, 0], &[0x30, 3, 1, 1, 1], &[0x30, 0, 0]] {
        assert_eq!(constraints(bad), 1, "{bad:02x?}");
    }
}

#[test]
fn a_large_certificate_is_refused_before_it_is_read() {
    let large = leaf(|all| all.custom_extensions.push(extension(&[1, 2, 3], &[0; MAX_CERTIFICATE], false)));
    assert_eq!(code_of(large), 11);
    assert_eq!(code(&vec![0; MAX_CERTIFICATE + 1], &[leaf(|_| {})], NOW), 11);
}

#[test]
fn a_serial_number_is_positive_and_short() {
    assert_eq!(code_of(leaf(|all| all.serial_number = Some(vec![0].into()))), 1);
    assert_eq!(code_of(leaf(|all| all.serial_number = Some(vec![1; 21].into()))), 1);
    let longest = leaf(|all| all.serial_number = Some(vec![0x7f; 20].into()));
    assert_eq!(check_chain(&root().0, &[longest], NOW).unwrap().serial.as_str(), "7f".repeat(20));
}

#[test]
fn a_time_before_1970_is_refused() {
    assert_eq!(code_of(leaf(|all| all.not_before = rcgen::date_time_ymd(1965, 1, 1))), 1);
    // From 2050 on another form is used, which must work as well.
    let (_, mut by, key) = root();
    let mut late = member(&NAMES);
    late.not_after = rcgen::date_time_ymd(2051, 1, 1);
    by.not_after = late.not_after;
    let chain = [signed(&late, &Key::new(9), &by, &key)];
    assert_eq!(check_chain(&self_signed(&by, &key), &chain, NOW).unwrap().not_after_ms, 2_556_144_000_000);
}

#[test]
fn a_request_gives_its_key_when_its_owner_signed_it() {
    let key = Key::new(40);
    let request = CertificateParams::default().serialize_request(&key).unwrap().der().to_vec();
    assert_eq!(requested_key(&request), Ok(key.public()));
    for bit in 0..request.len() * 8 {
        let mut changed = request.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(requested_key(&changed).is_err(), "bit {bit}");
    }
    assert!(requested_key(&leaf(|_| {})).is_err());
}

#[test]
fn codes_never_change_their_meaning() {
    let place = 0;
    let all = [
        Refusal::Malformed { place, reason: String::new() },
        Refusal::NotEd25519 { place, what: "" },
        Refusal::BadSignature { place },
        Refusal::Expired { place, not_after_ms: 0, time_ms: 0 },
        Refusal::NotYetValid { place, not_before_ms: 0, time_ms: 0 },
        Refusal::WrongIssuer { place, what: "" },
        Refusal::NotAuthority { place, reason: "" },
        Refusal::PathTooLong { found: 0, allowed: 0, by: "" },
        Refusal::BadName { place, field: "", value: String::new(), rule: "" },
        Refusal::UnknownExtension { place, identifier: String::new() },
        Refusal::TooLarge { place, found: 0, maximum: 0 },
        Refusal::BadRoot { reason: "" },
        Refusal::NotLeaf { place, reason: "" },
        Refusal::Empty,
    ];
    assert_eq!(all.iter().map(Refusal::code).collect::<Vec<_>>(), (1..=14).collect::<Vec<_>>());
    assert_eq!(all.iter().map(Refusal::name).collect::<BTreeSet<_>>().len(), 14);
}

/// The committed chain, which also feeds the fuzzer: a change of it is a change of what is accepted.
#[test]
fn the_committed_chain_is_accepted() {
    let (root, chain) = tower(1, Some(1));
    let request = CertificateParams::default().serialize_request(&Key::new(40)).unwrap().der().to_vec();
    let named = [("root", &root), ("leaf", &chain[0]), ("authority", &chain[1]), ("request", &request)];
    let text: String = named.iter().map(|(name, der)| format!("{name} {}\n", hex::encode(der))).collect();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden.txt");
    if std::env::var_os("ALTHING_BLESS").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert_eq!(committed, text);
    let der = |name: &str| {
        let line = committed.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        hex::decode(line.trim()).unwrap()
    };
    assert_eq!(check_chain(&der("root"), &[der("leaf"), der("authority")], NOW), Ok(facts()));
    assert_eq!(requested_key(&der("request")), Ok(Key::new(40).public()));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), time in any::<u64>()) {
        let root = root().0;
        prop_assert!(check_chain(&root, std::slice::from_ref(&bytes), time).is_err());
        prop_assert!(check_chain(&bytes, &[root], time).is_err());
        prop_assert!(claims(&bytes).is_err());
        prop_assert!(serial(&bytes).is_err());
        prop_assert!(requested_key(&bytes).is_err());
    }

    #[test]
    fn no_damage_makes_it_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..8),
    ) {
        let mut leaf = leaf(|_| {});
        for (at, byte, how) in changes {
            let at = at.index(leaf.len());
            match how {
                0 => leaf[at] = byte,
                1 => leaf.insert(at, byte),
                _ => drop(leaf.remove(at)),
            }
        }
        if let Ok(found) = claims(&leaf) {
            let bytes = althing_types::codec::encode(&found);
            prop_assert_eq!(althing_types::codec::decode::<Facts>("facts", &bytes, bytes.len()), Ok(found));
        }
        if let Ok(found) = check_chain(&root().0, &[leaf], NOW) {
            prop_assert_eq!(found, facts());
        }
    }
}
