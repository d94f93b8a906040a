//! Options of commands that work with files and processes of this machine: keys, devnet, zone, bench.

use super::ca::kind;
use crate::devnet::profile::{self, Directory};
use althing_types::{govern::ReviewMode, id::OrganisationId, name::DomainName, organisation::Role};
use clap::{Args, Subcommand};
use std::{path::PathBuf, str::FromStr};

/// `althing key`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key and keep it encrypted in the home folder.
    #[command(
        after_help = "Examples:\n  althing key new registry-7\n  ALTHING_PASSPHRASE=... althing --home net key new alice --json\n\nThe pass phrase comes from ALTHING_PASSPHRASE, else the home folder's file `passphrase`, else a prompt."
    )]
    New {
        /// Name of the key: 1 to 64 of a-z 0-9 - _ . :
        name: String,
    },
    /// Show a key's public half and where it is kept.
    #[command(after_help = "Examples:\n  althing key show operator\n  althing key show operator --check")]
    Show {
        /// Name of the key.
        name: String,
        /// Open the file with the pass phrase, to see that it still can be.
        #[arg(long)]
        check: bool,
    },
    /// List the home folder's keys.
    #[command(after_help = "Examples:\n  althing key list\n  althing --home net key list --json")]
    List,
}

/// Where a local network is.
#[derive(Clone, Debug, Args)]
pub struct DevnetDir {
    /// Folder of the network [default: the home folder].
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `althing devnet`.
#[derive(Debug, Subcommand)]
pub enum DevnetCommand {
    /// Start a network of separate processes on loopback; an existing folder is started again.
    Up(DevnetUp),
    /// Show the processes and how far each is.
    #[command(after_help = "Examples:\n  althing devnet status --dir net\n  althing devnet status --dir net --json")]
    Status(DevnetDir),
    /// Stop every process of the network.
    #[command(after_help = "Examples:\n  althing devnet down --dir net")]
    Down(DevnetDir),
    /// Kill one process with SIGKILL, as a crash would.
    #[command(after_help = "Examples:\n  althing devnet stop 2 --dir net")]
    Stop {
        /// Index of the node, from 0.
        node: usize,
        /// Where the network is.
        #[command(flatten)]
        dir: DevnetDir,
    },
    /// Make a node that is to join a governed network: its files, its certificate, its organisation's key. Not started.
    Add(DevnetAdd),
    /// Start one process again.
    #[command(after_help = "Examples:\n  althing devnet start 2 --dir net")]
    Start {
        /// Index of the node, from 0.
        node: usize,
        /// Where the network is.
        #[command(flatten)]
        dir: DevnetDir,
    },
}

/// Options of `devnet add`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing devnet add --organisation registry-6 --kind registry --dir net\n  althing devnet start 7 --dir net\n\nThe node becomes a member when the members have voted for its request: althing member request."
)]
pub struct DevnetAdd {
    /// The node's organisation; its key lies in the network's keys under this name, and is made when it is new.
    #[arg(long, value_name = "ID")]
    pub organisation: OrganisationId,
    /// What the organisation is: registry, registrar, isp, recursive_operator, coordinator, regulator, observer.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub kind: Role,
    /// Where the network is.
    #[command(flatten)]
    pub dir: DevnetDir,
}

/// Who takes part in a new network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DevnetProfile {
    /// Seven members that govern a root chain by votes: five registries, an ISP, a coordinator. No operator's key.
    Root,
    /// A chain for each TLD, below a root chain or alone, and chains of entries of registration data alone.
    Names {
        /// Whether there is a root chain.
        root: bool,
        /// The TLDs.
        labels: Vec<DomainName>,
        /// Chains with contract `bootstrap` alone.
        directories: Vec<Directory>,
    },
}

/// What a profile may be.
const PROFILE_RULE: &str = "root, tld:LABEL,..., registry, registry:LABEL,..., registrar, or several of them joined by '+' \
     such as root+tld:lab+registrar; each once, root and registry not together, 1 to 4 different top-level domains in ASCII";

