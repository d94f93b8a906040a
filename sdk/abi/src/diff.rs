//! What changed between two descriptions, and whether it breaks callers, followers or the state.

use crate::schema::{Abi, Field, Method, MethodKind, Type};
use alloc::{format, string::String, vec::Vec};
use serde::{Deserialize, Serialize};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Whether someone who relies on the old description is broken by it.
    pub breaking: bool,
    /// The difference, in words.
    pub what: String,
}

/// Every difference from `old` to `new`, in the order name, state, methods, events, errors.
pub fn diff(old: &Abi, new: &Abi) -> Vec<Change> {
    let mut out = Diff(Vec::new());
    if old.name != new.name {
        out.add(false, format!("the contract's name changes from '{}' to '{}'", old.name, new.name));
    }
    out.state(old, new);
    out.methods(old, new);
    out.events(old, new);
    out.errors(old, new);
    out.0
}

struct Diff(Vec<Change>);

impl Diff {
    fn add(&mut self, breaking: bool, what: String) {
        self.0.push(Change { breaking, what });
    }

    fn state(&mut self, old: &Abi, new: &Abi) {
        let migrated = new.migrates_from.contains(&old.state_version);
        if old.state_version != new.state_version {
            let what = format!("state version {} becomes {}", old.state_version, new.state_version);
            let how = if migrated { "migrated by the new code" } else { "the new code has no migration from it" };
            self.add(!migrated || new.state_version < old.state_version, format!("{what}: {how}"));
        } else if old.schema_hash() != new.schema_hash() {
            self.add(
                true,
                format!(
                    "the state's layout changes and its version stays {}: the upgrade will be refused",
                    new.state_version
                ),
            );
        }
        for field in &old.state {
            match new.state.iter().find(|other| other.key == field.key) {
                None => self.add(!migrated, format!("state field {} '{}' is gone", field.key, field.name)),
                Some(other) => {
                    if other.name != field.name {
                        self.add(
                            false,
                            format!("state field {} '{}' is called '{}'", field.key, field.name, other.name),
                        );
                    }
                    if other.kind != field.kind || other.types != field.types {
                        let types = |list: &[Type]| list.iter().map(name).collect::<Vec<_>>().join(", ");
                        let (before, after) = (types(&field.types), types(&other.types));
                        let what = format!(
                            "state field {} '{}' changes from {:?}({before}) to {:?}({after})",
                            field.key, field.name, field.kind, other.kind
                        );
                        self.add(!migrated, what);
                    }
                }
            }
        }
        for field in new.state.iter().filter(|field| old.state.iter().all(|other| other.key != field.key)) {
            self.add(false, format!("state field {} '{}' is new", field.key, field.name));
        }
    }

    fn methods(&mut self, old: &Abi, new: &Abi) {
        for method in &old.methods {
            let kind = kind_name(method.kind);
            let breaking = matches!(method.kind, MethodKind::Call | MethodKind::View);
            match new.method(&method.name) {
                None => self.add(breaking, format!("{kind} '{}' is gone", method.name)),
                Some(other) => self.method(method, other),
            }
        }
        for method in new.methods.iter().filter(|method| old.method(&method.name).is_none()) {
            self.add(false, format!("{} '{}' is new", kind_name(method.kind), method.name));
        }
    }

    fn method(&mut self, old: &Method, new: &Method) {
        let at = format!("{} '{}'", kind_name(old.kind), old.name);
        if old.kind != new.kind {
            self.add(true, format!("{at} becomes a {}", kind_name(new.kind)));
        }
        if old.role != new.role {
            let text =
                |method: &Method| method.role.map_or("nobody in particular", althing_types::organisation::Role::text);
            let what = format!("{at} asks for the role of {} instead of {}", text(new), text(old));
            self.add(new.role.is_some(), what);
        }
        let kinds = |list: &[Field]| list.iter().map(|field| name(&field.kind)).collect::<Vec<_>>().join(", ");
        let same = old.arguments.len() == new.arguments.len()
            && old.arguments.iter().zip(&new.arguments).all(|(a, b)| a.kind == b.kind);
        if !same {
            self.add(true, format!("{at} takes ({}) instead of ({})", kinds(&new.arguments), kinds(&old.arguments)));
        } else if old.arguments != new.arguments {
            let names = |list: &[Field]| list.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
            let what =
                format!("{at} names its arguments ({}) instead of ({})", names(&new.arguments), names(&old.arguments));
            self.add(true, what);
        }
        if old.result != new.result {
            self.add(true, format!("{at} gives {} instead of {}", name(&new.result), name(&old.result)));
        }
    }

