//! The one table of host functions: what a contract may ask of the machine it runs in.
//!
//! The guest's import declarations (sdk/contract), the host's binding (node/runtime) and the documentation all come
//! from `host_functions!`; none of them repeats a name, a type or a cost. To add a function, add one row here and
//! its body in node/runtime/src/host.
//!
//! # Conventions
//! - Pointers and lengths are `u32` offsets into the caller's own memory.
//! - Bytes that the host gives back go to the call's take-buffer: the function returns their length (or a negative
//!   number), then the guest reads them with `take`. The host never calls a guest allocator. The next function that
//!   fills the take-buffer replaces what it holds.
//! - A wrong pointer, handle or field number ends the call with `HostMisuse`; it is never a return value.
//! - Cost in fuel: `base`, and `per_byte` for each byte that crosses the boundary in either direction.
//! - Proofs of other chains' state have no row yet: `verify_proof(root, proof, length) -> i32` comes with the first
//!   contract that reads another chain.
//! - Rows are only ever added; a row's number of arguments and meaning never change. A change of costs is a new
//!   [`COST_VERSION`] and takes effect at a voted height.

/// The import module of all host functions.
pub const MODULE: &str = "althing";

/// Version of all costs: this table's, the operators' and the instrumentation's.
pub const COST_VERSION: u32 = 1;

/// Passes the whole table to the macro named by the argument.
///
/// Each row has the form
/// `#[doc = ".."].. fn name(argument: type, ..) -> result [base cost, cost per byte, since];`
/// where types are `u32`, `i32` or `i64`, and a function without result has `-> ()`.
#[macro_export]
macro_rules! host_functions {
    ($callback:path) => {
        $callback! {
            /// Length of the arguments in bytes.
            fn input_len() -> u32 [20, 0, 1];
            /// Copies the arguments to `to`.
            fn input(to: u32) -> () [50, 1, 1];
            /// Copies `length` bytes of the take-buffer from `offset` on to `to`.
            fn take(to: u32, offset: u32, length: u32) -> () [50, 1, 1];
            /// Sets the call's result, at most 64 KiB; a second result replaces the first.
            fn ret(data: u32, length: u32) -> () [100, 1, 1];
            /// Ends the call as failed; see [`crate::exports::abort`] for the codes. The text is for people.
            fn abort(code: i32, text: u32, length: u32) -> () [100, 1, 1];
            /// A fact about the call; see [`crate::exports::field`]. Numbers are returned; bytes go to the
            /// take-buffer and their length is returned.
            fn ctx(field: i32) -> i64 [100, 1, 1];
            /// Writes a line for the node's operator: UTF-8, at most 1 KiB, at most 64 lines in a transaction.
            /// Lines are no part of the receipt.
            fn log(text: u32, length: u32) -> () [100, 2, 1];
            /// Fuel that is left.
            fn gas_left() -> i64 [50, 0, 1];
            /// Reads the value of a key of this contract; -1 when there is none.
            fn kv_get(key: u32, key_length: u32) -> i64 [2_000, 1, 1];
            /// Sets the value of a key of this contract.
            fn kv_put(key: u32, key_length: u32, value: u32, value_length: u32) -> () [12_000, 10, 1];
            /// Removes a key of this contract: 1 when there was one, else 0.
            fn kv_del(key: u32, key_length: u32) -> i32 [12_000, 10, 1];
            /// Opens a cursor over the keys of this contract that start with `prefix`, in ascending order, after the
            /// key `after` when `after_length` is not 0. At most 8 are open at a time.
            fn scan(prefix: u32, prefix_length: u32, after: u32, after_length: u32) -> i32 [3_000, 1, 1];
            /// Moves a cursor to the next key, as the state is at this moment: key length (u32, little-endian), key
            /// and value go to the take-buffer; -1 at the end.
            fn scan_next(cursor: i32) -> i64 [1_500, 1, 1];
            /// Closes a cursor. Cursors left open are closed when the call ends.
            fn scan_close(cursor: i32) -> () [50, 0, 1];
            /// Emits an event: its name in the ABI, the canonical bytes of its topic fields, of all its fields.
            fn emit(name: u32, name_length: u32, topic: u32, topic_length: u32, data: u32, data_length: u32) -> () [1_500, 5, 1];
            /// Calls a method of another contract with at most `gas` fuel (all that is left when `gas` is not
            /// positive). Its result goes to the take-buffer and the length is returned. When it fails, its writes
            /// and events are undone, the canonical bytes of the failure go to the take-buffer, and the return value
            /// is `-(length * 256 + failure code)`.
            fn call(
                contract: u32, contract_length: u32, method: u32, method_length: u32, arguments: u32,
                arguments_length: u32, gas: i64
            ) -> i64 [25_000, 2, 1];
            /// Hashes bytes and puts the 32-byte hash at `to`; see [`crate::exports::algorithm`].
            fn hash(algorithm: i32, data: u32, length: u32, to: u32) -> () [1_500, 8, 1];
            /// Checks an Ed25519 signature by the strict rules: 1 when good, else 0. `key` points to 32 bytes,
            /// `signature` to 64.
            fn ed25519(key: u32, signature: u32, message: u32, length: u32) -> i32 [60_000, 4, 1];
            /// Checks a chain of X.509 certificates (canonical bytes of a list of DER certificates, the leaf first, its
            /// issuers after it) against the DER root at the block's time, by the rules of `node/identity`. When it is
            /// good, the canonical bytes of the leaf's `Facts` go to the take-buffer and their length is returned;
            /// else canonical bytes of the refusal's code (u32) and its text, and minus their length.
            fn certificate(root: u32, root_length: u32, chain: u32, chain_length: u32) -> i64 [300_000, 50, 1];
            /// Changes a part of the state that the node itself reads: canonical bytes of a `SystemChange`. Only for
            /// the contract that the genesis names as governor. 0 when it was done; when it is refused, the canonical
            /// bytes of the failure go to the take-buffer and the return value is minus their length.
            fn govern(change: u32, length: u32) -> i64 [30_000, 10, 1];
        }
    };
}

