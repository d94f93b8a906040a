//! What is explained: a record set of a zone, where the state keeps it, and which events tell of it.
//!
//! Pure: values in, lines of records out.

use crate::{
    chain::typed,
    error::{CliError, Result},
};
use althing_client::Filter;
use althing_interface::{
    domain_records::{self, Apex, ApexSet, Delegation, DelegationDeleted, DelegationSet, Host, HostDeleted, HostSet},
    layout::{self, registrations as keys},
    registrations::{
        self, Action, ApexChanged, DomainChanged, HostChanged, Settings, apex_image, apex_records, domain_image,
        host_image, host_records,
    },
    zone::{Record, Zone},
};
use althing_types::{
    codec::encode,
    event::Event,
    hash::{Hash, sha3_256},
    id::{ContractId, Height},
    keyspace::storage,
    name::DomainName,
};
use borsh::BorshDeserialize;

/// Types that the ledger keeps.
const TYPES: [&str; 4] = ["NS", "DS", "A", "AAAA"];

/// A record set: all records of one owner and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sought {
    zone: DomainName,
    pub(super) owner: DomainName,
    pub(super) kind: &'static str,
    place: Place,
    settings: Settings,
}

/// What is to be known of a TLD chain before a record set is looked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    /// Its settings: times to live.
    pub(super) settings: Settings,
    /// Its apex, whose hosts stand in the place of others.
    pub(super) apex: Option<registrations::Apex>,
}

/// The kind of entry that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    RootApex,
    RootDelegation,
    RootHost,
    TldApex,
    TldDomain,
    TldHost,
}

/// What an event says of a record set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The set is this from the event on.
    Set(Vec<String>),
    /// The entry changed; this is the hash of what it gives to the zone from the event on.
    Image(Hash),
}

impl Sought {
    /// Finds out where a zone's record set is kept.
    ///
    /// # Errors
    /// For a type that the ledger does not keep, and for an owner that cannot have it in this zone.
    pub(super) fn new(zone: &DomainName, owner: &DomainName, kind: &str, frame: Frame) -> Result<Self> {
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
        let below = owner.labels().count().saturating_sub(zone.labels().count());
        let of_apex = frame.apex.iter().flat_map(|apex| apex.hosts.iter()).any(|entry| entry.name == *owner);
        let place = match (known, zone.is_root(), below) {
            _ if !owner.is_within(zone) => return refuse(format!("an owner within '{zone}'")),
            ("NS", true, 0) => Place::RootApex,
            ("NS" | "DS", true, 1) => Place::RootDelegation,
            ("A" | "AAAA", true, 1..) => Place::RootHost,
            ("NS", false, 0) => Place::TldApex,
            ("NS" | "DS", false, 1) => Place::TldDomain,
            ("A" | "AAAA", false, _) if of_apex => Place::TldApex,
            ("A" | "AAAA", false, 1..) => Place::TldHost,
            ("DS", false, 0) => return refuse("the DS records of a TLD are in the root zone".into()),
            _ => return refuse("NS of the zone and of names one label below, DS of these, A and AAAA of hosts".into()),
        };
        Ok(Self { zone: zone.clone(), owner: owner.clone(), kind: known, place, settings: frame.settings })
    }

    /// The contract that keeps it.
    ///
    /// # Errors
    /// Never: the id is a constant.
    pub(super) fn contract(&self) -> Result<ContractId> {
        let id = if self.zone.is_root() { domain_records::ID } else { registrations::ID };
        Ok(ContractId::new(id)?)
    }

    /// The key of the contract's totals in the chain's state.
    ///
    /// # Errors
    /// As [`Self::contract`].
    pub(super) fn counts_key(&self) -> Result<Vec<u8>> {
        let own = if self.zone.is_root() { layout::counts_key() } else { keys::counts_key() };
        Ok(storage(&self.contract()?, &own))
    }

    /// Height of the last change in a value of the totals.
    ///
    /// # Errors
    /// When the value is not of their type.
    pub(super) fn last_change(&self, value: Option<&[u8]>) -> Result<Option<Height>> {
        if self.zone.is_root() {
            return Ok(typed::<domain_records::Counts>("counts", value)?.map(|counts| counts.changed));
        }
        Ok(typed::<registrations::Counts>("counts", value)?.map(|counts| counts.changed))
    }

