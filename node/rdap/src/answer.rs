//! Bodies that this node makes itself: errors, help, registrars (RFC 9083 5.1, 6, 7), and what an answer is.

use crate::directory::{Origin, Registrar};
use althing_interface::bootstrap::RegistrarStatus;
use icann_rdap_common::response::{Link, Notice, NoticeOrRemark, Rfc9083Error, ToResponse};
use reqwest::Url;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// What RFC 9083 4.1 calls level 0.
pub const LEVEL_0: &str = "rdap_level_0";
/// The extension that says which part of an answer came from where (docs/guides/rdap.md).
pub const PROVENANCE: &str = "althing_provenance";

/// An answer to a question, as it is kept and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Arc<[u8]>,
    /// For how long it may be kept.
    pub lifetime: Duration,
    /// Seconds after which the question may be asked again.
    pub retry_after_s: Option<u64>,
}

impl Answer {
    /// An answer with a body.
    pub fn good(body: &Value, lifetime: Duration) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_default().into();
        Self { status: 200, body, lifetime, retry_after_s: None }
    }
    /// An error that is not kept.
    pub fn error(status: u16, title: &str, description: &str) -> Self {
        let error = Rfc9083Error::response_obj()
            .error_code(status)
            .title(title.to_owned())
            .description_entry(description.to_owned())
            .build();
        let body = serde_json::to_vec(&error.to_response()).unwrap_or_default().into();
        Self { status, body, lifetime: Duration::ZERO, retry_after_s: None }
    }
    /// The same, kept for so long.
    #[must_use]
    pub fn kept(self, lifetime: Duration) -> Self {
        Self { lifetime, ..self }
    }
    /// The same, with the time after which to ask again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        Self { retry_after_s: Some(seconds), ..self }
    }
}

/// A malformed question.
pub fn malformed(description: &str) -> Answer {
    Answer::error(400, "Malformed question", description)
}

/// Something that does not exist.
pub fn absent(description: &str) -> Answer {
    Answer::error(404, "Not found", description)
}

/// A question that no server known here answers.
pub fn unsupported(description: &str) -> Answer {
    Answer::error(501, "Not supported", description)
}

/// The answer to `/help`.
pub fn help(public: &Url) -> Value {
    let link = |path: &str, media: &str| {
        let href = public.join(path).map(String::from).unwrap_or_default();
        Link::builder().value(public.as_str()).href(href).rel("related").media_type(media).build()
    };
    let notice = |title: &str, lines: &[&str], links: Vec<Link>| {
        let builder = NoticeOrRemark::builder().title(title);
        Notice(lines.iter().fold(builder, |builder, line| builder.description_entry(*line)).links(links).build())
    };
    let notices = [
        notice(
            "What this server answers",
            &[
                "/domain/NAME asks the registry and the registrar of a name and merges their answers.",
                "?source=registry or ?source=registrar asks for one of them alone; ?source=both is the default.",
                "/nameserver/NAME asks the registry. /entity/ID tells of the registrar with that IANA id.",
                "/domains?name=exam*.lab, /domains?nsLdhName=ns1.example.lab and /nameservers?name=ns*.example.lab are passed \
                 on to the registry of that TLD. /entities?fn=Sel* and /entities?handle=29* search the registrars that are \
                 known here.",
                "/bootstrap/dns.json is a bootstrap file (RFC 9224) of the ledger's entries, completed from IANA's file.",
            ],
            vec![link("bootstrap/dns.json", "application/json")],
        ),
        notice(
            "Where an answer comes from",
            &[
                "The member althing_provenance names, for each part, the server that gave it and where its base URL was \
                 found: on a chain, with height, block, state root and key for a proof, or in IANA's files.",
            ],
            vec![link("", "text/html")],
        ),
    ];
    json!({ "rdapConformance": [LEVEL_0, PROVENANCE], "notices": notices })
}

/// The answer to a question for a registrar by its IANA id.
pub fn registrar(id: u32, registrar: &Registrar, public: &Url) -> Value {
    let status = match registrar.status {
        RegistrarStatus::Accredited => "active",
        RegistrarStatus::Reserved => "inactive",
        RegistrarStatus::Terminated => "removed",
    };
    let this = public.join(&format!("entity/{id}")).map(String::from).unwrap_or_default();
    let mut card = vec![json!(["version", {}, "text", "4.0"]), json!(["fn", {}, "text", registrar.name])];
    if let Some(country) = &registrar.country {
        card.push(json!(["adr", {}, "text", ["", "", "", "", "", "", country]]));
    }
    if let Some(contact) = &registrar.contact {
        card.push(json!(["note", {}, "text", contact]));
    }
    let mut links = vec![json!({ "value": this, "rel": "self", "href": this, "type": "application/rdap+json" })];
    if let Some(link) = registrar.link.as_deref().filter(|link| Url::parse(link).is_ok()) {
        links.push(json!({ "value": this, "rel": "about", "href": link, "type": "text/html" }));
    }
    for url in &registrar.urls {
        links.push(json!({ "value": this, "rel": "related", "href": url.as_str(), "type": "application/rdap+json" }));
    }
    let mut remarks = Vec::new();
    if let Some(name) = &registrar.other_name {
        let line = format!("ICANN's list of accredited registrars names it \"{name}\".");
        remarks.push(json!({ "title": "Another name", "description": [line] }));
    }
    let mut out = json!({
        "rdapConformance": [LEVEL_0, PROVENANCE],
        "objectClassName": "entity",
        "handle": id.to_string(),
        "roles": ["registrar"],
        "publicIds": [{ "type": "IANA Registrar ID", "identifier": id.to_string() }],
        "vcardArray": ["vcard", card],
        "status": [status],
        "links": links,
        PROVENANCE: { "parts": [{ "part": "whole", "origin": &registrar.origin }] },
    });
    if !remarks.is_empty()
        && let Some(object) = out.as_object_mut()
    {
        object.insert("remarks".into(), remarks.into());
    }
    out
}

/// One part of an answer for the extension: who gave it, and where the base URL was found. The URLs are where the question
/// was sent, and where the answer came from after redirects.
pub fn part(part: &str, [asked, url]: [&Url; 2], origin: &Origin, members: &[String]) -> Value {
    let mut out = json!({ "part": part, "url": url.as_str(), "found": origin });
    if let Some(object) = out.as_object_mut() {
        if asked != url {
            object.insert("asked".into(), asked.as_str().into());
        }
        if !members.is_empty() {
            object.insert("members".into(), json!(members));
        }
    }
    out
}
