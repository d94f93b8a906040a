//! Options of `althing chain` and `althing audit`: the whole chain as a file.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `althing chain`.
#[derive(Debug, Subcommand)]
pub enum ChainCommand {
    /// Write genesis, code and every block with its certificate into one file, for an audit.
    #[command(
        after_help = "Examples:\n  althing chain export --out chain.gz\n  althing --api http://127.0.0.1:8100 chain export --to 5000 --out chain.gz\n\nThe node must have every block: one that began with a checkpoint does not."
    )]
    Export {
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Last height [default: the node's].
        #[arg(long, value_name = "HEIGHT")]
        to: Option<u64>,
    },
}

/// Options of `audit`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing audit chain.gz\n  althing --genesis genesis.json audit chain.gz --json\n\nWorks offline, with the program althingd. With --genesis, or in a home folder that has a genesis document, the\nfile must be of that genesis; otherwise look at the genesis hash that is printed. Exit code 4: the chain disagrees,\nand the output says where; 9: the file is damaged."
)]
pub struct AuditArgs {
    /// The file, as `chain export` wrote it.
    pub file: PathBuf,
    /// Folder with code of genesis contracts (ID.wasm) that neither the file nor the program brings.
    #[arg(long, value_name = "DIR")]
    pub contracts: Option<PathBuf>,
}
