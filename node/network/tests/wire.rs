//! The wire's bytes: golden forms, and what decoders do with any bytes at all.
//!
//! `make bless` writes the golden file anew; a difference in it is
//! a new protocol version.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use althing_network::{
    CertifiedBlock, Frame, Gossip, Request, Response,
    message::{MAX_BLOCKS_BYTES, MAX_PROPOSAL_BYTES, MAX_TRANSACTIONS_BYTES, MAX_VOTE_BYTES},
};
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{Block, CompactBlock, HEADER_VERSION, Header, MAX_BLOCK, MAX_BLOCK_TRANSACTIONS, NodeInstruction},
    certificate::{CertificateSignature, QuorumCertificate},
    codec::{self, Bytes, List, Text},
    crypto::{NodeId, PublicKey, Signature, Signed},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Round, Sequence},
    recovery::{RecoveryPlan, SignedRecovery},
    transaction::{Attributes, Content, MAX_ARGUMENTS, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction},
    vote::{Proposal, SignedProposal, SignedVote, Vote, VoteKind},
};
use proptest::prelude::*;

fn node(n: u8) -> NodeId {
    NodeId([n; 32])
}

fn chain() -> ChainId {
    ChainId::new("root").unwrap()
}

fn header(height: u64) -> Header {
    Header {
        version: HEADER_VERSION,
        chain: chain(),
        height: Height(height),
        previous: Hash([1; 32]),
        packer: node(2),
        transactions_root: Hash([3; 32]),
        state_root: Hash([4; 32]),
        receipts_root: Hash([5; 32]),
        authorities: Hash([6; 32]),
        next_authorities: Hash([7; 32]),
        timestamp_ms: 1_700_000_000_000,
        instruction: NodeInstruction::None,
        previous_certificate: Hash::ZERO,
    }
}

fn vote(block: Option<Hash>, round: u32) -> SignedVote {
    let value = Vote {
        chain: chain(),
        height: Height(9),
        round: Round(round),
        kind: VoteKind::Precommit,
        block,
        voter: node(8),
    };
    Signed { value, signature: Signature([9; 64]) }
}

fn proposal(valid_round: Option<u32>) -> SignedProposal {
    let value = Proposal {
        chain: chain(),
        height: Height(9),
        round: Round(1),
        block: Hash([1; 32]),
        valid_round: valid_round.map(Round),
        proposer: node(2),
    };
    Signed { value, signature: Signature([3; 64]) }
}

fn transaction(arguments: Vec<u8>, note: &str, sequence: u64) -> SignedTransaction {
    let value = Transaction {
        version: TRANSACTION_VERSION,
        chain: chain(),
        attributes: Attributes::Root,
        operation: Operation::Update,
        content: Content::Call {
            contract: ContractId::new("domain_records").unwrap(),
            method: Text::new("set").unwrap(),
            arguments: Bytes::new(arguments).unwrap(),
        },
        postscript: Text::new(note).unwrap(),
        operator: PublicKey([4; 32]),
        sequence: Sequence(sequence),
        timestamp_ms: 1,
        expiry: Height(100),
        fuel_limit: 1_000_000,
    };
    Signed { value, signature: Signature([5; 64]) }
}

fn certificate(signatures: usize) -> QuorumCertificate {
    let one = |n: u8| CertificateSignature { voter: node(n), signature: Signature([n; 64]) };
    QuorumCertificate {
        chain: chain(),
        height: Height(9),
        round: Round(0),
        block: Hash([1; 32]),
        signatures: List::new((0..=u8::MAX).take(signatures).map(one).collect()).unwrap(),
    }
}

fn compact(hashes: usize) -> CompactBlock {
    CompactBlock {
        header: header(9),
        previous: None,
        recovery: None,
        transactions: List::new(vec![Hash([8; 32]); hashes]).unwrap(),
    }
}

