//! Master files (RFC 1035 5): a zone as text, and text as records.
//!
//! Written are one record a line with absolute names, the SOA first; no directive is ever written. Read is what the
//! `domain` crate reads; `$INCLUDE` is refused.

use crate::record::{Owner, Record};
use domain::{
    base::{
        Rtype,
        iana::Class,
        name::Name,
        rdata::{ComposeRecordData, RecordData},
    },
    dep::octseq::OctetsFrom,
    zonefile::inplace::{Entry, Zonefile},
};
use std::io::{self, Write};

/// Longest line: a record of 65,535 octets in hexadecimal, its owner escaped, and the rest.
const MAX_LINE: usize = 512 * 1024;

/// Reads a master file. Record data is put into canonical form: names in lower case, uncompressed.
///
/// # Errors
/// What is wrong with the text and where.
pub fn parse(text: &str, origin: &Owner) -> Result<Vec<Record>, String> {
    let mut zone = Zonefile::with_capacity(text.len().saturating_add(1));
    zone.extend_from_slice(text.as_bytes());
    if !text.ends_with('\n') {
        zone.extend_from_slice(b"\n");
    }
    let name = Name::octets_from(origin.to_name());
    zone.set_origin(name);
    zone.set_default_class(Class::IN);
    let mut out = Vec::new();
    loop {
        let record = match zone.next_entry() {
            Ok(Some(Entry::Record(record))) => record,
            Ok(Some(Entry::Include { .. })) => return Err("$INCLUDE is not followed".into()),
            Ok(None) => return Ok(out),
            Err(error) => return Err(error.to_string()),
        };
        if record.class() != Class::IN {
            return Err(format!("class {} at {}: only IN is served", record.class(), record.owner()));
        }
        let mut rdata = Vec::new();
        let Ok(()) = record.data().compose_canonical_rdata(&mut rdata);
        let record_type: Rtype = record.data().rtype();
        out.push(Record::new(&Owner::new(record.owner()), record_type, record.ttl().as_secs(), &rdata));
    }
}

/// Writes a zone: the SOA, then the other records in canonical order.
///
/// # Errors
/// Those of the writer.
pub fn write<'a>(
    soa: &'a Record,
    records: impl IntoIterator<Item = &'a Record>,
    mut out: impl Write,
) -> io::Result<()> {
    let mut line = String::with_capacity(256);
    for record in std::iter::once(soa).chain(records) {
        use std::fmt::Write as _;
        line.clear();
        if writeln!(line, "{record}").is_err() || line.len() > MAX_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a record cannot be written as text"));
        }
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_as_it_was() {
        let apex = Owner::parse("lab").unwrap();
        let text = "lab. 5 IN SOA ns.lab. admin.lab. 7 1 2 3 4\nlab. 60 IN NS ns.lab.\n\
                    a.lab. 60 IN TXT \"a; \\\"b\\\" \\010$INCLUDE x\"\n\
                    d.lab. 60 IN DS 1 8 2 CB14A0AF7298E258CEA6B3A50686520D007A20AC3BC3E676E67D050EE42A0D61\n\
                    ns.lab. 60 IN A 192.0.2.1\nns.lab. 60 IN AAAA 2001:db8::1\nx.lab. 60 IN TYPE65280 \\# 2 0102\n";
        let records = parse(text, &apex).unwrap();
        assert_eq!(records.len(), 7);
        let mut out = Vec::new();
        write(&records[0], &records[1..], &mut out).unwrap();
        let written = String::from_utf8(out).unwrap();
        assert_eq!(written.lines().count(), 7, "{written}");
        assert_eq!(parse(&written, &apex).unwrap(), records, "{written}");
    }

    #[test]
    fn names_are_put_into_lower_case_and_under_the_origin() {
        let apex = Owner::parse("lab").unwrap();
        let records = parse("WWW 5 IN CNAME Ns.Example.\n@ 5 NS ns\n", &apex).unwrap();
        let lines: Vec<String> = records.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["www.lab. 5 IN CNAME ns.example.", "lab. 5 IN NS ns.lab."]);
    }

    #[test]
    fn what_is_no_zone_is_refused() {
        let apex = Owner::root();
        for text in ["$INCLUDE other\n", "a. 5 CH A 1.2.3.4\n", "a. 5 IN A 1.2.3\n", "a. 5 IN\n"] {
            assert!(parse(text, &apex).is_err(), "{text}");
        }
    }
}
