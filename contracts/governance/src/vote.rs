//! Votes: how they are opened, cast, changed, taken back and decided.

use crate::{Governance, Refusal};
use althing_interface::governance::{
    Choice, Electorate, GovernanceError, MAX_CONTENT, MAX_OPEN, MAX_OPEN_OF_ONE, Proposal, ProposalDecided,
    ProposalKind, ProposalOpened, ProposalStatus, VoteCast, VoteRecord, VoteWithdrawn, ballot_bytes, more_than_half,
};
use althing_sdk::{
    prelude::*,
    types::{authority::MAX_AUTHORITIES, codec::encode},
};

/// Who reviews a change of data, and how many of them must agree.
pub(crate) type Reviewers = (List<OrganisationId, MAX_AUTHORITIES>, u32);

fn length(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

impl Governance {
    /// Opens a vote of all members, or of chosen ones; gives the proposal's number.
    pub(crate) fn open_vote(
        &mut self,
        cx: &mut Ctx,
        opener: OrganisationId,
        kind: &ProposalKind,
        reviewers: Option<Reviewers>,
    ) -> Result<u64, Refusal> {
        let found = encode(kind).len();
        ensure!(found <= MAX_CONTENT, GovernanceError::TooLong { found: length(found), most: length(MAX_CONTENT) });
        let agenda = self.agenda.get().unwrap_or_default().entries;
        let (open, most) = (length(agenda.len()), length(MAX_OPEN));
        ensure!(open < most, GovernanceError::TooManyOpen { open, most });
        let (open, most) = (length(agenda.iter().filter(|e| e.opener == opener).count()), length(MAX_OPEN_OF_ONE));
        ensure!(open < most, GovernanceError::TooManyOfOne { organisation: opener, open, most });

        let mut counts = self.counts.get().unwrap_or_default();
        let id = counts.proposals;
        counts.proposals = counts.proposals.saturating_add(1);
        self.counts.put(&counts);
        let content = cx.sha3(&ballot_bytes(&cx.chain(), id, kind));
        let closes_ms = cx.time_ms().saturating_add(self.numbers()?.vote_ms);
        let electorate = match reviewers {
            Some((chosen, needed)) => Electorate {
                joined_before: counts.joined,
                electors: length(chosen.len()),
                needed,
                chosen: Some(chosen),
            },
            None => Electorate {
                joined_before: counts.joined,
                electors: counts.members,
                needed: more_than_half(counts.members),
                chosen: None,
            },
        };
        let proposal = Proposal {
            id,
            class: kind.class(),
            opener: opener.clone(),
            opened: cx.height(),
            opened_ms: cx.time_ms(),
            closes_ms,
            content,
            electorate,
            agree: 0,
            object: 0,
            status: ProposalStatus::Open,
            until_ms: 0,
            progress: 0,
            message: Text::default(),
        };
        self.proposals.put(&id, &proposal);
        self.contents.put(&id, kind);
        self.plan(&proposal, Some(closes_ms));
        cx.emit(ProposalOpened { proposal: id, class: kind.class(), opener, content, closes_ms });
        Ok(id)
    }

    /// Casts or changes a vote.
    pub(crate) fn cast(&mut self, cx: &mut Ctx, id: u64, content: Hash, choice: Choice) -> Result<(), Refusal> {
        let (mut proposal, organisation) = self.votable(cx, id, content)?;
        let key = (id, organisation.clone());
        let before = self.votes.get(&key).map(|vote| vote.choice);
        if before == Some(choice) {
            return Err(GovernanceError::SameVote { proposal: id, organisation, choice }.into());
        }
        tally(&mut proposal, before, Some(choice));
        let vote = VoteRecord { choice, key: cx.signer(), height: cx.height(), time_ms: cx.time_ms() };
        self.votes.put(&key, &vote);
        let (agree, object) = (proposal.agree, proposal.object);
        cx.emit(VoteCast { proposal: id, organisation, choice, agree, object });
        self.decide(cx, proposal)
    }

    /// Takes a vote back.
    pub(crate) fn take_back(&mut self, cx: &mut Ctx, id: u64, content: Hash) -> Result<(), Refusal> {
        let (mut proposal, organisation) = self.votable(cx, id, content)?;
        let key = (id, organisation.clone());
        let Some(before) = self.votes.get(&key) else {
            return Err(GovernanceError::NoVote { proposal: id, organisation }.into());
        };
        tally(&mut proposal, Some(before.choice), None);
        self.votes.remove(&key);
        let (agree, object) = (proposal.agree, proposal.object);
        cx.emit(VoteWithdrawn { proposal: id, organisation, agree, object });
        self.decide(cx, proposal)
    }

    /// A proposal on which the signer's organisation may vote now, and that organisation.
    fn votable(&self, cx: &Ctx, id: u64, content: Hash) -> Result<(Proposal, OrganisationId), Refusal> {
        let Some(organisation) = cx.organisation() else {
            return Err(GovernanceError::NoDuty { duty: "voter" }.into());
        };
        let Some(proposal) = self.proposals.get(&id) else {
            return Err(GovernanceError::UnknownProposal { proposal: id }.into());
        };
        let (status, time_ms) = (proposal.status, cx.time_ms());
        let closes_ms = match status {
            ProposalStatus::Open => proposal.closes_ms,
            ProposalStatus::Waiting => proposal.until_ms,
            _ => return Err(GovernanceError::Closed { proposal: id, status }.into()),
        };
        ensure!(time_ms <= closes_ms, GovernanceError::Late { proposal: id, closes_ms, time_ms });
        ensure!(
            content == proposal.content,
            GovernanceError::WrongContent { proposal: id, expected: proposal.content, given: content }
        );
        let electorate = &proposal.electorate;
        let reason = match self.members.get(&organisation) {
            None => Some("is no member"),
            Some(member) if member.joined >= electorate.joined_before => Some("joined after the vote had opened"),
            Some(_) if electorate.chosen.as_ref().is_some_and(|chosen| !chosen.contains(&organisation)) => {
                Some("is not among the reviewers")
            }
            Some(_) => None,
        };
        match reason {
            Some(reason) => Err(GovernanceError::NotElector { proposal: id, organisation, reason }.into()),
            None => Ok((proposal, organisation)),
        }
    }

    /// Decides a vote as soon as the votes that are still to come cannot change it, and writes the proposal down.
    fn decide(&mut self, cx: &mut Ctx, mut proposal: Proposal) -> Result<(), Refusal> {
        let needed = proposal.electorate.needed;
        let agreed = proposal.agree >= needed;
        let hopeless = proposal.object > proposal.electorate.electors.saturating_sub(needed);
        match proposal.status {
            ProposalStatus::Open if agreed => {
                let wait_ms = if proposal.class.has_timelock() { self.numbers()?.timelock_ms } else { 0 };
                let waits = wait_ms > 0;
                proposal.status = if waits { ProposalStatus::Waiting } else { ProposalStatus::Executing };
                proposal.until_ms = cx.time_ms().saturating_add(wait_ms);
                self.plan(&proposal, Some(if waits { proposal.until_ms } else { 0 }));
                decided(cx, &proposal);
            }
            ProposalStatus::Open if hopeless => self.close(cx, &mut proposal, ProposalStatus::Rejected),
            ProposalStatus::Waiting if !agreed => self.close(cx, &mut proposal, ProposalStatus::Vetoed),
            _ => {}
        }
        self.proposals.put(&proposal.id, &proposal);
        Ok(())
    }

    /// Ends a vote that was not accepted. The caller writes the proposal down.
    pub(crate) fn close(&mut self, cx: &mut Ctx, proposal: &mut Proposal, status: ProposalStatus) {
        proposal.status = status;
        proposal.until_ms = cx.time_ms();
        self.plan(proposal, None);
        decided(cx, proposal);
    }
}

fn decided(cx: &mut Ctx, proposal: &Proposal) {
    let Proposal { id, status, agree, object, .. } = *proposal;
    cx.emit(ProposalDecided { proposal: id, status, agree, object });
}

fn tally(proposal: &mut Proposal, before: Option<Choice>, after: Option<Choice>) {
    match before {
        Some(Choice::Agree) => proposal.agree = proposal.agree.saturating_sub(1),
        Some(Choice::Object) => proposal.object = proposal.object.saturating_sub(1),
        None => {}
    }
    match after {
        Some(Choice::Agree) => proposal.agree = proposal.agree.saturating_add(1),
        Some(Choice::Object) => proposal.object = proposal.object.saturating_add(1),
        None => {}
    }
}
