//! One deterministic value of everything that has canonical bytes, each variant of each enumeration among them.
//!
//! Names are `Type` or `Type.which`; for enumerations `which` is the variant. Keys are made from fixed seeds, and
//! Ed25519 signatures are deterministic, so the bytes never differ between runs.

mod checkpoint;
mod governing;
mod migrating;

use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    block::{Block, CompactBlock, HEADER_VERSION, Header, MAX_BLOCK, NodeInstruction},
    certificate::{CertificateSignature, QuorumCertificate},
    codec::{Bytes, DecodeError, List, Text, decode, encode},
    crypto::{NodeId, PublicKey, SecretKey, Signable, Signed},
    event::{Event, EventId},
    genesis::{ChainKind, FaultModel, Genesis, GenesisContract, Parameters},
    govern::{GenesisGovernance, GovernanceSettings, MemberNode, Standing},
    hash::{Hash, Tag, sha3_256},
    id::{ChainId, ContractId, Height, OrganisationId, Round, Sequence},
    identity::{Facts, Usage},
    keyspace::{self, ContractEntry},
    merkle,
    name::DomainName,
    organisation::{KeyEntry, MemberKey, Organisation, Role},
    proof::{ProofLeaf, StateProof},
    receipt::{Failure, FailureCode, Receipt, Status},
    recovery::{ProvenEntry, ProvenRecovery, RecoveryPlan, SignedRecovery},
    transaction::{
        Abnormal, AbnormalCode, Attributes, Content, Operation, SignedTransaction, TRANSACTION_VERSION, Transaction,
    },
    vote::{Evidence, Proposal, SignedVote, Vote, VoteKind},
};
use borsh::{BorshDeserialize, BorshSerialize};
use std::{collections::BTreeSet, fmt::Debug};

mod remediation;

/// Decodes bytes as one type and encodes the value again.
pub(crate) type Recode = fn(&[u8]) -> Result<Vec<u8>, DecodeError>;

/// Whether bytes decode to one certain value.
pub(crate) type Equal = Box<dyn Fn(&[u8]) -> bool>;

/// One value with its canonical bytes.
pub(crate) struct Sample {
    /// `Type` or `Type.which`.
    pub(crate) name: String,
    /// Canonical bytes.
    pub(crate) bytes: Vec<u8>,
    /// The hash under the type's own tag, when it has one.
    pub(crate) hash: Option<(Tag, Hash)>,
    /// Decodes as this type and encodes again.
    pub(crate) recode: Recode,
    /// Whether bytes decode to this very value.
    pub(crate) equal: Equal,
}

fn recode<T: BorshSerialize + BorshDeserialize>(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    decode::<T>("sample", bytes, MAX_BLOCK).map(|value| encode(&value))
}

#[derive(Default)]
struct Samples(Vec<Sample>);

impl Samples {
    fn push<T>(&mut self, name: &str, value: T, hash: Option<(Tag, Hash)>)
    where
        T: BorshSerialize + BorshDeserialize + PartialEq + Debug + 'static,
    {
        let bytes = encode(&value);
        let equal = Box::new(move |bytes: &[u8]| decode::<T>("sample", bytes, MAX_BLOCK).is_ok_and(|v| v == value));
        self.0.push(Sample { name: name.into(), bytes, hash, recode: recode::<T>, equal });
    }

    fn add<T: BorshSerialize + BorshDeserialize + PartialEq + Debug + 'static>(&mut self, name: &str, value: T) {
        self.push(name, value, None);
    }

    fn hashed<T: BorshSerialize + BorshDeserialize + PartialEq + Debug + 'static>(
        &mut self,
        name: &str,
        value: T,
        tag: Tag,
        hash: impl Fn(&T) -> Hash,
    ) {
        let hash = hash(&value);
        self.push(name, value, Some((tag, hash)));
    }

    /// Variants without fields: named as they print.
    fn plain<T, const N: usize>(&mut self, kind: &str, values: [T; N])
    where
        T: BorshSerialize + BorshDeserialize + PartialEq + Debug + 'static,
    {
        for value in values {
            let name = format!("{kind}.{value:?}");
            self.add(&name, value);
        }
    }
}

