//! Keys whose bytes sort as the values do, so that contracts can walk their state in order.
//!
//! | type | bytes |
//! |---|---|
//! | unsigned number | big-endian |
//! | `i64` | big-endian with the sign bit turned |
//! | `bool`, role, plain enumeration | one byte |
//! | hash, key, `[u8; N]` | as they are |
//! | identifier | its text, then a zero byte |
//! | domain name | labels from the right, each followed by a zero byte, then a zero byte (RFC 4034 6.1 order) |
//! | text, bytes | a zero byte becomes 0 1; at the end 0 0 |
//! | option | 0, or 1 and the value |
//! | tuple, structure | its parts one after the other |
//!
//! No key is a prefix of another of the same type, so parts can be put together and scanned by their first parts.

use crate::{
    codec::{Bytes, Text},
    crypto::PublicKey,
    hash::Hash,
    id::{ChainId, ContractId, Height, OrganisationId, Sequence},
    name::DomainName,
    organisation::Role,
};
use alloc::{string::String, vec::Vec};

/// Where key bytes are written.
#[doc(hidden)]
pub type Buffer = Vec<u8>;

/// A type that can be a storage key. Derive it with `#[derive(Key)]` for structures and plain enumerations.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a storage key",
    note = "derive it with `#[derive(Key)]`, or use a number, a name, an identifier, a hash, text, bytes or a tuple of these"
)]
pub trait Key: Sized {
    /// Appends the key's bytes.
    fn encode_key(&self, out: &mut Vec<u8>);
    /// Takes a key from the front; `None` when the bytes are not one.
    fn decode_key(input: &mut &[u8]) -> Option<Self>;
}

/// The storage key of a state field: the field's number, then the key's bytes.
pub fn storage_key<K: Key>(field: u8, key: &K) -> Vec<u8> {
    let mut out = Vec::with_capacity(40);
    out.push(field);
    key.encode_key(&mut out);
    out
}

/// Takes `length` bytes from the front; `None` when there are fewer.
pub fn take<'a>(input: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, tail) = input.split_at_checked(length)?;
    *input = tail;
    Some(head)
}

fn take_array<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    take(input, N)?.try_into().ok()
}

macro_rules! numbers {
    ($($type:ty),*) => {
        $(impl Key for $type {
            fn encode_key(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn decode_key(input: &mut &[u8]) -> Option<Self> {
                take_array(input).map(<$type>::from_be_bytes)
            }
        })*
    };
}
numbers!(u8, u16, u32, u64, u128);

impl Key for i64 {
    fn encode_key(&self, out: &mut Vec<u8>) {
        self.cast_unsigned().wrapping_add(1 << 63).encode_key(out);
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        u64::decode_key(input).map(|value| value.wrapping_sub(1 << 63).cast_signed())
    }
}

impl Key for bool {
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        match u8::decode_key(input)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Key for Role {
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.push(*self as u8);
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        let number = u8::decode_key(input)?;
        Self::ALL.into_iter().find(|role| *role as u8 == number)
    }
}

impl<const N: usize> Key for [u8; N] {
    fn encode_key(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        take_array(input)
    }
}

macro_rules! wrapped {
    ($($type:ident),*) => {
        $(impl Key for $type {
            fn encode_key(&self, out: &mut Vec<u8>) {
                self.0.encode_key(out);
            }
            fn decode_key(input: &mut &[u8]) -> Option<Self> {
                Key::decode_key(input).map(Self)
            }
        })*
    };
}
wrapped!(Hash, PublicKey, Height, Sequence);

fn take_text<'a>(input: &mut &'a [u8]) -> Option<&'a str> {
    let end = input.iter().position(|byte| *byte == 0)?;
    let text = take(input, end)?;
    take(input, 1)?;
    core::str::from_utf8(text).ok()
}

macro_rules! identifiers {
    ($($type:ident),*) => {
        $(impl Key for $type {
            fn encode_key(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(self.as_str().as_bytes());
                out.push(0);
            }
            fn decode_key(input: &mut &[u8]) -> Option<Self> {
                Self::new(take_text(input)?).ok()
            }
        })*
    };
}
identifiers!(OrganisationId, ContractId, ChainId);

