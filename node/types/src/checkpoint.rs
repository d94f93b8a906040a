//! Checkpoints: the whole state of one height in chunks, each checked alone under a certified state root.
//!
//! ```text
//!                 state root of a certified header
//!                  /            \            siblings of a chunk: what else there is on the way from its part of the
//!              chunk 0*         node         tree up to the root
//!                              /    \
//!                       chunk 10*   chunk 11*    a chunk: every entry whose key hash begins with its prefix
//! ```
//!
//! The tree is that of [`crate::proof`]: a subtree with one leaf is that leaf, an empty one is a constant. So a sibling
//! that is a single leaf is told as a leaf: only then is an empty chunk beside it a proof that nothing is left out, and
//! the leaf's own place shows that it does not come from the chunk's part of the tree.
//!
//! Nothing here reads or writes; the store makes chunks and takes them in.

use crate::{
    codec::{Bytes, List},
    hash::{Hash, sha3_256},
    id::Height,
    keyspace::key_hash,
    proof::{EMPTY, LEAF, NODE, ProofLeaf, bit, combine},
};
use alloc::vec::Vec;
use borsh::{BorshDeserialize, BorshSerialize};

/// Deepest place of the tree: bits of a key hash.
pub const DEPTH: u16 = 256;
/// Bytes of entries from which on the maker of a checkpoint splits a chunk; one entry alone may be longer.
pub const CHUNK_BYTES: usize = 512 * 1024;
/// Most entries of a chunk.
pub const MAX_CHUNK_ENTRIES: usize = 16_384;
/// Longest key of an entry.
pub const MAX_ENTRY_KEY: usize = 1_024;
/// Longest value of an entry.
pub const MAX_ENTRY_VALUE: usize = 2 * 1024 * 1024;
/// Longest encoding of a chunk that is taken in.
pub const MAX_CHUNK: usize = 3 * 1024 * 1024;

/// A part of the tree: all places that begin with these bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Prefix {
    /// The first place; the bits behind the prefix are zero.
    pub start: Hash,
    /// Number of bits, at most [`DEPTH`].
    pub bits: u16,
}

impl Prefix {
    /// The whole tree.
    pub const ALL: Self = Self { start: Hash([0; 32]), bits: 0 };

    /// Whether there are at most [`DEPTH`] bits and nothing behind them.
    pub fn is_good(&self) -> bool {
        self.bits <= DEPTH && (usize::from(self.bits)..usize::from(DEPTH)).all(|depth| !bit(&self.start, depth))
    }

    /// Whether a place lies in it.
    pub fn contains(&self, place: &Hash) -> bool {
        (0..usize::from(self.bits)).all(|depth| bit(&self.start, depth) == bit(place, depth))
    }

    /// The lower and the upper half; `None` for a single place.
    pub fn halves(&self) -> Option<(Self, Self)> {
        let bits = self.bits.checked_add(1).filter(|bits| *bits <= DEPTH)?;
        let upper = Hash(set(self.start.0, self.bits));
        Some((Self { start: self.start, bits }, Self { start: upper, bits }))
    }

    /// The first place behind it; `None` when it ends the tree.
    pub fn after(&self) -> Option<Hash> {
        // Adds one at the last bit of the prefix and carries.
        let mut out = self.start.0;
        for depth in (0..self.bits).rev() {
            if !bit(&Hash(out), usize::from(depth)) {
                return Some(Hash(set(out, depth)));
            }
            out = clear(out, depth);
        }
        None
    }

    /// The other half of the part that is one bit wider; `None` for the whole tree.
    fn sibling(&self, bits: u16) -> Option<Self> {
        let last = bits.checked_sub(1)?;
        let mut start = self.start.0;
        for depth in bits..DEPTH {
            start = clear(start, depth);
        }
        let start = if bit(&self.start, usize::from(last)) { clear(start, last) } else { set(start, last) };
        Some(Self { start: Hash(start), bits })
    }
}

fn mask(depth: u16) -> (usize, u8) {
    (usize::from(depth / 8), 0x80u8.checked_shr(u32::from(depth % 8)).unwrap_or(0))
}

fn set(mut place: [u8; 32], depth: u16) -> [u8; 32] {
    let (byte, mask) = mask(depth);
    if let Some(byte) = place.get_mut(byte) {
        *byte |= mask;
    }
    place
}

fn clear(mut place: [u8; 32], depth: u16) -> [u8; 32] {
    let (byte, mask) = mask(depth);
    if let Some(byte) = place.get_mut(byte) {
        *byte &= !mask;
    }
    place
}

