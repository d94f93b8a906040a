//! Golden bytes: the canonical form of every encoded type, compared with the committed `golden.txt`.
//!
//! A difference there is a change of the protocol: every node, client and stored chain reads these bytes. After a
//! deliberate change `ALTHING_BLESS=1` writes the file anew, and the diff belongs in the review.
//!
//! One line each: name, canonical bytes, and where there is one the tag and the hash under it. Names in lower case are
//! no types: `tag` (the hash of `abc` under each tag), `key` (keys of the state), `order` (parts of contracts' keys).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod samples;

use althing_types::{
    certificate::QuorumCertificate,
    codec::{Bytes, Text, decode},
    crypto::{PublicKey, Signed},
    genesis::Genesis,
    hash::{Hash, Tag, hash, hash_of},
    id::{ContractId, OrganisationId},
    keyspace,
    name::DomainName,
    order::Key,
    transaction::Transaction,
    vote::{Evidence, Proposal, Vote},
};
use samples::{Sample, samples};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

fn here(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn sample(name: &str) -> Sample {
    samples().into_iter().find(|s| s.name == name).expect("a sample of this name")
}

fn line(name: &str, bytes: &[u8], hash: Option<(Tag, Hash)>) -> String {
    let hash = hash.map(|(tag, hash)| format!(" {} {hash}", tag.text())).unwrap_or_default();
    format!("{name} {}{hash}", hex::encode(bytes))
}

fn tag_lines() -> Vec<String> {
    use Tag::*;
    let tags = [
        Transaction,
        Header,
        Receipt,
        Authorities,
        Genesis,
        Proposal,
        Vote,
        MerkleLeaf,
        MerkleNode,
        MerkleRoot,
        StateKey,
        Code,
        Contract,
        Message,
        Schema,
        Recovery,
    ];
    tags.into_iter().map(|tag| line("tag", b"abc", Some((tag, hash(tag, &[b"abc"]))))).collect()
}

fn key_lines() -> Vec<String> {
    let (key, contract) = (PublicKey([9; 32]), ContractId::new("tld_binding").unwrap());
    let keys = [
        ("sequence", keyspace::sequence(&key)),
        ("key_entry", keyspace::key_entry(&key)),
        ("organisation", keyspace::organisation(&OrganisationId::new("alpha").unwrap())),
        ("contract", keyspace::contract(&contract)),
        ("contracts", keyspace::contracts()),
        ("code", keyspace::code(&keyspace::code_hash(b"\0asm\x01\0\0\0"))),
        ("authorities", keyspace::authorities()),
        ("parameters", keyspace::parameters()),
        ("members", keyspace::members()),
        ("governor", keyspace::governor()),
        ("deferred", keyspace::deferred()),
        ("results", keyspace::results()),
        ("open_deploy", keyspace::open_deploy()),
        ("member_count", keyspace::member_count()),
        ("recovery", keyspace::recovery()),
        ("block_end", keyspace::block_end()),
        ("storage", keyspace::storage(&contract, b"own key")),
    ];
    keys.into_iter()
        .map(|(name, key)| line(&format!("key.{name}"), &key, Some((Tag::StateKey, keyspace::key_hash(&key)))))
        .collect()
}

fn order_lines() -> Vec<String> {
    fn one(name: &str, key: &impl Key) -> String {
        let mut out = Vec::new();
        key.encode_key(&mut out);
        line(&format!("order.{name}"), &out, None)
    }
    vec![
        one("bool", &true),
        one("u32", &258u32),
        one("i64_negative", &-2i64),
        one("i64_positive", &2i64),
        one("name", &DomainName::parse("ns1.lab").unwrap()),
        one("identifier", &OrganisationId::new("alpha").unwrap()),
        one("text", &Text::<8>::new("a\0b").unwrap()),
        one("bytes", &Bytes::<8>::new(vec![0, 255]).unwrap()),
        one("none", &None::<u8>),
        one("some", &Some(7u8)),
        one("tuple", &(DomainName::parse("lab").unwrap(), 1u16)),
    ]
}

fn golden() -> String {
    let mut lines = vec![
        "# Canonical bytes of every encoded type; see golden.rs. Written by ALTHING_BLESS=1.".to_string(),
        "# name bytes [tag hash]".to_string(),
    ];
    lines.extend(samples().iter().map(|s| line(&s.name, &s.bytes, s.hash)));
    lines.extend(tag_lines().into_iter().chain(key_lines()).chain(order_lines()));
    lines.join("\n") + "\n"
}

#[test]
fn canonical_bytes_are_the_committed_ones() {
    let (path, now) = (here("tests/golden.txt"), golden());
    if std::env::var_os("ALTHING_BLESS").is_some() {
        fs::write(&path, &now).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    for (now, committed) in now.lines().zip(committed.lines()) {
        assert_eq!(now, committed, "the canonical form changed; ALTHING_BLESS=1 if that is meant");
    }
    assert_eq!(
        now.lines().count(),
        committed.lines().count(),
        "samples came or went; ALTHING_BLESS=1 if that is meant"
    );
}

#[test]
fn names_are_unique() {
    let mut seen = BTreeSet::new();
    for sample in samples() {
        assert!(seen.insert(sample.name.clone()), "{} twice", sample.name);
    }
}

#[test]
fn decoding_gives_the_value_back() {
    for sample in samples() {
        assert!((sample.equal)(&sample.bytes), "{}", sample.name);
        assert_eq!((sample.recode)(&sample.bytes).as_ref(), Ok(&sample.bytes), "{}", sample.name);
    }
}

#[test]
fn a_trailing_byte_is_refused() {
    for sample in samples() {
        for extra in [0, 1, 255] {
            let longer = [sample.bytes.as_slice(), &[extra]].concat();
            assert!((sample.recode)(&longer).is_err(), "{} and {extra}", sample.name);
        }
    }
}

#[test]
fn every_truncation_is_refused() {
    for sample in samples() {
        for end in 0..sample.bytes.len() {
            assert!((sample.recode)(&sample.bytes[..end]).is_err(), "{} cut to {end}", sample.name);
        }
    }
}

#[test]
fn hashes_are_those_of_the_canonical_bytes() {
    for sample in samples() {
        if let Some((tag, found)) = sample.hash {
            assert_eq!(found, hash(tag, &[&sample.bytes]), "{}", sample.name);
        }
    }
    assert_eq!(hash_of(Tag::Code, &7u8), hash(Tag::Code, &[&[7]]));
}

#[test]
fn signed_samples_verify_and_documents_hold() {
    fn value<T: borsh::BorshDeserialize>(name: &str) -> T {
        decode("sample", &sample(name).bytes, 1 << 20).unwrap()
    }
    for which in ["Call", "Deploy", "Upgrade"] {
        assert!(value::<Signed<Transaction>>(&format!("Signed.Transaction_{which}")).verify().is_ok(), "{which}");
    }
    assert!(value::<Signed<Vote>>("Signed.Vote").verify().is_ok());
    assert!(value::<Signed<Proposal>>("Signed.Proposal").verify().is_ok());
    let genesis: Genesis = value("Genesis");
    assert_eq!(genesis.check(), Ok(()));
    let certificate: QuorumCertificate = value("QuorumCertificate");
    assert_eq!(certificate.verify(&genesis.chain, &genesis.authority_list().unwrap()), Ok(()));
    for which in ["Votes", "Proposals"] {
        assert!(value::<Evidence>(&format!("Evidence.{which}")).offender().is_some(), "{which}");
    }
}

/// Types of the sources that have canonical bytes, enumerations with their variants.
fn encoded_types() -> BTreeMap<String, Vec<String>> {
    let mut types = BTreeMap::new();
    for entry in fs::read_dir(here("src")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        let (mut derive, mut encoded, mut macro_name) = (None::<String>, false, "");
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let plain = line.trim();
            if let Some(name) = line.strip_prefix("macro_rules! ") {
                macro_name = name.trim_end_matches(" {");
            }
            if plain.starts_with("#[derive(") {
                derive = Some(String::new());
            }
            if let Some(list) = &mut derive {
                list.push_str(plain);
                if plain.ends_with(")]") {
                    encoded = list.contains("BorshSerialize");
                    derive = None;
                }
            }
            if let Some((_, name)) = line.split_once(" BorshSerialize for ") {
                types.insert(identifier(name), vec![]);
            }
            let Some(item) =
                ["pub struct ", "pub enum ", "struct ", "enum "].iter().find_map(|p| plain.strip_prefix(p))
            else {
                continue;
            };
            if !std::mem::take(&mut encoded) {
                continue;
            }
            if item.starts_with('$') {
                types.extend(invocations(&text, macro_name).into_iter().map(|name| (name, vec![])));
                continue;
            }
            let variants = if plain.contains("enum ") { variants(&mut lines) } else { vec![] };
            types.insert(identifier(item), variants);
        }
    }
    types
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Variants up to the end of an enumeration: they stand four spaces in.
fn variants<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Vec<String> {
    lines
        .take_while(|line| *line != "}")
        .filter_map(|line| line.strip_prefix("    ").filter(|rest| rest.starts_with(char::is_uppercase)))
        .map(identifier)
        .collect()
}

/// The first argument of each use of a macro that is no attribute.
fn invocations(text: &str, macro_name: &str) -> Vec<String> {
    text.split(&format!("\n{macro_name}!("))
        .skip(1)
        .filter_map(|rest| rest.lines().map(str::trim).find(|l| l.starts_with(char::is_uppercase)))
        .map(identifier)
        .collect()
}

#[test]
fn every_encoded_type_has_golden_bytes() {
    let samples = samples();
    let covered: BTreeSet<String> = samples.iter().map(|s| identifier(&s.name)).collect();
    let types = encoded_types();
    assert!(types.len() > 40, "the sources are not read as they should be: {types:?}");
    let missing: Vec<_> = types.keys().filter(|name| !covered.contains(*name)).collect();
    assert!(missing.is_empty(), "without golden bytes: {missing:?}");
    let strangers: Vec<_> = covered.iter().filter(|name| !types.contains_key(*name)).collect();
    assert!(strangers.is_empty(), "golden bytes of no type: {strangers:?}");
}

#[test]
fn every_variant_has_golden_bytes() {
    let names: BTreeSet<String> = samples().into_iter().map(|s| s.name).collect();
    let mut count = 0;
    for (kind, variants) in encoded_types() {
        for variant in variants {
            count += 1;
            assert!(names.contains(&format!("{kind}.{variant}")), "{kind}.{variant}");
        }
    }
    assert!(count > 60, "the sources are not read as they should be: {count} variants");
}

#[test]
fn numbers_of_no_variant_are_refused() {
    let samples = samples();
    for (kind, variants) in encoded_types().into_iter().filter(|(_, variants)| !variants.is_empty()) {
        let own: Vec<&Sample> = samples.iter().filter(|s| identifier(&s.name) == kind).collect();
        let known: BTreeSet<u8> = own.iter().map(|s| s.bytes[0]).collect();
        assert_eq!(known.len(), variants.len(), "{kind}");
        for number in (0..=u8::MAX).filter(|n| !known.contains(n)) {
            for sample in &own {
                let mut changed = sample.bytes.clone();
                changed[0] = number;
                assert!((sample.recode)(&changed).is_err(), "{kind} {number}");
            }
        }
    }
}
