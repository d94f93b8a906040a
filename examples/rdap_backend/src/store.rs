//! The database: domains with their registrar, name servers, DS records and contacts.
//!
//! One connection; callers look after not using it from two threads at a time.

use anyhow::Context as _;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Deserialize;
use std::path::Path;

/// The tables.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS domain (
        name TEXT PRIMARY KEY, handle TEXT NOT NULL, status TEXT NOT NULL,
        registrar_id INTEGER NOT NULL, registrar_name TEXT NOT NULL, registrar_url TEXT,
        created TEXT NOT NULL, changed TEXT NOT NULL, expires TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS nameserver (
        domain TEXT NOT NULL, name TEXT NOT NULL, v4 TEXT NOT NULL, v6 TEXT NOT NULL, PRIMARY KEY (domain, name)
    );
    CREATE TABLE IF NOT EXISTS ds (
        domain TEXT NOT NULL, key_tag INTEGER NOT NULL, algorithm INTEGER NOT NULL, digest_type INTEGER NOT NULL,
        digest TEXT NOT NULL, PRIMARY KEY (domain, key_tag, digest)
    );
    CREATE TABLE IF NOT EXISTS contact (
        domain TEXT NOT NULL, role TEXT NOT NULL, name TEXT NOT NULL, email TEXT NOT NULL, country TEXT NOT NULL,
        PRIMARY KEY (domain, role)
    );
";

/// A domain with everything that is known of it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Its name: A-labels in lower case, no final dot.
    pub name: String,
    /// The registry's handle.
    pub handle: String,
    /// RDAP status values.
    pub status: Vec<String>,
    /// Who sponsors it.
    pub registrar: Registrar,
    /// Time of registration (RFC 3339), and the same for the next two.
    pub created: String,
    /// Time of the last change.
    pub changed: String,
    /// End of the term.
    pub expires: String,
    /// Name servers.
    #[serde(default)]
    pub nameservers: Vec<Nameserver>,
    /// DS records.
    #[serde(default)]
    pub ds: Vec<Ds>,
    /// People.
    #[serde(default)]
    pub contacts: Vec<Contact>,
}

/// A registrar as the registry knows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registrar {
    /// IANA id.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Base URL of its RDAP service, which the registry's answer links to.
    #[serde(default)]
    pub url: Option<String>,
}

/// A name server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nameserver {
    /// Its name.
    pub name: String,
    /// IPv4 address, or empty.
    #[serde(default)]
    pub v4: String,
    /// IPv6 address, or empty.
    #[serde(default)]
    pub v6: String,
}

/// A DS record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ds {
    /// Key tag.
    pub key_tag: u16,
    /// Algorithm.
    pub algorithm: u8,
    /// Digest type.
    pub digest_type: u8,
    /// Digest, hexadecimal.
    pub digest: String,
}

/// A person or organisation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    /// RDAP role.
    pub role: String,
    /// Name.
    pub name: String,
    /// Address of electronic mail.
    pub email: String,
    /// Country code.
    pub country: String,
}

/// What a file for [`Store::load`] has.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    domains: Vec<Domain>,
}

/// The database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

