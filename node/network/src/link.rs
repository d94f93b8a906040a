//! One connection as the rest of the crate sees it: bounded queues of frames towards the peer, and its state.
//!
//! A link is `Waiting` until the peer let us in, `Ready` while the node is told of the peer (frames for it may be
//! queued, its own must wait), `Active` while frames flow both ways, `Draining` when another connection to the same
//! peer was chosen (what is under way still arrives, nothing new is sent), and `Closed` from the moment somebody
//! decided to end it; the connection itself goes a moment later.
//!
//! ```text
//! Waiting -> Ready -> Active -> Draining -> Closed     (any may be skipped, none repeated)
//! ```

use crate::{
    config::Limits,
    message::{Frame, Lane},
};
use althing_types::crypto::NodeId;
use futures::task::AtomicWaker;
use libp2p::swarm::ConnectionId;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

/// Locks; a panic of another holder leaves nothing half-done here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const WAITING: u8 = 0;
const READY: u8 = 1;
const ACTIVE: u8 = 2;
const DRAINING: u8 = 3;
const CLOSED: u8 = 4;

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Arc<[u8]>>,
    bytes: usize,
}

/// One connection to a peer.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) node: NodeId,
    pub(crate) connection: ConnectionId,
    /// Who dialled.
    pub(crate) dialler: NodeId,
    pub(crate) established: Instant,
    state: AtomicU8,
    /// Wakes the connection's task.
    pub(crate) waker: AtomicWaker,
    consensus: Mutex<Queue>,
    transactions: Mutex<Queue>,
    /// Whom the peer says it is connected to; nothing until it said so.
    neighbours: Mutex<Option<BTreeSet<NodeId>>>,
}

impl Link {
    pub(crate) fn new(node: NodeId, connection: ConnectionId, dialler: NodeId) -> Self {
        Self {
            node,
            connection,
            dialler,
            established: Instant::now(),
            state: AtomicU8::new(WAITING),
            waker: AtomicWaker::new(),
            consensus: Mutex::default(),
            transactions: Mutex::default(),
            neighbours: Mutex::default(),
        }
    }

    fn state(&self) -> u8 {
        self.state.load(Ordering::Acquire)
    }

    /// Goes forward to a state, never back.
    fn advance(&self, to: u8) -> u8 {
        let before = self.state.fetch_max(to, Ordering::AcqRel);
        self.waker.wake();
        before
    }

    /// Whether frames for the peer may be queued.
    pub(crate) fn takes(&self) -> bool {
        matches!(self.state(), READY | ACTIVE)
    }

    /// Whether frames flow.
    pub(crate) fn is_active(&self) -> bool {
        self.state() == ACTIVE
    }

    /// Whether frames of the peer may be read.
    pub(crate) fn is_readable(&self) -> bool {
        matches!(self.state(), ACTIVE | DRAINING)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.state() == DRAINING
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state() == CLOSED
    }

    /// Lets frames be queued.
    pub(crate) fn ready(&self) {
        self.advance(READY);
    }

    /// Lets frames flow.
    pub(crate) fn activate(&self) {
        self.advance(ACTIVE);
    }

    /// Sends nothing new and takes what is under way.
    pub(crate) fn drain(&self) {
        self.advance(DRAINING);
    }

    /// Stops all frames; says whether it was open before.
    pub(crate) fn close(&self) -> bool {
        self.advance(CLOSED) != CLOSED
    }

    fn queue(&self, lane: Lane) -> &Mutex<Queue> {
        match lane {
            Lane::Consensus => &self.consensus,
            Lane::Transactions => &self.transactions,
        }
    }

