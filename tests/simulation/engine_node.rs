//! A node that is a consensus engine with a disk: blocks are names, the rest is real.

use crate::{
    byzantine::{self, Vice},
    node::{Action, Event, Footprint, Law, Node, Place, Sight, To},
    oracle::certified,
    random::{Random, mix},
    setup::{Setup, TIMEOUTS},
};
use althing_consensus::{Engine, Input, Output, Record};
use althing_types::{
    certificate::QuorumCertificate,
    crypto::Signed,
    hash::Hash,
    id::{Height, Round},
    vote::{SignedProposal, SignedVote, VoteKind},
};
use std::{collections::BTreeMap, sync::Arc};

/// How often a node asks one of the others for blocks.
const ASK_EVERY_MS: u64 = 90;
/// Most certificates in one answer.
const MAX_ANSWER: usize = 16;

/// A bug put in on purpose, to show that the oracle would find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    /// Engines think that 2f authorities are a quorum.
    QuorumOf2f,
    /// Messages leave before the log is durable.
    NoSync,
    /// A locked authority prevotes any valid proposal.
    NoLock,
}

/// What travels between engine nodes.
#[derive(Clone, Debug)]
pub(crate) enum Wire {
    Proposal(SignedProposal),
    Vote(SignedVote),
    /// "I have committed this many heights."
    Ask(u64),
    /// The certificates after them; the blocks are taken to come along.
    Blocks(Arc<Vec<QuorumCertificate>>),
}

/// What an engine node schedules for itself.
#[derive(Clone, Debug)]
pub(crate) enum Local {
    /// For the engine, or its twin.
    Engine { twin: bool, input: Input },
    /// The commit is done: go on.
    Next,
    /// Ask a peer for blocks.
    Ask,
}

/// One operation on the disk.
pub(crate) enum Write {
    Append(Vec<u8>),
    Sync,
    Commit(QuorumCertificate),
}

/// What survives a crash.
#[derive(Default)]
pub(crate) struct Disk {
    log: Vec<Vec<u8>>,
    synced: usize,
    committed: Vec<QuorumCertificate>,
}

/// An engine with its disk.
pub(crate) struct EngineNode {
    place: Place,
    vice: Option<Vice>,
    engine: Engine,
    twin: Option<Engine>,
    disk: Disk,
    asked: usize,
    /// Valid proposals of the height in progress, by round.
    offers: BTreeMap<Round, Hash>,
    /// What a node without a lock prevoted instead of nothing.
    unlocked: BTreeMap<Round, Option<Hash>>,
}

impl Node for EngineNode {
    type Wire = Wire;
    type Local = Local;
    type Write = Write;
    type Disk = Disk;
    type Shared = Setup;

    fn blank() -> Disk {
        Disk::default()
    }

    fn boot(setup: &mut Setup, place: Place, mut disk: Disk, now_ms: u64) -> (Self, Vec<Action<Self>>) {
        let Place { index, .. } = place;
        let fresh = || Engine::new(setup.chain.clone(), setup.ids[index], Box::new(setup.keys[index].clone()));
        let vice = setup.vices[index];
        let twin = (vice == Some(Vice::Twins)).then(fresh);
        let engine = fresh();
        // The log ends at the first record that is not whole.
        let records: Vec<Record> = disk.log.iter().map_while(|bytes| Record::decode(bytes).ok()).collect();
        disk.log.truncate(records.len());
        disk.synced = disk.log.len();
        let (offers, unlocked) = (BTreeMap::new(), BTreeMap::new());
        let mut node = Self { place, vice, engine, twin, disk, asked: 0, offers, unlocked };
        let mut actions = node.next(setup, now_ms);
        let outputs = node.engine.step(now_ms, Input::Replay(records));
        actions.extend(node.translate(setup, false, outputs));
        actions.push(Action::Later { after_ms: ASK_EVERY_MS, local: Local::Ask });
        (node, actions)
    }

