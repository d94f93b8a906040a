//! Options of commands that read the chain and send transactions.

use super::SendOptions;
use althing_types::{
    hash::Hash,
    id::{ContractId, OrganisationId},
    name::DomainName,
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Options of `block`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing block\n  althing block 42 --transactions\n  althing block 5c0f...e1 --json"
)]
pub struct BlockArgs {
    /// Height, hash, or `latest`.
    #[arg(default_value = "latest")]
    pub block: String,
    /// Show its transactions and receipts.
    #[arg(long)]
    pub transactions: bool,
}

/// `althing query`.
#[derive(Debug, Subcommand)]
pub enum QueryCommand {
    /// A top-level domain: its registry, status and delegation.
    #[command(after_help = "Examples:\n  althing query tld se\n  althing query tld xn--fiqs8s --json")]
    Tld {
        /// The name, in any case, with or without the final dot.
        name: DomainName,
    },
    /// A name-server host: its addresses and the TLDs that use it.
    #[command(after_help = "Examples:\n  althing query host a.nic.se --json")]
    Host {
        /// The name.
        name: DomainName,
    },
    /// The root's own name servers.
    #[command(after_help = "Examples:\n  althing query apex")]
    Apex,
    /// A deployed contract: code hash, state version, deployer.
    #[command(after_help = "Examples:\n  althing query contract tld_binding")]
    Contract {
        /// Its id.
        id: ContractId,
    },
    /// A member organisation: roles and keys.
    #[command(after_help = "Examples:\n  althing query organisation registry-1")]
    Organisation {
        /// Its id.
        id: OrganisationId,
    },
    /// A key: its organisation, roles and next sequence number.
    #[command(after_help = "Examples:\n  althing query key operator\n  althing query key 3b6a...29 --json")]
    Key {
        /// 64 hexadecimal digits, or the name of a key in the home folder.
        key: String,
    },
    /// The chain's parameters.
    #[command(after_help = "Examples:\n  althing query parameters --json")]
    Parameters,
}

/// `althing tx`.
#[derive(Debug, Subcommand)]
pub enum TxCommand {
    /// Sign and send a contract call, or send signed bytes made elsewhere.
    #[command(
        after_help = "Examples:\n  althing tx send tld_binding bind '{\"tld\": \"lab\", \"organisation\": \"registry-1\"}'\n  althing tx send my_counter add '[5]' --key alice --no-wait\n  althing tx send --sign-only my_counter add '[5]' > signed.hex\n  althing tx send --file signed.hex"
    )]
    Send {
        /// The contract.
        #[arg(required_unless_present = "file", conflicts_with = "file")]
        contract: Option<ContractId>,
        /// The method.
        #[arg(required_unless_present = "file", conflicts_with = "file")]
        method: Option<String>,
        /// Arguments: a JSON object by name or an array in order; `@FILE` reads a file, `-` standard input.
        #[arg(conflicts_with = "file")]
        arguments: Option<String>,
        /// File with a signed transaction: canonical bytes as hexadecimal text.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Print the signed transaction and send nothing.
        #[arg(long)]
        sign_only: bool,
        /// How to sign and wait.
        #[command(flatten)]
        options: SendOptions,
    },
    /// Where a transaction stands.
    #[command(after_help = "Examples:\n  althing tx status 5c0f...e1")]
    Status {
        /// Its hash.
        hash: Hash,
    },
    /// Wait until a transaction is final or left out.
    #[command(after_help = "Examples:\n  althing tx wait 5c0f...e1 --timeout 10")]
    Wait {
        /// Its hash.
        hash: Hash,
    },
    /// Recent transactions of a key, or those that were left out of blocks.
    #[command(after_help = "Examples:\n  althing tx list --key operator\n  althing tx list --abnormal --json")]
    List {
        /// A key of the home folder, or 64 hexadecimal digits.
        #[arg(long, value_name = "KEY", default_value = "operator")]
        key: String,
        /// Those that were left out of every block, with their reasons.
        #[arg(long)]
        abnormal: bool,
        /// At most so many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
    },
}

/// Options of `events`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing events --follow\n  althing events --from 120:0 --contract domain_records --json\n\nThe cursor is `height:index`; the last line's cursor is where to go on."
)]
pub struct EventsArgs {
    /// Go on with new events until Ctrl-C.
    #[arg(long)]
    pub follow: bool,
    /// First place to show: `height:index` or `height`.
    #[arg(long, value_name = "CURSOR", default_value = "1")]
    pub from: String,
    /// Only of this contract.
    #[arg(long, value_name = "ID")]
    pub contract: Option<ContractId>,
    /// Only of this name.
    #[arg(long, value_name = "EVENT")]
    pub name: Option<String>,
    /// Stop after so many.
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
}
