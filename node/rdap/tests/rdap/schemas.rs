//! Claims about the shape of answers: ICANN's JSON schemas (those of its conformance tool) accept every kind of answer,
//! but for what they do not know yet.
//!
//! What is taken away before an answer is checked, because the schemas are older and forbid every member that they do not
//! name: `redacted` (RFC 9537), and `althing_provenance` of this node. Nothing else is.
use crate::town::{Play, Town, registry_answer};
use boon::{Compiler, Draft, Format, SchemaIndex, Schemas, UrlLoader, ValidationError};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// The folder of the conformance tool's files; `None` when this checkout has none.
fn conformance() -> Option<PathBuf> {
    let folder = std::env::var_os("ALTHING_TEST_DATA").map(|folder| PathBuf::from(folder).join("rdap/conformance"));
    let found = folder.filter(|folder| folder.join("json-schema").is_dir());
    if found.is_none() {
        assert!(
            std::env::var_os("ALTHING_REQUIRE_TEST_DATA").is_none(),
            "rdap/conformance is not in ALTHING_TEST_DATA"
        );
        eprintln!("skipped: ALTHING_TEST_DATA names no folder with rdap/conformance");
    }
    found
}

/// Finds the schemas that others refer to by file name.
struct Beside(PathBuf);

impl UrlLoader for Beside {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        let name = url.rsplit('/').next().unwrap_or_default();
        let mut schema = serde_json::from_slice(&std::fs::read(self.0.join(name))?)?;
        rooted(&mut schema);
        Ok(schema)
    }
}

/// Takes away the identifier of a schema's parts: `jcard.json` names a part and yet refers from there to the whole, which
/// only readers find that pass the name over.
fn rooted(schema: &mut Value) {
    for definition in schema.get_mut("definitions").and_then(Value::as_object_mut).into_iter().flatten() {
        if let Some(object) = definition.1.as_object_mut() {
            object.remove("$id");
        }
    }
}

/// Values of a type in IANA's registry of JSON values.
fn registered(folder: &Path, kind: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(folder.join("rdap-json-values.xml")).unwrap();
    let between = |text: &str, tag: &str| {
        let after = text.split_once(&format!("<{tag}>"))?.1;
        Some(after.split_once(&format!("</{tag}>"))?.0.trim().to_owned())
    };
    let records = text.split("<record").skip(1);
    records.filter(|r| between(r, "type").as_deref() == Some(kind)).filter_map(|r| between(r, "value")).collect()
}

/// Formats of the schemas that are lists of IANA, and what these call them.
const LISTS: [(&str, &str); 5] = [
    ("role", "role"),
    ("status", "status"),
    ("eventAction", "event action"),
    ("noticeAndRemark", "notice and remark type"),
    ("variantRelation", "domain variant relation"),
];
/// Values of each list: a format is a plain function, which cannot hold them.
static VALUES: OnceLock<BTreeMap<&str, BTreeSet<String>>> = OnceLock::new();

fn text_is(value: &Value, what: &str, is: impl Fn(&str) -> bool) -> Result<(), Box<dyn Error>> {
    match value.as_str() {
        Some(text) if !is(text) => Err(format!("'{text}' is no {what}").into()),
        _ => Ok(()),
    }
}

fn listed(format: &str, value: &Value) -> Result<(), Box<dyn Error>> {
    text_is(value, format, |text| VALUES.get().unwrap()[format].contains(text))
}

/// A schema with what it refers to.
struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

/// One of the schemas, with the formats that are lists of IANA.
fn schema(folder: &Path, name: &str) -> Validator {
    let values = VALUES.get_or_init(|| LISTS.map(|(format, kind)| (format, registered(folder, kind))).into());
    assert!(values.values().all(|values| values.len() > 1), "{values:?}");
    let mut compiler = Compiler::new();
    compiler.set_default_draft(Draft::V7);
    compiler.enable_format_assertions();
    compiler.use_loader(Box::new(Beside(folder.join("json-schema"))));
    for format in [
        Format { name: "role", func: |value| listed("role", value) },
        Format { name: "status", func: |value| listed("status", value) },
        Format { name: "eventAction", func: |value| listed("eventAction", value) },
        Format { name: "noticeAndRemark", func: |value| listed("noticeAndRemark", value) },
        Format { name: "variantRelation", func: |value| listed("variantRelation", value) },
        Format {
            name: "mediaTypes",
            func: |value| {
                let media =
                    |text: &str| text.split_once('/').is_some_and(|(one, two)| !one.is_empty() && !two.is_empty());
                text_is(value, "media type", media)
            },
        },
        Format {
            name: "hostname-in-uri",
            func: |value| {
                let host = |text: &str| reqwest::Url::parse(text).is_ok_and(|url| url.host_str().is_some());
                text_is(value, "URI with a host", host)
            },
        },
    ] {
        compiler.register_format(format);
    }
    let mut schemas = Schemas::new();
    let index = compiler.compile(&format!("json-schema:///{name}"), &mut schemas).unwrap();
    Validator { schemas, index }
}

/// What a schema objects to.
fn objections(schema: &Validator, answer: &Value) -> Vec<String> {
    fn innermost(error: &ValidationError<'_, '_>, out: &mut Vec<String>) {
        if error.causes.is_empty() {
            out.push(format!("{}: {}", error.instance_location, error.kind));
        }
        error.causes.iter().for_each(|cause| innermost(cause, out));
    }
    let mut out = Vec::new();
    if let Err(error) = schema.schemas.validate(answer, schema.index) {
        innermost(&error, &mut out);
        assert!(!out.is_empty(), "an objection without a reason");
    }
    out
}

