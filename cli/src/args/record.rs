//! Options of `althing record`.

use super::{
    SignOptions,
    domain::{HostAddresses, ds, name},
};
use althing_interface::rdata::Ds;
use althing_types::{id::OrganisationId, name::DomainName};
use clap::{Args, Subcommand};

/// What is to become of a TLD's records in the root zone.
#[derive(Debug, Args)]
pub struct RecordChange {
    /// A name server; again for each further one. They and the DS records given replace all of the delegation.
    #[arg(long, value_name = "HOST", value_parser = name)]
    pub ns: Vec<DomainName>,
    /// A DS record: key tag, algorithm, digest type, digest.
    #[arg(long, value_name = "DS", value_parser = ds, requires = "ns")]
    pub ds: Vec<Ds>,
    /// Addresses of a name server: HOST=ADDRESS, further ones after commas.
    #[arg(long = "host", value_name = "HOST=ADDRESS")]
    pub hosts: Vec<HostAddresses>,
    /// A host whose addresses are to go.
    #[arg(long = "drop-host", value_name = "HOST", value_parser = name)]
    pub drop_hosts: Vec<DomainName>,
    /// Time to live of what is set, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 172_800, value_parser = clap::value_parser!(u32).range(1..=604_800))]
    pub ttl: u32,
}

/// `althing record`.
#[derive(Debug, Subcommand)]
pub enum RecordCommand {
    /// Set name servers, DS records and addresses of a TLD in the root zone. With the key of the TLD's registry.
    #[command(
        after_help = "Examples:\n  althing record set lab --ns ns1.nic.lab --host ns1.nic.lab=192.0.2.53,2001:db8::53 --ns ns2.example.net --key registry-1\n  althing record set lab --ns ns2.example.net --ds '4711 13 2 49FD...CB' --key registry-1\n  althing record set lab --host ns1.nic.lab=192.0.2.54 --key registry-1\n\nAll of one command takes effect together or not at all. Addresses of a host that TLDs of others use wait for their consent."
    )]
    Set {
        /// The TLD.
        #[arg(value_parser = name)]
        tld: DomainName,
        /// What.
        #[command(flatten)]
        change: RecordChange,
        /// Who signs: a key of the registry with the duty operator.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// End the delegation of a TLD. With the key of its registry.
    #[command(after_help = "Examples:\n  althing record delete lab --key registry-1")]
    Delete {
        /// The TLD.
        #[arg(value_parser = name)]
        tld: DomainName,
        /// Who signs: a key of the registry with the duty operator.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// List changes that wait for the consent of other registries, or for a vote.
    #[command(
        after_help = "Examples:\n  althing record held\n  althing record held --waiting-for registry-2\n  althing record held --all --json"
    )]
    Held {
        /// Those that need the consent of this organisation and do not have it.
        #[arg(long, value_name = "ID")]
        waiting_for: Option<OrganisationId>,
        /// Those that this organisation asked for.
        #[arg(long, value_name = "ID")]
        asked_by: Option<OrganisationId>,
        /// Those of this TLD.
        #[arg(long, value_name = "NAME")]
        tld: Option<DomainName>,
        /// Settled ones too, as far as the chain keeps them.
        #[arg(long)]
        all: bool,
    },
    /// Show a held change: what it would do, who consented, who is missing.
    #[command(after_help = "Examples:\n  althing record show 7\n  althing record show 7 --json")]
    Show {
        /// Its number.
        id: u64,
    },
    /// Consent to a change of a host that TLDs of yours use.
    #[command(after_help = "Examples:\n  althing record consent 7 --key registry-2")]
    Consent {
        /// Its number.
        id: u64,
        /// Who signs: a key of the registry with the duty operator.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Object to a change of a host that TLDs of yours use.
    #[command(after_help = "Examples:\n  althing record object 7 --key registry-2 --postscript 'not before Monday'")]
    Object {
        /// Its number.
        id: u64,
        /// Who signs: a key of the registry with the duty operator.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Take back a change that your registry asked for.
    #[command(after_help = "Examples:\n  althing record withdraw 7 --key registry-1")]
    Withdraw {
        /// Its number.
        id: u64,
        /// Who signs: a key of the registry with the duty operator.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Have it counted anew who must consent, as when a registry stopped using the host or is suspended.
    #[command(after_help = "Examples:\n  althing record settle 7 --key registry-1")]
    Settle {
        /// Its number.
        id: u64,
        /// Who signs: any key.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Propose that held changes be carried out without further consent; members vote on it.
    #[command(
        after_help = "Examples:\n  althing record release 7 --key registry-1\n  althing record release 7 8 9 --key registry-1"
    )]
    Release {
        /// Their numbers.
        #[arg(required = true)]
        ids: Vec<u64>,
        /// Who signs: a key of a member that votes.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Propose that held changes be refused; members vote on it.
    #[command(after_help = "Examples:\n  althing record refuse 7 8 --key registry-1")]
    Refuse {
        /// Their numbers.
        #[arg(required = true)]
        ids: Vec<u64>,
        /// Who signs: a key of a member that votes.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Show when changes wait: share of consents, time, brake.
    #[command(after_help = "Examples:\n  althing record settings\n  althing record settings --json")]
    Settings,
    /// Propose a brake: what is changed beyond so much within a window waits for a vote.
    #[command(
        after_help = "Examples:\n  althing record brake --changes 50 --zone-changes 200 --window-blocks 3600 --key registry-1\n  althing record brake --changes 0 --zone-changes 0 --window-blocks 3600 --key registry-1   (off)"
    )]
    Brake {
        /// Delegations and hosts that one organisation may change within the window; 0 for no limit.
        #[arg(long, value_name = "N")]
        changes: u32,
        /// Delegations and hosts that all together may change within the window; 0 for no limit.
        #[arg(long, value_name = "N")]
        zone_changes: u32,
        /// Length of the window in blocks.
        #[arg(long, value_name = "BLOCKS")]
        window_blocks: u64,
        /// Who signs: a key of a member that votes.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Propose whose consent is enough and how long changes wait.
    #[command(
        after_help = "Examples:\n  althing record consents --share-percent 100 --expiry-ms 2592000000 --key registry-1"
    )]
    Consents {
        /// Share of the other organisations that must consent, in percent.
        #[arg(long, value_name = "PERCENT")]
        share_percent: u8,
        /// How long a change waits, in milliseconds.
        #[arg(long, value_name = "MS")]
        expiry_ms: u64,
        /// Who signs: a key of a member that votes.
        #[command(flatten)]
        sign: SignOptions,
    },
}
