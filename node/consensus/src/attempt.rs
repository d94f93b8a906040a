//! One height from its start to its decision: which messages are admitted, logged and given to the core.
//!
//! ```text
//!             admit            log              core               outbox
//!  input --> (place, voter, --> append to --> counts, locks, --> Log* Sync? Send* rest
//!             duplicate?)       the log        votes, decides
//! ```
//! What is not admitted leaves no trace. What is admitted is logged before the core sees it, in the same order, so a
//! replay of the log leads to the same state.

use crate::{
    conflict::Conflicts,
    context::{
        Address, BlockId, CoreHeight, CoreSignedVote, Members, Protocol, Scope, core_proposal, core_round, core_vote,
        our_kind, our_signed_vote, thresholds,
    },
    effects::{Desk, core_timer},
    engine::Signer,
    fault::Fault,
    outbox::Message,
    output::Output,
    record::Record,
    timers::{Timeouts, TimerKey, TimerKind},
};
use althing_types::{
    authority::AuthorityList,
    certificate::{CertificateSignature, QuorumCertificate},
    crypto::{NodeId, Signature},
    hash::Hash,
    id::{ChainId, Height, Round},
    vote::{Evidence, Proposal, SignedProposal, SignedVote, Vote, VoteKind},
};
use arc_malachitebft_core_consensus::{
    Error as CoreError, Input as CoreInput, LocallyProposedValue, Params, ProposedValue, State, ValuePayload, process,
};
use arc_malachitebft_core_types::{
    NilOrVal, PolkaCertificate, PolkaSignature, Round as CoreRound, Validity, ValueOrigin, Vote as _,
    VoteExtensionPolicy,
};
use std::collections::BTreeMap;

/// Messages of rounds further ahead than this are dropped; the core has the same window.
pub(crate) const ROUND_WINDOW: u32 = 10;
/// Different proposals of one round that are kept; two prove that the primary is dishonest.
const MAX_PROPOSALS: usize = 2;
/// Blocks that are asked for again with one re-broadcast.
const MAX_REQUESTS: usize = 8;

/// What is known of a proposed block.
#[derive(Clone, Copy, Debug)]
enum Knowledge {
    /// Asked for.
    Wanted { round: Round, proposer: NodeId },
    /// Executed, or built here.
    Known { valid: bool },
}

/// The attempt to decide one height.
pub(crate) struct Attempt {
    me: NodeId,
    pub(crate) authorities: AuthorityList,
    state: State<Protocol>,
    pub(crate) desk: Desk,
    proposals: BTreeMap<Round, Vec<SignedProposal>>,
    blocks: BTreeMap<Hash, Knowledge>,
    conflicts: Conflicts,
    /// No input since the start: a replay may come.
    fresh: bool,
    hurried: bool,
}

impl Attempt {
    /// Starts a height.
    pub(crate) fn start(
        (scope, me): (Scope, NodeId),
        height: Height,
        authorities: AuthorityList,
        timeouts: Timeouts,
        now_ms: u64,
        signer: &dyn Signer,
    ) -> Self {
        let members = Members::new(&authorities);
        let params = Params {
            address: Address(me),
            threshold_params: thresholds(&authorities),
            value_payload: ValuePayload::ProposalAndParts,
            enabled: true,
        };
        let core_height = CoreHeight(height.0);
        // The core's own queue of early messages stays empty: we admit only the height in progress.
        let state = State::new(Protocol, core_height, members.clone(), params, 1, 1);
        let mut attempt = Self {
            me,
            authorities,
            state,
            desk: Desk::new(scope, height, timeouts, now_ms),
            proposals: BTreeMap::new(),
            blocks: BTreeMap::new(),
            conflicts: Conflicts::default(),
            fresh: true,
            hurried: false,
        };
        // No target time: the core would read a clock for it.
        let start = CoreInput::StartHeight(core_height, members, false, None, VoteExtensionPolicy::Disabled);
        attempt.run(start, signer);
        attempt
    }

    /// The round in progress.
    pub(crate) fn round(&self) -> Round {
        self.desk.scope.our_round(self.state.round()).unwrap_or(self.desk.scope.first)
    }

