//! An authority on disk, in the home folder, with a record of all that it issued.
//!
//! ```text
//! HOME/ca/ca.crt            the authority's certificate (PEM): the root that members and nodes trust
//! HOME/ca/ca.json           its key, encrypted as other keys are
//! HOME/ca/index.json        what was issued and revoked; written before a certificate leaves
//! HOME/ca/issued/SERIAL.crt every certificate (PEM)
//! HOME/ca/lock              held while the record is changed
//! ```

use super::{Authority, Order, Validity};
use crate::{
    error::{CliError, Result},
    home::{Access, Home, Purpose, write_file},
    keyfile::{self, KeyFile},
};
use althing_types::{
    codec::Text,
    id::OrganisationId,
    identity::{Facts, MAX_SERIAL},
};
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
};

/// Version of the record's form.
const VERSION: u32 = 1;
/// Name of the authority's key.
const KEY: &str = "ca";
/// Longest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Longest reason of a revocation in bytes.
const MAX_REASON: usize = 256;

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// When it was recorded, in milliseconds since 1970.
    pub at_ms: u64,
    /// Why.
    pub reason: String,
}

/// One issued certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What it says.
    pub facts: Facts,
    /// When it was issued, in milliseconds since 1970.
    pub issued_ms: u64,
    /// Whether it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revocation>,
}

/// What an authority issued, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// `VERSION`.
    pub version: u32,
    /// Whose authority it is.
    pub organisation: OrganisationId,
    /// Every certificate.
    pub issued: Vec<Entry>,
}

impl Index {
    /// The entry with this serial number.
    pub fn find(&self, serial: &str) -> Option<&Entry> {
        self.issued.iter().find(|entry| entry.facts.serial.as_str() == serial)
    }
}

/// The folder of an authority.
#[derive(Clone, Debug)]
pub struct Store(PathBuf);

impl Store {
    /// The authority of a home folder, whether there is one or not.
    pub fn of(home: &Home) -> Self {
        Self(home.path().join("ca"))
    }
    /// File of the authority's certificate.
    pub fn certificate_file(&self) -> PathBuf {
        self.0.join("ca.crt")
    }
    fn key_file(&self) -> PathBuf {
        self.0.join(format!("{KEY}.json"))
    }
    fn index_file(&self) -> PathBuf {
        self.0.join("index.json")
    }
    /// File of an issued certificate.
    pub fn issued_file(&self, serial: &str) -> PathBuf {
        self.0.join("issued").join(format!("{serial}.crt"))
    }

    /// Makes an authority with a new key.
    ///
    /// # Errors
    /// Code `authority_exists` when there is one: it is never overwritten.
    pub fn init(&self, organisation: &OrganisationId, validity: Validity, home: &Home) -> Result<Authority> {
        if self.key_file().exists() || self.index_file().exists() || self.certificate_file().exists() {
            return Err(CliError::usage("authority_exists", "there is an authority already")
                .field("--home")
                .value(self.0.display().to_string())
                .rule("a home folder without one; an authority is never overwritten"));
        }
        let key = keyfile::generate()?;
        let sealed = KeyFile::seal(KEY, &key, &home.passphrase(Purpose::Protect)?)?;
        let authority = Authority::create(organisation, key, validity)?;
        sealed.write(&self.key_file())?;
        self.write_index(&Index { version: VERSION, organisation: organisation.clone(), issued: Vec::new() })?;
        write_file(&self.certificate_file(), to_pem(authority.certificate()).as_bytes(), Access::Public)?;
        Ok(authority)
    }

    /// Opens the authority with the home folder's pass phrase.
    ///
    /// # Errors
    /// When there is none, or its key cannot be opened.
    pub fn open(&self, home: &Home) -> Result<Authority> {
        let certificate = self.certificate()?;
        let key = KeyFile::read(&self.key_file())?.open(&home.passphrase(Purpose::Open)?)?;
        Authority::open(certificate, key)
    }

    /// The authority's certificate (DER).
    ///
    /// # Errors
    /// Code `no_authority` when there is none.
    pub fn certificate(&self) -> Result<Vec<u8>> {
        let path = self.certificate_file();
        if !path.exists() {
            return Err(CliError::not_found("no_authority", "the home folder has no authority")
                .field("--home")
                .value(self.0.display().to_string())
                .rule("a folder with ca.crt; make one with althing ca init"));
        }
        match read_certificates(&path)?.as_slice() {
            [one] => Ok(one.clone()),
            more => Err(bad_file(&path, &format!("{} certificates", more.len()), "one certificate (PEM)")),
        }
    }

    /// What was issued.
    ///
    /// # Errors
    /// When there is no authority or its record is damaged.
    pub fn index(&self) -> Result<Index> {
        self.certificate()?;
        let path = self.index_file();
        let text = read_file(&path)?;
        let rule = "the file as it was written; restore it from a copy";
        let index: Index = serde_json::from_slice(&text).map_err(|e| bad_file(&path, &e.to_string(), rule))?;
        if index.version == VERSION {
            Ok(index)
        } else {
            Err(bad_file(&path, &format!("version {}", index.version), rule))
        }
    }

