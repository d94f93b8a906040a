//! One certificate, read under the profile of this ledger: nothing of it is believed yet.
//!
//! The bytes are first checked to be in their one form (`der`), then read by `x509-parser`, then held against the
//! profile: version 3, Ed25519 for key and signature (RFC 8410), no unique identifiers, each extension once, none
//! that is critical and unknown (RFC 5280 4.2).

use crate::{
    CertificateRefusal as Refusal, MAX_CERTIFICATE,
    der::{self, Element},
};
use althing_types::{
    codec::Text,
    crypto::{PublicKey, Signature, verify},
    identity::MAX_SERIAL,
};
use std::collections::BTreeSet;
use x509_parser::{
    asn1_rs::{FromDer, oid},
    certificate::{TbsCertificate, X509Certificate, X509CertificateParser},
    extensions::{
        AuthorityKeyIdentifier, BasicConstraints, GeneralName, KeyIdentifier, KeyUsage, SubjectAlternativeName,
        X509Extension,
    },
    nom::Parser,
    x509::X509Name,
};

/// `AlgorithmIdentifier` of Ed25519: the identifier 1.3.101.112 without parameters (RFC 8410 3).
const ED25519: [u8; 7] = [0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// Version 3, as it stands in a certificate (RFC 5280 4.1.2.1).
const VERSION_3: [u8; 5] = [0xa0, 0x03, 0x02, 0x01, 0x02];

/// Tag of the extensions (RFC 5280 4.1).
const EXTENSIONS: u8 = 0xa3;

/// Most octets of a serial number (RFC 5280 4.1.2.2).
const MAX_SERIAL_OCTETS: usize = 20;

/// What a certificate claims.
pub(crate) struct Certificate<'a> {
    place: usize,
    signed: &'a [u8],
    signature: Signature,
    issuer: &'a [u8],
    issuer_key_id: Option<&'a [u8]>,
    /// The subject's name.
    pub(crate) subject: X509Name<'a>,
    key_id: Option<&'a [u8]>,
    /// The certified key.
    pub(crate) key: PublicKey,
    /// Lower-case hexadecimal digits.
    pub(crate) serial: Text<MAX_SERIAL>,
    /// First moment of its validity.
    pub(crate) not_before_ms: u64,
    /// Last moment of its validity.
    pub(crate) not_after_ms: u64,
    constraints: Option<BasicConstraints>,
    usage: Option<KeyUsage>,
    /// Identifiers among its alternative names, in their order.
    pub(crate) identifiers: Vec<&'a str>,
}

impl<'a> Certificate<'a> {
    /// Reads the certificate at this place of a chain.
    pub(crate) fn read(bytes: &'a [u8], place: usize) -> Result<Self, Refusal> {
        if bytes.len() > MAX_CERTIFICATE {
            return Err(Refusal::TooLarge { place, found: bytes.len(), maximum: MAX_CERTIFICATE });
        }
        let malformed = |reason: &str| Refusal::Malformed { place, reason: reason.into() };
        let (signed, issuer, signature) = check_structure(bytes, place)?;
        let (rest, parsed) = X509CertificateParser::new()
            .with_deep_parse_extensions(false)
            .parse(bytes)
            .map_err(|e| malformed(&format!("{e}")))?;
        if !rest.is_empty() {
            return Err(malformed("bytes after the end"));
        }
        let X509Certificate { tbs_certificate: body, .. } = parsed;
        let key = body.subject_pki.subject_public_key.data.as_ref();
        let key = PublicKey(key.try_into().map_err(|_| Refusal::NotEd25519 { place, what: "key" })?);
        let mut certificate = Self {
            place,
            signed,
            signature,
            issuer,
            issuer_key_id: None,
            subject: body.subject.clone(),
            key_id: None,
            key,
            serial: serial(&body)
                .ok_or_else(|| malformed("the serial number is not positive and of 1 to 20 octets"))?,
            not_before_ms: milliseconds(body.validity.not_before.timestamp())
                .ok_or_else(|| malformed("the validity begins before 1970"))?,
            not_after_ms: milliseconds(body.validity.not_after.timestamp())
                .ok_or_else(|| malformed("the validity ends before 1970"))?,
            constraints: None,
            usage: None,
            identifiers: Vec::new(),
        };
        let mut seen = BTreeSet::new();
        for extension in body.extensions() {
            if !seen.insert(extension.oid.as_bytes().to_vec()) {
                return Err(malformed(&format!("the extension {} is there twice", extension.oid)));
            }
            certificate.take(extension)?;
        }
        Ok(certificate)
    }

    /// Where it is in its chain.
    pub(crate) const fn place(&self) -> usize {
        self.place
    }