impl FromStr for DevnetProfile {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "root" {
            return Ok(Self::Root);
        }
        let wrong = || format!("not one of {PROFILE_RULE}");
        let (mut root, mut labels) = (false, Vec::new());
        let (mut registry, mut registrar) = (None, None);
        for part in text.split('+') {
            let (name, list) = part.split_once(':').map_or((part, None), |(name, list)| (name, Some(list)));
            let named = list.map(profile_labels).transpose()?;
            match (name, named) {
                ("root", None) if !root => root = true,
                ("tld", Some(named)) if labels.is_empty() => labels = named,
                ("registry", named) if registry.is_none() => {
                    registry = Some(Directory::Registry(named.unwrap_or_default()))
                }
                ("registrar", None) if registrar.is_none() => registrar = Some(Directory::Registrar),
                _ => return Err(wrong()),
            }
        }
        if root && registry.is_some() {
            return Err(format!("the root chain carries the registries' entries itself: {}", wrong()));
        }
        Ok(Self::Names { root, labels, directories: registry.into_iter().chain(registrar).collect() })
    }
}

/// The top-level domains of a part of a profile.
fn profile_labels(list: &str) -> Result<Vec<DomainName>, String> {
    let mut labels: Vec<DomainName> = Vec::new();
    for label in list.split(',') {
        let name = DomainName::parse(label).map_err(|e| format!("'{label}' is no top-level domain: {e}"))?;
        if name.as_str().is_empty() || name.as_str().contains('.') {
            return Err(format!("'{label}' is no top-level domain: it has one label"));
        }
        profile::tld_chain(&name).map_err(|e| format!("'{label}': {}", e.message))?;
        if labels.contains(&name) {
            return Err(format!("'{label}' is named twice"));
        }
        labels.push(name);
    }
    if labels.len() > profile::MAX_LABELS { Err(format!("not one of {PROFILE_RULE}")) } else { Ok(labels) }
}

/// `HOST:PORT`.
fn host_and_port(text: &str) -> Result<String, String> {
    let port =
        text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).and_then(|(_, port)| port.parse::<u16>().ok());
    port.map(|_| text.to_owned()).ok_or_else(|| "not HOST:PORT, such as 127.0.0.1:8600".into())
}

/// Who reviews changes of data.
fn review(text: &str) -> Result<ReviewMode, String> {
    match text {
        "none" => Ok(ReviewMode::None),
        "management" => Ok(ReviewMode::Management),
        "committee" => Ok(ReviewMode::Committee),
        _ => Err("not one of none, management, committee".into()),
    }
}

