//! JSON to canonical bytes.

use super::{JsonCode, JsonError, is_positional, may_be_null, shown};
use crate::schema::{Field, Method, Type, Variant};
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};
use althing_types::{
    codec,
    crypto::PublicKey,
    hash::Hash,
    id::{ContractId, OrganisationId},
    name::DomainName,
    organisation::Role,
};
use core::{fmt::Display, str::FromStr};
use serde_json::{Map, Value};

type Done = Result<(), JsonError>;

/// Encodes a JSON value into the canonical bytes of a type.
///
/// # Errors
/// [`JsonError`] at the first place that does not fit.
pub fn encode(kind: &Type, value: &Value) -> Result<Vec<u8>, JsonError> {
    let mut encoder = Encoder { path: String::new(), out: Vec::new() };
    encoder.kind(kind, value)?;
    Ok(encoder.out)
}

/// Encodes the arguments of a method, given as an object by name or as an array by position; `null` stands for none.
/// An argument whose type is an option may be left out of the object.
///
/// # Errors
/// [`JsonError`] at the first argument that does not fit.
pub fn encode_arguments(method: &Method, value: &Value) -> Result<Vec<u8>, JsonError> {
    let mut encoder = Encoder { path: String::new(), out: Vec::new() };
    let what = format!("method '{}'", method.name);
    match value {
        Value::Null if method.arguments.is_empty() => {}
        Value::Array(values) => encoder.row(&method.arguments, values, value, &what)?,
        Value::Object(object) => encoder.object(&method.arguments, object, value, &what)?,
        other => {
            let rule = format!("{what} takes {}: give an object by name or an array", named(&method.arguments));
            return encoder.fail(JsonCode::WrongType, other, rule);
        }
    }
    Ok(encoder.out)
}

struct Encoder {
    path: String,
    out: Vec<u8>,
}

/// The names of fields for people.
fn named(fields: &[Field]) -> String {
    if fields.is_empty() {
        return "no arguments".into();
    }
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_str()).collect();
    names.join(", ")
}

impl Encoder {
    fn fail<T>(&self, code: JsonCode, value: &Value, rule: impl Into<String>) -> Result<T, JsonError> {
        let path = if self.path.is_empty() { "(value)".to_string() } else { self.path.clone() };
        Err(JsonError { path, value: shown(value), rule: rule.into(), code })
    }

    /// Does something one step further inside.
    fn inside(&mut self, step: &str, work: impl FnOnce(&mut Self) -> Done) -> Done {
        let before = self.path.len();
        if !self.path.is_empty() && !step.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(step);
        let done = work(self);
        if done.is_ok() {
            self.path.truncate(before);
        }
        done
    }

    fn count(&mut self, count: usize) {
        self.out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }

