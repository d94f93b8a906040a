//! The state of `root_sync`. Field numbers are those of `althing_interface::layout`.

use althing_interface::root_sync::{
    Answered, Deferred, Delivered, DeliveryRefused, HeldChange, HeldDecided, ListFollowed, Message, Peer,
    PeerDistrusted, PeerForked, PeerTrusted, PolicySet, Queued, RefusalRecord, SyncError, TrustedList, Urls,
};
use althing_sdk::{prelude::*, types::id::ChainId};

/// What this chain and its peers tell each other.
#[contract(
    name = "root_sync",
    state_version = 1,
    events(
        Queued,
        Delivered,
        DeliveryRefused,
        Answered,
        ListFollowed,
        PeerTrusted,
        PeerDistrusted,
        PeerForked,
        PolicySet,
        HeldDecided
    )
)]
pub struct RootSync {
    /// Peers by their chains.
    #[key(1)]
    pub(crate) peers: Map<ChainId, Peer>,
    /// Their authority lists.
    #[key(2)]
    pub(crate) lists: Map<ChainId, TrustedList>,
    /// The last message received from each: proven to it, it acknowledges.
    #[key(3)]
    pub(crate) received: Map<ChainId, u64>,
    /// Messages to each that it has not acknowledged: proven to it, they are delivered.
    #[key(4)]
    pub(crate) outbox: Map<(ChainId, u64), Message>,
    /// The peer that is spoken to about a TLD.
    #[key(5)]
    pub(crate) tlds: Map<DomainName, ChainId>,
    /// Refused deliveries by peer and number.
    #[key(6)]
    pub(crate) refusals: Map<(ChainId, u64), RefusalRecord>,
    /// Changes that wait for a vote.
    #[key(7)]
    pub(crate) held: Map<ChainId, HeldChange>,
    /// What waits for room in an outbox.
    #[key(8)]
    pub(crate) deferred: Map<ChainId, Deferred>,
    /// Bootstrap entries as the root told them.
    #[key(9)]
    pub(crate) bootstrap: Map<DomainName, Urls>,
    /// How many deliveries of no peer were refused.
    #[key(10)]
    pub(crate) strangers: Value<u64>,
}

impl RootSync {
    /// A peer that must be there.
    pub(crate) fn known(&self, chain: &ChainId) -> Result<Peer, crate::Refusal> {
        self.peers.get(chain).ok_or_else(|| SyncError::NoPeer { chain: chain.clone() }.into())
    }
}
