//! Recovery of a chain that lost its quorum for good (P 0049): what member organisations sign, and the one check of it.
//!
//! ```text
//!   plan --signed offline by more than 1/2 of the member organisations--> signed recovery
//!   signed recovery + proofs of members and keys in the last final state --> proven recovery, carried by block h + 1
//! ```
//!
//! [`ProvenRecovery::verify`] is pure and is the only judge: the node asks it before it goes on, every node that
//! follows asks it of the block, and so does a program that trusts nothing but the genesis. It reads no state: what it
//! needs of the state of the last final block comes with a proof.

use crate::{
    authority::{AuthorityList, Threshold},
    codec::{Bytes, List, Text},
    crypto::{NodeId, PublicKey, Signature},
    hash::{Hash, Tag, hash_of},
    id::{ChainId, Height, OrganisationId, Round},
    keyspace,
    proof::{ProofError, StateProof},
};
use alloc::{string::String, vec::Vec};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// Longest reason in bytes.
pub const MAX_REASON: usize = 1024;
/// Most signatures of one recovery.
pub const MAX_SIGNATURES: usize = 1024;
/// Longest [`SignedRecovery`] in bytes.
pub const MAX_SIGNED_RECOVERY: usize = 256 * 1024;
/// Longest [`ProvenRecovery`] in bytes.
pub const MAX_RECOVERY: usize = 1024 * 1024;
/// Longest value of the state that a recovery proves, in bytes: the longest member list.
pub const MAX_PROVEN_VALUE: usize = 128 * 1024;

/// Entries of the state that every recovery proves.
const FIXED_ENTRIES: usize = 3;

/// What is to happen: from the height after the last final one on, another list decides.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoveryPlan {
    /// The chain.
    pub chain: ChainId,
    /// The last final height.
    pub height: Height,
    /// Hash of the block of that height; the genesis hash at height 0.
    pub block: Hash,
    /// From 1 to [`Round::MAX_RECOVERY`]. A plan of a greater number replaces one of the same height that did not
    /// help. Its rounds begin at [`Round::of_recovery`], so no vote of theirs can contradict a vote of before.
    pub number: u16,
    /// Who decides from the next height on.
    pub authorities: AuthorityList,
    /// Why, for people.
    pub reason: Text<MAX_REASON>,
    /// When it was drafted, in milliseconds since 1970.
    pub drafted_ms: u64,
}

impl RecoveryPlan {
    /// The plan's identity, and what organisations sign.
    pub fn hash(&self) -> Hash {
        hash_of(Tag::Recovery, self)
    }
    /// The first height that the new list decides.
    pub const fn first_height(&self) -> Height {
        self.height.next()
    }
    /// The first round of that height under the plan.
    pub const fn first_round(&self) -> Round {
        Round::of_recovery(self.number)
    }
}

/// One organisation's signature under a plan.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecoverySignature {
    /// The organisation.
    pub organisation: OrganisationId,
    /// A key of it with the duty `voter`.
    pub key: PublicKey,
    /// Over [`RecoveryPlan::hash`].
    pub signature: Signature,
}

/// A plan with the signatures that were collected; nothing about them is checked.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedRecovery {
    /// The plan.
    pub plan: RecoveryPlan,
    /// Strictly ascending by organisation.
    pub signatures: List<RecoverySignature, MAX_SIGNATURES>,
}

/// A value of the last final state, or its absence, with its proof.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenEntry {
    /// The value.
    pub value: Option<Bytes<MAX_PROVEN_VALUE>>,
    /// Leads to the state root of the last final block.
    pub proof: StateProof,
}

/// A signed recovery with all that its check needs: it stands for itself like a certificate.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvenRecovery {
    /// Plan and signatures.
    pub signed: SignedRecovery,
    /// One entry for each of [`SignedRecovery::state_keys`], in that order.
    pub entries: List<ProvenEntry, { MAX_SIGNATURES + FIXED_ENTRIES }>,
}

/// The end of the chain as the verifier knows it.
#[derive(Clone, Copy, Debug)]
pub struct LastFinal<'a> {
    /// The chain.
    pub chain: &'a ChainId,
    /// The last final height.
    pub height: Height,
    /// Hash of its header; the genesis hash at height 0.
    pub block: Hash,
    /// Root of the state after it.
    pub state_root: Hash,
}

