//! What registrars do with their names, and holds and statuses.

use super::{call, charter, list, make, registered, signing};
use crate::{
    args::{Content, Held, HostAddresses, One, SignOptions},
    ca::date,
    command::Context,
    error::{CliError, Result},
    output::table,
};
use althing_interface::registrations::{
    Change, Delete, Host, HostChange, MAX_ADDRESSES, Register, RegistrantChange, Registration, Renew, Restore,
    SetStatus, Status, Update,
};
use althing_types::{hash::Hash, name::DomainName};
use serde::Serialize;
use std::net::IpAddr;

/// What an update takes away.
pub(super) struct Removed<'a> {
    /// All name servers, and the DS records with them.
    pub(super) ns: bool,
    /// All DS records.
    pub(super) ds: bool,
    /// Addresses of these hosts.
    pub(super) hosts: &'a [DomainName],
    /// The registrant.
    pub(super) registrant: bool,
}

/// The addresses of a host by family.
fn addresses(host: &DomainName, given: &[IpAddr]) -> Result<Host> {
    let mut v4 = Vec::new();
    let mut v6 = Vec::new();
    for address in given {
        match address {
            IpAddr::V4(address) => v4.push((*address).into()),
            IpAddr::V6(address) => v6.push((*address).into()),
        }
    }
    let what = format!("addresses of {host}");
    Ok(Host { v4: list::<_, MAX_ADDRESSES>(&what, v4)?, v6: list::<_, MAX_ADDRESSES>(&what, v6)? })
}

fn host_changes(given: &[HostAddresses]) -> Result<Vec<HostChange>> {
    given
        .iter()
        .map(|one| Ok(HostChange { host: one.host.clone(), addresses: Some(addresses(&one.host, &one.addresses)?) }))
        .collect()
}

fn registrant(content: &Content) -> Result<Option<althing_interface::registrations::Registrant>> {
    content.registrant().map_err(|rule| {
        CliError::usage("too_long", "the pointer to the registrant is too long")
            .field("--registrant-pointer")
            .value(content.registrant_pointer.clone().unwrap_or_default())
            .rule(rule)
    })
}

/// Registers a name.
///
/// # Errors
/// When it is refused, or not final in time.
pub(super) async fn register(
    context: &Context,
    name: &DomainName,
    years: u8,
    content: &Content,
    sign: &SignOptions,
) -> Result<()> {
    let registration = Registration {
        ns: list("--ns", content.ns.clone())?,
        ds: list("--ds", content.ds.clone())?,
        hosts: list("--host", host_changes(&content.hosts)?)?,
        code: None,
        registrant: registrant(content)?,
    };
    changed(context, name, sign, &Register { name: name.clone(), years, registration }).await
}

/// Extends a term.
///
/// # Errors
/// As [`register`].
pub(super) async fn renew(context: &Context, name: &DomainName, years: u8, sign: &SignOptions) -> Result<()> {
    let chain = context.chain().await?;
    let (_, domain) = registered(&chain, name).await?;
    changed(context, name, sign, &Renew { name: name.clone(), expires_ms: domain.expires_ms, years }).await
}

/// Changes a name.
///
/// # Errors
/// As [`register`]; when nothing is to be changed.
pub(super) async fn update(
    context: &Context,
    name: &DomainName,
    content: &Content,
    removed: &Removed<'_>,
    sign: &SignOptions,
) -> Result<()> {
    let given = |values: bool, gone: bool| values || gone;
    let mut hosts = host_changes(&content.hosts)?;
    hosts.extend(removed.hosts.iter().map(|host| HostChange { host: host.clone(), addresses: None }));
    let registrant = match registrant(content)? {
        Some(registrant) => RegistrantChange::Set(registrant),
        None if removed.registrant => RegistrantChange::Remove,
        None => RegistrantChange::Keep,
    };
    let ns = given(!content.ns.is_empty(), removed.ns).then(|| list("--ns", content.ns.clone())).transpose()?;
    let ds = given(!content.ds.is_empty(), removed.ds || removed.ns).then(|| list("--ds", content.ds.clone()));
    let change = Change { ns, ds: ds.transpose()?, hosts: list("--host", hosts)?, registrant, ..Change::default() };
    if change == Change::default() {
        return Err(CliError::usage("no_change", "nothing is to be changed")
            .field("options")
            .rule("one of --ns, --no-ns, --ds, --no-ds, --host, --no-host, --registrant-digest, --no-registrant"));
    }
    changed(context, name, sign, &Update { name: name.clone(), change }).await
}

