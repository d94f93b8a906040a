//! What a hostile carrier, or a hostile peer chain, can bring: each is refused by its number and recorded.

use super::*;
use RefusalCode::*;
use althing_interface::root_sync::{Body, MAX_REFUSALS, Message, PeerStatus, refused as number};
use althing_sdk::types::certificate::CertificateSignature;

/// A TLD chain that has told the root two things, and a good delivery of both.
fn prepared() -> (Chain, Chain, Block, Delivery) {
    let (root, tld) = pair();
    tld.change(1);
    tld.change(2);
    let block = tld.decide();
    let good = block.delivery(&root.id, 1..=2);
    (root, tld, block, good)
}

fn accepted(from: &Chain, to: &Chain, delivery: &Delivery) -> Progress {
    match to.deliver(from, delivery) {
        Taken::Accepted(progress) => progress,
        Taken::Refused(code) => panic!("{code:?}"),
    }
}

/// The same header, changed and signed anew by these authorities.
fn forged(good: &Delivery, set: u8, change: impl FnOnce(&mut Header)) -> Delivery {
    let mut header = good.header.clone();
    change(&mut header);
    Delivery { certificate: certify(&header, set, 3), header, ..good.clone() }
}

#[test]
fn a_changed_header_or_certificate_is_forged() {
    let (root, tld, _, good) = prepared();
    let mut bad = good.clone();
    bad.header.state_root = Hash([7; 32]);
    refused(&tld, &root, &bad, Forged);
    let mut bad = good.clone();
    bad.header.timestamp_ms += 1;
    refused(&tld, &root, &bad, Forged);
    let change = |change: &dyn Fn(&mut Vec<CertificateSignature>)| {
        let mut bad = good.clone();
        let mut signatures = bad.certificate.signatures.into_vec();
        change(&mut signatures);
        bad.certificate.signatures = list(signatures);
        bad
    };
    refused(&tld, &root, &change(&|s| s[1].signature.0[3] ^= 1), Forged);
    refused(&tld, &root, &change(&|s| s.swap(0, 1)), Forged);
    refused(&tld, &root, &change(&|s| s[1] = s[0].clone()), Forged);
    refused(&tld, &root, &change(&|s| s.push(s[2].clone())), Forged);
    refused(&tld, &root, &change(&|s| s[2].voter = NodeId([255; 32])), Forged);
    let mut bad = good.clone();
    bad.certificate.height = bad.certificate.height.next();
    refused(&tld, &root, &bad, Forged);
    let mut bad = good.clone();
    bad.certificate.round = Round(1);
    refused(&tld, &root, &bad, Forged);
    accepted(&tld, &root, &good);
}

#[test]
fn too_few_signatures_are_too_few() {
    let (root, tld, block, good) = prepared();
    for signers in 0..3 {
        let bad = Delivery { certificate: certify(&block.header, 1, signers), ..good.clone() };
        refused(&tld, &root, &bad, TooFew);
    }
    accepted(&tld, &root, &Delivery { certificate: certify(&block.header, 1, 4), ..good });
}

#[test]
fn another_list_is_not_believed_whatever_it_certifies() {
    let (root, tld, _, good) = prepared();
    // Strangers that name themselves, and strangers that claim to be the trusted list.
    let honest = forged(&good, 5, |header| header.authorities = authorities(5).hash());
    refused(&tld, &root, &honest, UnknownList);
    refused(&tld, &root, &forged(&good, 5, |_| {}), Forged);
    // The root chain's own authorities have no say about the TLD chain.
    let own = forged(&good, 0, |header| header.authorities = authorities(0).hash());
    refused(&tld, &root, &own, UnknownList);
}

#[test]
fn the_list_is_followed_in_sequence_and_never_back() {
    let (root, tld) = pair();
    let step = |next: u8| {
        tld.sets.borrow_mut().1 = next;
        tld.decide()
    };
    let (first, second) = (step(2), step(3));
    let third = step(3);
    let empty = |block: &Block| block.delivery(&root.id, NONE);
    // A change skipped.
    refused(&tld, &root, &empty(&second), UnknownList);
    refused(&tld, &root, &empty(&third), UnknownList);
    // The next list missing, another one, or one that nobody named.
    refused(&tld, &root, &Delivery { next_list: None, ..empty(&first) }, WrongNextList);
    refused(&tld, &root, &Delivery { next_list: Some(authorities(3)), ..empty(&first) }, WrongNextList);
    assert!(accepted(&tld, &root, &empty(&first)).list_changed);
    refused(&tld, &root, &empty(&first), Stale);
    refused(&tld, &root, &forged(&empty(&first), 1, |header| header.height = Height(99)), UnknownList);
    assert!(accepted(&tld, &root, &empty(&second)).list_changed);
    refused(&tld, &root, &Delivery { next_list: Some(authorities(4)), ..empty(&third) }, WrongNextList);
    accepted(&tld, &root, &empty(&third));
    // Authorities of lists that were left certify a later header, and name themselves as the next list.
    for left in [1, 2] {
        let late = forged(&empty(&third), left, |header| {
            header.height = Height(50);
            header.authorities = authorities(left).hash();
        });
        refused(&tld, &root, &late, UnknownList);
    }
    let trusted = root.sync.by(CARRIER).trusted(tld.id.clone()).ok().unwrap();
    assert_eq!((trusted.list, trusted.since), (authorities(3), second.header.height.next()));
}

