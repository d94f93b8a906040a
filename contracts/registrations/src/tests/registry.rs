//! Claims about what the registry and the chain's members do.

use super::*;
use althing_interface::{
    registrations::{ApexChanged, Change, Charter, LoadEntry, Loaded, apex_image},
    root_sync::{Outcome, TldImage},
};

/// Stands in for `root_sync`: takes what it is told, and brings what the root has.
#[allow(unreachable_pub, reason = "a contract's type is public, as its attribute makes the types beside it")]
mod carrier {
    use althing_interface::root_sync::{Outcome, TldImage};
    use althing_sdk::prelude::*;

    /// Keeps the last image that it was told of.
    #[contract(name = "root_sync", state_version = 1)]
    pub struct Carrier {
        /// The last image.
        told: Value<TldImage>,
    }

    #[contract_api]
    impl Carrier {
        /// As `root_sync.changed`.
        #[call]
        fn changed(&mut self, tld: DomainName, image: TldImage) -> Option<u64> {
            self.told.put(&image);
            Some(tld.labels().count() as u64)
        }
        /// Brings an image.
        #[call]
        fn bring(&mut self, cx: &mut Ctx, image: TldImage) -> Outcome {
            let registrations = ContractId::new("registrations").unwrap();
            cx.call(&registrations, "apply_root", &(image,)).unwrap()
        }
        /// The last image.
        #[view]
        fn told(&self) -> Option<TldImage> {
            self.told.get()
        }
    }
}

fn image(apex: &Apex) -> TldImage {
    TldImage { delegation: Some(apex.delegation.clone()), hosts: apex.hosts.clone() }
}

fn entry(text: &str, registration: Registration) -> LoadEntry {
    let created_ms = 1_600_000_000_000;
    LoadEntry {
        name: name(text),
        sponsor: ALICE.id(),
        created_ms,
        expires_ms: created_ms + 2_000 * DAY_MS,
        status: BTreeSet::new(),
        registration,
    }
}

#[test]
fn the_registry_sets_the_apex_and_the_root_is_told() {
    let chain = chain();
    let carrier = chain.net.deploy::<carrier::Carrier>(GOVERNANCE);
    let apex = apex("ns.lab", "192.0.2.53");
    refused(chain.names.by(ALICE).set_apex(apex.clone()), 2201, &["registry-1"]);
    chain
        .names
        .by(REGISTRY)
        .set_apex(apex.clone())
        .emits(&ApexChanged { from_root: false, image: sha3_256(&apex_image(Some(&apex))) })
        .ok();
    assert_eq!(carrier.by(ISP).told().ok(), Some(image(&apex)));
    assert_eq!(chain.names.by(ISP).apex().ok(), Some(apex.clone()));
    chain.names.by(REGISTRY).set_apex(apex.clone()).emits_nothing().ok();
    let bare = Apex { hosts: List::default(), ..apex.clone() };
    refused(chain.names.by(REGISTRY).set_apex(bare), 2303, &["ns.lab", "no addresses"]);
    let mut short = apex.clone();
    short.delegation.ns_ttl = 0;
    refused(chain.names.by(REGISTRY).set_apex(short), 2306, &["ns_ttl"]);
    let mut weak = apex;
    weak.delegation.ds = list(vec![ds(1, 2, 20)]);
    refused(chain.names.by(REGISTRY).set_apex(weak), 2306, &["20 octets"]);
}

#[test]
fn what_the_root_has_is_taken_from_root_sync_alone_and_not_told_back() {
    let chain = chain();
    let carrier = chain.net.deploy::<carrier::Carrier>(GOVERNANCE);
    let first = apex("ns.lab", "192.0.2.53");
    refused(chain.names.by(REGISTRY).apply_root(image(&first)), 2201, &["root_sync"]);
    refused(chain.names.by(GOVERNANCE).apply_root(image(&first)), 2201, &["root_sync"]);
    carrier.by(ISP).bring(image(&first)).gives(Outcome::Applied);
    assert_eq!(chain.names.by(ISP).apex().ok(), Some(first));
    assert_eq!(carrier.by(ISP).told().ok(), None);
    carrier.by(ISP).bring(TldImage { delegation: None, hosts: List::default() }).gives(Outcome::Applied);
    assert_eq!(chain.names.by(ISP).apex().ok(), None);
}

#[test]
fn hosts_of_the_apex_are_the_registrys_and_serve_domains_too() {
    let chain = chain();
    chain.names.by(REGISTRY).set_apex(apex("ns.nic.lab", "192.0.2.53")).ok();
    chain.names.by(ALICE).register(name("nic.lab"), 1, with(&["ns.nic.lab"], vec![])).ok();
    let change = Change { hosts: list(vec![set("ns.nic.lab", &["192.0.2.66"])]), ..Change::default() };
    refused(chain.names.by(ALICE).update(name("nic.lab"), change), 2305, &["serves the TLD itself"]);
    refused(chain.names.by(REGISTRY).set_apex(apex("ns2.lab", "192.0.2.54")), 2305, &["ns.nic.lab", "nic.lab"]);
    chain.names.by(ALICE).delete(name("nic.lab")).ok();
    chain.names.by(REGISTRY).set_apex(apex("ns2.lab", "192.0.2.54")).ok();
}

