//! The consensus core: decides one block per height among the authorities, without input or output of its own.

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
mod timers;

pub use engine::{Engine, Signer, Status};
pub use fault::Fault;
pub use input::Input;
pub use output::Output;
pub use record::{MAX_RECORD, Record};
pub use timers::{Timeouts, TimerKey, TimerKind};
