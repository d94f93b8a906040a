//! Random histories: whatever registrars, registry and time do, totals, indexes and glue fit the entries, and no name
//! changes but by its registrar, the registry, the right code, or time.

use super::*;
use althing_interface::{
    layout::registrations as layout,
    registrations::{Change, Counts, Expiry, Phase, TldZone, TransferDefault, add_years, code_hash},
};
use althing_sdk::types::codec;
use proptest::prelude::*;
use std::collections::BTreeMap;

const ORGS: [Org; 2] = [ALICE, BOB];
const NAMES: [&str; 4] = ["a.lab", "b.lab", "c.lab", "d.lab"];

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Register { org: usize, name: usize, ns: Vec<usize>, hosts: bool },
    Renew { org: usize, name: usize, years: u8 },
    Update { org: usize, name: usize, ns: Vec<usize>, hosts: Option<bool> },
    Status { org: usize, name: usize, status: usize, add: bool },
    Server { name: usize, status: usize, add: bool },
    Ask { org: usize, name: usize, right: bool },
    Answer { org: usize, name: usize, what: u8 },
    Delete { org: usize, name: usize },
    Restore { org: usize, name: usize },
    Assign { name: usize, to: usize },
    Apex { own: bool },
    Pass { days: u64, blocks: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let (org, name) = (0..ORGS.len(), 0..NAMES.len());
    let ns = prop::collection::vec(0..NAMES.len() + 2, 0..3);
    prop_oneof![
        3 => (org.clone(), name.clone(), ns.clone(), any::<bool>())
            .prop_map(|(org, name, ns, hosts)| Step::Register { org, name, ns, hosts }),
        1 => (org.clone(), name.clone(), 0..12u8).prop_map(|(org, name, years)| Step::Renew { org, name, years }),
        4 => (org.clone(), name.clone(), ns, any::<Option<bool>>())
            .prop_map(|(org, name, ns, hosts)| Step::Update { org, name, ns, hosts }),
        1 => (org.clone(), name.clone(), 0..5usize, any::<bool>())
            .prop_map(|(org, name, status, add)| Step::Status { org, name, status, add }),
        1 => (name.clone(), 5..10usize, any::<bool>())
            .prop_map(|(name, status, add)| Step::Server { name, status, add }),
        2 => (org.clone(), name.clone(), any::<bool>()).prop_map(|(org, name, right)| Step::Ask { org, name, right }),
        2 => (org.clone(), name.clone(), 0..3u8).prop_map(|(org, name, what)| Step::Answer { org, name, what }),
        2 => (org.clone(), name.clone()).prop_map(|(org, name)| Step::Delete { org, name }),
        1 => (org.clone(), name.clone()).prop_map(|(org, name)| Step::Restore { org, name }),
        1 => (name, org).prop_map(|(name, to)| Step::Assign { name, to }),
        1 => any::<bool>().prop_map(|own| Step::Apex { own }),
        4 => (0..400u64, 0..4u8).prop_map(|(days, blocks)| Step::Pass { days, blocks }),
    ]
}

/// A host name: one of a domain of the test, of the apex, or elsewhere.
fn server(number: usize) -> DomainName {
    match NAMES.get(number) {
        Some(domain) => name(&format!("ns.{domain}")),
        None if number == NAMES.len() => name("ns.lab"),
        None => name("ns.example"),
    }
}

fn servers(numbers: &[usize]) -> List<DomainName, 13> {
    let set: BTreeSet<DomainName> = numbers.iter().map(|number| server(*number)).collect();
    list(set.into_iter().collect())
}

/// All entries, read from the stored bytes.
fn zone(chain: &Chain) -> (TldZone, Counts) {
    let mut zone = TldZone { apex: chain.names.by(ISP).apex().ok(), ..TldZone::default() };
    for (key, value) in chain.names.state() {
        let entry = althing_interface::layout::name_of(&key);
        match key.first() {
            Some(&layout::DOMAINS) => {
                zone.domains.insert(entry.unwrap(), codec::decode("domain", &value, 65_536).unwrap());
            }
            Some(&layout::HOSTS) => {
                zone.hosts.insert(entry.unwrap(), codec::decode("host", &value, 65_536).unwrap());
            }
            _ => {}
        }
    }
    (zone, chain.names.by(ISP).counts().ok())
}