    /// Whether a vote of this height would change anything; cheap, and before any signature is checked.
    pub(crate) fn wants_vote(&self, vote: &Vote) -> bool {
        self.open_for(&vote.chain, vote.height, vote.round)
            && self.authorities.position(&vote.voter).is_some()
            && match self.counted(vote.round, vote.kind, vote.voter) {
                None => true,
                Some(first) => {
                    first.value() != &value_of(vote.block)
                        && (self.conflicts.wants_evidence(&vote.voter) || self.completes(vote))
                }
            }
    }

    /// Whether a proposal of this height would change anything; cheap, and before any signature is checked.
    pub(crate) fn wants_proposal(&self, proposal: &Proposal) -> bool {
        let round = proposal.round;
        if !self.open_for(&proposal.chain, proposal.height, round)
            || proposal.proposer != self.authorities.primary(proposal.height, round)
            || proposal.valid_round.is_some_and(|valid| valid >= round)
        {
            return false;
        }
        let known = self.proposals.get(&round).map_or(&[][..], Vec::as_slice);
        let polka = || self.state.polka_certificate(core_round(round), &BlockId(proposal.block)).is_some();
        !known.iter().any(|signed| signed.value == *proposal)
            && (known.len() < MAX_PROPOSALS || (known.len() == MAX_PROPOSALS && polka()))
    }

    /// A vote whose signature was checked.
    pub(crate) fn vote(&mut self, signed: &SignedVote, signer: &dyn Signer) {
        let vote = &signed.value;
        if !self.wants_vote(vote) {
            return;
        }
        if vote.voter == self.me && !self.desk.own.derived_vote(vote.round, vote.kind) {
            self.desk.own.insert_vote(signed.clone(), false);
            self.fall_silent(vote.round);
        }
        let first = self.counted(vote.round, vote.kind, vote.voter).map(|v| our_signed_vote(&self.desk.scope, v));
        if let Some(first) = first {
            self.conflicting_vote(first, signed);
        } else {
            self.log(Record::Vote(signed.clone()));
            self.run(CoreInput::Vote(core_vote(signed)), signer);
        }
        match (vote.kind, vote.block) {
            (VoteKind::Prevote, Some(block)) => self.complete_polka(vote.round, block, signer),
            (VoteKind::Precommit, Some(block)) => self.complete_decision(vote.round, block),
            (_, None) => (),
        }
    }

    /// A proposal whose signature was checked.
    pub(crate) fn proposal(&mut self, signed: &SignedProposal, signer: &dyn Signer) {
        let proposal = &signed.value;
        if !self.wants_proposal(proposal) {
            return;
        }
        if proposal.proposer == self.me && !self.desk.own.derived_proposal(proposal.round) {
            self.desk.own.insert_proposal(signed.clone(), false);
            self.fall_silent(proposal.round);
        }
        let known = self.proposals.entry(proposal.round).or_default();
        if let Some(first) = known.first()
            && self.conflicts.note_evidence(proposal.proposer)
        {
            self.desk.out.push(Output::Evidence(Evidence::Proposals(first.clone(), signed.clone())));
        }
        known.push(signed.clone());
        self.log(Record::Proposal(signed.clone()));
        self.run(CoreInput::Proposal(core_proposal(signed)), signer);
        if let std::collections::btree_map::Entry::Vacant(place) = self.blocks.entry(proposal.block) {
            place.insert(Knowledge::Wanted { round: proposal.round, proposer: proposal.proposer });
            self.request(proposal.block, proposal.round, proposal.proposer);
        }
    }

    /// The caller's judgement of a block that was asked for.
    pub(crate) fn block_ready(&mut self, height: Height, round: Round, block: Hash, valid: bool, signer: &dyn Signer) {
        let Some(Knowledge::Wanted { round: asked, proposer }) = self.blocks.get(&block).copied() else { return };
        if height != self.desk.height || self.desk.decided.is_some() {
            return;
        }
        self.blocks.insert(block, Knowledge::Known { valid });
        self.log(Record::BlockReady { height, round, block, valid });
        let value = ProposedValue {
            height: CoreHeight(height.0),
            round: core_round(asked),
            valid_round: CoreRound::Nil,
            proposer: Address(proposer),
            value: BlockId(block),
            validity: Validity::from_bool(valid),
        };
        self.run(CoreInput::ProposedValue(value, ValueOrigin::Consensus), signer);
        let seen = self.state.driver.votes().all_rounds().keys();
        let rounds: Vec<Round> = seen.filter_map(|round| self.desk.scope.our_round(*round)).collect();
        for round in rounds {
            self.complete_decision(round, block);
        }
    }

