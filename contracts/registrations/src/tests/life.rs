//! Claims about what registrars do with names.

use super::*;
use althing_interface::registrations::{
    Action, Change, CodeChange, Counts, DomainChanged, Phase, Registrant, RegistrantChange, WeakDigest, add_years,
};

fn change() -> Change {
    Change::default()
}

#[test]
fn a_registered_name_has_sponsor_term_and_records() {
    let chain = chain();
    let registration = Registration {
        ds: list(vec![ds(1, 2, 32)]),
        ..with(&["ns2.example", "ns1.alice.lab"], vec![set("ns1.alice.lab", &["192.0.2.1", "2001:db8::1"])])
    };
    // What the event says of the records is what the state has, without its fields that are not in the zone.
    let image = encode(&Some((
        List::<DomainName, 13>::new(vec![name("ns2.example"), name("ns1.alice.lab")]).unwrap(),
        registration.ds.clone(),
    )));
    let event = DomainChanged {
        name: name("alice.lab"),
        action: Action::Registered,
        sponsor: ALICE.id(),
        published: true,
        image: sha3_256(&image),
    };
    chain.names.by(ALICE).register(name("alice.lab"), 2, registration).emits(&event).ok();
    let domain = chain.domain("alice.lab");
    assert_eq!((domain.sponsor.clone(), domain.phase), (ALICE.id(), Phase::Active));
    assert_eq!(domain.expires_ms, add_years(chain.net.time_ms(), 2, 0));
    assert_eq!(domain.ns.iter().map(DomainName::as_str).collect::<Vec<_>>(), ["ns2.example", "ns1.alice.lab"]);
    assert_eq!(chain.words("alice.lab"), ["addPeriod", "ok"]);
    let counts = Counts { domains: 1, published: 1, hosts: 1, records: 5, missing: 0, changed: Height(1) };
    chain.names.by(ISP).counts().gives(counts);
    assert_eq!(chain.names.by(ISP).by_sponsor(ALICE.id(), None).ok().to_vec(), [name("alice.lab")]);
}

#[test]
fn only_registrars_with_the_duty_register() {
    let chain = chain();
    refused(chain.names.by(ISP).register(name("a.lab"), 1, with(&[], vec![])), 2201, &["isp-1", "no registrar"]);
    refused(chain.names.by(REGISTRY).register(name("a.lab"), 1, with(&[], vec![])), 2201, &["registry-1"]);
    refused(chain.names.by(VOTER).register(name("a.lab"), 1, with(&[], vec![])), 2201, &["duty operator"]);
}

#[test]
fn a_name_is_registered_once_and_one_label_below_the_tld() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    refused(chain.names.by(BOB).register(name("a.lab"), 1, with(&[], vec![])), 2302, &["'a.lab.'"]);
    for bad in ["lab", "b.a.lab", "a.org", "alab"] {
        refused(chain.names.by(BOB).register(name(bad), 1, with(&[], vec![])), 2005, &["exactly one label"]);
    }
    refused(chain.names.by(BOB).register(name("b.lab"), 0, with(&[], vec![])), 2004, &["0", "1 to 10"]);
    refused(chain.names.by(BOB).register(name("b.lab"), 11, with(&[], vec![])), 2004, &["11"]);
    chain.names.by(BOB).register(name("b.lab"), 10, with(&[], vec![])).ok();
    assert_eq!(chain.words("b.lab"), ["addPeriod", "inactive"]);
}

#[test]
fn case_2_to_5_bad_labels_are_refused_with_the_rule() {
    let chain = chain();
    let register = |text: &str| chain.names.by(ALICE).register(name(text), 1, with(&[], vec![]));
    refused(register("ab--cd.lab"), 2005, &["third and fourth"]);
    refused(register("a_b.lab"), 2005, &["'_'"]);
    refused(register("xn--a.lab"), 2005, &["A-label"]);
    refused(register("xn--pypal-4ve.lab"), 2005, &["mixes scripts"]);
    refused(register("xn--e28h.lab"), 2005, &["not a letter"]);
    refused(register("xn--fiqs8s.lab"), 2005, &["does not use"]);
    register("xn--mller-kva.lab").ok();
    register("xn--e1aybc.lab").ok();
    // Case 6: another spelling of a name is the same name.
    refused(register("XN--MLLER-KVA.LAB."), 2302, &[]);
}

