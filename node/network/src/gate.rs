//! The door: who may connect, and which of two connections to one peer is kept.
//!
//! A handshake proves a node's key; the door then lets members in and refuses everybody else, whoever dialled. When
//! two nodes dial each other at the same time both keep the connection that the smaller id dialled and drain the other. A connection
//! that comes later replaces the older one: the peer has restarted and the older one is dead.

use crate::{
    counts::one,
    event::StartError,
    identity::node_of,
    lane::{LaneEvent, LaneHandler, Lanes},
    link::Link,
    shared::Shared,
};
use althing_types::crypto::NodeId;
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    multiaddr::Protocol,
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
    },
};
use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

/// Connections of one peer that begin within this time of each other were dialled at the same time.
const SIMULTANEOUS: Duration = Duration::from_secs(5);

/// Why a connection is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{peer} is no member or is banned")]
    NotAdmitted { peer: PeerId },
    #[error("{found} connections are at the maximum")]
    TooMany { found: usize },
}

/// What the door tells the swarm's task.
#[derive(Debug)]
pub(crate) enum GateEvent {
    /// A member came and lets us in; its link is to be activated.
    Up(Arc<Link>),
    /// A member went.
    Down(NodeId),
}

/// The behaviour that guards connections and runs the lanes.
pub(crate) struct Gate {
    shared: Arc<Shared>,
    lanes: Lanes,
    incoming: BTreeMap<ConnectionId, Option<IpAddr>>,
    open: BTreeMap<ConnectionId, (PeerId, Arc<Link>)>,
    actions: VecDeque<ToSwarm<GateEvent, std::convert::Infallible>>,
    waker: Option<Waker>,
}

impl Gate {
    pub(crate) fn new(shared: Arc<Shared>, chain: &str) -> Result<Self, StartError> {
        let reason = || format!("'{chain}' gives no protocol name");
        let lanes = Lanes::of_chain(chain).ok_or_else(|| StartError::Transport { reason: reason() })?;
        Ok(Self {
            shared,
            lanes,
            incoming: BTreeMap::new(),
            open: BTreeMap::new(),
            actions: VecDeque::new(),
            waker: None,
        })
    }

    /// Closes whatever is no longer admitted.
    pub(crate) fn sweep(&mut self) {
        let gone: Vec<_> =
            self.open.iter().filter(|(_, (_, link))| !self.shared.admits(&link.node)).map(|(id, _)| *id).collect();
        for id in gone {
            self.close(id);
        }
    }

    /// Closes everything.
    pub(crate) fn close_all(&mut self) {
        let all: Vec<_> = self.open.keys().copied().collect();
        for id in all {
            self.close(id);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    fn close(&mut self, connection: ConnectionId) {
        if let Some((peer_id, link)) = self.open.get(&connection) {
            link.close();
            let close = CloseConnection::One(connection);
            self.act(ToSwarm::CloseConnection { peer_id: *peer_id, connection: close });
        }
    }

    fn act(&mut self, action: ToSwarm<GateEvent, std::convert::Infallible>) {
        self.actions.push_back(action);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn admit(&mut self, id: ConnectionId, peer: PeerId, outgoing: bool) -> Result<LaneHandler, ConnectionDenied> {
        let node = node_of(&peer).filter(|n| self.shared.admits(n));
        let Some(node) = node.filter(|_| !self.shared.is_closing()) else {
            one(&self.shared.counts.refused);
            tracing::debug!(%peer, "connection refused");
            return Err(ConnectionDenied::new(Refusal::NotAdmitted { peer }));
        };
        let found = self.open.len();
        if found >= self.shared.limits.established as usize {
            return Err(ConnectionDenied::new(Refusal::TooMany { found }));
        }
        let dialler = if outgoing { self.shared.me } else { node };
        let link = Arc::new(Link::new(node, id, dialler));
        self.open.insert(id, (peer, Arc::clone(&link)));
        Ok(LaneHandler::new(Arc::clone(&self.shared), link, self.lanes.clone()))
    }

    /// Keeps one connection per peer.
    fn choose(&mut self, connection: ConnectionId) {
        let Some((_, link)) = self.open.get(&connection) else { return };
        let link = Arc::clone(link);
        if let Some(old) = self.shared.link(&link.node) {
            let smaller = self.shared.me.min(link.node);
            let simultaneous =
                !old.is_closed() && old.established.elapsed() < SIMULTANEOUS && old.dialler != link.dialler;
            if simultaneous && old.dialler == smaller {
                link.drain();
                return;
            }
            if simultaneous {
                self.shared.replace_link(&old, link);
                return;
            }
            self.act(ToSwarm::GenerateEvent(GateEvent::Down(link.node)));
            self.close(old.connection);
        }
        self.shared.insert_link(link);
    }

    fn closed(&mut self, connection: ConnectionId) {
        if let Some((_, link)) = self.open.remove(&connection) {
            link.close();
            if self.shared.remove_link(&link.node, connection) {
                self.act(ToSwarm::GenerateEvent(GateEvent::Down(link.node)));
            }
        }
    }
}

fn address_of(address: &Multiaddr) -> Option<IpAddr> {
    address.iter().find_map(|p| match p {
        Protocol::Ip4(a) => Some(IpAddr::V4(a)),
        Protocol::Ip6(a) => Some(IpAddr::V6(a)),
        _ => None,
    })
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = LaneHandler;
    type ToSwarm = GateEvent;

    fn handle_pending_inbound_connection(
        &mut self,
        id: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let address = address_of(remote);
        let limits = &self.shared.limits;
        let found = self.incoming.len();
        let same = self.incoming.values().filter(|a| **a == address).count();
        if found >= limits.pending_incoming as usize || same >= limits.pending_per_address as usize {
            one(&self.shared.counts.refused);
            return Err(ConnectionDenied::new(Refusal::TooMany { found }));
        }
        self.incoming.insert(id, address);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.incoming.remove(&id);
        self.admit(id, peer, false)
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(id, peer, true)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(e) => self.choose(e.connection_id),
            FromSwarm::ConnectionClosed(e) => self.closed(e.connection_id),
            FromSwarm::ListenFailure(e) => {
                self.incoming.remove(&e.connection_id);
                self.closed(e.connection_id);
            }
            FromSwarm::DialFailure(e) => self.closed(e.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, id: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {
            LaneEvent::Ready => {
                let link = self.open.get(&id).map(|(_, link)| Arc::clone(link));
                if let Some(link) = link.filter(|l| self.shared.is_current(l)) {
                    self.act(ToSwarm::GenerateEvent(GateEvent::Up(link)));
                }
            }
            LaneEvent::Broken(reason) => {
                tracing::debug!(%reason, "connection broke");
                self.close(id);
            }
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        match self.actions.pop_front() {
            Some(action) => Poll::Ready(action),
            None => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
