//! Options of `althing ca`: the consortium's authority and the certificates that it issues.

use althing_types::{
    crypto::{NodeId, PublicKey},
    id::OrganisationId,
    identity::Usage,
    name::DomainName,
    organisation::Role,
};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `althing ca`.
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Make an authority in the home folder: its encrypted key, its certificate, and an empty record.
    #[command(
        after_help = "Examples:\n  althing --home authority ca init --organisation consortium\n  althing --home authority ca init --organisation consortium --years 20 --json\n\nThe pass phrase comes from ALTHING_PASSPHRASE, else the home folder's file `passphrase`, else a prompt."
    )]
    Init {
        /// Organisation that runs the authority.
        #[arg(long, value_name = "NAME", default_value = "consortium")]
        organisation: OrganisationId,
        /// How long its certificate is valid, in years of 365 days.
        #[arg(long, value_name = "YEARS", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=50))]
        years: u16,
    },
    /// Certify a key: whose it is, what it is for, and which TLDs or registrar id its owner has.
    Issue(IssueOptions),
    /// Record that a certificate is no longer good.
    #[command(
        after_help = "Examples:\n  althing --home authority ca revoke 5f3a... --reason 'key lost'\n\nThe record is the authority's own: members refuse the certificate when the chain has heard of it too."
    )]
    Revoke {
        /// Serial number, as `ca list` shows it.
        serial: String,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List what the authority issued.
    #[command(after_help = "Examples:\n  althing --home authority ca list\n  althing --home authority ca list --json")]
    List,
    /// Show what a certificate says and whether it is good now.
    #[command(
        after_help = "Examples:\n  althing ca show node-1.crt --root ca.crt\n  althing --home authority ca show authority/ca/ca.crt --json"
    )]
    Show {
        /// Certificate (PEM or DER); in PEM its issuers may follow it.
        file: PathBuf,
        /// Certificate of the root to trust [default: that of the home folder's authority].
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
    },
}

/// Options of `ca issue`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing --home authority ca issue --organisation alpha --kind registry --usage node --node-id 3b6a... --tld lab\n  althing --home authority ca issue --organisation beta --kind registrar --usage key --csr beta.csr --registrar 292 --out beta.crt\n  althing --home net ca issue --organisation alpha --kind registry --usage key --key alice --days 90"
)]
pub struct IssueOptions {
    /// Organisation that owns the key.
    #[arg(long, value_name = "ID")]
    pub organisation: OrganisationId,
    /// What the organisation is: registry, registrar, isp, recursive_operator, coordinator, regulator, observer, operator.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Role,
    /// Whose key it is: node, key (a person's or programme's), organisation.
    #[arg(long, value_name = "USAGE", value_parser = usage)]
    pub usage: Usage,
    /// The key.
    #[command(flatten)]
    pub subject: Subject,
    /// TLD that the organisation runs, as an A-label; again for each further one.
    #[arg(long = "tld", value_name = "LABEL", value_parser = tld)]
    pub tlds: Vec<DomainName>,
    /// The registrar's number in the registry of registrar ids.
    #[arg(long, value_name = "N")]
    pub registrar: Option<u32>,
    /// How long the certificate is valid.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3_650))]
    pub days: u16,
    /// Text for people, at most 64 characters [default: usage and organisation].
    #[arg(long, value_name = "TEXT")]
    pub common_name: Option<String>,
    /// File to write as well (PEM); `-` for standard output.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// The key to certify: exactly one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct Subject {
    /// A key of the home folder.
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// A public key, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    pub public_key: Option<PublicKey>,
    /// A node's id, 64 hexadecimal digits.
    #[arg(long, value_name = "HEX")]
    pub node_id: Option<NodeId>,
    /// A request (PKCS #10, PEM or DER) that the key has signed; only the key is taken from it.
    #[arg(long, value_name = "FILE")]
    pub csr: Option<PathBuf>,
}

pub(super) fn kind(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| format!("a kind is one of {}", Role::ALL.map(Role::text).join(", ")))
}

fn usage(text: &str) -> Result<Usage, String> {
    Usage::parse(text).ok_or_else(|| format!("a usage is one of {}", Usage::ALL.map(Usage::text).join(", ")))
}

fn tld(text: &str) -> Result<DomainName, String> {
    let name = DomainName::parse(text).map_err(|e| e.to_string())?;
    if name.labels().count() == 1 { Ok(name) } else { Err("a TLD is one label".into()) }
}
