//! `althing ca` as its operator sees it, and its certificates as openssl does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use serde_json::Value;
use std::{
    path::Path,
    process::{Command, Output},
};

fn althing(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_althing"))
        .args(arguments)
        .arg("--json")
        .env("ALTHING_HOME", home)
        .env("ALTHING_PASSPHRASE", "correct horse")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap()
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    let output = althing(home, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(home: &Path, arguments: &[&str]) -> (i32, Value) {
    let output = althing(home, arguments);
    let error = serde_json::from_slice::<Value>(&output.stderr).unwrap()["error"].clone();
    (output.status.code().unwrap(), error)
}

const KEY: &str = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29";

const ISSUE: [&str; 12] = [
    "ca",
    "issue",
    "--organisation",
    "alpha",
    "--kind",
    "registry",
    "--usage",
    "node",
    "--node-id",
    KEY,
    "--tld",
    "xn--p1ai",
];

fn authority() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    json(home.path(), &["ca", "init", "--organisation", "consortium", "--years", "5"]);
    home
}

#[test]
fn an_authority_issues_lists_shows_and_revokes() {
    let home = authority();
    let out = home.path().join("node.crt");
    let file = out.to_str().unwrap();
    let issued = json(home.path(), &[&ISSUE[..], &["--tld", "lab", "--out", file]].concat());
    assert_eq!(
        (&issued["organisation"], &issued["kind"], &issued["usage"]),
        (&"alpha".into(), &"registry".into(), &"node".into())
    );
    assert_eq!((&issued["subject"], &issued["tlds"]), (&KEY.into(), &serde_json::json!(["lab.", "xn--p1ai."])));
    let shown = json(home.path(), &["ca", "show", file]);
    assert_eq!((&shown["good"], &shown["serial"]), (&true.into(), &issued["serial"]));
    let serial = issued["serial"].as_str().unwrap();
    assert_eq!(json(home.path(), &["ca", "list"])["issued"][0]["facts"]["serial"], serial);

    assert_eq!(json(home.path(), &["ca", "revoke", serial, "--reason", "key lost"])["serial"], serial);
    let shown = json(home.path(), &["ca", "show", file]);
    assert_eq!((&shown["good"], &shown["revoked"]), (&false.into(), &"key lost".into()));
    assert_eq!(json(home.path(), &["ca", "list"])["issued"][0]["revoked"]["reason"], "key lost");
    let (exit, error) = refused(home.path(), &["ca", "revoke", serial, "--reason", "again"]);
    assert_eq!((exit, &error["code"]), (2, &"already_revoked".into()));
}

#[test]
fn a_certificate_of_another_authority_is_shown_as_not_good() {
    let (home, other) = (authority(), authority());
    let file = home.path().join("key.crt");
    let file = file.to_str().unwrap();
    json(home.path(), &[&ISSUE[..], &["--out", file]].concat());
    let shown = json(other.path(), &["ca", "show", file]);
    assert_eq!((&shown["good"], &shown["refused"]["code"]), (&false.into(), &"wrong_issuer".into()));
    let root = home.path().join("ca/ca.crt");
    assert_eq!(json(other.path(), &["ca", "show", file, "--root", root.to_str().unwrap()])["good"], true);
    assert_eq!(
        json(other.path(), &["ca", "show", root.to_str().unwrap()])["name"],
        "O=consortium, CN=consortium authority"
    );
}

#[test]
fn the_authority_s_key_is_encrypted_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt;
    let home = authority();
    let key = home.path().join("ca/ca.json");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let before = std::fs::read(&key).unwrap();
    let (exit, error) = refused(home.path(), &["ca", "init"]);
    assert_eq!((exit, &error["code"]), (2, &"authority_exists".into()));
    assert_eq!(std::fs::read(&key).unwrap(), before);
    let wrong = Command::new(env!("CARGO_BIN_EXE_althing"))
        .args(ISSUE)
        .env("ALTHING_HOME", home.path())
        .env("ALTHING_PASSPHRASE", "wrong")
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(8));
    assert_eq!(json(home.path(), &["ca", "list"])["issued"], serde_json::json!([]));
}

