//! Identifiers and numbers that cross crates, each a type of its own.

use alloc::string::{String, ToString};
use borsh::{
    BorshDeserialize, BorshSerialize,
    io::{Error, ErrorKind, Read, Result as IoResult},
};
use serde::{Deserialize, Serialize};

/// Text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {what}: 1 to {maximum} of a-z 0-9 - _ . :, first a letter or digit")]
pub struct IdError {
    /// The kind of identifier.
    pub what: &'static str,
    /// The text, cut at 80 characters.
    pub text: String,
    /// Longest length allowed, in bytes.
    pub maximum: usize,
}

fn check(what: &'static str, text: &str, maximum: usize) -> Result<(), IdError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let good = text.len() <= maximum
        && text.as_bytes().first().is_some_and(|b| plain(*b))
        && text.bytes().all(|b| plain(b) || matches!(b, b'-' | b'_' | b'.' | b':'));
    if good { Ok(()) } else { Err(IdError { what, text: text.chars().take(80).collect(), maximum }) }
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $maximum:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize)]
        pub struct $name(String);

        impl $name {
            /// Longest length in bytes.
            pub const MAX: usize = $maximum;
            /// Checks and wraps text.
            ///
            /// # Errors
            /// [`IdError`] when the text is empty, too long or has other characters.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                check($what, &text, $maximum)?;
                Ok(Self(text))
            }
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl BorshDeserialize for $name {
            fn deserialize_reader<R: Read>(reader: &mut R) -> IoResult<Self> {
                let text = crate::codec::Text::<$maximum>::deserialize_reader(reader)?;
                Self::new(text.as_str()).map_err(|e| Error::new(ErrorKind::InvalidData, e.to_string()))
            }
        }
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl core::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Self::new(<String as serde::Deserialize>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
            }
        }
    };
}

identifier!(
    /// Names a chain; part of everything that is signed, so that nothing can be replayed on another chain.
    ChainId, "chain id", 64
);
identifier!(
    /// Names a member organisation.
    OrganisationId, "organisation id", 64
);
identifier!(
    /// Names a contract on its chain.
    ContractId, "contract id", 48
);

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug, BorshSerialize, BorshDeserialize, Serialize,
            Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl $name {
            /// The following number; stays at the maximum.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number!(
    /// Position of a block; the genesis state is height 0, the first block height 1.
    Height, u64
);
number!(
    /// Attempt to decide one height, from 0. The lower 20 bits count turns of primaries, the upper 12 bits are the number
    /// of the recovery that the round belongs to: 0 as long as the chain has not lost its quorum at this height.
    Round, u32
);
number!(
    /// How many transactions of one key came before, from 0.
    Sequence, u64
);

impl Round {
    /// Greatest number of a recovery.
    pub const MAX_RECOVERY: u16 = 4095;
    const TURNS: u32 = 20;

    /// The first round of a height under the recovery of this number.
    #[must_use]
    pub const fn of_recovery(number: u16) -> Self {
        Self((number as u32) << Self::TURNS)
    }
    /// The number of the recovery; 0 for none.
    #[must_use]
    pub const fn recovery(self) -> u16 {
        (self.0 >> Self::TURNS) as u16
    }
    /// How many primaries had their turn before, under the same list: the position in the rotation.
    #[must_use]
    pub const fn turn(self) -> u32 {
        self.0 & ((1 << Self::TURNS) - 1)
    }
}

impl Height {
    /// The height before; stays at 0.
    #[must_use]
    pub const fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_lower_case_and_bounded() {
        assert!(ContractId::new("tld_binding").is_ok());
        for bad in ["", "A", "-a", "a b", "ä", &"a".repeat(49)] {
            assert!(ContractId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn decoding_checks_the_rule_too() {
        let bytes = crate::codec::encode(&String::from("Upper"));
        assert!(crate::codec::decode::<ContractId>("id", &bytes, 100).is_err());
    }
}
