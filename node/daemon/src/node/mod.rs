//! The node without its outside: consensus, mempool, execution and catch-up over a store.
//!
//! [`Node::handle`] takes one [`Event`] and the time, and returns [`Effect`]s. It opens no socket, starts no thread
//! and reads no clock; the store is the only thing it touches. The real process and the simulation drive the same
//! code.
//!
//! ```text
//!            Submit / Transactions            Proposal, Vote                 Blocks
//!                    |                              |                          |
//!               entry.rs ---> mempool ---> voting.rs (consensus core) <--- following.rs
//!                                               |  Build / NeedBlock           |
//!                                               v                              |
//!                                          blocks.rs (execute, stage)          |
//!                                               |  Decide                      |
//!                                               v                              v
//!                                          commit.rs: one batch to the store, then the next height
//! ```
//!
//! A height begins only when there is a reason: a transaction waits, the interval of empty blocks has passed, or
//! another node has begun. So an idle network is idle, and a silent primary is noticed only when it is needed.
//!
//! Invariant: nothing is sent after `Sync` before the log is durable (outputs of the core are done in order).

mod blocks;
mod commit;
mod entry;
mod event;
pub mod following;
pub mod log;
mod pace;
mod proposed;
mod recovery;
mod report;
mod voting;

pub use report::{REPORT_CONTRACT, REPORT_METHOD};

pub use recovery::Progress;

pub use event::{Checked, Committed, Effect, Event, Halt, Question, RequestId, Submission, Timer, Verdict};

use crate::metrics::Probe;
use althing_consensus::{Engine, Output, Timeouts};
use althing_execution::Executor;
use althing_mempool::Pool;
use althing_state::{Storage, StoreError, Tip};
use althing_sync::Catchup;
use althing_types::{
    authority::AuthorityList,
    certificate::QuorumCertificate,
    crypto::{NodeId, SecretKey},
    genesis::{Genesis, Parameters},
    hash::Hash,
    id::{Height, Round},
    recovery::{ProvenRecovery, SignedRecovery},
};
use pace::Pace;
use proposed::Proposed;
use report::Reports;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Longest time between two status messages, in milliseconds.
const STATUS_INTERVAL_MS: u64 = 2_000;

/// The mempool, shared with those who only look into it.
pub type SharedPool = Arc<Mutex<Pool>>;

/// Requests that the node numbers itself start here; lower numbers are the catch-up machine's.
const FIRST_REQUEST: u64 = 1 << 63;

/// What a node is made of.
pub struct NodeConfig {
    /// The node's key.
    pub key: SecretKey,
    /// The chain's genesis; its state must be in the store already.
    pub genesis: Genesis,
    /// Transactions that wait for a block; readers of the API look into it too.
    pub pool: SharedPool,
    /// Measures where time goes; results never depend on it.
    pub probe: Arc<Probe>,
}

/// The node.
pub struct Node<S: Storage> {
    me: NodeId,
    /// Signs reports; votes are signed by the core's own copy.
    key: SecretKey,
    genesis: Genesis,
    store: Arc<S>,
    executor: Executor,
    engine: Engine,
    pool: SharedPool,
    catchup: Catchup,
    proposed: Proposed,
    reports: Reports,
    probe: Arc<Probe>,
    tip: Tip,
    /// The certificate of the tip, which the next block carries; `None` at height 0.
    certificate: Option<QuorumCertificate>,
    /// The list that decided the tip; `None` at height 0.
    previous_authorities: Option<AuthorityList>,
    /// Who decides the next height: as the state names them, or as the recovery in force does.
    authorities: AuthorityList,
    /// The recovery that the next height begins with, checked against the tip.
    recovery: Option<ProvenRecovery>,
    /// A plan from the API for a height that this node has not reached yet.
    waiting_recovery: Option<SignedRecovery>,
    parameters: Parameters,
    /// The height that the core works on; `None` between two heights.
    working: Option<Height>,
    /// A primary's turn that waits for its pace.
    building: Option<(Height, Round)>,
    /// Decided, but the block is not here yet.
    decided: Option<QuorumCertificate>,
    /// Blocks that the core asked for, by the rounds it asked in.
    needed: Vec<(Height, Round, Hash)>,
    /// Outputs of the core that are still to be carried out.
    outputs: VecDeque<Output>,
    draining: bool,
    last_commit_ms: u64,
    paced_ms: u64,
    /// How much a block of ours takes.
    pace: Pace,
    fetch_turn: usize,
    next_request: u64,
    effects: Vec<Effect>,
}

impl From<StoreError> for Halt {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::DiskFull { .. } => Self::DiskFull { reason: error.to_string() },
            other => Self::Broken { reason: other.to_string() },
        }
    }
}

impl From<althing_execution::ExecutionError> for Halt {
    fn from(error: althing_execution::ExecutionError) -> Self {
        Self::Broken { reason: error.to_string() }
    }
}

