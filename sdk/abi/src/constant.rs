//! Writes a description at compile time: constant schemas in, the bytes of the custom section out.
//!
//! The SDK's macros call [`measure`] for the length and [`write()`] for the bytes of a `static`, so that the section
//! is there without any code being run. The layout is that of [`crate::encode`]; a test compares the two.

use crate::schema::{ABI_VERSION, MethodKind, StateKind};
use althing_types::{
    organisation::Role,
    wire::{ErrorSchema, EventSchema, FieldSchema, Schema},
};

/// A state field as a constant.
#[derive(Clone, Copy, Debug)]
pub struct StateFieldSchema {
    /// First byte of its storage keys.
    pub key: u8,
    /// Its name.
    pub name: &'static str,
    /// Its layout.
    pub kind: StateKind,
    /// One type for a value, two for a map or index.
    pub types: &'static [&'static Schema],
}

/// A method as a constant.
#[derive(Clone, Copy, Debug)]
pub struct MethodSchema {
    /// Its name.
    pub name: &'static str,
    /// How it is entered.
    pub kind: MethodKind,
    /// The role that the signer's organisation must hold.
    pub role: Option<Role>,
    /// Its arguments.
    pub arguments: &'static [FieldSchema],
    /// Type of its result.
    pub result: &'static Schema,
    /// What it does.
    pub docs: &'static str,
}

/// A contract as a constant.
#[derive(Clone, Copy, Debug)]
pub struct ContractSchema {
    /// Its name.
    pub name: &'static str,
    /// The author's version text.
    pub version: &'static str,
    /// What it is for.
    pub docs: &'static str,
    /// Version of the state's layout.
    pub state_version: u32,
    /// Versions that the migration understands.
    pub migrates_from: &'static [u32],
    /// State fields in ascending order of their keys.
    pub state: &'static [StateFieldSchema],
    /// Methods.
    pub methods: &'static [MethodSchema],
    /// Events.
    pub events: &'static [&'static EventSchema],
    /// Errors.
    pub errors: &'static [ErrorSchema],
    /// How the module was built.
    pub build: &'static [(&'static str, &'static str)],
}

/// Where bytes go: counted only while `out` is empty.
struct Writer<'a> {
    out: Option<&'a mut [u8]>,
    at: usize,
}

#[expect(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "runs in the compiler only: an overflow is a compile error of the contract"
)]
impl Writer<'_> {
    const fn byte(&mut self, value: u8) {
        if let Some(out) = &mut self.out {
            out[self.at] = value;
        }
        self.at += 1;
    }
    const fn number(&mut self, value: u32) {
        let bytes = value.to_le_bytes();
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }
    const fn count(&mut self, value: usize) {
        self.number(value as u32);
    }
    const fn text(&mut self, value: &str) {
        let bytes = value.as_bytes();
        self.count(bytes.len());
        let mut i = 0;
        while i < bytes.len() {
            self.byte(bytes[i]);
            i += 1;
        }
    }
    const fn fields(&mut self, list: &[FieldSchema]) {
        self.count(list.len());
        let mut i = 0;
        while i < list.len() {
            self.text(list[i].name);
            self.kind(list[i].kind);
            i += 1;
        }
    }
    const fn bounded(&mut self, tag: u8, bound: u32) {
        self.byte(tag);
        self.number(bound);
    }
    const fn kind(&mut self, kind: &Schema) {
        match kind {
            Schema::Unit => self.byte(0),
            Schema::Bool => self.byte(1),
            Schema::U8 => self.byte(2),
            Schema::U16 => self.byte(3),
            Schema::U32 => self.byte(4),
            Schema::U64 => self.byte(5),
            Schema::U128 => self.byte(6),
            Schema::I64 => self.byte(7),
            Schema::Text { max } => self.bounded(8, *max),
            Schema::Bytes { max } => self.bounded(9, *max),
            Schema::Fixed { length } => self.bounded(10, *length),
            Schema::Hash => self.byte(11),
            Schema::PublicKey => self.byte(12),
            Schema::Name => self.byte(13),
            Schema::Organisation => self.byte(14),
            Schema::ContractId => self.byte(15),
            Schema::Role => self.byte(16),
            Schema::Option { item } => {
                self.byte(17);
                self.kind(item);
            }
            Schema::List { max, item } => {
                self.bounded(18, *max);
                self.kind(item);
            }
            Schema::Tuple { items } => {
                self.byte(19);
                self.count(items.len());
                let mut i = 0;
                while i < items.len() {
                    self.kind(items[i]);
                    i += 1;
                }
            }
            Schema::Struct { name, fields } => {
                self.byte(20);
                self.text(name);
                self.fields(fields);
            }
            Schema::Enum { name, variants } => {
                self.byte(21);
                self.text(name);
                self.count(variants.len());
                let mut i = 0;
                while i < variants.len() {
                    self.text(variants[i].name);
                    self.fields(variants[i].fields);
                    i += 1;
                }
            }
        }
    }
    const fn state(&mut self, list: &[StateFieldSchema]) {
        self.count(list.len());
        let mut i = 0;
        while i < list.len() {
            self.byte(list[i].key);
            self.text(list[i].name);
            self.byte(match list[i].kind {
                StateKind::Value => 0,
                StateKind::Map => 1,
                StateKind::Index => 2,
            });
            let mut k = 0;
            while k < list[i].types.len() {
                self.kind(list[i].types[k]);
                k += 1;
            }
            i += 1;
        }
    }
    const fn method(&mut self, method: &MethodSchema) {
        self.text(method.name);
        self.byte(match method.kind {
            MethodKind::Call => 0,
            MethodKind::View => 1,
            MethodKind::Init => 2,
            MethodKind::Invariant => 3,
        });
        self.byte(match method.role {
            None => 0,
            Some(role) => role as u8 + 1,
        });
        self.fields(method.arguments);
        self.kind(method.result);
        self.text(method.docs);
    }
    const fn event(&mut self, event: &EventSchema) {
        self.text(event.name);
        self.count(event.fields.len());
        let mut i = 0;
        while i < event.fields.len() {
            let (field, topic) = &event.fields[i];
            self.text(field.name);
            self.kind(field.kind);
            self.byte(*topic as u8);
            i += 1;
        }
        self.text(event.docs);
    }
    const fn contract(&mut self, contract: &ContractSchema) {
        let version = ABI_VERSION.to_le_bytes();
        self.byte(version[0]);
        self.byte(version[1]);
        self.text(contract.name);
        self.text(contract.version);
        self.text(contract.docs);
        self.number(contract.state_version);
        self.count(contract.migrates_from.len());
        let mut i = 0;
        while i < contract.migrates_from.len() {
            self.number(contract.migrates_from[i]);
            i += 1;
        }
        self.state(contract.state);
        self.count(contract.methods.len());
        i = 0;
        while i < contract.methods.len() {
            self.method(&contract.methods[i]);
            i += 1;
        }
        self.count(contract.events.len());
        i = 0;
        while i < contract.events.len() {
            self.event(contract.events[i]);
            i += 1;
        }
        self.count(contract.errors.len());
        i = 0;
        while i < contract.errors.len() {
            self.number(contract.errors[i].number);
            self.text(contract.errors[i].name);
            self.text(contract.errors[i].docs);
            i += 1;
        }
        self.count(contract.build.len());
        i = 0;
        while i < contract.build.len() {
            self.text(contract.build[i].0);
            self.text(contract.build[i].1);
            i += 1;
        }
    }
}

