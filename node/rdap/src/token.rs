//! A bearer token of an OpenID provider (RFC 7519, RFC 7515): who sent it, or why it is none.
//!
//! ```text
//!   token --> header: algorithm, key id --> key of that very algorithm --> signature --> exp, nbf, iss, aud, sub --> subject
//! ```
//! Asymmetric signatures alone, by RS256, ES256 or EdDSA; a key is for the one algorithm that its kind says, so a public key
//! is never taken for a secret. Nothing is fetched here.

use jsonwebtoken::{
    Algorithm, DecodingKey, DecodingKeyKind, EncodingKey, Validation,
    crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils},
    decode, decode_header,
    errors::{ErrorKind, new_error},
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
    signature::{self, Verifier},
};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Longest token in bytes.
pub const MAX_TOKEN: usize = 8 * 1024;
/// Longest subject in bytes (OpenID Connect Core 2).
const MAX_SUBJECT: usize = 255;
/// Most keys of a provider.
const MAX_KEYS: usize = 64;
/// Seconds by which clocks may differ.
const LEEWAY_S: u64 = 60;

/// Why a token says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It is no token, or of an algorithm that is not taken.
    #[error("it is no signed token of RS256, ES256 or EdDSA")]
    Form,
    /// No key of the provider has its id and algorithm.
    #[error("no key of the provider has its key id and algorithm")]
    Key,
    /// Signature or claims.
    #[error("{0}")]
    Claims(&'static str),
}

/// What a token must say.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Whose token it is (`iss`).
    pub issuer: String,
    /// For whom it is (`aud`).
    pub audience: String,
    /// Claim that names a tier.
    pub tier_claim: Option<String>,
    /// Tiers that it may name.
    pub tiers: BTreeSet<String>,
    /// Tier of all others.
    pub tier: String,
}

/// Who sent a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider's name for it (`sub`).
    pub subject: String,
    /// Its tier.
    pub tier: String,
}

/// The keys of a provider.
#[derive(Clone, Debug, Default)]
pub struct Keys(Vec<(Option<String>, Algorithm, DecodingKey)>);

impl Keys {
    /// Reads a key set (RFC 7517 5); keys that are not for these signatures are passed over.
    ///
    /// # Errors
    /// What is wrong with it: no set, no key that can be used.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let set: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let listed = set.get("keys").and_then(Value::as_array).ok_or("it has no member keys")?;
        if listed.len() > MAX_KEYS {
            return Err(format!("it has more than {MAX_KEYS} keys"));
        }
        let keys: Vec<_> = listed.iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err("none of its keys is for RS256, ES256 or EdDSA".into());
        }
        Ok(Self(keys))
    }

    /// The key of a token: by its id; without one only where there is no choice.
    fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut fit = self.0.iter().filter(|(id, of, _)| *of == algorithm && (kid.is_none() || id.as_deref() == kid));
        let first = fit.next()?;
        (kid.is_some() || fit.next().is_none()).then_some(&first.2)
    }

    /// Whether a token's key is there.
    ///
    /// # Errors
    /// [`TokenFault::Form`].
    pub fn knows(&self, token: &str) -> Result<bool, TokenFault> {
        let (kid, algorithm) = head(token)?;
        Ok(self.find(kid.as_deref(), algorithm).is_some())
    }

    /// Who sent a token.
    ///
    /// # Errors
    /// [`TokenFault`].
    pub fn verify(&self, token: &str, rules: &Rules) -> Result<Identity, TokenFault> {
        // Another call has installed it already: that is as good.
        let _ = RING.install_default();
        let (kid, algorithm) = head(token)?;
        let key = self.find(kid.as_deref(), algorithm).ok_or(TokenFault::Key)?;
        let mut wanted = Validation::new(algorithm);
        wanted.leeway = LEEWAY_S;
        wanted.validate_nbf = true;
        wanted.set_audience(&[&rules.audience]);
        wanted.set_issuer(&[&rules.issuer]);
        wanted.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Map<String, Value>>(token, key, &wanted).map_err(|error| match error.kind() {
            ErrorKind::ExpiredSignature => TokenFault::Claims("it has expired"),
            ErrorKind::ImmatureSignature => TokenFault::Claims("it is not valid yet"),
            ErrorKind::InvalidIssuer => TokenFault::Claims("it is another issuer's"),
            ErrorKind::InvalidAudience => TokenFault::Claims("it is for another audience"),
            ErrorKind::MissingRequiredClaim(_) => TokenFault::Claims("it lacks exp, iss, aud or sub"),
            _ => TokenFault::Claims("its signature or a claim is wrong"),
        })?;
        let text = |claim: &str| claims.claims.get(claim).and_then(Value::as_str);
        // One issuer, as text: the list that some readers take has no meaning.
        if text("iss") != Some(rules.issuer.as_str()) {
            return Err(TokenFault::Claims("it is another issuer's"));
        }
        let subject = text("sub").filter(|subject| !subject.is_empty() && subject.len() <= MAX_SUBJECT);
        let subject = subject.ok_or(TokenFault::Claims("its sub is no text of 1 to 255 bytes"))?;
        let named = rules.tier_claim.as_deref().and_then(text).filter(|tier| rules.tiers.contains(*tier));
        Ok(Identity { subject: subject.to_owned(), tier: named.unwrap_or(&rules.tier).to_owned() })
    }
}

