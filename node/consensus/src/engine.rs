//! The engine's one entry point, and what it keeps from height to height.

use crate::{
    attempt::Attempt, context::Scope, early::Early, fault::Fault, finished::Finished, input::Input, outbox::Outbox,
    output::Output, timers::Timeouts,
};
use althing_types::{
    authority::AuthorityList,
    certificate::QuorumCertificate,
    crypto::{NodeId, SecretKey, Signature},
    hash::Hash,
    id::{ChainId, Height, Round},
    vote::{Proposal, SignedProposal, SignedVote, Vote},
};

/// Signs for this node. Pure: the same hash gives the same signature.
pub trait Signer {
    /// Signs the signing hash of a vote or proposal.
    fn sign(&self, message: &Hash) -> Signature;
}

impl Signer for SecretKey {
    fn sign(&self, message: &Hash) -> Signature {
        Self::sign(self, &message.0)
    }
}

/// Where an engine stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// The height in progress.
    pub height: Height,
    /// Its round.
    pub round: Round,
    /// Whether it is decided and the engine waits for the next `StartHeight`.
    pub decided: bool,
}

/// The consensus engine of one node on one chain.
pub struct Engine {
    chain: ChainId,
    me: NodeId,
    signer: Box<dyn Signer + Send>,
    attempt: Option<Attempt>,
    finished: Option<Finished>,
    early: Early,
    stopped: bool,
}

impl Engine {
    /// An engine that waits for its first `StartHeight`. A node that is no authority may run one; it never signs.
    pub fn new(chain: ChainId, me: NodeId, signer: Box<dyn Signer + Send>) -> Self {
        Self { chain, me, signer, attempt: None, finished: None, early: Early::default(), stopped: false }
    }

    /// Where it stands; `None` before the first `StartHeight`.
    pub fn status(&self) -> Option<Status> {
        self.attempt.as_ref().map(|attempt| Status {
            height: attempt.desk.height,
            round: attempt.round(),
            decided: attempt.desk.decided.is_some(),
        })
    }

    /// Whether a vote is worth checking its signature; allocates nothing.
    pub fn wants_vote(&self, now_ms: u64, vote: &Vote) -> bool {
        let Some(attempt) = &self.attempt else { return false };
        let early = self.early.admits(vote.height, vote.round)
            && vote.chain == self.chain
            && attempt.authorities.position(&vote.voter).is_some()
            && self.early.lacks_vote(vote.round, vote.kind, vote.voter);
        early || attempt.wants_vote(vote) || self.answers(now_ms, &vote.chain, vote.voter, vote.height)
    }

    /// Whether a proposal is worth checking its signature; allocates nothing.
    pub fn wants_proposal(&self, now_ms: u64, proposal: &Proposal) -> bool {
        let Some(attempt) = &self.attempt else { return false };
        let early = self.early.admits(proposal.height, proposal.round)
            && proposal.chain == self.chain
            && attempt.authorities.position(&proposal.proposer).is_some()
            && self.early.lacks_proposal(proposal.round);
        let answer = self.answers(now_ms, &proposal.chain, proposal.proposer, proposal.height);
        early || attempt.wants_proposal(proposal) || answer
    }

    /// Takes one input at a time given by the caller and returns what is to be done, in order.
    ///
    /// After a fault that stops ([`Fault::stops`]) it returns nothing any more.
    pub fn step(&mut self, now_ms: u64, input: Input) -> Vec<Output> {
        if self.stopped {
            return Vec::new();
        }
        let mut answers = Outbox::default();
        if let Some(attempt) = &mut self.attempt {
            attempt.desk.now_ms = now_ms;
        }
        match input {
            Input::StartHeight { height, authorities, timeouts } => {
                if self.attempt.as_ref().is_none_or(|attempt| height > attempt.desk.height) {
                    self.begin(now_ms, height, authorities, timeouts, Round(0));
                }
            }
            Input::StartRecovered { height, authorities, timeouts, first_round } => {
                let begins = |attempt: &Attempt| {
                    let desk = &attempt.desk;
                    let anew = height == desk.height && first_round > desk.scope.first && desk.decided.is_none();
                    height > desk.height || anew
                };
                if self.attempt.as_ref().is_none_or(begins) {
                    self.begin(now_ms, height, authorities, timeouts, first_round);
                }
            }
            Input::Proposal(verified) => self.proposal(now_ms, verified.signed(), &mut answers),
            Input::Vote(verified) => self.vote(now_ms, verified.signed(), &mut answers),
            Input::Certificate(certificate) => self.certificate(certificate, &mut answers),
            other => {
                if let Some(attempt) = &mut self.attempt {
                    forward(attempt, other, &*self.signer);
                }
            }
        }
        let mut outputs = answers.take();
        if let Some(attempt) = &mut self.attempt {
            outputs.extend(attempt.desk.out.take());
            if let Some(fault) = attempt.desk.refused.take() {
                // What came before the fault in this step must not leave: it rests on a state that is wrong.
                outputs.clear();
                outputs.push(Output::Fault(fault));
            }
        }
        self.note_decision(now_ms);
        self.stopped = outputs.iter().any(|output| matches!(output, Output::Fault(fault) if fault.stops()));
        outputs
    }

