//! The authority list: who is counted, who is chosen, who reviews (A2, A6).

use crate::{Governance, Refusal, rules, state::govern};
use althing_interface::governance::{
    AuthoritiesChanged, Candidates, GovernanceError, Lists, Recovered, ScoreEntry, Scores, StandingChanged, score,
};
use althing_sdk::{
    prelude::*,
    types::{
        authority::{Authority, AuthorityList},
        crypto::NodeId,
        govern::{BlockFacts, MAX_NODES, SelectionPolicy, Standing, SystemChange},
        id::Round,
    },
};

/// Most missed rounds that are counted in one block.
const MAX_ROUNDS: u32 = 256;

/// The place of a candidate: voices of organisations, score.
type Rank = (u32, u64);

impl Governance {
    /// Counts who certified the block before and who was silent as its primary.
    pub(crate) fn account(&mut self, facts: &BlockFacts) -> Result<(), Refusal> {
        let silent = facts.previous_round.0.min(MAX_ROUNDS);
        if facts.verified.is_empty() && silent == 0 {
            return Ok(());
        }
        let decided = facts.height.previous();
        let lists = self.both_lists()?;
        let list = if decided > lists.changed { &lists.present } else { &lists.before };
        let mut scores = self.scores.get().map_or_else(Vec::new, |scores| scores.nodes.into_vec());
        // One who left since then is in neither list for long, and is not counted again.
        let known = |node: &NodeId| lists.present.position(node).is_some() && self.nodes.has(&node.key());
        for node in facts.verified.iter().filter(|node| known(node)) {
            rules::count(&mut scores, *node, |score| score.verified = score.verified.saturating_add(1));
        }
        for round in 0..silent {
            let primary = list.primary(decided, Round(round));
            if known(&primary) {
                rules::count(&mut scores, primary, |score| score.missed = score.missed.saturating_add(1));
            }
        }
        self.scores.put(&Scores { nodes: List::new(scores).unwrap_or_default() });
        Ok(())
    }

    /// Renews the authority list when members, standings or settings have changed, or when it is time.
    pub(crate) fn renew(&mut self, cx: &mut Ctx) -> Result<(), Refusal> {
        let (lists, settings, height) = (self.both_lists()?, self.numbers()?, cx.height());
        let due = height.0 >= lists.elected.0.saturating_add(settings.election_blocks);
        if !due && !lists.stale {
            return Ok(());
        }
        let voices = match settings.policy {
            SelectionPolicy::Score => Vec::new(),
            SelectionPolicy::Election => self.elections.iter().flat_map(|(_, nodes)| nodes.into_vec()).collect(),
        };
        let scores = self.scores.get().unwrap_or_else(|| Scores { nodes: List::default() });
        let mut candidates: Vec<(Rank, Authority)> = Vec::new();
        for (_, record) in self.nodes.iter().filter(|(_, record)| record.node.standing == Standing::Authority) {
            let node = record.node.node;
            let heard = voices.iter().filter(|voice| **voice == node).count();
            let rank = (
                u32::try_from(heard).unwrap_or(u32::MAX),
                score(record.node.since, height, &rules::counted(&scores, node)),
            );
            candidates.push((rank, Authority { node, organisation: record.node.organisation }));
        }
        // The best first; among equals the lower id. A stable sort keeps the order of ids.
        candidates.sort_by(|(left, _), (right, _)| right.cmp(left));
        candidates.truncate(settings.most_authorities.into());
        let mut chosen: Vec<Authority> = candidates.into_iter().map(|(_, authority)| authority).collect();
        chosen.sort_by_key(|authority| authority.node);
        let same = chosen.len() == lists.present.count()
            && chosen.iter().all(|authority| lists.present.position(&authority.node).is_some());
        let elected = if due { height } else { lists.elected };
        let mut next = Lists { elected, stale: false, ..lists };
        // A list of nobody cannot be made: the one in force stays.
        if let (false, Ok(list)) = (same, AuthorityList::new(chosen, next.present.threshold())) {
            govern(cx, &SystemChange::Authorities(list.clone()))?;
            cx.emit(AuthoritiesChanged { authorities: list.clone() });
            next.before = core::mem::replace(&mut next.present, list);
            next.changed = height;
        }
        self.lists.put(&next);
        Ok(())
    }

    /// Follows a recovery: who is in its list stands as authority, who was one and is not in it as backup. The node has
    /// put the list into force before the block began, so this block counts as decided by it.
    pub(crate) fn recover(&mut self, cx: &mut Ctx, list: &AuthorityList) -> Result<(), Refusal> {
        let records: Vec<_> = self.nodes.iter().map(|(_, record)| record).collect();
        for mut record in records {
            let standing = match (list.position(&record.node.node), record.node.standing) {
                (Some(_), _) => Standing::Authority,
                (None, Standing::Authority) => Standing::Backup,
                (None, other) => other,
            };
            if standing != record.node.standing {
                record.node.standing = standing;
                let (node, organisation) = (record.node.node, record.node.organisation.clone());
                self.nodes.put(&node.key(), &record);
                cx.emit(StandingChanged { node, organisation, standing });
            }
        }
        let lists = self.both_lists()?;
        self.lists.put(&Lists {
            before: lists.present,
            present: list.clone(),
            changed: cx.height().previous(),
            stale: false,
            ..lists
        });
        cx.emit(Recovered { authorities: list.clone() });
        self.publish(cx)
    }

    /// The nodes that an organisation wants as authorities.
    pub(crate) fn set_election(&mut self, cx: &Ctx, nodes: &Candidates) -> Result<(), Refusal> {
        let organisation = self.member_of(cx)?;
        for (at, node) in nodes.iter().enumerate() {
            let known = self.nodes.has(&node.key()) && !nodes.iter().take(at).any(|other| other == node);
            ensure!(known, GovernanceError::UnknownNode { node: *node });
        }
        if nodes.is_empty() {
            self.elections.remove(&organisation);
        } else {
            self.elections.put(&organisation, nodes);
        }
        Ok(())
    }

    /// The authorities that review at a height: so many, from the management node on.
    pub(crate) fn reviewers(&self, height: Height, size: usize) -> Vec<Authority> {
        let (Some(lists), Some(settings)) = (self.lists.get(), self.settings.get()) else { return Vec::new() };
        let members = lists.present.members();
        let term = height.0.checked_div(settings.rotation_blocks).unwrap_or(0);
        let first = term.checked_rem(members.len() as u64).unwrap_or(0);
        let first = usize::try_from(first).unwrap_or(0);
        members.iter().cycle().skip(first).take(size.min(members.len())).cloned().collect()
    }

    /// Every node with its score.
    pub(crate) fn score_entries(&self, height: Height) -> List<ScoreEntry, MAX_NODES> {
        let scores = self.scores.get().unwrap_or_else(|| Scores { nodes: List::default() });
        let entry = |(_, record): (PublicKey, althing_interface::governance::NodeRecord)| {
            let counted = rules::counted(&scores, record.node.node);
            let score = score(record.node.since, height, &counted);
            ScoreEntry { counted, score, standing: record.node.standing }
        };
        List::new(self.nodes.iter().map(entry).collect()).unwrap_or_default()
    }
}
