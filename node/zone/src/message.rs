//! DNS messages: records written into one, and records read out of one.

use crate::record::{Owner, Record};
use domain::{
    base::{
        Message, MessageBuilder, ParsedName, Rtype,
        iana::Class,
        message_builder::{AnswerBuilder, HashCompressor},
        name::Name,
        rdata::{ComposeRecordData, RecordData},
    },
    dep::octseq::Parser,
    rdata::AllRecordData,
};

/// What messages are written into.
pub type Target = HashCompressor<Vec<u8>>;
/// The answer section of a message under construction.
pub type Answer = AnswerBuilder<Target>;

/// A message without question that holds records.
pub struct Writer(Answer);

impl Writer {
    /// An empty message of at most `limit` octets.
    pub fn new(limit: usize) -> Self {
        Self(builder(limit).answer())
    }
    /// Adds a record; `false` when it does not fit any more.
    pub fn push(&mut self, record: &Record) -> bool {
        self.0.push_ref(record).is_ok()
    }
    /// The message's octets.
    pub fn finish(self) -> Vec<u8> {
        self.0.finish().into_target()
    }
}

/// An empty message of at most `limit` octets.
pub fn builder(limit: usize) -> MessageBuilder<Target> {
    let target = HashCompressor::new(Vec::with_capacity(limit.min(64 * 1024)));
    let Ok(mut builder) = MessageBuilder::from_target(target);
    builder.set_push_limit(limit);
    builder
}

/// The records of a message's answer section.
///
/// # Errors
/// What is wrong with the message.
pub fn answers(octets: &[u8]) -> Result<Vec<Record>, String> {
    let message = Message::from_octets(octets).map_err(|e| e.to_string())?;
    let section = message.answer().map_err(|e| e.to_string())?;
    let mut out = Vec::with_capacity(usize::from(message.header_counts().ancount()));
    for parsed in section {
        let parsed = parsed.map_err(|e| e.to_string())?;
        if parsed.class() != Class::IN {
            return Err(format!("a record of class {}", parsed.class()));
        }
        let record = parsed.to_any_record::<AllRecordData<_, ParsedName<_>>>().map_err(|e| e.to_string())?;
        let mut rdata = Vec::new();
        let Ok(()) = record.data().compose_canonical_rdata(&mut rdata);
        out.push(Record::new(&Owner::new(record.owner()), record.data().rtype(), record.ttl().as_secs(), &rdata));
    }
    Ok(out)
}

/// The name that record data consists of, as of an NS record.
pub fn name_of(rdata: &[u8]) -> Option<Owner> {
    Name::from_octets(rdata).ok().map(|name| Owner::new(&name))
}

/// The serial in the data of an SOA record.
pub fn serial_of(soa: &Record) -> Option<u32> {
    if soa.key.record_type() != Rtype::SOA {
        return None;
    }
    let mut parser = Parser::from_ref(soa.key.rdata());
    ParsedName::skip(&mut parser).ok()?;
    ParsedName::skip(&mut parser).ok()?;
    parser.parse_u32_be().ok()
}
