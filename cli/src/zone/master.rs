//! Reads master files (RFC 1035 5) into typed records.
//!
//! The scanner is the `domain` crate's; what this file adds is the rule of what may stand in the ledger's zones, and errors
//! that show the line. DNSSEC's own records and the SOA are counted and left out: they are made anew for each zone.

use crate::error::{CliError, Result};
use althing_interface::{
    rdata::{Ds, Rdata},
    zone::Record,
};
use althing_types::{codec::Bytes, name::DomainName};
use domain::{
    base::{Rtype, iana::Class, name::Name},
    dep::octseq::OctetsFrom,
    rdata::ZoneRecordData,
    zonefile::inplace::{Entry, ScannedRecord, Zonefile},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

/// Types that are left out: they are made anew from the zone's content.
const SKIPPED: [Rtype; 12] = [
    Rtype::SOA,
    Rtype::RRSIG,
    Rtype::NSEC,
    Rtype::NSEC3,
    Rtype::NSEC3PARAM,
    Rtype::DNSKEY,
    Rtype::ZONEMD,
    Rtype::CDS,
    Rtype::CDNSKEY,
    Rtype::SIG,
    Rtype::KEY,
    Rtype::NXT,
];

/// A file's content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MasterFile {
    /// The records, each once.
    pub records: BTreeSet<Record>,
    /// Records left out, by type.
    pub skipped: BTreeMap<String, u64>,
    /// Lines that repeat a record.
    pub repeated: u64,
}

/// Parses a whole master file of the root zone.
///
/// # Errors
/// As [`parse_of`].
pub fn parse(file: &str, text: &str) -> Result<MasterFile> {
    parse_of(file, text, &DomainName::root())
}

