//! Which labels may be top-level domains, and Unicode text to its one key.
//!
//! Contract `tld_binding` asks [`check_tld`] before it binds a name; programs turn what a person typed into the name that
//! the ledger knows with [`parse_name`]. Both are pure and depend on no locale. What is checked, in this order: one label;
//! letters, digits and hyphens in their places (RFC 5890 2.3.1); not a number (RFC 1123 2.1); not reserved; and for an
//! A-label that it is what its own Unicode form encodes to (RFC 5891 4.4, with the bidi rule of RFC 5893), that each
//! character is a letter or a mark of a script that the root uses, and that scripts are not mixed.

use crate::{
    character::is_letter,
    registrations::Script,
    second_level::{self, belongs},
};
use alloc::{
    format,
    string::{String, ToString},
};
use althing_types::name::DomainName;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Why a label may not be a top-level domain, or why text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Not exactly one label.
    #[error("'{name}' has {labels} labels; a top-level domain has exactly one")]
    NotOneLabel {
        /// The name.
        name: DomainName,
        /// Its labels.
        labels: u32,
    },
    /// A rule of characters or form.
    #[error("'{text}': {rule}")]
    Rule {
        /// The label or text, cut at 80 characters.
        text: String,
        /// The rule, with the characters concerned.
        rule: String,
    },
    /// Set aside by a standard or a resolution.
    #[error("'{name}' is reserved: {reason}")]
    Reserved {
        /// The name.
        name: DomainName,
        /// Where.
        reason: &'static str,
    },
}

const SPECIAL_USE: &str = "special-use name (RFC 6761)";
const LOCAL: &str = "special-use name (RFC 6762)";
const ONION: &str = "special-use name (RFC 7686)";
const ALT: &str = "special-use name (RFC 9476)";
const PRIVATE: &str = "kept for private use by resolution of the ICANN board, 2024-07-29";
const COLLISION: &str = "deferred for name collisions by resolution of the ICANN board, 2018-02-04";
const IDN_TEST: &str = "IANA's internationalised test domain";

/// Labels that nobody may register as a top-level domain, ordered.
const RESERVED: [(&str, &str); 22] = [
    ("alt", ALT),
    ("corp", COLLISION),
    ("example", SPECIAL_USE),
    ("home", COLLISION),
    ("internal", PRIVATE),
    ("invalid", SPECIAL_USE),
    ("local", LOCAL),
    ("localhost", SPECIAL_USE),
    ("mail", COLLISION),
    ("onion", ONION),
    ("test", SPECIAL_USE),
    ("xn--0zwm56d", IDN_TEST),
    ("xn--11b5bs3a9aj6g", IDN_TEST),
    ("xn--80akhbyknj4f", IDN_TEST),
    ("xn--9t4b11yi5a", IDN_TEST),
    ("xn--deba0ad", IDN_TEST),
    ("xn--g6w251d", IDN_TEST),
    ("xn--hgbk6aj7f53bba", IDN_TEST),
    ("xn--hlcj6aya9esc7a", IDN_TEST),
    ("xn--jxalpdlp", IDN_TEST),
    ("xn--kgbechtv", IDN_TEST),
    ("xn--zckzah", IDN_TEST),
];

fn rule(text: &str, rule: impl Into<String>) -> LabelError {
    LabelError::Rule { text: text.chars().take(80).collect(), rule: rule.into() }
}

