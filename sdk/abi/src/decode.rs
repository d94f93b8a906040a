//! Reads a description's bytes, which come from strangers.
//!
//! Every count and text is checked against a named maximum before memory is taken, types nest at most [`MAX_DEPTH`]
//! deep and are at most [`MAX_NODES`] in all, and names and numbers that must be unique are.

use crate::{
    schema::{
        ABI_VERSION, Abi, ErrorType, EventField, EventType, Field, MAX_DEPTH, MAX_DOCS, MAX_ENTRIES, MAX_IDENTIFIER,
        MAX_NODES, MAX_SECTION, Method, MethodKind, StateField, StateKind, Type, Variant,
    },
    section::SectionError,
};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use althing_types::organisation::Role;

type Read<T> = Result<T, SectionError>;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn fail<T>(&self, rule: impl Into<String>) -> Read<T> {
        Err(SectionError::Malformed { at: self.at, rule: rule.into() })
    }
    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let end = self.at.saturating_add(length);
        let Some(out) = self.bytes.get(self.at..end) else {
            return self.fail(format!("{length} more bytes are needed"));
        };
        self.at = end;
        Ok(out)
    }
    fn byte(&mut self) -> Read<u8> {
        Ok(self.take(1)?.first().copied().unwrap_or(0))
    }
    fn flag(&mut self) -> Read<bool> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => self.fail(format!("{other} is not 0 or 1")),
        }
    }
    fn number(&mut self) -> Read<u32> {
        let mut out = [0u8; 4];
        out.copy_from_slice(self.take(4)?);
        Ok(u32::from_le_bytes(out))
    }
    fn count(&mut self) -> Read<usize> {
        let found = self.number()? as usize;
        if found > MAX_ENTRIES { self.fail(format!("{found} entries exceed {MAX_ENTRIES}")) } else { Ok(found) }
    }
    fn text(&mut self, maximum: usize) -> Read<String> {
        let length = self.number()? as usize;
        if length > maximum {
            return self.fail(format!("text of {length} bytes exceeds {maximum}"));
        }
        match core::str::from_utf8(self.take(length)?) {
            Ok(text) => Ok(text.into()),
            Err(_) => self.fail("text is not UTF-8"),
        }
    }
    /// A name as Rust writes one, or a position: it becomes part of file names, exports and output.
    fn name(&mut self) -> Read<String> {
        let text = self.text(MAX_IDENTIFIER)?;
        let good = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if good { Ok(text) } else { self.fail(format!("{text:?} is not a name of letters, digits, '_' and '-'")) }
    }
    fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let count = self.count()?;
        let mut out = Vec::new();
        for _ in 0..count {
            out.push(item(self)?);
        }
        Ok(out)
    }
    fn unique<T: Ord>(&self, what: &str, items: impl Iterator<Item = T>) -> Read<()> {
        let mut seen: Vec<T> = items.collect();
        let before = seen.len();
        seen.sort();
        seen.dedup();
        if seen.len() == before { Ok(()) } else { self.fail(format!("{what} are not unique")) }
    }
    fn fields(&mut self, depth: usize) -> Read<Vec<Field>> {
        let list = self.list(|r| Ok(Field { name: r.name()?, kind: r.kind(depth)? }))?;
        self.unique("field names", list.iter().map(|f| f.name.as_str()))?;
        Ok(list)
    }
    fn kind(&mut self, depth: usize) -> Read<Type> {
        if depth >= MAX_DEPTH {
            return self.fail(format!("types nest deeper than {MAX_DEPTH}"));
        }
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > MAX_NODES {
            return self.fail(format!("more than {MAX_NODES} type nodes"));
        }
        let below = depth.saturating_add(1);
        Ok(match self.byte()? {
            0 => Type::Unit,
            1 => Type::Bool,
            2 => Type::U8,
            3 => Type::U16,
            4 => Type::U32,
            5 => Type::U64,
            6 => Type::U128,
            7 => Type::I64,
            8 => Type::Text { max: self.number()? },
            9 => Type::Bytes { max: self.number()? },
            10 => Type::Fixed(self.number()?),
            11 => Type::Hash,
            12 => Type::PublicKey,
            13 => Type::Name,
            14 => Type::Organisation,
            15 => Type::ContractId,
            16 => Type::Role,
            17 => Type::Option(Box::new(self.kind(below)?)),
            18 => Type::List { max: self.number()?, item: Box::new(self.kind(below)?) },
            19 => Type::Tuple(self.list(|r| r.kind(below))?),
            20 => Type::Struct { name: self.name()?, fields: self.fields(below)? },
            21 => {
                let name = self.name()?;
                let variants = self.list(|r| Ok(Variant { name: r.name()?, fields: r.fields(below)? }))?;
                self.unique("variant names", variants.iter().map(|v| v.name.as_str()))?;
                Type::Enum { name, variants }
            }
            other => return self.fail(format!("{other} is not a type")),
        })
    }
    fn state_field(&mut self) -> Read<StateField> {
        let key = self.byte()?;
        if key == 0 {
            return self.fail("a state field's key is 0; keys start at 1");
        }
        let name = self.name()?;
        let (kind, types) = match self.byte()? {
            0 => (StateKind::Value, 1),
            1 => (StateKind::Map, 2),
            2 => (StateKind::Index, 2),
            other => return self.fail(format!("{other} is not a kind of state field")),
        };
        let types = (0..types).map(|_| self.kind(0)).collect::<Read<Vec<_>>>()?;
        Ok(StateField { key, name, kind, types })
    }
    fn method(&mut self) -> Read<Method> {
        let name = self.name()?;
        let kind = match self.byte()? {
            0 => MethodKind::Call,
            1 => MethodKind::View,
            2 => MethodKind::Init,
            3 => MethodKind::Invariant,
            other => return self.fail(format!("{other} is not a kind of method")),
        };
        let role = match self.byte()? {
            0 => None,
            number => match Role::ALL.into_iter().find(|role| (*role as u8).saturating_add(1) == number) {
                Some(role) => Some(role),
                None => return self.fail(format!("{number} is not a role")),
            },
        };
        Ok(Method { name, kind, role, arguments: self.fields(0)?, result: self.kind(0)?, docs: self.text(MAX_DOCS)? })
    }
    fn event(&mut self) -> Read<EventType> {
        let name = self.name()?;
        let fields = self.list(|r| Ok(EventField { name: r.name()?, kind: r.kind(0)?, topic: r.flag()? }))?;
        Ok(EventType { name, fields, docs: self.text(MAX_DOCS)? })
    }
    fn abi(&mut self) -> Read<Abi> {
        let mut version = [0u8; 2];
        version.copy_from_slice(self.take(2)?);
        let abi_version = u16::from_le_bytes(version);
        if abi_version != ABI_VERSION {
            return Err(SectionError::Version { found: abi_version, expected: ABI_VERSION });
        }
        let (name, version, docs) = (self.name()?, self.text(MAX_IDENTIFIER)?, self.text(MAX_DOCS)?);
        let state_version = self.number()?;
        let migrates_from = self.list(Self::number)?;
        self.unique("versions to migrate from", migrates_from.iter())?;
        let state = self.list(Self::state_field)?;
        if !state.windows(2).all(|pair| matches!(pair, [a, b] if a.key < b.key)) {
            return self.fail("state fields are not in ascending order of their keys");
        }
        self.unique("state field names", state.iter().map(|f| f.name.as_str()))?;
        let methods = self.list(Self::method)?;
        self.unique("method names", methods.iter().map(|m| m.name.as_str()))?;
        if methods.iter().filter(|m| m.kind == MethodKind::Init).count() > 1 {
            return self.fail("more than one initialiser");
        }
        let bare = |m: &Method| m.arguments.is_empty() && matches!(m.result, Type::Bool | Type::Unit);
        if methods.iter().any(|m| m.kind == MethodKind::Invariant && !bare(m)) {
            return self.fail("an invariant takes no arguments and gives nothing or yes or no");
        }
        let events = self.list(Self::event)?;
        self.unique("event names", events.iter().map(|e| e.name.as_str()))?;
        let errors = self.list(|r| Ok(ErrorType { number: r.number()?, name: r.name()?, docs: r.text(MAX_DOCS)? }))?;
        self.unique("error numbers", errors.iter().map(|e| e.number))?;
        if errors.iter().any(|e| e.number == 0 || i32::try_from(e.number).is_err()) {
            return self.fail("an error number is not between 1 and 2147483647");
        }
        let build = self.list(|r| Ok((r.name()?, r.text(256)?)))?;
        if self.at != self.bytes.len() {
            return self.fail(format!("{} bytes are left over", self.bytes.len().saturating_sub(self.at)));
        }
        Ok(Abi {
            abi_version,
            name,
            version,
            docs,
            state_version,
            migrates_from,
            state,
            methods,
            events,
            errors,
            build,
        })
    }
}

