//! Domain names in their one canonical form.
//!
//! A [`DomainName`] is lower-case ASCII labels of letters, digits, hyphens and underscores, without the final dot,
//! ordered as in RFC 4034 6.1. Unicode names become A-labels before they get here; the code-point rules of
//! internationalised labels are checked by the contract that accepts a new name, not by this type.

use alloc::string::{String, ToString};
use borsh::{
    BorshDeserialize, BorshSerialize,
    io::{Error, ErrorKind, Read, Result as IoResult},
};
use core::cmp::Ordering;
use serde::{Deserialize, Serialize};

/// Longest name in presentation form without the final dot (RFC 1035 2.3.4: 255 octets on the wire).
pub const MAX_NAME: usize = 253;
/// Longest label (RFC 1035 2.3.4).
pub const MAX_LABEL: usize = 63;

/// Why text is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Longer than 255 octets on the wire.
    #[error("name of {found} characters exceeds {MAX_NAME}")]
    NameTooLong {
        /// Characters given.
        found: usize,
    },
    /// A label longer than 63 octets.
    #[error("label '{label}' of {found} characters exceeds {MAX_LABEL}")]
    LabelTooLong {
        /// The label, cut at 80 characters.
        label: String,
        /// Characters given.
        found: usize,
    },
    /// Two dots in a row, or a leading dot.
    #[error("name '{name}' has an empty label")]
    EmptyLabel {
        /// The name, cut at 80 characters.
        name: String,
    },
    /// A character that is not a letter, digit, hyphen or underscore.
    #[error("label '{label}' has the character {character:?}; only letters, digits, '-' and '_' are allowed")]
    Character {
        /// The label, cut at 80 characters.
        label: String,
        /// The character.
        character: char,
    },
    /// A hyphen at the start or end of a label (RFC 5891 4.2.3.1).
    #[error("label '{label}' starts or ends with a hyphen")]
    Hyphen {
        /// The label.
        label: String,
    },
}

/// A domain name: canonical lower-case text without the final dot; the root is the empty text, shown as `.`.
#[derive(Clone, PartialEq, Eq, Hash, BorshSerialize)]
pub struct DomainName(String);

impl DomainName {
    /// The root.
    pub const fn root() -> Self {
        Self(String::new())
    }
    /// Parses ASCII presentation form: any case, with or without the final dot; `.` is the root.
    ///
    /// # Errors
    /// [`NameError`] names the label and the rule that it breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text == "." {
            return Ok(Self::root());
        }
        let body = text.strip_suffix('.').unwrap_or(text);
        let cut = |s: &str| -> String { s.chars().take(80).collect() };
        if body.is_empty() {
            return Err(NameError::EmptyLabel { name: cut(text) });
        }
        for label in body.split('.') {
            if label.is_empty() {
                return Err(NameError::EmptyLabel { name: cut(text) });
            }
            if label.len() > MAX_LABEL {
                return Err(NameError::LabelTooLong { label: cut(label), found: label.len() });
            }
            if let Some(character) = label.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
                return Err(NameError::Character { label: cut(label), character });
            }
            if label.starts_with('-') || label.ends_with('-') {
                return Err(NameError::Hyphen { label: cut(label) });
            }
        }
        if body.len() > MAX_NAME {
            return Err(NameError::NameTooLong { found: body.len() });
        }
        Ok(Self(body.to_ascii_lowercase()))
    }
    /// The text without the final dot; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
    /// Labels from the left; none for the root.
    pub fn labels(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('.').filter(|l| !l.is_empty())
    }
    /// The rightmost label; `None` for the root.
    pub fn tld(&self) -> Option<&str> {
        self.labels().next_back()
    }
    /// Whether this name is `zone` or below it.
    pub fn is_within(&self, zone: &Self) -> bool {
        zone.is_root()
            || self.0 == zone.0
            || (self.0.len() > zone.0.len()
                && self.0.ends_with(&zone.0)
                && self.0.as_bytes().get(self.0.len().saturating_sub(zone.0.len()).saturating_sub(1)) == Some(&b'.'))
    }
}

impl Ord for DomainName {
    /// Canonical order: labels compared from the right, byte by byte (RFC 4034 6.1).
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        let common = a.iter().rev().zip(b.iter().rev()).take_while(|(x, y)| x == y).count();
        // The first difference from the right lies in these labels; both end where the common part has its first dot.
        let differing = |name: &[u8]| {
            let (rest, tail) = name.split_at(name.len().saturating_sub(common));
            let start = rest.iter().rposition(|byte| *byte == b'.').map_or(0, |at| at.saturating_add(1));
            let end = tail.iter().position(|byte| *byte == b'.').unwrap_or(common);
            start..rest.len().saturating_add(end)
        };
        // The labels are equal when one name ends where the other goes on: then it is the shorter one, its ancestor.
        a.get(differing(a)).cmp(&b.get(differing(b))).then(a.len().cmp(&b.len()))
    }
}

impl PartialOrd for DomainName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl core::fmt::Display for DomainName {
    /// With the final dot, as in master files.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.", self.0)
    }
}

impl core::fmt::Debug for DomainName {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

impl core::str::FromStr for DomainName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl BorshDeserialize for DomainName {
    fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
        let text = crate::codec::Text::<MAX_NAME>::deserialize_reader(reader)?;
        if text.is_empty() {
            return Ok(Self::root());
        }
        let invalid = |m: String| Error::new(ErrorKind::InvalidData, m);
        let name = Self::parse(&text).map_err(|e| invalid(e.to_string()))?;
        if name.0 == text.as_str() { Ok(name) } else { Err(invalid("domain name is not in canonical form".into())) }
    }
}

impl Serialize for DomainName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for DomainName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&<String as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    #[test]
    fn case_and_final_dot_do_not_make_two_names() {
        assert_eq!(DomainName::parse("LAB.").unwrap(), DomainName::parse("lab").unwrap());
    }

    #[test]
    fn hostile_text_is_refused() {
        let long_label = "a".repeat(64);
        let long_name = vec!["abcdefg"; 33].join(".");
        for bad in ["", "a..lab", ".lab", "-a", "a-", "a b", "a;b", "ä", "a\n", &long_label, &long_name] {
            assert!(DomainName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn order_is_by_label_from_the_right() {
        // The example of RFC 4034 6.1, without its escaped names.
        let sorted = ["example", "a.example", "yljkjljk.a.example", "z.a.example", "z.example"];
        let mut names: Vec<_> = sorted.iter().rev().map(|n| DomainName::parse(n).unwrap()).collect();
        names.sort();
        assert_eq!(names, sorted.map(|n| DomainName::parse(n).unwrap()));
    }

    #[test]
    fn order_is_that_of_the_labels_from_the_right() {
        let texts =
            ". a b ab ba a.b b.a ab.a a.ab aa.b a.a a.a.a a-.a a-a.b ab.b b.ab a.b.ab abc.b c.b bc.b x.ab.b".split(' ');
        let names: Vec<_> = texts.filter_map(|t| DomainName::parse(t).ok()).collect();
        for a in &names {
            for b in &names {
                let labels = a.labels().rev().map(str::as_bytes).cmp(b.labels().rev().map(str::as_bytes));
                assert_eq!(a.cmp(b), labels, "{a} {b}");
            }
        }
    }

    #[test]
    fn a_suffix_is_not_a_parent() {
        let zone = DomainName::parse("lab").unwrap();
        assert!(DomainName::parse("ns.lab").unwrap().is_within(&zone));
        assert!(!DomainName::parse("nslab").unwrap().is_within(&zone));
    }
}
