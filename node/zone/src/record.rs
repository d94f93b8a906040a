//! Records in the form that this server sorts, compares, stores and sends them in.
//!
//! A [`RecordKey`] is one string of octets whose plain order is the canonical order of RFC 4034 6: owner, then type,
//! then record data. So the order of sets, of digests and of journals is one and the same, and needs no parsing.
//!
//! ```text
//!   owner: labels from the right, lower case, each ended by 0; an empty label ends the owner
//!   octets 0 and 1 inside a label are written 1 1 and 1 2
//!   key:   owner | type, 2 octets | record data in canonical wire form
//! ```
//!
//! Nothing here reads messages; text is read by `master`.

use borsh::{BorshDeserialize, BorshSerialize, io};
use domain::{
    base::{
        Rtype,
        iana::Class,
        name::{Name, ToLabelIter, ToName},
        rdata::{ParseAnyRecordData, UnknownRecordData},
        record::ComposeRecord,
        wire::Composer,
        zonefile_fmt::{DisplayKind, ZonefileFmt},
    },
    dep::octseq::Parser,
    rdata::AllRecordData,
};
use std::fmt;

/// Longest owner in sort form: 255 octets on the wire, each at worst escaped, and the end mark.
const MAX_OWNER: usize = 512;
/// Longest record data in octets (RFC 1035 3.2.1).
const MAX_RDATA: usize = 65_535;

/// A domain name in sort form.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(Box<[u8]>);

impl Owner {
    /// The root.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// The sort form of a name.
    pub fn new(name: &(impl ToName + ?Sized)) -> Self {
        let mut out = Vec::with_capacity(64);
        for label in name.iter_labels().rev().filter(|l| !l.is_root()) {
            for octet in label.as_slice() {
                match octet.to_ascii_lowercase() {
                    0 => out.extend_from_slice(&[1, 1]),
                    1 => out.extend_from_slice(&[1, 2]),
                    other => out.push(other),
                }
            }
            out.push(0);
        }
        out.push(0);
        Self(out.into())
    }

    /// Reads the text of an absolute name; the final dot may be left out.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        Name::<Vec<u8>>::vec_from_str(text).map(|name| Self::new(&name)).map_err(|e| e.to_string())
    }

    /// The name in wire form.
    pub fn to_name(&self) -> Name<Vec<u8>> {
        to_name(&self.0)
    }
    /// Its octets.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
    /// Labels; the root has none.
    pub fn labels(&self) -> usize {
        self.0.iter().filter(|o| **o == 0).count().saturating_sub(1)
    }
    /// Whether the name is `zone` or below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        within(&self.0, zone)
    }
}

fn within(owner: &[u8], zone: &Owner) -> bool {
    zone.0.split_last().is_some_and(|(_, labels)| owner.starts_with(labels))
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_name(&self.to_name(), f)
    }
}
impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Writes a name as master files have it (RFC 1035 5.1). Whatever is no letter, digit, hyphen, underscore or asterisk is
/// written by its number: quotes and dots inside a label too, which the library leaves as they are.
fn write_name(name: &Name<Vec<u8>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for label in name.iter_labels().filter(|l| !l.is_root()) {
        for octet in label.as_slice() {
            match octet {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'*' => {
                    fmt::Write::write_char(f, char::from(*octet))?
                }
                other => write!(f, "\\{other:03}")?,
            }
        }
        f.write_str(".")?;
    }
    if name.is_root() { f.write_str(".") } else { Ok(()) }
}

/// Wire form of a name in sort form. Octets that are no sort form give the root.
fn to_name(sorted: &[u8]) -> Name<Vec<u8>> {
    let body = sorted.split_last().map_or(&[][..], |(_, body)| body);
    let body = body.split_last().map_or(&[][..], |(_, body)| body);
    let mut out = Vec::with_capacity(sorted.len());
    if !body.is_empty() {
        for label in body.rsplit(|o| *o == 0) {
            let at = out.len();
            out.push(0);
            let mut octets = label.iter();
            while let Some(octet) = octets.next() {
                match octet {
                    1 => out.push(octets.next().copied().unwrap_or(1).saturating_sub(1)),
                    other => out.push(*other),
                }
            }
            let length = out.len().saturating_sub(at).saturating_sub(1);
            if let (Some(place), Ok(length)) = (out.get_mut(at), u8::try_from(length)) {
                *place = length;
            }
        }
    }
    out.push(0);
    Name::from_octets(out).unwrap_or_else(|_| Name::root_vec())
}

