//! The pool itself; see the crate's description.
//!
//! ```text
//!   insert ──► per key: sequence -> transaction ──► select (one of each key in turn, gap-free runs only)
//!                 │    │
//!                 │    └─ committed: used and expired ones leave
//!                 └─ full: the last transaction of the key that takes most room leaves, or the newcomer is refused
//! ```
//!
//! Eviction: when the pool is full, the newcomer displaces the highest sequence numbers of the key that takes most
//! bytes, as long as that key is another one and takes more than the newcomer's key would then take. A key that floods
//! the pool so only displaces itself, and nobody can be pushed below an equal share.

use althing_types::{
    crypto::{PublicKey, Verified},
    hash::Hash,
    id::{Height, Sequence},
    transaction::Transaction,
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

/// What each entry costs in memory beside its encoded bytes: a generous estimate, counted into every byte limit.
pub const ENTRY_OVERHEAD: usize = 512;

/// Bounds of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most transactions.
    pub count: usize,
    /// Most bytes: encoded lengths and [`ENTRY_OVERHEAD`] each.
    pub bytes: usize,
    /// Most transactions of one key.
    pub count_per_key: usize,
    /// Most bytes of one key.
    pub bytes_per_key: usize,
    /// How far a sequence number may be ahead of the next one that the state expects.
    pub gap: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            count: 20_000,
            bytes: 32 * 1024 * 1024,
            count_per_key: 8_192,
            bytes_per_key: 16 * 1024 * 1024,
            gap: 8_192,
        }
    }
}

/// Bounds of what [`Pool::select`] hands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Most transactions.
    pub count: usize,
    /// Most encoded bytes.
    pub bytes: usize,
    /// Most fuel, by the transactions' own limits.
    pub fuel: u64,
}

/// Why a transaction was not taken into the pool. None of these is the transaction's fault for ever, but `Used` and
/// `Expired` will not change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is in the pool already.
    #[error("transaction {hash} is waiting already")]
    Known {
        /// Its hash.
        hash: Hash,
    },
    /// Another transaction of this key has the sequence number.
    #[error("sequence {sequence} is taken by waiting transaction {hash}")]
    Taken {
        /// The sequence number.
        sequence: Sequence,
        /// The other transaction.
        hash: Hash,
    },
    /// The sequence number was used before.
    #[error("sequence {found} was used; the next is {next}")]
    Used {
        /// The transaction's.
        found: Sequence,
        /// The key's next.
        next: Sequence,
    },
    /// The sequence number is too far ahead.
    #[error("sequence {found} is more than {gap} ahead of the next, {next}")]
    Gap {
        /// The transaction's.
        found: Sequence,
        /// The key's next.
        next: Sequence,
        /// [`Limits::gap`].
        gap: u64,
    },
    /// Its last height has passed.
    #[error("expiry {expiry} is not after height {height}")]
    Expired {
        /// The transaction's expiry.
        expiry: Height,
        /// The pool's height.
        height: Height,
    },
    /// The key has too many waiting transactions, or too many bytes.
    #[error("the key has {count} transactions of {bytes} bytes waiting, at its limit")]
    KeyFull {
        /// Transactions of the key.
        count: usize,
        /// Their bytes.
        bytes: usize,
    },
    /// The pool is full and the key has its share already.
    #[error("the pool is full with {count} transactions of {bytes} bytes")]
    Full {
        /// Transactions in the pool.
        count: usize,
        /// Their bytes.
        bytes: usize,
    },
}

#[derive(Debug)]
struct Waiting {
    transaction: Arc<Verified<Transaction>>,
    hash: Hash,
    length: usize,
}

impl Waiting {
    const fn cost(&self) -> usize {
        self.length.saturating_add(ENTRY_OVERHEAD)
    }
}

#[derive(Debug, Default)]
struct Queue {
    /// The next sequence number that the state expects, as last heard.
    next: Sequence,
    waiting: BTreeMap<Sequence, Waiting>,
    bytes: usize,
}

/// Transactions that wait for a block.
#[derive(Debug)]
pub struct Pool {
    limits: Limits,
    height: Height,
    keys: BTreeMap<PublicKey, Queue>,
    places: BTreeMap<Hash, (PublicKey, Sequence)>,
    expiries: BTreeSet<(Height, PublicKey, Sequence)>,
    /// Keys by the bytes they take.
    sizes: BTreeSet<(usize, PublicKey)>,
    bytes: usize,
    /// The key that was served last in the last committed block: the next selection starts behind it.
    served: Option<PublicKey>,
}

