//! What the chain of a TLD holds, proof-verified; only `check` is computed by the node.

use super::{charter, entry, registered};
use crate::{
    ca::date,
    chain::{Chain, Scan, typed},
    command::{Context, query::Place},
    error::{CliError, Result},
    exit_code::Exit,
    output::{columns, table},
};
use althing_interface::{
    call::Call,
    layout::{self, registrations as keys},
    registrations::{
        self, Apex, Availabilities, Counts, Domain, Host, MAX_PAGE, Settings, ViewCheck, apex_records, host_records,
    },
    zone::Record,
};
use althing_types::{
    codec::{Text, decode, encode},
    id::{ContractId, Height, OrganisationId},
    keyspace::{MAX_CONTRACT_VALUE, storage},
    name::DomainName,
};
use borsh::BorshDeserialize;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

/// Readings of a list before giving up because it changes all the time.
const ATTEMPTS: usize = 20;

/// The time of this machine, which statuses of grace periods are told by.
pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn lines(records: &[Record]) -> Vec<String> {
    let mut lines: Vec<String> = records.iter().map(ToString::to_string).collect();
    lines.sort_unstable();
    lines
}

/// Shows a name.
///
/// # Errors
/// When it is not registered, no node answers, or a proof fails.
pub(super) async fn domain(context: &Context, name: &DomainName) -> Result<()> {
    #[derive(Serialize)]
    struct Answer {
        name: DomainName,
        #[serde(flatten)]
        place: Place,
        statuses: Vec<&'static str>,
        published: bool,
        /// Where it is in its life, and what it has; times in milliseconds since 1970.
        domain: Domain,
        hosts: BTreeMap<String, Host>,
        /// What the zone has of it.
        records: Vec<String>,
    }
    let chain = context.chain().await?;
    let (entries, domain) = registered(&chain, name).await?;
    let inside: Vec<DomainName> = domain.ns.iter().filter(|host| host.is_within(name)).cloned().collect();
    let mut wanted = vec![entry(&keys::settings_key())?];
    for host in &inside {
        wanted.push(entry(&keys::host_key(host))?);
    }
    let more = chain.read(&wanted, Some(entries.height)).await?;
    let mut values = more.values.iter();
    let settings: Settings = typed("settings", values.next().and_then(Option::as_deref))?.unwrap_or_default();
    let mut hosts = BTreeMap::new();
    let mut records = registrations::domain_records(name, &domain, &settings);
    for (host, bytes) in inside.iter().zip(values) {
        if let Some(value) = typed::<Host>("host", bytes.as_deref())? {
            if domain.published() {
                records.extend(host_records(host, &value, &settings));
            }
            hosts.insert(host.to_string(), value);
        }
    }
    let place = Place::of(&chain, &entries);
    let (statuses, published) = (domain.words(now_ms()), domain.published());
    let answer = Answer { name: name.clone(), place, statuses, published, domain, hosts, records: lines(&records) };
    context.output.print(&answer, |a| {
        let mut rows = vec![
            ("name", a.name.to_string()),
            ("registrar", a.domain.sponsor.to_string()),
            ("status", a.statuses.join(" ")),
            ("in the zone", if a.published { "yes".into() } else { "no".to_owned() }),
            ("registered", date(a.domain.created_ms)),
            ("changed", date(a.domain.changed_ms)),
            ("expires", date(a.domain.expires_ms)),
        ];
        if let Some(time) = a.domain.transferred_ms {
            rows.push(("transferred", date(time)));
        }
        if let Some(transfer) = &a.domain.transfer {
            rows.push(("transfer", format!("to {}, decided by {}", transfer.to, date(transfer.due_ms))));
        }
        if a.domain.phase != registrations::Phase::Active {
            rows.push(("next step", date(a.domain.due_ms())));
        }
        rows.push(("transfer code", if a.domain.code.is_some() { "set".into() } else { "none".to_owned() }));
        if let Some(registrant) = &a.domain.registrant {
            rows.push(("registrant", format!("{} at {}", registrant.digest, registrant.pointer)));
        }
        rows.push(a.place.row());
        format!("{}\n{}", table(&rows), a.records.join("\n"))
    })
}

