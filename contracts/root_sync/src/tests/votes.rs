//! What votes decide: whom to trust, and what becomes of changes that are held.

use super::*;
use althing_interface::root_sync::{PeerStatus, Policy, refused as number};
use althing_sdk::types::receipt::FailureCode;

fn seed(chain: &str, tld: &str, side: Side) -> PeerSeed {
    PeerSeed { chain: chain_id(chain), tld: name(tld), side, list: authorities(3), since: Height(5) }
}

macro_rules! fails {
    ($answer:expr, $number:literal) => {
        let failure = $answer.fails(FailureCode::ContractError);
        assert_eq!(failure.detail, $number, "{}", failure.message);
    };
}

#[test]
fn only_votes_decide_whom_to_trust() {
    let (root, tld) = pair();
    let by = root.sync.by(REGISTRY);
    by.trust(seed("tld-net", "net", Side::Tld)).lacks_role();
    by.distrust(tld.id.clone()).lacks_role();
    by.set_policy(tld.id.clone(), Policy::Held).lacks_role();
    by.release(tld.id.clone(), 1).lacks_role();
    by.reject(tld.id.clone(), 1, Text::truncated("no")).lacks_role();
}

#[test]
fn a_peer_keeps_its_tld_and_a_tld_its_peer() {
    let (root, _) = pair();
    let by = root.sync.by(COUNCIL);
    by.trust(seed("tld-net", "net", Side::Tld)).ok();
    fails!(by.trust(seed("tld-net", "org", Side::Tld)), 5);
    fails!(by.trust(seed("tld-net", "net", Side::Root)), 5);
    fails!(by.trust(seed("tld-other", "net", Side::Tld)), 6);
    fails!(by.trust(seed("althing-root", "org", Side::Tld)), 4);
    fails!(by.trust(seed("tld-org", "a.org", Side::Tld)), 7);
    fails!(by.distrust(chain_id("nobody")), 3);
    by.distrust(chain_id("tld-net")).ok();
    fails!(by.distrust(chain_id("tld-net")), 8);
    by.trust(seed("tld-other", "net", Side::Tld)).ok();
    assert_eq!(by.peer_of(name("net")).ok().unwrap().chain, chain_id("tld-other"));
    let peers = by.peers(None).ok().into_vec();
    assert_eq!(peers.len(), 3);
    assert_eq!(by.peers(Some(chain_id("tld-lab"))).ok().len(), 2);
    // The old chain cannot come back beside the new one.
    fails!(by.trust(seed("tld-net", "net", Side::Tld)), 6);
}

#[test]
fn nothing_is_taken_from_or_told_to_a_distrusted_peer() {
    let (root, tld) = pair();
    root.sync.by(COUNCIL).distrust(tld.id.clone()).ok();
    assert_eq!(root.peer(&tld).status, PeerStatus::Distrusted);
    assert_eq!(root.change(1), None);
    tld.change(1);
    let good = tld.decide().delivery(&root.id, 1..=1);
    refused(&tld, &root, &good, RefusalCode::NotTrusted);
    let again = PeerSeed { list: authorities(1), since: Height(1), ..seed("tld-lab", "lab", Side::Tld) };
    root.sync.by(COUNCIL).trust(again).ok();
    assert!(matches!(root.deliver(&tld, &good), Taken::Accepted(_)));
}

#[test]
fn after_a_recovery_of_the_peer_a_vote_trusts_its_new_list() {
    let (root, tld) = pair();
    tld.change(1);
    carry(&tld, &root);
    // The quorum is lost; members go on with another list that the old one never named.
    *tld.sets.borrow_mut() = (6, 6);
    tld.change(2);
    let block = tld.decide();
    let good = block.delivery(&root.id, 2..=2);
    refused(&tld, &root, &good, RefusalCode::UnknownList);
    let anew = PeerSeed { list: authorities(6), since: block.header.height, ..seed("tld-lab", "lab", Side::Tld) };
    root.sync.by(COUNCIL).trust(anew).ok();
    assert!(matches!(root.deliver(&tld, &good), Taken::Accepted(_)));
    assert_eq!(root.image(), Some(image(2)));
}

fn holding() -> (Chain, Chain) {
    let (root, tld) = pair();
    root.sync.by(COUNCIL).set_policy(tld.id.clone(), Policy::Held).ok();
    tld.change(1);
    assert_eq!(carry(&tld, &root).verdicts.into_vec(), [Verdict::Held]);
    assert_eq!(root.image(), None);
    (root, tld)
}

fn answer(root: &Chain, tld: &Chain) -> (u64, Verdict) {
    carry(root, tld);
    let answer = tld.peer(root).answer.unwrap();
    (answer.of, answer.verdict)
}

#[test]
fn a_held_change_is_applied_when_it_is_released() {
    let (root, tld) = holding();
    assert_eq!(answer(&root, &tld), (1, Verdict::Held));
    let held = root.sync.by(CARRIER).held(None).ok().into_vec();
    assert_eq!((held.len(), held[0].message.sequence, &held[0].peer), (1, 1, &tld.id));
    fails!(root.sync.by(COUNCIL).release(tld.id.clone(), 2), 10);
    root.sync.by(COUNCIL).release(tld.id.clone(), 1).gives(Verdict::Applied);
    assert_eq!(root.image(), Some(image(1)));
    fails!(root.sync.by(COUNCIL).release(tld.id.clone(), 1), 10);
    assert_eq!(answer(&root, &tld), (1, Verdict::Applied));
}

#[test]
fn a_held_change_that_is_rejected_is_answered_with_the_reason() {
    let (root, tld) = holding();
    root.sync.by(COUNCIL).reject(tld.id.clone(), 1, Text::truncated("not agreed")).ok();
    let reason = Text::truncated("not agreed");
    assert_eq!(answer(&root, &tld), (1, Verdict::Refused { code: number::REJECTED, reason }));
    assert_eq!(root.image(), None);
    assert!(root.sync.by(CARRIER).held(None).ok().is_empty());
}

#[test]
fn a_later_change_takes_the_place_of_one_that_is_held() {
    let (root, tld) = holding();
    tld.change(2);
    carry(&tld, &root);
    fails!(root.sync.by(COUNCIL).release(tld.id.clone(), 1), 10);
    root.sync.by(COUNCIL).release(tld.id.clone(), 2).gives(Verdict::Applied);
    assert_eq!(root.image(), Some(image(2)));
    let messages = root.sync.by(CARRIER).outbox(tld.id.clone(), 0).ok();
    let superseded = messages.iter().any(|message| {
        matches!(&message.body, root_sync::Body::Answer(answer)
            if answer.of == 1 && matches!(answer.verdict, Verdict::Refused { code, .. } if code == number::SUPERSEDED))
    });
    assert!(superseded, "{messages:?}");
}

#[test]
fn a_held_change_is_stale_once_the_root_has_changed_the_tld() {
    let (root, tld) = holding();
    root.change(7);
    let verdict = root.sync.by(COUNCIL).release(tld.id.clone(), 1).ok();
    assert!(matches!(verdict, Verdict::Refused { code, .. } if code == number::STALE_BASIS), "{verdict:?}");
    assert_eq!(root.image(), Some(image(7)));
}

#[test]
fn the_root_is_never_held() {
    let (root, tld) = pair();
    fails!(tld.sync.by(COUNCIL).set_policy(root.id.clone(), Policy::Held), 9);
}
