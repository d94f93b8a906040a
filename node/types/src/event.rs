//! What a contract tells the world about a change.

use crate::{
    codec::{Bytes, Text},
    id::{ContractId, Height},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest topic in bytes.
pub const MAX_TOPIC: usize = 256;
/// Longest event data in bytes.
pub const MAX_EVENT_DATA: usize = 16 * 1024;
/// Most events of one transaction.
pub const MAX_EVENTS: usize = 256;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Event {
    /// The contract that emitted it.
    pub contract: ContractId,
    /// The event's name in the contract's ABI.
    pub name: Text<64>,
    /// Canonical bytes of the fields marked as topic, in order; followers filter by prefix.
    pub topic: Bytes<MAX_TOPIC>,
    /// Canonical bytes of all fields.
    pub data: Bytes<MAX_EVENT_DATA>,
}

/// Where an event stands: the order in which followers see events.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize,
)]
pub struct EventId {
    /// Height of its block.
    pub height: Height,
    /// Position among the events of the block, from 0.
    pub index: u32,
}