    fn events(&mut self, old: &Abi, new: &Abi) {
        for event in &old.events {
            match new.event(&event.name) {
                None => self.add(true, format!("event '{}' is gone", event.name)),
                Some(other) if other.fields != event.fields => {
                    self.add(true, format!("event '{}' changes its fields", event.name));
                }
                Some(_) => {}
            }
        }
        for event in new.events.iter().filter(|event| old.event(&event.name).is_none()) {
            self.add(false, format!("event '{}' is new", event.name));
        }
    }

    fn errors(&mut self, old: &Abi, new: &Abi) {
        for error in &old.errors {
            match new.error(error.number) {
                None => self.add(false, format!("error {} '{}' is gone", error.number, error.name)),
                Some(other) if other.name != error.name => {
                    self.add(
                        true,
                        format!("error {} means '{}' instead of '{}'", error.number, other.name, error.name),
                    );
                }
                Some(_) => {}
            }
        }
        for error in new.errors.iter().filter(|error| old.error(error.number).is_none()) {
            self.add(false, format!("error {} '{}' is new", error.number, error.name));
        }
    }
}

const fn kind_name(kind: MethodKind) -> &'static str {
    match kind {
        MethodKind::Call => "call",
        MethodKind::View => "view",
        MethodKind::Init => "initialiser",
        MethodKind::Invariant => "invariant",
    }
}

/// A type's name for people, in the words of the SDK.
pub fn name(kind: &Type) -> String {
    match kind {
        Type::Unit => "()".into(),
        Type::Bool => "bool".into(),
        Type::U8 => "u8".into(),
        Type::U16 => "u16".into(),
        Type::U32 => "u32".into(),
        Type::U64 => "u64".into(),
        Type::U128 => "u128".into(),
        Type::I64 => "i64".into(),
        Type::Text { max } => format!("Text<{max}>"),
        Type::Bytes { max } => format!("Bytes<{max}>"),
        Type::Fixed(length) => format!("[u8; {length}]"),
        Type::Hash => "Hash".into(),
        Type::PublicKey => "PublicKey".into(),
        Type::Name => "DomainName".into(),
        Type::Organisation => "OrganisationId".into(),
        Type::ContractId => "ContractId".into(),
        Type::Role => "Role".into(),
        Type::Option(item) => format!("Option<{}>", name(item)),
        Type::List { max, item } => format!("List<{}, {max}>", name(item)),
        Type::Tuple(items) => format!("({})", items.iter().map(name).collect::<Vec<_>>().join(", ")),
        Type::Struct { name: text, .. } | Type::Enum { name: text, .. } => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::sample;

    fn breaks(old: &Abi, new: &Abi) -> Vec<(bool, String)> {
        diff(old, new).into_iter().map(|change| (change.breaking, change.what)).collect()
    }

    #[test]
    fn nothing_changes_between_equal_descriptions() {
        assert!(diff(&sample(), &sample()).is_empty());
    }

    #[test]
    fn additions_break_nobody() {
        let mut new = sample();
        let mut method = new.methods[0].clone();
        method.name = "other".into();
        new.methods.push(method);
        new.errors.push(crate::schema::ErrorType { number: 2, name: "Other".into(), docs: String::new() });
        assert!(breaks(&sample(), &new).iter().all(|(breaking, _)| !breaking));
        assert_eq!(diff(&sample(), &new).len(), 2);
    }

    #[test]
    fn changed_arguments_and_reused_error_numbers_break() {
        let mut new = sample();
        new.methods[0].arguments[0].kind = Type::U128;
        new.errors[0].name = "Gone".into();
        let found = breaks(&sample(), &new);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|(breaking, _)| *breaking), "{found:?}");
        assert!(found[0].1.contains("(u128, Entry) instead of (u64, Entry)"), "{found:?}");
    }

    #[test]
    fn a_new_layout_breaks_unless_it_is_migrated() {
        let mut new = sample();
        new.state[1].types[0] = Type::U128;
        assert!(breaks(&sample(), &new).iter().any(|(breaking, what)| *breaking && what.contains("refused")));
        new.state_version = 3;
        assert!(breaks(&sample(), &new).iter().any(|(breaking, what)| *breaking && what.contains("no migration")));
        new.migrates_from = [2].into();
        assert!(breaks(&sample(), &new).iter().all(|(breaking, _)| !breaking));
    }
}
