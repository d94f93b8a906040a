//! The configuration file: the guide's example is a good one, and what is wrong is named.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use althing_zone::{brake::BrakeConfig, config::Config, record::Owner, serve::ServeLimits};
use std::{fs, path::Path};

/// The example of the guide.
fn example() -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/zone-server.md");
    let text = fs::read_to_string(guide).unwrap();
    text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

/// Reads a text as a file beside the example's key file.
fn read(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("xfr.key"), "YWx0aGluZy10ZXN0LXNlY3JldC1hbHRoaW5nLXRlc3Q=\n").unwrap();
    fs::write(folder.path().join("short.key"), "YWJj\n").unwrap();
    let file = folder.path().join("zone.toml");
    fs::write(&file, text).unwrap();
    Config::read(&file).map_err(|e| e.to_string())
}

#[test]
fn zones_of_several_chains_stand_in_one_file() {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/zone-server.md");
    let text = fs::read_to_string(guide).unwrap();
    let second = text.split("```toml\n").nth(2).unwrap().split("```").next().unwrap();
    let config = read(&(example() + second)).unwrap();
    let names: Vec<&str> = config.zones.iter().map(|zone| zone.name.as_str()).collect();
    assert_eq!(names, [".", "lab."]);
    let recheck: Vec<u64> = config.zones.iter().map(|zone| zone.source.recheck_s()).collect();
    assert_eq!(recheck, [600, 86_400]);
    // A source that cannot have the zone, a zone twice, and a state folder for two are refused by name.
    for (from, to, field) in [
        ("kind = \"tld_chain\"", "kind = \"root_chain\"", "zone[1].name"),
        ("name = \"lab.\"", "name = \".\"", "zone[1].name"),
        ("state = \"state-lab\"", "state = \"state\"", "zone[1].name"),
        ("nodes = [", "nodes = []#", "zone[1].source.nodes"),
        ("kind = \"tld_chain\"", "kind = \"other_chain\"", "other_chain"),
    ] {
        let error = read(&(example() + &second.replace(from, to))).unwrap_err();
        assert!(error.contains(field), "{to}: {error}");
    }
}

#[test]
fn the_guides_example_is_good_and_says_the_defaults() {
    let config = read(&example()).unwrap();
    assert_eq!(config.limits, ServeLimits::default());
    let zone = &config.zones[0];
    assert_eq!(zone.brake, BrakeConfig { minimum: 1000, ..BrakeConfig::default() });
    assert_eq!((zone.history, zone.zonemd, zone.soa.refresh, zone.soa.expire), (10_000, true, 1800, 604_800));
    // Fields that the example explains as comments are fields.
    let all: String = example().lines().map(|l| format!("{}\n", l.strip_prefix("# ").unwrap_or(l))).collect();
    let config = read(&all).unwrap();
    assert_eq!(config.zones[0].serial_floor, Some(2_026_112_200));
    assert_eq!(config.secondaries[0].unsigned.len(), 1);
    let served = config.served(&Owner::root(), Default::default()).unwrap();
    assert_eq!((served.keys.len(), served.unsigned.len()), (1, 1));
}

#[test]
fn what_is_wrong_is_named_with_its_number() {
    for (from, to, wanted) in [
        ("name = \".\"", "name = \"lab.\"", "Z102 zone[0].name is lab."),
        ("hmac-sha256", "hmac-md5", "algorithm 'hmac-md5'"),
        ("xfr.key", "short.key", "secret of 3 octets"),
        ("xfr.key", "missing.key", "Z102 key[0].secret_file"),
        ("key = \"xfr.example.\"", "key = \"who.example.\"", "Z102 secondary[0].key is who.example."),
        ("message_bytes = 32768", "message_bytes = 100", "Z102 limits.message_bytes is 100"),
        ("recheck_s = 600", "recheck_s = 1", "Z102 zone[0].source.recheck_s is 1"),
        ("shrink_percent = 10", "shrink_percent = 101", "Z102 zone[0].brake.shrink_percent is 101"),
        ("mname = \"a.root-servers.net.\"", "mname = \"a..b\"", "Z102 zone[0].soa.mname is a..b"),
        ("expire = 604800", "expires = 604800", "Z101"),
        ("[zone.soa]", "[zone.so]", "Z101"),
        ("listen = [", "listen = [] #", "Z102 listen"),
    ] {
        let text = example().replacen(from, to, 1);
        assert_ne!(text, example(), "{from}");
        let error = read(&text).unwrap_err();
        assert!(error.contains(wanted), "{to}: {error}");
    }
    let error = read(&example().replace("xfr.key", "short.key")).unwrap_err();
    assert!(!error.contains("YWJj"), "a secret is never shown: {error}");
}
