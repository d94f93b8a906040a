//! Claims about real RDAP clients, each with its bootstrap pointed at this node's file: they find the registry by it, and
//! understand this node's own answers.
//!
//! `docs/rdap_clients.sh` installs the clients. Those that are missing are passed over with a message, unless
//! `ALTHING_REQUIRE_RDAP_CLIENTS` is set. Everything speaks TLS with the test's own authority.
use crate::{
    secure::{SecureTown, Shown},
    town::{Play, registrar_answer, registry_answer},
};
use serde_json::{Value, json};
use std::{ffi::OsString, path::PathBuf, process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// Longest run of a client.
const LONGEST: Duration = Duration::from_secs(120);

/// A program of the tools folder; `None` when it is not installed.
fn tool(path: &str) -> Option<PathBuf> {
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/althing-tools");
    let folder = std::env::var_os("ALTHING_CI_TOOLS").map_or_else(home, PathBuf::from);
    let found = Some(folder.join(path)).filter(|file| file.exists());
    if found.is_none() {
        assert!(std::env::var_os("ALTHING_REQUIRE_RDAP_CLIENTS").is_none(), "{path} is not installed");
        eprintln!("skipped: {path} is not installed; see docs/rdap_clients.sh");
    }
    found
}

/// Registry and registrar that know two names; the second has a TLD of the public suffix list, which one client asks for.
async fn town() -> SecureTown {
    let town = SecureTown::start(Shown::Good, Shown::Good).await;
    for name in ["example.lab", "example.museum"] {
        let registrar = format!("https://localhost:{}/registrar/domain/{name}", town.registrar.address.port());
        let links = json!([{
            "value": town.url(&format!("/domain/{name}")), "rel": "related", "href": registrar,
            "type": "application/rdap+json"
        }]);
        town.registry.on(&format!("/registry/domain/{name}"), Play::Rdap(registry_answer(name, links)));
        town.registrar.on(&format!("/registrar/domain/{name}"), Play::Rdap(registrar_answer(name)));
    }
    town
}

/// Runs a client that trusts the town's authority; gives what it printed, or says why it failed.
async fn run(town: &SecureTown, program: &PathBuf, arguments: &[&str], input: &str) -> Result<String, String> {
    let folder = town.folder.path();
    let mut child = Command::new(program)
        .args(arguments)
        .env("HOME", folder)
        .env("XDG_CONFIG_HOME", folder.join("config"))
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("SSL_CERT_FILE", &town.authority)
        .env("REQUESTS_CA_BUNDLE", &town.authority)
        .env("NODE_EXTRA_CA_CERTS", &town.authority)
        .envs(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, OsString::new())))
        .env("no_proxy", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).await.unwrap();
    drop(stdin);
    let output = timeout(LONGEST, child.wait_with_output()).await.map_err(|_| "too slow".to_owned())?;
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr)))
    }
}