/// Why a recovery is refused. Numbers are stable, see [`RecoveryError::number`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Of another chain.
    #[error("the plan is for chain {found}, this is {expected}")]
    Chain {
        /// The plan's.
        found: ChainId,
        /// The verifier's.
        expected: ChainId,
    },
    /// From another height on.
    #[error("the plan goes on after height {found}, the last final height is {expected}")]
    Height {
        /// The plan's.
        found: Height,
        /// The verifier's.
        expected: Height,
    },
    /// On another block.
    #[error("the plan goes on after block {found}, the block of height {height} is {expected}")]
    Block {
        /// The height.
        height: Height,
        /// The plan's.
        found: Hash,
        /// The verifier's.
        expected: Hash,
    },
    /// A number that no plan may have.
    #[error("number {found} is not between 1 and {maximum}")]
    Number {
        /// The plan's.
        found: u16,
        /// The greatest.
        maximum: u16,
    },
    /// It changes nothing.
    #[error("the plan's authority list is the one that is in force")]
    SameList,
    /// Another threshold than the chain's.
    #[error("the plan's threshold is {found:?}, the chain's is {expected:?}")]
    Threshold {
        /// The plan's.
        found: Threshold,
        /// The chain's.
        expected: Threshold,
    },
    /// A list with a node that is no member node of that organisation.
    #[error("node {node} is no member node of organisation {organisation}")]
    NotMember {
        /// The node.
        node: NodeId,
        /// The organisation that the plan names.
        organisation: OrganisationId,
    },
    /// An organisation twice, or signatures out of order.
    #[error("organisation {organisation} signed twice, or signatures are not in ascending order")]
    Doubled {
        /// The organisation.
        organisation: OrganisationId,
    },
    /// A key that may not vote for this organisation.
    #[error("key {key} is no voter key of a member organisation {organisation}")]
    Stranger {
        /// The key.
        key: PublicKey,
        /// The organisation that is said to have signed.
        organisation: OrganisationId,
    },
    /// A signature that does not verify.
    #[error("the signature of organisation {organisation} does not verify under this plan")]
    Signature {
        /// The organisation.
        organisation: OrganisationId,
    },
    /// Not more than half of the member organisations.
    #[error("{found} organisations signed, {needed} of {members} are needed")]
    TooFew {
        /// Organisations that signed.
        found: usize,
        /// How many must.
        needed: usize,
        /// Member organisations.
        members: u32,
    },
    /// A value of the last final state is missing.
    #[error("{found} entries of the last final state, {needed} are needed")]
    Entries {
        /// Entries given.
        found: usize,
        /// Entries needed.
        needed: usize,
    },
    /// A value of the last final state is not proven.
    #[error("entry {index} of the last final state: {error}")]
    Proof {
        /// Its place.
        index: usize,
        /// What is wrong.
        error: ProofError,
    },
    /// A value of the last final state that says nothing.
    #[error("the last final state has no readable {what}")]
    State {
        /// What was looked for.
        what: &'static str,
    },
    /// The next height is decided already.
    #[error("height {height} is final here already, with block {block}")]
    Final {
        /// The height.
        height: Height,
        /// Its block.
        block: Hash,
    },
    /// A plan of this number or a greater one is in force.
    #[error("plan {plan} with number {number} is in force for this height")]
    InForce {
        /// Its hash.
        plan: Hash,
        /// Its number.
        number: u16,
    },
    /// A block that changes the list without a recovery, or one that carries a recovery it does not follow.
    #[error("block {height} does not carry the recovery that its authority list needs")]
    NotCarried {
        /// The height.
        height: Height,
    },
    /// A certificate of rounds that are not the recovery's.
    #[error("a certificate of round {found} is not of recovery {number}")]
    Round {
        /// The certificate's round.
        found: Round,
        /// The number of the recovery; 0 for none.
        number: u16,
    },
    /// Signatures under different plans were to be put together.
    #[error("plan {found} is not plan {expected}")]
    OtherPlan {
        /// The one.
        found: Hash,
        /// The other.
        expected: Hash,
    },
    /// Longer than allowed.
    #[error("{found} bytes or signatures exceed {maximum}")]
    TooLong {
        /// Found.
        found: usize,
        /// Allowed.
        maximum: usize,
    },
}

impl RecoveryError {
    /// The stable number of the rule that was broken.
    pub const fn number(&self) -> u16 {
        match self {
            Self::Chain { .. } => 1,
            Self::Height { .. } => 2,
            Self::Block { .. } => 3,
            Self::Number { .. } => 4,
            Self::SameList => 5,
            Self::Threshold { .. } => 6,
            Self::NotMember { .. } => 7,
            Self::Doubled { .. } => 8,
            Self::Stranger { .. } => 9,
            Self::Signature { .. } => 10,
            Self::TooFew { .. } => 11,
            Self::Entries { .. } => 12,
            Self::Proof { .. } => 13,
            Self::State { .. } => 14,
            Self::Final { .. } => 15,
            Self::InForce { .. } => 16,
            Self::NotCarried { .. } => 17,
            Self::Round { .. } => 18,
            Self::OtherPlan { .. } => 19,
            Self::TooLong { .. } => 20,
        }
    }
    /// Number and words, as people see them.
    pub fn text(&self) -> String {
        alloc::format!("recovery refused ({}): {self}", self.number())
    }
}