/// Checks that a name may be bound as a top-level domain.
///
/// # Errors
/// [`LabelError`] for the first rule that it breaks.
pub fn check_tld(name: &DomainName) -> Result<(), LabelError> {
    let labels = name.labels().count();
    if labels != 1 {
        return Err(LabelError::NotOneLabel { name: name.clone(), labels: u32::try_from(labels).unwrap_or(u32::MAX) });
    }
    let label = name.as_str();
    if label.contains('_') {
        return Err(rule(label, "'_' is not allowed in a top-level domain"));
    }
    let encoded = label.strip_prefix("xn--");
    if encoded.is_none() && label.get(2..4) == Some("--") {
        return Err(rule(label, "hyphens at the third and fourth place are kept for A-labels (RFC 5891 4.2.3.1)"));
    }
    let hexadecimal = |t: &str| t.bytes().all(|b| b.is_ascii_hexdigit());
    if label.bytes().all(|b| b.is_ascii_digit()) || label.strip_prefix("0x").is_some_and(hexadecimal) {
        return Err(rule(label, "a number as last label would read as an address (RFC 1123 2.1)"));
    }
    if let Some((_, reason)) = RESERVED.iter().find(|(reserved, _)| *reserved == label) {
        return Err(LabelError::Reserved { name: name.clone(), reason });
    }
    if encoded.is_some() { check_a_label(label) } else { Ok(()) }
}

/// Checks an A-label: round trip, bidi, and the characters of its Unicode form.
fn check_a_label(label: &str) -> Result<(), LabelError> {
    let Some(unicode) = second_level::unicode(label) else {
        return Err(rule(label, "is not a valid A-label: it must decode to Unicode text that encodes to it again"));
    };
    for character in unicode.chars() {
        let shown = || format!("U+{:04X} in '{unicode}'", u32::from(character));
        if matches!(character, '\u{200C}' | '\u{200D}') {
            return Err(rule(label, format!("joiner {} is not allowed in a top-level domain", shown())));
        }
        if character.is_numeric() || character.is_ascii_digit() {
            return Err(rule(label, format!("digit {} is not allowed beside letters of other scripts", shown())));
        }
        if !is_letter(character) {
            return Err(rule(label, format!("{} is not a letter", shown())));
        }
        if !Script::ALL.iter().any(|script| belongs(*script, character)) {
            return Err(rule(label, format!("{} is of a script that the root does not use", shown())));
        }
    }
    if Script::ALL.iter().any(|script| unicode.chars().all(|c| belongs(*script, c))) {
        return Ok(());
    }
    Err(rule(label, format!("'{unicode}' mixes scripts")))
}

