//! Entries of contract `registrations` as objects of RFC 9083, with statuses in the words of RFC 8056.
//!
//! A value in, JSON out: nothing is read or asked here. Data of persons are not on the ledger; an answer says so (RFC 9537).

use crate::{
    directory::{Directory, Origin, stamp},
    tld::{FoundDomain, Place, Read, TldChain},
};
use althing_interface::{
    rdata::Ds,
    registrations::{Apex, Host},
};
use althing_types::name::DomainName;
use chrono::DateTime;
use reqwest::Url;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What RFC 9537 names itself in `rdapConformance`.
pub const REDACTED: &str = "redacted";
/// Where a registrant would be.
const REGISTRANT: &str = "$.entities[?(@.roles[0]=='registrant')]";

/// EPP's word for a status as RDAP has it (RFC 8056 2).
pub fn status(word: &str) -> String {
    if word == "ok" {
        return "active".into();
    }
    let mut out = String::new();
    for letter in word.chars() {
        if letter.is_ascii_uppercase() {
            out.push(' ');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

fn time(ms: u64) -> Option<String> {
    DateTime::from_timestamp_millis(i64::try_from(ms).ok()?).map(stamp)
}

fn event(action: &str, ms: u64) -> Option<Value> {
    Some(json!({ "eventAction": action, "eventDate": time(ms)? }))
}

/// Adds the names of an object: LDH, and Unicode where it differs (RFC 9083 5.2, 5.3).
fn put_names(object: &mut Map<String, Value>, name: &DomainName) {
    object.insert("ldhName".into(), name.as_str().into());
    let (shown, valid) = idna::uts46::Uts46::new().to_unicode(
        name.as_str().as_bytes(),
        idna::AsciiDenyList::STD3,
        idna::uts46::Hyphens::Check,
    );
    if valid.is_ok() && shown != name.as_str() {
        object.insert("unicodeName".into(), shown.into());
    }
}

/// A name server (RFC 9083 5.2); without addresses when the TLD's chain has none.
pub fn nameserver(name: &DomainName, host: Option<&Host>, public: &Url) -> Map<String, Value> {
    let mut out = Map::new();
    out.insert("objectClassName".into(), "nameserver".into());
    put_names(&mut out, name);
    if let Some(host) = host {
        let mut addresses = Map::new();
        if !host.v4.is_empty() {
            addresses.insert("v4".into(), host.v4.iter().map(ToString::to_string).collect());
        }
        if !host.v6.is_empty() {
            addresses.insert("v6".into(), host.v6.iter().map(ToString::to_string).collect());
        }
        out.insert("ipAddresses".into(), addresses.into());
        out.insert("status".into(), json!(["active"]));
        put_link(&mut out, public, &format!("nameserver/{}", name.as_str()));
    }
    out
}

fn put_link(object: &mut Map<String, Value>, public: &Url, path: &str) {
    if let Ok(url) = public.join(path) {
        let (value, media) = (url.as_str(), "application/rdap+json");
        object.insert("links".into(), json!([{ "value": value, "rel": "self", "href": value, "type": media }]));
    }
}

fn secure_dns(ds: &[Ds]) -> Value {
    let data = |ds: &Ds| {
        json!({
            "keyTag": ds.key_tag, "algorithm": ds.algorithm, "digestType": ds.digest_type,
            "digest": hex::encode_upper(ds.digest.as_slice()),
        })
    };
    let mut out = json!({ "delegationSigned": !ds.is_empty() });
    if let (false, Some(object)) = (ds.is_empty(), out.as_object_mut()) {
        object.insert("dsData".into(), ds.iter().map(data).collect());
    }
    out
}

/// A registered name (RFC 9083 5.3) at a time in milliseconds since 1970.
pub fn domain(
    found: &FoundDomain,
    place: &Place,
    chain: &TldChain,
    directory: &Directory,
    public: &Url,
    now_ms: u64,
) -> Map<String, Value> {
    let FoundDomain { name, domain, hosts } = found;
    let mut out = Map::new();
    out.insert("objectClassName".into(), "domain".into());
    put_names(&mut out, name);
    let statuses = domain.words(now_ms).into_iter().map(status);
    out.insert("status".into(), statuses.collect());
    let events = [
        event("registration", domain.created_ms),
        event("expiration", domain.expires_ms),
        (domain.changed_ms != domain.created_ms).then(|| event("last changed", domain.changed_ms)).flatten(),
        domain.transferred_ms.and_then(|ms| event("transfer", ms)),
        event("last update of RDAP database", place.time_ms),
    ];
    out.insert("events".into(), events.into_iter().flatten().collect());
    if !domain.ns.is_empty() {
        let servers = domain.ns.iter().map(|ns| Value::Object(nameserver(ns, hosts.get(ns), public)));
        out.insert("nameservers".into(), servers.collect());
    }
    out.insert("secureDNS".into(), secure_dns(&domain.ds));
    put_link(&mut out, public, &format!("domain/{}", name.as_str()));
    out.insert("entities".into(), json!([registrar(domain.sponsor.as_str(), chain, directory, public)]));
    if let Some(registrant) = &domain.registrant {
        let line = "Who may know the registrant's data can ask for them where the link leads.";
        let mut remark = json!({ "title": "Registrant", "description": [line] });
        if let (Ok(href), Ok(value), Some(remark)) = (
            Url::parse(registrant.pointer.as_str()),
            public.join(&format!("domain/{}", name.as_str())),
            remark.as_object_mut(),
        ) {
            let link = json!({ "value": value.as_str(), "rel": "related", "href": href.as_str() });
            remark.insert("links".into(), json!([link]));
        }
        out.insert("remarks".into(), json!([remark]));
    }
    let redaction = json!({
        "name": { "description": "Registrant" },
        "reason": { "description": "The ledger has no data of persons; the registrar has them." },
        "prePath": REGISTRANT, "pathLang": "jsonpath", "method": "removal",
    });
    out.insert(REDACTED.into(), json!([redaction]));
    out
}

/// The sponsoring registrar: by its IANA id when the configuration has it, else by its organisation on the chain.
fn registrar(sponsor: &str, chain: &TldChain, directory: &Directory, public: &Url) -> Value {
    let id = chain.registrars.iter().find(|(organisation, _)| organisation.as_str() == sponsor).map(|(_, id)| *id);
    let known = id.and_then(|id| directory.registrar(id));
    let name = known.map_or(sponsor, |registrar| registrar.name.as_str());
    let mut out = Map::new();
    out.insert("objectClassName".into(), "entity".into());
    out.insert("handle".into(), id.map_or_else(|| sponsor.to_owned(), |id| id.to_string()).into());
    out.insert("roles".into(), json!(["registrar"]));
    out.insert(
        "vcardArray".into(),
        json!(["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name], ["kind", {}, "text", "org"]]]),
    );
    if let Some(id) = id {
        out.insert("publicIds".into(), json!([{ "type": "IANA Registrar ID", "identifier": id.to_string() }]));
        put_link(&mut out, public, &format!("entity/{id}"));
    }
    out.into()
}

/// The TLD itself, as its chain would have it in the root.
pub fn apex(tld: &DomainName, apex: &Apex, place: &Place, public: &Url) -> Map<String, Value> {
    let mut hosts: BTreeMap<&DomainName, Host> = BTreeMap::new();
    for entry in apex.hosts.iter() {
        hosts.extend(crate::tld::apex_host(apex, &entry.name).map(|host| (&entry.name, host)));
    }
    let mut out = Map::new();
    out.insert("objectClassName".into(), "domain".into());
    put_names(&mut out, tld);
    out.insert("status".into(), json!(["active"]));
    let servers = apex.delegation.ns.iter().map(|ns| Value::Object(nameserver(ns, hosts.get(ns), public)));
    out.insert("nameservers".into(), servers.collect());
    out.insert("secureDNS".into(), secure_dns(&apex.delegation.ds));
    out.insert("events".into(), event("last update of RDAP database", place.time_ms).into_iter().collect());
    put_link(&mut out, public, &format!("domain/{}", tld.as_str()));
    out
}

/// The part of an answer that was read on a chain: where its proof is.
pub fn part<T>(part: &str, read: &Read<T>, members: &[String]) -> Value {
    let origin = Origin::Chain { proof: (*read.place.proof).clone(), key: hex::encode(&read.key) };
    let mut out = json!({ "part": part, "found": origin });
    if let (false, Some(object)) = (members.is_empty(), out.as_object_mut()) {
        object.insert("members".into(), json!(members));
    }
    out
}

/// Takes back that the registrant was left out, when the registrar's answer has brought one.
pub fn told(object: &mut Map<String, Value>) {
    let has = |entity: &Value| {
        let roles = entity.get("roles").and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|role| role == "registrant"))
    };
    if !object.get("entities").and_then(Value::as_array).is_some_and(|entities| entities.iter().any(has)) {
        return;
    }
    if let Some(Value::Array(redacted)) = object.get_mut(REDACTED) {
        redacted.retain(|one| one.get("prePath").and_then(Value::as_str) != Some(REGISTRANT));
        if redacted.is_empty() {
            object.remove(REDACTED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_those_of_rfc_8056() {
        for (epp, rdap) in [
            ("ok", "active"),
            ("inactive", "inactive"),
            ("clientHold", "client hold"),
            ("clientDeleteProhibited", "client delete prohibited"),
            ("serverTransferProhibited", "server transfer prohibited"),
            ("pendingDelete", "pending delete"),
            ("redemptionPeriod", "redemption period"),
            ("autoRenewPeriod", "auto renew period"),
            ("addPeriod", "add period"),
        ] {
            assert_eq!(status(epp), rdap);
        }
    }

    #[test]
    fn a_registrant_that_was_brought_is_not_called_redacted() {
        let object = |roles: Value| {
            let mut object = json!({ "entities": [{ "roles": roles }], "redacted": [{ "prePath": REGISTRANT }, { "prePath": "$.x" }] });
            told(object.as_object_mut().unwrap());
            object["redacted"].as_array().unwrap().len()
        };
        assert_eq!((object(json!(["registrar"])), object(json!(["registrant"]))), (2, 1));
    }
}
