//! Paths of RFC 9082 and of this node, as answers over HTTP (RFC 7480).
//!
//! ```text
//!   request --> method, key, rate --> question --> cache --miss--> lookup --> answer
//! ```
//! Every answer carries CORS and cache headers. The audit log gets kind, TLD, status, tier and time: no name, no address.

use crate::{
    answer::{Answer, absent, help, malformed, unsupported},
    limit::{Denied, Gate},
    lookup::{Lookup, SharedDirectory},
    metrics::{Asked, Metrics},
    pattern::{Class, Refused, Search},
    question::{Question, Source, parse_autnum, parse_name, parse_network, parse_registrar},
};
use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State, rejection::PathRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use moka::future::Cache;
use reqwest::Url;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Media type of RDAP (RFC 7480 4.2).
const RDAP: &str = "application/rdap+json";
/// The page for people.
const PAGE: &str = include_str!("page.html");
/// What the page may do.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What all requests share.
#[derive(Debug)]
pub struct App {
    /// Asks those who know.
    pub lookup: Lookup,
    /// Whom to ask.
    pub directory: SharedDirectory,
    /// Answers that are kept.
    pub cache: Cache<Question, Answer>,
    /// Users and rates.
    pub gate: Gate,
    /// Figures.
    pub metrics: Metrics,
    /// What is wrong at the moment: faults of chains and alarms of files by name.
    pub troubles: RwLock<BTreeMap<String, String>>,
    /// Questions that are worked on at a time.
    pub permits: Semaphore,
    /// Base URLs of services for addresses and autonomous systems.
    pub elsewhere: (Option<Url>, Option<Url>),
}

/// The address of a connection's client.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub IpAddr);

/// Kind and TLD of a question, for figures and the audit log.
#[derive(Clone, Debug)]
struct About {
    kind: &'static str,
    tld: String,
    kept: bool,
}

/// Every route.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/domain/{name}", get(domain))
        .route("/nameserver/{name}", get(nameserver))
        .route("/entity/{handle}", get(entity))
        .route("/ip/{address}", get(address))
        .route("/ip/{address}/{bits}", get(network))
        .route("/autnum/{number}", get(autnum))
        .route("/domains", get(async |State(app): State<Arc<App>>, uri: Uri| search(&app, Class::Domains, &uri).await))
        .route(
            "/nameservers",
            get(async |State(app): State<Arc<App>>, uri: Uri| search(&app, Class::Nameservers, &uri).await),
        )
        .route(
            "/entities",
            get(async |State(app): State<Arc<App>>, uri: Uri| search(&app, Class::Entities, &uri).await),
        )
        .route(
            "/help",
            get(async |State(app): State<Arc<App>>| rdap(&Answer::good(&help(&app.lookup.public), HOUR), "help", "")),
        )
        .route("/bootstrap/dns.json", get(bootstrap))
        .route("/", get(page))
        .fallback(async || rdap(&absent("this server has no such path; see /help"), "unknown", ""))
        .method_not_allowed_fallback(async || {
            let answer = Answer::error(405, "Method not allowed", "only GET and HEAD are answered");
            let mut response = rdap(&answer, "unknown", "");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
            response
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        // What watches this node is not counted against anybody's rate.
        .route("/healthz", get(health))
        .route(
            "/metrics",
            get(async |State(app): State<Arc<App>>| {
                app.metrics.users_online.set(i64::try_from(app.gate.online()).unwrap_or(i64::MAX));
                ([(header::CONTENT_TYPE, METRICS)], app.metrics.text())
            }),
        )
        .with_state(app)
}

/// The tier in the audit log of those that were not looked at for too much work.
const BUSY: &str = "busy";
const HOUR: Duration = Duration::from_secs(3_600);
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Lets a request in, and puts on every answer what all have in common.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let address = request.extensions().get::<ClientAddress>().map_or(IpAddr::from([0, 0, 0, 0]), |client| client.0);
    let authorization = request.headers().get(header::AUTHORIZATION);
    let authorization = authorization.map(|value| value.to_str().unwrap_or_default().to_owned());
    let preflight = request.method() == Method::OPTIONS;
    // Keys of the identity provider may have to be fetched: that is work on a question already.
    let permit = app.permits.try_acquire();
    let admitted = match permit {
        Ok(_) => app.gate.admit(address, authorization.as_deref()).await,
        Err(_) => Ok(BUSY),
    };
    let mut response = match (admitted, &permit) {
        (Err(denied), _) => refuse(denied),
        (Ok(_), Err(_)) => {
            rdap(&Answer::error(503, "Busy", "too many questions are worked on").retry_after(1), "busy", "")
        }
        (Ok(_), Ok(_)) if preflight => StatusCode::NO_CONTENT.into_response(),
        (Ok(_), Ok(_)) => next.run(request).await,
    };
    drop(permit);
    let headers = response.headers_mut();
    let fixed = [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, OPTIONS"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization"),
        (header::ACCESS_CONTROL_EXPOSE_HEADERS, "retry-after"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let status = response.status().as_u16();
    let about = response.extensions().get::<About>().cloned();
    let about = about.unwrap_or(About { kind: "other", tld: String::new(), kept: false });
    app.metrics.answers.get_or_create(&Asked { kind: about.kind, status }).inc();
    app.metrics.seconds.observe(started.elapsed().as_secs_f64());
    if about.kept {
        app.metrics.kept.inc();
    }
    let (ms, tier) = (started.elapsed().as_millis(), admitted.unwrap_or("denied"));
    tracing::info!(target: "audit", kind = about.kind, tld = about.tld, status, tier, kept = about.kept, ms, "answered");
    response
}

fn refuse(denied: Denied) -> Response {
    match denied {
        Denied::Unknown => {
            let answer = Answer::error(401, "Unknown key", "the key in the header Authorization is not known");
            let mut response = rdap(&answer, "denied", "");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            response
        }
        Denied::Forbidden => {
            rdap(&Answer::error(403, "Not allowed", "this key's tier is answered nothing"), "denied", "")
        }
        Denied::TooMany(wait) => {
            let seconds = wait.as_secs().saturating_add(1);
            rdap(&Answer::error(429, "Too many questions", "ask again later").retry_after(seconds), "denied", "")
        }
        Denied::Token => {
            let answer =
                Answer::error(401, "Token not accepted", "the token in the header Authorization is not good here");
            let mut response = rdap(&answer, "denied", "");
            let value = HeaderValue::from_static("Bearer error=\"invalid_token\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
            response
        }
        Denied::Unready => {
            let answer = Answer::error(503, "Try later", "the keys of the identity provider are not there yet");
            rdap(&answer.retry_after(10), "denied", "")
        }
        Denied::Crowded(wait) => {
            let answer = Answer::error(503, "Too many users", "as many users as there may be are online");
            rdap(&answer.retry_after(wait.as_secs().saturating_add(1)), "denied", "")
        }
    }
}

/// An answer as RDAP over HTTP.
fn rdap(answer: &Answer, kind: &'static str, tld: &str) -> Response {
    let mut response = Response::new(Body::from(answer.body.to_vec()));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(RDAP));
    let control = match answer.lifetime.as_secs() {
        0 => "no-store".to_owned(),
        seconds => format!("max-age={seconds}"),
    };
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put(header::CACHE_CONTROL, &control);
    if let Some(seconds) = answer.retry_after_s {
        put(header::RETRY_AFTER, &seconds.to_string());
    }
    response.extensions_mut().insert(About { kind, tld: tld.to_owned(), kept: false });
    response
}

/// Values of a query parameter.
fn parameter(uri: &Uri, name: &str) -> Vec<String> {
    let Ok(url) = Url::parse(&format!("http://x/?{}", uri.query().unwrap_or_default())) else { return Vec::new() };
    url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value.into_owned()).collect()
}

