//! The node's thread: one loop over one closed set of inputs, with timers.
//!
//! ```text
//! network ── votes, proposals, answers ──────────────► │ urgent │
//!         └─ transactions ─► verifier thread ────────► │ bulk   │ ─► Node::handle ─► effects ─► network, API
//! API ───── transactions (verified on its side) ─────► │ bulk   │
//! ```
//! Urgent inputs go first, so that a flood of transactions cannot hold up a vote.

use crate::{
    contacts::{Contacts, Standpoint},
    metrics::Probe,
    node::{Effect, Event, Halt, Node, Progress, Question, RequestId, Submission, Timer, Verdict},
    preverify,
    wire::Wire,
};
use althing_network::{Channel, Request, Response};
use althing_state::Storage;
use althing_types::{
    crypto::NodeId,
    govern::MemberList,
    id::Height,
    recovery::{RecoveryError, SignedRecovery},
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::sync::{oneshot, watch};

/// Urgent inputs that may wait; beyond it the network is told that we are busy.
const URGENT_QUEUE: usize = 16_384;
/// Batches of transactions that may wait.
const BULK_QUEUE: usize = 512;
/// Longest sleep of the loop.
const IDLE: Duration = Duration::from_secs(1);
/// How long a node that was removed stays connected, so that it gets the block that says so.
const FAREWELL: Duration = Duration::from_secs(5);

/// What reaches the node's thread beside bulk transactions.
#[derive(Debug)]
pub enum Urgent {
    /// From the network, signatures not checked.
    Network(althing_network::Event),
    /// From our own verifier.
    Event(Event),
    /// A plan to go on after the loss of the quorum, from the API.
    Recover {
        /// The plan.
        recovery: Box<SignedRecovery>,
        /// Where the outcome goes.
        reply: oneshot::Sender<Recovered>,
    },
    /// End.
    Stop,
}

/// What became of a plan.
pub type Recovered = Result<Progress, RecoveryError>;

/// Transactions with checked signatures.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "a few hundred of them at most, moved once")]
pub enum Bulk {
    /// From a peer, or fetched for a proposed block.
    Event(Event),
    /// From the API.
    Submit {
        /// The transactions.
        transactions: Vec<crate::node::Checked>,
        /// Where the verdicts go.
        reply: oneshot::Sender<Vec<Verdict>>,
    },
}

/// What waits for the verifier thread.
#[derive(Debug)]
enum Unverified {
    Gossip(NodeId, Vec<althing_types::transaction::SignedTransaction>),
    Fetched(NodeId, RequestId, Option<Vec<althing_types::transaction::SignedTransaction>>),
}

/// The sending ends.
#[derive(Clone, Debug)]
pub struct Inbox {
    urgent: Sender<Urgent>,
    bulk: Sender<Bulk>,
}

/// The receiving ends.
#[derive(Debug)]
pub struct Outbox {
    urgent: Receiver<Urgent>,
    bulk: Receiver<Bulk>,
}

/// The channels into the node's thread.
pub fn channels() -> (Inbox, Outbox) {
    let (urgent, urgent_end) = bounded(URGENT_QUEUE);
    let (bulk, bulk_end) = bounded(BULK_QUEUE);
    (Inbox { urgent, bulk }, Outbox { urgent: urgent_end, bulk: bulk_end })
}

impl Inbox {
    /// Gives a network event; `false` when there is no room.
    pub fn network(&self, event: althing_network::Event) -> bool {
        self.urgent.try_send(Urgent::Network(event)).is_ok()
    }
    /// Gives transactions of the API; the receiver fails when there is no room or the node has stopped.
    pub fn submit(&self, transactions: Vec<crate::node::Checked>) -> Option<oneshot::Receiver<Vec<Verdict>>> {
        let (reply, answer) = oneshot::channel();
        match self.bulk.try_send(Bulk::Submit { transactions, reply }) {
            Ok(()) => Some(answer),
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => None,
        }
    }
    /// Gives a plan of the API; the receiver fails when there is no room or the node has stopped.
    pub fn recover(&self, recovery: SignedRecovery) -> Option<oneshot::Receiver<Recovered>> {
        let (reply, answer) = oneshot::channel();
        let given = self.urgent.try_send(Urgent::Recover { recovery: Box::new(recovery), reply });
        given.ok().map(|()| answer)
    }
    /// Ends the node's thread after what it is doing.
    pub fn stop(&self) {
        // A full queue is drained by the thread; blocking here is bounded by its next step.
        let _ = self.urgent.send(Urgent::Stop);
    }
}

impl Outbox {
    /// Throws away what waits, while no node can take it.
    pub fn discard(&self) {
        while self.urgent.try_recv().is_ok() {}
        while self.bulk.try_recv().is_ok() {}
    }
}

/// What others may know of the node while it runs.
#[derive(Debug)]
pub struct Shared {
    /// Last final height.
    pub tip: watch::Sender<Height>,
    /// Greatest height that a peer said it has.
    pub highest: AtomicU64,
    /// Whether the node is fetching blocks.
    pub syncing: AtomicBool,
    /// Whether the node is in the member list of its own state; if not, nobody takes anything from it.
    pub member: AtomicBool,
}

impl Shared {
    /// At this height, knowing of no peer.
    pub fn new(height: Height) -> Self {
        Self {
            tip: watch::Sender::new(height),
            highest: AtomicU64::new(0),
            syncing: AtomicBool::new(false),
            member: AtomicBool::new(false),
        }
    }
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Runs a node until it is stopped or halts.
pub struct Driver<S: Storage, W: Wire> {
    node: Node<S>,
    network: W,
    contacts: Contacts,
    /// When those who were removed are cut off.
    parting: Option<Instant>,
    outbox: Outbox,
    verifier: Sender<Unverified>,
    shared: Arc<Shared>,
    probe: Arc<Probe>,
    timers: BTreeMap<Timer, Instant>,
    questions: BTreeMap<Question, Channel>,
    requests: BTreeMap<althing_network::RequestId, (NodeId, RequestId, Asked)>,
    submissions: BTreeMap<Submission, oneshot::Sender<Vec<Verdict>>>,
    recoveries: BTreeMap<Submission, oneshot::Sender<Recovered>>,
    failed: Vec<Event>,
    next: u64,
}

#[derive(Clone, Copy, Debug)]
enum Asked {
    Blocks,
    Transactions,
    CompactBlock,
}

impl<S: Storage + 'static, W: Wire> Driver<S, W> {
    /// A driver; starts its verifier thread, which ends with it.
    pub fn new(
        node: Node<S>,
        network: W,
        contacts: Contacts,
        inbox: &Inbox,
        outbox: Outbox,
        shared: Arc<Shared>,
        probe: Arc<Probe>,
    ) -> std::io::Result<Self> {
        let (verifier, unverified) = bounded::<Unverified>(BULK_QUEUE);
        let (bulk, urgent) = (inbox.bulk.clone(), inbox.urgent.clone());
        let (handle, measured) = (network.clone(), Arc::clone(&probe));
        let span = tracing::Span::current();
        std::thread::Builder::new().name("verifier".into()).spawn(move || {
            let _inside = span.enter();
            for item in unverified {
                let done = measured.time("verify", || verify(item));
                let sent = match done {
                    Ok(event @ Event::Fetched { .. }) => urgent.send(Urgent::Event(event)).is_ok(),
                    Ok(event) => bulk.send(Bulk::Event(event)).is_ok(),
                    Err((from, reason)) => {
                        measured.refuse();
                        handle.penalise(&from, reason);
                        true
                    }
                };
                if !sent {
                    return;
                }
            }
        })?;
        Ok(Self {
            node,
            network,
            contacts,
            parting: None,
            outbox,
            verifier,
            shared,
            probe,
            timers: BTreeMap::new(),
            questions: BTreeMap::new(),
            requests: BTreeMap::new(),
            submissions: BTreeMap::new(),
            recoveries: BTreeMap::new(),
            failed: Vec::new(),
            next: 0,
        })
    }

    /// Runs until [`Inbox::stop`]. The receiving ends come back, so that another node can go on with them.
    ///
    /// # Errors
    /// [`Halt`] when the node cannot go on.
    pub fn run(mut self) -> (Outbox, Result<(), Halt>) {
        let result = self.run_loop();
        (self.outbox, result)
    }

    fn run_loop(&mut self) -> Result<(), Halt> {
        let effects = self.node.start(now_ms())?;
        self.carry_out(effects);
        self.publish_figures();
        loop {
            self.run_timers()?;
            while let Some(event) = self.failed.pop() {
                self.handle(event)?;
            }
            match self.outbox.urgent.try_recv() {
                Ok(Urgent::Stop) => return Ok(()),
                Ok(urgent) => {
                    self.on_urgent(urgent)?;
                    continue;
                }
                Err(_) => {}
            }
            if let Ok(bulk) = self.outbox.bulk.try_recv() {
                self.on_bulk(bulk)?;
                continue;
            }
            self.publish_figures();
            self.wait();
        }
    }

    /// Sleeps until something comes or a timer is due.
    fn wait(&self) {
        let now = Instant::now();
        let until = self.timers.values().min().map_or(IDLE, |at| at.saturating_duration_since(now).min(IDLE));
        let mut select = crossbeam_channel::Select::new();
        select.recv(&self.outbox.urgent);
        select.recv(&self.outbox.bulk);
        // Which one is ready is found out by the loop, in its order of urgency.
        let _ = select.ready_timeout(until);
    }

    fn run_timers(&mut self) -> Result<(), Halt> {
        let now = Instant::now();
        let due: Vec<Timer> = self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            if self.timers.remove(&timer).is_some() {
                self.handle(Event::Timer(timer))?;
            }
        }
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Halt> {
        let probe = Arc::clone(&self.probe);
        let effects = probe.time("handle", || self.node.handle(now_ms(), event))?;
        self.carry_out(effects);
        Ok(())
    }

    fn on_bulk(&mut self, bulk: Bulk) -> Result<(), Halt> {
        match bulk {
            Bulk::Event(event) => self.handle(event),
            Bulk::Submit { transactions, reply } => {
                self.next = self.next.wrapping_add(1);
                let submission = Submission(self.next);
                self.submissions.insert(submission, reply);
                self.handle(Event::Submit { submission, transactions })
            }
        }
    }

    fn on_urgent(&mut self, urgent: Urgent) -> Result<(), Halt> {
        match urgent {
            Urgent::Network(event) => self.on_network(event),
            Urgent::Event(event) => self.handle(event),
            Urgent::Recover { recovery, reply } => {
                self.next = self.next.wrapping_add(1);
                let submission = Submission(self.next);
                self.recoveries.insert(submission, reply);
                self.handle(Event::Recover { submission, recovery })
            }
            Urgent::Stop => Ok(()),
        }
    }

    fn on_network(&mut self, event: althing_network::Event) -> Result<(), Halt> {
        use althing_network::{Event as Net, Gossip};
        match event {
            Net::Listening { address } => {
                tracing::info!(%address, "listening for members");
                Ok(())
            }
            Net::PeerConnected { node } => {
                tracing::info!(%node, "member connected");
                self.handle(Event::PeerConnected(node))
            }
            Net::PeerDisconnected { node } => {
                tracing::info!(%node, "member disconnected");
                self.handle(Event::PeerDisconnected(node))
            }
            Net::Gossip { from, message: Gossip::Transactions(batch) } => {
                if self.verifier.try_send(Unverified::Gossip(from, batch.into_vec())).is_err() {
                    self.probe.refuse();
                }
                Ok(())
            }
            Net::Gossip { from, message } => match preverify::gossip(from, message) {
                Ok(event) => self.handle(event),
                Err(reason) => {
                    self.probe.refuse();
                    self.network.penalise(&from, reason);
                    Ok(())
                }
            },
            Net::Request { from, request, channel } => {
                self.next = self.next.wrapping_add(1);
                let question = Question(self.next);
                self.questions.insert(question, channel);
                self.handle(Event::Request { from, question, request })
            }
            Net::Response { id, result, .. } => self.on_response(id, result.ok()),
        }
    }

    fn on_response(&mut self, id: althing_network::RequestId, response: Option<Response>) -> Result<(), Halt> {
        let Some((from, request, asked)) = self.requests.remove(&id) else { return Ok(()) };
        match (asked, response) {
            (Asked::Blocks, Some(Response::Blocks(blocks))) => {
                self.handle(Event::Blocks { from, request, blocks: Some(blocks.into_vec()) })
            }
            (Asked::Blocks, _) => self.handle(Event::Blocks { from, request, blocks: None }),
            (Asked::CompactBlock, response) => {
                let block = if let Some(Response::CompactBlock(block)) = response { block } else { None };
                self.handle(Event::FetchedBlock { from, request, block })
            }
            (Asked::Transactions, response) => {
                let transactions =
                    if let Some(Response::Transactions(list)) = response { Some(list.into_vec()) } else { None };
                if self.verifier.try_send(Unverified::Fetched(from, request, transactions)).is_err() {
                    return self.handle(Event::Fetched { from, request, transactions: None });
                }
                Ok(())
            }
        }
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Publish(message) => self.report(self.network.publish(&message)),
                Effect::PublishTransactions(transactions) => {
                    let signed = transactions.iter().map(|t| t.signed());
                    self.report(self.network.publish_transactions(signed));
                }
                Effect::Request { to, id, request } => self.request(to, id, request),
                Effect::Respond { question, response } => {
                    if let Some(channel) = self.questions.remove(&question) {
                        self.report(self.network.respond(channel, response));
                    }
                }
                Effect::SetTimer { timer, after_ms } => {
                    let at = Instant::now().checked_add(Duration::from_millis(after_ms));
                    if let Some(at) = at {
                        self.timers.insert(timer, at);
                    }
                }
                Effect::CancelTimer(timer) => {
                    self.timers.remove(&timer);
                }
                Effect::Penalise { node, reason } => {
                    tracing::warn!(%node, reason, "peer penalised");
                    self.probe.refuse();
                    self.network.penalise(&node, &reason);
                }
                Effect::Verdicts { submission, verdicts } => {
                    if let Some(reply) = self.submissions.remove(&submission) {
                        // The client may have gone; its transactions are in the pool all the same.
                        let _ = reply.send(verdicts);
                    }
                }
                Effect::Recovered { submission, outcome } => {
                    if let Some(reply) = self.recoveries.remove(&submission) {
                        // The client may have gone; the plan is taken or refused all the same.
                        let _ = reply.send(outcome);
                    }
                }
                Effect::Members(list) => self.on_members(list),
                Effect::Committed(committed) => {
                    let settled = self.contacts.committed(committed.caught_up);
                    let parted = self.parting.is_some_and(|at| at <= Instant::now()) && self.contacts.part();
                    if settled || parted {
                        self.parting = self.parting.filter(|_| !parted);
                        self.network.set_members(self.contacts.admitted());
                    }
                    self.shared.tip.send_replace(committed.height);
                }
            }
        }
    }

    /// The member list of the state: at the start, and whenever it has changed.
    fn on_members(&mut self, list: MemberList) {
        let members = list.nodes.len();
        match self.contacts.set_list(list) {
            Standpoint::Same => tracing::debug!(members, "member list"),
            Standpoint::Joined => tracing::info!(members, "this node is a member now"),
            Standpoint::Left => tracing::warn!(
                members,
                "this node is no member any more: the others refuse it, and what it shows stays as it is"
            ),
        }
        if self.contacts.has_leaving() && self.parting.is_none() {
            self.parting = Instant::now().checked_add(FAREWELL);
        }
        self.shared.member.store(self.contacts.is_member(), Ordering::Relaxed);
        self.network.set_members(self.contacts.admitted());
        self.network.set_peers(self.contacts.addresses());
    }

    fn request(&mut self, to: NodeId, id: RequestId, request: Request) {
        let asked = match request {
            Request::Blocks { .. } => Asked::Blocks,
            Request::Transactions { .. } => Asked::Transactions,
            Request::CompactBlock { .. } => Asked::CompactBlock,
        };
        match self.network.request(to, request) {
            Ok(wire) => {
                self.requests.insert(wire, (to, id, asked));
            }
            Err(_) => self.failed.push(match asked {
                Asked::Blocks => Event::Blocks { from: to, request: id, blocks: None },
                Asked::Transactions => Event::Fetched { from: to, request: id, transactions: None },
                Asked::CompactBlock => Event::FetchedBlock { from: to, request: id, block: None },
            }),
        }
    }

    fn report(&self, result: Result<(), althing_network::CallError>) {
        if let Err(error) = result {
            tracing::warn!(%error, "the network did not take a message");
        }
    }

    fn publish_figures(&self) {
        self.probe.set_waiting(self.node.waiting());
        self.probe.set_peers(self.network.connected());
        self.shared.highest.store(self.node.highest_known().0, Ordering::Relaxed);
        self.shared.syncing.store(self.node.is_syncing(), Ordering::Relaxed);
    }
}

fn verify(item: Unverified) -> Result<Event, (NodeId, &'static str)> {
    match item {
        Unverified::Gossip(from, batch) => {
            let checked: Option<Vec<_>> = preverify::transactions(batch).into_iter().collect();
            let transactions = checked.ok_or((from, "a transaction with a bad signature"))?;
            Ok(Event::Transactions { from, transactions })
        }
        Unverified::Fetched(from, request, batch) => {
            let transactions = batch.map(|b| preverify::transactions(b).into_iter().flatten().collect());
            Ok(Event::Fetched { from, request, transactions })
        }
    }
}
