//! One node against messages that the test makes with the keys of all others: the certificate of the block before,
//! which each block carries, and evidence that goes on chain.

use crate::{setup, world::World};
use althing_daemon::{
    metrics::Probe,
    node::{Effect, Event, Node, NodeConfig, REPORT_CONTRACT, REPORT_METHOD, RequestId, Timer},
    preverify,
};
use althing_execution::Executor;
use althing_mempool::{Limits, Pool};
use althing_network::{CertifiedBlock, Gossip};
use althing_state::{MemoryStore, Storage};
use althing_types::{
    block::{Block, CompactBlock, certificate_hash},
    certificate::{CertificateSignature, QuorumCertificate},
    codec::{self, Bytes, List},
    crypto::{NodeId, SecretKey, Signature, Signed},
    genesis::{Genesis, GenesisContract},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Round},
    keyspace,
    organisation::{MemberKey, Organisation, Role},
    transaction::Content,
    vote::{Evidence, Proposal, Vote, VoteKind},
};
use std::sync::{Arc, Mutex};

/// A short chain of four authorities, to be replayed to a fresh node.
struct Past {
    genesis: Genesis,
    keys: Vec<SecretKey>,
    blocks: Vec<CertifiedBlock>,
}

impl Past {
    fn new() -> Self {
        let (genesis, keys, blocks) = World::quiet_past(4, 6);
        assert!(blocks.len() >= 3, "{} blocks", blocks.len());
        Self { genesis, keys, blocks }
    }

    fn list(&self) -> althing_types::authority::AuthorityList {
        self.genesis.authority_list().unwrap()
    }

    /// Precommits of the keys at these places, for any block.
    fn certificate(&self, chain: &ChainId, height: Height, block: Hash, signers: &[usize]) -> QuorumCertificate {
        let sign = |n: &usize| {
            let voter = NodeId::from(self.keys[*n].public());
            let (chain, round, kind) = (chain.clone(), Round(0), VoteKind::Precommit);
            let vote = Vote { chain, height, round, kind, block: Some(block), voter };
            CertificateSignature { voter, signature: Signed::sign(vote, &self.keys[*n]).signature }
        };
        let mut signatures: Vec<_> = signers.iter().map(sign).collect();
        signatures.sort_by_key(|s| s.voter);
        let signatures = List::new(signatures).unwrap();
        QuorumCertificate { chain: chain.clone(), height, round: Round(0), block, signatures }
    }
}

struct Bench {
    node: Node<MemoryStore>,
    store: MemoryStore,
    now_ms: u64,
}

fn boot(genesis: &Genesis, key: &SecretKey, store: &MemoryStore, now_ms: u64) -> (Bench, Vec<Effect>) {
    let executor = Executor::new(crate::world::runtime(), genesis.chain.clone(), genesis.kind.clone());
    let config = NodeConfig {
        key: key.clone(),
        genesis: genesis.clone(),
        pool: Arc::new(Mutex::new(Pool::new(Limits::default()))),
        probe: Arc::new(Probe::default()),
    };
    let mut node = Node::new(config, Arc::new(store.clone()), executor).unwrap();
    let effects = node.start(now_ms).unwrap();
    (Bench { node, store: store.clone(), now_ms }, effects)
}

fn fresh(genesis: &Genesis, codes: &[Vec<u8>], key: &SecretKey) -> Bench {
    let executor = Executor::new(crate::world::runtime(), genesis.chain.clone(), genesis.kind.clone());
    let code_of = |hash: &Hash| codes.iter().find(|code| keyspace::code_hash(code) == *hash).cloned();
    let writes = executor.genesis(genesis, code_of).unwrap();
    let store = MemoryStore::new();
    store.initialise(genesis, &writes).unwrap();
    boot(genesis, key, &store, setup::START_MS).0
}

impl Bench {
    fn on(&mut self, event: Event) -> Vec<Effect> {
        self.node.handle(self.now_ms, event).expect("the node goes on")
    }

    /// A peer claims a height and answers the question that follows with these blocks.
    fn catch_up(&mut self, from: NodeId, blocks: Vec<CertifiedBlock>) -> Vec<Effect> {
        let height = blocks.last().unwrap().block.header.height;
        let asked = |effects: Vec<Effect>| {
            effects.iter().find_map(|e| if let Effect::Request { id, .. } = e { Some(*id) } else { None })
        };
        let mut request: Option<RequestId> = asked(self.on(Event::PeerStatus { from, height }));
        if request.is_none() {
            // One block behind is left to the votes for a moment.
            self.now_ms += 1_500;
            request = asked(self.on(Event::Timer(Timer::CatchUp)));
        }
        let request = request.expect("a question for blocks");
        self.on(Event::Blocks { from, request, blocks: Some(blocks) })
    }

