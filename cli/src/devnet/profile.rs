//! Who takes part in a new local network: organisations, their keys, their nodes, and how its chains are governed.
//!
//! | profile | organisations | who changes bindings and code |
//! |---|---|---|
//! | plain | `operator`, one `registry-I` for each node; every node is an authority | the operator's key |
//! | root | `registry-1` to `registry-4` (authorities), `registry-5` (backup), `isp-1` and `coordinator` (ordinary) | votes of the members |
//! | root+tld:A,B | root chain: `registry-1` to `registry-4` (authorities), `coordinator`; chain `tld-A` of label number I: `registry-I`, `registrar-1`, `registrar-2`, `isp-1` (authorities), `recursive-1`, `regulator` | votes of each chain's members |
//! | tld:A,B | the TLD chains alone | as above |
//! | registry:A,B | chain `rdap-registry` with contract `bootstrap` alone: `registry-1` to `registry-4` (authorities), `coordinator`; label number I is bound to `registry-I` | votes |
//! | registrar | chain `rdap-registrar` with contract `bootstrap` alone: `registrar-1` to `registrar-3`, `coordinator` (authorities) | votes |
//!
//! Parts joined by `+` make one network: `root+registrar`, `registry+registrar`, `root+tld:A+registrar`.
//!
//! An organisation has one key and one process, whatever number of chains it is a member of. Nothing here writes files
//! but the authority of certificates, which the genesis documents name.

use crate::{
    ca::{Validity, store::Store},
    error::{CliError, Result},
    home::Home,
    keyfile,
};
use althing_interface::{governance, node_admission, node_removal};
use althing_types::{
    authority::{Authority, Threshold},
    codec::{Bytes, List, Text},
    crypto::{NodeId, SecretKey},
    genesis::{ChainKind, Genesis},
    govern::{GenesisGovernance, GovernanceSettings, MemberNode, Standing},
    id::{ChainId, ContractId, Height, OrganisationId},
    name::DomainName,
    organisation::{MemberKey, Organisation, Role},
};
use std::{collections::BTreeSet, path::Path};

/// Contracts without which members cannot decide anything.
pub(super) const GOVERNING: [&str; 3] = [governance::ID, node_admission::ID, node_removal::ID];
/// Members of the root profile: name, kind, standing of the node.
const ROOT: [(&str, Role, Standing); 7] = [
    ("registry-1", Role::Registry, Standing::Authority),
    ("registry-2", Role::Registry, Standing::Authority),
    ("registry-3", Role::Registry, Standing::Authority),
    ("registry-4", Role::Registry, Standing::Authority),
    ("registry-5", Role::Registry, Standing::Backup),
    ("isp-1", Role::Isp, Standing::Ordinary),
    ("coordinator", Role::Coordinator, Standing::Ordinary),
];
/// Members of the root chain where there are TLD chains too.
const NAMES_ROOT: [(&str, Role, Standing); 5] = [
    ("registry-1", Role::Registry, Standing::Authority),
    ("registry-2", Role::Registry, Standing::Authority),
    ("registry-3", Role::Registry, Standing::Authority),
    ("registry-4", Role::Registry, Standing::Authority),
    ("coordinator", Role::Coordinator, Standing::Ordinary),
];
/// Members of every TLD chain beside its registry.
const NAMES_TLD: [(&str, Role, Standing); 5] = [
    ("registrar-1", Role::Registrar, Standing::Authority),
    ("registrar-2", Role::Registrar, Standing::Authority),
    ("isp-1", Role::Isp, Standing::Authority),
    ("recursive-1", Role::RecursiveOperator, Standing::Ordinary),
    ("regulator", Role::Regulator, Standing::Ordinary),
];
/// Members of a chain with registrars' entries: the coordinator decides blocks too, so that four processes are enough.
const REGISTRARS: [(&str, Role, Standing); 4] = [
    ("registrar-1", Role::Registrar, Standing::Authority),
    ("registrar-2", Role::Registrar, Standing::Authority),
    ("registrar-3", Role::Registrar, Standing::Authority),
    ("coordinator", Role::Coordinator, Standing::Authority),
];
/// What the votes of authorities must exceed.
pub(super) const THRESHOLD: Threshold = Threshold::TwoThirds;
/// Most TLD chains of a network: one for each registry of the root chain.
pub const MAX_LABELS: usize = 4;
/// The member that leads votes on a root chain, and keeps the accreditation list where there is one.
pub(super) const ROOT_LEADER: &str = "coordinator";
/// The member that leads votes on a TLD chain.
const TLD_LEADER: &str = "regulator";
/// Organisation that the authority of certificates is named after.
const CONSORTIUM: &str = "consortium";
/// How long the authority's certificate is valid.
const AUTHORITY_MS: u64 = 10 * 365 * 86_400_000;
/// How far its beginning lies back, for clocks that are behind.
const BACKDATED_MS: u64 = 3_600_000;

