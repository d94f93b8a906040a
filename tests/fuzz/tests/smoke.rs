//! Every target over its seeds, over what fuzzing found before, and over pseudo-random changes of both.
//!
//! `ALTHING_FUZZ_CASES` sets the number of changed inputs for each seed. A finding is kept as a file
//! `found/TARGET/NAME` and stays a test from then on.

use althing_fuzz::{Target, seeds::seeds, targets};
use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// xorshift64: the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[3]
    }
}

fn change(numbers: &mut Numbers, mut bytes: Vec<u8>) -> Vec<u8> {
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(bytes.len());
        match numbers.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 if at < bytes.len() => bytes[at] = numbers.byte(),
            2 => bytes.insert(at, numbers.byte()),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            5 if at + 4 <= bytes.len() => {
                let length = u32::MAX >> numbers.below(32);
                bytes[at..at + 4].copy_from_slice(&length.to_le_bytes());
            }
            _ => {
                let part: Vec<u8> = bytes[at..].iter().take(1 + numbers.below(40)).copied().collect();
                bytes.splice(at..at, part);
            }
        }
    }
    bytes
}

fn run(target: Target, bytes: &[u8], origin: &str) {
    let outcome = catch_unwind(|| (target.run)(bytes));
    assert!(outcome.is_ok(), "target {} fails for {origin}: {}", target.name, hex::encode(bytes));
}

fn starts(target: Target) -> Vec<(String, Vec<u8>)> {
    let mut all = seeds(target.name);
    if let Ok(found) = fs::read_dir(here("found").join(target.name)) {
        for entry in found {
            let path = entry.unwrap().path();
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    all.sort();
    all
}

#[test]
fn targets_hold_for_seeds_and_changes_of_them() {
    let cases = std::env::var("ALTHING_FUZZ_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000usize);
    for target in targets() {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
        run(target, &[], "nothing");
        for (name, bytes) in starts(target) {
            run(target, &bytes, &name);
            for case in 0..cases {
                let changed = change(&mut numbers, bytes.clone());
                run(target, &changed, &format!("change {case} of {name}"));
            }
        }
    }
}

#[test]
fn every_target_has_seeds_a_file_and_a_program() {
    let manifest = fs::read_to_string(here("Cargo.toml")).unwrap();
    let programs: BTreeSet<&str> = manifest.lines().filter_map(|l| l.strip_prefix("path = \"fuzz_targets/")).collect();
    let files = fs::read_dir(here("fuzz_targets")).unwrap();
    let files: BTreeSet<String> =
        files.map(|entry| format!("{}\"", entry.unwrap().file_name().to_string_lossy())).collect();
    assert_eq!(programs, files.iter().map(String::as_str).collect());
    for target in targets() {
        assert!(programs.contains(format!("{}.rs\"", target.name).as_str()), "{}", target.name);
        assert!(!seeds(target.name).is_empty(), "{} has no seeds", target.name);
    }
}

/// A target that starts from nothing but refused inputs reaches little.
#[cfg(feature = "runtime")]
#[test]
fn the_machine_takes_the_modules_it_is_fuzzed_with() {
    let machine = althing_runtime::Runtime::new(althing_runtime::Config::default()).unwrap();
    let taken: Vec<bool> = seeds("module").iter().map(|(_, code)| machine.check(code).is_ok()).collect();
    assert_eq!(taken, [true, true, true, false]);
}

#[cfg(feature = "zone")]
#[test]
fn zones_and_lists_that_are_fuzzed_are_read() {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for (name, bytes) in seeds("zone_file") {
        assert!(!althing_cli::zone::master::parse(&name, &text(&bytes)).unwrap().records.is_empty());
    }
    for (name, bytes) in seeds("change_list") {
        assert!(!althing_cli::zone::changes::ChangeList::parse(&name, &text(&bytes)).unwrap().changes.is_empty());
    }
}

#[cfg(feature = "rdap")]
#[test]
fn answers_and_lists_that_are_fuzzed_are_read() {
    use althing_rdap::{
        lookup::read_object,
        published::{File, Kind},
    };
    let name = althing_types::name::DomainName::parse("example.lab").unwrap();
    for part in seeds("rdap_answer")[0].1.split(|octet| *octet == 0) {
        assert!(read_object(part, "domain", &name).is_ok());
    }
    let kinds = [Kind::Bootstrap, Kind::Supplement];
    for (kind, (_, bytes)) in kinds.into_iter().zip(seeds("rdap_bootstrap")) {
        assert!(File::parse(kind, &bytes).is_ok());
    }
    let kinds = [Kind::RegistrarIds, Kind::Accredited];
    for (kind, (_, bytes)) in kinds.into_iter().zip(seeds("rdap_registrars")) {
        assert!(File::parse(kind, &bytes[1..]).is_ok());
    }
}
