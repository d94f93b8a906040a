//! Checks of `governance` that need no storage.

use crate::Refusal;
use althing_interface::governance::{
    GovernanceError, ProposalClass, ProposedCall, REVIEWED_PREFIX, Score, Scores, is_membership,
};
use althing_sdk::{
    prelude::*,
    types::{
        codec::encode,
        crypto::NodeId,
        govern::MemberNode,
        organisation::{MAX_KEYS, MemberKey, Organisation},
    },
};

fn bad_keys(organisation: &OrganisationId, rule: &'static str) -> Refusal {
    GovernanceError::BadKeys { organisation: organisation.clone(), rule }.into()
}

/// An organisation's keys with those of its nodes, and whether there are nodes.
pub(crate) fn with_nodes(
    organisation: &OrganisationId,
    mut keys: Vec<MemberKey>,
    nodes: impl Iterator<Item = PublicKey>,
) -> Result<(List<MemberKey, MAX_KEYS>, bool), Refusal> {
    let mut any = false;
    for node in nodes {
        any = true;
        match keys.iter_mut().find(|entry| entry.key == node) {
            Some(entry) => {
                entry.duties.insert(Role::Node);
            }
            None => keys.push(MemberKey { key: node, duties: [Role::Node].into() }),
        }
    }
    match List::new(keys) {
        Ok(keys) => Ok((keys, any)),
        Err(_) => Err(bad_keys(organisation, "at most 16, those of its nodes included")),
    }
}

/// An organisation's keys without the duty of a node that left.
pub(crate) fn without_node(keys: &[MemberKey], node: PublicKey) -> List<MemberKey, MAX_KEYS> {
    let mut keys = keys.to_vec();
    for entry in keys.iter_mut().filter(|entry| entry.key == node) {
        entry.duties.remove(&Role::Node);
    }
    keys.retain(|entry| entry.key != node || !entry.duties.is_empty());
    List::new(keys).unwrap_or_default()
}

/// Keys that an organisation gives itself.
pub(crate) fn keys(organisation: &OrganisationId, keys: &[MemberKey]) -> Result<(), Refusal> {
    let refuse = |rule| Err(bad_keys(organisation, rule));
    if !keys.iter().any(|entry| entry.duties.contains(&Role::Voter)) {
        return refuse("one must have the duty voter");
    }
    for (at, entry) in keys.iter().enumerate() {
        if entry.duties.is_empty() || entry.duties.iter().any(|duty| !Role::DUTIES.contains(duty)) {
            return refuse("each has at least one of the duties operator, voter, deployer, and no other role");
        }
        if keys.iter().skip(at.saturating_add(1)).any(|other| other.key == entry.key) {
            return refuse("one is listed twice");
        }
    }
    Ok(())
}

/// An organisation that wants to join with a node.
pub(crate) fn newcomer(node: &MemberNode, organisation: &Organisation) -> Result<(), Refusal> {
    let refuse = |rule| GovernanceError::BadOrganisation { organisation: organisation.id.clone(), rule };
    ensure!(organisation.roles.iter().all(|role| is_membership(*role)), refuse("its roles say what it is, no duties"));
    ensure!(organisation.roles.contains(&node.kind), refuse("the node's kind must be one of its roles"));
    keys(&organisation.id, &organisation.keys)?;
    let own = organisation.keys.iter().any(|entry| entry.key == node.node.key());
    if own { Err(bad_keys(&organisation.id, "the node's own key is added by itself")) } else { Ok(()) }
}

/// How proposals of kinds are opened that [`crate::Governance`]'s `open` does not take.
pub(crate) const fn other_way(class: ProposalClass) -> Option<&'static str> {
    match class {
        ProposalClass::Admit => Some("contract node_admission"),
        ProposalClass::Remove => Some("contract node_removal"),
        ProposalClass::Change => Some("submit_change"),
        _ => None,
    }
}

/// Calls of a data change: of methods made for it, with the submitter as first argument.
pub(crate) fn reviewable(organisation: &OrganisationId, calls: &[ProposedCall]) -> Result<(), Refusal> {
    ensure!(!calls.is_empty(), GovernanceError::NoCalls {});
    let first = encode(organisation);
    for (index, call) in (0u32..).zip(calls) {
        let good = call.method.starts_with(REVIEWED_PREFIX) && call.arguments.starts_with(&first);
        ensure!(
            good,
            GovernanceError::NotReviewable {
                index,
                method: call.method.as_str().to_owned(),
                organisation: organisation.clone()
            }
        );
    }
    Ok(())
}

/// Changes what is counted of a node.
pub(crate) fn count(scores: &mut Vec<Score>, node: NodeId, change: impl Fn(&mut Score)) {
    let at = match scores.binary_search_by(|score| score.node.cmp(&node)) {
        Ok(at) => at,
        Err(at) => {
            scores.insert(at, Score { node, verified: 0, missed: 0 });
            at
        }
    };
    if let Some(score) = scores.get_mut(at) {
        change(score);
    }
}

/// What is counted of a node; zeros for one that never was an authority.
pub(crate) fn counted(scores: &Scores, node: NodeId) -> Score {
    let at = scores.nodes.binary_search_by(|score| score.node.cmp(&node)).ok();
    at.and_then(|at| scores.nodes.get(at)).cloned().unwrap_or(Score { node, verified: 0, missed: 0 })
}