/// Owner, type and data of a record: everything but its time to live.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
pub struct RecordKey(Box<[u8]>);

impl RecordKey {
    /// A key from its parts. The data must be in canonical wire form and at most 65,535 octets long.
    pub fn new(owner: &Owner, record_type: Rtype, rdata: &[u8]) -> Self {
        let mut out = Vec::with_capacity(owner.0.len().saturating_add(rdata.len()).saturating_add(2));
        out.extend_from_slice(&owner.0);
        out.extend_from_slice(&record_type.to_int().to_be_bytes());
        out.extend_from_slice(rdata.get(..MAX_RDATA).unwrap_or(rdata));
        Self(out.into())
    }

    /// Owner, type and data.
    fn parts(&self) -> (&[u8], Rtype, &[u8]) {
        let end = owner_length(&self.0).unwrap_or(0);
        let (owner, rest) = self.0.split_at_checked(end).unwrap_or((&self.0, &[]));
        let (kind, rdata) = rest.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
        (owner, Rtype::from_int(u16::from_be_bytes(*kind)), rdata)
    }
    /// Octets of the owner in sort form.
    pub fn owner_slice(&self) -> &[u8] {
        self.parts().0
    }
    /// The owner.
    pub fn owner(&self) -> Owner {
        Owner(self.owner_slice().into())
    }
    /// The type.
    pub fn record_type(&self) -> Rtype {
        self.parts().1
    }
    /// The data in wire form.
    pub fn rdata(&self) -> &[u8] {
        self.parts().2
    }
    /// All octets.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
    /// Whether the owner is `zone` or below it.
    pub fn is_within(&self, zone: &Owner) -> bool {
        within(self.owner_slice(), zone)
    }

    /// Checks octets from outside.
    fn check(octets: Vec<u8>) -> Result<Self, &'static str> {
        let end = owner_length(&octets).ok_or("a record's owner does not end")?;
        let (owner, rest) = octets.split_at_checked(end).ok_or("a record's owner does not end")?;
        if owner.len() > MAX_OWNER || Owner::new(&to_name(owner)).0.as_ref() != owner {
            return Err("a record's owner is not in sort form");
        }
        match rest.len() {
            0 | 1 => Err("a record has no type"),
            length if length.saturating_sub(2) > MAX_RDATA => Err("record data is too long"),
            _ => Ok(Self(octets.into())),
        }
    }
}

/// Octets up to and with the empty label.
fn owner_length(octets: &[u8]) -> Option<usize> {
    let mut at = 0usize;
    loop {
        let rest = octets.get(at..)?;
        let label = rest.iter().position(|o| *o == 0)?;
        at = at.checked_add(label)?.checked_add(1)?;
        if label == 0 {
            return Some(at);
        }
    }
}

impl BorshDeserialize for RecordKey {
    fn deserialize_reader<R: io::Read>(reader: &mut R) -> io::Result<Self> {
        let octets = Vec::<u8>::deserialize_reader(reader)?;
        Self::check(octets).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }
}

impl fmt::Debug for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Record { key: self.clone(), ttl: 0 }, f)
    }
}

/// One record of class IN.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Record {
    /// Owner, type and data.
    pub key: RecordKey,
    /// Time to live in seconds.
    pub ttl: u32,
}

impl Record {
    /// A record from its parts; the data in canonical wire form.
    pub fn new(owner: &Owner, record_type: Rtype, ttl: u32, rdata: &[u8]) -> Self {
        Self { key: RecordKey::new(owner, record_type, rdata), ttl }
    }
}

impl ComposeRecord for Record {
    fn compose_record<Target: Composer + ?Sized>(&self, target: &mut Target) -> Result<(), Target::AppendError> {
        compose(&self.key, self.ttl, target)
    }
}

