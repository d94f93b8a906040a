//! Checks of `node_admission` that need no storage.

use crate::Refusal;
use althing_interface::{
    governance::{CertificateFacts, Serial},
    node_admission::{AdmissionError, CertificateChain},
};
use althing_sdk::{
    prelude::*,
    types::{
        crypto::NodeId,
        identity::{Facts, Usage},
        organisation::Organisation,
    },
};

/// DER tags (X.690 8.1.2): a sequence, an integer, the version field of a certificate.
const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const VERSION: u8 = 0xa0;

/// Checks that a node is who it says, and gives what is kept of its certificate (P 0065).
///
/// `authority` is the consortium's certificate authority in DER. The certificates must lead from the node's own to it,
/// hold at the block's time, and say: this key is a node's, of this organisation, which is of this kind. On a chain
/// whose genesis names no authority (an empty one) only the outer form is checked, and the members examine the
/// certificates, which are stored, before they vote.
pub(crate) fn authenticate(
    cx: &Ctx,
    node: NodeId,
    kind: Role,
    organisation: &Organisation,
    authority: &[u8],
    certificates: &CertificateChain,
) -> Result<CertificateFacts, Refusal> {
    let Some(own) = certificates.first() else { return Err(AdmissionError::NoCertificate { node }.into()) };
    let refused = |rule: String| Err(AdmissionError::NotAuthenticated { node, rule }.into());
    let Some(serial) = serial_of(own) else {
        return refused("the first certificate is not X.509 in DER".to_owned());
    };
    if !authority.is_empty() {
        let facts = match cx.certificate(authority, certificates) {
            Ok(facts) => facts,
            Err((number, text)) => return refused(format!("certificate rule {number}: {}", text.as_str())),
        };
        if let Some(rule) = mismatch(&facts, node, kind, organisation) {
            return refused(rule);
        }
    }
    Ok(CertificateFacts { serial, hash: cx.sha3(own) })
}

/// What a certificate says differently from the request; `None` when both agree.
fn mismatch(facts: &Facts, node: NodeId, kind: Role, organisation: &Organisation) -> Option<String> {
    if facts.usage != Usage::Node {
        return Some(format!("its certificate is for usage {}, not node", facts.usage.text()));
    }
    if facts.subject != node.key() {
        return Some(format!("its certificate is about key {}", facts.subject));
    }
    if facts.organisation != organisation.id {
        return Some(format!("its certificate names organisation {}, not {}", facts.organisation, organisation.id));
    }
    // A further node of a member brings no roles: the member has them already.
    if facts.kind != kind || organisation.roles.iter().any(|role| *role != kind) {
        return Some(format!("its certificate is for kind {}: kind and roles must be that", facts.kind.text()));
    }
    None
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
