//! Which labels may be registered below a TLD, and which names hosts may have.
//!
//! Checked in this order: letters, digits and hyphens in their places (RFC 5890 2.3.1); no hyphens at the third and fourth
//! place but in A-labels (RFC 5891 4.2.3.1); for an A-label that it is what its own Unicode form encodes to (RFC 5891 4.4,
//! with the bidi rule of RFC 5893); that each character is in the table that the TLD uses; that scripts are not mixed.
//! The table of a script is its letters and marks, digits 0 to 9 and the hyphen. Nothing here depends on a locale.

use crate::{character::is_letter, registrations::Script};
use alloc::{borrow::Cow, format, string::String};
use althing_types::name::DomainName;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use unicode_script::{Script as Unicode, UnicodeScript};

/// The scripts that stand for one group.
const fn members(script: Script) -> &'static [Unicode] {
    match script {
        Script::Latin => &[Unicode::Latin],
        Script::Japanese => &[Unicode::Han, Unicode::Hiragana, Unicode::Katakana],
        Script::Korean => &[Unicode::Han, Unicode::Hangul],
        Script::Arabic => &[Unicode::Arabic],
        Script::Armenian => &[Unicode::Armenian],
        Script::Bengali => &[Unicode::Bengali],
        Script::Cyrillic => &[Unicode::Cyrillic],
        Script::Devanagari => &[Unicode::Devanagari],
        Script::Ethiopic => &[Unicode::Ethiopic],
        Script::Georgian => &[Unicode::Georgian],
        Script::Greek => &[Unicode::Greek],
        Script::Gujarati => &[Unicode::Gujarati],
        Script::Gurmukhi => &[Unicode::Gurmukhi],
        Script::Hebrew => &[Unicode::Hebrew],
        Script::Kannada => &[Unicode::Kannada],
        Script::Khmer => &[Unicode::Khmer],
        Script::Lao => &[Unicode::Lao],
        Script::Malayalam => &[Unicode::Malayalam],
        Script::Myanmar => &[Unicode::Myanmar],
        Script::Oriya => &[Unicode::Oriya],
        Script::Sinhala => &[Unicode::Sinhala],
        Script::Tamil => &[Unicode::Tamil],
        Script::Telugu => &[Unicode::Telugu],
        Script::Thai => &[Unicode::Thai],
        Script::Thaana => &[Unicode::Thaana],
    }
}

/// Whether a character is written in one of these scripts.
pub(crate) fn belongs(script: Script, character: char) -> bool {
    let scripts = character.script_extension();
    !scripts.is_common() && !scripts.is_inherited() && members(script).iter().any(|s| scripts.contains_script(*s))
}

/// Checks a label that is to be registered below a TLD which uses these scripts.
///
/// # Errors
/// The broken rule, with the characters concerned.
pub fn check_label(label: &str, scripts: &[Script]) -> Result<(), String> {
    if label.contains('_') {
        return Err("'_' is not allowed in a registered name".into());
    }
    if label.starts_with("xn--") {
        return check_a_label(label, scripts);
    }
    if label.get(2..4) == Some("--") {
        return Err("hyphens at the third and fourth place are kept for A-labels (RFC 5891 4.2.3.1)".into());
    }
    Ok(())
}

