//! Between JSON and canonical bytes, by a type of the description.
//!
//! Errors point: where (`path`), what was given (`value`), what is expected (`rule`), and a stable `code`.
//!
//! | type | JSON |
//! |---|---|
//! | unit | `null` |
//! | numbers | number, or decimal text; `U128` comes back as text |
//! | bytes, hash, key | hexadecimal text |
//! | name, organisation, contract, role, text | text |
//! | option | `null` or the value; where the value may be `null` itself, `{"some": value}` |
//! | list, tuple | array |
//! | structure | object with every field; without fields `{}` |
//! | enumeration | `"Variant"`, or `{"Variant": fields}` with an object, an array, or the one unnamed field |

mod decode;
mod encode;

pub use decode::decode;
pub use encode::{encode, encode_arguments};

use crate::schema::{Field, Type};
use alloc::string::String;
use serde_json::Value;

/// Why JSON does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {path}: {value}: {rule}")]
pub struct JsonError {
    /// Where: names and positions from the outside in, `entry.hosts[2]`; `(value)` for the whole.
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

/// Whether a value of this type may be `null` in JSON.
fn may_be_null(kind: &Type) -> bool {
    matches!(kind, Type::Unit | Type::Option(_))
}

/// Whether fields are those of a tuple: named by their positions.
fn is_positional(fields: &[Field]) -> bool {
    !fields.is_empty() && fields.iter().enumerate().all(|(at, field)| field.name.parse() == Ok(at))
}

/// A value for people, cut at 80 characters.
fn shown(value: &Value) -> String {
    let text = alloc::format!("{value}");
    if text.chars().count() <= 80 {
        return text;
    }
    text.chars().take(79).chain(['…']).collect()
}

#[cfg(test)]
mod tests;
