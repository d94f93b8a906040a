//! Everything that crosses the wire: one closed enum per direction, each variant with its size limit.
//!
//! All of it is the canonical form of [`althing_types::codec`]. A decoder looks at the first byte to know the variant,
//! compares the length with that variant's limit, and only then decodes; bytes are left over nowhere. Numbers of
//! variants never change their meaning.

use althing_types::{
    authority::MAX_AUTHORITIES,
    block::{Block, CompactBlock, MAX_BLOCK, MAX_BLOCK_TRANSACTIONS},
    certificate::QuorumCertificate,
    codec::{self, DecodeError, List},
    crypto::NodeId,
    hash::Hash,
    id::Height,
    recovery::{MAX_RECOVERY, MAX_SIGNED_RECOVERY, SignedRecovery},
    transaction::{MAX_TRANSACTION, SignedTransaction},
    vote::{SignedProposal, SignedVote},
};
use borsh::{BorshDeserialize, BorshSerialize};

/// Most transactions of one gossip message.
pub const MAX_BATCH: usize = 512;
/// Most blocks of one answer.
pub const MAX_BLOCKS: usize = 64;

/// Longest [`Gossip::Vote`] in bytes.
pub const MAX_VOTE_BYTES: usize = 512;
/// Longest [`Gossip::Proposal`] in bytes: a header, the hashes, the proposal, a recovery.
pub const MAX_PROPOSAL_BYTES: usize = MAX_BLOCK_TRANSACTIONS * 32 + 2048 + MAX_RECOVERY;
/// Longest [`Gossip::Transactions`] in bytes; one transaction of the greatest length fits.
pub const MAX_BATCH_BYTES: usize = MAX_TRANSACTION + 64;
/// Bytes after which a batch that we make ourselves is closed, so that no message holds up the next for long.
pub const BATCH_TARGET_BYTES: usize = 128 * 1024;
/// Longest [`Gossip::Status`] in bytes.
pub const MAX_STATUS_BYTES: usize = 64;
/// Longest [`Gossip::Recovery`] in bytes.
pub const MAX_RECOVERY_BYTES: usize = MAX_SIGNED_RECOVERY + 8;
/// Longest [`Frame::Links`] in bytes.
pub const MAX_LINKS_BYTES: usize = MAX_AUTHORITIES * 32 + 8;

/// Longest [`Request`] in bytes: the hashes of a full block.
pub const MAX_REQUEST_BYTES: usize = MAX_BLOCK_TRANSACTIONS * 32 + 256;
/// Longest [`Request::Blocks`] and [`Request::CompactBlock`] in bytes.
pub const MAX_SMALL_REQUEST_BYTES: usize = 64;
/// Longest certificate in bytes.
pub const MAX_CERTIFICATE_BYTES: usize = MAX_AUTHORITIES * 96 + 256;
/// Longest [`Response::Blocks`] in bytes: one block of the greatest length and its certificate fit, with room to spare.
pub const MAX_BLOCKS_BYTES: usize = MAX_BLOCK + MAX_CERTIFICATE_BYTES + 64 * 1024;
/// Longest [`Response::Transactions`] in bytes: all transactions of a block fit.
pub const MAX_TRANSACTIONS_BYTES: usize = MAX_BLOCK + 1024;
/// Longest [`Response`] in bytes.
pub const MAX_RESPONSE_BYTES: usize = MAX_BLOCKS_BYTES;

/// What a node tells all others.
#[expect(
    clippy::large_enum_variant,
    reason = "most messages are of the larger variants; a box would cost more than it saves"
)]
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Gossip {
    /// A primary's proposal with the block it names, transactions as hashes. At most [`MAX_PROPOSAL_BYTES`].
    Proposal {
        /// What the primary signed.
        proposal: SignedProposal,
        /// The block.
        block: CompactBlock,
    } = 0,
    /// An authority's vote. At most [`MAX_VOTE_BYTES`].
    Vote(SignedVote) = 1,
    /// New transactions. At most [`MAX_BATCH_BYTES`].
    Transactions(List<SignedTransaction, MAX_BATCH>) = 2,
    /// How far the sender has come. At most [`MAX_STATUS_BYTES`].
    Status {
        /// The sender's last final height.
        height: Height,
    } = 3,
    /// A recovery after a loss of the quorum, told as long as the height that it is for is not final. At most
    /// [`MAX_RECOVERY_BYTES`].
    Recovery(Box<SignedRecovery>) = 4,
}

/// Which stream of a connection a message travels on, so that votes never wait behind transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Proposals, votes, status, recoveries.
    Consensus,
    /// Transactions.
    Transactions,
}

impl Gossip {
    /// The stream it travels on.
    pub const fn lane(&self) -> Lane {
        match self {
            Self::Transactions(_) => Lane::Transactions,
            Self::Proposal { .. } | Self::Vote(_) | Self::Status { .. } | Self::Recovery(_) => Lane::Consensus,
        }
    }

