//! Zone files and change lists through the library: golden lines, and the real data where it lies beside the checkout.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use althing_cli::zone::{changes::ChangeList, follow::Follower, master, read_text, to_lines};
use althing_interface::zone::{Plan, Record, Zone};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

const SMALL: &str = include_str!("data/small.zone");
const EXPECTED: &str = include_str!("data/small.expected");

/// The folder with real root-zone data; `None` where there is none and none is demanded.
fn real_data() -> Option<PathBuf> {
    let given = std::env::var_os("ALTHING_TEST_DATA").map(PathBuf::from);
    let folder =
        given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data")).join("rootzone");
    let there = folder.is_dir();
    assert!(there || std::env::var_os("ALTHING_REQUIRE_TEST_DATA").is_none(), "{} is missing", folder.display());
    there.then_some(folder)
}

fn file(folder: &Path, start: &str) -> PathBuf {
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|p| p.file_name().unwrap().to_string_lossy().starts_with(start));
    assert_eq!(names.len(), 1, "{start} in {}", folder.display());
    names.remove(0)
}

#[test]
fn every_form_of_a_master_file_gives_the_same_sorted_lines() {
    let parsed = master::parse("small.zone", SMALL).unwrap();
    let zone = Zone::from_records(&parsed.records).unwrap();
    assert_eq!(to_lines(&zone), EXPECTED);
    let skipped: Vec<_> = parsed.skipped.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    assert_eq!(skipped, [("NSEC", 1), ("RRSIG", 1), ("SOA", 1)]);
    // What was written is read back as the same.
    assert_eq!(master::parse("again", EXPECTED).unwrap().records, parsed.records);
}

#[test]
fn the_real_root_zone_comes_back_line_by_line() {
    let Some(folder) = real_data() else { return };
    let text = read_text(&file(&folder, "root-base")).unwrap();
    let parsed = master::parse("base", &text).unwrap();
    let zone = Zone::from_records(&parsed.records).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    assert!(to_lines(&zone).lines().eq(lines));
}

#[test]
fn the_real_changes_lead_to_the_expected_zone_and_every_stop_is_recognised() {
    let Some(folder) = real_data() else { return };
    let base = master::parse("base", &read_text(&file(&folder, "root-base")).unwrap()).unwrap();
    let list = ChangeList::parse("changes", &read_text(&file(&folder, "root-changes")).unwrap()).unwrap();
    let mut records: BTreeSet<Record> = base.records;
    let last_change = list.changes.iter().rposition(|c| !c.add.is_empty() || !c.delete.is_empty()).unwrap();
    for (index, change) in list.changes.iter().enumerate() {
        if index % 97 == 0 || index == last_change {
            let position = list.position(&records).unwrap();
            assert!(!position.partial && position.done >= index, "{index}: {position:?}");
            let between = &list.changes[index..position.done];
            assert!(between.iter().all(|c| c.add.is_empty() && c.delete.is_empty()), "{index}: {position:?}");
        }
        for (number, record) in change.delete.iter().enumerate() {
            assert!(records.remove(record), "{record}");
            if index == last_change && number == 0 && change.add.len() + change.delete.len() > 1 {
                let position = list.position(&records).unwrap();
                assert!(position.partial && position.done == index, "{position:?}");
            }
        }
        for record in &change.add {
            assert!(records.insert(record.clone()), "{record}");
        }
    }
    let zone = Zone::from_records(&records).unwrap();
    assert_eq!(to_lines(&zone), read_text(&file(&folder, "root-expected")).unwrap());
}

#[test]
fn the_real_changes_are_followed_with_the_plans_of_the_whole_zones() {
    let Some(folder) = real_data() else { return };
    let base = master::parse("base", &read_text(&file(&folder, "root-base")).unwrap()).unwrap();
    let list = ChangeList::parse("changes", &read_text(&file(&folder, "root-changes")).unwrap()).unwrap();
    let mut follower = Follower::new(Zone::from_records(&base.records).unwrap());
    for (index, change) in list.changes.iter().filter(|c| !c.add.is_empty() || !c.delete.is_empty()).enumerate() {
        let before = (index % 16 == 0).then(|| follower.zone().clone());
        let step = follower.apply(change).unwrap();
        assert_eq!((step.added, step.deleted), (change.add.len(), change.delete.len()));
        if let Some(before) = before {
            assert_eq!(follower.zone(), &Zone::from_records(follower.records()).unwrap());
            assert_eq!(step.plan, Plan::new(&before, follower.zone()), "serial {}", change.serial);
        }
    }
    assert_eq!(to_lines(follower.zone()), read_text(&file(&folder, "root-expected")).unwrap());
}
