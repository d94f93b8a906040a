//! Claims about both sides on a chain on which nobody reviews.

use super::*;
use althing_interface::{
    bootstrap::{Claim, ClaimStatus, Counts, EntrySet, OwnBinding, RegistrarSet},
    layout,
};
use althing_sdk::{testing::Entry as At, types::codec::encode};

#[test]
fn the_bound_registry_sets_changes_and_deletes_its_entry() {
    let chain = chain();
    let first = urls(&["https://rdap.nic.lab/"]);
    let by = chain.bootstrap.by(LAB);
    by.set(name("lab"), first.clone())
        .emits(&EntrySet { tld: name("lab"), urls: first.clone(), by: LAB.id(), revision: 1 })
        .gives(None);
    chain.net.pass(5);
    let second = urls(&["https://rdap2.nic.lab/a/"]);
    by.set(name("lab"), second.clone()).gives(None);
    let entry = by.entry(name("lab")).ok().unwrap();
    assert_eq!((&entry.urls, entry.revision, entry.changed), (&second, 2, chain.net.height()));
    assert_eq!(by.counts().ok().entries, 1);
    by.delete(name("lab")).gives(None);
    by.entry(name("lab")).gives(None);
    refused(by.delete(name("lab")), 8, &["lab"]);
    assert_eq!(by.counts().ok().entries, 0);
    // Numbers of changes go on after a deletion.
    by.set(name("lab"), first.clone()).gives(None);
    assert_eq!(by.entry(name("lab")).ok().unwrap().revision, 4);
    let history: Vec<_> = by.history(name("lab")).ok().into_vec();
    let seen: Vec<_> = history.iter().map(|change| (change.revision, change.urls.clone())).collect();
    assert_eq!(seen, [(1, first.clone()), (2, second), (3, urls(&[])), (4, first)]);
    chain.sound();
}

#[test]
fn nobody_else_changes_an_entry() {
    let chain = chain();
    let set = |org: Org, tld: &str| chain.bootstrap.by(org).set(name(tld), urls(&["https://rdap.nic.lab/"]));
    refused(set(NET, "lab"), 2, &["lab", "lab-registry", "net-registry"]);
    refused(set(GOVERNOR, "lab"), 5, &["operator"]);
    refused(set(LAB, "com"), 1, &["com"]);
    refused(set(LAB, "a.lab"), 9, &["2 labels"]);
    refused(chain.bootstrap.by(LAB).set(name("lab"), urls(&[])), 7, &["at least one"]);
    refused(chain.bootstrap.by(LAB).set(name("lab"), urls(&["http://rdap.nic.lab/"])), 6, &["https"]);
    const VOTER: Org = Org::new("lab-registry", &[Role::Registry, Role::Voter]);
    refused(set(VOTER, "lab"), 5, &["lab-registry", "operator"]);
    chain.bindings.by(GOVERNOR).suspend(name("lab")).ok();
    refused(set(LAB, "lab"), 3, &["suspended"]);
    chain.bindings.by(GOVERNOR).resume(name("lab")).ok();
    chain.bindings.by(GOVERNOR).rebind(name("lab"), NET.id()).ok();
    refused(set(LAB, "lab"), 2, &["net-registry"]);
    set(NET, "lab").gives(None);
    // Reviewed changes come from governance alone.
    chain.bootstrap.by(LAB).reviewed_set(LAB.id(), name("lab"), 1, urls(&["https://evil.lab/"])).lacks_role();
}

#[test]
fn history_is_bounded() {
    let chain = chain_with(Settings { history: 3, ..Settings::default() });
    for turn in 0..10 {
        chain.bootstrap.by(LAB).set(name("lab"), urls(&[&format!("https://rdap{turn}.nic.lab/")])).ok();
    }
    let kept: Vec<u64> = chain.bootstrap.by(LAB).history(name("lab")).ok().iter().map(|c| c.revision).collect();
    assert_eq!(kept, [8, 9, 10]);
    refused(chain.bootstrap.by(GOVERNOR).set_settings(Settings { history: 0, ..Settings::default() }), 20, &["0"]);
    chain.bootstrap.by(GOVERNOR).set_settings(Settings { history: 1, ..Settings::default() }).ok();
    chain.bootstrap.by(LAB).set(name("lab"), urls(&["https://rdap.nic.lab/"])).ok();
    assert_eq!(chain.bootstrap.by(LAB).history(name("lab")).ok().len(), 1);
    chain.sound();
}