#[test]
fn what_breaks_a_rule_is_refused_with_code_field_and_rule() {
    let home = authority();
    let empty = tempfile::tempdir().unwrap();
    let text = empty.path().join("text");
    std::fs::write(&text, "no certificate").unwrap();
    let text = text.to_str().unwrap();
    let with = |more: &[&'static str]| [&ISSUE[..], more].concat();
    let key = |more: &[&'static str]| [&ISSUE[..8], more].concat();
    for (home, arguments, exit, code) in [
        (home.path(), with(&["--registrar", "292"]), 2, "bad_name"),
        (home.path(), with(&["--tld", "a.b"]), 2, "usage"),
        (home.path(), with(&["--kind", "king"]), 2, "usage"),
        (home.path(), with(&["--public-key", KEY]), 2, "usage"),
        (home.path(), with(&["--common-name", ""]), 2, "bad_common_name"),
        (home.path(), with(&["--days", "3650"]), 2, "expired"),
        (home.path(), key(&["--key", "nobody"]), 7, "no_such_key"),
        (home.path(), key(&[]), 2, "usage"),
        (
            home.path(),
            vec!["ca", "issue", "--organisation", "a", "--kind", "isp", "--usage", "key", "--node-id", KEY],
            2,
            "bad_usage",
        ),
        (home.path(), vec!["ca", "revoke", "00", "--reason", "x"], 7, "no_such_certificate"),
        (home.path(), vec!["ca", "revoke", "00", "--reason", " "], 2, "bad_reason"),
        (home.path(), vec!["ca", "show", text], 9, "bad_file"),
        (empty.path(), with(&[]), 7, "no_authority"),
        (empty.path(), vec!["ca", "list"], 7, "no_authority"),
    ] {
        let arguments: Vec<&str> = arguments.iter().map(|a| &**a).collect();
        let (found, error) = refused(home, &arguments);
        assert_eq!((found, &error["code"]), (exit, &code.into()), "{arguments:?}: {error}");
        assert!(error["message"].is_string() && (code == "usage" || error["rule"].is_string()), "{error}");
    }
}

/// Openssl, when it is there.
fn openssl(arguments: &[&str]) -> Option<String> {
    let output = Command::new("openssl").args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

#[test]
fn openssl_reads_verifies_and_asks_for_certificates() {
    let home = authority();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let (file, root, private, request) = (path("node.crt"), path("ca/ca.crt"), path("own.pem"), path("own.csr"));
    json(home.path(), &[&ISSUE[..], &["--out", &file]].concat());
    let Some(text) = openssl(&["x509", "-in", &file, "-noout", "-text"]) else {
        eprintln!("openssl is not there: nothing is compared");
        return;
    };
    for wanted in [
        "URI:althing:organisation:alpha",
        "URI:althing:kind:registry",
        "URI:althing:usage:node",
        "URI:althing:tld:xn--p1ai",
        "O = alpha",
        "CA:FALSE",
        "Digital Signature",
        "ED25519",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    let verified = openssl(&["verify", "-x509_strict", "-CAfile", &root, &file]).unwrap();
    assert!(verified.contains("OK"), "{verified}");
    // A key that openssl made, by its request.
    openssl(&["genpkey", "-algorithm", "ED25519", "-out", &private]).unwrap();
    openssl(&["req", "-new", "-key", &private, "-subj", "/O=anything", "-out", &request]).unwrap();
    let own = path("own.crt");
    let arguments =
        ["ca", "issue", "--organisation", "beta", "--kind", "registrar", "--usage", "key", "--registrar", "292"];
    let issued = json(home.path(), &[&arguments[..], &["--csr", &request, "--out", &own]].concat());
    assert_eq!(issued["registrar"], 292);
    assert!(openssl(&["verify", "-x509_strict", "-CAfile", &root, &own]).unwrap().contains("OK"));
    let public =
        openssl(&["pkey", "-in", &private, "-pubout", "-outform", "DER", "-out", &path("own.der")]).map(|_| ());
    assert!(public.is_some());
    let der = std::fs::read(path("own.der")).unwrap();
    assert_eq!(issued["subject"], der[der.len() - 32..].iter().map(|b| format!("{b:02x}")).collect::<String>());
}

#[test]
fn an_authority_that_openssl_made_is_trusted_too() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let Some(_) = openssl(&["genpkey", "-algorithm", "ED25519", "-out", &path("root.key")]) else { return };
    std::fs::write(path("leaf.ext"), "basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\nsubjectAltName=URI:althing:organisation:alpha,URI:althing:kind:isp,URI:althing:usage:key\n").unwrap();
    openssl(&[
        "req",
        "-x509",
        "-new",
        "-key",
        &path("root.key"),
        "-subj",
        "/O=others/CN=root",
        "-days",
        "30",
        "-out",
        &path("root.crt"),
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    ])
    .unwrap();
    openssl(&["genpkey", "-algorithm", "ED25519", "-out", &path("leaf.key")]).unwrap();
    openssl(&["req", "-new", "-key", &path("leaf.key"), "-subj", "/O=alpha/CN=x", "-out", &path("leaf.csr")]).unwrap();
    openssl(&[
        "x509",
        "-req",
        "-in",
        &path("leaf.csr"),
        "-CA",
        &path("root.crt"),
        "-CAkey",
        &path("root.key"),
        "-CAcreateserial",
        "-days",
        "20",
        "-extfile",
        &path("leaf.ext"),
        "-out",
        &path("leaf.crt"),
    ])
    .unwrap();
    let shown = json(home.path(), &["ca", "show", &path("leaf.crt"), "--root", &path("root.crt")]);
    assert_eq!((&shown["good"], &shown["organisation"]), (&true.into(), &"alpha".into()), "{shown}");
}
