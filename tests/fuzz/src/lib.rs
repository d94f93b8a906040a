//! What the fuzz targets do: one function for each decoder that takes bytes from outside.
//!
//! Each function is given any bytes and panics when a promise is broken: a decoder panicked, accepted bytes are not the
//! one form of their value, or a check that follows contradicts itself. The files in `fuzz_targets` only name them;
//! `tests/smoke.rs` runs them without a fuzzer.

pub mod description;
#[cfg(feature = "rdap")]
mod rdap;
pub mod seeds;
mod words;
#[cfg(feature = "zone")]
mod zone;
#[cfg(feature = "zone_server")]
mod zone_server;

/// The node's log record, from its source: the crate around it would bring the whole store.
#[cfg(feature = "consensus")]
#[path = "../../../node/daemon/src/node/log.rs"]
mod log;

#[cfg(feature = "rdap")]
pub use rdap::{rdap_answer, rdap_bootstrap, rdap_place, rdap_question, rdap_registrars};
#[cfg(feature = "zone")]
pub use zone::{change_list, zone_file};
#[cfg(feature = "zone_server")]
pub use zone_server::{zone_delta, zone_journal, zone_request, zone_snapshot};

pub use words::{
    abi, abi_json, block, certificate, checkpoint_chunk, compact_block, contract_key, domain_name, evidence,
    export_record, genesis_json, header, merkle_proof, proposal, receipt, recovery, remediation_plan, root_delivery,
    state_proof, state_value, transaction, vote,
};

use althing_types::codec;
use borsh::{BorshDeserialize, BorshSerialize};

/// A decoder under test.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, that of the file in `fuzz_targets` too.
    pub name: &'static str,
    /// The body.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($(#[$condition:meta])* $name:ident),* $(,)?) => {
        /// Every target that the chosen features allow.
        pub fn targets() -> Vec<Target> {
            vec![$($(#[$condition])* Target { name: stringify!($name), run: $name }),*]
        }
    };
}
targets! {
    transaction, block, compact_block, header, receipt, certificate, vote, proposal, evidence, genesis_json, domain_name,
    state_proof, merkle_proof, state_value, contract_key, abi, abi_json, remediation_plan, recovery, root_delivery,
    checkpoint_chunk, export_record,
    #[cfg(feature = "consensus")] consensus_record,
    #[cfg(feature = "consensus")] log_record,
    #[cfg(feature = "network")] network_frame,
    #[cfg(feature = "network")] network_request,
    #[cfg(feature = "network")] network_response,
    #[cfg(feature = "identity")] certificate_chain,
    #[cfg(feature = "identity")] certificate_request,
    #[cfg(feature = "runtime")] module,
    #[cfg(feature = "zone")] zone_file,
    #[cfg(feature = "zone")] change_list,
    #[cfg(feature = "zone_server")] zone_journal,
    #[cfg(feature = "zone_server")] zone_delta,
    #[cfg(feature = "zone_server")] zone_snapshot,
    #[cfg(feature = "zone_server")] zone_request,
    #[cfg(feature = "rdap")] rdap_answer,
    #[cfg(feature = "rdap")] rdap_bootstrap,
    #[cfg(feature = "rdap")] rdap_registrars,
    #[cfg(feature = "rdap")] rdap_place,
    #[cfg(feature = "rdap")] rdap_question,
}

/// Decodes bytes; when they are accepted, they must be the one form of their value.
fn canonical<T: BorshSerialize + BorshDeserialize>(what: &'static str, bytes: &[u8], maximum: usize) -> Option<T> {
    let value = codec::decode::<T>(what, bytes, maximum).ok()?;
    assert_eq!(codec::encode(&value), bytes, "two forms of one {what}");
    Some(value)
}

/// A record of the consensus log, as it is read back after a crash.
#[cfg(feature = "consensus")]
pub fn consensus_record(data: &[u8]) {
    if let Ok(record) = althing_consensus::Record::decode(data) {
        assert_eq!(record.encode(), data);
        let _ = record.height();
    }
}

/// A record of the node's log, as it is read back after a crash.
#[cfg(feature = "consensus")]
pub fn log_record(data: &[u8]) {
    if let Ok(record) = log::LogRecord::decode(data) {
        assert_eq!(record.encode(), data);
    }
}

/// A contract's module, as it is deployed: whatever it is, that is the same on every node, and no fault of this one.
#[cfg(feature = "runtime")]
pub fn module(data: &[u8]) {
    use althing_runtime::{Config, Runtime};
    use std::sync::LazyLock;
    // The machine reserves memory for its instances: one for all inputs.
    static MACHINE: LazyLock<Runtime> = LazyLock::new(|| Runtime::new(Config::default()).expect("the machine starts"));
    let first = MACHINE.admit(data).unwrap_or_else(|fault| panic!("bytes became a fault of the node: {fault}"));
    let again = MACHINE.check(data);
    match (&first, &again) {
        (Ok(first), Ok(again)) => {
            assert_eq!((first.hash, &first.abi), (again.hash, &again.abi));
            assert_eq!(althing_abi::Abi::read(data).as_ref(), Ok(&first.abi));
        }
        (Err(first), Err(again)) => assert_eq!(first, again),
        _ => panic!("taken in once and refused once"),
    }
}

/// A frame of the gossip lanes.
#[cfg(feature = "network")]
pub fn network_frame(data: &[u8]) {
    if let Ok(frame) = althing_network::Frame::decode(data) {
        assert_eq!(codec::encode(&frame), data);
        if let althing_network::Frame::Gossip(gossip) = frame {
            let _ = (gossip.lane(), gossip.author());
        }
    }
}

/// A question of another node.
#[cfg(feature = "network")]
pub fn network_request(data: &[u8]) {
    if let Ok(request) = althing_network::Request::decode(data) {
        assert_eq!(codec::encode(&request), data);
    }
}

/// An answer of another node.
#[cfg(feature = "network")]
pub fn network_response(data: &[u8]) {
    if let Ok(response) = althing_network::Response::decode(data) {
        assert_eq!(codec::encode(&response), data);
    }
}

/// A chain of X.509 certificates: 8 bytes of time, then root, leaf and issuers, each behind 2 bytes of length.
///
/// Whoever has none of the committed authorities' keys cannot make another chain that is accepted.
#[cfg(feature = "identity")]
pub fn certificate_chain(data: &[u8]) {
    let Some((time, mut rest)) = data.split_first_chunk::<8>() else { return };
    let mut all = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (one, after) = after.split_at(usize::from(u16::from_le_bytes(*length)).min(after.len()));
        all.push(one.to_vec());
        rest = after;
    }
    for one in &all {
        if let Ok(facts) = althing_identity::claims(one) {
            assert_eq!(canonical("facts", &codec::encode(&facts), 1 << 16).as_ref(), Some(&facts));
            assert_eq!(althing_identity::serial(one), Ok(facts.serial));
        }
    }
    let (Some((root, chain)), time_ms) = (all.split_first(), u64::from_le_bytes(*time)) else { return };
    if let Ok(facts) = althing_identity::check_chain(root, chain, time_ms) {
        assert!(facts.is_current(time_ms));
        let genuine = seeds::certificates();
        if *root == genuine[0] {
            assert_eq!(chain, &genuine[1..], "a forged certificate");
        }
    }
}

/// A request for a certificate: its key made it, or it is refused.
#[cfg(feature = "identity")]
pub fn certificate_request(data: &[u8]) {
    if let Ok(key) = althing_identity::requested_key(data) {
        let at = data.windows(32).position(|window| window == key.0);
        assert!(at.is_some(), "a key that is not in the request");
    }
}
