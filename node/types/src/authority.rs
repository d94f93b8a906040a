//! The authority list and the one place of quorum arithmetic.
//!
//! With `n` authorities and a threshold `num/den`, a quorum is `floor(n * num / den) + 1` (strictly more than the
//! threshold). Two quorums share at least `2q - n` authorities, so Byzantine tolerance is `min(2q - n - 1, n - q)`.

use crate::{
    codec::List,
    crypto::NodeId,
    hash::{Hash, Tag, hash_of},
    id::{Height, OrganisationId, Round},
    wire::{FieldSchema, Schema, VariantSchema, Wire},
};
use borsh::{
    BorshDeserialize, BorshSerialize,
    io::{Error, ErrorKind, Read, Result as IoResult},
};
use serde::{Deserialize, Serialize};

/// Most authorities of a chain.
pub const MAX_AUTHORITIES: usize = 128;

/// A fraction of the authorities that must be exceeded (A5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Threshold {
    /// More than two thirds: safe while at most `floor((n - 1) / 3)` authorities are Byzantine.
    #[serde(rename = "2/3")]
    TwoThirds = 0,
    /// More than one half: safe only while authorities fail by stopping.
    #[serde(rename = "1/2")]
    Half = 1,
}

impl Threshold {
    /// Numerator and denominator.
    pub const fn fraction(self) -> (u64, u64) {
        match self {
            Self::TwoThirds => (2, 3),
            Self::Half => (1, 2),
        }
    }
    /// Fewest voters, of `n`, that exceed the threshold.
    pub const fn quorum(self, n: usize) -> usize {
        let (num, den) = self.fraction();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::arithmetic_side_effects,
            reason = "n is at most a list's length"
        )]
        let quorum = (n as u64 * num / den + 1) as usize;
        quorum
    }
    /// Most Byzantine authorities, of `n`, under which no two quorums can disagree and a quorum can still be formed.
    pub const fn byzantine_tolerance(self, n: usize) -> usize {
        let quorum = self.quorum(n);
        let overlap = (2usize.saturating_mul(quorum)).saturating_sub(n).saturating_sub(1);
        let absent = n.saturating_sub(quorum);
        if overlap < absent { overlap } else { absent }
    }
}

/// One authority.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Authority {
    /// The node that votes.
    pub node: NodeId,
    /// The organisation that runs it.
    pub organisation: OrganisationId,
}

/// The ordered list of authorities that decides a height, with the threshold they must exceed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize)]
pub struct AuthorityList {
    members: List<Authority, MAX_AUTHORITIES>,
    threshold: Threshold,
}

/// A list that cannot decide anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityListError {
    /// Nobody in it.
    #[error("an authority list needs at least one authority")]
    Empty,
    /// More than [`MAX_AUTHORITIES`].
    #[error("{found} authorities exceed {MAX_AUTHORITIES}")]
    TooMany {
        /// Number given.
        found: usize,
    },
    /// A node twice.
    #[error("authority {node} is listed twice")]
    Duplicate {
        /// The node.
        node: NodeId,
    },
}

impl Wire for Threshold {
    const SCHEMA: &'static Schema = &Schema::Enum {
        name: "Threshold",
        variants: &[VariantSchema { name: "TwoThirds", fields: &[] }, VariantSchema { name: "Half", fields: &[] }],
    };
}

impl Wire for Authority {
    const SCHEMA: &'static Schema = &Schema::Struct {
        name: "Authority",
        fields: &[
            FieldSchema { name: "node", kind: NodeId::SCHEMA },
            FieldSchema { name: "organisation", kind: OrganisationId::SCHEMA },
        ],
    };
}

impl Wire for AuthorityList {
    const SCHEMA: &'static Schema = &Schema::Struct {
        name: "AuthorityList",
        fields: &[
            FieldSchema { name: "members", kind: <List<Authority, MAX_AUTHORITIES> as Wire>::SCHEMA },
            FieldSchema { name: "threshold", kind: Threshold::SCHEMA },
        ],
    };
}

