//! Claims about searches (RFC 9082 3.2, 4.1; RFC 9083 8).
use crate::town::{Play, Town};
use serde_json::{Value, json};

fn results(names: &[&str]) -> Value {
    let results: Vec<Value> =
        names.iter().map(|name| json!({"objectClassName": "domain", "ldhName": name, "status": ["active"]})).collect();
    json!({"rdapConformance": ["rdap_level_0"], "domainSearchResults": results})
}

fn listed(answer: &Value, member: &str, name: &str) -> Vec<String> {
    let results = answer[member].as_array().unwrap();
    results.iter().map(|result| result[name].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_search_within_a_tld_is_its_registry_s_to_answer() {
    let town = Town::start().await;
    town.registry.on("/registry/domains", Play::Cached(results(&["example.lab", "EXAM.lab"]), "max-age=90"));
    let reply = town.get("/domains?name=Exam*.LAB&source=registry").await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, "max-age=90"), "{}", reply.text);
    assert_eq!(town.registry.asked(), ["/registry/domains?name=exam*.lab"]);
    let answer = reply.json();
    assert_eq!(listed(&answer, "domainSearchResults", "ldhName"), ["example.lab", "EXAM.lab"]);
    let part = &answer["althing_provenance"]["parts"][0];
    assert_eq!((part["part"].as_str(), part["found"]["origin"].as_str()), (Some("registry"), Some("iana")));
    assert!(icann_rdap_common::response::RdapResponse::try_from(answer).is_ok());
    // The same question in other letters is answered from the cache.
    assert_eq!(town.get("/domains?name=exam*.lab.&source=registry").await.status, 200);
    assert_eq!(town.registry.asked().len(), 1);
    let by_host = town.get("/domains?nsLdhName=ns1.exam*.lab").await;
    assert_eq!((by_host.status, by_host.notices()), (200, vec!["One registry".to_owned()]));
    assert!(town.registry.asked().contains(&"/registry/domains?nsLdhName=ns1.exam*.lab".to_owned()));
    let nameservers = json!({"rdapConformance": ["rdap_level_0"], "nameserverSearchResults": [
        {"objectClassName": "nameserver", "ldhName": "ns1.example.lab"}]});
    town.registry.on("/registry/nameservers", Play::Rdap(nameservers));
    let answer = town.get("/nameservers?name=ns*.example.lab").await.json();
    assert_eq!(listed(&answer, "nameserverSearchResults", "ldhName"), ["ns1.example.lab"]);
}

#[tokio::test]
async fn results_that_were_not_searched_for_are_not_passed_on() {
    let town = Town::start().await;
    for (play, status) in [
        (Play::Rdap(results(&["example.lab", "other.lab"])), 502),
        (Play::Rdap(results(&["example.net"])), 502),
        (Play::Rdap(json!({"rdapConformance": ["rdap_level_0"]})), 502),
        (Play::Rdap(json!({"domainSearchResults": [{"objectClassName": "entity", "handle": "x"}]})), 502),
        (Play::Html("<html>"), 502),
        (Play::Long(2 << 20), 502),
        (Play::Hang, 504),
        (Play::Busy, 503),
        (Play::To("http://169.254.169.254/latest/".into()), 502),
        (Play::Status(500), 502),
        (Play::Status(404), 404),
        (Play::Status(400), 501),
        (Play::Status(501), 501),
        (Play::Status(422), 422),
    ] {
        town.registry.on("/registry/domains", play.clone());
        town.node.app.cache.invalidate_all();
        let reply = town.get("/domains?name=exam*.lab").await;
        assert_eq!((reply.status, &reply.json()["errorCode"]), (status, &json!(status)), "{play:?}");
        assert!(!reply.text.contains("169.254"));
    }
}

#[tokio::test]
async fn more_results_than_the_limit_are_left_out_with_a_notice() {
    let town = Town::with(|config| config.limits.results = 2).await;
    town.registry.on("/registry/domains", Play::Rdap(results(&["exam.lab", "example.lab", "exams.lab"])));
    let reply = town.get("/domains?name=exam*.lab").await;
    assert_eq!(listed(&reply.json(), "domainSearchResults", "ldhName"), ["exam.lab", "example.lab"]);
    assert_eq!(reply.notices(), ["Results are left out"]);
    let kind = reply.json()["notices"][0]["type"].clone();
    assert_eq!(kind, "result set truncated due to unexplainable reasons");
}