impl Pool {
    /// An empty pool.
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            height: Height(0),
            keys: BTreeMap::new(),
            places: BTreeMap::new(),
            expiries: BTreeSet::new(),
            sizes: BTreeSet::new(),
            bytes: 0,
            served: None,
        }
    }

    /// Takes a transaction in. `hash` and `length` are those of its canonical bytes; `next` is the sequence number
    /// that the last committed state expects of its key.
    ///
    /// # Errors
    /// [`Refused`]; the pool is unchanged then, but for what it learned from `next`.
    pub fn insert(
        &mut self,
        transaction: Arc<Verified<Transaction>>,
        hash: Hash,
        length: usize,
        next: Sequence,
    ) -> Result<(), Refused> {
        let (key, sequence, expiry) = (transaction.operator, transaction.sequence, transaction.expiry);
        if self.places.contains_key(&hash) {
            return Err(Refused::Known { hash });
        }
        if expiry <= self.height {
            return Err(Refused::Expired { expiry, height: self.height });
        }
        if self.keys.get(&key).is_some_and(|queue| queue.next < next) {
            self.advance(&key, next);
        }
        let next = self.keys.get(&key).map_or(next, |queue| queue.next);
        if sequence < next {
            return Err(Refused::Used { found: sequence, next });
        }
        if sequence.0.saturating_sub(next.0) > self.limits.gap {
            return Err(Refused::Gap { found: sequence, next, gap: self.limits.gap });
        }
        if let Some(other) = self.keys.get(&key).and_then(|queue| queue.waiting.get(&sequence)) {
            return Err(Refused::Taken { sequence, hash: other.hash });
        }
        let waiting = Waiting { transaction, hash, length };
        self.make_room(&key, waiting.cost())?;
        let queue = self.keys.entry(key).or_default();
        queue.next = next;
        self.sizes.remove(&(queue.bytes, key));
        queue.bytes = queue.bytes.saturating_add(waiting.cost());
        self.sizes.insert((queue.bytes, key));
        self.bytes = self.bytes.saturating_add(waiting.cost());
        self.places.insert(hash, (key, sequence));
        self.expiries.insert((expiry, key, sequence));
        queue.waiting.insert(sequence, waiting);
        Ok(())
    }

    /// Transactions for the next block: those that can run now, each key's in order and without gaps, one of each key
    /// in turn. A transaction that does not fit ends its key's turns. Nothing leaves the pool.
    pub fn select(&self, selection: Selection) -> Vec<Arc<Verified<Transaction>>> {
        self.select_after(selection, &BTreeMap::new())
    }

    /// As [`Pool::select`], with the next sequence numbers of some keys as they will be after a block that is being
    /// decided.
    pub fn select_after(
        &self,
        selection: Selection,
        nexts: &BTreeMap<PublicKey, Sequence>,
    ) -> Vec<Arc<Verified<Transaction>>> {
        let mut out = Vec::new();
        let (mut bytes, mut fuel) = (selection.bytes, selection.fuel);
        let mut turns: VecDeque<(&Queue, Sequence)> = VecDeque::new();
        let mut fresh = self.keys_behind_served();
        loop {
            if out.len() >= selection.count {
                break;
            }
            // First everybody once, then those again who had a turn and have more.
            let (queue, sequence) = match fresh.next() {
                Some((key, queue)) => (queue, nexts.get(key).map_or(queue.next, |next| queue.next.max(*next))),
                None => match turns.pop_front() {
                    Some(turn) => turn,
                    None => break,
                },
            };
            let Some(waiting) = queue.waiting.get(&sequence) else { continue };
            let (Some(bytes_left), Some(fuel_left)) =
                (bytes.checked_sub(waiting.length), fuel.checked_sub(waiting.transaction.fuel_limit))
            else {
                continue;
            };
            (bytes, fuel) = (bytes_left, fuel_left);
            out.push(Arc::clone(&waiting.transaction));
            turns.push_back((queue, sequence.next()));
        }
        out
    }

    fn keys_behind_served(&self) -> impl Iterator<Item = (&PublicKey, &Queue)> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let (start, end) = match self.served {
            Some(key) => (Excluded(key), Included(key)),
            None => (Unbounded, Excluded(PublicKey([0; 32]))),
        };
        self.keys.range((start, Unbounded)).chain(self.keys.range((Unbounded, end)))
    }

    /// A block was committed: `used` names the key and sequence number of each of its transactions, in order. They
    /// leave the pool, and so do all that expired with `height`.
    pub fn committed(&mut self, used: &[(PublicKey, Sequence)], height: Height) {
        self.height = self.height.max(height);
        for (key, sequence) in used {
            if self.keys.contains_key(key) {
                self.advance(key, sequence.next());
            }
        }
        if let Some((key, _)) = used.last() {
            self.served = Some(*key);
        }
        while let Some((expiry, key, sequence)) = self.expiries.first().copied() {
            if expiry > self.height {
                break;
            }
            self.take(&key, sequence);
        }
    }

    /// Takes a transaction out, because the state refuses it for good.
    pub fn remove(&mut self, hash: &Hash) -> Option<Arc<Verified<Transaction>>> {
        let (key, sequence) = self.places.get(hash).copied()?;
        self.take(&key, sequence).map(|waiting| waiting.transaction)
    }

    /// The waiting transaction of this hash.
    pub fn get(&self, hash: &Hash) -> Option<&Arc<Verified<Transaction>>> {
        let (key, sequence) = self.places.get(hash)?;
        self.keys.get(key)?.waiting.get(sequence).map(|waiting| &waiting.transaction)
    }

    /// Whether the transaction of this hash waits here.
    pub fn contains(&self, hash: &Hash) -> bool {
        self.places.contains_key(hash)
    }

    /// The sequence number that a new transaction of `key` should have: behind its gap-free run in the pool, or
    /// `next`, what the state expects.
    pub fn next_sequence(&self, key: &PublicKey, next: Sequence) -> Sequence {
        let Some(queue) = self.keys.get(key) else { return next };
        let mut at = queue.next.max(next);
        for sequence in queue.waiting.range(at..).map(|(sequence, _)| *sequence) {
            if sequence != at {
                break;
            }
            at = at.next();
        }
        at
    }

    /// Whether there is a transaction that could go into a block now.
    pub fn is_ready(&self) -> bool {
        self.keys.values().any(|queue| queue.waiting.contains_key(&queue.next))
    }

    /// Number of waiting transactions.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What the waiting transactions cost: encoded lengths and [`ENTRY_OVERHEAD`] each.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hashes of all waiting transactions, in the order of their hashes.
    pub fn hashes(&self) -> impl Iterator<Item = &Hash> {
        self.places.keys()
    }

    fn make_room(&mut self, key: &PublicKey, cost: usize) -> Result<(), Refused> {
        let (count, bytes) = self.keys.get(key).map_or((0, 0), |queue| (queue.waiting.len(), queue.bytes));
        let wanted = bytes.saturating_add(cost);
        if count >= self.limits.count_per_key || wanted > self.limits.bytes_per_key {
            return Err(Refused::KeyFull { count, bytes });
        }
        // Find out first whether room can be made, so that nobody is displaced for a newcomer that is refused anyway.
        let full = Refused::Full { count: self.len(), bytes: self.bytes };
        let mut displaced = Vec::new();
        let (mut total_count, mut total_bytes) = (self.len(), self.bytes);
        let mut sizes = BTreeMap::new();
        while total_count >= self.limits.count || total_bytes.saturating_add(cost) > self.limits.bytes {
            let Some((size, largest)) = self.largest(&sizes) else { return Err(full) };
            if largest == *key || size <= wanted {
                return Err(full);
            }
            let skip = displaced.iter().filter(|(owner, _)| *owner == largest).count();
            let Some((sequence, last)) = self.keys.get(&largest).and_then(|queue| queue.waiting.iter().rev().nth(skip))
            else {
                return Err(full);
            };
            displaced.push((largest, *sequence));
            sizes.insert(largest, size.saturating_sub(last.cost()));
            total_count = total_count.saturating_sub(1);
            total_bytes = total_bytes.saturating_sub(last.cost());
        }
        for (owner, sequence) in displaced {
            self.take(&owner, sequence);
        }
        Ok(())
    }

    /// The key that takes most bytes, given what some keys would take.
    fn largest(&self, changed: &BTreeMap<PublicKey, usize>) -> Option<(usize, PublicKey)> {
        let unchanged = self.sizes.iter().rev().find(|(_, key)| !changed.contains_key(key)).copied();
        let changed = changed.iter().map(|(key, size)| (*size, *key)).max();
        unchanged.max(changed)
    }

    /// The state expects `next` of `key` now: what is before it leaves.
    fn advance(&mut self, key: &PublicKey, next: Sequence) {
        let Some(queue) = self.keys.get_mut(key) else { return };
        queue.next = queue.next.max(next);
        let old: Vec<Sequence> = queue.waiting.range(..next).map(|(sequence, _)| *sequence).collect();
        for sequence in old {
            self.take(key, sequence);
        }
    }

    fn take(&mut self, key: &PublicKey, sequence: Sequence) -> Option<Waiting> {
        let queue = self.keys.get_mut(key)?;
        let waiting = queue.waiting.remove(&sequence)?;
        self.sizes.remove(&(queue.bytes, *key));
        queue.bytes = queue.bytes.saturating_sub(waiting.cost());
        if queue.waiting.is_empty() {
            self.keys.remove(key);
        } else {
            self.sizes.insert((queue.bytes, *key));
        }
        self.bytes = self.bytes.saturating_sub(waiting.cost());
        self.places.remove(&waiting.hash);
        self.expiries.remove(&(waiting.transaction.expiry, *key, sequence));
        Some(waiting)
    }
}