/// A part of the tree as its parent sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Subtree {
    /// Nothing is in it.
    Empty = 0,
    /// One leaf is in it.
    Leaf(ProofLeaf) = 1,
    /// Two or more leaves are under this node.
    Node(Hash) = 2,
}

impl Subtree {
    /// Its hash.
    pub fn hash(&self) -> Hash {
        match self {
            Self::Empty => EMPTY,
            Self::Leaf(leaf) => combine(LEAF, &leaf.key, &leaf.value),
            Self::Node(hash) => *hash,
        }
    }

    /// The part that has these two halves.
    #[must_use]
    pub fn join(&self, upper: &Self) -> Self {
        match (self, upper) {
            (Self::Empty, Self::Empty) => Self::Empty,
            (Self::Leaf(leaf), Self::Empty) | (Self::Empty, Self::Leaf(leaf)) => Self::Leaf(*leaf),
            _ => Self::Node(combine(NODE, &self.hash(), &upper.hash())),
        }
    }

    /// The part over these leaves, which ascend by key and share their first `depth` bits.
    pub fn over(leaves: &[ProofLeaf], depth: u16) -> Self {
        match leaves {
            [] => Self::Empty,
            [leaf] => Self::Leaf(*leaf),
            // No two leaves share all bits; what is not in order ends here and fits no root.
            _ if depth >= DEPTH => Self::Empty,
            _ => {
                let middle = leaves.partition_point(|leaf| !bit(&leaf.key, usize::from(depth)));
                let (lower, upper) = leaves.split_at(middle);
                let deeper = depth.saturating_add(1);
                Self::over(lower, deeper).join(&Self::over(upper, deeper))
            }
        }
    }
}

/// One entry of the state.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChunkEntry {
    /// The state key.
    pub key: Bytes<MAX_ENTRY_KEY>,
    /// Its value.
    pub value: Bytes<MAX_ENTRY_VALUE>,
}

impl ChunkEntry {
    /// Its leaf.
    pub fn leaf(&self) -> ProofLeaf {
        ProofLeaf { key: key_hash(&self.key), value: sha3_256(&self.value) }
    }

    /// Bytes of its encoding.
    pub fn len(&self) -> usize {
        self.key.len().saturating_add(self.value.len()).saturating_add(8)
    }

    /// Never: two lengths are always there.
    pub const fn is_empty(&self) -> bool {
        false
    }
}

/// Every entry of one part of the tree, with the way from there to the state root.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Chunk {
    /// Height of the checkpoint.
    pub height: Height,
    /// The part of the tree.
    pub prefix: Prefix,
    /// The other halves on the way, from the chunk up to the root: one for each bit of the prefix.
    pub siblings: List<Subtree, 256>,
    /// The entries, by ascending key hash.
    pub entries: List<ChunkEntry, MAX_CHUNK_ENTRIES>,
}

/// Why a chunk is no part of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The chunk is of another height.
    #[error("height is {found}, expected {expected}")]
    Height {
        /// The chunk's.
        found: Height,
        /// The one asked for.
        expected: Height,
    },
    /// More than 256 bits, or bits behind the prefix.
    #[error("prefix has {bits} bits and starts at {start}: it must have at most 256 and zeros behind them")]
    Prefix {
        /// Its bits.
        bits: u16,
        /// Its start.
        start: Hash,
    },
    /// Another part of the tree than the one asked for.
    #[error("prefix of {bits} bits from {start} does not hold the place {place} that was asked for")]
    Elsewhere {
        /// Its bits.
        bits: u16,
        /// Its start.
        start: Hash,
        /// The place.
        place: Hash,
    },
    /// Not one sibling for each bit.
    #[error("siblings are {found}, a prefix of {expected} bits needs as many")]
    Siblings {
        /// Number of siblings.
        found: usize,
        /// Number of bits.
        expected: u16,
    },
    /// An entry is not of the chunk's part of the tree.
    #[error("entry {index} lies at {place}, outside of the prefix")]
    Outside {
        /// Its position.
        index: usize,
        /// Its key hash.
        place: Hash,
    },
    /// Entries do not ascend by key hash.
    #[error("entry {index} is not behind the one before: key hashes must ascend")]
    Order {
        /// Its position.
        index: usize,
    },
    /// A sibling that is said to be one leaf is a leaf of elsewhere.
    #[error("sibling {index} is a leaf at {place}, which is not where the sibling is")]
    SiblingPlace {
        /// Its position, from the chunk up.
        index: usize,
        /// The leaf's place.
        place: Hash,
    },
    /// The entries and siblings do not lead to the state root.
    #[error("the entries lead to root {found}, the certified root is {expected}")]
    Root {
        /// What they lead to.
        found: Hash,
        /// The certified one.
        expected: Hash,
    },
}

