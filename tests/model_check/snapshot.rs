//! One engine at one point of the search: not a copy of it, but the inputs that lead there.
//!
//! The engine can neither be cloned nor compared, so a snapshot keeps its inputs and makes the real engine run through
//! them again whenever it is to be given more. What two snapshots are compared by is their [`Snapshot::summary`].

use althing_consensus::{Engine, Input, Output, Record, Signer, Timeouts, TimerKey, TimerKind};
use althing_types::{
    authority::AuthorityList,
    crypto::{NodeId, SecretKey, Signature, Verified},
    hash::{Hash, sha3_256},
    id::{ChainId, Height, Round},
    vote::{Proposal, Vote, VoteKind},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher},
    sync::{Arc, Mutex},
};

const TIMEOUTS: Timeouts =
    Timeouts { propose_ms: 100, vote_ms: 100, growth_ms: 0, rebroadcast_ms: 100, maximum_ms: 100, idle_ms: 0 };

/// A message whose signature was checked when it was sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wire {
    Proposal(Verified<Proposal>),
    Vote(Verified<Vote>),
}

impl Wire {
    pub(crate) fn input(&self) -> Input {
        match self {
            Self::Proposal(verified) => Input::Proposal(verified.clone()),
            Self::Vote(verified) => Input::Vote(verified.clone()),
        }
    }
}

impl Wire {
    /// Tells messages apart.
    pub(crate) fn signature(&self) -> &[u8] {
        match self {
            Self::Proposal(verified) => &verified.signed().signature.0,
            Self::Vote(verified) => &verified.signed().signature.0,
        }
    }
}

/// What does not change during a search.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(crate) chain: ChainId,
    pub(crate) height: Height,
    pub(crate) list: AuthorityList,
    pub(crate) key: Arc<RememberingKey>,
    /// What this node proposes.
    pub(crate) value: Hash,
}

/// A key that signs and checks each message once: an engine that is run again signs the same again.
pub(crate) struct RememberingKey {
    pub(crate) key: SecretKey,
    pub(crate) id: NodeId,
    signed: Mutex<BTreeMap<Hash, Signature>>,
    checked: Mutex<BTreeMap<[u8; 64], Wire>>,
}

impl RememberingKey {
    pub(crate) fn new(key: SecretKey) -> Self {
        let id = key.public().into();
        Self { key, id, signed: Mutex::default(), checked: Mutex::default() }
    }

    fn check(&self, signature: &Signature, check: impl FnOnce() -> Wire) -> Wire {
        self.checked.lock().unwrap().entry(signature.0).or_insert_with(check).clone()
    }
}

/// The engine's view of the key.
struct Hand(Arc<RememberingKey>);

impl Signer for Hand {
    fn sign(&self, message: &Hash) -> Signature {
        *self.0.signed.lock().unwrap().entry(*message).or_insert_with(|| self.0.key.sign(&message.0))
    }
}

/// An engine at one point.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// Names the node and its inputs: equal inputs of one node, equal id.
    pub(crate) id: Hash,
    inputs: Vec<Input>,
    /// Everything it has sent, in all its lives, in order.
    pub(crate) sent: Vec<Wire>,
    records: Vec<Record>,
    synced: usize,
    timers: BTreeMap<TimerKind, TimerKey>,
    pub(crate) decided: Option<Hash>,
    pub(crate) equivocates: bool,
    pub(crate) summary: u64,
}

impl Snapshot {
    /// An engine that has just started the height.
    pub(crate) fn start(seat: &Seat) -> Self {
        let blank = Self {
            id: Hash(seat.key.id.0),
            inputs: Vec::new(),
            sent: Vec::new(),
            records: Vec::new(),
            synced: 0,
            timers: BTreeMap::new(),
            decided: None,
            equivocates: false,
            summary: 0,
        };
        let start = Input::StartHeight { height: seat.height, authorities: seat.list.clone(), timeouts: TIMEOUTS };
        blank.feed(seat, engine(seat), vec![start], None)
    }

    /// Gives the engine messages, then lets the timer of one kind run out, if it runs.
    pub(crate) fn hear(&self, seat: &Seat, heard: Vec<Input>, timer: TimerKind) -> Self {
        let mut engine = engine(seat);
        let mut ignored = Vec::new();
        let replays = self.inputs.iter().any(|input| matches!(input, Input::Replay(_)));
        for input in &self.inputs {
            if replays && matches!(input, Input::StartHeight { .. }) {
                engine.step(0, input.clone());
            } else {
                run(&mut engine, seat, input.clone(), &mut ignored);
            }
        }
        self.feed(seat, engine, heard, Some(timer))
    }

    /// The machine loses power and starts again from what was synced.
    pub(crate) fn crash(&self, seat: &Seat) -> Self {
        let records = self.records[..self.synced].to_vec();
        let mut reborn = self.clone();
        (reborn.inputs, reborn.records, reborn.synced) = (Vec::new(), records.clone(), records.len());
        (reborn.timers, reborn.decided) = (BTreeMap::new(), None);
        let start = Input::StartHeight { height: seat.height, authorities: seat.list.clone(), timeouts: TIMEOUTS };
        // The replay comes right after the start, before any answer to what the start asks for.
        let mut engine = engine(seat);
        engine.step(0, start.clone());
        reborn.inputs.push(start);
        reborn.feed(seat, engine, vec![Input::Replay(records)], None)
    }

