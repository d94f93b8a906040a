//! Who takes part in a new local network: organisations, their keys, their nodes, and how it is governed.
//!
//! | profile | organisations | who changes bindings and code |
//! |---|---|---|
//! | plain | `operator`, one `registry-I` for each node; every node is an authority | the operator's key |
//! | root | `registry-1` to `registry-4` (authorities), `registry-5` (backup), `isp-1` and `coordinator` (ordinary) | votes of the members |
//!
//! Nothing here writes files but the authority of certificates, which the genesis document names.

use crate::{
    ca::{Validity, store::Store},
    error::{CliError, Result},
    home::Home,
    keyfile,
};
use althing_interface::{governance, node_admission, node_removal};
use althing_types::{
    authority::Authority,
    codec::{Bytes, List, Text},
    crypto::{NodeId, SecretKey},
    genesis::Genesis,
    govern::{GenesisGovernance, GovernanceSettings, MemberNode, Standing},
    id::{ContractId, Height, OrganisationId},
    organisation::{MemberKey, Organisation, Role},
};
use std::{collections::BTreeSet, path::Path};

/// Contracts without which members cannot decide anything.
const GOVERNING: [&str; 3] = [governance::ID, node_admission::ID, node_removal::ID];
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
/// The member that leads votes in the root profile.
const LEADER: &str = "coordinator";
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
}

/// A member, its key and its node.
#[derive(Debug)]
pub(super) struct Seat {
    /// The organisation.
    pub(super) organisation: OrganisationId,
    /// What it is to the chain.
    pub(super) kind: Role,
    /// The key that acts for it in everything.
    pub(super) key: SecretKey,
    /// Its node's key and standing, if it has a node.
    pub(super) node: Option<(SecretKey, Standing)>,
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

impl Profile {
    /// Everybody, with new keys; those with a node in the order of the nodes' numbers.
    pub(super) fn seats(&self, authorities: usize) -> Result<Vec<Seat>> {
        let mut seats = Vec::new();
        let mut sit = |name: &str, kind, standing: Option<Standing>| -> Result<()> {
            let node = standing.map(|standing| Ok::<_, CliError>((keyfile::generate()?, standing))).transpose()?;
            seats.push(Seat { organisation: OrganisationId::new(name)?, kind, key: keyfile::generate()?, node });
            Ok(())
        };
        match self {
            Self::Plain => {
                sit("operator", Role::Observer, None)?;
                for number in 1..=authorities {
                    sit(&format!("registry-{number}"), Role::Registry, Some(Standing::Authority))?;
                }
            }
            Self::Root(_) => {
                for (name, kind, standing) in ROOT {
                    sit(name, kind, Some(standing))?;
                }
            }
        }
        Ok(seats)
    }

    /// Whether the genesis has this built-in contract: the governing ones start only where members govern.
    pub(super) fn has(&self, contract: &str) -> bool {
        matches!(self, Self::Root(_)) || !GOVERNING.contains(&contract)
    }

    /// The key that has the rights of governance by itself.
    pub(super) fn operator<'a>(&self, seats: &'a [Seat]) -> Option<&'a SecretKey> {
        match self {
            Self::Plain => seats.iter().find(|seat| seat.node.is_none()).map(|seat| &seat.key),
            Self::Root(_) => None,
        }
    }

    /// The part of the genesis that governance starts from. Makes the authority of certificates in `DIR/ca`.
    pub(super) fn governance(
        &self,
        dir: &Path,
        nodes: Vec<MemberNode>,
        now_ms: u64,
    ) -> Result<Option<GenesisGovernance>> {
        let Self::Root(settings) = self else { return Ok(None) };
        let bundled: BTreeSet<&str> = althing_bundle::contracts().iter().map(|contract| contract.id).collect();
        if let Some(missing) = GOVERNING.iter().find(|id| !bundled.contains(*id)) {
            return Err(CliError::internal("no_governance", format!("this program has no contract '{missing}'"))
                .field("--profile")
                .value("root")
                .rule(format!("a build with the contracts {}", GOVERNING.join(", "))));
        }
        Ok(Some(GenesisGovernance {
            contract: ContractId::new(governance::ID)?,
            coordinator: OrganisationId::new(LEADER)?,
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

impl Seat {
    /// The organisation as the genesis has it: its node's key only where nodes are governed.
    pub(super) fn member(&self, governed: bool) -> Result<Organisation> {
        let mut keys = vec![MemberKey::whole(self.key.public())];
        if let Some((node, _)) = self.node.as_ref().filter(|_| governed) {
            keys.push(MemberKey { key: node.public(), duties: [Role::Node].into() });
        }
        Ok(Organisation {
            id: self.organisation.clone(),
            roles: [self.kind].into(),
            keys: List::new(keys).map_err(too_many)?,
        })
    }

    /// The entry of its node in the member list.
    pub(super) fn entry(&self, address: &str) -> Result<Option<MemberNode>> {
        let Some((node, standing)) = &self.node else { return Ok(None) };
        Ok(Some(MemberNode {
            node: node.public().into(),
            organisation: self.organisation.clone(),
            kind: self.kind,
            standing: *standing,
            address: Text::new(address).map_err(too_many)?,
            since: Height(0),
        }))
    }

    /// The node as an authority, if it is one.
    pub(super) fn authority(&self) -> Option<Authority> {
        let (node, standing) = self.node.as_ref()?;
        let authority = Authority { node: NodeId::from(node.public()), organisation: self.organisation.clone() };
        (*standing == Standing::Authority).then_some(authority)
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
