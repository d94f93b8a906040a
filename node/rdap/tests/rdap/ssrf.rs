//! Claims about where this node never connects, whoever names the place: a registry's entry on a chain or in IANA's file, a
//! redirect, a link to the registrar (hostile case 22).
//!
//! A listener on loopback counts connections. Each URL of one table is given at each of the places; a control shows that
//! the listener would count.
use crate::town::{Play, Server, Town, registry_answer};
use althing_interface::bootstrap::Entry;
use althing_rdap::{
    chain::{ChainView, ProofReference, Proven},
    directory::{Directory, Published},
    fetch::{FetchConfig, FetchFault, Fetcher},
    published::{File, Kind},
};
use althing_types::{
    codec::{List, Text},
    id::{Height, OrganisationId},
    name::DomainName,
};
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{HeaderMap, HeaderValue},
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::net::TcpListener;

/// An address of no special purpose that nobody has: its block is given to no registry of addresses.
const NOBODY: &str = "2d00::1";

/// Where the names of the table lead.
const NAMES: [(&str, &[&str]); 18] = [
    ("localhost", &["127.0.0.1", "::1"]),
    ("localhost.", &["127.0.0.1"]),
    ("inner.example", &["127.0.0.1"]),
    ("inner.example.", &["127.0.0.1"]),
    ("six.example", &["::1"]),
    ("meta.example", &["169.254.169.254"]),
    ("private.example", &["10.1.2.3"]),
    ("home.example", &["192.168.1.1"]),
    ("shared.example", &["100.64.0.1"]),
    ("unique.example", &["fd00:ec2::254"]),
    ("mapped.example", &["::ffff:127.0.0.1"]),
    ("nat64.example", &["64:ff9b::7f00:1"]),
    ("sixtofour.example", &["2002:7f00:1::1"]),
    ("zero.example", &["0.0.0.0"]),
    ("mixed.example", &[NOBODY, "127.0.0.1"]),
    ("mixed-first.example", &["127.0.0.1", NOBODY]),
    ("mixed-link.example", &[NOBODY, "fe80::1"]),
    ("evil.example", &["127.0.0.1"]),
];

/// URLs that lead inside, or that are no URLs; `{p}` is the port on which connections are counted.
const PLACES: [&str; 83] = [
    // Loopback, as addresses and in every way in which they are written.
    "https://127.0.0.1:{p}/",
    "https://127.0.0.1/",
    "https://127.0.0.2:{p}/",
    "https://127.255.255.254:{p}/",
    "https://[::1]:{p}/",
    "https://[0:0:0:0:0:0:0:1]:{p}/",
    "https://2130706433:{p}/",
    "https://0x7f000001:{p}/",
    "https://0x7f.1:{p}/",
    "https://017700000001:{p}/",
    "https://0177.0.0.1:{p}/",
    "https://127.1:{p}/",
    "https://127.0.1:{p}/",
    "https://127.0.0.1.:{p}/",
    "https://%31%32%37.0.0.1:{p}/",
    "https://\u{ff11}\u{ff12}\u{ff17}.0.0.1:{p}/",
    "https://127\u{3002}0\u{3002}0\u{3002}1:{p}/",
    "https://\u{2460}\u{2461}7.0.0.1:{p}/",
    "https:127.0.0.1:{p}/",
    "https:/127.0.0.1:{p}/",
    "https:///127.0.0.1:{p}/",
    "https:\\\\127.0.0.1:{p}\\",
    // IPv4 inside of IPv6.
    "https://[::ffff:127.0.0.1]:{p}/",
    "https://[::ffff:7f00:1]:{p}/",
    "https://[::127.0.0.1]:{p}/",
    "https://[::ffff:0:127.0.0.1]:{p}/",
    "https://[64:ff9b::127.0.0.1]:{p}/",
    "https://[64:ff9b:1::7f00:1]:{p}/",
    "https://[2002:7f00:1::1]:{p}/",
    "https://[2001:0:53aa:64c::1]:{p}/",
    "https://[::ffff:169.254.169.254]/",
    // Other networks of special purpose.
    "https://0.0.0.0:{p}/",
    "https://0:{p}/",
    "https://0.1.2.3/",
    "https://[::]:{p}/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://192.168.0.1/",
    "https://100.64.0.1/",
    "https://169.254.169.254/latest/",
    "https://192.0.0.170/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://[fc00::1]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://[100::1]/",
    // Names that lead there.
    "https://localhost:{p}/",
    "https://LOCALHOST:{p}/",
    "https://localhost.:{p}/",
    "https://inner.example:{p}/",
    "https://inner.example.:{p}/",
    "https://INNER.example:{p}/",
    "https://six.example:{p}/",
    "https://meta.example/",
    "https://private.example/",
    "https://home.example/",
    "https://shared.example/",
    "https://unique.example/",
    "https://mapped.example:{p}/",
    "https://nat64.example:{p}/",
    "https://sixtofour.example:{p}/",
    "https://zero.example:{p}/",
    "https://mixed.example:{p}/",
    "https://mixed-first.example:{p}/",
    "https://mixed-link.example:{p}/",
    // Whose host is not what it seems to be.
    "https://rdap.example@127.0.0.1:{p}/",
    "https://user:word@inner.example:{p}/",
    "https://rdap.example%40127.0.0.1:{p}/",
    "https://evil.example:{p}\\@rdap.example/",
    "https://127.0.0.1:{p}#@rdap.example/",
    "https://127.0.0.1:{p}?@rdap.example/",
    "https://127.0.0.1\n:{p}/",
    "https://inner.example\r\nHost: rdap.example:{p}/",
    // Other schemes and services.
    "http://127.0.0.1:{p}/",
    "http://inner.example:{p}/",
    "ftp://127.0.0.1:{p}/",
    "gopher://127.0.0.1:{p}/_GET",
    "https://inner.example:22/",
];