/// Writes a record into a message; the owner may be compressed, the data is not.
///
/// # Errors
/// When the message is full.
pub fn compose<Target: Composer + ?Sized>(
    key: &RecordKey,
    ttl: u32,
    target: &mut Target,
) -> Result<(), Target::AppendError> {
    let (owner, record_type, rdata) = key.parts();
    target.append_compressed_name(&to_name(owner))?;
    target.append_slice(&record_type.to_int().to_be_bytes())?;
    target.append_slice(&Class::IN.to_int().to_be_bytes())?;
    target.append_slice(&ttl.to_be_bytes())?;
    target.append_slice(&u16::try_from(rdata.len()).unwrap_or(u16::MAX).to_be_bytes())?;
    target.append_slice(rdata)
}

impl fmt::Display for Record {
    /// One line of a master file: `owner ttl IN type rdata`, every name absolute.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (owner, record_type, rdata) = self.key.parts();
        write_name(&to_name(owner), f)?;
        write!(f, " {} IN {record_type} ", self.ttl)?;
        let mut parser = Parser::from_ref(rdata);
        match AllRecordData::<&[u8], _>::parse_any_rdata(record_type, &mut parser) {
            Ok(data) if parser.remaining() == 0 => data.display_zonefile(DisplayKind::Simple).fmt(f),
            _ => match UnknownRecordData::from_octets(record_type, rdata) {
                Ok(data) => data.display_zonefile(DisplayKind::Simple).fmt(f),
                Err(_) => Err(fmt::Error),
            },
        }
    }
}
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_sort_as_rfc_4034_says() {
        let sorted = [
            "example.",
            "a.example.",
            "yljkjljk.a.example.",
            "Z.a.example.",
            "zABC.a.EXAMPLE.",
            "z.example.",
            "\\001.z.example.",
            "*.z.example.",
            "\\200.z.example.",
        ];
        let owners: Vec<Owner> = sorted.iter().map(|t| Owner::parse(t).unwrap()).collect();
        assert!(owners.is_sorted());
        assert!(Owner::root() < owners[0]);
        for (owner, text) in owners.iter().zip(sorted) {
            assert_eq!(owner.to_string(), text.to_ascii_lowercase());
        }
    }

    #[test]
    fn below_is_counted_in_labels() {
        let zone = Owner::parse("lab").unwrap();
        for (name, inside) in [("lab", true), ("a.lab", true), ("xlab", false), ("lab.x", false), (".", false)] {
            assert_eq!(Owner::parse(name).unwrap().is_within(&zone), inside, "{name}");
        }
        assert!(zone.is_within(&Owner::root()) && Owner::root().is_within(&Owner::root()));
        assert_eq!((Owner::root().labels(), Owner::parse("a.lab").unwrap().labels()), (0, 2));
    }

    proptest! {
        #[test]
        fn every_name_comes_back(labels in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..12), 0..6)) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(u8::try_from(label.len()).unwrap());
                wire.extend(label.iter().map(u8::to_ascii_lowercase));
            }
            wire.push(0);
            let name = Name::from_octets(wire).unwrap();
            let owner = Owner::new(&name);
            let again = owner.to_name();
            prop_assert_eq!(again.as_slice(), name.as_slice());
            prop_assert_eq!(Owner::parse(&owner.to_string()).unwrap(), owner.clone());
            let record = Record::new(&owner, Rtype::A, 5, &[192, 0, 2, 1]);
            let read = crate::master::parse(&format!("{record}\n"), &Owner::root()).unwrap();
            prop_assert_eq!(read, vec![record]);
            let key = RecordKey::new(&owner, Rtype::A, &[1, 2, 3, 4]);
            prop_assert_eq!((key.owner(), key.record_type(), key.rdata()), (owner, Rtype::A, &[1u8, 2, 3, 4][..]));
        }

        #[test]
        fn any_octets_are_a_key_or_refused(octets in proptest::collection::vec(0u8..4, 0..40)) {
            if let Ok(key) = RecordKey::check(octets) {
                let again = RecordKey::new(&key.owner(), key.record_type(), key.rdata());
                prop_assert_eq!(again, key);
            }
        }
    }
}
