//! The engine's one entry point.

use crate::{input::Input, output::Output};
use althing_types::{
    crypto::{NodeId, SecretKey, Signature},
    hash::Hash,
    id::ChainId,
};

/// Signs for this node. Pure: the same hash gives the same signature.
pub trait Signer {
    /// Signs the signing hash of a vote or proposal.
    fn sign(&self, message: &Hash) -> Signature;
}

impl Signer for SecretKey {
    fn sign(&self, message: &Hash) -> Signature {
        Self::sign(self, &message.0)
    }
}

/// The consensus engine of one node on one chain.
pub struct Engine {
    chain: ChainId,
    me: NodeId,
    signer: Box<dyn Signer + Send>,
}

impl Engine {
    /// An engine that waits for its first `StartHeight`. A node that is no authority may run one; it never signs.
    pub fn new(chain: ChainId, me: NodeId, signer: Box<dyn Signer + Send>) -> Self {
        Self { chain, me, signer }
    }
    /// Takes one input at a time given by the caller and returns what is to be done, in order.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Output> {
        let _ = (&self.chain, self.me, &self.signer, now_ms, input);
        Vec::new()
    }
}