fn secret(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

fn key(seed: u8) -> PublicKey {
    secret(seed).public()
}

fn node(seed: u8) -> NodeId {
    NodeId::from(key(seed))
}

fn digest(text: &str) -> Hash {
    sha3_256(text.as_bytes())
}

fn chain() -> ChainId {
    ChainId::new("root-1").unwrap()
}

fn organisation_id(text: &str) -> OrganisationId {
    OrganisationId::new(text).unwrap()
}

fn contract_id(text: &str) -> ContractId {
    ContractId::new(text).unwrap()
}

fn bytes<const MAX: usize>(bytes: &[u8]) -> Bytes<MAX> {
    Bytes::new(bytes.to_vec()).unwrap()
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).unwrap()
}

fn list<T, const MAX: usize>(values: Vec<T>) -> List<T, MAX> {
    List::new(values).unwrap()
}

fn contents() -> [(&'static str, Operation, Content); 5] {
    let code = || bytes(b"\0asm\x01\0\0\0");
    [
        (
            "Call",
            Operation::Update,
            Content::Call {
                contract: contract_id("domain_records"),
                method: text("set_delegation"),
                arguments: bytes(&[3, 0, 0, 0, b'l', b'a', b'b']),
            },
        ),
        (
            "Deploy",
            Operation::Deploy,
            Content::Deploy { contract: contract_id("guestbook"), code: code(), arguments: bytes(&[]) },
        ),
        ("Upgrade", Operation::Upgrade, Content::Upgrade { contract: contract_id("guestbook"), code: code() }),
        ("Upload", Operation::Upload, Content::Upload { code: code() }),
        ("StorePlan", Operation::StorePlan, Content::StorePlan { document: bytes(&[1, 0, 0, 0, 0]) }),
    ]
}

fn transaction(operation: Operation, content: Content) -> Transaction {
    Transaction {
        version: TRANSACTION_VERSION,
        chain: chain(),
        attributes: Attributes::Root,
        operation,
        content,
        postscript: text("größer"),
        operator: key(1),
        sequence: Sequence(7),
        timestamp_ms: 1_700_000_000_123,
        expiry: Height(4_096),
        fuel_limit: 5_000_000,
    }
}

fn signed_transactions() -> Vec<SignedTransaction> {
    contents()
        .into_iter()
        .map(|(_, operation, content)| Signed::sign(transaction(operation, content), &secret(1)))
        .collect()
}

fn authorities() -> Vec<Authority> {
    [(11, "alpha"), (12, "beta"), (13, "gamma"), (14, "delta")]
        .map(|(seed, name)| Authority { node: node(seed), organisation: organisation_id(name) })
        .to_vec()
}

fn authority_list(threshold: Threshold) -> AuthorityList {
    AuthorityList::new(authorities(), threshold).unwrap()
}

fn header() -> Header {
    let hashes: Vec<Hash> = signed_transactions().iter().map(|t| t.value.hash()).collect();
    let receipts = receipts().map(|(_, receipt)| receipt.hash());
    Header {
        version: HEADER_VERSION,
        chain: chain(),
        height: Height(42),
        previous: digest("previous"),
        packer: node(13),
        transactions_root: merkle::root(&hashes),
        state_root: digest("state"),
        receipts_root: merkle::root(&receipts),
        authorities: authority_list(Threshold::TwoThirds).hash(),
        next_authorities: authority_list(Threshold::TwoThirds).hash(),
        timestamp_ms: 1_700_000_000_500,
        instruction: NodeInstruction::None,
        previous_certificate: Hash::ZERO,
    }
}

fn event() -> Event {
    Event {
        contract: contract_id("tld_binding"),
        name: text("Bound"),
        topic: bytes(&[3, 0, 0, 0, b'l', b'a', b'b']),
        data: bytes(&[3, 0, 0, 0, b'l', b'a', b'b', 1]),
    }
}

fn failure() -> Failure {
    Failure { code: FailureCode::ContractError, detail: 4, message: text("lab. is not bound") }
}

fn receipts() -> [(&'static str, Receipt); 2] {
    let receipt = |status, result: &[u8], events| Receipt {
        transaction: digest("transaction"),
        status,
        fuel_used: 123_456,
        result: bytes(result),
        events: list(events),
    };
    [
        ("succeeded", receipt(Status::Succeeded, &[1, 2, 3], vec![event(), event()])),
        ("failed", receipt(Status::Failed(failure()), &[], vec![])),
    ]
}

fn vote(kind: VoteKind, block: Option<Hash>) -> Vote {
    Vote { chain: chain(), height: Height(42), round: Round(1), kind, block, voter: node(11) }
}

fn signed_vote(block: Option<Hash>) -> SignedVote {
    Signed::sign(vote(VoteKind::Prevote, block), &secret(11))
}

fn proposal(valid_round: Option<Round>) -> Proposal {
    let block = header().hash();
    Proposal { chain: chain(), height: Height(42), round: Round(1), block, valid_round, proposer: node(13) }
}

fn certificate() -> QuorumCertificate {
    let mut certificate = QuorumCertificate {
        chain: chain(),
        height: Height(42),
        round: Round(1),
        block: header().hash(),
        signatures: list(vec![]),
    };
    let mut signatures: Vec<CertificateSignature> = [11, 12, 14]
        .into_iter()
        .map(|seed| {
            let message = certificate.vote_of(node(seed)).signing_hash();
            CertificateSignature { voter: node(seed), signature: secret(seed).sign(&message.0) }
        })
        .collect();
    signatures.sort_by_key(|entry| entry.voter);
    certificate.signatures = list(signatures);
    certificate
}

fn organisation() -> Organisation {
    Organisation {
        id: organisation_id("alpha"),
        roles: BTreeSet::from([Role::Registry, Role::Coordinator]),
        keys: list(vec![MemberKey::whole(key(1)), MemberKey { key: key(2), duties: BTreeSet::from([Role::Voter]) }]),
    }
}

fn genesis() -> Genesis {
    let member = |name: &str, keys| Organisation {
        id: organisation_id(name),
        roles: BTreeSet::from([Role::Registry]),
        keys: list(keys),
    };
    Genesis {
        chain: chain(),
        kind: ChainKind::Root,
        timestamp_ms: 1_699_056_000_000,
        fault_model: FaultModel::Byzantine,
        threshold: Threshold::TwoThirds,
        authorities: list(authorities()),
        organisations: list(vec![
            organisation(),
            member("beta", vec![]),
            member("gamma", vec![]),
            member("delta", vec![MemberKey::whole(key(3))]),
        ]),
        operator: Some(key(1)),
        governance: Some(governance()),
        contracts: list(vec![genesis_contract()]),
        parameters: Parameters::default(),
    }
}

fn member_node() -> MemberNode {
    MemberNode {
        node: node(11),
        organisation: organisation_id("alpha"),
        kind: Role::Registry,
        standing: Standing::Authority,
        address: text("127.0.0.1:7000"),
        since: Height(0),
    }
}

fn governance() -> GenesisGovernance {
    GenesisGovernance {
        contract: contract_id("tld_binding"),
        coordinator: organisation_id("alpha"),
        certificate_authority: bytes(&[0x30, 0x82]),
        nodes: list(
            authorities()
                .into_iter()
                .map(|a| MemberNode { node: a.node, organisation: a.organisation, ..member_node() })
                .collect(),
        ),
        settings: GovernanceSettings::default(),
    }
}

fn genesis_contract() -> GenesisContract {
    let code = keyspace::code_hash(b"\0asm\x01\0\0\0");
    GenesisContract { id: contract_id("tld_binding"), code, init: Some(bytes(&[1, 2])), block_end: true }
}

fn state_proof(leaf: Option<ProofLeaf>) -> StateProof {
    StateProof { leaf, siblings: list(vec![digest("leaf's sibling"), digest("root's child")]) }
}

fn proof_leaf() -> ProofLeaf {
    ProofLeaf { key: keyspace::key_hash(&keyspace::parameters()), value: digest("value") }
}

/// Every sample of a type that can be decoded.
pub(crate) fn samples() -> Vec<Sample> {
    let mut all = Samples::default();
    words(&mut all);
    transactions(&mut all);
    blocks(&mut all);
    voting(&mut all);
    documents(&mut all);
    governing::governing(&mut all);
    remediation::add(&mut all);
    all.0
}

fn words(all: &mut Samples) {
    all.add("Bytes", bytes::<16>(&[0, 1, 254, 255]));
    all.add("Text", text::<16>("æ€"));
    all.add("List", list::<u16, 16>(vec![1, 256]));
    all.add("Hash", digest("hash"));
    all.add("PublicKey", key(1));
    all.add("Signature", secret(1).sign(b"message"));
    all.add("NodeId", node(11));
    all.add("ChainId", chain());
    all.add("OrganisationId", organisation_id("alpha:1"));
    all.add("ContractId", contract_id("tld_binding"));
    all.add("Height", Height(u64::MAX));
    all.add("Round", Round(3));
    all.add("Sequence", Sequence(7));
    all.add("DomainName", DomainName::parse("ns1.xn--p1ai.").unwrap());
    all.add("DomainName.root", DomainName::root());
    all.plain("Role", Role::ALL);
    all.add("EventId", EventId { height: Height(42), index: 3 });
}

fn transactions(all: &mut Samples) {
    all.plain("Attributes", [Attributes::Root, Attributes::Tld, Attributes::Directory]);
    all.plain("Operation", {
        use Operation::*;
        [Call, Register, Update, Delete, Deploy, Upgrade, Upload, StorePlan]
    });
    all.plain("AbnormalCode", {
        use AbnormalCode::*;
        let first = [Malformed, TooLarge, Version, BadSignature, WrongChain, WrongKind];
        let second = [Expired, ExpiryTooFar, SequenceUsed, SequenceGap, UnknownOperator, FuelLimit];
        let [a, b, c, d, e, f] = first;
        let [g, h, i, j, k, l] = second;
        [a, b, c, d, e, f, g, h, i, j, k, l]
    });
    for (which, operation, content) in contents() {
        all.add(&format!("Content.{which}"), content.clone());
        let transaction = transaction(operation, content);
        all.hashed(&format!("Transaction.{which}"), transaction.clone(), Tag::Transaction, Transaction::hash);
        all.add(&format!("Signed.Transaction_{which}"), Signed::sign(transaction, &secret(1)));
    }
    all.add(
        "Abnormal",
        Abnormal {
            transaction: digest("transaction"),
            operator: key(1),
            height: Height(42),
            code: AbnormalCode::SequenceGap,
            message: text("sequence 9: the next is 7"),
        },
    );
    all.plain("FailureCode", {
        use FailureCode::*;
        [
            ContractError,
            OutOfFuel,
            Panic,
            Trap,
            StackLimit,
            MemoryLimit,
            CallDepth,
            SizeLimit,
            NoSuchContract,
            NoSuchMethod,
            BadArguments,
            MissingRole,
            ReadOnly,
            CodeRefused,
            NotAllowed,
            ContractExists,
            MigrationMissing,
            HostMisuse,
            Reentrancy,
            Migrating,
            InvariantBroken,
            WouldBrickGovernance,
        ]
    });
    all.add("Failure", failure());
    all.add("Status.Succeeded", Status::Succeeded);
    all.add("Status.Failed", Status::Failed(failure()));
    all.add("Event", event());
    for (which, receipt) in receipts() {
        all.hashed(&format!("Receipt.{which}"), receipt, Tag::Receipt, Receipt::hash);
    }
}

fn recoveries(all: &mut Samples) {
    let plan = RecoveryPlan {
        chain: chain(),
        height: Height(41),
        block: digest("block 41"),
        number: 1,
        authorities: AuthorityList::new(authorities(), Threshold::TwoThirds).expect("list"),
        reason: text("two of four sites are gone"),
        drafted_ms: 1_699_056_000_000,
    };
    all.hashed("RecoveryPlan", plan.clone(), Tag::Recovery, RecoveryPlan::hash);
    let mut signed = SignedRecovery::unsigned(plan);
    signed.sign(organisation_id("alpha"), &secret(1)).expect("room");
    all.add("RecoverySignature", signed.signatures.first().cloned().expect("one"));
    all.add("SignedRecovery", signed.clone());
    let value = Some(bytes(b"value"));
    let entry = || ProvenEntry { value: value.clone(), proof: state_proof(Some(proof_leaf())) };
    all.add("ProvenEntry", entry());
    let proven = ProvenRecovery { signed, entries: list(vec![entry(), entry(), entry(), entry()]) };
    all.add("ProvenRecovery", proven.clone());
    let block = Block { header: header(), previous: None, recovery: Some(proven), transactions: list(vec![]) };
    all.add("Block.recovery", block);
}

fn blocks(all: &mut Samples) {
    all.plain("NodeInstruction", [NodeInstruction::None, NodeInstruction::Added, NodeInstruction::Removed]);
    all.hashed("Header", header(), Tag::Header, Header::hash);
    let block = Block { header: header(), previous: None, recovery: None, transactions: list(signed_transactions()) };
    let hashes = block.transaction_hashes();
    let proof = merkle::prove(&hashes, 1).unwrap();
    all.add("Block", block);
    all.add("Block.empty", Block { header: header(), previous: None, recovery: None, transactions: list(vec![]) });
    all.add(
        "CompactBlock",
        CompactBlock { header: header(), previous: None, recovery: None, transactions: list(hashes) },
    );
    recoveries(all);
    all.add("MerkleProof", proof);
    all.add("ProofLeaf", proof_leaf());
    all.add("StateProof.present", state_proof(Some(proof_leaf())));
    all.add("StateProof.empty_place", state_proof(None));
}

fn voting(all: &mut Samples) {
    all.plain("VoteKind", [VoteKind::Prevote, VoteKind::Precommit]);
    let block = Some(header().hash());
    all.hashed("Vote.prevote", vote(VoteKind::Prevote, block), Tag::Vote, Signable::signing_hash);
    all.hashed("Vote.precommit", vote(VoteKind::Precommit, block), Tag::Vote, Signable::signing_hash);
    all.hashed("Vote.for_none", vote(VoteKind::Prevote, None), Tag::Vote, Signable::signing_hash);
    all.add("Signed.Vote", signed_vote(block));
    let again = proposal(Some(Round(0)));
    all.hashed("Proposal.new", proposal(None), Tag::Proposal, Signable::signing_hash);
    all.hashed("Proposal.again", again.clone(), Tag::Proposal, Signable::signing_hash);
    let new = Signed::sign(proposal(None), &secret(13));
    all.add("Signed.Proposal", new.clone());
    all.add("Evidence.Votes", Evidence::Votes(signed_vote(block), signed_vote(None)));
    all.add("Evidence.Proposals", Evidence::Proposals(new, Signed::sign(again, &secret(13))));
    all.add("CertificateSignature", certificate().signatures[0].clone());
    all.add("QuorumCertificate", certificate());
    all.plain("Threshold", [Threshold::TwoThirds, Threshold::Half]);
    all.add("Authority", authorities()[0].clone());
    for (which, threshold) in [("two_thirds", Threshold::TwoThirds), ("half", Threshold::Half)] {
        let name = format!("AuthorityList.{which}");
        all.hashed(&name, authority_list(threshold), Tag::Authorities, AuthorityList::hash);
    }
}

fn facts() -> Facts {
    Facts {
        organisation: organisation_id("alpha"),
        kind: Role::Registry,
        subject: key(1),
        usage: Usage::Node,
        tlds: list(["lab", "xn--p1ai"].map(|tld| DomainName::parse(tld).unwrap()).into()),
        registrar: Some(292),
        serial: text("0a1b2c"),
        not_before_ms: 1_700_000_000_000,
        not_after_ms: 1_731_536_000_000,
    }
}

fn documents(all: &mut Samples) {
    all.add("Organisation", organisation());
    all.plain("Usage", Usage::ALL);
    all.add("Facts", facts());
    all.add("KeyEntry", KeyEntry { organisation: organisation_id("alpha"), roles: organisation().roles });
    let entry = |deployer| ContractEntry {
        code: keyspace::code_hash(b"\0asm\x01\0\0\0"),
        state_version: 2,
        schema: digest("schema"),
        upgrades: 1,
        deployer,
        since: Height(42),
    };
    all.add("ContractEntry.of_genesis", entry(None));
    all.add("ContractEntry.deployed", entry(Some(key(1))));
    all.plain("ChainKind", [ChainKind::Root, ChainKind::Registry, ChainKind::Registrar]);
    all.add("ChainKind.Tld", ChainKind::Tld(text("lab")));
    all.plain("FaultModel", [FaultModel::Byzantine, FaultModel::Crash]);
    all.add("Parameters", Parameters::default());
    all.add("GenesisContract", genesis_contract());
    all.hashed("Genesis", genesis(), Tag::Genesis, Genesis::hash);
}
