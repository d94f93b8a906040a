//! `althing member`: members, their nodes, and requests to join.

mod keys;

use super::{Context, proposal, send};
use crate::{
    args::{MemberCommand, MemberRequest, SignOptions},
    ca::{date, store::read_certificates},
    chain::Chain,
    error::{CliError, Result},
    governed::{Governed, member_list},
    home::Purpose,
    keyfile::{self, KeyFile},
    output::{columns, table},
};
use althing_interface::{
    governance::{Member, Revoke, Score, Serial, score},
    node_admission::{CertificateChain, MAX_CERTIFICATE, Request},
};
use althing_types::{
    codec::{Bytes, List, Text},
    crypto::{NodeId, PublicKey},
    govern::{MemberNode, Standing},
    hash::Hash,
    id::{Height, OrganisationId},
    organisation::{MemberKey, Organisation, Role},
    transaction::AbnormalCode,
};
use serde::Serialize;
use std::{collections::BTreeSet, path::PathBuf};

/// Marks of abnormal transactions that are asked for at a time.
const MARKS_PER_PAGE: usize = 100;

/// Runs a command of `althing member`.
///
/// # Errors
/// The command's failure.
pub(super) async fn run(context: &Context, command: &MemberCommand) -> Result<()> {
    match command {
        MemberCommand::List { organisations: false } => list(context).await,
        MemberCommand::List { organisations: true } => organisations(context).await,
        MemberCommand::Show { id } => show(context, id).await,
        MemberCommand::Request(options) => request(context, options).await,
        MemberCommand::Key(command) => keys::run(context, command).await,
        MemberCommand::Revoke { serial, reason, sign } => revoke(context, serial, reason, sign).await,
    }
}

/// A node of the member list.
#[derive(Serialize)]
struct Row {
    org: OrganisationId,
    node_id: NodeId,
    kind: Role,
    standing: Standing,
    since: Height,
    address: String,
}

impl From<&MemberNode> for Row {
    fn from(node: &MemberNode) -> Self {
        Self {
            org: node.organisation.clone(),
            node_id: node.node,
            kind: node.kind,
            standing: node.standing,
            since: node.since,
            address: node.address.to_string(),
        }
    }
}

fn rows_text(rows: &[Row]) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|r| {
            vec![
                r.org.to_string(),
                r.kind.text().into(),
                r.standing.text().into(),
                r.since.to_string(),
                if r.address.is_empty() { "-".into() } else { r.address.clone() },
                r.node_id.to_string(),
            ]
        })
        .collect();
    columns(&["ORGANISATION", "KIND", "STANDING", "SINCE", "ADDRESS", "NODE ID"], &cells)
}

async fn list(context: &Context) -> Result<()> {
    let chain = context.chain().await?;
    let (entries, list) = member_list(&chain).await?;
    let mut rows: Vec<Row> = list.nodes.iter().map(Row::from).collect();
    rows.sort_by(|a, b| (&a.org, a.node_id).cmp(&(&b.org, b.node_id)));
    let how = if chain.verifies() { "verified" } else { "NOT verified" };
    context
        .output
        .print(&rows, |rows| format!("{}\n{} nodes at height {} ({how})", rows_text(rows), rows.len(), entries.height))
}

/// A member organisation.
#[derive(Serialize)]
struct OrganisationRow {
    org: OrganisationId,
    roles: BTreeSet<Role>,
    since: Height,
    nodes: usize,
    leads_votes: bool,
}

async fn organisations(context: &Context) -> Result<()> {
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let leader = governed.coordinator().await?;
    let (_, list) = member_list(&chain).await?;
    let row = |member: Member| OrganisationRow {
        nodes: list.nodes.iter().filter(|node| node.organisation == member.organisation.id).count(),
        leads_votes: member.organisation.id == leader,
        org: member.organisation.id,
        roles: member.organisation.roles,
        since: member.since,
    };
    let rows: Vec<OrganisationRow> = governed.members().await?.into_iter().map(row).collect();
    context.output.print(&rows, |rows| {
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|r| {
                let roles: Vec<&str> = r.roles.iter().map(|role| role.text()).collect();
                let leads = if r.leads_votes { "yes" } else { "-" };
                vec![r.org.to_string(), roles.join(", "), r.since.to_string(), r.nodes.to_string(), leads.into()]
            })
            .collect();
        columns(&["ORGANISATION", "IS", "SINCE", "NODES", "LEADS VOTES"], &cells)
    })
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    member: Member,
    leads_votes: bool,
    nodes: Vec<Row>,
    conduct: Vec<Conduct>,
    /// What the asked node marked and still keeps; other nodes may have marked other transactions.
    abnormal: Vec<Mark>,
    height: Height,
    verified: bool,
}

