//! The catch-up machine; see the crate's description.

use althing_types::{block::Block, certificate::QuorumCertificate, crypto::NodeId, id::Height};
use std::collections::BTreeMap;

/// Names a request; numbers only grow.
pub type RequestId = u64;

/// A block with the reason it is final.
pub type CertifiedBlock = (Block, QuorumCertificate);

/// Bounds and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most blocks of one request.
    pub batch: u32,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Input {
    /// A peer says how far it is, or connected.
    Status {
        /// The peer.
        peer: NodeId,
        /// Its last block.
        height: Height,
    },
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Apply blocks.
    Apply(Vec<CertifiedBlock>),
}

/// What a peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No answer in time.
    Timeout,
}

/// The machine.
#[derive(Debug)]
pub struct Catchup {
    peers: BTreeMap<NodeId, Height>,
}

impl Catchup {
    /// A machine that knows nobody yet.
    pub const fn new() -> Self {
        Self { peers: BTreeMap::new() }
    }
}
