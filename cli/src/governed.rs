//! What the members of a governed chain have decided and are deciding, read out of proven state.
//!
//! A proof shows that an entry is in the state. That a node left none out follows from single values that hold a whole
//! list (members, agenda), and from totals that are proven too (proposals, votes).

use crate::{
    chain::{Chain, Entries, typed},
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_interface::{
    governance::{
        self, Agenda, Choice, CoordinatorRecord, GovernanceCounts, Member, NodeRecord, Proposal, ProposalKind, Scores,
        VoteRecord, content_hash,
    },
    layout,
};
use althing_types::{
    crypto::NodeId,
    govern::{GovernanceSettings, MemberList},
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    keyspace::{self, storage},
    order::Key,
};
use borsh::BorshDeserialize;

/// Readings before giving up because votes are cast all the time.
const ATTEMPTS: usize = 10;

/// A chain that members govern.
#[derive(Clone, Copy, Debug)]
pub struct Governed<'a> {
    chain: &'a Chain,
}

/// A proposal with what it says.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where it is.
    pub proposal: Proposal,
    /// What it says.
    pub kind: ProposalKind,
    /// The hash that a vote repeats: computed here from what was read, not taken from anyone.
    pub content: Hash,
    /// A height at which it was so.
    pub height: Height,
}

/// A vote with who cast it.
pub type Cast = (OrganisationId, VoteRecord);

/// Key of an entry of contract `governance` in the chain's state.
fn entry(key: &[u8]) -> Result<Vec<u8>> {
    Ok(storage(&ContractId::new(governance::ID)?, key))
}

impl<'a> Governed<'a> {
    /// Looks at a chain.
    ///
    /// # Errors
    /// When it has no governance.
    pub fn of(chain: &'a Chain) -> Result<Self> {
        if chain.genesis.governance.is_some() {
            return Ok(Self { chain });
        }
        Err(CliError::not_found("not_governed", format!("members do not govern chain '{}'", chain.genesis.chain))
            .field("chain")
            .value(chain.genesis.chain.as_str())
            .rule("a chain whose genesis names a governing contract"))
    }