/// Who takes part, and who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Registries alone, and an operator's key that may do what else members decide.
    Plain,
    /// Seven members that govern by votes, with these numbers.
    Root(Box<GovernanceSettings>),
    /// A chain for each label, with a root chain above them or not, and chains of entries alone beside them, all governed
    /// with these numbers. At least one chain.
    Names {
        /// Whether there is a root chain, and its id.
        root: Option<ChainId>,
        /// The TLDs, at most [`MAX_LABELS`].
        labels: Vec<DomainName>,
        /// Chains with contract `bootstrap` alone; the first one's id is the network's when it is the only chain.
        directories: Vec<Directory>,
        /// Numbers of governance.
        settings: Box<GovernanceSettings>,
    },
}

/// A chain that carries entries of contract `bootstrap` and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Directory {
    /// Entries of TLDs; these are bound from the start, number I to `registry-I`.
    Registry(Vec<DomainName>),
    /// Entries of registrars.
    Registrar,
}

impl Directory {
    /// Id of its chain, unless one is named.
    pub const fn chain(&self) -> &'static str {
        match self {
            Self::Registry(_) => "rdap-registry",
            Self::Registrar => "rdap-registrar",
        }
    }
}

/// An organisation, its keys, and what else it runs.
#[derive(Debug)]
pub(super) struct Party {
    /// The organisation.
    pub(super) organisation: OrganisationId,
    /// The key that acts for it in everything.
    pub(super) key: SecretKey,
    /// Its node's key, if it has a node.
    pub(super) node: Option<SecretKey>,
    /// The chains, root and TLD, that its node carries messages between, and the key that signs for that.
    pub(super) relay: Option<(ChainId, ChainId, SecretKey)>,
}

/// A party's place in one chain.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    /// Index of the party.
    pub(super) party: usize,
    /// What it is to the chain.
    pub(super) kind: Role,
    /// Standing of its node, if it has one.
    pub(super) standing: Option<Standing>,
}

/// One chain as it is to be.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Its id.
    pub(super) id: ChainId,
    /// What it is for.
    pub(super) kind: ChainKind,
    /// Its TLD, and the party that is its registry.
    pub(super) tld: Option<(DomainName, OrganisationId)>,
    /// TLDs that contract `bootstrap` has bound from the start.
    pub(super) bindings: Vec<(DomainName, OrganisationId)>,
    /// Who leads votes.
    leader: &'static str,
    /// Its members; those with a node in the order of the nodes' numbers.
    pub(super) seats: Vec<Seat>,
}

/// Everybody and all chains, the first one first.
#[derive(Debug, Default)]
pub(super) struct Company {
    /// Organisations, those with a node in the order of the nodes' numbers.
    pub(super) parties: Vec<Party>,
    /// Chains.
    pub(super) chains: Vec<Draft>,
}

/// Numbers of a network in which people do not want to wait for days.
pub fn quick_settings() -> GovernanceSettings {
    const HOUR: u64 = 3_600_000;
    GovernanceSettings {
        vote_ms: HOUR,
        timelock_ms: 5_000,
        promotion_ms: 10_000,
        complaint_ms: HOUR,
        silence_ms: 10_000,
        ..GovernanceSettings::default()
    }
}

/// Id of the chain of a TLD.
///
/// # Errors
/// When the label is too long for one.
pub fn tld_chain(label: &DomainName) -> Result<ChainId> {
    Ok(ChainId::new(format!("tld-{}", label.as_str()))?)
}

