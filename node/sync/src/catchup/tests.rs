//! The machine against honest, slow, lying, silent and hostile peers, in a small simulation.

use super::*;
use althing_types::{
    block::{HEADER_VERSION, Header, NodeInstruction},
    codec::List,
    hash::Hash,
    id::{ChainId, Round},
};
use proptest::prelude::*;
use std::collections::VecDeque;

fn chain(length: u64) -> Vec<CertifiedBlock> {
    let mut previous = Hash::ZERO;
    let block = |height: u64| {
        let header = Header {
            version: HEADER_VERSION,
            chain: ChainId::new("test").unwrap(),
            height: Height(height),
            previous,
            packer: NodeId([1; 32]),
            transactions_root: Hash::ZERO,
            state_root: Hash::ZERO,
            receipts_root: Hash::ZERO,
            authorities: Hash::ZERO,
            next_authorities: Hash::ZERO,
            timestamp_ms: height,
            instruction: NodeInstruction::None,
            previous_certificate: Hash::ZERO,
        };
        previous = header.hash();
        let certificate = QuorumCertificate {
            chain: header.chain.clone(),
            height: header.height,
            round: Round(0),
            block: previous,
            signatures: List::default(),
        };
        (Block { header, previous: None, recovery: None, transactions: List::default() }, certificate)
    };
    (1..=length).map(block).collect()
}

