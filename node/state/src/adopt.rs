//! A store that begins at a checkpoint instead of the genesis.
//!
//! The caller has checked every chunk under a certified header; here they become a store. The tip is written last: until
//! then the store counts as empty, so the caller makes it in a folder of its own and puts that in place when it is whole.

use crate::{
    builder::Builder,
    chain::{self, RawTip, by_hash, by_height},
    error::StoreError,
    kv::{Batch, Durability, Kv, Table},
    store::Store,
};
use althing_types::{
    authority::AuthorityList, block::Header, certificate::QuorumCertificate, checkpoint::ChunkEntry, codec::encode,
    genesis::Genesis, hash::Hash, id::Height, proof::ProofLeaf,
};

/// What the store knows of the height that it begins at, all of it verified.
#[derive(Clone, Debug)]
pub struct Base<'a> {
    /// The chain's genesis.
    pub genesis: &'a Genesis,
    /// The header of the checkpoint's height.
    pub header: &'a Header,
    /// Why it is final.
    pub certificate: &'a QuorumCertificate,
    /// The list that decided it.
    pub authorities: &'a AuthorityList,
    /// The list that decides the next height.
    pub next_authorities: &'a AuthorityList,
}

/// A store in the making.
#[derive(Debug)]
pub struct Adoption<'a, K: Kv> {
    store: &'a Store<K>,
    builder: Builder,
    height: Height,
    entries: u64,
}

impl<K: Kv> Store<K> {
    /// Begins to fill an empty store with the state of `height`.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] when the store is not empty.
    pub fn adopt(&self, height: Height) -> Result<Adoption<'_, K>, StoreError> {
        let mut entries = 0u64;
        for table in [Table::State, Table::Tree, Table::Chain] {
            self.kv().scan(table, &[], &mut |_, _| {
                entries = 1;
                false
            })?;
        }
        if entries > 0 || RawTip::read(self.kv())?.is_some() {
            let (found, expected) = ("not empty".into(), "empty".into());
            return Err(StoreError::Mismatch { what: "the store to fill", found, expected });
        }
        Ok(Adoption { store: self, builder: Builder::new(height), height, entries })
    }
}

impl<K: Kv> Adoption<'_, K> {
    /// Takes in the next entries with their leaves, which ascend by key hash over all calls.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] when they do not; write errors.
    pub fn add(&mut self, entries: &[ChunkEntry], leaves: &[ProofLeaf]) -> Result<(), StoreError> {
        let mut batch = self.store.kv().batch();
        for (entry, leaf) in entries.iter().zip(leaves) {
            batch.put(Table::State, &entry.key, &entry.value);
            self.builder.push(*leaf, &mut |key, bytes| batch.put(Table::Tree, key, bytes))?;
            self.entries = self.entries.saturating_add(1);
        }
        self.store.write(batch, Durability::Buffered)
    }

    /// Entries so far.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Makes the store whole, synced.
    ///
    /// # Errors
    /// [`StoreError::Mismatch`] when the tree has another root than the header, or the parts do not belong together;
    /// write errors.
    pub fn finish(self, base: &Base<'_>) -> Result<(), StoreError> {
        let Base { genesis, header, certificate, authorities, next_authorities } = base;
        let height = self.height;
        let mut batch = self.store.kv().batch();
        let root = self.builder.finish(&mut |key, bytes| batch.put(Table::Tree, key, bytes));
        let block = header.hash();
        let pairs: [(&'static str, Hash, Hash); 5] = [
            ("root of the chunks", root, header.state_root),
            ("certified block", certificate.block, block),
            ("authority list", authorities.hash(), header.authorities),
            ("next authority list", next_authorities.hash(), header.next_authorities),
            ("chain", chain_hash(&genesis.chain), chain_hash(&header.chain)),
        ];
        if let Some((what, found, expected)) = pairs.into_iter().find(|(_, found, expected)| found != expected) {
            return Err(StoreError::Mismatch { what, found: found.to_string(), expected: expected.to_string() });
        }
        if header.height != height || certificate.height != height {
            let (found, expected) = (header.height.to_string(), height.to_string());
            return Err(StoreError::Mismatch { what: "height of the header", found, expected });
        }
        batch.put(Table::Meta, chain::META_GENESIS, &encode(*genesis));
        batch.put(Table::Meta, chain::META_BASE, &height.0.to_be_bytes());
        batch.put(Table::Meta, chain::META_OLDEST, &height.0.to_be_bytes());
        batch.put(Table::Chain, &by_height(chain::HEADER, height), &encode(*header));
        batch.put(Table::Chain, &by_height(chain::CERTIFICATE, height), &encode(*certificate));
        batch.put(Table::Chain, &by_height(chain::AUTHORITIES, height), &encode(*authorities));
        batch.put(Table::Chain, &by_height(chain::AUTHORITIES, height.next()), &encode(*next_authorities));
        batch.put(Table::Index, &by_hash(chain::BLOCK, &block), &height.0.to_be_bytes());
        batch.put(Table::Meta, chain::META_TIP, &RawTip { height, block, root }.encode());
        self.store.write(batch, Durability::Synced)
    }
}

fn chain_hash(chain: &althing_types::id::ChainId) -> Hash {
    althing_types::hash::sha3_256(chain.as_str().as_bytes())
}
