//! What a node can make a client believe: nothing that does not follow from the pinned genesis.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_api::model::{HeaderDocument, HexBytes, StateEntry};
use althing_client::{Client, ClientConfig, ClientError, Verifier, VerifyError};
use althing_types::{
    certificate::CertificateError,
    codec::List,
    hash::{Hash, sha3_256},
    id::{ChainId, Height},
    proof::{ProofError, StateProof},
};
use common::{Node, authorities, certify, document, genesis, list_of, start, state_of};
use std::{sync::Arc, time::Duration};

/// Whether a reason is the one that a lie must meet.
type Expected = fn(&VerifyError) -> bool;

async fn verifier(height: u64) -> (Arc<Node>, Verifier) {
    let (node, url) = start(height).await;
    let config = ClientConfig { retry_for: Duration::from_millis(300), ..ClientConfig::default() };
    let client = Client::with_config(&[url.as_str()], config).unwrap();
    (node, Verifier::new(client, genesis()).unwrap())
}

fn reason<T: std::fmt::Debug>(result: Result<T, ClientError>) -> VerifyError {
    match result {
        Err(ClientError::Verify(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn values_and_absences_are_proven() {
    let (_, verifier) = verifier(30).await;
    let found = verifier.verified_state(b"k007", None).await.unwrap();
    assert_eq!((found.header.height(), found.value), (Height(30), Some(7u64.to_le_bytes().to_vec())));
    let earlier = verifier.verified_state(b"k007", Some(Height(5))).await.unwrap();
    assert_eq!((earlier.header.height(), earlier.value), (Height(5), None));
}

#[tokio::test]
async fn the_pinned_genesis_is_the_only_one() {
    let (_, url) = start(3).await;
    let client = Client::new(&url).unwrap();
    assert!(Verifier::from_pinned(client.clone(), genesis().hash()).await.is_ok());
    let other = Verifier::from_pinned(client.clone(), sha3_256(b"other")).await;
    assert_eq!(reason(other), VerifyError::Genesis { found: genesis().hash(), pinned: sha3_256(b"other") });
    // Same authorities, other parameters: block 1 does not follow this genesis.
    let mut near = genesis();
    near.parameters.retention_blocks += 1;
    let near = Verifier::new(client, near).unwrap();
    assert!(matches!(reason(near.header(Height(1)).await), VerifyError::Genesis { .. }));
}

#[tokio::test]
async fn lists_are_followed_through_every_change() {
    for height in [39, 40, 41, 200] {
        let (_, verifier) = verifier(200).await;
        let header = verifier.header(Height(height)).await.unwrap();
        assert_eq!(header.header().authorities, authorities(list_of(height)).hash());
        assert_eq!(verifier.header(Height(1)).await.unwrap().height(), Height(1));
    }
}

#[tokio::test]
async fn headers_between_two_changes_are_not_fetched() {
    let (node, verifier) = verifier(1_000_000).await;
    verifier.latest().await.unwrap();
    let first = node.lock().headers_served;
    assert!(first < 60, "{first}");
    verifier.header(Height(999_999)).await.unwrap();
    assert_eq!(node.lock().headers_served, first + 1);
}

#[tokio::test]
async fn changed_entries_are_refused() {
    type Tamper = fn(&mut StateEntry);
    let lies: [(Tamper, Expected); 7] = [
        (
            |e| e.value = Some(HexBytes(vec![1])),
            |r| matches!(r, VerifyError::Proof { error: ProofError::WrongLeaf, .. }),
        ),
        (|e| e.value = None, |r| matches!(r, VerifyError::Proof { error: ProofError::Present, .. })),
        (|e| e.proof = None, |r| matches!(r, VerifyError::NoProof { .. })),
        (|e| e.key = HexBytes(b"k008".to_vec()), |r| matches!(r, VerifyError::Key { .. })),
        (
            |e| e.proof = Some(StateProof { leaf: None, siblings: List::default() }),
            |r| matches!(r, VerifyError::Proof { error: ProofError::WrongLeaf, .. }),
        ),
        (
            |e| {
                e.value = None;
                e.proof = Some(StateProof { leaf: None, siblings: List::default() });
            },
            |r| matches!(r, VerifyError::Proof { error: ProofError::WrongRoot, .. }),
        ),
        (
            |e| {
                let proof = e.proof.as_mut().unwrap();
                let mut siblings = proof.siblings.clone().into_vec();
                siblings[0] = Hash::ZERO;
                proof.siblings = List::new(siblings).unwrap();
            },
            |r| matches!(r, VerifyError::Proof { error: ProofError::WrongRoot, .. }),
        ),
    ];
    for (number, (lie, expected)) in lies.into_iter().enumerate() {
        let (node, verifier) = verifier(30).await;
        node.lock().tamper_entry = Some(Box::new(lie));
        let single = reason(verifier.verified_state(b"k007", None).await);
        assert!(expected(&single), "lie {number}: {single}");
        let batch = reason(verifier.verified_batch(&[b"k007".to_vec()], None).await);
        assert!(expected(&batch), "lie {number}: {batch}");
    }
}

#[tokio::test]
async fn forged_headers_and_certificates_are_refused() {
    fn resign(d: &mut HeaderDocument, list: u8, signers: usize) {
        d.certificate = certify(&d.header, list, signers);
    }
    type Tamper = fn(&mut HeaderDocument);
    let lies: [(Tamper, Expected); 9] = [
        (|d| d.header.state_root = Hash::ZERO, |r| matches!(r, VerifyError::Block { .. })),
        (
            |d| {
                d.header.state_root = Hash::ZERO;
                d.certificate.block = d.header.hash();
            },
            |r| matches!(r, VerifyError::Certificate { error: CertificateError::Signature { .. }, .. }),
        ),
        (
            |d| resign(d, 0, 2),
            |r| matches!(r, VerifyError::Certificate { error: CertificateError::TooFew { found: 2, needed: 3 }, .. }),
        ),
        (
            |d| resign(d, 5, 3),
            |r| matches!(r, VerifyError::Certificate { error: CertificateError::Stranger { .. }, .. }),
        ),
        (
            |d| {
                let one = d.certificate.signatures[0].clone();
                d.certificate.signatures = List::new(vec![one; 3]).unwrap();
            },
            |r| matches!(r, VerifyError::Certificate { error: CertificateError::Order { .. }, .. }),
        ),
        (
            |d| {
                d.header.chain = ChainId::new("other").unwrap();
                resign(d, 0, 4);
            },
            |r| matches!(r, VerifyError::Chain { .. }),
        ),
        (|d| *d = document(29), |r| matches!(r, VerifyError::Height { .. })),
        (|d| d.certificate = document(29).certificate, |r| matches!(r, VerifyError::Block { .. })),
        // Strangers certify a header that names their own list.
        (
            |d| {
                d.header.authorities = authorities(5).hash();
                d.authorities = Some(authorities(5));
                resign(d, 5, 4);
            },
            |r| matches!(r, VerifyError::Authorities { .. }),
        ),
    ];
    for (number, (lie, expected)) in lies.into_iter().enumerate() {
        let (node, verifier) = verifier(30).await;
        node.lock().tamper_header = Some(Box::new(lie));
        let found = reason(verifier.verified_state(b"k007", None).await);
        assert!(expected(&found), "lie {number}: {found}");
        // A lie leaves nothing behind.
        node.lock().tamper_header = None;
        assert!(verifier.verified_state(b"k007", None).await.is_ok(), "lie {number}");
    }
}

#[tokio::test]
async fn a_list_that_the_one_before_did_not_name_is_refused() {
    let (node, verifier) = verifier(60).await;
    node.lock().tamper_header = Some(Box::new(|d| {
        if d.header.height >= Height(40) {
            d.header.authorities = authorities(5).hash();
            d.authorities = Some(authorities(5));
            d.certificate = certify(&d.header, 5, 4);
        }
    }));
    let found = reason(verifier.header(Height(60)).await);
    assert!(matches!(found, VerifyError::Authorities { height: Height(40), .. }), "{found}");
}

#[tokio::test]
async fn a_node_that_falls_back_is_not_believed() {
    let (node, verifier) = verifier(30).await;
    verifier.latest().await.unwrap();
    node.lock().height = 20;
    let found = reason(verifier.latest().await);
    assert_eq!(found, VerifyError::Behind { found: Height(20), trusted: Height(30) });
    let (_, empty) = self::verifier(0).await;
    assert_eq!(reason(empty.latest().await), VerifyError::NoBlock);
}

#[tokio::test]
async fn a_scan_proves_every_entry_at_one_height() {
    let (_, verifier) = verifier(50).await;
    let scan = verifier.verified_scan(b"k").await.unwrap();
    let expected: Vec<_> = state_of(50).into_iter().filter(|(k, _)| k.starts_with(b"k")).collect();
    assert_eq!((scan.header.height(), scan.stable), (Height(50), true));
    assert_eq!(scan.entries, expected);
    assert!(verifier.verified_scan(b"none").await.unwrap().entries.is_empty());
    // More keys than one request takes, while the chain moves on: still one height.
    let keys: Vec<Vec<u8>> = (0..1_200).map(|i| format!("k{i:03}").into_bytes()).collect();
    let (header, values) = verifier.verified_batch(&keys, None).await.unwrap();
    let state = state_of(header.height().0);
    assert_eq!(values, keys.iter().map(|k| state.get(k).cloned()).collect::<Vec<_>>());
}
