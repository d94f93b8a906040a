//! The core's effects, carried out: this is where messages are signed and written into the outbox.
//!
//! The core asks for things one by one while it handles an input; each arm here answers one of them. Nothing leaves
//! the process here: [`Outbox`] decides the order.

use crate::{
    context::{
        CoreProposal, CoreSignedProposal, CoreSignedVote, CoreVote, Protocol, Scope, core_proposal, core_round,
        core_vote, our_proposal, our_signed_vote, our_vote,
    },
    engine::Signer,
    fault::Fault,
    outbox::{Message, Outbox},
    output::Output,
    own::OwnMessages,
    record::Record,
    timers::{Active, Timeouts, TimerKey, TimerKind, Timers},
};
use althing_types::{
    certificate::{CertificateSignature, QuorumCertificate},
    codec::List,
    crypto::Signed,
    hash::Hash,
    id::{Height, Round},
    vote::{SignedProposal, SignedVote},
};
use arc_malachitebft_core_consensus::{Effect, LivenessMsg, Resumable, Resume, SignedConsensusMsg, VoteExtensionError};
use arc_malachitebft_core_types::{CommitCertificate, CommitSignature, PolkaCertificate, Timeout, TimeoutKind};

/// A reason to break off the input that the core is handling.
#[derive(Debug)]
pub(crate) struct Refused;

/// The part of a height's state that the core's effects work on.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) scope: Scope,
    pub(crate) height: Height,
    pub(crate) timeouts: Timeouts,
    pub(crate) now_ms: u64,
    pub(crate) own: OwnMessages,
    pub(crate) timers: Timers,
    epoch: u64,
    /// The round that the caller builds a block for.
    pub(crate) building: Option<Round>,
    /// Old records are being fed: requests and timers are settled at the end.
    pub(crate) replaying: bool,
    /// Messages that were signed during the replay, as the log had lost them.
    pub(crate) signed_in_replay: Vec<Message>,
    pub(crate) decided: Option<QuorumCertificate>,
    pub(crate) refused: Option<Fault>,
    pub(crate) out: Outbox,
}

impl Desk {
    pub(crate) fn new(scope: Scope, height: Height, timeouts: Timeouts, now_ms: u64) -> Self {
        Self {
            scope,
            height,
            timeouts,
            now_ms,
            own: OwnMessages::default(),
            timers: Timers::default(),
            epoch: 0,
            building: None,
            replaying: false,
            signed_in_replay: Vec::new(),
            decided: None,
            refused: None,
            out: Outbox::default(),
        }
    }

