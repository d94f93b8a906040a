//! Writes a description's bytes: the inverse of [`crate::decode`], and the input of the schema hash.
//!
//! The same layout is written at compile time by [`crate::constant`]; a test holds the two together.

use crate::schema::{Abi, EventType, Field, Method, MethodKind, StateField, StateKind, Type};
use alloc::{string::String, vec::Vec};

fn number(value: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn count(value: usize, out: &mut Vec<u8>) {
    number(u32::try_from(value).unwrap_or(u32::MAX), out);
}

fn text(value: &str, out: &mut Vec<u8>) {
    count(value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

fn fields(list: &[Field], out: &mut Vec<u8>) {
    count(list.len(), out);
    for field in list {
        text(&field.name, out);
        kind(&field.kind, out);
    }
}

/// The tag byte of a type.
pub(crate) const fn tag(kind: &Type) -> u8 {
    match kind {
        Type::Unit => 0,
        Type::Bool => 1,
        Type::U8 => 2,
        Type::U16 => 3,
        Type::U32 => 4,
        Type::U64 => 5,
        Type::U128 => 6,
        Type::I64 => 7,
        Type::Text { .. } => 8,
        Type::Bytes { .. } => 9,
        Type::Fixed(_) => 10,
        Type::Hash => 11,
        Type::PublicKey => 12,
        Type::Name => 13,
        Type::Organisation => 14,
        Type::ContractId => 15,
        Type::Role => 16,
        Type::Option(_) => 17,
        Type::List { .. } => 18,
        Type::Tuple(_) => 19,
        Type::Struct { .. } => 20,
        Type::Enum { .. } => 21,
    }
}

/// Appends a type.
pub fn kind(value: &Type, out: &mut Vec<u8>) {
    out.push(tag(value));
    match value {
        Type::Text { max } | Type::Bytes { max } | Type::Fixed(max) => number(*max, out),
        Type::Option(item) => kind(item, out),
        Type::List { max, item } => {
            number(*max, out);
            kind(item, out);
        }
        Type::Tuple(items) => {
            count(items.len(), out);
            items.iter().for_each(|item| kind(item, out));
        }
        Type::Struct { name, fields: list } => {
            text(name, out);
            fields(list, out);
        }
        Type::Enum { name, variants } => {
            text(name, out);
            count(variants.len(), out);
            for variant in variants {
                text(&variant.name, out);
                fields(&variant.fields, out);
            }
        }
        _ => {}
    }
}

/// Appends the state's fields.
pub fn state(list: &[StateField], out: &mut Vec<u8>) {
    count(list.len(), out);
    for field in list {
        out.push(field.key);
        text(&field.name, out);
        out.push(match field.kind {
            StateKind::Value => 0,
            StateKind::Map => 1,
            StateKind::Index => 2,
        });
        // The kind says how many types follow.
        field.types.iter().for_each(|item| kind(item, out));
    }
}

fn method(value: &Method, out: &mut Vec<u8>) {
    text(&value.name, out);
    out.push(match value.kind {
        MethodKind::Call => 0,
        MethodKind::View => 1,
        MethodKind::Init => 2,
        MethodKind::Invariant => 3,
    });
    // 0 for none, else the role's number plus one.
    out.push(value.role.map_or(0, |role| (role as u8).saturating_add(1)));
    fields(&value.arguments, out);
    kind(&value.result, out);
    text(&value.docs, out);
}

fn event(value: &EventType, out: &mut Vec<u8>) {
    text(&value.name, out);
    count(value.fields.len(), out);
    for field in &value.fields {
        text(&field.name, out);
        kind(&field.kind, out);
        out.push(u8::from(field.topic));
    }
    text(&value.docs, out);
}

impl Abi {
    /// The description's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&self.abi_version.to_le_bytes());
        text(&self.name, &mut out);
        text(&self.version, &mut out);
        text(&self.docs, &mut out);
        number(self.state_version, &mut out);
        count(self.migrates_from.len(), &mut out);
        self.migrates_from.iter().for_each(|from| number(*from, &mut out));
        state(&self.state, &mut out);
        count(self.methods.len(), &mut out);
        self.methods.iter().for_each(|item| method(item, &mut out));
        count(self.events.len(), &mut out);
        self.events.iter().for_each(|item| event(item, &mut out));
        count(self.errors.len(), &mut out);
        for error in &self.errors {
            number(error.number, &mut out);
            text(&error.name, &mut out);
            text(&error.docs, &mut out);
        }
        count(self.build.len(), &mut out);
        let pair = |(name, value): &(String, String)| {
            text(name, &mut out);
            text(value, &mut out);
        };
        self.build.iter().for_each(pair);
        out
    }
}