#[test]
fn an_existing_tld_is_loaded_once_and_the_load_is_closed_when_it_is_whole() {
    let chain = chain();
    let first = list(vec![entry("a.lab", with(&["ns.b.lab"], vec![])), entry("c.lab", with(&["ns.example"], vec![]))]);
    refused(chain.names.by(ALICE).load(first.clone()), 2201, &[]);
    chain.names.by(REGISTRY).load(first.clone()).gives(Loaded { loaded: 2, present: 0 });
    // The name server of `a` comes with `b`.
    refused(chain.names.by(REGISTRY).close_load(), 2306, &["1 name servers"]);
    chain.names.by(REGISTRY).load(first).gives(Loaded { loaded: 0, present: 2 });
    let second = list(vec![entry("b.lab", with(&["ns.b.lab"], vec![set("ns.b.lab", &["192.0.2.1"])]))]);
    chain.names.by(REGISTRY).load(second.clone()).gives(Loaded { loaded: 1, present: 0 });
    assert_eq!(chain.names.by(ISP).counts().ok().missing, 0);
    let domain = chain.domain("a.lab");
    assert_eq!((domain.created_ms, domain.sponsor), (1_600_000_000_000, ALICE.id()));
    chain.names.by(REGISTRY).close_load().ok();
    refused(chain.names.by(REGISTRY).load(second), 2002, &["closed"]);
    refused(chain.names.by(REGISTRY).close_load(), 2002, &[]);
}

#[test]
fn a_loaded_name_keeps_the_rules() {
    let chain = chain();
    let load = |entry: LoadEntry| chain.names.by(REGISTRY).load(list(vec![entry]));
    refused(load(entry("ab--c.lab", with(&[], vec![]))), 2005, &["ab--c.lab"]);
    let future = LoadEntry { created_ms: chain.net.time_ms() + 1, ..entry("a.lab", with(&[], vec![])) };
    refused(load(future), 2306, &["created_ms"]);
    let long = LoadEntry { expires_ms: u64::MAX, ..entry("a.lab", with(&[], vec![])) };
    refused(load(long), 2306, &["expires_ms"]);
    refused(load(entry("a.lab", with(&[], vec![set("ns.b.lab", &["192.0.2.1"])]))), 2306, &["does not lie in"]);
}

#[test]
fn names_of_a_registrar_that_ends_are_given_to_another() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    refused(chain.names.by(ALICE).assign(names(&["a.lab"]), BOB.id()), 2201, &[]);
    chain.names.by(REGISTRY).assign(names(&["a.lab"]), BOB.id()).ok();
    assert_eq!(chain.domain("a.lab").sponsor, BOB.id());
    refused(chain.names.by(REGISTRY).assign(names(&["none.lab"]), BOB.id()), 2303, &[]);
}

#[test]
fn settings_and_registry_are_the_members_to_change() {
    let chain = chain();
    chain.names.by(REGISTRY).set_settings(settings()).lacks_role();
    chain.names.by(REGISTRY).set_registry(ALICE.id()).lacks_role();
    let long = Settings { redemption_ms: 401 * DAY_MS, ..settings() };
    refused(chain.names.by(GOVERNANCE).set_settings(long), 2306, &["redemption_ms"]);
    let zero = Settings { ns_ttl: 0, ..settings() };
    refused(chain.names.by(GOVERNANCE).set_settings(zero), 2306, &["ns_ttl"]);
    let short = Settings { min_label: 3, ..settings() };
    chain.names.by(GOVERNANCE).set_settings(short).ok();
    refused(chain.names.by(ALICE).register(name("ab.lab"), 1, with(&[], vec![])), 2005, &["fewer than 3"]);
    chain.names.by(GOVERNANCE).set_registry(ISP.id()).ok();
    let charter = Charter { tld: name("lab"), registry: ISP.id(), loading: true };
    chain.names.by(ISP).charter().gives(Some(charter));
    chain.names.by(ISP).set_apex(apex("ns.lab", "192.0.2.1")).ok();
}

/// The labels of ICANN's Specification 5, when the folder with test data is there.
#[test]
fn the_list_of_specification_5_can_be_reserved() {
    use althing_interface::registrations::{MAX_BATCH, ReservedName};
    let Some(folder) = std::env::var_os("ALTHING_TEST_DATA") else { return };
    let path = std::path::Path::new(&folder).join("reserved/spec5-ReservedNames.2014-04-17.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let all: Vec<ReservedName> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter_map(|label| DomainName::parse(&format!("{label}.lab")).ok())
        .map(|name| ReservedName { name, reason: Text::new("Specification 5").unwrap() })
        .collect();
    assert!(all.len() > 2_000, "{}", all.len());
    let chain = chain();
    for batch in all.chunks(MAX_BATCH) {
        chain.names.by(REGISTRY).reserve(list(batch.to_vec())).ok();
    }
    for one in all.iter().step_by(97) {
        let found = chain.names.by(ISP).check(list(vec![one.name.clone()])).ok();
        assert!(found[0].reason.is_some(), "{}", one.name);
    }
    refused(
        chain.names.by(ALICE).register(name("african-union.lab"), 1, with(&[], vec![])),
        2306,
        &["Specification 5"],
    );
}
