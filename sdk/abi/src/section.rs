//! Finds the description inside a module's bytes, without a parser of WebAssembly: only section headers are read.

use crate::{exports::SECTION, schema::MAX_SECTION};
use alloc::string::String;

/// Why a module has no readable description.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SectionError {
    /// The bytes are no WebAssembly module of version 1.
    #[error("not a WebAssembly module: {reason}")]
    NotModule {
        /// What the reader met.
        reason: &'static str,
    },
    /// There is no section of that name.
    #[error(
        "the module has no section '{SECTION}': it was not built with the contract SDK, or the section was stripped"
    )]
    Missing,
    /// There is more than one section of that name.
    #[error(
        "the module has {found} sections '{SECTION}', exactly one is allowed: a contract crate must not link another one"
    )]
    Repeated {
        /// Sections found.
        found: usize,
    },
    /// The description is longer than allowed.
    #[error("the description has {found} bytes, more than {MAX_SECTION}")]
    TooLong {
        /// Bytes found.
        found: usize,
    },
    /// The description was written for another layout.
    #[error("the description has layout version {found}, this program reads version {expected}")]
    Version {
        /// Version found.
        found: u16,
        /// Version that this program reads.
        expected: u16,
    },
    /// The description breaks a rule.
    #[error("malformed description at byte {at}: {rule}")]
    Malformed {
        /// Offset in the description.
        at: usize,
        /// The rule.
        rule: String,
    },
}

fn leb_u32(bytes: &[u8], at: &mut usize) -> Option<u32> {
    let mut value = 0u64;
    for shift in 0..5u32 {
        let byte = *bytes.get(*at)?;
        *at = at.checked_add(1)?;
        value |= u64::from(byte & 0x7f) << shift.saturating_mul(7);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok();
        }
    }
    None
}

fn slice<'a>(bytes: &'a [u8], at: &mut usize, length: u32) -> Option<&'a [u8]> {
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    let out = bytes.get(*at..end)?;
    *at = end;
    Some(out)
}

/// The content of the one custom section [`SECTION`].
///
/// # Errors
/// [`SectionError`] when the bytes are no module, or the section is missing, repeated or too long.
pub fn find_section(module: &[u8]) -> Result<&[u8], SectionError> {
    if module.get(..8) != Some(b"\0asm\x01\0\0\0") {
        return Err(SectionError::NotModule { reason: "the first 8 bytes are not the magic number and version 1" });
    }
    let cut = || SectionError::NotModule { reason: "a section ends after the module" };
    let (mut at, mut found, mut sections) = (8usize, None, 0usize);
    while at < module.len() {
        let id = *module.get(at).ok_or_else(cut)?;
        at = at.saturating_add(1);
        let length = leb_u32(module, &mut at).ok_or_else(cut)?;
        let body = slice(module, &mut at, length).ok_or_else(cut)?;
        if id != 0 {
            continue;
        }
        let mut inner = 0usize;
        let name_length = leb_u32(body, &mut inner).ok_or_else(cut)?;
        let name = slice(body, &mut inner, name_length).ok_or_else(cut)?;
        if name == SECTION.as_bytes() {
            sections = sections.saturating_add(1);
            found = body.get(inner..);
        }
    }
    match (sections, found) {
        (0, _) | (1, None) => Err(SectionError::Missing),
        (1, Some(body)) if body.len() > MAX_SECTION => Err(SectionError::TooLong { found: body.len() }),
        (1, Some(body)) => Ok(body),
        _ => Err(SectionError::Repeated { found: sections }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    fn module(sections: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut out = b"\0asm\x01\0\0\0".to_vec();
        for (name, body) in sections {
            out.push(0);
            out.push((1 + name.len() + body.len()) as u8);
            out.push(name.len() as u8);
            out.extend_from_slice(name);
            out.extend_from_slice(body);
        }
        out
    }

    #[test]
    fn the_one_section_is_found_among_others() {
        let bytes = module(&[(b"name", b"x"), (b"althing.abi", b"hello"), (b"producers", b"")]);
        assert_eq!(find_section(&bytes), Ok(&b"hello"[..]));
    }

    #[test]
    fn missing_repeated_and_foreign_bytes_are_told_apart() {
        assert_eq!(find_section(&module(&[])), Err(SectionError::Missing));
        let twice = module(&[(b"althing.abi", b"a"), (b"althing.abi", b"b")]);
        assert_eq!(find_section(&twice), Err(SectionError::Repeated { found: 2 }));
        assert!(matches!(find_section(b"\x7fELF\0\0\0\0"), Err(SectionError::NotModule { .. })));
    }

    #[test]
    fn cut_modules_are_refused_without_a_panic() {
        let whole = module(&[(b"althing.abi", b"hello")]);
        for end in 9..whole.len() {
            assert!(find_section(&whole[..end]).is_err(), "{end}");
        }
        let mut endless = b"\0asm\x01\0\0\0".to_vec();
        endless.extend(vec![0xff; 40]);
        assert!(find_section(&endless).is_err());
    }
}
