//! Keys and values of everything that is not the state tree.
//!
//! | table | key | value |
//! |---|---|---|
//! | meta | `format` | [`FORMAT`] as u32 BE |
//! | meta | `genesis` | canonical `Genesis` |
//! | meta | `genesis-root` | root of the state at height 0 |
//! | meta | `tip` | height (u64 BE), block hash, state root |
//! | meta | `oldest` | height (u64 BE) |
//! | meta | `base` | height (u64 BE) of the checkpoint that the store began with; missing when it has all blocks |
//! | meta | `recovery` | canonical `ProvenRecovery` that the height after the tip begins with, if any |
//! | chain | `h` height | canonical `Header` |
//! | chain | `t` height | canonical certificate of the block before, if any, and list of transactions |
//! | chain | `c` height | canonical `QuorumCertificate` |
//! | chain | `a` height | canonical `AuthorityList` that decides the height |
//! | chain | `v` height | canonical `ProvenRecovery` that the height began with, if any |
//! | chain | `r` height index | number of the receipt's first event (u32 BE), canonical `Receipt` |
//! | chain | `e` height | number of events (u32 BE), when there are any |
//! | chain | `s` height | [`Stale`]: what the height made superfluous |
//! | chain | `d` height | list of the state keys that the height deleted, when there are any; pruned with `s` |
//! | index | `b` block hash | height (u64 BE) |
//! | index | `t` transaction hash | height (u64 BE), index (u32 BE) |
//! | index | `m` transaction hash | number of its last abnormal mark (u64 BE) |

use crate::{
    error::StoreError,
    kv::{Reader, Table},
};
use althing_types::{hash::Hash, id::Height};
use borsh::{BorshDeserialize, BorshSerialize};

/// The version of the form on disk.
pub const FORMAT: u32 = 4;

pub(crate) const META_FORMAT: &[u8] = b"format";
pub(crate) const META_GENESIS: &[u8] = b"genesis";
pub(crate) const META_GENESIS_ROOT: &[u8] = b"genesis-root";
pub(crate) const META_TIP: &[u8] = b"tip";
pub(crate) const META_OLDEST: &[u8] = b"oldest";
pub(crate) const META_BASE: &[u8] = b"base";
pub(crate) const META_RECOVERY: &[u8] = b"recovery";

pub(crate) const HEADER: u8 = b'h';
pub(crate) const TRANSACTIONS: u8 = b't';
pub(crate) const CERTIFICATE: u8 = b'c';
pub(crate) const AUTHORITIES: u8 = b'a';
pub(crate) const RECOVERY: u8 = b'v';
pub(crate) const RECEIPT: u8 = b'r';
pub(crate) const EVENTS: u8 = b'e';
pub(crate) const STALE: u8 = b's';
pub(crate) const DELETED: u8 = b'd';

pub(crate) const BLOCK: u8 = b'b';
pub(crate) const TRANSACTION: u8 = b't';
pub(crate) const MARK: u8 = b'm';

/// What a height made superfluous, to be removed once the height is the oldest that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub(crate) struct Stale {
    /// Keys of the table tree.
    pub(crate) nodes: Vec<Vec<u8>>,
    /// Key hashes that have an entry with this height in the table history.
    pub(crate) former: Vec<[u8; 32]>,
}

pub(crate) fn by_height(kind: u8, height: Height) -> [u8; 9] {
    let mut key = [kind; 9];
    if let Some(rest) = key.last_chunk_mut::<8>() {
        *rest = height.0.to_be_bytes();
    }
    key
}

pub(crate) fn by_index(kind: u8, height: Height, index: u32) -> [u8; 13] {
    let mut key = [kind; 13];
    if let Some((start, rest)) = key.split_first_chunk_mut::<9>() {
        *start = by_height(kind, height);
        rest.copy_from_slice(&index.to_be_bytes());
    }
    key
}

pub(crate) fn by_hash(kind: u8, hash: &Hash) -> [u8; 33] {
    let mut key = [kind; 33];
    if let Some(rest) = key.last_chunk_mut::<32>() {
        *rest = hash.0;
    }
    key
}

