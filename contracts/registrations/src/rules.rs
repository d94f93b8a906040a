//! What names, values and settings may be. Pure: a value in, its canonical form or a numbered error out.

use althing_interface::{
    domain_records::{self, Delegation, HostEntry, MAX_TTL},
    rdata::{Ds, Ipv4, Ipv6},
    rdata_rules::{check_ds, check_v4, check_v6},
    registrations::{
        Apex, Domain, Host, HostChange, MAX_APEX_HOSTS, MAX_DS, MAX_HOSTS, MAX_NS, MAX_YEARS, Phase, RegistrationError,
        Right, Settings, Status, add_years,
    },
    second_level::{check_host, check_label},
};
use althing_sdk::prelude::*;
use core::fmt::Display;

type Checked<T> = Result<T, RegistrationError>;

/// Longest period of a setting: 400 days.
const MAX_PERIOD_MS: u64 = 400 * 86_400_000;
/// Shortest and longest year of a network for trials.
const TRIAL_YEAR_MS: core::ops::RangeInclusive<u64> = 1_000..=366 * 86_400_000;

/// Checks that a name can be registered below a TLD.
pub(crate) fn name(tld: &DomainName, settings: &Settings, name: &DomainName) -> Checked<()> {
    let labels = |name: &DomainName| name.labels().count();
    let mut own = name.labels();
    let label = own.next().unwrap_or_default();
    if !name.is_within(tld) || labels(name) != labels(tld).saturating_add(1) {
        return Err(RegistrationError::NotBelow { name: name.clone(), tld: tld.clone() });
    }
    let refuse = |rule: String| RegistrationError::Label { name: name.clone(), rule };
    let least = usize::from(settings.min_label);
    if label.len() < least {
        return Err(refuse(format!("the label has fewer than {least} characters")));
    }
    check_label(label, &settings.scripts).map_err(refuse)
}

/// Checks a term.
pub(crate) fn years(years: u8) -> Checked<u8> {
    if (1..=MAX_YEARS).contains(&years) { Ok(years) } else { Err(RegistrationError::Years { years }) }
}

/// The end of a term after so many more years, which must not be too far ahead.
pub(crate) fn extended(
    name: &DomainName,
    settings: &Settings,
    now_ms: u64,
    from_ms: u64,
    by_years: u8,
) -> Checked<u64> {
    let expires_ms = add_years(from_ms, years(by_years)?, settings.year_ms);
    let latest_ms = latest(settings, now_ms);
    if expires_ms > latest_ms {
        return Err(RegistrationError::TermTooLong { name: name.clone(), expires_ms, latest_ms });
    }
    Ok(expires_ms)
}

/// The latest end that a term may have now.
pub(crate) fn latest(settings: &Settings, now_ms: u64) -> u64 {
    add_years(now_ms, MAX_YEARS, settings.year_ms)
}

/// Sorts a list and refuses repetition.
fn ordered<T: Ord + Clone + Display, const MAX: usize>(
    field: &'static str,
    owner: &DomainName,
    list: &List<T, MAX>,
) -> Checked<List<T, MAX>> {
    let mut values = list.to_vec();
    values.sort_unstable();
    if let Some(pair) = values.windows(2).find(|pair| pair.first() == pair.last()) {
        let value = pair.first().map(ToString::to_string).unwrap_or_default();
        return Err(RegistrationError::Duplicate { field, owner: owner.clone(), value });
    }
    // Not longer than the list it came from.
    Ok(List::new(values).unwrap_or_default())
}

fn host_name(host: &DomainName) -> Checked<()> {
    check_host(host).map_err(|rule| RegistrationError::HostName { host: host.clone(), rule })
}

/// Checks the name servers of a domain but for addresses, which depend on state.
pub(crate) fn name_servers(
    name: &DomainName,
    settings: &Settings,
    given: &List<DomainName, MAX_NS>,
) -> Checked<List<DomainName, MAX_NS>> {
    let ns = ordered("ns", name, given)?;
    ns.iter().try_for_each(host_name)?;
    if !ns.is_empty() && ns.len() < usize::from(settings.min_ns) {
        let (found, needed) = (small(ns.len()), u32::from(settings.min_ns));
        return Err(RegistrationError::TooFewNs { name: name.clone(), found, needed });
    }
    Ok(ns)
}

