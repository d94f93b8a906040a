//! From readings to versions: serials, history, brake, restarts and damaged state folders, without sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use althing_zone::{
    brake::{Alarm, BrakeConfig},
    master,
    publish::{Making, Outcome, Publisher, earlier},
    record::{Owner, Record},
    record_set::RecordSet,
    serial::{SerialPolicy, is_after},
    source::Reading,
    version::{Delta, Difference, Origin, Owners, SoaFields, condense, delegations},
};
use domain::base::Rtype;
use proptest::prelude::*;
use std::{collections::BTreeSet, fmt::Write as _, path::Path, sync::Arc};

const DAY: u64 = 1_795_305_600_000;

fn making() -> Making {
    Making {
        apex: Owner::root(),
        soa: SoaFields {
            mname: Owner::parse("a.root-servers.net.").unwrap(),
            rname: Owner::parse("nstld.example.").unwrap(),
            refresh: 1800,
            retry: 900,
            expire: 604_800,
            minimum: 86_400,
            ttl: 86_400,
        },
        serial: SerialPolicy::Date,
        serial_floor: None,
        zonemd: true,
        brake: BrakeConfig::default(),
        history: 100,
    }
}

/// A zone of some delegations, each with one host; the host's address tells the edition.
fn zone(count: u32, edition: u32) -> RecordSet {
    let mut text = String::from(". 5 IN NS a.root-servers.net.\na.root-servers.net. 5 IN A 198.41.0.4\n");
    for n in 0..count {
        let _ = writeln!(text, "t{n}. 5 IN NS ns.t{n}.\nns.t{n}. 5 IN A 10.{edition}.{}.{}", n / 250, n % 250);
    }
    master::parse(&text, &Owner::root()).unwrap().into_iter().collect()
}

fn reading(height: u64, records: RecordSet) -> Reading {
    Reading { origin: Origin { height, ..Origin::default() }, records }
}

fn open(folder: &Path) -> Publisher {
    Publisher::open(making(), folder).unwrap()
}

fn serial(publisher: &Publisher) -> u32 {
    publisher.shared().published().unwrap().version.serial
}

#[test]
fn every_change_has_a_serial_and_old_data_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    assert!(publisher.shared().published().is_none());
    let first = publisher.whole(reading(1, zone(20, 1)), DAY).unwrap();
    assert_eq!(first, Outcome::Published(2_026_112_200));
    assert_eq!(publisher.whole(reading(2, zone(20, 1)), DAY).unwrap(), Outcome::Unchanged);
    assert_eq!(publisher.whole(reading(3, zone(21, 1)), DAY).unwrap(), Outcome::Published(2_026_112_201));
    // Rolled back: the data are old, the serial is new. So it is when the clock was set back meanwhile.
    assert_eq!(publisher.whole(reading(4, zone(20, 1)), 0).unwrap(), Outcome::Published(2_026_112_202));
    let published = publisher.shared().published().unwrap();
    assert_eq!(published.history.len(), 2);
    let there_and_back = condense(published.since(2_026_112_200).unwrap().iter().map(Arc::as_ref));
    let only_zonemd = |records: &[Record]| records.iter().all(|r| r.key.record_type() == Rtype::ZONEMD);
    assert!(only_zonemd(&there_and_back.deleted) && only_zonemd(&there_and_back.added), "{there_and_back:?}");
}

#[test]
fn a_change_names_its_owners_only() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    publisher.whole(reading(1, zone(20, 1)), DAY).unwrap();
    let host = Owner::parse("ns.t3.").unwrap();
    let new = master::parse("ns.t3. 5 IN A 192.0.2.1\nns.t3. 5 IN AAAA 2001:db8::1\n", &Owner::root()).unwrap();
    let origin = Origin { height: 2, ..Origin::default() };
    publisher.changed(origin, &Owners::from([(host.clone(), new.clone())]), DAY).unwrap();
    let published = publisher.shared().published().unwrap();
    let found: Vec<Record> = published.version.records.of_owner(&host).cloned().collect();
    assert_eq!(found, new);
    let delta = published.history.last().unwrap();
    assert_eq!((delta.deleted.len(), delta.added.len(), delta.origin.height), (2, 3, 2), "with ZONEMD");
    // The same owners as they are already: nothing new.
    assert_eq!(publisher.changed(origin, &Owners::from([(host, new)]), DAY).unwrap(), Outcome::Unchanged);
}