    /// Who made it, when it says so under a signature; only such messages are relayed.
    pub const fn author(&self) -> Option<NodeId> {
        match self {
            Self::Proposal { proposal, .. } => Some(proposal.value.proposer),
            Self::Vote(vote) => Some(vote.value.voter),
            Self::Transactions(_) | Self::Status { .. } | Self::Recovery(_) => None,
        }
    }
}

/// One frame of a lane: what a neighbour sends us.
#[expect(clippy::large_enum_variant, reason = "links are rare")]
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Frame {
    /// For the node.
    Gossip(Gossip) = 0,
    /// For the network layer itself: whom the sender is connected to, ascending. At most [`MAX_LINKS_BYTES`].
    Links(List<NodeId, MAX_AUTHORITIES>) = 1,
}

impl Frame {
    /// Decodes one frame.
    ///
    /// # Errors
    /// [`DecodeError`] when it is longer than its variant allows or not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (what, maximum) = match bytes {
            [0, 0, ..] => ("proposal", MAX_PROPOSAL_BYTES),
            [0, 1, ..] => ("vote", MAX_VOTE_BYTES),
            [0, 2, ..] => ("transactions", MAX_BATCH_BYTES),
            [0, 3, ..] => ("status", MAX_STATUS_BYTES),
            [0, 4, ..] => ("recovery", MAX_RECOVERY_BYTES),
            [1, ..] => ("links", MAX_LINKS_BYTES),
            _ => ("frame", MAX_STATUS_BYTES),
        };
        codec::decode(what, bytes, maximum.saturating_add(1))
    }

    /// Encodes a message as a frame without copying it first.
    pub fn encode_gossip(message: &Gossip) -> Vec<u8> {
        codec::encode(&(0u8, message))
    }
}

/// What a node asks another for.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Request {
    /// Final blocks in order. At most [`MAX_SMALL_REQUEST_BYTES`].
    Blocks {
        /// The first height.
        from: Height,
        /// How many at most; at most [`MAX_BLOCKS`] are given.
        count: u32,
    } = 0,
    /// Transactions of a proposed block that the asker does not hold. At most [`MAX_REQUEST_BYTES`].
    Transactions {
        /// The block.
        block: Hash,
        /// The missing ones.
        hashes: List<Hash, MAX_BLOCK_TRANSACTIONS>,
    } = 1,
    /// A proposed block. At most [`MAX_SMALL_REQUEST_BYTES`].
    CompactBlock {
        /// Hash of its header.
        block: Hash,
    } = 2,
}

/// A final block with the proof that it is final.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CertifiedBlock {
    /// The block.
    pub block: Block,
    /// More than the threshold of its height's authorities precommitted it.
    pub certificate: QuorumCertificate,
}

/// The answer to a [`Request`].
#[expect(clippy::large_enum_variant, reason = "answers are few and live shortly")]
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Response {
    /// Blocks in order from the height asked for; fewer than asked when they are not final yet or would not fit.
    /// At most [`MAX_BLOCKS_BYTES`].
    Blocks(List<CertifiedBlock, MAX_BLOCKS>) = 0,
    /// Those of the transactions that the answerer holds. At most [`MAX_TRANSACTIONS_BYTES`].
    Transactions(List<SignedTransaction, MAX_BLOCK_TRANSACTIONS>) = 1,
    /// The block, when the answerer holds it. At most [`MAX_PROPOSAL_BYTES`].
    CompactBlock(Option<CompactBlock>) = 2,
    /// Ask later, or ask another.
    Busy = 3,
}

impl Request {
    /// Decodes a request.
    ///
    /// # Errors
    /// [`DecodeError`] when it is longer than its variant allows or not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (what, maximum) = match bytes.first() {
            Some(1) => ("transactions request", MAX_REQUEST_BYTES),
            _ => ("request", MAX_SMALL_REQUEST_BYTES),
        };
        codec::decode(what, bytes, maximum)
    }
}

impl Response {
    /// Decodes an answer.
    ///
    /// # Errors
    /// [`DecodeError`] when it is longer than its variant allows or not canonical.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let tag = bytes.first().copied().unwrap_or(u8::MAX);
        codec::decode("response", bytes, Self::maximum(tag))
    }

    /// Longest encoding of a variant, in bytes.
    pub const fn maximum(tag: u8) -> usize {
        match tag {
            0 => MAX_BLOCKS_BYTES,
            1 => MAX_TRANSACTIONS_BYTES,
            2 => MAX_PROPOSAL_BYTES,
            _ => 1,
        }
    }

    /// Whether this can be the answer to a request.
    pub const fn answers(&self, request: &Request) -> bool {
        matches!(
            (self, request),
            (Self::Busy, _)
                | (Self::Blocks(_), Request::Blocks { .. })
                | (Self::Transactions(_), Request::Transactions { .. })
                | (Self::CompactBlock(_), Request::CompactBlock { .. })
        )
    }
}
