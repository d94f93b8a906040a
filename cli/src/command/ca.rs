//! `althing ca`: run the consortium's authority and look at certificates.

use super::Context;
use crate::{
    args::{CaCommand, IssueOptions, Subject},
    ca::{
        Order, Validity, date,
        store::{Entry, Store, read_certificates, read_request},
    },
    devnet::setup::now_ms,
    error::{CliError, Result},
    home::{Access, write_file},
    keyfile::{self, KeyFile},
    output::{columns, table},
};
use althing_identity::{CertificateRefusal, check_chain, check_root, claims, read_root, requested_key};
use althing_types::{
    codec::Text,
    crypto::PublicKey,
    id::OrganisationId,
    identity::{Facts, MAX_SERIAL, Usage},
};
use serde::Serialize;
use std::path::Path;

const DAY_MS: u64 = 86_400_000;

/// How far the beginning of a validity lies back: the clocks of others and the time of blocks may be behind.
const BACKDATED_MS: u64 = 3_600_000;

/// Runs a command of `althing ca`.
///
/// # Errors
/// The command's failure.
pub(super) fn run(context: &Context, command: &CaCommand) -> Result<()> {
    match command {
        CaCommand::Init { organisation, years } => init(context, organisation, *years),
        CaCommand::Issue(options) => issue(context, options),
        CaCommand::Revoke { serial, reason } => {
            #[derive(Serialize)]
            struct Revoked<'a> {
                serial: Text<MAX_SERIAL>,
                reason: &'a str,
            }
            let serial = revoke(context, serial, reason)?;
            context.output.print(&Revoked { serial, reason }, |r| {
                table(&[("serial", r.serial.to_string()), ("revoked", r.reason.to_owned())])
            })
        }
        CaCommand::List => list(context),
        CaCommand::Show { file, root } => show(context, file, root.as_deref()),
    }
}

/// Records a revocation and returns the serial number, which the chain must hear of.
///
/// # Errors
/// When no such certificate was issued, or it was revoked before.
pub(super) fn revoke(context: &Context, serial: &str, reason: &str) -> Result<Text<MAX_SERIAL>> {
    Store::of(&context.home).revoke(serial, reason, now_ms())
}

/// From an hour ago for so many days.
fn validity(now_ms: u64, days: u64) -> Validity {
    Validity {
        not_before_ms: now_ms.saturating_sub(BACKDATED_MS),
        not_after_ms: now_ms.saturating_add(days.saturating_mul(DAY_MS)),
    }
}

fn init(context: &Context, organisation: &OrganisationId, years: u16) -> Result<()> {
    let store = Store::of(&context.home);
    let authority =
        store.init(organisation, validity(now_ms(), u64::from(years).saturating_mul(365)), &context.home)?;
    show_root(context, authority.certificate(), Some(&store.certificate_file()))
}

fn issue(context: &Context, options: &IssueOptions) -> Result<()> {
    let store = Store::of(&context.home);
    let subject = subject(context, &options.subject, options.usage)?;
    let authority = store.open(&context.home)?;
    let mut validity = validity(now_ms(), u64::from(options.days));
    // A young authority certifies from its own beginning on.
    validity.not_before_ms = validity.not_before_ms.max(read_root(authority.certificate())?.not_before_ms);
    let text = || format!("{} {}", options.usage.text(), options.organisation).chars().take(64).collect();
    let order = Order {
        organisation: options.organisation.clone(),
        kind: options.kind,
        usage: options.usage,
        subject,
        tlds: options.tlds.clone(),
        registrar: options.registrar,
        common_name: options.common_name.clone().unwrap_or_else(text),
        validity,
    };
    let (pem, facts) = store.issue(&authority, &order, now_ms())?;
    let mut file = store.issued_file(&facts.serial);
    match &options.out {
        Some(path) if path.as_os_str() == "-" => {
            context.output.line(&pem);
            return Ok(());
        }
        Some(path) => {
            write_file(path, pem.as_bytes(), Access::Public)?;
            file.clone_from(path);
        }
        None => {}
    }
    let shown = Shown { file: file.display().to_string(), facts, good: true, refused: None, revoked: None };
    context.output.print(&shown, Shown::text)
}

/// The key to certify.
fn subject(context: &Context, subject: &Subject, usage: Usage) -> Result<PublicKey> {
    if let Some(name) = &subject.key {
        keyfile::check_name(name)?;
        return Ok(KeyFile::read(&context.home.key(name))?.public_key);
    }
    if let Some(id) = &subject.node_id {
        return if usage == Usage::Node {
            Ok(id.key())
        } else {
            Err(CliError::usage("bad_usage", "a node's id is certified for a node")
                .field("--usage")
                .value(usage.text())
                .rule("node, with --node-id"))
        };
    }
    match (&subject.public_key, &subject.csr) {
        (Some(key), _) => Ok(*key),
        (_, Some(path)) => Ok(requested_key(&read_request(path)?)?),
        _ => Err(CliError::usage("usage", "no key to certify")
            .field("key")
            .rule("one of --key, --public-key, --node-id, --csr")),
    }
}

