//! Which addresses and DS records may stand in a zone. Pure; a broken rule is told in words, the contract that asks adds
//! its number, the name and the value.

use crate::rdata::{Ds, Ipv4, Ipv6};
use alloc::{format, string::String};
use core::net::{Ipv4Addr, Ipv6Addr};

/// Octets of a digest by DS digest type (IANA ds-rr-types: RFC 4034, 4509, 5933, 6605, 9558, 9563).
pub const DIGEST_LENGTHS: [(u8, usize); 6] = [(1, 20), (2, 32), (3, 32), (4, 48), (5, 32), (6, 32)];
/// Algorithms that sign zones (IANA dns-sec-alg-numbers, column "Zone Signing").
pub const ZONE_SIGNING: [u8; 13] = [3, 5, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 23];

/// Checks digest type, digest length and algorithm of a DS record.
///
/// # Errors
/// The broken rule.
pub fn check_ds(ds: &Ds) -> Result<(), String> {
    let Some((_, needed)) = DIGEST_LENGTHS.iter().find(|(known, _)| *known == ds.digest_type) else {
        return Err(format!("digest type {} is not 1 to 6", ds.digest_type));
    };
    if ds.digest.len() != *needed {
        let found = ds.digest.len();
        return Err(format!("digest of {found} octets; digest type {} has {needed}", ds.digest_type));
    }
    if !ZONE_SIGNING.contains(&ds.algorithm) {
        return Err(format!("algorithm {} signs no zones", ds.algorithm));
    }
    Ok(())
}

/// Checks that a name server can be asked at an address. Private and documentation addresses pass: there are private
/// networks, and the ledger cannot know who can reach what.
///
/// # Errors
/// What the address is instead.
pub fn check_v4(address: Ipv4) -> Result<(), &'static str> {
    let address = Ipv4Addr::from(address.0);
    match address.octets() {
        [0, ..] => Err("of this network (RFC 1122 3.2.1.3)"),
        [127, ..] => Err("a loopback address"),
        [240..=255, ..] => Err("reserved or broadcast"),
        _ if address.is_multicast() => Err("a multicast address"),
        _ if address.is_link_local() => Err("a link-local address"),
        _ => Ok(()),
    }
}

/// As [`check_v4`].
///
/// # Errors
/// What the address is instead.
pub fn check_v6(address: Ipv6) -> Result<(), &'static str> {
    let address = Ipv6Addr::from(address.0);
    if address.is_unspecified() {
        Err("the unspecified address")
    } else if address.is_loopback() {
        Err("the loopback address")
    } else if address.is_multicast() {
        Err("a multicast address")
    } else if address.is_unicast_link_local() {
        Err("a link-local address")
    } else if address.to_ipv4_mapped().is_some() || address.segments().starts_with(&[0; 6]) {
        Err("an IPv4 address in IPv6 form")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_types::codec::Bytes;
    use std::vec;

    fn ds(algorithm: u8, digest_type: u8, length: usize) -> Ds {
        Ds { key_tag: 1, algorithm, digest_type, digest: Bytes::new(vec![1; length]).unwrap() }
    }

    #[test]
    fn case_13_a_digest_has_the_length_of_its_type() {
        for (digest_type, length) in DIGEST_LENGTHS {
            assert!(check_ds(&ds(13, digest_type, length)).is_ok());
            assert!(check_ds(&ds(13, digest_type, length - 1)).unwrap_err().contains("octets"));
        }
        assert!(check_ds(&ds(13, 0, 32)).unwrap_err().contains("digest type 0"));
        assert!(check_ds(&ds(1, 2, 32)).unwrap_err().contains("algorithm 1"));
    }

    #[test]
    fn addresses_that_nobody_can_ask_are_refused() {
        for text in ["0.0.0.1", "127.0.0.1", "224.0.0.1", "255.255.255.255", "169.254.1.1"] {
            assert!(check_v4(text.parse().unwrap()).is_err(), "{text}");
        }
        for text in ["::", "::1", "ff02::1", "fe80::1", "::ffff:192.0.2.1", "::192.0.2.1"] {
            assert!(check_v6(text.parse().unwrap()).is_err(), "{text}");
        }
        assert!(check_v4("192.0.2.1".parse().unwrap()).is_ok() && check_v6("2001:db8::1".parse().unwrap()).is_ok());
    }
}