impl<S: Storage> Node<S> {
    /// A node over a store that holds at least the genesis state. Call [`Node::start`] next.
    ///
    /// # Errors
    /// [`Halt`] when the store cannot be read or does not belong to the genesis.
    pub fn new(config: NodeConfig, store: Arc<S>, executor: Executor) -> Result<Self, Halt> {
        let NodeConfig { key, genesis, pool, probe } = config;
        let me = NodeId::from(key.public());
        let broken = |reason: &str| Halt::Broken { reason: reason.into() };
        let tip = store.tip()?.ok_or_else(|| broken("the store holds no genesis state"))?;
        let authorities = store
            .authorities(tip.height.next())?
            .ok_or_else(|| broken("the store holds no authority list for the next height"))?;
        let (certificate, previous_authorities) = if tip.height == Height(0) {
            (None, None)
        } else {
            (store.certificate(tip.height)?, store.authorities(tip.height)?)
        };
        let parameters = Executor::parameters(&*store.view())?;
        let engine = Engine::new(genesis.chain.clone(), me, Box::new(key.clone()));
        let mut node = Self {
            me,
            key,
            genesis,
            catchup: Catchup::new(althing_sync::Limits::default(), tip.height),
            store,
            executor,
            engine,
            pool,
            proposed: Proposed::default(),
            reports: Reports::default(),
            pace: Pace::new(parameters.max_block_fuel),
            probe,
            tip,
            certificate,
            previous_authorities,
            authorities,
            recovery: None,
            waiting_recovery: None,
            parameters,
            working: None,
            building: None,
            decided: None,
            needed: Vec::new(),
            outputs: VecDeque::new(),
            draining: false,
            last_commit_ms: 0,
            paced_ms: 0,
            fetch_turn: 0,
            next_request: FIRST_REQUEST,
            effects: Vec::new(),
        };
        node.resume_recovery()?;
        Ok(node)
    }

    /// Begins work: replays the log of the height that was under way, and announces itself.
    ///
    /// # Errors
    /// [`Halt`] when the store fails or the log cannot be read.
    pub fn start(&mut self, now_ms: u64) -> Result<Vec<Effect>, Halt> {
        self.last_commit_ms = now_ms;
        let members = Executor::members(&*self.store.view())?;
        self.effect(Effect::Members(members.unwrap_or_else(|| self.genesis.member_list())));
        self.replay(now_ms)?;
        self.announce();
        self.pace(now_ms)?;
        self.report(now_ms)?;
        Ok(std::mem::take(&mut self.effects))
    }

    /// Handles one event.
    ///
    /// # Errors
    /// [`Halt`]: the node must not be used again; its store is consistent.
    pub fn handle(&mut self, now_ms: u64, event: Event) -> Result<Vec<Effect>, Halt> {
        match event {
            Event::Proposal { from, proposal, block } => self.on_proposal(now_ms, from, proposal, block)?,
            Event::Vote(vote) => self.on_vote(now_ms, vote)?,
            Event::PeerStatus { from, height } => self.on_peer_height(now_ms, from, height)?,
            Event::Transactions { from, transactions } => self.on_transactions(now_ms, from, transactions)?,
            Event::Submit { submission, transactions } => self.on_submit(now_ms, submission, transactions)?,
            Event::Recover { submission, recovery } => self.on_recover(now_ms, submission, *recovery)?,
            Event::PeerRecovery { from, recovery } => self.on_peer_recovery(now_ms, from, *recovery)?,
            Event::Request { from, question, request } => self.on_request(from, question, request)?,
            Event::Blocks { request, blocks, .. } => self.on_blocks(now_ms, request, blocks)?,
            Event::Fetched { from, transactions, .. } => self.on_fetched(now_ms, from, transactions)?,
            Event::FetchedBlock { from, block, .. } => self.on_fetched_block(now_ms, from, block)?,
            Event::PeerConnected(_) => {
                self.announce();
                self.pass_on();
            }
            Event::PeerDisconnected(node) => self.on_disconnected(now_ms, node)?,
            Event::Timer(Timer::Consensus(key)) => self.on_consensus_timer(now_ms, key)?,
            Event::Timer(Timer::Pace) => self.pace(now_ms)?,
            Event::Timer(Timer::Status) => {
                self.announce();
                self.pass_on();
                self.tick_catchup(now_ms)?;
            }
            Event::Timer(Timer::CatchUp) => self.tick_catchup(now_ms)?,
            Event::Timer(Timer::Fetch) => self.fetch_missing(now_ms)?,
        }
        self.report(now_ms)?;
        Ok(std::mem::take(&mut self.effects))
    }

    /// The last final block.
    pub const fn tip(&self) -> &Tip {
        &self.tip
    }

    /// Transactions that wait for a block.
    pub fn waiting(&self) -> usize {
        self.pool().len()
    }

    /// This node's identity.
    pub const fn id(&self) -> NodeId {
        self.me
    }

    /// The store.
    pub const fn store(&self) -> &Arc<S> {
        &self.store
    }

    /// The mempool. A thread that panicked while it looked into it has not changed it.
    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_height(&self) -> Height {
        self.tip.height.next()
    }

    fn timeouts(&self) -> Timeouts {
        Timeouts::from(&self.parameters)
    }

    fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    fn timer(&mut self, timer: Timer, after_ms: u64) {
        self.effect(Effect::SetTimer { timer, after_ms });
    }

    fn new_request(&mut self) -> RequestId {
        self.next_request = self.next_request.saturating_add(1);
        RequestId(self.next_request)
    }

    fn announce(&mut self) {
        self.effect(Effect::Publish(althing_network::Gossip::Status { height: self.tip.height }));
        self.tell_recovery();
        self.timer(Timer::Status, STATUS_INTERVAL_MS);
    }
}
