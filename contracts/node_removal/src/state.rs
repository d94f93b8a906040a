//! The state of `node_removal`, and what it asks contract `governance`. Field numbers are those of
//! `althing_interface::layout`.

use crate::Refusal;
use althing_interface::{
    governance::{self, CoordinatorRecord, Member, NodeRecord},
    node_removal::{
        Complained, Complaint, EvidenceFound, EvidenceRecord, MAX_COMPLAINTS, RemovalError, Review, ReviewOpened,
    },
};
use althing_sdk::{
    prelude::*,
    types::{crypto::NodeId, govern::GovernanceSettings},
    wire::Wire,
};

/// Complaints, evidence, reviews.
#[contract(name = "node_removal", state_version = 1, events(Complained, EvidenceFound, ReviewOpened))]
pub struct NodeRemoval {
    /// Complaints by accused organisation, node (zeros for none) and complainant.
    #[key(1)]
    pub(crate) complaints: Map<(OrganisationId, PublicKey, OrganisationId), Complaint>,
    /// Evidence by node, height, round and offence.
    #[key(2)]
    pub(crate) evidence: Map<(PublicKey, Height, u64, u8), EvidenceRecord>,
    /// Reviews by their proposal.
    #[key(3)]
    pub(crate) reviews: Map<u64, Review>,
    /// The last review of each accused.
    #[key(4)]
    pub(crate) last: Map<(OrganisationId, PublicKey), u64>,
    /// Reviews on the coordinator's own finding that were not ended when they were last looked at.
    #[key(5)]
    pub(crate) findings: Value<List<u64, 64>>,
}

/// Who is accused.
#[derive(Clone)]
pub(crate) struct Accused {
    pub(crate) organisation: OrganisationId,
    pub(crate) node: Option<NodeId>,
}

/// The key of a node; zeros for none.
pub(crate) fn node_key(node: Option<NodeId>) -> PublicKey {
    node.map_or(PublicKey([0; 32]), |node| node.key())
}

pub(crate) fn accused_key(
    accused: &Accused,
    complainant: &OrganisationId,
) -> (OrganisationId, PublicKey, OrganisationId) {
    (accused.organisation.clone(), node_key(accused.node), complainant.clone())
}

impl NodeRemoval {
    /// Complaints that count: not answered yet and young enough.
    pub(crate) fn counting(&self, accused: &Accused, time_ms: u64, complaint_ms: u64) -> Vec<Complaint> {
        let all = self.complaints.iter_prefix(&(accused.organisation.clone(), node_key(accused.node)));
        let counts = |complaint: &Complaint| {
            complaint.review.is_none() && complaint.time_ms.saturating_add(complaint_ms) > time_ms
        };
        all.take(MAX_COMPLAINTS).map(|(_, complaint)| complaint).filter(counts).collect()
    }
}

/// Asks contract `governance`.
pub(crate) fn governance<R: Wire>(
    cx: &mut Ctx,
    method: &str,
    arguments: &impl althing_sdk::wire::borsh::BorshSerialize,
) -> Result<R, Refusal> {
    let refused = |reason: String| RemovalError::Governance { reason };
    let Ok(contract) = ContractId::new(governance::ID) else { return Err(refused(String::new()).into()) };
    cx.call(&contract, method, arguments).map_err(|error| refused(error.failure.message.as_str().to_owned()).into())
}

pub(crate) fn settings(cx: &mut Ctx) -> Result<GovernanceSettings, Refusal> {
    let settings: Option<GovernanceSettings> = governance(cx, "settings", &())?;
    settings.ok_or_else(|| RemovalError::Governance { reason: "it has no settings".to_owned() }.into())
}

/// Whether an organisation leads votes.
pub(crate) fn leads(cx: &mut Ctx, organisation: &OrganisationId) -> Result<bool, Refusal> {
    let record: Option<CoordinatorRecord> = governance(cx, "coordinator", &())?;
    Ok(record.is_some_and(|record| record.organisation == *organisation))
}

fn is_member(cx: &mut Ctx, organisation: &OrganisationId) -> Result<bool, Refusal> {
    let member: Option<Member> = governance(cx, "member", &(organisation,))?;
    Ok(member.is_some())
}

/// Whose a node is.
pub(crate) fn owner(cx: &mut Ctx, node: NodeId) -> Result<Option<OrganisationId>, Refusal> {
    let record: Option<NodeRecord> = governance(cx, "node", &(node,))?;
    Ok(record.map(|record| record.node.organisation))
}

/// The member whose key signed.
pub(crate) fn member_of(cx: &mut Ctx) -> Result<OrganisationId, Refusal> {
    let Some(organisation) = cx.organisation() else { return Err(RemovalError::NoDuty { duty: "of a member" }.into()) };
    let member = is_member(cx, &organisation)?;
    ensure!(member, RemovalError::NoDuty { duty: "of a member" });
    Ok(organisation)
}

/// The member whose key signed, when the key may act for it in this.
pub(crate) fn acting(cx: &mut Ctx) -> Result<OrganisationId, Refusal> {
    let duty = cx.has_role(Role::Voter) || cx.has_role(Role::Operator);
    ensure!(duty, RemovalError::NoDuty { duty: "voter or operator" });
    member_of(cx)
}

/// Whether the accused is a member, and the node its own.
pub(crate) fn check_accused(cx: &mut Ctx, accused: &Accused) -> Result<(), Refusal> {
    let known = match accused.node {
        Some(node) => owner(cx, node)?.as_ref() == Some(&accused.organisation),
        None => is_member(cx, &accused.organisation)?,
    };
    ensure!(known, RemovalError::UnknownAccused { organisation: accused.organisation.clone() });
    Ok(())
}
