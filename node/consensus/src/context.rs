//! Our vocabulary in the terms of the Malachite core: the only file that implements its traits.
//!
//! A value of the core is the hash of a block's header, so the core never holds a block. Every authority weighs one.

use althing_types::{
    authority::AuthorityList,
    crypto::{NodeId, Signature, Signed},
    hash::Hash,
    id::{ChainId, Height, Round},
    vote::{Proposal, SignedProposal, SignedVote, Vote, VoteKind},
};
use arc_malachitebft_core_types as core;
use core::{NilOrVal, SignedExtension, SignedMessage, ThresholdParam, ThresholdParams, VoteType, VotingPower};
use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    sync::Arc,
};

/// The core's view of the protocol: who proposes, and how messages are made.
#[derive(Clone, Debug)]
pub(crate) struct Protocol;

/// A height in the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CoreHeight(pub(crate) u64);

/// An authority in the core; also its public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Address(pub(crate) NodeId);

/// A value in the core, and its own id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockId(pub(crate) Hash);

/// A vote in the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreVote {
    height: CoreHeight,
    round: core::Round,
    kind: VoteType,
    value: NilOrVal<BlockId>,
    voter: Address,
}

/// A proposal in the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CoreProposal {
    height: CoreHeight,
    round: core::Round,
    value: BlockId,
    valid_round: core::Round,
    proposer: Address,
}

/// An authority in the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member(Address);

/// The authority list in the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Members {
    list: Arc<AuthorityList>,
    members: Arc<[Member]>,
    first: Member,
}

/// Blocks are not sent in parts by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoPart;

/// Ed25519, named only: the core neither signs nor verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ed25519;

pub(crate) type CoreSignedVote = core::SignedVote<Protocol>;
pub(crate) type CoreSignedProposal = core::SignedProposal<Protocol>;

impl Members {
    pub(crate) fn new(list: &AuthorityList) -> Self {
        let members: Arc<[Member]> = list.members().iter().map(|m| Member(Address(m.node))).collect();
        let first = members.first().cloned().unwrap_or(Member(Address(NodeId([0; 32]))));
        Self { list: Arc::new(list.clone()), members, first }
    }
}

/// The quorum of a list, and the number that surely includes a correct authority, as the core wants them.
pub(crate) fn thresholds(list: &AuthorityList) -> ThresholdParams {
    let (numerator, denominator) = list.threshold().fraction();
    ThresholdParams { quorum: ThresholdParam::new(numerator, denominator), honest: ThresholdParam::F_PLUS_ONE }
}

/// Which messages of a height are meant: the chain, and the first round under the list in force.
///
/// The core counts rounds from 0 in every attempt. Ours are numbered on after a recovery, so that what was signed
/// before it has another place than what is signed after it.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) chain: ChainId,
    pub(crate) first: Round,
}

impl Scope {
    /// Whether a round is of this attempt.
    pub(crate) const fn holds(&self, round: Round) -> bool {
        round.recovery() == self.first.recovery()
    }
    /// `None` for the core's "before round 0".
    pub(crate) fn our_round(&self, round: core::Round) -> Option<Round> {
        round.as_u32().map(|turn| Round(self.first.0.saturating_add(turn)))
    }
}

pub(crate) const fn core_round(round: Round) -> core::Round {
    core::Round::new(round.turn())
}

pub(crate) const fn our_kind(kind: VoteType) -> VoteKind {
    match kind {
        VoteType::Prevote => VoteKind::Prevote,
        VoteType::Precommit => VoteKind::Precommit,
    }
}

/// A signed vote for the core.
pub(crate) fn core_vote(signed: &SignedVote) -> CoreSignedVote {
    let vote = &signed.value;
    let value = vote.block.map_or(NilOrVal::Nil, |block| NilOrVal::Val(BlockId(block)));
    let kind = match vote.kind {
        VoteKind::Prevote => VoteType::Prevote,
        VoteKind::Precommit => VoteType::Precommit,
    };
    let height = CoreHeight(vote.height.0);
    let vote = CoreVote { height, round: core_round(vote.round), kind, value, voter: Address(vote.voter) };
    SignedMessage::new(vote, signed.signature)
}

/// A vote of the core in our terms.
pub(crate) fn our_vote(scope: &Scope, vote: &CoreVote) -> Vote {
    Vote {
        chain: scope.chain.clone(),
        height: Height(vote.height.0),
        round: scope.our_round(vote.round).unwrap_or_default(),
        kind: our_kind(vote.kind),
        block: match vote.value {
            NilOrVal::Nil => None,
            NilOrVal::Val(block) => Some(block.0),
        },
        voter: vote.voter.0,
    }
}

/// A signed vote of the core in our terms.
pub(crate) fn our_signed_vote(scope: &Scope, signed: &CoreSignedVote) -> SignedVote {
    Signed { value: our_vote(scope, &signed.message), signature: signed.signature }
}

/// A signed proposal for the core.
pub(crate) fn core_proposal(signed: &SignedProposal) -> CoreSignedProposal {
    let proposal = &signed.value;
    let message = CoreProposal {
        height: CoreHeight(proposal.height.0),
        round: core_round(proposal.round),
        value: BlockId(proposal.block),
        valid_round: proposal.valid_round.map_or(core::Round::Nil, core_round),
        proposer: Address(proposal.proposer),
    };
    SignedMessage::new(message, signed.signature)
}