/// Length of a contract's description in bytes.
pub const fn measure(contract: &ContractSchema) -> usize {
    let mut writer = Writer { out: None, at: 0 };
    writer.contract(contract);
    writer.at
}

/// A contract's description; `LENGTH` is what [`measure`] gives.
///
/// # Panics
/// In the compiler, when `LENGTH` is too small.
pub const fn write<const LENGTH: usize>(contract: &ContractSchema) -> [u8; LENGTH] {
    let mut out = [0; LENGTH];
    let mut writer = Writer { out: Some(&mut out), at: 0 };
    writer.contract(contract);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Abi;
    use althing_types::{codec::Text, name::DomainName, wire::Wire};

    const ENTRY: Schema = Schema::Struct {
        name: "Entry",
        fields: &[
            FieldSchema { name: "name", kind: <Text<64> as Wire>::SCHEMA },
            FieldSchema { name: "active", kind: bool::SCHEMA },
            FieldSchema { name: "parent", kind: <Option<DomainName> as Wire>::SCHEMA },
        ],
    };
    const SAMPLE: ContractSchema = ContractSchema {
        name: "registrars",
        version: "0.1.0",
        docs: "Registrars.",
        state_version: 2,
        migrates_from: &[1],
        state: &[
            StateFieldSchema { key: 1, name: "entries", kind: StateKind::Map, types: &[u64::SCHEMA, &ENTRY] },
            StateFieldSchema { key: 2, name: "count", kind: StateKind::Value, types: &[u64::SCHEMA] },
        ],
        methods: &[MethodSchema {
            name: "register",
            kind: MethodKind::Call,
            role: Some(Role::Registry),
            arguments: &[FieldSchema { name: "id", kind: u64::SCHEMA }, FieldSchema { name: "entry", kind: &ENTRY }],
            result: <() as Wire>::SCHEMA,
            docs: "Adds a registrar.",
        }],
        events: &[&EventSchema {
            name: "Registered",
            fields: &[(FieldSchema { name: "id", kind: u64::SCHEMA }, true)],
            docs: "",
        }],
        errors: &[ErrorSchema { number: 1, name: "Exists", docs: "The id is taken." }],
        build: &[("sdk", "0.1.0")],
    };
    const LENGTH: usize = measure(&SAMPLE);
    static BYTES: [u8; LENGTH] = write(&SAMPLE);

    #[test]
    fn the_compiler_writes_what_the_encoder_writes() {
        let sample = crate::decode::tests::sample();
        assert_eq!(Abi::decode(&BYTES), Ok(sample.clone()));
        assert_eq!(sample.encode(), BYTES);
    }
}
