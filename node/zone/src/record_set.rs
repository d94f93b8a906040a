//! A sorted set of records that is cheap to copy: pieces are shared between copies and copied when one changes.
//!
//! Whoever sends a zone holds a copy while the next version is made; only the pieces that a change touches are in memory
//! twice.

use crate::record::{Owner, Record, RecordKey};
use std::{cmp::Ordering, fmt, sync::Arc};

/// A piece is split when it grows beyond this.
const MAX_PIECE: usize = 512;

/// Records in canonical order, each key once.
#[derive(Clone, Default)]
pub struct RecordSet {
    pieces: Vec<Arc<Vec<Record>>>,
    records: usize,
}

/// A place in a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    piece: usize,
    index: usize,
}

impl RecordSet {
    /// Number of records.
    pub const fn len(&self) -> usize {
        self.records
    }
    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The piece in which a key is or belongs.
    fn piece_of(&self, key: &[u8]) -> usize {
        let first = |piece: &Arc<Vec<Record>>| piece.first().is_some_and(|r| r.key.as_slice() <= key);
        self.pieces.partition_point(first).saturating_sub(1)
    }

    /// Puts a record in; gives the time to live that the key had.
    pub fn insert(&mut self, record: Record) -> Option<u32> {
        let at = self.piece_of(record.key.as_slice());
        let Some(piece) = self.pieces.get_mut(at) else {
            self.pieces.push(Arc::new(vec![record]));
            self.records = 1;
            return None;
        };
        let piece = Arc::make_mut(piece);
        match piece.binary_search_by(|r| r.key.cmp(&record.key)) {
            Ok(index) => piece.get_mut(index).map(|r| std::mem::replace(&mut r.ttl, record.ttl)),
            Err(index) => {
                piece.insert(index, record);
                self.records = self.records.saturating_add(1);
                if piece.len() > MAX_PIECE {
                    let upper = piece.split_off(MAX_PIECE / 2);
                    self.pieces.insert(at.saturating_add(1), Arc::new(upper));
                }
                None
            }
        }
    }

    /// Takes a record out; gives its time to live.
    pub fn remove(&mut self, key: &RecordKey) -> Option<u32> {
        let at = self.piece_of(key.as_slice());
        let piece = self.pieces.get_mut(at)?;
        let index = piece.binary_search_by(|r| r.key.cmp(key)).ok()?;
        let piece = Arc::make_mut(piece);
        let record = piece.remove(index);
        self.records = self.records.saturating_sub(1);
        if piece.is_empty() {
            self.pieces.remove(at);
        }
        Some(record.ttl)
    }

    /// The time to live of a record.
    pub fn ttl(&self, key: &RecordKey) -> Option<u32> {
        let piece = self.pieces.get(self.piece_of(key.as_slice()))?;
        piece.get(piece.binary_search_by(|r| r.key.cmp(key)).ok()?).map(|r| r.ttl)
    }
    /// Whether this very record is there.
    pub fn contains(&self, record: &Record) -> bool {
        self.ttl(&record.key) == Some(record.ttl)
    }

    /// The record at a place, and the place behind it.
    pub fn at(&self, mut place: Place) -> Option<(&Record, Place)> {
        loop {
            let piece = self.pieces.get(place.piece)?;
            if let Some(record) = piece.get(place.index) {
                return Some((record, Place { index: place.index.saturating_add(1), ..place }));
            }
            place = Place { piece: place.piece.saturating_add(1), index: 0 };
        }
    }

    /// Passes over pieces that two sets share, and gives the places behind them: where differences may be.
    fn behind_shared(&self, mut at: Place, other: &Self, mut other_at: Place) -> (Place, Place) {
        while let (Some(a), Some(b)) = (self.pieces.get(at.piece), other.pieces.get(other_at.piece)) {
            if at.index != 0 || other_at.index != 0 || !Arc::ptr_eq(a, b) {
                break;
            }
            at.piece = at.piece.saturating_add(1);
            other_at.piece = other_at.piece.saturating_add(1);
        }
        (at, other_at)
    }