/// Key id and algorithm of a token.
fn head(token: &str) -> Result<(Option<String>, Algorithm), TokenFault> {
    if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
        return Err(TokenFault::Form);
    }
    let header = decode_header(token).map_err(|_| TokenFault::Form)?;
    // What a token calls critical and nobody here understands makes it void (RFC 7515 4.1.11).
    if header.crit.is_some() || !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) {
        return Err(TokenFault::Form);
    }
    Ok((header.kid, header.alg))
}

/// A key that can be used, with its id and its one algorithm.
fn usable(value: &Value) -> Option<(Option<String>, Algorithm, DecodingKey)> {
    let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
    if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    let named = value.get("alg").and_then(Value::as_str);
    if !named
        .is_none_or(|named| named == format!("{algorithm:?}") || (named, algorithm) == ("Ed25519", Algorithm::EdDSA))
    {
        return None;
    }
    Some((jwk.common.key_id.clone(), algorithm, DecodingKey::from_jwk(&jwk).ok()?))
}

/// Signatures checked by ring.
static RING: CryptoProvider = CryptoProvider {
    signer_factory: no_signer,
    verifier_factory: verifier,
    // Of keys that this node makes; it makes none.
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(new_error(ErrorKind::InvalidKeyFormat)),
        rsa_pub_components_from_public_key: |_| Err(new_error(ErrorKind::InvalidKeyFormat)),
        ec_pub_components_from_private_key: |_, _| Err(new_error(ErrorKind::InvalidKeyFormat)),
        ed_pub_components_from_private_key: |_, _| Err(new_error(ErrorKind::InvalidKeyFormat)),
        compute_digest: |_, _| Err(new_error(ErrorKind::InvalidKeyFormat)),
    },
};

fn no_signer(_: &Algorithm, _: &EncodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtSigner>> {
    Err(new_error(ErrorKind::InvalidAlgorithm))
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> jsonwebtoken::errors::Result<Box<dyn JwtVerifier>> {
    Ok(Box::new(ByRing { algorithm: *algorithm, key: key.clone() }))
}

struct ByRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for ByRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let good = match (self.algorithm, self.key.kind()) {
            (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            (Algorithm::EdDSA, DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(&ED25519, point).verify(message, signature)
            }
            _ => Err(ring::error::Unspecified),
        };
        good.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for ByRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_for_other_things_are_passed_over() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let set = |key: Value| Keys::parse(serde_json::json!({ "keys": [key] }).to_string().as_bytes());
        let good = serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig", "x": x });
        assert_eq!(set(good.clone()).unwrap().0.len(), 1);
        for (member, value) in [("use", "enc"), ("crv", "Ed448"), ("alg", "RS256"), ("kty", "oct")] {
            let mut bad = good.clone();
            bad[member] = value.into();
            assert!(set(bad).is_err(), "{member}");
        }
        assert!(set(serde_json::json!({ "kty": "oct", "k": "c2VjcmV0" })).is_err());
        assert!(Keys::parse(b"[]").is_err() && Keys::parse(b"{").is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_sent_nothing_panics(token in ".{0,64}", bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..128)) {
            let _ = Keys::parse(&bytes);
            proptest::prop_assert!(Keys::default().knows(&token) != Ok(true));
        }
    }
}
