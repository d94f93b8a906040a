//! The node around the consensus core: feeds it, and carries out what it asks for, in order.

use super::{Effect, Halt, Node, Timer, log::LogRecord};
use althing_consensus::{Input, Output, TimerKey};
use althing_network::Gossip;
use althing_state::Storage;
use althing_types::{
    block::CompactBlock,
    crypto::{NodeId, Verified},
    hash::Hash,
    id::{Height, Round},
    vote::{Proposal, SignedProposal, Vote},
};

impl<S: Storage> Node<S> {
    pub(super) fn on_proposal(
        &mut self,
        now_ms: u64,
        from: NodeId,
        proposal: Verified<Proposal>,
        block: CompactBlock,
    ) -> Result<(), Halt> {
        let height = proposal.height;
        if !self.is_current(now_ms, proposal.proposer, height)? {
            return Ok(());
        }
        let hash = block.header.hash();
        if hash != proposal.block || !block.is_consistent() || self.authorities.position(&proposal.proposer).is_none() {
            // A neighbour passes on only what it checked, so it answers for this.
            self.effect(Effect::Penalise { node: from, reason: "a proposal that does not match its block".into() });
            return Ok(());
        }
        if self.proposed.compact(&hash).is_none() {
            self.proposed.learn(hash, block, from);
        }
        self.step(now_ms, Input::Proposal(proposal))?;
        self.try_decided(now_ms)
    }

    pub(super) fn on_vote(&mut self, now_ms: u64, vote: Verified<Vote>) -> Result<(), Halt> {
        if self.is_current(now_ms, vote.voter, vote.height)? {
            self.step(now_ms, Input::Vote(vote))?;
        }
        Ok(())
    }

    /// Whether a message is of a height that the core can use; begins the height when it is the next one, and learns
    /// that a peer is ahead when it is a later one.
    fn is_current(&mut self, now_ms: u64, author: NodeId, height: Height) -> Result<bool, Halt> {
        let next = self.next_height();
        if height < next {
            return Ok(false);
        }
        if self.authorities.position(&author).is_none() {
            return Ok(false);
        }
        if height == next {
            if self.working.is_none() {
                self.begin_height(now_ms)?;
            }
            return Ok(true);
        }
        self.on_peer_height(now_ms, author, height.previous())?;
        // The core keeps a bounded number of messages of the height after the present one.
        Ok(height == next.next() && self.working.is_some())
    }

    pub(super) fn on_consensus_timer(&mut self, now_ms: u64, key: TimerKey) -> Result<(), Halt> {
        self.step(now_ms, Input::Timer(key))
    }

    pub(super) fn begin_height(&mut self, now_ms: u64) -> Result<(), Halt> {
        let height = self.next_height();
        self.working = Some(height);
        self.paced_ms = now_ms;
        let (authorities, timeouts) = (self.authorities.clone(), self.timeouts());
        let input = match self.plan().map(|plan| plan.first_round()) {
            None => Input::StartHeight { height, authorities, timeouts },
            Some(first_round) => Input::StartRecovered { height, authorities, timeouts, first_round },
        };
        self.step(now_ms, input)
    }

    /// Restores the height that was under way when the node stopped.
    pub(super) fn replay(&mut self, now_ms: u64) -> Result<(), Halt> {
        let mut records = Vec::new();
        let next = self.next_height();
        for bytes in self.store.log_read()? {
            let record = LogRecord::decode(&bytes)
                .map_err(|e| Halt::Broken { reason: format!("the log cannot be read: {e}") })?;
            match record {
                LogRecord::Consensus(record) => {
                    let recovery = self.plan().map_or(0, |plan| plan.number);
                    if record.height() == next && record.round().recovery() == recovery {
                        records.push(record);
                    }
                }
                LogRecord::Block(block) => {
                    // One of before a recovery can be decided no more.
                    if block.header.height == next && block.header.authorities == self.authorities.hash() {
                        self.restore_block(block)?;
                    }
                }
            }
        }
        if records.is_empty() {
            return if self.recovery.is_some() { self.begin_height(now_ms) } else { Ok(()) };
        }
        tracing::info!(height = next.0, records = records.len(), "resuming the height that was under way");
        self.begin_height(now_ms)?;
        self.step(now_ms, Input::Replay(records))
    }

    /// Gives the core an input and carries out its outputs, those that follow from them included.
    pub(super) fn step(&mut self, now_ms: u64, input: Input) -> Result<(), Halt> {
        let outputs = self.engine.step(now_ms, input);
        self.outputs.extend(outputs);
        if self.draining {
            return Ok(());
        }
        self.draining = true;
        let result = self.drain(now_ms);
        self.draining = false;
        result
    }

    fn drain(&mut self, now_ms: u64) -> Result<(), Halt> {
        while let Some(output) = self.outputs.pop_front() {
            match output {
                Output::Log(record) => self.store.log_append(&LogRecord::Consensus(record).encode())?,
                Output::Sync => self.probe.time("sync", || self.store.log_sync())?,
                Output::SendProposal(proposal) => self.send_proposal(proposal),
                Output::SendVote(vote) => self.effect(Effect::Publish(Gossip::Vote(vote))),
                Output::SetTimer { key, after_ms } => self.timer(Timer::Consensus(key), after_ms),
                Output::CancelTimer(key) => self.effect(Effect::CancelTimer(Timer::Consensus(key))),
                Output::Build { height, round } => self.on_build(now_ms, height, round)?,
                Output::NeedBlock { height, round, block, proposer } => {
                    self.need_block(now_ms, height, round, block, proposer)?;
                }
                Output::Decide { certificate } => {
                    self.decided = Some(certificate);
                    self.try_decided(now_ms)?;
                }
                Output::Evidence(evidence) => {
                    tracing::warn!(offender = ?evidence.offender(), "an authority signed two conflicting messages");
                    self.store.put_evidence(&evidence)?;
                    self.reports.add(evidence);
                }
                Output::Fault(fault) => {
                    return Err(Halt::Broken { reason: format!("consensus core: {fault}") });
                }
            }
        }
        Ok(())
    }

    fn send_proposal(&mut self, proposal: SignedProposal) {
        let Some((block, _)) = self.proposed.compact(&proposal.value.block) else {
            tracing::error!(block = ?proposal.value.block, "own proposal without its block is not sent");
            return;
        };
        let block = block.clone();
        self.effect(Effect::Publish(Gossip::Proposal { proposal, block }));
    }

    fn on_build(&mut self, now_ms: u64, height: Height, round: Round) -> Result<(), Halt> {
        self.building = Some((height, round));
        // After a failed round the others are waiting: there is nothing to pace.
        if round > Round(0) { self.build(now_ms, height, round) } else { self.pace(now_ms) }
    }

    /// Commits the decided block once it is here and executed.
    pub(super) fn try_decided(&mut self, now_ms: u64) -> Result<(), Halt> {
        let Some(certificate) = self.decided.clone() else { return Ok(()) };
        let hash: Hash = certificate.block;
        if self.proposed.legal(&hash).is_none() && !self.execute_decided(now_ms, &hash)? {
            self.proposed.want(hash);
            return self.fetch_missing(now_ms);
        }
        let Some(legal) = self.proposed.take_legal(&hash) else { return Ok(()) };
        self.commit(now_ms, legal, certificate, false)
    }
}
