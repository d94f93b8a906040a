//! Targets of the vocabulary: what is hashed, signed, stored and described.

use crate::{canonical, description, seeds};
use althing_abi::{
    Abi,
    json::{decode, encode, encode_arguments},
    schema::Type,
};
use althing_interface::{
    domain_records,
    rdata::Rdata,
    root_sync::{self, delivery},
    tld_binding,
};
use althing_types::{
    authority::AuthorityList,
    block::{Block, CompactBlock, Header, MAX_BLOCK, certificate_hash},
    certificate::QuorumCertificate,
    checkpoint::{Chunk, ChunkError, MAX_CHUNK},
    codec::{self, Bytes, Text},
    crypto::{Signable, Signed},
    export::ExportRecord,
    genesis::{Genesis, Parameters},
    hash::Hash,
    id::{ChainId, ContractId, OrganisationId, Sequence},
    keyspace::ContractEntry,
    merkle::{self, MerkleProof},
    name::DomainName,
    order::Key,
    organisation::{KeyEntry, Organisation, Role},
    proof::StateProof,
    receipt::Receipt,
    recovery::{LastFinal, MAX_RECOVERY, ProvenRecovery},
    remediation::{MAX_DOCUMENT, Plan, PlanDocument, PlanHead, check_subject, document_hash},
    transaction::{Abnormal, MAX_TRANSACTION, SignedTransaction},
    vote::{Evidence, SignedProposal, SignedVote},
};
use std::{fmt::Debug, str::FromStr, sync::OnceLock};

/// Longest input of targets whose type has no limit of its own.
const MAXIMUM: usize = 1 << 20;

/// A signed transaction, as it is submitted.
pub fn transaction(data: &[u8]) {
    if let Some(signed) = canonical::<SignedTransaction>("transaction", data, MAX_TRANSACTION) {
        assert_eq!(signed.value.hash(), signed.value.signing_hash());
        let _ = signed.verify();
    }
}

/// A block, as it comes in catch-up.
pub fn block(data: &[u8]) {
    if let Some(block) = canonical::<Block>("block", data, MAX_BLOCK) {
        let hashes = block.transaction_hashes();
        let previous_certificate = certificate_hash(block.previous.as_ref());
        let compact = CompactBlock {
            header: Header { transactions_root: merkle::root(&hashes), previous_certificate, ..block.header },
            previous: block.previous,
            recovery: block.recovery,
            transactions: codec::List::new(hashes).unwrap_or_default(),
        };
        assert!(compact.is_consistent());
    }
}

/// A proposed block.
pub fn compact_block(data: &[u8]) {
    if let Some(block) = canonical::<CompactBlock>("compact block", data, MAX_BLOCK) {
        let _ = (block.is_consistent(), block.header.hash());
    }
}

/// A header alone, as clients ask for it.
pub fn header(data: &[u8]) {
    if let Some(header) = canonical::<Header>("header", data, MAXIMUM) {
        let json = serde_json::to_vec(&header).unwrap();
        assert_eq!(serde_json::from_slice::<Header>(&json).unwrap(), header);
    }
}

/// A receipt with its events.
pub fn receipt(data: &[u8]) {
    if let Some(receipt) = canonical::<Receipt>("receipt", data, MAX_BLOCK) {
        let _ = receipt.hash();
    }
}

/// A document of a remediation plan, as it is uploaded: a plan of which it is all reads back as it is.
pub fn remediation_plan(data: &[u8]) {
    let Some(document) = canonical::<PlanDocument>("remediation plan", data, MAX_DOCUMENT) else { return };
    let name = document_hash(data);
    match document {
        PlanDocument::Head(head) => {
            let subject = head.subject();
            assert_eq!(check_subject(&name, &head, &subject), Ok(()));
            if let Ok(plan) = Plan::read(vec![data.to_vec()]) {
                assert_eq!(plan.hash(), name);
            }
        }
        PlanDocument::Part(part) => {
            let head: PlanHead = seeds::golden_value("PlanHead");
            let plan = Plan::make(head, part.items.into_vec()).expect("one part is not too many");
            assert_eq!(Plan::read(plan.documents.clone()).as_ref(), Ok(&plan));
        }
    }
}