    fn number<T: TryFrom<i128> + Display>(&self, value: &Value, least: i128, most: i128) -> Result<T, JsonError> {
        let found = match value {
            Value::Number(number) => number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from)),
            Value::String(text) => text.parse::<i128>().ok(),
            _ => None,
        };
        let rule = || format!("a whole number from {least} to {most}");
        let code = if matches!(value, Value::Number(_) | Value::String(_)) {
            JsonCode::OutOfRange
        } else {
            JsonCode::WrongType
        };
        match found.filter(|found| (least..=most).contains(found)).and_then(|found| T::try_from(found).ok()) {
            Some(number) => Ok(number),
            None => self.fail(code, value, rule()),
        }
    }

    fn text<'v>(&self, value: &'v Value, what: &str) -> Result<&'v str, JsonError> {
        match value {
            Value::String(text) => Ok(text),
            other => self.fail(JsonCode::WrongType, other, format!("{what} as text")),
        }
    }

    fn parsed<T: FromStr<Err: Display>>(&self, value: &Value, what: &str) -> Result<T, JsonError> {
        let text = self.text(value, what)?;
        match text.parse() {
            Ok(parsed) => Ok(parsed),
            Err(error) => self.fail(JsonCode::BadText, value, format!("{what}: {error}")),
        }
    }

    fn hexadecimal(&self, value: &Value, what: &str) -> Result<Vec<u8>, JsonError> {
        let text = self.text(value, what)?;
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let pair = |pair: &[u8]| {
            let digit = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
            match pair {
                [high, low] => Some(digit(high)? << 4 | digit(low)?),
                _ => None,
            }
        };
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(pair).collect();
        match bytes {
            Some(bytes) => Ok(bytes),
            None => self.fail(JsonCode::BadText, value, format!("{what} in pairs of hexadecimal digits")),
        }
    }

    fn kind(&mut self, kind: &Type, value: &Value) -> Done {
        match kind {
            Type::Unit => match value {
                Value::Null => {}
                other => return self.fail(JsonCode::WrongType, other, "null"),
            },
            Type::Bool => match value {
                Value::Bool(flag) => self.out.push(u8::from(*flag)),
                other => return self.fail(JsonCode::WrongType, other, "true or false"),
            },
            Type::U8 => {
                let number = self.number::<u8>(value, 0, u8::MAX.into())?;
                self.out.push(number);
            }
            Type::U16 => {
                let number = self.number::<u16>(value, 0, u16::MAX.into())?;
                self.out.extend_from_slice(&number.to_le_bytes());
            }
            Type::U32 => {
                let number = self.number::<u32>(value, 0, u32::MAX.into())?;
                self.out.extend_from_slice(&number.to_le_bytes());
            }
            Type::U64 => {
                let number = self.number::<u64>(value, 0, u64::MAX.into())?;
                self.out.extend_from_slice(&number.to_le_bytes());
            }
            Type::I64 => {
                let number = self.number::<i64>(value, i64::MIN.into(), i64::MAX.into())?;
                self.out.extend_from_slice(&number.to_le_bytes());
            }
            Type::U128 => {
                let number = match value {
                    Value::Number(number) => number.as_u64().map(u128::from),
                    Value::String(text) => text.parse().ok(),
                    other => return self.fail(JsonCode::WrongType, other, "a whole number, as text when it is large"),
                };
                let Some(number) = number else {
                    return self.fail(JsonCode::OutOfRange, value, format!("a whole number from 0 to {}", u128::MAX));
                };
                self.out.extend_from_slice(&number.to_le_bytes());
            }
            Type::Text { max } => {
                let text = self.text(value, "text")?;
                if text.len() > *max as usize {
                    return self.fail(
                        JsonCode::TooLong,
                        value,
                        format!("at most {max} bytes of UTF-8, not {}", text.len()),
                    );
                }
                self.count(text.len());
                self.out.extend_from_slice(text.as_bytes());
            }
            Type::Bytes { max } => {
                let bytes = self.hexadecimal(value, "bytes")?;
                if bytes.len() > *max as usize {
                    return self.fail(JsonCode::TooLong, value, format!("at most {max} bytes, not {}", bytes.len()));
                }
                self.count(bytes.len());
                self.out.extend_from_slice(&bytes);
            }
            Type::Fixed(length) => {
                let bytes = self.hexadecimal(value, "bytes")?;
                if bytes.len() != *length as usize {
                    return self.fail(
                        JsonCode::WrongCount,
                        value,
                        format!("exactly {length} bytes, not {}", bytes.len()),
                    );
                }
                self.out.extend_from_slice(&bytes);
            }
            Type::Hash => {
                let hash: Hash = self.parsed(value, "a hash")?;
                self.out.extend_from_slice(&hash.0);
            }
            Type::PublicKey => {
                let key: PublicKey = self.parsed(value, "a public key")?;
                self.out.extend_from_slice(&key.0);
            }
            Type::Name => {
                let name: DomainName = self.parsed(value, "a domain name")?;
                self.out.extend(codec::encode(&name));
            }
            Type::Organisation => {
                let id: OrganisationId = self.parsed(value, "an organisation id")?;
                self.out.extend(codec::encode(&id));
            }
            Type::ContractId => {
                let id: ContractId = self.parsed(value, "a contract id")?;
                self.out.extend(codec::encode(&id));
            }
            Type::Role => {
                let text = self.text(value, "a role")?;
                let Some(role) = Role::parse(text) else {
                    let roles = Role::ALL.map(Role::text).join(", ");
                    return self.fail(JsonCode::BadText, value, format!("one of {roles}"));
                };
                self.out.push(role as u8);
            }
            Type::Option(item) => return self.option(item, value),
            Type::List { max, item } => {
                let Value::Array(values) = value else {
                    return self.fail(JsonCode::WrongType, value, format!("an array of at most {max}"));
                };
                if values.len() > *max as usize {
                    return self.fail(
                        JsonCode::TooLong,
                        value,
                        format!("at most {max} elements, not {}", values.len()),
                    );
                }
                self.count(values.len());
                for (at, element) in values.iter().enumerate() {
                    self.inside(&format!("[{at}]"), |inner| inner.kind(item, element))?;
                }
            }
            Type::Tuple(items) => {
                let Value::Array(values) = value else {
                    return self.fail(JsonCode::WrongType, value, format!("an array of {}", items.len()));
                };
                if values.len() != items.len() {
                    return self.fail(
                        JsonCode::WrongCount,
                        value,
                        format!("{} elements, not {}", items.len(), values.len()),
                    );
                }
                for (at, (item, element)) in items.iter().zip(values).enumerate() {
                    self.inside(&format!("[{at}]"), |inner| inner.kind(item, element))?;
                }
            }
            Type::Struct { name, fields } => return self.fields(fields, value, &format!("structure {name}")),
            Type::Enum { name, variants } => return self.variant(name, variants, value),
        }
        Ok(())
    }

    fn option(&mut self, item: &Type, value: &Value) -> Done {
        if value.is_null() {
            self.out.push(0);
            return Ok(());
        }
        self.out.push(1);
        if !may_be_null(item) {
            return self.kind(item, value);
        }
        match value {
            Value::Object(object) if object.len() == 1 && object.contains_key("some") => {
                let inner = object.get("some").unwrap_or(&Value::Null);
                self.inside("some", |encoder| encoder.kind(item, inner))
            }
            other => self.fail(JsonCode::WrongType, other, "null or {\"some\": value}: the value itself may be null"),
        }
    }

    /// Fields as an object, or as an array when they have no names.
    fn fields(&mut self, fields: &[Field], value: &Value, what: &str) -> Done {
        match value {
            Value::Array(values) if is_positional(fields) => self.row(fields, values, value, what),
            Value::Object(object) => self.object(fields, object, value, what),
            other if is_positional(fields) => {
                self.fail(JsonCode::WrongType, other, format!("{what}: an array of {}", fields.len()))
            }
            other => self.fail(JsonCode::WrongType, other, format!("{what}: an object with {}", named(fields))),
        }
    }

    fn row(&mut self, fields: &[Field], values: &[Value], whole: &Value, what: &str) -> Done {
        if values.len() != fields.len() {
            let rule = format!("{what} has {} ({}), not {}", fields.len(), named(fields), values.len());
            return self.fail(JsonCode::WrongCount, whole, rule);
        }
        for (field, value) in fields.iter().zip(values) {
            self.inside(&field.name, |inner| inner.kind(&field.kind, value))?;
        }
        Ok(())
    }

    fn object(&mut self, fields: &[Field], object: &Map<String, Value>, whole: &Value, what: &str) -> Done {
        let known = |name: &String| fields.iter().any(|field| field.name == *name);
        if let Some((name, value)) = object.iter().find(|(name, _)| !known(name)) {
            let rule = format!("{what} has no '{name}'; it has {}", named(fields));
            return self.inside(name, |inner| inner.fail(JsonCode::Unknown, value, rule));
        }
        for field in fields {
            let value = match object.get(&field.name) {
                Some(value) => value,
                None if matches!(field.kind, Type::Option(_)) => &Value::Null,
                None => {
                    let rule = format!("{what} needs '{}'; it has {}", field.name, named(fields));
                    return self.inside(&field.name, |inner| inner.fail(JsonCode::Missing, whole, rule));
                }
            };
            self.inside(&field.name, |inner| inner.kind(&field.kind, value))?;
        }
        Ok(())
    }

    fn variant(&mut self, name: &str, variants: &[Variant], value: &Value) -> Done {
        let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
        let (wanted, content) = match value {
            Value::String(text) => (text.as_str(), None),
            Value::Object(object) => match object.iter().next() {
                Some((key, content)) if object.len() == 1 => (key.as_str(), Some(content)),
                _ => {
                    return self.fail(
                        JsonCode::WrongCount,
                        value,
                        format!("an object with one of {}", names.join(", ")),
                    );
                }
            },
            other => return self.fail(JsonCode::WrongType, other, format!("{name}: one of {}", names.join(", "))),
        };
        let Some((at, variant)) = variants.iter().enumerate().find(|(_, variant)| variant.name == wanted) else {
            return self.fail(JsonCode::Unknown, value, format!("{name} is one of {}", names.join(", ")));
        };
        self.out.push(u8::try_from(at).unwrap_or(u8::MAX));
        let what = format!("variant {name}::{wanted}");
        match (variant.fields.as_slice(), content) {
            ([], None | Some(Value::Null)) => Ok(()),
            ([], Some(other)) => {
                self.inside(wanted, |inner| inner.fail(JsonCode::WrongType, other, format!("{what} has no fields")))
            }
            (fields, None) => self.fail(JsonCode::Missing, value, format!("{what} needs {}", named(fields))),
            ([only], Some(content)) if is_positional(&variant.fields) => {
                self.inside(wanted, |inner| inner.kind(&only.kind, content))
            }
            (fields, Some(content)) => self.inside(wanted, |inner| inner.fields(fields, content, &what)),
        }
    }
}