    fn begin(&mut self, now_ms: u64, height: Height, authorities: AuthorityList, timeouts: Timeouts, first: Round) {
        let place = (Scope { chain: self.chain.clone(), first }, self.me);
        let next = Attempt::start(place, height, authorities, timeouts, now_ms, &*self.signer);
        self.move_on(next);
    }

    /// Keeps a decision, to answer peers that missed it.
    fn note_decision(&mut self, now_ms: u64) {
        let Some(attempt) = &self.attempt else { return };
        let Some(certificate) = &attempt.desk.decided else { return };
        if self.finished.as_ref().is_none_or(|finished| finished.certificate.height < certificate.height) {
            let (list, wait_ms) = (attempt.authorities.clone(), attempt.desk.timeouts.rebroadcast_ms);
            self.finished = Some(Finished::new(certificate.clone(), list, wait_ms, now_ms));
        }
    }

    /// Replaces the attempt by that of a later height.
    fn move_on(&mut self, mut next: Attempt) {
        let (proposals, votes) = self.early.take(next.desk.height);
        for signed in proposals {
            next.proposal(&signed, &*self.signer);
        }
        for signed in votes {
            next.vote(&signed, &*self.signer);
        }
        self.early.open(next.desk.height.next());
        self.attempt = Some(next);
    }

    fn vote(&mut self, now_ms: u64, signed: &SignedVote, answers: &mut Outbox) {
        if !self.wants_vote(now_ms, &signed.value) {
            return;
        }
        let vote = &signed.value;
        if self.answers(now_ms, &vote.chain, vote.voter, vote.height) {
            self.answer(now_ms, answers);
        } else if let Some(attempt) = &mut self.attempt {
            if vote.height == attempt.desk.height {
                attempt.vote(signed, &*self.signer);
            } else {
                self.early.keep_vote(signed.clone());
            }
        }
    }

    fn proposal(&mut self, now_ms: u64, signed: &SignedProposal, answers: &mut Outbox) {
        if !self.wants_proposal(now_ms, &signed.value) {
            return;
        }
        let proposal = &signed.value;
        if self.answers(now_ms, &proposal.chain, proposal.proposer, proposal.height) {
            self.answer(now_ms, answers);
        } else if let Some(attempt) = &mut self.attempt {
            if proposal.height == attempt.desk.height {
                attempt.proposal(signed, &*self.signer);
            } else {
                self.early.keep_proposal(signed.clone());
            }
        }
    }

    fn certificate(&mut self, certificate: QuorumCertificate, answers: &mut Outbox) {
        if certificate.chain != self.chain {
            return;
        }
        if let Some(attempt) = &mut self.attempt
            && attempt.desk.height == certificate.height
        {
            attempt.certificate(certificate);
        } else if let Some(finished) = &self.finished
            && finished.certificate.height == certificate.height
            && finished.certificate.block != certificate.block
        {
            let (height, decided, other) = (certificate.height, finished.certificate.block, certificate.block);
            answers.push(Output::Fault(Fault::ConflictingDecisions { height, decided, other }));
        }
    }

    fn answers(&self, now_ms: u64, chain: &ChainId, from: NodeId, height: Height) -> bool {
        *chain == self.chain
            && self.finished.as_ref().is_some_and(|finished| finished.answers(now_ms, self.me, from, height))
    }

    fn answer(&mut self, now_ms: u64, answers: &mut Outbox) {
        if let Some(finished) = &mut self.finished {
            finished.answer(now_ms, answers);
        }
    }
}

fn forward(attempt: &mut Attempt, input: Input, signer: &dyn Signer) {
    match input {
        Input::BlockReady { height, round, block, valid } => attempt.block_ready(height, round, block, valid, signer),
        Input::Built { height, round, block } => attempt.built(height, round, block, signer),
        Input::Timer(key) => attempt.timer(key, signer),
        Input::Replay(records) => attempt.replay(records, signer),
        Input::Work { height } if height == attempt.desk.height => attempt.work(),
        _ => (),
    }
}