#[test]
fn a_registrar_applies_is_approved_and_keeps_its_own_entry() {
    let chain = chain();
    let seller = chain.bootstrap.by(SELLER);
    refused(seller.set_registrar(data(&[])), 14, &["seller"]);
    refused(seller.apply(9), 11, &["9", "terminated"]);
    refused(seller.apply(10), 11, &["10", "not"]);
    chain.bootstrap.by(LAB).apply(7).lacks_role();
    seller.apply(7).ok();
    refused(seller.apply(8), 13, &["7"]);
    refused(seller.set_registrar(data(&[])), 15, &["7"]);
    refused(chain.bootstrap.by(OTHER).approve(SELLER.id(), 7), 16, &["other-seller"]);
    refused(chain.bootstrap.by(GOVERNOR).approve(SELLER.id(), 8), 14, &["seller"]);
    chain.bootstrap.by(GOVERNOR).approve(SELLER.id(), 7).ok();
    refused(chain.bootstrap.by(OTHER).apply(7), 12, &["7", "seller"]);
    let mine = data(&["https://rdap.seller.example/"]);
    seller.set_registrar(mine.clone()).emits(&RegistrarSet { id: 7, by: SELLER.id(), revision: 1 }).gives(None);
    let row = seller.registrar(7).ok().unwrap();
    assert_eq!((row.registrar.data, row.accreditation.unwrap().name.as_str()), (mine, "Seller Ltd."));
    // Termination: it may still go, but change nothing.
    let gone = batch(vec![listed(7, "Seller Ltd.", RegistrarStatus::Terminated)]);
    chain.bootstrap.by(GOVERNOR).load_accreditation(gone, 2_000).ok();
    refused(seller.set_registrar(data(&[])), 11, &["terminated"]);
    seller.delete_registrar().gives(None);
    refused(seller.delete_registrar(), 8, &["7"]);
    assert_eq!(seller.registrar_history(7).ok().len(), 2);
    chain.sound();
}

#[test]
fn an_impostor_s_claim_blocks_nobody_and_a_revoked_one_takes_the_entry_with_it() {
    let chain = chain();
    chain.bootstrap.by(OTHER).apply(7).ok();
    chain.bootstrap.by(SELLER).apply(7).ok();
    chain.bootstrap.by(OTHER).claim(OTHER.id()).gives(None);
    refused(chain.bootstrap.by(GOVERNOR).approve(OTHER.id(), 7), 14, &["other-seller"]);
    chain.bootstrap.by(GOVERNOR).approve(SELLER.id(), 7).ok();
    let claim = chain.bootstrap.by(SELLER).claim(SELLER.id()).ok();
    assert_eq!(claim, Some(Claim { id: 7, status: ClaimStatus::Approved, changed: chain.net.height() }));
    chain.bootstrap.by(SELLER).set_registrar(data(&[])).gives(None);
    refused(chain.bootstrap.by(SELLER).revoke(SELLER.id()), 16, &["seller"]);
    chain.bootstrap.by(GOVERNOR).revoke(SELLER.id()).ok();
    chain.bootstrap.by(SELLER).registrar(7).gives(None);
    let counts = chain.bootstrap.by(SELLER).counts().ok();
    assert_eq!((counts.registrars, counts.claims), (0, 0));
    chain.sound();
}

#[test]
fn the_organisation_of_the_settings_keeps_the_list() {
    let chain = chain_with(Settings { management: Some(NET.id()), ..Settings::default() });
    let list = |org: Org, changes, published_ms| chain.bootstrap.by(org).load_accreditation(changes, published_ms);
    refused(list(LAB, batch(vec![]), 3_000), 16, &["lab-registry"]);
    list(NET, batch(vec![AccreditationChange { id: 9, accreditation: None }]), 3_000).ok();
    refused(list(NET, batch(vec![]), 2_999), 19, &["2999", "3000"]);
    let twice = vec![listed(1, "a", RegistrarStatus::Reserved), listed(1, "b", RegistrarStatus::Reserved)];
    refused(list(NET, batch(twice), 3_000), 18, &["1"]);
    refused(list(NET, batch(vec![listed(1, "a\tb", RegistrarStatus::Reserved)]), 3_000), 17, &["name"]);
    let counts = chain.bootstrap.by(LAB).counts().ok();
    assert_eq!((counts.accreditations, counts.published_ms), (2, 3_000));
    let page = chain.bootstrap.by(LAB).accreditations(Some(7)).ok();
    assert_eq!(page.iter().map(|entry| entry.id).collect::<Vec<_>>(), [8]);
    chain.bootstrap.by(SELLER).apply(7).ok();
    chain.bootstrap.by(NET).approve(SELLER.id(), 7).ok();
}

