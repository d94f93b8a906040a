//! The consensus core: decides one block per height among the authorities, without input or output of its own.
//!
//! # What it is
//! Tendermint's algorithm (arXiv 1807.04938), a descendant of PBFT: proposal, prevote, precommit are its pre-prepare,
//! prepare and commit, and a round change needs no messages of its own. The state machine and the counting of votes
//! are those of the Malachite core crates; this crate gives them our messages, a log, timers, evidence and one pure
//! entry point, [`Engine::step`]. It reads no clock, draws no random number, does not block, and verifies no
//! signature: what it is given as [`Verified`](althing_types::crypto::Verified) has been checked.
//!
//! ```text
//!             StartHeight(h, list(h))
//!                  |
//!            +-----v-----+  proposal + block valid  +---------+  quorum of prevotes  +-----------+
//!            |  propose  |------------------------->| prevote |--------------------->| precommit |
//!            +-----^-----+   or time-out: no block  +---------+  or time-out: none   +-----+-----+
//!                  |                                                                       |
//!                  +--- round + 1: quorum of precommits without agreement, then time-out --+
//!                                                                                          |
//!              Decide(certificate) <--- quorum of precommits for one block, in any round --+
//! ```
//!
//! # Roles and numbers
//! The primary of round `r` at height `h` is `list(h)[(h + r) mod n]` (rule MOD). If it is silent, the others wait for
//! the propose time-out and the next one in the list takes over in round `r + 1`: the primary of a round is a
//! function of height and round, never of anybody's clock. A quorum is `q = floor(n * num / den) + 1`.
//!
//! # Rules per message
//! - Proposal: of this chain and height, from the primary of its round, a round at most 10 ahead, its valid round
//!   before its round; at most two different ones per round are kept, the second is evidence.
//! - Vote: of this chain and height, from an authority of this height, a round at most 10 ahead; one per authority,
//!   round and kind counts; a second, different one is evidence and counts only inside a complete quorum that others
//!   saw (see `conflict.rs` for why the chain could stop otherwise).
//! - Messages of the next height wait in a small room; all others are dropped. [`Engine::wants_vote`] and
//!   [`Engine::wants_proposal`] say all this before a signature is checked.
//! - A block is executed before it is prevoted: the proposal asks for it ([`Output::NeedBlock`]) and
//!   [`Input::BlockReady`] tells the verdict. Nothing is decided without its block.
//! - A certificate is counted against the list of its own height only.
//!
//! # Log, sync, send
//! Every accepted input and every signed message is a [`Record`]. Within one step the order is `Log*`, one `Sync` if
//! a new message of this node leaves, the messages, then everything else. A restarted node gets `StartHeight` and then
//! `Replay` with what the log holds: as the core is deterministic it signs the same messages again and sends those of
//! the present round. A second guard (`own.rs`) refuses to sign anything that conflicts with a logged message. Records
//! that were never synced may be lost: nothing that followed from them has left the node. A node that meets a message
//! of its own that its log does not hold has lost its memory, and with it perhaps its lock; it stays silent for the
//! height.
//!
//! # Why it is safe
//! Two quorums share at least `2q - n` authorities. Let `b` of them be Byzantine, `b < 2q - n`. In one round a
//! correct authority in the overlap precommits one block only, so at most one block gets a quorum. When a quorum has
//! precommitted block `v` in round `r`, its correct members are locked on `v`: they prevote another block in a later
//! round only if shown a quorum of prevotes for it from a round after `r`. The first such quorum would need one of
//! them to have prevoted it without being shown one. So no other block is ever decided. At 2/3, `b` is
//! `floor((n - 1) / 3)`. At 1/2 the overlap is one authority for odd `n`: a single dishonest one, a stolen key or a
//! lost log forks the chain, so 1/2 is for authorities that fail by stopping only, and genesis must say so.
//!
//! # Why it goes on
//! Time-outs grow with the round, up to a cap. Until the height is decided each authority repeats, at every
//! re-broadcast time-out, its proposal and votes of the round, the votes that brought it into the round, the prevotes
//! behind its valid block, and its requests for blocks. A peer that missed a decision is sent the precommits of the
//! certificate; one that is further behind is given blocks with certificates ([`Input::Certificate`]).
//!
//! # Where we leave the core's beaten path
//! - We log inputs at our own boundary, not the core's log effects: the order is the same, and there is one log.
//! - Polka and round certificates have no message of their own; their votes are sent one by one, as each proves
//!   itself. Why a round was entered is told with the re-broadcast only, not at once.
//! - A certificate from catch-up decides here and does not go through the core.
//! - A quorum of precommits whose proposal never arrived decides too, once its block is known to be valid.
//! - The core's queue of future messages is not used; its thresholds are set anew with each height's list.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        reason = "a test fails by panicking"
    )
)]

mod attempt;
mod conflict;
mod context;
mod early;
mod effects;
mod engine;
mod fault;
mod finished;
mod input;
mod outbox;
mod output;
mod own;
mod record;
#[cfg(test)]
mod tests;
mod timers;

pub use engine::{Engine, Signer, Status};
pub use fault::Fault;
pub use input::Input;
pub use output::Output;
pub use record::{MAX_RECORD, Record};
pub use timers::{Timeouts, TimerKey, TimerKind};