/// Answers a question from the cache, or by asking. Equal questions at one time are asked once.
async fn reply(app: &App, question: Question, kind: &'static str, tld: &str) -> Response {
    let directory = Arc::clone(&app.directory.read().unwrap_or_else(PoisonError::into_inner));
    let asked = app.cache.entry(question.clone()).or_insert_with(app.lookup.answer(&directory, &question)).await;
    let kept = !asked.is_fresh();
    if asked.value().lifetime.is_zero() {
        // Those who asked at the same time have it too; nobody who asks later does.
        app.cache.invalidate(&question).await;
    }
    let mut response = rdap(asked.value(), kind, tld);
    if let Some(about) = response.extensions_mut().get_mut::<About>() {
        about.kept = kept;
    }
    response
}

/// What a path says, or why its octets say nothing.
type Said<T> = Result<Path<T>, PathRejection>;

/// The text in a path.
///
/// # Errors
/// When it is no UTF-8 after decoding.
fn said<T>(path: Said<T>) -> Result<T, String> {
    path.map(|Path(text)| text).map_err(|_| "the path is no UTF-8".to_owned())
}

/// Which answers are wanted.
///
/// # Errors
/// When it is none of the words, or given twice.
fn source(uri: &Uri) -> Result<Source, String> {
    match parameter(uri, "source").as_slice() {
        [] => Ok(Source::default()),
        [one] => Source::parse(one).ok_or_else(|| "source is registry, registrar or both".into()),
        _ => Err("source is given more than once".into()),
    }
}

async fn domain(State(app): State<Arc<App>>, name: Said<String>, uri: Uri) -> Response {
    let source = match source(&uri) {
        Ok(source) => source,
        Err(reason) => return rdap(&malformed(&reason), "domain", ""),
    };
    match said(name).and_then(|name| parse_name(&name)) {
        Ok(name) => {
            let tld = name.tld().unwrap_or_default().to_owned();
            reply(&app, Question::Domain(name, source), "domain", &tld).await
        }
        Err(reason) => rdap(&malformed(&reason), "domain", ""),
    }
}

async fn nameserver(State(app): State<Arc<App>>, name: Said<String>) -> Response {
    match said(name).and_then(|name| parse_name(&name)) {
        Ok(name) => {
            let tld = name.tld().unwrap_or_default().to_owned();
            reply(&app, Question::Nameserver(name), "nameserver", &tld).await
        }
        Err(reason) => rdap(&malformed(&reason), "nameserver", ""),
    }
}