impl Store {
    /// Opens a database file, and makes it when it is not there.
    ///
    /// # Errors
    /// When it is no database of this program or cannot be written.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let connection = Connection::open(file).with_context(|| format!("cannot open {}", file.display()))?;
        connection.execute_batch(SCHEMA).with_context(|| format!("{} is no database of ours", file.display()))?;
        Ok(Self { connection })
    }

    /// Takes over the domains of a JSON file, all or none of them; those that are there are replaced. Tells how many.
    ///
    /// # Errors
    /// When the text is not such a file, or the database cannot be written.
    pub fn load(&mut self, text: &str) -> anyhow::Result<usize> {
        let file: File = serde_json::from_str(text)?;
        let all = self.connection.transaction()?;
        for domain in &file.domains {
            for table in ["nameserver", "ds", "contact"] {
                all.execute(&format!("DELETE FROM {table} WHERE domain = ?1"), [&domain.name])?;
            }
            all.execute(
                "INSERT OR REPLACE INTO domain VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    domain.name,
                    domain.handle,
                    domain.status.join(","),
                    domain.registrar.id,
                    domain.registrar.name,
                    domain.registrar.url,
                    domain.created,
                    domain.changed,
                    domain.expires
                ],
            )?;
            for server in &domain.nameservers {
                let values = params![domain.name, server.name, server.v4, server.v6];
                all.execute("INSERT INTO nameserver VALUES (?1, ?2, ?3, ?4)", values)?;
            }
            for ds in &domain.ds {
                let values = params![domain.name, ds.key_tag, ds.algorithm, ds.digest_type, ds.digest];
                all.execute("INSERT INTO ds VALUES (?1, ?2, ?3, ?4, ?5)", values)?;
            }
            for contact in &domain.contacts {
                let values = params![domain.name, contact.role, contact.name, contact.email, contact.country];
                all.execute("INSERT INTO contact VALUES (?1, ?2, ?3, ?4, ?5)", values)?;
            }
        }
        all.commit()?;
        Ok(file.domains.len())
    }

    /// A domain by its name in lower case; its lists in the order in which they were loaded.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn domain(&self, name: &str) -> anyhow::Result<Option<Domain>> {
        let found = self.connection.query_row("SELECT * FROM domain WHERE name = ?1", [name], |row| {
            let status: String = row.get("status")?;
            Ok(Domain {
                name: row.get("name")?,
                handle: row.get("handle")?,
                status: status.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
                registrar: Registrar {
                    id: row.get("registrar_id")?,
                    name: row.get("registrar_name")?,
                    url: row.get("registrar_url")?,
                },
                created: row.get("created")?,
                changed: row.get("changed")?,
                expires: row.get("expires")?,
                nameservers: Vec::new(),
                ds: Vec::new(),
                contacts: Vec::new(),
            })
        });
        let Some(mut domain) = found.optional()? else { return Ok(None) };
        domain.nameservers = self.nameservers("domain", name)?;
        let mut rows = self.connection.prepare("SELECT * FROM ds WHERE domain = ?1 ORDER BY rowid")?;
        let ds = rows.query_map([name], |row| {
            Ok(Ds {
                key_tag: row.get("key_tag")?,
                algorithm: row.get("algorithm")?,
                digest_type: row.get("digest_type")?,
                digest: row.get("digest")?,
            })
        })?;
        domain.ds = ds.collect::<Result<_, _>>()?;
        let mut rows = self.connection.prepare("SELECT * FROM contact WHERE domain = ?1 ORDER BY rowid")?;
        let contacts = rows.query_map([name], |row| {
            Ok(Contact {
                role: row.get("role")?,
                name: row.get("name")?,
                email: row.get("email")?,
                country: row.get("country")?,
            })
        })?;
        domain.contacts = contacts.collect::<Result<_, _>>()?;
        Ok(Some(domain))
    }

    /// A name server by its name in lower case.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn nameserver(&self, name: &str) -> anyhow::Result<Option<Nameserver>> {
        Ok(self.nameservers("name", name)?.into_iter().next())
    }

    fn nameservers(&self, column: &'static str, value: &str) -> anyhow::Result<Vec<Nameserver>> {
        let query = format!("SELECT name, v4, v6 FROM nameserver WHERE {column} = ?1 ORDER BY rowid");
        let mut rows = self.connection.prepare(&query)?;
        let servers = rows.query_map([value], |row| {
            Ok(Nameserver { name: row.get("name")?, v4: row.get("v4")?, v6: row.get("v6")? })
        })?;
        Ok(servers.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SAMPLE: &str = include_str!("../sample.json");

    pub(crate) fn sample() -> Store {
        let mut store = Store { connection: Connection::open_in_memory().unwrap() };
        store.connection.execute_batch(SCHEMA).unwrap();
        store.load(SAMPLE).unwrap();
        store
    }

    #[test]
    fn what_was_loaded_is_found_again_and_survives_a_second_load() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.sqlite");
        let wanted: File = serde_json::from_str(SAMPLE).unwrap();
        for _ in 0..2 {
            let mut store = Store::open(&file).unwrap();
            assert_eq!(store.load(SAMPLE).unwrap(), wanted.domains.len());
        }
        let store = Store::open(&file).unwrap();
        for domain in &wanted.domains {
            assert_eq!(store.domain(&domain.name).unwrap().as_ref(), Some(domain));
        }
        assert_eq!(store.domain("nobody.lab").unwrap(), None);
    }

    #[test]
    fn a_damaged_file_changes_nothing() {
        let mut store = sample();
        let before = store.domain("alice.lab").unwrap();
        // The second name server is there twice: the whole load is taken back.
        let twice = SAMPLE.replace("ns2.alice.lab", "ns.alice.lab").replace("H-ALICE", "H-OTHER");
        assert_ne!(twice, SAMPLE);
        store.load(&twice).unwrap_err();
        store.load("{}").unwrap_err();
        assert_eq!(store.domain("alice.lab").unwrap(), before);
    }
}
