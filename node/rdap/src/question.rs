//! What a client asks for, read from a path: one canonical form of each name and number, or the reason why it is none
//! (RFC 9082 3).

use crate::pattern::Search;
use althing_interface::label;
use althing_types::name::DomainName;
use std::net::IpAddr;

/// Which answers are wanted (D 4.4 step 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The registry's alone.
    Registry,
    /// The registrar's alone.
    Registrar,
    /// Both, merged.
    #[default]
    Both,
}

impl Source {
    /// The value of the query parameter `source`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "registry" => Some(Self::Registry),
            "registrar" => Some(Self::Registrar),
            "both" => Some(Self::Both),
            _ => None,
        }
    }
    /// That value.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::Registrar => "registrar",
            Self::Both => "both",
        }
    }
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// A domain (RFC 9082 3.1.3).
    Domain(DomainName, Source),
    /// A name server (RFC 9082 3.1.4).
    Nameserver(DomainName),
    /// A registrar by its IANA id (RFC 9082 3.1.5).
    Registrar(u32),
    /// A search (RFC 9082 3.2).
    Search(Search, Source),
}

/// Why text is no question: for the description of an error of code 400.
pub type Malformed = String;

/// The name in a path: Unicode or A-labels, not both; case, final dot and the dots of other scripts do not matter.
///
/// # Errors
/// What is wrong with it.
pub fn parse_name(text: &str) -> Result<DomainName, Malformed> {
    if text.len() > 1024 {
        return Err("the name is too long".into());
    }
    let encoded = text
        .split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}'])
        .any(|label| label.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("xn--")));
    if encoded && !text.is_ascii() {
        return Err("the name mixes A-labels and U-labels".into());
    }
    let name = label::parse_name(text).map_err(|error| error.to_string())?;
    if name.is_root() {
        return Err("the root is no domain that is registered".into());
    }
    for one in name.labels() {
        check_label(one)?;
    }
    Ok(name)
}

/// Checks a label in its ASCII form by IDNA 2008 as far as a question needs it: round trip, joiners out of place, letters
/// and digits only.
fn check_label(label: &str) -> Result<(), Malformed> {
    let Some(encoded) = label.strip_prefix("xn--") else {
        return match label.get(2..4) {
            Some("--") => Err(format!("label '{label}' has '--' at its third place and is no A-label")),
            _ => Ok(()),
        };
    };
    let (shown, valid) =
        idna::uts46::Uts46::new().to_unicode(label.as_bytes(), idna::AsciiDenyList::STD3, idna::uts46::Hyphens::Check);
    let decoded = idna::punycode::decode_to_string(encoded).filter(|text| !text.is_ascii());
    if valid.is_err() || decoded.as_deref() != Some(&*shown) {
        return Err(format!("label '{label}' is no A-label: it does not decode to Unicode text that encodes to it"));
    }
    let bad = |c: char| !(c == '-' || c.is_alphanumeric() || is_mark(c));
    if let Some(character) = shown.chars().find(|c| bad(*c)) {
        return Err(format!("label '{label}' has U+{:04X}, which is no letter or digit", u32::from(character)));
    }
    if mixed(&shown) {
        return Err(format!("label '{label}' mixes Latin letters with look-alikes of another script"));
    }
    Ok(())
}

/// Combining marks and the signs that IDNA 2008 allows in context (RFC 5892 A).
fn is_mark(character: char) -> bool {
    matches!(u32::from(character),
        0xB7 | 0x375 | 0x5F3 | 0x5F4 | 0x30FB | 0x300..=0x36F | 0x483..=0x487 | 0x591..=0x5C7 | 0x610..=0x61A
        | 0x64B..=0x65F | 0x670 | 0x6D6..=0x6ED | 0x900..=0xDFF | 0xE31..=0xE4E | 0xEB1..=0xECD | 0xF18..=0xFBC
        | 0x102B..=0x109D | 0x135D..=0x135F | 0x1712..=0x1773 | 0x17B4..=0x17DD | 0x1A17..=0x1ACE | 0x1B00..=0x1CFF
        | 0x1DC0..=0x1DFF | 0x302A..=0x302F | 0x3099 | 0x309A | 0xA66F..=0xA69F | 0xA802..=0xABED)
}

