//! The catch-up machine; see the crate's description.
//!
//! ```text
//!  status, disconnect ──► peers ──┐
//!                                 ├─► plan ──► Request{peer, from, count} ──► in flight ──┐
//!  tip (ours) ──► what is missing ┘      ▲                                               │ response
//!      ▲                                 └──────── time-out, refusal, disconnect ◄───────┤
//!      │                                                                                 ▼
//!      └────────── the caller applies ◄── Apply(blocks in order) ◄── buffer (by height, bounded)
//! ```
//!
//! Nobody is believed: a height that a peer claims only decides whom to ask. A peer that claims blocks and does not
//! give them is left alone for a while, longer each time, and its ranges go to others; ranges are always planned anew
//! from what is missing now and from what peers claim now, so neither a false nor a falling height can stall it.

use althing_types::{block::Block, certificate::QuorumCertificate, crypto::NodeId, id::Height};
use std::collections::BTreeMap;

/// Names a request; numbers only grow.
pub type RequestId = u64;

/// A block with the reason it is final.
pub type CertifiedBlock = (Block, QuorumCertificate);

/// Bounds and times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most blocks of one request.
    pub batch: u32,
    /// Most requests at a time; each peer has at most one.
    pub requests: usize,
    /// Bytes of received blocks from which on only the very next blocks are asked for.
    pub buffer_bytes: usize,
    /// Most peers that are remembered.
    pub peers: usize,
    /// How long a peer has to answer.
    pub timeout_ms: u64,
    /// How long a peer that is busy is left alone.
    pub busy_ms: u64,
    /// How long a peer that failed is left alone the first time; doubles each time, 64-fold at most.
    pub penalty_ms: u64,
    /// How long being behind by one block only is left to consensus.
    pub patience_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch: 32,
            requests: 4,
            buffer_bytes: 16 * 1024 * 1024,
            peers: 256,
            timeout_ms: 5_000,
            busy_ms: 500,
            penalty_ms: 1_000,
            patience_ms: 1_000,
        }
    }
}

/// What came back for a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Blocks from the first one asked for on, as many as the peer wanted to give.
    Blocks {
        /// The blocks.
        blocks: Vec<CertifiedBlock>,
        /// Their length on the wire.
        bytes: usize,
    },
    /// The peer has no time now.
    Busy,
    /// The request failed on the way, or the answer was no answer.
    Failed,
}

/// What happens.
#[derive(Clone, Debug)]
pub enum Input {
    /// A peer says how far it is.
    Status {
        /// The peer.
        peer: NodeId,
        /// Its last block.
        height: Height,
    },
    /// A peer is gone.
    Disconnected {
        /// The peer.
        peer: NodeId,
    },
    /// Our own last block, whenever it changed, by whatever way.
    Tip {
        /// Its height.
        height: Height,
    },
    /// An answer to a request.
    Answered {
        /// The request.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// A block that was given out by [`Output::Apply`] is not valid.
    Rejected {
        /// Its height.
        height: Height,
    },
    /// Time has passed.
    Tick,
}

/// What a peer did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It did not answer in time, or not at all.
    NoAnswer,
    /// It claimed blocks and gave none.
    Empty,
    /// It gave other blocks than asked for, or blocks that do not belong together.
    Unasked,
    /// It gave a block that is not valid. Blocks are certified, so this is no accident.
    Invalid,
}

/// What is to be done.
#[derive(Clone, Debug)]
pub enum Output {
    /// Ask a peer for blocks.
    Request {
        /// Names the request.
        id: RequestId,
        /// Whom to ask.
        peer: NodeId,
        /// The first block.
        from: Height,
        /// How many.
        count: u32,
    },
    /// Check and apply these blocks, in order; then tell [`Input::Tip`] or [`Input::Rejected`].
    Apply(Vec<CertifiedBlock>),
    /// A peer misbehaved.
    Penalise {
        /// The peer.
        peer: NodeId,
        /// What it did.
        fault: Fault,
    },
}

