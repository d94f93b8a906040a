//! The consortium's authority as a library: makes its own certificate and certifies keys of members. No files, no clock.
//!
//! Certificates are written by `rcgen` and signed by our own keys; each one is read back with `althing_identity` under
//! the rules that nodes apply before it leaves here, so nothing is issued that the chain would refuse. What was issued
//! is recorded by [`store`]; the local network's set-up calls [`Authority::create`] and [`Authority::issue`] alone.

pub mod store;

use crate::{
    error::{CliError, Result},
    exit_code::Exit,
    keyfile,
};
use althing_identity::{CertificateRefusal, check_chain, claims, read_root, uri};
use althing_types::{
    crypto::{PublicKey, SecretKey},
    hash::sha3_256,
    id::OrganisationId,
    identity::{Facts, Usage},
    name::DomainName,
    organisation::Role,
};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
    PKCS_ED25519, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
};
use std::time::Duration;
use time::OffsetDateTime;

/// Last moment that a certificate can name: the end of the year 9999.
const LAST_MS: u64 = 253_402_300_799_000;
/// Octets of a serial number: 127 random bits.
const SERIAL: usize = 16;
/// Octets of a key's identifier.
const KEY_ID: usize = 20;
/// Longest common name in characters (RFC 5280 appendix A).
const MAX_COMMON_NAME: usize = 64;

/// From when until when a certificate is valid, in milliseconds since 1970; cut to whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// First moment.
    pub not_before_ms: u64,
    /// Last moment.
    pub not_after_ms: u64,
}

/// What a member's certificate is to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// The organisation.
    pub organisation: OrganisationId,
    /// What it is to the chain.
    pub kind: Role,
    /// Whose key it is.
    pub usage: Usage,
    /// The key.
    pub subject: PublicKey,
    /// TLDs of a registry or a regulator.
    pub tlds: Vec<DomainName>,
    /// Number of a registrar.
    pub registrar: Option<u32>,
    /// Free text for people; at most 64 characters.
    pub common_name: String,
    /// From when until when.
    pub validity: Validity,
}

/// An authority that can certify: its certificate and its key.
#[derive(Clone, Debug)]
pub struct Authority {
    certificate: Vec<u8>,
    key: SecretKey,
}

impl Authority {
    /// Makes an authority with a certificate that it signs itself.
    ///
    /// # Errors
    /// When the validity is no period, or the system gives no random bytes.
    pub fn create(organisation: &OrganisationId, key: SecretKey, validity: Validity) -> Result<Self> {
        let common = format!("{organisation} authority").chars().take(MAX_COMMON_NAME).collect::<String>();
        let mut parameters = parameters(organisation, &common, &key.public(), validity)?;
        // Authorities below it are possible; each of them has its own limit.
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = parameters.self_signed(&Signer::new(&key)).map_err(broken)?.der().to_vec();
        Self::open(certificate, key)
    }

    /// An authority from its certificate and key.
    ///
    /// # Errors
    /// When the certificate is none of an authority, or is of another key.
    pub fn open(certificate: Vec<u8>, key: SecretKey) -> Result<Self> {
        // Its time is asked when it certifies: an authority that has run out can still be looked at.
        let found = read_root(&certificate)?.key;
        if found != key.public() {
            return Err(CliError::data("wrong_authority_key", "the authority's certificate is of another key")
                .field("key")
                .value(key.public().to_string())
                .rule(format!("the key {found} of the certificate")));
        }
        Ok(Self { certificate, key })
    }

