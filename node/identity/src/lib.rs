//! Identity of members by X.509 (D 3): a chain of certificates in, what it says of a key out, or a numbered refusal.
//!
//! A consortium's authority, the root, certifies keys of organisations, nodes and persons. [`check_chain`] is pure: the
//! time is that of a block, trust is the root that it is given, and every node comes to the same answer about the same
//! bytes. It opens no file and no socket, reads no clock, and knows nothing of revocation, which is state of the chain.
//!
//! The profile is narrower than RFC 5280 (docs/adr/010): one form of each value, Ed25519 alone, no policies, no name
//! constraints; names of members are identifiers among the alternative names (`names`).
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        reason = "a test fails by panicking"
    )
)]

mod certificate;
mod der;
mod names;
mod refusal;
mod request;

pub use names::{SCHEME, uri};
pub use refusal::CertificateRefusal;
pub use request::requested_key;

use althing_types::{
    codec::Text,
    crypto::PublicKey,
    identity::{Facts, MAX_SERIAL},
};
use certificate::Certificate;
use x509_parser::x509::AttributeTypeAndValue;

/// Longest certificate in bytes.
pub const MAX_CERTIFICATE: usize = 4096;
/// Most certificates of a chain: the leaf and its issuers, without the root.
pub const MAX_CHAIN: usize = 4;

/// What the certificate of an authority says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Its name, as it stands in certificates that it issued.
    pub name: String,
    /// The organisation in it; empty when there is none.
    pub organisation: String,
    /// The common name in it; empty when there is none.
    pub common_name: String,
    /// Its key.
    pub key: PublicKey,
    /// Serial number: lower-case hexadecimal digits.
    pub serial: Text<MAX_SERIAL>,
    /// First moment of its validity, in milliseconds since 1970.
    pub not_before_ms: u64,
    /// Last moment of its validity, in milliseconds since 1970.
    pub not_after_ms: u64,
}

/// Checks that a chain leads from a member's key to the root, and returns what it says of the key.
///
/// `chain` begins with the certificate of the key, each further one issued the one before, and the root issued the
/// last; the root is not part of it. Both ends of a validity belong to it.
///
/// # Errors
/// [`CertificateRefusal`] for the first rule that is broken: form, then validity from the root down, then the way from
/// the root to the leaf, then the leaf's names.
pub fn check_chain(root_der: &[u8], chain: &[Vec<u8>], time_ms: u64) -> Result<Facts, CertificateRefusal> {
    if chain.len() > MAX_CHAIN {
        let (found, allowed) = (chain.len(), MAX_CHAIN);
        return Err(CertificateRefusal::PathTooLong { found, allowed, by: "the length of a chain" });
    }
    let root = Certificate::read(root_der, chain.len())?;
    let certificates = chain
        .iter()
        .enumerate()
        .map(|(place, bytes)| Certificate::read(bytes, place))
        .collect::<Result<Vec<_>, _>>()?;
    let leaf = certificates.first().ok_or(CertificateRefusal::Empty)?;
    check_self_signed(&root)?;
    for certificate in std::iter::once(&root).chain(certificates.iter().rev()) {
        certificate.check_time(time_ms)?;
    }
    let mut issuer = &root;
    for certificate in certificates.iter().rev() {
        // Between an issuer at place n and the leaf at place 0 stand n - 1 others.
        issuer.check_authority(issuer.place().saturating_sub(1))?;
        certificate.check_issued_by(issuer)?;
        issuer = certificate;
    }
    leaf.check_leaf()?;
    names::facts(leaf)
}

/// Checks a root by itself: that it signed itself, may issue certificates, and is valid at this time.
///
/// # Errors
/// [`CertificateRefusal`] for the first rule that is broken.
pub fn check_root(root_der: &[u8], time_ms: u64) -> Result<Authority, CertificateRefusal> {
    Certificate::read(root_der, 0)?.check_time(time_ms)?;
    read_root(root_der)
}

/// The same without a time: whether it is a root, and from when until when.
///
/// # Errors
/// [`CertificateRefusal`] for the first rule that is broken.
pub fn read_root(root_der: &[u8]) -> Result<Authority, CertificateRefusal> {
    let root = Certificate::read(root_der, 0)?;
    check_self_signed(&root)?;
    root.check_authority(0)?;
    Ok(Authority {
        name: root.subject.to_string(),
        organisation: text(root.subject.iter_organization().next()),
        common_name: text(root.subject.iter_common_name().next()),
        key: root.key,
        serial: root.serial,
        not_before_ms: root.not_before_ms,
        not_after_ms: root.not_after_ms,
    })
}

/// What a certificate of a member's key claims. Nobody vouches for it: neither signature nor time is checked.
///
/// # Errors
/// [`CertificateRefusal`] when it is malformed or its names are.
pub fn claims(certificate_der: &[u8]) -> Result<Facts, CertificateRefusal> {
    names::facts(&Certificate::read(certificate_der, 0)?)
}

/// A certificate's serial number, whoever issued it: what a list of revoked certificates is asked for.
///
/// # Errors
/// [`CertificateRefusal`] when it is malformed.
pub fn serial(certificate_der: &[u8]) -> Result<Text<MAX_SERIAL>, CertificateRefusal> {
    Certificate::read(certificate_der, 0).map(|certificate| certificate.serial)
}

fn text(attribute: Option<&AttributeTypeAndValue<'_>>) -> String {
    attribute.and_then(|attribute| attribute.as_str().ok()).unwrap_or_default().to_owned()
}

fn check_self_signed(root: &Certificate<'_>) -> Result<(), CertificateRefusal> {
    let reason = match root.check_issued_by(root) {
        Ok(()) => return Ok(()),
        Err(CertificateRefusal::WrongIssuer { .. }) => "it names another issuer",
        Err(_) => "its signature is not by its own key",
    };
    Err(CertificateRefusal::BadRoot { reason })
}
