//! Typed storage: one value, a map, an index. Every write is explicit and happens when it is called.
//!
//! | kind | storage key | value |
//! |---|---|---|
//! | [`Value`] | field number | canonical bytes |
//! | [`Map`] | field number, key | canonical bytes |
//! | [`Index`] | field number, key, member | one byte, 1 |
//!
//! The field number is one byte, given by `#[contract]`: the position of the field from 1, or `#[key(n)]`. Keys are
//! those of [`althing_types::order`]: walking a map goes in the order of its keys.

use crate::host;
use alloc::vec::Vec;
use althing_abi::exports::abort::PANIC;
use althing_types::{codec::List, order::Key, wire::Wire};
use core::marker::PhantomData;

/// Most values of one field that one step of a migration rewrites.
const MAX_REWRITTEN: usize = 512;

fn load<T: Wire>(bytes: &[u8]) -> T {
    match T::try_from_slice(bytes) {
        Ok(value) => value,
        Err(_) => host::fail(PANIC, "a stored value does not fit its type: was the type changed without a migration?"),
    }
}

fn save<T: Wire>(key: &[u8], value: &T) {
    host::put(key, &althing_types::codec::encode(value));
}

fn key_of<K: Key>(field: u8, key: &K) -> Vec<u8> {
    althing_types::order::storage_key(field, key)
}

fn load_key<K: Key>(mut bytes: &[u8]) -> K {
    match K::decode_key(&mut bytes) {
        Some(key) if bytes.is_empty() => key,
        _ => host::fail(PANIC, "a stored key does not fit its type: was the type changed without a migration?"),
    }
}

/// One value of the state, or none.
pub struct Value<T> {
    field: u8,
    marker: PhantomData<fn() -> T>,
}

impl<T: Wire> Value<T> {
    #[doc(hidden)]
    pub const fn at(field: u8) -> Self {
        Self { field, marker: PhantomData }
    }
    /// The value; `None` before the first [`put`](Self::put).
    pub fn get(&self) -> Option<T> {
        host::get(&[self.field]).map(|bytes| load(&bytes))
    }
    /// Whether there is a value.
    pub fn has(&self) -> bool {
        host::has(&[self.field])
    }
    /// Writes the value.
    pub fn put(&mut self, value: &T) {
        save(&[self.field], value);
    }
    /// Removes the value; whether there was one.
    pub fn remove(&mut self) -> bool {
        host::remove(&[self.field])
    }
    /// Rewrites a value of an older type: the body of a migration.
    #[doc(hidden)]
    pub fn rewrite<Old: Wire, New: Wire>(&mut self, change: impl Fn(Old) -> New, after: &[u8]) -> Option<Vec<u8>> {
        if after.is_empty()
            && let Some(old) = host::get(&[self.field])
        {
            save(&[self.field], &change(load(&old)));
        }
        None
    }
}