/// Shows a subordinate host and the names that use it.
///
/// # Errors
/// As [`domain`].
pub(super) async fn host(context: &Context, name: &DomainName) -> Result<()> {
    #[derive(Serialize)]
    struct Answer {
        host: DomainName,
        #[serde(flatten)]
        place: Place,
        addresses: Host,
    }
    let chain = context.chain().await?;
    let (entries, found) = chain.value::<Host>("host", entry(&keys::host_key(name))?).await?;
    let place = Place::of(&chain, &entries);
    let addresses = found.ok_or_else(|| {
        CliError::not_found("epp_2303", format!("host '{name}' has no addresses at height {}", entries.height))
            .field("host")
            .value(name.to_string())
            .rule("a host below a registered name (EPP 2303, Object does not exist)")
    })?;
    let answer = Answer { host: name.clone(), place, addresses };
    context.output.print(&answer, |a| {
        let list = |addresses: Vec<String>| addresses.join(" ");
        table(&[
            ("host", a.host.to_string()),
            ("A", list(a.addresses.v4.iter().map(ToString::to_string).collect())),
            ("AAAA", list(a.addresses.v6.iter().map(ToString::to_string).collect())),
            a.place.row(),
        ])
    })
}

/// Shows the TLD's own delegation.
///
/// # Errors
/// As [`domain`]; when there is none yet.
pub(super) async fn apex(context: &Context) -> Result<()> {
    #[derive(Serialize)]
    struct Answer {
        tld: DomainName,
        registry: OrganisationId,
        loading: bool,
        #[serde(flatten)]
        place: Place,
        apex: Option<Apex>,
        counts: Counts,
    }
    let chain = context.chain().await?;
    let charter = charter(&chain).await?;
    let entries = chain.read(&[entry(&keys::apex_key())?, entry(&keys::counts_key())?], None).await?;
    let value = |index: usize| entries.values.get(index).and_then(Option::as_deref);
    let answer = Answer {
        tld: charter.tld,
        registry: charter.registry,
        loading: charter.loading,
        place: Place::of(&chain, &entries),
        apex: typed("apex", value(0))?,
        counts: typed("counts", value(1))?.unwrap_or_default(),
    };
    context.output.print(&answer, |a| {
        let mut rows = vec![
            ("tld", a.tld.to_string()),
            ("registry", a.registry.to_string()),
            ("names", format!("{}, of which {} in the zone", a.counts.domains, a.counts.published)),
            ("hosts", a.counts.hosts.to_string()),
        ];
        if a.loading {
            rows.push(("load", "open: see althing domain close-load".into()));
        }
        rows.push(a.place.row());
        let Some(apex) = &a.apex else { return format!("{}\nno name servers yet", table(&rows)) };
        let ds = apex.delegation.ds.iter().map(|ds| format!("{} {} IN DS {ds}", a.tld, apex.delegation.ds_ttl));
        let mut records = lines(&apex_records(&a.tld, apex));
        records.extend(ds);
        format!("{}\n{}", table(&rows), records.join("\n"))
    })
}

/// Values under a prefix by the name in their key.
fn named<T: BorshDeserialize>(what: &'static str, scan: &Scan, own: usize) -> Result<Vec<(DomainName, T)>> {
    let mut out = Vec::with_capacity(scan.entries.len());
    for (key, value) in &scan.entries {
        let name = key.get(own..).and_then(layout::name_of);
        if let (Some(name), Some(value)) = (name, typed(what, Some(value))?) {
            out.push((name, value));
        }
    }
    Ok(out)
}

/// Lists names.
///
/// # Errors
/// As [`domain`]; when entries are missing, or names change faster than they can be read.
pub(super) async fn list(context: &Context, registrar: Option<&OrganisationId>, limit: u32) -> Result<()> {
    #[derive(Serialize)]
    struct Row {
        name: DomainName,
        registrar: OrganisationId,
        statuses: Vec<&'static str>,
        expires_ms: u64,
    }
    #[derive(Serialize)]
    struct Answer {
        height: Height,
        verified: bool,
        names: usize,
        listed: Vec<Row>,
    }
    let chain = context.chain().await?;
    let (height, all) = domains(&chain).await?;
    let now = now_ms();
    let mut wanted = all.into_iter().filter(|(_, domain)| registrar.is_none_or(|id| domain.sponsor == *id));
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let listed: Vec<Row> = wanted
        .by_ref()
        .take(most)
        .map(|(name, domain)| Row {
            name,
            statuses: domain.words(now),
            expires_ms: domain.expires_ms,
            registrar: domain.sponsor,
        })
        .collect();
    let names = listed.len().saturating_add(wanted.count());
    let answer = Answer { height, verified: chain.verifies(), names, listed };
    context.output.print(&answer, |a| {
        let rows: Vec<Vec<String>> = a
            .listed
            .iter()
            .map(|row| {
                vec![row.name.to_string(), row.registrar.to_string(), date(row.expires_ms), row.statuses.join(" ")]
            })
            .collect();
        let how = if a.verified { "verified" } else { "NOT verified" };
        let text = columns(&["name", "registrar", "expires", "status"], &rows);
        format!("{text}\n{} of {} names at height {} ({how})", a.listed.len(), a.names, a.height)
    })
}