    /// The authority's own certificate (DER): the root that chains are checked against.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Certifies a member's key. Returns the certificate (DER) and what it says.
    ///
    /// # Errors
    /// When the order breaks a rule of the profile, or is to be valid when the authority is not.
    pub fn issue(&self, order: &Order) -> Result<(Vec<u8>, Facts)> {
        let mut parameters = parameters(&order.organisation, &order.common_name, &order.subject, order.validity)?;
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.use_authority_key_identifier_extension = true;
        let mut names = vec![
            uri("organisation", order.organisation.as_str()),
            uri("kind", order.kind.text()),
            uri("usage", order.usage.text()),
        ];
        names.extend(order.tlds.iter().map(|tld| uri("tld", tld.as_str())));
        names.extend(order.registrar.map(|number| uri("registrar", &number.to_string())));
        parameters.subject_alt_names = names
            .into_iter()
            .map(|name| name.try_into().map(SanType::URI))
            .collect::<Result<_, rcgen::Error>>()
            .map_err(broken)?;
        let own = read_root(&self.certificate)?;
        let mut above = CertificateParams::default();
        above.distinguished_name = distinguished_name(&own.organisation, &own.common_name);
        above.key_identifier_method = key_id(&own.key);
        let issuer = Issuer::from_params(&above, Signer::new(&self.key));
        let certificate = parameters.signed_by(&Subject(order.subject), &issuer).map_err(broken)?.der().to_vec();
        // The rules of the chain, at both ends: the authority must be valid as long as what it certifies.
        let chain = [certificate];
        let refused = |refusal| CliError::from(refusal).exit(Exit::Usage);
        let claimed = claims(&chain[0]).map_err(refused)?;
        let facts = check_chain(&self.certificate, &chain, claimed.not_before_ms).map_err(refused)?;
        check_chain(&self.certificate, &chain, facts.not_after_ms).map_err(refused)?;
        let [certificate] = chain;
        Ok((certificate, facts))
    }
}

impl From<CertificateRefusal> for CliError {
    fn from(refusal: CertificateRefusal) -> Self {
        let error = Self::data(refusal.name(), refusal.to_string());
        match refusal {
            CertificateRefusal::BadName { field, value, rule, .. } => error.field(field).value(value).rule(rule),
            CertificateRefusal::Expired { not_after_ms, time_ms, .. } => {
                error.field("not after").value(date(time_ms)).rule(format!("at the latest {}", date(not_after_ms)))
            }
            CertificateRefusal::NotYetValid { not_before_ms, time_ms, .. } => {
                error.field("not before").value(date(time_ms)).rule(format!("at the earliest {}", date(not_before_ms)))
            }
            _ => error.field("certificate").rule("the profile in docs/guides/identity.md"),
        }
    }
}

/// A moment for people.
pub fn date(time_ms: u64) -> String {
    let moment = moment(time_ms.min(LAST_MS));
    format!("{} {:02}:{:02}:{:02} UTC", moment.date(), moment.hour(), moment.minute(), moment.second())
}

/// A time in milliseconds since 1970 as RFC 3339 writes it, to the second.
pub fn rfc3339(time_ms: u64) -> String {
    let moment = moment(time_ms.min(LAST_MS));
    format!("{}T{:02}:{:02}:{:02}Z", moment.date(), moment.hour(), moment.minute(), moment.second())
}

#[expect(clippy::arithmetic_side_effects, reason = "callers keep the time before the year 10000")]
fn moment(time_ms: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::from_secs(time_ms / 1000)
}

/// What every certificate of ours has: subject, serial number, validity, the key's identifier.
fn parameters(
    organisation: &OrganisationId,
    common_name: &str,
    key: &PublicKey,
    validity: Validity,
) -> Result<CertificateParams> {
    let Validity { not_before_ms, not_after_ms } = validity;
    if not_after_ms < not_before_ms || not_after_ms > LAST_MS {
        return Err(CliError::usage("bad_validity", "the validity is no period that a certificate can name")
            .field("not after")
            .value(not_after_ms.to_string())
            .rule(format!("{not_before_ms} to {LAST_MS} ms")));
    }
    let length = common_name.chars().count();
    if length == 0 || length > MAX_COMMON_NAME || common_name.chars().any(char::is_control) {
        return Err(CliError::usage(
            "bad_common_name",
            "the common name is empty, too long, or has control characters",
        )
        .field("common name")
        .value(common_name)
        .rule("1 to 64 printable characters"));
    }
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = distinguished_name(organisation.as_str(), common_name);
    parameters.not_before = moment(not_before_ms.checked_next_multiple_of(1000).unwrap_or(not_before_ms));
    parameters.not_after = moment(not_after_ms);
    let mut serial = *keyfile::random::<SERIAL>()?;
    // Positive, and never of a zero in front (RFC 5280 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    parameters.serial_number = Some(SerialNumber::from_slice(&serial));
    parameters.key_identifier_method = key_id(key);
    Ok(parameters)
}

fn distinguished_name(organisation: &str, common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, organisation);
    name.push(DnType::CommonName, common_name);
    name
}

