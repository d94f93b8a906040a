//! Types that describe themselves: what a contract's arguments, results, events and errors are made of.
//!
//! A [`Wire`] type has canonical bytes and a constant [`Schema`]. The contract SDK writes the schemas of a contract
//! into its module, so that nobody has to run code to know what a call looks like. Every length has a bound here:
//! plain strings and vectors are no wire types.

use crate::{
    codec::{Bytes, List, Text},
    crypto::{NodeId, PublicKey, Signature},
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Round, Sequence},
    name::DomainName,
    organisation::Role,
};
use alloc::{collections::BTreeSet, vec::Vec};
#[doc(hidden)]
pub use borsh;
use borsh::{BorshDeserialize, BorshSerialize};

/// A type's description as a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// Nothing.
    Unit,
    /// One byte, 0 or 1.
    Bool,
    /// 1 byte.
    U8,
    /// 2 bytes.
    U16,
    /// 4 bytes.
    U32,
    /// 8 bytes.
    U64,
    /// 16 bytes.
    U128,
    /// 8 bytes, two's complement.
    I64,
    /// [`Text`] of at most `max` bytes.
    Text {
        /// Most bytes.
        max: u32,
    },
    /// [`Bytes`] of at most `max` bytes.
    Bytes {
        /// Most bytes.
        max: u32,
    },
    /// Exactly so many bytes.
    Fixed {
        /// Number of bytes.
        length: u32,
    },
    /// [`struct@Hash`].
    Hash,
    /// [`PublicKey`].
    PublicKey,
    /// [`DomainName`].
    Name,
    /// [`OrganisationId`].
    Organisation,
    /// [`ContractId`].
    ContractId,
    /// [`Role`].
    Role,
    /// A value or nothing.
    Option {
        /// The value's type.
        item: &'static Schema,
    },
    /// [`List`] of at most `max` values.
    List {
        /// Most values.
        max: u32,
        /// Type of each.
        item: &'static Schema,
    },
    /// Values one after the other.
    Tuple {
        /// Their types.
        items: &'static [&'static Schema],
    },
    /// Named fields.
    Struct {
        /// Name in the source.
        name: &'static str,
        /// Fields in order.
        fields: &'static [FieldSchema],
    },
    /// One of several.
    Enum {
        /// Name in the source.
        name: &'static str,
        /// Variants in order.
        variants: &'static [VariantSchema],
    },
}

/// A named type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldSchema {
    /// Name in the source, or the position as text.
    pub name: &'static str,
    /// Its type.
    pub kind: &'static Schema,
}

/// One variant of an enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VariantSchema {
    /// Name in the source.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [FieldSchema],
}

/// A type with canonical bytes and a constant description. Derive it with `#[derive(Wire)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a wire type",
    label = "has no bounded canonical form",
    note = "derive it with `#[derive(Wire)]`; for text use `Text<MAX>`, for bytes `Bytes<MAX>`, for lists `List<T, MAX>`: \
            every length on the ledger has a bound"
)]
pub trait Wire: BorshSerialize + BorshDeserialize {
    /// The description.
    const SCHEMA: &'static Schema;
}

/// The description of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventSchema {
    /// Its name.
    pub name: &'static str,
    /// Its fields, each with whether it is part of the topic.
    pub fields: &'static [(FieldSchema, bool)],
    /// What it tells.
    pub docs: &'static str,
}

/// What a contract can tell the world. Derive it with `#[derive(Event)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "derive it with `#[derive(Event)]` and name it in `#[contract(events({Self}))]`"
)]
pub trait Event {
    /// The description.
    const SCHEMA: &'static EventSchema;
    /// Canonical bytes of the fields marked as topic, in order.
    fn topic(&self) -> Vec<u8>;
    /// Canonical bytes of all fields, in order.
    fn data(&self) -> Vec<u8>;
}

/// Something that can write its canonical bytes, whatever its type: keeps generated code small.
#[doc(hidden)]
pub trait Append {
    /// Appends the canonical bytes.
    fn append(&self, out: &mut Vec<u8>);
}
impl<T: BorshSerialize> Append for T {
    fn append(&self, out: &mut Vec<u8>) {
        // Writing to a vector cannot fail.
        let _ = self.serialize(out);
    }
}

