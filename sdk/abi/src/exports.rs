//! What a contract module exports and how the call's facts, failures and hash functions are numbered.
//!
//! Every entry point has the wasm type `() -> ()`: arguments come through `input`, the result goes through `ret`.

/// Export that says which host interface the contract was built for: a function `() -> ()` that is never called.
pub const MARKER: &str = "althing_abi_1";
/// The version that [`MARKER`] stands for.
pub const ABI_VERSION: u32 = 1;
/// Export of the linear memory.
pub const MEMORY: &str = "memory";
/// Prefix of the export of a method that may change state.
pub const CALL_PREFIX: &str = "c_";
/// Prefix of the export of a method that only reads.
pub const VIEW_PREFIX: &str = "v_";
/// Export of the initialiser, run once at deploy; may be missing.
pub const INIT: &str = "init";
/// Export of the migration, run at an upgrade. May be missing.
///
/// Its input is the old state version as u32, then what the step before gave; nothing at first. It is run again, in the
/// same block or a later one, as long as it gives bytes; nothing says that the migration is done.
pub const MIGRATE: &str = "migrate";
/// Name of the custom section that holds the ABI.
pub const SECTION: &str = "althing.abi";
/// Longest name of a method in bytes.
pub const MAX_METHOD: usize = 64;

/// Codes of `abort`. A positive code is the contract's own error number.
pub mod abort {
    /// The contract panicked.
    pub const PANIC: i32 = -1;
    /// The arguments are not canonical bytes of the method's arguments.
    pub const BAD_ARGUMENTS: i32 = -2;
    /// The caller lacks the role that the method asks for.
    pub const MISSING_ROLE: i32 = -3;
    /// The migration does not know the old state version.
    pub const MIGRATION_UNKNOWN: i32 = -4;
}

/// Fields of `ctx`. Below 10 the value is returned; from 10 on bytes go to the take-buffer.
pub mod field {
    /// Height of the block.
    pub const HEIGHT: i32 = 1;
    /// Time of the block in milliseconds since 1970.
    pub const TIME_MS: i32 = 2;
    /// State version of the code that runs, from its ABI.
    pub const STATE_VERSION: i32 = 3;
    /// 1 in a view, where nothing may be changed, else 0.
    pub const READ_ONLY: i32 = 4;
    /// Key that signed the transaction: 32 bytes.
    pub const SIGNER: i32 = 10;
    /// Organisation of that key: its text; empty when it has none.
    pub const ORGANISATION: i32 = 11;
    /// Roles of that organisation: canonical bytes of `BTreeSet<Role>`.
    pub const ROLES: i32 = 12;
    /// The chain's id: its text.
    pub const CHAIN: i32 = 13;
    /// This contract's id: its text.
    pub const CONTRACT: i32 = 14;
    /// Id of the contract that called this one: its text; empty when the transaction did.
    pub const CALLER: i32 = 15;
    /// Hash of the transaction: 32 bytes; zeros in a view.
    pub const TRANSACTION: i32 = 16;
}

/// Algorithms of `hash`.
pub mod algorithm {
    /// SHA3-256.
    pub const SHA3_256: i32 = 0;
}
