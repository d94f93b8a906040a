//! The number of the last write that was acknowledged as durable, kept beside the database.
//!
//! RocksDB takes a damaged length field in the last block of its log for a torn end and silently drops what follows.
//! This file says how far the log must reach at least: written after each synced write, itself never synced. After a
//! kill it is exact; after a power cut it may be older, which is still true. Two slots of 24 bytes are written in turn
//! (position, its complement, a constant), so that a torn write leaves the other slot.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Result},
    os::unix::fs::FileExt,
    path::Path,
};

const SLOT: usize = 24;
const MARK: u64 = 0x616c_7468_696e_6731;

/// The open file.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    file: File,
    position: u64,
    turn: bool,
}

fn parse(slot: &[u8]) -> Option<u64> {
    let number = |at: usize| {
        let bytes = slot.get(at..)?.first_chunk::<8>()?;
        Some(u64::from_be_bytes(*bytes))
    };
    let position = number(0)?;
    (number(8)? == !position && number(16)? == MARK).then_some(position)
}

impl Acknowledged {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.by_ref().take(SLOT.saturating_mul(2) as u64).read_to_end(&mut bytes)?;
        let position = bytes.chunks(SLOT).filter_map(parse).max().unwrap_or(0);
        // The older slot is written next.
        let turn = bytes.get(..SLOT).and_then(parse) == Some(position);
        Ok(Self { file, position, turn })
    }

    /// The position that was acknowledged last, as far as is known.
    pub(crate) const fn position(&self) -> u64 {
        self.position
    }

    /// Notes a position; lower ones than before are ignored.
    pub(crate) fn set(&mut self, position: u64) -> Result<()> {
        if position <= self.position {
            return Ok(());
        }
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend_from_slice(&position.to_be_bytes());
        slot.extend_from_slice(&(!position).to_be_bytes());
        slot.extend_from_slice(&MARK.to_be_bytes());
        self.file.write_all_at(&slot, if self.turn { SLOT as u64 } else { 0 })?;
        self.position = position;
        self.turn = !self.turn;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_slot_leaves_the_position_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acknowledged");
        let mut file = Acknowledged::open(&path).unwrap();
        assert_eq!(file.position(), 0);
        for position in [3, 7, 12] {
            file.set(position).unwrap();
            assert_eq!(Acknowledged::open(&path).unwrap().position(), position);
        }
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[5] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let mut file = Acknowledged::open(&path).unwrap();
        assert_eq!(file.position(), 7);
        file.set(13).unwrap();
        assert_eq!(Acknowledged::open(&path).unwrap().position(), 13);
    }
}
