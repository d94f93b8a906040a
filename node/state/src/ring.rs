//! Rings: numbered things of which only the last so many are kept.

use crate::{
    chain::{corrupt, decode},
    error::StoreError,
    kv::{Batch, Reader, Table},
    storage::Kept,
};
use borsh::{BorshDeserialize, BorshSerialize};

/// One ring: its key prefix in the table meta, and how many it keeps.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ring {
    pub(crate) prefix: &'static [u8],
    pub(crate) capacity: u64,
}

pub(crate) const ABNORMAL: Ring = Ring { prefix: b"abnormal/", capacity: crate::MAX_ABNORMAL };
pub(crate) const EVIDENCE: Ring = Ring { prefix: b"evidence/", capacity: crate::MAX_EVIDENCE };

impl Ring {
    fn key(self, number: u64) -> Vec<u8> {
        [self.prefix, &number.to_be_bytes()].concat()
    }

    fn number(self, key: &[u8]) -> Option<u64> {
        let rest = key.strip_prefix(self.prefix)?;
        Some(u64::from_be_bytes(rest.try_into().ok()?))
    }

    /// The number of the last thing; 0 when there is none.
    pub(crate) fn last(self, reader: &impl Reader) -> Result<u64, StoreError> {
        let mut last = 0;
        reader.scan(Table::Meta, self.prefix, &mut |key, _| match self.number(key) {
            Some(number) => {
                last = number;
                true
            }
            None => false,
        })?;
        Ok(last)
    }

    /// Adds a thing under `number`, which must be the last one plus one; returns the number that falls out.
    pub(crate) fn add(self, batch: &mut impl Batch, number: u64, value: &impl BorshSerialize) -> Option<u64> {
        batch.put(Table::Meta, &self.key(number), &althing_types::codec::encode(value));
        let gone = number.checked_sub(self.capacity).filter(|gone| *gone > 0)?;
        batch.delete(Table::Meta, &self.key(gone));
        Some(gone)
    }

    /// The thing of this number.
    pub(crate) fn get<T: BorshDeserialize>(
        self,
        reader: &impl Reader,
        number: u64,
        what: &'static str,
    ) -> Result<Option<T>, StoreError> {
        crate::chain::read(reader, Table::Meta, &self.key(number), what)
    }

    /// At most `limit` things with numbers above `after`.
    pub(crate) fn list<T: BorshDeserialize>(
        self,
        reader: &impl Reader,
        after: u64,
        limit: usize,
        what: &'static str,
    ) -> Result<Vec<Kept<T>>, StoreError> {
        let mut out = Vec::new();
        let mut fault = None;
        reader.scan(Table::Meta, &self.key(after.saturating_add(1)), &mut |key, value| {
            let Some(number) = self.number(key).filter(|_| out.len() < limit) else { return false };
            match decode(what, value) {
                Ok(value) => out.push(Kept { number, value }),
                Err(error) => fault = Some(error),
            }
            fault.is_none()
        })?;
        match fault {
            Some(error) => Err(corrupt(error.to_string())),
            None => Ok(out),
        }
    }
}