    /// The chain.
    pub const fn chain(&self) -> &'a Chain {
        self.chain
    }

    /// A value of contract `governance`.
    async fn value<T: BorshDeserialize>(&self, what: &'static str, key: &[u8]) -> Result<(Entries, T)> {
        let (entries, value) = self.chain.value::<T>(what, entry(key)?).await?;
        let value = value.ok_or_else(|| {
            CliError::internal("bad_state", format!("the state has no {what}")).field(what).rule("a governed chain")
        })?;
        Ok((entries, value))
    }

    /// A member organisation, if it is one.
    ///
    /// # Errors
    /// When no node answers or a proof fails.
    pub async fn member(&self, id: &OrganisationId) -> Result<(Entries, Option<Member>)> {
        self.chain.value("member", entry(&layout::member_key(id))?).await
    }

    /// A member's node, if it is one.
    ///
    /// # Errors
    /// As [`Self::member`].
    pub async fn node(&self, id: NodeId) -> Result<Option<NodeRecord>> {
        Ok(self.chain.value("node", entry(&layout::node_key(&id))?).await?.1)
    }

    /// Every member organisation, in the order of their ids.
    ///
    /// # Errors
    /// As [`Self::member`]; when the node left some out.
    pub async fn members(&self) -> Result<Vec<Member>> {
        let prefix = entry(&layout::members_prefix())?;
        for _ in 0..ATTEMPTS {
            let scan = self.chain.scan(&prefix).await?;
            let counts = self.counts().await?;
            let mut out = Vec::new();
            for (_, value) in &scan.entries {
                out.extend(typed::<Member>("member", Some(value))?);
            }
            if usize::try_from(counts.members).is_ok_and(|members| members == out.len()) {
                return Ok(out);
            }
        }
        Err(incomplete("members"))
    }

    /// Totals.
    ///
    /// # Errors
    /// As [`Self::member`].
    pub async fn counts(&self) -> Result<GovernanceCounts> {
        Ok(self.value("counts", &layout::governance_counts_key()).await?.1)
    }

    /// The numbers that governance works by.
    ///
    /// # Errors
    /// As [`Self::member`].
    pub async fn settings(&self) -> Result<GovernanceSettings> {
        Ok(self.value("settings", &layout::settings_key()).await?.1)
    }

    /// Who leads votes.
    ///
    /// # Errors
    /// As [`Self::member`].
    pub async fn coordinator(&self) -> Result<OrganisationId> {
        Ok(self.value::<CoordinatorRecord>("coordinator", &layout::coordinator_key()).await?.1.organisation)
    }

    /// What is counted of nodes, and the height of that.
    ///
    /// # Errors
    /// As [`Self::member`].
    pub async fn scores(&self) -> Result<(Height, Scores)> {
        let (entries, scores) = self.value("scores", &layout::scores_key()).await?;
        Ok((entries.height, scores))
    }

    /// A proposal and what it says.
    ///
    /// # Errors
    /// When there is none of this number, no node answers, or what it says is not what its hash names.
    pub async fn proposal(&self, id: u64) -> Result<Asked> {
        let keys = [entry(&layout::proposal_key(id))?, entry(&layout::content_key(id))?];
        let entries = self.chain.read(&keys, None).await?;
        let value = |index: usize| entries.values.get(index).and_then(Option::as_deref);
        let proposal: Option<Proposal> = typed("proposal", value(0))?;
        let kind: Option<ProposalKind> = typed("content", value(1))?;
        let (Some(proposal), Some(kind)) = (proposal, kind) else {
            return Err(CliError::not_found("proposal_unknown", format!("there is no proposal {id}"))
                .field("proposal")
                .value(id.to_string())
                .rule("a number of althing proposal list"));
        };
        let content = content_hash(&self.chain.genesis.chain, id, &kind);
        if content != proposal.content {
            return Err(CliError::new(
                Exit::Proof,
                "other_content",
                format!("proposal {id} is not what its hash names"),
            )
            .field("content")
            .value(content.to_string())
            .rule(proposal.content.to_string()));
        }
        Ok(Asked { proposal, kind, content, height: entries.height })
    }

    /// A proposal with every vote on it.
    ///
    /// # Errors
    /// As [`Self::proposal`]; when the node left votes out.
    pub async fn votes(&self, id: u64) -> Result<(Asked, Vec<Cast>)> {
        let prefix = entry(&layout::votes_prefix(id))?;
        for _ in 0..ATTEMPTS {
            let scan = self.chain.scan(&prefix).await?;
            let asked = self.proposal(id).await?;
            let mut votes = Vec::new();
            for (key, value) in &scan.entries {
                let organisation = key.get(prefix.len()..).and_then(|mut rest| OrganisationId::decode_key(&mut rest));
                let vote = typed::<VoteRecord>("vote", Some(value))?;
                votes.extend(organisation.zip(vote));
            }
            let count = |choice| votes.iter().filter(|(_, vote)| vote.choice == choice).count();
            let (agree, object) = (count(Choice::Agree), count(Choice::Object));
            let proven = |total: u32, found: usize| usize::try_from(total).is_ok_and(|total| total == found);
            if proven(asked.proposal.agree, agree) && proven(asked.proposal.object, object) {
                return Ok((asked, votes));
            }
        }
        Err(incomplete("votes"))
    }

    /// Proposals, the newest first: all, or those that are not ended.
    ///
    /// # Errors
    /// When no node answers or a proof fails.
    pub async fn proposals(&self, only_open: bool) -> Result<Vec<Proposal>> {
        let mut numbers: Vec<u64> = if only_open {
            let (_, agenda) = self.value::<Agenda>("agenda", &layout::agenda_key()).await?;
            agenda.entries.iter().map(|entry| entry.proposal).collect()
        } else {
            (0..self.counts().await?.proposals).collect()
        };
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        let keys = numbers.iter().map(|id| entry(&layout::proposal_key(*id))).collect::<Result<Vec<_>>>()?;
        let mut out = Vec::new();
        for value in self.chain.read(&keys, None).await?.values {
            out.extend(typed::<Proposal>("proposal", value.as_deref())?);
        }
        Ok(out)
    }
}

/// The member list, which one entry holds whole; on a chain without governance that of the genesis.
///
/// # Errors
/// When no node answers or a proof fails.
pub async fn member_list(chain: &Chain) -> Result<(Entries, MemberList)> {
    let (entries, list) = chain.value::<MemberList>("member list", keyspace::members()).await?;
    Ok((entries, list.unwrap_or_else(|| chain.genesis.member_list())))
}

fn incomplete(what: &'static str) -> CliError {
    CliError::new(Exit::Proof, "incomplete", format!("the node's {what} are not as many as the proven total"))
        .field(what)
        .rule("every one of them")
        .hint("run it again, or ask another node")
}
