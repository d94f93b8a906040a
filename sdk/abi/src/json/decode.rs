//! Canonical bytes to JSON. The bytes come from contracts: every length is checked against what is left.

use super::{JsonCode, JsonError, is_positional, may_be_null};
use crate::schema::{Field, Type};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use althing_types::{
    id::{ContractId, OrganisationId},
    name::DomainName,
    organisation::Role,
};
use borsh::BorshDeserialize;
use serde_json::{Map, Value};

/// Most values that one decoding may make: a short text of bytes must not become a large tree.
const MAX_VALUES: usize = 262_144;

/// Decodes canonical bytes of a type into JSON; every byte must be used.
///
/// # Errors
/// [`JsonError`] with [`JsonCode::BadBytes`].
pub fn decode(kind: &Type, bytes: &[u8]) -> Result<Value, JsonError> {
    let mut decoder = Decoder { bytes, at: 0, values: 0, path: Vec::new() };
    let value = decoder.kind(kind)?;
    if decoder.at != bytes.len() {
        return decoder.fail(format!("{} bytes are left over", bytes.len().saturating_sub(decoder.at)));
    }
    Ok(value)
}

struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    values: usize,
    path: Vec<String>,
}

impl<'a> Decoder<'a> {
    fn fail<T>(&self, rule: impl Into<String>) -> Result<T, JsonError> {
        let path = if self.path.is_empty() { "(value)".to_string() } else { self.path.join(".") };
        Err(JsonError { path, value: format!("byte {}", self.at), rule: rule.into(), code: JsonCode::BadBytes })
    }
    fn take(&mut self, length: usize) -> Result<&'a [u8], JsonError> {
        let end = self.at.saturating_add(length);
        match self.bytes.get(self.at..end) {
            Some(out) => {
                self.at = end;
                Ok(out)
            }
            None => self.fail(format!("{length} more bytes are needed")),
        }
    }
    fn array<const N: usize>(&mut self) -> Result<[u8; N], JsonError> {
        let mut out = [0u8; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }
    fn byte(&mut self) -> Result<u8, JsonError> {
        self.array::<1>().map(|[byte]| byte)
    }
    fn length(&mut self, max: u32) -> Result<usize, JsonError> {
        let found = u32::from_le_bytes(self.array()?);
        if found > max { self.fail(format!("length {found} exceeds {max}")) } else { Ok(found as usize) }
    }
    fn parsed<T: BorshDeserialize>(&mut self, what: &str) -> Result<T, JsonError> {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        let before = rest.len();
        match T::deserialize(&mut rest) {
            Ok(value) => {
                self.at = self.at.saturating_add(before.saturating_sub(rest.len()));
                Ok(value)
            }
            Err(error) => self.fail(format!("{what}: {error}")),
        }
    }
    fn inside<T>(&mut self, step: &str, work: impl FnOnce(&mut Self) -> Result<T, JsonError>) -> Result<T, JsonError> {
        self.path.push(step.to_string());
        let done = work(self)?;
        self.path.pop();
        Ok(done)
    }
    fn kind(&mut self, kind: &Type) -> Result<Value, JsonError> {
        self.values = self.values.saturating_add(1);
        if self.values > MAX_VALUES {
            return self.fail(format!("more than {MAX_VALUES} values"));
        }
        Ok(match kind {
            Type::Unit => Value::Null,
            Type::Bool => match self.byte()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                other => return self.fail(format!("{other} is not 0 or 1")),
            },
            Type::U8 => self.byte()?.into(),
            Type::U16 => u16::from_le_bytes(self.array()?).into(),
            Type::U32 => u32::from_le_bytes(self.array()?).into(),
            Type::U64 => u64::from_le_bytes(self.array()?).into(),
            Type::I64 => i64::from_le_bytes(self.array()?).into(),
            Type::U128 => u128::from_le_bytes(self.array()?).to_string().into(),
            Type::Text { max } => {
                let length = self.length(*max)?;
                match core::str::from_utf8(self.take(length)?) {
                    Ok(text) => text.into(),
                    Err(_) => return self.fail("text is not UTF-8"),
                }
            }
            Type::Bytes { max } => {
                let length = self.length(*max)?;
                hexadecimal(self.take(length)?)
            }
            Type::Fixed(length) => hexadecimal(self.take(*length as usize)?),
            Type::Hash | Type::PublicKey => hexadecimal(self.take(32)?),
            Type::Name => self.parsed::<DomainName>("domain name")?.to_string().into(),
            Type::Organisation => self.parsed::<OrganisationId>("organisation id")?.to_string().into(),
            Type::ContractId => self.parsed::<ContractId>("contract id")?.to_string().into(),
            Type::Role => self.parsed::<Role>("role")?.text().into(),
            Type::Option(item) => match self.byte()? {
                0 => Value::Null,
                1 if may_be_null(item) => {
                    let value = self.kind(item)?;
                    Value::Object(Map::from_iter([("some".to_string(), value)]))
                }
                1 => self.kind(item)?,
                other => return self.fail(format!("{other} is not 0 or 1")),
            },
            Type::List { max, item } => {
                let length = self.length(*max)?;
                let mut out = Vec::new();
                for at in 0..length {
                    out.push(self.inside(&at.to_string(), |inner| inner.kind(item))?);
                }
                Value::Array(out)
            }
            Type::Tuple(items) => Value::Array(items.iter().map(|item| self.kind(item)).collect::<Result<_, _>>()?),
            Type::Struct { fields, .. } => self.fields(fields)?,
            Type::Enum { name, variants } => {
                let at = self.byte()?;
                let Some(variant) = variants.get(usize::from(at)) else {
                    return self.fail(format!("{at} is not a variant of {name}"));
                };
                let content = match variant.fields.as_slice() {
                    [] => return Ok(variant.name.clone().into()),
                    [only] if is_positional(&variant.fields) => {
                        self.inside(&variant.name, |inner| inner.kind(&only.kind))?
                    }
                    fields => self.inside(&variant.name, |inner| inner.fields(fields))?,
                };
                Value::Object(Map::from_iter([(variant.name.clone(), content)]))
            }
        })
    }
    fn fields(&mut self, fields: &[Field]) -> Result<Value, JsonError> {
        let mut out = Vec::new();
        for field in fields {
            let value = self.inside(&field.name, |inner| inner.kind(&field.kind))?;
            out.push((field.name.clone(), value));
        }
        if is_positional(fields) {
            return Ok(Value::Array(out.into_iter().map(|(_, value)| value).collect()));
        }
        Ok(Value::Object(out.into_iter().collect()))
    }
}

fn hexadecimal(bytes: &[u8]) -> Value {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>().into()
}