    /// Answers one effect of the core.
    pub(crate) fn effect(
        &mut self,
        effect: Effect<Protocol>,
        signer: &dyn Signer,
    ) -> Result<Resume<Protocol>, Refused> {
        Ok(match effect {
            Effect::CancelAllTimeouts(resume) => {
                self.cancel_all();
                resume.resume_with(())
            }
            Effect::CancelTimeout(timeout, resume) => {
                if let Some((round, kind)) = self.our_timer(timeout) {
                    self.cancel(round, kind);
                }
                resume.resume_with(())
            }
            Effect::ScheduleTimeout(timeout, resume) => {
                if let Some((round, kind)) = self.our_timer(timeout) {
                    self.schedule(round, kind, self.timeouts.duration_ms(kind, round));
                }
                resume.resume_with(())
            }
            Effect::StartRound(_, _, _, _, resume) => {
                self.building = None;
                resume.resume_with(())
            }
            Effect::PublishConsensusMsg(SignedConsensusMsg::Vote(vote), resume)
            | Effect::PublishLivenessMsg(LivenessMsg::Vote(vote), resume)
            | Effect::RepublishVote(vote, resume) => {
                self.send_vote(&vote);
                resume.resume_with(())
            }
            Effect::PublishConsensusMsg(SignedConsensusMsg::Proposal(proposal), resume) => {
                self.send_proposal(&proposal);
                resume.resume_with(())
            }
            Effect::PublishLivenessMsg(LivenessMsg::PolkaCertificate(certificate), resume) => {
                self.send_polka(&certificate);
                resume.resume_with(())
            }
            // Why a round was entered is told with the re-broadcast, when a peer may have missed it; not at once.
            Effect::PublishLivenessMsg(LivenessMsg::SkipRoundCertificate(_), resume) => resume.resume_with(()),
            Effect::RepublishRoundCertificate(certificate, resume) => {
                for vote in certificate.votes(&Protocol) {
                    self.send_vote(&vote);
                }
                resume.resume_with(())
            }
            Effect::GetValue(_, round, _, resume) => {
                self.building = self.scope.our_round(round);
                self.ask_for_block();
                resume.resume_with(())
            }
            Effect::Decide(certificate, _, resume) => {
                self.decide(self.quorum_certificate(&certificate));
                resume.resume_with(())
            }
            Effect::SignVote(vote, resume) => resume.resume_with(core_vote(&self.sign_vote(&vote, signer)?)),
            Effect::SignProposal(proposal, resume) => {
                resume.resume_with(core_proposal(&self.sign_proposal(&proposal, signer)?))
            }
            // Everything the core holds came in as a checked message, or was signed here.
            Effect::VerifySignature(_, _, resume) => resume.resume_with(true),
            Effect::VerifyCommitCertificate(_, _, _, resume)
            | Effect::VerifyExtendedCommitCertificate(_, _, _, _, resume)
            | Effect::VerifyPolkaCertificate(_, _, _, resume)
            | Effect::VerifyRoundCertificate(_, _, _, resume) => resume.resume_with(Ok(())),
            // We log at our own boundary, see `record`. Blocks travel with the proposal. The height ends with the
            // caller's next `StartHeight`. Certificates from catch-up never reach the core.
            Effect::WalAppend(_, _, resume)
            | Effect::RestreamProposal(_, _, _, _, _, resume)
            | Effect::Finalize(_, _, _, resume)
            | Effect::CertVerifiedSyncValue(_, _, resume)
            | Effect::CertRejectedSyncValue(_, _, _, resume) => resume.resume_with(()),
            Effect::ExtendVote(_, _, _, _, resume) => resume.resume_with(None),
            Effect::VerifyVoteExtension(_, _, _, _, _, _, resume) => {
                resume.resume_with(Err(VoteExtensionError::InvalidVoteExtension))
            }
        })
    }

    /// Ends the height: no timer matters any more.
    pub(crate) fn decide(&mut self, certificate: QuorumCertificate) {
        if self.decided.is_none() {
            self.cancel_all();
            self.decided = Some(certificate.clone());
            self.out.push(Output::Decide { certificate });
        }
    }

    /// Asks the caller for a block, if one is awaited.
    pub(crate) fn ask_for_block(&mut self) {
        if let (Some(round), false) = (self.building, self.replaying) {
            self.out.push(Output::Build { height: self.height, round });
        }
    }

    /// Sets a timer; during a replay it is only noted.
    pub(crate) fn schedule(&mut self, round: Round, kind: TimerKind, after_ms: u64) {
        self.cancel(round, kind);
        self.epoch = self.epoch.saturating_add(1);
        let active = Active { epoch: self.epoch, deadline_ms: self.now_ms.saturating_add(after_ms) };
        self.timers.set(round, kind, active);
        if !self.replaying {
            self.out.push(Output::SetTimer { key: self.key(round, kind, active.epoch), after_ms });
        }
    }

    /// The timers are those of `before` for the caller: tells the difference to those that run now.
    pub(crate) fn settle_timers(&mut self, before: &[(Round, TimerKind, Active)]) {
        let after = self.timers.all();
        for (round, kind, active) in before.iter().filter(|timer| !after.contains(timer)) {
            self.out.push(Output::CancelTimer(self.key(*round, *kind, active.epoch)));
        }
        for (round, kind, active) in after.iter().filter(|timer| !before.contains(timer)) {
            let after_ms = active.deadline_ms.saturating_sub(self.now_ms);
            self.out.push(Output::SetTimer { key: self.key(*round, *kind, active.epoch), after_ms });
        }
    }

    pub(crate) fn send_vote(&mut self, vote: &CoreSignedVote) {
        self.out.send(Message::Vote(our_signed_vote(&self.scope, vote)));
    }

    /// Sends the prevotes that show a quorum for a block, one by one: a vote proves itself.
    pub(crate) fn send_polka(&mut self, certificate: &PolkaCertificate<Protocol>) {
        for vote in certificate.votes(&Protocol) {
            self.send_vote(&vote);
        }
    }

    fn send_proposal(&mut self, proposal: &CoreSignedProposal) {
        let value = our_proposal(&self.scope, &proposal.message);
        self.out.send(Message::Proposal(Signed { value, signature: proposal.signature }));
    }

