//! A contract's description with every kind of type, for the targets that need one.

use althing_abi::{
    Abi,
    exports::SECTION,
    schema::{
        ABI_VERSION, ErrorType, EventField, EventType, Field, Method, MethodKind, StateField, StateKind, Type, Variant,
    },
};
use althing_types::organisation::Role;

fn field(name: &str, kind: Type) -> Field {
    Field { name: name.into(), kind }
}

fn entry() -> Type {
    let kinds = [
        ("flag", Type::Bool),
        ("small", Type::U8),
        ("port", Type::U16),
        ("count", Type::U32),
        ("total", Type::U64),
        ("wide", Type::U128),
        ("change", Type::I64),
        ("note", Type::Text { max: 32 }),
        ("blob", Type::Bytes { max: 32 }),
        ("address", Type::Fixed(4)),
        ("hash", Type::Hash),
        ("key", Type::PublicKey),
        ("name", Type::Name),
        ("owner", Type::Organisation),
        ("contract", Type::ContractId),
        ("role", Type::Role),
        ("nothing", Type::Unit),
    ];
    Type::Struct { name: "Entry".into(), fields: kinds.map(|(name, kind)| field(name, kind)).into() }
}

fn choice() -> Type {
    let variant = |name: &str, fields: Vec<Field>| Variant { name: name.into(), fields };
    Type::Enum {
        name: "Choice".into(),
        variants: vec![
            variant("None", vec![]),
            variant("One", vec![field("0", Type::Option(Box::new(Type::Unit)))]),
            variant("Two", vec![field("0", Type::U8), field("1", Type::Option(Box::new(Type::U8)))]),
            variant("Named", vec![field("name", Type::Name)]),
        ],
    }
}

fn method(name: &str, kind: MethodKind, arguments: Vec<Field>, result: Type) -> Method {
    Method { name: name.into(), kind, role: Some(Role::Registry), arguments, result, docs: "Does it.".into() }
}

/// The description.
pub fn sample() -> Abi {
    let option = |kind| Type::Option(Box::new(kind));
    let list = |kind| Type::List { max: 4, item: Box::new(kind) };
    Abi {
        abi_version: ABI_VERSION,
        name: "sample".into(),
        version: "0.1.0".into(),
        docs: "A sample.".into(),
        state_version: 2,
        migrates_from: vec![1],
        state: vec![StateField {
            key: 1,
            name: "entries".into(),
            kind: StateKind::Map,
            types: vec![Type::Name, entry()],
        }],
        methods: vec![
            method("init", MethodKind::Init, vec![], Type::Unit),
            method(
                "put",
                MethodKind::Call,
                vec![field("entry", entry()), field("choice", option(choice()))],
                Type::U64,
            ),
            method(
                "many",
                MethodKind::View,
                vec![field("all", list(choice()))],
                list(Type::Tuple(vec![Type::U8, choice()])),
            ),
            method("deep", MethodKind::View, vec![field("maybe", option(option(list(Type::Unit))))], option(entry())),
            method("holds", MethodKind::Invariant, vec![], Type::Bool),
            method("name", MethodKind::View, vec![field("name", option(Type::Name))], Type::Text { max: 16 }),
        ],
        events: vec![EventType {
            name: "Put".into(),
            fields: vec![EventField { name: "name".into(), kind: Type::Name, topic: true }],
            docs: "It was put.".into(),
        }],
        errors: vec![ErrorType { number: 1, name: "Full".into(), docs: "No more.".into() }],
        build: vec![("rustc".into(), "1.95.0".into())],
    }
}

/// A module that carries a description and nothing else.
pub fn module(abi: &Abi) -> Vec<u8> {
    let mut code = b"\0asm\x01\0\0\0".to_vec();
    append(abi, &mut code);
    code
}

/// Adds a description to a module.
pub fn append(abi: &Abi, code: &mut Vec<u8>) {
    fn leb(mut value: usize, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push((value % 0x80) as u8 | 0x80);
            value /= 0x80;
        }
        out.push(value as u8);
    }
    let mut body = vec![SECTION.len() as u8];
    body.extend_from_slice(SECTION.as_bytes());
    body.extend_from_slice(&abi.encode());
    code.push(0);
    leb(body.len(), code);
    code.extend_from_slice(&body);
}