    fn at(past: &Past, height: usize) -> Self {
        let mut bench = fresh(&past.genesis, &[althing_bundle::load().to_vec()], &past.keys[0]);
        if height > 0 {
            bench.catch_up(past.keys[1].public().into(), past.blocks[..height].to_vec());
        }
        assert_eq!(bench.node.tip().height, Height(height as u64));
        bench
    }

    /// A proposal of a block by the primary of its height, its transactions first.
    fn propose(&mut self, past: &Past, block: &Block) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(block.header.timestamp_ms);
        let height = block.header.height;
        let proposer = past.list().primary(height, Round(0));
        let key = past.keys.iter().find(|key| NodeId::from(key.public()) == proposer).unwrap();
        let transactions = block.transactions.iter().map(|t| preverify::transaction(t.clone()).unwrap()).collect();
        let mut effects = self.on(Event::Transactions { from: proposer, transactions });
        let (hash, chain) = (block.header.hash(), past.genesis.chain.clone());
        let proposal = Proposal { chain, height, round: Round(0), block: hash, valid_round: None, proposer };
        let compact = CompactBlock {
            header: block.header.clone(),
            previous: block.previous.clone(),
            recovery: block.recovery.clone(),
            transactions: List::new(block.transaction_hashes()).unwrap(),
        };
        let proposal = Signed::sign(proposal, key);
        effects.extend(self.on(preverify::gossip(proposer, Gossip::Proposal { proposal, block: compact }).unwrap()));
        effects
    }
}

/// What the node prevotes, if it does.
fn prevote(effects: &[Effect]) -> Option<Option<Hash>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Publish(Gossip::Vote(vote)) if vote.value.kind == VoteKind::Prevote => Some(vote.value.block),
        _ => None,
    })
}

/// A height with a block before it, of which node 0 is not the primary, and not of the next one either.
fn tried_height(past: &Past) -> usize {
    let me = NodeId::from(past.keys[0].public());
    let others = |height: usize| past.list().primary(Height(height as u64), Round(0)) != me;
    (2..past.blocks.len()).find(|height| others(*height) && others(*height + 1)).unwrap()
}

fn with_previous(block: &Block, previous: Option<QuorumCertificate>) -> Block {
    let mut block = block.clone();
    block.header.previous_certificate = certificate_hash(previous.as_ref());
    block.previous = previous;
    block
}

#[test]
fn a_block_must_carry_a_true_certificate_of_the_block_before() {
    let past = Past::new();
    let height = tried_height(&past);
    let block = &past.blocks[height - 1].block;
    let (before, parent, chain) = (Height(height as u64 - 1), block.header.previous, &past.genesis.chain);
    let tried = |previous: Option<QuorumCertificate>| {
        let block = with_previous(block, previous);
        let mut bench = Bench::at(&past, height - 1);
        let vote = prevote(&bench.propose(&past, &block));
        (vote.expect("a proposal is answered by a prevote"), block.header.hash())
    };
    let legal = |previous| {
        let (vote, hash) = tried(Some(previous));
        assert_eq!(vote, Some(hash));
    };
    legal(block.previous.clone().unwrap());
    // The signatures of another quorum are as good.
    legal(past.certificate(chain, before, parent, &[0, 1, 2]));
    legal(past.certificate(chain, before, parent, &[1, 2, 3]));

    let illegal = |what: &str, previous: Option<QuorumCertificate>| {
        assert_eq!(tried(previous).0, None, "{what} was found legal");
    };
    illegal("a missing certificate", None);
    illegal("less than a quorum", Some(past.certificate(chain, before, parent, &[2, 3])));
    let mut forged = past.certificate(chain, before, parent, &[1, 2, 3]);
    let mut signatures = forged.signatures.to_vec();
    signatures[1].signature = Signature([7; 64]);
    forged.signatures = List::new(signatures).unwrap();
    illegal("a forged signature", Some(forged));
    let other = ChainId::new("another").unwrap();
    illegal("a certificate of another chain", Some(past.certificate(&other, before, parent, &[1, 2, 3])));
    illegal("a certificate of another block", Some(past.certificate(chain, before, Hash([1; 32]), &[1, 2, 3])));
    illegal("a certificate of another height", Some(past.certificate(chain, before.next(), parent, &[1, 2, 3])));
    // One height later the same certificate is stale.
    let stale = past.blocks[height - 1].block.previous.clone();
    let vote = prevote(&Bench::at(&past, height).propose(&past, &with_previous(&past.blocks[height].block, stale)));
    assert_eq!(vote, Some(None), "a stale certificate was found legal");
    // A certificate that is not the one that the header names is the neighbour's fault.
    let mut bench = Bench::at(&past, height - 1);
    let mut swapped = block.clone();
    let signers: &[usize] =
        if block.previous.as_ref().unwrap().signatures.len() == 4 { &[0, 1, 2] } else { &[0, 1, 2, 3] };
    swapped.previous = Some(past.certificate(chain, before, parent, signers));
    assert_ne!(swapped.previous, block.previous);
    let effects = bench.propose(&past, &swapped);
    assert!(effects.iter().any(|e| matches!(e, Effect::Penalise { .. })), "{effects:?}");
    assert_eq!(prevote(&effects), None);
}