#[test]
fn a_restart_goes_on_and_a_change_of_the_soa_is_a_version() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    for edition in 0..5 {
        publisher.whole(reading(edition.into(), zone(20, edition)), DAY).unwrap();
    }
    let (last, before) = (serial(&publisher), publisher.shared().published().unwrap());
    drop(publisher);
    let mut publisher = open(folder.path());
    let after = publisher.shared().published().unwrap();
    assert_eq!((&after.version, &after.history), (&before.version, &before.history));
    assert_eq!(publisher.whole(reading(9, zone(20, 4)), DAY).unwrap(), Outcome::Unchanged);
    drop(publisher);
    let mut making = making();
    making.soa.refresh = 7;
    making.zonemd = false;
    let mut publisher = Publisher::open(making, folder.path()).unwrap();
    assert_eq!(publisher.whole(reading(9, zone(20, 4)), DAY).unwrap(), Outcome::Published(last + 1));
    let published = publisher.shared().published().unwrap();
    assert!(published.version.records.iter().all(|r| r.key.record_type() != Rtype::ZONEMD));
}

#[test]
fn a_folder_is_used_by_one_process_and_one_zone() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    publisher.whole(reading(1, zone(3, 1)), DAY).unwrap();
    assert_eq!(Publisher::open(making(), folder.path()).unwrap_err().number(), 203);
    drop(publisher);
    let other = Making { apex: Owner::parse("lab.").unwrap(), ..making() };
    assert_eq!(Publisher::open(other, folder.path()).unwrap_err().number(), 204);
}

#[test]
fn a_journal_cut_anywhere_never_leads_back_to_a_served_serial() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    for edition in 0..4 {
        publisher.whole(reading(edition.into(), zone(3, edition)), DAY).unwrap();
    }
    let last = serial(&publisher);
    drop(publisher);
    let journal = folder.path().join("zone.journal");
    let whole = std::fs::read(&journal).unwrap();
    let start = whole.len() * 2 / 3 + 1;
    for cut in (start..whole.len()).step_by(7) {
        std::fs::write(&journal, &whole[..cut]).unwrap();
        let mut publisher = open(folder.path());
        // The last version was served once and is lost: what comes now has a serial after it.
        let Outcome::Published(next) = publisher.whole(reading(9, zone(3, 3)), DAY).unwrap() else { panic!("{cut}") };
        assert!(is_after(next, last), "{next} after a cut at {cut}");
        drop(publisher);
        assert_eq!(serial(&open(folder.path())), next);
    }
}

#[test]
fn damage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    for edition in 0..4 {
        publisher.whole(reading(edition.into(), zone(3, edition)), DAY).unwrap();
    }
    drop(publisher);
    for (name, at) in [("zone.journal", 5), ("zone.journal", 60), ("zone.snapshot", 3), ("zone.snapshot", 100)] {
        let file = folder.path().join(name);
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&file, bad).unwrap();
        assert_eq!(Publisher::open(making(), folder.path()).unwrap_err().number(), 202, "{name} at {at}");
        std::fs::write(&file, good).unwrap();
    }
    std::fs::remove_file(folder.path().join("zone.snapshot")).unwrap();
    assert_eq!(Publisher::open(making(), folder.path()).unwrap_err().number(), 202);
}

#[test]
fn a_crash_between_the_files_of_a_compaction_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    publisher.whole(reading(0, zone(3, 0)), DAY).unwrap();
    let first = std::fs::read(folder.path().join("zone.snapshot")).unwrap();
    publisher.whole(reading(1, zone(3, 1)), DAY).unwrap();
    publisher.whole(reading(2, zone(3, 2)), DAY).unwrap();
    let before = publisher.shared().published().unwrap();
    drop(publisher);
    // A new snapshot beside the old journal.
    let (mut store, restored) = althing_zone::store::Store::open(folder.path(), &Owner::root()).unwrap();
    let journal = std::fs::read(folder.path().join("zone.journal")).unwrap();
    store.compact(&restored.published.unwrap()).unwrap();
    drop(store);
    std::fs::write(folder.path().join("zone.journal"), journal).unwrap();
    assert_ne!(std::fs::read(folder.path().join("zone.snapshot")).unwrap(), first);
    let after = open(folder.path()).shared().published().unwrap();
    assert_eq!((&after.version, &after.history), (&before.version, &before.history));
}

