//! Options of the commands about registration data: entries of TLDs and registrars, the accreditation list, RDAP.

use super::SignOptions;
use althing_types::{id::OrganisationId, name::DomainName};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `althing bootstrap`.
#[derive(Debug, Subcommand)]
pub enum BootstrapCommand {
    /// Set the base URLs of a TLD's RDAP service. Only the registry to which the TLD is bound.
    #[command(
        after_help = "Examples:\n  althing bootstrap set lab https://rdap.nic.lab/ --key registry-1\n  althing bootstrap set lab https://rdap.nic.lab/ https://rdap2.nic.lab/v1/ --key registry-1\n\nBase URLs are https and end in '/' (RFC 9224). Where members review changes of data, the answer names the proposal."
    )]
    Set {
        /// The TLD.
        tld: DomainName,
        /// Base URLs; the first is asked first.
        #[arg(required = true, num_args = 1..=8, value_name = "URL")]
        urls: Vec<String>,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Delete the entry of a TLD: IANA's file counts again.
    #[command(after_help = "Examples:\n  althing bootstrap delete lab --key registry-1")]
    Delete {
        /// The TLD.
        tld: DomainName,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Show the entry of a TLD, or of all.
    #[command(after_help = "Examples:\n  althing bootstrap show\n  althing bootstrap show lab --json")]
    Show {
        /// The TLD; all when left out.
        tld: Option<DomainName>,
    },
    /// Show past values of a TLD's entry.
    #[command(after_help = "Examples:\n  althing bootstrap history lab")]
    History {
        /// The TLD.
        tld: DomainName,
    },
    /// Bring the entries to what a bootstrap file says: only what differs is sent, so it can be run again.
    Load(BootstrapLoad),
    /// Write all entries as a bootstrap file (RFC 9224), each proven.
    Export(BootstrapExport),
}

/// Options of `althing bootstrap load`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  althing --home net bootstrap load dns.json\n  althing --home net --chain rdap-registry bootstrap load dns.json --json\n\nFor networks in which one person holds the keys of all: the home folder's keys sign. TLDs that nobody runs are bound to\nits registries first. Where members review changes, the entries are proposed in parcels and voted for with the keys of\nmore than half of the members. A missing final slash is added and https put before http. Entries of other TLDs stay.\n\nRun it again after an interruption: only what differs is sent."
)]
pub struct BootstrapLoad {
    /// A bootstrap file for domains, such as IANA's dns.json; plain or gzipped.
    pub file: PathBuf,
}

/// Options of `althing bootstrap export`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  althing bootstrap export --out dns.json\n  althing bootstrap export | jq '.services | length'"
)]
pub struct BootstrapExport {
    /// The file [default: standard output].
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// `althing registrar`.
#[derive(Debug, Subcommand)]
pub enum RegistrarCommand {
    /// Claim to be the registrar with this IANA id; the management node approves it.
    #[command(after_help = "Examples:\n  althing registrar apply 292 --key registrar-1")]
    Apply {
        /// The IANA id; it must be on the list as accredited.
        id: u32,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Approve a claim. The organisation that keeps the accreditation list.
    #[command(after_help = "Examples:\n  althing registrar approve registrar-1 292 --key registry-1")]
    Approve {
        /// Whose claim.
        organisation: OrganisationId,
        /// The IANA id that it claims.
        id: u32,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// End a claim, and the registrar's entry with it. The organisation that keeps the accreditation list.
    #[command(after_help = "Examples:\n  althing registrar revoke registrar-1 --key registry-1")]
    Revoke {
        /// Whose claim.
        organisation: OrganisationId,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Set the entry of the registrar whose key signs.
    Set(RegistrarSet),
    /// Delete the entry of the registrar whose key signs.
    #[command(after_help = "Examples:\n  althing registrar delete --key registrar-1")]
    Delete {
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Show a registrar: what the list and what it says itself.
    #[command(after_help = "Examples:\n  althing registrar show 292\n  althing registrar show 292 --json")]
    Show {
        /// The IANA id.
        id: u32,
    },
}

/// Options of `althing registrar set`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  althing registrar set --country Iceland --contact 'desk@seller.example' --link https://seller.example --url https://rdap.seller.example/ --key registrar-1"
)]
pub struct RegistrarSet {
    /// Country or territory.
    #[arg(long, value_name = "TEXT")]
    pub country: String,
    /// Public contact.
    #[arg(long, value_name = "TEXT")]
    pub contact: String,
    /// Web site.
    #[arg(long, value_name = "URL")]
    pub link: String,
    /// Base URL of the RDAP service; again for each further one.
    #[arg(long = "url", value_name = "URL")]
    pub urls: Vec<String>,
    /// Who signs.
    #[command(flatten)]
    pub sign: SignOptions,
}

/// `althing accreditation`.
#[derive(Debug, Subcommand)]
pub enum AccreditationCommand {
    /// Bring the list on the chain to what a file says: only what differs is sent, so it can be run again.
    #[command(
        after_help = "Examples:\n  althing accreditation load registrar-ids.csv --key registry-1\n  althing accreditation load registrar-ids.csv --published 2026-08-01 --key registry-1\n\nThe file is IANA's list of registrar ids (CSV: ID, Registrar Name, Status). The organisation that keeps the list signs."
    )]
    Load {
        /// The file.
        file: PathBuf,
        /// Day of publication, YYYY-MM-DD [default: the file's time of change].
        #[arg(long, value_name = "DATE")]
        published: Option<String>,
        /// Who signs.
        #[command(flatten)]
        sign: SignOptions,
    },
}

/// `althing rdap`.
#[derive(Debug, Subcommand)]
pub enum RdapCommand {
    /// Ask an access node about a domain, and check what it says of the chain.
    #[command(
        after_help = "Examples:\n  althing --home net rdap query example.lab\n  althing rdap query example.lab --server https://rdap.example/\n  althing rdap query example.lab --server http://127.0.0.1:8081/ --source registry --json\n\nEach part of the answer whose address comes from a chain is checked: the entry is read from the chain's nodes with its\nproof. Give the nodes by --api, or a home folder with a local network by --home."
    )]
    Query {
        /// The domain.
        name: String,
        /// Base URL of the access node [default: that of the home folder's local network].
        #[arg(long, value_name = "URL", env = "ALTHING_RDAP")]
        server: Option<String>,
        /// Whom it asks.
        #[arg(long, value_name = "WHO", default_value = "both", value_parser = ["registry", "registrar", "both"])]
        source: String,
    },
}