/// How a node has done as authority.
#[derive(Serialize)]
struct Conduct {
    node_id: NodeId,
    blocks_verified: u64,
    rounds_missed: u64,
    score: u64,
    certificate: Option<Serial>,
}

/// A transaction of the organisation that was left out as abnormal.
#[derive(Serialize)]
struct Mark {
    transaction: Hash,
    height: Height,
    code: AbnormalCode,
}

async fn show(context: &Context, id: &OrganisationId) -> Result<()> {
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let (entries, member) = governed.member(id).await?;
    let member = member.ok_or_else(|| {
        CliError::not_found("member_unknown", format!("organisation '{id}' is no member at height {}", entries.height))
            .field("member")
            .value(id.as_str())
            .rule("an organisation of althing member list")
    })?;
    let (_, list) = member_list(&chain).await?;
    let nodes: Vec<Row> = list.nodes.iter().filter(|node| node.organisation == *id).map(Row::from).collect();
    let conduct = conduct(&governed, &nodes).await?;
    let keys = &member.organisation.keys;
    let abnormal = marks(&chain, keys).await?;
    let leads_votes = governed.coordinator().await? == *id;
    let shown =
        Shown { member, leads_votes, nodes, conduct, abnormal, height: entries.height, verified: chain.verifies() };
    context.output.print(&shown, |s| {
        let words = |roles: &BTreeSet<Role>| roles.iter().map(|role| role.text()).collect::<Vec<_>>().join(", ");
        let organisation = &s.member.organisation;
        let mut rows = vec![
            ("organisation", organisation.id.to_string()),
            ("is", words(&organisation.roles)),
            ("member since", format!("height {}, {}", s.member.since, date(s.member.since_ms))),
            ("leads votes", if s.leads_votes { "yes" } else { "no" }.to_owned()),
        ];
        for entry in organisation.keys.iter() {
            rows.push(("key", format!("{}  {}", entry.key, words(&entry.duties))));
        }
        rows.push(("abnormal", format!("{} transactions marked by the asked node", s.abnormal.len())));
        let how = if s.verified { "verified" } else { "NOT verified" };
        rows.push(("height", format!("{} ({how})", s.height)));
        let nodes = if s.nodes.is_empty() { "no nodes".to_owned() } else { rows_text(&s.nodes) };
        format!("{}\n\n{nodes}{}", table(&rows), conduct_text(&s.conduct))
    })
}

/// Marked transactions of these keys, as far as the asked node keeps them.
async fn marks(chain: &Chain, keys: &[MemberKey]) -> Result<Vec<Mark>> {
    let (mut after, mut all) = (None, Vec::new());
    loop {
        let page = chain.client.abnormal(after, MARKS_PER_PAGE).await?.abnormal;
        let Some(last) = page.last() else { return Ok(all) };
        after = Some(last.number);
        let own = page.iter().map(|mark| &mark.abnormal).filter(|m| keys.iter().any(|entry| entry.key == m.operator));
        all.extend(own.map(|m| Mark { transaction: m.transaction, height: m.height, code: m.code }));
    }
}

async fn conduct(governed: &Governed<'_>, nodes: &[Row]) -> Result<Vec<Conduct>> {
    let (height, scores) = governed.scores().await?;
    let mut all = Vec::new();
    for row in nodes {
        let none = Score { node: row.node_id, verified: 0, missed: 0 };
        let counted = scores.nodes.iter().find(|score| score.node == row.node_id).unwrap_or(&none);
        let serial = governed.node(row.node_id).await?.map(|record| record.serial);
        all.push(Conduct {
            node_id: row.node_id,
            blocks_verified: counted.verified,
            rounds_missed: counted.missed,
            score: score(row.since, height, counted),
            certificate: serial.filter(|serial| !serial.is_empty()),
        });
    }
    Ok(all)
}

fn conduct_text(all: &[Conduct]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let cells: Vec<Vec<String>> = all
        .iter()
        .map(|c| {
            vec![
                c.node_id.to_string().chars().take(12).collect(),
                c.blocks_verified.to_string(),
                c.rounds_missed.to_string(),
                c.score.to_string(),
                c.certificate.as_ref().map_or_else(|| "of the genesis".into(), ToString::to_string),
            ]
        })
        .collect();
    format!("\n\n{}", columns(&["NODE ID", "BLOCKS VERIFIED", "ROUNDS MISSED", "SCORE", "CERTIFICATE"], &cells))
}