/// The Unicode form of an A-label that is one; `None` for a label that does not round-trip.
pub fn unicode(label: &str) -> Option<String> {
    let uts46 = Uts46::new();
    let ascii = uts46.to_ascii(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    let (unicode, valid) = uts46.to_unicode(label.as_bytes(), AsciiDenyList::STD3, Hyphens::Check);
    let back = uts46.to_ascii(unicode.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    let same = |r: &Result<Cow<'_, str>, _>| r.as_ref().is_ok_and(|t| t == label);
    (valid.is_ok() && !unicode.is_ascii() && same(&ascii) && same(&back)).then(|| unicode.into_owned())
}

fn check_a_label(label: &str, scripts: &[Script]) -> Result<(), String> {
    let Some(unicode) = unicode(label) else {
        return Err("is not a valid A-label: it must decode to Unicode text that encodes to it again".into());
    };
    // Digits and hyphens go with every script; the letters of one label are of one.
    let plain = |c: char| c == '-' || c.is_ascii_digit();
    for character in unicode.chars().filter(|c| !plain(*c)) {
        let shown = || format!("U+{:04X} in '{unicode}'", u32::from(character));
        if matches!(character, '\u{200C}' | '\u{200D}') {
            return Err(format!("joiner {} is not allowed", shown()));
        }
        if character.is_numeric() {
            return Err(format!("digit {} is not in the table; use 0 to 9", shown()));
        }
        if !is_letter(character) {
            return Err(format!("{} is not a letter", shown()));
        }
        if !character.is_ascii() && !scripts.iter().any(|script| belongs(*script, character)) {
            return Err(format!("{} is of a script that this TLD does not use", shown()));
        }
    }
    let of_one = |script: &Script| unicode.chars().all(|c| plain(c) || belongs(*script, c));
    if scripts.iter().any(of_one) { Ok(()) } else { Err(format!("'{unicode}' mixes scripts")) }
}

/// Checks the name of a host (RFC 1123 2.1, RFC 5891 4.2.3.1).
///
/// # Errors
/// The broken rule.
pub fn check_host(name: &DomainName) -> Result<(), &'static str> {
    if name.labels().count() < 2 {
        return Err("a name server needs at least two labels");
    }
    if name.tld().is_some_and(|tld| tld.bytes().all(|b| b.is_ascii_digit())) {
        return Err("the last label is a number; give a name, not an address");
    }
    for label in name.labels() {
        if label.contains('_') {
            return Err("'_' is not allowed in a host name");
        }
        if label.starts_with("xn--") && unicode(label).is_none() {
            return Err("has an A-label that does not round-trip");
        }
        if !label.starts_with("xn--") && label.get(2..4) == Some("--") {
            return Err("has '--' at the third place of a label that is no A-label");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::label::parse_name;
    use std::{string::ToString, vec::Vec};

    const WESTERN: &[Script] = &[Script::Latin, Script::Cyrillic, Script::Greek];

    /// The label of a text, as a person would type it.
    fn label(text: &str) -> String {
        parse_name(text).unwrap().as_str().to_string()
    }

    fn refusal(text: &str, scripts: &[Script]) -> String {
        check_label(&label(text), scripts).expect_err(text)
    }

    #[test]
    fn case_2_hyphens_are_in_their_places() {
        assert!(refusal("ab--cd", WESTERN).contains("third and fourth"));
        assert!(refusal("a_b", WESTERN).contains('_'));
        for text in ["a", "1", "163", "a-b", "a--b", "0x7f", "a1-b2"] {
            assert!(check_label(&label(text), WESTERN).is_ok(), "{text}");
        }
    }

    #[test]
    fn case_3_a_labels_round_trip() {
        for text in ["xn--a", "xn--99999999", "xn--0", "xn--a-ecp", "xn--u-ccb"] {
            assert!(check_label(text, WESTERN).unwrap_err().contains("A-label"), "{text}");
        }
    }

    #[test]
    fn case_4_scripts_are_not_mixed_and_no_symbol_passes() {
        assert!(refusal("p\u{430}ypal", WESTERN).contains("mixes scripts"));
        assert!(refusal("αбв", WESTERN).contains("mixes scripts"));
        for text in ["😀", "a☕", "♥"] {
            assert!(refusal(text, WESTERN).contains("not a letter"), "{text}");
        }
        assert!(refusal("みんな", WESTERN).contains("does not use"));
        assert!(refusal("ärger", &[]).contains("does not use"));
    }

    #[test]
    fn case_5_joiners_and_foreign_digits_are_refused() {
        let joined = idna::punycode::encode_str("क\u{94D}\u{200D}ष").unwrap();
        assert!(check_label(&format!("xn--{joined}"), &[Script::Devanagari]).unwrap_err().contains("joiner"));
        for text in ["a\u{627}", "1\u{627}", "\u{661}\u{6F1}\u{627}", "\u{627}\u{661}"] {
            let encoded = idna::punycode::encode_str(text).unwrap();
            assert!(check_label(&format!("xn--{encoded}"), &[Script::Arabic]).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ordinary_labels_pass_with_the_script_they_are_in() {
        let good: &[(&str, Script)] = &[
            ("müller-2", Script::Latin),
            ("привет", Script::Cyrillic),
            ("ファッション24", Script::Japanese),
            ("家電", Script::Japanese),
            ("닷컴", Script::Korean),
            ("भारतम्", Script::Devanagari),
            ("ไทย", Script::Thai),
            ("קום", Script::Hebrew),
        ];
        let refused: Vec<_> = good.iter().filter(|(t, s)| check_label(&label(t), &[*s]).is_err()).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }

    #[test]
    fn host_names_are_names() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        for text in ["lab", "ns.1", "_x.lab", "xn--a.lab", "ab--c.lab"] {
            assert!(check_host(&name(text)).is_err(), "{text}");
        }
        for text in ["ns.lab", "a.b.c.lab", "1.ns.lab", "xn--mller-kva.lab"] {
            assert!(check_host(&name(text)).is_ok(), "{text}");
        }
    }
}
