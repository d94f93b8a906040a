//! The chain of a TLD as a source: domains, subordinate hosts and apex of the contract `registrations`.
//!
//! Addresses of a host are in the zone while the apex or a published domain names it; a host of the apex wins over a
//! subordinate host of the same name. The rules are those of `althing_interface::registrations`.

use super::{
    chain::{ChainSource, typed},
    keeping::{Keeping, Part, Totals, Touched},
};
use crate::error::{Result, ZoneFault};
use althing_client::Client;
use althing_interface::{
    layout::registrations as keys,
    registrations::{
        self, Apex, Counts, Domain, DomainChanged, Host, HostChanged, Settings, apex_records, domain_records,
        host_records,
    },
};
use althing_types::{event::Event, genesis::Genesis, id::Height, name::DomainName};
use borsh::BorshDeserialize;

/// Follows the chain of a TLD.
pub type TldChain = ChainSource<TldKeeping>;

/// How a TLD chain keeps its zone.
#[derive(Debug)]
pub struct TldKeeping {
    tld: DomainName,
    settings: Settings,
}

impl TldChain {
    /// The zone of a chain's TLD.
    ///
    /// # Errors
    /// As [`ChainSource::new`].
    pub fn tld(client: Client, genesis: Genesis, tld: DomainName) -> Result<Self> {
        Self::new(client, genesis, TldKeeping::new(tld))
    }
}

impl TldKeeping {
    /// Of a TLD, with the settings that are the default until the chain's own are read.
    pub fn new(tld: DomainName) -> Self {
        Self { tld, settings: Settings::default() }
    }
}

impl Keeping for TldKeeping {
    const CONTRACT: &'static str = registrations::ID;
    const TOTALS: &'static [&'static str] = &["domains", "published", "hosts", "records"];

    fn zone(&self) -> &DomainName {
        &self.tld
    }

    fn prefixes(&self) -> Vec<Vec<u8>> {
        vec![keys::domains_prefix(), keys::hosts_prefix()]
    }

    fn counts_key(&self) -> Vec<u8> {
        keys::counts_key()
    }

    fn frame(&self) -> Vec<Vec<u8>> {
        vec![keys::settings_key()]
    }

    fn learn(&mut self, values: &[Option<Vec<u8>>]) -> Result<()> {
        let value = values.first().and_then(Option::as_deref);
        let key = keys::settings_key();
        self.settings = value.map(|v| typed(&key, v)).transpose()?.unwrap_or_default();
        Ok(())
    }

    fn keys_of(&self, name: &DomainName) -> Vec<Vec<u8>> {
        match *name == self.tld {
            true => vec![keys::apex_key()],
            false => vec![keys::domain_key(name), keys::host_key(name)],
        }
    }

    fn touched(&self, event: &Event) -> Option<Touched> {
        match event.name.as_str() {
            "DomainChanged" => DomainChanged::try_from_slice(&event.data).ok().map(|e| Touched::Name(e.name)),
            "HostChanged" => HostChanged::try_from_slice(&event.data).ok().map(|e| Touched::Name(e.host)),
            "ApexChanged" => Some(Touched::Name(self.tld.clone())),
            // Times to live are among them.
            "SettingsChanged" => Some(Touched::Everything),
            _ => None,
        }
    }

    fn part(&self, key: &[u8], name: &DomainName, value: &[u8]) -> Result<Part> {
        let mut part = Part::default();
        let [domains, published, hosts, records, ..] = &mut part.totals;
        match key.first() {
            Some(&keys::APEX) => {
                let apex: Apex = typed(key, value)?;
                for record in apex_records(&self.tld, &apex) {
                    match record.owner == self.tld {
                        true => part.records.push(record),
                        false => part.fixed.entry(record.owner.clone()).or_default().push(record),
                    }
                }
                part.serves = apex.delegation.ns.iter().filter(|ns| ns.is_within(&self.tld)).cloned().collect();
            }
            Some(&keys::DOMAINS) => {
                let domain: Domain = typed(key, value)?;
                *domains = 1;
                *published = u64::from(domain.published());
                *records = domain.ns.len().saturating_add(domain.ds.len()) as u64;
                part.records = domain_records(name, &domain, &self.settings);
                if domain.published() {
                    part.serves = domain.ns.iter().filter(|ns| ns.is_within(&self.tld)).cloned().collect();
                }
            }
            Some(&keys::HOSTS) => {
                let host: Host = typed(key, value)?;
                *hosts = 1;
                *records = host.v4.len().saturating_add(host.v6.len()) as u64;
                part.glue = host_records(name, &host, &self.settings);
            }
            _ => return Err(ZoneFault::Entry { key: hex::encode(key), reason: "no entry of a zone".into() }),
        }
        Ok(part)
    }

    fn totals(&self, value: Option<&[u8]>) -> Result<(Totals, Height)> {
        let counts: Counts = value.map(|v| typed(&keys::counts_key(), v)).transpose()?.unwrap_or_default();
        let mut totals = Totals::default();
        let [domains, published, hosts, records, ..] = &mut totals;
        (*domains, *published) = (counts.domains.into(), counts.published.into());
        (*hosts, *records) = (counts.hosts.into(), counts.records.into());
        Ok((totals, counts.changed))
    }
}
