//! Keys of contract storage in words, by the types that a contract's ABI gives.

use althing_abi::schema::{Abi, StateField, StateKind, Type};
use althing_types::{
    codec::{Bytes, Text},
    crypto::PublicKey,
    hash::Hash,
    id::{ContractId, OrganisationId},
    name::DomainName,
    order::Key,
    organisation::Role,
};

/// Longest text or bytes within a key.
const MAX_PART: usize = 512;

/// The next part of a storage key as text; `None` when it is not of this type.
fn key_text(kind: &Type, rest: &mut &[u8]) -> Option<String> {
    fn shown<K: Key + ToString>(rest: &mut &[u8]) -> Option<String> {
        K::decode_key(rest).map(|key| key.to_string())
    }
    match kind {
        Type::Bool => shown::<bool>(rest),
        Type::U8 => shown::<u8>(rest),
        Type::U16 => shown::<u16>(rest),
        Type::U32 => shown::<u32>(rest),
        Type::U64 => shown::<u64>(rest),
        Type::U128 => shown::<u128>(rest),
        Type::I64 => shown::<i64>(rest),
        Type::Text { .. } => Text::<MAX_PART>::decode_key(rest).map(|text| text.to_string()),
        Type::Bytes { .. } => Bytes::<MAX_PART>::decode_key(rest).map(|bytes| hex::encode(&*bytes)),
        Type::Fixed(length) => {
            let (part, after) = rest.split_at_checked(usize::try_from(*length).ok()?)?;
            *rest = after;
            Some(hex::encode(part))
        }
        Type::Hash => shown::<Hash>(rest),
        Type::PublicKey => shown::<PublicKey>(rest),
        Type::Name => shown::<DomainName>(rest),
        Type::Organisation => shown::<OrganisationId>(rest),
        Type::ContractId => shown::<ContractId>(rest),
        Type::Role => Role::decode_key(rest).map(|role| role.text().to_owned()),
        Type::Option(inner) => match u8::decode_key(rest)? {
            0 => Some("none".into()),
            _ => key_text(inner, rest),
        },
        Type::Tuple(parts) => joined(parts.iter(), rest),
        Type::Struct { fields, .. } => joined(fields.iter().map(|field| &field.kind), rest),
        Type::Enum { variants, .. } => {
            let at = usize::from(u8::decode_key(rest)?);
            variants.get(at).filter(|variant| variant.fields.is_empty()).map(|variant| variant.name.clone())
        }
        Type::Unit | Type::List { .. } => None,
    }
}

fn joined<'a>(kinds: impl Iterator<Item = &'a Type>, rest: &mut &[u8]) -> Option<String> {
    let parts = kinds.map(|kind| key_text(kind, rest)).collect::<Option<Vec<_>>>()?;
    Some(parts.join(", "))
}

/// The field of a contract's key with the entry's own key, as in `entries[7]`, and the type of its value; an entry of an
/// index has none.
pub(super) fn field(abi: &Abi, key: &[u8]) -> Option<(String, Option<Type>)> {
    let (number, mut rest) = key.split_first()?;
    let StateField { name, kind, types, .. } = abi.state.iter().find(|field| field.key == *number)?;
    let keyed = match kind {
        StateKind::Value => &[],
        StateKind::Map => types.get(..1)?,
        StateKind::Index => types.get(..2)?,
    };
    let parts = keyed.iter().map(|kind| key_text(kind, &mut rest)).collect::<Option<Vec<_>>>()?;
    if !rest.is_empty() {
        return None;
    }
    let value = if *kind == StateKind::Index { None } else { types.last().cloned() };
    let name = if parts.is_empty() { name.clone() } else { format!("{name}[{}]", parts.join(", ")) };
    Some((name, value))
}
