//! From a request to what is answered: pure, so that each refusal is tested without a socket.
//!
//! | request | answer |
//! |---|---|
//! | SOA of a zone | the SOA record, signed when the request is |
//! | AXFR, IXFR over TCP with a key of the zone | a [`Transfer`] |
//! | IXFR over UDP with a key of the zone | the SOA record: come over TCP (RFC 1995 2) |
//! | a transfer without such a key, or AXFR over UDP | REFUSED |
//! | wrong signature, unknown key, wrong time | NOTAUTH with BADSIG, BADKEY, BADTIME (RFC 8945 5.2) |
//! | a transfer of a name that is no zone here | NOTAUTH |
//! | NOTIFY, other questions | REFUSED; other operations NOTIMP |
//! | not exactly one question, or unreadable | FORMERR |
//! | an answer, or less than a header | nothing |

use crate::{
    keys::{self, KeyRing},
    message::{self, Target},
    publish::Shared,
    record::Owner,
    transfer::Transfer,
    version::Published,
};
use domain::{
    base::{
        Message, MessageBuilder, ParsedName, Rtype,
        iana::{Class, Opcode, OptRcode, Rcode, TsigRcode},
        message_builder::{AdditionalBuilder, AnswerBuilder},
    },
    rdata::Soa,
    tsig::{Key, ServerSequence},
};
use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

/// Longest answer to a request over UDP without EDNS (RFC 1035 2.3.4); ours are never longer than this.
const UDP_LIMIT: usize = 1232;
/// What we say of our UDP size in EDNS.
const EDNS_SIZE: u16 = 1232;

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// As a datagram.
    Udp,
    /// Over a connection.
    Tcp,
}

/// A zone and who may have it.
#[derive(Clone, Debug)]
pub struct ServedZone {
    /// Its name.
    pub apex: Owner,
    /// Its versions.
    pub shared: Arc<Shared>,
    /// Names of keys that may transfer it.
    pub keys: BTreeSet<Owner>,
    /// Addresses that may transfer it without a key: for resolvers that know none.
    pub unsigned: BTreeSet<IpAddr>,
}

/// Answers requests.
#[derive(Clone, Debug, Default)]
pub struct Answerer {
    /// The zones.
    pub zones: Vec<ServedZone>,
    /// All keys.
    pub keys: KeyRing,
    /// Longest message of a transfer in octets.
    pub message_limit: usize,
}

/// What is answered.
#[derive(Debug)]
pub enum Answer {
    /// Nothing.
    Silence,
    /// One message; why it is a refusal, if it is one.
    Message(Vec<u8>, Option<&'static str>),
    /// Many messages.
    Transfer(Box<Transfer>),
}

/// A request that was read, with the signature that its answers continue.
struct Request {
    message: Message<Vec<u8>>,
    signature: Option<ServerSequence<Arc<Key>>>,
    edns: bool,
}

impl Answerer {
    /// Answers one request.
    pub fn answer(&self, octets: Vec<u8>, transport: Transport, peer: IpAddr, now_s: u64) -> Answer {
        let Ok(mut message) = Message::from_octets(octets) else { return Answer::Silence };
        if message.header().qr() {
            return Answer::Silence;
        }
        let readable = message.sole_question().is_ok() && message.iter().all(|r| r.is_ok());
        if !readable {
            return simple(&message, Rcode::FORMERR, "not readable");
        }
        let signature = match ServerSequence::request(&self.keys, &mut message, keys::time(now_s)) {
            Ok(signature) => signature,
            Err(error) => {
                let (rcode, why) = match error.error() {
                    TsigRcode::BADKEY => (None, "unknown key"),
                    TsigRcode::BADTIME => (None, "wrong time"),
                    TsigRcode::BADTRUNC => (None, "short signature"),
                    // The library calls a wrong signature FORMERR; RFC 8945 5.2.2 wants BADSIG.
                    _ => (Some(TsigRcode::BADSIG), "wrong signature"),
                };
                let Ok(built) = error.build_message(&message, message::builder(UDP_LIMIT)) else {
                    return Answer::Silence;
                };
                let not_authorised = built.header().rcode() == Rcode::NOTAUTH;
                let mut octets = built.finish().into_target();
                if let (Some(rcode), true) = (rcode, not_authorised) {
                    set_last_error(&mut octets, rcode);
                }
                return Answer::Message(octets, Some(why));
            }
        };
        let edns = message.opt();
        let request = Request { signature, edns: edns.is_some(), message };
        if request.message.opt().is_some_and(|opt| opt.version() != 0) {
            return request.refuse(Rcode::NOERROR, now_s, "EDNS version");
        }
        match request.message.header().opcode() {
            Opcode::QUERY => self.query(request, transport, peer, now_s),
            Opcode::NOTIFY => request.refuse(Rcode::REFUSED, now_s, "NOTIFY to a primary"),
            _ => request.refuse(Rcode::NOTIMP, now_s, "operation"),
        }
    }

