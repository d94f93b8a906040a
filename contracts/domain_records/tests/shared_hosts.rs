//! Hostile case 16: a change of glue on a host that many TLDs of several registries use, on the real root zone when its
//! data is there (see `replay`), else on a zone of the same form.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use althing_domain_records::DomainRecords;
use althing_interface::{
    domain_records::{
        Counts, Host,
        held::{ChangeOutcome, HeldStatus},
    },
    zone::{Plan, Record, Zone},
};
use althing_sdk::{
    prelude::*,
    testing::{Deployed, Net, Org},
};
use althing_tld_binding::TldBinding;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::Read,
    path::PathBuf,
};

/// As many TLDs share a host in the zone that stands in for the real one.
const SHARED: usize = 76;
const OPERATOR: Org = Org::new("operator", &[Role::Governance]);
const REGISTRIES: [Org; 4] = [
    Org::new("registry-1", &[Role::Registry, Role::Operator]),
    Org::new("registry-2", &[Role::Registry, Role::Operator]),
    Org::new("registry-3", &[Role::Registry, Role::Operator]),
    Org::new("registry-4", &[Role::Registry, Role::Operator]),
];

fn real_lines() -> Option<Vec<String>> {
    let folder = std::env::var_os("ALTHING_TEST_DATA").map(|root| PathBuf::from(root).join("rootzone"));
    let mut files = std::fs::read_dir(folder?).ok()?.map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with("root-base"))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()).read_to_string(&mut text).unwrap();
    Some(text.lines().map(str::to_owned).collect())
}

fn made_lines() -> Vec<String> {
    let letters = || 'a'..='z';
    let names = letters().flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    let mut lines: Vec<String> = names.take(SHARED).map(|name| format!("{name}. 172800 IN NS a.shared.aa.")).collect();
    lines.push("a.shared.aa. 172800 IN A 192.0.2.1".into());
    lines.push("a.shared.aa. 172800 IN AAAA 2001:db8::1".into());
    lines
}

/// The delegations of some TLDs, with their hosts: a test's chain remembers its state after every call, so that a whole
/// root zone would be too much for it.
fn part(zone: &Zone, tlds: &BTreeSet<DomainName>) -> Zone {
    let mut out = Zone::default();
    for tld in tlds {
        let delegation = zone.delegations[tld].clone();
        let hosts = delegation.ns.iter().filter_map(|name| Some((name.clone(), zone.hosts.get(name)?.clone())));
        out.hosts.extend(hosts);
        out.delegations.insert(tld.clone(), delegation);
    }
    out
}

/// The registry of a TLD: they take turns.
fn registry(place: usize) -> Org {
    REGISTRIES[place % REGISTRIES.len()]
}

struct Ledger {
    net: Net,
    records: Deployed<DomainRecords>,
    registry_of: BTreeMap<DomainName, Org>,
}

/// A ledger with the zone. The import asks nobody.
fn imported(zone: &Zone) -> Ledger {
    let net = Net::native();
    let bindings = net.deploy::<TldBinding>(OPERATOR);
    let records = net.deploy::<DomainRecords>(OPERATOR);
    let registry_of: BTreeMap<DomainName, Org> =
        zone.delegations.keys().enumerate().map(|(place, tld)| (tld.clone(), registry(place))).collect();
    let plan = Plan::new(&Zone::default(), zone);
    for tld in plan.bind {
        let by = registry_of[&tld];
        bindings.by(OPERATOR).bind(tld, by.id()).ok();
    }
    for change in plan.apex {
        records.by(OPERATOR).change_apex(change).ok();
    }
    for (tld, change) in plan.changes {
        let by = registry_of[&tld];
        records.by(by).change(tld, change).gives(ChangeOutcome::Applied);
    }
    Ledger { net, records, registry_of }
}

#[test]
fn case_16_glue_of_a_host_of_76_tlds_is_held_for_the_others_consent() {
    let real = real_lines();
    let lines = real.clone().unwrap_or_else(made_lines);
    let records: Vec<Record> = lines.iter().map(|line| line.parse().unwrap()).collect();
    let whole = Zone::from_records(&records).unwrap();
    // The host that most TLDs use, but for those of the root itself.
    let users = whole.users();
    let of_tlds =
        users.iter().filter(|(host, tlds)| !tlds.contains(&DomainName::root()) && whole.hosts.contains_key(*host));
    let (host, tlds) = of_tlds.max_by_key(|(_, tlds)| tlds.len()).unwrap();
    let host = (*host).clone();
    let enough = if real.is_some() { 50 } else { SHARED };
    assert!(tlds.len() >= enough, "{host} is used by {} TLDs", tlds.len());
    let zone = part(&whole, tlds);
    let ledger = imported(&zone);
    let by = ledger.records.by(OPERATOR);
    let before: Counts = by.counts().ok();
    let asker_tld = tlds.iter().next().unwrap().clone();
    let asker = ledger.registry_of[&asker_tld];
    let others: BTreeSet<OrganisationId> =
        tlds.iter().map(|tld| ledger.registry_of[tld].id()).filter(|o| *o != asker.id()).collect();
    assert_eq!(others.len(), 3);

    let old = zone.hosts[&host].clone();
    let wanted = Host { v4: List::new(vec!["192.0.2.200".parse().unwrap()]).unwrap(), a_ttl: 172_800, ..old.clone() };
    let outcome = ledger.records.by(asker).set_host(asker_tld, host.clone(), wanted.clone()).ok();
    let ChangeOutcome::Held { id } = outcome else { panic!("{outcome:?}") };
    assert_eq!((by.host(host.clone()).ok(), by.counts().ok()), (Some(old.clone()), before));
    let held = by.held(id).ok().unwrap().held;
    assert_eq!(held.needed.iter().cloned().collect::<BTreeSet<_>>(), others);

    let mut left: Vec<Org> = REGISTRIES.into_iter().filter(|org| others.contains(&org.id())).collect();
    let last = left.pop().unwrap();
    for org in left {
        ledger.records.by(org).consent(id).gives(HeldStatus::Open);
        assert_eq!(by.host(host.clone()).ok(), Some(old.clone()));
    }
    ledger.net.pass(1_000);
    ledger.records.by(last).consent(id).gives(HeldStatus::Applied);
    assert_eq!(by.host(host.clone()).ok(), Some(wanted));
    let after = by.counts().ok();
    assert_eq!((after.delegations, after.hosts), (before.delegations, before.hosts));
    eprintln!("{host}: {} TLDs, real zone: {}", tlds.len(), real.is_some());
}