/// All names, and a height at which they were all: the totals show that none was left out.
async fn domains(chain: &Chain) -> Result<(Height, Vec<(DomainName, Domain)>)> {
    charter(chain).await?;
    let id = ContractId::new(registrations::ID)?;
    let own = storage(&id, &[]).len();
    for _ in 0..ATTEMPTS {
        let scan = chain.scan(&storage(&id, &keys::domains_prefix())).await?;
        let (last, counts) = chain.value::<Counts>("counts", entry(&keys::counts_key())?).await?;
        let counts = counts.unwrap_or_default();
        if counts.changed > scan.height || last.height < scan.height {
            continue;
        }
        let found = named::<Domain>("domain", &scan, own)?;
        if found.len() != usize::try_from(counts.domains).unwrap_or(usize::MAX) {
            return Err(CliError::new(
                Exit::Proof,
                "entries_missing",
                format!("the node told of {} names; there are {}", found.len(), counts.domains),
            )
            .field("names")
            .value(found.len().to_string())
            .rule(counts.domains.to_string())
            .hint("ask another node"));
        }
        return Ok((scan.height, found));
    }
    Err(CliError::new(Exit::Timeout, "moving_names", "names change faster than they can be read")
        .rule("a moment without changes")
        .hint("run it again later"))
}

/// Lists reserved names.
///
/// # Errors
/// As [`domain`].
pub(super) async fn reserved(context: &Context) -> Result<()> {
    #[derive(Serialize)]
    struct Answer {
        height: Height,
        verified: bool,
        reserved: Vec<(DomainName, Text<{ registrations::MAX_REASON }>)>,
    }
    let chain = context.chain().await?;
    charter(&chain).await?;
    let id = ContractId::new(registrations::ID)?;
    let scan = chain.scan(&storage(&id, &keys::reserved_prefix())).await?;
    let reserved = named("reason", &scan, storage(&id, &[]).len())?;
    let answer = Answer { height: scan.height, verified: chain.verifies(), reserved };
    context.output.print(&answer, |a| {
        let rows: Vec<Vec<String>> =
            a.reserved.iter().map(|(name, reason)| vec![name.to_string(), reason.to_string()]).collect();
        columns(&["name", "reason"], &rows)
    })
}

/// Asks which names can be registered.
///
/// # Errors
/// When no node answers, or the chain has no names.
pub(super) async fn check(context: &Context, names: &[DomainName]) -> Result<()> {
    #[derive(Serialize)]
    struct Answer {
        height: Height,
        /// A view is computed by the node: there is nothing that could be proven.
        verified: bool,
        names: Availabilities,
    }
    let chain = context.chain().await?;
    charter(&chain).await?;
    let call = ViewCheck { names: super::list::<_, MAX_PAGE>("names", names.to_vec())? };
    let answer = chain.client.view(&ContractId::new(registrations::ID)?, ViewCheck::METHOD, &encode(&call)).await?;
    if let Some(failure) = &answer.failure {
        return Err(CliError::new(Exit::Refused, "failed", format!("the view failed: {}", failure.message)));
    }
    let bytes = answer.result.unwrap_or_default().0;
    let names = decode("availabilities", &bytes, MAX_CONTRACT_VALUE).map_err(|e| {
        CliError::new(Exit::Network, "bad_answer", format!("the result is not of the view's type: {e}")).field("result")
    })?;
    context.output.print(&Answer { height: answer.height, verified: false, names }, |a| {
        let text = |reason: &Option<Text<200>>| reason.as_ref().map_or("free".into(), ToString::to_string);
        let rows: Vec<Vec<String>> = a.names.iter().map(|one| vec![one.name.to_string(), text(&one.reason)]).collect();
        columns(&["name", "can be registered"], &rows)
    })
}