fn peer(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn part(chain: &[CertifiedBlock], from: Height, count: u32) -> Vec<CertifiedBlock> {
    chain.iter().skip(from.0 as usize - 1).take(count as usize).cloned().collect()
}

fn requests(out: &[Output]) -> Vec<(RequestId, NodeId, u64, u32)> {
    let request = |output: &Output| match output {
        Output::Request { id, peer, from, count } => Some((*id, *peer, from.0, *count)),
        _ => None,
    };
    out.iter().filter_map(request).collect()
}

fn penalties(out: &[Output]) -> Vec<(NodeId, Fault)> {
    let penalty = |output: &Output| match output {
        Output::Penalise { peer, fault } => Some((*peer, *fault)),
        _ => None,
    };
    out.iter().filter_map(penalty).collect()
}

fn applied(out: &[Output]) -> Vec<u64> {
    let heights = |output: &Output| match output {
        Output::Apply(blocks) => blocks.iter().map(|(block, _)| block.header.height.0).collect(),
        _ => Vec::new(),
    };
    out.iter().flat_map(heights).collect()
}

fn blocks(blocks: Vec<CertifiedBlock>) -> Answer {
    Answer::Blocks { blocks, bytes: 1000 }
}

fn status(n: u8, height: u64) -> Input {
    Input::Status { peer: peer(n), height: Height(height) }
}

const LIMITS: Limits = Limits {
    batch: 4,
    requests: 3,
    buffer_bytes: 1 << 20,
    peers: 8,
    timeout_ms: 1_000,
    busy_ms: 100,
    penalty_ms: 500,
    patience_ms: 300,
};

fn machine() -> Catchup {
    Catchup::new(LIMITS, Height(0))
}

#[test]
fn ranges_are_shared_out_and_blocks_are_applied_in_order() {
    let chain = chain(10);
    let mut catchup = machine();
    let first = requests(&catchup.step(0, status(1, 10)));
    assert_eq!(first, [(1, peer(1), 1, 4)]);
    let second = requests(&catchup.step(0, status(2, 10)));
    assert_eq!(second, [(2, peer(2), 5, 4)]);
    let out = catchup.step(1, Input::Answered { request: 2, answer: blocks(part(&chain, Height(5), 4)) });
    assert_eq!(applied(&out), Vec::<u64>::new(), "5 to 8 wait for 1 to 4");
    assert_eq!(requests(&out), [(3, peer(2), 9, 2)]);
    let out = catchup.step(2, Input::Answered { request: 1, answer: blocks(part(&chain, Height(1), 4)) });
    assert_eq!(applied(&out), [1, 2, 3, 4, 5, 6, 7, 8]);
    let out = catchup.step(3, Input::Answered { request: 3, answer: blocks(part(&chain, Height(9), 2)) });
    assert_eq!(applied(&out), Vec::<u64>::new(), "not before the others are applied");
    let out = catchup.step(4, Input::Tip { height: Height(8) });
    assert_eq!(applied(&out), [9, 10]);
    assert!(catchup.is_active());
    catchup.step(5, Input::Tip { height: Height(10) });
    assert!(!catchup.is_active());
    assert_eq!(catchup.deadline_ms(), None);
}

#[test]
fn one_block_behind_is_left_to_consensus_for_a_while() {
    let mut catchup = machine();
    assert!(requests(&catchup.step(0, status(1, 1))).is_empty());
    assert_eq!(catchup.deadline_ms(), Some(300));
    assert!(requests(&catchup.step(299, Input::Tick)).is_empty());
    assert_eq!(requests(&catchup.step(300, Input::Tick)), [(1, peer(1), 1, 1)]);
    let mut catchup = machine();
    catchup.step(0, status(1, 1));
    catchup.step(200, Input::Tip { height: Height(1) });
    catchup.step(250, status(1, 2));
    assert!(requests(&catchup.step(400, Input::Tick)).is_empty(), "patience starts anew with each block");
}

#[test]
fn a_silent_peer_is_replaced_and_rests_longer_each_time() {
    let chain = chain(8);
    let mut catchup = machine();
    catchup.step(0, status(1, 8));
    let out = catchup.step(1_000, Input::Tick);
    assert_eq!(penalties(&out), [(peer(1), Fault::NoAnswer)]);
    assert!(requests(&out).is_empty(), "nobody else to ask");
    assert_eq!(catchup.deadline_ms(), Some(1_500), "when it has rested");
    let out = catchup.step(1_100, status(2, 8));
    assert_eq!(requests(&out), [(2, peer(2), 1, 4)]);
    // The first one has rested and is tried again, for the range that is left.
    let out = catchup.step(1_500, Input::Tick);
    assert_eq!(requests(&out), [(3, peer(1), 5, 4)]);
    let out = catchup.step(1_600, Input::Answered { request: 2, answer: blocks(part(&chain, Height(1), 4)) });
    assert_eq!(applied(&out), [1, 2, 3, 4]);
    let out = catchup.step(2_500, Input::Tick);
    assert_eq!(penalties(&out), [(peer(1), Fault::NoAnswer)]);
    assert_eq!(requests(&out), [(4, peer(2), 5, 4)]);
    // The late answer of the first one is not counted twice.
    let out = catchup.step(2_600, Input::Answered { request: 3, answer: blocks(part(&chain, Height(5), 4)) });
    assert!(out.is_empty());
}

#[test]
fn a_peer_that_lies_about_its_height_is_found_out_and_does_not_stall() {
    let chain = chain(6);
    let mut catchup = machine();
    catchup.step(0, status(1, u64::MAX));
    catchup.step(0, status(2, 6));
    // The liar gets the first range and has nothing.
    let out = catchup.step(10, Input::Answered { request: 1, answer: blocks(Vec::new()) });
    assert_eq!(penalties(&out), [(peer(1), Fault::Empty)]);
    assert_eq!(catchup.target(), Height(6), "its claim is forgotten");
    let out = catchup.step(20, Input::Answered { request: 2, answer: blocks(part(&chain, Height(5), 2)) });
    let next = requests(&out);
    assert_eq!(next, [(3, peer(2), 1, 4)]);
    let out = catchup.step(30, Input::Answered { request: 3, answer: blocks(part(&chain, Height(1), 4)) });
    assert_eq!(applied(&out), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_peer_that_lacks_old_blocks_is_passed_over_and_stalls_nobody() {
    let chain = chain(20);
    let mut catchup = machine();
    let (mut waiting, mut got, mut now) = (Vec::new(), Vec::new(), 0);
    while got.len() < 20 {
        now += 100;
        assert!(now < 60_000, "stalled at {got:?}");
        let mut inputs = VecDeque::from([status(1, 20), status(2, 20), Input::Tick]);
        for (request, asked, from, count) in std::mem::take(&mut waiting) {
            // The first one began with a checkpoint at height 10.
            let lacks = asked == peer(1) && from <= 10;
            let given = if lacks { Vec::new() } else { part(&chain, Height(from), count) };
            inputs.push_back(Input::Answered { request, answer: blocks(given) });
        }
        while let Some(input) = inputs.pop_front() {
            let out = catchup.step(now, input);
            waiting.extend(requests(&out));
            for height in applied(&out) {
                got.push(height);
                inputs.push_back(Input::Tip { height: Height(height) });
            }
            assert!(penalties(&out).iter().all(|(_, fault)| *fault == Fault::Empty), "{out:?}");
        }
    }
    assert_eq!(got, (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_falling_height_does_not_stall() {
    let chain = chain(8);
    let mut catchup = machine();
    catchup.step(0, status(1, 100));
    catchup.step(0, status(2, 8));
    catchup.step(5, status(1, 0));
    assert_eq!(catchup.target(), Height(8));
    let out = catchup.step(1_000, Input::Tick);
    assert_eq!(penalties(&out).len(), 2);
    let out = catchup.step(1_500, Input::Tick);
    let [(id, asked, from, count)] = requests(&out)[..] else { panic!("{out:?}") };
    assert_eq!((asked, from), (peer(2), 1));
    let out = catchup.step(1_600, Input::Answered { request: id, answer: blocks(part(&chain, Height(from), count)) });
    assert_eq!(applied(&out), [1, 2, 3, 4]);
}

#[test]
fn blocks_that_were_not_asked_for_are_refused() {
    let chain = chain(12);
    let mut unlinked = part(&chain, Height(1), 3);
    unlinked[1].0.header.previous = Hash::ZERO;
    unlinked[1].1.block = unlinked[1].0.header.hash();
    let mut uncertified = part(&chain, Height(1), 3);
    uncertified[2].1.block = Hash::ZERO;
    let bad = [part(&chain, Height(2), 2), part(&chain, Height(1), 5), unlinked, uncertified];
    for answer in bad {
        let mut catchup = machine();
        catchup.step(0, status(1, 12));
        let out = catchup.step(1, Input::Answered { request: 1, answer: blocks(answer) });
        assert_eq!(penalties(&out), [(peer(1), Fault::Unasked)]);
        assert!(applied(&out).is_empty());
    }
}

#[test]
fn who_gave_an_invalid_block_is_penalised_and_the_range_is_fetched_from_others() {
    let chain = chain(8);
    let mut catchup = machine();
    catchup.step(0, status(1, 8));
    catchup.step(0, status(2, 8));
    catchup.step(1, Input::Answered { request: 2, answer: blocks(part(&chain, Height(5), 4)) });
    let out = catchup.step(2, Input::Answered { request: 1, answer: blocks(part(&chain, Height(1), 4)) });
    assert_eq!(applied(&out), [1, 2, 3, 4, 5, 6, 7, 8]);
    catchup.step(3, Input::Tip { height: Height(2) });
    let out = catchup.step(4, Input::Rejected { height: Height(3) });
    assert_eq!(penalties(&out), [(peer(1), Fault::Invalid)]);
    assert_eq!(requests(&out), [(3, peer(2), 3, 4)]);
    let out = catchup.step(5, Input::Answered { request: 3, answer: blocks(part(&chain, Height(3), 4)) });
    assert_eq!(applied(&out), [3, 4, 5, 6]);
    catchup.step(6, Input::Rejected { height: Height(2) });
    catchup.step(6, Input::Rejected { height: Height(99) });
}

#[test]
fn a_busy_peer_is_left_alone_for_a_moment_without_penalty() {
    let mut catchup = machine();
    catchup.step(0, status(1, 8));
    let out = catchup.step(10, Input::Answered { request: 1, answer: Answer::Busy });
    assert!(penalties(&out).is_empty() && requests(&out).is_empty());
    assert_eq!(requests(&catchup.step(110, Input::Tick)).len(), 1);
}

#[test]
fn a_disconnected_peer_loses_its_range() {
    let mut catchup = machine();
    catchup.step(0, status(1, 8));
    catchup.step(0, status(2, 8));
    let out = catchup.step(1, Input::Disconnected { peer: peer(1) });
    assert!(requests(&out).is_empty(), "the other one is busy");
    let out = catchup.step(2, Input::Answered { request: 2, answer: Answer::Failed });
    assert_eq!(penalties(&out), [(peer(2), Fault::NoAnswer)]);
    assert_eq!(requests(&catchup.step(502, Input::Tick)), [(3, peer(2), 1, 4)]);
}

#[test]
fn memory_is_bounded() {
    let chain = chain(400);
    let limits = Limits { buffer_bytes: 10_000, requests: 8, ..LIMITS };
    let mut catchup = Catchup::new(limits, Height(0));
    for n in 1..=200u8 {
        catchup.step(0, status(n, 400));
    }
    assert_eq!(catchup.peers.len(), limits.peers);
    // The first range never comes; the others answer at once.
    for now in 1..=200 {
        let waiting: Vec<_> =
            catchup.requests.iter().filter(|(_, r)| r.from > Height(1)).map(|(id, r)| (*id, *r)).collect();
        for (request, InFlight { from, count, .. }) in waiting {
            catchup.step(now, Input::Answered { request, answer: blocks(part(&chain, from, count)) });
        }
    }
    assert!(catchup.received_bytes <= limits.buffer_bytes + limits.requests * 1_100);
    assert!(catchup.received.len() <= 100);
}

/// What a peer of the simulation does with a request.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Honest,
    Short,
    Silent,
    Liar,
    Wrong,
    Forger,
    Busy,
}

fn kind() -> impl Strategy<Value = Kind> {
    use Kind::*;
    prop_oneof![Just(Honest), Just(Short), Just(Silent), Just(Liar), Just(Wrong), Just(Forger), Just(Busy)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn with_one_honest_peer_it_always_arrives(
        kinds in prop::collection::vec(kind(), 0..7), length in 1..60u64, start in 0..20u64, delays in prop::collection::vec(1..400u64, 1..20)
    ) {
        let chain = chain(length);
        let mut tip = start.min(length);
        let mut catchup = Catchup::new(LIMITS, Height(tip));
        let mut kinds = kinds;
        kinds.push(Kind::Honest);
        let (mut now, mut turn) = (0, 0usize);
        let mut queue: Vec<(u64, Input)> = Vec::new();
        for (n, kind) in kinds.iter().enumerate() {
            let claimed = if matches!(kind, Kind::Liar) { length + 1_000 } else { length };
            queue.push((0, status(n as u8 + 1, claimed)));
        }
        while tip < length {
            queue.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
            let due = catchup.deadline_ms().unwrap_or(u64::MAX);
            prop_assert!(due > now || now == 0, "a deadline lies ahead");
            let input = match queue.pop_if(|(at, _)| *at <= due) {
                Some((at, input)) => { now = now.max(at); input }
                None => { prop_assert!(due < u64::MAX, "stalled at {}", tip); now = due.max(now + 1); Input::Tick }
            };
            prop_assert!(now < 3_600_000, "too slow, at {}", tip);
            for output in catchup.step(now, input) {
                turn += 1;
                let delay = delays[turn % delays.len()];
                match output {
                    Output::Request { id, peer, from, count } => {
                        prop_assert!((1..=LIMITS.batch).contains(&count) && from.0 > tip);
                        let mut given = part(&chain, from, count);
                        let answer = match kinds[usize::from(peer.0[0]) - 1] {
                            Kind::Honest => blocks(given),
                            Kind::Short => { given.truncate(1); blocks(given) }
                            Kind::Silent => continue,
                            Kind::Liar => blocks(Vec::new()),
                            Kind::Wrong => { given.reverse(); given.extend(part(&chain, from, 1)); blocks(given) }
                            // Consistent in itself, but not what the authorities certified.
                            Kind::Forger => {
                                let mut previous = None;
                                for (block, certificate) in &mut given {
                                    block.header.timestamp_ms += 1_000_000;
                                    block.header.previous = previous.unwrap_or(block.header.previous);
                                    certificate.block = block.header.hash();
                                    previous = Some(certificate.block);
                                }
                                blocks(given)
                            }
                            Kind::Busy => Answer::Busy,
                        };
                        queue.push((now + delay, Input::Answered { request: id, answer }));
                    }
                    Output::Apply(given) => {
                        let mut next = Input::Tick;
                        for (block, _) in &given {
                            let height = block.header.height;
                            prop_assert_eq!(height.0, tip + 1, "in order");
                            if *block != chain[tip as usize].0 {
                                queue.push((now + delay + 1, Input::Rejected { height }));
                                break;
                            }
                            tip += 1;
                            next = Input::Tip { height };
                        }
                        queue.push((now + delay, next));
                    }
                    Output::Penalise { peer, .. } => {
                        let kind = kinds[usize::from(peer.0[0]) - 1];
                        prop_assert!(!matches!(kind, Kind::Honest | Kind::Short | Kind::Busy), "{:?} is innocent", kind);
                    }
                }
            }
        }
    }
}