    /// Records of this set only, and records of the other only; quick where one was made from the other.
    pub fn compare(&self, after: &Self) -> (Vec<Record>, Vec<Record>) {
        let (mut only, mut only_after) = (Vec::new(), Vec::new());
        let (mut place, mut place_after) = (Place::default(), Place::default());
        loop {
            (place, place_after) = self.behind_shared(self.start(place), after, after.start(place_after));
            let (mine, theirs) = (self.at(place), after.at(place_after));
            let order = match (mine, theirs) {
                (None, None) => return (only, only_after),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((mine, _)), Some((theirs, _))) => mine.cmp(theirs),
            };
            if let Some((record, next)) = mine.filter(|_| order.is_le()) {
                place = next;
                if order.is_lt() {
                    only.push(record.clone());
                }
            }
            if let Some((record, next)) = theirs.filter(|_| order.is_ge()) {
                place_after = next;
                if order.is_gt() {
                    only_after.push(record.clone());
                }
            }
        }
    }

    /// The same place, named by the beginning of a piece where it is the end of the one before.
    fn start(&self, place: Place) -> Place {
        match self.pieces.get(place.piece) {
            Some(piece) if place.index >= piece.len() => Place { piece: place.piece.saturating_add(1), index: 0 },
            _ => place,
        }
    }

    /// All records in order.
    pub fn iter(&self) -> impl Iterator<Item = &Record> {
        self.pieces.iter().flat_map(|piece| piece.iter())
    }

    /// Records of one owner.
    pub fn of_owner<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = &'a Record> {
        let piece = self.piece_of(owner.as_slice());
        let index = self.pieces.get(piece).map_or(0, |p| p.partition_point(|r| r.key.as_slice() < owner.as_slice()));
        let mut place = Place { piece, index };
        std::iter::from_fn(move || {
            let (record, next) = self.at(place)?;
            place = next;
            Some(record)
        })
        .take_while(|r| r.key.owner_slice() == owner.as_slice())
    }
}

impl PartialEq for RecordSet {
    /// Whether the records are the same, however they lie in pieces.
    fn eq(&self, other: &Self) -> bool {
        self.records == other.records && self.iter().eq(other.iter())
    }
}
impl Eq for RecordSet {}

impl FromIterator<Record> for RecordSet {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut sorted: Vec<Record> = records.into_iter().collect();
        sorted.sort_unstable();
        sorted.dedup_by(|a, b| a.key == b.key);
        let records = sorted.len();
        let mut pieces = Vec::with_capacity(records.checked_div(MAX_PIECE / 2).unwrap_or(0).saturating_add(1));
        let mut rest = sorted.into_iter();
        loop {
            let piece: Vec<Record> = rest.by_ref().take(MAX_PIECE / 2).collect();
            if piece.is_empty() {
                return Self { pieces, records };
            }
            pieces.push(Arc::new(piece));
        }
    }
}

impl fmt::Debug for RecordSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::base::Rtype;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn record(number: u16, ttl: u32) -> Record {
        let owner = Owner::parse(&format!("n{}.lab", number % 700)).unwrap();
        Record::new(&owner, Rtype::from_int(number / 700), ttl, &number.to_be_bytes())
    }

    proptest! {
        #[test]
        fn a_set_is_an_ordered_map_and_its_copies_stay(
            start in proptest::collection::vec((0u16..3000, 0u32..3), 0..1500),
            steps in proptest::collection::vec((0u16..3000, proptest::option::of(0u32..3)), 0..1500),
        ) {
            let mut set: RecordSet = start.iter().map(|(n, _)| record(*n, 0)).collect();
            let mut map: BTreeMap<RecordKey, u32> = start.iter().map(|(n, _)| (record(*n, 0).key, 0)).collect();
            let (copy, copied) = (set.clone(), map.clone());
            for (number, ttl) in steps {
                match ttl {
                    Some(ttl) => {
                        let r = record(number, ttl);
                        prop_assert_eq!(set.insert(r.clone()), map.insert(r.key, ttl));
                    }
                    None => {
                        let key = record(number, 0).key;
                        prop_assert_eq!(set.remove(&key), map.remove(&key));
                    }
                }
            }
            let listed: Vec<(RecordKey, u32)> = set.iter().map(|r| (r.key.clone(), r.ttl)).collect();
            prop_assert_eq!(set.len(), map.len());
            prop_assert_eq!(listed, map.clone().into_iter().collect::<Vec<_>>());
            for number in [0u16, 1, 699] {
                let owner = Owner::parse(&format!("n{number}.lab")).unwrap();
                let found = set.of_owner(&owner).count();
                prop_assert_eq!(found, map.keys().filter(|k| k.owner() == owner).count());
            }
            let (gone, come) = copy.compare(&set);
            let between = crate::version::Difference::between(copy.iter(), set.iter());
            prop_assert_eq!((gone, come), (between.deleted, between.added));
            let kept: Vec<(RecordKey, u32)> = copy.iter().map(|r| (r.key.clone(), r.ttl)).collect();
            prop_assert_eq!(kept, copied.into_iter().collect::<Vec<_>>());
        }
    }
}