#[test]
fn a_fetched_block_with_an_exchanged_certificate_is_its_giver_s_fault_and_stops_nobody() {
    let past = Past::new();
    let (liar, honest) = (past.keys[1].public().into(), past.keys[2].public().into());
    for exchanged in [None, Some(past.certificate(&past.genesis.chain, Height(1), Hash([1; 32]), &[1, 2, 3]))] {
        let mut bench = Bench::at(&past, 0);
        let mut blocks = past.blocks[..3].to_vec();
        blocks[1].block.previous = exchanged;
        let effects = bench.catch_up(liar, blocks);
        assert!(effects.iter().any(|e| matches!(e, Effect::Penalise { node, .. } if *node == liar)), "{effects:?}");
        assert_eq!(bench.node.tip().height, Height(1), "the block before it was true");
        bench.on(Event::PeerDisconnected(liar));
        bench.catch_up(honest, past.blocks[1..3].to_vec());
        assert_eq!(bench.node.tip().height, Height(3));
    }
}

#[test]
fn a_restarted_node_has_the_block_that_it_voted_for_with_its_certificate() {
    let past = Past::new();
    let height = tried_height(&past);
    let (before, chain) = (Height(height as u64 - 1), &past.genesis.chain);
    let block = &past.blocks[height - 1].block;
    let mut bench = Bench::at(&past, height - 1);
    // Another quorum's signatures than this node keeps: they must come back from the log, not from the store.
    let block = with_previous(block, Some(past.certificate(chain, before, block.header.previous, &[1, 2, 3])));
    let hash = block.header.hash();
    assert_eq!(prevote(&bench.propose(&past, &block)), Some(Some(hash)));
    let (mut bench, effects) = boot(&past.genesis, &past.keys[0], &bench.store, bench.now_ms);
    assert_eq!(prevote(&effects), Some(Some(hash)), "the same vote again");
    let certificate = past.certificate(chain, block.header.height, hash, &[1, 2, 3]);
    for signature in certificate.signatures.iter() {
        let (voter, height) = (signature.voter, block.header.height);
        let vote =
            Vote { chain: chain.clone(), height, round: Round(0), kind: VoteKind::Precommit, block: Some(hash), voter };
        let signed = Signed { value: vote, signature: signature.signature };
        bench.on(Event::Vote(signed.verify().unwrap()));
    }
    assert_eq!(bench.node.tip().block, hash);
    assert_eq!(bench.store.block(block.header.height).unwrap().unwrap().previous, block.previous);
}

