//! The two sides with the contracts that really keep the records: a registry's change on either chain comes to stand on both.

use super::*;
use althing_domain_records::DomainRecords;
use althing_interface::{
    domain_records::{Change, DelegationChange, HostChange},
    rdata::Ds,
    registrations::{self, Apex, Settings},
};
use althing_registrations::Registrations;
use althing_tld_binding::TldBinding;

/// Both chains, with the real contracts beside `root_sync`.
struct Real {
    root: Chain,
    tld: Chain,
    bindings: Deployed<TldBinding>,
    records: Deployed<DomainRecords>,
    registrations: Deployed<Registrations>,
}

fn real() -> Real {
    let (root, tld) = pair_with(["unused", "unused"]);
    let bindings = root.net.deploy::<TldBinding>(COUNCIL);
    let records = root.net.deploy::<DomainRecords>(COUNCIL);
    bindings.by(COUNCIL).bind(name("lab"), REGISTRY.id()).ok();
    let init = registrations::Init { tld: name("lab"), registry: REGISTRY.id(), settings: Settings::default() };
    let registrations = tld.net.deploy_with::<Registrations>(COUNCIL, registrations::ID, &(init,));
    Real { root, tld, bindings, records, registrations }
}

fn ds(key_tag: u16) -> Ds {
    Ds { key_tag, algorithm: 13, digest_type: 2, digest: Bytes::new(vec![7; 32]).unwrap() }
}

/// The apex of the image with this number, signed.
fn apex(number: u8, key_tag: u16) -> Apex {
    let TldImage { delegation, hosts } = image(number);
    let delegation = Delegation { ds: list(vec![ds(key_tag)]), ds_ttl: 86_400, ..delegation.unwrap() };
    Apex { delegation, hosts: list(hosts.into_vec()) }
}

impl Real {
    /// What stands on the root and on the TLD chain.
    fn delegations(&self) -> (Option<Delegation>, Option<Delegation>) {
        let root = self.records.by(CARRIER).delegation(name("lab")).ok();
        let tld = self.registrations.by(CARRIER).apex().ok().map(|apex| apex.delegation);
        (root, tld)
    }

    fn delegate(&self, number: u8) {
        let TldImage { delegation, hosts } = image(number);
        let hosts =
            hosts.iter().map(|entry| HostChange { host: entry.name.clone(), addresses: Some(entry.host.clone()) });
        let change =
            Change { hosts: list(hosts.collect()), delegation: DelegationChange::Set(delegation.expect("an image")) };
        self.records.by(REGISTRY).change(name("lab"), change).ok();
    }
}

#[test]
fn a_registrys_change_on_either_chain_comes_to_stand_on_both() {
    let real = real();
    real.delegate(1);
    assert_eq!(carry(&real.root, &real.tld).verdicts.into_vec(), [Verdict::Applied]);
    let (root, tld) = real.delegations();
    assert!(root.is_some() && root == tld, "{root:?} {tld:?}");
    let host = real.registrations.by(CARRIER).apex().ok().unwrap().hosts.into_vec().remove(0);
    assert_eq!(Some(host.host), real.records.by(CARRIER).host(name("ns.lab")).ok());
    // The registry signs its zone, on the TLD chain.
    real.registrations.by(REGISTRY).set_apex(apex(2, 4711)).ok();
    let told = carry(&real.tld, &real.root).verdicts.into_vec();
    assert!(told.iter().all(|verdict| *verdict == Verdict::Applied), "{told:?}");
    let (root, tld) = real.delegations();
    assert_eq!(root, Some(apex(2, 4711).delegation));
    assert_eq!(root, tld);
    // Nothing goes on in circles: after the answers there is nothing to say.
    carry(&real.root, &real.tld);
    assert_eq!(real.tld.peer(&real.root).sent, real.root.received(&real.tld));
    assert_eq!(real.root.peer(&real.tld).sent, real.tld.received(&real.root));
}

#[test]
fn a_suspended_registry_changes_nothing_through_its_chain_either() {
    let real = real();
    real.delegate(1);
    carry(&real.root, &real.tld);
    real.bindings.by(COUNCIL).suspend(name("lab")).ok();
    real.registrations.by(REGISTRY).set_apex(apex(2, 4711)).ok();
    let before = real.delegations().0;
    let verdicts = carry(&real.tld, &real.root).verdicts.into_vec();
    let last = verdicts.last().unwrap();
    assert!(matches!(last, Verdict::Refused { code: 3, reason } if reason.contains("suspended")), "{last:?}");
    assert_eq!(real.delegations().0, before);
    carry(&real.root, &real.tld);
    assert_eq!(real.tld.peer(&real.root).answer.unwrap().verdict, *last);
}

#[test]
fn a_chain_of_a_tld_that_is_bound_to_nobody_changes_nothing() {
    let real = real();
    real.registrations.by(REGISTRY).set_apex(apex(1, 1)).ok();
    real.bindings.by(COUNCIL).release(name("lab")).ok();
    let verdicts = carry(&real.tld, &real.root).verdicts.into_vec();
    assert!(matches!(verdicts.last(), Some(Verdict::Refused { code: 1, .. })), "{verdicts:?}");
    assert_eq!(real.delegations().0, None);
}
