//! Claims about what contract `root_sync` is told and what it brings, with a stand-in that writes down and forwards.

use super::{
    delegation,
    held::{Chain, LAB, NET, OPERATOR, SE, refused, shared_host},
    host, list, name,
};
use althing_interface::{
    domain_records::{self, Delegation, HostEntry, held::HeldStatus},
    root_sync::{Outcome, TldImage},
};
use althing_sdk::{prelude::*, testing::Deployed};

/// Writes down what it is told, and brings what it is asked to.
#[contract(name = "root_sync", state_version = 1)]
pub(super) struct StandIn {
    /// What was told last of each TLD.
    told: Map<DomainName, TldImage>,
    /// How often.
    count: Value<u64>,
    /// Whether it is out of order.
    broken: Value<bool>,
}

#[contract_api]
impl StandIn {
    /// As that of the real one.
    #[call]
    fn changed(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> Option<u64> {
        assert!(cx.caller().is_some_and(|caller| caller.as_str() == domain_records::ID));
        assert!(!self.broken.get().unwrap_or_default(), "out of order");
        self.told.put(&tld, &image);
        let count = self.count.get().unwrap_or_default() + 1;
        self.count.put(&count);
        Some(count)
    }

    /// Brings an image; gives the outcome, or the number of the refusal.
    #[call]
    fn bring(&mut self, cx: &mut Ctx, tld: DomainName, image: TldImage) -> (Option<Outcome>, u32) {
        let records = ContractId::new(domain_records::ID).unwrap();
        match cx.call::<Outcome>(&records, "apply_synced", &(tld, image)) {
            Ok(outcome) => (Some(outcome), 0),
            Err(error) => (None, error.number().unwrap_or(u32::MAX)),
        }
    }

    /// Breaks it, or repairs it.
    #[call]
    fn set_broken(&mut self, broken: bool) {
        self.broken.put(&broken);
    }

    /// What was told last of a TLD.
    #[view]
    fn told(&self, tld: DomainName) -> Option<TldImage> {
        self.told.get(&tld)
    }

    /// How often anything was told.
    #[view]
    fn count(&self) -> u64 {
        self.count.get().unwrap_or_default()
    }
}

fn with_sync() -> (Chain, Deployed<StandIn>) {
    let chain = Chain::new();
    let sync = chain.net.deploy::<StandIn>(OPERATOR);
    (chain, sync)
}

fn image(ns: &[&str], hosts: &[(&str, &str)]) -> TldImage {
    let hosts = hosts.iter().map(|(at, address)| HostEntry { name: name(at), host: host(&[address]) }).collect();
    TldImage { delegation: Some(delegation(ns)), hosts: list(hosts) }
}

#[test]
fn a_changed_delegation_is_told_with_the_glue_that_lies_in_the_tld() {
    let (chain, sync) = with_sync();
    let ds = list(vec![super::ds(1, 2, 32)]);
    chain.records.by(LAB).set_ds(name("lab"), ds.clone(), 60).ok();
    let delegation = Some(Delegation { ds, ds_ttl: 60, ..delegation(&["ns.lab", "ns.net"]) });
    let glue = HostEntry { name: name("ns.lab"), host: host(&["192.0.2.1"]) };
    let expected = TldImage { delegation, hosts: list(vec![glue]) };
    assert_eq!(sync.by(LAB).told(name("lab")).ok(), Some(expected.clone()));
    assert_eq!(chain.records.by(LAB).image(name("lab")).ok(), expected);
    assert_eq!(sync.by(LAB).count().ok(), 1);
    // The same again is no change.
    chain.records.by(LAB).set_host(name("lab"), name("ns.lab"), host(&["192.0.2.1"])).ok();
    assert_eq!(sync.by(LAB).count().ok(), 1);
    chain.records.by(LAB).delete_delegation(name("lab")).ok();
    assert_eq!(sync.by(LAB).told(name("lab")).ok(), Some(TldImage { delegation: None, hosts: List::default() }));
}

#[test]
fn a_hosts_new_addresses_are_told_to_the_tld_in_which_it_lies_when_they_are_in_force() {
    let (chain, sync) = with_sync();
    let id = chain.asks();
    assert_eq!(sync.by(LAB).count().ok(), 0, "nothing held is told");
    chain.records.by(NET).consent(id).ok();
    chain.records.by(SE).consent(id).gives(HeldStatus::Applied);
    let told = sync.by(LAB).told(name("net")).ok().expect("told");
    assert_eq!(told.hosts.first().map(|entry| entry.host.clone()), Some(host(&["192.0.2.77"])));
    assert_eq!(sync.by(LAB).count().ok(), 1);
}

#[test]
fn a_tld_chains_change_is_applied_by_the_registrys_rules_and_not_told_back() {
    let (chain, sync) = with_sync();
    let wanted = image(&["b.lab", "ns.net"], &[("b.lab", "192.0.2.44")]);
    // Whoever carries it: the right is the bound registry's.
    sync.by(NET).bring(name("lab"), wanted).gives((Some(Outcome::Applied), 0));
    assert_eq!(chain.records.by(LAB).delegation(name("lab")).ok(), Some(delegation(&["b.lab", "ns.net"])));
    assert_eq!(chain.records.by(LAB).host(name("b.lab")).ok(), Some(host(&["192.0.2.44"])));
    assert_eq!(chain.records.by(LAB).host(name("ns.lab")).ok(), None, "the host that nobody names went");
    assert_eq!(sync.by(LAB).count().ok(), 0);
    sync.by(NET).bring(name("lab"), image(&["c.lab"], &[])).gives((None, 9));
    sync.by(NET).bring(name("free"), image(&["ns.net"], &[])).gives((None, 1));
    chain.bindings.by(OPERATOR).suspend(name("lab")).ok();
    sync.by(NET).bring(name("lab"), image(&["ns.net"], &[])).gives((None, 3));
    let gone = TldImage { delegation: None, hosts: List::default() };
    sync.by(NET).bring(name("se"), gone.clone()).gives((Some(Outcome::Applied), 0));
    assert_eq!(chain.records.by(LAB).delegation(name("se")).ok(), None);
    sync.by(NET).bring(name("se"), gone).gives((Some(Outcome::Applied), 0));
}

#[test]
fn nobody_but_root_sync_brings_changes_of_tld_chains() {
    let (chain, _) = with_sync();
    refused(chain.records.by(LAB).apply_synced(name("lab"), image(&["ns.net"], &[])), 32);
    refused(chain.records.by(OPERATOR).apply_synced(name("lab"), image(&["ns.net"], &[])), 32);
    let pretender = chain.net.deploy_with::<StandIn>(OPERATOR, "pretender", &());
    pretender.by(LAB).bring(name("lab"), image(&["ns.net"], &[])).gives((None, 32));
}

#[test]
fn a_tld_chains_change_of_a_shared_host_is_held_and_its_end_is_told() {
    let (chain, sync) = with_sync();
    let wanted = || image(&["ns.lab", "ns.net"], &[("ns.lab", "192.0.2.1"), ("ns.net", "192.0.2.55")]);
    sync.by(LAB).bring(name("lab"), wanted()).gives((Some(Outcome::Held), 0));
    sync.by(LAB).bring(name("lab"), wanted()).gives((Some(Outcome::Held), 0));
    let id = chain.counts().last;
    assert_eq!((id, chain.standing(id).synced), (1, true));
    assert_eq!(chain.standing(id).organisation, LAB.id());
    chain.records.by(SE).object(id).gives(HeldStatus::Refused);
    // The TLD's chain learns what the root has: the old addresses.
    assert_eq!(sync.by(LAB).told(name("lab")).ok(), Some(chain.records.by(LAB).image(name("lab")).ok()));
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), Some(shared_host()));
    sync.by(LAB).bring(name("lab"), wanted()).gives((Some(Outcome::Held), 0));
    for by in [NET, SE] {
        chain.records.by(by).consent(2).ok();
    }
    assert_eq!(chain.records.by(LAB).host(name("ns.net")).ok(), Some(host(&["192.0.2.55"])));
    assert_eq!(sync.by(LAB).count().ok(), 3, "lab twice, net once");
}

