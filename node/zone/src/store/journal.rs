//! The journal: one entry for each delta, in order, each with checks of its own.
//!
//! ```text
//!   length u32 | serial after u32 | SHA3-256 of the body, 32 octets | first 8 octets of SHA3-256 of those 40 | body
//! ```
//! Numbers are in network order, the body is the canonical form of a [`Delta`]. Entries are synced one by one, so a
//! crash can spoil the last one only. A spoilt last entry is dropped and its serial is passed over; damage anywhere else
//! is refused.

use crate::version::Delta;
use althing_types::{codec, hash::sha3_256};

/// Octets before the body.
pub const HEAD: usize = 48;
/// Longest body in octets.
pub const MAX_BODY: usize = 512 * 1024 * 1024;

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// The deltas, consecutive.
    pub deltas: Vec<Delta>,
    /// Octets of whole entries.
    pub length: u64,
    /// Whether there was a spoilt entry behind them, and its serial when that could be read.
    pub torn: Option<Option<u32>>,
}

/// Damage that no crash explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Byte of the entry.
    pub at: u64,
    /// What is wrong.
    pub reason: String,
}

/// The octets of one entry.
///
/// # Errors
/// When the delta is too long for a journal.
pub fn encode(delta: &Delta) -> Result<Vec<u8>, String> {
    let body = codec::encode(delta);
    let length = u32::try_from(body.len()).ok().filter(|_| body.len() <= MAX_BODY);
    let length = length.ok_or_else(|| format!("a delta of {} octets; {MAX_BODY} are allowed", body.len()))?;
    let mut out = Vec::with_capacity(body.len().saturating_add(HEAD));
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&delta.to.to_be_bytes());
    out.extend_from_slice(&sha3_256(&body).0);
    let check = sha3_256(&out);
    out.extend_from_slice(check.0.first_chunk::<8>().unwrap_or(&[0; 8]));
    out.extend_from_slice(&body);
    Ok(out)
}

/// Reads a whole journal.
///
/// # Errors
/// [`Damage`].
pub fn decode(octets: &[u8]) -> Result<Journal, Damage> {
    let mut out = Journal::default();
    let mut rest = octets;
    while !rest.is_empty() {
        let damage = |reason: &str| Damage { at: out.length, reason: reason.into() };
        let Some((head, behind)) = rest.split_first_chunk::<HEAD>() else {
            out.torn = Some(None);
            return Ok(out);
        };
        let Some((length, serial, sum)) = read_head(head) else {
            // A head that was never written reads as zeros; anything else was written and then altered.
            if head.iter().all(|o| *o == 0) && behind.iter().all(|o| *o == 0) {
                out.torn = Some(None);
                return Ok(out);
            }
            return Err(damage("the head of an entry is altered"));
        };
        let Some((body, next)) = behind.split_at_checked(length) else {
            out.torn = Some(Some(serial));
            return Ok(out);
        };
        if sha3_256(body).0 != sum {
            if next.is_empty() {
                out.torn = Some(Some(serial));
                return Ok(out);
            }
            return Err(damage("the body of an entry is altered"));
        }
        let delta: Delta = codec::decode("delta", body, MAX_BODY).map_err(|e| damage(&e.to_string()))?;
        if delta.to != serial || out.deltas.last().is_some_and(|last| last.to != delta.from) {
            return Err(damage("an entry does not follow the one before"));
        }
        out.deltas.push(delta);
        out.length = out.length.saturating_add((HEAD as u64).saturating_add(length as u64));
        rest = next;
    }
    Ok(out)
}

