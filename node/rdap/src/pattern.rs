//! What a client searches for, read from a query: one canonical form, or the reason why it is none (RFC 9082 3.2, 4.1).
//!
//! One `*` at the end of a label, and behind it the labels that limit the search. A pattern that leaves the TLD open is for
//! nobody to answer: no server knows all names. Nothing is asked or searched here.

use crate::question::parse_name;
use althing_types::name::{DomainName, MAX_LABEL};
use std::net::IpAddr;

/// Longest text that is searched for, in bytes.
const MAX_TEXT: usize = 255;

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Domains (RFC 9082 3.2.1).
    Domains,
    /// Name servers (RFC 9082 3.2.2).
    Nameservers,
    /// Registrars (RFC 9082 3.2.3).
    Entities,
}

impl Class {
    /// Its path.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Domains => "domains",
            Self::Nameservers => "nameservers",
            Self::Entities => "entities",
        }
    }
    /// Its query parameters.
    pub const fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Domains => &["name", "nsLdhName", "nsIp"],
            Self::Nameservers => &["name", "ip"],
            Self::Entities => &["fn", "handle"],
        }
    }
    /// Class of each result (RFC 9083 5).
    pub const fn object(self) -> &'static str {
        match self {
            Self::Domains => "domain",
            Self::Nameservers => "nameserver",
            Self::Entities => "entity",
        }
    }
    /// The member that has the results (RFC 9083 8).
    pub const fn results(self) -> &'static str {
        match self {
            Self::Domains => "domainSearchResults",
            Self::Nameservers => "nameserverSearchResults",
            Self::Entities => "entitySearchResults",
        }
    }
}

/// Names that are searched for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamePattern {
    /// One name.
    Exact(DomainName),
    /// All that begin with `head`, go on within the label, and end in the labels of `scope`.
    Partial {
        /// A-labels and the beginning of one, lower case.
        head: String,
        /// The labels behind the star.
        scope: DomainName,
    },
}

impl NamePattern {
    /// The labels that limit the search.
    pub const fn scope(&self) -> &DomainName {
        match self {
            Self::Exact(name) | Self::Partial { scope: name, .. } => name,
        }
    }
    /// Its canonical text.
    pub fn text(&self) -> String {
        match self {
            Self::Exact(name) => name.as_str().to_owned(),
            Self::Partial { head, scope } => format!("{head}*.{}", scope.as_str()),
        }
    }
    /// Whether a name is searched for.
    pub fn matches(&self, name: &DomainName) -> bool {
        match self {
            Self::Exact(wanted) => wanted == name,
            Self::Partial { head, scope } => name
                .as_str()
                .strip_suffix(scope.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .and_then(|rest| rest.strip_prefix(head.as_str()))
                .is_some_and(|star| !star.contains('.')),
        }
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let Some((head, tail)) = one_star(text)? else { return Ok(Self::Exact(parse_name(text)?)) };
        let mut rest = tail.chars();
        match rest.next() {
            Some('.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}') if !rest.as_str().is_empty() => {}
            Some(dot) if dot != '.' => return Err(unsupported("'*' stands at the end of a label (RFC 9082 4.1)")),
            _ => return Err(unsupported("the pattern leaves the TLD open; search within one, such as exam*.lab")),
        }
        let scope = parse_name(rest.as_str())?;
        let (before, begun) = match head.rfind(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']) {
            Some(at) => {
                let dot = head.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
                (head.get(..at), head.get(at.saturating_add(dot)..).unwrap_or_default())
            }
            None => (None, head),
        };
        let begun = begun.to_ascii_lowercase();
        if !begun.is_ascii() || begun.starts_with("xn--") {
            return Err(unsupported("a part of a label in Unicode matches nothing certain (RFC 9082 4.1)"));
        }
        let letters = begun.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !letters || begun.starts_with('-') || begun.len() > MAX_LABEL {
            return Err(Refused::Malformed(format!("'{begun}' begins no label")));
        }
        let head = match before {
            Some(before) if before.ends_with(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']) => {
                return Err(Refused::Malformed("a label is empty".into()));
            }
            Some(before) => format!("{}.{begun}", parse_name(before)?.as_str()),
            None => begun,
        };
        Ok(Self::Partial { head, scope })
    }
}

/// Text that is searched for without regard to case, with what comes behind when it had a star.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextPattern {
    /// Lower case.
    text: String,
    /// Whether anything may follow.
    open: Open,
}

