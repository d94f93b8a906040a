//! What is explained: a record set of a zone, where the state keeps it, and which events tell of it.
//!
//! Pure: values in, lines of records out.

use crate::{
    chain::typed,
    error::{CliError, Result},
};
use althing_interface::{
    domain_records::{self, Apex, ApexSet, Delegation, DelegationDeleted, DelegationSet, Host, HostDeleted, HostSet},
    layout,
    zone::Zone,
};
use althing_types::{codec::encode, event::Event, id::ContractId, keyspace::storage, name::DomainName};
use borsh::BorshDeserialize;

/// Types that the ledger keeps.
const TYPES: [&str; 4] = ["NS", "DS", "A", "AAAA"];

/// A record set: all records of one owner and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sought {
    pub(super) owner: DomainName,
    pub(super) kind: &'static str,
    place: Place,
}

/// The kind of entry that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    RootApex,
    RootDelegation,
    RootHost,
}

/// What an event says of a record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The set is this from the event on.
    Set(Vec<String>),
    /// The entry changed; what it became is in the state of the event's height.
    Touched,
}

impl Sought {
    /// Finds out where a zone's record set is kept.
    ///
    /// # Errors
    /// For a type that the ledger does not keep, and for an owner that cannot have it in this zone.
    pub(super) fn new(zone: &DomainName, owner: &DomainName, kind: &str) -> Result<Self> {
        let refuse = |rule: String| {
            Err(CliError::usage(
                "no_such_set",
                format!("the ledger keeps no {kind} record of '{owner}' in zone '{zone}'"),
            )
            .field("TYPE")
            .value(kind)
            .rule(rule))
        };
        let Some(known) = TYPES.into_iter().find(|known| known.eq_ignore_ascii_case(kind)) else {
            return refuse(format!(
                "one of {}; SOA and ZONEMD are made by the zone server, signatures by who signs the zone",
                TYPES.join(", ")
            ));
        };
        let place = match (known, owner.labels().count()) {
            ("NS", 0) => Place::RootApex,
            ("NS" | "DS", 1) => Place::RootDelegation,
            ("A" | "AAAA", 1..) => Place::RootHost,
            _ => return refuse("NS of the root and of names of one label, DS of these, A and AAAA of hosts".into()),
        };
        Ok(Self { owner: owner.clone(), kind: known, place })
    }

    /// The contract that keeps it.
    ///
    /// # Errors
    /// Never: the id is a constant.
    pub(super) fn contract(&self) -> Result<ContractId> {
        Ok(ContractId::new(domain_records::ID)?)
    }

    /// The entry's key in the chain's state.
    ///
    /// # Errors
    /// As [`Self::contract`].
    pub(super) fn key(&self) -> Result<Vec<u8>> {
        let own = match self.place {
            Place::RootApex => layout::apex_key(),
            Place::RootDelegation => layout::delegation_key(&self.owner),
            Place::RootHost => layout::host_key(&self.owner),
        };
        Ok(storage(&self.contract()?, &own))
    }

    /// What the topics of its events begin with.
    pub(super) fn topic(&self) -> Vec<u8> {
        match self.place {
            Place::RootApex => Vec::new(),
            Place::RootDelegation | Place::RootHost => encode(&self.owner),
        }
    }

    /// The records in a state value, as sorted lines.
    ///
    /// # Errors
    /// When the value is not of the entry's type.
    pub(super) fn records(&self, value: Option<&[u8]>) -> Result<Vec<String>> {
        let mut zone = Zone::default();
        match self.place {
            Place::RootApex => zone.apex = typed::<Apex>("apex", value)?,
            Place::RootDelegation => {
                let delegation = typed::<Delegation>("delegation", value)?;
                zone.delegations.extend(delegation.map(|d| (self.owner.clone(), d)));
            }
            Place::RootHost => zone.hosts.extend(typed::<Host>("host", value)?.map(|h| (self.owner.clone(), h))),
        }
        Ok(self.lines(&zone))
    }

    /// What an event says of it; `None` for an event about something else.
    pub(super) fn told(&self, event: &Event) -> Option<Told> {
        fn read<T: BorshDeserialize>(event: &Event) -> Option<T> {
            T::try_from_slice(&event.data).ok()
        }
        let mut zone = Zone::default();
        let about = match (self.place, event.name.as_str()) {
            (Place::RootApex, "ApexSet") => {
                zone.apex = Some(read::<ApexSet>(event)?.apex);
                DomainName::root()
            }
            (Place::RootDelegation, "DelegationSet") => {
                let told: DelegationSet = read(event)?;
                zone.delegations.insert(told.tld.clone(), told.delegation);
                told.tld
            }
            (Place::RootDelegation, "DelegationDeleted") => read::<DelegationDeleted>(event)?.tld,
            (Place::RootHost, "HostSet") => {
                let told: HostSet = read(event)?;
                zone.hosts.insert(told.host.clone(), told.addresses);
                told.host
            }
            (Place::RootHost, "HostDeleted") => read::<HostDeleted>(event)?.host,
            _ => return None,
        };
        (about == self.owner).then(|| Told::Set(self.lines(&zone)))
    }

    /// The records of a zone that are of this owner and type.
    fn lines(&self, zone: &Zone) -> Vec<String> {
        let records = zone.records().into_iter();
        let mut lines: Vec<String> = records
            .filter(|r| r.owner == self.owner && r.data.record_type() == self.kind)
            .map(|r| r.to_string())
            .collect();
        lines.sort_unstable();
        lines
    }
}