/// More of them, which no format string makes.
fn places(port: u16) -> Vec<String> {
    let mut all: Vec<String> = PLACES.iter().map(|place| place.replace("{p}", &port.to_string())).collect();
    all.extend([
        "file:///etc/passwd".into(),
        "data:application/rdap+json,{}".into(),
        "javascript:alert(1)".into(),
        format!("ws://127.0.0.1:{port}/"),
        format!("unix://127.0.0.1:{port}/"),
        "https://".into(),
        "//127.0.0.1/".into(),
        String::new(),
        format!("https://{}.example/", "a".repeat(300)),
        format!("https://127.0.0.1:{port}/{}", "a".repeat(4_000)),
        "https://127.0.0.1:65536/".into(),
        "https://127.0.0.1:0/".into(),
    ]);
    all
}

/// Counts connections to one port of every loopback address.
struct Counter {
    port: u16,
    count: Arc<AtomicUsize>,
}

impl Counter {
    async fn start() -> Self {
        let first = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = first.local_addr().unwrap().port();
        let count = Arc::new(AtomicUsize::new(0));
        let second = TcpListener::bind(("::1", port)).await.ok();
        for listener in [Some(first), second].into_iter().flatten() {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                while listener.accept().await.is_ok() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { port, count }
    }
    fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

fn hosts() -> BTreeMap<String, Vec<IpAddr>> {
    let addresses = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    NAMES.iter().map(|(name, texts)| ((*name).to_owned(), addresses(texts))).collect()
}

async fn town() -> Town {
    Town::with(|config| config.fetch.hosts = hosts()).await
}

/// What may be said of a place that was not asked. "Cannot be reached" is not among them: that is said after an attempt.
const REASONS: [&str; 4] =
    ["may not be asked", "does not fit the question", "no service of the registrar is known", "redirects without end"];

/// Asserts that an answer blames one of the reasons.
fn refused(hop: &str, place: &str, answer: &Value) {
    let said = [&answer["description"], &answer["notices"][0]["description"]];
    let said = said.into_iter().filter_map(|lines| lines[0].as_str()).collect::<String>();
    // A host name longer than the domain name system has: the resolver itself refuses it.
    let overlong = place.len() > 300 && said.contains("cannot be reached");
    assert!(overlong || REASONS.iter().any(|reason| said.contains(reason)), "{hop} {place:?}: {answer}");
}

/// A directory in which a chain says where `lab` is asked; `None` when no chain can hold that text.
fn chain_says(place: &str) -> Option<Directory> {
    let entry = Entry {
        urls: List::new(vec![Text::new(place).ok()?]).ok()?,
        by: OrganisationId::new("registry-1").unwrap(),
        revision: 1,
        changed: Height(9),
        changed_ms: 1,
    };
    let proof = ProofReference { chain: "root".into(), height: 9, block: "b".into(), state_root: "r".into() };
    let entry = Proven { value: entry, key: vec![1], proof: Arc::new(proof) };
    let entries = BTreeMap::from([(DomainName::parse("lab").unwrap(), entry)]);
    Some(Directory::new(&[Arc::new(ChainView { entries, ..ChainView::default() })], &Published::default()))
}

/// The same from IANA's file; `None` when the file is refused.
fn iana_says(place: &str) -> Option<Directory> {
    let file = json!({"version": "1.0", "publication": "2026-01-01T00:00:00Z", "services": [[["lab"], [place]]]});
    let File::Bootstrap(bootstrap) = File::parse(Kind::Bootstrap, file.to_string().as_bytes()).ok()? else { panic!() };
    Some(Directory::new(&[], &Published { bootstrap: Arc::new(bootstrap), ..Published::default() }))
}

fn put(town: &Town, directory: Directory) {
    *town.node.app.directory.write().unwrap() = Arc::new(directory);
    town.node.app.cache.invalidate_all();
}

#[tokio::test]
async fn no_entry_of_a_registry_leads_inside() {
    let (town, counter) = (town().await, Counter::start().await);
    let mut asked = [0, 0];
    for place in places(counter.port) {
        for (at, directory) in [chain_says(&place), iana_says(&place)].into_iter().enumerate() {
            let Some(directory) = directory else { continue };
            put(&town, directory);
            let reply = town.get("/domain/example.lab").await;
            assert!(matches!(reply.status, 502 | 404), "{place:?}: {}", reply.text);
            refused("registry", &place, &reply.json());
            asked[at] += 1;
        }
        assert_eq!(counter.count(), 0, "{place:?}");
    }
    assert!(asked[0] >= 60 && asked[1] >= 60, "{asked:?}");
}

#[tokio::test]
async fn no_redirect_leads_inside() {
    let (town, counter) = (town().await, Counter::start().await);
    let mut asked = 0;
    for place in places(counter.port) {
        // At once, and after two redirects that are good.
        let good = HeaderValue::from_str(&place).is_ok();
        let two = [("/registry/domain/example.lab", "/registry/a"), ("/registry/a", "/registry/b")];
        for (from, to) in two {
            town.registry.on(from, Play::To(to.into()));
        }
        for from in ["/registry/b", "/registry/domain/example.lab"] {
            if !good {
                continue;
            }
            town.registry.on(from, Play::To(place.clone()));
            town.node.app.cache.invalidate_all();
            let reply = town.get("/domain/example.lab").await;
            assert!(matches!(reply.status, 502 | 404), "{place:?}: {}", reply.text);
            if reply.status == 502 {
                refused("redirect", &place, &reply.json());
            }
            asked += 1;
        }
        assert_eq!(counter.count(), 0, "{place:?}");
    }
    assert!(asked >= 120, "{asked}");
}

#[tokio::test]
async fn no_link_to_a_registrar_leads_inside() {
    let (town, counter) = (town().await, Counter::start().await);
    for place in places(counter.port) {
        let links = json!([{"value": "x", "rel": "related", "href": place, "type": "application/rdap+json"}]);
        let mut answer = registry_answer("example.lab", links);
        // No registrar of the lists stands in for the link.
        answer["entities"][0]["publicIds"] = json!([]);
        town.registry.on("/registry/domain/example.lab", Play::Rdap(answer));
        town.node.app.cache.invalidate_all();
        let reply = town.get("/domain/example.lab").await;
        assert_eq!((reply.status, reply.notices()), (200, vec!["Registrar data are missing".to_owned()]), "{place:?}");
        refused("link", &place, &reply.json());
        // A redirect of the registrar is no way in either.
        if HeaderValue::from_str(&place).is_ok() {
            let links = json!([{"value": "x", "rel": "related", "href": town.registrar.url("/r"), "type": "application/rdap+json"}]);
            town.registry.on("/registry/domain/example.lab", Play::Rdap(registry_answer("example.lab", links)));
            town.registrar.on("/r", Play::To(place.clone()));
            town.node.app.cache.invalidate_all();
            let reply = town.get("/domain/example.lab").await;
            assert_eq!((reply.status, reply.notices().len()), (200, 1), "{place:?}");
        }
        assert_eq!(counter.count(), 0, "{place:?}");
    }
}

#[tokio::test]
async fn the_counter_counts_what_is_allowed() {
    let counter = Counter::start().await;
    let place = format!("127.0.0.1:{}", counter.port);
    let allow = place.clone();
    let town = Town::with(|config| config.fetch.allow.push(allow)).await;
    put(&town, chain_says(&format!("http://{place}/")).unwrap());
    assert_eq!(town.get("/domain/example.lab").await.status, 502);
    assert!(counter.count() >= 1);
}

/// A registry of ill will could make one question many, each of which asks that registry again.
#[tokio::test]
async fn the_node_does_not_ask_itself() {
    let counter = Counter::start().await;
    let own = format!("inner.example:{}", counter.port);
    let town = Town::with(|config| {
        config.fetch.hosts = hosts();
        config.fetch.allow.push(own.clone());
        config.public_url = format!("https://{own}/rdap/");
    })
    .await;
    let link = |place: &str| json!([{"value": "x", "rel": "related", "href": place, "type": "application/rdap+json"}]);
    for place in [format!("https://{own}/rdap/domain/other.lab"), format!("https://{own}/rdap/domain?x")] {
        town.registry.on("/registry/domain/example.lab", Play::Rdap(registry_answer("example.lab", link(&place))));
        town.node.app.cache.invalidate_all();
        refused("link", &place, &town.get("/domain/example.lab").await.json());
        town.registry.on("/registry/domain/example.lab", Play::To(place.clone()));
        town.node.app.cache.invalidate_all();
        refused("redirect", &place, &town.get("/domain/example.lab").await.json());
    }
    assert_eq!(counter.count(), 0);
    // Another service of the same host is asked.
    let place = format!("https://{own}/registrar/domain/example.lab");
    town.registry.on("/registry/domain/example.lab", Play::Rdap(registry_answer("example.lab", link(&place))));
    town.node.app.cache.invalidate_all();
    assert_eq!(town.get("/domain/example.lab").await.notices(), ["Registrar data are missing"]);
    assert!(counter.count() >= 1);
}

/// A resolver that says one thing after the other.
struct Fickle {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Resolve for Fickle {
    fn resolve(&self, _: Name) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap();
        let now = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        let now: Vec<SocketAddr> = now.unwrap().into_iter().map(|address| SocketAddr::new(address, 0)).collect();
        Box::pin(async move { Ok(Box::new(now.into_iter()) as Addrs) })
    }
}

#[tokio::test]
async fn what_was_checked_is_what_is_connected_to() {
    let counter = Counter::start().await;
    let inside: IpAddr = "127.0.0.1".parse().unwrap();
    let fickle = Arc::new(Fickle {
        answers: Mutex::new(VecDeque::from([vec![NOBODY.parse().unwrap()], vec![inside]])),
        asked: AtomicUsize::new(0),
    });
    let config = FetchConfig { deadline_ms: 700, connect_ms: 300, ..FetchConfig::default() };
    let fetcher = Fetcher::with_resolver(config, &[], Arc::clone(&fickle) as Arc<dyn Resolve>).unwrap();
    let url = Url::parse(&format!("https://rebinding.example:{}/", counter.port)).unwrap();
    // The first answer is one to connect to; whatever comes of it, the name is not resolved again for the connection.
    let first = fetcher.fetch(&url, HeaderMap::new(), 1_000).await.unwrap_err();
    assert!(matches!(first, FetchFault::Transport { .. } | FetchFault::Late { .. }), "{first}");
    assert_eq!((fickle.asked.load(Ordering::SeqCst), counter.count()), (1, 0));
    let second = fetcher.fetch(&url, HeaderMap::new(), 1_000).await.unwrap_err();
    assert!(matches!(&second, FetchFault::Forbidden { rule, .. } if rule.contains("loopback")), "{second}");
    assert_eq!(counter.count(), 0);
}

#[tokio::test]
async fn an_allowed_place_opens_no_other_one() {
    let (server, counter) = (Server::start().await, Counter::start().await);
    server.on("/", Play::Rdap(json!({})));
    let allowed = format!("inner.example:{}", server.address.port());
    let config = FetchConfig {
        deadline_ms: 700,
        connect_ms: 300,
        allow: vec![allowed.clone()],
        hosts: hosts(),
        ..FetchConfig::default()
    };
    let fetcher = Fetcher::new(config, &[]).unwrap();
    let ask = async |place: String| fetcher.fetch(&Url::parse(&place).unwrap(), HeaderMap::new(), 1_000).await;
    assert!(ask(format!("http://{allowed}/")).await.is_ok());
    // Another port of the host, another name of the address, the address itself, the host with a final dot.
    for place in [
        format!("https://inner.example:{}/", counter.port),
        format!("http://inner.example:{}/", counter.port),
        format!("http://evil.example:{}/", server.address.port()),
        format!("https://evil.example:{}/", server.address.port()),
        format!("https://127.0.0.1:{}/", server.address.port()),
        format!("https://inner.example.:{}/", server.address.port()),
    ] {
        let fault = ask(place.clone()).await.unwrap_err();
        assert!(matches!(fault, FetchFault::Forbidden { .. }), "{place}: {fault}");
    }
    assert_eq!(counter.count(), 0);
    assert_eq!(server.asked().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["/".to_owned()]));
    assert_eq!(server.asked().len(), 1);
}
