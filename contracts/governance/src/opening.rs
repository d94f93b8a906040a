//! What may be proposed, and by whom. The same checks are made again when a proposal is carried out.

use crate::{Governance, Refusal, rules};
use althing_interface::governance::{CertificateFacts, GovernanceError, NodeRecord, ProposalKind, check_settings};
use althing_sdk::{
    prelude::*,
    types::{
        crypto::NodeId,
        govern::{MAX_NODES, MemberNode, Standing},
        organisation::Organisation,
    },
};

impl Governance {
    /// Whether an organisation may open a vote on this in the common way.
    pub(crate) fn may_open(&self, cx: &Ctx, opener: &OrganisationId, kind: &ProposalKind) -> Result<(), Refusal> {
        let class = kind.class();
        if let Some(way) = rules::other_way(class) {
            return Err(GovernanceError::WrongWay { class, way }.into());
        }
        match kind {
            ProposalKind::Promote { node } => self.may_promote(cx, opener, *node),
            ProposalKind::Demote { node, standing } => self.demotable(*node, *standing).map(|_| ()),
            ProposalKind::Parameters { parameters } => {
                parameters.check().map_err(|error| GovernanceError::BadParameters { reason: error.to_string() }.into())
            }
            ProposalKind::Settings { settings } => check_settings(settings).map_err(Into::into),
            ProposalKind::Coordinator { organisation } => {
                let organisation = organisation.clone();
                ensure!(self.members.has(&organisation), GovernanceError::NotMember { organisation });
                Ok(())
            }
            ProposalKind::Calls { calls } => {
                ensure!(!calls.is_empty(), GovernanceError::NoCalls {});
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Promotions are the coordinator's to propose (P 0034), and everyone's when it lets one wait.
    fn may_promote(&self, cx: &Ctx, opener: &OrganisationId, node: NodeId) -> Result<(), Refusal> {
        let record = self.promotable(node)?;
        let (settings, time_ms) = (self.numbers()?, cx.time_ms());
        let from_ms = record.admitted_ms.saturating_add(settings.promotion_ms);
        ensure!(time_ms >= from_ms, GovernanceError::TooEarly { node, from_ms, time_ms });
        let coordinator = self.leader()?.organisation;
        let silent = time_ms >= from_ms.saturating_add(settings.silence_ms);
        ensure!(
            *opener == coordinator || silent,
            GovernanceError::NotCoordinator { organisation: opener.clone(), coordinator }
        );
        Ok(())
    }

    /// A member's node.
    pub(crate) fn known(&self, node: NodeId) -> Result<NodeRecord, Refusal> {
        self.nodes.get(&node.key()).ok_or_else(|| GovernanceError::UnknownNode { node }.into())
    }

    /// A node that does not stand as authority yet.
    pub(crate) fn promotable(&self, node: NodeId) -> Result<NodeRecord, Refusal> {
        let record = self.known(node)?;
        let standing = record.node.standing;
        ensure!(
            standing != Standing::Authority,
            GovernanceError::SameStanding { node, standing: standing.text(), rule: "it needs no promotion" }
        );
        Ok(record)
    }

    /// A node that stands as authority, and can be spared.
    pub(crate) fn demotable(&self, node: NodeId, standing: Standing) -> Result<NodeRecord, Refusal> {
        let record = self.known(node)?;
        let present = record.node.standing;
        ensure!(
            present == Standing::Authority && standing != Standing::Authority,
            GovernanceError::SameStanding {
                node,
                standing: present.text(),
                rule: "a demotion makes an authority an ordinary or a backup node"
            }
        );
        self.can_spare(|other| other.node.node == node)?;
        Ok(record)
    }

    /// An organisation, or one node of it, that can be spared.
    pub(crate) fn removable(&self, organisation: &OrganisationId, node: Option<NodeId>) -> Result<(), Refusal> {
        let member = self.members.has(organisation);
        ensure!(member, GovernanceError::NotMember { organisation: organisation.clone() });
        if let Some(node) = node {
            let own = self.known(node)?.node.organisation == *organisation;
            ensure!(own, GovernanceError::UnknownNode { node });
            return self.can_spare(|other| other.node.node == node);
        }
        let leads = self.leader()?.organisation == *organisation;
        ensure!(!leads, GovernanceError::IsCoordinator { organisation: organisation.clone() });
        self.can_spare(|other| other.node.organisation == *organisation)
    }

    /// Whether enough nodes stand as authorities without some.
    pub(crate) fn can_spare(&self, leaves: impl Fn(&NodeRecord) -> bool) -> Result<(), Refusal> {
        let (mut left, mut lost) = (0u32, false);
        for (_, record) in self.nodes.iter().filter(|(_, record)| record.node.standing == Standing::Authority) {
            if leaves(&record) {
                lost = true;
            } else {
                left = left.saturating_add(1);
            }
        }
        let least = u32::from(self.numbers()?.least_authorities).max(1);
        ensure!(!lost || left >= least, GovernanceError::QuorumAtRisk { left, least });
        Ok(())
    }

    /// Whether a node and its organisation may join.
    pub(crate) fn admissible(
        &self,
        node: &MemberNode,
        organisation: &Organisation,
        certificate: &CertificateFacts,
    ) -> Result<(), Refusal> {
        let id = &organisation.id;
        let refuse = |rule| GovernanceError::BadOrganisation { organisation: id.clone(), rule };
        ensure!(node.organisation == *id, refuse("the node names another organisation"));
        if let Some(record) = self.nodes.get(&node.node.key()) {
            let organisation = record.node.organisation;
            return Err(GovernanceError::NodeTaken { node: node.node, organisation }.into());
        }
        let nodes = self.counts.get().unwrap_or_default().nodes;
        ensure!((nodes as usize) < MAX_NODES, GovernanceError::TooManyNodes { nodes });
        match self.members.get(id) {
            Some(member) => {
                let empty = organisation.roles.is_empty() && organisation.keys.is_empty();
                ensure!(empty, refuse("it is a member already: roles and keys stay empty"));
                let kind = member.organisation.roles.contains(&node.kind);
                ensure!(kind, refuse("the node's kind must be one of its roles"));
            }
            None => rules::newcomer(node, organisation)?,
        }
        for key in organisation.keys.iter().map(|entry| entry.key).chain([node.node.key()]) {
            if let Some(organisation) = self.keys.get(&key) {
                return Err(GovernanceError::KeyTaken { key, organisation }.into());
            }
        }
        let serial = &certificate.serial;
        let taken = !serial.is_empty() && self.certificates.has(serial);
        ensure!(!taken, GovernanceError::SerialTaken { serial: serial.as_str().to_owned() });
        Ok(())
    }
}
