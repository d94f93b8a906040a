//! Claims about the page for people, in a real browser: it shows the merged answer, whose word each part is, and what is
//! proven; and it can be used without seeing it.
//!
//! Passed over with a message when there is no Chromium.
use crate::{
    played_chain::{PlayedChain, Told, genesis},
    town::{Play, Town, registrar_answer, registry_answer},
};
use althing_rdap::config::ChainConfig;
use serde_json::json;
use std::{path::PathBuf, process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

fn chromium() -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|file| file.is_file());
    if found.is_none() {
        eprintln!("skipped: chromium is not installed");
    }
    found
}

/// What a browser made of a page: the document after its scripts ran, and what they wrote to the console.
struct Seen {
    document: String,
    console: Vec<String>,
}

async fn see(chromium: &PathBuf, url: &str) -> Seen {
    let profile = tempfile::tempdir().unwrap();
    let child = Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .args(["--no-proxy-server", "--disable-background-networking", "--enable-logging=stderr"])
        .args(["--virtual-time-budget=10000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let output = timeout(Duration::from_secs(180), child.wait_with_output()).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let console = text(&output.stderr).lines().filter(|line| line.contains("CONSOLE")).map(str::to_owned).collect();
    Seen { document: text(&output.stdout), console }
}

/// The text of each element of a kind, with marks taken away.
fn elements(document: &str, name: &str) -> Vec<String> {
    let starts = [format!("<{name}>"), format!("<{name} ")];
    let mut out = Vec::new();
    for start in starts {
        for after in document.split(start.as_str()).skip(1) {
            let inner = after.split_once(&format!("</{name}>")).map_or("", |(inner, _)| inner);
            let inner = if start.ends_with('>') { inner } else { inner.split_once('>').map_or("", |(_, text)| text) };
            let mut text = String::new();
            let mut inside = false;
            for character in inner.chars() {
                match character {
                    '<' => inside = true,
                    '>' => inside = false,
                    character if !inside => text.push(character),
                    _ => {}
                }
            }
            out.push(text);
        }
    }
    out
}

/// What stands in the part of the page that shows answers.
fn result(document: &str) -> String {
    let after = document.split_once("id=\"result\"").map_or("", |(_, after)| after);
    after.split_once("</section>").map_or("", |(inner, _)| inner).to_owned()
}

/// Rules that a page keeps which can be used by ear and keyboard.
fn accessible(document: &str) {
    assert!(document.contains("<html lang=\"en\">"));
    assert_eq!(elements(document, "title"), ["Domain lookup"]);
    assert_eq!(elements(document, "h1").len(), 1);
    assert_eq!(document.matches("<main>").count(), 1);
    for control in ["input", "select"] {
        for one in document.split(&format!("<{control} ")).skip(1) {
            let id = one.split_once("id=\"").unwrap().1.split_once('"').unwrap().0;
            assert!(document.contains(&format!("<label for=\"{id}\">")), "{control} {id} has no label");
        }
    }
    assert!(elements(document, "button").iter().all(|text| !text.trim().is_empty()));
    assert!(document.contains("aria-live=\"polite\""));
    // Headings go down step by step.
    let shown = document.split("<script>").next().unwrap();
    let levels: Vec<u32> = shown.split("<h").skip(1).filter_map(|text| text.chars().next()?.to_digit(10)).collect();
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    // Tables have a caption, and each head says what it is the head of.
    assert_eq!(shown.matches("<table>").count(), shown.matches("<caption>").count());
    assert_eq!(shown.matches("<th ").count(), shown.matches("<th scope=\"").count());
    assert_eq!(shown.matches("<th>").count(), 0);
    assert!(!shown.contains("<img") && !shown.contains("aria-busy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_the_merged_answer_its_origins_and_what_is_proven() {
    let Some(chromium) = chromium() else { return };
    let (chain, node) = PlayedChain::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("genesis.json");
    std::fs::write(&file, serde_json::to_vec(&genesis()).unwrap()).unwrap();
    let town = Town::with(|config| config.chains = vec![ChainConfig { nodes: vec![node], genesis: file }]).await;
    chain.set(Told::Truly, "lab", Some(&town.registry.url("/chained/")));
    let mut answer = registry_answer("example.lab", json!([]));
    answer["entities"][0]["vcardArray"][1][1][3] = json!("<script>document.title='taken'</script>");
    town.registry.on("/chained/domain/example.lab", Play::Rdap(answer));
    town.registrar.on("/registrar/domain/example.lab", Play::Rdap(registrar_answer("example.lab")));
    for _ in 0..500 {
        if town.get("/bootstrap/dns.json").await.text.contains("/chained/") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let whole = town.get("/domain/example.lab").await.json();
    assert_eq!(whole["althing_provenance"]["parts"][0]["found"]["origin"], "chain", "{whole}");
    for place in ["/?name=example.lab", "/#example.lab"] {
        let seen = see(&chromium, &town.url(place)).await;
        let shown = result(&seen.document);
        assert_eq!(elements(&shown, "h2"), ["example.lab"], "{place}: {}", seen.document);
        let captions = elements(&shown, "caption");
        assert_eq!(captions, ["Registration", "Contacts", "Held back", "Where it comes from"], "{place}");
        let cells = elements(&shown, "td").join("|");
        // A contact of the registrar beside one of the registry.
        assert!(cells.contains("Ada Lovelace|registrar") && cells.contains("D1-LAB|registry"), "{cells}");
        assert!(cells.contains("2030-01-01T00:00:00Z|registrar"), "{cells}");
        // The verdict, and where the other address is from.
        let root = whole["althing_provenance"]["parts"][0]["found"]["state_root"].as_str().unwrap();
        assert!(cells.contains(&format!("is under state root {root} of block")), "{cells}");
        assert!(cells.contains("IANA's file|not proven"), "{cells}");
        assert!(elements(&shown, "h3").contains(&"Seller's terms".to_owned()));
        // What others say is text.
        assert!(shown.contains("&lt;script&gt;document.title"), "{shown}");
        assert_eq!(seen.console, Vec::<String>::new(), "{place}");
        accessible(&seen.document);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_what_went_wrong() {
    let Some(chromium) = chromium() else { return };
    let town = Town::start().await;
    let empty = see(&chromium, &town.url("/")).await;
    assert_eq!((elements(&result(&empty.document), "h2").len(), empty.console), (0, vec![]));
    accessible(&empty.document);
    for (name, why) in [("none.lab", "404: Not found."), ("a..lab", "400: Malformed question.")] {
        let seen = see(&chromium, &town.url(&format!("/?name={name}"))).await;
        let shown = result(&seen.document);
        assert!(shown.contains("role=\"alert\"") && shown.contains("class=\"error\""), "{shown}");
        assert!(elements(&shown, "p").iter().any(|text| text.starts_with(why)), "{shown}");
        accessible(&seen.document);
    }
    // One that asks the registrar alone.
    town.known();
    let seen = see(&chromium, &town.url("/?name=example.lab&source=registrar")).await;
    assert!(seen.document.contains("Ada Lovelace") && !seen.document.contains("D1-LAB"));
}
