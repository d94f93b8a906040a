//! Options of `althing domain`: names below a TLD, on the chain of that TLD.

use super::SignOptions;
use althing_interface::{
    rdata::Ds,
    registrations::{Registrant, Status},
};
use althing_types::{codec::Bytes, codec::Text, hash::Hash, id::OrganisationId, name::DomainName};
use clap::{Args, Subcommand};
use std::{net::IpAddr, path::PathBuf, str::FromStr};

/// `althing domain`.
#[derive(Debug, Subcommand)]
pub enum DomainCommand {
    /// Register a name. With a registrar's key.
    #[command(
        after_help = "Examples:\n  althing domain register alice.lab --ns ns1.example --ns ns2.example --key registrar-1\n  althing domain register alice.lab --years 2 --ns ns.alice.lab --host ns.alice.lab=192.0.2.1,2001:db8::1 --key registrar-1\n  althing domain register müller.lab --ds '12345 13 2 49FD...0C' --ns ns1.example --key registrar-1 --json"
    )]
    Register {
        /// The name, in any case; Unicode is turned into its A-label.
        #[arg(value_parser = name)]
        name: DomainName,
        /// Its term in years.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
        years: u8,
        /// With what.
        #[command(flatten)]
        content: Content,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Extend the term of a name. With the sponsoring registrar's key.
    #[command(
        after_help = "Examples:\n  althing domain renew alice.lab --key registrar-1\n  althing domain renew alice.lab --years 3 --key registrar-1\n\nThe present end of the term is read first and sent along, so that nothing is renewed twice."
    )]
    Renew {
        /// The name.
        #[arg(value_parser = name)]
        name: DomainName,
        /// Years to add; the whole term reaches at most ten years ahead.
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=10))]
        years: u8,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Change name servers, DS records, hosts or registrant of a name. With the sponsoring registrar's key.
    #[command(
        after_help = "Examples:\n  althing domain update alice.lab --ns ns1.example --ns ns2.example --key registrar-1\n  althing domain update alice.lab --no-ds --key registrar-1\n  althing domain update alice.lab --ns ns.alice.lab --host ns.alice.lab=192.0.2.1 --key registrar-1\n\nName servers and DS records that are given replace all present ones; what is not given stays."
    )]
    Update {
        /// The name.
        #[arg(value_parser = name)]
        name: DomainName,
        /// What it is to be.
        #[command(flatten)]
        content: Content,
        /// Take all name servers and DS records away.
        #[arg(long, conflicts_with = "ns")]
        no_ns: bool,
        /// Take all DS records away.
        #[arg(long, conflicts_with = "ds")]
        no_ds: bool,
        /// Take a host's addresses away; again for each further one.
        #[arg(long = "no-host", value_name = "HOST", value_parser = name)]
        no_hosts: Vec<DomainName>,
        /// Take digest and pointer of the registrant away.
        #[arg(long, conflicts_with = "registrant_digest")]
        no_registrant: bool,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Show a subordinate host, or set its addresses. With the key of the registrar that sponsors its domain.
    #[command(
        after_help = "Examples:\n  althing domain host ns.alice.lab\n  althing domain host ns.alice.lab --address 192.0.2.1 --address 2001:db8::1 --key registrar-1\n  althing domain host ns.alice.lab --delete --key registrar-1"
    )]
    Host {
        /// The host: a name below a registered one.
        #[arg(value_parser = name)]
        host: DomainName,
        /// An address; again for each further one. They replace all present ones.
        #[arg(long = "address", value_name = "ADDRESS", requires = "key")]
        addresses: Vec<IpAddr>,
        /// Take its addresses away.
        #[arg(long, conflicts_with = "addresses", requires = "key")]
        delete: bool,
        /// Key of the home folder that signs a change; without one the host is shown.
        #[arg(long, value_name = "NAME")]
        key: Option<String>,
    },
    /// Take a name out of the zone. With the sponsoring registrar's key; with --server the registry's.
    #[command(
        after_help = "Examples:\n  althing domain hold alice.lab --key registrar-1\n  althing domain hold alice.lab --server --key registry-1"
    )]
    Hold {
        /// Which name, on whose behalf.
        #[command(flatten)]
        held: Held,
    },
    /// Put a name that is on hold into the zone again.
    #[command(
        after_help = "Examples:\n  althing domain release alice.lab --key registrar-1\n  althing domain release alice.lab --server --key registry-1"
    )]
    Release {
        /// Which name, on whose behalf.
        #[command(flatten)]
        held: Held,
    },
    /// Set and remove statuses: those of the client with the sponsoring registrar's key, those of the server with the
    /// registry's.
    #[command(
        after_help = "Examples:\n  althing domain status alice.lab --add clientTransferProhibited --key registrar-1\n  althing domain status alice.lab --remove clientHold --key registrar-1\n  althing domain status alice.lab --add serverUpdateProhibited --add serverDeleteProhibited --key registry-1"
    )]
    Status {
        /// The name.
        #[arg(value_parser = name)]
        name: DomainName,
        /// Status to set, in the words of EPP (RFC 5731); again for each further one.
        #[arg(long, value_name = "STATUS", value_parser = status)]
        add: Vec<Status>,
        /// Status to remove.
        #[arg(long, value_name = "STATUS", value_parser = status)]
        remove: Vec<Status>,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Give a name a new authorisation code, for the registrant to hand to another registrar. Only its hash is sent.
    #[command(
        after_help = "Examples:\n  althing domain code alice.lab --out alice.code --key registrar-1\n  althing domain code alice.lab --remove --key registrar-1\n\nThe code is written to a new file that nobody else can read; it is shown nowhere."
    )]
    Code {
        /// The name.
        #[arg(value_parser = name)]
        name: DomainName,
        /// File to write the code to; it must not exist.
        #[arg(long, value_name = "FILE", required_unless_present = "remove")]
        out: Option<PathBuf>,
        /// Take the code away, so that nobody can ask for the name.
        #[arg(long, conflicts_with = "out")]
        remove: bool,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Move a name to another registrar.
    #[command(subcommand)]
    Transfer(TransferCommand),
    /// Delete a name: in the add grace period at once, else into redemption. With the sponsoring registrar's key.
    #[command(after_help = "Examples:\n  althing domain delete alice.lab --key registrar-1")]
    Delete(One),
    /// Take a deleted name back out of redemption. With the sponsoring registrar's key.
    #[command(after_help = "Examples:\n  althing domain restore alice.lab --key registrar-1")]
    Restore(One),
    /// Show a name with its statuses in the words of EPP, proof-verified.
    #[command(after_help = "Examples:\n  althing domain show alice.lab\n  althing domain show alice.lab --json")]
    Show {
        /// The name.
        #[arg(value_parser = name)]
        name: DomainName,
    },
    /// List names, proof-verified: all, or those of one registrar.
    #[command(
        after_help = "Examples:\n  althing domain list\n  althing domain list --registrar registrar-1 --json\n  althing domain list --limit 20"
    )]
    List {
        /// Only names that this organisation sponsors.
        #[arg(long, value_name = "ORGANISATION")]
        registrar: Option<OrganisationId>,
        /// At most so many.
        #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        limit: u32,
    },
    /// Ask which names can be registered. The node computes it: the answer carries no proof.
    #[command(after_help = "Examples:\n  althing domain check alice.lab bob.lab --json")]
    Check {
        /// The names.
        #[arg(required = true, value_parser = name, num_args = 1..=64)]
        names: Vec<DomainName>,
    },
    /// The TLD's own name servers, as the root should have them: show them, or set them with the registry's key.
    #[command(
        after_help = "Examples:\n  althing domain apex\n  althing domain apex --ns ns1.lab --host ns1.lab=192.0.2.53 --ns ns.example --key registry-1\n  althing domain apex --ns ns.example --ds '4711 13 2 49FD...0C' --ttl 3600 --key registry-1\n\nWhat is given replaces all of it; it is carried to the root chain."
    )]
    Apex {
        /// A name server; again for each further one.
        #[arg(long, value_name = "HOST", value_parser = name, requires = "key")]
        ns: Vec<DomainName>,
        /// A DS record: key tag, algorithm, digest type, digest.
        #[arg(long, value_name = "DS", value_parser = ds, requires = "ns")]
        ds: Vec<Ds>,
        /// Addresses of a name server: HOST=ADDRESS, further ones after commas.
        #[arg(long = "host", value_name = "HOST=ADDRESS", requires = "ns")]
        hosts: Vec<HostAddresses>,
        /// Time to live of all these records in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 86_400, value_parser = clap::value_parser!(u32).range(1..=604_800))]
        ttl: u32,
        /// Key of the home folder that signs a change; without one the apex is shown.
        #[arg(long, value_name = "NAME", requires = "ns")]
        key: Option<String>,
    },
    /// Reserve names, so that nobody can register them. With the registry's key.
    #[command(
        after_help = "Examples:\n  althing domain reserve gov.lab police.lab --reason 'kept for the state' --key registry-1\n  althing domain reserve --file spec5.txt --reason 'Specification 5' --key registry-1\n\nA file has one label or name a line; lines that begin with # are passed over. `domain reserved` lists them."
    )]
    Reserve {
        /// The names.
        #[arg(value_parser = name, required_unless_present = "file")]
        names: Vec<DomainName>,
        /// File with labels or names, one a line.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// Why; everyone can read it.
        #[arg(long, value_name = "TEXT", default_value = "reserved by the registry")]
        reason: String,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Free reserved names. With the registry's key.
    #[command(after_help = "Examples:\n  althing domain unreserve gov.lab --key registry-1")]
    Unreserve {
        /// The names.
        #[arg(required = true, value_parser = name)]
        names: Vec<DomainName>,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// List reserved names, proof-verified.
    #[command(after_help = "Examples:\n  althing domain reserved --json")]
    Reserved,
    /// End the load of an existing TLD for good: from then on names come by registration. With the registry's key.
    #[command(after_help = "Examples:\n  althing domain close-load --key registry-1")]
    CloseLoad {
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
}

/// `althing domain transfer`.
#[derive(Debug, Subcommand)]
pub enum TransferCommand {
    /// Ask for a name of another registrar, with its authorisation code. With the gaining registrar's key.
    #[command(
        after_help = "Examples:\n  althing domain transfer request alice.lab --code-file alice.code --key registrar-2\n  ALTHING_AUTH_CODE=... althing domain transfer request alice.lab --key registrar-2\n\nThe code is part of the transaction and thereby public: it is used up, whatever the answer. Without a file and\nwithout ALTHING_AUTH_CODE it is asked for on the terminal."
    )]
    Request {
        /// The name.
        #[arg(value_parser = name)]
        name: DomainName,
        /// File with the code.
        #[arg(long, value_name = "FILE")]
        code_file: Option<PathBuf>,
        /// How to sign.
        #[command(flatten)]
        sign: SignOptions,
    },
    /// Agree to a transfer. With the losing registrar's key.
    #[command(after_help = "Examples:\n  althing domain transfer approve alice.lab --key registrar-1")]
    Approve(One),
    /// Refuse a transfer. With the losing registrar's key.
    #[command(after_help = "Examples:\n  althing domain transfer reject alice.lab --key registrar-1")]
    Reject(One),
    /// Take a request back. With the gaining registrar's key.
    #[command(after_help = "Examples:\n  althing domain transfer cancel alice.lab --key registrar-2")]
    Cancel(One),
}