/// Parses a whole master file of a zone; names without a final dot are below it.
///
/// # Errors
/// [`CliError`] with code `bad_record`, the line number, its text and the rule.
pub fn parse_of(file: &str, text: &str, origin: &DomainName) -> Result<MasterFile> {
    let mut zone = Zonefile::with_capacity(text.len().saturating_add(1));
    zone.extend_from_slice(text.as_bytes());
    if !text.ends_with('\n') {
        zone.extend_from_slice(b"\n");
    }
    let name: Name<Vec<u8>> = Name::from_str(&origin.to_string())
        .map_err(|e| CliError::internal("bad_name", format!("zone '{origin}': {e}")))?;
    zone.set_origin(Name::octets_from(name));
    zone.set_default_class(Class::IN);
    let mut out = MasterFile::default();
    let mut lines = Lines::new(text);
    // One TTL per RRset (RFC 2181 5.2): the first one met, with the line that gave it.
    let mut ttls: BTreeMap<(DomainName, &'static str), (u32, usize)> = BTreeMap::new();
    loop {
        let line = lines.entry_from(zone.current_offset());
        let fail = |reason: String, rule: &str| bad_record(file, text, line, &reason, rule);
        let entry = match zone.next_entry() {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(out),
            Err(error) => {
                // The scanner's own line is that of the last character it looked at: often the next line.
                let shown = error.to_string();
                let reason = shown.splitn(3, ':').nth(2).unwrap_or(&shown).trim().to_owned();
                return Err(fail(reason, "owner ttl class type rdata (RFC 1035 5.1)"));
            }
        };
        let record = match entry {
            Entry::Record(record) => record,
            Entry::Include { .. } => {
                return Err(fail("$INCLUDE is not followed".into(), "one file that holds the whole zone"));
            }
        };
        if SKIPPED.contains(&record.rtype()) {
            let count = out.skipped.entry(record.rtype().to_string()).or_default();
            *count = count.saturating_add(1);
            continue;
        }
        let record = typed(&record, origin).map_err(|(reason, rule)| fail(reason, rule))?;
        let key = (record.owner.clone(), record.data.record_type());
        let (ttl, first) = *ttls.entry(key).or_insert((record.ttl, line));
        if ttl != record.ttl {
            let reason = format!("TTL {} differs from {ttl} of line {first}", record.ttl);
            return Err(fail(reason, "one TTL for all records of one owner and type (RFC 2181 5.2)"));
        }
        if !out.records.insert(record) {
            out.repeated = out.repeated.saturating_add(1);
        }
    }
}

/// Parses one line that must be one record of the root zone.
///
/// # Errors
/// Reason and rule.
pub fn parse_line(line: &str) -> Result<Record, (String, &'static str)> {
    let mut zone = Zonefile::with_capacity(line.len().saturating_add(2));
    zone.extend_from_slice(line.as_bytes());
    zone.extend_from_slice(b"\n");
    zone.set_origin(Name::root_bytes());
    const FORM: &str = "owner ttl class type rdata (RFC 1035 5.1)";
    let one = match zone.next_entry() {
        Ok(Some(Entry::Record(record))) => record,
        Ok(_) => return Err(("no record".into(), FORM)),
        Err(error) => return Err((error.to_string(), FORM)),
    };
    match zone.next_entry() {
        Ok(None) => typed(&one, &DomainName::root()),
        _ => Err(("more than one record".into(), FORM)),
    }
}

/// The typed form of a scanned record, or why the zone may not hold it.
fn typed(record: &ScannedRecord, zone: &DomainName) -> Result<Record, (String, &'static str)> {
    if record.class() != Class::IN {
        return Err((format!("class {}", record.class()), "class IN"));
    }
    let name = |text: String, what: &str| {
        DomainName::parse(&text).map_err(|e| {
            (format!("{what} '{text}': {e}"), "a name of letters, digits, hyphens and underscores, labels up to 63")
        })
    };
    let owner = name(record.owner().fmt_with_dot().to_string(), "owner")?;
    let ttl = record.ttl().as_secs();
    if ttl > i32::MAX.unsigned_abs() {
        return Err((format!("TTL {ttl}"), "at most 2147483647 (RFC 2181 8)"));
    }
    if !owner.is_within(zone) {
        return Err((format!("{} at {owner}", record.rtype()), "owners within the zone"));
    }
    let labels = owner.labels().count().saturating_sub(zone.labels().count());
    let data = match record.data() {
        ZoneRecordData::Ns(ns) => {
            if labels > 1 {
                return Err((format!("NS at {owner}"), "NS only at the zone itself and at names one label below"));
            }
            Rdata::Ns(name(ns.nsdname().fmt_with_dot().to_string(), "name server")?)
        }
        ZoneRecordData::Ds(ds) => {
            if labels != 1 {
                return Err((format!("DS at {owner}"), "DS only at names one label below the zone"));
            }
            let digest = ds.digest().as_ref().to_vec();
            let (digest_type, found) = (ds.digest_type().to_int(), digest.len());
            if let Some(wanted) = digest_length(digest_type)
                && wanted != found
            {
                return Err((
                    format!("DS digest of {found} bytes with digest type {digest_type}"),
                    "20 bytes for type 1, 32 for 2 and 3, 48 for 4 (RFC 4034, 4509, 5933, 6605)",
                ));
            }
            let digest =
                Bytes::new(digest).map_err(|e| (format!("DS digest: {e} bytes"), "a digest of 20, 32 or 48 bytes"))?;
            Rdata::Ds(Ds { key_tag: ds.key_tag(), algorithm: ds.algorithm().to_int(), digest_type, digest })
        }
        ZoneRecordData::A(a) if labels > 0 => Rdata::A(a.addr().into()),
        ZoneRecordData::Aaaa(aaaa) if labels > 0 => Rdata::Aaaa(aaaa.addr().into()),
        _ => {
            return Err((
                format!("type {} at {owner}", record.rtype()),
                "NS and DS of delegations, A and AAAA of name servers; SOA and DNSSEC signature types are skipped",
            ));
        }
    };
    Ok(Record { owner, ttl, data })
}

/// Digest length in bytes by digest type; `None` for types without a fixed rule.
pub const fn digest_length(digest_type: u8) -> Option<usize> {
    match digest_type {
        1 => Some(20),
        2 | 3 => Some(32),
        4 => Some(48),
        _ => None,
    }
}

fn bad_record(file: &str, text: &str, line: usize, reason: &str, rule: &str) -> CliError {
    let shown = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    CliError::data("bad_record", format!("{file}, line {line}: {reason}"))
        .field(format!("line {line}"))
        .value(shown)
        .rule(rule)
}

/// Turns growing byte offsets into line numbers from 1.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    const fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1 }
    }
    /// The line of the first entry at or behind `offset`: blank lines, comments and well-formed directives before it are
    /// passed over, as the scanner does.
    fn entry_from(&mut self, offset: usize) -> usize {
        let passed = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line = self.line.saturating_add(passed.iter().filter(|b| **b == b'\n').count());
        self.offset = self.offset.max(offset.min(self.text.len()));
        let mut line = self.line;
        for text in self.text.get(self.offset..).unwrap_or_default().lines() {
            let content = text.split(';').next().unwrap_or_default().trim();
            let ttl =
                content.strip_prefix("$TTL").is_some_and(|v| v.trim_start().starts_with(|c: char| c.is_ascii_digit()));
            let directive = ttl || content.starts_with("$ORIGIN");
            let passed_over = content.is_empty() || (directive && content.split_whitespace().count() == 2);
            if !passed_over {
                break;
            }
            line = line.saturating_add(1);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_as_they_were() {
        for line in [
            ". 518400 IN NS a.root-servers.net.",
            "aaa. 86400 IN DS 1234 8 2 2CB14A0AF7298E258CEA6B3A50686520D007A20AC3BC3E676E67D050 E42A0D61",
            "a.dns.it. 172800 IN AAAA 2001:678:12:0:194:0:16:215",
            "a.dns.it. 172800 IN A 194.0.16.215",
        ] {
            assert_eq!(parse_line(line).unwrap().to_string(), line, "{line}");
        }
    }

    #[test]
    fn signature_types_and_the_soa_are_counted_and_left_out() {
        let text = "$TTL 86400\n. IN SOA a.root-servers.net. nstld.verisign-grs.com. 1 1800 900 604800 86400\n\
                    . 86400 IN NSEC aaa. NS SOA RRSIG NSEC DNSKEY\n\
                    ; a comment\n\n\
                    aaa 172800 IN NS NS1.Example.\n";
        let file = parse("f", text).unwrap();
        let shifted = parse("f", &format!("{text}\n; more\n$TTL 5\n\nbbb NS\n")).unwrap_err();
        assert_eq!(shifted.field.as_deref(), Some("line 11"));
        assert_eq!(file.skipped, BTreeMap::from([("NSEC".into(), 1), ("SOA".into(), 1)]));
        let lines: Vec<String> = file.records.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["aaa. 172800 IN NS ns1.example."]);
    }

    #[test]
    fn an_error_has_the_line_its_text_and_the_rule() {
        let good = "aaa. 172800 IN NS ns1.example.\n";
        for (bad, reason) in [
            ("aaa. 172800 IN A 1.2.3", "line 2"),
            ("aaa. 172800 IN DS 1 8 2 ABCD", "digest of 2 bytes"),
            ("b.aaa. 172800 IN NS x.", "NS at b.aaa."),
            ("aaa. 172800 IN TXT hello", "type TXT"),
            ("aaa. 1 IN NS ns2.example.", "TTL 1 differs from 172800 of line 1"),
            ("a b c", "line 2"),
            ("$INCLUDE other", "$INCLUDE"),
            ("$TTL never", "line 2"),
            ("aaa. 172800 IN NS", "line 2"),
            ("aaa. 172800 IN DS 1 8 2 (ABCD", "line 2"),
            ("-x. 172800 IN NS ns.example.", "hyphen"),
        ] {
            let error = parse("f", &format!("{good}{bad}\n{good}")).unwrap_err();
            assert_eq!(error.field.as_deref(), Some("line 2"), "{bad}: {error:?}");
            assert_eq!(error.value.as_deref(), Some(bad), "{bad}: {error:?}");
            assert!(error.message.contains(reason), "{bad}: {error:?}");
            assert!(error.rule.is_some());
        }
    }

    #[test]
    fn a_line_must_be_one_record() {
        assert!(parse_line("a. 1 IN NS b.\nc. 1 IN NS d.").is_err());
        assert!(parse_line("").is_err());
        assert!(parse_line("$TTL 5").is_err());
    }
}