    /// What else decides whether the records are in the zone; `None` when nothing does.
    pub(super) fn condition(&self) -> Option<&'static str> {
        (self.place == Place::TldHost).then_some(
            "addresses of a host are in the zone while the apex or a published name has it as name server; that was not \
             looked up here",
        )
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
            Place::TldApex => keys::apex_key(),
            Place::TldDomain => keys::domain_key(&self.owner),
            Place::TldHost => keys::host_key(&self.owner),
        };
        Ok(storage(&self.contract()?, &own))
    }

    /// Which events can be about it.
    ///
    /// # Errors
    /// As [`Self::contract`].
    pub(super) fn filter(&self) -> Result<Filter> {
        let (name, topic) = match self.place {
            Place::RootApex => (Some("ApexSet"), Vec::new()),
            Place::TldApex => (Some("ApexChanged"), Vec::new()),
            Place::TldDomain => (Some("DomainChanged"), encode(&self.owner)),
            Place::TldHost => (Some("HostChanged"), encode(&self.owner)),
            Place::RootDelegation | Place::RootHost => (None, encode(&self.owner)),
        };
        Ok(Filter { contract: Some(self.contract()?), name: name.map(str::to_owned), topic })
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
            Place::TldApex => {
                let apex = typed::<registrations::Apex>("apex", value)?;
                return Ok(self.lines(apex.iter().flat_map(|apex| apex_records(&self.zone, apex))));
            }
            Place::TldDomain => {
                let domain = typed::<registrations::Domain>("domain", value)?;
                let records = |d| registrations::domain_records(&self.owner, d, &self.settings);
                return Ok(self.lines(domain.iter().flat_map(records)));
            }
            Place::TldHost => {
                let host = typed::<registrations::Host>("host", value)?;
                return Ok(self.lines(host.iter().flat_map(|h| host_records(&self.owner, h, &self.settings))));
            }
        }
        Ok(self.lines(zone.records()))
    }

    /// The hash by which events know a state value; `None` where they tell the records themselves.
    ///
    /// # Errors
    /// When the value is not of the entry's type.
    pub(super) fn image(&self, value: Option<&[u8]>) -> Result<Option<Hash>> {
        let bytes = match self.place {
            Place::RootApex | Place::RootDelegation | Place::RootHost => return Ok(None),
            Place::TldApex => apex_image(typed("apex", value)?.as_ref()),
            Place::TldDomain => domain_image(typed("domain", value)?.as_ref()),
            Place::TldHost => host_image(typed("host", value)?.as_ref()),
        };
        Ok(Some(sha3_256(&bytes)))
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
            (Place::TldApex, "ApexChanged") => return Some(Told::Image(read::<ApexChanged>(event)?.image)),
            (Place::TldHost, "HostChanged") => {
                let told: HostChanged = read(event)?;
                return (told.host == self.owner).then_some(Told::Image(told.image));
            }
            (Place::TldDomain, "DomainChanged") => {
                let told: DomainChanged = read(event)?;
                return (told.name == self.owner && changes_records(told.action)).then_some(Told::Image(told.image));
            }
            _ => return None,
        };
        (about == self.owner).then(|| Told::Set(self.lines(zone.records())))
    }

    /// Those of some records that are of this owner and type.
    fn lines(&self, records: impl IntoIterator<Item = Record>) -> Vec<String> {
        let mut lines: Vec<String> = records
            .into_iter()
            .filter(|r| r.owner == self.owner && r.data.record_type() == self.kind)
            .map(|r| r.to_string())
            .collect();
        lines.sort_unstable();
        lines
    }
}

