//! The chain of a TLD as a source, followed through a made-up node with real signatures and real proofs, truly told or not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod made_up;

use althing_client::{Client, ClientConfig};
use althing_interface::{
    domain_records::{Delegation, HostEntry},
    registrations::{Apex, Domain, Host, Phase, Status},
};
use althing_types::{codec::List, id::OrganisationId, name::DomainName};
use althing_zone::{
    error::ZoneFault,
    master,
    record::{Owner, Record},
    record_set::RecordSet,
    source::{Step, ZoneSource, tld_chain::TldChain},
};
use made_up::{Node, Told};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

fn name(text: &str) -> DomainName {
    DomainName::parse(text).unwrap()
}
fn names<const MAX: usize>(of: &[&str]) -> List<DomainName, MAX> {
    List::new(of.iter().map(|n| name(n)).collect()).unwrap()
}

fn domain(ns: &[&str]) -> Domain {
    Domain {
        sponsor: OrganisationId::new("registrar-1").unwrap(),
        phase: Phase::Active,
        status: BTreeSet::new(),
        ns: names(ns),
        ds: List::default(),
        created_ms: 0,
        changed_ms: 0,
        transferred_ms: None,
        expires_ms: 1,
        grace: List::default(),
        transfer: None,
        code: None,
        registrant: None,
    }
}

fn host(octet: u8) -> Host {
    Host { v4: List::new(vec![format!("192.0.2.{octet}").parse().unwrap()]).unwrap(), v6: List::default() }
}

fn apex(octet: u8) -> Apex {
    let v4 = List::new(vec![format!("198.51.100.{octet}").parse().unwrap()]).unwrap();
    let own = althing_interface::domain_records::Host { v4, a_ttl: 60, v6: List::default(), aaaa_ttl: 0 };
    Apex {
        delegation: Delegation { ns: names(&["ns.lab"]), ns_ttl: 60, ds: List::default(), ds_ttl: 0 },
        hosts: List::new(vec![HostEntry { name: name("ns.lab"), host: own }]).unwrap(),
    }
}

/// A node with two names, one of them with a host of its own, and a source that follows it.
async fn lab() -> (Arc<Node>, TldChain) {
    let node = Node::new(name("lab"));
    node.block(Told::Truly, |zone| {
        zone.apex = Some(apex(1));
        zone.domains.insert(name("a.lab"), domain(&["ns.a.lab"]));
        zone.hosts.insert(name("ns.a.lab"), host(1));
        zone.domains.insert(name("c.lab"), domain(&["ns.lab", "ns.org"]));
    });
    let url = node.serve().await;
    let config = ClientConfig { retry_for: Duration::from_millis(200), ..ClientConfig::default() };
    let client = Client::with_config(&[&url], config).unwrap();
    let source = TldChain::tld(client, node.genesis(), name("lab")).unwrap();
    (node, source)
}

/// What the zone should be.
fn wanted(node: &Node) -> Vec<Record> {
    let text: String = node.records().iter().map(|record| format!("{record}\n")).collect();
    let mut records = master::parse(&text, &Owner::root()).unwrap();
    records.sort_unstable();
    records
}

fn list(records: &RecordSet) -> Vec<Record> {
    records.iter().cloned().collect()
}

/// The next change, made in a copy of the zone; which owners it touched.
async fn follow(source: &mut TldChain, records: &mut RecordSet) -> Vec<String> {
    loop {
        match source.next().await.unwrap() {
            Step::Changed(_, owners) => {
                for (owner, now) in &owners {
                    let old: Vec<Record> = records.of_owner(owner).cloned().collect();
                    for record in &old {
                        records.remove(&record.key);
                    }
                    for record in now {
                        records.insert(record.clone());
                    }
                }
                let mut names: Vec<String> = owners.keys().map(ToString::to_string).collect();
                names.sort();
                return names;
            }
            Step::Reached(_) => {}
            Step::Lost(reason) => panic!("{reason}"),
        }
    }
}

#[tokio::test]
async fn each_change_leads_to_the_chains_zone_and_glue_comes_and_goes_with_its_users() {
    let (node, mut source) = lab().await;
    let reading = source.whole().await.unwrap();
    let mut records = reading.records;
    assert_eq!(list(&records), wanted(&node));
    node.block(Told::Truly, |zone| {
        zone.domains.insert(name("b.lab"), domain(&["ns.a.lab"]));
    });
    assert_eq!(follow(&mut source, &mut records).await, ["b.lab."]);
    assert_eq!(list(&records), wanted(&node));
    // Held: its host stays for the other name, then goes with that.
    node.block(Told::Truly, |zone| {
        zone.domains.get_mut(&name("a.lab")).unwrap().status.insert(Status::ClientHold);
    });
    assert_eq!(follow(&mut source, &mut records).await, ["a.lab."]);
    assert_eq!(list(&records), wanted(&node));
    node.block(Told::Truly, |zone| {
        zone.domains.remove(&name("b.lab"));
    });
    assert_eq!(follow(&mut source, &mut records).await, ["b.lab.", "ns.a.lab."]);
    assert_eq!(list(&records), wanted(&node));
    assert!(!list(&records).iter().any(|record| record.to_string().contains("192.0.2.1")));
    // The apex changes an address of its own.
    node.block(Told::Truly, |zone| zone.apex = Some(apex(2)));
    assert_eq!(follow(&mut source, &mut records).await, ["lab.", "ns.lab."]);
    assert_eq!(list(&records), wanted(&node));
}

#[tokio::test]
async fn a_change_that_is_not_told_is_found_out_at_the_next_one() {
    let (node, mut source) = lab().await;
    source.whole().await.unwrap();
    node.block(Told::Not, |zone| {
        zone.domains.remove(&name("c.lab"));
    });
    node.block(Told::Truly, |zone| {
        zone.domains.insert(name("d.lab"), domain(&["ns.org"]));
    });
    let step = loop {
        match source.next().await.unwrap() {
            Step::Reached(_) => {}
            other => break other,
        }
    };
    assert!(matches!(&step, Step::Lost(reason) if reason.contains("domains")), "{step:?}");
    assert_eq!(list(&source.whole().await.unwrap().records), wanted(&node));
}

#[tokio::test]
async fn what_the_node_forges_or_leaves_out_is_no_zone() {
    let (node, mut source) = lab().await;
    node.lie(|lies| lies.value = true);
    assert!(matches!(source.whole().await, Err(ZoneFault::NotProven { .. })));
    node.lie(|lies| (lies.value, lies.hidden) = (false, Some(name("c.lab"))));
    assert!(matches!(source.whole().await, Err(ZoneFault::Incomplete { what: "domains", found: 1, proven: 2 })));
    node.lie(|lies| lies.hidden = None);
    assert_eq!(list(&source.whole().await.unwrap().records), wanted(&node));
}

#[tokio::test]
async fn a_zone_that_changes_while_it_is_read_is_read_as_it_was_and_followed_on() {
    let (node, mut source) = lab().await;
    let before = wanted(&node);
    // Gone, and another one there, before the keys are listed: the state of the height that is read still has it.
    node.before_listing(|zone| {
        zone.domains.remove(&name("c.lab"));
        zone.domains.insert(name("e.lab"), domain(&["ns.lab"]));
    });
    let mut records = source.whole().await.unwrap().records;
    assert_eq!(list(&records), before);
    assert_eq!(follow(&mut source, &mut records).await, ["c.lab.", "e.lab."]);
    assert_eq!(list(&records), wanted(&node));
}