#[test]
fn case_7_reserved_names_are_refused_and_free_when_unreserved() {
    let chain = chain();
    let entry = althing_interface::registrations::ReservedName {
        name: name("gov.lab"),
        reason: Text::new("kept for the state").unwrap(),
    };
    refused(chain.names.by(ALICE).reserve(list(vec![entry.clone()])), 2201, &["registry-1"]);
    chain.names.by(REGISTRY).reserve(list(vec![entry])).ok();
    refused(
        chain.names.by(ALICE).register(name("gov.lab"), 1, with(&[], vec![])),
        2306,
        &["reserved", "kept for the state"],
    );
    let found = chain.names.by(ISP).check(names(&["gov.lab", "free.lab"])).ok();
    assert!(found[0].reason.as_ref().unwrap().contains("reserved") && found[1].reason.is_none());
    chain.names.by(REGISTRY).unreserve(names(&["gov.lab"])).ok();
    refused(chain.names.by(REGISTRY).unreserve(names(&["gov.lab"])), 2303, &["not reserved"]);
    chain.registered(ALICE, "gov.lab");
}

#[test]
fn a_term_never_reaches_beyond_ten_years() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    let first = chain.domain("a.lab").expires_ms;
    refused(chain.names.by(ALICE).renew(name("a.lab"), first, 10), 2105, &["more than 10 years"]);
    refused(chain.names.by(ALICE).renew(name("a.lab"), first + 1, 1), 2306, &["renewed already"]);
    refused(chain.names.by(BOB).renew(name("a.lab"), first, 1), 2201, &["registrar-1", "registrar-2"]);
    chain.names.by(ALICE).renew(name("a.lab"), first, 9).ok();
    assert_eq!(chain.domain("a.lab").expires_ms, add_years(first, 9, 0));
    assert_eq!(chain.words("a.lab"), ["addPeriod", "ok", "renewPeriod"]);
    // The same transaction once more changes nothing.
    refused(chain.names.by(ALICE).renew(name("a.lab"), first, 9), 2306, &[]);
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    let registrant = Registrant { digest: Hash([7; 32]), pointer: Text::new("https://rdap.example/1").unwrap() };
    let update = Change { registrant: RegistrantChange::Set(registrant.clone()), ..change() };
    chain.names.by(ALICE).update(name("a.lab"), update.clone()).ok();
    chain.names.by(ALICE).update(name("a.lab"), update).emits_nothing().ok();
    let domain = chain.domain("a.lab");
    assert_eq!((domain.registrant, domain.ns.len()), (Some(registrant), 1));
    refused(chain.names.by(BOB).update(name("a.lab"), change()), 2201, &["sponsored by registrar-1"]);
    refused(chain.names.by(ALICE).update(name("b.lab"), change()), 2303, &["'b.lab.'"]);
    let signed = Change { ds: Some(list(vec![ds(1, 2, 32)])), ..change() };
    chain.names.by(ALICE).update(name("a.lab"), signed).ok();
    let bare = Change { ns: Some(List::default()), ..change() };
    refused(chain.names.by(ALICE).update(name("a.lab"), bare), 2306, &["no name servers"]);
    let removed = Change { ns: Some(List::default()), ds: Some(List::default()), ..change() };
    chain.names.by(ALICE).update(name("a.lab"), removed).ok();
    assert!(!chain.domain("a.lab").published());
    assert_eq!(chain.names.by(ISP).counts().ok().published, 0);
}

#[test]
fn case_11_a_name_server_within_the_tld_needs_addresses() {
    let chain = chain();
    let bare = |ns: &[&str]| chain.names.by(ALICE).register(name("a.lab"), 1, with(ns, vec![]));
    refused(bare(&["ns.a.lab"]), 2303, &["ns.a.lab", "no addresses"]);
    refused(bare(&["ns.b.lab"]), 2303, &["ns.b.lab"]);
    let hosts = vec![set("ns.a.lab", &["192.0.2.1"])];
    chain.names.by(ALICE).register(name("a.lab"), 1, with(&["ns.a.lab"], hosts)).ok();
    // Another registrar's domain may use it, and then it stays.
    chain.names.by(BOB).register(name("b.lab"), 1, with(&["ns.a.lab"], vec![])).ok();
    let away = Change { ns: Some(List::default()), hosts: list(vec![clear("ns.a.lab")]), ..change() };
    refused(chain.names.by(ALICE).update(name("a.lab"), away.clone()), 2305, &["ns.a.lab", "b.lab"]);
    refused(chain.names.by(ALICE).delete(name("a.lab")), 2305, &["b.lab"]);
    chain.names.by(BOB).delete(name("b.lab")).ok();
    chain.names.by(ALICE).update(name("a.lab"), away).ok();
    assert_eq!(chain.names.by(ISP).host(name("ns.a.lab")).ok(), None);
}

