//! The canonical binary form: borsh, made injective.
//!
//! Plain borsh lets several byte strings stand for one value (unsorted maps, trailing bytes). Here one value has one
//! byte string: maps and sets must be sorted (`de_strict_order`), trailing bytes are refused, and every length is
//! checked against a named maximum before anything is allocated. Recursive types are not allowed.

use alloc::{string::String, vec::Vec};
use borsh::{
    BorshDeserialize, BorshSerialize,
    io::{Error, ErrorKind, Read, Result, Write},
};
use serde::{Deserialize, Serialize};

/// Why bytes could not be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than the caller allows for this type.
    #[error("{found} bytes exceed the maximum of {maximum} for {what}")]
    TooLong {
        /// The type that was to be decoded.
        what: &'static str,
        /// Bytes given.
        found: usize,
        /// Bytes allowed.
        maximum: usize,
    },
    /// The bytes are not the canonical form of a value.
    #[error("not a canonical {what}: {reason}")]
    Malformed {
        /// The type that was to be decoded.
        what: &'static str,
        /// What the decoder met.
        reason: String,
    },
}

/// Encodes a value into its canonical bytes.
///
/// # Panics
/// Never for the types of this crate: writing to a vector cannot fail and their lengths are bounded below `u32::MAX`.
pub fn encode<T: BorshSerialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    // Not `expect`: it would bring the formatting of errors into every contract.
    #[expect(clippy::panic, reason = "writing to a Vec cannot fail and lengths are bounded")]
    if value.serialize(&mut out).is_err() {
        panic!("a value is longer than its type allows");
    }
    out
}

/// Decodes canonical bytes of at most `maximum` bytes; every byte must be used.
///
/// # Errors
/// [`DecodeError`] when there are more bytes than `maximum`, when a bound inside is exceeded, or when bytes are left.
pub fn decode<T: BorshDeserialize>(
    what: &'static str,
    bytes: &[u8],
    maximum: usize,
) -> core::result::Result<T, DecodeError> {
    if bytes.len() > maximum {
        return Err(DecodeError::TooLong { what, found: bytes.len(), maximum });
    }
    T::try_from_slice(bytes).map_err(|e| DecodeError::Malformed { what, reason: alloc::format!("{e}") })
}

fn invalid(message: String) -> Error {
    Error::new(ErrorKind::InvalidData, message)
}

fn read_length<R: Read>(reader: &mut R, maximum: usize) -> Result<usize> {
    let length = u32::deserialize_reader(reader)? as usize;
    if length > maximum {
        return Err(invalid(alloc::format!("length {length} exceeds the maximum of {maximum}")));
    }
    Ok(length)
}

fn read_bytes<R: Read>(reader: &mut R, maximum: usize) -> Result<Vec<u8>> {
    let length = read_length(reader, maximum)?;
    // A claimed length may be false: grow with what really arrives.
    let mut out = Vec::with_capacity(length.min(4096));
    let mut chunk = [0u8; 1024];
    let mut left = length;
    while left > 0 {
        let take = left.min(chunk.len());
        reader.read_exact(&mut chunk[..take])?;
        out.extend_from_slice(&chunk[..take]);
        left = left.saturating_sub(take);
    }
    Ok(out)
}

/// A value longer than its type allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("length {found} exceeds the maximum of {maximum}")]
pub struct TooLong {
    /// Length given.
    pub found: usize,
    /// Length allowed.
    pub maximum: usize,
}

/// At most `MAX` bytes. Encoded as a little-endian u32 length and the bytes; hexadecimal in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes<const MAX: usize>(Vec<u8>);

impl<const MAX: usize> Bytes<MAX> {
    /// Wraps bytes.
    ///
    /// # Errors
    /// [`TooLong`] above `MAX` bytes.
    pub fn new(bytes: Vec<u8>) -> core::result::Result<Self, TooLong> {
        if bytes.len() > MAX { Err(TooLong { found: bytes.len(), maximum: MAX }) } else { Ok(Self(bytes)) }
    }
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
    /// The bytes, owned.
    pub fn into_vec(self) -> Vec<u8> {
        self.0
    }
}