impl Abi {
    /// Decodes a description; every byte must be used.
    ///
    /// # Errors
    /// [`SectionError`] names the offset and the rule.
    pub fn decode(bytes: &[u8]) -> Result<Self, SectionError> {
        if bytes.len() > MAX_SECTION {
            return Err(SectionError::TooLong { found: bytes.len() });
        }
        Reader { bytes, at: 0, nodes: 0 }.abi()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use alloc::vec;

    pub(crate) fn sample() -> Abi {
        let entry = Type::Struct {
            name: "Entry".into(),
            fields: vec![
                Field { name: "name".into(), kind: Type::Text { max: 64 } },
                Field { name: "active".into(), kind: Type::Bool },
                Field { name: "parent".into(), kind: Type::Option(Box::new(Type::Name)) },
            ],
        };
        Abi {
            abi_version: ABI_VERSION,
            name: "registrars".into(),
            version: "0.1.0".into(),
            docs: "Registrars.".into(),
            state_version: 2,
            migrates_from: vec![1],
            state: vec![
                StateField {
                    key: 1,
                    name: "entries".into(),
                    kind: StateKind::Map,
                    types: vec![Type::U64, entry.clone()],
                },
                StateField { key: 2, name: "count".into(), kind: StateKind::Value, types: vec![Type::U64] },
            ],
            methods: vec![Method {
                name: "register".into(),
                kind: MethodKind::Call,
                role: Some(Role::Registry),
                arguments: vec![
                    Field { name: "id".into(), kind: Type::U64 },
                    Field { name: "entry".into(), kind: entry.clone() },
                ],
                result: Type::Unit,
                docs: "Adds a registrar.".into(),
            }],
            events: vec![EventType {
                name: "Registered".into(),
                fields: vec![EventField { name: "id".into(), kind: Type::U64, topic: true }],
                docs: String::new(),
            }],
            errors: vec![ErrorType { number: 1, name: "Exists".into(), docs: "The id is taken.".into() }],
            build: vec![("sdk".into(), "0.1.0".into())],
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        assert_eq!(Abi::decode(&sample().encode()), Ok(sample()));
    }

    #[test]
    fn cut_and_flipped_bytes_never_panic() {
        let bytes = sample().encode();
        for end in 0..bytes.len() {
            assert!(Abi::decode(&bytes[..end]).is_err(), "{end}");
        }
        for at in 0..bytes.len() {
            for value in [0, 1, 17, 18, 19, 0x7f, 0xff] {
                let mut other = bytes.clone();
                other[at] = value;
                let _ = Abi::decode(&other);
            }
        }
        let mut long = bytes;
        long.push(0);
        assert!(matches!(Abi::decode(&long), Err(SectionError::Malformed { .. })));
    }

    #[test]
    fn deep_types_are_refused() {
        let mut abi = sample();
        let mut deep = Type::U8;
        for _ in 1..MAX_DEPTH {
            deep = Type::Option(Box::new(deep));
        }
        abi.methods[0].result = deep.clone();
        assert!(Abi::decode(&abi.encode()).is_ok());
        abi.methods[0].result = Type::Option(Box::new(deep));
        assert!(
            matches!(Abi::decode(&abi.encode()), Err(SectionError::Malformed { rule, .. }) if rule.contains("deeper"))
        );
    }

    #[test]
    fn wide_types_are_refused() {
        let wide = Type::Tuple(vec![Type::Tuple(vec![Type::Unit; 200]); 200]);
        let mut abi = sample();
        abi.methods[0].result = wide;
        assert!(
            matches!(Abi::decode(&abi.encode()), Err(SectionError::Malformed { rule, .. }) if rule.contains("nodes"))
        );
    }

    #[test]
    fn repeated_methods_and_error_zero_are_refused() {
        let mut abi = sample();
        abi.methods.push(abi.methods[0].clone());
        assert!(Abi::decode(&abi.encode()).is_err());
        let mut abi = sample();
        abi.errors[0].number = 0;
        assert!(Abi::decode(&abi.encode()).is_err());
    }

    #[test]
    fn the_schema_hash_follows_layout_and_not_documentation() {
        let (old, mut new) = (sample(), sample());
        new.docs = "other".into();
        new.state_version = 9;
        assert_eq!(old.schema_hash(), new.schema_hash());
        new.state[1].types[0] = Type::U128;
        assert_ne!(old.schema_hash(), new.schema_hash());
        let mut renamed = sample();
        renamed.state[1].name = "total".into();
        assert_ne!(old.schema_hash(), renamed.schema_hash());
    }
}