/// The one name that a person's text stands for: letters in lower case, the dots of other scripts as dots, Unicode labels
/// as A-labels, no final dot. Whether the name may be bound is for [`check_tld`].
///
/// # Errors
/// [`LabelError::Rule`] when the text is no name.
pub fn parse_name(text: &str) -> Result<DomainName, LabelError> {
    if text.is_ascii() {
        return DomainName::parse(text).map_err(|e| rule(text, e.to_string()));
    }
    let ascii = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::EMPTY, Hyphens::CheckFirstLast, DnsLength::VerifyAllowRootDot)
        .map_err(|_| rule(text, "is not valid Unicode for a name (UTS 46)"))?;
    DomainName::parse(&ascii).map_err(|e| rule(text, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{vec, vec::Vec};

    fn name(text: &str) -> DomainName {
        parse_name(text).unwrap()
    }

    fn refusal(text: &str) -> String {
        check_tld(&name(text)).expect_err(text).to_string()
    }

    #[test]
    fn case_1_long_labels_and_names_are_no_names() {
        assert!(parse_name(&"a".repeat(64)).is_err());
        assert!(parse_name(&"ä".repeat(60)).is_err());
        assert!(parse_name(&vec!["abcdefg"; 33].join(".")).is_err());
        assert!(check_tld(&name(&"a".repeat(63))).is_ok());
    }

    #[test]
    fn case_2_empty_labels_and_misplaced_hyphens_are_refused() {
        for text in ["a..lab", "", "-a", "a-", ".lab", "a。。lab", "ä..lab", "-ä"] {
            assert!(parse_name(text).is_err(), "{text}");
        }
        assert!(refusal("ab--cd").contains("third and fourth"));
        assert!(refusal("a.b").contains("2 labels"));
        assert!(refusal(".").contains("0 labels"));
        assert!(refusal("a_b").contains('_'));
    }

    #[test]
    fn case_3_a_labels_that_do_not_round_trip_are_refused() {
        // Decodes to nothing, to ASCII, overflows, to a character that maps to another, to upper case, or to decomposed text.
        for text in
            ["xn--a", "xn--abc-", "xn--99999999", "xn--0", "xn--a-ecp", "xn--vermgensberater-", "xn---", "xn--u-ccb"]
        {
            assert!(DomainName::parse(text).is_err() || check_tld(&name(text)).is_err(), "{text}");
        }
        let upper = idna::punycode::encode_str("ÄRGER").unwrap();
        assert!(refusal(&format!("xn--{upper}")).contains("A-label"));
        let decomposed = idna::punycode::encode_str("a\u{308}b").unwrap();
        assert!(refusal(&format!("xn--{decomposed}")).contains("A-label"));
    }

    #[test]
    fn case_4_mixed_scripts_and_symbols_are_refused() {
        assert!(refusal("p\u{430}ypal").contains("mixes scripts"));
        assert!(refusal("москваabc").contains("mixes scripts"));
        assert!(refusal("αбв").contains("mixes scripts"));
        assert!(refusal("latinテスト").contains("mixes scripts"));
        for text in ["😀", "a☕", "♥", "→", "⠁⠂"] {
            assert!(refusal(text).contains("not a letter"), "{text}");
        }
        assert!(refusal("ᏣᎳᎩ").contains("script that the root does not use"));
    }

    #[test]
    fn case_5_joiners_and_bidi_abuse_are_refused() {
        // A joiner that IDNA 2008 allows after a virama is refused as well.
        let joined = idna::punycode::encode_str("क\u{94D}\u{200D}ष").unwrap();
        assert!(refusal(&format!("xn--{joined}")).contains("joiner"));
        let zero_width = idna::punycode::encode_str("a\u{200B}ä").unwrap();
        assert!(check_tld(&name(&format!("xn--{zero_width}"))).is_err());
        for text in ["a\u{627}", "\u{627}a", "1\u{627}", "\u{627}1\u{661}", "\u{661}\u{6F1}\u{627}"] {
            let encoded = idna::punycode::encode_str(text).unwrap();
            assert!(check_tld(&name(&format!("xn--{encoded}"))).is_err(), "{text:?}");
        }
        assert!(refusal("\u{627}\u{628}1").contains("digit"));
        assert!(parse_name("a\u{200D}b").is_err());
    }

    #[test]
    fn case_6_every_spelling_is_one_name() {
        for text in ["xn--zfr164b", "XN--ZFR164B", "xn--zfr164b.", "政务", "政务.", "政务。", "政务．"] {
            assert_eq!(name(text).as_str(), "xn--zfr164b", "{text}");
        }
        for text in ["Ns1.Example", "ns1.example.", "ns1。example", "ＮＳ1．example。"] {
            assert_eq!(name(text).as_str(), "ns1.example", "{text}");
        }
    }

    #[test]
    fn case_7_reserved_labels_are_refused() {
        assert!(RESERVED.is_sorted());
        for text in ["test", "localhost", "onion", "internal", "example", "invalid", "local", "alt", "TEST.", "テスト"]
        {
            assert!(refusal(text).contains("reserved"), "{text}");
        }
        assert!(refusal("127").contains("number"));
        assert!(refusal("0x7f").contains("number"));
    }

    #[test]
    fn ordinary_labels_of_many_scripts_pass() {
        let labels =
            "com a1 x-y vermögensberater みんな ファッション 家電 닷컴 भारतम् ไทย ລາວ ഭാരതം قطر ישראל рф ελ გე հայ ලංකා";
        let refused: Vec<_> = labels.split(' ').filter(|l| check_tld(&name(l)).is_err()).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }
}
