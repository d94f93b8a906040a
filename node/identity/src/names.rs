//! The names of ours in a certificate: identifiers (URI) among its alternative names, which any tool shows.
//!
//! ```text
//! althing:organisation:ID   once       the organisation, also the one O of the subject
//! althing:kind:ROLE         once       what the organisation is to the chain
//! althing:usage:USAGE       once       organisation, node or key
//! althing:tld:LABEL         0 to 64    lower-case A-label; of a registry or a regulator
//! althing:registrar:NUMBER  0 or 1     decimal, no leading zero; of a registrar
//! ```

use crate::{CertificateRefusal as Refusal, certificate::Certificate};
use althing_types::{
    codec::List,
    id::OrganisationId,
    identity::{Facts, MAX_CERTIFIED_TLDS, Usage},
    name::DomainName,
    organisation::Role,
};
use std::collections::BTreeSet;
use x509_parser::x509::X509Name;

/// The scheme of our identifiers, with its colon.
pub const SCHEME: &str = "althing:";

/// Whether an identifier is one of ours; schemes are compared without case (RFC 3986 3.1).
pub(crate) fn is_ours(uri: &str) -> bool {
    uri.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// One of our identifiers as text.
pub fn uri(field: &str, value: &str) -> String {
    format!("{SCHEME}{field}:{value}")
}

#[derive(Default)]
struct Names {
    organisation: Option<OrganisationId>,
    kind: Option<Role>,
    usage: Option<Usage>,
    tlds: BTreeSet<DomainName>,
    registrar: Option<u32>,
}

/// What a certificate says of its owner.
pub(crate) fn facts(certificate: &Certificate<'_>) -> Result<Facts, Refusal> {
    let place = certificate.place();
    let bad =
        |field, value: &str, rule| Refusal::BadName { place, field, value: value.chars().take(80).collect(), rule };
    let mut names = Names::default();
    for uri in certificate.identifiers.iter().copied().filter(|uri| is_ours(uri)) {
        names.take(uri).map_err(|(field, rule)| bad(field, uri, rule))?;
    }
    let once = "it must be there once";
    let organisation = names.organisation.ok_or_else(|| bad("organisation", "", once))?;
    let kind = names.kind.ok_or_else(|| bad("kind", "", once))?;
    let usage = names.usage.ok_or_else(|| bad("usage", "", once))?;
    if let Some(tld) = names.tlds.first()
        && !matches!(kind, Role::Registry | Role::Regulator)
    {
        return Err(bad("tld", tld.as_str(), "only a registry or a regulator has TLDs"));
    }
    if let Some(number) = names.registrar
        && kind != Role::Registrar
    {
        return Err(bad("registrar", &number.to_string(), "only a registrar has a registrar id"));
    }
    check_subject(&certificate.subject, &organisation)
        .map_err(|value| bad("subject O", &value, "it must be there once, as text, and be the organisation's id"))?;
    let found = names.tlds.len();
    let tlds = List::new(names.tlds.into_iter().collect())
        .map_err(|_| bad("tld", &found.to_string(), "a certificate names at most 64"))?;
    Ok(Facts {
        organisation,
        kind,
        subject: certificate.key,
        usage,
        tlds,
        registrar: names.registrar,
        serial: certificate.serial.clone(),
        not_before_ms: certificate.not_before_ms,
        not_after_ms: certificate.not_after_ms,
    })
}

impl Names {
    /// Takes one identifier over; otherwise the field and its rule.
    fn take(&mut self, uri: &str) -> Result<(), (&'static str, &'static str)> {
        let text = uri.strip_prefix(SCHEME).ok_or(("name", "the scheme is in lower case"))?;
        let (field, value) = text.split_once(':').ok_or(("name", "it is althing:FIELD:VALUE"))?;
        match field {
            "organisation" => {
                let id = OrganisationId::new(value).map_err(|_| ("organisation", "it must be an organisation id"))?;
                put(&mut self.organisation, id, "organisation")
            }
            "kind" => {
                let kind = Role::parse(value).ok_or(("kind", "it must be a role"))?;
                put(&mut self.kind, kind, "kind")
            }
            "usage" => {
                let usage = Usage::parse(value).ok_or(("usage", "it must be organisation, node or key"))?;
                put(&mut self.usage, usage, "usage")
            }
            "tld" => {
                let name = DomainName::parse(value).ok().filter(|name| name.as_str() == value);
                let name = name.filter(|name| name.labels().count() == 1);
                let name = name.ok_or(("tld", "it must be one lower-case A-label"))?;
                if self.tlds.len() >= MAX_CERTIFIED_TLDS {
                    return Err(("tld", "a certificate names at most 64"));
                }
                if self.tlds.insert(name) { Ok(()) } else { Err(("tld", "each must be there once")) }
            }
            "registrar" => {
                let number = value.parse::<u32>().ok().filter(|number| number.to_string() == value);
                put(&mut self.registrar, number.ok_or(("registrar", "it must be a decimal number"))?, "registrar")
            }
            // A later version may limit by a new name; who does not know it must not pass over it.
            _ => Err(("name", "this name is not known")),
        }
    }
}

fn put<T>(place: &mut Option<T>, value: T, field: &'static str) -> Result<(), (&'static str, &'static str)> {
    if place.replace(value).is_some() { Err((field, "it must be there once")) } else { Ok(()) }
}

/// Whether the subject's only O is the organisation; otherwise what is there instead.
fn check_subject(subject: &X509Name<'_>, organisation: &OrganisationId) -> Result<(), String> {
    let texts: Vec<&str> = subject.iter_organization().map(|o| o.as_str().unwrap_or_default()).collect();
    if texts == [organisation.as_str()] { Ok(()) } else { Err(texts.join(", ")) }
}
