//! What each side says of a domain, as RDAP objects (RFC 9083). Pure: a row of the database in, JSON out.

use crate::store::{Domain, Nameserver};
use serde_json::{Value, json};

/// Whose server this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Side {
    /// A registry: registrar, name servers and DNSSEC; people redacted (RFC 9537).
    Registry,
    /// A registrar: people.
    Registrar,
}

/// The media type of RDAP.
pub const MEDIA_TYPE: &str = "application/rdap+json";

fn card(name: &str, further: &[Value]) -> Value {
    let mut fields = vec![json!(["version", {}, "text", "4.0"]), json!(["fn", {}, "text", name])];
    fields.extend_from_slice(further);
    json!(["vcard", fields])
}

fn event(action: &str, time: &str) -> Value {
    json!({ "eventAction": action, "eventDate": time })
}

fn link(base: &str, path: &str, rel: &str) -> Value {
    let href = format!("{base}{path}");
    json!({ "value": href, "rel": rel, "href": href, "type": MEDIA_TYPE })
}

/// The answer about a domain; `base` is the server's own base URL, which ends in `/`.
pub fn domain(side: Side, domain: &Domain, base: &str) -> Value {
    let path = format!("domain/{}", domain.name);
    match side {
        Side::Registry => registry(domain, base, &path),
        Side::Registrar => registrar(domain, base, &path),
    }
}

fn registry(domain: &Domain, base: &str, path: &str) -> Value {
    let mut links = vec![link(base, path, "self")];
    links.extend(domain.registrar.url.as_ref().map(|url| link(url, path, "related")));
    let id = domain.registrar.id.to_string();
    json!({
        "rdapConformance": ["rdap_level_0", "redacted"],
        "objectClassName": "domain",
        "handle": domain.handle,
        "ldhName": domain.name,
        "status": domain.status,
        "links": links,
        "nameservers": domain.nameservers.iter().map(server).collect::<Vec<_>>(),
        "secureDNS": dnssec(domain),
        "events": [event("registration", &domain.created), event("last changed", &domain.changed),
                   event("expiration", &domain.expires)],
        "entities": [
            { "objectClassName": "entity", "handle": id, "roles": ["registrar"],
              "vcardArray": card(&domain.registrar.name, &[]),
              "publicIds": [{ "type": "IANA Registrar ID", "identifier": id }] },
            { "objectClassName": "entity", "roles": ["registrant"], "vcardArray": card("", &[]) }
        ],
        "redacted": [{ "name": { "description": "Registrant Name" }, "method": "emptyValue", "pathLang": "jsonpath",
                       "postPath": "$.entities[1].vcardArray[1][1][3]" }],
        "notices": [{ "title": "Terms of use", "description": ["Sample data of a trial."] }]
    })
}

fn registrar(domain: &Domain, base: &str, path: &str) -> Value {
    let person = |contact: &crate::store::Contact| {
        let mail = json!(["email", {}, "text", contact.email]);
        let place = json!(["adr", { "cc": contact.country }, "text", ["", "", "", "", "", "", ""]]);
        json!({ "objectClassName": "entity", "roles": [contact.role], "vcardArray": card(&contact.name, &[mail, place]) })
    };
    json!({
        "rdapConformance": ["rdap_level_0"],
        "objectClassName": "domain",
        "handle": domain.handle,
        "ldhName": domain.name,
        "status": domain.status,
        "links": [link(base, path, "self")],
        "events": [event("registrar expiration", &domain.expires)],
        "entities": domain.contacts.iter().map(person).collect::<Vec<_>>(),
        "notices": [{ "title": "Registrar's terms", "description": [format!("{} answers for its customers.", domain.registrar.name)] }]
    })
}

fn server(server: &Nameserver) -> Value {
    let mut out = json!({ "objectClassName": "nameserver", "ldhName": server.name });
    let mut addresses = serde_json::Map::new();
    for (name, address) in [("v4", &server.v4), ("v6", &server.v6)] {
        if !address.is_empty() {
            addresses.insert(name.into(), json!([address]));
        }
    }
    if let Some(members) = out.as_object_mut().filter(|_| !addresses.is_empty()) {
        members.insert("ipAddresses".into(), addresses.into());
    }
    out
}

fn dnssec(domain: &Domain) -> Value {
    if domain.ds.is_empty() {
        return json!({ "delegationSigned": false });
    }
    let data = |ds: &crate::store::Ds| json!({ "keyTag": ds.key_tag, "algorithm": ds.algorithm, "digestType": ds.digest_type, "digest": ds.digest });
    json!({ "delegationSigned": true, "dsData": domain.ds.iter().map(data).collect::<Vec<_>>() })
}

/// The answer about a name server.
pub fn nameserver(found: &Nameserver, base: &str) -> Value {
    let mut out = server(found);
    if let Some(members) = out.as_object_mut() {
        members.insert("rdapConformance".into(), json!(["rdap_level_0"]));
        members.insert("links".into(), json!([link(base, &format!("nameserver/{}", found.name), "self")]));
    }
    out
}

/// The answer to `/help`.
pub fn help(side: Side) -> Value {
    let whose = match side {
        Side::Registry => "a registry",
        Side::Registrar => "a registrar",
    };
    let says = format!("The RDAP server of {whose} in a trial: /domain/NAME and /nameserver/NAME.");
    json!({ "rdapConformance": ["rdap_level_0"], "notices": [{ "title": "Help", "description": [says] }] })
}

/// An error (RFC 9083 6).
pub fn error(code: u16, title: &str, description: &str) -> Value {
    json!({ "rdapConformance": ["rdap_level_0"], "errorCode": code, "title": title, "description": [description] })
}
