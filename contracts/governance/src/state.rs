//! The state of `governance`. Field numbers are those of `althing_interface::layout`.

use crate::{Refusal, rules};
use althing_interface::governance::{
    Agenda, AgendaEntry, AuthoritiesChanged, Candidates, CertificateRecord, CertificateRevoked, CoordinatorChanged,
    CoordinatorRecord, GovernanceCounts, GovernanceError, KeysChanged, Lists, Member, MemberAdded, MemberRemoved,
    NodeRecord, ParametersChanged, Proposal, ProposalDecided, ProposalExecuted, ProposalKind, ProposalOpened,
    Recovered, Remedied, Scores, Serial, SettingsChanged, StandingChanged, VoteCast, VoteRecord, VoteWithdrawn,
    check_settings,
};
use althing_sdk::{
    prelude::*,
    types::{
        genesis::Parameters,
        govern::{DeployPolicy, GovernanceSettings, GovernorSeed, MAX_ROOT_CERTIFICATE, MemberNode, SystemChange},
        organisation::Organisation,
    },
};

/// Members, nodes, proposals, votes, authorities, settings.
#[contract(
    name = "governance",
    state_version = 1,
    events(
        MemberAdded,
        MemberRemoved,
        StandingChanged,
        ProposalOpened,
        VoteCast,
        VoteWithdrawn,
        ProposalDecided,
        ProposalExecuted,
        Remedied,
        AuthoritiesChanged,
        Recovered,
        KeysChanged,
        CertificateRevoked,
        CoordinatorChanged,
        SettingsChanged,
        ParametersChanged
    )
)]
pub struct Governance {
    /// Members by id.
    #[key(1)]
    pub(crate) members: Map<OrganisationId, Member>,
    /// Nodes by key.
    #[key(2)]
    pub(crate) nodes: Map<PublicKey, NodeRecord>,
    /// Proposals by number, without their content.
    #[key(3)]
    pub(crate) proposals: Map<u64, Proposal>,
    /// Contents of proposals.
    #[key(4)]
    pub(crate) contents: Map<u64, ProposalKind>,
    /// Votes by proposal and organisation.
    #[key(5)]
    pub(crate) votes: Map<(u64, OrganisationId), VoteRecord>,
    /// Proposals that are not ended.
    #[key(6)]
    pub(crate) agenda: Value<Agenda>,
    /// Authority lists.
    #[key(7)]
    pub(crate) lists: Value<Lists>,
    /// What is counted of nodes.
    #[key(8)]
    pub(crate) scores: Value<Scores>,
    /// Numbers.
    #[key(9)]
    pub(crate) settings: Value<GovernanceSettings>,
    /// Who leads votes.
    #[key(10)]
    pub(crate) coordinator: Value<CoordinatorRecord>,
    /// Totals.
    #[key(11)]
    pub(crate) counts: Value<GovernanceCounts>,
    /// Whose key it is, keys of nodes included.
    #[key(12)]
    pub(crate) keys: Map<PublicKey, OrganisationId>,
    /// Certificates that nodes were admitted with.
    #[key(13)]
    pub(crate) certificates: Map<Serial, CertificateRecord>,
    /// The nodes that each organisation wants as authorities.
    #[key(14)]
    pub(crate) elections: Map<OrganisationId, Candidates>,
    /// Who has rebuilt which module.
    #[key(15)]
    pub(crate) attestations: Index<Hash, OrganisationId>,
    /// The chain's parameters.
    #[key(16)]
    pub(crate) parameters: Value<Parameters>,
    /// The consortium's certificate authority, X.509 in DER.
    #[key(17)]
    pub(crate) certificate_authority: Value<Bytes<MAX_ROOT_CERTIFICATE>>,
}

fn started<T>(value: Option<T>) -> Result<T, Refusal> {
    value.ok_or_else(|| GovernanceError::NotStarted {}.into())
}

/// Asks the node for a change of what it reads itself.
pub(crate) fn govern(cx: &mut Ctx, change: &SystemChange) -> Result<(), Refusal> {
    cx.govern(change).map_err(|failure| GovernanceError::Refused { reason: failure.message.as_str().to_owned() }.into())
}