    /// The block that the caller built for this node to propose.
    pub(crate) fn built(&mut self, height: Height, round: Round, block: Hash, signer: &dyn Signer) {
        let awaited = self.desk.building == Some(round) && self.state.driver.step_is_propose();
        if height != self.desk.height || self.desk.decided.is_some() || !awaited {
            return;
        }
        self.desk.building = None;
        self.blocks.insert(block, Knowledge::Known { valid: true });
        self.log(Record::Built { height, round, block });
        let value =
            LocallyProposedValue { height: CoreHeight(height.0), round: core_round(round), value: BlockId(block) };
        self.run(CoreInput::Propose(value), signer);
        // The core knows the proposal by now; we keep it to prove a second one, and to send it again.
        if let Some(own) = self.desk.own.proposal(round).cloned() {
            let known = self.proposals.entry(round).or_default();
            if !known.contains(&own) {
                known.push(own);
            }
        }
    }

    /// A timer ran out.
    pub(crate) fn timer(&mut self, key: TimerKey, signer: &dyn Signer) {
        let current = self.desk.timers.get(key.round, key.kind).is_some_and(|active| active.epoch == key.epoch);
        if key.height != self.desk.height || !current || self.desk.decided.is_some() {
            return;
        }
        self.desk.timers.remove(key.round, key.kind);
        self.timeout(key.round, key.kind, signer);
    }

    /// There is work: the primary has no reason to wait.
    pub(crate) fn work(&mut self) {
        let first = self.desk.scope.first;
        let waits = self.round() == first && self.state.driver.step_is_propose() && self.desk.decided.is_none();
        if self.hurried || !waits {
            return;
        }
        self.hurried = true;
        let (round, kind, after_ms) = (first, TimerKind::Propose, self.desk.timeouts.propose_ms);
        let sooner = self.desk.now_ms.saturating_add(after_ms);
        if self.desk.timers.get(round, kind).is_some_and(|active| active.deadline_ms > sooner) {
            self.desk.schedule(round, kind, after_ms);
        }
    }

    /// A checked certificate of this height.
    pub(crate) fn certificate(&mut self, certificate: QuorumCertificate) {
        match &self.desk.decided {
            None => self.desk.decide(certificate),
            Some(decided) if decided.block != certificate.block => {
                let (decided, other) = (decided.block, certificate.block);
                self.desk.refused = Some(Fault::ConflictingDecisions { height: self.desk.height, decided, other });
            }
            Some(_) => (),
        }
    }

    /// Feeds the log of this height after a restart.
    pub(crate) fn replay(&mut self, records: Vec<Record>, signer: &dyn Signer) {
        let height = self.desk.height;
        if !self.fresh {
            self.desk.refused = Some(Fault::LateReplay { height });
            return;
        }
        // What was said under a list that is no longer in force has a place of its own: nothing here can contradict it.
        let ours = |record: &Record| record.height() == height && self.desk.scope.holds(record.round());
        let records: Vec<Record> = records.into_iter().filter(ours).collect();
        for record in &records {
            match record {
                Record::Proposal(own) if own.value.proposer == self.me => {
                    self.desk.own.insert_proposal(own.clone(), false)
                }
                Record::Vote(own) if own.value.voter == self.me => self.desk.own.insert_vote(own.clone(), false),
                _ => (),
            }
        }
        let timers = self.desk.timers.all();
        self.desk.replaying = true;
        for record in &records {
            match record {
                // What this node signed follows again from what it received.
                Record::Proposal(signed) if self.desk.own.is_signing_of_proposal(signed) => (),
                Record::Vote(signed) if self.desk.own.is_signing_of_vote(signed) => (),
                Record::Proposal(signed) => self.proposal(signed, signer),
                Record::Vote(signed) => self.vote(signed, signer),
                Record::BlockReady { height, round, block, valid } => {
                    self.block_ready(*height, *round, *block, *valid, signer);
                }
                Record::Built { height, round, block } => self.built(*height, *round, *block, signer),
                Record::Timeout { round, kind, .. } => {
                    self.desk.timers.remove(*round, *kind);
                    self.timeout(*round, *kind, signer);
                }
            }
            if self.desk.refused.is_some() {
                return;
            }
        }
        self.desk.replaying = false;
        self.fresh = false;
        self.desk.settle_timers(&timers);
        self.resume_sending();
    }

