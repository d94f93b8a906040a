//! Signatures are checked here, once, before anything reaches the node: on all cores, outside of the node's thread.

use crate::node::{Checked, Event};
use althing_network::Gossip;
use althing_types::{codec, crypto::NodeId, transaction::SignedTransaction};
use rayon::prelude::*;
use std::sync::Arc;

/// Checks the signature of one transaction.
pub fn transaction(signed: SignedTransaction) -> Option<Checked> {
    let length = codec::encode(&signed).len();
    let hash = signed.value.hash();
    let transaction = signed.verify().ok()?;
    Some(Checked { transaction: Arc::new(transaction), hash, length })
}

/// Checks the signatures of transactions in parallel; `None` stands for a bad one.
pub fn transactions(signed: Vec<SignedTransaction>) -> Vec<Option<Checked>> {
    // Small batches are not worth the hand-over to other threads.
    if signed.len() < 8 {
        return signed.into_iter().map(transaction).collect();
    }
    signed.into_par_iter().map(transaction).collect()
}

/// Turns a peer's message into an event; `Err` is the reason for which the peer is penalised.
///
/// # Errors
/// The reason, when a signature does not verify.
pub fn gossip(from: NodeId, message: Gossip) -> Result<Event, &'static str> {
    match message {
        Gossip::Proposal { proposal, block } => {
            let proposal = proposal.verify().map_err(|_| "a proposal with a bad signature")?;
            Ok(Event::Proposal { from, proposal, block })
        }
        Gossip::Vote(vote) => vote.verify().map(Event::Vote).map_err(|_| "a vote with a bad signature"),
        Gossip::Status { height } => Ok(Event::PeerStatus { from, height }),
        // Checked against the node's own tip, there.
        Gossip::Recovery(recovery) => Ok(Event::PeerRecovery { from, recovery }),
        Gossip::Transactions(batch) => {
            let checked: Option<Vec<Checked>> = transactions(batch.into_vec()).into_iter().collect();
            let transactions = checked.ok_or("a transaction with a bad signature")?;
            Ok(Event::Transactions { from, transactions })
        }
    }
}