#[test]
fn an_older_header_does_not_roll_the_list_back() {
    let (root, tld) = pair();
    tld.sets.borrow_mut().1 = 2;
    let leave = tld.decide();
    tld.sets.borrow_mut().1 = 1;
    tld.decide();
    let back = tld.decide();
    // The list that is trusted certified this one again: no need to know of the time between.
    accepted(&tld, &root, &back.delivery(&root.id, NONE));
    refused(&tld, &root, &leave.delivery(&root.id, NONE), Stale);
}

#[test]
fn a_header_from_before_the_trust_is_stale() {
    let (root, tld) = pair();
    tld.change(1);
    let early = tld.decide();
    let later = tld.decide();
    let seed = PeerSeed {
        chain: tld.id.clone(),
        tld: name("lab"),
        side: Side::Tld,
        list: authorities(1),
        since: later.header.height,
    };
    root.sync.by(COUNCIL).trust(seed).ok();
    refused(&tld, &root, &early.delivery(&root.id, 1..=1), Stale);
    accepted(&tld, &root, &later.delivery(&root.id, 1..=1));
}

#[test]
fn an_older_header_still_proves_messages_so_that_carriers_do_not_hinder_each_other() {
    let (root, tld, _, good) = prepared();
    let newer = tld.decide();
    let nothing = Delivery { messages: List::default(), end: None, ..newer.delivery(&root.id, 1..=2) };
    refused(&tld, &root, &nothing, Nothing);
    let one = Delivery { end: None, ..newer.delivery(&root.id, 1..=1) };
    accepted(&tld, &root, &one);
    let second = Delivery { messages: list(vec![good.messages[1].clone()]), ..good };
    assert_eq!(accepted(&tld, &root, &second).received, 2);
    assert_eq!(root.peer(&tld).seen, newer.header.height);
}

#[test]
fn a_message_counts_once_and_in_its_place() {
    let (root, tld, block, good) = prepared();
    refused(&tld, &root, &block.delivery(&root.id, 2..=2), Gap);
    let swapped = list(vec![good.messages[1].clone(), good.messages[0].clone()]);
    refused(&tld, &root, &Delivery { messages: swapped, ..good.clone() }, Gap);
    let doubled = list(vec![good.messages[0].clone(), good.messages[0].clone()]);
    refused(&tld, &root, &Delivery { messages: doubled, ..good.clone() }, Malformed);
    accepted(&tld, &root, &good);
    refused(&tld, &root, &good, Replayed);
    refused(&tld, &root, &block.delivery(&root.id, 2..=2), Replayed);
    assert_eq!(root.image(), Some(image(2)));
}

#[test]
fn a_message_that_is_not_in_the_proven_state_is_not_proven() {
    let (root, tld, _, good) = prepared();
    let message: Message = Message::try_from_slice(&good.messages[0].message).unwrap();
    let with = |message: Vec<u8>| {
        let mut messages = good.messages.clone().into_vec();
        messages[0].message = Bytes::new(message).unwrap();
        Delivery { messages: list(messages), ..good.clone() }
    };
    let other = Message { body: Body::Changed(image(9)), ..message.clone() };
    refused(&tld, &root, &with(encode(&other)), NotProven);
    let renumbered = Message { sequence: 2, ..message.clone() };
    refused(&tld, &root, &with(encode(&renumbered)), Gap);
    let mut bad = good.clone();
    let mut messages = bad.messages.into_vec();
    messages[0].proof = messages[1].proof.clone();
    bad.messages = list(messages);
    refused(&tld, &root, &bad, NotProven);
    let mut bad = good.clone();
    let mut messages = bad.messages.into_vec();
    let mut siblings = messages[0].proof.siblings.clone().into_vec();
    siblings[0].0[0] ^= 1;
    messages[0].proof.siblings = list(siblings);
    bad.messages = list(messages);
    refused(&tld, &root, &bad, NotProven);
}

