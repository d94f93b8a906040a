//! `althing record set` and `delete`: a registry changes its TLD in the root zone.

use crate::{
    args::{RecordChange, SignOptions},
    call::Outcome,
    command::{
        Context,
        domain::{host_of, list},
        send,
    },
    error::{CliError, Result},
};
use althing_interface::domain_records::{Change, ChangeTld, Delegation, DelegationChange, HostChange};
use althing_types::name::DomainName;

/// The change that options ask for.
///
/// # Errors
/// When there are more of something than the contract keeps.
fn change(options: &RecordChange) -> Result<Change> {
    let RecordChange { ns, ds, hosts, drop_hosts, ttl } = options;
    let mut changes = Vec::with_capacity(hosts.len().saturating_add(drop_hosts.len()));
    for entry in hosts {
        changes.push(HostChange { host: entry.host.clone(), addresses: Some(host_of(entry, *ttl)?) });
    }
    changes.extend(drop_hosts.iter().map(|host| HostChange { host: host.clone(), addresses: None }));
    let delegation = if ns.is_empty() {
        DelegationChange::Keep
    } else {
        let ds_ttl = if ds.is_empty() { 0 } else { *ttl };
        let (ns, ds) = (list("--ns", ns.clone())?, list("--ds", ds.clone())?);
        DelegationChange::Set(Delegation { ns, ns_ttl: *ttl, ds, ds_ttl })
    };
    Ok(Change { hosts: list("--host", changes)?, delegation })
}

/// Sends a change of a TLD.
///
/// # Errors
/// When it is refused, or not final in time.
pub(super) async fn set(context: &Context, tld: &DomainName, options: &RecordChange, sign: &SignOptions) -> Result<()> {
    let change = change(options)?;
    if change.hosts.is_empty() && change.delegation == DelegationChange::Keep {
        return Err(CliError::usage("nothing_to_do", "no change is asked for")
            .field("--ns, --host, --drop-host")
            .rule("at least one of them"));
    }
    send_change(context, tld, change, sign).await
}

/// Ends a TLD's delegation.
///
/// # Errors
/// As [`set`].
pub(super) async fn delete(context: &Context, tld: &DomainName, sign: &SignOptions) -> Result<()> {
    let change = Change { hosts: list("--host", Vec::new())?, delegation: DelegationChange::Delete };
    send_change(context, tld, change, sign).await
}

async fn send_change(context: &Context, tld: &DomainName, change: Change, sign: &SignOptions) -> Result<()> {
    let chain = context.chain().await?;
    let outcome = send::call(context, &chain, sign, &ChangeTld { tld: tld.clone(), change }).await?;
    if let Some(id) = outcome.result.pointer("/Held/id") {
        context
            .output
            .warn(&format!("the change waits: althing record show {id} tells for whose consent, or for which vote"));
    }
    context.output.print(&outcome, Outcome::human)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> RecordChange {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            change: RecordChange,
        }
        let line = std::iter::once("set").chain(arguments.iter().copied());
        <Line as clap::Parser>::try_parse_from(line).unwrap().change
    }

    #[test]
    fn options_become_one_change() {
        let found = change(&options(&[
            "--ns",
            "NS.lab",
            "--ns",
            "ns.example",
            "--host",
            "ns.lab=192.0.2.1,2001:db8::1",
            "--drop-host",
            "old.lab",
            "--ttl",
            "60",
        ]))
        .unwrap();
        let DelegationChange::Set(delegation) = found.delegation else { panic!("a delegation") };
        assert_eq!((delegation.ns.len(), delegation.ns_ttl, delegation.ds.len(), delegation.ds_ttl), (2, 60, 0, 0));
        let host = found.hosts[0].addresses.as_ref().unwrap();
        assert_eq!((host.v4.len(), host.a_ttl, host.v6.len(), host.aaaa_ttl), (1, 60, 1, 60));
        assert_eq!((found.hosts[1].host.as_str(), found.hosts[1].addresses.is_none()), ("old.lab", true));
    }

    #[test]
    fn hosts_alone_leave_the_delegation() {
        let found = change(&options(&["--host", "ns.lab=192.0.2.1"])).unwrap();
        assert_eq!(found.delegation, DelegationChange::Keep);
        assert_eq!(found.hosts[0].addresses.as_ref().unwrap().aaaa_ttl, 0);
    }
}