/// How many of so many member organisations must sign: more than half.
pub const fn needed(members: u32) -> usize {
    let half = (members / 2) as usize;
    half.saturating_add(1)
}

/// Checks that a certificate is of the rounds of this recovery; of the first ones when there is none.
///
/// # Errors
/// [`RecoveryError::Round`].
pub fn check_round(round: Round, recovery: Option<&RecoveryPlan>) -> Result<(), RecoveryError> {
    let number = match recovery {
        Some(plan) => plan.number,
        None => 0,
    };
    if round.recovery() == number { Ok(()) } else { Err(RecoveryError::Round { found: round, number }) }
}

impl SignedRecovery {
    /// A plan that nobody has signed yet.
    pub fn unsigned(plan: RecoveryPlan) -> Self {
        Self { plan, signatures: List::default() }
    }

    /// Keys of the last final state that the check reads: number of members, member list, the authority list that
    /// would decide, then the keys that signed.
    pub fn state_keys(&self) -> Vec<Vec<u8>> {
        let signers = self.signatures.iter().map(|entry| keyspace::key_entry(&entry.key));
        [keyspace::member_count(), keyspace::members(), keyspace::authorities()].into_iter().chain(signers).collect()
    }

    /// Adds a signature in its place; one of the same organisation is replaced.
    ///
    /// # Errors
    /// [`RecoveryError::TooLong`].
    pub fn add(&mut self, entry: RecoverySignature) -> Result<(), RecoveryError> {
        let mut all = core::mem::take(&mut self.signatures).into_vec();
        all.retain(|other| other.organisation != entry.organisation);
        let at = all.partition_point(|other| other.organisation < entry.organisation);
        all.insert(at, entry);
        let found = all.len();
        self.signatures = List::new(all).map_err(|_| RecoveryError::TooLong { found, maximum: MAX_SIGNATURES })?;
        Ok(())
    }

    /// Takes over the signatures of another file of the same plan.
    ///
    /// # Errors
    /// [`RecoveryError::OtherPlan`], [`RecoveryError::TooLong`].
    pub fn merge(&mut self, other: Self) -> Result<(), RecoveryError> {
        let (found, expected) = (other.plan.hash(), self.plan.hash());
        if found != expected {
            return Err(RecoveryError::OtherPlan { found, expected });
        }
        other.signatures.into_vec().into_iter().try_for_each(|entry| self.add(entry))
    }

    /// Adds what the check needs of the last final state.
    ///
    /// # Errors
    /// The outer error is that of `prove`; the inner one is [`RecoveryError::TooLong`].
    pub fn prove<E>(
        self,
        mut prove: impl FnMut(&[u8]) -> Result<(Option<Vec<u8>>, StateProof), E>,
    ) -> Result<Result<ProvenRecovery, RecoveryError>, E> {
        let mut entries = Vec::new();
        for key in self.state_keys() {
            let (value, proof) = prove(&key)?;
            let found = value.as_ref().map_or(0, Vec::len);
            let Ok(value) = value.map(Bytes::new).transpose() else {
                return Ok(Err(RecoveryError::TooLong { found, maximum: MAX_PROVEN_VALUE }));
            };
            entries.push(ProvenEntry { value, proof });
        }
        let found = entries.len();
        let Ok(entries) = List::new(entries) else {
            return Ok(Err(RecoveryError::TooLong { found, maximum: MAX_SIGNATURES }));
        };
        Ok(Ok(ProvenRecovery { signed: self, entries }))
    }
}

#[cfg(feature = "crypto")]
mod check {
    use super::*;
    use crate::{
        codec::decode,
        crypto::{SecretKey, verify},
        govern::MemberList,
        organisation::{KeyEntry, Role},
    };

    impl SignedRecovery {
        /// Signs for an organisation, with a key that must be a voter key of it.
        ///
        /// # Errors
        /// [`RecoveryError::TooLong`].
        pub fn sign(&mut self, organisation: OrganisationId, key: &SecretKey) -> Result<(), RecoveryError> {
            let signature = key.sign(&self.plan.hash().0);
            self.add(RecoverySignature { organisation, key: key.public(), signature })
        }
    }