    fn query(&self, request: Request, transport: Transport, peer: IpAddr, now_s: u64) -> Answer {
        let Ok(question) = request.message.sole_question() else {
            return simple(&request.message, Rcode::FORMERR, "not readable");
        };
        let (name, kind) = (Owner::new(question.qname()), question.qtype());
        let transfer = matches!(kind, Rtype::AXFR | Rtype::IXFR);
        let zone = self.zones.iter().find(|z| z.apex == name);
        let Some(zone) = zone.filter(|_| question.qclass() == Class::IN) else {
            let rcode = if transfer { Rcode::NOTAUTH } else { Rcode::REFUSED };
            return request.refuse(rcode, now_s, "no such zone");
        };
        if !transfer && kind != Rtype::SOA {
            return request.refuse(Rcode::REFUSED, now_s, "neither SOA nor a transfer");
        }
        let key = request.signature.as_ref().map(|s| Owner::new(s.key().name()));
        let allowed = match &key {
            Some(key) => zone.keys.contains(key),
            None => zone.unsigned.contains(&peer),
        };
        if transfer && !allowed {
            return request.refuse(Rcode::REFUSED, now_s, "no key of the zone");
        }
        if kind == Rtype::AXFR && transport == Transport::Udp {
            return request.refuse(Rcode::REFUSED, now_s, "AXFR over UDP");
        }
        let Some(published) = zone.shared.published() else {
            return request.refuse(Rcode::SERVFAIL, now_s, "no version yet");
        };
        if kind == Rtype::SOA || (transport == Transport::Udp && kind == Rtype::IXFR) {
            return request.soa(&published, now_s);
        }
        let since = match kind {
            Rtype::IXFR => match serial_of_request(&request.message, &zone.apex) {
                Some(serial) => Some(serial),
                None => return request.refuse(Rcode::FORMERR, now_s, "IXFR without serial"),
            },
            _ => None,
        };
        let Request { message, signature, .. } = request;
        Answer::Transfer(Box::new(Transfer::new(published, since, message, signature, self.message_limit)))
    }
}

/// The serial that a secondary says it has (RFC 1995 3).
fn serial_of_request(message: &Message<Vec<u8>>, apex: &Owner) -> Option<u32> {
    let authority = message.authority().ok()?;
    authority.limit_to_in::<Soa<ParsedName<_>>>().find_map(|record| {
        let record = record.ok().filter(|r| Owner::new(r.owner()) == *apex)?;
        Some(record.data().serial().into_int())
    })
}

/// An unsigned answer that says only what went wrong.
fn simple(message: &Message<Vec<u8>>, rcode: Rcode, why: &'static str) -> Answer {
    let mut builder = message::builder(UDP_LIMIT);
    let header = builder.header_mut();
    header.set_id(message.header().id());
    header.set_qr(true);
    header.set_opcode(message.header().opcode());
    header.set_rcode(rcode);
    Answer::Message(builder.finish().into_target(), Some(why))
}

/// Sets the error in the TSIG record that ends a message: its data end with the error and the length of no other data.
fn set_last_error(octets: &mut [u8], rcode: TsigRcode) {
    let at = octets.len().saturating_sub(4);
    if let Some(place) = octets.get_mut(at..).and_then(|end| end.first_chunk_mut::<2>()) {
        *place = rcode.to_int().to_be_bytes();
    }
}

impl Request {
    fn start(&self, rcode: Rcode) -> Option<AnswerBuilder<Target>> {
        let mut builder: MessageBuilder<Target> = message::builder(UDP_LIMIT);
        builder.header_mut().set_aa(rcode == Rcode::NOERROR);
        builder.start_answer(&self.message, rcode).ok()
    }

    fn refuse(self, rcode: Rcode, now_s: u64, why: &'static str) -> Answer {
        let Some(builder) = self.start(rcode) else { return simple(&self.message, rcode, why) };
        match self.finish(builder.additional(), now_s) {
            Some(octets) => Answer::Message(octets, Some(why)),
            None => Answer::Silence,
        }
    }

    fn soa(self, published: &Published, now_s: u64) -> Answer {
        let built = self.start(Rcode::NOERROR).and_then(|mut builder| {
            builder.push_ref(&published.version.soa).ok()?;
            self.finish(builder.additional(), now_s)
        });
        built.map_or(Answer::Silence, |octets| Answer::Message(octets, None))
    }

    /// Adds EDNS when the request has it, and the signature when the request has one.
    fn finish(mut self, mut builder: AdditionalBuilder<Target>, now_s: u64) -> Option<Vec<u8>> {
        if self.edns {
            let bad = self.message.opt().is_some_and(|opt| opt.version() != 0);
            builder
                .opt(|opt| {
                    opt.set_udp_payload_size(EDNS_SIZE);
                    if bad {
                        opt.set_rcode(OptRcode::BADVERS);
                    }
                    Ok(())
                })
                .ok()?;
        }
        if let Some(signature) = &mut self.signature {
            signature.answer_with_fudge(&mut builder, keys::time(now_s), keys::FUDGE_S).ok()?;
        }
        Some(builder.finish().into_target())
    }
}
