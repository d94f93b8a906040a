//! Characters of internationalised labels, as far as they can be told without large tables.
//!
//! Contract `domain_records` checks the A-labels of host names with this alone: host names lie below other people's
//! zones, whose registries have the finer rules. What may be a top-level domain is for `label`.

/// Marks that words are written with in scripts of the root and that are not alphabetic for Unicode: viramas, nuktas, tone signs.
const MARKS: [(char, char); 23] = [
    ('\u{93C}', '\u{93C}'),
    ('\u{94D}', '\u{94D}'),
    ('\u{9BC}', '\u{9BC}'),
    ('\u{9CD}', '\u{9CD}'),
    ('\u{A3C}', '\u{A3C}'),
    ('\u{A4D}', '\u{A4D}'),
    ('\u{ABC}', '\u{ABC}'),
    ('\u{ACD}', '\u{ACD}'),
    ('\u{B3C}', '\u{B3C}'),
    ('\u{B4D}', '\u{B4D}'),
    ('\u{BCD}', '\u{BCD}'),
    ('\u{C4D}', '\u{C4D}'),
    ('\u{CBC}', '\u{CBC}'),
    ('\u{CCD}', '\u{CCD}'),
    ('\u{D4D}', '\u{D4D}'),
    ('\u{DCA}', '\u{DCA}'),
    ('\u{E47}', '\u{E4C}'),
    ('\u{E4E}', '\u{E4E}'),
    ('\u{EBA}', '\u{EBA}'),
    ('\u{EC8}', '\u{ECC}'),
    ('\u{1037}', '\u{1037}'),
    ('\u{1039}', '\u{103A}'),
    ('\u{17C9}', '\u{17D2}'),
];

/// Letters that UTS 46 lets pass and RFC 5892 2.6 disallows.
const DISALLOWED: [(char, char); 3] = [('\u{640}', '\u{640}'), ('\u{3031}', '\u{3035}'), ('\u{303B}', '\u{303B}')];

fn within(ranges: &[(char, char)], character: char) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&character))
}

/// Whether a character is one that words are written with: a letter, or a mark beside letters.
pub fn is_letter(character: char) -> bool {
    (character.is_alphabetic() && !within(&DISALLOWED, character)) || within(&MARKS, character)
}

/// Whether the Unicode form of a label could be one: letters and marks that have no other lower case, digits, hyphens,
/// and at least one character that is not ASCII.
pub fn is_label(text: &str) -> bool {
    let allowed = |c: char| c == '-' || c.is_numeric() || (is_letter(c) && c.to_lowercase().eq([c]));
    !text.is_ascii() && text.chars().all(allowed)
}
