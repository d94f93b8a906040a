//! Changes of members, nodes, standings and keys, as the members decided them, and as the node is told.
//!
//! Whatever the node may refuse is asked of it before anything else is written.

use crate::{Governance, Refusal, rules, state::govern};
use althing_interface::governance::{
    CertificateFacts, CertificateRecord, CertificateRevoked, GovernanceError, KeysChanged, MAX_REASON, Member,
    MemberAdded, MemberRemoved, NodeRecord, Scores, Serial, StandingChanged,
};
use althing_sdk::{
    prelude::*,
    types::{
        crypto::NodeId,
        govern::{MemberList, MemberNode, Standing, SystemChange},
        organisation::{MAX_KEYS, MemberKey, Organisation},
    },
};

impl Governance {
    /// Takes a node in, with its organisation when that is new.
    pub(crate) fn admit(
        &mut self,
        cx: &mut Ctx,
        node: MemberNode,
        organisation: Organisation,
        certificate: CertificateFacts,
    ) -> Result<(), Refusal> {
        self.admissible(&node, &organisation, &certificate)?;
        let mut counts = self.counts.get().unwrap_or_default();
        let (id, node_id) = (organisation.id.clone(), node.node);
        let present = self.members.get(&id);
        let added = present.is_none();
        let mut member = present.unwrap_or_else(|| Member {
            organisation,
            joined: counts.joined,
            since: cx.height(),
            since_ms: cx.time_ms(),
        });
        let own = core::iter::once(node_id.key());
        member.organisation.keys = rules::with_nodes(&id, member.organisation.keys.to_vec(), own)?.0;
        govern(cx, &SystemChange::PutOrganisation(member.organisation.clone()))?;
        if added {
            counts.joined = counts.joined.saturating_add(1);
            counts.members = counts.members.saturating_add(1);
            cx.emit(MemberAdded { organisation: id.clone(), node: Some(node_id) });
        }
        counts.nodes = counts.nodes.saturating_add(1);
        self.counts.put(&counts);
        member.organisation.keys.iter().for_each(|entry| self.keys.put(&entry.key, &id));
        self.members.put(&id, &member);
        let serial = certificate.serial;
        if !serial.is_empty() {
            let record = CertificateRecord { node: Some(node_id), organisation: id.clone(), revoked: None };
            self.certificates.put(&serial, &record);
        }
        let node = MemberNode { standing: Standing::Backup, since: cx.height(), ..node };
        self.nodes.put(&node_id.key(), &NodeRecord { node, admitted_ms: cx.time_ms(), serial });
        cx.emit(StandingChanged { node: node_id, organisation: id, standing: Standing::Backup });
        self.publish(cx)
    }

    /// Gives a node another standing.
    pub(crate) fn set_standing(
        &mut self,
        cx: &mut Ctx,
        mut record: NodeRecord,
        standing: Standing,
    ) -> Result<(), Refusal> {
        record.node.standing = standing;
        let (node, organisation) = (record.node.node, record.node.organisation.clone());
        self.nodes.put(&node.key(), &record);
        cx.emit(StandingChanged { node, organisation, standing });
        self.unsettle()?;
        self.publish(cx)
    }

    /// Removes an organisation with all its nodes, or one node of it.
    pub(crate) fn expel(
        &mut self,
        cx: &mut Ctx,
        organisation: OrganisationId,
        node: Option<NodeId>,
    ) -> Result<(), Refusal> {
        self.removable(&organisation, node)?;
        if let Some(node) = node {
            let record = self.known(node)?;
            return self.drop_node(cx, record, false);
        }
        govern(cx, &SystemChange::RemoveOrganisation(organisation.clone()))?;
        let own: Vec<_> = self.nodes.iter().filter(|(_, record)| record.node.organisation == organisation).collect();
        for (_, record) in &own {
            self.forget(record, false)?;
        }
        if let Some(member) = self.members.get(&organisation) {
            for entry in member.organisation.keys.iter() {
                self.keys.remove(&entry.key);
            }
        }
        self.members.remove(&organisation);
        self.elections.remove(&organisation);
        let mut counts = self.counts.get().unwrap_or_default();
        counts.members = counts.members.saturating_sub(1);
        self.counts.put(&counts);
        cx.emit(MemberRemoved { organisation, node: None });
        self.publish(cx)
    }