/// Whether anything may follow a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Open {
    Yes,
    No,
}

impl TextPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > MAX_TEXT || text.chars().any(char::is_control) || text.trim().is_empty() {
            return Err(Refused::Malformed(format!("a text of 1 to {MAX_TEXT} bytes is searched for")));
        }
        let (text, open) = match one_star(text)? {
            None => (text, Open::No),
            Some((head, "")) => (head, Open::Yes),
            Some(_) => return Err(unsupported("'*' stands at the end of the text (RFC 9082 4.1)")),
        };
        Ok(Self { text: text.trim_start().to_lowercase(), open })
    }

    /// Whether a text is searched for.
    pub fn matches(&self, text: &str) -> bool {
        let text = text.trim().to_lowercase();
        match self.open {
            Open::Yes => text.starts_with(&self.text),
            Open::No => text == self.text.trim_end(),
        }
    }
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Search {
    /// Domains by name.
    Domains(NamePattern),
    /// Domains by the name of a name server.
    DomainsByHost(NamePattern),
    /// Domains by the address of a name server.
    DomainsByAddress(IpAddr),
    /// Name servers by name.
    Nameservers(NamePattern),
    /// Name servers by address.
    NameserversByAddress(IpAddr),
    /// Registrars by name.
    RegistrarsByName(TextPattern),
    /// Registrars by IANA id.
    RegistrarsByHandle(TextPattern),
}

impl Search {
    /// Reads a query parameter of a class.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn parse(class: Class, by: &str, value: &str) -> Result<Self, Refused> {
        let address = || value.parse().map_err(|_| Refused::Malformed("no IP address".to_owned()));
        match (class, by) {
            (Class::Domains, "name") => NamePattern::parse(value).map(Self::Domains),
            (Class::Domains, "nsLdhName") => NamePattern::parse(value).map(Self::DomainsByHost),
            (Class::Domains, "nsIp") => address().map(Self::DomainsByAddress),
            (Class::Nameservers, "name") => NamePattern::parse(value).map(Self::Nameservers),
            (Class::Nameservers, "ip") => address().map(Self::NameserversByAddress),
            (Class::Entities, "fn") => TextPattern::parse(value).map(Self::RegistrarsByName),
            (Class::Entities, "handle") => TextPattern::parse(value).map(Self::RegistrarsByHandle),
            _ => Err(Refused::Malformed(format!("'{by}' is no parameter of this search"))),
        }
    }
    /// What is searched.
    pub const fn class(&self) -> Class {
        match self {
            Self::Domains(_) | Self::DomainsByHost(_) | Self::DomainsByAddress(_) => Class::Domains,
            Self::Nameservers(_) | Self::NameserversByAddress(_) => Class::Nameservers,
            Self::RegistrarsByName(_) | Self::RegistrarsByHandle(_) => Class::Entities,
        }
    }
    /// The labels that limit the search; `None` when there are none.
    pub const fn scope(&self) -> Option<&DomainName> {
        match self {
            Self::Domains(pattern) | Self::DomainsByHost(pattern) | Self::Nameservers(pattern) => Some(pattern.scope()),
            _ => None,
        }
    }
    /// The query parameter and its canonical value, as a registry is asked; `None` for what no registry is asked.
    pub fn query(&self) -> Option<(&'static str, String)> {
        match self {
            Self::Domains(pattern) | Self::Nameservers(pattern) => Some(("name", pattern.text())),
            Self::DomainsByHost(pattern) => Some(("nsLdhName", pattern.text())),
            Self::DomainsByAddress(address) => Some(("nsIp", address.to_string())),
            Self::NameserversByAddress(address) => Some(("ip", address.to_string())),
            Self::RegistrarsByName(_) | Self::RegistrarsByHandle(_) => None,
        }
    }
    /// Whether a result's name is one that was searched for, as far as its name tells.
    pub fn matches(&self, name: &DomainName) -> bool {
        match self {
            Self::Domains(pattern) | Self::Nameservers(pattern) => pattern.matches(name),
            _ => true,
        }
    }
}

