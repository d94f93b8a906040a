//! Entries of the state in words: which field of which contract, under which key, with which value.

use super::super::key_text::field;
use althing_abi::{
    json,
    schema::{Abi, StateField, StateKind},
};
use althing_types::{id::ContractId, keyspace::parse_storage};

/// What a state key is the place of.
pub(super) fn place(key: &[u8], abi_of: impl Fn(&ContractId) -> Option<Abi>) -> String {
    let Some((contract, own)) = parse_storage(key) else { return system(key) };
    let named = abi_of(&contract).and_then(|abi| field(&abi, &own));
    named.map_or_else(|| format!("{contract} key {}", hex::encode(&own)), |(text, _)| format!("{contract}.{text}"))
}

fn system(key: &[u8]) -> String {
    let rest = key.get(2..).unwrap_or_default();
    let text = std::str::from_utf8(rest).unwrap_or_default();
    match key.get(1) {
        Some(4) => format!("entry of contract {text}"),
        _ => format!("system entry {}", hex::encode(key)),
    }
}

fn field_of<'a>(abi: &'a Abi, own: &[u8]) -> Option<&'a StateField> {
    abi.state.iter().find(|field| Some(&field.key) == own.first())
}

/// A value of the state as one line of JSON; hexadecimal when the contract's description does not fit it.
pub(super) fn value(abi: Option<&Abi>, key: &[u8], bytes: &[u8]) -> String {
    let own = parse_storage(key).map(|(_, own)| own).unwrap_or_default();
    let field = abi.and_then(|abi| field_of(abi, &own));
    if field.is_some_and(|field| field.kind == StateKind::Index) {
        return "listed".into();
    }
    let decoded = field.and_then(|field| field.types.last()).and_then(|kind| json::decode(kind, bytes).ok());
    decoded.map_or_else(|| hex::encode(bytes), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_abi::schema::Type;
    use althing_types::{id::OrganisationId, keyspace::storage, name::DomainName, order::Key};

    fn abi() -> Abi {
        let field = |key, name: &str, kind, types| StateField { key, name: name.into(), kind, types };
        Abi {
            abi_version: 1,
            name: "book".into(),
            version: "1".into(),
            docs: String::new(),
            state_version: 1,
            migrates_from: Vec::new(),
            state: vec![
                field(1, "entries", StateKind::Map, vec![Type::U64, Type::U8]),
                field(2, "users", StateKind::Index, vec![Type::Name, Type::Organisation]),
                field(3, "total", StateKind::Value, vec![Type::U64]),
            ],
            methods: Vec::new(),
            events: Vec::new(),
            errors: Vec::new(),
            build: Vec::new(),
        }
    }

    fn named(own: &[u8]) -> String {
        place(&storage(&ContractId::new("book").unwrap(), own), |_| Some(abi()))
    }

    #[test]
    fn keys_are_shown_by_field_and_key() {
        assert_eq!(named(&[1, 0, 0, 0, 0, 0, 0, 0, 7]), "book.entries[7]");
        assert_eq!(named(&[3]), "book.total");
        let mut key = vec![2];
        DomainName::parse("lab.").unwrap().encode_key(&mut key);
        OrganisationId::new("org-a").unwrap().encode_key(&mut key);
        assert_eq!(named(&key), "book.users[lab., org-a]");
        for strange in [&[1, 0][..], &[9, 1], &[3, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 7, 9]] {
            assert!(named(strange).starts_with("book key "), "{strange:?}");
        }
        assert_eq!(place(&[0, 4, b'b'], |_| None), "entry of contract b");
    }

    #[test]
    fn values_are_shown_by_the_type_of_their_field() {
        let key = storage(&ContractId::new("book").unwrap(), &[3]);
        assert_eq!(value(Some(&abi()), &key, &[5, 0, 0, 0, 0, 0, 0, 0]), "5");
        assert_eq!(value(Some(&abi()), &key, &[5]), "05");
        assert_eq!(value(None, &key, &[5]), "05");
    }
}
