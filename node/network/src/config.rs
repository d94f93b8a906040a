//! What a network is started with: identity, addresses, members, and every limit by name.

use althing_types::{
    crypto::{NodeId, SecretKey},
    id::ChainId,
};
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

/// A member's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Who is expected there; anybody else is refused.
    pub node: NodeId,
    /// `host:port`; a host name is looked up each time it is dialled.
    pub address: String,
}

/// What [`crate::start`] needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's key; its public half is the identity that others see.
    pub key: SecretKey,
    /// The chain: nodes of two chains do not talk to each other.
    pub chain: ChainId,
    /// Where to listen; port 0 takes a free port, see [`crate::Event::Listening`].
    pub listen: SocketAddr,
    /// Members to dial, and to dial again whenever they are not connected; [`crate::Handle::set_peers`] names more.
    pub peers: Vec<Peer>,
    /// Who may connect, in either direction.
    pub members: BTreeSet<NodeId>,
    /// Bounds.
    pub limits: Limits,
}

/// A token bucket: `rate` per second, saved up to `burst`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Tokens that come back each second.
    pub rate: u32,
    /// Most tokens that can be saved.
    pub burst: u32,
}

/// Every bound of the network layer. [`Limits::default`] suits 1 to 21 authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that may be in their handshake, incoming.
    pub pending_incoming: u32,
    /// Of these, from one address.
    pub pending_per_address: u32,
    /// Connections in their handshake, outgoing.
    pub pending_outgoing: u32,
    /// Established connections in total; each peer keeps one, a second lives only until one of both is chosen.
    pub established: u32,
    /// Time for a handshake.
    pub handshake: Duration,
    /// First wait before a peer is dialled again; doubles up to `redial_most`.
    pub redial_least: Duration,
    /// Longest wait before a peer is dialled again.
    pub redial_most: Duration,
    /// Time between two pings of an idle connection.
    pub ping_interval: Duration,
    /// Time for the answer to a ping before the connection is closed.
    pub ping_timeout: Duration,
    /// Frames waiting for one peer on the consensus lane; then the oldest is dropped.
    pub consensus_queue: usize,
    /// Bytes waiting for one peer on the consensus lane; then the oldest is dropped.
    pub consensus_queue_bytes: usize,
    /// Frames waiting for one peer on the transactions lane; then the oldest is dropped.
    pub transactions_queue: usize,
    /// Bytes waiting for one peer on the transactions lane; then the oldest is dropped.
    pub transactions_queue_bytes: usize,
    /// Frames taken from one peer on the consensus lane; beyond it we read later.
    pub consensus_messages: Quota,
    /// Bytes taken from one peer on the consensus lane; beyond it we read later.
    pub consensus_bytes: Quota,
    /// Frames taken from one peer on the transactions lane; beyond it we read later.
    pub transactions_messages: Quota,
    /// Bytes taken from one peer on the transactions lane; beyond it we read later.
    pub transactions_bytes: Quota,
    /// Requests answered for one peer; beyond it the answer is `Busy`.
    pub requests: Quota,
    /// Bytes of answers for one peer; beyond it the answer is `Busy`.
    pub response_bytes: Quota,
    /// Requests of one peer that we work on at a time.
    pub requests_per_peer: usize,
    /// Time for the answer to a request.
    pub request_timeout: Duration,
    /// How long a penalised peer stays away.
    pub ban: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        const MIB: u32 = 1024 * 1024;
        Self {
            pending_incoming: 64,
            pending_per_address: 24,
            pending_outgoing: 64,
            established: 256,
            handshake: Duration::from_secs(4),
            redial_least: Duration::from_millis(200),
            redial_most: Duration::from_secs(2),
            ping_interval: Duration::from_secs(2),
            ping_timeout: Duration::from_secs(4),
            consensus_queue: 1024,
            consensus_queue_bytes: 8 * 1024 * 1024,
            transactions_queue: 1024,
            transactions_queue_bytes: 8 * 1024 * 1024,
            consensus_messages: Quota { rate: 2_000, burst: 4_000 },
            consensus_bytes: Quota { rate: 8 * MIB, burst: 16 * MIB },
            transactions_messages: Quota { rate: 2_000, burst: 2_000 },
            transactions_bytes: Quota { rate: 8 * MIB, burst: 8 * MIB },
            requests: Quota { rate: 50, burst: 100 },
            response_bytes: Quota { rate: 32 * MIB, burst: 64 * MIB },
            requests_per_peer: 4,
            request_timeout: Duration::from_secs(10),
            ban: Duration::from_secs(60),
        }
    }
}
