//! A zone transfer as a row of messages (RFC 5936, RFC 1995), made one at a time while they are sent.
//!
//! ```text
//!   AXFR                 SOA, all other records, SOA
//!   IXFR, known serial   SOA now, SOA then, what went, SOA now, what came, SOA now      (all versions condensed into one)
//!   IXFR, unknown        as AXFR
//!   IXFR, present or     SOA
//!   from the future
//! ```

use crate::{
    error::{Result, ZoneFault},
    keys,
    message::{self, Answer},
    record::Record,
    record_set::Place,
    serial::is_after,
    version::{Published, condense},
};
use domain::{
    base::{Message, MessageBuilder, iana::Rcode},
    tsig::{Key, ServerSequence},
};
use std::{collections::VecDeque, sync::Arc};

/// What a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// The whole zone.
    Whole,
    /// What changed since a serial.
    Changes,
    /// The SOA only: there is nothing to send.
    Nothing,
}

/// A piece of the row of records.
#[derive(Debug)]
enum Part {
    Some(std::vec::IntoIter<Record>),
    Zone(Place),
}

/// A transfer under way.
#[derive(Debug)]
pub struct Transfer {
    published: Arc<Published>,
    parts: VecDeque<Part>,
    next: Option<Record>,
    request: Message<Vec<u8>>,
    signature: Option<ServerSequence<Arc<Key>>>,
    limit: usize,
    kind: TransferKind,
    first: bool,
}

impl Transfer {
    /// A transfer of the present version: of what changed since a serial, or of everything.
    pub fn new(
        published: Arc<Published>,
        since: Option<u32>,
        request: Message<Vec<u8>>,
        signature: Option<ServerSequence<Arc<Key>>>,
        limit: usize,
    ) -> Self {
        let soa = published.version.soa.clone();
        let one = |record: &Record| Part::Some(vec![record.clone()].into_iter());
        let whole = || VecDeque::from([one(&soa), Part::Zone(Place::default()), one(&soa)]);
        let (kind, parts) = match since {
            None => (TransferKind::Whole, whole()),
            Some(serial) if !is_after(published.version.serial, serial) => {
                (TransferKind::Nothing, VecDeque::from([one(&soa)]))
            }
            Some(serial) => match changes(&published, serial) {
                Some(parts) => (TransferKind::Changes, parts),
                None => (TransferKind::Whole, whole()),
            },
        };
        Self { published, parts, next: None, request, signature, limit, kind, first: true }
    }

    /// What is transferred.
    pub const fn kind(&self) -> TransferKind {
        self.kind
    }
    /// Serial of the version that is transferred.
    pub fn serial(&self) -> u32 {
        self.published.version.serial
    }
    /// Name of the zone.
    pub fn zone(&self) -> String {
        self.published.version.apex.to_string()
    }
    /// Name of the key that asked.
    pub fn key(&self) -> Option<String> {
        self.signature.as_ref().map(|s| s.key().name().to_string())
    }

    fn record(&mut self) -> Option<Record> {
        if let Some(record) = self.next.take() {
            return Some(record);
        }
        loop {
            let found = match self.parts.front_mut()? {
                Part::Some(records) => records.next(),
                Part::Zone(place) => self.published.version.records.at(*place).map(|(record, next)| {
                    *place = next;
                    record.clone()
                }),
            };
            if found.is_some() {
                return found;
            }
            self.parts.pop_front();
        }
    }

    /// The next message; `None` when all is sent.
    ///
    /// # Errors
    /// [`ZoneFault::RecordTooLong`] when a record fits into no message.
    pub fn message(&mut self, now_s: u64) -> Result<Option<Vec<u8>>> {
        let Some(first) = self.record() else { return Ok(None) };
        let room = self.signature.as_ref().map_or(0, |s| usize::from(s.key().compose_len()));
        let too_long = |record: &Record, limit| ZoneFault::RecordTooLong { record: record.to_string(), limit };
        let Some(mut builder) = self.start(self.limit.saturating_sub(room)) else {
            return Err(too_long(&first, self.limit));
        };
        if builder.push_ref(&first).is_err() {
            return Err(too_long(&first, self.limit));
        }
        while let Some(record) = self.record() {
            if builder.push_ref(&record).is_err() {
                self.next = Some(record);
                break;
            }
        }
        let mut builder = builder.additional();
        builder.set_push_limit(self.limit);
        if let Some(signature) = &mut self.signature
            && signature.answer_with_fudge(&mut builder, keys::time(now_s), keys::FUDGE_S).is_err()
        {
            return Err(too_long(&first, self.limit));
        }
        self.first = false;
        Ok(Some(builder.finish().into_target()))
    }

    /// The first message repeats the question, the others need not (RFC 5936 2.2.1).
    fn start(&self, limit: usize) -> Option<Answer> {
        let mut builder: MessageBuilder<message::Target> = message::builder(limit);
        let header = builder.header_mut();
        header.set_aa(true);
        if self.first {
            return builder.start_answer(&self.request, Rcode::NOERROR).ok();
        }
        header.set_id(self.request.header().id());
        header.set_qr(true);
        header.set_rd(self.request.header().rd());
        Some(builder.answer())
    }
}

/// The parts of an incremental transfer; `None` when the serial is not known or the whole zone is shorter.
fn changes(published: &Published, serial: u32) -> Option<VecDeque<Part>> {
    let deltas = published.since(serial)?;
    let then = deltas.first()?.soa_before.clone();
    let now = published.version.soa.clone();
    let difference = condense(deltas.iter().map(Arc::as_ref));
    if difference.deleted.len().saturating_add(difference.added.len()) > published.version.records.len() {
        return None;
    }
    let some = |records: Vec<Record>| Part::Some(records.into_iter());
    Some(VecDeque::from([
        some(vec![now.clone(), then]),
        some(difference.deleted),
        some(vec![now.clone()]),
        some(difference.added),
        some(vec![now]),
    ]))
}