/// Sets or takes away the addresses of a host.
///
/// # Errors
/// As [`register`]; when the host lies in no name that could be registered.
pub(super) async fn host(
    context: &Context,
    host: &DomainName,
    given: &[IpAddr],
    delete: bool,
    key: &str,
) -> Result<()> {
    if given.is_empty() && !delete {
        return Err(CliError::usage("no_change", "nothing is to be changed")
            .field("options")
            .rule("--address or --delete beside --key"));
    }
    let chain = context.chain().await?;
    let tld = charter(&chain).await?.tld;
    let name = domain_of(&tld, host).ok_or_else(|| {
        CliError::usage("bad_host", format!("'{host}' lies in no name below '{tld}'"))
            .field("host")
            .value(host.to_string())
            .rule(format!("a name below a registered name of '{tld}'"))
    })?;
    let addresses = if delete { None } else { Some(addresses(host, given)?) };
    let hosts = list("host", vec![HostChange { host: host.clone(), addresses }])?;
    let update = Update { name: name.clone(), change: Change { hosts, ..Change::default() } };
    make(context, &signing(key), &update).await
}

/// The name one label below a TLD in which a host lies.
fn domain_of(tld: &DomainName, host: &DomainName) -> Option<DomainName> {
    if !host.is_within(tld) {
        return None;
    }
    let skip = host.labels().count().checked_sub(tld.labels().count())?.checked_sub(1)?;
    DomainName::parse(&host.labels().skip(skip).collect::<Vec<_>>().join(".")).ok()
}

/// Sets or removes a hold.
///
/// # Errors
/// As [`register`].
pub(super) async fn hold(context: &Context, held: &Held, set: bool) -> Result<()> {
    let one = [if held.server { Status::ServerHold } else { Status::ClientHold }];
    let (add, remove): (&[Status], &[Status]) = if set { (&one, &[]) } else { (&[], &one) };
    status(context, &held.name, add, remove, &held.sign).await
}

/// Sets and removes statuses.
///
/// # Errors
/// As [`register`]; when none is given.
pub(super) async fn status(
    context: &Context,
    name: &DomainName,
    add: &[Status],
    remove: &[Status],
    sign: &SignOptions,
) -> Result<()> {
    if add.is_empty() && remove.is_empty() {
        return Err(CliError::usage("no_change", "no status is to be set or removed")
            .field("options")
            .rule("--add STATUS or --remove STATUS"));
    }
    let call =
        SetStatus { name: name.clone(), add: add.iter().copied().collect(), remove: remove.iter().copied().collect() };
    changed(context, name, sign, &call).await
}

/// Deletes a name.
///
/// # Errors
/// As [`register`].
pub(super) async fn delete(context: &Context, one: &One) -> Result<()> {
    changed(context, &one.name, &one.sign, &Delete { name: one.name.clone() }).await
}

/// Takes a name back out of redemption.
///
/// # Errors
/// As [`register`].
pub(super) async fn restore(context: &Context, one: &One) -> Result<()> {
    changed(context, &one.name, &one.sign, &Restore { name: one.name.clone() }).await
}

/// What a name is after a change.
#[derive(Serialize)]
struct Changed {
    name: DomainName,
    transaction: Hash,
    height: u64,
    fuel_used: u64,
    /// Whether it is registered at all.
    registered: bool,
    statuses: Vec<&'static str>,
    expires: Option<String>,
}

/// Makes a call and shows what the name is after it.
///
/// # Errors
/// As [`register`].
pub(super) async fn changed<C: althing_interface::call::Call>(
    context: &Context,
    name: &DomainName,
    sign: &SignOptions,
    what: &C,
) -> Result<()> {
    let chain = context.chain().await?;
    let outcome = call(context, &chain, sign, what).await?;
    let key = super::entry(&althing_interface::layout::registrations::domain_key(name))?;
    let (_, domain) = chain.value::<althing_interface::registrations::Domain>("domain", key).await?;
    let now = super::show::now_ms();
    let shown = Changed {
        name: name.clone(),
        transaction: outcome.hash,
        height: outcome.height,
        fuel_used: outcome.fuel_used,
        registered: domain.is_some(),
        statuses: domain.as_ref().map(|domain| domain.words(now)).unwrap_or_default(),
        expires: domain.as_ref().map(|domain| date(domain.expires_ms)),
    };
    context.output.print(&shown, |s| {
        let statuses = if s.registered { s.statuses.join(" ") } else { "free".into() };
        let mut rows = vec![("name", s.name.to_string()), ("status", statuses)];
        rows.extend(s.expires.clone().map(|expires| ("expires", expires)));
        rows.push(("transaction", s.transaction.to_string()));
        rows.push(("block", s.height.to_string()));
        table(&rows)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_domain_is_one_label_below_the_tld() {
        let name = |text: &str| DomainName::parse(text).unwrap();
        assert_eq!(domain_of(&name("lab"), &name("ns.alice.lab")), Some(name("alice.lab")));
        assert_eq!(domain_of(&name("lab"), &name("a.b.alice.lab")), Some(name("alice.lab")));
        assert_eq!(domain_of(&name("lab"), &name("alice.lab")), Some(name("alice.lab")));
        assert_eq!(domain_of(&name("lab"), &name("lab")), None);
        assert_eq!(domain_of(&name("lab"), &name("ns.alice.org")), None);
    }
}