    impl ProvenRecovery {
        /// Checks everything: the plan against the end of the chain, the new list against the members, and the
        /// signatures of more than half of the member organisations.
        ///
        /// # Errors
        /// [`RecoveryError`] for the first rule that is broken.
        pub fn verify(&self, last: &LastFinal<'_>) -> Result<(), RecoveryError> {
            self.signed.plan.check(last)?;
            let keys = self.signed.state_keys();
            let (found, needed) = (self.entries.len(), keys.len());
            if found != needed {
                return Err(RecoveryError::Entries { found, needed });
            }
            for (index, (key, entry)) in keys.iter().zip(self.entries.iter()).enumerate() {
                let value = entry.value.as_ref().map(Bytes::as_slice);
                entry
                    .proof
                    .verify(&last.state_root, key, value)
                    .map_err(|error| RecoveryError::Proof { index, error })?;
            }
            let mut values = self.entries.iter().map(|entry| entry.value.as_ref().map(Bytes::as_slice));
            let members: u32 = read("number of members", values.next().flatten())?;
            self.check_list(values.next().flatten(), read("authority list", values.next().flatten())?)?;
            self.check_signers(values)?;
            let (found, needed) = (self.signed.signatures.len(), super::needed(members));
            if found < needed {
                return Err(RecoveryError::TooFew { found, needed, members });
            }
            let message = self.signed.plan.hash();
            for entry in self.signed.signatures.iter() {
                verify(&entry.key, &message.0, &entry.signature)
                    .map_err(|_| RecoveryError::Signature { organisation: entry.organisation.clone() })?;
            }
            Ok(())
        }

        /// Every node of the new list is a member node of the organisation that the plan names; on a chain without a
        /// member list, an authority of it.
        fn check_list(&self, members: Option<&[u8]>, present: AuthorityList) -> Result<(), RecoveryError> {
            let list = &self.signed.plan.authorities;
            if *list == present {
                return Err(RecoveryError::SameList);
            }
            let (found, expected) = (list.threshold(), present.threshold());
            if found != expected {
                return Err(RecoveryError::Threshold { found, expected });
            }
            let members: Option<MemberList> = members.map(|bytes| read("member list", Some(bytes))).transpose()?;
            for authority in list.members() {
                let known = match &members {
                    Some(list) => list
                        .nodes
                        .iter()
                        .any(|node| node.node == authority.node && node.organisation == authority.organisation),
                    None => present.members().contains(authority),
                };
                if !known {
                    let (node, organisation) = (authority.node, authority.organisation.clone());
                    return Err(RecoveryError::NotMember { node, organisation });
                }
            }
            Ok(())
        }

        fn check_signers<'a>(&self, entries: impl Iterator<Item = Option<&'a [u8]>>) -> Result<(), RecoveryError> {
            let mut before: Option<&OrganisationId> = None;
            for (signer, entry) in self.signed.signatures.iter().zip(entries) {
                let organisation = &signer.organisation;
                if before.is_some_and(|before| before >= organisation) {
                    return Err(RecoveryError::Doubled { organisation: organisation.clone() });
                }
                before = Some(organisation);
                let entry: Option<KeyEntry> = entry.map(|bytes| read("key entry", Some(bytes))).transpose()?;
                let votes =
                    |entry: &KeyEntry| entry.organisation == *organisation && entry.roles.contains(&Role::Voter);
                if !entry.is_some_and(|entry| votes(&entry)) {
                    return Err(RecoveryError::Stranger { key: signer.key, organisation: organisation.clone() });
                }
            }
            Ok(())
        }
    }

    fn read<T: BorshDeserialize>(what: &'static str, bytes: Option<&[u8]>) -> Result<T, RecoveryError> {
        let bytes = bytes.ok_or(RecoveryError::State { what })?;
        decode(what, bytes, MAX_PROVEN_VALUE).map_err(|_| RecoveryError::State { what })
    }
}

impl RecoveryPlan {
    /// Checks the plan alone against the end of the chain.
    ///
    /// # Errors
    /// [`RecoveryError`] for the first rule that is broken.
    pub fn check(&self, last: &LastFinal<'_>) -> Result<(), RecoveryError> {
        if self.chain != *last.chain {
            return Err(RecoveryError::Chain { found: self.chain.clone(), expected: last.chain.clone() });
        }
        if self.height != last.height {
            return Err(RecoveryError::Height { found: self.height, expected: last.height });
        }
        if self.block != last.block {
            return Err(RecoveryError::Block { height: self.height, found: self.block, expected: last.block });
        }
        if self.number == 0 || self.number > Round::MAX_RECOVERY {
            return Err(RecoveryError::Number { found: self.number, maximum: Round::MAX_RECOVERY });
        }
        Ok(())
    }
}