#[derive(Clone, Copy, Debug)]
struct Peer {
    height: Height,
    /// Not asked before this time.
    rest_until_ms: u64,
    failures: u32,
    /// The last request it got, so that peers take turns.
    last: RequestId,
    busy_with: Option<RequestId>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    peer: NodeId,
    from: Height,
    count: u32,
    deadline_ms: u64,
}

#[derive(Clone, Debug)]
struct Received {
    block: CertifiedBlock,
    bytes: usize,
}

/// The machine.
#[derive(Debug)]
pub struct Catchup {
    limits: Limits,
    tip: Height,
    peers: BTreeMap<NodeId, Peer>,
    requests: BTreeMap<RequestId, InFlight>,
    next_request: RequestId,
    received: BTreeMap<Height, Received>,
    received_bytes: usize,
    /// Who gave the blocks above the tip, be they buffered or given out.
    sources: BTreeMap<Height, NodeId>,
    /// The last height given out; not above the tip when nothing is.
    applying: Height,
    /// Since when peers were ahead.
    behind_since_ms: Option<u64>,
    deadline_ms: Option<u64>,
}

impl Catchup {
    /// A machine that knows nobody yet.
    pub const fn new(limits: Limits, tip: Height) -> Self {
        Self {
            limits,
            tip,
            peers: BTreeMap::new(),
            requests: BTreeMap::new(),
            next_request: 1,
            received: BTreeMap::new(),
            received_bytes: 0,
            sources: BTreeMap::new(),
            applying: tip,
            behind_since_ms: None,
            deadline_ms: None,
        }
    }