fn invariant_totals(zone: &TldZone, counts: &Counts) {
    let published = zone.domains.values().filter(|domain| domain.published()).count();
    let records: u32 = zone.domains.values().map(Domain::records).chain(zone.hosts.values().map(Host::records)).sum();
    assert_eq!(
        (counts.domains as usize, counts.published as usize, counts.hosts as usize, counts.records, counts.missing),
        (zone.domains.len(), published, zone.hosts.len(), records, 0)
    );
}

fn invariant_indexes(chain: &Chain, zone: &TldZone) {
    let mut expected: BTreeMap<Vec<u8>, ()> = BTreeMap::new();
    for (name, domain) in &zone.domains {
        let mut add = |field: u8, key: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = vec![field];
            key(&mut bytes);
            althing_sdk::order::Key::encode_key(name, &mut bytes);
            expected.insert(bytes, ());
        };
        add(layout::DUE, &|out| althing_sdk::order::Key::encode_key(&domain.due_ms(), out));
        add(layout::BY_SPONSOR, &|out| althing_sdk::order::Key::encode_key(&domain.sponsor, out));
        for host in domain.ns.iter().filter(|host| host.is_within(&super::name("lab"))) {
            add(layout::USERS, &|out| althing_sdk::order::Key::encode_key(host, out));
        }
    }
    let indexes = [layout::DUE, layout::BY_SPONSOR, layout::USERS];
    let found: Vec<Vec<u8>> =
        chain.names.state().into_keys().filter(|key| key.first().is_some_and(|f| indexes.contains(f))).collect();
    assert_eq!(found, expected.into_keys().collect::<Vec<_>>());
}

/// Each host lies in a registered domain; each name server within the TLD has addresses.
fn invariant_glue(zone: &TldZone) {
    for host in zone.hosts.keys() {
        assert!(zone.domains.keys().any(|domain| host.is_within(domain)), "{host} lies nowhere");
    }
    let lab = name("lab");
    for (domain, value) in &zone.domains {
        for host in value.ns.iter().filter(|host| host.is_within(&lab)) {
            let own = zone.apex.as_ref().is_some_and(|apex| crate::state::has_host(apex, host));
            assert!(own || zone.hosts.contains_key(host), "{domain} names {host}, which has no address");
        }
        assert!(!value.ns.is_empty() || value.ds.is_empty());
    }
}

/// Who may change which name by a step; `None` for a step that may change any.
fn invariant_only_by_right(step: &Step, before: &TldZone, after: &TldZone) {
    let (org, at) = match step {
        Step::Register { org, name, .. } | Step::Renew { org, name, .. } | Step::Update { org, name, .. } => {
            (*org, *name)
        }
        Step::Status { org, name, .. } | Step::Delete { org, name } | Step::Restore { org, name } => (*org, *name),
        _ => return,
    };
    for (index, text) in NAMES.iter().enumerate() {
        let name = name(text);
        let (old, new) = (before.domains.get(&name), after.domains.get(&name));
        if index != at {
            assert_eq!(old, new, "{step:?} changed {name}");
        } else if old != new
            && let Some(old) = old
        {
            assert_eq!(old.sponsor, ORGS[org].id(), "{step:?} by another than the sponsor");
        }
    }
}

/// A name goes by deletion or time, its registrar changes by the losing one, the registry or time, and no term reaches
/// beyond ten years.
fn invariant_transitions(step: &Step, before: &TldZone, after: &TldZone, now_ms: u64) {
    for (name, old) in &before.domains {
        let Some(new) = after.domains.get(name) else {
            assert!(matches!(step, Step::Delete { .. } | Step::Pass { .. }), "{step:?} freed {name}");
            continue;
        };
        let given = matches!(step, Step::Answer { what: 0, .. } | Step::Assign { .. } | Step::Pass { .. });
        assert!(old.sponsor == new.sponsor || given, "{step:?} gave {name} to {}", new.sponsor);
        let shorter = matches!(step, Step::Delete { .. } | Step::Pass { .. });
        assert!(new.expires_ms >= old.expires_ms || shorter, "{step:?} shortened the term of {name}");
    }
    for (name, domain) in &after.domains {
        assert!(domain.expires_ms <= add_years(now_ms, 10, 0), "the term of {name} is too long");
        assert!(domain.phase == Phase::Active || domain.transfer.is_none());
    }
}

