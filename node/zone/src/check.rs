//! What a zone must be to be served, and that what is sent and written reads as what was meant.

use crate::{
    error::{Result, ZoneFault},
    master, message,
    record::{Owner, Record},
    record_set::RecordSet,
};
use domain::base::Rtype;

/// Messages of this size are made and read back.
const MESSAGE: usize = 16 * 1024;

/// Types that the server makes itself at the apex; a source must not give them.
pub const OWN_TYPES: [Rtype; 2] = [Rtype::SOA, Rtype::ZONEMD];

/// Checks the records of a zone without SOA and ZONEMD.
///
/// # Errors
/// [`ZoneFault::Content`]: no name server, a record outside the zone, two times to live in one set, a CNAME beside other
/// data, a delegation without NS, or a name server below its own delegation without address.
pub fn content<'a>(apex: &Owner, records: &RecordSet, touched: impl IntoIterator<Item = &'a Record>) -> Result<()> {
    let fault = |record: &dyn std::fmt::Display, rule: &'static str| ZoneFault::Content {
        zone: apex.to_string(),
        record: record.to_string(),
        rule,
    };
    if !records.of_owner(apex).any(|r| r.key.record_type() == Rtype::NS) {
        return Err(fault(apex, "a zone has name servers at its apex"));
    }
    let mut last: Option<Owner> = None;
    for record in touched {
        let owner = record.key.owner();
        if !owner.is_within(apex) {
            return Err(fault(record, "an owner lies in the zone"));
        }
        if last.as_ref() == Some(&owner) {
            continue;
        }
        let set: Vec<&Record> = records.of_owner(&owner).collect();
        for pair in set.windows(2) {
            if let [a, b] = pair
                && a.key.record_type() == b.key.record_type()
                && a.ttl != b.ttl
            {
                return Err(fault(b, "one record set has one time to live (RFC 2181 5.2)"));
            }
        }
        let has = |t: Rtype| set.iter().find(|r| r.key.record_type() == t);
        if let Some(cname) = has(Rtype::CNAME)
            && set.len() > 1
        {
            return Err(fault(cname, "a CNAME stands alone (RFC 1034 3.6.2)"));
        }
        if let (Some(ds), None) = (has(Rtype::DS), has(Rtype::NS)) {
            return Err(fault(ds, "DS records stand beside NS records"));
        }
        for ns in set.iter().filter(|r| r.key.record_type() == Rtype::NS) {
            let Some(host) = message::name_of(ns.key.rdata()) else {
                return Err(fault(ns, "an NS record names a host"));
            };
            let address = |r: &Record| matches!(r.key.record_type(), Rtype::A | Rtype::AAAA);
            if host.is_within(&owner) && owner != *apex && !records.of_owner(&host).any(address) {
                return Err(fault(ns, "a name server below its own delegation has an address"));
            }
        }
        if set.iter().any(|r| owner == *apex && OWN_TYPES.contains(&r.key.record_type())) {
            return Err(fault(&owner, "SOA and ZONEMD are made by the server"));
        }
        last = Some(owner);
    }
    Ok(())
}

/// Writes records as text and as messages, reads both back and compares.
///
/// # Errors
/// [`ZoneFault::Misread`].
pub fn reads_back(apex: &Owner, soa: &Record, records: &[&Record]) -> Result<()> {
    let misread = |form, reason: String| ZoneFault::Misread { zone: apex.to_string(), form, reason };
    let mut text = Vec::with_capacity(records.len().saturating_mul(64));
    master::write(soa, records.iter().copied(), &mut text).map_err(|e| misread("text", e.to_string()))?;
    let text = String::from_utf8(text).map_err(|e| misread("text", e.to_string()))?;
    let read = master::parse(&text, apex).map_err(|e| misread("text", e))?;
    same(soa, records, &read).map_err(|reason| misread("text", reason))?;
    let mut read = Vec::with_capacity(records.len());
    let mut all = std::iter::once(soa).chain(records.iter().copied()).peekable();
    while all.peek().is_some() {
        let mut out = message::Writer::new(MESSAGE);
        let mut written = 0usize;
        while let Some(record) = all.peek() {
            if !out.push(record) {
                break;
            }
            written = written.saturating_add(1);
            all.next();
        }
        if written == 0 {
            let record = all.peek().map_or_else(String::new, ToString::to_string);
            return Err(ZoneFault::RecordTooLong { record, limit: MESSAGE });
        }
        let octets = out.finish();
        read.extend(message::answers(&octets).map_err(|reason| misread("message", reason))?);
    }
    same(soa, records, &read).map_err(|reason| misread("message", reason))
}

fn same(soa: &Record, records: &[&Record], read: &[Record]) -> Result<(), String> {
    let mut wanted = std::iter::once(soa).chain(records.iter().copied());
    let mut found = read.iter();
    loop {
        match (wanted.next(), found.next()) {
            (None, None) => return Ok(()),
            (Some(w), Some(f)) if w == f => {}
            (w, f) => {
                let shown = |r: Option<&Record>| r.map_or_else(|| "nothing".into(), ToString::to_string);
                return Err(format!("'{}' instead of '{}'", shown(f), shown(w)));
            }
        }
    }
}