/// Whether what was done with a name can change its records.
const fn changes_records(action: Action) -> bool {
    !matches!(
        action,
        Action::Renewed
            | Action::AutoRenewed
            | Action::TransferRequested
            | Action::Transferred
            | Action::TransferEnded
            | Action::Assigned
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_interface::domain_records::HostEntry;
    use althing_types::{
        codec::{Bytes, List, Text},
        id::OrganisationId,
    };

    fn name(text: &str) -> DomainName {
        DomainName::parse(text).unwrap()
    }

    fn sought(zone: &str, owner: &str, kind: &str) -> Result<Sought> {
        Sought::new(&name(zone), &name(owner), kind, Frame::default())
    }

    fn event<E: althing_types::wire::Event>(event: &E) -> Event {
        Event {
            contract: ContractId::new("c").unwrap(),
            name: Text::new(E::SCHEMA.name).unwrap(),
            topic: Bytes::new(event.topic()).unwrap(),
            data: Bytes::new(event.data()).unwrap(),
        }
    }

    fn delegation() -> Delegation {
        Delegation { ns: List::new(vec![name("ns.lab")]).unwrap(), ns_ttl: 5, ds: List::default(), ds_ttl: 0 }
    }

    #[test]
    fn each_zone_has_its_own_places_and_refuses_the_rest() {
        for (zone, owner, kind, place) in [
            (".", ".", "ns", Place::RootApex),
            (".", "lab", "DS", Place::RootDelegation),
            (".", "a.lab", "AAAA", Place::RootHost),
            ("lab", "lab", "NS", Place::TldApex),
            ("lab", "a.lab", "DS", Place::TldDomain),
            ("lab", "ns.a.lab", "A", Place::TldHost),
        ] {
            assert_eq!(sought(zone, owner, kind).unwrap().place, place, "{zone} {owner} {kind}");
        }
        for (zone, owner, kind) in [
            (".", ".", "DS"),
            (".", "a.lab", "NS"),
            (".", "lab", "SOA"),
            ("lab", "lab", "DS"),
            ("lab", "org", "NS"),
            ("lab", "x.a.lab", "NS"),
            ("lab", "a.lab", "CNAME"),
        ] {
            assert_eq!(sought(zone, owner, kind).unwrap_err().code, "no_such_set", "{zone} {owner} {kind}");
        }
    }

    #[test]
    fn a_host_of_the_apex_is_explained_by_the_apex() {
        let host = Host {
            v4: List::new(vec!["192.0.2.1".parse().unwrap()]).unwrap(),
            a_ttl: 7,
            v6: List::default(),
            aaaa_ttl: 0,
        };
        let hosts = List::new(vec![HostEntry { name: name("ns.lab"), host }]).unwrap();
        let apex = registrations::Apex { delegation: delegation(), hosts };
        let frame = Frame { apex: Some(apex.clone()), ..Frame::default() };
        let sought = Sought::new(&name("lab"), &name("ns.lab"), "A", frame).unwrap();
        assert_eq!(sought.place, Place::TldApex);
        assert_eq!(sought.records(Some(&encode(&apex))).unwrap(), ["ns.lab. 7 IN A 192.0.2.1"]);
    }

    #[test]
    fn an_event_tells_of_its_own_owner_only() {
        let sought = sought(".", "lab", "NS").unwrap();
        let told = |tld: &str| sought.told(&event(&DelegationSet { tld: name(tld), delegation: delegation() }));
        assert_eq!(told("lab"), Some(Told::Set(vec!["lab. 5 IN NS ns.lab.".into()])));
        assert_eq!(told("other"), None);
        assert_eq!(sought.told(&event(&DelegationDeleted { tld: name("lab") })), Some(Told::Set(vec![])));
    }

    #[test]
    fn a_renewal_sets_no_records() {
        let sought = sought("lab", "a.lab", "NS").unwrap();
        let told = |action| {
            let sponsor = OrganisationId::new("registrar-1").unwrap();
            let image = Hash([7; 32]);
            sought.told(&event(&DomainChanged { name: name("a.lab"), action, sponsor, published: true, image }))
        };
        assert_eq!(told(Action::Updated), Some(Told::Image(Hash([7; 32]))));
        assert_eq!(told(Action::Registered), Some(Told::Image(Hash([7; 32]))));
        assert_eq!(told(Action::Renewed), None);
    }

    #[test]
    fn events_know_a_value_by_what_it_gives_to_the_zone() {
        let host = |last: u8| registrations::Host {
            v4: List::new(vec![format!("192.0.2.{last}").parse().unwrap()]).unwrap(),
            v6: List::default(),
        };
        let of_lab = |kind: &str| sought("lab", "ns.a.lab", kind).unwrap();
        let image = |value: Option<&registrations::Host>| of_lab("A").image(value.map(encode).as_deref()).unwrap();
        assert_eq!(image(Some(&host(1))), of_lab("AAAA").image(Some(&encode(&host(1)))).unwrap());
        assert_ne!(image(Some(&host(1))), image(Some(&host(2))));
        assert_ne!(image(Some(&host(1))), image(None));
        assert_eq!(sought(".", "lab", "NS").unwrap().image(None).unwrap(), None);
    }
}
