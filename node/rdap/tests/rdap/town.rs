//! A node with registries and registrars that are played by the test, on loopback.

use althing_rdap::{
    config::{Config, Limits, Tier, UserConfig},
    fetch::FetchConfig,
    run::{self, Running},
};
use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use serde_json::{Value, json};
use sha3::{Digest, Sha3_256};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::net::TcpListener;

/// What a played server answers on one path.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// An RDAP answer.
    Rdap(Value),
    /// The same, with `Cache-Control`.
    Cached(Value, &'static str),
    /// Another media type.
    Html(&'static str),
    /// A status.
    Status(u16),
    /// Too many questions.
    Busy,
    /// A redirect.
    To(String),
    /// So many bytes of JSON.
    Long(usize),
    /// Nothing, for a long time.
    Hang,
}

/// A played server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    plays: Arc<Mutex<BTreeMap<String, Play>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// A server that knows nothing.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on_listener(listener.local_addr().unwrap(), listener)
    }
    /// A server that knows nothing, on this listener.
    pub(crate) fn on_listener<L: axum::serve::Listener<Addr: std::fmt::Debug>>(
        address: SocketAddr,
        listener: L,
    ) -> Self {
        let server = Self { address, plays: Arc::default(), asked: Arc::default() };
        let router = Router::new().fallback(play).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        server
    }
    /// Sets the answer on a path.
    pub(crate) fn on(&self, path: &str, play: Play) {
        self.plays.lock().unwrap().insert(path.into(), play);
    }
    /// Paths that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
    /// A URL of this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn play(State(server): State<Server>, uri: Uri) -> Response {
    server.asked.lock().unwrap().push(uri.to_string());
    let found = server.plays.lock().unwrap().get(uri.path()).cloned();
    let mut headers = HeaderMap::new();
    let mut status = StatusCode::OK;
    let mut media = "application/rdap+json";
    let body = match found.unwrap_or(Play::Status(404)) {
        Play::Rdap(value) => value.to_string(),
        Play::Cached(value, control) => {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
            value.to_string()
        }
        Play::Html(text) => {
            media = "text/html";
            text.to_owned()
        }
        Play::Status(number) => {
            status = StatusCode::from_u16(number).unwrap();
            String::new()
        }
        Play::Busy => {
            status = StatusCode::TOO_MANY_REQUESTS;
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("77"));
            String::new()
        }
        Play::To(place) => {
            status = StatusCode::FOUND;
            headers.insert(header::LOCATION, HeaderValue::from_str(&place).unwrap());
            String::new()
        }
        Play::Long(bytes) => format!("{{\"a\":\"{}\"}}", "x".repeat(bytes)),
        Play::Hang => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            String::new()
        }
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().extend(headers);
    response
}

/// A contact's card.
pub(crate) fn card(name: &str) -> Value {
    json!(["vcard", [["version", {}, "text", "4.0"], ["fn", {}, "text", name]]])
}

