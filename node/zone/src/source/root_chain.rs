//! The root chain as a source: delegations, hosts and apex of the contract `domain_records`.

use super::{
    chain::{ChainSource, typed},
    keeping::{Keeping, Part, Totals, Touched},
};
use crate::error::{Result, ZoneFault};
use althing_client::Client;
use althing_interface::{
    domain_records::{self, Apex, Counts, Delegation, Host},
    layout,
    zone::Zone,
};
use althing_types::{event::Event, genesis::Genesis, id::Height, name::DomainName};
use borsh::BorshDeserialize;

/// Follows the root chain.
pub type RootChain = ChainSource<RootKeeping>;

/// How the root chain keeps the root zone. Every host is in the zone: one that nobody uses does not stay in the state.
#[derive(Debug)]
pub struct RootKeeping {
    root: DomainName,
}

impl RootChain {
    /// The root zone of a chain.
    ///
    /// # Errors
    /// As [`ChainSource::new`].
    pub fn root(client: Client, genesis: Genesis) -> Result<Self> {
        Self::new(client, genesis, RootKeeping { root: DomainName::root() })
    }
}

impl Keeping for RootKeeping {
    const CONTRACT: &'static str = domain_records::ID;
    const TOTALS: &'static [&'static str] = &["delegations", "hosts", "records"];

    fn zone(&self) -> &DomainName {
        &self.root
    }

    fn prefixes(&self) -> Vec<Vec<u8>> {
        vec![layout::delegations_prefix(), layout::hosts_prefix()]
    }

    fn counts_key(&self) -> Vec<u8> {
        layout::counts_key()
    }

    fn keys_of(&self, name: &DomainName) -> Vec<Vec<u8>> {
        match name.is_root() {
            true => vec![layout::apex_key()],
            false => vec![layout::delegation_key(name), layout::host_key(name)],
        }
    }

    fn touched(&self, event: &Event) -> Option<Touched> {
        match event.name.as_str() {
            // The name is the first field of the data.
            "DelegationSet" | "DelegationDeleted" | "HostSet" | "HostDeleted" => {
                DomainName::deserialize(&mut event.data.as_slice()).ok().map(Touched::Name)
            }
            "ApexSet" => Some(Touched::Name(self.root.clone())),
            _ => None,
        }
    }

    fn part(&self, key: &[u8], name: &DomainName, value: &[u8]) -> Result<Part> {
        let mut zone = Zone::default();
        let mut totals = Totals::default();
        let [delegations, hosts, records, ..] = &mut totals;
        match key.first() {
            Some(&layout::domain_records::APEX) => zone.apex = Some(typed::<Apex>(key, value)?),
            Some(&layout::domain_records::DELEGATIONS) => {
                zone.delegations.insert(name.clone(), typed::<Delegation>(key, value)?);
                *delegations = 1;
            }
            Some(&layout::domain_records::HOSTS) => {
                zone.hosts.insert(name.clone(), typed::<Host>(key, value)?);
                *hosts = 1;
            }
            _ => return Err(ZoneFault::Entry { key: hex::encode(key), reason: "no entry of a zone".into() }),
        }
        let lines = zone.records();
        *records = lines.len() as u64;
        Ok(Part { records: lines, totals, ..Part::default() })
    }

    fn totals(&self, value: Option<&[u8]>) -> Result<(Totals, Height)> {
        let counts: Counts = value.map(|v| typed(&layout::counts_key(), v)).transpose()?.unwrap_or_default();
        let mut totals = Totals::default();
        let [delegations, hosts, records, ..] = &mut totals;
        (*delegations, *hosts, *records) = (counts.delegations.into(), counts.hosts.into(), counts.records.into());
        Ok((totals, counts.changed))
    }
}