#[test]
fn a_zone_that_shrinks_is_held_until_a_human_releases_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    publisher.whole(reading(1, zone(100, 1)), DAY).unwrap();
    let good = serial(&publisher);
    publisher.whole(reading(2, zone(95, 1)), DAY).unwrap();
    // Five and another ten: together more than a tenth of the most within a day.
    let Outcome::Held(alarm) = publisher.whole(reading(3, zone(85, 1)), DAY + 1000).unwrap() else {
        panic!("not held")
    };
    assert_eq!((alarm.before, alarm.after, alarm.serving, alarm.releasable), (100, 85, good + 1, true));
    assert_eq!(serial(&publisher), good + 1, "the last good zone is served on");
    assert_eq!(Alarm::read(folder.path()).unwrap(), Some(alarm.clone()));
    assert_eq!(publisher.release(DAY).unwrap(), None);
    // Held over a restart too.
    drop(publisher);
    let mut publisher = open(folder.path());
    assert_eq!(
        publisher.whole(reading(4, zone(85, 1)), DAY + 2000).unwrap(),
        Outcome::Held(Alarm { height: 4, ..alarm.clone() })
    );
    // A release is for what was looked at: a still smaller zone is held again.
    alarm.release(folder.path()).unwrap();
    let Outcome::Held(smaller) = publisher.whole(reading(5, zone(80, 1)), DAY + 3000).unwrap() else {
        panic!("not held")
    };
    assert_eq!(publisher.release(DAY).unwrap(), None);
    smaller.release(folder.path()).unwrap();
    assert_eq!(publisher.release(DAY + 4000).unwrap(), Some(Outcome::Published(good + 2)));
    assert!(publisher.alarm().is_none() && Alarm::read(folder.path()).unwrap().is_none());
    assert_eq!(delegations(&Owner::root(), publisher.shared().published().unwrap().version.records.iter()), 80);
}

#[test]
fn a_held_zone_that_recovers_is_published_with_all_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    publisher.whole(reading(1, zone(100, 1)), DAY).unwrap();
    assert!(matches!(publisher.whole(reading(2, zone(50, 1)), DAY).unwrap(), Outcome::Held(_)));
    let host = Owner::parse("ns.t3.").unwrap();
    let new = master::parse("ns.t3. 5 IN A 192.0.2.1\n", &Owner::root()).unwrap();
    let origin = Origin { height: 3, ..Origin::default() };
    let changed = publisher.changed(origin, &Owners::from([(host.clone(), new)]), DAY).unwrap();
    assert!(matches!(changed, Outcome::Held(_)), "the change is kept and held too");
    let mut owners = Owners::new();
    for record in zone(100, 1).iter().filter(|r| r.key.owner() != host) {
        owners.entry(record.key.owner()).or_default().push(record.clone());
    }
    assert!(matches!(publisher.changed(origin, &owners, DAY).unwrap(), Outcome::Published(_)));
    let published = publisher.shared().published().unwrap();
    assert_eq!(published.version.records.of_owner(&host).next().unwrap().to_string(), "ns.t3. 5 IN A 192.0.2.1");
    assert!(Alarm::read(folder.path()).unwrap().is_none());
}

