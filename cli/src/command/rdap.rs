//! `althing rdap`: asks an access node, and checks what its answer says of the chain against the chain itself.

use super::Context;
use crate::{
    args::RdapCommand,
    chain::{Chain, typed},
    devnet::{Network, access_node},
    error::{CliError, Result},
    exit_code::Exit,
    output::table,
};
use althing_interface::{
    bootstrap::{Entry, Registrar},
    layout::registrations as keys,
    registrations::{self, Apex, Domain},
};
use althing_types::{
    id::{ChainId, ContractId, Height},
    keyspace::storage,
    name::DomainName,
};
use reqwest::Url;
use serde::Serialize;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Longest answer in bytes.
const MAX_ANSWER: usize = 4 << 20;

/// Runs a command of `althing rdap`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &RdapCommand) -> Result<()> {
    let RdapCommand::Query { name, server, source } = command;
    let server = match server {
        Some(server) => server.clone(),
        None => own_server(context)?,
    };
    let answer = ask(context, &server, name, source).await?;
    let parts = check(context, &answer).await?;
    context.output.print(&Shown { answer: &answer, parts: &parts }, |shown| text(shown.answer, shown.parts))
}

/// The access node of the home folder's local network.
fn own_server(context: &Context) -> Result<String> {
    let missing = |message: String| {
        CliError::usage("no_server", message)
            .field("--server")
            .rule("the base URL of an access node, or a home folder with a local network that has one")
            .hint("althing rdap query NAME --server https://HOST/, or althing --home DIR rdap query NAME")
    };
    let home = &context.home;
    if !Network::exists(home.path()) {
        return Err(missing(format!(
            "no access node to ask: no --server, and {} has no network",
            home.path().display()
        )));
    }
    let entry = access_node::entries(&Network::open(home.path())?).into_iter().next();
    let entry = entry.ok_or_else(|| missing(format!("the network in {} has no access node", home.path().display())))?;
    if access_node::process(home.path()).is_none() {
        return Err(missing(format!("the access node of the network in {} does not run", home.path().display()))
            .hint(format!("althing devnet up --dir {} --detach", home.path().display())));
    }
    Ok(entry.url)
}

/// What is shown.
#[derive(Serialize)]
struct Shown<'a> {
    answer: &'a Value,
    parts: &'a [Part],
}

/// One part of the answer and whether where it was asked for is proven.
#[derive(Serialize)]
struct Part {
    part: String,
    url: String,
    origin: String,
    verdict: &'static str,
}

async fn ask(context: &Context, server: &str, name: &str, source: &str) -> Result<Value> {
    let bad = |rule: &str| CliError::usage("bad_url", "no server to ask").field("--server").value(server).rule(rule);
    let mut url = Url::parse(server).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("a URL of http or https"));
    }
    url.path_segments_mut().map_err(|()| bad("a URL with a host"))?.pop_if_empty().extend(["domain", name]);
    url.query_pairs_mut().append_pair("source", source);
    let network = |error: reqwest::Error| {
        CliError::new(Exit::Network, "no_answer", format!("no answer from {server}: {error}"))
            .field("--server")
            .value(server)
            .rule("an access node that runs")
    };
    // Another call has installed the same provider: that is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(context.global.timeout))
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(network)?;
    let sent = http.get(url).header("accept", "application/rdap+json").send();
    let mut response = sent.await.map_err(network)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.map_err(network)? {
        body.extend_from_slice(&bytes);
        if body.len() > MAX_ANSWER {
            return Err(CliError::new(
                Exit::Network,
                "too_long",
                format!("{server} sent more than {MAX_ANSWER} bytes"),
            ));
        }
    }
    let answer: Value = serde_json::from_slice(&body).map_err(|error| {
        CliError::new(Exit::Network, "no_rdap", format!("{server} answered {status} without JSON: {error}"))
    })?;
    if status.is_success() {
        return Ok(answer);
    }
    let said = |member: &str| match answer.get(member) {
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Some(value) => value.as_str().unwrap_or_default().to_owned(),
        None => String::new(),
    };
    let exit = match status.as_u16() {
        400 => Exit::Usage,
        404 => Exit::NotFound,
        429 | 503 => Exit::Timeout,
        _ => Exit::Network,
    };
    Err(CliError::new(exit, "rdap_error", format!("{server} answered {status}: {}", said("description")))
        .field("name")
        .value(name)
        .rule(said("title")))
}

/// Looks every base URL that is said to come from the chain up there, with proof.
async fn check(context: &Context, answer: &Value) -> Result<Vec<Part>> {
    let parts = answer.pointer("/althing_provenance/parts").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut chains: BTreeMap<String, Option<Chain>> = BTreeMap::new();
    let mut out = Vec::new();
    for part in &parts {
        let text = |member: &str| part.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        let found = part.get("found").cloned().unwrap_or_default();
        let origin = found.get("origin").and_then(Value::as_str).unwrap_or_default().to_owned();
        let verdict = match origin.as_str() {
            "chain" => {
                let id = found.get("chain").and_then(Value::as_str).unwrap_or_default();
                if !chains.contains_key(id) {
                    chains.insert(id.to_owned(), chain_of(context, id).await);
                }
                match chains.get(id).and_then(Option::as_ref) {
                    Some(chain) => {
                        let asked =
                            Some(text("asked")).filter(|asked| !asked.is_empty()).unwrap_or_else(|| text("url"));
                        let name = answer.get("ldhName").and_then(Value::as_str).unwrap_or_default();
                        proven(chain, &found, &asked, name).await?
                    }
                    None => "not checked: no node of the chain to ask (--api or --home)",
                }
            }
            _ => "not of the chain",
        };
        out.push(Part { part: text("part"), url: text("url"), origin, verdict });
    }
    Ok(out)
}