#[tokio::test]
async fn what_nobody_could_answer_is_told_without_asking_anybody() {
    let town = Town::start().await;
    for (path, status) in [
        ("/domains", 400),
        ("/domains?name=", 400),
        ("/domains?fn=x", 400),
        ("/domains?name=a*.lab&name=b*.lab", 400),
        ("/domains?name=a*.lab&nsIp=192.0.2.1", 400),
        ("/domains?name=a*.lab&source=all", 400),
        ("/domains?nsIp=192.0.2", 400),
        ("/domains?name=a*..lab", 400),
        ("/domains?name=*a*.lab", 422),
        ("/domains?name=exam*", 422),
        ("/domains?name=ex*le.lab", 422),
        // Two registries are known, and an address is of none of them.
        ("/domains?nsIp=192.0.2.1", 422),
        ("/nameservers?ip=2001:db8::1", 422),
        ("/nameservers?fn=x", 400),
        ("/entities?name=x", 400),
        ("/entities?fn=a*b", 422),
        ("/domains?name=exam*.unknown", 404),
        ("/domains?name=exam*.lab&source=registrar", 501),
    ] {
        let reply = town.get(path).await;
        assert_eq!((reply.status, &reply.json()["errorCode"]), (status, &json!(status)), "{path}: {}", reply.text);
    }
    assert!(town.registry.asked().is_empty() && town.registrar.asked().is_empty());
}

#[tokio::test]
async fn registrars_are_searched_in_what_this_node_knows() {
    let town = Town::start().await;
    for path in
        ["/entities?fn=sell*", "/entities?fn=Seller,%20Ltd.", "/entities?handle=7", "/entities?fn=seller%20lim*"]
    {
        let reply = town.get(path).await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let answer = reply.json();
        assert_eq!(listed(&answer, "entitySearchResults", "handle"), ["7"], "{path}");
        let part = &answer["althing_provenance"]["parts"][0];
        assert_eq!(
            (&part["found"]["origin"], &part["members"]),
            (&json!("iana"), &json!(["$.entitySearchResults[0]"]))
        );
        assert!(answer["entitySearchResults"][0].get("althing_provenance").is_none());
        assert!(icann_rdap_common::response::RdapResponse::try_from(answer).is_ok());
    }
    let all = town.get("/entities?fn=*").await.json();
    assert_eq!(listed(&all, "entitySearchResults", "handle"), ["7", "9"]);
    assert_eq!(all["althing_provenance"]["parts"][0]["members"].as_array().unwrap().len(), 2);
    assert_eq!(town.get("/entities?handle=8*").await.status, 404);
    let few = Town::with(|config| config.limits.results = 1).await;
    let reply = few.get("/entities?fn=*").await;
    assert_eq!(listed(&reply.json(), "entitySearchResults", "handle"), ["7"]);
    assert_eq!(reply.notices(), ["Results are left out"]);
}

#[tokio::test]
async fn one_registry_alone_is_asked_for_addresses_too() {
    let town = Town::start().await;
    let one = json!({
        "version": "1.0", "publication": "2026-02-01T00:00:00Z",
        "services": [[["lab"], [town.registry.url("/registry/")]]]
    });
    let file = town.folder.path().join("one.json");
    std::fs::write(&file, one.to_string()).unwrap();
    let allow = town.registry.address.to_string();
    let alone = Town::with(|config| {
        config.published.bootstrap = Some(file.display().to_string());
        config.fetch.allow = vec![allow];
    })
    .await;
    town.registry.on("/registry/domains", Play::Rdap(results(&["example.lab"])));
    let reply = alone.get("/domains?nsIp=2001:DB8::1").await;
    assert_eq!((reply.status, reply.notices()), (200, vec!["One registry".to_owned()]), "{}", reply.text);
    assert_eq!(town.registry.asked(), ["/registry/domains?nsIp=2001%3Adb8%3A%3A1"]);
}