/// Why a search is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It has no meaning: 400.
    Malformed(String),
    /// It has one that nobody could answer: 422 (RFC 9082 4.1).
    Unsupported(String),
}

impl From<String> for Refused {
    fn from(reason: String) -> Self {
        Self::Malformed(reason)
    }
}

fn unsupported(reason: &str) -> Refused {
    Refused::Unsupported(reason.to_owned())
}

/// What is before and behind the star.
fn one_star(text: &str) -> Result<Option<(&str, &str)>, Refused> {
    if text.matches('*').count() > 1 {
        return Err(unsupported("a pattern has at most one '*' (RFC 9082 4.1)"));
    }
    if text.len() > 1024 {
        return Err(Refused::Malformed("the pattern is too long".into()));
    }
    Ok(text.split_once('*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    #[test]
    fn one_pattern_has_one_form() {
        for (text, canonical) in [
            ("Exam*.LAB.", "exam*.lab"),
            ("*.lab", "*.lab"),
            ("NS1.exam*.lab", "ns1.exam*.lab"),
            ("b\u{fc}cher.ns*\u{3002}lab", "xn--bcher-kva.ns*.lab"),
            ("exam*.b\u{fc}cher.lab", "exam*.xn--bcher-kva.lab"),
            ("Example.lab", "example.lab"),
        ] {
            assert_eq!(NamePattern::parse(text).map(|pattern| pattern.text()), Ok(canonical.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_the_rest_of_one_label() {
        let pattern = NamePattern::parse("exam*.lab").unwrap();
        for (text, is) in [
            ("example.lab", true),
            ("exam.lab", true),
            ("exa.lab", false),
            ("example.b.lab", false),
            ("a.example.lab", false),
            ("example.lob", false),
            ("lab", false),
        ] {
            assert_eq!(pattern.matches(&name(text)), is, "{text}");
        }
        assert!(NamePattern::parse("*.lab").unwrap().matches(&name("a.lab")));
        assert!(NamePattern::parse("ns1.e*.lab").unwrap().matches(&name("ns1.example.lab")));
        assert!(NamePattern::parse("a.lab").unwrap().matches(&name("a.lab")));
    }

    #[test]
    fn patterns_that_nobody_could_answer_are_told_apart_from_nonsense() {
        for text in ["*a*.lab", "exam*", "exam*.", "*", "ex*le.lab", "*b.lab", "b\u{fc}*.lab", "xn--b*.lab"] {
            assert!(matches!(NamePattern::parse(text), Err(Refused::Unsupported(_))), "{text}");
        }
        let long = format!("{}*.lab", "a".repeat(64));
        for text in ["", "a..lab", "exam*..lab", "exam*.-a", "-a*.lab", "a b*.lab", ".a*.lab", "a..b*.lab", &long] {
            assert!(matches!(NamePattern::parse(text), Err(Refused::Malformed(_))), "{text}");
        }
        for text in ["a*b", "**"] {
            assert!(matches!(TextPattern::parse(text), Err(Refused::Unsupported(_))), "{text}");
        }
        assert!(TextPattern::parse(" ").is_err() && TextPattern::parse(&"a".repeat(256)).is_err());
        assert!(Search::parse(Class::Domains, "nsIp", "192.0.2").is_err());
    }

    #[test]
    fn texts_match_whatever_their_case() {
        let matches = |pattern: &str, text: &str| TextPattern::parse(pattern).unwrap().matches(text);
        assert!(matches("SELL*", "Seller, Ltd.") && matches("seller, ltd.", "Seller, Ltd.") && matches("*", "x"));
        assert!(!matches("seller", "Seller, Ltd.") && !matches("eller*", "Seller"));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_sends_nothing_panics_and_a_pattern_reads_as_itself(text in "[a-z0-9.*\u{fc}\u{3002}-]{0,24}") {
            if let Ok(pattern) = NamePattern::parse(&text) {
                proptest::prop_assert_eq!(NamePattern::parse(&pattern.text()), Ok(pattern));
            }
            let _ = TextPattern::parse(&text);
        }
    }
}