    /// Queues a frame and says how many older ones had to go for it.
    pub(crate) fn push(&self, lane: Lane, frame: Arc<[u8]>, limits: &Limits) -> usize {
        let (most, most_bytes) = match lane {
            Lane::Consensus => (limits.consensus_queue, limits.consensus_queue_bytes),
            Lane::Transactions => (limits.transactions_queue, limits.transactions_queue_bytes),
        };
        let mut dropped: usize = 0;
        {
            let mut queue = lock(self.queue(lane));
            queue.bytes = queue.bytes.saturating_add(frame.len());
            queue.frames.push_back(frame);
            while queue.frames.len() > 1 && (queue.frames.len() > most || queue.bytes > most_bytes) {
                if let Some(oldest) = queue.frames.pop_front() {
                    queue.bytes = queue.bytes.saturating_sub(oldest.len());
                    dropped = dropped.saturating_add(1);
                }
            }
        }
        self.waker.wake();
        dropped
    }

    /// Takes the oldest frames until `room` bytes are reached; at least one, when there is one.
    pub(crate) fn pop(&self, lane: Lane, room: usize, mut take: impl FnMut(&[u8])) {
        let mut queue = lock(self.queue(lane));
        let mut taken: usize = 0;
        while taken < room {
            let Some(frame) = queue.frames.pop_front() else { break };
            queue.bytes = queue.bytes.saturating_sub(frame.len());
            taken = taken.saturating_add(frame.len());
            take(&frame);
        }
    }

    /// Moves what waits in another link of the same peer into this one.
    pub(crate) fn inherit(&self, other: &Self) {
        for lane in [Lane::Consensus, Lane::Transactions] {
            let theirs = std::mem::take(&mut *lock(other.queue(lane)));
            *lock(self.queue(lane)) = theirs;
        }
    }

    pub(crate) fn set_neighbours(&self, neighbours: BTreeSet<NodeId>) {
        *lock(&self.neighbours) = Some(neighbours);
    }

    /// Whether the peer said that it is not connected to `node`.
    pub(crate) fn lacks(&self, node: &NodeId) -> bool {
        lock(&self.neighbours).as_ref().is_some_and(|n| !n.contains(node))
    }
}

/// Longest frame of a lane in bytes; anything longer is refused before it is read.
pub(crate) const fn longest(lane: Lane) -> usize {
    use crate::message::{MAX_BATCH_BYTES, MAX_LINKS_BYTES, MAX_PROPOSAL_BYTES};
    match lane {
        Lane::Transactions => MAX_BATCH_BYTES + 1,
        Lane::Consensus if MAX_PROPOSAL_BYTES > MAX_LINKS_BYTES => MAX_PROPOSAL_BYTES + 1,
        Lane::Consensus => MAX_LINKS_BYTES + 1,
    }
}

/// The lane on which a frame must arrive.
pub(crate) const fn lane_of(frame: &Frame) -> Lane {
    match frame {
        Frame::Gossip(message) => message.lane(),
        Frame::Links(_) => Lane::Consensus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link {
        Link::new(NodeId([1; 32]), ConnectionId::new_unchecked(1), NodeId([2; 32]))
    }

    fn drain(link: &Link, lane: Lane) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        link.pop(lane, usize::MAX, |f| out.push(f.to_vec()));
        out
    }

    #[test]
    fn a_full_queue_drops_its_oldest_frame() {
        let link = link();
        let limits = Limits { transactions_queue: 2, transactions_queue_bytes: 5, ..Limits::default() };
        assert_eq!(link.push(Lane::Transactions, vec![1, 1].into(), &limits), 0);
        assert_eq!(link.push(Lane::Transactions, vec![2].into(), &limits), 0);
        assert_eq!(link.push(Lane::Transactions, vec![3].into(), &limits), 1);
        assert_eq!(link.push(Lane::Transactions, vec![4; 4].into(), &limits), 1);
        assert_eq!(link.push(Lane::Consensus, vec![9].into(), &limits), 0);
        assert_eq!(drain(&link, Lane::Transactions), vec![vec![3], vec![4; 4]]);
        assert_eq!(drain(&link, Lane::Consensus), vec![vec![9]]);
    }

    #[test]
    fn a_closed_link_stays_closed() {
        let link = link();
        assert!(link.close());
        link.activate();
        link.drain();
        assert!(!link.takes() && !link.is_readable());
        assert!(!link.close());
    }
}