    /// Whether a message of this place can matter at all.
    fn open_for(&self, chain: &ChainId, height: Height, round: Round) -> bool {
        *chain == self.desk.scope.chain
            && height == self.desk.height
            && self.desk.scope.holds(round)
            && round.0 <= self.round().0.saturating_add(ROUND_WINDOW)
            && self.desk.decided.is_none()
    }

    /// The vote of this place that was counted.
    fn counted(&self, round: Round, kind: VoteKind, voter: NodeId) -> Option<&CoreSignedVote> {
        let votes = self.state.driver.votes().per_round(core_round(round))?.received_votes();
        votes.iter().find(|vote| our_kind(vote.vote_type()) == kind && vote.validator_address().0 == voter)
    }

    /// Counted votes for a block.
    fn votes_for(&self, round: Round, kind: VoteKind, block: Hash) -> impl Iterator<Item = &CoreSignedVote> {
        let votes = self.state.driver.votes().per_round(core_round(round));
        votes
            .into_iter()
            .flat_map(|votes| votes.received_votes())
            .filter(move |vote| our_kind(vote.vote_type()) == kind && vote.value() == &NilOrVal::Val(BlockId(block)))
    }

    /// All votes for a block, each authority once: counted ones, and second ones of double voters. See [`Conflicts`].
    fn quorum_for(&self, round: Round, kind: VoteKind, block: Hash) -> Option<Vec<(NodeId, Signature)>> {
        let counted = self.votes_for(round, kind, block).map(|vote| (vote.validator_address().0, vote.signature));
        let second = self.conflicts.of(round, kind, block).map(|signed| (signed.value.voter, signed.signature));
        let all: BTreeMap<NodeId, Signature> = second.chain(counted).collect();
        (all.len() >= self.authorities.quorum()).then(|| all.into_iter().collect())
    }

    /// Whether a conflicting vote may be the one that others counted; see [`Conflicts`].
    fn completes(&self, vote: &Vote) -> bool {
        vote.block.is_some_and(|block| {
            let backing = self.votes_for(vote.round, vote.kind, block).count();
            backing.saturating_mul(3) > self.authorities.count()
                && !self.conflicts.has(vote.round, vote.kind, block, &vote.voter)
        })
    }

    /// A second, different vote: evidence, and perhaps a part of a quorum that others saw.
    fn conflicting_vote(&mut self, first: SignedVote, second: &SignedVote) {
        let vote = &second.value;
        if self.conflicts.note_evidence(vote.voter) {
            self.desk.out.push(Output::Evidence(Evidence::Votes(first, second.clone())));
        }
        if let (true, Some(block)) = (self.completes(vote), vote.block) {
            self.log(Record::Vote(second.clone()));
            self.conflicts.keep(block, second.clone());
        }
    }

    /// Gives the core a quorum of prevotes that only exists if a double voter is counted for this block.
    fn complete_polka(&mut self, round: Round, block: Hash, signer: &dyn Signer) {
        let (height, core_round, value_id) = (CoreHeight(self.desk.height.0), core_round(round), BlockId(block));
        let doubles = self.conflicts.of(round, VoteKind::Prevote, block).next().is_some();
        if !doubles || self.desk.decided.is_some() || self.state.polka_certificate(core_round, &value_id).is_some() {
            return;
        }
        let Some(quorum) = self.quorum_for(round, VoteKind::Prevote, block) else { return };
        let signature = |(voter, signature)| PolkaSignature::new(Address(voter), signature);
        let polka_signatures = quorum.into_iter().map(signature).collect();
        let certificate = PolkaCertificate { height, round: core_round, value_id, polka_signatures };
        self.run(CoreInput::PolkaCertificate(certificate), signer);
    }