/// Type of an argument or result at the wasm boundary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFunction {
    /// Name of the import.
    pub name: &'static str,
    /// Names and types of the arguments.
    pub arguments: &'static [(&'static str, ValueType)],
    /// Type of the result, if there is one.
    pub result: Option<ValueType>,
    /// Fuel for each call.
    pub base: u64,
    /// Fuel for each byte that crosses the boundary.
    pub per_byte: u64,
    /// The ABI version that brought it.
    pub since: u32,
    /// What it does.
    pub docs: &'static str,
}

macro_rules! value_type {
    (u32) => {
        ValueType::I32
    };
    (i32) => {
        ValueType::I32
    };
    (i64) => {
        ValueType::I64
    };
}
macro_rules! result_type {
    (()) => {
        None
    };
    ($type:tt) => {
        Some(value_type!($type))
    };
}
macro_rules! table {
    ($($(#[doc = $docs:literal])* fn $name:ident($($argument:ident: $type:tt),* $(,)?) -> $result:tt
        [$base:literal, $per_byte:literal, $since:literal];)*) => {
        /// Every host function, in the order of the table.
        pub const FUNCTIONS: &[HostFunction] = &[$(HostFunction {
            name: stringify!($name),
            arguments: &[$((stringify!($argument), value_type!($type))),*],
            result: result_type!($result),
            base: $base,
            per_byte: $per_byte,
            since: $since,
            docs: concat!($($docs),*),
        }),*];

        /// The costs of each host function by name: `(base, per byte)`.
        pub mod cost {
            $(
                #[doc = concat!("Costs of `", stringify!($name), "`: base and per byte.")]
                #[expect(non_upper_case_globals, reason = "named as the function is")]
                pub const $name: (u64, u64) = ($base, $per_byte);
            )*
        }
    };
}
host_functions!(table);

/// The row of this name; `None` when there is none.
pub fn find(name: &str) -> Option<&'static HostFunction> {
    FUNCTIONS.iter().find(|f| f.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_unique_documented_and_priced() {
        for (i, row) in FUNCTIONS.iter().enumerate() {
            assert!(FUNCTIONS.iter().skip(i + 1).all(|other| other.name != row.name), "{} twice", row.name);
            assert!(!row.docs.trim().is_empty() && row.base > 0 && row.since >= 1, "{}", row.name);
        }
        assert_eq!(find("kv_get").map(|f| f.arguments.len()), Some(2));
        assert_eq!(find("other"), None);
    }
}