/// Length of the body, serial and checksum of the body; `None` when the head's own check fails.
fn read_head(head: &[u8; HEAD]) -> Option<(usize, u32, [u8; 32])> {
    let (said, check) = head.split_last_chunk::<8>()?;
    if sha3_256(said).0.first_chunk::<8>() != Some(check) {
        return None;
    }
    let (length, rest) = said.split_first_chunk::<4>()?;
    let (serial, sum) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok().filter(|l| *l <= MAX_BODY)?;
    Some((length, u32::from_be_bytes(*serial), *sum.first_chunk::<32>()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        record::{Owner, Record},
        version::{Origin, SoaFields},
    };
    use domain::base::Rtype;
    use proptest::prelude::*;

    pub(crate) fn delta(from: u32, to: u32) -> Delta {
        let apex = Owner::parse("lab").unwrap();
        let soa = SoaFields {
            mname: Owner::parse("ns.lab").unwrap(),
            rname: Owner::parse("admin.lab").unwrap(),
            refresh: 1800,
            retry: 900,
            expire: 604_800,
            minimum: 86_400,
            ttl: 86_400,
        };
        let a = |n: u32| Record::new(&Owner::parse("a.lab").unwrap(), Rtype::A, 60, &n.to_be_bytes());
        Delta {
            from,
            to,
            origin: Origin { height: u64::from(to), published_ms: 1_000, ..Origin::default() },
            delegations_before: 2,
            delegations: 3,
            soa_before: soa.record(&apex, from),
            soa_after: soa.record(&apex, to),
            deleted: vec![a(from)],
            added: vec![a(to)],
        }
    }

    fn journal(count: u32) -> Vec<u8> {
        (1..=count).flat_map(|n| encode(&delta(n, n + 1)).unwrap()).collect()
    }

    #[test]
    fn a_journal_cut_anywhere_loses_its_last_entry_only() {
        let whole = journal(4);
        let one = whole.len() / 4;
        for cut in 0..=whole.len() {
            let read = decode(&whole[..cut]).unwrap();
            assert_eq!(read.deltas.len(), cut / one, "cut at {cut}");
            assert_eq!(read.torn.is_some(), !cut.is_multiple_of(one), "cut at {cut}");
            if let Some(Some(serial)) = read.torn {
                assert_eq!(serial, u32::try_from(cut / one).unwrap() + 2);
            }
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_spoils_the_last_entry_only() {
        let whole = journal(3);
        let one = whole.len() / 3;
        for at in 0..whole.len() {
            let mut octets = whole.clone();
            octets[at] ^= 0x10;
            match decode(&octets) {
                Err(damage) => assert_eq!(damage.at, (at / one * one) as u64),
                Ok(read) => {
                    assert_eq!(read.deltas.len(), 2, "bit at {at}");
                    assert_eq!(read.torn, Some(Some(4)), "bit at {at}");
                    assert!(at >= 2 * one + HEAD, "bit at {at}");
                }
            }
        }
    }

    #[test]
    fn zeros_behind_the_last_entry_are_a_torn_write() {
        let mut octets = journal(2);
        octets.extend_from_slice(&[0; 100]);
        let read = decode(&octets).unwrap();
        assert_eq!((read.deltas.len(), read.torn), (2, Some(None)));
    }

    #[test]
    fn entries_must_follow_each_other() {
        let mut octets = journal(2);
        octets.extend(encode(&delta(9, 10)).unwrap());
        assert!(decode(&octets).unwrap_err().reason.contains("follow"));
    }

    #[test]
    fn an_entrys_bytes_are_the_committed_ones() {
        let golden = include_str!("../../tests/golden/journal.hex");
        let found = hex::encode(encode(&delta(7, 8)).unwrap());
        if std::env::var_os("ALTHING_BLESS").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/journal.hex");
            std::fs::write(path, format!("{found}\n")).unwrap();
            return;
        }
        assert_eq!(found, golden.trim(), "bless with ALTHING_BLESS=1 only if the format is meant to change");
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&octets);
        }

        #[test]
        fn a_body_of_any_octets_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut octets = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
            octets.extend_from_slice(&[0; 4]);
            octets.extend_from_slice(&sha3_256(&body).0);
            let check = sha3_256(&octets);
            octets.extend_from_slice(&check.0[..8]);
            octets.extend_from_slice(&body);
            prop_assert!(decode(&octets).is_err());
        }
    }
}
