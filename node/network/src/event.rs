//! What the network tells the node, and the small values that events and calls share.

use crate::message::{Gossip, Request, Response};
use althing_types::crypto::NodeId;
use std::net::SocketAddr;

/// Names one of our own requests; never used twice in the life of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// Names a request of a peer that waits for [`crate::Handle::respond`].
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel(pub(crate) u64);

/// Why a request got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The peer is not connected, the connection broke, or the peer dropped the question.
    #[error("{node} is not connected or dropped the question")]
    NotConnected {
        /// The peer.
        node: NodeId,
    },
    /// No answer within the deadline.
    #[error("{node} did not answer in time")]
    TimedOut {
        /// The peer.
        node: NodeId,
    },
    /// The answer came, but the node's channel was full.
    #[error("the answer of {node} came while the node could not take it")]
    Lost {
        /// The peer.
        node: NodeId,
    },
    /// The answer was too long, not canonical, or of another kind; the peer was penalised.
    #[error("{node} answered against the protocol: {reason}")]
    Invalid {
        /// The peer.
        node: NodeId,
        /// What was wrong.
        reason: String,
    },
}

/// What the network tells the node.
///
/// `from` is always the neighbour that handed the message over, as proven by its handshake. It answers for what it
/// hands over: a vote or proposal of a third node is relayed only after its signature was checked.
#[derive(Debug)]
pub enum Event {
    /// We listen; tells the port when the configuration left it open.
    Listening {
        /// The address.
        address: SocketAddr,
    },
    /// A member is connected.
    PeerConnected {
        /// The member.
        node: NodeId,
    },
    /// A member is connected no longer.
    PeerDisconnected {
        /// The member.
        node: NodeId,
    },
    /// A message. Its signatures are not checked yet.
    Gossip {
        /// The neighbour that sent it.
        from: NodeId,
        /// The message.
        message: Gossip,
    },
    /// A question; [`crate::Handle::respond`] answers it.
    Request {
        /// Who asks.
        from: NodeId,
        /// The question.
        request: Request,
        /// Where the answer goes.
        channel: Channel,
    },
    /// The answer to our request, or why there is none. Comes exactly once for each accepted request.
    Response {
        /// Who was asked.
        from: NodeId,
        /// Our request.
        id: RequestId,
        /// The answer.
        result: Result<Response, RequestError>,
    },
}

/// A call that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The network was shut down.
    #[error("the network is shut down")]
    Closed,
    /// Too many calls wait.
    #[error("the network has {waiting} calls waiting")]
    Full {
        /// Calls waiting.
        waiting: usize,
    },
    /// Longer than the wire allows.
    #[error("{found} bytes exceed the maximum of {maximum} for {what}")]
    TooLong {
        /// Kind of message.
        what: &'static str,
        /// Bytes it takes.
        found: usize,
        /// Bytes allowed.
        maximum: usize,
    },
}

/// The network could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The node's key is no identity.
    #[error("the node key is not usable as an identity: {reason}")]
    Key {
        /// What the library said.
        reason: String,
    },
    /// The transport could not be built.
    #[error("the transport could not be built: {reason}")]
    Transport {
        /// What the library said.
        reason: String,
    },
    /// Nobody can listen there.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        reason: String,
    },
}

/// What became of a message that was published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Peers it was queued for.
    pub peers: usize,
    /// Older messages that were dropped to make room, over all peers.
    pub dropped: usize,
}

/// Counts since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connected members.
    pub peers: usize,
    /// One row per kind of message.
    pub kinds: Vec<KindCounters>,
    /// Frames dropped before they were sent, because a peer's queue was full.
    pub dropped_out: u64,
    /// Messages dropped on arrival, because the node's channel was full.
    pub dropped_in: u64,
    /// Times that reading from a peer was put off by its quota.
    pub throttled: u64,
    /// Messages passed on to nodes that are not connected to the author.
    pub relayed: u64,
    /// Messages dropped because another neighbour was faster.
    pub duplicates: u64,
    /// Connections refused because the other side is no member or banned.
    pub refused: u64,
    /// Penalties.
    pub penalties: u64,
    /// Requests of peers that were answered `Busy` by the network itself.
    pub busy: u64,
}

/// Counts of one kind of message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KindCounters {
    /// `proposal`, `vote`, `transactions`, `status`, `links`, `request`, `response`.
    pub kind: &'static str,
    /// Messages received.
    pub messages_in: u64,
    /// Bytes received.
    pub bytes_in: u64,
    /// Messages sent, counted once per peer.
    pub messages_out: u64,
    /// Bytes sent.
    pub bytes_out: u64,
}
