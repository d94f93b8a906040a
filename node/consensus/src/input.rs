//! What the engine is told: everything that can change its state arrives as one of these.
//!
//! The caller checks signatures before ([`Verified`]) and keeps the clock; nothing here reads time or the network.

use crate::{
    record::Record,
    timers::{Timeouts, TimerKey},
};
use althing_types::{
    authority::AuthorityList,
    certificate::QuorumCertificate,
    crypto::Verified,
    hash::Hash,
    id::{Height, Round},
    vote::{Proposal, Vote},
};

/// One event for [`Engine::step`](crate::Engine::step).
#[derive(Clone, Debug)]
pub enum Input {
    /// Begin to decide a height. Given once the block before is durably committed, or after a restart.
    ///
    /// A height that is not greater than the one in progress is ignored.
    StartHeight {
        /// The height to decide.
        height: Height,
        /// Who decides it: the list that the header before committed to.
        authorities: AuthorityList,
        /// How long to wait for what.
        timeouts: Timeouts,
    },
    /// Begin a height, or begin it anew, under a list that is not the one that the header before committed to: the
    /// members have recovered the chain after a loss of its quorum.
    ///
    /// Ignored when the height in progress is a later one, is decided, or has begun under this recovery or a later one.
    StartRecovered {
        /// The height to decide.
        height: Height,
        /// Who decides it.
        authorities: AuthorityList,
        /// How long to wait for what.
        timeouts: Timeouts,
        /// The first round: [`Round::of_recovery`]. Messages of other recoveries, or of none, are of no use.
        first_round: Round,
    },
    /// A proposal from a peer.
    Proposal(Verified<Proposal>),
    /// A vote from a peer.
    Vote(Verified<Vote>),
    /// The block of a proposal was fetched and executed: the answer to [`Output::NeedBlock`](crate::Output::NeedBlock).
    BlockReady {
        /// The height of the block.
        height: Height,
        /// The round of the proposal that asked for it.
        round: Round,
        /// Hash of the block's header.
        block: Hash,
        /// Whether executing it gave exactly what its header says.
        valid: bool,
    },
    /// A block was built: the answer to [`Output::Build`](crate::Output::Build).
    Built {
        /// The height asked for.
        height: Height,
        /// The round asked for.
        round: Round,
        /// Hash of the block's header.
        block: Hash,
    },
    /// A timer ran out. A key that was cancelled or replaced meanwhile is ignored.
    Timer(TimerKey),
    /// A certificate that the caller has already checked against the authority list of its height.
    ///
    /// One for the height in progress decides it; the caller must have, or get, the block.
    Certificate(QuorumCertificate),
    /// All log records of the height, in the order they were written; given right after `StartHeight`, after a restart.
    Replay(Vec<Record>),
    /// There is something to put into a block: do not grant the primary the idle time of [`Timeouts::idle_ms`].
    Work {
        /// The height in progress.
        height: Height,
    },
}
