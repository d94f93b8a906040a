//! Declares values, events and errors together with their constant description, so that the two cannot differ.
//!
//! These types are shared by programs that know nothing of the contract SDK; therefore they are described here and not
//! by the SDK's derive macros.

/// Declares structures that are arguments, results or values in state.
macro_rules! values {
    ($($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)? })*) => {
        $(
            $(#[$meta])*
            #[derive(
                Clone, Debug, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize, serde::Serialize, serde::Deserialize,
            )]
            pub struct $name { $($(#[$field_meta])* pub $field: $type),* }
            impl althing_types::wire::Wire for $name {
                const SCHEMA: &'static althing_types::wire::Schema = &althing_types::wire::Schema::Struct {
                    name: stringify!($name),
                    fields: &[$(althing_types::wire::FieldSchema {
                        name: stringify!($field),
                        kind: <$type as althing_types::wire::Wire>::SCHEMA,
                    }),*],
                };
            }
        )*
    };
}
pub(crate) use values;

/// Declares events. The fields before the bar are the topic.
macro_rules! events {
    ($($(#[doc = $doc:literal])* $name:ident {
        $($(#[doc = $topic_doc:literal])* $topic:ident: $topic_type:ty),* ; $($(#[doc = $field_doc:literal])* $field:ident: $type:ty),* $(,)?
    })*) => {
        $(
            $(#[doc = $doc])*
            #[derive(
                Clone, Debug, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize, serde::Serialize, serde::Deserialize,
            )]
            pub struct $name {
                $($(#[doc = $topic_doc])* pub $topic: $topic_type,)*
                $($(#[doc = $field_doc])* pub $field: $type,)*
            }
            impl althing_types::wire::Event for $name {
                const SCHEMA: &'static althing_types::wire::EventSchema = &althing_types::wire::EventSchema {
                    name: stringify!($name),
                    fields: &[
                        $((althing_types::wire::FieldSchema {
                            name: stringify!($topic),
                            kind: <$topic_type as althing_types::wire::Wire>::SCHEMA,
                        }, true),)*
                        $((althing_types::wire::FieldSchema {
                            name: stringify!($field),
                            kind: <$type as althing_types::wire::Wire>::SCHEMA,
                        }, false),)*
                    ],
                    docs: concat!($($doc),*).trim_ascii(),
                };
                fn topic(&self) -> alloc::vec::Vec<u8> {
                    #[allow(unused_mut, reason = "an event may have no topic")]
                    let mut out = alloc::vec::Vec::new();
                    $(out.extend_from_slice(&althing_types::codec::encode(&self.$topic));)*
                    out
                }
                fn data(&self) -> alloc::vec::Vec<u8> {
                    althing_types::codec::encode(self)
                }
            }
        )*
    };
}
pub(crate) use events;

/// Declares numbered errors. What an occurrence is about is the text of its message.
macro_rules! errors {
    ($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])* $number:literal $variant:ident($message:literal) {
        $($(#[$field_meta:meta])* $field:ident: $type:ty),* $(,)?
    })* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
        pub enum $name {
            $($(#[doc = $doc])* #[error($message)] $variant { $($(#[$field_meta])* $field: $type),* },)*
        }
        impl $name {
            /// Every error: number, name, meaning.
            pub const ALL: &'static [althing_types::wire::ErrorSchema] = &[$(althing_types::wire::ErrorSchema {
                number: $number, name: stringify!($variant), docs: concat!($($doc),*).trim_ascii(),
            }),*];
            /// The stable number.
            pub const fn number(&self) -> u32 {
                match self { $(Self::$variant { .. } => $number),* }
            }
            /// The stable name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant { .. } => stringify!($variant)),* }
            }
        }
        impl From<$name> for $crate::Refused<$name> {
            fn from(error: $name) -> Self {
                Self { detail: alloc::string::ToString::to_string(&error), error }
            }
        }
        impl althing_types::wire::ContractError for $crate::Refused<$name> {
            const ERRORS: &'static [althing_types::wire::ErrorSchema] = $name::ALL;
            fn number(&self) -> u32 {
                self.error.number()
            }
            fn name(&self) -> &'static str {
                self.error.name()
            }
            fn detail(&self) -> &str {
                &self.detail
            }
        }
    };
}
pub(crate) use errors;

/// Declares enumerations without fields: one byte each, numbered from 0 in order, with a stable word as text.
macro_rules! words {
    ($($(#[$meta:meta])* $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $number:literal $word:literal),* $(,)? })*) => {
        $(
            $(#[$meta])*
            #[derive(
                Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, borsh::BorshSerialize, borsh::BorshDeserialize,
                serde::Serialize, serde::Deserialize,
            )]
            #[borsh(use_discriminant = true)]
            #[repr(u8)]
            pub enum $name { $($(#[doc = $doc])* #[serde(rename = $word)] $variant = $number),* }
            impl $name {
                /// Every value in order.
                pub const ALL: &'static [Self] = &[$(Self::$variant),*];
                /// The stable word.
                pub const fn word(self) -> &'static str {
                    match self { $(Self::$variant => $word),* }
                }
                /// The value of a word; `None` for other text.
                pub fn parse(word: &str) -> Option<Self> {
                    Self::ALL.iter().copied().find(|value| value.word() == word)
                }
            }
            impl althing_types::wire::Wire for $name {
                const SCHEMA: &'static althing_types::wire::Schema = &althing_types::wire::Schema::Enum {
                    name: stringify!($name),
                    variants: &[$(althing_types::wire::VariantSchema { name: stringify!($variant), fields: &[] }),*],
                };
            }
        )*
    };
}
pub(crate) use words;
