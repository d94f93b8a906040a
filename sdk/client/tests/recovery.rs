//! A chain that lost its quorum and went on by what its members signed: a client follows, by proof alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod common;

use althing_api::model::HeaderDocument;
use althing_client::{Client, ClientConfig, ClientError, Verifier, VerifyError};
use althing_types::{
    codec::{List, Text, encode},
    crypto::SecretKey,
    govern::{MemberList, MemberNode, Standing},
    id::{Height, OrganisationId, Round},
    keyspace,
    organisation::{KeyEntry, Role},
    recovery::{ProvenRecovery, RecoveryPlan, SignedRecovery},
};
use common::{Tree, authorities, authority_keys, certify, certify_with, document, genesis, start};
use std::{collections::BTreeMap, time::Duration};

/// The first height by the new list.
const FIRST: u64 = 20;
/// The new list.
const NEW: u8 = 7;
const MEMBERS: [&str; 3] = ["a", "b", "c"];

fn organisation(name: &str) -> OrganisationId {
    OrganisationId::new(name).unwrap()
}

fn voter(name: &str) -> SecretKey {
    SecretKey::from_seed(&[name.as_bytes()[0]; 32])
}

/// The part of the last final state that a recovery proves.
fn last_state() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let node = |key: &SecretKey| MemberNode {
        node: key.public().into(),
        organisation: organisation("registry-one"),
        kind: Role::Registry,
        standing: Standing::Backup,
        address: Text::default(),
        since: Height(0),
    };
    let nodes = List::new(authority_keys(NEW).iter().map(node).collect()).unwrap();
    let mut state = BTreeMap::from([
        (keyspace::member_count(), encode(&u32::try_from(MEMBERS.len()).unwrap())),
        (keyspace::members(), encode(&MemberList { nodes })),
        (keyspace::authorities(), encode(&authorities(0))),
    ]);
    for name in MEMBERS {
        let entry = KeyEntry { organisation: organisation(name), roles: [Role::Voter].into() };
        state.insert(keyspace::key_entry(&voter(name).public()), encode(&entry));
    }
    state
}

fn last_document() -> HeaderDocument {
    let mut last = document(FIRST - 1);
    last.header.state_root = Tree::new(&last_state()).root();
    last.certificate = certify(&last.header, 0, 3);
    last.hash = last.header.hash();
    last
}

fn recovery(signers: &[&str]) -> ProvenRecovery {
    let last = last_document().header;
    let mut signed = SignedRecovery::unsigned(RecoveryPlan {
        chain: last.chain.clone(),
        height: last.height,
        block: last.hash(),
        number: 1,
        authorities: authorities(NEW),
        reason: Text::default(),
        drafted_ms: 0,
    });
    signers.iter().for_each(|name| signed.sign(organisation(name), &voter(name)).unwrap());
    let (state, tree) = (last_state(), Tree::new(&last_state()));
    let prove = |key: &[u8]| Ok::<_, ()>((state.get(key).cloned(), tree.prove(key)));
    signed.prove(prove).unwrap().unwrap()
}

fn certified(d: &mut HeaderDocument, round: Round) {
    d.certificate = certify_with(&d.header, round, &authority_keys(NEW)[..3]);
}

/// What a node of the recovered chain answers, apart from what `lie` changes in the first header of the new list.
fn recovered(d: &mut HeaderDocument, lie: fn(&mut HeaderDocument)) {
    if d.header.height == Height(FIRST - 1) {
        *d = last_document();
    }
    if d.header.height >= Height(FIRST) {
        let new = authorities(NEW);
        (d.header.authorities, d.header.next_authorities) = (new.hash(), new.hash());
        d.authorities = Some(new);
        let first = d.header.height == Height(FIRST);
        d.recovery = first.then(|| recovery(&["a", "b"]));
        certified(d, if first { Round::of_recovery(1) } else { Round(0) });
        if first {
            lie(d);
        }
    }
}

async fn header(lie: fn(&mut HeaderDocument), height: u64) -> Result<Height, ClientError> {
    let (node, url) = start(30).await;
    node.lock().tamper_header = Some(Box::new(move |d| recovered(d, lie)));
    let config = ClientConfig { retry_for: Duration::from_millis(300), ..ClientConfig::default() };
    let client = Client::with_config(&[url.as_str()], config).unwrap();
    Ok(Verifier::new(client, genesis()).unwrap().header(Height(height)).await?.height())
}

#[tokio::test]
async fn a_client_follows_across_a_recovery() {
    for height in [FIRST - 1, FIRST, FIRST + 1, 30] {
        assert_eq!(header(|_| (), height).await.unwrap(), Height(height));
    }
}

#[tokio::test]
async fn a_list_that_no_majority_of_the_members_signed_is_refused() {
    type Lie = (fn(&mut HeaderDocument), Option<u16>);
    let lies: [Lie; 5] = [
        (|d| d.recovery = None, None),
        (|d| d.recovery = Some(recovery(&["a"])), Some(11)),
        (|d| d.recovery.as_mut().unwrap().signed.plan.drafted_ms = 1, Some(10)),
        (|d| d.recovery.as_mut().unwrap().signed.plan.height = Height(FIRST), Some(2)),
        (|d| certified(d, Round(0)), Some(18)),
    ];
    for (at, (lie, number)) in lies.into_iter().enumerate() {
        let found = match header(lie, FIRST).await {
            Err(ClientError::Verify(reason)) => reason,
            other => panic!("lie {at}: {other:?}"),
        };
        match (&found, number) {
            (VerifyError::Authorities { .. }, None) => {}
            (VerifyError::Recovery { error, .. }, Some(number)) => assert_eq!(error.number(), number, "lie {at}"),
            _ => panic!("lie {at}: {found}"),
        }
    }
}