/// A registry's answer about a domain; `links` as given.
pub(crate) fn registry_answer(name: &str, links: Value) -> Value {
    json!({
        "rdapConformance": ["rdap_level_0", "redacted"],
        "objectClassName": "domain", "handle": "D1-LAB", "ldhName": name, "status": ["active"],
        "nameservers": [{"objectClassName": "nameserver", "ldhName": "ns1.nic.lab"}],
        "secureDNS": {"delegationSigned": false},
        "links": links,
        "events": [{"eventAction": "registration", "eventDate": "2020-01-01T00:00:00Z"}],
        "entities": [
            {"objectClassName": "entity", "handle": "7", "roles": ["registrar"], "vcardArray": card("Seller Ltd."),
             "publicIds": [{"type": "IANA Registrar ID", "identifier": "7"}]},
            {"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card("")}
        ],
        "redacted": [{"name": {"description": "Registrant Name"}, "postPath": "$.entities[1].vcardArray[1][1][3]",
                      "method": "emptyValue", "pathLang": "jsonpath"}]
    })
}

/// A registrar's answer about a domain.
pub(crate) fn registrar_answer(name: &str) -> Value {
    json!({
        "rdapConformance": ["rdap_level_0"],
        "objectClassName": "domain", "handle": "R1", "ldhName": name, "status": ["locked"],
        "events": [{"eventAction": "registrar expiration", "eventDate": "2030-01-01T00:00:00Z"}],
        "entities": [{"objectClassName": "entity", "roles": ["registrant"], "vcardArray": card("Ada Lovelace")}],
        "notices": [{"title": "Seller's terms", "description": ["Be kind."]}]
    })
}

/// A node, a registry at `/registry/`, a registrar at `/registrar/`, and the files that lead to them.
pub(crate) struct Town {
    pub(crate) registry: Server,
    pub(crate) registrar: Server,
    pub(crate) node: Running,
    pub(crate) folder: tempfile::TempDir,
    http: reqwest::Client,
}

/// An answer of the node.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    /// Titles of the notices.
    pub(crate) fn notices(&self) -> Vec<String> {
        let json = self.json();
        let notices = json["notices"].as_array().cloned().unwrap_or_default();
        notices.iter().map(|notice| notice["title"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// The files of IANA and ICANN for a town.
pub(crate) fn write_files(folder: &std::path::Path, registry: &str, registrar: &str) {
    let bootstrap = json!({
        "version": "1.0", "publication": "2026-01-01T00:00:00Z",
        "services": [[["lab"], [registry]], [["down"], ["http://127.0.0.1:1/"]]]
    });
    std::fs::write(folder.join("dns.json"), bootstrap.to_string()).unwrap();
    let ids = format!(
        "\u{feff}ID,Registrar Name,Status,RDAP Base URL\n7,\"Seller, Ltd.\",Accredited,{registrar}\n9,Gone,Terminated,{registrar}\n"
    );
    std::fs::write(folder.join("registrar-ids.csv"), ids).unwrap();
    let accredited = "Registrar Name,IANA Number,Country/Territory,Public Contact,Link\nSeller Limited,7,Iceland,desk@seller.example,https://seller.example\n";
    std::fs::write(folder.join("accredited.csv"), accredited).unwrap();
}

impl Town {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A town with another configuration of its node.
    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let (registry, registrar) = (Server::start().await, Server::start().await);
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path(), &registry.url("/registry/"), &registrar.url("/registrar/"));
        let place = |name: &str| Some(folder.path().join(name).display().to_string());
        let text = format!(
            "listen = \"127.0.0.1:0\"\nstate = {:?}\npublic_url = \"https://rdap.test/\"",
            folder.path().join("state")
        );
        let file = folder.path().join("rdap.toml");
        std::fs::write(&file, format!("{text}\n[published]\nbootstrap = \"dns.json\"\n")).unwrap();
        let mut config = Config::read(&file).unwrap();
        config.published.registrar_ids = place("registrar-ids.csv");
        config.published.accredited = place("accredited.csv");
        config.fetch = FetchConfig {
            deadline_ms: 700,
            connect_ms: 300,
            allow: vec![registry.address.to_string(), registrar.address.to_string(), "127.0.0.1:1".into()],
            ..FetchConfig::default()
        };
        config.limits = Limits {
            per_second: 10_000,
            burst: 10_000,
            tiers: vec![Tier { name: "gold".into(), per_second: 1_000, burst: 1_000 }],
            ..Limits::default()
        };
        config.users = vec![UserConfig {
            name: "user".into(),
            key_sha3: hex::encode(Sha3_256::digest(b"secret")),
            tier: "gold".into(),
        }];
        change(&mut config);
        let node = run::start(&config).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let town = Self { registry, registrar, node, folder, http };
        for _ in 0..200 {
            if town.get("/healthz").await.status == 200 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        town
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.node.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(self.http.get(self.url(path))).await
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Reply { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Registry and registrar know `example.lab`.
    pub(crate) fn known(&self) {
        self.registry.on("/registry/domain/example.lab", Play::Rdap(registry_answer("example.lab", json!([]))));
        self.registrar.on("/registrar/domain/example.lab", Play::Rdap(registrar_answer("example.lab")));
    }
}