    /// Takes one node out of its organisation.
    fn drop_node(&mut self, cx: &mut Ctx, record: NodeRecord, revoked: bool) -> Result<(), Refusal> {
        let (key, organisation) = (record.node.node.key(), record.node.organisation.clone());
        if let Some(mut member) = self.members.get(&organisation) {
            member.organisation.keys = rules::without_node(&member.organisation.keys, key);
            govern(cx, &SystemChange::PutOrganisation(member.organisation.clone()))?;
            if !member.organisation.keys.iter().any(|entry| entry.key == key) {
                self.keys.remove(&key);
            }
            self.members.put(&organisation, &member);
        }
        self.forget(&record, revoked)?;
        cx.emit(MemberRemoved { organisation, node: Some(record.node.node) });
        self.publish(cx)
    }

    /// Removes what is stored of a node apart from its organisation's keys.
    fn forget(&mut self, record: &NodeRecord, revoked: bool) -> Result<(), Refusal> {
        let node = record.node.node;
        self.nodes.remove(&node.key());
        if !revoked && !record.serial.is_empty() {
            self.certificates.remove(&record.serial);
        }
        if let Some(scores) = self.scores.get() {
            let rest = scores.nodes.into_vec().into_iter().filter(|score| score.node != node).collect();
            self.scores.put(&Scores { nodes: List::new(rest).unwrap_or_default() });
        }
        let mut counts = self.counts.get().unwrap_or_default();
        counts.nodes = counts.nodes.saturating_sub(1);
        self.counts.put(&counts);
        self.unsettle()
    }

    /// Tells the node who may connect.
    pub(crate) fn publish(&self, cx: &mut Ctx) -> Result<(), Refusal> {
        let nodes = self.nodes.iter().map(|(_, record)| record.node).collect();
        govern(cx, &SystemChange::Members(MemberList { nodes: List::new(nodes).unwrap_or_default() }))
    }

    /// Replaces the keys of the signer's organisation.
    pub(crate) fn replace_keys(&mut self, cx: &mut Ctx, keys: List<MemberKey, MAX_KEYS>) -> Result<(), Refusal> {
        let organisation = self.member_of(cx)?;
        rules::keys(&organisation, &keys)?;
        for key in keys.iter().map(|entry| entry.key) {
            let owner = self.keys.get(&key).filter(|owner| *owner != organisation || self.nodes.has(&key));
            if let Some(organisation) = owner {
                return Err(GovernanceError::KeyTaken { key, organisation }.into());
            }
        }
        let Some(mut member) = self.members.get(&organisation) else {
            return Err(GovernanceError::NotMember { organisation }.into());
        };
        let own = self.nodes.iter().filter(|(_, record)| record.node.organisation == organisation);
        let keys = rules::with_nodes(&organisation, keys.into_vec(), own.map(|(key, _)| key))?.0;
        let before = core::mem::replace(&mut member.organisation.keys, keys);
        govern(cx, &SystemChange::PutOrganisation(member.organisation.clone()))?;
        for entry in before.iter() {
            self.keys.remove(&entry.key);
        }
        member.organisation.keys.iter().for_each(|entry| self.keys.put(&entry.key, &organisation));
        self.members.put(&organisation, &member);
        let keys = u32::try_from(member.organisation.keys.len()).unwrap_or(u32::MAX);
        cx.emit(KeysChanged { organisation, keys });
        Ok(())
    }

    /// Revokes a certificate, by its owner or by the coordinator; one that nobody was admitted with, by the coordinator.
    pub(crate) fn revoke_certificate(
        &mut self,
        cx: &mut Ctx,
        serial: Serial,
        reason: Text<MAX_REASON>,
    ) -> Result<(), Refusal> {
        let organisation = self.member_of(cx)?;
        let coordinator = self.leader()?.organisation;
        let unknown = GovernanceError::UnknownSerial { serial: serial.as_str().to_owned() };
        let record = match self.certificates.get(&serial) {
            Some(record) if record.revoked.is_some() => return Err(unknown.into()),
            Some(record) => record,
            None if organisation == coordinator && !serial.is_empty() => {
                CertificateRecord { node: None, organisation: organisation.clone(), revoked: None }
            }
            None => return Err(unknown.into()),
        };
        let may = organisation == record.organisation || organisation == coordinator;
        ensure!(may, GovernanceError::NotCoordinator { organisation, coordinator });
        let node = record.node;
        if let Some(node) = node {
            self.can_spare(|other| other.node.node == node)?;
        }
        self.certificates.put(&serial, &CertificateRecord { revoked: Some(cx.height()), ..record });
        cx.emit(CertificateRevoked { serial, node, reason });
        let Some(node) = node else { return Ok(()) };
        let record = self.known(node)?;
        self.drop_node(cx, record, true)
    }
}