/// Whether Latin stands beside Greek or Cyrillic.
fn mixed(text: &str) -> bool {
    let latin = text.chars().any(|c| c.is_ascii_alphabetic() || matches!(u32::from(c), 0xC0..=0x24F));
    let other = text.chars().any(|c| matches!(u32::from(c), 0x370..=0x3FF | 0x400..=0x52F | 0x1F00..=0x1FFF));
    latin && other
}

/// A registrar id.
///
/// # Errors
/// What is wrong with it.
pub fn parse_registrar(text: &str) -> Result<u32, Malformed> {
    let digits =
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    match text.parse() {
        Ok(id) if digits => Ok(id),
        _ => Err("an entity is asked for by its IANA registrar id here, such as /entity/292".into()),
    }
}

/// An autonomous system number.
///
/// # Errors
/// What is wrong with it.
pub fn parse_autnum(text: &str) -> Result<u32, Malformed> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| "an autonomous system is a number below 4294967296".into())
}

/// An address, or a network as `address/bits`.
///
/// # Errors
/// What is wrong with it.
pub fn parse_network(address: &str, bits: Option<&str>) -> Result<String, Malformed> {
    let parsed: IpAddr = address.parse().map_err(|_| "no IP address".to_owned())?;
    let Some(bits) = bits else { return Ok(parsed.to_string()) };
    let most = if parsed.is_ipv4() { 32 } else { 128 };
    match bits.parse::<u8>() {
        Ok(number) if number <= most && number.to_string() == bits => Ok(format!("{parsed}/{number}")),
        _ => Err(format!("a network's length is 0 to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_form() {
        for (text, canonical) in [
            ("Example.LAB.", "example.lab"),
            ("example\u{3002}lab", "example.lab"),
            ("b\u{fc}cher.lab", "xn--bcher-kva.lab"),
            ("B\u{dc}CHER.lab", "xn--bcher-kva.lab"),
            ("XN--BCHER-KVA.lab", "xn--bcher-kva.lab"),
            ("xn--p1acf", "xn--p1acf"),
        ] {
            assert_eq!(parse_name(text).map(|n| n.as_str().to_owned()), Ok(canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(64);
        let name = [&"a.".repeat(127), "lab"].concat();
        for text in [
            "",
            ".",
            "a..lab",
            "-a.lab",
            "a-.lab",
            "ab--cd.lab",
            "xn--a.lab",
            "xn--abc-.lab",
            "a\0b.lab",
            "/../etc",
            "a b.lab",
            "a%00.lab",
            "*a*.lab",
            "b\u{fc}cher.xn--p1acf",
            "xn--bcher-kva.\u{440}\u{444}",
            "p\u{430}ypal.lab",
            "\u{1f600}.lab",
            "a\u{200d}b.lab",
            "xn--e28h.lab",
            "\u{661}a.lab",
            &long,
            &name,
        ] {
            assert!(parse_name(text).is_err(), "{text:?} became {:?}", parse_name(text));
        }
    }

    #[test]
    fn numbers_and_networks_are_read_strictly() {
        assert_eq!(parse_registrar("292"), Ok(292));
        for text in ["", "0292", "+1", "-1", "4294967296", "GODADDY-1"] {
            assert!(parse_registrar(text).is_err(), "{text}");
        }
        assert_eq!(parse_autnum("64512"), Ok(64_512));
        assert!(parse_autnum("AS1").is_err());
        assert_eq!(parse_network("2001:DB8::", Some("32")), Ok("2001:db8::/32".into()));
        assert_eq!(parse_network("192.0.2.1", None), Ok("192.0.2.1".into()));
        for (address, bits) in [("192.0.2.1", Some("33")), ("::", Some("129")), ("1.2.3", None), ("::", Some("+1"))] {
            assert!(parse_network(address, bits).is_err(), "{address} {bits:?}");
        }
    }
}