/// A quorum certificate: only the sample itself is signed by the sample's authorities.
pub fn certificate(data: &[u8]) {
    let Some(certificate) = canonical::<QuorumCertificate>("certificate", data, MAXIMUM) else { return };
    static GENUINE: OnceLock<(QuorumCertificate, AuthorityList)> = OnceLock::new();
    let (genuine, authorities) = GENUINE
        .get_or_init(|| (seeds::golden_value("QuorumCertificate"), seeds::golden_value("AuthorityList.two_thirds")));
    if certificate.verify(&genuine.chain, authorities).is_ok() {
        assert_eq!(certificate, *genuine, "a forged certificate");
    }
}

/// A plan to go on after the loss of the quorum, with signatures and proofs.
pub fn recovery(data: &[u8]) {
    if let Some(proven) = canonical::<ProvenRecovery>("recovery", data, MAX_RECOVERY) {
        let plan = &proven.signed.plan;
        let last = LastFinal { chain: &plan.chain, height: plan.height, block: plan.block, state_root: Hash([7; 32]) };
        assert!(proven.verify(&last).is_err(), "nothing is proven under a made-up root");
        assert!(proven.signed.state_keys().len() > proven.signed.signatures.len());
    }
}

/// A signed vote.
pub fn vote(data: &[u8]) {
    if let Some(signed) = canonical::<SignedVote>("vote", data, MAXIMUM) {
        let _ = signed.verify();
    }
}

/// A signed proposal.
pub fn proposal(data: &[u8]) {
    if let Some(signed) = canonical::<SignedProposal>("proposal", data, MAXIMUM) {
        let _ = signed.verify();
    }
}

/// Evidence of equivocation: whoever is blamed made both messages.
pub fn evidence(data: &[u8]) {
    fn same<T: Signable>(a: &Signed<T>, b: &Signed<T>) -> bool {
        a.value.signer() == b.value.signer() && a.value.signing_hash() != b.value.signing_hash()
    }
    let Some(evidence) = canonical::<Evidence>("evidence", data, MAXIMUM) else { return };
    if evidence.offender().is_some() {
        assert!(match &evidence {
            Evidence::Votes(a, b) => same(a, b),
            Evidence::Proposals(a, b) => same(a, b),
        });
    }
}

/// A genesis document in JSON: what is accepted survives both forms.
pub fn genesis_json(data: &[u8]) {
    let Ok(genesis) = serde_json::from_slice::<Genesis>(data) else { return };
    let _ = genesis.check();
    let bytes = codec::encode(&genesis);
    assert_eq!(codec::decode::<Genesis>("genesis", &bytes, bytes.len()).unwrap(), genesis);
    let json = serde_json::to_vec(&genesis).unwrap();
    assert_eq!(serde_json::from_slice::<Genesis>(&json).unwrap(), genesis);
}

/// Text that may be a domain name or an identifier, and the order of two names.
pub fn domain_name(data: &[u8]) {
    fn again<T: FromStr<Err: Debug> + ToString + PartialEq + Debug>(text: &str) {
        if let Ok(value) = text.parse::<T>() {
            assert_eq!(value.to_string().parse::<T>().unwrap(), value);
        }
    }
    canonical::<DomainName>("name", data, MAXIMUM);
    let text = String::from_utf8_lossy(data);
    let (left, right) = text.split_once(' ').unwrap_or((&text, ""));
    for text in [left, right] {
        again::<DomainName>(text);
        again::<ChainId>(text);
        again::<OrganisationId>(text);
        again::<ContractId>(text);
        again::<Hash>(text);
    }
    if let (Ok(a), Ok(b)) = (DomainName::parse(left), DomainName::parse(right)) {
        assert_eq!(a.cmp(&b), a.labels().rev().cmp(b.labels().rev()));
        assert_eq!(a.cmp(&b), key_bytes(&a).cmp(&key_bytes(&b)));
        assert_eq!(a.is_within(&b), key_bytes(&a).starts_with(key_bytes(&b).strip_suffix(&[0]).unwrap()));
    }
}