    fn handle(&mut self, setup: &mut Setup, now_ms: u64, event: Event<Self>) -> Vec<Action<Self>> {
        match event {
            Event::Local(Local::Engine { twin, input }) => self.step(setup, now_ms, twin, input),
            Event::Local(Local::Next) => self.next(setup, now_ms),
            Event::Local(Local::Ask) => self.ask(setup),
            Event::Wire { from, wire } => self.receive(setup, now_ms, from, wire),
        }
    }

    fn write(&mut self, write: Write) {
        match write {
            Write::Append(record) => self.disk.log.push(record),
            Write::Sync => self.disk.synced = self.disk.log.len(),
            Write::Commit(certificate) => {
                self.disk.committed.push(certificate);
                (self.disk.log, self.disk.synced) = (Vec::new(), 0);
            }
        }
    }

    fn unplug(self, random: &mut Random) -> Disk {
        let mut disk = self.disk;
        let unsynced = (disk.log.len() - disk.synced) as u64;
        let kept = usize::try_from(random.between(0, unsynced)).unwrap_or(0);
        disk.log.truncate(disk.synced + kept);
        if kept > 0
            && random.permille(500)
            && let Some(tail) = disk.log.last_mut()
        {
            let length = random.below(tail.len() as u64);
            tail.truncate(usize::try_from(length).unwrap_or(0));
        }
        if self.vice == Some(Vice::Amnesiac) {
            (disk.log, disk.synced) = (Vec::new(), 0);
        }
        disk
    }

    fn height(&self) -> u64 {
        self.disk.committed.len() as u64
    }
}

impl EngineNode {
    fn current(&self) -> Height {
        Height(self.height() + 1)
    }

    /// Starts the height after the last committed one.
    fn next(&mut self, setup: &mut Setup, now_ms: u64) -> Vec<Action<Self>> {
        let height = self.current();
        (self.offers, self.unlocked) = (BTreeMap::new(), BTreeMap::new());
        let start = Input::StartHeight { height, authorities: setup.engine_list(height), timeouts: TIMEOUTS };
        let outputs = self.engine.step(now_ms, start.clone());
        let mut actions = self.translate(setup, false, outputs);
        if let Some(twin) = &mut self.twin {
            let outputs = twin.step(now_ms, start);
            actions.extend(self.translate(setup, true, outputs));
        }
        actions
    }

    fn ask(&mut self, setup: &Setup) -> Vec<Action<Self>> {
        self.asked += 1;
        let n = setup.ids.len();
        let again = Action::Later { after_ms: ASK_EVERY_MS, local: Local::Ask };
        let peer = (self.place.index + 1 + self.asked % n.max(2).saturating_sub(1)) % n;
        if peer == self.place.index {
            return vec![again];
        }
        vec![again, Action::Send { to: To::One(peer), wire: Wire::Ask(self.height()) }]
    }

    fn receive(&mut self, setup: &mut Setup, now_ms: u64, from: usize, wire: Wire) -> Vec<Action<Self>> {
        let input = match wire {
            Wire::Ask(height) => {
                let known = usize::try_from(height).unwrap_or(usize::MAX);
                let news: Vec<_> = self.disk.committed.iter().skip(known).take(MAX_ANSWER).cloned().collect();
                let silent = news.is_empty() || self.vice == Some(Vice::Silent);
                let answer = Action::Send { to: To::One(from), wire: Wire::Blocks(Arc::new(news)) };
                return if silent { Vec::new() } else { vec![answer] };
            }
            Wire::Blocks(certificates) => return self.catch_up(setup, now_ms, &certificates),
            Wire::Vote(signed) => {
                let twin_wants = self.twin.as_ref().is_some_and(|twin| twin.wants_vote(now_ms, &signed.value));
                if !twin_wants && !self.engine.wants_vote(now_ms, &signed.value) {
                    return Vec::new();
                }
                setup.vote(&signed).map(Input::Vote)
            }
            Wire::Proposal(signed) => {
                let twin_wants = self.twin.as_ref().is_some_and(|twin| twin.wants_proposal(now_ms, &signed.value));
                if !twin_wants && !self.engine.wants_proposal(now_ms, &signed.value) {
                    return Vec::new();
                }
                setup.proposal(&signed).map(Input::Proposal)
            }
        };
        let Some(input) = input else { return Vec::new() };
        if !byzantine::hears(self.vice, setup.ids[self.place.index], &input) {
            return Vec::new();
        }
        let mut actions = self.step(setup, now_ms, false, input.clone());
        if self.twin.is_some() {
            actions.extend(self.step(setup, now_ms, true, input));
        }
        actions
    }