    fn sign_vote(&mut self, vote: &CoreVote, signer: &dyn Signer) -> Result<SignedVote, Refused> {
        let vote = our_vote(&self.scope, vote);
        if let Some(signed) = self.own.derive_vote(vote.round, vote.kind) {
            return if signed.value == vote { Ok(signed.clone()) } else { Err(self.refuse(vote.round)) };
        }
        let signed = sign(vote, signer);
        self.own.insert_vote(signed.clone(), true);
        self.out.log(Record::Vote(signed.clone()));
        self.note_signed(Message::Vote(signed.clone()));
        Ok(signed)
    }

    fn sign_proposal(&mut self, proposal: &CoreProposal, signer: &dyn Signer) -> Result<SignedProposal, Refused> {
        let proposal = our_proposal(&self.scope, proposal);
        if let Some(signed) = self.own.derive_proposal(proposal.round) {
            return if signed.value == proposal { Ok(signed.clone()) } else { Err(self.refuse(proposal.round)) };
        }
        let signed = sign(proposal, signer);
        self.own.insert_proposal(signed.clone(), true);
        self.out.log(Record::Proposal(signed.clone()));
        self.note_signed(Message::Proposal(signed.clone()));
        Ok(signed)
    }

    fn note_signed(&mut self, message: Message) {
        self.out.sync();
        if self.replaying {
            self.signed_in_replay.push(message);
        }
    }

    fn refuse(&mut self, round: Round) -> Refused {
        self.refused = Some(Fault::ConflictingMessage { height: self.height, round });
        Refused
    }

    fn cancel(&mut self, round: Round, kind: TimerKind) {
        if let Some(active) = self.timers.remove(round, kind)
            && !self.replaying
        {
            self.out.push(Output::CancelTimer(self.key(round, kind, active.epoch)));
        }
    }

    fn cancel_all(&mut self) {
        for (round, kind, _) in self.timers.all() {
            self.cancel(round, kind);
        }
    }

    fn our_timer(&self, timeout: Timeout) -> Option<(Round, TimerKind)> {
        Some((self.scope.our_round(timeout.round)?, our_kind(timeout.kind)?))
    }

    const fn key(&self, round: Round, kind: TimerKind, epoch: u64) -> TimerKey {
        TimerKey { height: self.height, round, kind, epoch }
    }

    fn quorum_certificate(&self, certificate: &CommitCertificate<Protocol>) -> QuorumCertificate {
        let entry = |entry: &CommitSignature<Protocol>| CertificateSignature {
            voter: entry.address.0,
            signature: entry.signature,
        };
        let signatures = certificate.commit_signatures.iter().map(entry).collect();
        self.certificate(
            self.scope.our_round(certificate.round).unwrap_or_default(),
            certificate.value_id.0,
            signatures,
        )
    }

    /// A certificate of this height.
    pub(crate) fn certificate(
        &self,
        round: Round,
        block: Hash,
        mut signatures: Vec<CertificateSignature>,
    ) -> QuorumCertificate {
        signatures.sort_by_key(|entry| entry.voter);
        // An authority counts once, so there are at most as many as authorities.
        let signatures = List::new(signatures).unwrap_or_default();
        QuorumCertificate { chain: self.scope.chain.clone(), height: self.height, round, block, signatures }
    }
}

fn sign<T: althing_types::crypto::Signable>(value: T, signer: &dyn Signer) -> Signed<T> {
    let signature = signer.sign(&value.signing_hash());
    Signed { value, signature }
}

const fn our_kind(kind: TimeoutKind) -> Option<TimerKind> {
    match kind {
        TimeoutKind::Propose => Some(TimerKind::Propose),
        TimeoutKind::Prevote => Some(TimerKind::Prevote),
        TimeoutKind::Precommit => Some(TimerKind::Precommit),
        TimeoutKind::Rebroadcast => Some(TimerKind::Rebroadcast),
        // Only with a target time, which we never set.
        TimeoutKind::FinalizeHeight(_) => None,
    }
}

/// The core's name of one of our timers.
pub(crate) const fn core_timer(round: Round, kind: TimerKind) -> Timeout {
    let kind = match kind {
        TimerKind::Propose => TimeoutKind::Propose,
        TimerKind::Prevote => TimeoutKind::Prevote,
        TimerKind::Precommit => TimeoutKind::Precommit,
        TimerKind::Rebroadcast => TimeoutKind::Rebroadcast,
    };
    Timeout::new(core_round(round), kind)
}