async fn request(context: &Context, options: &MemberRequest) -> Result<()> {
    let certificates = certificates(&options.certificates)?;
    let chain = context.chain().await?;
    let governed = Governed::of(&chain)?;
    let known = governed.member(&options.organisation).await?.1.is_some();
    let organisation = organisation(context, options, known)?;
    let address = options.address.as_ref().map(ToString::to_string).unwrap_or_default();
    let call = Request {
        node: options.node_id,
        kind: options.kind,
        address: Text::new(address.as_str()).map_err(|e| {
            CliError::usage("too_long", format!("the address is too long: {e}")).field("--address").value(&address)
        })?,
        organisation,
        certificates,
    };
    let outcome = send::call(context, &chain, &options.sign, &call).await?;
    proposal::opened(context, &governed, &outcome).await
}

/// The node's organisation as the request names it: a member's roles and keys are not repeated.
fn organisation(context: &Context, options: &MemberRequest, known: bool) -> Result<Organisation> {
    let id = options.organisation.clone();
    let given = options.public_key.is_some() || options.new_key.is_some();
    if known {
        if given {
            return Err(CliError::usage("is_member", format!("organisation '{id}' is a member already"))
                .field("--public-key")
                .value(id.as_str())
                .rule("no key: a member changes its keys itself"));
        }
        return Ok(Organisation { id, roles: [].into(), keys: List::default() });
    }
    let key: PublicKey = match (&options.public_key, &options.new_key) {
        (Some(key), _) => *key,
        (None, Some(name)) => new_key(context, name)?,
        (None, None) => {
            return Err(CliError::usage("usage", format!("organisation '{id}' is new and needs a key"))
                .field("--public-key")
                .rule("--public-key HEX, or --new-key NAME"));
        }
    };
    let keys = List::new(vec![MemberKey::whole(key)]).map_err(|e| CliError::internal("keys", e.to_string()))?;
    Ok(Organisation { id, roles: [options.kind].into(), keys })
}

#[derive(Serialize)]
struct Revoked {
    serial: Serial,
    reason: String,
    /// The node that was admitted with it and is no member any more.
    node: Option<String>,
    transaction: Hash,
    height: u64,
}

async fn revoke(context: &Context, serial: &str, reason: &str, sign: &SignOptions) -> Result<()> {
    let number = serial.to_ascii_lowercase();
    let is_serial = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit());
    let serial = Serial::new(number.as_str()).ok().filter(|_| is_serial).ok_or_else(|| {
        CliError::usage("bad_serial", "this is no serial number of a certificate")
            .field("SERIAL")
            .value(serial)
            .rule("hexadecimal digits, as althing ca list shows them")
    })?;
    let chain = context.chain().await?;
    Governed::of(&chain)?;
    let text = Text::new(reason).map_err(|e| {
        CliError::usage("too_long", format!("the reason is too long: {e}"))
            .field("--reason")
            .value(e.found.to_string())
            .rule(format!("at most {} bytes", e.maximum))
    })?;
    let outcome = send::call(context, &chain, sign, &Revoke { serial: serial.clone(), reason: text }).await?;
    let said = outcome.events.iter().find_map(|event| event.get("fields")?.get("node")?.as_str().map(str::to_owned));
    let revoked =
        Revoked { serial, reason: reason.to_owned(), node: said, transaction: outcome.hash, height: outcome.height };
    context.output.print(&revoked, |r| {
        table(&[
            ("revoked", r.serial.to_string()),
            ("reason", r.reason.clone()),
            ("node", r.node.clone().unwrap_or_else(|| "none was admitted with it: is the number right?".into())),
            ("block", r.height.to_string()),
            ("transaction", r.transaction.to_string()),
        ])
    })
}

/// Makes a key and keeps it in the home folder under a name that is new.
fn new_key(context: &Context, name: &str) -> Result<PublicKey> {
    keyfile::check_name(name)?;
    let path = context.home.key(name);
    if path.exists() {
        return Err(CliError::usage("key_exists", format!("there is a key '{name}' already"))
            .field("--new-key")
            .value(name)
            .rule("a new name; for a key that is there, --public-key"));
    }
    let key = keyfile::generate()?;
    KeyFile::seal(name, &key, &context.home.passphrase(Purpose::Protect)?)?.write(&path)?;
    Ok(key.public())
}

fn certificates(files: &[PathBuf]) -> Result<CertificateChain> {
    let mut all = Vec::new();
    for file in files {
        for certificate in read_certificates(file)? {
            all.push(Bytes::<MAX_CERTIFICATE>::new(certificate).map_err(|e| {
                CliError::data("too_large", format!("a certificate of {} is too large: {e}", file.display()))
                    .field("--certificate")
                    .value(e.found.to_string())
                    .rule(format!("at most {} bytes", e.maximum))
            })?);
        }
    }
    List::new(all).map_err(|e| {
        CliError::usage("too_many", format!("too many certificates: {e}"))
            .field("--certificate")
            .value(e.found.to_string())
            .rule(format!("at most {}", e.maximum))
    })
}
