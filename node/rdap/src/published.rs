//! What IANA and ICANN publish, read strictly: RFC 9224 bootstrap file, registrar ids, accredited registrars (D 4.1).
//!
//! | file | mended | refused as a whole |
//! |---|---|---|
//! | bootstrap (JSON) | a missing final slash, upper case in TLDs, `https` before `http` | no services, a TLD twice, a URL that is none |
//! | registrar ids (CSV) | byte order mark, spaces around fields, a missing final slash | an id twice, an unknown status, missing columns |
//! | accredited (CSV) | the same | an id twice, missing columns |
//!
//! A file that is refused, is older than the last good one, or lost more than a tenth of its entries changes nothing.

use crate::error::{RdapFault, Result};
use althing_interface::bootstrap::RegistrarStatus;
use althing_types::name::DomainName;
use chrono::{DateTime, Utc};
use reqwest::Url;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Most entries of one file.
const MAX_ENTRIES: usize = 100_000;

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The bootstrap file for domains.
    Bootstrap,
    /// A file of the same form for TLDs that the first one lacks, or a list of ccTLDs with their servers.
    Supplement,
    /// Registrar ids.
    RegistrarIds,
    /// Accredited registrars.
    Accredited,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Bootstrap, Self::Supplement, Self::RegistrarIds, Self::Accredited];
    /// Its name in messages, metrics and the state folder.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Supplement => "supplement",
            Self::RegistrarIds => "registrar_ids",
            Self::Accredited => "accredited",
        }
    }
}

/// A bootstrap file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bootstrap {
    /// Time of publication; `None` where the form has none.
    pub publication: Option<DateTime<Utc>>,
    /// Base URLs by entry, `https` first.
    pub entries: BTreeMap<DomainName, Vec<Url>>,
}

/// What IANA says of a registrar id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrarId {
    /// Name.
    pub name: String,
    /// Status.
    pub status: RegistrarStatus,
    /// Base URL.
    pub url: Option<Url>,
}

/// What ICANN says of an accredited registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accredited {
    /// Name.
    pub name: String,
    /// Country or territory.
    pub country: String,
    /// Public contact.
    pub contact: String,
    /// Web site.
    pub link: String,
}

/// One file as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum File {
    /// Bootstrap or supplement.
    Bootstrap(Bootstrap),
    /// Registrar ids.
    RegistrarIds(BTreeMap<u32, RegistrarId>),
    /// Accredited registrars.
    Accredited(BTreeMap<u32, Accredited>),
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// [`RdapFault::Published`] says what is wrong and where.
    pub fn parse(kind: Kind, bytes: &[u8]) -> Result<Self> {
        let refuse = |reason| RdapFault::Published { what: kind.text(), reason };
        match kind {
            Kind::Bootstrap => bootstrap(bytes).map(Self::Bootstrap).map_err(refuse),
            Kind::Supplement => supplement(bytes).map(Self::Bootstrap).map_err(refuse),
            Kind::RegistrarIds => registrar_ids(bytes).map(Self::RegistrarIds).map_err(refuse),
            Kind::Accredited => accredited(bytes).map(Self::Accredited).map_err(refuse),
        }
    }
    /// Entries.
    pub fn len(&self) -> usize {
        match self {
            Self::Bootstrap(file) => file.entries.len(),
            Self::RegistrarIds(ids) => ids.len(),
            Self::Accredited(registrars) => registrars.len(),
        }
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Time of publication, where the file names one.
    pub fn publication(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Bootstrap(file) => file.publication,
            _ => None,
        }
    }
    /// Whether this may take the place of an earlier one.
    ///
    /// # Errors
    /// [`RdapFault::Published`].
    pub fn may_follow(&self, kind: Kind, earlier: &Self) -> Result<()> {
        let refuse = |reason| Err(RdapFault::Published { what: kind.text(), reason });
        if let (Some(new), Some(old)) = (self.publication(), earlier.publication())
            && new < old
        {
            return refuse(format!("published {new}, older than the one in use, published {old}"));
        }
        let least = earlier.len().saturating_sub(earlier.len() / 10);
        if self.len() < least {
            return refuse(format!("{} entries in place of {}: more than a tenth is gone", self.len(), earlier.len()));
        }
        Ok(())
    }
}