#[test]
fn a_chain_without_tld_binding_has_bindings_of_its_own() {
    let net = Net::native();
    let own = OwnBinding { tld: name("lab"), organisation: LAB.id() };
    let init = Init { bindings: List::new(vec![own]).unwrap(), ..Init::default() };
    let bootstrap = net.deploy_with::<Bootstrap>(GOVERNOR, ID, &(init,));
    let set = |org: Org, tld: &str| bootstrap.by(org).set(name(tld), urls(&["https://rdap.nic.lab/"]));
    set(LAB, "lab").gives(None);
    refused(set(NET, "net"), 1, &["net"]);
    bootstrap.by(LAB).bind(name("net"), Some(LAB.id())).lacks_role();
    bootstrap.by(GOVERNOR).bind(name("net"), Some(NET.id())).ok();
    set(NET, "net").gives(None);
    bootstrap.by(GOVERNOR).bind(name("net"), None).ok();
    refused(bootstrap.by(GOVERNOR).bind(name("net"), None), 1, &["net"]);
    refused(set(NET, "net"), 1, &["net"]);
    let chain = chain();
    refused(chain.bootstrap.by(GOVERNOR).bind(name("com"), Some(NET.id())), 22, &["tld_binding"]);
}

#[test]
fn pages_walk_in_order_and_totals_can_be_counted_anew() {
    let chain = chain();
    for (org, tld) in [(NET, "net"), (LAB, "lab")] {
        chain.bootstrap.by(org).set(name(tld), urls(&[&format!("https://rdap.nic.{tld}/")])).ok();
    }
    chain.registrar(OTHER, 8);
    chain.registrar(SELLER, 7);
    chain.bootstrap.by(OTHER).set_registrar(data(&[])).ok();
    chain.bootstrap.by(SELLER).set_registrar(data(&[])).ok();
    let view = chain.bootstrap.by(LAB);
    let tlds = |after| view.entries(after).ok().iter().map(|row| row.tld.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(
        (tlds(None), tlds(Some(name("lab")))),
        (vec!["lab".to_owned(), "net".to_owned()], vec!["net".to_owned()])
    );
    let ids = |after| view.registrars(after).ok().iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!((ids(None), ids(Some(7))), (vec![7, 8], vec![8]));
    let before = view.counts().ok();
    // Three of the list, two TLDs, two registrars: so many events.
    let told = ["EntrySet", "RegistrarSet", "AccreditationChanged"];
    let events = chain.net.events().iter().filter(|event| told.contains(&event.name.as_str())).count();
    assert_eq!((before.changes, events), (7, 7));
    chain.bootstrap.by(GOVERNOR).recount().ok();
    assert_eq!(view.counts().ok(), Counts { changes: 8, ..before });
    chain.sound();
}

#[test]
fn keys_are_those_of_the_layout() {
    let chain = chain();
    chain.bootstrap.by(LAB).set(name("lab"), urls(&["https://rdap.nic.lab/"])).ok();
    chain.registrar(SELLER, 7);
    chain.bootstrap.by(SELLER).set_registrar(data(&[])).ok();
    let state = chain.bootstrap.state();
    let by = chain.bootstrap.by(LAB);
    for (key, value) in [
        (layout::bootstrap_entry_key(&name("lab")), encode(&by.entry(name("lab")).ok().unwrap())),
        (layout::registrar_key(7), encode(&by.registrar(7).ok().unwrap().registrar)),
        (layout::accreditation_key(9), encode(&by.accreditation(9).ok().unwrap())),
        (layout::claim_key(&SELLER.id()), encode(&by.claim(SELLER.id()).ok().unwrap())),
        (layout::bootstrap_counts_key(), encode(&by.counts().ok())),
    ] {
        assert_eq!(state.get(&key), Some(&value));
    }
    assert_eq!(layout::registrar_of(&layout::registrar_key(7)), Some(7));
}

#[test]
fn damaged_arguments_are_refused_without_a_trace() {
    let chain = chain();
    let before = chain.bootstrap.state();
    for method in ["set", "delete", "apply", "approve", "set_registrar", "load_accreditation", "reviewed_set"] {
        for input in [&b""[..], &[0xff; 3], &[0xff; 64], &[0; 700]] {
            let outcome = chain.bootstrap.by(LAB).raw(At::Call(method), input);
            assert!(outcome.result.is_err(), "{method}");
        }
    }
    assert_eq!(chain.bootstrap.state(), before);
}