#[test]
fn a_message_to_another_chain_is_not_proven() {
    let (root, tld, ..) = prepared();
    // The same TLD chain tells another chain something; the carrier brings that to the root.
    let seed = PeerSeed {
        chain: chain_id("other-root"),
        tld: name("net"),
        side: Side::Root,
        list: authorities(0),
        since: Height(1),
    };
    tld.sync.by(COUNCIL).trust(seed).ok();
    tld.records.by(REGISTRY).change(name("net"), image(3)).ok();
    let block = tld.decide();
    let other = block.delivery(&chain_id("other-root"), 1..=1);
    refused(&tld, &root, &Delivery { acknowledged: None, end: None, ..other }, NotProven);
}

#[test]
fn absence_is_claimed_only_where_it_is() {
    let (root, tld, block, good) = prepared();
    // Message 2 is there: the end after message 1 cannot be proven, by no proof of the carrier's.
    let one = block.delivery(&root.id, 1..=1);
    let contract = ContractId::new(root_sync::ID).unwrap();
    let key = |sequence| keyspace::storage(&contract, &layout::outbox_key(&root.id, sequence));
    let tree = Tree::new(&block.state);
    for proof in [tree.prove(&key(2)), tree.prove(&key(3)), good.messages[1].proof.clone()] {
        refused(&tld, &root, &Delivery { end: Some(proof), ..one.clone() }, NotProven);
    }
    let mut cut = tree.prove(&key(3));
    cut.leaf = None;
    refused(&tld, &root, &Delivery { end: Some(cut), ..good.clone() }, NotProven);
    accepted(&tld, &root, &good);
    assert_eq!(root.peer(&tld).checked, block.header.height);
    // And presence only where it is: a message that was never written.
    let ghost = Message { sequence: 3, ..Message::try_from_slice(&good.messages[1].message).unwrap() };
    let message = Bytes::new(encode(&ghost)).unwrap();
    let ghost = list(vec![ProvenMessage { message, proof: tree.prove(&key(3)) }]);
    refused(&tld, &root, &Delivery { messages: ghost, end: None, ..good }, NotProven);
}

#[test]
fn the_end_is_confirmed_at_later_heights_only() {
    let (root, tld, _, good) = prepared();
    accepted(&tld, &root, &good);
    let later = tld.decide();
    let mut quiet = later.delivery(&root.id, 1..=2);
    quiet.messages = List::default();
    accepted(&tld, &root, &quiet);
    assert_eq!(root.peer(&tld).checked, later.header.height);
    refused(&tld, &root, &quiet, Nothing);
}

#[test]
fn a_cursor_must_be_proven_and_possible() {
    let (root, tld) = pair();
    root.change(1);
    carry(&root, &tld);
    let block = tld.decide();
    let good = block.delivery(&root.id, 1..=1);
    let cursor = good.acknowledged.clone().unwrap();
    let more = ProvenCursor { received: 2, ..cursor.clone() };
    refused(&tld, &root, &Delivery { acknowledged: Some(more), ..good.clone() }, NotProven);
    // A chain that lies about what it received: it cannot have received what was not sent.
    let mut state = block.state.clone();
    let contract = ContractId::new(root_sync::ID).unwrap();
    let key = keyspace::storage(&contract, &layout::received_key(&root.id));
    state.insert(key, encode(&900u64));
    let mut header = block.header.clone();
    header.state_root = Tree::new(&state).root();
    let lying = Block { header, state, ..block };
    refused(&tld, &root, &lying.delivery(&root.id, 1..=1), WrongCursor);
    accepted(&tld, &root, &good);
}

#[test]
fn another_chain_is_another_chain() {
    let (root, tld, _, good) = prepared();
    let other = || chain_id("tld-net");
    refused(&tld, &root, &forged(&good, 1, |header| header.chain = other()), WrongChain);
    let mut bad = good.clone();
    bad.certificate.chain = other();
    refused(&tld, &root, &bad, WrongChain);
    let mut bad = good.clone();
    bad.header.chain = other();
    refused(&tld, &root, &bad, WrongChain);
    // A delivery of a chain that is no peer is recorded under the receiver's own id.
    assert_eq!(root.deliver_bytes(&other(), encode(&good)), Taken::Refused(UnknownPeer));
    let record = root.refusals(&root.id).pop().unwrap();
    assert_eq!((record.code, record.number, record.by), (UnknownPeer, 0, CARRIER.id()));
    // A delivery for one side is nothing for the other.
    assert_eq!(tld.deliver_bytes(&root.id, encode(&good)), Taken::Refused(WrongChain));
}

/// The block as authorities would make it that write what they like into their state.
fn rewritten(block: Block, root: &Chain, change: impl FnOnce(&mut Message)) -> Block {
    let contract = ContractId::new(root_sync::ID).unwrap();
    let key = keyspace::storage(&contract, &layout::outbox_key(&root.id, 1));
    let mut message = Message::try_from_slice(&block.state[&key]).unwrap();
    change(&mut message);
    let mut state = block.state;
    state.insert(key, encode(&message));
    let mut header = block.header;
    header.state_root = Tree::new(&state).root();
    Block { header, state, ..block }
}