/// One name and how to sign.
#[derive(Clone, Debug, Args)]
pub struct One {
    /// The name.
    #[arg(value_parser = name)]
    pub name: DomainName,
    /// How to sign.
    #[command(flatten)]
    pub sign: SignOptions,
}

/// A name that is held or released.
#[derive(Clone, Debug, Args)]
pub struct Held {
    /// The name.
    #[arg(value_parser = name)]
    pub name: DomainName,
    /// On behalf of the registry: serverHold instead of clientHold.
    #[arg(long)]
    pub server: bool,
    /// How to sign.
    #[command(flatten)]
    pub sign: SignOptions,
}

/// What a name has.
#[derive(Clone, Debug, Args)]
pub struct Content {
    /// A name server; again for each further one.
    #[arg(long, value_name = "HOST", value_parser = name)]
    pub ns: Vec<DomainName>,
    /// A DS record: key tag, algorithm, digest type, digest; again for each further one.
    #[arg(long, value_name = "DS", value_parser = ds)]
    pub ds: Vec<Ds>,
    /// Addresses of a host below the name: HOST=ADDRESS, further ones after commas; again for each further host.
    #[arg(long = "host", value_name = "HOST=ADDRESS")]
    pub hosts: Vec<HostAddresses>,
    /// Keyed digest of the registrant's data: 64 hexadecimal digits. The data itself stays with the registrar.
    #[arg(long, value_name = "HASH", requires = "registrant_pointer")]
    pub registrant_digest: Option<Hash>,
    /// Where those who may know can ask for the registrant.
    #[arg(long, value_name = "URL", requires = "registrant_digest")]
    pub registrant_pointer: Option<String>,
}

