//! ZONEMD: one digest over a whole zone (RFC 8976), scheme SIMPLE, SHA-384.
//!
//! Digested are all records of the zone in canonical order and form, each once; left out are the ZONEMD records at the
//! apex with their signatures, and what lies outside the zone.

use crate::record::{Owner, Record};
use domain::base::{Rtype, iana::Class};
use sha2::{Digest, Sha384};
use std::borrow::Borrow;

/// Scheme SIMPLE (RFC 8976 2.2.2).
pub const SCHEME_SIMPLE: u8 = 1;
/// Hash algorithm SHA-384 (RFC 8976 2.2.3).
pub const HASH_SHA384: u8 = 1;

/// The digest of a zone. The records must come in canonical order, the SOA among them or as `soa`.
pub fn digest<R: Borrow<Record>>(apex: &Owner, soa: Option<&Record>, records: impl IntoIterator<Item = R>) -> [u8; 48] {
    let mut hash = Sha384::new();
    let mut soa = soa;
    let mut buffer = Buffer::default();
    for record in records {
        let record = record.borrow();
        if let Some(first) = soa.filter(|soa| soa.key < record.key) {
            put(&mut hash, first, &mut buffer);
            soa = None;
        }
        let at_apex = record.key.owner_slice() == apex.as_slice();
        if record.key.is_within(apex) && !(at_apex && is_zonemd(record)) {
            put(&mut hash, record, &mut buffer);
        }
    }
    if let Some(last) = soa {
        put(&mut hash, last, &mut buffer);
    }
    hash.finalize().into()
}

/// A ZONEMD record, or a signature over such.
fn is_zonemd(record: &Record) -> bool {
    match record.key.record_type() {
        Rtype::ZONEMD => true,
        Rtype::RRSIG => record.key.rdata().starts_with(&Rtype::ZONEMD.to_int().to_be_bytes()),
        _ => false,
    }
}

/// The octets of a record, and how many of them are those of its owner: the next record often has the same.
#[derive(Default)]
struct Buffer {
    octets: Vec<u8>,
    owner: Vec<u8>,
    length: usize,
}

fn put(hash: &mut Sha384, record: &Record, buffer: &mut Buffer) {
    let (owner, rdata) = (record.key.owner_slice(), record.key.rdata());
    if buffer.owner != owner || buffer.length == 0 {
        buffer.octets.clear();
        buffer.octets.extend_from_slice(record.key.owner().to_name().as_slice());
        buffer.owner.clear();
        buffer.owner.extend_from_slice(owner);
        buffer.length = buffer.octets.len();
    }
    let Buffer { octets: buffer, length, .. } = buffer;
    buffer.truncate(*length);
    buffer.extend_from_slice(&record.key.record_type().to_int().to_be_bytes());
    buffer.extend_from_slice(&Class::IN.to_int().to_be_bytes());
    buffer.extend_from_slice(&record.ttl.to_be_bytes());
    buffer.extend_from_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes());
    buffer.extend_from_slice(rdata);
    hash.update(buffer.as_slice());
}

/// The ZONEMD record of a digest.
pub fn zonemd(apex: &Owner, ttl: u32, serial: u32, digest: &[u8; 48]) -> Record {
    let mut rdata = Vec::with_capacity(54);
    rdata.extend_from_slice(&serial.to_be_bytes());
    rdata.extend_from_slice(&[SCHEME_SIMPLE, HASH_SHA384]);
    rdata.extend_from_slice(digest);
    Record::new(apex, Rtype::ZONEMD, ttl, &rdata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{master, record_set::RecordSet};

    /// Reads a zone, computes its digest and compares it with the one inside.
    fn check(apex: &str, text: &str) {
        let apex = Owner::parse(apex).unwrap();
        let records: RecordSet = master::parse(text, &apex).unwrap().into_iter().collect();
        let found = digest(&apex, None, records.iter());
        let inside = records.of_owner(&apex).find(|r| r.key.record_type() == Rtype::ZONEMD).unwrap();
        assert_eq!(hex::encode(found), hex::encode(&inside.key.rdata()[6..]));
        let serial = u32::from_be_bytes(inside.key.rdata()[..4].try_into().unwrap());
        assert_eq!(&zonemd(&apex, inside.ttl, serial, &found), inside);
        // With the SOA given apart, as the server keeps it.
        let soa = records.of_owner(&apex).find(|r| r.key.record_type() == Rtype::SOA).unwrap().clone();
        let mut rest = records.clone();
        rest.remove(&soa.key);
        assert_eq!(digest(&apex, Some(&soa), rest.iter()), found);
    }

    #[test]
    fn rfc_8976_a1_the_simple_zone() {
        check(
            "example.",
            "$TTL 86400\n@ SOA ns1 admin 2018031900 1800 900 604800 86400\n@ NS ns1\n@ NS ns2\n@ ZONEMD 2018031900 1 1 \
             c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c\n\
             ns1 3600 A 203.0.113.63\nns2 3600 AAAA 2001:db8::63\n",
        );
    }

    #[test]
    fn rfc_8976_a2_case_order_duplicates_and_what_is_outside() {
        check(
            "example.",
            "$TTL 86400\n@ SOA ns1 admin 2018031900 1800 900 604800 86400\n@ NS ns1\n@ NS ns2\n@ ZONEMD 2018031900 1 1 \
             a3b69bad980a3504e1cffcb0fd6397f93848071c93151f552ae2f6b1711d4bd2d8b39808226d7b9db71e34b72077f8fe\n\
             ns1 3600 A 203.0.113.63\nNS2 3600 AAAA 2001:db8::63\n\
             occluded.sub 7200 TXT \"I'm occluded but must be digested\"\nsub 7200 NS ns1\n\
             duplicate 300 TXT \"I must be digested just once\"\nduplicate 300 TXT \"I must be digested just once\"\n\
             foo.test. 555 TXT \"out-of-zone data must be excluded\"\n\
             UPPERCASE 3600 TXT \"canonicalize uppercase owner names\"\n* 777 PTR dont-forget-about-wildcards\n\
             mail 3600 MX 20 MAIL1\nmail 3600 MX 10 Mail2.Example.\nsortme 3600 AAAA 2001:db8::5:61\n\
             sortme 3600 AAAA 2001:db8::3:62\nsortme 3600 AAAA 2001:db8::4:63\nsortme 3600 AAAA 2001:db8::1:65\n\
             sortme 3600 AAAA 2001:db8::2:64\nnon-apex 900 ZONEMD 2018031900 1 1 \
             616c6c6f776564206275742069676e6f7265642e20616c6c6f776564206275742069676e6f7265642e20616c6c6f7765\n",
        );
    }

    #[test]
    fn rfc_8976_a1_as_in_the_data_folder() {
        let Ok(folder) = std::env::var("ALTHING_TEST_DATA") else { return };
        let Ok(text) = std::fs::read_to_string(format!("{folder}/rootzone/rfc8976-A1-example.zone")) else { return };
        check("example.", &text);
    }
}
