//! Bootstrap files of RFC 9224: which base URLs a file gives to which TLD, and the file that entries come to.
//!
//! Pure. Published files lack a final slash here and there, and list `http` before `https`: both is mended and counted, as
//! contract `bootstrap` takes the one form that every client understands.

use crate::error::{CliError, Result};
use althing_interface::bootstrap::BaseUrls;
use althing_types::{
    codec::{List, Text},
    name::DomainName,
};
use reqwest::Url;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootstrapFile {
    /// Base URLs of each TLD.
    pub entries: BTreeMap<DomainName, BaseUrls>,
    /// TLDs of which a base URL was put into the form that contract `bootstrap` takes.
    pub mended: usize,
}

/// Reads a file.
///
/// # Errors
/// Code `bad_file`: it is no bootstrap file, has a TLD twice, a name that is no TLD, or a base URL that is none.
pub fn parse(file: &str, text: &str) -> Result<BootstrapFile> {
    read(text.trim_start_matches('\u{feff}')).map_err(|(field, reason)| {
        CliError::data("bad_file", format!("{file}: {reason}"))
            .field(field)
            .value(file)
            .rule("a bootstrap file for domains (RFC 9224): services of TLDs, each once, and base URLs")
    })
}

type Refused = (&'static str, String);

fn read(text: &str) -> std::result::Result<BootstrapFile, Refused> {
    let document: Value = serde_json::from_str(text).map_err(|e| ("FILE", e.to_string()))?;
    let version = document.get("version").and_then(Value::as_str).unwrap_or_default();
    if version != "1.0" {
        return Err(("version", format!("its version is '{version}', not '1.0'")));
    }
    let services =
        document.get("services").and_then(Value::as_array).ok_or(("services", "it has no services".into()))?;
    let mut out = BootstrapFile::default();
    for service in services {
        let list =
            |place: usize| -> Option<Vec<&str>> { service.get(place)?.as_array()?.iter().map(Value::as_str).collect() };
        let (Some(names), Some(urls)) = (list(0), list(1)) else {
            return Err(("services", format!("a service is no pair of lists of texts: {service}")));
        };
        let (urls, mended) = base_urls(&urls)?;
        for name in names {
            let tld = DomainName::parse(name).map_err(|e| ("services", format!("'{name}' is no name: {e}")))?;
            if tld.labels().count() != 1 {
                return Err(("services", format!("'{name}' is no TLD: it has not one label")));
            }
            out.mended = out.mended.saturating_add(usize::from(mended));
            if out.entries.insert(tld, urls.clone()).is_some() {
                return Err(("services", format!("'{name}' is there twice")));
            }
        }
    }
    if out.entries.is_empty() { Err(("services", "it has no entries".into())) } else { Ok(out) }
}

/// The base URLs of a service in canonical form, `https` first; whether that changed them.
fn base_urls(texts: &[&str]) -> std::result::Result<(BaseUrls, bool), Refused> {
    let mut urls: Vec<String> = Vec::new();
    for text in texts {
        let mut url = Url::parse(text).map_err(|e| ("services", format!("'{text}' is no URL: {e}")))?;
        if !url.path().ends_with('/') {
            let path = format!("{}/", url.path());
            url.set_path(&path);
        }
        let url = String::from(url);
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
    urls.sort_by_key(|url| !url.starts_with("https://"));
    let mended = !urls.iter().eq(texts.iter());
    if urls.is_empty() {
        return Err(("services", "a service has no base URL".into()));
    }
    let long = |what: &str, most: usize| ("services", format!("{}: more than {most} {what}", texts.join(" ")));
    let texts = urls.iter().map(|url| Text::new(url.as_str()).map_err(|e| long("bytes", e.maximum)));
    let texts = texts.collect::<std::result::Result<Vec<_>, _>>()?;
    Ok((List::new(texts).map_err(|e| long("base URLs", e.maximum))?, mended))
}

/// The file of some entries: TLDs with the same base URLs in one service, all in order, so that equal entries give equal
/// bytes. `publication` is a time as RFC 3339 writes it.
pub fn write(entries: &BTreeMap<DomainName, BaseUrls>, publication: &str, description: &str) -> Value {
    let mut services: BTreeMap<Vec<&str>, Vec<&str>> = BTreeMap::new();
    for (tld, urls) in entries {
        services.entry(urls.iter().map(|url| url.as_str()).collect()).or_default().push(tld.as_str());
    }
    let mut services: Vec<(Vec<&str>, Vec<&str>)> = services.into_iter().map(|(urls, names)| (names, urls)).collect();
    services.sort();
    json!({ "version": "1.0", "publication": publication, "description": description, "services": services })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"{"version":"1.0","publication":"2026-01-01T00:00:00Z","services":[
        [["lab","ALPHA"],["http://b.example/x","https://b.example/x/"]],
        [["beta"],["https://a.example/"]]]}"#;

    fn urls(file: &BootstrapFile, tld: &str) -> Vec<String> {
        file.entries[&DomainName::parse(tld).unwrap()].iter().map(ToString::to_string).collect()
    }

    #[test]
    fn base_urls_come_into_the_form_of_the_rfc() {
        let file = parse("f", FILE).unwrap();
        assert_eq!((file.entries.len(), file.mended), (3, 2));
        assert_eq!(urls(&file, "alpha"), ["https://b.example/x/", "http://b.example/x/"]);
        assert_eq!(urls(&file, "beta"), ["https://a.example/"]);
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        let mut file = parse("f", FILE).unwrap();
        let text = write(&file.entries, "2026-01-01T00:00:00Z", "d").to_string();
        file.mended = 0;
        assert_eq!(parse("g", &text).unwrap(), file);
    }

    #[test]
    fn a_damaged_file_is_refused_with_what_is_wrong() {
        for (from, to, why) in [
            ("1.0", "2.0", "version"),
            ("beta", "lab", "twice"),
            ("beta", "co.beta", "one label"),
            ("https://a.example/", "a.example", "no URL"),
            (r#"["https://a.example/"]"#, "[]", "no base URL"),
            (r#"["beta"]"#, r#""beta""#, "no pair"),
        ] {
            let error = parse("f", &FILE.replacen(from, to, 1)).unwrap_err();
            assert!(error.message.contains(why), "{why}: {}", error.message);
        }
    }
}