#[test]
fn hosts_are_set_with_the_domain_in_which_they_lie() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    chain.registered(BOB, "b.lab");
    let hosts = |change: HostChange| Change { hosts: list(vec![change]), ..Change::default() };
    let by_bob = chain.names.by(BOB).update(name("b.lab"), hosts(set("ns.a.lab", &["192.0.2.9"])));
    refused(by_bob, 2306, &["does not lie in"]);
    refused(chain.names.by(ALICE).update(name("a.lab"), hosts(clear("ns.a.lab"))), 2303, &["ns.a.lab"]);
    let twice = Change { hosts: list(vec![set("n.a.lab", &["192.0.2.1"]), clear("n.a.lab")]), ..change() };
    refused(chain.names.by(ALICE).update(name("a.lab"), twice), 2005, &["twice"]);
    for (address, part) in [("127.0.0.1", "loopback"), ("::ffff:192.0.2.1", "IPv4"), ("224.0.0.1", "multicast")] {
        let bad = chain.names.by(ALICE).update(name("a.lab"), hosts(set("ns.a.lab", &[address])));
        refused(bad, 2306, &[part]);
    }
    refused(chain.names.by(ALICE).update(name("a.lab"), hosts(set("ns.a.lab", &[]))), 2003, &["no address"]);
    for host in 0..26 {
        let one = hosts(set(&format!("n{host}.a.lab"), &["192.0.2.1"]));
        chain.names.by(ALICE).update(name("a.lab"), one).ok();
    }
    refused(chain.names.by(ALICE).update(name("a.lab"), hosts(set("x.a.lab", &["192.0.2.1"]))), 2306, &["26"]);
}

#[test]
fn case_13_a_ds_record_of_the_wrong_length_is_refused() {
    let chain = chain();
    let signed = |record| Registration { ds: list(vec![record]), ..with(&["ns.example"], vec![]) };
    let register = |record| chain.names.by(ALICE).register(name("a.lab"), 1, signed(record));
    refused(register(ds(5, 2, 31)), 2306, &["ds 5", "31 octets"]);
    refused(register(ds(5, 9, 32)), 2306, &["digest type 9"]);
    register(ds(5, 4, 48)).ok();
    // SHA-1 is accepted with a warning, once.
    let change = Change { ds: Some(list(vec![ds(6, 1, 20)])), ..change() };
    let warning = WeakDigest { name: name("a.lab"), key_tag: 6 };
    chain.names.by(ALICE).update(name("a.lab"), change.clone()).emits(&warning).ok();
    chain.names.by(ALICE).update(name("a.lab"), change).emits_nothing().ok();
}

