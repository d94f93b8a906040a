//! What a contract says about itself: methods, types, events, errors, state.
//!
//! The description is written by the SDK's macros into the custom section `althing.abi` of the module, as constant
//! bytes; reading it runs no code. The bytes come from strangers, so [`decode`](crate::decode) bounds every count,
//! every text and the depth of types before anything is built.

use crate::section::{SectionError, find_section};
use alloc::{string::String, vec::Vec};
use althing_types::{
    hash::{Hash, Tag, hash},
    organisation::Role,
};
use serde::{Deserialize, Serialize};

/// Version of the description's layout.
pub const ABI_VERSION: u16 = 1;
/// Longest description in bytes.
pub const MAX_SECTION: usize = 64 * 1024;
/// Deepest nesting of types: the outermost type is at depth 1.
pub const MAX_DEPTH: usize = 16;
/// Most type nodes of one description.
pub const MAX_NODES: usize = 8_192;
/// Most entries of any one list of a description (methods, events, errors, fields, variants, arguments).
pub const MAX_ENTRIES: usize = 256;
/// Longest name in bytes.
pub const MAX_IDENTIFIER: usize = 64;
/// Longest documentation text in bytes.
pub const MAX_DOCS: usize = 2_048;

/// The description of one contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abi {
    /// Layout version, [`ABI_VERSION`].
    pub abi_version: u16,
    /// Name that the author gave the contract (not its id on a chain).
    pub name: String,
    /// The author's version text.
    pub version: String,
    /// What the contract is for.
    pub docs: String,
    /// Version of the state's layout; grows with each change of the layout.
    pub state_version: u32,
    /// State versions that [`migrate`](crate::exports) of this code understands.
    pub migrates_from: Vec<u32>,
    /// The state's fields in ascending order of their key.
    pub state: Vec<StateField>,
    /// What can be called.
    pub methods: Vec<Method>,
    /// What followers can be told.
    pub events: Vec<EventType>,
    /// Numbered errors.
    pub errors: Vec<ErrorType>,
    /// How the module was built: name and value.
    pub build: Vec<(String, String)>,
}

/// How a field of the state is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateKind {
    /// One value under the field's key; types: value.
    Value,
    /// A value for each key; types: key, value.
    Map,
    /// A set of pairs in order; types: key, member.
    Index,
}

/// One field of the state. Its storage keys start with the byte [`StateField::key`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateField {
    /// First byte of its storage keys, from 1.
    pub key: u8,
    /// Its name in the source.
    pub name: String,
    /// Its layout.
    pub kind: StateKind,
    /// One type for a value, two for a map or index.
    pub types: Vec<Type>,
}

/// How a method is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodKind {
    /// By a transaction or another contract; may write. Exported as `c_<name>`.
    Call,
    /// Read-only. Exported as `v_<name>`.
    View,
    /// Once, at deployment. Exported as `init`.
    Init,
    /// By the node after a change of the contract's code: read-only, without arguments; it fails or gives `false` when
    /// something that must always hold does not. Exported as a view.
    Invariant,
}

/// One method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name in the source.
    pub name: String,
    /// How it is entered.
    pub kind: MethodKind,
    /// The role that the signer's organisation must hold.
    pub role: Option<Role>,
    /// Arguments in order; their bytes are the canonical bytes of the tuple.
    pub arguments: Vec<Field>,
    /// Type of the result.
    pub result: Type,
    /// What it does.
    pub docs: String,
}

/// A named type: an argument or the field of a structure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name; for tuple structures the position as text.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventType {
    /// Its name, as in [`althing_types::event::Event::name`].
    pub name: String,
    /// Its fields; their bytes in order are the event's data.
    pub fields: Vec<EventField>,
    /// What it tells.
    pub docs: String,
}

/// One field of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventField {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Whether its bytes are also part of the event's topic.
    pub topic: bool,
}

/// One numbered error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorType {
    /// Its number, from 1; the `detail` of a failed receipt.
    pub number: u32,
    /// Its name in the source.
    pub name: String,
    /// What it means.
    pub docs: String,
}

/// A type on the wire: what its canonical bytes are and how it looks in JSON.
///
/// Layout of the description: one tag byte (the order below, from 0), then the parts in the order below; counts and
/// `max` are little-endian u32, texts are a u32 length and UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Type {
    /// Nothing.
    Unit,
    /// One byte, 0 or 1.
    Bool,
    /// 1 byte.
    U8,
    /// 2 bytes, little-endian, as all numbers.
    U16,
    /// 4 bytes.
    U32,
    /// 8 bytes.
    U64,
    /// 16 bytes; a decimal string in JSON.
    U128,
    /// 8 bytes, two's complement.
    I64,
    /// UTF-8 of at most `max` bytes.
    Text {
        /// Most bytes.
        max: u32,
    },
    /// At most `max` bytes; hexadecimal in JSON.
    Bytes {
        /// Most bytes.
        max: u32,
    },
    /// Exactly so many bytes; hexadecimal in JSON.
    Fixed(u32),
    /// A 32-byte hash; hexadecimal in JSON.
    Hash,
    /// A 32-byte key; hexadecimal in JSON.
    PublicKey,
    /// A domain name; with the final dot in JSON.
    Name,
    /// An organisation's id.
    Organisation,
    /// A contract's id.
    ContractId,
    /// A role; its text in JSON.
    Role,
    /// A value or nothing (`null`).
    Option(Inner),
    /// At most `max` values.
    List {
        /// Most values.
        max: u32,
        /// Type of each.
        item: Inner,
    },
    /// Values one after the other; an array in JSON.
    Tuple(Vec<Type>),
    /// Named fields; an object in JSON.
    Struct {
        /// Its name in the source.
        name: String,
        /// Its fields in order.
        fields: Vec<Field>,
    },
    /// One of several; the variant's position as one byte, then its fields.
    Enum {
        /// Its name in the source.
        name: String,
        /// Its variants in order.
        variants: Vec<Variant>,
    },
}

/// One inner type.
pub type Inner = alloc::boxed::Box<Type>;

/// One variant of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variant {
    /// Its name in the source.
    pub name: String,
    /// Its fields; none for a plain variant.
    pub fields: Vec<Field>,
}

impl Abi {
    /// Reads the description out of a module's bytes without running or compiling it.
    ///
    /// # Errors
    /// [`SectionError`] when the bytes are no module, when there is no description or more than one, or when it is malformed.
    pub fn read(module: &[u8]) -> Result<Self, SectionError> {
        Self::decode(find_section(module)?)
    }
    /// The method of this name, of any kind.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|m| m.name == name)
    }
    /// The initialiser, if there is one.
    pub fn init(&self) -> Option<&Method> {
        self.methods.iter().find(|m| m.kind == MethodKind::Init)
    }
    /// What must hold after each change of the code.
    pub fn invariants(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(|m| m.kind == MethodKind::Invariant)
    }
    /// The event of this name.
    pub fn event(&self, name: &str) -> Option<&EventType> {
        self.events.iter().find(|e| e.name == name)
    }
    /// The error of this number.
    pub fn error(&self, number: u32) -> Option<&ErrorType> {
        self.errors.iter().find(|e| e.number == number)
    }
    /// The state field of this name.
    pub fn field(&self, name: &str) -> Option<&StateField> {
        self.state.iter().find(|f| f.name == name)
    }
    /// Identity of the state's layout: covers key, name, kind and types of every field, not the state version.
    pub fn schema_hash(&self) -> Hash {
        let mut out = Vec::new();
        crate::encode::state(&self.state, &mut out);
        hash(Tag::Schema, &[&out])
    }
}
