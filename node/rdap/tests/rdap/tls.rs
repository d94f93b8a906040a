//! Claims about TLS, on both sides: whose certificates are believed, and what the node itself shows.
use crate::{
    secure::{SecureTown, Shown, certificate, server, trusted},
    town::{Play, registrar_answer, registry_answer},
};
use althing_rdap::{
    fetch::{FetchConfig, FetchFault, Fetcher},
    serve,
};
use reqwest::{Url, header::HeaderMap};
use serde_json::json;

/// Registry and registrar know `example.lab`.
fn known(town: &SecureTown) {
    town.registry.on("/registry/domain/example.lab", Play::Rdap(registry_answer("example.lab", json!([]))));
    town.registrar.on("/registrar/domain/example.lab", Play::Rdap(registrar_answer("example.lab")));
}

const BAD: [Shown; 4] = [Shown::OtherName, Shown::Expired, Shown::OtherAuthority, Shown::SelfSigned];

#[tokio::test]
async fn good_certificates_are_believed() {
    let town = SecureTown::start(Shown::Good, Shown::Good).await;
    known(&town);
    let (status, answer) = town.get("/domain/example.lab").await;
    assert_eq!((status, answer["entities"].as_array().unwrap().len()), (200, 3), "{answer}");
    let url = answer["althing_provenance"]["parts"][1]["url"].as_str().unwrap();
    assert!(url.starts_with("https://localhost:"), "{url}");
}

#[tokio::test]
async fn a_registry_with_another_certificate_is_asked_nothing() {
    for shown in BAD {
        let town = SecureTown::start(shown, Shown::Good).await;
        known(&town);
        let (status, answer) = town.get("/domain/example.lab").await;
        assert_eq!((status, answer["errorCode"].as_u64()), (502, Some(502)), "{shown:?}: {answer}");
        assert!(answer["description"][0].as_str().unwrap().contains("cannot be reached"), "{shown:?}: {answer}");
        assert!(town.registry.asked().is_empty() && town.registrar.asked().is_empty(), "{shown:?}");
        town.node.stop().await;
    }
}

#[tokio::test]
async fn a_registrar_with_another_certificate_is_asked_nothing() {
    for shown in BAD {
        let town = SecureTown::start(Shown::Good, shown).await;
        known(&town);
        let (status, answer) = town.get("/domain/example.lab").await;
        assert_eq!(status, 200, "{shown:?}: {answer}");
        assert_eq!(answer["notices"][0]["title"], "Registrar data are missing", "{shown:?}");
        assert_eq!((town.registry.asked().len(), town.registrar.asked().len()), (1, 0), "{shown:?}");
        town.node.stop().await;
    }
}

#[tokio::test]
async fn no_redirect_leads_from_https_to_http() {
    let folder = tempfile::tempdir().unwrap();
    let authority = std::fs::read(trusted(folder.path())).unwrap();
    let secure = server(&certificate(folder.path(), Shown::Good)).await;
    let plain = crate::town::Server::start().await;
    plain.on("/", Play::Rdap(json!({})));
    let at = format!("localhost:{}", secure.address.port());
    let allow = vec![at.clone(), plain.address.to_string()];
    let hosts = [("localhost".to_owned(), vec!["127.0.0.1".parse().unwrap()])].into();
    let fetcher = Fetcher::new(FetchConfig { allow, hosts, ..FetchConfig::default() }, &[authority]).unwrap();
    secure.on("/down", Play::To(plain.url("/")));
    secure.on("/same", Play::To("/down".into()));
    for path in ["/down", "/same"] {
        let url = Url::parse(&format!("https://{at}{path}")).unwrap();
        let fault = fetcher.fetch(&url, HeaderMap::new(), 1_000).await.unwrap_err();
        assert!(matches!(&fault, FetchFault::Forbidden { rule, .. } if rule.contains("from https")), "{path}: {fault}");
    }
    assert!(plain.asked().is_empty());
    // Asked at once, that place is one of the closed network.
    assert!(fetcher.fetch(&Url::parse(&plain.url("/")).unwrap(), HeaderMap::new(), 1_000).await.is_ok());
}

#[tokio::test]
async fn the_node_shows_its_certificate_and_speaks_nothing_else() {
    let town = SecureTown::start(Shown::Good, Shown::Good).await;
    assert_eq!(town.get("/help").await.0, 200);
    // Who does not know the authority is warned.
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    let refused = stranger.get(town.url("/help")).send().await.unwrap_err();
    assert!(format!("{refused:?}").contains("UnknownIssuer"), "{refused:?}");
    let plain = format!("http://{}/help", town.node.address);
    assert!(stranger.get(plain).send().await.is_err());
    // It goes on for others.
    assert_eq!(town.get("/help").await.0, 200);
}

#[test]
fn a_certificate_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = certificate(folder.path(), Shown::Good);
    let refused = |tls: &althing_rdap::config::TlsConfig| match serve::acceptor(tls) {
        Ok(_) => panic!("{tls:?} is taken"),
        Err(fault) => fault.to_string(),
    };
    let mut other = good.clone();
    other.key = folder.path().join("no.key");
    assert!(refused(&other).starts_with("R502 ") && refused(&other).contains("no.key"), "{}", refused(&other));
    // A key that is not the certificate's.
    std::fs::write(&other.key, std::fs::read(&good.certificates).unwrap()).unwrap();
    assert!(refused(&other).starts_with("R502 "), "{}", refused(&other));
    std::fs::write(&other.certificates, "nothing").unwrap();
    assert!(refused(&good).starts_with("R502 "), "{}", refused(&good));
    assert!(serve::acceptor(&certificate(folder.path(), Shown::Good)).is_ok());
}