/// A proof of the state tree with what it is said to prove.
pub fn state_proof(data: &[u8]) {
    type Claim = (StateProof, Hash, Bytes<512>, Bytes<512>);
    let Some((proof, root, key, value)) = canonical::<Claim>("claim", data, MAXIMUM) else { return };
    let present = proof.verify(&root, &key, Some(&value));
    let absent = proof.verify(&root, &key, None);
    assert!(present.is_err() || absent.is_err(), "a key is both present and absent");
}

/// What a carrier brings from another chain: a delivery, and the messages in it.
pub fn root_delivery(data: &[u8]) {
    let Some(found) = canonical::<delivery::Delivery>("delivery", data, delivery::MAX_DELIVERY) else { return };
    let _ = found.header.hash();
    let _ = found.next_list.as_ref().map(AuthorityList::hash);
    for proven in found.messages.iter() {
        let _ = canonical::<root_sync::Message>("message", &proven.message, root_sync::MAX_MESSAGE);
    }
    // Nothing in it was signed by this list.
    let list: AuthorityList = seeds::golden_value("AuthorityList.two_thirds");
    let signed = found.certificate.check(&found.header.chain, &list, |_, _, _| false);
    assert!(signed.is_err(), "a certificate without good signatures");
}

/// A chunk of a checkpoint, as a joiner gets it: whatever root it leads to, no part of it can be missing under that root.
pub fn checkpoint_chunk(data: &[u8]) {
    let Some(chunk) = canonical::<Chunk>("chunk", data, MAX_CHUNK) else { return };
    let Err(ChunkError::Root { found, .. }) = chunk.verify(chunk.height, &Hash::ZERO) else { return };
    let leaves = chunk.verify(chunk.height, &found).expect("the root that it leads to");
    assert_eq!(leaves.len(), chunk.entries.len());
    assert!(chunk.verify_at(chunk.height, &found, &chunk.prefix.start).is_ok());
    assert!(chunk.prefix.after().is_none_or(|next| next > chunk.prefix.start && !chunk.prefix.contains(&next)));
    let mut fewer = chunk.entries.to_vec();
    if fewer.pop().is_some() {
        let fewer = Chunk { entries: codec::List::new(fewer).unwrap_or_default(), ..chunk };
        assert!(fewer.verify(fewer.height, &found).is_err(), "an entry can be left out");
    }
}

/// A record of an exported chain, as an auditor reads it.
pub fn export_record(data: &[u8]) {
    if let Ok(record) = ExportRecord::decode(data) {
        assert_eq!(record.frame().get(4..), Some(data), "two forms of one record");
    }
}

/// A proof of a transaction or receipt with what it is said to prove.
pub fn merkle_proof(data: &[u8]) {
    if let Some((proof, root, value)) = canonical::<(MerkleProof, Hash, Hash)>("claim", data, MAXIMUM) {
        let other = Hash(value.0.map(|byte| !byte));
        assert!(!proof.verify(&root, &value) || !proof.verify(&root, &other), "two values in one place");
    }
}