/// Checks DS records.
pub(crate) fn signers<const MAX: usize>(name: &DomainName, given: &List<Ds, MAX>) -> Checked<List<Ds, MAX>> {
    let ds = ordered("ds", name, given)?;
    for one in ds.iter() {
        let key_tag = one.key_tag;
        check_ds(one).map_err(|rule| RegistrationError::Ds { name: name.clone(), key_tag, rule })?;
    }
    Ok(ds)
}

fn addresses(name: &DomainName, v4: &[Ipv4], v6: &[Ipv6]) -> Checked<()> {
    host_name(name)?;
    if v4.is_empty() && v6.is_empty() {
        return Err(RegistrationError::NoAddress { host: name.clone() });
    }
    let refuse = |address: String, rule| RegistrationError::Address { host: name.clone(), address, rule };
    v4.iter().try_for_each(|a| check_v4(*a).map_err(|rule| refuse(a.to_string(), rule)))?;
    v6.iter().try_for_each(|a| check_v6(*a).map_err(|rule| refuse(a.to_string(), rule)))
}

/// Checks a subordinate host and its addresses.
pub(crate) fn host(name: &DomainName, given: &Host) -> Checked<Host> {
    let (v4, v6) = (ordered("v4", name, &given.v4)?, ordered("v6", name, &given.v6)?);
    addresses(name, &v4, &v6)?;
    Ok(Host { v4, v6 })
}

/// Checks the hosts of one change: each once and in the domain; names and addresses in form.
pub(crate) fn host_changes(
    domain: &DomainName,
    given: &List<HostChange, MAX_HOSTS>,
) -> Checked<Vec<(DomainName, Option<Host>)>> {
    let mut out: Vec<(DomainName, Option<Host>)> = Vec::with_capacity(given.len());
    for change in given.iter() {
        if !change.host.is_within(domain) {
            return Err(RegistrationError::NotSubordinate { host: change.host.clone(), name: domain.clone() });
        }
        let addresses = change.addresses.as_ref().map(|addresses| host(&change.host, addresses)).transpose()?;
        out.push((change.host.clone(), addresses));
    }
    out.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    if let Some([(host, _), _]) = out.windows(2).find(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
        return Err(RegistrationError::Duplicate { field: "hosts", owner: domain.clone(), value: host.to_string() });
    }
    Ok(out)
}

/// Checks the TLD's own delegation.
pub(crate) fn apex(tld: &DomainName, given: &Apex) -> Checked<Apex> {
    let ttl = |field, owner: &DomainName, ttl: u32, empty: bool| match ttl {
        _ if empty => Ok(0),
        1..=MAX_TTL => Ok(ttl),
        _ => Err(RegistrationError::Ttl { field, owner: owner.clone(), ttl }),
    };
    let Delegation { ns, ns_ttl, ds, ds_ttl } = &given.delegation;
    let (ns, ds) = (ordered("ns", tld, ns)?, signers(tld, ds)?);
    if ns.is_empty() {
        return Err(RegistrationError::NoNameServer { tld: tld.clone() });
    }
    ns.iter().try_for_each(host_name)?;
    let mut hosts: Vec<HostEntry> = Vec::with_capacity(given.hosts.len());
    for HostEntry { name, host } in given.hosts.iter() {
        if !ns.contains(name) {
            return Err(RegistrationError::UnusedHost { host: name.clone(), tld: tld.clone() });
        }
        let (v4, v6) = (ordered("v4", name, &host.v4)?, ordered("v6", name, &host.v6)?);
        addresses(name, &v4, &v6)?;
        let a_ttl = ttl("a_ttl", name, host.a_ttl, v4.is_empty())?;
        let aaaa_ttl = ttl("aaaa_ttl", name, host.aaaa_ttl, v6.is_empty())?;
        hosts.push(HostEntry { name: name.clone(), host: domain_records::Host { v4, a_ttl, v6, aaaa_ttl } });
    }
    hosts.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    if let Some([entry, _]) = hosts.windows(2).find(|pair| matches!(pair, [a, b] if a.name == b.name)) {
        return Err(RegistrationError::Duplicate { field: "hosts", owner: tld.clone(), value: entry.name.to_string() });
    }
    let lacking = ns.iter().find(|host| host.is_within(tld) && !hosts.iter().any(|entry| entry.name == **host));
    if let Some(host) = lacking {
        return Err(RegistrationError::MissingGlue { host: host.clone(), name: tld.clone() });
    }
    let (ns_ttl, ds_ttl) = (ttl("ns_ttl", tld, *ns_ttl, false)?, ttl("ds_ttl", tld, *ds_ttl, ds.is_empty())?);
    let hosts: List<HostEntry, MAX_APEX_HOSTS> = List::new(hosts).unwrap_or_default();
    Ok(Apex { delegation: Delegation { ns, ns_ttl, ds, ds_ttl }, hosts })
}