fn recovery() -> SignedRecovery {
    let authority = Authority { node: node(1), organisation: OrganisationId::new("registry").unwrap() };
    SignedRecovery::unsigned(RecoveryPlan {
        chain: chain(),
        height: Height(9),
        block: Hash([1; 32]),
        number: 1,
        authorities: AuthorityList::new(vec![authority], Threshold::TwoThirds).unwrap(),
        reason: Text::new("gone").unwrap(),
        drafted_ms: 7,
    })
}

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let batch = List::new(vec![transaction(vec![1, 2, 3], "note", 7)]).unwrap();
    let transactions = List::new(vec![transaction(vec![1, 2, 3], "", 7)]).unwrap();
    let block = Block { header: header(9), previous: None, recovery: None, transactions };
    let certified = CertifiedBlock { block, certificate: certificate(3) };
    let answer = List::new(vec![transaction(vec![], "", 0)]).unwrap();
    let hashes = List::new(vec![Hash([1; 32]), Hash([2; 32])]).unwrap();
    let gossip = |m: Gossip| codec::encode(&Frame::Gossip(m));
    vec![
        ("frame.gossip.proposal", gossip(Gossip::Proposal { proposal: proposal(Some(0)), block: compact(2) })),
        ("frame.gossip.vote", gossip(Gossip::Vote(vote(Some(Hash([1; 32])), 1)))),
        ("frame.gossip.vote.nil", gossip(Gossip::Vote(vote(None, 1)))),
        ("frame.gossip.transactions", gossip(Gossip::Transactions(batch))),
        ("frame.gossip.status", gossip(Gossip::Status { height: Height(258) })),
        ("frame.gossip.recovery", gossip(Gossip::Recovery(Box::new(recovery())))),
        ("frame.links", codec::encode(&Frame::Links(List::new(vec![node(1), node(2)]).unwrap()))),
        ("request.blocks", codec::encode(&Request::Blocks { from: Height(5), count: 64 })),
        ("request.transactions", codec::encode(&Request::Transactions { block: Hash([9; 32]), hashes })),
        ("request.compact_block", codec::encode(&Request::CompactBlock { block: Hash([9; 32]) })),
        ("response.blocks", codec::encode(&Response::Blocks(List::new(vec![certified]).unwrap()))),
        ("response.transactions", codec::encode(&Response::Transactions(answer))),
        ("response.compact_block", codec::encode(&Response::CompactBlock(Some(compact(1))))),
        ("response.compact_block.none", codec::encode(&Response::CompactBlock(None))),
        ("response.busy", codec::encode(&Response::Busy)),
    ]
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn every_variant_keeps_its_bytes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire.golden");
    let lines = samples().into_iter().map(|(name, bytes)| format!("{name} {}\n", hexadecimal(&bytes)));
    let text: String = lines.collect();
    if std::env::var_os("ALTHING_BLESS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), text);
}

#[test]
fn every_variant_fits_its_limit() {
    let gossip = |m: Gossip| Frame::decode(&Frame::encode_gossip(&m)).is_ok();
    assert!(gossip(Gossip::Proposal { proposal: proposal(Some(u32::MAX)), block: compact(MAX_BLOCK_TRANSACTIONS) }));
    let mut long = vote(Some(Hash([1; 32])), 1);
    long.value.chain = ChainId::new("c".repeat(ChainId::MAX)).unwrap();
    assert!(codec::encode(&long).len() < MAX_VOTE_BYTES);
    assert!(gossip(Gossip::Vote(long)));
    let big = transaction(vec![1; MAX_ARGUMENTS], "", 1);
    assert!(gossip(Gossip::Transactions(List::new(vec![big.clone(); 12]).unwrap())));
    // A block of the greatest length.
    let mut block = Block { header: header(9), previous: None, recovery: None, transactions: List::default() };
    let each = codec::encode(&big).len();
    let head = codec::encode(&block).len();
    block.transactions = List::new(vec![big; MAX_BLOCK.saturating_sub(head) / each]).unwrap();
    let all = List::new(block.transactions.to_vec()).unwrap();
    let certified = CertifiedBlock { block, certificate: certificate(128) };
    let bytes = codec::encode(&Response::Blocks(List::new(vec![certified]).unwrap()));
    assert!(bytes.len() <= MAX_BLOCKS_BYTES && Response::decode(&bytes).is_ok());
    let bytes = codec::encode(&Response::Transactions(all));
    assert!(bytes.len() <= MAX_TRANSACTIONS_BYTES && Response::decode(&bytes).is_ok());
    let bytes = codec::encode(&Response::CompactBlock(Some(compact(MAX_BLOCK_TRANSACTIONS))));
    assert!(bytes.len() <= MAX_PROPOSAL_BYTES && Response::decode(&bytes).is_ok());
}

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

