//! Which addresses nobody on the public Internet is asked at: IANA's special-purpose registries (RFC 6890) and what is
//! not allocated for use. A node that follows a URL of somebody else's answer must not reach its own network by it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4 that are not globally reachable: first address, bits, what they are.
const V4: [([u8; 4], u32, &str); 16] = [
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "private use"),
    ([100, 64, 0, 0], 10, "shared address space"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link local"),
    ([172, 16, 0, 0], 12, "private use"),
    ([192, 0, 0, 0], 24, "IETF protocol assignments"),
    ([192, 0, 2, 0], 24, "documentation"),
    ([192, 88, 99, 0], 24, "6to4 relay, deprecated"),
    ([192, 168, 0, 0], 16, "private use"),
    ([198, 18, 0, 0], 15, "benchmarking"),
    ([198, 51, 100, 0], 24, "documentation"),
    ([203, 0, 113, 0], 24, "documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
    ([255, 255, 255, 255], 32, "broadcast"),
];

/// Networks of IPv6 inside 2000::/3 that are not globally reachable, or that reach into IPv4.
const V6: [([u16; 8], u32, &str); 6] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "IETF protocol assignments"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "6to4"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "documentation"),
    ([0x3ffe, 0, 0, 0, 0, 0, 0, 0], 16, "6bone, returned"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "AS112"),
];

/// Why an address is not asked; `None` for one that is.
pub fn special_purpose(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let number = u32::from(address);
    let within = |first: [u8; 4], bits: u32| {
        let mask = u32::MAX.checked_shl(32u32.saturating_sub(bits)).unwrap_or(0);
        number & mask == u32::from(Ipv4Addr::from(first))
    };
    V4.iter().find(|(first, bits, _)| within(*first, *bits)).map(|(_, _, what)| *what)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    // Whatever carries an IPv4 address is judged as that address, and never reached through a translator.
    if let Some(v4) = address.to_ipv4_mapped() {
        return Some(special_v4(v4).unwrap_or("IPv4 in IPv6 form"));
    }
    let number = u128::from(address);
    let within = |first: [u16; 8], bits: u32| {
        let mask = u128::MAX.checked_shl(128u32.saturating_sub(bits)).unwrap_or(0);
        number & mask == u128::from(Ipv6Addr::from(first))
    };
    if !within([0x2000, 0, 0, 0, 0, 0, 0, 0], 3) {
        return Some(match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 1] => "loopback",
            [0x64, 0xff9b, ..] => "translation to IPv4",
            [0xfe80..=0xfebf, ..] => "link local",
            [0xfc00..=0xfdff, ..] => "unique local",
            [0xff00..=0xffff, ..] => "multicast",
            _ => "not global unicast",
        });
    }
    V6.iter().find(|(first, bits, _)| within(*first, *bits)).map(|(_, _, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_special_purpose_address_is_asked() {
        for text in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "169.254.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.170",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.255.255",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:0:53aa:64c::1",
            "2001:2::1",
            "2001:10::1",
            "2001:20::1",
            "2001:db8::1",
            "2002:7f00:1::1",
            "2002:a9fe:a9fe::1",
            "3fff::1",
            "3ffe::1",
            "2620:4f:8000::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "ff0e::1",
            "4000::1",
            "1::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(special_purpose(address).is_some(), "{text}");
        }
    }

    #[test]
    fn public_addresses_are_asked() {
        for text in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "198.17.255.255",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "2a00:1450::1",
            "2001:500:2f::f",
            "2400::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(special_purpose(address), None, "{text}");
        }
    }
}
