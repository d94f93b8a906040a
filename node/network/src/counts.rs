//! Counters that every task adds to and anybody reads.

use crate::event::{Counters, KindCounters};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Names of the kinds, in the order of [`Kind`].
const KINDS: [&str; 7] = ["proposal", "vote", "transactions", "status", "links", "request", "response"];

/// A kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Proposal = 0,
    Vote = 1,
    Transactions = 2,
    Status = 3,
    Links = 4,
    Request = 5,
    Response = 6,
}

impl Kind {
    /// The kind of an encoded frame.
    pub(crate) fn of_frame(frame: &[u8]) -> Self {
        match frame {
            [0, 0, ..] => Self::Proposal,
            [0, 1, ..] => Self::Vote,
            [0, 2, ..] => Self::Transactions,
            [0, 3, ..] => Self::Status,
            _ => Self::Links,
        }
    }
}

#[derive(Debug, Default)]
struct Row {
    messages_in: AtomicU64,
    bytes_in: AtomicU64,
    messages_out: AtomicU64,
    bytes_out: AtomicU64,
}

/// All counters of one network.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    rows: [Row; KINDS.len()],
    pub(crate) dropped_out: AtomicU64,
    pub(crate) dropped_in: AtomicU64,
    pub(crate) throttled: AtomicU64,
    pub(crate) relayed: AtomicU64,
    pub(crate) duplicates: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) penalties: AtomicU64,
    pub(crate) busy: AtomicU64,
}

/// Adds one.
pub(crate) fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Counts {
    pub(crate) fn came(&self, kind: Kind, bytes: usize) {
        if let Some(row) = self.rows.get(kind as usize) {
            one(&row.messages_in);
            row.bytes_in.fetch_add(bytes as u64, Relaxed);
        }
    }

    pub(crate) fn went(&self, kind: Kind, bytes: usize) {
        if let Some(row) = self.rows.get(kind as usize) {
            one(&row.messages_out);
            row.bytes_out.fetch_add(bytes as u64, Relaxed);
        }
    }

    pub(crate) fn snapshot(&self, peers: usize) -> Counters {
        let kinds = KINDS.iter().zip(&self.rows).map(|(kind, row)| KindCounters {
            kind,
            messages_in: row.messages_in.load(Relaxed),
            bytes_in: row.bytes_in.load(Relaxed),
            messages_out: row.messages_out.load(Relaxed),
            bytes_out: row.bytes_out.load(Relaxed),
        });
        Counters {
            peers,
            kinds: kinds.collect(),
            dropped_out: self.dropped_out.load(Relaxed),
            dropped_in: self.dropped_in.load(Relaxed),
            throttled: self.throttled.load(Relaxed),
            relayed: self.relayed.load(Relaxed),
            duplicates: self.duplicates.load(Relaxed),
            refused: self.refused.load(Relaxed),
            penalties: self.penalties.load(Relaxed),
            busy: self.busy.load(Relaxed),
        }
    }
}