    /// Decides by a quorum of precommits that the core cannot use: it lacks the proposal of that round, or the quorum
    /// only exists if a double voter is counted for this block. The block itself is needed all the same.
    fn complete_decision(&mut self, round: Round, block: Hash) {
        if self.desk.decided.is_some() {
            return;
        }
        let Some(quorum) = self.quorum_for(round, VoteKind::Precommit, block) else { return };
        match self.blocks.get(&block) {
            Some(Knowledge::Known { valid: true }) => {
                let signatures = quorum.into_iter().map(|(voter, signature)| CertificateSignature { voter, signature });
                let certificate = self.desk.certificate(round, block, signatures.collect());
                self.desk.decide(certificate);
            }
            Some(Knowledge::Known { valid: false }) => {
                self.desk.refused = Some(Fault::InvalidDecision { height: self.desk.height, block });
            }
            Some(Knowledge::Wanted { .. }) => (),
            None => {
                let proposer = self.authorities.primary(self.desk.height, round);
                self.blocks.insert(block, Knowledge::Wanted { round, proposer });
                self.request(block, round, proposer);
            }
        }
    }

    fn timeout(&mut self, round: Round, kind: TimerKind, signer: &dyn Signer) {
        if round != self.round() {
            return;
        }
        if kind == TimerKind::Rebroadcast {
            self.run(CoreInput::TimeoutElapsed(core_timer(round, kind)), signer);
            self.rebroadcast(round);
        } else {
            self.log(Record::Timeout { height: self.desk.height, round, kind });
            self.run(CoreInput::TimeoutElapsed(core_timer(round, kind)), signer);
        }
    }

    /// What the core does not send again: the proposal, the reason for the lock, and requests for blocks.
    fn rebroadcast(&mut self, round: Round) {
        if self.state.is_active_validator() {
            if let Some(own) = self.desk.own.proposal(round) {
                let own = Message::Proposal(own.clone());
                self.desk.out.send(own);
            }
            let valid = self.state.driver.valid_value().map(|valid| (valid.round, valid.value));
            let polka = valid.and_then(|(round, block)| self.state.polka_certificate(round, &block));
            if let Some(polka) = polka {
                self.desk.send_polka(polka);
            }
        }
        self.request_again();
    }

    fn request_again(&mut self) {
        let wanted = self.blocks.iter().filter_map(|(block, knowledge)| match knowledge {
            Knowledge::Wanted { round, proposer } => Some((*block, *round, *proposer)),
            Knowledge::Known { .. } => None,
        });
        let mut wanted: Vec<_> = wanted.collect();
        wanted.sort_by_key(|(_, round, _)| std::cmp::Reverse(*round));
        for (block, round, proposer) in wanted.into_iter().take(MAX_REQUESTS) {
            self.request(block, round, proposer);
        }
    }

    fn request(&mut self, block: Hash, round: Round, proposer: NodeId) {
        if !self.desk.replaying && self.desk.decided.is_none() {
            self.desk.out.push(Output::NeedBlock { height: self.desk.height, round, block, proposer });
        }
    }

    /// After a replay: what was asked for, and messages that peers may have missed.
    fn resume_sending(&mut self) {
        let current = self.round();
        let signed = core::mem::take(&mut self.desk.signed_in_replay);
        self.desk.out.retain_messages(|message| message.round() >= current || signed.contains(message));
        if self.desk.out.has_messages() {
            // What was read back may still be in the machine's memory only.
            self.desk.out.sync();
        }
        self.desk.ask_for_block();
        self.request_again();
    }

    /// This node's key signed something it does not know of: its lock may be gone too, so it only watches.
    fn fall_silent(&mut self, round: Round) {
        if self.state.params.enabled {
            self.state.params.enabled = false;
            self.desk.out.push(Output::Fault(Fault::UnknownOwnMessage { height: self.desk.height, round }));
        }
    }

    fn log(&mut self, record: Record) {
        self.fresh &= self.desk.replaying;
        if !self.desk.replaying {
            self.desk.out.log(record);
        }
    }

    /// Gives one input to the core and carries out its effects.
    fn run(&mut self, input: CoreInput<Protocol>, signer: &dyn Signer) {
        let Self { state, desk, .. } = self;
        let result: Result<(), CoreError<Protocol>> =
            process!(input: input, state: state, metrics: &(), with: effect => desk.effect(effect, signer));
        if let (Err(error), None) = (result, &self.desk.refused) {
            let reason = error.to_string();
            self.desk.refused = Some(Fault::Core { height: self.desk.height, reason });
        }
        let round = self.round();
        self.conflicts.forget_before(round);
    }
}

const fn value_of(block: Option<Hash>) -> NilOrVal<BlockId> {
    match block {
        None => NilOrVal::Nil,
        Some(block) => NilOrVal::Val(BlockId(block)),
    }
}