/// Options of `devnet up`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing devnet up --dir net --authorities 4 --detach\n  althing devnet up --dir net --profile root --detach\n  althing devnet up --dir net --profile root+tld:alpha,beta --detach\n  althing devnet up --dir net --profile root+registrar --rdap-allow 127.0.0.1:8600 --detach\n  althing devnet up --dir net --profile registry:lab --review none --detach\n  althing devnet up --dir net --detach        # starts an existing network again\n  althing devnet up --dir net                 # stays, shows heights, stops all on Ctrl-C\n\n--profile root+tld:LABEL,... makes a root chain althing-root and, for each top-level domain, a chain tld-LABEL whose\nregistry is in both chains with one process, and a zone server for all zones. Parts `registry:LABEL,...` and\n`registrar` are the chains rdap-registry and rdap-registrar, which carry contract bootstrap alone; a root chain carries the\nregistries' entries itself. --chain names the chain of a profile that has one, and the root chain.\n\nWith a profile there is an access node: it follows the chains that carry contract bootstrap and answers RDAP;\n`althing rdap query NAME` asks it. It reads no published file until its configuration names some.\n\nThe program althingd is taken from ALTHINGD, else from beside althing, else from PATH; althing-zone\nand althing-rdap likewise (ALTHING_ZONE, ALTHING_RDAP_PROGRAM)."
)]
pub struct DevnetUp {
    /// Where the network is.
    #[command(flatten)]
    pub dir: DevnetDir,
    /// How many authorities [default: 4, or what the folder already has].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub authorities: Option<u16>,
    /// Who takes part in a new network: `root`, `tld:LABEL,...`, `registry:LABEL,...`, `registrar`, or several joined by
    /// `+` [default: registries alone, with an operator's key that decides].
    #[arg(long, value_name = "PROFILE", conflicts_with = "authorities")]
    pub profile: Option<DevnetProfile>,
    /// How long accepted changes wait, with --profile.
    #[arg(long, value_name = "MS", requires = "profile")]
    pub timelock_ms: Option<u64>,
    /// How long votes are open, with --profile.
    #[arg(long, value_name = "MS", requires = "profile")]
    pub vote_ms: Option<u64>,
    /// Who reviews changes of data before they are written, with --profile: `none`, `management` or `committee`
    /// [default: management].
    #[arg(long, value_name = "WHO", requires = "profile", value_parser = review)]
    pub review: Option<ReviewMode>,
    /// Start no access node for registration data, with --profile.
    #[arg(long, requires = "profile")]
    pub no_rdap: bool,
    /// A server on this machine or of a closed network that the access node may ask, by http too; again for each further
    /// one. A running access node is started again.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_and_port, conflicts_with = "no_rdap")]
    pub rdap_allow: Vec<String>,
    /// How long a node must be a member before it may be promoted, with --profile.
    #[arg(long, value_name = "MS", requires = "profile")]
    pub promotion_ms: Option<u64>,
    /// Every so many heights the nodes of a new network offer a checkpoint; 0: never [default: 1000].
    #[arg(long, value_name = "N")]
    pub checkpoint_blocks: Option<u64>,
    /// Return when every node has committed a block, and leave the processes running.
    #[arg(long)]
    pub detach: bool,
    /// First of the API's ports; nodes take consecutive ones [default: free ports].
    #[arg(long, value_name = "PORT")]
    pub api_port: Option<u16>,
    /// First of the peer-to-peer ports; nodes take consecutive ones [default: free ports].
    #[arg(long, value_name = "PORT")]
    pub network_port: Option<u16>,
    /// Time between blocks when there is nothing to do, for a new network.
    #[arg(long, value_name = "MS")]
    pub empty_block_ms: Option<u64>,
    /// Least time between two blocks that carry transactions, for a new network.
    #[arg(long, value_name = "MS")]
    pub block_ms: Option<u64>,
    /// Log filter of the nodes, for a new network.
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// `althing zone`.
#[derive(Debug, Subcommand)]
pub enum ZoneCommand {
    /// Bring a zone file into the ledger: bind each TLD, then set hosts and delegations.
    #[command(
        after_help = "Examples:\n  althing --home net zone import root.zone.gz\n  althing --home net zone import --zone lab lab.zone\n  althing --api http://127.0.0.1:8100 --home net zone import root.zone --json\n\nRun it again after an interruption: only what is missing is sent."
    )]
    Import {
        /// The zone: `.` on the root chain, the TLD on a TLD chain [default: that of the chain].
        #[arg(long, value_name = "NAME")]
        zone: Option<DomainName>,
        /// Master file, plain or gzipped; SOA and DNSSEC signature types are skipped and counted.
        file: PathBuf,
        /// What a zone file does not say of a TLD's names.
        #[command(flatten)]
        terms: ImportTerms,
    },
    /// Follow a list of changes, serial by serial.
    #[command(
        after_help = "Examples:\n  althing --home net zone replay root-changes.jsonl.gz\n\nEach line is a JSON object with serial, time, add[] and del[]. Run it again after an interruption:\nit goes on with the serial that the ledger has not seen."
    )]
    Replay {
        /// Change list, plain or gzipped.
        changes: PathBuf,
    },
    /// Write the zone out of the ledger's state, every record proof-verified.
    #[command(
        after_help = "Examples:\n  althing --home net zone export --out root.zone\n  althing --home net zone export --zone lab --out lab.zone\n  althing --home net zone export --out root.zone --compare expected.zone.gz"
    )]
    Export {
        /// The zone: `.` on the root chain, the TLD on a TLD chain [default: that of the chain].
        #[arg(long, value_name = "NAME")]
        zone: Option<DomainName>,
        /// File to write: sorted lines `owner ttl class type rdata`; `-` for standard output.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Zone file that the result must equal; the first differences are shown.
        #[arg(long, value_name = "FILE")]
        compare: Option<PathBuf>,
    },
    /// Tell where a record comes from: block, transaction, signer, votes and certificate, each step checked.
    #[command(
        after_help = "Examples:\n  althing --home net zone explain se NS\n  althing --home net zone explain a.root-servers.net A --json\n  althing --home net zone explain example.lab DS --zone lab --json\n\n`verified` is true when every step from the record to the certificate was proven; `notes` says what was not."
    )]
    Explain {
        /// Owner of the record.
        name: DomainName,
        /// Its type: NS, DS, A or AAAA.
        #[arg(value_name = "TYPE")]
        record_type: String,
        /// The zone: `.` on the root chain, the TLD on a TLD chain [default: that of the chain].
        #[arg(long, value_name = "NAME")]
        zone: Option<DomainName>,
    },
}

