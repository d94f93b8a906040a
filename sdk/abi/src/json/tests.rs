//! What JSON stands for which bytes, and how refusals point.

use super::*;
use crate::{decode::tests::sample, schema::Variant};
use alloc::{boxed::Box, vec};
use serde_json::json;

fn shape() -> Type {
    Type::Enum {
        name: "Shape".into(),
        variants: vec![
            Variant { name: "Nothing".into(), fields: vec![] },
            Variant { name: "Circle".into(), fields: vec![Field { name: "0".into(), kind: Type::U32 }] },
            Variant {
                name: "Box".into(),
                fields: vec![
                    Field { name: "width".into(), kind: Type::U16 },
                    Field { name: "depth".into(), kind: Type::Option(Box::new(Type::U8)) },
                ],
            },
        ],
    }
}

fn round(kind: &Type, value: Value) -> alloc::vec::Vec<u8> {
    let bytes = encode(kind, &value).unwrap();
    assert_eq!(decode(kind, &bytes), Ok(value));
    bytes
}

#[test]
fn json_and_bytes_are_two_forms_of_one_value() {
    assert_eq!(round(&Type::U64, json!(7)), [7, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(round(&Type::U64, json!(u64::MAX)), [255; 8]);
    assert_eq!(round(&Type::I64, json!(-1)), [255; 8]);
    assert_eq!(round(&Type::U128, json!("340282366920938463463374607431768211455")), [255; 16]);
    assert_eq!(round(&Type::Text { max: 4 }, json!("é")), [2, 0, 0, 0, 0xc3, 0xa9]);
    assert_eq!(round(&Type::Bytes { max: 4 }, json!("00ff")), [2, 0, 0, 0, 0, 255]);
    assert_eq!(round(&Type::Name, json!("nic.lab.")), b"\x07\0\0\0nic.lab");
    assert_eq!(round(&Type::Role, json!("registrar")), [1]);
    assert_eq!(round(&Type::Option(Box::new(Type::Bool)), json!(null)), [0]);
    assert_eq!(round(&Type::Option(Box::new(Type::Bool)), json!(true)), [1, 1]);
    assert_eq!(round(&Type::Tuple(vec![Type::U8, Type::Unit]), json!([3, null])), [3]);
    assert_eq!(round(&Type::List { max: 3, item: Box::new(Type::U8) }, json!([1, 2])), [2, 0, 0, 0, 1, 2]);
    assert_eq!(round(&shape(), json!("Nothing")), [0]);
    assert_eq!(round(&shape(), json!({"Circle": 5})), [1, 5, 0, 0, 0]);
    assert_eq!(round(&shape(), json!({"Box": {"width": 2, "depth": null}})), [2, 2, 0, 0]);
}

#[test]
fn an_option_of_an_option_keeps_its_three_values_apart() {
    let kind = Type::Option(Box::new(Type::Option(Box::new(Type::U8))));
    assert_eq!(round(&kind, json!(null)), [0]);
    assert_eq!(round(&kind, json!({"some": null})), [1, 0]);
    assert_eq!(round(&kind, json!({"some": 4})), [1, 1, 4]);
}

#[test]
fn arguments_are_taken_by_name_and_by_position() {
    let method = &sample().methods[0];
    let by_name = json!({"id": 1, "entry": {"name": "a", "active": true, "parent": "lab"}});
    let by_position = json!([1, {"name": "a", "active": true, "parent": "lab."}]);
    let bytes = encode_arguments(method, &by_name).unwrap();
    assert_eq!(Ok(&bytes), encode_arguments(method, &by_position).as_ref());
    let without_option = json!({"id": 1, "entry": {"name": "a", "active": true}});
    assert!(encode_arguments(method, &without_option).is_ok());
}

#[test]
fn refusals_name_path_value_rule_and_code() {
    let method = &sample().methods[0];
    let refuse = |value: Value| {
        let error = encode_arguments(method, &value).unwrap_err();
        (error.code, error.path, error.value)
    };
    let entry = |name: Value, active: Value| json!({"id": 1, "entry": {"name": name, "active": active}});
    assert_eq!(refuse(entry(json!(3), json!(true))), (JsonCode::WrongType, "entry.name".into(), "3".into()));
    assert_eq!(refuse(entry(json!("a"), json!("yes"))), (JsonCode::WrongType, "entry.active".into(), "\"yes\"".into()));
    let long = refuse(entry(json!("a".repeat(65)), json!(true)));
    assert_eq!((long.0, long.1.as_str()), (JsonCode::TooLong, "entry.name"));
    assert_eq!(refuse(json!({"id": -1, "entry": null})), (JsonCode::OutOfRange, "id".into(), "-1".into()));
    assert_eq!(refuse(json!({"id": 1.5, "entry": null})), (JsonCode::OutOfRange, "id".into(), "1.5".into()));
    let missing = refuse(json!({"id": 1}));
    assert_eq!((missing.0, missing.1.as_str()), (JsonCode::Missing, "entry"));
    let unknown = refuse(json!({"id": 1, "entri": 2}));
    assert_eq!((unknown.0, unknown.1.as_str()), (JsonCode::Unknown, "entri"));
    assert_eq!(refuse(json!([1])).0, JsonCode::WrongCount);
    assert_eq!(refuse(json!("x")).0, JsonCode::WrongType);
    let name = json!({"id": 1, "entry": {"name": "a", "active": true, "parent": "a..b"}});
    let error = encode_arguments(method, &name).unwrap_err();
    assert_eq!((error.code, error.path.as_str()), (JsonCode::BadText, "entry.parent"));
    assert!(error.rule.contains("empty label"), "{error}");
    let list = Type::List { max: 2, item: Box::new(Type::U8) };
    assert_eq!(encode(&list, &json!([1, 256])).unwrap_err().path, "[1]");
    assert_eq!(encode(&list, &json!([1, 2, 3])).unwrap_err().code, JsonCode::TooLong);
    assert!(encode(&shape(), &json!("Square")).unwrap_err().rule.contains("Nothing, Circle, Box"));
}

#[test]
fn foreign_bytes_are_refused_without_a_panic() {
    let list = Type::List { max: u32::MAX, item: Box::new(Type::Unit) };
    assert_eq!(decode(&list, &u32::MAX.to_le_bytes()).unwrap_err().code, JsonCode::BadBytes);
    assert_eq!(decode(&Type::Fixed(u32::MAX), &[0; 8]).unwrap_err().code, JsonCode::BadBytes);
    assert_eq!(decode(&Type::U8, &[1, 2]).unwrap_err().code, JsonCode::BadBytes);
    assert_eq!(decode(&shape(), &[9]).unwrap_err().code, JsonCode::BadBytes);
    assert_eq!(decode(&Type::Name, b"\x01\0\0\0A").unwrap_err().code, JsonCode::BadBytes);
}