    /// Whether this time is within its validity.
    pub(crate) const fn check_time(&self, time_ms: u64) -> Result<(), Refusal> {
        let Self { place, not_before_ms, not_after_ms, .. } = *self;
        if time_ms < not_before_ms {
            return Err(Refusal::NotYetValid { place, not_before_ms, time_ms });
        }
        if time_ms > not_after_ms {
            return Err(Refusal::Expired { place, not_after_ms, time_ms });
        }
        Ok(())
    }

    /// Whether it may issue others with so many issuers between it and the leaf.
    pub(crate) fn check_authority(&self, below: usize) -> Result<(), Refusal> {
        let refuse = |reason| Err(Refusal::NotAuthority { place: self.place, reason });
        let Some(constraints) = self.constraints.as_ref().filter(|constraints| constraints.ca) else {
            return refuse("its basic constraints do not say CA");
        };
        if !self.usage.as_ref().is_some_and(KeyUsage::key_cert_sign) {
            return refuse("its key usage has no keyCertSign");
        }
        if self.identifiers.iter().any(|uri| crate::names::is_ours(uri)) {
            return refuse("it carries names of a member");
        }
        match constraints.path_len_constraint.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)) {
            Some(allowed) if below > allowed => {
                Err(Refusal::PathTooLong { found: below, allowed, by: "the path length of an issuer" })
            }
            _ => Ok(()),
        }
    }

    /// Whether it is of a key that signs and certifies nothing.
    pub(crate) fn check_leaf(&self) -> Result<(), Refusal> {
        let refuse = |reason| Err(Refusal::NotLeaf { place: self.place, reason });
        if self.constraints.as_ref().is_some_and(|constraints| constraints.ca) {
            return refuse("its basic constraints say CA");
        }
        match &self.usage {
            Some(usage) if usage.key_cert_sign() || usage.crl_sign() => refuse("its key usage lets it certify"),
            Some(usage) if usage.digital_signature() => Ok(()),
            _ => refuse("its key usage has no digitalSignature"),
        }
    }

    /// Whether `issuer` is the one it names and signed it.
    pub(crate) fn check_issued_by(&self, issuer: &Self) -> Result<(), Refusal> {
        let place = self.place;
        // Names are compared byte by byte: an authority writes its own name in one way.
        if self.issuer != issuer.subject.as_raw() {
            return Err(Refusal::WrongIssuer { place, what: "name" });
        }
        if let (Some(named), Some(own)) = (self.issuer_key_id, issuer.key_id)
            && named != own
        {
            return Err(Refusal::WrongIssuer { place, what: "key identifier" });
        }
        verify(&issuer.key, self.signed, &self.signature).map_err(|_| Refusal::BadSignature { place })
    }

    /// Takes over what one extension says.
    fn take(&mut self, extension: &X509Extension<'a>) -> Result<(), Refusal> {
        let place = self.place;
        let bytes = extension.value;
        let malformed =
            || Refusal::Malformed { place, reason: format!("the extension {} is malformed", extension.oid) };
        let known = [
            oid!(2.5.29.14), // subjectKeyIdentifier
            oid!(2.5.29.15), // keyUsage
            oid!(2.5.29.17), // subjectAltName
            oid!(2.5.29.19), // basicConstraints
            oid!(2.5.29.35), // authorityKeyIdentifier
        ];
        // Name constraints limit what an issuer may certify; to pass over them would be to widen them.
        let must_be_known = extension.critical || extension.oid == oid!(2.5.29.30);
        if !known.contains(&extension.oid) {
            let identifier = extension.oid.to_string();
            return if must_be_known { Err(Refusal::UnknownExtension { place, identifier }) } else { Ok(()) };
        }
        der::read(bytes).map_err(|_| malformed())?;
        if extension.oid == oid!(2.5.29.14) {
            self.key_id = Some(all::<KeyIdentifier<'a>>(bytes).ok_or_else(malformed)?.0);
        } else if extension.oid == oid!(2.5.29.15) {
            // Bits of a named list end with the last that is set (X.690 11.2.2).
            let shortest = bytes.get(2).zip(bytes.last()).is_some_and(|(unused, last)| {
                bytes.len() > 3 && *last != 0 && u32::from(*unused) == last.trailing_zeros()
            });
            self.usage = Some(all::<KeyUsage>(bytes).filter(|_| shortest && bytes.len() <= 5).ok_or_else(malformed)?);
        } else if extension.oid == oid!(2.5.29.17) {
            let names = all::<SubjectAlternativeName<'a>>(bytes).ok_or_else(malformed)?.general_names;
            for name in names {
                match name {
                    GeneralName::URI(uri) => self.identifiers.push(uri),
                    GeneralName::Invalid(..) => return Err(malformed()),
                    _ => {}
                }
            }
        } else if extension.oid == oid!(2.5.29.19) {
            let constraints = all::<BasicConstraints>(bytes).ok_or_else(malformed)?;
            if constraints.path_len_constraint.is_some() && !constraints.ca {
                return Err(malformed());
            }
            self.constraints = Some(constraints);
        } else {
            self.issuer_key_id =
                all::<AuthorityKeyIdentifier<'a>>(bytes).ok_or_else(malformed)?.key_identifier.map(|id| id.0);
        }
        Ok(())
    }
}