/// A base URL in the form that RFC 9224 asks for.
fn base_url(text: &str) -> Result<Url, String> {
    let text = text.trim();
    let mended = if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
    let url = Url::parse(&mended).map_err(|error| format!("base URL '{text}': {error}"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("base URL '{text}' is neither http nor https"));
    }
    if !url.username().is_empty() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("base URL '{text}' has a user, query or fragment"));
    }
    Ok(url)
}

fn entry(text: &str) -> Result<DomainName, String> {
    let name = DomainName::parse(text).map_err(|error| error.to_string())?;
    if name.is_root() { Err("an entry for the root".into()) } else { Ok(name) }
}

fn insert(file: &mut Bootstrap, name: DomainName, mut urls: Vec<Url>) -> Result<(), String> {
    if urls.is_empty() {
        return Err(format!("'{}' has no base URL", name.as_str()));
    }
    urls.sort_by_key(|url| url.scheme() != "https");
    if file.entries.len() >= MAX_ENTRIES {
        return Err(format!("more than {MAX_ENTRIES} entries"));
    }
    match file.entries.insert(name.clone(), urls) {
        None => Ok(()),
        Some(_) => Err(format!("'{}' is there twice", name.as_str())),
    }
}

fn bootstrap(bytes: &[u8]) -> Result<Bootstrap, String> {
    #[derive(Deserialize)]
    struct Document {
        version: String,
        publication: String,
        services: Vec<Vec<Vec<String>>>,
    }
    let document: Document = serde_json::from_slice(unmarked(bytes)).map_err(|error| error.to_string())?;
    if document.version != "1.0" {
        return Err(format!("version '{}' is not 1.0", document.version));
    }
    let publication = DateTime::parse_from_rfc3339(&document.publication)
        .map_err(|error| format!("publication '{}': {error}", document.publication))?;
    let mut file = Bootstrap { publication: Some(publication.to_utc()), entries: BTreeMap::new() };
    for service in document.services {
        let [names, urls] = service.as_slice() else { return Err("a service has not two lists".into()) };
        let urls = urls.iter().map(|url| base_url(url)).collect::<Result<Vec<_>, _>>()?;
        for name in names {
            insert(&mut file, entry(name)?, urls.clone())?;
        }
    }
    if file.entries.is_empty() { Err("it has no services".into()) } else { Ok(file) }
}

fn supplement(bytes: &[u8]) -> Result<Bootstrap, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Server {
        tld: String,
        rdap_server: String,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Document {
        cc_tld_rdap_servers: Vec<Server>,
    }
    let Ok(document) = serde_json::from_slice::<Document>(unmarked(bytes)) else { return bootstrap(bytes) };
    let mut file = Bootstrap::default();
    for server in document.cc_tld_rdap_servers {
        insert(&mut file, entry(&server.tld)?, vec![base_url(&server.rdap_server)?])?;
    }
    Ok(file)
}

/// Without a byte order mark.
fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Rows of a CSV file as these columns, whatever their order in the file.
fn rows<const N: usize>(bytes: &[u8], columns: [&str; N]) -> Result<Vec<[String; N]>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(unmarked(bytes));
    let head = reader.headers().map_err(|error| error.to_string())?.clone();
    let mut places = [0usize; N];
    for (place, column) in places.iter_mut().zip(columns) {
        *place = head.iter().position(|name| name == column).ok_or_else(|| format!("it has no column '{column}'"))?;
    }
    let mut out = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        if out.len() >= MAX_ENTRIES {
            return Err(format!("more than {MAX_ENTRIES} entries"));
        }
        out.push(places.map(|place| record.get(place).unwrap_or_default().to_owned()));
    }
    if out.is_empty() { Err("it has no entries".into()) } else { Ok(out) }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("'{text}' is no registrar id"))
}

fn registrar_ids(bytes: &[u8]) -> Result<BTreeMap<u32, RegistrarId>, String> {
    let mut out = BTreeMap::new();
    for [id, name, status, url] in rows(bytes, ["ID", "Registrar Name", "Status", "RDAP Base URL"])? {
        let id = number(&id)?;
        let status = match status.as_str() {
            "Accredited" => RegistrarStatus::Accredited,
            "Reserved" => RegistrarStatus::Reserved,
            "Terminated" => RegistrarStatus::Terminated,
            other => return Err(format!("registrar {id} has the status '{other}'")),
        };
        let url = if url.is_empty() { None } else { Some(base_url(&url)?) };
        if out.insert(id, RegistrarId { name, status, url }).is_some() {
            return Err(format!("registrar {id} is there twice"));
        }
    }
    Ok(out)
}

