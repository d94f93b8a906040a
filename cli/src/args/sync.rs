//! Options of `althing sync`: what root chain and TLD chains tell each other.

use althing_types::{id::ChainId, name::DomainName};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `althing sync`.
#[derive(Debug, Subcommand)]
pub enum SyncCommand {
    /// Show the peers of a chain; with the other chain at hand, how far each side is behind.
    #[command(
        after_help = "Examples:\n  althing --home net sync status\n  althing --home net sync status --from tld-alpha --to althing-root\n  althing sync status --from-api http://127.0.0.1:8110 --to-api http://127.0.0.1:8100 --json\n\nWithout two chains, all peers of the one chain are shown as that chain knows them."
    )]
    Status {
        /// The chains.
        #[command(flatten)]
        ends: Ends,
    },
    /// Carry messages from one chain to the other, with their proofs. Any member's key will do: nobody has to trust it.
    #[command(
        after_help = "Examples:\n  althing --home net sync relay --from tld-alpha --to althing-root --both --key registry-1\n  althing sync relay --from-api http://127.0.0.1:8110 --to-api http://127.0.0.1:8100 --once --key registry-1 --json\n\nIt runs until it is stopped; with --once until nothing is due. It keeps nothing: it may be stopped at any time, and several may run."
    )]
    Relay(SyncRelay),
    /// Show deliveries that the chain refused, the oldest kept one first.
    #[command(
        after_help = "Examples:\n  althing --home net --chain althing-root sync refusals tld-alpha\n  althing --api http://127.0.0.1:8100 sync refusals --json\n\nThe chain keeps the last 64 of each peer; its events tell of all. What claimed to be of a chain that is no peer stands under the chain's own id."
    )]
    Refusals {
        /// Of this peer only.
        peer: Option<ChainId>,
    },
    /// Show changes of TLD chains that wait for a vote.
    #[command(
        after_help = "Examples:\n  althing --home net --chain althing-root sync held\n  althing --api http://127.0.0.1:8100 sync held --json\n\nA vote releases or rejects one: it calls 'release' or 'reject' of contract root_sync."
    )]
    Held,
    /// Write the call by which members trust the present authorities of another chain.
    #[command(
        after_help = "Examples:\n  althing --home net sync draft --peer tld-alpha --out trust.json\n  althing sync draft --peer-api http://127.0.0.1:8100 --tld alpha --out trust.json --json\n\nMembers of the chain that is to trust it propose the file: althing proposal open calls trust.json --key NAME. For a new peer, and after the peer recovered from the loss of its quorum or contradicted itself."
    )]
    Draft {
        /// The chain to trust, of the home folder.
        #[arg(long, value_name = "ID")]
        peer: Option<ChainId>,
        /// Base URL of a node of the chain to trust.
        #[arg(long, value_name = "URL")]
        peer_api: Option<String>,
        /// The TLD that is spoken of, where the chain to trust is the root chain.
        #[arg(long, value_name = "TLD")]
        tld: Option<DomainName>,
        /// File to write.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
}

/// Two chains.
#[derive(Clone, Debug, Args)]
pub struct Ends {
    /// The sending chain, of the home folder.
    #[arg(long, value_name = "ID")]
    pub from: Option<ChainId>,
    /// The receiving chain, of the home folder.
    #[arg(long, value_name = "ID")]
    pub to: Option<ChainId>,
    /// Base URL of a node of the sending chain.
    #[arg(long, value_name = "URL")]
    pub from_api: Option<String>,
    /// Base URL of a node of the receiving chain.
    #[arg(long, value_name = "URL")]
    pub to_api: Option<String>,
}

impl Ends {
    /// Whether two chains are named.
    pub const fn are_given(&self) -> bool {
        (self.from.is_some() || self.from_api.is_some()) && (self.to.is_some() || self.to_api.is_some())
    }
    /// Whether none is named.
    pub const fn are_left_out(&self) -> bool {
        self.from.is_none() && self.from_api.is_none() && self.to.is_none() && self.to_api.is_none()
    }
}

/// Options of `sync relay`.
#[derive(Clone, Debug, Args)]
pub struct SyncRelay {
    /// The chains.
    #[command(flatten)]
    pub ends: Ends,
    /// Key of the home folder that signs deliveries; a member's on the receiving chain, with --both on both.
    #[arg(long, value_name = "NAME")]
    pub key: String,
    /// Carry in both directions.
    #[arg(long)]
    pub both: bool,
    /// End when nothing is due any more.
    #[arg(long)]
    pub once: bool,
    /// Seconds between looks when nothing was due.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub every: u64,
    /// Prove anew after so many blocks of the sender that there is no message [default: with messages only].
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(1..))]
    pub confirm: Option<u64>,
}