/// A member's certificate, and what is to be thought of it.
#[derive(Serialize)]
struct Shown {
    file: String,
    #[serde(flatten)]
    facts: Facts,
    /// Whether its chain is good now and it is not known to be revoked.
    good: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<Refused>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked: Option<String>,
}

/// Why a certificate is not good.
#[derive(Serialize)]
struct Refused {
    number: u32,
    code: &'static str,
    message: String,
}

impl From<CertificateRefusal> for Refused {
    fn from(refusal: CertificateRefusal) -> Self {
        Self { number: refusal.code(), code: refusal.name(), message: refusal.to_string() }
    }
}

impl Shown {
    fn text(&self) -> String {
        let facts = &self.facts;
        let mut rows = vec![
            ("organisation", facts.organisation.to_string()),
            ("kind", facts.kind.text().to_owned()),
            ("usage", facts.usage.text().to_owned()),
            ("key", facts.subject.to_string()),
        ];
        if !facts.tlds.is_empty() {
            rows.push(("tlds", facts.tlds.iter().map(|tld| tld.as_str()).collect::<Vec<_>>().join(" ")));
        }
        if let Some(number) = facts.registrar {
            rows.push(("registrar", number.to_string()));
        }
        rows.push(("serial", facts.serial.to_string()));
        rows.push(("valid from", date(facts.not_before_ms)));
        rows.push(("valid until", date(facts.not_after_ms)));
        rows.push(("file", self.file.clone()));
        let state = match (&self.refused, &self.revoked) {
            (_, Some(reason)) => format!("no, revoked: {reason}"),
            (Some(refused), None) => format!("no, {} ({}): {}", refused.code, refused.number, refused.message),
            (None, None) => "yes".to_owned(),
        };
        rows.push(("good now", state));
        table(&rows)
    }
}

fn list(context: &Context) -> Result<()> {
    let index = Store::of(&context.home).index()?;
    let state = |entry: &Entry| match &entry.revoked {
        Some(revocation) => format!("revoked: {}", revocation.reason),
        None if entry.facts.is_current(now_ms()) => "valid".into(),
        None => "out of time".into(),
    };
    context.output.print(&index, |index| {
        if index.issued.is_empty() {
            return "nothing was issued".into();
        }
        let row = |entry: &Entry| {
            let facts = &entry.facts;
            vec![
                facts.serial.to_string(),
                facts.organisation.to_string(),
                facts.kind.text().to_owned(),
                facts.usage.text().to_owned(),
                date(facts.not_after_ms),
                state(entry),
            ]
        };
        let heading = ["SERIAL", "ORGANISATION", "KIND", "USAGE", "VALID UNTIL", "STATE"];
        columns(&heading, &index.issued.iter().map(row).collect::<Vec<_>>())
    })
}

fn show(context: &Context, file: &Path, root: Option<&Path>) -> Result<()> {
    let store = Store::of(&context.home);
    let chain = read_certificates(file)?;
    let leaf = chain.first().map(Vec::as_slice).unwrap_or_default();
    if chain.len() == 1 && read_root(leaf).is_ok() {
        return show_root(context, leaf, Some(file));
    }
    let facts = claims(leaf)?;
    let root = match root {
        Some(path) => read_certificates(path)?.into_iter().next().unwrap_or_default(),
        None => store.certificate()?,
    };
    let refused = check_chain(&root, &chain, now_ms()).err().map(Refused::from);
    // Only the authority's own home folder knows what it revoked; elsewhere the chain does.
    let index = if store.certificate().is_ok_and(|own| own == root) { store.index().ok() } else { None };
    let entry = index.as_ref().and_then(|index| index.find(&facts.serial));
    let revoked = entry.and_then(|entry| entry.revoked.as_ref()).map(|revocation| revocation.reason.clone());
    let good = refused.is_none() && revoked.is_none();
    let shown = Shown { file: file.display().to_string(), facts, good, refused, revoked };
    context.output.print(&shown, Shown::text)
}

/// An authority's certificate.
#[derive(Serialize)]
struct Root {
    file: Option<String>,
    name: String,
    public_key: PublicKey,
    serial: Text<MAX_SERIAL>,
    not_before_ms: u64,
    not_after_ms: u64,
    good: bool,
}

fn show_root(context: &Context, certificate: &[u8], file: Option<&Path>) -> Result<()> {
    let root = read_root(certificate)?;
    let shown = Root {
        file: file.map(|file| file.display().to_string()),
        name: root.name,
        public_key: root.key,
        serial: root.serial,
        not_before_ms: root.not_before_ms,
        not_after_ms: root.not_after_ms,
        good: check_root(certificate, now_ms()).is_ok(),
    };
    context.output.print(&shown, |root| {
        table(&[
            ("authority", root.name.clone()),
            ("key", root.public_key.to_string()),
            ("serial", root.serial.to_string()),
            ("valid from", date(root.not_before_ms)),
            ("valid until", date(root.not_after_ms)),
            ("file", root.file.clone().unwrap_or_default()),
            ("good now", if root.good { "yes" } else { "no" }.to_owned()),
        ])
    })
}