/// Puts this node's bootstrap file where ICANN's client looks before it looks into IANA's; and, in the place of IANA's, a
/// kept copy that leads nowhere, because the client fetches that one from IANA when it has none.
async fn bootstrap(town: &SecureTown) {
    let (config, kept) = (town.folder.path().join("config"), town.folder.path().join("cache/bootstrap_cache"));
    std::fs::create_dir_all(&config).unwrap();
    std::fs::create_dir_all(&kept).unwrap();
    let file = town.http.get(town.url("/bootstrap/dns.json")).send().await.unwrap().text().await.unwrap();
    std::fs::write(config.join("dns.json"), file).unwrap();
    let received = chrono::Utc::now().to_rfc3339();
    let head = json!({
        "content_length": null, "content_type": "application/json", "scheme": "https", "host": "data.iana.org",
        "expires": null, "cache_control": "max-age=86400", "received": received, "status_code": 200, "location": null,
        "access_control_allow_origin": null, "access_control_allow_credentials": null,
        "strict_transport_security": null, "retry_after": null, "request_uri": null
    });
    let nowhere = json!([[["lab"], ["https://rdap.invalid/"]]]);
    let body = json!({"version": "1.0", "publication": "2026-01-01T00:00:00Z", "description": "", "services": nowhere});
    std::fs::write(kept.join("dns.json"), format!("{head}\n---\n{body}")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn icann_s_client_finds_the_registry_and_reads_merged_answers() {
    let Some(rdap) = tool("bin/rdap") else { return };
    let town = town().await;
    bootstrap(&town).await;
    let printed = run(&town, &rdap, &["-N", "-O", "json", "example.lab"], "").await.unwrap();
    let found: Value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}"));
    assert!(printed.contains("D1-LAB"), "{found:#}");
    assert!(town.registry.asked().iter().any(|path| path == "/registry/domain/example.lab"));
    // This node in the place of the registry.
    let base = town.url("");
    let own = ["-N", "-O", "json", "-B", &base];
    let merged = run(&town, &rdap, &[&own[..], &["example.lab"]].concat(), "").await.unwrap();
    assert!(merged.contains("Ada Lovelace") && merged.contains("althing_provenance"), "{merged}");
    let registrar = run(&town, &rdap, &[&own[..], &["-t", "entity", "7"]].concat(), "").await.unwrap();
    assert!(registrar.contains("IANA Registrar ID"), "{registrar}");
    let shown = run(&town, &rdap, &["-N", "-O", "rendered-markdown", "-B", &base, "example.lab"], "").await.unwrap();
    assert!(shown.to_lowercase().contains("example.lab") && shown.contains("Ada Lovelace"), "{shown}");
    let help = run(&town, &rdap, &[&own[..], &["-S"]].concat(), "").await;
    assert!(help.as_ref().is_ok_and(|text| text.contains("What this server answers")), "{help:?}");
    // An error is told as one.
    let absent = run(&town, &rdap, &[&own[..], &["none.lab"]].concat(), "").await;
    let absent = absent.unwrap_or_else(|text| text);
    assert!(absent.contains("404"), "{absent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn icann_s_checks_find_no_error_in_answers() {
    let Some(check) = tool("bin/rdap-test") else { return };
    let town = town().await;
    for path in ["/domain/example.lab", "/domain/example.lab?source=registry", "/entity/7", "/help"] {
        let answer = town.http.get(town.url(path)).send().await.unwrap().text().await.unwrap();
        let arguments = ["-O", "json", "-C", "error", "-C", "std95-error", "-E", "--stdin"];
        let checked = run(&town, &check, &arguments, &answer).await;
        assert!(checked.is_ok(), "{path}: {checked:?}");
    }
    // It would find one.
    let bad =
        json!({"rdapConformance": ["rdap_level_0"], "objectClassName": "domain", "ldhName": "a..lab", "links": [{}]});
    let arguments = ["-O", "json", "-C", "error", "-C", "std95-error", "--stdin"];
    assert!(run(&town, &check, &arguments, &bad.to_string()).await.is_err());
}

const WHOISIT: &str = r#"
import json, sys, requests, whoisit
base = sys.argv[1]
other = {"services": [[["65536"], ["https://rdap.invalid/"]]]}
def load(dns):
    whoisit.clear_bootstrapping()
    nets = [("ipv4", "192.0.2.0/24"), ("ipv6", "2001:db8::/32")]
    data = {"timestamp": 1, "dns": dns, "asn": other, "object": other}
    data.update({n: {"services": [[[net], ["https://rdap.invalid/"]]]} for n, net in nets})
    whoisit.load_bootstrap_data(data, from_json=False)
dns = requests.get(base + "/bootstrap/dns.json", timeout=10).json()
load(dns)
registry = whoisit.domain("example.lab", follow_related=False)
load({"services": [[["lab"], [base + "/"]]]})
merged = whoisit.domain("example.lab", follow_related=False)
names = {role: [e.get("name") for e in es] for role, es in merged["entities"].items()}
print(json.dumps([registry["handle"], registry["status"], merged["handle"], names], default=str))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn whoisit_finds_the_registry_and_reads_merged_answers() {
    let Some(python) = tool("rdap-python/bin/python") else { return };
    let town = town().await;
    let printed = run(&town, &python, &["-c", WHOISIT, &town.url("")], "").await.unwrap();
    let found: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&found[0], &found[1], &found[2]), (&json!("D1-LAB"), &json!(["active"]), &json!("D1-LAB")), "{found}");
    assert!(found[3]["registrant"].as_array().unwrap().contains(&json!("Ada Lovelace")), "{found}");
}

const RDAP: &str = r#"
import json, sys, rdap
client = rdap.RdapClient({"bootstrap_url": sys.argv[1], "timeout": 10})
domain = client.get_domain("example.lab")
entity = client.get_entity("7")
print(json.dumps([domain.data, domain.name, entity.data["handle"]]))
try:
    client.get_domain("none.lab")
except rdap.exceptions.RdapNotFoundError as error:
    print(json.dumps("not found"))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn python_s_rdap_reads_merged_answers() {
    let Some(python) = tool("rdap-python/bin/python") else { return };
    let town = town().await;
    let printed = run(&town, &python, &["-c", RDAP, &town.url("")], "").await.unwrap();
    let mut lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found = lines.next().unwrap();
    assert_eq!((&found[0]["handle"], &found[2]), (&json!("D1-LAB"), &json!("7")), "{found}");
    assert!(found[0]["althing_provenance"]["parts"].as_array().is_some_and(|parts| parts.len() == 2), "{found}");
    assert_eq!(lines.next(), Some(json!("not found")));
}

const RDAPPER: &str = r#"
const [file, base] = process.argv.slice(-2);
const { lookup } = await import(file);
const one = await lookup("example.museum", { rdapOnly: true, customBootstrapUrl: base + "/bootstrap/dns.json" });
const own = { version: "1.0", services: [[["museum"], [base + "/"]]] };
const two = await lookup("example.museum", { rdapOnly: true, customBootstrapData: own, rdapFollowLinks: false });
console.log(JSON.stringify([one, two]));
"#;

#[tokio::test(flavor = "multi_thread")]
async fn rdapper_finds_the_registry_and_reads_merged_answers() {
    let Some(module) = tool("rdap-node/node_modules/rdapper/dist/index.mjs") else { return };
    let town = town().await;
    let (node, module) = (PathBuf::from("node"), format!("file://{}", module.display()));
    let arguments = ["--input-type=module", "-e", RDAPPER, "--", &module, &town.url("")];
    let printed = run(&town, &node, &arguments, "").await.unwrap();
    let found: Value = serde_json::from_str(&printed).unwrap();
    for one in [&found[0], &found[1]] {
        let (ok, record) = (&one["ok"], &one["record"]);
        assert_eq!(
            (ok, &record["domain"], &record["isRegistered"]),
            (&json!(true), &json!("example.museum"), &json!(true))
        );
        assert_eq!(record["source"], "rdap", "{one:#}");
        assert!(record["registrar"]["name"].as_str().is_some_and(|name| name.contains("Seller")), "{one:#}");
    }
    assert!(town.registry.asked().iter().any(|path| path == "/registry/domain/example.museum"));
    assert!(found[1].to_string().contains("Ada Lovelace"), "{found:#}");
}
