//! Claims about answers, with a registry and a registrar that the test plays (D 4.4; hostile cases 21 to 25).
use crate::town::{Play, Town, registrar_answer, registry_answer};
use serde_json::{Value, json};

fn names(answer: &Value) -> Vec<String> {
    let entities = answer["entities"].as_array().unwrap();
    entities.iter().map(|entity| entity["vcardArray"][1][1][3].as_str().unwrap().to_owned()).collect()
}

fn parts(answer: &Value) -> Vec<String> {
    let parts = answer["althing_provenance"]["parts"].as_array().unwrap();
    parts
        .iter()
        .map(|part| format!("{} {}", part["part"].as_str().unwrap(), part["found"]["origin"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn registry_and_registrar_are_merged_with_their_origins() {
    let town = Town::start().await;
    town.known();
    let reply = town.get("/domain/Example.LAB.").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/rdap+json"));
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    let answer = reply.json();
    assert_eq!(names(&answer), ["Seller Ltd.", "", "Ada Lovelace"]);
    assert_eq!((answer["handle"].as_str(), &answer["status"]), (Some("D1-LAB"), &json!(["active"])));
    assert_eq!(answer["redacted"].as_array().unwrap().len(), 1);
    assert_eq!(parts(&answer), ["registry iana", "registrar iana"]);
    let members = answer["althing_provenance"]["parts"][1]["members"].clone();
    assert_eq!(members, json!(["$.entities[2]", "$.events[1]", "$.notices[0]"]));
    let conformance = answer["rdapConformance"].as_array().unwrap();
    assert!(conformance.contains(&json!("althing_provenance")) && conformance.contains(&json!("redacted")));
    // What it says is RDAP to ICANN's own reader.
    assert!(icann_rdap_common::response::RdapResponse::try_from(answer).is_ok());
}

#[tokio::test]
async fn one_of_them_can_be_asked_alone() {
    let town = Town::start().await;
    town.known();
    let registry = town.get("/domain/example.lab?source=registry").await.json();
    assert_eq!((names(&registry).len(), parts(&registry)), (2, vec!["registry iana".to_owned()]));
    assert!(town.registrar.asked().is_empty());
    let registrar = town.get("/domain/example.lab?source=registrar").await.json();
    assert_eq!((registrar["handle"].as_str(), parts(&registrar)), (Some("R1"), vec!["registrar iana".to_owned()]));
    for bad in ["?source=all", "?source=registry&source=both", "?source="] {
        assert_eq!(town.get(&format!("/domain/example.lab{bad}")).await.status, 400, "{bad}");
    }
    // Other parameters are passed over (RFC 7480 4.3).
    assert_eq!(town.get("/domain/example.lab?jsonp=1").await.status, 200);
}

#[tokio::test]
async fn a_link_in_the_registry_s_answer_leads_to_the_registrar() {
    let town = Town::start().await;
    let link = |href: String| json!([{"value": "x", "rel": "related", "href": href, "type": "application/rdap+json"}]);
    let href = town.registrar.url("/elsewhere/EXAMPLE.LAB");
    town.registry.on("/registry/domain/example.lab", Play::Rdap(registry_answer("example.lab", link(href))));
    town.registrar.on("/elsewhere/EXAMPLE.LAB", Play::Rdap(registrar_answer("EXAMPLE.LAB.")));
    let answer = town.get("/domain/example.lab").await.json();
    assert_eq!(parts(&answer), ["registry iana", "registrar link"]);
}

#[tokio::test]
async fn malformed_questions_are_told_so_and_nobody_is_asked() {
    let town = Town::start().await;
    let long = format!("/domain/{}.lab", "a".repeat(64));
    for path in [
        "/domain/a..lab",
        "/domain/-a.lab",
        "/domain/ab--cd.lab",
        "/domain/xn--a.lab",
        "/domain/a%00.lab",
        "/domain/%2F..",
        "/domain/b%C3%BCcher.xn--p1acf",
        "/domain/p%D0%B0ypal.lab",
        "/domain/%F0%9F%98%80.lab",
        "/domain/a%E2%80%8Db.lab",
        "/domain/*a*.lab",
        "/nameserver/a..lab",
        "/entity/GODADDY",
        "/autnum/AS1",
        "/ip/1.2.3",
        "/ip/::/129",
        "/domains",
        "/domain/%ff.lab",
        &long,
    ] {
        let reply = town.get(path).await;
        assert_eq!(reply.status, 400, "{path}: {}", reply.text);
        assert_eq!(reply.json()["errorCode"], 400, "{path}");
    }
    assert_eq!(town.get("/domains?name=*a*").await.status, 422);
    assert_eq!(town.get("/ip/192.0.2.1").await.status, 501);
    assert_eq!(town.get("/unknown/path").await.status, 404);
    assert_eq!(town.get("/domain/example.unknown").await.status, 404);
    assert!(town.registry.asked().is_empty());
    for text in ["/domain/b%C3%BCcher.lab", "/domain/B%C3%9CCHER%E3%80%82lab", "/domain/xn--bcher-kva.LAB."] {
        assert_eq!(town.get(text).await.status, 404, "{text}");
    }
    assert!(town.registry.asked().iter().all(|path| path == "/registry/domain/xn--bcher-kva.lab"));
}

#[tokio::test]
async fn a_registrar_that_fails_leaves_the_registry_s_answer_with_a_notice() {
    let town = Town::start().await;
    let path = "/registrar/domain/example.lab";
    for (play, why) in [
        (Play::Rdap(registrar_answer("other.lab")), "does not fit"),
        (Play::Long(10 << 20), "too long"),
        (Play::Html("<html>"), "does not fit"),
        (Play::Busy, "no more questions"),
        (Play::Hang, "in time"),
        (Play::Status(500), "error"),
        (Play::Status(404), "no such object"),
        (Play::To("http://169.254.169.254/latest/meta-data/".into()), "may not be asked"),
        (Play::To("file:///etc/passwd".into()), "may not be asked"),
        (Play::To(town.registrar.url(path)), "redirects"),
        (Play::Rdap(json!([1, 2])), "does not fit"),
        (Play::Rdap(json!({"objectClassName": "domain", "ldhName": "example.lab", "entities": 5})), "does not fit"),
    ] {
        town.known();
        town.registrar.on(path, play.clone());
        town.node.app.cache.invalidate_all();
        let reply = town.get("/domain/example.lab").await;
        assert_eq!((reply.status, reply.notices()), (200, vec!["Registrar data are missing".to_owned()]), "{play:?}");
        let answer = reply.json();
        let text = answer["notices"][0]["description"][0].as_str().unwrap();
        assert!(text.contains(why), "{play:?}: {text}");
        assert!(!reply.text.contains("127.0.0.1:1/") && !text.contains("169.254"), "{text}");
        assert_eq!(names(&answer), ["Seller Ltd.", ""]);
        let alone = town.get("/domain/example.lab?source=registrar").await.status;
        assert!(matches!(alone, 404 | 502..=504), "{play:?}: {alone}");
    }
}

#[tokio::test]
async fn a_link_into_the_node_s_own_network_is_not_followed() {
    let town = Town::start().await;
    for href in [
        "http://169.254.169.254/domain/example.lab",
        "https://169.254.169.254/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://localhost/",
        "ftp://a.example/",
        "http://example.com/",
        "https://user:word@example.com/",
        "https://example.com:22/",
        "gopher://127.0.0.1:6379/",
    ] {
        let links = json!([{"value": "x", "rel": "related", "href": href, "type": "application/rdap+json"}]);
        town.registry.on("/registry/domain/example.lab", Play::Rdap(registry_answer("example.lab", links)));
        town.node.app.cache.invalidate_all();
        let reply = town.get("/domain/example.lab").await;
        assert_eq!((reply.status, reply.notices().len()), (200, 1), "{href}");
        assert!(town.registrar.asked().is_empty(), "{href}");
    }
}

#[tokio::test]
async fn a_registry_that_fails_is_a_gateway_error() {
    let town = Town::start().await;
    for (play, status) in [
        (Play::Status(404), 404),
        (Play::Status(500), 502),
        (Play::Html("<html>"), 502),
        (Play::Rdap(registry_answer("other.lab", json!([]))), 502),
        (Play::Long(2 << 20), 502),
        (Play::Hang, 504),
        (Play::Busy, 503),
    ] {
        town.registry.on("/registry/domain/example.lab", play.clone());
        town.node.app.cache.invalidate_all();
        let reply = town.get("/domain/example.lab").await;
        assert_eq!(reply.status, status, "{play:?}");
        assert_eq!(reply.json()["errorCode"], status);
        if status == 503 {
            assert_eq!(reply.header("retry-after"), "77");
        }
    }
    assert_eq!(town.get("/domain/example.down").await.status, 502);
}

#[tokio::test]
async fn at_most_three_redirects_are_followed() {
    let town = Town::start().await;
    let at = |n: usize| format!("/registry/hop{n}");
    town.registry.on("/registry/domain/example.lab", Play::To(at(1)));
    for n in 1..6 {
        town.registry.on(&at(n), Play::To(at(n + 1)));
    }
    town.registry.on(&at(3), Play::Rdap(registry_answer("example.lab", json!([]))));
    assert_eq!(town.get("/domain/example.lab?source=registry").await.status, 200);
    town.registry.on(&at(3), Play::To(at(4)));
    town.registry.on(&at(4), Play::Rdap(registry_answer("example.lab", json!([]))));
    town.node.app.cache.invalidate_all();
    assert_eq!(town.get("/domain/example.lab?source=registry").await.status, 502);
}

#[tokio::test]
async fn answers_are_kept_as_long_as_their_servers_say() {
    let town = Town::start().await;
    let path = "/registry/domain/example.lab";
    let ask = async || town.get("/domain/example.lab?source=registry").await;
    town.registry.on(path, Play::Cached(registry_answer("example.lab", json!([])), "max-age=120"));
    assert_eq!(ask().await.header("cache-control"), "max-age=120");
    ask().await;
    assert_eq!(town.registry.asked().len(), 1);
    town.node.app.cache.invalidate_all();
    town.registry.on(path, Play::Cached(registry_answer("example.lab", json!([])), "no-store"));
    assert_eq!(ask().await.header("cache-control"), "no-store");
    ask().await;
    assert_eq!(town.registry.asked().len(), 3);
}

#[tokio::test]
async fn equal_questions_at_one_time_are_asked_once() {
    let town = Town::start().await;
    town.known();
    let asks = (0..20).map(|_| town.get("/domain/example.lab"));
    let replies = futures_of(asks).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!((town.registry.asked().len(), town.registrar.asked().len()), (1, 1));
}

/// All of them, at one time.
async fn futures_of<T>(asks: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut asks: Vec<_> = asks.map(Box::pin).collect();
    let mut out: Vec<Option<T>> = asks.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (ask, out) in asks.iter_mut().zip(&mut out) {
            if out.is_none()
                && let std::task::Poll::Ready(done) = ask.as_mut().poll(cx)
            {
                *out = Some(done);
            }
        }
        if out.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    out.into_iter().flatten().collect()
}

#[tokio::test]
async fn keys_rates_and_methods_are_held_to() {
    let town = Town::with(|config| (config.limits.per_second, config.limits.burst) = (1, 60)).await;
    town.known();
    let with = |key: &str| town.http().get(town.url("/domain/example.lab")).header("authorization", key.to_owned());
    assert_eq!(town.send(with("Bearer secret")).await.status, 200);
    let denied = town.send(with("Bearer wrong")).await;
    assert_eq!((denied.status, denied.header("www-authenticate")), (401, "Bearer"));
    let posted = town.send(town.http().post(town.url("/domain/example.lab"))).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD, OPTIONS"));
    let head = town.send(town.http().head(town.url("/domain/example.lab"))).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let preflight = town.http().request(reqwest::Method::OPTIONS, town.url("/domain/example.lab"));
    assert_eq!(town.send(preflight).await.status, 204);
    let mut last = town.get("/help").await;
    for _ in 0..80 {
        last = town.get("/help").await;
    }
    assert_eq!((last.status, last.json()["errorCode"].clone()), (429, json!(429)));
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(town.send(with("Bearer secret")).await.status, 200);
    // Those who watch it are not limited.
    assert_eq!(town.get("/healthz").await.status, 200);
    assert!(town.get("/metrics").await.text.contains("althing_rdap_answers_total{kind=\"denied\",status=\"429\"}"));
}

#[tokio::test]
async fn too_many_connections_are_closed() {
    let town = Town::with(|config| config.limits.connections_per_address = 4).await;
    let mut held = Vec::new();
    for _ in 0..12 {
        held.push(tokio::net::TcpStream::connect(town.node.address).await.unwrap());
    }
    let mut closed = 0;
    for stream in &mut held {
        use tokio::io::AsyncReadExt;
        let read = tokio::time::timeout(std::time::Duration::from_millis(200), stream.read(&mut [0; 1])).await;
        closed += usize::from(matches!(read, Ok(Ok(0) | Err(_))));
    }
    assert!((8..=12).contains(&closed), "{closed}");
}

#[tokio::test]
async fn help_registrars_nameservers_and_the_page_are_there() {
    let town = Town::with(|config| config.elsewhere.autnum = Some("https://rdap.arin.net/registry/".into())).await;
    let help = town.get("/help").await.json();
    assert!(icann_rdap_common::response::RdapResponse::try_from(help).is_ok());
    let entity = town.get("/entity/7").await.json();
    assert_eq!(entity["vcardArray"][1][1][3], "Seller, Ltd.");
    assert!(entity["remarks"][0]["description"][0].as_str().unwrap().contains("Seller Limited"));
    assert!(icann_rdap_common::response::RdapResponse::try_from(entity).is_ok());
    assert_eq!(town.get("/entity/9").await.json()["status"], json!(["removed"]));
    assert_eq!(town.get("/entity/8").await.status, 404);
    let server =
        json!({"rdapConformance": ["rdap_level_0"], "objectClassName": "nameserver", "ldhName": "ns1.nic.lab"});
    town.registry.on("/registry/nameserver/ns1.nic.lab", Play::Rdap(server));
    assert_eq!(parts(&town.get("/nameserver/ns1.nic.lab").await.json()), ["registry iana"]);
    let redirect = town.get("/autnum/64512").await;
    assert_eq!((redirect.status, redirect.header("location")), (307, "https://rdap.arin.net/registry/autnum/64512"));
    let page = town.get("/").await;
    assert!(
        page.text.contains("<label for=\"name\">")
            && page.header("content-security-policy").contains("default-src 'none'")
    );
}

#[tokio::test]
async fn nobody_can_speak_for_this_node() {
    let town = Town::start().await;
    let mut answer = registry_answer("example.lab", json!([]));
    answer["althing_provenance"] = json!({"parts": [{"part": "registry", "found": {"origin": "chain"}}]});
    answer["rdapConformance"] = json!(["rdap_level_0", "althing_provenance", "redacted"]);
    town.registry.on("/registry/domain/example.lab", Play::Rdap(answer));
    let answer = town.get("/domain/example.lab?source=registry").await.json();
    assert_eq!(parts(&answer), ["registry iana"]);
    assert_eq!(answer["rdapConformance"], json!(["rdap_level_0", "redacted", "althing_provenance"]));
}