impl Company {
    /// The party of this name, made when it is new.
    fn party(&mut self, name: &str, has_node: bool) -> Result<usize> {
        let organisation = OrganisationId::new(name)?;
        if let Some(found) = self.parties.iter().position(|party| party.organisation == organisation) {
            return Ok(found);
        }
        let node = has_node.then(keyfile::generate).transpose()?;
        self.parties.push(Party { organisation, key: keyfile::generate()?, node, relay: None });
        Ok(self.parties.len().saturating_sub(1))
    }

    fn seats(&mut self, members: &[(&str, Role, Standing)]) -> Result<Vec<Seat>> {
        let mut seats = Vec::new();
        for (name, kind, standing) in members {
            seats.push(Seat { party: self.party(name, true)?, kind: *kind, standing: Some(*standing) });
        }
        Ok(seats)
    }

    /// Adds a chain of entries alone.
    fn directory(&mut self, id: ChainId, directory: &Directory) -> Result<()> {
        let (kind, members, labels): (_, &[_], &[DomainName]) = match directory {
            Directory::Registry(labels) => (ChainKind::Registry, &NAMES_ROOT, labels),
            Directory::Registrar => (ChainKind::Registrar, &REGISTRARS, &[]),
        };
        let bound = (1u32..)
            .zip(labels)
            .map(|(number, label)| Ok((label.clone(), OrganisationId::new(format!("registry-{number}"))?)));
        let bindings = bound.collect::<Result<Vec<_>>>()?;
        let seats = self.seats(members)?;
        self.chains.push(Draft { id, kind, tld: None, bindings, leader: ROOT_LEADER, seats });
        Ok(())
    }
}

impl Company {
    /// The first authorities of a chain.
    pub(super) fn authorities(&self, chain: &Draft) -> Vec<Authority> {
        chain.seats.iter().filter_map(|seat| self.parties.get(seat.party)?.authority(seat)).collect()
    }
}

impl Profile {
    /// Everybody, with new keys, and the chains; `chain` is the id of a network's only one.
    pub(super) fn company(&self, authorities: usize, chain: &ChainId) -> Result<Company> {
        let mut company = Company::default();
        let root = |id: &ChainId, seats| Draft {
            id: id.clone(),
            kind: ChainKind::Root,
            tld: None,
            bindings: Vec::new(),
            leader: ROOT_LEADER,
            seats,
        };
        match self {
            Self::Plain => {
                let operator = company.party("operator", false)?;
                let mut seats = vec![Seat { party: operator, kind: Role::Observer, standing: None }];
                for number in 1..=authorities {
                    let name = format!("registry-{number}");
                    seats.extend(company.seats(&[(name.as_str(), Role::Registry, Standing::Authority)])?);
                }
                company.chains.push(root(chain, seats));
            }
            Self::Root(_) => {
                let seats = company.seats(&ROOT)?;
                company.chains.push(root(chain, seats));
            }
            Self::Names { root: above, labels, directories, .. } => {
                let alone = above.is_none() && labels.is_empty() && directories.len() == 1;
                if let Some(id) = above {
                    let seats = company.seats(&NAMES_ROOT)?;
                    company.chains.push(root(id, seats));
                }
                for (number, label) in (1u32..).zip(labels) {
                    let registry = format!("registry-{number}");
                    let mut seats = company.seats(&[(registry.as_str(), Role::Registry, Standing::Authority)])?;
                    let id = tld_chain(label)?;
                    if let (Some(root), Some(first)) = (above, seats.first())
                        && let Some(party) = company.parties.get_mut(first.party)
                    {
                        party.relay = Some((root.clone(), id.clone(), keyfile::generate()?));
                    }
                    seats.extend(company.seats(&NAMES_TLD)?);
                    let text = Text::new(label.as_str()).map_err(too_many)?;
                    let tld = Some((label.clone(), OrganisationId::new(registry)?));
                    let kind = ChainKind::Tld(text);
                    company.chains.push(Draft { id, kind, tld, bindings: Vec::new(), leader: TLD_LEADER, seats });
                }
                for directory in directories {
                    let id = if alone { chain.clone() } else { ChainId::new(directory.chain())? };
                    company.directory(id, directory)?;
                }
            }
        }
        Ok(company)
    }

