//! The node's side of the network: calls that never wait, from any thread.

use crate::{
    config::{Config, Peer},
    event::{CallError, Channel, Counters, Event, Published, RequestId, StartError},
    message::{
        BATCH_TARGET_BYTES, Frame, Gossip, Lane, MAX_BATCH, MAX_BATCH_BYTES, MAX_PROPOSAL_BYTES, MAX_RECOVERY_BYTES,
        MAX_STATUS_BYTES, MAX_VOTE_BYTES, Request, Response,
    },
    shared::Shared,
    task::{Call, Task},
};
use althing_types::{
    codec,
    crypto::NodeId,
    transaction::{MAX_TRANSACTION, SignedTransaction},
};
use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::mpsc;
use tracing::Instrument;

/// Calls that may wait for the swarm's task.
const CALLS: usize = 1024;
/// Our own requests that may be without an answer.
const REQUESTS: usize = 256;

/// Starts the network on a runtime and returns at once.
///
/// `sink` takes every event; it is called on the runtime's threads, must return at once, and returns `false` when the
/// node cannot take the event now. Then a message is dropped and counted, a question is answered `Busy`, and the
/// others are offered again (the answer to a request as [`crate::RequestError::Lost`]). Votes and proposals deserve a
/// channel of their own, so that transactions cannot fill it.
///
/// # Errors
/// [`StartError`] when the key is unusable or the address cannot be listened on.
pub fn start(
    config: Config,
    runtime: &tokio::runtime::Handle,
    sink: impl Fn(Event) -> bool + Send + Sync + 'static,
) -> Result<Handle, StartError> {
    let _inside = runtime.enter();
    let me = NodeId::from(config.key.public());
    let shared = Arc::new(Shared::new(me, config.limits.clone(), config.members.clone(), Box::new(sink)));
    let (calls, receiver) = mpsc::channel(CALLS);
    let task = Task::new(config, Arc::clone(&shared), receiver)?;
    runtime.spawn(task.run().in_current_span());
    Ok(Handle { inner: Arc::new(Inner { shared, calls, next: AtomicU64::new(1) }) })
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) calls: mpsc::Sender<Call>,
    next: AtomicU64,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The node's side of the network. Clones share one network; it ends with [`Handle::shutdown`] or with the last clone.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(crate) inner: Arc<Inner>,
}

impl Handle {
    /// Queues a message for every connected member; a full queue drops its oldest message.
    ///
    /// # Errors
    /// [`CallError::TooLong`] when the message exceeds its limit, [`CallError::Closed`] after the shutdown.
    pub fn publish(&self, message: &Gossip) -> Result<Published, CallError> {
        let frame = encoded(message)?;
        Ok(self.open()?.broadcast(message.lane(), &frame))
    }

    /// Queues a message for one member; does nothing when it is not connected.
    ///
    /// # Errors
    /// [`CallError::TooLong`] when the message exceeds its limit, [`CallError::Closed`] after the shutdown.
    pub fn send(&self, to: &NodeId, message: &Gossip) -> Result<Published, CallError> {
        let frame = encoded(message)?;
        Ok(self.open()?.send(to, message.lane(), &frame))
    }