/// A chain that may have the contract for reports, and whose node 0 may have a key entry.
fn reporting(with_contract: bool, with_key: bool) -> (Bench, Vec<SecretKey>, ChainId) {
    let key = |n: u8| SecretKey::from_seed(&[n; 32]);
    let keys: Vec<SecretKey> = (1..5).map(key).collect();
    let module = wat::parse_str(
        "(module (memory (export \"memory\") 1) (func (export \"althing_abi_1\")) (func (export \"c_report\")))",
    );
    let contract = setup::describe(module.unwrap(), REPORT_CONTRACT, REPORT_METHOD);
    let mut genesis = setup::genesis(&keys, &[key(100)], &[], None);
    if with_contract {
        let id = ContractId::new(REPORT_CONTRACT).unwrap();
        let mut contracts = genesis.contracts.to_vec();
        contracts.push(GenesisContract::new(id, keyspace::code_hash(&contract)));
        genesis.contracts = List::new(contracts).unwrap();
    }
    if with_key {
        let mut organisations = genesis.organisations.to_vec();
        organisations.push(Organisation {
            id: OrganisationId::new("runner").unwrap(),
            roles: [Role::Registry].into(),
            keys: List::new(vec![MemberKey { key: keys[0].public(), duties: [Role::Node].into() }]).unwrap(),
        });
        genesis.organisations = List::new(organisations).unwrap();
    }
    genesis.check().unwrap();
    let bench = fresh(&genesis, &[althing_bundle::load().to_vec(), contract], &keys[0]);
    (bench, keys, genesis.chain)
}

fn two_votes(chain: &ChainId, key: &SecretKey, round: u32) -> [Event; 2] {
    [Hash([1; 32]), Hash([2; 32])].map(|block| {
        let vote = Vote {
            chain: chain.clone(),
            height: Height(1),
            round: Round(round),
            kind: VoteKind::Precommit,
            block: Some(block),
            voter: key.public().into(),
        };
        Event::Vote(Signed::sign(vote, key).verify().unwrap())
    })
}

/// The evidence that a node sends to the chain in these effects.
fn reported(effects: &[Effect], reporter: &SecretKey) -> Vec<Evidence> {
    let mut out = Vec::new();
    for effect in effects {
        let Effect::PublishTransactions(transactions) = effect else { continue };
        for transaction in transactions {
            assert_eq!(transaction.operator, reporter.public());
            let Content::Call { contract, method, arguments } = &transaction.content else { panic!("no call") };
            assert_eq!((contract.as_str(), method.as_str()), (REPORT_CONTRACT, REPORT_METHOD));
            let (bytes,): (Bytes<4096>,) = codec::decode("arguments", arguments, 8192).unwrap();
            out.push(codec::decode("evidence", &bytes, 4096).unwrap());
        }
    }
    out
}

#[test]
fn a_double_vote_is_reported_once_with_the_key_of_the_node() {
    let (mut bench, keys, chain) = reporting(true, true);
    let mut reports = Vec::new();
    for _ in 0..3 {
        for event in two_votes(&chain, &keys[2], 0) {
            let effects = bench.on(event);
            reports.extend(reported(&effects, &keys[0]));
        }
    }
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].offender(), Some(keys[2].public().into()));
    assert_eq!(bench.node.waiting(), 1, "the report waits in the own mempool too");
    // Another offender is another report, with the next sequence number.
    let other: Vec<Evidence> =
        two_votes(&chain, &keys[3], 0).into_iter().flat_map(|event| reported(&bench.on(event), &keys[0])).collect();
    assert_eq!(other.len(), 1);
    assert_eq!(bench.node.waiting(), 2);
}

#[test]
fn evidence_stays_in_the_store_where_the_chain_takes_no_report() {
    for (with_contract, with_key) in [(false, true), (true, false)] {
        let (mut bench, keys, chain) = reporting(with_contract, with_key);
        for event in two_votes(&chain, &keys[2], 0) {
            assert!(reported(&bench.on(event), &keys[0]).is_empty());
        }
        assert_eq!(bench.store.evidence(0, 10).unwrap().len(), 1);
        assert_eq!(bench.node.waiting(), 0);
    }
}

#[test]
fn a_node_that_packs_no_blocks_passes_on_what_waits_when_somebody_is_there() {
    let key = |n: u8| SecretKey::from_seed(&[n; 32]);
    let keys: Vec<SecretKey> = (1..5).map(key).collect();
    let genesis = setup::genesis(&keys, &[key(100)], &[], None);
    for (me, authority) in [(&key(50), false), (&keys[0], true)] {
        let mut bench = fresh(&genesis, &[althing_bundle::load().to_vec()], me);
        let checked = preverify::transaction(setup::transaction(&genesis.chain, &key(100), 0)).unwrap();
        bench.on(Event::Transactions { from: keys[1].public().into(), transactions: vec![checked] });
        let effects = bench.on(Event::PeerConnected(keys[1].public().into()));
        let passed = effects.iter().any(|e| matches!(e, Effect::PublishTransactions(list) if list.len() == 1));
        assert_eq!(passed, !authority);
    }
}