fn run(chain: &Chain, step: &Step) {
    let (alone, all) = (|text: usize| name(NAMES[text]), &chain.names);
    match step {
        Step::Register { org, name, ns, hosts } => {
            let own = format!("ns.{}", NAMES[*name]);
            let hosts = if *hosts { vec![set(&own, &["192.0.2.1"])] } else { vec![] };
            let code = Some(code_hash("test", &alone(*name), CODE));
            let registration = Registration { ns: servers(ns), code, ..with(&[], hosts) };
            let _ = all.by(ORGS[*org]).register(alone(*name), 1, registration).outcome();
        }
        Step::Renew { org, name, years } => {
            let expires_ms = all.by(ISP).domain(alone(*name)).ok().map_or(0, |domain| domain.expires_ms);
            let _ = all.by(ORGS[*org]).renew(alone(*name), expires_ms, *years).outcome();
        }
        Step::Update { org, name, ns, hosts } => {
            let own = format!("ns.{}", NAMES[*name]);
            let hosts = hosts.iter().map(|add| if *add { set(&own, &["2001:db8::1"]) } else { clear(&own) }).collect();
            let change = Change { ns: Some(servers(ns)), hosts: list(hosts), ..Change::default() };
            let _ = all.by(ORGS[*org]).update(alone(*name), change).outcome();
        }
        Step::Status { name, status, add, .. } | Step::Server { name, status, add } => {
            let by = if let Step::Status { org, .. } = step { ORGS[*org] } else { REGISTRY };
            let one = statuses(&[Status::ALL[*status]]);
            let (add, remove) = if *add { (one, statuses(&[])) } else { (statuses(&[]), one) };
            let _ = all.by(by).set_status(alone(*name), add, remove).outcome();
        }
        Step::Ask { org, name, right } => {
            let code = if *right { CODE } else { "another-code-altogether" };
            let answer = all.by(ORGS[*org]).request_transfer(alone(*name), Text::new(code).unwrap()).outcome();
            assert!(*right || answer.result.is_err());
        }
        Step::Answer { org, name, what } => {
            let by = all.by(ORGS[*org]);
            let _ = match what {
                0 => by.approve_transfer(alone(*name)).outcome(),
                1 => by.reject_transfer(alone(*name)).outcome(),
                _ => by.cancel_transfer(alone(*name)).outcome(),
            };
        }
        Step::Delete { org, name } => {
            let _ = all.by(ORGS[*org]).delete(alone(*name)).outcome();
        }
        Step::Restore { org, name } => {
            let _ = all.by(ORGS[*org]).restore(alone(*name)).outcome();
        }
        Step::Assign { name, to } => {
            let _ = all.by(REGISTRY).assign(list(vec![alone(*name)]), ORGS[*to].id()).outcome();
        }
        Step::Apex { own } => {
            let _ = all.by(REGISTRY).set_apex(apex(if *own { "ns.lab" } else { "x.lab" }, "192.0.2.53")).outcome();
        }
        Step::Pass { days, blocks } => {
            chain.net.pass(days * DAY_MS);
            for _ in 0..*blocks {
                all.by(GOVERNANCE).end_block().ok();
                chain.net.pass(1);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn random_histories_keep_totals_indexes_glue_and_rights(
        steps in prop::collection::vec(step(), 1..60),
        delete in any::<bool>(),
        reject in any::<bool>(),
    ) {
        let expiry = if delete { Expiry::Delete } else { Expiry::AutoRenew };
        let transfer_default = if reject { TransferDefault::Reject } else { TransferDefault::Approve };
        let chain = chain_with(Settings { expiry, transfer_default, ..settings() });
        let (mut before, _) = zone(&chain);
        for step in &steps {
            run(&chain, step);
            let (after, counts) = zone(&chain);
            invariant_totals(&after, &counts);
            invariant_indexes(&chain, &after);
            invariant_glue(&after);
            invariant_only_by_right(step, &before, &after);
            invariant_transitions(step, &before, &after, chain.net.time_ms());
            assert!(chain.names.by(ISP).domains_are_listed().ok());
            before = after;
        }
        let counted = chain.names.by(ISP).counts().ok();
        chain.names.by(GOVERNANCE).recount().ok();
        let anew = Counts { changed: counted.changed, ..chain.names.by(ISP).counts().ok() };
        prop_assert_eq!(counted, anew);
    }
}
