//! What a seed makes of a world of consensus engines: how many, who is dishonest, which list decides which height.

use crate::{
    byzantine::Vice,
    engine_node::Plant,
    node::Law,
    random::{Random, mix},
};
use althing_consensus::Timeouts;
use althing_types::{
    authority::{Authority, AuthorityList, Threshold},
    crypto::{NodeId, SecretKey, Verified},
    hash::{Hash, Tag, hash},
    id::{ChainId, Height, OrganisationId, Round},
    vote::{Proposal, SignedProposal, SignedVote, Vote},
};
use std::collections::{BTreeMap, BTreeSet};

/// Heights that one authority list decides, when lists change.
const ERA: u64 = 10;
/// Checked messages that are remembered.
const MAX_CHECKED: usize = 4_096;

/// Waiting times that make a simulated minute long.
pub(crate) const TIMEOUTS: Timeouts =
    Timeouts { propose_ms: 150, vote_ms: 40, growth_ms: 15, rebroadcast_ms: 80, maximum_ms: 600, idle_ms: 0 };

/// What the engines of a world share.
pub(crate) struct Setup {
    pub(crate) chain: ChainId,
    pub(crate) keys: Vec<SecretKey>,
    pub(crate) ids: Vec<NodeId>,
    pub(crate) vices: Vec<Option<Vice>>,
    pub(crate) plant: Option<Plant>,
    lists: Vec<AuthorityList>,
    /// Who built which block when, and whether it is valid.
    blocks: BTreeMap<Hash, (Height, bool)>,
    votes: BTreeMap<[u8; 64], Verified<Vote>>,
    proposals: BTreeMap<[u8; 64], Verified<Proposal>>,
}

impl Setup {
    /// `n` nodes, all honest, one list.
    pub(crate) fn plain(n: usize, threshold: Threshold) -> Self {
        let key = |index: usize| SecretKey::from_seed(&[u8::try_from(index).unwrap_or(0).wrapping_add(1); 32]);
        let keys: Vec<SecretKey> = (0..n).map(key).collect();
        let ids: Vec<NodeId> = keys.iter().map(|key| NodeId::from(key.public())).collect();
        let all: Vec<usize> = (0..n).collect();
        let lists = vec![authority_list(&ids, &all, threshold)];
        Self {
            chain: ChainId::new("simulation").expect("a good id"),
            keys,
            ids,
            vices: vec![None; n],
            plant: None,
            lists,
            blocks: BTreeMap::new(),
            votes: BTreeMap::new(),
            proposals: BTreeMap::new(),
        }
    }

    /// What the seed says.
    pub(crate) fn draw(random: &mut Random) -> Self {
        let n = if random.permille(650) { 4 } else { usize::try_from(random.between(1, 10)).expect("small") };
        let threshold = if random.permille(250) { Threshold::Half } else { Threshold::TwoThirds };
        let mut setup = Self::plain(n, threshold);
        // One half is for authorities that fail by stopping.
        let tolerance = if threshold == Threshold::Half { 0 } else { threshold.byzantine_tolerance(n) as u64 };
        for _ in 0..random.between(0, tolerance) {
            let index = usize::try_from(random.below(n as u64)).expect("small");
            setup.vices[index] = Some(Vice::draw(random));
        }
        if random.permille(500) {
            setup.lists = (0..12).map(|_| setup.draw_list(random, threshold)).collect();
        }
        setup
    }

    /// Some of the nodes in some order, so few of them dishonest that the list can bear it.
    fn draw_list(&self, random: &mut Random, threshold: Threshold) -> AuthorityList {
        let n = self.ids.len();
        for _ in 0..8 {
            let mut chosen: Vec<usize> = (0..n).filter(|_| random.permille(800)).collect();
            let turn = usize::try_from(random.below(n as u64)).expect("small");
            if !chosen.is_empty() {
                let turn = turn % chosen.len();
                chosen.rotate_left(turn);
            }
            let dishonest = chosen.iter().filter(|index| self.vices[**index].is_some()).count();
            if !chosen.is_empty() && dishonest <= threshold.byzantine_tolerance(chosen.len()) {
                return authority_list(&self.ids, &chosen, threshold);
            }
        }
        authority_list(&self.ids, &(0..n).collect::<Vec<_>>(), threshold)
    }

    pub(crate) fn correct(&self) -> Vec<bool> {
        self.vices.iter().map(Option::is_none).collect()
    }

    pub(crate) fn dishonest(&self) -> BTreeSet<NodeId> {
        let dishonest = self.ids.iter().zip(&self.vices).filter(|(_, vice)| vice.is_some());
        dishonest.map(|(id, _)| *id).collect()
    }

    /// The list that engines are told: that of the law, unless a bug is planted.
    pub(crate) fn engine_list(&self, height: Height) -> AuthorityList {
        let list = self.list(height);
        match self.plant {
            // With n = 7 and f = 2, more than one half is 2f = 4 instead of 2f + 1 = 5.
            Some(Plant::QuorumOf2f) => {
                AuthorityList::new(list.members().to_vec(), Threshold::Half).expect("the same members")
            }
            _ => list,
        }
    }

    /// Makes a block that nobody else makes.
    pub(crate) fn build(&mut self, height: Height, round: Round, salt: u64, valid: bool) -> Hash {
        let block = hash(Tag::Header, &[&height.0.to_le_bytes(), &round.0.to_le_bytes(), &salt.to_le_bytes()]);
        self.blocks.insert(block, (height, valid));
        block
    }

    /// Checks a vote's signature once per message, not once per receiver.
    pub(crate) fn vote(&mut self, signed: &SignedVote) -> Option<Verified<Vote>> {
        if let Some(known) = self.votes.get(&signed.signature.0)
            && known.signed() == signed
        {
            return Some(known.clone());
        }
        let checked = signed.clone().verify().ok()?;
        if self.votes.len() >= MAX_CHECKED {
            self.votes.clear();
        }
        self.votes.insert(signed.signature.0, checked.clone());
        Some(checked)
    }

    /// Checks a proposal's signature once per message.
    pub(crate) fn proposal(&mut self, signed: &SignedProposal) -> Option<Verified<Proposal>> {
        if let Some(known) = self.proposals.get(&signed.signature.0)
            && known.signed() == signed
        {
            return Some(known.clone());
        }
        let checked = signed.clone().verify().ok()?;
        if self.proposals.len() >= MAX_CHECKED {
            self.proposals.clear();
        }
        self.proposals.insert(signed.signature.0, checked.clone());
        Some(checked)
    }
}

impl Law for Setup {
    fn chain(&self) -> &ChainId {
        &self.chain
    }
    fn list(&self, height: Height) -> AuthorityList {
        let era = usize::try_from(height.0 / ERA).unwrap_or(0);
        self.lists[era % self.lists.len()].clone()
    }
    fn is_valid(&self, height: Height, block: Hash) -> bool {
        self.blocks.get(&block) == Some(&(height, true))
    }
    fn checks(&mut self, vote: &SignedVote) -> bool {
        self.vote(vote).is_some()
    }
}

fn authority_list(ids: &[NodeId], chosen: &[usize], threshold: Threshold) -> AuthorityList {
    let member = |index: &usize| Authority {
        node: ids[*index],
        organisation: OrganisationId::new(format!("o{}", mix(*index as u64) % 97)).expect("a good id"),
    };
    AuthorityList::new(chosen.iter().map(member).collect(), threshold).expect("distinct and not empty")
}