/// Key of a former value: what the key had before `height`.
pub(crate) fn history(place: &Hash, height: Height) -> [u8; 40] {
    let mut key = [0; 40];
    if let Some((start, rest)) = key.split_first_chunk_mut::<32>() {
        *start = place.0;
        rest.copy_from_slice(&height.0.to_be_bytes());
    }
    key
}

pub(crate) fn corrupt(reason: impl Into<String>) -> StoreError {
    StoreError::Corrupt { path: String::new(), reason: reason.into() }
}

/// Decodes bytes that this store wrote.
pub(crate) fn decode<T: BorshDeserialize>(what: &'static str, bytes: &[u8]) -> Result<T, StoreError> {
    althing_types::codec::decode(what, bytes, usize::MAX).map_err(|e| corrupt(e.to_string()))
}

/// Reads and decodes a value.
pub(crate) fn read<T: BorshDeserialize>(
    reader: &(impl Reader + ?Sized),
    table: Table,
    key: &[u8],
    what: &'static str,
) -> Result<Option<T>, StoreError> {
    reader.get(table, key)?.map(|bytes| decode(what, &bytes)).transpose()
}

pub(crate) fn u64_of(what: &'static str, bytes: &[u8]) -> Result<u64, StoreError> {
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| corrupt(format!("{what} has {} bytes, not 8", bytes.len())))?;
    Ok(u64::from_be_bytes(bytes))
}

pub(crate) fn u32_of(what: &'static str, bytes: &[u8]) -> Result<u32, StoreError> {
    let bytes: [u8; 4] = bytes.try_into().map_err(|_| corrupt(format!("{what} has {} bytes, not 4", bytes.len())))?;
    Ok(u32::from_be_bytes(bytes))
}

/// The tip as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawTip {
    pub(crate) height: Height,
    pub(crate) block: Hash,
    pub(crate) root: Hash,
}

impl RawTip {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(72);
        out.extend_from_slice(&self.height.0.to_be_bytes());
        out.extend_from_slice(&self.block.0);
        out.extend_from_slice(&self.root.0);
        out
    }

    pub(crate) fn read(reader: &(impl Reader + ?Sized)) -> Result<Option<Self>, StoreError> {
        let Some(bytes) = reader.get(Table::Meta, META_TIP)? else { return Ok(None) };
        let parts = bytes.split_first_chunk::<8>().and_then(|(height, rest)| {
            let (block, rest) = rest.split_first_chunk::<32>()?;
            Some((height, block, <[u8; 32]>::try_from(rest).ok()?))
        });
        let Some((height, block, root)) = parts else { return Err(corrupt("the tip is not 72 bytes long")) };
        Ok(Some(Self { height: Height(u64::from_be_bytes(*height)), block: Hash(*block), root: Hash(root) }))
    }
}

/// The oldest height whose state is kept.
pub(crate) fn oldest(reader: &(impl Reader + ?Sized)) -> Result<Height, StoreError> {
    match reader.get(Table::Meta, META_OLDEST)? {
        Some(bytes) => u64_of("the oldest height", &bytes).map(Height),
        None => Ok(Height(0)),
    }
}

/// The height of the checkpoint that the store began with; 0 when it has all blocks.
pub(crate) fn base(reader: &(impl Reader + ?Sized)) -> Result<Height, StoreError> {
    match reader.get(Table::Meta, META_BASE)? {
        Some(bytes) => u64_of("the base height", &bytes).map(Height),
        None => Ok(Height(0)),
    }
}

/// The value of a state key after `height`, which must be in the retention window of `reader`.
pub(crate) fn value_at(
    reader: &(impl Reader + ?Sized),
    height: Height,
    key: &[u8],
    place: &Hash,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut former: Option<Vec<u8>> = None;
    reader.scan(Table::History, &history(place, height.next()), &mut |found, value| {
        if found.starts_with(&place.0) {
            former = Some(value.to_vec());
        }
        false
    })?;
    match former {
        None => reader.get(Table::State, key),
        Some(bytes) => match bytes.split_first() {
            Some((0, [])) => Ok(None),
            Some((1, value)) => Ok(Some(value.to_vec())),
            _ => Err(corrupt("a former value cannot be decoded")),
        },
    }
}