/// A proposal of the core in our terms.
pub(crate) fn our_proposal(scope: &Scope, proposal: &CoreProposal) -> Proposal {
    Proposal {
        chain: scope.chain.clone(),
        height: Height(proposal.height.0),
        round: scope.our_round(proposal.round).unwrap_or_default(),
        block: proposal.value.0,
        valid_round: scope.our_round(proposal.valid_round),
        proposer: proposal.proposer.0,
    }
}

impl core::Context for Protocol {
    type Address = Address;
    type Height = CoreHeight;
    type ProposalPart = NoPart;
    type Proposal = CoreProposal;
    type Validator = Member;
    type ValidatorSet = Members;
    type Timeouts = core::LinearTimeouts;
    type Value = BlockId;
    type Vote = CoreVote;
    type Extension = ();
    type SigningScheme = Ed25519;

    fn select_proposer<'a>(&self, set: &'a Members, height: CoreHeight, round: core::Round) -> &'a Member {
        // The rotation goes by turns, and those are what the core counts.
        let primary = set.list.primary(Height(height.0), Round(round.as_u32().unwrap_or(0)));
        core::ValidatorSet::<Self>::get_by_address(set, &Address(primary)).unwrap_or(&set.first)
    }

    fn new_proposal(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: BlockId,
        pol_round: core::Round,
        address: Address,
    ) -> CoreProposal {
        CoreProposal { height, round, value, valid_round: pol_round, proposer: address }
    }

    fn new_prevote(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: NilOrVal<BlockId>,
        voter: Address,
    ) -> CoreVote {
        CoreVote { height, round, kind: VoteType::Prevote, value, voter }
    }

    fn new_precommit(
        &self,
        height: CoreHeight,
        round: core::Round,
        value: NilOrVal<BlockId>,
        voter: Address,
    ) -> CoreVote {
        CoreVote { height, round, kind: VoteType::Precommit, value, voter }
    }
}

impl core::Height for CoreHeight {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);
    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }
    fn as_u64(&self) -> u64 {
        self.0
    }
}

impl core::Vote<Protocol> for CoreVote {
    fn height(&self) -> CoreHeight {
        self.height
    }
    fn round(&self) -> core::Round {
        self.round
    }
    fn value(&self) -> &NilOrVal<BlockId> {
        &self.value
    }
    fn take_value(self) -> NilOrVal<BlockId> {
        self.value
    }
    fn vote_type(&self) -> VoteType {
        self.kind
    }
    fn validator_address(&self) -> &Address {
        &self.voter
    }
    fn extension(&self) -> Option<&SignedExtension<Protocol>> {
        None
    }
    fn take_extension(&mut self) -> Option<SignedExtension<Protocol>> {
        None
    }
    fn extend(self, _: SignedExtension<Protocol>) -> Self {
        self
    }
}

impl core::Proposal<Protocol> for CoreProposal {
    fn height(&self) -> CoreHeight {
        self.height
    }
    fn round(&self) -> core::Round {
        self.round
    }
    fn value(&self) -> &BlockId {
        &self.value
    }
    fn take_value(self) -> BlockId {
        self.value
    }
    fn pol_round(&self) -> core::Round {
        self.valid_round
    }
    fn validator_address(&self) -> &Address {
        &self.proposer
    }
}

impl core::Value for BlockId {
    type Id = Self;
    fn id(&self) -> Self {
        *self
    }
}

impl core::Address for Address {}

impl core::Validator<Protocol> for Member {
    fn address(&self) -> &Address {
        &self.0
    }
    fn public_key(&self) -> &Address {
        &self.0
    }
    fn voting_power(&self) -> VotingPower {
        1
    }
}

impl core::ValidatorSet<Protocol> for Members {
    fn count(&self) -> usize {
        self.members.len()
    }
    fn total_voting_power(&self) -> VotingPower {
        self.members.len() as VotingPower
    }
    fn get_by_address(&self, address: &Address) -> Option<&Member> {
        self.members.iter().find(|member| member.0 == *address)
    }
    fn get_by_index(&self, index: usize) -> Option<&Member> {
        self.members.get(index)
    }
}

impl core::ProposalPart<Protocol> for NoPart {
    fn is_first(&self) -> bool {
        true
    }
    fn is_last(&self) -> bool {
        true
    }
}

impl core::SigningScheme for Ed25519 {
    type DecodingError = &'static str;
    type Signature = Signature;
    type PublicKey = Address;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, &'static str> {
        bytes.try_into().map(Signature).map_err(|_| "a signature has 64 bytes")
    }
    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.0.to_vec()
    }
    fn decode_public_key(bytes: &[u8]) -> Result<Address, &'static str> {
        bytes.try_into().map(|bytes| Address(NodeId(bytes))).map_err(|_| "a public key has 32 bytes")
    }
    fn encode_public_key(key: &Address) -> Vec<u8> {
        key.0.0.to_vec()
    }
}

impl Display for CoreHeight {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        self.0.fmt(f)
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        self.0.fmt(f)
    }
}

impl Display for BlockId {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        self.0.fmt(f)
    }
}
