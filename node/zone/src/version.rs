//! One version of a zone, what leads from one to the next, and what leads over many.
//!
//! ```text
//!   version 1 --delta--> version 2 --delta--> version 3        condensed: 1 --> 3, without what came and went again
//! ```

use crate::{
    record::{Owner, Record},
    record_set::RecordSet,
};
use althing_types::hash::Hash;
use borsh::{BorshDeserialize, BorshSerialize};
use domain::{
    base::{Rtype, Serial, Ttl, rdata::ComposeRecordData},
    rdata::Soa,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where a version comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Origin {
    /// Height of the block, or the source's own count.
    pub height: u64,
    /// Hash of the block's header; zeros when the source is no chain.
    pub block: Hash,
    /// When it was published, in milliseconds since 1970.
    pub published_ms: u64,
}

/// A zone as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its name.
    pub apex: Owner,
    /// Its serial.
    pub serial: u32,
    /// Its SOA record.
    pub soa: Record,
    /// All other records, ZONEMD among them.
    pub records: RecordSet,
    /// Where it comes from.
    pub origin: Origin,
    /// Delegations: owners of NS records below the apex.
    pub delegations: u32,
}

/// What leads from one version to the next. Records in canonical order; the SOA records stand apart.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Delta {
    /// Serial before.
    pub from: u32,
    /// Serial after.
    pub to: u32,
    /// Where the version after comes from.
    pub origin: Origin,
    /// Delegations of the version before.
    pub delegations_before: u32,
    /// Delegations of the version after.
    pub delegations: u32,
    /// SOA record before.
    pub soa_before: Record,
    /// SOA record after.
    pub soa_after: Record,
    /// Records that went.
    pub deleted: Vec<Record>,
    /// Records that came.
    pub added: Vec<Record>,
}

/// What is said of a zone in its SOA record, the serial aside (RFC 1035 3.3.13).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SoaFields {
    /// Primary name server.
    pub mname: Owner,
    /// Mailbox of who is responsible.
    pub rname: Owner,
    /// Seconds between checks of a secondary.
    pub refresh: u32,
    /// Seconds before a failed check is repeated.
    pub retry: u32,
    /// Seconds after which a secondary stops to serve what it cannot check.
    pub expire: u32,
    /// Time to live of negative answers in seconds.
    pub minimum: u32,
    /// Time to live of the record itself in seconds.
    pub ttl: u32,
}

impl SoaFields {
    /// The record with a serial.
    pub fn record(&self, apex: &Owner, serial: u32) -> Record {
        let soa = Soa::new(
            self.mname.to_name(),
            self.rname.to_name(),
            Serial(serial),
            Ttl::from_secs(self.refresh),
            Ttl::from_secs(self.retry),
            Ttl::from_secs(self.expire),
            Ttl::from_secs(self.minimum),
        );
        let mut rdata = Vec::new();
        let Ok(()) = soa.compose_canonical_rdata(&mut rdata);
        Record::new(apex, Rtype::SOA, self.ttl, &rdata)
    }
}

/// Number of delegations: owners of NS records other than the apex.
pub fn delegations<'a>(apex: &Owner, records: impl IntoIterator<Item = &'a Record>) -> u32 {
    let (mut count, mut last) = (0u32, apex.as_slice());
    for record in records {
        let owner = record.key.owner_slice();
        if record.key.record_type() == Rtype::NS && owner != last && owner != apex.as_slice() {
            count = count.saturating_add(1);
            last = owner;
        }
    }
    count
}

/// Records that went and that came from one set to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Records of the first set only.
    pub deleted: Vec<Record>,
    /// Records of the second set only.
    pub added: Vec<Record>,
}

impl Difference {
    /// Compares two sequences, both in canonical order.
    pub fn between<'a>(
        before: impl IntoIterator<Item = &'a Record>,
        after: impl IntoIterator<Item = &'a Record>,
    ) -> Self {
        let mut out = Self::default();
        let (mut before, mut after) = (before.into_iter().peekable(), after.into_iter().peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return out,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(b), Some(a)) => b.cmp(a),
            };
            if order.is_le()
                && let Some(record) = before.next()
                && order.is_lt()
            {
                out.deleted.push(record.clone());
            }
            if order.is_ge()
                && let Some(record) = after.next()
                && order.is_gt()
            {
                out.added.push(record.clone());
            }
        }
    }
    /// Whether nothing differs.
    pub const fn is_empty(&self) -> bool {
        self.deleted.is_empty() && self.added.is_empty()
    }
    /// Makes the first set the second.
    pub fn apply(&self, records: &mut RecordSet) {
        for record in &self.deleted {
            records.remove(&record.key);
        }
        for record in &self.added {
            records.insert(record.clone());
        }
    }
}

/// Several consecutive deltas as one.
///
/// A record that came and went, or went and came back as it was, is in neither list.
pub fn condense<'a>(deltas: impl IntoIterator<Item = &'a Delta>) -> Difference {
    let (mut deleted, mut added) = (BTreeSet::<&Record>::new(), BTreeSet::<&Record>::new());
    for delta in deltas {
        for record in &delta.deleted {
            if !added.remove(record) {
                deleted.insert(record);
            }
        }
        for record in &delta.added {
            if !deleted.remove(record) {
                added.insert(record);
            }
        }
    }
    Difference { deleted: deleted.into_iter().cloned().collect(), added: added.into_iter().cloned().collect() }
}

/// A version with the deltas that led to it, the oldest first.
#[derive(Clone, Debug)]
pub struct Published {
    /// The version.
    pub version: Version,
    /// Consecutive deltas; the last one leads to the version.
    pub history: Vec<Arc<Delta>>,
}

impl Published {
    /// The deltas from a serial to the present one; `None` when that serial is not in the history.
    pub fn since(&self, serial: u32) -> Option<&[Arc<Delta>]> {
        let at = self.history.iter().rposition(|delta| delta.from == serial)?;
        self.history.get(at..)
    }
}

/// The latest record set of each owner that a change touched.
pub type Owners = BTreeMap<Owner, Vec<Record>>;