/// Canonical bytes of values one after the other.
#[doc(hidden)]
pub fn bytes_of(values: &[&dyn Append]) -> Vec<u8> {
    let mut out = Vec::new();
    values.iter().for_each(|value| value.append(&mut out));
    out
}

/// The description of one numbered error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorSchema {
    /// Its number, from 1.
    pub number: u32,
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub docs: &'static str,
}

/// The numbered errors of a contract. Derive it with `#[derive(ContractError)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a contract error",
    note = "derive it with `#[derive(ContractError)]` and number each variant with `#[code(n)]`"
)]
pub trait ContractError {
    /// Every error.
    const ERRORS: &'static [ErrorSchema];
    /// This error's number.
    fn number(&self) -> u32;
    /// This error's name.
    fn name(&self) -> &'static str;
    /// What this occurrence is about; empty when the error carries no detail.
    fn detail(&self) -> &str {
        ""
    }
}

/// Never an error: the error type of methods that cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

impl ContractError for Never {
    const ERRORS: &'static [ErrorSchema] = &[];
    fn number(&self) -> u32 {
        match *self {}
    }
    fn name(&self) -> &'static str {
        match *self {}
    }
}

/// Most members of a set, as its description says.
const MAX_SET: u32 = 256;

#[expect(clippy::cast_possible_truncation, reason = "the assertion before refuses larger values at compile time")]
const fn bound(value: usize) -> u32 {
    assert!(value <= u32::MAX as usize, "a bound exceeds u32");
    value as u32
}

macro_rules! wire {
    ($($type:ty => $schema:ident),* $(,)?) => {
        $(impl Wire for $type {
            const SCHEMA: &'static Schema = &Schema::$schema;
        })*
    };
}
wire! {
    () => Unit, bool => Bool, u8 => U8, u16 => U16, u32 => U32, u64 => U64, u128 => U128, i64 => I64, Hash => Hash,
    PublicKey => PublicKey, DomainName => Name, OrganisationId => Organisation, ContractId => ContractId, Role => Role,
    Height => U64, Sequence => U64, Round => U32,
}

impl Wire for Signature {
    const SCHEMA: &'static Schema = &Schema::Fixed { length: 64 };
}
impl Wire for ChainId {
    const SCHEMA: &'static Schema = &Schema::Text { max: bound(Self::MAX) };
}
impl<const MAX: usize> Wire for Text<MAX> {
    const SCHEMA: &'static Schema = &Schema::Text { max: bound(MAX) };
}
impl<const MAX: usize> Wire for Bytes<MAX> {
    const SCHEMA: &'static Schema = &Schema::Bytes { max: bound(MAX) };
}
impl<const LENGTH: usize> Wire for [u8; LENGTH] {
    const SCHEMA: &'static Schema = &Schema::Fixed { length: bound(LENGTH) };
}
impl Wire for NodeId {
    const SCHEMA: &'static Schema = &Schema::PublicKey;
}
impl<T: Wire + Ord> Wire for BTreeSet<T> {
    const SCHEMA: &'static Schema = &Schema::List { max: MAX_SET, item: T::SCHEMA };
}
impl<T: Wire> Wire for Option<T> {
    const SCHEMA: &'static Schema = &Schema::Option { item: T::SCHEMA };
}
impl<T: Wire, const MAX: usize> Wire for List<T, MAX> {
    const SCHEMA: &'static Schema = &Schema::List { max: bound(MAX), item: T::SCHEMA };
}

macro_rules! tuples {
    ($(($($name:ident),+)),* $(,)?) => {
        $(impl<$($name: Wire),+> Wire for ($($name,)+) {
            const SCHEMA: &'static Schema = &Schema::Tuple { items: &[$($name::SCHEMA),+] };
        })*
    };
}
tuples! { (A), (A, B), (A, B, C), (A, B, C, D), (A, B, C, D, E), (A, B, C, D, E, F) }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_constants_of_the_type() {
        assert_eq!(
            *<Option<List<(u64, Text<8>), 4>> as Wire>::SCHEMA,
            Schema::Option {
                item: &Schema::List {
                    max: 4,
                    item: &Schema::Tuple { items: &[&Schema::U64, &Schema::Text { max: 8 }] }
                }
            }
        );
        assert_eq!(*<[u8; 5] as Wire>::SCHEMA, Schema::Fixed { length: 5 });
    }
}