    /// Queues transactions for every connected member, cut into batches, without copying them first.
    ///
    /// `peers` of the result is that of the last batch, `dropped` the sum of all.
    ///
    /// # Errors
    /// [`CallError::TooLong`] when one of them exceeds the limit, [`CallError::Closed`] after the shutdown; those
    /// before it may be queued.
    pub fn publish_transactions<'a>(
        &self,
        transactions: impl IntoIterator<Item = &'a SignedTransaction>,
    ) -> Result<Published, CallError> {
        let shared = self.open()?;
        let mut published = Published::default();
        let mut batch = Batch::default();
        let mut flush = |batch: &mut Batch| {
            if let Some(frame) = batch.finish() {
                let sent = shared.broadcast(Lane::Transactions, &frame);
                published.peers = sent.peers;
                published.dropped = published.dropped.saturating_add(sent.dropped);
            }
        };
        for transaction in transactions {
            let bytes = codec::encode(transaction);
            if bytes.len() > MAX_TRANSACTION {
                let (found, maximum) = (bytes.len(), MAX_TRANSACTION);
                return Err(CallError::TooLong { what: "transaction", found, maximum });
            }
            if !batch.fits(bytes.len()) {
                flush(&mut batch);
            }
            batch.add(&bytes);
        }
        flush(&mut batch);
        Ok(published)
    }

    /// Asks a member; [`Event::Response`] with this id follows in any case, unless the network is shut down before.
    ///
    /// # Errors
    /// [`CallError`] when too many calls or requests wait or the network is shut down; then no event follows.
    pub fn request(&self, to: NodeId, request: Request) -> Result<RequestId, CallError> {
        let waiting = &self.open()?.requests;
        let more = |n: usize| if n < REQUESTS { n.checked_add(1) } else { None };
        if waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_err() {
            return Err(CallError::Full { waiting: REQUESTS });
        }
        let id = RequestId(self.inner.next.fetch_add(1, Ordering::Relaxed));
        self.call(Call::Request(to, request, id)).inspect_err(|_| {
            let _ = waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, |n| n.checked_sub(1));
        })?;
        Ok(id)
    }

    /// Answers a question. An answer that is too long is replaced by `Busy`.
    ///
    /// # Errors
    /// [`CallError`] when it was too long, too many calls wait, or the network is shut down.
    pub fn respond(&self, channel: Channel, response: Response) -> Result<(), CallError> {
        let bytes = codec::encode(&response);
        let (found, maximum) = (bytes.len(), Response::maximum(bytes.first().copied().unwrap_or(u8::MAX)));
        if found > maximum {
            self.call(Call::Respond(channel, codec::encode(&Response::Busy)))?;
            return Err(CallError::TooLong { what: "response", found, maximum });
        }
        self.call(Call::Respond(channel, bytes))
    }

    fn call(&self, call: Call) -> Result<(), CallError> {
        self.inner.calls.try_send(call).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => CallError::Full { waiting: CALLS },
            mpsc::error::TrySendError::Closed(_) => CallError::Closed,
        })
    }

    fn open(&self) -> Result<&Shared, CallError> {
        if self.inner.shared.is_closing() { Err(CallError::Closed) } else { Ok(&self.inner.shared) }
    }

    /// Says who may be connected from now on, whoever dials; all others are disconnected at once. Those that are new
    /// and have a known address are dialled at once.
    pub fn set_members(&self, members: BTreeSet<NodeId>) {
        self.inner.shared.set_members(members);
    }

    /// Says whom to dial from now on, beside [`Config::peers`]; replaces what was said before. Only members are
    /// dialled. A connection is not ended because its peer is listed no longer.
    pub fn set_peers(&self, peers: Vec<Peer>) {
        self.inner.shared.set_peers(peers);
    }

    /// Disconnects a peer that broke the rules and keeps it away for [`crate::Limits::ban`].
    pub fn penalise(&self, node: &NodeId, reason: &str) {
        self.inner.shared.penalise(node, reason);
    }

    /// Connected members, ascending.
    pub fn peers(&self) -> Vec<NodeId> {
        self.inner.shared.peers()
    }

    /// Where we listen, once we do.
    pub fn listen_address(&self) -> Option<SocketAddr> {
        self.inner.shared.listen.get().copied()
    }

    /// Counts since the start.
    pub fn counters(&self) -> Counters {
        self.inner.shared.counts.snapshot(self.peers().len())
    }

    /// Ends the network: refuses new calls and closes every connection. Does not wait for it.
    pub fn shutdown(&self) {
        self.inner.shared.close();
    }

    /// Waits until the network has ended after [`Handle::shutdown`]; `false` when it takes longer than `most`.
    ///
    /// Blocks the calling thread; not for threads of the network's own runtime.
    pub fn wait_closed(&self, most: Duration) -> bool {
        self.inner.shared.wait_finished(most)
    }
}

fn encoded(message: &Gossip) -> Result<Arc<[u8]>, CallError> {
    let (what, maximum) = match message {
        Gossip::Proposal { .. } => ("proposal", MAX_PROPOSAL_BYTES),
        Gossip::Vote(_) => ("vote", MAX_VOTE_BYTES),
        Gossip::Transactions(_) => ("transactions", MAX_BATCH_BYTES),
        Gossip::Status { .. } => ("status", MAX_STATUS_BYTES),
        Gossip::Recovery(_) => ("recovery", MAX_RECOVERY_BYTES),
    };
    let frame = Frame::encode_gossip(message);
    let found = frame.len().saturating_sub(1);
    if found > maximum { Err(CallError::TooLong { what, found, maximum }) } else { Ok(frame.into()) }
}

/// Encoded transactions that will become one frame.
#[derive(Default)]
struct Batch {
    count: u32,
    bytes: Vec<u8>,
}

impl Batch {
    /// Frame tag, message tag, count.
    const HEAD: [u8; 6] = [0, 2, 0, 0, 0, 0];

    fn fits(&self, more: usize) -> bool {
        self.count == 0
            || ((self.count as usize) < MAX_BATCH && self.bytes.len().saturating_add(more) <= BATCH_TARGET_BYTES)
    }

    fn add(&mut self, transaction: &[u8]) {
        if self.count == 0 {
            self.bytes.extend_from_slice(&Self::HEAD);
        }
        self.count = self.count.saturating_add(1);
        self.bytes.extend_from_slice(transaction);
    }

    fn finish(&mut self) -> Option<Arc<[u8]>> {
        let count = std::mem::take(&mut self.count).to_le_bytes();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.get_mut(2..6)?.copy_from_slice(&count);
        Some(bytes.into())
    }
}
