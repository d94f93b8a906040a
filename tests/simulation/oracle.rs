//! The oracle: after each step it says whether what must never happen has happened.

use crate::node::{Law, Sight};
use althing_types::{
    certificate::QuorumCertificate,
    crypto::{NodeId, Signed},
    hash::Hash,
    id::{Height, Round},
    vote::{Evidence, Proposal, VoteKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// What must never happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("agreement: height {height} is {first} for some and {second} for node {node}")]
    Agreement { height: Height, first: Hash, second: Hash, node: usize },
    #[error("validity: node {node} decided {block} at height {height}, which nobody built or which is invalid")]
    Validity { node: usize, height: Height, block: Hash },
    #[error("equivocation: correct node {node} signs twice at height {height} round {round}: {what}")]
    Equivocation { node: usize, height: Height, round: Round, what: String },
    #[error(
        "certificate: node {node} decides height {height} with a certificate that list({height}) refuses: {reason}"
    )]
    Certificate { node: usize, height: Height, reason: String },
    #[error("evidence: node {node} accuses a correct authority: {evidence}")]
    FalseEvidence { node: usize, evidence: String },
    #[error("fault: correct node {node} reports: {fault}")]
    Fault { node: usize, fault: String },
    #[error("progress: heights {heights:?} {after_ms} ms after the network healed")]
    Progress { heights: Vec<u64>, after_ms: u64 },
}

/// Which oracles speak; all, unless a test wants to hear a certain one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ears {
    All,
    AgreementOnly,
    EquivocationOnly,
}

/// What was decided and said so far.
#[derive(Debug)]
pub(crate) struct Oracle {
    pub(crate) ears: Ears,
    dishonest: BTreeSet<NodeId>,
    decided: BTreeMap<Height, Hash>,
    votes: BTreeMap<(Height, usize, Round, VoteKind), Option<Hash>>,
    proposals: BTreeMap<(Height, usize, Round), Proposal>,
}

impl Oracle {
    pub(crate) fn new(ears: Ears, dishonest: BTreeSet<NodeId>) -> Self {
        let (decided, votes, proposals) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self { ears, dishonest, decided, votes, proposals }
    }

    /// Judges what a correct node shows.
    pub(crate) fn judge(&mut self, law: &mut impl Law, node: usize, sight: &Sight) -> Result<(), Violation> {
        let verdict = match sight {
            Sight::Voted(vote) => {
                let place = (vote.height, node, vote.round, vote.kind);
                let first = *self.votes.entry(place).or_insert(vote.block);
                let what = format!("{:?} {first:?} and {:?}", vote.kind, vote.block);
                (first == vote.block).then_some(()).ok_or(Violation::Equivocation {
                    node,
                    height: vote.height,
                    round: vote.round,
                    what,
                })
            }
            Sight::Proposed(proposal) => {
                let place = (proposal.height, node, proposal.round);
                let first = self.proposals.entry(place).or_insert_with(|| proposal.clone());
                (first == proposal).then_some(()).ok_or_else(|| Violation::Equivocation {
                    node,
                    height: proposal.height,
                    round: proposal.round,
                    what: format!("proposals {:?} and {:?}", first.block, proposal.block),
                })
            }
            Sight::Decided(certificate) => self.decided(law, node, certificate),
            Sight::Accused(evidence) => self.accused(law, node, evidence),
            Sight::Failed(fault) => Err(Violation::Fault { node, fault: fault.clone() }),
        };
        match (&verdict, self.ears) {
            (Err(Violation::Agreement { .. }), Ears::AgreementOnly)
            | (Err(Violation::Equivocation { .. }), Ears::EquivocationOnly)
            | (_, Ears::All) => verdict,
            _ => Ok(()),
        }
    }

    /// Whether a world that stands still is a violation.
    pub(crate) fn hears_progress(&self) -> bool {
        self.ears == Ears::All
    }

    /// Forgets what was said at heights that every node has left.
    pub(crate) fn forget_below(&mut self, height: Height) {
        self.votes.retain(|place, _| place.0 >= height);
        self.proposals.retain(|place, _| place.0 >= height);
    }

    fn decided(&mut self, law: &mut impl Law, node: usize, found: &QuorumCertificate) -> Result<(), Violation> {
        let (height, block) = (found.height, found.block);
        let first = *self.decided.entry(height).or_insert(block);
        if first != block {
            return Err(Violation::Agreement { height, first, second: block, node });
        }
        if self.ears != Ears::All {
            return Ok(());
        }
        if !law.is_valid(height, block) {
            return Err(Violation::Validity { node, height, block });
        }
        certified(law, found).map_err(|reason| Violation::Certificate { node, height, reason })
    }

    fn accused(&self, law: &mut impl Law, node: usize, evidence: &Evidence) -> Result<(), Violation> {
        let proven = match evidence {
            Evidence::Votes(a, b) => law.checks(a) && law.checks(b),
            Evidence::Proposals(a, b) => a.clone().verify().is_ok() && b.clone().verify().is_ok(),
        };
        match evidence.offender() {
            Some(offender) if proven && self.dishonest.contains(&offender) => Ok(()),
            _ => Err(Violation::FalseEvidence { node, evidence: format!("{evidence:?}") }),
        }
    }
}

/// The rules of `QuorumCertificate::verify`, with signatures that were seen before not checked again.
pub(crate) fn certified(law: &mut impl Law, found: &QuorumCertificate) -> Result<(), String> {
    let list = law.list(found.height);
    if found.chain != *law.chain() {
        return Err(format!("of chain {}", found.chain));
    }
    if found.signatures.len() < list.quorum() {
        return Err(format!("{} signatures of {} needed", found.signatures.len(), list.quorum()));
    }
    if !found.signatures.windows(2).all(|pair| pair[0].voter < pair[1].voter) {
        return Err("voters not strictly ascending".into());
    }
    for entry in found.signatures.iter() {
        if list.position(&entry.voter).is_none() {
            return Err(format!("{} is no authority", entry.voter));
        }
        let vote = Signed { value: found.vote_of(entry.voter), signature: entry.signature };
        if !law.checks(&vote) {
            return Err(format!("signature of {} does not verify", entry.voter));
        }
    }
    Ok(())
}
