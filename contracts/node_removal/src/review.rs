//! Who may open a review, and when.
//!
//! The coordinator answers enough complaints, or evidence, at any time. When it has been silent for `silence_ms` since
//! there was enough, one who complained or reported opens the review itself. On its own finding the coordinator opens
//! a few at a time; what it opens is decided by all members like any other vote.

use crate::{
    NodeRemoval, Refusal,
    state::{self, Accused, node_key},
};
use althing_interface::{
    governance::ProposalStatus,
    node_removal::{EvidenceRecord, Ground, MAX_COMPLAINTS, MAX_TEXT, RemovalError, Review, ReviewOpened},
};
use althing_sdk::{prelude::*, types::govern::GovernanceSettings};

/// Whether there is enough for a review.
struct Enough {
    /// Since when; `None` when there is not.
    since: Option<(Ground, u64)>,
    /// Complaints that count.
    complaints: u32,
    /// Whether the caller complained or reported.
    involved: bool,
}

impl NodeRemoval {
    /// Opens a review if the caller may.
    pub(crate) fn review_accused(
        &mut self,
        cx: &mut Ctx,
        accused: &Accused,
        reason: Text<MAX_TEXT>,
    ) -> Result<u64, Refusal> {
        let opener = state::acting(cx)?;
        state::check_accused(cx, accused)?;
        let last = (accused.organisation.clone(), node_key(accused.node));
        if let Some(proposal) = self.last.get(&last) {
            let open = is_open(cx, proposal)?;
            let accused = accused.organisation.clone();
            ensure!(!open, RemovalError::ReviewOpen { accused, proposal });
        }
        let settings = state::settings(cx)?;
        let enough = self.enough(accused, &opener, cx.time_ms(), &settings);
        let ground = if state::leads(cx, &opener)? {
            match enough.since {
                Some((ground, _)) => ground,
                None => {
                    self.may_find(cx, &settings)?;
                    Ground::Finding
                }
            }
        } else {
            after_silence(&enough, accused, &opener, cx.time_ms(), &settings)?
        };
        let proposal: u64 = state::governance(cx, "open_removal", &(&accused.organisation, accused.node))?;
        self.answer(accused, proposal, cx.time_ms(), settings.complaint_ms);
        if ground == Ground::Finding {
            let mut findings = self.findings.get().unwrap_or_default().into_vec();
            findings.push(proposal);
            self.findings.put(&List::new(findings).unwrap_or_default());
        }
        self.last.put(&last, &proposal);
        let Accused { organisation, node } = accused.clone();
        let review = Review {
            proposal,
            accused: organisation.clone(),
            node,
            opener: opener.clone(),
            ground,
            reason,
            time_ms: cx.time_ms(),
        };
        self.reviews.put(&proposal, &review);
        cx.emit(ReviewOpened { proposal, accused: organisation, node, ground, opener });
        Ok(proposal)
    }

    fn enough(&self, accused: &Accused, by: &OrganisationId, time_ms: u64, settings: &GovernanceSettings) -> Enough {
        let counting = self.counting(accused, time_ms, settings.complaint_ms);
        let mut involved = counting.iter().any(|complaint| complaint.complainant == *by);
        let mut times: Vec<u64> = counting.iter().map(|complaint| complaint.time_ms).collect();
        times.sort_unstable();
        let at = usize::from(settings.complaints_needed).saturating_sub(1);
        let mut since = times.get(at).map(|time| (Ground::Complaints, *time));
        for record in self.good_evidence(accused, time_ms, settings.complaint_ms) {
            involved = involved || record.reporter == *by;
            if since.is_none_or(|(_, time)| record.time_ms < time) {
                since = Some((Ground::Evidence, record.time_ms));
            }
        }
        Enough { since, complaints: u32::try_from(counting.len()).unwrap_or(u32::MAX), involved }
    }

    /// Evidence against the accused node that counts as complaints do.
    fn good_evidence(&self, accused: &Accused, time_ms: u64, complaint_ms: u64) -> Vec<EvidenceRecord> {
        let Some(node) = accused.node else { return Vec::new() };
        let all = self.evidence.iter_prefix(&node.key()).take(MAX_COMPLAINTS).map(|(_, record)| record);
        all.filter(|r| r.review.is_none() && r.time_ms.saturating_add(complaint_ms) > time_ms).collect()
    }

    /// Writes down which review answers what counted.
    fn answer(&mut self, accused: &Accused, proposal: u64, time_ms: u64, complaint_ms: u64) {
        for mut complaint in self.counting(accused, time_ms, complaint_ms) {
            complaint.review = Some(proposal);
            self.complaints.put(&state::accused_key(accused, &complaint.complainant), &complaint);
        }
        for mut record in self.good_evidence(accused, time_ms, complaint_ms) {
            record.review = Some(proposal);
            let round = u64::from(record.signed_round.0);
            self.evidence.put(&(record.node.key(), record.signed_height, round, record.offence as u8), &record);
        }
    }

    /// Whether the coordinator may open one more review on its own finding.
    fn may_find(&mut self, cx: &mut Ctx, settings: &GovernanceSettings) -> Result<(), Refusal> {
        let mut open = Vec::new();
        for proposal in self.findings.get().unwrap_or_default().into_vec() {
            if is_open(cx, proposal)? {
                open.push(proposal);
            }
        }
        let (found, most) = (u32::try_from(open.len()).unwrap_or(u32::MAX), u32::from(settings.open_reviews));
        self.findings.put(&List::new(open).unwrap_or_default());
        ensure!(found < most.min(64), RemovalError::TooManyReviews { open: found, most });
        Ok(())
    }
}

/// Whether one who is not the coordinator may open a review now.
fn after_silence(
    enough: &Enough,
    accused: &Accused,
    opener: &OrganisationId,
    time_ms: u64,
    settings: &GovernanceSettings,
) -> Result<Ground, Refusal> {
    let accused = || accused.organisation.clone();
    ensure!(enough.involved, RemovalError::NotComplainant { organisation: opener.clone(), accused: accused() });
    let Some((ground, since_ms)) = enough.since else {
        let needed = u32::from(settings.complaints_needed);
        return Err(RemovalError::TooFewComplaints { accused: accused(), found: enough.complaints, needed }.into());
    };
    let until_ms = since_ms.saturating_add(settings.silence_ms);
    ensure!(time_ms > until_ms, RemovalError::CoordinatorHasTime { until_ms, time_ms });
    Ok(ground)
}

fn is_open(cx: &mut Ctx, proposal: u64) -> Result<bool, Refusal> {
    let status: Option<ProposalStatus> = state::governance(cx, "status", &(proposal,))?;
    Ok(status.is_some_and(|status| !status.is_final()))
}
