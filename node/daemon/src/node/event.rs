//! Everything that can happen to a node, and everything it can ask for: two closed enums.

use super::recovery::Progress;
use althing_consensus::TimerKey;
use althing_network::{CertifiedBlock, Gossip, Request, Response};
use althing_types::{
    block::CompactBlock,
    crypto::{NodeId, Verified},
    govern::MemberList,
    hash::Hash,
    id::Height,
    recovery::{RecoveryError, SignedRecovery},
    transaction::{AbnormalCode, Transaction},
    vote::{Proposal, Vote},
};
use std::sync::Arc;

/// Names a request of ours until its answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a question of a peer until we answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Question(pub u64);

/// Names a batch of transactions from the API until its verdicts are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Submission(pub u64);

/// A transaction whose signature was checked, with its hash and encoded length.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The transaction.
    pub transaction: Arc<Verified<Transaction>>,
    /// Its hash.
    pub hash: Hash,
    /// Length of its signed form in bytes.
    pub length: usize,
}

/// A timer of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// The consensus core's.
    Consensus(TimerKey),
    /// A primary waits before it builds, or a node before it starts an empty height.
    Pace,
    /// Tell the others how far we are, and look for nodes that are ahead.
    Status,
    /// Ask again for what a proposed block still lacks.
    Fetch,
    /// The catch-up machine waits for an answer, or has waited long enough for votes.
    CatchUp,
}

/// What happens to a node. Signatures were checked before: the types say so.
#[derive(Debug)]
pub enum Event {
    /// A proposal with its block.
    Proposal {
        /// The neighbour that sent it.
        from: NodeId,
        /// The proposal.
        proposal: Verified<Proposal>,
        /// The block, transactions as hashes.
        block: CompactBlock,
    },
    /// A vote.
    Vote(Verified<Vote>),
    /// How far a peer is.
    PeerStatus {
        /// The peer.
        from: NodeId,
        /// Its last final height.
        height: Height,
    },
    /// New transactions from a peer.
    Transactions {
        /// The peer.
        from: NodeId,
        /// Transactions with good signatures.
        transactions: Vec<Checked>,
    },
    /// New transactions from the API.
    Submit {
        /// Names the batch.
        submission: Submission,
        /// Transactions with good signatures.
        transactions: Vec<Checked>,
    },
    /// A plan to go on after the loss of the quorum, from the API; nothing about it is checked.
    Recover {
        /// Names it until the outcome is told.
        submission: Submission,
        /// The plan with its signatures.
        recovery: Box<SignedRecovery>,
    },
    /// The same from a peer.
    PeerRecovery {
        /// The peer.
        from: NodeId,
        /// The plan with its signatures.
        recovery: Box<SignedRecovery>,
    },
    /// A question of a peer.
    Request {
        /// The peer.
        from: NodeId,
        /// Names the question.
        question: Question,
        /// The question.
        request: Request,
    },
    /// The answer to a request of ours; `None` when there is none.
    Blocks {
        /// The peer that was asked.
        from: NodeId,
        /// Our request.
        request: RequestId,
        /// Certified blocks; nothing about them is checked.
        blocks: Option<Vec<CertifiedBlock>>,
    },
    /// Transactions that a proposed block lacked.
    Fetched {
        /// The peer that was asked.
        from: NodeId,
        /// Our request.
        request: RequestId,
        /// Transactions with good signatures; `None` when there was no answer.
        transactions: Option<Vec<Checked>>,
    },
    /// A proposed block that we asked for.
    FetchedBlock {
        /// The peer that was asked.
        from: NodeId,
        /// Our request.
        request: RequestId,
        /// The block; `None` when there was no answer.
        block: Option<CompactBlock>,
    },
    /// A peer is connected.
    PeerConnected(NodeId),
    /// A peer is connected no longer.
    PeerDisconnected(NodeId),
    /// A timer ran out.
    Timer(Timer),
}

/// Why the node does not take a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It waits for a block, or is final already.
    Accepted,
    /// It may be in no block.
    Abnormal {
        /// The numbered reason.
        code: AbnormalCode,
        /// Field, value and rule.
        message: String,
    },
    /// There is no room now; it may be sent again.
    Full {
        /// What is full.
        message: String,
    },
}

/// What a node asks for. Effects are done in order.
#[derive(Debug)]
pub enum Effect {
    /// Tell all others.
    Publish(Gossip),
    /// Tell all others of new transactions.
    PublishTransactions(Vec<Arc<Verified<Transaction>>>),
    /// Ask a peer.
    Request {
        /// The peer.
        to: NodeId,
        /// Names the request.
        id: RequestId,
        /// The request.
        request: Request,
    },
    /// Answer a peer.
    Respond {
        /// Its question.
        question: Question,
        /// The answer.
        response: Response,
    },
    /// Start a timer, or start it anew.
    SetTimer {
        /// The timer.
        timer: Timer,
        /// When it runs out, from now, in milliseconds.
        after_ms: u64,
    },
    /// Stop a timer.
    CancelTimer(Timer),
    /// The member list, at the start and whenever it has changed: these may connect from now on, and nobody else.
    Members(MemberList),
    /// Disconnect a peer that broke the rules.
    Penalise {
        /// The peer.
        node: NodeId,
        /// What it did.
        reason: String,
    },
    /// Verdicts on a batch from the API, in its order.
    Verdicts {
        /// The batch.
        submission: Submission,
        /// One verdict per transaction.
        verdicts: Vec<Verdict>,
    },
    /// What became of a plan from the API.
    Recovered {
        /// The plan's name.
        submission: Submission,
        /// The outcome.
        outcome: Result<Progress, RecoveryError>,
    },
    /// A block is final and durable.
    Committed(Committed),
}

/// A block that became final.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Its height.
    pub height: Height,
    /// Hash of its header.
    pub block: Hash,
    /// Number of its transactions.
    pub transactions: usize,
    /// Whether it came from a peer's store instead of our own vote.
    pub caught_up: bool,
}

/// The node can go on no longer.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// No space is left; the node may be opened again when there is some.
    #[error("the disk is full: {reason}")]
    DiskFull {
        /// What the store said.
        reason: String,
    },
    /// The store or the contract machine failed, or final blocks contradict our state.
    #[error("{reason}")]
    Broken {
        /// What failed.
        reason: String,
    },
}