#[test]
fn case_8_a_chain_speaks_of_its_own_tld_only() {
    let (root, tld, block, _) = prepared();
    let hostile = rewritten(block, &root, |message| message.tld = name("net"));
    let verdicts = accepted(&tld, &root, &hostile.delivery(&root.id, 1..=1)).verdicts.into_vec();
    assert!(matches!(&verdicts[0], Verdict::Refused { code, .. } if *code == number::OTHER_TLD), "{verdicts:?}");
    assert_eq!(root.records.by(CARRIER).image(name("net")).ok(), None);
    assert_eq!(root.image(), None);
}

#[test]
fn a_basis_that_the_root_never_sent_does_not_pass_for_a_late_one() {
    let (root, tld, block, _) = prepared();
    root.change(9);
    let hostile = rewritten(block, &root, |message| message.basis = u64::MAX);
    let verdicts = accepted(&tld, &root, &hostile.delivery(&root.id, 1..=1)).verdicts.into_vec();
    assert!(matches!(&verdicts[0], Verdict::Refused { code, .. } if *code == number::STALE_BASIS), "{verdicts:?}");
    assert_eq!(root.image(), Some(image(9)));
}

#[test]
fn two_certified_headers_of_one_height_end_the_trust() {
    let (root, tld, _, good) = prepared();
    accepted(&tld, &root, &good);
    let twin = forged(&good, 1, |header| header.timestamp_ms += 1);
    let twin = Delivery { messages: List::default(), ..twin };
    assert_eq!(root.deliver(&tld, &twin), Taken::Refused(Forked));
    assert_eq!(root.peer(&tld).status, PeerStatus::Forked);
    tld.change(3);
    let next = tld.decide().delivery(&root.id, 3..=3);
    refused(&tld, &root, &next, NotTrusted);
    // A vote trusts it anew; numbers go on where they were.
    let since = next.header.height;
    let seed = PeerSeed { chain: tld.id.clone(), tld: name("lab"), side: Side::Tld, list: authorities(1), since };
    root.sync.by(COUNCIL).trust(seed).ok();
    assert_eq!(accepted(&tld, &root, &next).received, 3);
}

#[test]
fn bytes_that_are_no_delivery_are_malformed() {
    let (root, tld, _, good) = prepared();
    let bytes = encode(&good);
    refused_bytes(&tld, &root, Vec::new(), Malformed);
    refused_bytes(&tld, &root, vec![0xAB; 4_000], Malformed);
    for cut in [1, 5, 60, bytes.len() / 2, bytes.len() - 1] {
        refused_bytes(&tld, &root, bytes[..cut].to_vec(), Malformed);
    }
    let mut longer = bytes.clone();
    longer.push(0);
    refused_bytes(&tld, &root, longer, Malformed);
    let mut bad = good.clone();
    let mut messages = bad.messages.into_vec();
    messages[0].message = Bytes::new(vec![1, 2, 3]).unwrap();
    bad.messages = list(messages);
    refused(&tld, &root, &bad, Malformed);
    refused(&tld, &root, &forged(&good, 1, |header| header.version = 9), Malformed);
}

#[test]
fn no_changed_byte_is_accepted_with_other_effects() {
    let (root, tld, _, good) = prepared();
    let bytes = encode(&good);
    let step = (bytes.len() / 97).max(1);
    for at in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        assert!(matches!(root.deliver_bytes(&tld.id, changed), Taken::Refused(_)), "byte {at}");
    }
    assert_eq!((root.received(&tld), root.image()), (0, None));
    accepted(&tld, &root, &good);
}

#[test]
fn the_log_of_refusals_is_bounded_and_keeps_the_last() {
    let (root, tld, _, good) = prepared();
    for _ in 0..MAX_REFUSALS + 10 {
        root.deliver_bytes(&tld.id, vec![1]);
        root.deliver_bytes(&chain_id("nobody"), vec![1]);
    }
    for log in [&tld.id, &root.id] {
        let first = root.sync.by(CARRIER).refusals(log.clone(), None).ok().into_vec();
        assert_eq!(first[0].number, 10);
        let rest = root.sync.by(CARRIER).refusals(log.clone(), first.last().map(|r| r.number)).ok().into_vec();
        assert_eq!(first.len() + rest.len(), usize::try_from(MAX_REFUSALS).unwrap());
        assert_eq!(rest.last().unwrap().number, MAX_REFUSALS + 9);
    }
    assert_eq!(root.peer(&tld).refusals, MAX_REFUSALS + 10);
    accepted(&tld, &root, &good);
}
