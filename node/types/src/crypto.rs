//! Keys and signatures: Ed25519, checked strictly.
//!
//! [`Verified`] can only be made by [`Signed::verify`], which uses `verify_strict`: the plain check of the library
//! accepts one signature for two messages under a weak key. Code that needs a checked value asks for `Verified<T>`
//! and the compiler does the rest.

use alloc::string::String;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; $length]);

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}", &hex::encode(self.0)[..12])
            }
        }
        impl core::str::FromStr for $name {
            type Err = KeyTextError;
            fn from_str(text: &str) -> Result<Self, KeyTextError> {
                let mut out = [0u8; $length];
                hex::decode_to_slice(text, &mut out).map_err(|_| KeyTextError {
                    what: stringify!($name),
                    digits: $length * 2,
                    text: text.chars().take(160).collect(),
                })?;
                Ok(Self(out))
            }
        }
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

/// Text that is not a key or signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a {what} of {digits} hexadecimal digits")]
pub struct KeyTextError {
    /// The type.
    pub what: &'static str,
    /// Hexadecimal digits expected.
    pub digits: usize,
    /// The text, cut at 160 characters.
    pub text: String,
}

fixed_bytes!(
    /// An Ed25519 public key: 32 bytes. Any bytes may stand here; a key that is no curve point verifies nothing.
    PublicKey, 32
);
fixed_bytes!(
    /// An Ed25519 signature: 64 bytes.
    Signature, 64
);
fixed_bytes!(
    /// A node's identity: its Ed25519 public key, 32 bytes (P 0036, Table 1: packing node).
    NodeId, 32
);

impl NodeId {
    /// The key that this node signs with.
    pub const fn key(&self) -> PublicKey {
        PublicKey(self.0)
    }
}

impl From<PublicKey> for NodeId {
    fn from(key: PublicKey) -> Self {
        Self(key.0)
    }
}

/// A signature that does not belong to the message and key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signature by {signer} does not verify")]
pub struct BadSignature {
    /// The key that was said to have signed.
    pub signer: PublicKey,
}

/// Something that is signed: it names its signer and its signing bytes.
pub trait Signable {
    /// The bytes that are signed: a tagged hash that binds the chain.
    fn signing_hash(&self) -> crate::hash::Hash;
    /// The key that must have signed.
    fn signer(&self) -> PublicKey;
}

/// A value with a signature that nobody has checked yet.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Signed<T> {
    /// What is signed.
    pub value: T,
    /// By [`Signable::signer`].
    pub signature: Signature,
}

/// A value whose signature was checked. Only [`Signed::verify`] makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(Signed<T>);

impl<T> Verified<T> {
    /// The value with its signature.
    pub const fn signed(&self) -> &Signed<T> {
        &self.0
    }
    /// The value with its signature, owned.
    pub fn into_signed(self) -> Signed<T> {
        self.0
    }
    /// The value.
    pub const fn value(&self) -> &T {
        &self.0.value
    }
}

impl<T> core::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0.value
    }
}

#[cfg(feature = "crypto")]
mod signing {
    use super::*;
    use ed25519_dalek::Signer;

    /// Checks a signature over 32 bytes, strictly (no small-order keys, no malleable forms).
    ///
    /// # Errors
    /// [`BadSignature`] when it does not verify.
    pub fn verify(key: &PublicKey, message: &[u8], signature: &Signature) -> Result<(), BadSignature> {
        let bad = BadSignature { signer: *key };
        let parsed = ed25519_dalek::VerifyingKey::from_bytes(&key.0).map_err(|_| bad.clone())?;
        parsed.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)).map_err(|_| bad)
    }

    impl<T: Signable> Signed<T> {
        /// Signs a value; the key should be the one that [`Signable::signer`] names.
        pub fn sign(value: T, key: &SecretKey) -> Self {
            let signature = key.sign(&value.signing_hash().0);
            Self { value, signature }
        }
        /// Checks the signature.
        ///
        /// # Errors
        /// [`BadSignature`] when it does not verify.
        pub fn verify(self) -> Result<Verified<T>, BadSignature> {
            verify(&self.value.signer(), &self.value.signing_hash().0, &self.signature)?;
            Ok(Verified(self))
        }
    }

    /// An Ed25519 secret key; wiped from memory when dropped. It has no text form and no `Debug` of its bytes.
    #[derive(Clone)]
    pub struct SecretKey(ed25519_dalek::SigningKey);

    impl SecretKey {
        /// A key from its 32-byte seed.
        pub fn from_seed(seed: &[u8; 32]) -> Self {
            Self(ed25519_dalek::SigningKey::from_bytes(seed))
        }
        /// The seed, to be stored encrypted.
        pub fn seed(&self) -> [u8; 32] {
            self.0.to_bytes()
        }
        /// The public half.
        pub fn public(&self) -> PublicKey {
            PublicKey(self.0.verifying_key().to_bytes())
        }
        /// Signs bytes.
        pub fn sign(&self, message: &[u8]) -> Signature {
            Signature(self.0.sign(message).to_bytes())
        }
    }

    impl core::fmt::Debug for SecretKey {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            write!(f, "SecretKey of {}", self.public())
        }
    }
}
#[cfg(feature = "crypto")]
pub use signing::{SecretKey, verify};

#[cfg(all(test, feature = "crypto"))]
mod tests {
    use super::*;

    #[test]
    fn a_small_order_key_verifies_nothing() {
        // The identity point as key and an all-zero signature pass the library's lax check for every message.
        let mut key = [0u8; 32];
        key[0] = 1;
        let mut signature = [0u8; 64];
        signature[0] = 1;
        assert!(verify(&PublicKey(key), b"message", &Signature(signature)).is_err());
    }

    #[test]
    fn a_signature_binds_key_and_message() {
        let key = SecretKey::from_seed(&[7; 32]);
        let signature = key.sign(b"a");
        assert!(verify(&key.public(), b"a", &signature).is_ok());
        assert!(verify(&key.public(), b"b", &signature).is_err());
        assert!(verify(&SecretKey::from_seed(&[8; 32]).public(), b"a", &signature).is_err());
    }
}