    fn feed(&self, seat: &Seat, mut engine: Engine, inputs: Vec<Input>, timer: Option<TimerKind>) -> Self {
        let mut next = self.clone();
        let mut inputs: VecDeque<Input> = inputs.into();
        let mut name = self.id.0.to_vec();
        let mut fired = false;
        loop {
            let Some(input) = inputs.pop_front() else {
                // The timer is the last thing that happens.
                let Some(key) = timer.filter(|_| !fired).and_then(|kind| next.timers.remove(&kind)) else { break };
                inputs.push_back(Input::Timer(key));
                fired = true;
                continue;
            };
            let mut outputs = Vec::new();
            run(&mut engine, seat, input.clone(), &mut outputs);
            if outputs.is_empty() {
                continue;
            }
            name.extend_from_slice(format!("{input:?}").as_bytes());
            next.inputs.push(input);
            outputs.into_iter().for_each(|output| next.take(seat, output));
        }
        next.id = sha3_256(&name);
        let round = engine.status().map_or(Round(0), |status| status.round);
        next.judge(seat, round);
        next
    }

    fn take(&mut self, seat: &Seat, output: Output) {
        match output {
            Output::Log(record) => self.records.push(record),
            Output::Sync => self.synced = self.records.len(),
            Output::SendProposal(signed) => self.send(
                seat.key.check(&signed.signature.clone(), || Wire::Proposal(signed.verify().expect("own or checked"))),
            ),
            Output::SendVote(signed) => self.send(
                seat.key.check(&signed.signature.clone(), || Wire::Vote(signed.verify().expect("own or checked"))),
            ),
            Output::SetTimer { key, .. } => {
                self.timers.insert(key.kind, key);
            }
            Output::CancelTimer(key) => self.timers.retain(|_, active| *active != key),
            Output::Decide { certificate } => self.decided = Some(certificate.block),
            Output::Fault(fault) => panic!("a correct engine reports: {fault}"),
            Output::Build { .. } | Output::NeedBlock { .. } | Output::Evidence(_) => (),
        }
    }

    fn send(&mut self, wire: Wire) {
        if !self.sent.contains(&wire) {
            self.sent.push(wire);
        }
    }

    /// Notes what the oracle and the search ask for.
    fn judge(&mut self, seat: &Seat, round: Round) {
        let me = seat.key.id;
        let mut own_votes = BTreeMap::new();
        let mut own_proposals = BTreeMap::new();
        for wire in &self.sent {
            match wire {
                Wire::Vote(vote) if vote.voter == me => {
                    self.equivocates |= *own_votes.entry((vote.round, vote.kind)).or_insert(vote.block) != vote.block;
                }
                Wire::Proposal(proposal) if proposal.proposer == me => {
                    let value = (proposal.block, proposal.valid_round);
                    self.equivocates |= *own_proposals.entry(proposal.round).or_insert(value) != value;
                }
                _ => (),
            }
        }
        let mut voters: BTreeMap<(Round, VoteKind, Option<Hash>), BTreeSet<NodeId>> = BTreeMap::new();
        let mut offers = BTreeSet::new();
        for record in &self.records {
            match record {
                Record::Vote(signed) => {
                    let vote = &signed.value;
                    voters.entry((vote.round, vote.kind, vote.block)).or_default().insert(vote.voter);
                }
                Record::Proposal(signed) if signed.value.round >= round => {
                    offers.insert((signed.value.round, signed.value.block, signed.value.valid_round));
                }
                _ => (),
            }
        }
        let quorum = seat.list.quorum();
        let quorums: BTreeSet<_> = voters.iter().filter(|(_, v)| v.len() >= quorum).map(|(place, _)| *place).collect();
        let timers: Vec<_> = self.timers.iter().map(|(kind, key)| (*kind, key.round)).collect();
        let mut hasher = DefaultHasher::new();
        me.hash(&mut hasher);
        (round, self.decided, &own_votes, &own_proposals, &quorums, &offers, timers).hash(&mut hasher);
        self.equivocates.hash(&mut hasher);
        self.summary = hasher.finish();
    }
}

fn engine(seat: &Seat) -> Engine {
    Engine::new(seat.chain.clone(), seat.key.id, Box::new(Hand(seat.key.clone())))
}

/// One input, and the answers to what the engine asks for: blocks are built at once and all are valid.
fn run(engine: &mut Engine, seat: &Seat, input: Input, outputs: &mut Vec<Output>) {
    let mut inputs = VecDeque::from([input]);
    while let Some(input) = inputs.pop_front() {
        for output in engine.step(0, input) {
            match &output {
                Output::Build { height, round } => {
                    inputs.push_back(Input::Built { height: *height, round: *round, block: seat.value });
                }
                Output::NeedBlock { height, round, block, .. } => {
                    let ready = Input::BlockReady { height: *height, round: *round, block: *block, valid: true };
                    inputs.push_back(ready);
                }
                _ => (),
            }
            outputs.push(output);
        }
    }
}