    /// Commits blocks that others have decided, with their certificates.
    fn catch_up(&mut self, setup: &mut Setup, now_ms: u64, certificates: &[QuorumCertificate]) -> Vec<Action<Self>> {
        let next = certificates.iter().find(|certificate| certificate.height == self.current());
        let lags = next.is_some() && !self.engine.status().is_some_and(|status| status.decided);
        match next {
            Some(certificate) if lags && certified_for_engine(setup, certificate) => {
                self.step(setup, now_ms, false, Input::Certificate(certificate.clone()))
            }
            _ => Vec::new(),
        }
    }

    fn step(&mut self, setup: &mut Setup, now_ms: u64, twin: bool, input: Input) -> Vec<Action<Self>> {
        if let Input::BlockReady { round, block, valid: true, .. } = &input {
            self.offers.insert(*round, *block);
        }
        let outputs = match &mut self.twin {
            Some(engine) if twin => engine.step(now_ms, input),
            _ => self.engine.step(now_ms, input),
        };
        self.translate(setup, twin, outputs)
    }

    fn translate(&mut self, setup: &mut Setup, twin: bool, outputs: Vec<Output>) -> Vec<Action<Self>> {
        let mut actions = Vec::with_capacity(outputs.len() + 2);
        for output in outputs {
            if twin && !byzantine::matters_to_twin(&output) {
                continue;
            }
            match output {
                Output::Log(record) => actions.push(Action::Write(Write::Append(record.encode()))),
                Output::Sync if setup.plant == Some(Plant::NoSync) => (),
                Output::Sync => actions.push(Action::Write(Write::Sync)),
                Output::SendProposal(signed) => self.send_proposal(setup, twin, signed, &mut actions),
                Output::SendVote(signed) => self.send_vote(setup, twin, signed, &mut actions),
                Output::SetTimer { key, after_ms } => {
                    let local = Local::Engine { twin, input: Input::Timer(key) };
                    actions.push(Action::Later { after_ms, local });
                }
                Output::CancelTimer(_) => (),
                Output::Build { height, round } => {
                    // Each life of a machine would build another block.
                    let salt = (self.place.index as u64) << 32 | u64::from(self.place.boot) << 1 | u64::from(twin);
                    let block = setup.build(height, round, salt, true);
                    let local = Local::Engine { twin, input: Input::Built { height, round, block } };
                    actions.push(Action::Later { after_ms: mix(salt ^ height.0) % 4, local });
                }
                Output::NeedBlock { height, round, block, .. } => {
                    let valid = setup.is_valid(height, block);
                    let local = Local::Engine { twin, input: Input::BlockReady { height, round, block, valid } };
                    // Now and then a block takes long to execute.
                    let chance = mix(self.place.index as u64 ^ height.0 << 8 ^ u64::from(round.0));
                    let after_ms = if chance.is_multiple_of(50) { chance % 400 } else { chance % 6 };
                    actions.push(Action::Later { after_ms, local });
                }
                Output::Decide { certificate } => {
                    actions.push(Action::Show(Sight::Decided(certificate.clone())));
                    actions.push(Action::Write(Write::Commit(certificate)));
                    actions.push(Action::Later { after_ms: 1, local: Local::Next });
                }
                Output::Evidence(evidence) => actions.push(Action::Show(Sight::Accused(evidence))),
                Output::Fault(fault) => actions.push(Action::Show(Sight::Failed(fault.to_string()))),
            }
        }
        actions
    }

