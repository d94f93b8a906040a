//! What decoders do with bytes that others made: no panic, one form for each value, memory in proportion to the input.
//!
//! Random bytes are refused early, so most cases start from the golden samples and change a few bytes. The fuzz targets
//! in `tests/fuzz` ask the same questions for longer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "the golden test uses the rest")]
mod samples;

use althing_types::{
    authority::AuthorityList,
    certificate::QuorumCertificate,
    codec::{decode, encode},
    genesis::Genesis,
    hash::Hash,
    id::{ChainId, ContractId},
    merkle::MerkleProof,
    name::DomainName,
    proof::StateProof,
};
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed},
};
use samples::{Sample, samples};
use std::{collections::BTreeSet, sync::OnceLock};

/// Memory that a decoder may hold, whatever the input says: buffers for texts, first reservations, an error.
const BASE: u64 = 64 * 1024;
/// Further bytes of memory for each byte of input: values are wider than their encoding, vectors grow by doubling.
const FACTOR: u64 = 16;

fn all() -> &'static [Known] {
    static ALL: OnceLock<Vec<Known>> = OnceLock::new();
    ALL.get_or_init(|| {
        let keep = |s: Sample| Known { name: s.name, bytes: s.bytes, recode: s.recode };
        samples().into_iter().map(keep).collect()
    })
}

struct Known {
    name: String,
    bytes: Vec<u8>,
    recode: samples::Recode,
}

impl Known {
    /// Accepted bytes must be the one form of their value.
    fn holds(&self, bytes: &[u8]) {
        if let Ok(again) = (self.recode)(bytes) {
            assert_eq!(again, bytes, "{} has two forms of one value", self.name);
        }
    }

    fn decode_within_bounds(&self, bytes: &[u8]) {
        let used = allocation_counter::measure(|| {
            let _ = (self.recode)(bytes);
        });
        let allowed = BASE + FACTOR * bytes.len() as u64;
        assert!(used.bytes_max <= allowed, "{}: {} B of {} B input", self.name, used.bytes_max, bytes.len());
    }
}

fn fixed(cases: u32) -> Config {
    Config { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(2), ..Config::default() }
}

/// One change of bytes: where (of 65536 parts of the length), what kind, with what.
fn change(bytes: &mut Vec<u8>, (place, kind, value): (u16, u8, u32)) {
    let at = usize::from(place) * bytes.len() / 65_536;
    match kind % 6 {
        0 if at < bytes.len() => bytes[at] ^= 1 << (value % 8),
        1 if at < bytes.len() => bytes[at] = value.to_le_bytes()[0],
        2 => bytes.insert(at, value.to_le_bytes()[0]),
        3 if at < bytes.len() => drop(bytes.remove(at)),
        4 if at + 4 <= bytes.len() => bytes[at..at + 4].copy_from_slice(&value.to_le_bytes()),
        _ => {
            let part: Vec<u8> = bytes[at..].iter().take(64).copied().collect();
            bytes.splice(at..at, part);
        }
    }
}

proptest! {
    #![proptest_config(fixed(512))]

    #[test]
    fn random_bytes_are_refused_or_canonical(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        for known in all() {
            known.holds(&bytes);
            known.decode_within_bounds(&bytes);
        }
    }

    #[test]
    fn small_bytes_are_refused_or_canonical(bytes in prop::collection::vec(0u8..4, 0..120)) {
        for known in all() {
            known.holds(&bytes);
        }
    }

    #[test]
    fn foreign_text_never_panics(text in any::<String>(), name in "[a-z.A-Z_-]{0,80}") {
        for text in [&text, &name] {
            let _ = text.parse::<Hash>();
            let _ = text.parse::<ContractId>();
            let _ = serde_json::from_str::<Genesis>(text);
            if let Ok(name) = DomainName::parse(text) {
                prop_assert_eq!(DomainName::parse(&name.to_string()), Ok(name.clone()));
                prop_assert_eq!(decode::<DomainName>("name", &encode(&name), 300), Ok(name));
            }
        }
    }
}

proptest! {
    #![proptest_config(fixed(16_384))]

    #[test]
    fn changed_samples_are_refused_or_canonical(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(any::<(u16, u8, u32)>(), 1..5),
    ) {
        let known = which.get(all());
        let mut bytes = known.bytes.clone();
        for one in changes {
            change(&mut bytes, one);
        }
        known.holds(&bytes);
        known.decode_within_bounds(&bytes);
    }

    #[test]
    fn changed_proofs_prove_nothing(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(any::<(u16, u8, u32)>(), 1..3),
    ) {
        let kinds = ["StateProof", "MerkleProof", "QuorumCertificate"];
        let is_proof = |known: &&Known| kinds.iter().any(|kind| known.name.starts_with(kind));
        let proofs: Vec<&Known> = all().iter().filter(is_proof).collect();
        let known = which.get(&proofs);
        let mut bytes = known.bytes.clone();
        for one in changes {
            change(&mut bytes, one);
        }
        if bytes == known.bytes {
            return Ok(());
        }
        if let Ok(proof) = decode::<StateProof>("proof", &bytes, 1 << 20) {
            prop_assert!(proof.verify(&Hash::ZERO, b"key", None).is_err());
            prop_assert!(proof.verify(&Hash::ZERO, b"key", Some(b"value")).is_err());
        }
        if let Ok(proof) = decode::<MerkleProof>("proof", &bytes, 1 << 20) {
            prop_assert!(!proof.verify(&Hash::ZERO, &Hash::ZERO));
        }
        if let Ok(certificate) = decode::<QuorumCertificate>("certificate", &bytes, 1 << 20) {
            // Another round or block is another vote; nobody signed it.
            prop_assert!(certificate.verify(&chain(), &authorities()).is_err());
        }
    }
}

fn chain() -> ChainId {
    ChainId::new("root-1").unwrap()
}

fn authorities() -> AuthorityList {
    let list = all().iter().find(|k| k.name == "AuthorityList.two_thirds").unwrap();
    decode("authorities", &list.bytes, 1 << 20).unwrap()
}

#[test]
fn false_lengths_take_no_memory() {
    let lengths = [u32::MAX, i32::MAX as u32, 0x00ff_ffff, 768 * 1024, 64 * 1024, 8_192, 4_096, 256, 128, 64, 16];
    for known in all() {
        known.decode_within_bounds(&known.bytes);
        for at in 0..known.bytes.len().saturating_sub(3) {
            for length in lengths {
                let mut bytes = known.bytes.clone();
                bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
                known.holds(&bytes);
                known.decode_within_bounds(&bytes);
            }
        }
    }
}

#[test]
fn the_measure_sees_a_reservation() {
    let used = allocation_counter::measure(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 20))));
    assert!(used.bytes_max >= 1 << 20);
}

#[test]
fn every_sample_is_its_own_only_form() {
    let mut seen = BTreeSet::new();
    for known in all() {
        known.holds(&known.bytes);
        let kind = known.name.split('.').next().unwrap_or_default();
        assert!(seen.insert((kind, &known.bytes)), "{} has the bytes of another sample", known.name);
    }
}
