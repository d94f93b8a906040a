//! What the engine asks for. The caller does them in the order given and nothing else.

use crate::{fault::Fault, record::Record, timers::TimerKey};
use althing_types::{
    certificate::QuorumCertificate,
    crypto::NodeId,
    hash::Hash,
    id::{Height, Round},
    vote::{Evidence, SignedProposal, SignedVote},
};

/// One effect of [`Engine::step`](crate::Engine::step), to be carried out in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Append to the log of this height. Need not be durable until the next [`Output::Sync`].
    Log(Record),
    /// Make the log durable before anything that follows is done.
    Sync,
    /// Send to all peers, with the block it names.
    SendProposal(SignedProposal),
    /// Send to all peers. The vote may be another authority's, passed on as proof.
    SendVote(SignedVote),
    /// Give back [`Input::Timer`](crate::Input::Timer) with this key after the time.
    SetTimer {
        /// What to give back.
        key: TimerKey,
        /// Milliseconds from now.
        after_ms: u64,
    },
    /// This key is of no more use.
    CancelTimer(TimerKey),
    /// Build a block and answer with [`Input::Built`](crate::Input::Built). Asked again after a replay.
    Build {
        /// The height.
        height: Height,
        /// The round of which this node is the primary.
        round: Round,
    },
    /// Fetch and execute a block and answer with [`Input::BlockReady`](crate::Input::BlockReady). May be asked again.
    NeedBlock {
        /// The height.
        height: Height,
        /// The round of the proposal.
        round: Round,
        /// Hash of the block's header.
        block: Hash,
        /// Who proposed it. In a re-proposal this need not be the node that packed the block.
        proposer: NodeId,
    },
    /// The height is decided. Comes once per height; the height ends with the next `StartHeight`.
    Decide {
        /// Proof of the decision.
        certificate: QuorumCertificate,
    },
    /// An authority signed two conflicting messages. May be repeated after a replay.
    Evidence(Evidence),
    /// Something that must not happen did; see [`Fault`] for what the engine does next.
    Fault(Fault),
}
