//! What the driver needs of the network.

use althing_network::{CallError, Channel, Gossip, Handle, Peer, Request, RequestId, Response};
use althing_types::{crypto::NodeId, transaction::SignedTransaction};
use std::collections::BTreeSet;

/// The way out of a node to the others. [`Handle`] is the real one; calls never wait.
pub trait Wire: Clone + Send + 'static {
    /// Tells every connected member.
    ///
    /// # Errors
    /// As [`Handle::publish`].
    fn publish(&self, message: &Gossip) -> Result<(), CallError>;
    /// Tells every connected member of transactions.
    ///
    /// # Errors
    /// As [`Handle::publish_transactions`].
    fn publish_transactions<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a SignedTransaction>,
    ) -> Result<(), CallError>;
    /// Asks a member.
    ///
    /// # Errors
    /// As [`Handle::request`].
    fn request(&self, to: NodeId, request: Request) -> Result<RequestId, CallError>;
    /// Answers a question.
    ///
    /// # Errors
    /// As [`Handle::respond`].
    fn respond(&self, channel: Channel, response: Response) -> Result<(), CallError>;
    /// Says who may be connected.
    fn set_members(&self, members: BTreeSet<NodeId>);
    /// Says whom to dial beside the configured peers.
    fn set_peers(&self, peers: Vec<Peer>);
    /// Disconnects a peer that broke the rules.
    fn penalise(&self, node: &NodeId, reason: &str);
    /// Number of connected members.
    fn connected(&self) -> usize;
}

impl Wire for Handle {
    fn publish(&self, message: &Gossip) -> Result<(), CallError> {
        Self::publish(self, message).map(|_| ())
    }
    fn publish_transactions<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a SignedTransaction>,
    ) -> Result<(), CallError> {
        Self::publish_transactions(self, transactions).map(|_| ())
    }
    fn request(&self, to: NodeId, request: Request) -> Result<RequestId, CallError> {
        Self::request(self, to, request)
    }
    fn respond(&self, channel: Channel, response: Response) -> Result<(), CallError> {
        Self::respond(self, channel, response)
    }
    fn set_members(&self, members: BTreeSet<NodeId>) {
        Self::set_members(self, members);
    }
    fn set_peers(&self, peers: Vec<Peer>) {
        Self::set_peers(self, peers);
    }
    fn penalise(&self, node: &NodeId, reason: &str) {
        Self::penalise(self, node, reason);
    }
    fn connected(&self) -> usize {
        self.peers().len()
    }
}
