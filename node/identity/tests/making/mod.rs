//! Certificates for tests: fixed keys, fixed serial numbers, fixed times, so that the bytes never differ.

use althing_types::crypto::{PublicKey, SecretKey};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use std::time::Duration;

/// Begin and end of what is made here unless it says otherwise: 2026 and 2027.
pub(crate) const BEGIN: u64 = 1_767_225_600_000;
pub(crate) const END: u64 = 1_830_297_600_000;
/// A time between them.
pub(crate) const NOW: u64 = 1_795_305_600_000;

/// A key that signs, or only stands in a certificate.
pub(crate) struct Key {
    secret: SecretKey,
    public: [u8; 32],
    pub(crate) algorithm: &'static SignatureAlgorithm,
}

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        let secret = SecretKey::from_seed(&[seed; 32]);
        Self { public: secret.public().0, secret, algorithm: &PKCS_ED25519 }
    }
    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(self.public)
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.secret.sign(message).0.to_vec())
    }
}

/// What a certificate is made from.
pub(crate) fn parameters(organisation: &str, common: &str, serial: &[u8]) -> CertificateParams {
    let mut all = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, organisation);
    name.push(DnType::CommonName, common);
    all.distinguished_name = name;
    all.serial_number = Some(SerialNumber::from_slice(serial));
    within(&mut all, BEGIN, END);
    all
}

pub(crate) fn within(all: &mut CertificateParams, begin_ms: u64, end_ms: u64) {
    all.not_before = date_time_ymd(1970, 1, 1) + Duration::from_millis(begin_ms);
    all.not_after = date_time_ymd(1970, 1, 1) + Duration::from_millis(end_ms);
}

/// An authority of this key.
pub(crate) fn authority(common: &str, key: &Key, length: Option<u8>) -> CertificateParams {
    let mut all = parameters("consortium", common, &[1, key.public[0]]);
    all.is_ca = IsCa::Ca(length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained));
    all.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    all.key_identifier_method = KeyIdMethod::PreSpecified(key.public[..20].to_vec());
    all
}

/// A member's key with these names of ours.
pub(crate) fn member(names: &[&str]) -> CertificateParams {
    let mut all = parameters("alpha", "node 1 of alpha", &[0x80, 7]);
    all.is_ca = IsCa::ExplicitNoCa;
    all.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    all.use_authority_key_identifier_extension = true;
    all.subject_alt_names =
        names.iter().map(|name| SanType::URI(format!("althing:{name}").try_into().unwrap())).collect();
    all
}

/// The usual names.
pub(crate) const NAMES: [&str; 5] = ["organisation:alpha", "kind:registry", "usage:node", "tld:xn--p1ai", "tld:lab"];

pub(crate) fn extension(arcs: &[u64], content: &[u8], critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(arcs, content.to_vec());
    extension.set_criticality(critical);
    extension
}

pub(crate) fn self_signed(all: &CertificateParams, key: &Key) -> Vec<u8> {
    all.self_signed(key).unwrap().der().to_vec()
}

pub(crate) fn signed(all: &CertificateParams, subject: &Key, by: &CertificateParams, key: &Key) -> Vec<u8> {
    all.signed_by(subject, &Issuer::from_params(by, key)).unwrap().der().to_vec()
}

/// A root, its parameters and its key.
pub(crate) fn root() -> (Vec<u8>, CertificateParams, Key) {
    let key = Key::new(1);
    let all = authority("root", &key, None);
    (self_signed(&all, &key), all, key)
}

/// What a change of the usual member's parameters makes, under the usual root.
pub(crate) fn leaf(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let (_, by, key) = root();
    let mut all = member(&NAMES);
    change(&mut all);
    signed(&all, &Key::new(9), &by, &key)
}
