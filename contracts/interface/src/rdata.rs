//! Typed record data. There is no text in it: a name is a [`DomainName`], an address is its octets, a digest is its
//! octets. So nothing that a registry sends can add a line, a comment or a directive to a zone file.

use crate::describe::values;
use althing_types::{
    codec::Bytes,
    name::DomainName,
    wire::{Schema, Wire},
};
use borsh::{BorshDeserialize, BorshSerialize};
use core::{fmt, net};
use serde::{Deserialize, Serialize};

/// Longest digest of a DS record in octets (SHA-384, RFC 6605 2).
pub const MAX_DIGEST: usize = 48;

macro_rules! address {
    ($(#[$doc:meta])* $name:ident, $length:literal, $std:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; $length]);

        impl Wire for $name {
            const SCHEMA: &'static Schema = &Schema::Fixed { length: $length };
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                <$std>::from(self.0).fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                <$std>::from(self.0).fmt(f)
            }
        }
        impl core::str::FromStr for $name {
            type Err = net::AddrParseError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse::<$std>().map(|a| Self(a.octets()))
            }
        }
        impl From<$std> for $name {
            fn from(address: $std) -> Self {
                Self(address.octets())
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <alloc::string::String as Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

address!(
    /// The data of an A record: four octets in network order.
    Ipv4, 4, net::Ipv4Addr
);
address!(
    /// The data of an AAAA record: sixteen octets in network order.
    Ipv6, 16, net::Ipv6Addr
);

values! {
    /// The data of a DS record (RFC 4034 5.1). Ordered by its fields.
    #[derive(PartialOrd, Ord, Hash)]
    Ds {
        /// Key tag of the DNSKEY.
        key_tag: u16,
        /// DNSSEC algorithm of the key (IANA dns-sec-alg-numbers).
        algorithm: u8,
        /// Digest type (IANA ds-rr-types).
        digest_type: u8,
        /// The digest.
        digest: Bytes<MAX_DIGEST>,
    }
}

impl fmt::Display for Ds {
    /// As in the published root zone: upper-case hexadecimal, a space after 56 digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} ", self.key_tag, self.algorithm, self.digest_type)?;
        for (at, octet) in self.digest.iter().enumerate() {
            if at == 28 {
                f.write_str(" ")?;
            }
            write!(f, "{octet:02X}")?;
        }
        Ok(())
    }
}

/// The data of one record of the root zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Rdata {
    /// A name server.
    Ns(DomainName),
    /// A delegation signer.
    Ds(Ds),
    /// An IPv4 address.
    A(Ipv4),
    /// An IPv6 address.
    Aaaa(Ipv6),
}

impl Rdata {
    /// The record type's mnemonic.
    pub const fn record_type(&self) -> &'static str {
        match self {
            Self::Ns(_) => "NS",
            Self::Ds(_) => "DS",
            Self::A(_) => "A",
            Self::Aaaa(_) => "AAAA",
        }
    }
}

impl fmt::Display for Rdata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ns(name) => name.fmt(f),
            Self::Ds(ds) => ds.fmt(f),
            Self::A(address) => address.fmt(f),
            Self::Aaaa(address) => address.fmt(f),
        }
    }
}
