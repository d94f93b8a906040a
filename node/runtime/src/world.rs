//! What the machine needs from whoever runs it: the staged state of one transaction.
//!
//! The execution crate implements [`World`] over its overlay; [`MemoryWorld`](crate::MemoryWorld) is one for tests.

use althing_types::{
    event::Event,
    hash::Hash,
    id::ContractId,
    view::{Entry, StateFault},
};

/// The staged state of one transaction, or of one view.
///
/// Keys are the contract's own: an implementation adds whatever sets contracts apart. A view never calls the methods
/// that take `&mut self`.
pub trait World {
    /// The value of a contract's key, staged writes first; `None` when there is none.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn read(&self, contract: &ContractId, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault>;

    /// Stages a value, or the removal of a key.
    fn write(&mut self, contract: &ContractId, key: &[u8], value: Option<Vec<u8>>);

    /// At most `limit` entries of a contract whose key starts with `prefix`, in ascending key order, staged writes
    /// included, from the first key that is greater than `after` when given. Keys are whole, with the prefix.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn scan(
        &self,
        contract: &ContractId,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Entry>, StateFault>;

    /// Appends an event to those of the transaction.
    fn emit(&mut self, event: Event);

    /// How many events the transaction has so far; reverted ones do not count.
    fn events(&self) -> usize;

    /// Marks a point to which [`World::revert`] can go back. Marks nest.
    fn checkpoint(&mut self);

    /// Drops the latest mark and keeps what was done since.
    fn accept(&mut self);

    /// Undoes writes and events since the latest mark and drops it.
    fn revert(&mut self);

    /// A system entry of the state by its full key, staged writes first.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn read_system(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault>;

    /// Stages a full state key, as the governing contract wants it.
    fn write_system(&mut self, key: Vec<u8>, value: Option<Vec<u8>>);

    /// Hash of a contract's present code; `None` when there is no such contract.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn code_hash(&self, contract: &ContractId) -> Result<Option<Hash>, StateFault>;

    /// Whether a contract may not be entered because its state is being migrated.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn migrating(&self, _contract: &ContractId) -> Result<bool, StateFault> {
        Ok(false)
    }

    /// Code by its hash.
    ///
    /// # Errors
    /// [`StateFault`] when the store cannot answer.
    fn code(&self, hash: &Hash) -> Result<Option<Vec<u8>>, StateFault>;
}