/// The answer without what the schemas cannot know; says what was there of it.
fn known(mut answer: Value) -> (Value, Vec<&'static str>) {
    let object = answer.as_object_mut().unwrap();
    let taken = ["althing_provenance", "redacted"].into_iter().filter(|name| object.remove(*name).is_some());
    let taken = taken.collect();
    (answer, taken)
}

/// What a thorough registry says of `example.lab`.
fn thorough(links: Value) -> Value {
    let mut answer = registry_answer("example.lab", links);
    answer["entities"][0]["vcardArray"] = card("Seller Ltd.");
    answer["entities"][1]["vcardArray"] = card("");
    answer["nameservers"][0]["ipAddresses"] = json!({"v4": ["192.0.2.53"], "v6": ["2001:db8::53"]});
    answer["events"] = json!([
        {"eventAction": "registration", "eventDate": "2020-01-01T00:00:00Z"},
        {"eventAction": "last update of RDAP database", "eventDate": "2026-01-01T00:00:00Z"}
    ]);
    answer
}

fn card(name: &str) -> Value {
    json!(["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name]]])
}

#[tokio::test]
async fn icann_s_schemas_accept_every_kind_of_answer() {
    let Some(folder) = conformance() else { return };
    let town = Town::start().await;
    town.known();
    town.registry.on("/registry/domain/example.lab", Play::Rdap(thorough(json!([]))));
    let server = json!({
        "rdapConformance": ["rdap_level_0"], "objectClassName": "nameserver", "ldhName": "ns1.nic.lab",
        "ipAddresses": {"v4": ["192.0.2.53"]}
    });
    town.registry.on("/registry/nameserver/ns1.nic.lab", Play::Rdap(server));
    for (path, name, beyond) in [
        ("/domain/example.lab?source=registry", "rdap_domain.json", vec!["althing_provenance", "redacted"]),
        ("/domain/example.lab?source=registrar", "rdap_domain.json", vec!["althing_provenance"]),
        ("/domain/example.lab", "rdap_domain.json", vec!["althing_provenance", "redacted"]),
        ("/nameserver/ns1.nic.lab", "rdap_nameserver.json", vec!["althing_provenance"]),
        ("/entity/7", "rdap_entity.json", vec!["althing_provenance"]),
        ("/entity/9", "rdap_entity.json", vec!["althing_provenance"]),
        ("/help", "rdap_help.json", vec![]),
    ] {
        let reply = town.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let schema = schema(&folder, name);
        let whole = reply.json();
        // The schemas forbid members that they do not name: the reason why these are taken away.
        for member in &beyond {
            let objected = objections(&schema, &whole);
            assert!(objected.iter().any(|text| text.contains(member)), "{path} {member}: {objected:?}");
        }
        let (answer, taken) = known(whole);
        assert_eq!(taken, beyond, "{path}");
        assert_eq!(objections(&schema, &answer), Vec::<String>::new(), "{path}: {answer:#}");
    }
    // An answer that lacks the registrar's part has a notice of a registered type.
    town.registrar.on("/registrar/domain/example.lab", Play::Status(500));
    town.node.app.cache.invalidate_all();
    let (answer, _) = known(town.get("/domain/example.lab").await.json());
    assert!(answer["notices"].is_array());
    assert_eq!(objections(&schema(&folder, "rdap_domain.json"), &answer), Vec::<String>::new());
}

#[tokio::test]
async fn icann_s_schema_accepts_every_error() {
    let Some(folder) = conformance() else { return };
    let town = Town::start().await;
    let schema = schema(&folder, "rdap_error.json");
    town.registry.on("/registry/domain/late.lab", Play::Hang);
    town.registry.on("/registry/domain/busy.lab", Play::Busy);
    let posted = town.send(town.http().post(town.url("/domain/example.lab"))).await;
    let denied = town.send(town.http().get(town.url("/help")).header("authorization", "Bearer wrong")).await;
    let mut replies = vec![posted, denied];
    for path in [
        "/domain/a..lab",
        "/domain/none.lab",
        "/domain/example.unknown",
        "/domain/example.down",
        "/domain/late.lab",
        "/domain/busy.lab",
        "/domains?name=*a*",
        "/ip/192.0.2.1",
        "/entity/8",
        "/no/such/path",
    ] {
        replies.push(town.get(path).await);
    }
    let mut seen = BTreeSet::new();
    for reply in replies {
        let body = reply.json();
        seen.insert(reply.status);
        assert_eq!(body["errorCode"], reply.status);
        assert!(body["rdapConformance"].as_array().unwrap().contains(&json!("rdap_level_0")), "{body}");
        assert_eq!(objections(&schema, &body), Vec::<String>::new(), "{body}");
    }
    assert_eq!(seen, BTreeSet::from([400, 401, 404, 405, 422, 501, 502, 503, 504]));
}

#[test]
fn the_schemas_would_notice() {
    let Some(folder) = conformance() else { return };
    let domain = schema(&folder, "rdap_domain.json");
    let good = known(thorough(json!([]))).0;
    assert_eq!(objections(&domain, &good), Vec::<String>::new());
    for (pointer, value) in [
        ("/status", json!(["no such status"])),
        ("/entities/0/roles", json!(["no such role"])),
        ("/events/0/eventAction", json!("no such event")),
        ("/events/0/eventDate", json!("yesterday")),
        ("/nameservers/0/ipAddresses/v4", json!("192.0.2.53")),
        ("/ldhName", json!(7)),
        ("/links", json!([{"rel": "self"}])),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).unwrap() = value;
        assert!(!objections(&domain, &bad).is_empty(), "{pointer}");
    }
}