#[test]
fn what_no_server_can_load_is_never_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut publisher = open(folder.path());
    for (lines, rule) in [
        ("a. 5 IN NS ns.b.\n", "name servers at its apex"),
        (". 5 IN NS x.\na. 5 IN CNAME b.\na. 5 IN TXT \"t\"\n", "CNAME"),
        (". 5 IN NS x.\na. 5 IN NS ns.a.\n", "has an address"),
        (". 5 IN NS x.\na. 5 IN DS 1 8 2 00\n", "DS"),
        (". 5 IN NS x.\na. 5 IN A 192.0.2.1\na. 6 IN A 192.0.2.2\n", "one time to live"),
        (". 5 IN NS x.\n. 5 IN SOA a. b. 1 2 3 4 5\n", "made by the server"),
    ] {
        let records = master::parse(lines, &Owner::root()).unwrap().into_iter().collect();
        let Outcome::Held(alarm) = publisher.whole(reading(1, records), DAY).unwrap() else { panic!("{lines}") };
        assert!(alarm.reason.contains(rule) && !alarm.releasable, "{lines}: {}", alarm.reason);
        alarm.release(folder.path()).unwrap();
        assert_eq!(publisher.release(DAY).unwrap(), None);
    }
    assert!(publisher.shared().published().is_none());
}

#[test]
fn a_floor_is_passed_once() {
    let folder = tempfile::tempdir().unwrap();
    let floor = Making { serial_floor: Some(3_000_000_000), ..making() };
    let mut publisher = Publisher::open(floor.clone(), folder.path()).unwrap();
    assert_eq!(publisher.whole(reading(1, zone(3, 1)), DAY).unwrap(), Outcome::Published(3_000_000_001));
    drop(publisher);
    let mut publisher = Publisher::open(floor, folder.path()).unwrap();
    assert_eq!(publisher.whole(reading(1, zone(3, 1)), DAY).unwrap(), Outcome::Unchanged);
}

fn pool() -> Vec<Record> {
    let mut text = String::new();
    for n in 0..12 {
        let _ = writeln!(text, "h{}. {} IN A 10.0.0.{}", n / 3, 5 + n % 2, n / 2);
    }
    master::parse(&text, &Owner::root()).unwrap()
}

proptest! {
    #[test]
    fn condensed_deltas_do_what_all_of_them_do(zones in proptest::collection::vec(proptest::collection::btree_set(0usize..12, 0..12), 2..8)) {
        let pool = pool();
        // One record of a key at a time, as in a zone.
        let set = |chosen: &BTreeSet<usize>| -> RecordSet { chosen.iter().map(|i| pool[*i].clone()).collect() };
        let soa = making().soa.record(&Owner::root(), 1);
        let mut deltas = Vec::new();
        for (n, pair) in zones.windows(2).enumerate() {
            let (before, after) = (set(&pair[0]), set(&pair[1]));
            let difference = Difference::between(before.iter(), after.iter());
            let mut applied = before.clone();
            difference.apply(&mut applied);
            prop_assert_eq!(&applied, &after);
            let n = u32::try_from(n).unwrap();
            let Difference { deleted, added } = difference;
            let (soa_before, soa_after) = (soa.clone(), soa.clone());
            deltas.push(Delta { from: n, to: n + 1, origin: Origin::default(), delegations_before: 0, delegations: 0, soa_before, soa_after, deleted, added });
        }
        for from in 0..deltas.len() {
            let condensed = condense(&deltas[from..]);
            let mut applied = set(&zones[from]);
            prop_assert!(condensed.deleted.iter().all(|r| applied.contains(r)));
            condensed.apply(&mut applied);
            let last = set(zones.last().unwrap());
            prop_assert_eq!(&applied, &last);
            // Nothing superfluous: exactly what differs.
            prop_assert_eq!(condensed, Difference::between(set(&zones[from]).iter(), last.iter()));
        }
    }

    #[test]
    fn every_earlier_version_can_be_made_again(counts in proptest::collection::vec((0u32..6, 0u32..3), 1..6)) {
        let folder = tempfile::tempdir().unwrap();
        let free = Making { brake: BrakeConfig { shrink_percent: 100, ..BrakeConfig::default() }, ..making() };
        let mut publisher = Publisher::open(free, folder.path()).unwrap();
        let mut versions = Vec::new();
        for (count, edition) in counts {
            publisher.whole(reading(1, zone(count, edition)), DAY).unwrap();
            versions.push(publisher.shared().published().unwrap().version.clone());
        }
        let published = publisher.shared().published().unwrap();
        for version in versions {
            prop_assert_eq!(earlier(&published, version.serial).unwrap(), version.records);
        }
    }
}
