//! Options of `contract`.

use althing_types::id::ContractId;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// How a transaction is signed and waited for.
#[derive(Clone, Debug, Args)]
pub struct SendOptions {
    /// Key of the home folder that signs.
    #[arg(long, value_name = "NAME", default_value = "operator")]
    pub key: String,
    /// Most fuel the transaction may use [default: 10 million for a call, else the chain's maximum].
    #[arg(long, value_name = "FUEL")]
    pub fuel: Option<u64>,
    /// Blocks from now until it expires.
    #[arg(long, value_name = "BLOCKS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub expires_in: u64,
    /// A note that stays with the transaction.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub postscript: String,
    /// Return as soon as the node has taken it in.
    #[arg(long)]
    pub no_wait: bool,
}

/// `althing contract`.
#[derive(Debug, Subcommand)]
pub enum ContractCommand {
    /// Write a new contract crate from the template.
    #[command(
        after_help = "Examples:\n  althing contract new counter\n  althing contract new counter --dir examples/counter --sdk ../sdk/contract"
    )]
    New {
        /// Name of the crate: a-z 0-9 _ and -, first a letter.
        name: String,
        /// Folder to write [default: the name].
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Folder of the contract SDK [default: found from the template's own repository].
        #[arg(long, value_name = "DIR")]
        sdk: Option<PathBuf>,
    },
    /// Build a contract crate to WebAssembly.
    #[command(
        after_help = "Examples:\n  althing contract build\n  althing contract build --manifest-path counter/Cargo.toml --out counter.wasm\n  althing contract build --locked"
    )]
    Build {
        /// The crate's manifest.
        #[arg(long, value_name = "FILE", default_value = "Cargo.toml")]
        manifest_path: PathBuf,
        /// Where to write the module [default: NAME.wasm beside the manifest].
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Refuse to change Cargo.lock: the same toolchain then gives the same bytes anywhere.
        #[arg(long)]
        locked: bool,
    },
    /// Check a module as far as that is possible without a node, and show what it is.
    #[command(after_help = "Examples:\n  althing contract check counter.wasm")]
    Check {
        /// The module.
        file: PathBuf,
    },
    /// Deploy a module under a new id: `ORGANISATION.NAME`, with a deployer's key of that member, where members may
    /// deploy; other ids are deployed by votes (`proposal open deploy`), on a development chain by its operator.
    #[command(
        after_help = "Examples:\n  althing contract deploy registry-1.counter counter.wasm --key registry-1\n  althing contract deploy my_counter counter.wasm\n  althing contract deploy my_counter counter.wasm '{\"start\": 5}'"
    )]
    Deploy {
        /// The new contract's id.
        id: ContractId,
        /// The module.
        file: PathBuf,
        /// Arguments of the initialiser, as JSON.
        arguments: Option<String>,
        /// How to sign and wait.
        #[command(flatten)]
        options: SendOptions,
    },
    /// Call a method in a transaction; arguments are checked against the ABI.
    #[command(
        after_help = "Examples:\n  althing contract call my_counter add '{\"by\": 5}'\n  althing contract call my_counter add '[5]' --key alice --json"
    )]
    Call {
        /// The contract.
        id: ContractId,
        /// The method.
        method: String,
        /// Arguments: a JSON object by name or an array in order; `@FILE` reads a file, `-` standard input.
        arguments: Option<String>,
        /// How to sign and wait.
        #[command(flatten)]
        options: SendOptions,
    },
    /// Call a view. The node computes it: the answer carries no proof.
    #[command(
        after_help = "Examples:\n  althing contract query my_counter value\n  althing contract query my_counter of '{\"key\": \"ab\"}' --json"
    )]
    Query {
        /// The contract.
        id: ContractId,
        /// The view.
        method: String,
        /// Arguments, as JSON.
        arguments: Option<String>,
    },
    /// Replace a contract's code, running its migration: its deployer's right; a contract of all members is replaced by
    /// votes (`upgrade propose`), on a development chain by its operator.
    #[command(after_help = "Examples:\n  althing contract upgrade my_counter counter-2.wasm")]
    Upgrade {
        /// The contract.
        id: ContractId,
        /// The new module.
        file: PathBuf,
        /// Send it even if the new ABI breaks callers.
        #[arg(long)]
        breaking: bool,
        /// How to sign and wait.
        #[command(flatten)]
        options: SendOptions,
    },
    /// List deployed contracts.
    #[command(after_help = "Examples:\n  althing contract list")]
    List,
    /// Show an ABI: of a deployed contract or of a module file.
    #[command(
        after_help = "Examples:\n  althing contract abi domain_records\n  althing contract abi ./counter.wasm --json"
    )]
    Abi {
        /// Contract id, or path of a module (with a `/` or ending in .wasm).
        contract: String,
    },
    /// What changes between two ABIs, and what of it breaks callers. Exits with 3 when something breaks.
    #[command(
        after_help = "Examples:\n  althing contract abi-diff my_counter ./counter-2.wasm\n  althing contract abi-diff old.wasm new.wasm --json"
    )]
    AbiDiff {
        /// Contract id or module path.
        old: String,
        /// Contract id or module path.
        new: String,
    },
}
