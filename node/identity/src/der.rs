//! The one form that bytes of ASN.1 may have: a check of the distinguished encoding (X.690) before anything is read.
//!
//! The parser behind it accepts some encodings that are not distinguished, and does not look into everything. Two forms
//! of one certificate would be two certificates with one serial number; therefore every element is checked here first:
//! lengths in their shortest form, nothing left over, numbers without padding, no value written that is the default.

/// Deepest nesting; certificates need 9.
const MAX_DEPTH: usize = 16;

const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const NULL: u8 = 0x05;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// One element: its tag and content, and all of its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    /// The identifier octet.
    pub(crate) tag: u8,
    /// What is inside.
    pub(crate) content: &'a [u8],
    /// Tag, length and content.
    pub(crate) whole: &'a [u8],
}

/// The element that fills all of the bytes, checked to any depth.
pub(crate) fn read(bytes: &[u8]) -> Result<Element<'_>, &'static str> {
    let (element, rest) = element(bytes)?;
    if !rest.is_empty() {
        return Err("bytes after the end");
    }
    check(element, MAX_DEPTH)?;
    Ok(element)
}

/// The elements inside.
pub(crate) fn children<'a>(parent: &Element<'a>) -> Result<Vec<Element<'a>>, &'static str> {
    let (mut found, mut rest) = (Vec::new(), parent.content);
    while !rest.is_empty() {
        let (child, after) = element(rest)?;
        found.push(child);
        rest = after;
    }
    Ok(found)
}

/// The first element and what follows it.
fn element(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), &'static str> {
    let (tag, rest) = bytes.split_first().ok_or("an element is missing")?;
    if tag & 0x1f == 0x1f {
        return Err("a tag of several octets");
    }
    let (first, rest) = rest.split_first().ok_or("a length is missing")?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81 => match rest.split_first() {
            Some((low, rest)) if *low >= 0x80 => (usize::from(*low), rest),
            _ => return Err("a length that is not in its shortest form"),
        },
        0x82 => match rest.split_first_chunk::<2>() {
            Some((both, rest)) if both[0] != 0 => (usize::from(u16::from_be_bytes(*both)), rest),
            _ => return Err("a length that is not in its shortest form"),
        },
        _ => return Err("an indefinite or overlong length"),
    };
    let (content, rest) = rest.split_at_checked(length).ok_or("an element is cut off")?;
    let whole = bytes.get(..bytes.len().saturating_sub(rest.len())).unwrap_or_default();
    Ok((Element { tag: *tag, content, whole }, rest))
}

fn check(element: Element<'_>, depth: usize) -> Result<(), &'static str> {
    let content = element.content;
    match element.tag {
        SEQUENCE | SET => inside(element, depth),
        // Context-specific and constructed: explicit tags and choices.
        0xa0..=0xbf => inside(element, depth),
        // Context-specific and primitive: bytes of an implicit type.
        0x80..=0x9f | OCTET_STRING => Ok(()),
        // Every truth value of certificates is false by default, and a default is not written.
        BOOLEAN if content == [0xff] => Ok(()),
        BOOLEAN => Err("a truth value that is neither left out nor TRUE"),
        INTEGER => integer(content),
        BIT_STRING => bits(content),
        NULL if content.is_empty() => Ok(()),
        OBJECT_IDENTIFIER => identifier(content),
        UTF8_STRING if core::str::from_utf8(content).is_ok() => Ok(()),
        PRINTABLE_STRING if content.iter().all(|byte| printable(*byte)) => Ok(()),
        IA5_STRING if content.is_ascii() => Ok(()),
        UTC_TIME if is_time(content, 12) => Ok(()),
        GENERALIZED_TIME if is_time(content, 14) => Ok(()),
        _ => Err("an element of another type or with foreign content"),
    }
}

fn inside(element: Element<'_>, depth: usize) -> Result<(), &'static str> {
    let depth = depth.checked_sub(1).ok_or("elements nested too deeply")?;
    let found = children(&element)?;
    // Members of a set would have to be sorted; names of several parts in one step are in no certificate of ours.
    if element.tag == SET && found.len() != 1 {
        return Err("a set that has not one member");
    }
    found.into_iter().try_for_each(|child| check(child, depth))
}

fn integer(content: &[u8]) -> Result<(), &'static str> {
    match content {
        [] => Err("a number without octets"),
        [0, next, ..] if *next < 0x80 => Err("a number that is not in its shortest form"),
        [0xff, next, ..] if *next >= 0x80 => Err("a number that is not in its shortest form"),
        _ => Ok(()),
    }
}

fn bits(content: &[u8]) -> Result<(), &'static str> {
    let (unused, octets) = content.split_first().ok_or("a bit string without octets")?;
    match octets.last() {
        None if *unused == 0 => Ok(()),
        Some(last) if *unused < 8 && last.trailing_zeros() >= u32::from(*unused) => Ok(()),
        _ => Err("a bit string with foreign padding"),
    }
}

fn identifier(content: &[u8]) -> Result<(), &'static str> {
    let mut begins = true;
    for byte in content {
        if begins && *byte == 0x80 {
            return Err("an object identifier that is not in its shortest form");
        }
        begins = *byte < 0x80;
    }
    if content.is_empty() || !begins { Err("an object identifier that is cut off") } else { Ok(()) }
}

fn printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// So many digits and a Z (RFC 5280 4.1.2.5: no fractions, no offsets).
fn is_time(content: &[u8], digits: usize) -> bool {
    content
        .split_last()
        .is_some_and(|(zone, rest)| *zone == b'Z' && rest.len() == digits && rest.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distinguished_forms_are_accepted() {
        for good in [
            &[0x30, 0x00][..],
            &[0x01, 0x01, 0xff],
            &[0x02, 0x02, 0x00, 0x80],
            &[0x03, 0x02, 0x01, 0x06],
            &[0x06, 0x03, 0x2b, 0x65, 0x70],
            &[0x30, 0x05, 0x31, 0x03, 0x02, 0x01, 0x00],
        ] {
            assert!(read(good).is_ok(), "{good:02x?}");
        }
    }

    #[test]
    fn other_forms_of_the_same_values_are_refused() {
        let mut deep = vec![0x30, 0x00];
        for _ in 0..MAX_DEPTH {
            let length = u8::try_from(deep.len()).unwrap();
            deep.splice(0..0, [0x30, length]);
        }
        for bad in [
            &[][..],
            &[0x30],
            &[0x30, 0x01],
            &[0x30, 0x00, 0x00],
            &[0x30, 0x80, 0x00, 0x00],
            &[0x30, 0x81, 0x00],
            &[0x30, 0x82, 0x00, 0x00],
            &[0x10, 0x00],
            &[0x1f, 0x01, 0x00],
            &[0x01, 0x01, 0x00],
            &[0x01, 0x01, 0x01],
            &[0x02, 0x00],
            &[0x02, 0x02, 0x00, 0x7f],
            &[0x02, 0x02, 0xff, 0x80],
            &[0x03, 0x00],
            &[0x03, 0x01, 0x01],
            &[0x03, 0x02, 0x01, 0x07],
            &[0x03, 0x02, 0x08, 0x00],
            &[0x05, 0x01, 0x00],
            &[0x06, 0x02, 0x80, 0x01],
            &[0x06, 0x01, 0x81],
            &[0x0c, 0x01, 0xff],
            &[0x13, 0x01, b'@'],
            &[0x17, 0x01, b'Z'],
            &[0x31, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x01],
            &deep,
        ] {
            assert!(read(bad).is_err(), "{bad:02x?}");
        }
    }
}
