//! What the simulated world needs to know about a node: nothing of what is inside it.
//!
//! A node is a state machine that is given events and answers with actions; the world carries them out one by one and
//! may pull the plug before each. What survives is the node's disk, as the node itself says.

use crate::random::Random;
use althing_types::{
    authority::AuthorityList,
    certificate::QuorumCertificate,
    hash::Hash,
    id::{ChainId, Height},
    vote::{Evidence, Proposal, SignedVote, Vote},
};

/// A kind of node under simulation.
pub(crate) trait Node: Sized {
    /// What travels between nodes.
    type Wire: Clone + Footprint;
    /// What a node schedules for itself.
    type Local: Clone + Footprint;
    /// One operation on the node's disk.
    type Write;
    /// What is left of a node without power.
    type Disk;
    /// What all nodes of a world share: its law, and caches.
    type Shared: Law;

    /// Switches a node on.
    fn boot(shared: &mut Self::Shared, place: Place, disk: Self::Disk, now_ms: u64) -> (Self, Vec<Action<Self>>);
    /// An empty disk.
    fn blank() -> Self::Disk;
    /// Takes an event.
    fn handle(&mut self, shared: &mut Self::Shared, now_ms: u64, event: Event<Self>) -> Vec<Action<Self>>;
    /// Carries out a disk operation.
    fn write(&mut self, write: Self::Write);
    /// Pulls the plug: what was not synced may be lost, and the last of it torn.
    fn unplug(self, random: &mut Random) -> Self::Disk;
    /// Heights committed.
    fn height(&self) -> u64;
}

/// Which node it is, and in which of its lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) index: usize,
    pub(crate) boot: u32,
}

/// What happens to a node.
#[derive(Clone)]
pub(crate) enum Event<N: Node> {
    Wire { from: usize, wire: N::Wire },
    Local(N::Local),
}

/// Who is to get a message.
#[derive(Clone, Debug)]
pub(crate) enum To {
    All,
    One(usize),
    /// Those whose bit is set.
    Mask(u64),
}

/// What a node wants done.
pub(crate) enum Action<N: Node> {
    Write(N::Write),
    Send {
        to: To,
        wire: N::Wire,
    },
    Later {
        after_ms: u64,
        local: N::Local,
    },
    /// Nothing is done: the oracle is shown something.
    Show(Sight),
}

/// What the oracle sees.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    /// The node is about to send this vote of its own.
    Voted(Vote),
    /// The node is about to send this proposal of its own.
    Proposed(Proposal),
    Decided(QuorumCertificate),
    Accused(Evidence),
    Failed(String),
}

/// What is true in a world, for the oracle.
pub(crate) trait Law {
    fn chain(&self) -> &ChainId;
    fn list(&self, height: Height) -> AuthorityList;
    /// Whether somebody built this block for this height and it is valid.
    fn is_valid(&self, height: Height, block: Hash) -> bool;
    /// Whether the signature of a vote is good; may remember the answer.
    fn checks(&mut self, vote: &SignedVote) -> bool;
}

/// A few bytes that tell two events apart in the trace.
pub(crate) trait Footprint {
    fn footprint(&self) -> u64;
}