    /// Takes an input in and says what is to be done now, in order.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Output> {
        let mut out = Vec::new();
        match input {
            Input::Status { peer, height } => self.heard(peer, height),
            Input::Disconnected { peer } => self.forget(&peer),
            Input::Tip { height } => self.advance(height),
            Input::Answered { request, answer } => self.answered(now_ms, request, answer, &mut out),
            Input::Rejected { height } => self.rejected(now_ms, height, &mut out),
            Input::Tick => {}
        }
        self.expire(now_ms, &mut out);
        self.give_out(&mut out);
        self.plan(now_ms, &mut out);
        self.deadline_ms = self.next_deadline(now_ms);
        out
    }

    /// When [`Input::Tick`] is due at the latest; `None` when nothing is waited for.
    pub const fn deadline_ms(&self) -> Option<u64> {
        self.deadline_ms
    }

    fn next_deadline(&self, now_ms: u64) -> Option<u64> {
        let requests = self.requests.values().map(|request| request.deadline_ms);
        let behind = self.target() > self.applying;
        let rests = self.peers.values().filter(|_| behind).map(|peer| peer.rest_until_ms);
        let patience = self.behind_since_ms.map(|since| since.saturating_add(self.limits.patience_ms));
        requests.chain(rests).chain(patience).filter(|ms| *ms > now_ms).min()
    }

    /// The greatest height that a peer claims, or our own.
    pub fn target(&self) -> Height {
        self.peers.values().map(|peer| peer.height).max().unwrap_or(self.tip).max(self.tip)
    }

    /// Whether blocks are being fetched or applied.
    pub fn is_active(&self) -> bool {
        !self.requests.is_empty() || !self.received.is_empty() || self.applying > self.tip
    }

    fn heard(&mut self, peer: NodeId, height: Height) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.height = height;
        } else if self.peers.len() < self.limits.peers {
            let fresh = Peer { height, rest_until_ms: 0, failures: 0, last: 0, busy_with: None };
            self.peers.insert(peer, fresh);
        }
    }

    fn forget(&mut self, peer: &NodeId) {
        if let Some(request) = self.peers.remove(peer).and_then(|peer| peer.busy_with) {
            self.requests.remove(&request);
        }
    }

    fn advance(&mut self, height: Height) {
        if height <= self.tip {
            return;
        }
        self.tip = height;
        self.applying = self.applying.max(height);
        self.behind_since_ms = None;
        // Only blocks that were applied clear a peer's name: plausible ones may still be forged.
        let later = self.sources.split_off(&height.next());
        for source in std::mem::replace(&mut self.sources, later).into_values() {
            if let Some(known) = self.peers.get_mut(&source) {
                known.failures = 0;
            }
        }
        let later = self.received.split_off(&height.next());
        for old in std::mem::replace(&mut self.received, later).into_values() {
            self.received_bytes = self.received_bytes.saturating_sub(old.bytes);
        }
    }

    fn penalise(&mut self, now_ms: u64, peer: NodeId, fault: Fault, out: &mut Vec<Output>) {
        out.push(Output::Penalise { peer, fault });
        if let Some(known) = self.peers.get_mut(&peer) {
            // A block that is not valid counts as many failures.
            let failures = if fault == Fault::Invalid { 6 } else { 1 };
            known.failures = known.failures.saturating_add(failures);
            let rest = self.limits.penalty_ms.saturating_mul(1 << known.failures.saturating_sub(1).min(6));
            known.rest_until_ms = now_ms.saturating_add(rest);
        }
    }

    fn take_request(&mut self, request: RequestId) -> Option<InFlight> {
        let in_flight = self.requests.remove(&request)?;
        if let Some(peer) = self.peers.get_mut(&in_flight.peer) {
            peer.busy_with = None;
        }
        Some(in_flight)
    }

    fn answered(&mut self, now_ms: u64, request: RequestId, answer: Answer, out: &mut Vec<Output>) {
        // Late answers, after a time-out, are dropped: their range is with somebody else.
        let Some(InFlight { peer, from, count, .. }) = self.take_request(request) else { return };
        match answer {
            Answer::Failed => self.penalise(now_ms, peer, Fault::NoAnswer, out),
            Answer::Busy => {
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.rest_until_ms = now_ms.saturating_add(self.limits.busy_ms);
                }
            }
            Answer::Blocks { blocks, .. } if blocks.is_empty() => {
                // What it claimed it does not have: not asked for it again before it claims more.
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.height = known.height.min(from.previous());
                }
                self.penalise(now_ms, peer, Fault::Empty, out);
            }
            Answer::Blocks { blocks, .. } if !belong_together(&blocks, from, count) => {
                self.penalise(now_ms, peer, Fault::Unasked, out);
            }
            Answer::Blocks { blocks, bytes } => {
                let each = bytes.checked_div(blocks.len()).unwrap_or(0).saturating_add(1);
                for block in blocks {
                    let height = block.0.header.height;
                    if height <= self.applying || self.received.contains_key(&height) {
                        continue;
                    }
                    self.received_bytes = self.received_bytes.saturating_add(each);
                    self.received.insert(height, Received { block, bytes: each });
                    self.sources.insert(height, peer);
                }
            }
        }
    }

    fn rejected(&mut self, now_ms: u64, height: Height, out: &mut Vec<Output>) {
        if height <= self.tip {
            return;
        }
        let Some(peer) = self.sources.get(&height).copied() else { return };
        self.penalise(now_ms, peer, Fault::Invalid, out);
        // Nothing that this peer gave is worth anything, and what was given out above must be given out again.
        self.applying = self.tip;
        let worthless: Vec<Height> =
            self.sources.iter().filter(|(at, source)| **source == peer || **at >= height).map(|(at, _)| *at).collect();
        for at in worthless {
            self.sources.remove(&at);
            if let Some(old) = self.received.remove(&at) {
                self.received_bytes = self.received_bytes.saturating_sub(old.bytes);
            }
        }
        // Blocks of others that were given out together with it are asked for again.
        let received = &self.received;
        self.sources.retain(|at, _| received.contains_key(at));
    }

    fn expire(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        let late: Vec<_> =
            self.requests.iter().filter(|(_, r)| r.deadline_ms <= now_ms).map(|(id, r)| (*id, r.peer)).collect();
        for (id, peer) in late {
            self.take_request(id);
            self.penalise(now_ms, peer, Fault::NoAnswer, out);
        }
    }

    /// Gives out the run of blocks that follows the tip, once what was given out before is applied.
    fn give_out(&mut self, out: &mut Vec<Output>) {
        if self.applying > self.tip {
            return;
        }
        let mut blocks = Vec::new();
        let mut at = self.tip.next();
        while let Some(received) = self.received.remove(&at) {
            self.received_bytes = self.received_bytes.saturating_sub(received.bytes);
            blocks.push(received.block);
            self.applying = at;
            at = at.next();
        }
        if !blocks.is_empty() {
            out.push(Output::Apply(blocks));
        }
    }

    fn plan(&mut self, now_ms: u64, out: &mut Vec<Output>) {
        let target = self.target();
        if target <= self.applying {
            self.behind_since_ms = None;
            return;
        }
        let since = *self.behind_since_ms.get_or_insert(now_ms);
        let slightly = target <= self.tip.next() && self.applying == self.tip;
        if slightly && now_ms < since.saturating_add(self.limits.patience_ms) {
            return;
        }
        let mut from = self.applying.next();
        while self.requests.len() < self.limits.requests && from <= target {
            // Skip what is here or on its way.
            if self.received.contains_key(&from) {
                from = from.next();
                continue;
            }
            let end = |r: &InFlight| Height(r.from.0.saturating_add(r.count.into()));
            if let Some(flying) = self.requests.values().find(|r| r.from <= from && from < end(r)) {
                from = end(flying);
                continue;
            }
            let is_next = from == self.applying.next();
            if !is_next && self.received_bytes >= self.limits.buffer_bytes {
                break;
            }
            // Up to the next block that is here or on its way.
            let known = self.received.range(from..).next().map(|(height, _)| *height);
            let flying = self.requests.values().map(|r| r.from).filter(|start| *start > from).min();
            let gap = known.into_iter().chain(flying).min().unwrap_or(Height(u64::MAX));
            let Some((peer, height)) = self.choose(now_ms, from) else { break };
            let most = gap.previous().min(height).0.saturating_sub(from.0).saturating_add(1);
            let count = u32::try_from(most).unwrap_or(u32::MAX).min(self.limits.batch);
            let id = self.next_request;
            self.next_request = id.saturating_add(1);
            let deadline_ms = now_ms.saturating_add(self.limits.timeout_ms);
            self.requests.insert(id, InFlight { peer, from, count, deadline_ms });
            if let Some(known) = self.peers.get_mut(&peer) {
                (known.busy_with, known.last) = (Some(id), id);
            }
            out.push(Output::Request { id, peer, from, count });
            from = Height(from.0.saturating_add(count.into()));
        }
    }

    /// The peer to ask for `from`: rested, idle, with the fewest failures, and longest not asked.
    fn choose(&self, now_ms: u64, from: Height) -> Option<(NodeId, Height)> {
        let able = |peer: &Peer| peer.busy_with.is_none() && peer.rest_until_ms <= now_ms && peer.height >= from;
        let candidates = self.peers.iter().filter(|(_, peer)| able(peer));
        candidates.min_by_key(|(id, peer)| (peer.failures, peer.last, **id)).map(|(id, peer)| (*id, peer.height))
    }
}

/// Whether these are blocks from `from` on, at most `count`, each certified by its certificate's own words and each
/// following the one before. Signatures and contents are the caller's to check.
fn belong_together(blocks: &[CertifiedBlock], from: Height, count: u32) -> bool {
    let mut previous = None;
    let mut height = from;
    for (block, certificate) in blocks {
        let header = &block.header;
        let hash = header.hash();
        let linked = previous.is_none_or(|previous| header.previous == previous);
        if header.height != height || !linked || certificate.height != height || certificate.block != hash {
            return false;
        }
        previous = Some(hash);
        height = height.next();
    }
    u32::try_from(blocks.len()).is_ok_and(|found| found <= count)
}

#[cfg(test)]
mod tests;
