//! Checks of `node_admission` that need no storage.

use crate::Refusal;
use althing_interface::{
    governance::{CertificateFacts, Serial},
    node_admission::AdmissionError,
};
use althing_sdk::{
    prelude::*,
    types::{crypto::NodeId, organisation::Organisation},
};

/// DER tags (X.690 8.1.2): a sequence, an integer, the version field of a certificate.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;

/// Checks that a node is who it says, and gives what is kept of its certificate.
///
/// The one place for that. For now the chain of signatures up to the consortium's certificate authority, the names and
/// the dates are NOT checked here: the members examine the certificates, which are stored, before they vote. What is
/// checked is that the first certificate has the outer form of one, so that its serial number can be revoked.
pub(crate) fn authenticate(
    cx: &Ctx,
    node: NodeId,
    _organisation: &Organisation,
    certificates: &[Bytes<{ althing_interface::node_admission::MAX_CERTIFICATE }>],
) -> Result<CertificateFacts, Refusal> {
    let Some(own) = certificates.first() else { return Err(AdmissionError::NoCertificate { node }.into()) };
    let Some(serial) = serial_of(own) else {
        let rule = "the first certificate is not X.509 in DER".to_owned();
        return Err(AdmissionError::NotAuthenticated { node, rule }.into());
    };
    Ok(CertificateFacts { serial, hash: cx.sha3(own) })
}

/// The serial number of a certificate (RFC 5280 4.1): the first integer of its inner sequence, after the version.
pub(crate) fn serial_of(certificate: &[u8]) -> Option<Serial> {
    let (outer, rest) = element(certificate, SEQUENCE)?;
    if !rest.is_empty() {
        return None;
    }
    let (inner, _) = element(outer, SEQUENCE)?;
    let fields = element(inner, VERSION).map_or(inner, |(_, rest)| rest);
    let (serial, _) = element(fields, INTEGER)?;
    let zeros = serial.iter().take_while(|octet| **octet == 0).count();
    let digit = |value: u8| char::from_digit(value.into(), 16);
    let digits = serial.iter().skip(zeros).flat_map(|octet| [digit(octet >> 4), digit(octet & 15)]);
    Serial::new(digits.flatten().collect::<String>()).ok().filter(|serial| !serial.is_empty())
}

/// Contents of the element with this tag at the front, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if *first >= 0x80 {
        let count = usize::from(first & 0x7f);
        if !(1..=2).contains(&count) {
            return None;
        }
        let (digits, after) = rest.split_at_checked(count)?;
        length = digits.iter().fold(0usize, |value, digit| (value << 8) | usize::from(*digit));
        rest = after;
    }
    rest.split_at_checked(length).filter(|_| *found == tag)
}
