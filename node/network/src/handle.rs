//! The node's side of the network: calls that never wait, from any thread.

use crate::{
    config::Config,
    event::{CallError, Channel, Counters, Event, Published, RequestId, StartError},
    message::{Gossip, Request, Response},
};
use althing_types::{crypto::NodeId, transaction::SignedTransaction};
use std::{collections::BTreeSet, net::SocketAddr};

/// Starts the network on a runtime and returns at once.
///
/// `sink` takes every event; it is called on the runtime's threads, must return at once, and returns `false` when the
/// node cannot take the event now. A refused message is dropped and counted, a refused question is answered `Busy`.
/// Votes and proposals deserve a channel of their own, so that transactions cannot fill it.
///
/// # Errors
/// [`StartError`] when the key is unusable or the address cannot be listened on.
pub fn start(
    config: Config,
    runtime: &tokio::runtime::Handle,
    sink: impl Fn(Event) -> bool + Send + Sync + 'static,
) -> Result<Handle, StartError> {
    let _ = (config, runtime, sink);
    Err(StartError::Transport { reason: "not built yet".into() })
}

/// The node's side of the network. Clones share one network; it ends with [`Handle::shutdown`] or with the last clone.
#[derive(Clone, Debug)]
pub struct Handle {}

impl Handle {
    /// Queues a message for every connected member; a full queue drops its oldest message.
    ///
    /// # Errors
    /// [`CallError::TooLong`] when the message exceeds its limit.
    pub fn publish(&self, message: &Gossip) -> Result<Published, CallError> {
        let _ = message;
        Err(CallError::Closed)
    }
    /// Queues a message for one member; does nothing when it is not connected.
    ///
    /// # Errors
    /// [`CallError::TooLong`] when the message exceeds its limit.
    pub fn send(&self, to: &NodeId, message: &Gossip) -> Result<Published, CallError> {
        let _ = (to, message);
        Err(CallError::Closed)
    }
    /// Queues transactions for every connected member, cut into batches, without copying them first.
    ///
    /// # Errors
    /// [`CallError::TooLong`] when one of them exceeds the limit; those before it are queued.
    pub fn publish_transactions<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a SignedTransaction>,
    ) -> Result<Published, CallError> {
        let _ = transactions.into_iter().count();
        Err(CallError::Closed)
    }
    /// Asks a member; [`Event::Response`] with this id follows in any case.
    ///
    /// # Errors
    /// [`CallError`] when too many calls wait or the network is shut down; then no event follows.
    pub fn request(&self, to: NodeId, request: Request) -> Result<RequestId, CallError> {
        let _ = (to, request);
        Err(CallError::Closed)
    }
    /// Answers a question. An answer that is too long is replaced by `Busy`.
    ///
    /// # Errors
    /// [`CallError`] when it was too long, too many calls wait, or the network is shut down.
    pub fn respond(&self, channel: Channel, response: Response) -> Result<(), CallError> {
        let _ = (channel, response);
        Err(CallError::Closed)
    }
    /// Says who may be connected from now on; all others are disconnected at once.
    pub fn set_members(&self, members: BTreeSet<NodeId>) {
        let _ = members;
    }
    /// Disconnects a peer that broke the rules and keeps it away for [`crate::Limits::ban`].
    pub fn penalise(&self, node: &NodeId, reason: &str) {
        let _ = (node, reason);
    }
    /// Connected members, ascending.
    pub fn peers(&self) -> Vec<NodeId> {
        Vec::new()
    }
    /// Where we listen, once we do.
    pub fn listen_address(&self) -> Option<SocketAddr> {
        None
    }
    /// Counts since the start.
    pub fn counters(&self) -> Counters {
        Counters::default()
    }
    /// Ends the network: closes every connection; no event follows its return by more than a moment.
    pub fn shutdown(&self) {}
}
