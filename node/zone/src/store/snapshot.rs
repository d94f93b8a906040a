//! The snapshot: one whole version of a zone in a file.
//!
//! ```text
//!   "ALTHZON1" | apex text | serial | SOA record | origin | delegations u32 | records u64 | record .. | SHA-384, 48 octets
//! ```
//! Values are in canonical form (borsh), the digest is over all octets before it.

use crate::{
    record::{Owner, Record},
    record_set::RecordSet,
    version::{Origin, Version},
};
use althing_types::codec::Text;
use borsh::{BorshDeserialize, BorshSerialize};
use sha2::{Digest, Sha384};
use std::io::{self, Write};

const MAGIC: &[u8; 8] = b"ALTHZON1";
const DIGEST: usize = 48;

#[derive(BorshSerialize, BorshDeserialize)]
struct Head {
    apex: Text<1024>,
    serial: u32,
    soa: Record,
    origin: Origin,
    delegations: u32,
    records: u64,
}

/// A writer that digests what passes.
struct Digesting<W> {
    inner: W,
    hash: Sha384,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(octets)?;
        self.hash.update(octets.get(..written).unwrap_or_default());
        Ok(written)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Writes a version.
///
/// # Errors
/// Those of the writer.
pub fn write(version: &Version, out: impl Write) -> io::Result<()> {
    let mut out = Digesting { inner: out, hash: Sha384::new() };
    out.write_all(MAGIC)?;
    let head = Head {
        apex: Text::new(version.apex.to_string()).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?,
        serial: version.serial,
        soa: version.soa.clone(),
        origin: version.origin,
        delegations: version.delegations,
        records: version.records.len() as u64,
    };
    head.serialize(&mut out)?;
    for record in version.records.iter() {
        record.serialize(&mut out)?;
    }
    let digest = out.hash.clone().finalize();
    out.inner.write_all(&digest)?;
    out.inner.flush()
}

/// Reads a version.
///
/// # Errors
/// What is wrong with the octets.
pub fn read(octets: &[u8]) -> Result<Version, String> {
    let (said, digest) = octets.split_last_chunk::<DIGEST>().ok_or("it is too short")?;
    if Sha384::digest(said).as_slice() != digest {
        return Err("its digest is not that of its content".into());
    }
    let mut rest = said.strip_prefix(MAGIC.as_slice()).ok_or("it does not begin with ALTHZON1")?;
    let shown = |e: io::Error| e.to_string();
    let head = Head::deserialize(&mut rest).map_err(shown)?;
    let mut records = Vec::new();
    for _ in 0..head.records {
        records.push(Record::deserialize(&mut rest).map_err(shown)?);
    }
    if !rest.is_empty() || !records.is_sorted_by(|a, b| a.key < b.key) {
        return Err("its records are not in order, or something is behind them".into());
    }
    Ok(Version {
        apex: Owner::parse(head.apex.as_str())?,
        serial: head.serial,
        soa: head.soa,
        records: RecordSet::from_iter(records),
        origin: head.origin,
        delegations: head.delegations,
    })
}