fn some_transaction() -> impl Strategy<Value = SignedTransaction> {
    (proptest::collection::vec(any::<u8>(), 0..300), "[ -~]{0,40}", any::<u64>())
        .prop_map(|(arguments, note, sequence)| transaction(arguments, &note, sequence))
}

fn some_compact() -> impl Strategy<Value = CompactBlock> {
    (any::<u64>(), proptest::collection::vec(hash(), 0..20)).prop_map(|(h, hashes)| CompactBlock {
        header: header(h),
        previous: None,
        recovery: None,
        transactions: List::new(hashes).unwrap(),
    })
}

fn frames() -> impl Strategy<Value = Frame> {
    let many = proptest::collection::vec(some_transaction(), 0..6);
    prop_oneof![
        (any::<Option<u32>>(), some_compact())
            .prop_map(|(r, block)| Frame::Gossip(Gossip::Proposal { proposal: proposal(r), block })),
        (proptest::option::of(hash()), any::<u32>()).prop_map(|(b, r)| Frame::Gossip(Gossip::Vote(vote(b, r)))),
        many.prop_map(|t| Frame::Gossip(Gossip::Transactions(List::new(t).unwrap()))),
        any::<u16>().prop_map(|number| {
            let mut recovery = recovery();
            recovery.plan.number = number;
            Frame::Gossip(Gossip::Recovery(Box::new(recovery)))
        }),
        any::<u64>().prop_map(|h| Frame::Gossip(Gossip::Status { height: Height(h) })),
        proptest::collection::vec(any::<u8>().prop_map(node), 0..9).prop_map(|l| Frame::Links(List::new(l).unwrap())),
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    prop_oneof![
        (any::<u64>(), any::<u32>()).prop_map(|(h, count)| Request::Blocks { from: Height(h), count }),
        (hash(), proptest::collection::vec(hash(), 0..20))
            .prop_map(|(block, h)| Request::Transactions { block, hashes: List::new(h).unwrap() }),
        hash().prop_map(|block| Request::CompactBlock { block }),
    ]
}

fn responses() -> impl Strategy<Value = Response> {
    let transactions = || proptest::collection::vec(some_transaction(), 0..4);
    let block = (any::<u64>(), transactions(), 0usize..5).prop_map(|(h, t, n)| CertifiedBlock {
        block: Block { header: header(h), previous: None, recovery: None, transactions: List::new(t).unwrap() },
        certificate: certificate(n),
    });
    prop_oneof![
        proptest::collection::vec(block, 0..4).prop_map(|b| Response::Blocks(List::new(b).unwrap())),
        transactions().prop_map(|t| Response::Transactions(List::new(t).unwrap())),
        proptest::option::of(some_compact()).prop_map(Response::CompactBlock),
        Just(Response::Busy),
    ]
}

/// Whatever decodes is the canonical form of what it decodes to.
fn decodes_only_canonical(bytes: &[u8]) {
    if let Ok(value) = Frame::decode(bytes) {
        assert_eq!(codec::encode(&value), bytes);
    }
    if let Ok(value) = Request::decode(bytes) {
        assert_eq!(codec::encode(&value), bytes);
    }
    if let Ok(value) = Response::decode(bytes) {
        assert_eq!(codec::encode(&value), bytes);
    }
}

proptest! {
    #[test]
    fn a_frame_survives_the_wire(frame in frames()) {
        prop_assert_eq!(Frame::decode(&codec::encode(&frame)).unwrap(), frame);
    }

    #[test]
    fn a_request_survives_the_wire(request in requests()) {
        prop_assert_eq!(Request::decode(&codec::encode(&request)).unwrap(), request);
    }

    #[test]
    fn a_response_survives_the_wire(response in responses()) {
        prop_assert_eq!(Response::decode(&codec::encode(&response)).unwrap(), response);
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        decodes_only_canonical(&bytes);
    }

    #[test]
    fn damaged_messages_never_panic(
        sample in 0usize..14,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = samples().swap_remove(sample).1;
        let place = at.index(bytes.len());
        bytes[place] = byte;
        decodes_only_canonical(&bytes);
        bytes.truncate(cut.index(bytes.len().saturating_add(1)));
        decodes_only_canonical(&bytes);
    }
}