impl Key for DomainName {
    fn encode_key(&self, out: &mut Vec<u8>) {
        for label in self.labels().rev() {
            out.extend_from_slice(label.as_bytes());
            out.push(0);
        }
        out.push(0);
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        let mut labels = Vec::new();
        loop {
            match take_text(input)? {
                "" => break,
                label => labels.push(label),
            }
        }
        if labels.is_empty() {
            return Some(Self::root());
        }
        labels.reverse();
        let text = labels.join(".");
        let name = Self::parse(&text).ok()?;
        // Capitals, or a dot inside a label, would be a second key of the same name.
        (name.as_str() == text && name.labels().count() == labels.len()).then_some(name)
    }
}

fn encode_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        out.push(*byte);
        if *byte == 0 {
            out.push(1);
        }
    }
    out.extend_from_slice(&[0, 0]);
}

fn decode_escaped(input: &mut &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        match u8::decode_key(input)? {
            0 => match u8::decode_key(input)? {
                0 => return Some(out),
                1 => out.push(0),
                _ => return None,
            },
            byte => out.push(byte),
        }
    }
}

impl<const MAX: usize> Key for Bytes<MAX> {
    fn encode_key(&self, out: &mut Vec<u8>) {
        encode_escaped(self, out);
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        Self::new(decode_escaped(input)?).ok()
    }
}

impl<const MAX: usize> Key for Text<MAX> {
    fn encode_key(&self, out: &mut Vec<u8>) {
        encode_escaped(self.as_bytes(), out);
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        Self::new(String::from_utf8(decode_escaped(input)?).ok()?).ok()
    }
}

impl<T: Key> Key for Option<T> {
    fn encode_key(&self, out: &mut Vec<u8>) {
        match self {
            None => out.push(0),
            Some(value) => {
                out.push(1);
                value.encode_key(out);
            }
        }
    }
    fn decode_key(input: &mut &[u8]) -> Option<Self> {
        match u8::decode_key(input)? {
            0 => Some(None),
            1 => T::decode_key(input).map(Some),
            _ => None,
        }
    }
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),+)),* $(,)?) => {
        $(impl<$($name: Key),+> Key for ($($name,)+) {
            fn encode_key(&self, out: &mut Vec<u8>) {
                $(self.$at.encode_key(out);)+
            }
            fn decode_key(input: &mut &[u8]) -> Option<Self> {
                Some(($($name::decode_key(input)?,)+))
            }
        })*
    };
}
tuples! { (A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3) }

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes<K: Key>(key: &K) -> Vec<u8> {
        let mut out = Vec::new();
        key.encode_key(&mut out);
        out
    }

    fn holds<K: Key + Ord + core::fmt::Debug>(a: &K, b: &K) {
        assert_eq!(a.cmp(b), bytes(a).cmp(&bytes(b)), "{a:?} {b:?}");
        let encoded = bytes(a);
        let mut rest = encoded.as_slice();
        assert_eq!(K::decode_key(&mut rest).as_ref(), Some(a));
        assert!(rest.is_empty());
    }

    proptest! {
        #[test]
        fn bytes_sort_as_values(
            a in any::<(u64, i64, bool, Vec<u8>)>(), b in any::<(u64, i64, bool, Vec<u8>)>(),
            left in "[a-c]{1,2}(\\.[a-c-]{0,1}[ab]){0,3}", right in "[a-c]{1,2}(\\.[a-c-]{0,1}[ab]){0,3}",
        ) {
            holds(&a.0, &b.0);
            holds(&a.1, &b.1);
            holds(&(a.2, a.0), &(b.2, b.0));
            let wrap = |v: &Vec<u8>| Bytes::<1024>::new(v.clone()).unwrap();
            holds(&(wrap(&a.3), a.0), &(wrap(&b.3), b.0));
            holds(&Some(a.0), &None);
            if let (Ok(left), Ok(right)) = (DomainName::parse(&left), DomainName::parse(&right)) {
                holds(&left, &right);
                holds(&left, &DomainName::root());
            }
        }

        #[test]
        fn foreign_bytes_are_the_one_key_of_a_name(input in "[aB.\\x00-]{0,12}") {
            let mut rest = input.as_bytes();
            if let Some(name) = DomainName::decode_key(&mut rest) {
                assert_eq!([bytes(&name).as_slice(), rest].concat(), input.as_bytes());
            }
        }

        #[test]
        fn foreign_bytes_never_panic(input in any::<Vec<u8>>()) {
            let _ = DomainName::decode_key(&mut input.as_slice());
            let _ = <(Text<9>, OrganisationId)>::decode_key(&mut input.as_slice());
            let _ = <(Option<Bytes<4>>, u128)>::decode_key(&mut input.as_slice());
        }
    }
}