    fn send_proposal(&self, setup: &mut Setup, twin: bool, signed: SignedProposal, actions: &mut Vec<Action<Self>>) {
        let index = self.place.index;
        if signed.value.proposer == setup.ids[index] {
            actions.push(Action::Show(Sight::Proposed(signed.value.clone())));
        }
        let (height, round) = (signed.value.height, signed.value.round);
        let parcels = match self.vice {
            Some(Vice::Twins) => vec![(twin_side(index, height, round, twin), signed)],
            Some(vice) => byzantine::proposals(vice, setup, index, signed),
            None => vec![(To::All, signed)],
        };
        actions.extend(parcels.into_iter().map(|(to, signed)| Action::Send { to, wire: Wire::Proposal(signed) }));
    }

    fn send_vote(&mut self, setup: &mut Setup, twin: bool, signed: SignedVote, actions: &mut Vec<Action<Self>>) {
        let index = self.place.index;
        let signed = self.without_lock(setup, signed);
        if signed.value.voter == setup.ids[index] {
            actions.push(Action::Show(Sight::Voted(signed.value.clone())));
        }
        let (height, round) = (signed.value.height, signed.value.round);
        let parcels = match self.vice {
            Some(Vice::Twins) => vec![(twin_side(index, height, round, twin), signed)],
            Some(vice) => {
                let seen = self.offers.values().next_back().copied();
                byzantine::votes(vice, setup, index, signed, seen)
            }
            None => vec![(To::All, signed)],
        };
        actions.extend(parcels.into_iter().map(|(to, signed)| Action::Send { to, wire: Wire::Vote(signed) }));
    }

    /// Without the lock, an authority prevotes the round's valid proposal where the engine prevotes nothing.
    fn without_lock(&mut self, setup: &Setup, signed: SignedVote) -> SignedVote {
        let vote = &signed.value;
        let own = vote.voter == setup.ids[self.place.index] && vote.height == self.current();
        let planted = setup.plant == Some(Plant::NoLock) && own && vote.kind == VoteKind::Prevote;
        if !planted || vote.block.is_some() {
            return signed;
        }
        let offer = self.offers.get(&vote.round).copied();
        let block = *self.unlocked.entry(vote.round).or_insert(offer);
        let mut value = signed.value;
        value.block = block;
        Signed::sign(value, &setup.keys[self.place.index])
    }
}

/// Catch-up checks certificates by the list that the node knows, planted bugs included.
fn certified_for_engine(setup: &mut Setup, certificate: &QuorumCertificate) -> bool {
    if setup.plant == Some(Plant::QuorumOf2f) {
        return certificate.signatures.len() >= setup.engine_list(certificate.height).quorum();
    }
    certified(setup, certificate).is_ok()
}

fn twin_side(index: usize, height: Height, round: Round, twin: bool) -> To {
    let side = byzantine::half(index, height, round);
    To::Mask(if twin { side } else { !side })
}

fn head(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |head| u64::from_le_bytes(*head))
}

impl Footprint for Wire {
    fn footprint(&self) -> u64 {
        match self {
            Self::Proposal(signed) => head(&signed.signature.0),
            Self::Vote(signed) => head(&signed.signature.0),
            Self::Ask(height) => *height,
            Self::Blocks(certificates) => certificates.iter().map(|c| head(&c.block.0)).fold(0, |a, b| mix(a ^ b)),
        }
    }
}

impl Footprint for Local {
    fn footprint(&self) -> u64 {
        match self {
            Self::Next => 1,
            Self::Ask => 2,
            Self::Engine { twin, input } => {
                let inner = match input {
                    Input::Timer(key) => {
                        key.height.0 << 16 ^ u64::from(key.round.0) << 8 ^ key.kind as u64 ^ key.epoch << 32
                    }
                    Input::Built { block, .. } | Input::BlockReady { block, .. } => head(&block.0),
                    _ => 3,
                };
                inner ^ u64::from(*twin) << 63
            }
        }
    }
}