/// A key's identifier: any function of the key will do (RFC 5280 4.2.1.2).
fn key_id(key: &PublicKey) -> KeyIdMethod {
    KeyIdMethod::PreSpecified(sha3_256(&key.0).0.into_iter().take(KEY_ID).collect())
}

fn broken(error: rcgen::Error) -> CliError {
    CliError::internal("certificate", format!("the certificate cannot be made: {error}"))
}

/// A key that is certified.
struct Subject(PublicKey);

impl PublicKeyData for Subject {
    fn der_bytes(&self) -> &[u8] {
        &self.0.0
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// A key that certifies.
struct Signer<'a> {
    key: &'a SecretKey,
    public: PublicKey,
}

impl<'a> Signer<'a> {
    fn new(key: &'a SecretKey) -> Self {
        Self { key, public: key.public() }
    }
}

impl PublicKeyData for Signer<'_> {
    fn der_bytes(&self) -> &[u8] {
        &self.public.0
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Signer<'_> {
    fn sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message).0.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const NOW: u64 = 1_795_305_600_000;

    fn authority() -> Authority {
        let validity = Validity { not_before_ms: NOW, not_after_ms: NOW + 100 * DAY };
        Authority::create(&OrganisationId::new("consortium").unwrap(), SecretKey::from_seed(&[1; 32]), validity)
            .unwrap()
    }

    fn order() -> Order {
        Order {
            organisation: OrganisationId::new("alpha").unwrap(),
            kind: Role::Registry,
            usage: Usage::Node,
            subject: SecretKey::from_seed(&[2; 32]).public(),
            tlds: vec![DomainName::parse("lab").unwrap()],
            registrar: None,
            common_name: "node 1".into(),
            validity: Validity { not_before_ms: NOW + 1, not_after_ms: NOW + 10 * DAY },
        }
    }

    #[test]
    fn what_is_issued_says_what_was_ordered() {
        let authority = authority();
        let (certificate, facts) = authority.issue(&order()).unwrap();
        assert_eq!(check_chain(authority.certificate(), &[certificate], NOW + DAY), Ok(facts.clone()));
        assert_eq!((facts.organisation, facts.kind, facts.usage), (order().organisation, Role::Registry, Usage::Node));
        assert_eq!((facts.subject, facts.tlds.to_vec()), (order().subject, order().tlds));
        assert_eq!((facts.not_before_ms, facts.not_after_ms), (NOW + 1000, NOW + 10 * DAY));
    }

    #[test]
    fn an_order_against_a_rule_is_refused_with_field_and_rule() {
        let refused = |change: &dyn Fn(&mut Order)| {
            let mut order = order();
            change(&mut order);
            authority().issue(&order).unwrap_err()
        };
        let error = refused(&|order| order.registrar = Some(292));
        assert_eq!(
            (error.code.as_str(), error.field.as_deref(), error.value.as_deref()),
            ("bad_name", Some("registrar"), Some("292"))
        );
        assert_eq!(refused(&|order| order.kind = Role::Isp).field.as_deref(), Some("tld"));
        assert_eq!(refused(&|order| order.validity.not_after_ms = NOW + 101 * DAY).code, "expired");
        assert_eq!(refused(&|order| order.validity.not_before_ms = NOW - DAY).code, "not_yet_valid");
        assert_eq!(refused(&|order| order.validity.not_after_ms = 0).code, "bad_validity");
        assert_eq!(refused(&|order| order.common_name.clear()).code, "bad_common_name");
        assert_eq!(refused(&|order| order.tlds = vec![DomainName::root()]).code, "bad_name");
    }

    #[test]
    fn serial_numbers_differ() {
        let authority = authority();
        let serials: std::collections::BTreeSet<_> =
            (0..20).map(|_| authority.issue(&order()).unwrap().1.serial).collect();
        assert_eq!(serials.len(), 20);
    }

    #[test]
    fn an_authority_is_opened_with_its_own_key_only() {
        let other = Authority::open(authority().certificate, SecretKey::from_seed(&[9; 32])).unwrap_err();
        assert_eq!(other.code, "wrong_authority_key");
        let leaf = authority().issue(&order()).unwrap().0;
        assert_eq!(Authority::open(leaf, SecretKey::from_seed(&[2; 32])).unwrap_err().code, "bad_root");
    }
}
