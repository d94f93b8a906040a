//! One DNS record of the root zone: typed data, and the one line that stands for it.
//!
//! A line is `owner ttl class type rdata`, single spaces, names in lower case with the final dot, addresses in their
//! shortest form (RFC 5952), DS digests in upper case with a space after every 56 digits.

use althing_types::name::DomainName;
use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

/// Digits after which a digest is broken, as common tools print it.
const DIGEST_GROUP: usize = 56;

/// A DS record's data (RFC 4034 5.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ds {
    /// Key tag.
    pub key_tag: u16,
    /// DNSSEC algorithm number.
    pub algorithm: u8,
    /// Digest type number.
    pub digest_type: u8,
    /// Digest.
    pub digest: Vec<u8>,
}

impl fmt::Display for Ds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.key_tag, self.algorithm, self.digest_type)?;
        let digits = hex::encode_upper(&self.digest);
        let mut rest = digits.as_str();
        while !rest.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(DIGEST_GROUP));
            write!(f, " {head}")?;
            rest = tail;
        }
        Ok(())
    }
}

/// A record's data.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rdata {
    /// A name server of a delegation, or of the root itself.
    Ns(DomainName),
    /// A key digest of a delegation.
    Ds(Ds),
    /// A host's IPv4 address.
    A(Ipv4Addr),
    /// A host's IPv6 address.
    Aaaa(Ipv6Addr),
}

impl Rdata {
    /// The type's mnemonic.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ns(_) => "NS",
            Self::Ds(_) => "DS",
            Self::A(_) => "A",
            Self::Aaaa(_) => "AAAA",
        }
    }
}

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// Whose record.
    pub owner: DomainName,
    /// Time to live in seconds.
    pub ttl: u32,
    /// Data.
    pub data: Rdata,
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} IN {} ", self.owner, self.ttl, self.data.kind())?;
        match &self.data {
            Rdata::Ns(host) => write!(f, "{host}"),
            Rdata::Ds(ds) => write!(f, "{ds}"),
            Rdata::A(address) => write!(f, "{address}"),
            Rdata::Aaaa(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_digest_is_broken_after_56_digits() {
        let ds = Ds { key_tag: 1, algorithm: 8, digest_type: 2, digest: vec![0xab; 32] };
        assert_eq!(ds.to_string(), format!("1 8 2 {} {}", "AB".repeat(28), "AB".repeat(4)));
        let short = Ds { key_tag: 1, algorithm: 8, digest_type: 1, digest: vec![0xab; 20] };
        assert_eq!(short.to_string(), format!("1 8 1 {}", "AB".repeat(20)));
    }
}