/// A value of the state, as a client reads it: the first byte says of which type.
pub fn state_value(data: &[u8]) {
    let Some((which, bytes)) = data.split_first() else { return };
    match which % 16 {
        0 => drop(canonical::<AuthorityList>("authorities", bytes, MAXIMUM).map(|list| list.hash())),
        1 => drop(canonical::<Parameters>("parameters", bytes, MAXIMUM)),
        2 => drop(canonical::<ContractEntry>("contract entry", bytes, MAXIMUM)),
        3 => drop(canonical::<KeyEntry>("key entry", bytes, MAXIMUM)),
        4 => drop(canonical::<Organisation>("organisation", bytes, MAXIMUM)),
        5 => drop(canonical::<Sequence>("sequence", bytes, MAXIMUM)),
        6 => drop(canonical::<Abnormal>("abnormal transaction", bytes, MAXIMUM)),
        7 => drop(canonical::<domain_records::Delegation>("delegation", bytes, MAXIMUM)),
        8 => drop(canonical::<domain_records::Host>("host", bytes, MAXIMUM)),
        9 => drop(canonical::<domain_records::Apex>("apex", bytes, MAXIMUM)),
        10 => drop(canonical::<domain_records::Counts>("counts", bytes, MAXIMUM)),
        11 => drop(canonical::<domain_records::ChangeTld>("change", bytes, MAXIMUM)),
        12 => drop(canonical::<domain_records::ChangeApex>("change of the apex", bytes, MAXIMUM)),
        13 => drop(canonical::<tld_binding::Binding>("binding", bytes, MAXIMUM)),
        14 => drop(canonical::<Rdata>("record data", bytes, MAXIMUM)),
        _ => drop(canonical::<Genesis>("genesis", bytes, MAXIMUM).map(|genesis| genesis.check())),
    }
}

fn key_bytes(key: &impl Key) -> Vec<u8> {
    let mut out = Vec::new();
    key.encode_key(&mut out);
    out
}

/// A storage key of a contract: the first byte says of which type.
pub fn contract_key(data: &[u8]) {
    fn one<K: Key>(bytes: &[u8]) {
        let mut rest = bytes;
        if let Some(key) = K::decode_key(&mut rest) {
            let used = bytes.len() - rest.len();
            assert_eq!(key_bytes(&key), bytes[..used], "two keys of one value");
        }
    }
    let Some((which, bytes)) = data.split_first() else { return };
    match which % 8 {
        0 => one::<DomainName>(bytes),
        1 => one::<(Text<64>, u64)>(bytes),
        2 => one::<(Bytes<64>, i64)>(bytes),
        3 => one::<(OrganisationId, ContractId, Role)>(bytes),
        4 => one::<(Option<DomainName>, bool)>(bytes),
        5 => one::<(Hash, u128, u8)>(bytes),
        6 => one::<(DomainName, DomainName)>(bytes),
        _ => one::<Option<(u16, u32, [u8; 5])>>(bytes),
    }
}

/// The description inside a contract's module.
pub fn abi(data: &[u8]) {
    for found in [Abi::read(data), Abi::decode(data)].into_iter().flatten() {
        let bytes = found.encode();
        assert_eq!(Abi::decode(&bytes).as_ref(), Ok(&found));
        let json = serde_json::to_vec(&found).unwrap();
        assert_eq!(serde_json::from_slice::<Abi>(&json).unwrap(), found);
        let _ = found.schema_hash();
    }
    if let Ok(found) = Abi::decode(data) {
        assert_eq!(found.encode(), data, "two forms of one description");
    }
}

/// Arguments in JSON, and bytes to be shown as JSON, by a description: whose is said by the first two bytes.
pub fn abi_json(data: &[u8]) {
    let Some((length, rest)) = data.split_first_chunk::<2>() else { return };
    let (foreign, input) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    let abi = Abi::decode(foreign).unwrap_or_else(|_| description::sample());
    for method in &abi.methods {
        let arguments = Type::Tuple(method.arguments.iter().map(|field| field.kind.clone()).collect());
        if let Ok(json) = serde_json::from_slice(input)
            && let Ok(bytes) = encode_arguments(method, &json)
        {
            let shown = decode(&arguments, &bytes).unwrap();
            assert_eq!(encode(&arguments, &shown).unwrap(), bytes, "{json} became {shown}");
        }
        for kind in [&arguments, &method.result] {
            if let Ok(shown) = decode(kind, input) {
                assert_eq!(encode(kind, &shown).unwrap(), input, "{kind:?}: {shown}");
            }
        }
    }
}
