//! What honest carriers bring about.

use super::{stub::*, *};
use althing_interface::root_sync::{
    Answer, Body, MAX_CHANGES, MAX_OUTBOX, Message, SyncError, Urls, refused as number,
};
use althing_sdk::types::receipt::FailureCode;

fn answer(chain: &Chain, of: &Chain) -> (u64, Verdict) {
    let Answer { of, verdict } = chain.peer(of).answer.unwrap();
    (of, verdict)
}

fn code(verdict: &Verdict) -> u32 {
    match verdict {
        Verdict::Refused { code, .. } => *code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_of_the_tld_reaches_the_root_and_is_answered() {
    let (root, tld) = pair();
    assert_eq!(tld.change(1), Some(1));
    let progress = carry(&tld, &root);
    assert_eq!((progress.received, progress.verdicts.into_vec()), (1, vec![Verdict::Applied]));
    assert_eq!(root.image(), Some(image(1)));
    // The answer takes the message out of the outbox, and is itself not answered.
    assert_eq!(carry(&root, &tld).verdicts.into_vec(), [Verdict::Applied]);
    assert_eq!(answer(&tld, &root), (1, Verdict::Applied));
    assert_eq!((tld.peer(&root).sent, tld.peer(&root).acknowledged), (1, 1));
    assert!(tld.sync.by(CARRIER).outbox(root.id.clone(), 0).ok().is_empty());
    assert_eq!((root.peer(&tld).sent, root.received(&tld)), (1, 1));
}

#[test]
fn a_change_of_the_root_reaches_the_tld() {
    let (root, tld) = pair();
    assert_eq!(root.change(1), Some(1));
    assert_eq!(root.change(2), Some(2));
    assert_eq!(carry(&root, &tld).verdicts.len(), 2);
    assert_eq!(tld.image(), Some(image(2)));
    carry(&tld, &root);
    assert_eq!(answer(&root, &tld), (2, Verdict::Applied));
}

#[test]
fn what_was_applied_is_not_told_again() {
    let (root, tld) = pair();
    root.records.by(COUNCIL).set_mode(ECHO).ok();
    tld.change(1);
    carry(&tld, &root);
    let told: Vec<Message> = root.sync.by(CARRIER).outbox(tld.id.clone(), 0).ok().into_vec();
    assert_eq!(told.len(), 1);
    assert!(matches!(told[0].body, Body::Answer(_)));
}

#[test]
fn the_root_wins_when_both_sides_change_at_once() {
    let (root, tld) = pair();
    tld.change(1);
    root.change(2);
    let verdicts = carry(&tld, &root).verdicts.into_vec();
    assert_eq!(code(&verdicts[0]), number::STALE_BASIS);
    assert_eq!(root.image(), Some(image(2)));
    carry(&root, &tld);
    assert_eq!(tld.image(), Some(image(2)));
    assert_eq!(code(&answer(&tld, &root).1), number::STALE_BASIS);
    // Having heard of the root's change, the TLD can change again.
    tld.change(3);
    carry(&tld, &root);
    assert_eq!(root.image(), Some(image(3)));
}

#[test]
fn a_refusal_of_the_rules_is_answered_with_its_number_and_stops_nothing() {
    let (root, tld) = pair();
    root.records.by(COUNCIL).set_mode(REFUSE).ok();
    tld.change(1);
    assert_eq!(code(&carry(&tld, &root).verdicts.into_vec()[0]), 7);
    root.records.by(COUNCIL).set_mode(BREAK).ok();
    tld.change(2);
    assert_eq!(code(&carry(&tld, &root).verdicts.into_vec()[0]), number::NOT_APPLIED);
    root.records.by(COUNCIL).set_mode(HOLD).ok();
    tld.change(3);
    assert_eq!(carry(&tld, &root).verdicts.into_vec(), [Verdict::Held]);
    root.records.by(COUNCIL).set_mode(APPLY).ok();
    tld.change(4);
    carry(&tld, &root);
    assert_eq!(root.image(), Some(image(4)));
    carry(&root, &tld);
    assert_eq!(answer(&tld, &root), (4, Verdict::Applied));
}

#[test]
fn a_delivery_that_meets_a_limit_can_be_tried_with_fewer_messages() {
    let (root, tld) = pair();
    root.records.by(COUNCIL).set_mode(TELL_MUCH).ok();
    for number in 1..=3 {
        tld.change(number);
    }
    let block = tld.decide();
    let all = Bytes::new(encode(&block.delivery(&root.id, 1..=3))).unwrap();
    let failure = root.sync.by(CARRIER).deliver(tld.id.clone(), all).fails(FailureCode::ContractError);
    assert_eq!(failure.detail, 12, "{}", failure.message);
    assert_eq!(root.received(&tld), 0);
    for number in 1..=3 {
        assert!(matches!(root.deliver(&tld, &block.delivery(&root.id, number..=number)), Taken::Accepted(_)));
    }
    assert_eq!(root.image(), Some(image(3)));
}

#[test]
fn bootstrap_entries_are_told_by_the_root_alone() {
    let (root, tld) = pair();
    let urls: Urls = list(vec![Text::new("https://rdap.nic.lab/").unwrap()]);
    let bootstrap = root.net.deploy_with::<Stub>(COUNCIL, "bootstrap", &());
    bootstrap.by(REGISTRY).bootstrap(name("lab"), urls.clone()).gives(Some(1));
    carry(&root, &tld);
    assert_eq!(tld.sync.by(CARRIER).bootstrap(name("lab")).ok(), Some(urls.clone()));
    let own = tld.net.deploy_with::<Stub>(COUNCIL, "bootstrap", &());
    own.by(REGISTRY).bootstrap(name("lab"), urls).gives(None);
}

#[test]
fn only_the_contracts_that_keep_the_records_speak() {
    let (root, _) = pair();
    let failure = root.sync.by(COUNCIL).changed(name("lab"), image(1)).fails(FailureCode::ContractError);
    assert_eq!(failure.detail, 1, "{}", failure.message);
    let other = root.net.deploy_with::<Stub>(COUNCIL, "other", &());
    other.by(REGISTRY).change(name("lab"), image(1)).fails_with(Fail::Sync);
    // A TLD without peer is nobody's to tell.
    root.records.by(REGISTRY).change(name("net"), image(1)).gives(None);
}

#[test]
fn an_outbox_of_a_silent_peer_is_bounded_and_the_last_image_waits() {
    let (root, tld) = pair();
    let most = u8::try_from(MAX_CHANGES).unwrap();
    for number in 1..=most {
        assert_eq!(root.change(number), Some(u64::from(number)));
    }
    assert_eq!(root.change(100), None);
    assert_eq!(root.change(101), None);
    assert_eq!(root.peer(&tld).sent, MAX_CHANGES);
    // A TLD that knows only what was sent is stale: there is more to come.
    let block = root.decide();
    for first in (1..=MAX_CHANGES).step_by(16) {
        assert!(matches!(tld.deliver(&root, &block.delivery(&tld.id, first..=first + 15)), Taken::Accepted(_)));
    }
    tld.change(9);
    let answers = tld.decide();
    let stale = answers.delivery(&root.id, 1..=16);
    let Taken::Accepted(_) = root.deliver(&tld, &stale) else { panic!("refused") };
    // The cursor acknowledged all of it, and what waited was told.
    assert_eq!(root.peer(&tld).acknowledged, MAX_CHANGES);
    assert_eq!((root.peer(&tld).sent, root.peer(&tld).changed_sent), (MAX_CHANGES + 1, MAX_CHANGES + 1));
    carry(&root, &tld);
    assert_eq!(tld.image(), Some(image(101)));
}

#[test]
fn a_full_outbox_takes_nothing_that_must_be_answered_until_the_peer_acknowledges() {
    let (root, tld) = pair();
    // Sixteen changes at a time, each answered by the root; of the answers the TLD receives none.
    let bring = |first: u64| {
        for _ in 0..16 {
            tld.change(1);
        }
        let delivery = Delivery { acknowledged: None, ..tld.decide().delivery(&root.id, first..=first + 15) };
        root.sync.by(CARRIER).deliver(tld.id.clone(), Bytes::new(encode(&delivery)).unwrap()).outcome().result
    };
    let acknowledge = || {
        let end = root.decide().delivery(&tld.id, NONE);
        assert!(matches!(tld.deliver(&root, &end), Taken::Accepted(_)));
    };
    for first in (1..=MAX_OUTBOX / 2).step_by(16) {
        bring(first).unwrap();
        acknowledge();
    }
    assert_eq!(root.peer(&tld).sent, MAX_OUTBOX / 2);
    // Held changes are answered twice: with one held, each further one costs two places.
    root.sync.by(COUNCIL).set_policy(tld.id.clone(), root_sync::Policy::Held).ok();
    let mut first = MAX_OUTBOX / 2 + 1;
    let failure = loop {
        match bring(first) {
            Ok(_) => acknowledge(),
            Err(failure) => break failure,
        }
        first += 16;
    };
    assert_eq!(failure.detail, 13, "{}", failure.message);
    assert!(first > MAX_OUTBOX / 2 + 16 && root.peer(&tld).sent <= MAX_OUTBOX);
    // With what the TLD has received the places are free again.
    let open = root.peer(&tld).sent;
    let block = root.decide();
    for first in (1..=open).step_by(16) {
        let last = (first + 15).min(open);
        assert!(matches!(tld.deliver(&root, &block.delivery(&tld.id, first..=last)), Taken::Accepted(_)));
    }
    let next = tld.decide().delivery(&root.id, first..=first);
    assert!(matches!(root.deliver(&tld, &next), Taken::Accepted(_)));
    assert_eq!(root.peer(&tld).acknowledged, open);
}

#[test]
fn a_message_that_is_too_long_is_refused_where_it_is_written() {
    let (root, _) = pair();
    let long = |i: usize| name(&format!("{}.{}.{}.{i}.lab", "a".repeat(60), "b".repeat(60), "c".repeat(60)));
    let addresses = (0..32u8).map(|i| format!("2001:db8::{i:x}").parse().unwrap()).collect();
    let host = Host { v6: list(addresses), aaaa_ttl: 60, ..empty_host() };
    let hosts = (0..32).map(|i| HostEntry { name: long(i), host: host.clone() }).collect();
    let image = TldImage { delegation: None, hosts: list(hosts) };
    root.records.by(REGISTRY).change(name("lab"), image).fails_with(Fail::Sync);
    let too_long = SyncError::TooLong { tld: name("lab"), found: 1 };
    assert_eq!(too_long.number(), 11);
}

#[test]
fn state_keys_are_those_of_the_layout() {
    let (root, tld) = pair();
    tld.change(1);
    let state = tld.sync.state();
    assert_eq!(state[&layout::peer_key(&root.id)], encode(&tld.peer(&root)));
    let trusted = tld.sync.by(CARRIER).trusted(root.id.clone()).ok().unwrap();
    assert_eq!(state[&layout::trusted_list_key(&root.id)], encode(&trusted));
    let message = tld.sync.by(CARRIER).outbox(root.id.clone(), 0).ok().into_vec().remove(0);
    assert_eq!(state[&layout::outbox_key(&root.id, 1)], encode(&message));
    assert!(!state.contains_key(&layout::received_key(&root.id)));
    carry(&tld, &root);
    assert_eq!(root.sync.state()[&layout::received_key(&tld.id)], encode(&1u64));
}