/// Checks settings.
pub(crate) fn settings(given: &Settings) -> Checked<Settings> {
    let refuse = |field, value, rule| Err(RegistrationError::Setting { field, value, rule });
    if given.year_ms != 0 && !TRIAL_YEAR_MS.contains(&given.year_ms) {
        return refuse("year_ms", given.year_ms, "0 for the calendar, or 1000 to 366 days");
    }
    let periods = [
        ("add_grace_ms", given.add_grace_ms),
        ("renew_grace_ms", given.renew_grace_ms),
        ("auto_renew_grace_ms", given.auto_renew_grace_ms),
        ("transfer_grace_ms", given.transfer_grace_ms),
        ("redemption_ms", given.redemption_ms),
        ("pending_delete_ms", given.pending_delete_ms),
        ("transfer_pending_ms", given.transfer_pending_ms),
        ("transfer_lock_ms", given.transfer_lock_ms),
    ];
    if let Some((field, value)) = periods.into_iter().find(|(_, value)| *value > MAX_PERIOD_MS) {
        return refuse(field, value, "at most 400 days");
    }
    if given.transfer_years > 1 {
        return refuse("transfer_years", given.transfer_years.into(), "0 or 1");
    }
    if usize::from(given.min_ns) > MAX_NS {
        return refuse("min_ns", given.min_ns.into(), "at most 13");
    }
    if !(1..=63).contains(&given.min_label) {
        return refuse("min_label", given.min_label.into(), "1 to 63");
    }
    for (field, ttl) in [("ns_ttl", given.ns_ttl), ("ds_ttl", given.ds_ttl), ("host_ttl", given.host_ttl)] {
        if !(1..=MAX_TTL).contains(&ttl) {
            return refuse(field, ttl.into(), "1 to 604800 seconds");
        }
    }
    let mut scripts = given.scripts.to_vec();
    scripts.sort_unstable();
    scripts.dedup();
    Ok(Settings { scripts: List::new(scripts).unwrap_or_default(), ..given.clone() })
}

/// Checks that no status or phase of a domain forbids what its registrar asks.
pub(crate) fn allowed(name: &DomainName, domain: &Domain, right: Right) -> Checked<()> {
    let refuse = |status| Err(RegistrationError::Prohibited { name: name.clone(), status, action: right.word() });
    match domain.phase {
        Phase::Active => {}
        Phase::Redemption { .. } => return refuse("redemptionPeriod"),
        Phase::PendingDelete { .. } => return refuse("pendingDelete"),
    }
    if domain.transfer.is_some() && right != Right::Transfer {
        return refuse("pendingTransfer");
    }
    match domain.status.iter().find(|status| status.forbids() == Some(right)) {
        Some(status) => refuse(status.word()),
        None => Ok(()),
    }
}

/// Checks that statuses are set and removed by the side whose they are.
pub(crate) fn side(statuses: impl Iterator<Item = Status>, server: bool) -> Checked<()> {
    for status in statuses {
        if status.is_server() != server {
            let side = if status.is_server() { "the registry" } else { "the sponsoring registrar" };
            return Err(RegistrationError::StatusOfOther { status: status.word(), side });
        }
    }
    Ok(())
}

/// Checks that a domain with DS records has name servers.
pub(crate) fn signed_is_delegated(name: &DomainName, ns: &[DomainName], ds: &List<Ds, MAX_DS>) -> Checked<()> {
    if ns.is_empty() && !ds.is_empty() {
        return Err(RegistrationError::DsWithoutNs { name: name.clone() });
    }
    Ok(())
}

/// A bounded length as a number.
pub(crate) fn small(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