impl ChunkError {
    /// The stable number of the rule that was broken.
    pub const fn number(&self) -> u16 {
        match self {
            Self::Height { .. } => 1,
            Self::Prefix { .. } => 2,
            Self::Elsewhere { .. } => 3,
            Self::Siblings { .. } => 4,
            Self::Outside { .. } => 5,
            Self::Order { .. } => 6,
            Self::SiblingPlace { .. } => 7,
            Self::Root { .. } => 8,
        }
    }
}

impl Chunk {
    /// Checks that these are all entries of the chunk's part of the tree with this root, and gives their leaves.
    ///
    /// # Errors
    /// [`ChunkError`] for the first rule that is broken.
    pub fn verify(&self, height: Height, root: &Hash) -> Result<Vec<ProofLeaf>, ChunkError> {
        let Prefix { start, bits } = self.prefix;
        if self.height != height {
            return Err(ChunkError::Height { found: self.height, expected: height });
        }
        if !self.prefix.is_good() {
            return Err(ChunkError::Prefix { bits, start });
        }
        if self.siblings.len() != usize::from(bits) {
            return Err(ChunkError::Siblings { found: self.siblings.len(), expected: bits });
        }
        let mut leaves: Vec<ProofLeaf> = Vec::with_capacity(self.entries.len());
        for (index, entry) in self.entries.iter().enumerate() {
            let leaf = entry.leaf();
            if !self.prefix.contains(&leaf.key) {
                return Err(ChunkError::Outside { index, place: leaf.key });
            }
            if leaves.last().is_some_and(|before| before.key >= leaf.key) {
                return Err(ChunkError::Order { index });
            }
            leaves.push(leaf);
        }
        let mut part = Subtree::over(&leaves, bits);
        for (index, (sibling, depth)) in self.siblings.iter().zip((1..=bits).rev()).enumerate() {
            if let (Subtree::Leaf(leaf), Some(place)) = (sibling, self.prefix.sibling(depth))
                && !place.contains(&leaf.key)
            {
                return Err(ChunkError::SiblingPlace { index, place: leaf.key });
            }
            let upper = bit(&start, usize::from(depth.saturating_sub(1)));
            part = if upper { sibling.join(&part) } else { part.join(sibling) };
        }
        let found = part.hash();
        if found == *root { Ok(leaves) } else { Err(ChunkError::Root { found, expected: *root }) }
    }

    /// As [`Self::verify`], of the chunk that holds `place`.
    ///
    /// # Errors
    /// [`ChunkError`] for the first rule that is broken.
    pub fn verify_at(&self, height: Height, root: &Hash, place: &Hash) -> Result<Vec<ProofLeaf>, ChunkError> {
        let leaves = self.verify(height, root)?;
        if self.prefix.contains(place) {
            return Ok(leaves);
        }
        let Prefix { start, bits } = self.prefix;
        Err(ChunkError::Elsewhere { bits, start, place: *place })
    }
}

/// One chunk of a checkpoint without its entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where it is.
    pub prefix: Prefix,
    /// What it comes to.
    pub subtree: Subtree,
}

/// The part of the tree at `prefix`, from the chunks that make it up, in ascending order.
fn fold(parts: &[Part], prefix: Prefix) -> Subtree {
    if let [only] = parts
        && only.prefix == prefix
    {
        return only.subtree;
    }
    let Some((lower, upper)) = prefix.halves() else { return Subtree::Empty };
    let (below, above) = parts.split_at(parts.partition_point(|part| part.prefix.start < upper.start));
    if parts.is_empty() { Subtree::Empty } else { fold(below, lower).join(&fold(above, upper)) }
}

/// The state root over all chunks of a checkpoint, in ascending order.
pub fn root(parts: &[Part]) -> Hash {
    fold(parts, Prefix::ALL).hash()
}

/// The siblings of the chunk at `index` of a checkpoint's chunks, as [`Chunk::siblings`] has them.
pub fn siblings(parts: &[Part], index: usize) -> List<Subtree, 256> {
    let Some(prefix) = parts.get(index).map(|part| part.prefix) else { return List::default() };
    let sibling = |bits: u16| {
        let place = prefix.sibling(bits)?;
        let from = parts.partition_point(|part| part.prefix.start < place.start);
        let inside = parts.get(from..)?;
        let count = inside.partition_point(|part| place.contains(&part.prefix.start));
        Some(fold(inside.get(..count)?, place))
    };
    List::new((1..=prefix.bits).rev().filter_map(sibling).collect()).unwrap_or_default()
}
