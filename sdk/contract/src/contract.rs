//! What the macros implement for a contract.

use alloc::vec::Vec;
use althing_abi::constant::{ContractSchema, MethodSchema, StateFieldSchema};
use althing_types::wire::{ErrorSchema, EventSchema, Wire};

/// The state of a contract; implemented by `#[contract]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a contract",
    note = "put `#[contract(state_version = 1)]` on the structure"
)]
pub trait State: Sized + 'static {
    /// Name of the contract.
    const NAME: &'static str;
    /// The author's version text.
    const VERSION: &'static str;
    /// What the contract is for.
    const DOCS: &'static str;
    /// Version of the state's layout.
    const STATE_VERSION: u32;
    /// The state's fields in ascending order of their keys.
    const FIELDS: &'static [StateFieldSchema];
    /// The events that the contract emits.
    const EVENTS: &'static [&'static EventSchema];
    /// How the module was built.
    const BUILD: &'static [(&'static str, &'static str)];

    /// The handles of the state's fields. Nothing is read.
    fn open() -> Self;

    /// Rewrites values of type `New`, stored as `Old`: in the field of this name, or in every one that holds them, after
    /// a storage key. Gives the number of such fields, and the last storage key when there may be more.
    #[doc(hidden)]
    fn rewrite<Old: Wire, New: Wire + 'static>(
        &mut self,
        only: Option<&str>,
        change: &dyn Fn(Old) -> New,
        after: &[u8],
    ) -> (usize, Option<Vec<u8>>);
}

/// The entry points of a contract; implemented by `#[contract_api]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no entry points",
    note = "put `#[contract_api]` on one `impl` block of the contract"
)]
pub trait Contract: State {
    /// Every method.
    const METHODS: &'static [MethodSchema];
    /// Every numbered error.
    const ERRORS: &'static [ErrorSchema];
    /// State versions that the migration understands.
    const MIGRATES_FROM: &'static [u32];
    /// The whole description.
    const SCHEMA: ContractSchema = ContractSchema {
        name: Self::NAME,
        version: Self::VERSION,
        docs: Self::DOCS,
        state_version: Self::STATE_VERSION,
        migrates_from: Self::MIGRATES_FROM,
        state: Self::FIELDS,
        methods: Self::METHODS,
        events: Self::EVENTS,
        errors: Self::ERRORS,
        build: Self::BUILD,
    };

    /// The description's bytes and the entry points by the name of their export, for tests.
    #[cfg(not(target_arch = "wasm32"))]
    #[doc(hidden)]
    fn native() -> crate::testing::Native;

    /// The methods as seen by a test: `contract.by(org).method(..)`.
    #[cfg(not(target_arch = "wasm32"))]
    #[doc(hidden)]
    type By: From<crate::testing::By>;
}
