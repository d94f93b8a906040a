//! What values may stand in the root zone. Pure: a value in, its canonical form or a numbered error out.
//!
//! Canonical form: lists in order without repetition, the time to live of an empty set 0.

use althing_interface::{
    character::is_label,
    domain_records::{Apex, Delegation, Host, HostChange, MAX_HOST_CHANGES, MAX_TTL, RecordsError},
    rdata::Ds,
    rdata_rules::{DIGEST_LENGTHS, ZONE_SIGNING, check_v4, check_v6},
};
use althing_sdk::prelude::*;
use core::fmt::Display;

type Checked<T> = Result<T, RecordsError>;

/// The digest type of SHA-1, accepted with a warning.
pub(crate) const SHA1: u8 = 1;
/// Sorts a list and refuses repetition.
fn ordered<T: Ord + Clone + Display, const MAX: usize>(
    field: &'static str,
    owner: &DomainName,
    list: &List<T, MAX>,
) -> Checked<List<T, MAX>> {
    let mut values = list.to_vec();
    values.sort_unstable();
    if let Some(pair) = values.windows(2).find(|pair| pair.first() == pair.last()) {
        let value = pair.first().map(ToString::to_string).unwrap_or_default();
        return Err(RecordsError::Duplicate { field, owner: owner.clone(), value });
    }
    // Not longer than the list it came from.
    Ok(List::new(values).unwrap_or_default())
}

/// The time to live of a set: in range, or 0 for an empty set whatever was given.
fn ttl(field: &'static str, owner: &DomainName, ttl: u32, empty: bool) -> Checked<u32> {
    match ttl {
        _ if empty => Ok(0),
        1..=MAX_TTL => Ok(ttl),
        _ => Err(RecordsError::Ttl { field, owner: owner.clone(), ttl }),
    }
}

/// Checks a delegation but for glue, which depends on state.
pub(crate) fn delegation(tld: &DomainName, given: &Delegation) -> Checked<Delegation> {
    let ns = name_servers(tld, &given.ns)?;
    let ds = ordered("ds", tld, &given.ds)?;
    for one in ds.iter() {
        check_ds(tld, one)?;
    }
    let ns_ttl = ttl("ns_ttl", tld, given.ns_ttl, false)?;
    let ds_ttl = ttl("ds_ttl", tld, given.ds_ttl, ds.is_empty())?;
    Ok(Delegation { ns, ns_ttl, ds, ds_ttl })
}

/// Checks the root's own name servers.
pub(crate) fn apex(given: &Apex) -> Checked<Apex> {
    let root = DomainName::root();
    Ok(Apex { ns: name_servers(&root, &given.ns)?, ttl: ttl("ttl", &root, given.ttl, false)? })
}

fn name_servers<const MAX: usize>(owner: &DomainName, given: &List<DomainName, MAX>) -> Checked<List<DomainName, MAX>> {
    let ns = ordered("ns", owner, given)?;
    if ns.is_empty() {
        return Err(RecordsError::NoNameServer { owner: owner.clone() });
    }
    ns.iter().try_for_each(host_name)?;
    Ok(ns)
}

fn check_ds(tld: &DomainName, ds: &Ds) -> Checked<()> {
    let (tld, key_tag) = (|| tld.clone(), ds.key_tag);
    let Some((digest_type, needed)) = DIGEST_LENGTHS.into_iter().find(|(known, _)| *known == ds.digest_type) else {
        return Err(RecordsError::DigestType { tld: tld(), key_tag, digest_type: ds.digest_type });
    };
    let (found, needed) = (small(ds.digest.len()), small(needed));
    if found != needed {
        return Err(RecordsError::DigestLength { tld: tld(), key_tag, digest_type, found, needed });
    }
    if !ZONE_SIGNING.contains(&ds.algorithm) {
        return Err(RecordsError::Algorithm { tld: tld(), key_tag, algorithm: ds.algorithm });
    }
    Ok(())
}

/// Checks a host and its addresses.
pub(crate) fn host(name: &DomainName, given: &Host) -> Checked<Host> {
    host_name(name)?;
    let (v4, v6) = (ordered("v4", name, &given.v4)?, ordered("v6", name, &given.v6)?);
    if v4.is_empty() && v6.is_empty() {
        return Err(RecordsError::NoAddress { host: name.clone() });
    }
    let refuse = |address: String, rule| RecordsError::Address { host: name.clone(), address, rule };
    for address in v4.iter() {
        check_v4(*address).map_err(|rule| refuse(address.to_string(), rule))?;
    }
    for address in v6.iter() {
        check_v6(*address).map_err(|rule| refuse(address.to_string(), rule))?;
    }
    let a_ttl = ttl("a_ttl", name, given.a_ttl, v4.is_empty())?;
    let aaaa_ttl = ttl("aaaa_ttl", name, given.aaaa_ttl, v6.is_empty())?;
    Ok(Host { v4, a_ttl, v6, aaaa_ttl })
}

/// Checks the name of a host (RFC 1123 2.1, RFC 5891 4.2.3.1; A-labels must decode and encode back).
pub(crate) fn host_name(name: &DomainName) -> Checked<()> {
    let refuse = |rule| Err(RecordsError::HostName { host: name.clone(), rule });
    if name.labels().count() < 2 {
        return refuse("a name server needs at least two labels");
    }
    if name.tld().is_some_and(|tld| tld.bytes().all(|b| b.is_ascii_digit())) {
        return refuse("the last label is a number; give a name, not an address");
    }
    for label in name.labels() {
        if label.contains('_') {
            return refuse("'_' is not allowed in a host name");
        }
        match label.strip_prefix("xn--") {
            Some(encoded) if !round_trips(encoded) => return refuse("has an A-label that does not round-trip"),
            None if label.get(2..4) == Some("--") => {
                return refuse("has '--' at the third place of a label that is no A-label");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether an A-label's text decodes to a label and is what that encodes to.
fn round_trips(encoded: &str) -> bool {
    let Some(text) = idna::punycode::decode_to_string(encoded) else { return false };
    is_label(&text) && idna::punycode::encode_str(&text).is_some_and(|again| again == encoded)
}

/// Checks the host changes of one call: each host once; names and addresses in form.
pub(crate) fn host_changes(given: &List<HostChange, MAX_HOST_CHANGES>) -> Checked<Vec<(DomainName, Option<Host>)>> {
    let mut out: Vec<(DomainName, Option<Host>)> = Vec::with_capacity(given.len());
    for change in given.iter() {
        let addresses = match &change.addresses {
            Some(addresses) => Some(host(&change.host, addresses)?),
            None => None,
        };
        out.push((change.host.clone(), addresses));
    }
    out.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    if let Some([(name, _), _]) = out.windows(2).find(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
        return Err(RecordsError::Duplicate { field: "hosts", owner: name.clone(), value: name.to_string() });
    }
    Ok(out)
}

/// Records of a delegation.
pub(crate) fn delegation_records(delegation: Option<&Delegation>) -> u32 {
    delegation.map_or(0, |d| small(d.ns.len()).saturating_add(small(d.ds.len())))
}

/// Records of a host.
pub(crate) fn host_records(host: Option<&Host>) -> u32 {
    host.map_or(0, |h| small(h.v4.len()).saturating_add(small(h.v6.len())))
}

/// A bounded length as a number.
pub(crate) fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
