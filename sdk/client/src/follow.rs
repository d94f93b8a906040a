//! Events followed from a cursor, over broken connections and killed nodes.

use crate::{client::Client, error::ClientError};
use althing_api::model::EventDocument;
use althing_types::{
    event::EventId,
    id::{ContractId, Height},
};

/// Which events are wanted; empty fields want all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this contract.
    pub contract: Option<ContractId>,
    /// Of this name.
    pub name: Option<String>,
    /// Whose topic starts with these bytes.
    pub topic: Vec<u8>,
}

/// What a follower gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// An event.
    Event(Box<EventDocument>),
    /// Everything up to this height was given.
    Height(Height),
}

/// Follows events; each is given exactly once and in order, whatever happens to connections.
#[derive(Debug)]
pub struct Follower {
    client: Client,
    filter: Filter,
    next: EventId,
}

impl Follower {
    /// Follows from a place on (inclusive).
    pub const fn new(client: Client, from: EventId, filter: Filter) -> Self {
        Self { client, filter, next: from }
    }
    /// Where the follower stands: give it to [`Self::new`] to go on later.
    pub const fn cursor(&self) -> EventId {
        self.next
    }
    /// The next event or height; waits for it.
    ///
    /// # Errors
    /// [`ClientError`] when no node answers for the client's retry time, or the cursor is no longer kept.
    pub async fn next(&mut self) -> Result<Followed, ClientError> {
        let _ = (&self.client, &self.filter);
        Err(ClientError::Argument { field: "from", rule: "not written yet".into() })
    }
}