/// A value that takes all of the bytes.
fn all<'a, T: FromDer<'a, x509_parser::error::X509Error>>(bytes: &'a [u8]) -> Option<T> {
    T::from_der(bytes).ok().filter(|(rest, _)| rest.is_empty()).map(|(_, value)| value)
}

/// Checks form and outline of a certificate: eight parts of what is signed, Ed25519 in all places. Returns the bytes that
/// are signed, those of the issuer's name in them, and the signature.
fn check_structure(bytes: &[u8], place: usize) -> Result<(&[u8], &[u8], Signature), Refusal> {
    let malformed = |reason: &str| Refusal::Malformed { place, reason: reason.into() };
    let (body, signature) = check_signed(bytes, place)?;
    let fields = der::children(&body).map_err(malformed)?;
    // Version, serial, algorithm, issuer, validity, subject, key, extensions: unique identifiers have no place.
    let [version, serial, algorithm, issuer, validity, subject, key, extensions] = fields.as_slice() else {
        return Err(malformed("what is signed has not eight parts"));
    };
    if version.whole != VERSION_3 {
        return Err(malformed("the version is not 3"));
    }
    if algorithm.whole != ED25519 {
        return Err(Refusal::NotEd25519 { place, what: "signature algorithm" });
    }
    check_key(key).ok_or(Refusal::NotEd25519 { place, what: "key" })?;
    let tags = [serial.tag, issuer.tag, validity.tag, subject.tag, extensions.tag];
    if tags != [der::INTEGER, der::SEQUENCE, der::SEQUENCE, der::SEQUENCE, EXTENSIONS] {
        return Err(malformed("a part of what is signed is of another type"));
    }
    let lists = der::children(extensions).map_err(malformed)?;
    let [list] = lists.as_slice() else { return Err(malformed("its extensions are not one list")) };
    for extension in der::children(list).map_err(malformed)? {
        let parts = der::children(&extension).map_err(malformed)?;
        if extension.tag != der::SEQUENCE || list.tag != der::SEQUENCE || !matches!(parts.len(), 2 | 3) {
            return Err(malformed("an extension has not two or three parts"));
        }
    }
    Ok((body.whole, issuer.whole, signature))
}

/// Checks the outline of everything that is signed: a body, Ed25519, and a signature of 64 octets. Returns the body and
/// the signature. The tags stand outside of what is signed: a parser that did not look would let them be changed.
pub(crate) fn check_signed(bytes: &[u8], place: usize) -> Result<(Element<'_>, Signature), Refusal> {
    let malformed = |reason: &str| Refusal::Malformed { place, reason: reason.into() };
    let outer = der::read(bytes).map_err(malformed)?;
    let parts = der::children(&outer).map_err(malformed)?;
    let [body, algorithm, signature] = parts.as_slice() else { return Err(malformed("it has not three parts")) };
    if [outer.tag, body.tag, signature.tag] != [der::SEQUENCE, der::SEQUENCE, der::BIT_STRING] {
        return Err(malformed("it is not a sequence of a body, an algorithm and a signature"));
    }
    if algorithm.whole != ED25519 {
        return Err(Refusal::NotEd25519 { place, what: "signature algorithm" });
    }
    let octets = signature.content.strip_prefix(&[0]).and_then(|octets| octets.try_into().ok());
    let signature = octets.ok_or(Refusal::NotEd25519 { place, what: "signature" })?;
    Ok((*body, Signature(signature)))
}

/// Whether this is a `SubjectPublicKeyInfo` of Ed25519: the algorithm and a bit string of 32 whole octets.
pub(crate) fn check_key(key: &Element<'_>) -> Option<()> {
    let parts = der::children(key).ok()?;
    let [algorithm, bits] = parts.as_slice() else { return None };
    (key.tag == der::SEQUENCE
        && algorithm.whole == ED25519
        && bits.tag == der::BIT_STRING
        && bits.content.len() == 33
        && bits.content.first() == Some(&0))
    .then_some(())
}

/// The serial number in digits; `None` when it is not positive or too long.
fn serial(body: &TbsCertificate<'_>) -> Option<Text<MAX_SERIAL>> {
    let octets = body.raw_serial();
    let negative = octets.first().is_none_or(|first| *first >= 0x80);
    let digits = octets.strip_prefix(&[0]).unwrap_or(octets);
    if negative || digits.is_empty() || octets.len() > MAX_SERIAL_OCTETS {
        return None;
    }
    Text::new(hex::encode(digits)).ok()
}

fn milliseconds(seconds: i64) -> Option<u64> {
    u64::try_from(seconds).ok()?.checked_mul(1000)
}