/// The chain of this id: the one that the options name, else one of the home folder.
async fn chain_of(context: &Context, id: &str) -> Option<Chain> {
    let id = ChainId::new(id).ok()?;
    if context.global.api.is_none() && context.global.chain.is_none() {
        return context.other_chain(&id).await.ok();
    }
    match context.chain().await {
        Ok(chain) if chain.genesis.chain == id => Some(chain),
        // The one that was named may be another one of the same home folder.
        other => context.other_chain(&id).await.or(other).ok(),
    }
}

/// Whether the entry that the answer refers to is in the chain's state at that height and leads to this URL; without a URL,
/// whether the name is registered there.
async fn proven(chain: &Chain, found: &Value, url: &str, name: &str) -> Result<&'static str> {
    let text = |member: &str| found.get(member).and_then(Value::as_str).unwrap_or_default();
    if text("chain") != chain.genesis.chain.as_str() {
        return Ok("not checked: it is another chain's");
    }
    let (Ok(key), Some(height)) = (hex::decode(text("key")), found.get("height").and_then(Value::as_u64)) else {
        return Ok("FALSE: its reference names no entry");
    };
    let entries = match chain.read(std::slice::from_ref(&key), Some(Height(height))).await {
        Ok(entries) => entries,
        Err(error) if error.exit == Exit::NotFound => return Ok("not checked: the nodes keep no state of that height"),
        Err(error) => return Err(error),
    };
    if chain.verifies() && entries.block.is_some_and(|block| block.to_string() != text("block")) {
        return Ok("FALSE: the chain has another block at that height");
    }
    let value = entries.values.first().and_then(Option::as_deref);
    if url.is_empty() {
        let contract = ContractId::new(registrations::ID)?;
        let wanted = DomainName::parse(name).ok().map(|name| storage(&contract, &keys::domain_key(&name)));
        let of_tld = !name.contains('.') && key == storage(&contract, &keys::apex_key());
        let there = (wanted == Some(key) && matches!(typed::<Domain>("domain", value), Ok(Some(_))))
            || (of_tld && matches!(typed::<Apex>("apex", value), Ok(Some(_))));
        return Ok(match (there, chain.verifies()) {
            (true, true) => "proven to be registered",
            (true, false) => "the node says so (--no-verify)",
            (false, _) => "FALSE: the chain has no such name",
        });
    }
    let urls = match typed::<Entry>("entry", value) {
        Ok(Some(entry)) => entry.urls,
        _ => match typed::<Registrar>("registrar", value) {
            Ok(Some(registrar)) => registrar.data.urls,
            _ => return Ok("FALSE: the chain has no such entry"),
        },
    };
    let leads = urls.iter().any(|base| url.starts_with(base.as_str()));
    Ok(match (leads, chain.verifies()) {
        (true, true) => "proven",
        (true, false) => "the node says so (--no-verify)",
        (false, _) => "FALSE: the chain's entry leads elsewhere",
    })
}

fn text(answer: &Value, parts: &[Part]) -> String {
    let list = |member: &str| answer.get(member).and_then(Value::as_array).cloned().unwrap_or_default();
    let words = |values: &[Value], member: &str| -> String {
        let word = |value: &Value| value.get(member).unwrap_or(value).as_str().unwrap_or_default().to_owned();
        values.iter().map(word).collect::<Vec<_>>().join(" ")
    };
    let one = |member: &str| answer.get(member).and_then(Value::as_str).unwrap_or("-").to_owned();
    let mut rows = vec![
        ("name".to_owned(), one("ldhName")),
        ("handle".to_owned(), one("handle")),
        ("status".to_owned(), words(&list("status"), "")),
        ("name servers".to_owned(), words(&list("nameservers"), "ldhName")),
    ];
    for event in list("events") {
        let said = |member: &str| event.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        rows.push((said("eventAction"), said("eventDate")));
    }
    for entity in list("entities") {
        let roles = entity.get("roles").and_then(Value::as_array).cloned().unwrap_or_default();
        let card = entity.pointer("/vcardArray/1").and_then(Value::as_array).cloned().unwrap_or_default();
        let name = card.iter().find(|field| field.get(0).is_some_and(|name| name == "fn"));
        let name = name.and_then(|field| field.get(3)).and_then(Value::as_str).filter(|name| !name.is_empty());
        rows.push((words(&roles, ""), name.unwrap_or("(not shown)").to_owned()));
    }
    for part in parts {
        rows.push((format!("from the {}", part.part), format!("{} ({}: {})", part.url, part.origin, part.verdict)));
    }
    for notice in list("notices") {
        let title = notice.get("title").and_then(Value::as_str).unwrap_or_default();
        rows.push((format!("notice: {title}"), words(&list_of(&notice, "description"), "")));
    }
    // What comes from others is shown as one line each, without control characters.
    let clean = |text: &str| -> String { text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect() };
    let rows: Vec<(String, String)> = rows.iter().map(|(name, value)| (clean(name), clean(value))).collect();
    table(&rows.iter().map(|(name, value)| (name.as_str(), value.clone())).collect::<Vec<_>>())
}

fn list_of(value: &Value, member: &str) -> Vec<Value> {
    value.get(member).and_then(Value::as_array).cloned().unwrap_or_default()
}