#[test]
fn what_could_not_be_told_is_told_later() {
    let (chain, sync) = with_sync();
    sync.by(OPERATOR).set_broken(true).ok();
    chain.records.by(LAB).set_ns(name("lab"), list(vec![name("ns.net")]), 60).ok();
    assert_eq!(sync.by(LAB).told(name("lab")).ok(), None);
    sync.by(OPERATOR).set_broken(false).ok();
    chain.records.by(OPERATOR).end_block().ok();
    assert_eq!(sync.by(LAB).told(name("lab")).ok(), Some(chain.records.by(LAB).image(name("lab")).ok()));
    chain.records.by(OPERATOR).end_block().ok();
    assert_eq!(sync.by(LAB).count().ok(), 1);
}

#[test]
fn a_tld_chains_change_of_glue_of_another_tld_reaches_that_one_with_the_next_call() {
    let (chain, sync) = with_sync();
    for (tld, by) in [("se", SE), ("lab", LAB)] {
        chain.records.by(by).set_delegation(name(tld), delegation(&["x.example.org"])).ok();
    }
    chain.bind("second", NET);
    chain.delegate("second", NET, &["ns.net"]);
    let count = sync.by(LAB).count().ok();
    // Both TLDs are of one registry: nobody is asked.
    sync.by(NET)
        .bring(name("second"), image(&["ns.net"], &[("ns.net", "192.0.2.91")]))
        .gives((Some(Outcome::Applied), 0));
    assert_eq!(sync.by(LAB).count().ok(), count);
    chain.records.by(OPERATOR).end_block().ok();
    let told = sync.by(LAB).told(name("net")).ok().expect("told");
    assert_eq!(told.hosts.first().map(|entry| entry.host.clone()), Some(host(&["192.0.2.91"])));
    assert_eq!(sync.by(LAB).count().ok(), count + 1);
}

#[test]
fn a_later_change_of_the_tld_chain_takes_the_place_of_a_held_one() {
    let (chain, sync) = with_sync();
    let wanted = |address| image(&["ns.lab", "ns.net"], &[("ns.lab", "192.0.2.1"), ("ns.net", address)]);
    sync.by(LAB).bring(name("lab"), wanted("192.0.2.55")).gives((Some(Outcome::Held), 0));
    sync.by(LAB).bring(name("lab"), wanted("192.0.2.56")).gives((Some(Outcome::Held), 0));
    assert_eq!(chain.standing(1).status, HeldStatus::Withdrawn);
    // It wants what is there: nothing waits any more, and it is not told what it said itself.
    let present = image(&["ns.lab", "ns.net"], &[("ns.lab", "192.0.2.1")]);
    sync.by(LAB).bring(name("lab"), present).gives((Some(Outcome::Applied), 0));
    assert_eq!((chain.standing(2).status, chain.counts().open), (HeldStatus::Withdrawn, 0));
    chain.records.by(OPERATOR).end_block().ok();
    assert_eq!(sync.by(LAB).count().ok(), 0);
    // What the registry asked for at the root itself is another matter.
    let own = chain.asks();
    sync.by(LAB).bring(name("lab"), wanted("192.0.2.57")).gives((Some(Outcome::Held), 0));
    assert_eq!(chain.standing(own).status, HeldStatus::Open);
}
