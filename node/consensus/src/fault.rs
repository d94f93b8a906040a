//! Faults of this node or of the protocol's assumptions: not a peer's bad message (those are dropped), but ours.

use althing_types::{
    hash::Hash,
    id::{Height, Round},
};

/// Something that a correct engine in a network within its fault model never meets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The core wants to sign a message that conflicts with one that this node has signed. Nothing is signed and the
    /// engine stops: the log or the program is not the one that signed before.
    #[error("about to sign a second message at height {height} round {round} that conflicts with the first")]
    ConflictingMessage {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
    },
    /// A message signed by this node arrived that it does not remember. The engine signs nothing more at this height.
    ///
    /// The log was lost, or another process uses the same key.
    #[error(
        "a message of this node at height {height} round {round} is not in its log; it stays silent at this height"
    )]
    UnknownOwnMessage {
        /// The height.
        height: Height,
        /// The round.
        round: Round,
    },
    /// Two blocks are proven final at one height: more authorities are faulty than the threshold allows. Stops.
    #[error("height {height} is decided twice: {decided} and {other}")]
    ConflictingDecisions {
        /// The height.
        height: Height,
        /// The block decided first.
        decided: Hash,
        /// The other one.
        other: Hash,
    },
    /// A quorum decided a block that this node found invalid: its program or its state is not that of the others. Stops.
    #[error("height {height} is decided with block {block}, which is invalid here")]
    InvalidDecision {
        /// The height.
        height: Height,
        /// The block.
        block: Hash,
    },
    /// `Replay` came after other inputs of the height. Stops.
    #[error("replay of height {height} came after other inputs")]
    LateReplay {
        /// The height.
        height: Height,
    },
    /// The engine inside refused an input. Stops.
    #[error("consensus core failed at height {height}: {reason}")]
    Core {
        /// The height.
        height: Height,
        /// Its words.
        reason: String,
    },
}

impl Fault {
    /// Whether the engine does nothing more until the process is restarted.
    pub const fn stops(&self) -> bool {
        !matches!(self, Self::UnknownOwnMessage { .. })
    }
}