impl Content {
    /// Digest and pointer of the registrant, when they are given.
    ///
    /// # Errors
    /// The rule, when the pointer is too long.
    pub fn registrant(&self) -> Result<Option<Registrant>, String> {
        let (Some(digest), Some(pointer)) = (self.registrant_digest, &self.registrant_pointer) else {
            return Ok(None);
        };
        let pointer = Text::new(pointer.as_str()).map_err(|e| format!("at most {} bytes", e.maximum))?;
        Ok(Some(Registrant { digest, pointer }))
    }
}

/// A host with its addresses: `HOST=ADDRESS[,ADDRESS]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddresses {
    /// The host.
    pub host: DomainName,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

impl FromStr for HostAddresses {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (host, addresses) =
            text.split_once('=').ok_or_else(|| format!("'{text}' is not of the form HOST=ADDRESS[,ADDRESS]"))?;
        let address = |text: &str| text.trim().parse::<IpAddr>().map_err(|_| format!("'{text}' is no IP address"));
        let addresses = addresses.split(',').map(address).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { host: name(host)?, addresses })
    }
}

/// A name as a person types it.
pub(super) fn name(text: &str) -> Result<DomainName, String> {
    althing_interface::label::parse_name(text).map_err(|e| e.to_string())
}

/// A status by its word.
fn status(text: &str) -> Result<Status, String> {
    let known = || Status::ALL.iter().map(|status| status.word()).collect::<Vec<_>>().join(", ");
    Status::parse(text).ok_or_else(|| format!("'{text}' is no status that can be set; these are: {}", known()))
}