async fn entity(State(app): State<Arc<App>>, handle: Said<String>) -> Response {
    match said(handle).and_then(|handle| parse_registrar(&handle)) {
        Ok(id) => reply(&app, Question::Registrar(id), "entity", "").await,
        Err(reason) => rdap(&malformed(&reason), "entity", ""),
    }
}

/// A redirect to where a question is answered (RFC 7480 5.2).
fn elsewhere(base: Option<&Url>, path: Result<String, String>, kind: &'static str) -> Response {
    let path = match path {
        Ok(path) => path,
        Err(reason) => return rdap(&malformed(&reason), kind, ""),
    };
    match base.and_then(|base| base.join(&path).ok()) {
        Some(url) => {
            let mut response = Redirect::temporary(url.as_str()).into_response();
            response.extensions_mut().insert(About { kind, tld: String::new(), kept: false });
            response
        }
        None => rdap(&unsupported("no service for numbers is known here"), kind, ""),
    }
}

async fn address(State(app): State<Arc<App>>, address: Said<String>) -> Response {
    let path = said(address).and_then(|address| parse_network(&address, None)).map(|text| format!("ip/{text}"));
    elsewhere(app.elsewhere.0.as_ref(), path, "ip")
}

async fn network(State(app): State<Arc<App>>, both: Said<(String, String)>) -> Response {
    let path = said(both).and_then(|(address, bits)| parse_network(&address, Some(&bits)));
    elsewhere(app.elsewhere.0.as_ref(), path.map(|text| format!("ip/{text}")), "ip")
}

async fn autnum(State(app): State<Arc<App>>, number: Said<String>) -> Response {
    let path = said(number).and_then(|number| parse_autnum(&number)).map(|number| format!("autnum/{number}"));
    elsewhere(app.elsewhere.1.as_ref(), path, "autnum")
}

/// A search of one class; which parameters it takes is RFC 9082 3.2's.
async fn search(app: &App, class: Class, uri: &Uri) -> Response {
    let kind = class.path();
    let source = match source(uri) {
        Ok(source) => source,
        Err(reason) => return rdap(&malformed(&reason), kind, ""),
    };
    let by = class.parameters().iter();
    let given: Vec<_> = by.flat_map(|by| parameter(uri, by).into_iter().map(move |value| (*by, value))).collect();
    let [(by, value)] = given.as_slice() else {
        let names = class.parameters().join(", ");
        return rdap(&malformed(&format!("a search is for one of {names}, given once")), kind, "");
    };
    match Search::parse(class, by, value) {
        Ok(search) => {
            let tld = search.scope().and_then(|name| name.tld()).unwrap_or_default().to_owned();
            reply(app, Question::Search(search, source), kind, &tld).await
        }
        Err(Refused::Malformed(reason)) => rdap(&malformed(&reason), kind, ""),
        Err(Refused::Unsupported(reason)) => rdap(&Answer::error(422, "Pattern not supported", &reason), kind, ""),
    }
}

async fn bootstrap(State(app): State<Arc<App>>, request: HeaderMap) -> Response {
    let directory = Arc::clone(&app.directory.read().unwrap_or_else(PoisonError::into_inner));
    let modified = directory.publication().unwrap_or_default().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let tag = format!("\"{}\"", hex::encode(directory.file_hash()));
    let known = |name| request.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let same = match known(header::IF_NONE_MATCH) {
        Some(tags) => tags.split(',').any(|one| one.trim().trim_start_matches("W/") == tag || one.trim() == "*"),
        None => known(header::IF_MODIFIED_SINCE) == Some(modified.as_str()),
    };
    let body = if same { Body::empty() } else { Body::from(directory.file().to_vec()) };
    let mut response = Response::new(body);
    if same {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let values = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "max-age=300"),
        (header::ETAG, &tag),
        (header::LAST_MODIFIED, &modified),
    ];
    for (name, value) in values {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response.extensions_mut().insert(About { kind: "bootstrap", tld: String::new(), kept: same });
    response
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (header::CACHE_CONTROL, "max-age=300"),
    ];
    (headers, PAGE).into_response()
}

/// 200 while questions can be answered, with what is wrong nevertheless; 503 before the first registry is known.
async fn health(State(app): State<Arc<App>>) -> Response {
    let directory = Arc::clone(&app.directory.read().unwrap_or_else(PoisonError::into_inner));
    let (registries, registrars) = directory.sizes();
    let mut troubles = app.troubles.read().unwrap_or_else(PoisonError::into_inner).clone();
    for chain in &app.lookup.chains {
        troubles.extend(chain.fault().map(|fault| (format!("registry of .{}", chain.tld.as_str()), fault)));
    }
    let status = if registries == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let body: Value = json!({
        "registries": registries,
        "registries_of_chains": directory.from_chain(),
        "registrars": registrars,
        "troubles": troubles,
    });
    (status, axum::Json(body)).into_response()
}

/// What is answered when a request took too long.
pub(crate) fn too_slow() -> Response {
    rdap(&Answer::error(504, "Too slow", "the answer was not ready in time"), "slow", "")
}
