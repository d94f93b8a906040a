//! Between JSON and canonical bytes, by a type of the description.
//!
//! Errors point: where (`path`), what was given (`value`), what is expected (`rule`), and a stable `code`.

use crate::schema::{Method, Type};
use alloc::{string::String, vec::Vec};
use serde_json::Value;

/// Why JSON does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {path}: {value}: {rule}")]
pub struct JsonError {
    /// Where: names and positions from the outside in, `arguments.entry.hosts[2]`.
    pub path: String,
    /// What was given, cut at 80 characters.
    pub value: String,
    /// What is expected.
    pub rule: String,
    /// Stable code.
    pub code: JsonCode,
}

/// Stable codes of [`JsonError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JsonCode {
    /// Another kind of JSON value is expected.
    WrongType,
    /// A number out of range or not whole.
    OutOfRange,
    /// Too long or too many.
    TooLong,
    /// The text breaks the type's rule.
    BadText,
    /// A field or argument is missing.
    Missing,
    /// A field, argument or variant that the type does not have.
    Unknown,
    /// The number of arguments or elements is wrong.
    WrongCount,
    /// Bytes that are not canonical for the type (decoding only).
    BadBytes,
}

/// Encodes a JSON value into the canonical bytes of a type.
///
/// # Errors
/// [`JsonError`] at the first place that does not fit.
pub fn encode(kind: &Type, value: &Value) -> Result<Vec<u8>, JsonError> {
    let _ = (kind, value);
    unimplemented!("filled in next")
}

/// Decodes canonical bytes of a type into JSON; every byte must be used.
///
/// # Errors
/// [`JsonError`] with [`JsonCode::BadBytes`].
pub fn decode(kind: &Type, bytes: &[u8]) -> Result<Value, JsonError> {
    let _ = (kind, bytes);
    unimplemented!("filled in next")
}

/// Encodes the arguments of a method, given as an object by name or as an array by position; `null` stands for none.
///
/// # Errors
/// [`JsonError`] at the first argument that does not fit.
pub fn encode_arguments(method: &Method, value: &Value) -> Result<Vec<u8>, JsonError> {
    let _ = (method, value);
    unimplemented!("filled in next")
}

impl core::fmt::Display for JsonCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::WrongType => "wrong_type",
            Self::OutOfRange => "out_of_range",
            Self::TooLong => "too_long",
            Self::BadText => "bad_text",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
            Self::WrongCount => "wrong_count",
            Self::BadBytes => "bad_bytes",
        })
    }
}
