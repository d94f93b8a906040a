//! The consensus core: decides one block per height among the authorities, without input or output of its own.

mod engine;
mod fault;
mod input;
mod output;
mod record;
mod timers;

pub use engine::{Engine, Signer};
pub use fault::Fault;
pub use input::Input;
pub use output::Output;
pub use record::{MAX_RECORD, Record};
pub use timers::{Timeouts, TimerKey, TimerKind};