impl Governance {
    /// Writes down what the genesis says.
    pub(crate) fn start(&mut self, cx: &mut Ctx, seed: GovernorSeed) -> Result<(), Refusal> {
        check_settings(&seed.settings)?;
        let (height, time_ms) = (cx.height(), cx.time_ms());
        let mut counts = GovernanceCounts::default();
        for organisation in seed.organisations.into_vec() {
            let id = organisation.id.clone();
            let own = |node: &&MemberNode| node.organisation == id;
            let keys = seed.nodes.iter().filter(own).map(|node| node.node.key());
            let (keys, has_nodes) = rules::with_nodes(&id, organisation.keys.to_vec(), keys)?;
            let organisation = Organisation { keys, ..organisation };
            organisation.keys.iter().for_each(|entry| self.keys.put(&entry.key, &id));
            if has_nodes {
                govern(cx, &SystemChange::PutOrganisation(organisation.clone()))?;
            }
            self.members.put(&id, &Member { organisation, joined: counts.joined, since: height, since_ms: time_ms });
            counts.joined = counts.joined.saturating_add(1);
            counts.members = counts.members.saturating_add(1);
        }
        for node in seed.nodes.into_vec() {
            let key = node.node.key();
            self.nodes.put(&key, &NodeRecord { node, admitted_ms: time_ms, serial: Text::default() });
            counts.nodes = counts.nodes.saturating_add(1);
        }
        self.counts.put(&counts);
        self.agenda.put(&Agenda::default());
        self.scores.put(&Scores { nodes: List::default() });
        self.lists.put(&Lists {
            present: seed.authorities.clone(),
            before: seed.authorities,
            changed: height,
            elected: height,
            stale: false,
        });
        self.coordinator.put(&CoordinatorRecord { organisation: seed.coordinator, since_ms: time_ms });
        self.certificate_authority.put(&seed.certificate_authority);
        self.parameters.put(&seed.parameters);
        self.settings.put(&seed.settings);
        govern(cx, &SystemChange::OpenDeploy(seed.settings.deploy == DeployPolicy::Open))
    }

    pub(crate) fn numbers(&self) -> Result<GovernanceSettings, Refusal> {
        started(self.settings.get())
    }

    pub(crate) fn both_lists(&self) -> Result<Lists, Refusal> {
        started(self.lists.get())
    }

    pub(crate) fn leader(&self) -> Result<CoordinatorRecord, Refusal> {
        started(self.coordinator.get())
    }

    /// The member whose key signed.
    pub(crate) fn member_of(&self, cx: &Ctx) -> Result<OrganisationId, Refusal> {
        let Some(organisation) = cx.organisation() else {
            return Err(GovernanceError::NoDuty { duty: "voter or operator" }.into());
        };
        ensure!(self.members.has(&organisation), GovernanceError::NotMember { organisation });
        Ok(organisation)
    }

    /// The member whose key signed, when the key may act for it in this.
    pub(crate) fn acting(&self, cx: &Ctx) -> Result<OrganisationId, Refusal> {
        let organisation = self.member_of(cx)?;
        let duty = cx.has_role(Role::Voter) || cx.has_role(Role::Operator);
        ensure!(duty, GovernanceError::NoDuty { duty: "voter or operator" });
        Ok(organisation)
    }

    /// Members that have rebuilt a module.
    pub(crate) fn attesting(&self, code: &Hash) -> impl Iterator<Item = OrganisationId> {
        self.attestations.members(code).filter(|organisation| self.members.has(organisation))
    }

    /// Says from when on something is to be done with a proposal that is not ended; `None` when it is ended.
    pub(crate) fn plan(&mut self, proposal: &Proposal, due_ms: Option<u64>) {
        let mut entries = self.agenda.get().unwrap_or_default().entries.into_vec();
        entries.retain(|entry| entry.proposal != proposal.id);
        if let Some(due_ms) = due_ms {
            let at = entries.partition_point(|entry| entry.proposal < proposal.id);
            entries.insert(at, AgendaEntry { proposal: proposal.id, opener: proposal.opener.clone(), due_ms });
        }
        self.agenda.put(&Agenda { entries: List::new(entries).unwrap_or_default() });
    }

    /// Says that members or standings have changed: the end of the block renews the authority list.
    pub(crate) fn unsettle(&mut self) -> Result<(), Refusal> {
        let mut lists = self.both_lists()?;
        lists.stale = true;
        self.lists.put(&lists);
        Ok(())
    }
}