    /// Whether members decide by votes.
    pub(super) const fn is_governed(&self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// The key that has the rights of governance by itself.
    pub(super) fn operator<'a>(&self, company: &'a Company) -> Option<&'a SecretKey> {
        let operator = company.parties.iter().find(|party| party.node.is_none()).map(|party| &party.key);
        operator.filter(|_| !self.is_governed())
    }

    /// The part of a genesis that governance starts from. Makes the authority of certificates in `DIR/ca`.
    pub(super) fn governance(
        &self,
        dir: &Path,
        draft: &Draft,
        nodes: Vec<MemberNode>,
        now_ms: u64,
    ) -> Result<Option<GenesisGovernance>> {
        let (Self::Root(settings) | Self::Names { settings, .. }) = self else { return Ok(None) };
        let bundled: BTreeSet<&str> = althing_bundle::contracts().iter().map(|contract| contract.id).collect();
        if let Some(missing) = GOVERNING.iter().find(|id| !bundled.contains(*id)) {
            return Err(CliError::internal("no_governance", format!("this program has no contract '{missing}'"))
                .field("--profile")
                .rule(format!("a build with the contracts {}", GOVERNING.join(", "))));
        }
        Ok(Some(GenesisGovernance {
            contract: ContractId::new(governance::ID)?,
            coordinator: OrganisationId::new(draft.leader)?,
            certificate_authority: Bytes::new(certificate_authority(dir, now_ms)?).map_err(too_many)?,
            nodes: List::new(nodes).map_err(too_many)?,
            settings: (**settings).clone(),
        }))
    }
}

/// Certificate of the network's own authority (DER), which is made when there is none yet.
fn certificate_authority(dir: &Path, now_ms: u64) -> Result<Vec<u8>> {
    let home = Home::new(Some(dir))?;
    let store = Store::of(&home);
    if store.certificate_file().exists() {
        return store.certificate();
    }
    let validity = Validity {
        not_before_ms: now_ms.saturating_sub(BACKDATED_MS),
        not_after_ms: now_ms.saturating_add(AUTHORITY_MS),
    };
    Ok(store.init(&OrganisationId::new(CONSORTIUM)?, validity, &home)?.certificate().to_vec())
}

impl Party {
    /// The organisation as the genesis of a chain has it: its node's key only where nodes are governed.
    pub(super) fn member(&self, chain: &ChainId, kind: Role, governed: bool) -> Result<Organisation> {
        let mut keys = vec![MemberKey::whole(self.key.public())];
        if let Some(node) = self.node.as_ref().filter(|_| governed) {
            keys.push(MemberKey { key: node.public(), duties: [Role::Node].into() });
        }
        if let Some((root, tld, key)) = &self.relay
            && (chain == root || chain == tld)
        {
            keys.push(MemberKey { key: key.public(), duties: [Role::Operator].into() });
        }
        Ok(Organisation {
            id: self.organisation.clone(),
            roles: [kind].into(),
            keys: List::new(keys).map_err(too_many)?,
        })
    }

    /// The entry of its node in the member list.
    pub(super) fn entry(&self, seat: &Seat, address: &str) -> Result<Option<MemberNode>> {
        let (Some(node), Some(standing)) = (&self.node, seat.standing) else { return Ok(None) };
        Ok(Some(MemberNode {
            node: node.public().into(),
            organisation: self.organisation.clone(),
            kind: seat.kind,
            standing,
            address: Text::new(address).map_err(too_many)?,
            since: Height(0),
        }))
    }

    /// Its node as an authority, if it is one.
    fn authority(&self, seat: &Seat) -> Option<Authority> {
        let node = self.node.as_ref()?;
        let authority = Authority { node: NodeId::from(node.public()), organisation: self.organisation.clone() };
        (seat.standing == Some(Standing::Authority)).then_some(authority)
    }
}

/// What a genesis document says of a node.
pub(super) fn node_of(genesis: &Genesis, node: &NodeId) -> Option<MemberNode> {
    genesis.member_list().nodes.iter().find(|member| member.node == *node).cloned()
}

/// Refuses a network that is too large for its genesis.
pub(super) fn too_many(error: althing_types::codec::TooLong) -> CliError {
    CliError::usage("genesis", format!("too many: {error}"))
}