/// What a zone file does not say of names; for the zones of TLDs.
#[derive(Clone, Debug, Args)]
pub struct ImportTerms {
    /// Registrar that sponsors the names of a TLD's zone [default: the registry].
    #[arg(long, value_name = "ORGANISATION")]
    pub sponsor: Option<OrganisationId>,
    /// Years until the terms of a TLD's names end, from now.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
    pub years: u8,
}

/// Options of `bench`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  althing bench --authorities 4 --seconds 30 --json\n\nThe network is made in a temporary folder and removed afterwards. cpu_us_per_tx counts all nodes together;\nbound_per_s is what the machine's cores allow if each node did nothing but verify each signature once."
)]
pub struct BenchArgs {
    /// How many authorities.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub authorities: u16,
    /// Length of the loaded phase.
    #[arg(long, value_name = "S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub seconds: u64,
    /// Sending keys.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub senders: u16,
    /// Most transactions on the way at a time.
    #[arg(long, value_name = "N", default_value_t = 8_192, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub in_flight: u32,
    /// Keep the network's folder.
    #[arg(long)]
    pub keep: bool,
    /// Folder in which the temporary folder is made [default: the system's].
    #[arg(long, value_name = "DIR")]
    pub temp: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_name_their_top_level_domains() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        let names = |root, labels: &[&str]| DevnetProfile::Names {
            root,
            labels: labels.iter().map(|l| name(l)).collect(),
            directories: Vec::new(),
        };
        assert_eq!("root".parse(), Ok(DevnetProfile::Root));
        assert_eq!("root+tld:alpha".parse(), Ok(names(true, &["alpha"])));
        assert_eq!("root+tld:Alpha,xn--p1ai".parse(), Ok(names(true, &["alpha", "xn--p1ai"])));
        assert_eq!("tld:alpha".parse(), Ok(names(false, &["alpha"])));
        let directories =
            |root, labels: Vec<DomainName>, directories| DevnetProfile::Names { root, labels, directories };
        let registry = |labels: &[&str]| Directory::Registry(labels.iter().map(|l| name(l)).collect());
        assert_eq!("registrar".parse(), Ok(directories(false, vec![], vec![Directory::Registrar])));
        let both = vec![registry(&["lab", "net"]), Directory::Registrar];
        assert_eq!("registrar+registry:lab,net".parse(), Ok(directories(false, vec![], both)));
        let all = directories(true, vec![name("lab")], vec![Directory::Registrar]);
        assert_eq!("root+tld:lab+registrar".parse(), Ok(all));
        for bad in [
            "",
            "tld",
            "tld:",
            "root+tld:",
            "root+tld:a.b",
            "tld:a,a",
            "tld:a,,b",
            "tld:.",
            "root,tld:a",
            "tld:a,b,c,d,e",
            "registrar:lab",
            "registry+registry:a",
            "root+registry",
            "root+root",
            "root+",
        ] {
            let parsed: Result<DevnetProfile, String> = bad.parse();
            assert!(parsed.is_err(), "{bad}: {parsed:?}");
        }
    }
}