/// A value for each key, in the order of the keys.
pub struct Map<K, V> {
    field: u8,
    marker: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Wire> Map<K, V> {
    #[doc(hidden)]
    pub const fn at(field: u8) -> Self {
        Self { field, marker: PhantomData }
    }
    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<V> {
        host::get(&key_of(self.field, key)).map(|bytes| load(&bytes))
    }
    /// Whether a key has a value. Cheaper than [`get`](Self::get): the value stays outside.
    pub fn has(&self, key: &K) -> bool {
        host::has(&key_of(self.field, key))
    }
    /// Writes the value of a key.
    pub fn put(&mut self, key: &K, value: &V) {
        save(&key_of(self.field, key), value);
    }
    /// Removes a key; whether it had a value.
    pub fn remove(&mut self, key: &K) -> bool {
        host::remove(&key_of(self.field, key))
    }
    /// All entries in the order of their keys.
    pub fn iter(&self) -> Entries<K, V> {
        Entries { walk: Walk::new(alloc::vec![self.field], &[]), marker: PhantomData }
    }
    /// The entries after a key, in the order of their keys.
    pub fn iter_after(&self, key: &K) -> Entries<K, V> {
        Entries { walk: Walk::new(alloc::vec![self.field], &key_of(self.field, key)), marker: PhantomData }
    }
    /// The entries whose key starts with a first part, as in `Map<(A, B), V>` by `A`.
    pub fn iter_prefix<P: Key>(&self, first: &P) -> Entries<K, V> {
        Entries { walk: Walk::new(key_of(self.field, first), &[]), marker: PhantomData }
    }
    /// At most `MAX` entries after a key (from the first one without a key): what a view gives to one who pages.
    pub fn page<const MAX: usize>(&self, after: Option<&K>) -> List<(K, V), MAX>
    where
        K: Wire,
    {
        let entries = match after {
            Some(key) => self.iter_after(key),
            None => self.iter(),
        };
        List::new(entries.take(MAX).collect()).unwrap_or_default()
    }
    /// Rewrites so many values of an older type after a storage key: the body of a migration. Gives the last storage
    /// key when there may be more.
    #[doc(hidden)]
    pub fn rewrite<Old: Wire, New: Wire>(&mut self, change: impl Fn(Old) -> New, after: &[u8]) -> Option<Vec<u8>> {
        let mut walk = Walk::new(alloc::vec![self.field], after);
        for left in (0..MAX_REWRITTEN).rev() {
            let (key, value) = walk.step()?;
            save(&key, &change(load(&value)));
            if left == 0 {
                return Some(key);
            }
        }
        None
    }
}

/// Pairs of a key and a member, each pair once, in the order of keys and then members.
pub struct Index<K, V> {
    field: u8,
    marker: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Key> Index<K, V> {
    #[doc(hidden)]
    pub const fn at(field: u8) -> Self {
        Self { field, marker: PhantomData }
    }
    fn pair(&self, key: &K, member: &V) -> Vec<u8> {
        let mut out = key_of(self.field, key);
        member.encode_key(&mut out);
        out
    }
    /// Adds a pair; nothing changes when it is there already.
    pub fn add(&mut self, key: &K, member: &V) {
        host::put(&self.pair(key, member), &[1]);
    }
    /// Removes a pair; whether it was there.
    pub fn remove(&mut self, key: &K, member: &V) -> bool {
        host::remove(&self.pair(key, member))
    }
    /// Whether a pair is there.
    pub fn has(&self, key: &K, member: &V) -> bool {
        host::has(&self.pair(key, member))
    }
    /// Whether a key has any member.
    pub fn any(&self, key: &K) -> bool {
        self.members(key).next().is_some()
    }
    /// The members of a key in order.
    pub fn members(&self, key: &K) -> Members<V> {
        let prefix = key_of(self.field, key);
        Members { skip: prefix.len(), walk: Walk::new(prefix, &[]), marker: PhantomData }
    }
    /// The members of a key after one of them, in order.
    pub fn members_after(&self, key: &K, member: &V) -> Members<V> {
        let prefix = key_of(self.field, key);
        let after = self.pair(key, member);
        Members { skip: prefix.len(), walk: Walk::new(prefix, &after), marker: PhantomData }
    }
    /// All pairs in order.
    pub fn iter(&self) -> Members<(K, V)> {
        Members { skip: 1, walk: Walk::new(alloc::vec![self.field], &[]), marker: PhantomData }
    }
}

/// A cursor of the host, closed when it is dropped. At most 8 are open at a time.
struct Walk {
    cursor: i32,
}

impl Walk {
    #[expect(clippy::needless_pass_by_value, reason = "callers build the prefix for this call only")]
    fn new(prefix: Vec<u8>, after: &[u8]) -> Self {
        Self { cursor: host::scan(&prefix, after) }
    }
    fn step(&mut self) -> Option<(Vec<u8>, Vec<u8>)> {
        host::scan_next(self.cursor)
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        host::scan_close(self.cursor);
    }
}

/// Entries of a [`Map`] in the order of their keys.
pub struct Entries<K, V> {
    walk: Walk,
    marker: PhantomData<fn() -> (K, V)>,
}

impl<K: Key, V: Wire> Iterator for Entries<K, V> {
    type Item = (K, V);
    fn next(&mut self) -> Option<(K, V)> {
        let (key, value) = self.walk.step()?;
        Some((load_key(key.get(1..).unwrap_or_default()), load(&value)))
    }
}

/// Members of an [`Index`] in order.
pub struct Members<V> {
    walk: Walk,
    skip: usize,
    marker: PhantomData<fn() -> V>,
}

impl<V: Key> Iterator for Members<V> {
    type Item = V;
    fn next(&mut self) -> Option<V> {
        let (key, _) = self.walk.step()?;
        Some(load_key(key.get(self.skip..).unwrap_or_default()))
    }
}