/// A DS record in presentation form: key tag, algorithm, digest type, digest in hexadecimal digits, spaces allowed.
pub(super) fn ds(text: &str) -> Result<Ds, String> {
    let rule = || format!("'{text}' is not of the form: key tag, algorithm, digest type, digest in hexadecimal digits");
    let mut parts = text.split_whitespace();
    let mut next = || parts.next().ok_or_else(rule);
    let key_tag = next()?.parse().map_err(|_| rule())?;
    let algorithm = next()?.parse().map_err(|_| rule())?;
    let digest_type = next()?.parse().map_err(|_| rule())?;
    let digest: String = parts.collect();
    let digest = hex::decode(digest).ok().and_then(|bytes| Bytes::new(bytes).ok()).ok_or_else(rule)?;
    if digest.is_empty() { Err(rule()) } else { Ok(Ds { key_tag, algorithm, digest_type, digest }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ds_records_are_read_as_people_write_them() {
        let host: HostAddresses = "NS.Alice.lab.=192.0.2.1,2001:db8::1".parse().unwrap();
        assert_eq!((host.host.as_str(), host.addresses.len()), ("ns.alice.lab", 2));
        for bad in ["ns.alice.lab", "ns.alice.lab=", "ns.alice.lab=x", "=192.0.2.1", "a..b=192.0.2.1"] {
            assert!(bad.parse::<HostAddresses>().is_err(), "{bad}");
        }
        assert_eq!(ds("12345 13 2 49FD 46E6").unwrap().digest.len(), 4);
        for bad in ["", "1 2 3", "x 13 2 49", "1 13 2 4", "1 13 2 zz", "70000 13 2 49"] {
            assert!(ds(bad).is_err(), "{bad}");
        }
        assert!(status("clientHold").is_ok());
        assert!(status("inactive").unwrap_err().contains("serverHold"));
        assert_eq!(name("Müller.lab").unwrap().as_str(), "xn--mller-kva.lab");
    }
}
