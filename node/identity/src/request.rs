//! A request for a certificate (PKCS #10, RFC 2986): only the key is taken from it, and that its owner signed it.

use crate::{
    CertificateRefusal as Refusal, MAX_CERTIFICATE,
    certificate::{check_key, check_signed},
    der,
};
use althing_types::crypto::{PublicKey, verify};
use x509_parser::{asn1_rs::FromDer, certification_request::X509CertificationRequest};

/// The key that asks for a certificate; whatever else the request says is for the issuer to decide.
///
/// # Errors
/// [`Refusal`] when the request is malformed, of another algorithm, or not signed by the key it names.
pub fn requested_key(request_der: &[u8]) -> Result<PublicKey, Refusal> {
    let place = 0;
    if request_der.len() > MAX_CERTIFICATE {
        return Err(Refusal::TooLarge { place, found: request_der.len(), maximum: MAX_CERTIFICATE });
    }
    let malformed = |reason: &str| Refusal::Malformed { place, reason: reason.into() };
    let (body, signature) = check_signed(request_der, place)?;
    let fields = der::children(&body).map_err(malformed)?;
    let key = fields.get(2).ok_or_else(|| malformed("it has no key"))?;
    check_key(key).ok_or(Refusal::NotEd25519 { place, what: "key" })?;
    let (_, parsed) = X509CertificationRequest::from_der(request_der).map_err(|e| malformed(&format!("{e}")))?;
    let key = parsed.certification_request_info.subject_pki.subject_public_key.data.as_ref();
    let key = PublicKey(key.try_into().map_err(|_| Refusal::NotEd25519 { place, what: "key" })?);
    verify(&key, body.whole, &signature).map_err(|_| Refusal::BadSignature { place })?;
    Ok(key)
}