    /// Certifies a key, records it, and writes the certificate into the folder. Returns the PEM text and the facts.
    ///
    /// # Errors
    /// When the order is refused or a file cannot be written.
    pub fn issue(&self, authority: &Authority, order: &Order, now_ms: u64) -> Result<(String, Facts)> {
        let _lock = self.lock()?;
        let mut index = self.index()?;
        let (certificate, facts) = authority.issue(order)?;
        index.issued.push(Entry { facts: facts.clone(), issued_ms: now_ms, revoked: None });
        // A record of a certificate that nobody has is harmless; a certificate without a record is not.
        self.write_index(&index)?;
        let text = to_pem(&certificate);
        write_file(&self.issued_file(&facts.serial), text.as_bytes(), Access::Public)?;
        Ok((text, facts))
    }

    /// Records that a certificate is no longer good. Returns its serial number, which the chain must hear of.
    ///
    /// # Errors
    /// When no such certificate was issued, or it was revoked before.
    pub fn revoke(&self, serial: &str, reason: &str, now_ms: u64) -> Result<Text<MAX_SERIAL>> {
        if reason.trim().is_empty() || reason.len() > MAX_REASON || reason.chars().any(char::is_control) {
            return Err(CliError::usage("bad_reason", "the reason is empty, too long, or has control characters")
                .field("--reason")
                .value(reason)
                .rule("1 to 256 bytes of text"));
        }
        let _lock = self.lock()?;
        let mut index = self.index()?;
        let Some(entry) = index.issued.iter_mut().find(|entry| entry.facts.serial.as_str() == serial) else {
            return Err(CliError::not_found("no_such_certificate", "this authority issued no such certificate")
                .field("serial")
                .value(serial)
                .rule("a serial number of althing ca list"));
        };
        if let Some(before) = &entry.revoked {
            return Err(CliError::usage("already_revoked", format!("it was revoked before: {}", before.reason))
                .field("serial")
                .value(serial)
                .rule("a certificate that is not revoked; a revocation is final"));
        }
        entry.revoked = Some(Revocation { at_ms: now_ms, reason: reason.to_owned() });
        let serial = entry.facts.serial.clone();
        self.write_index(&index)?;
        Ok(serial)
    }

    fn write_index(&self, index: &Index) -> Result<()> {
        let text = serde_json::to_string_pretty(index).map_err(|e| CliError::internal("json", e.to_string()))?;
        write_file(&self.index_file(), format!("{text}\n").as_bytes(), Access::Secret)
    }

    fn lock(&self) -> Result<Flock<File>> {
        self.certificate()?;
        let path = self.0.join("lock");
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(|e| CliError::file("open", &path, &e))?;
        Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, e)| CliError::file("lock", &path, &e.into()))
    }
}

/// A certificate's text form.
pub fn to_pem(certificate: &[u8]) -> String {
    pem::encode_config(
        &pem::Pem::new("CERTIFICATE", certificate),
        pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
    )
}

/// Certificates of a file, in order: PEM, or one as DER.
///
/// # Errors
/// When it cannot be read or has none.
pub fn read_certificates(path: &Path) -> Result<Vec<Vec<u8>>> {
    read_blocks(path, &["CERTIFICATE"], "certificates (PEM or DER)")
}

/// The request of a file: PEM or DER.
///
/// # Errors
/// When it cannot be read or has not one.
pub fn read_request(path: &Path) -> Result<Vec<u8>> {
    let rule = "one certificate request (PEM or DER)";
    let blocks = read_blocks(path, &["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"], rule)?;
    match blocks.as_slice() {
        [one] => Ok(one.clone()),
        more => Err(bad_file(path, &format!("{} requests", more.len()), rule)),
    }
}

fn read_blocks(path: &Path, labels: &[&str], rule: &str) -> Result<Vec<Vec<u8>>> {
    let bytes = read_file(path)?;
    // DER begins with the tag of a sequence, which is the digit 0: no text of PEM begins so.
    if bytes.first() == Some(&0x30) && bytes.get(1).is_some_and(|length| *length >= 0x80) {
        return Ok(vec![bytes]);
    }
    let blocks = pem::parse_many(&bytes).map_err(|e| bad_file(path, &e.to_string(), rule))?;
    let found: Vec<Vec<u8>> =
        blocks.into_iter().filter(|block| labels.contains(&block.tag())).map(pem::Pem::into_contents).collect();
    if found.is_empty() { Err(bad_file(path, "none", rule)) } else { Ok(found) }
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let fail = |e: std::io::Error| CliError::file("read", path, &e);
    if std::fs::metadata(path).map_err(fail)?.len() > MAX_FILE {
        return Err(bad_file(path, "too long", "at most 64 MiB"));
    }
    std::fs::read(path).map_err(fail)
}

fn bad_file(path: &Path, what: &str, rule: &str) -> CliError {
    CliError::data("bad_file", format!("{} cannot be used: {what}", path.display()))
        .field("file")
        .value(path.display().to_string())
        .rule(rule)
}
