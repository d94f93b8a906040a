//! The benchmark: a network of its own, light load for latency, full load for throughput, and where the time went.
//!
//! ```text
//! measure: one verification, one fsync          -> bound_per_s
//! network up in a temporary folder
//! light load: one transaction at a time         -> latency p50, p99
//! full load: signed transactions in batches     -> committed_per_s; CPU, bytes and parts over the same window
//! drain: every accepted transaction is final, and the contract counted as many calls as blocks hold
//! ```
//! Load comes from this process on the same machine, so its CPU time is taken from the nodes; transactions are signed
//! before the clock starts.

pub mod feed;
pub mod figures;
pub mod load;

use crate::{
    devnet::{
        Network,
        setup::{Keys, Plan},
    },
    error::{CliError, Result},
    keyfile,
};
use althing_types::{
    codec::List,
    crypto::SecretKey,
    id::{ChainId, ContractId, OrganisationId},
    organisation::{MAX_KEYS, MemberKey, Organisation},
};
use std::{collections::BTreeSet, path::Path};

/// Id of the contract that is called.
pub const CONTRACT: &str = "load";
/// The method that is called.
pub const METHOD: &str = "record";

/// What the benchmark's network is made of.
#[derive(Debug)]
pub struct Setup {
    /// The network, not yet started.
    pub network: Network,
    /// Keys that send.
    pub senders: Vec<SecretKey>,
}

/// Writes a network with `senders` keys, sixteen to an organisation.
///
/// # Errors
/// When files cannot be written.
pub fn prepare(dir: &Path, authorities: usize, senders: usize) -> Result<Setup> {
    let mut plan = Plan::new(authorities, ChainId::new("althing-bench")?);
    plan.keys = Keys::Forgotten;
    plan.log = "warn".into();
    plan.contracts = vec![(ContractId::new(CONTRACT)?, althing_bundle::load().to_vec())];
    // This process is all of the network's users at once.
    plan.limits.requests_per_second = 100_000;
    plan.limits.request_burst = 100_000;
    let mut keys = Vec::with_capacity(senders);
    for _ in 0..senders {
        keys.push(keyfile::generate()?);
    }
    for (number, keys) in keys.chunks(MAX_KEYS).enumerate() {
        let list = List::new(keys.iter().map(|key| MemberKey::whole(key.public())).collect())
            .map_err(|e| CliError::internal("too_many_keys", e.to_string()))?;
        let id = OrganisationId::new(format!("sender-{number}"))?;
        plan.organisations.push(Organisation { id, roles: BTreeSet::new(), keys: list });
    }
    plan.write(dir)?;
    Ok(Setup { network: Network::open(dir)?, senders: keys })
}