impl<const MAX: usize> core::fmt::Debug for Bytes<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.0.len() <= 64 { write!(f, "0x{}", hex::encode(&self.0)) } else { write!(f, "[{} bytes]", self.0.len()) }
    }
}

impl<const MAX: usize> core::ops::Deref for Bytes<MAX> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl<const MAX: usize> BorshSerialize for Bytes<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl<const MAX: usize> BorshDeserialize for Bytes<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        read_bytes(reader, MAX).map(Self)
    }
}

impl<const MAX: usize> Serialize for Bytes<MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(&self.0))
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Bytes<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        let bytes = hex::decode(&text).map_err(serde::de::Error::custom)?;
        Self::new(bytes).map_err(serde::de::Error::custom)
    }
}

/// UTF-8 text of at most `MAX` bytes. Encoded like [`Bytes`]; a string in JSON.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const MAX: usize>(String);

impl<const MAX: usize> Text<MAX> {
    /// Wraps text.
    ///
    /// # Errors
    /// [`TooLong`] above `MAX` bytes.
    pub fn new(text: impl Into<String>) -> core::result::Result<Self, TooLong> {
        let text = text.into();
        if text.len() > MAX { Err(TooLong { found: text.len(), maximum: MAX }) } else { Ok(Self(text)) }
    }
    /// Wraps text, cutting it at the last character that fits.
    pub fn truncated(text: &str) -> Self {
        let mut end = text.len().min(MAX);
        while !text.is_char_boundary(end) {
            end = end.saturating_sub(1);
        }
        Self(text[..end].into())
    }
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> core::fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> core::fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> core::ops::Deref for Text<MAX> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> BorshSerialize for Text<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl<const MAX: usize> BorshDeserialize for Text<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let bytes = read_bytes(reader, MAX)?;
        String::from_utf8(bytes).map(Self).map_err(|_| invalid("text is not UTF-8".into()))
    }
}

impl<const MAX: usize> Serialize for Text<MAX> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> core::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de, const MAX: usize> Deserialize<'de> for Text<MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        Self::new(<String as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// At most `MAX` values in order. Encoded as a little-endian u32 count and the values.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(transparent)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> List<T, MAX> {
    /// Wraps values.
    ///
    /// # Errors
    /// [`TooLong`] above `MAX` values.
    pub fn new(values: Vec<T>) -> core::result::Result<Self, TooLong> {
        if values.len() > MAX { Err(TooLong { found: values.len(), maximum: MAX }) } else { Ok(Self(values)) }
    }
    /// The values, owned.
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> core::ops::Deref for List<T, MAX> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: BorshSerialize, const MAX: usize> BorshSerialize for List<T, MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        BorshSerialize::serialize(&self.0, writer)
    }
}

impl<T: BorshDeserialize, const MAX: usize> BorshDeserialize for List<T, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let length = read_length(reader, MAX)?;
        let mut out = Vec::with_capacity(length.min(64));
        for _ in 0..length {
            out.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(out))
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> core::result::Result<Self, D::Error> {
        Self::new(<Vec<T> as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailing_bytes_are_refused() {
        let mut bytes = encode(&7u64);
        bytes.push(0);
        assert!(decode::<u64>("number", &bytes, 64).is_err());
    }

    #[test]
    fn unsorted_maps_are_refused() {
        let sorted = encode(&alloc::collections::BTreeMap::from([(1u8, 1u8), (2, 2)]));
        let mut swapped = sorted.clone();
        swapped.swap(4, 6);
        swapped.swap(5, 7);
        assert!(decode::<alloc::collections::BTreeMap<u8, u8>>("map", &sorted, 64).is_ok());
        assert!(decode::<alloc::collections::BTreeMap<u8, u8>>("map", &swapped, 64).is_err());
    }

    #[test]
    fn a_false_length_is_refused_before_allocation() {
        let claim = encode(&u32::MAX);
        assert!(decode::<Bytes<16>>("bytes", &claim, 64).is_err());
        assert!(decode::<Text<16>>("text", &claim, 64).is_err());
        assert!(decode::<List<u8, 16>>("list", &claim, 64).is_err());
    }

    #[test]
    fn truncation_keeps_characters_whole() {
        assert_eq!(Text::<3>::truncated("aé€").as_str(), "aé");
    }
}