impl AuthorityList {
    /// Checks and wraps a list; the order is kept, it decides who is primary when.
    ///
    /// # Errors
    /// [`AuthorityListError`] when it is empty, too long, or names a node twice.
    pub fn new(members: alloc::vec::Vec<Authority>, threshold: Threshold) -> Result<Self, AuthorityListError> {
        if members.is_empty() {
            return Err(AuthorityListError::Empty);
        }
        let found = members.len();
        let members = List::new(members).map_err(|_| AuthorityListError::TooMany { found })?;
        let mut seen = alloc::collections::BTreeSet::new();
        for member in members.iter() {
            if !seen.insert(member.node) {
                return Err(AuthorityListError::Duplicate { node: member.node });
            }
        }
        Ok(Self { members, threshold })
    }
    /// The authorities in order.
    pub fn members(&self) -> &[Authority] {
        &self.members
    }
    /// The threshold to exceed.
    pub const fn threshold(&self) -> Threshold {
        self.threshold
    }
    /// Number of authorities.
    pub fn count(&self) -> usize {
        self.members.len()
    }
    /// Fewest authorities that decide.
    pub fn quorum(&self) -> usize {
        self.threshold.quorum(self.count())
    }
    /// Position of a node; `None` when it is no authority.
    pub fn position(&self, node: &NodeId) -> Option<usize> {
        self.members.iter().position(|m| m.node == *node)
    }
    /// The primary of a round: `members[(height + turn) mod n]` (A4), where `turn` is [`Round::turn`].
    pub fn primary(&self, height: Height, round: Round) -> NodeId {
        let sum = u128::from(height.0).saturating_add(u128::from(round.turn()));
        let index = sum.checked_rem(self.count() as u128).unwrap_or(0);
        let member = self.members.get(index as usize).or_else(|| self.members.first());
        member.map_or(NodeId([0; 32]), |m| m.node)
    }
    /// The hash that headers carry.
    pub fn hash(&self) -> Hash {
        hash_of(Tag::Authorities, self)
    }
}

#[derive(BorshDeserialize, Deserialize)]
struct RawList {
    members: List<Authority, MAX_AUTHORITIES>,
    threshold: Threshold,
}

impl BorshDeserialize for AuthorityList {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let raw = RawList::deserialize_reader(reader)?;
        Self::new(raw.members.into_vec(), raw.threshold)
            .map_err(|e| Error::new(ErrorKind::InvalidData, alloc::format!("{e}")))
    }
}

impl<'de> Deserialize<'de> for AuthorityList {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <RawList as serde::Deserialize>::deserialize(deserializer)?;
        Self::new(raw.members.into_vec(), raw.threshold).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quorum_and_tolerance_follow_the_table() {
        // n, quorum and tolerance at 2/3, quorum at 1/2 (CONSENSUS: q = floor(n num / den) + 1).
        for (n, q23, b23, q12) in [
            (1, 1, 0, 1),
            (2, 2, 0, 2),
            (3, 3, 0, 2),
            (4, 3, 1, 3),
            (5, 4, 1, 3),
            (6, 5, 1, 4),
            (7, 5, 2, 4),
            (10, 7, 3, 6),
            (21, 15, 6, 11),
        ] {
            assert_eq!(Threshold::TwoThirds.quorum(n), q23, "{n}");
            assert_eq!(Threshold::TwoThirds.byzantine_tolerance(n), b23, "{n}");
            assert_eq!(Threshold::Half.quorum(n), q12, "{n}");
            assert_eq!(
                Threshold::Half.byzantine_tolerance(n),
                usize::from(n % 2 == 0 && n > 2).min(2 * q12 - n - 1),
                "{n}"
            );
        }
    }

    #[test]
    fn primary_rotates_by_modulus() {
        let members =
            (0..4u8).map(|i| Authority { node: NodeId([i; 32]), organisation: OrganisationId::new("o").unwrap() });
        let list = AuthorityList::new(members.collect(), Threshold::TwoThirds).unwrap();
        assert_eq!(list.primary(Height(5), Round(0)), NodeId([1; 32]));
        assert_eq!(list.primary(Height(5), Round(3)), NodeId([0; 32]));
        assert_eq!(list.primary(Height(u64::MAX), Round(u32::MAX)), NodeId([2; 32]));
    }

    #[test]
    fn a_node_cannot_be_listed_twice() {
        let one = Authority { node: NodeId([1; 32]), organisation: OrganisationId::new("o").unwrap() };
        assert!(AuthorityList::new(alloc::vec![one.clone(), one], Threshold::TwoThirds).is_err());
    }
}