fn accredited(bytes: &[u8]) -> Result<BTreeMap<u32, Accredited>, String> {
    let columns = ["Registrar Name", "IANA Number", "Country/Territory", "Public Contact", "Link"];
    let mut out = BTreeMap::new();
    for [name, id, country, contact, link] in rows(bytes, columns)? {
        let id = number(&id)?;
        if out.insert(id, Accredited { name, country, contact, link }).is_some() {
            return Err(format!("registrar {id} is there twice"));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"version":"1.0","publication":"2026-01-01T00:00:00Z","services":[[["LAB","net"],["http://a.lab","https://b.lab/x/"]]]}"#;

    fn reason(kind: Kind, text: &str) -> String {
        File::parse(kind, text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_bootstrap_file_is_mended_where_that_is_safe() {
        let File::Bootstrap(file) = File::parse(Kind::Bootstrap, GOOD.as_bytes()).unwrap() else { panic!() };
        let urls: Vec<_> = file.entries[&DomainName::parse("lab").unwrap()].iter().map(Url::as_str).collect();
        assert_eq!(urls, ["https://b.lab/x/", "http://a.lab/"]);
        assert_eq!(file.entries.len(), 2);
    }

    #[test]
    fn damaged_files_are_refused_as_a_whole() {
        let with = |from: &str, to: &str| reason(Kind::Bootstrap, &GOOD.replace(from, to));
        assert!(with("\"net\"", "\"lab\"").contains("twice"));
        assert!(with("http://a.lab", "ftp://a.lab").contains("neither"));
        assert!(with("\"1.0\"", "\"2.0\"").contains("version"));
        assert!(with("2026-01-01T00:00:00Z", "yesterday").contains("publication"));
        assert!(with(",[\"http://a.lab\",\"https://b.lab/x/\"]", "").contains("two lists"));
        assert!(reason(Kind::Bootstrap, "<html>").contains("R402"));
        assert!(
            reason(Kind::Bootstrap, r#"{"version":"1.0","publication":"2026-01-01T00:00:00Z","services":[]}"#)
                .contains("no services")
        );
        let head = "ID,Registrar Name,Status,RDAP Base URL\n";
        assert!(reason(Kind::RegistrarIds, &format!("{head}1,a,Accredited,\n1,b,Accredited,\n")).contains("twice"));
        assert!(reason(Kind::RegistrarIds, &format!("{head}1,a,Unknown,\n")).contains("Unknown"));
        assert!(reason(Kind::RegistrarIds, "ID,Name\n1,a\n").contains("column"));
        assert!(reason(Kind::RegistrarIds, head).contains("no entries"));
        assert!(reason(Kind::RegistrarIds, &format!("{head}1,\"a,Accredited,\n")).contains("R402"));
    }

    #[test]
    fn a_byte_order_mark_is_tolerated() {
        let text = "\u{feff}\"ID\",Registrar Name,Status,RDAP Base URL\n2,\"A, Inc.\",Accredited,https://a.example\n";
        let File::RegistrarIds(ids) = File::parse(Kind::RegistrarIds, text.as_bytes()).unwrap() else { panic!() };
        assert_eq!((ids[&2].name.as_str(), ids[&2].url.as_ref().unwrap().as_str()), ("A, Inc.", "https://a.example/"));
    }

    #[test]
    fn an_older_or_shrunken_file_takes_no_place() {
        let parse = |text: &str| File::parse(Kind::Bootstrap, text.as_bytes()).unwrap();
        let (old, new) = (parse(&GOOD.replace("2026", "2025")), parse(GOOD));
        assert!(new.may_follow(Kind::Bootstrap, &old).is_ok());
        assert!(old.may_follow(Kind::Bootstrap, &new).unwrap_err().to_string().contains("older"));
        let fewer = parse(&GOOD.replace(",\"net\"", ""));
        assert!(fewer.may_follow(Kind::Bootstrap, &new).unwrap_err().to_string().contains("a tenth"));
    }
}