#[test]
fn prohibitions_forbid_and_hold_takes_out_of_the_zone() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    let add = |by: Org, given: &[Status]| chain.names.by(by).set_status(name("a.lab"), statuses(given), statuses(&[]));
    let remove =
        |by: Org, given: &[Status]| chain.names.by(by).set_status(name("a.lab"), statuses(&[]), statuses(given));
    add(ALICE, &[Status::ClientHold, Status::ClientDeleteProhibited, Status::ClientRenewProhibited]).ok();
    assert!(!chain.domain("a.lab").published());
    refused(chain.names.by(ALICE).delete(name("a.lab")), 2304, &["clientDeleteProhibited"]);
    let expires_ms = chain.domain("a.lab").expires_ms;
    refused(chain.names.by(ALICE).renew(name("a.lab"), expires_ms, 1), 2304, &["clientRenewProhibited"]);
    remove(ALICE, &[Status::ClientHold]).ok();
    assert!(chain.domain("a.lab").published());
    add(ALICE, &[Status::ClientUpdateProhibited]).ok();
    refused(add(ALICE, &[Status::ClientHold]), 2304, &["clientUpdateProhibited"]);
    refused(chain.names.by(ALICE).update(name("a.lab"), change()), 2304, &["clientUpdateProhibited"]);
    let both = [Status::ClientUpdateProhibited, Status::ClientDeleteProhibited];
    refused(remove(ALICE, &both), 2304, &["clientUpdateProhibited"]);
    // Its own removal is what it allows.
    remove(ALICE, &[Status::ClientUpdateProhibited]).ok();
    // Statuses of the server are the registry's alone.
    refused(add(ALICE, &[Status::ServerHold]), 2201, &[]);
    refused(add(REGISTRY, &[Status::ClientHold]), 2201, &[]);
    refused(add(REGISTRY, &[Status::ServerHold, Status::ClientHold]), 2201, &["clientHold", "sponsoring registrar"]);
    add(REGISTRY, &[Status::ServerHold, Status::ServerUpdateProhibited]).ok();
    refused(remove(ALICE, &[Status::ServerHold]), 2201, &["registry-1"]);
    refused(remove(ALICE, &[Status::ClientDeleteProhibited]), 2304, &["serverUpdateProhibited"]);
    remove(REGISTRY, &[Status::ServerHold, Status::ServerUpdateProhibited]).ok();
    assert!(chain.domain("a.lab").published());
}

#[test]
fn a_name_deleted_in_the_add_grace_period_is_free_at_once() {
    let chain = chain();
    let hosts = vec![set("ns.a.lab", &["192.0.2.1"])];
    chain.names.by(ALICE).register(name("a.lab"), 1, with(&["ns.a.lab"], hosts)).ok();
    chain.names.by(ALICE).delete(name("a.lab")).ok();
    assert!(chain.gone("a.lab"));
    let counts = chain.names.by(ISP).counts().ok();
    assert_eq!((counts.domains, counts.hosts, counts.records, counts.published), (0, 0, 0, 0));
    chain.registered(BOB, "a.lab");
}

#[test]
fn a_deleted_name_can_be_restored_until_redemption_is_over() {
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    chain.days(6);
    chain.names.by(ALICE).delete(name("a.lab")).ok();
    assert_eq!(chain.words("a.lab"), ["pendingDelete", "redemptionPeriod"]);
    assert!(!chain.domain("a.lab").published());
    refused(chain.names.by(ALICE).update(name("a.lab"), change()), 2304, &["redemptionPeriod"]);
    refused(chain.names.by(BOB).register(name("a.lab"), 1, with(&[], vec![])), 2302, &[]);
    chain.days(29);
    refused(chain.names.by(BOB).restore(name("a.lab")), 2201, &[]);
    chain.names.by(ALICE).restore(name("a.lab")).ok();
    assert_eq!(chain.words("a.lab"), ["ok"]);
    refused(chain.names.by(ALICE).restore(name("a.lab")), 2304, &["not in redemption"]);
    chain.names.by(ALICE).delete(name("a.lab")).ok();
    chain.days(30);
    assert_eq!(chain.words("a.lab"), ["pendingDelete"]);
    refused(chain.names.by(ALICE).restore(name("a.lab")), 2304, &["not in redemption"]);
    chain.days(5);
    assert!(chain.gone("a.lab"));
}

#[test]
fn personal_data_has_no_place_but_a_digest_and_a_pointer() {
    // The value of a domain has exactly these fields; a new one must be looked at with this in mind.
    let schema = format!("{:?}", <Domain as Wire>::SCHEMA);
    for field in ["sponsor", "registrant", "digest", "pointer"] {
        assert!(schema.contains(&format!("\"{field}\"")), "{field}");
    }
    for field in ["email", "phone", "street", "contact", "person"] {
        assert!(!schema.contains(field), "{field}");
    }
    let chain = chain();
    chain.registered(ALICE, "a.lab");
    let code = Change { code: CodeChange::Set(Hash([1; 32])), ..change() };
    chain.names.by(ALICE).update(name("a.lab"), code).ok();
    chain.names.by(ALICE).update(name("a.lab"), Change { code: CodeChange::Remove, ..change() }).ok();
    assert_eq!(chain.domain("a.lab").code, None);
}
