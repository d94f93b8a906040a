//! Samples of what node and governing contract tell each other.

use super::{
    Samples, authorities, bytes, certificate, checkpoint, contract_id, genesis, governance, key, list, member_node,
    migrating, node, organisation, organisation_id, remediation, text,
};
use althing_types::{
    authority::{AuthorityList, Threshold},
    genesis::{Genesis, Parameters},
    govern::{
        BlockFacts, ChangeResult, DeployPolicy, GovernanceSettings, MemberList, ReviewMode, SelectionPolicy, Standing,
        SystemChange,
    },
    id::{Height, Round},
    keyspace,
    organisation::MemberKey,
};

/// Every change that the governing contract may ask for, and what it hears.
pub(super) fn governing(all: &mut Samples) {
    let certificate = certificate();
    all.plain("Standing", [Standing::Authority, Standing::Ordinary, Standing::Backup]);
    all.plain("SelectionPolicy", [SelectionPolicy::Score, SelectionPolicy::Election]);
    all.plain("ReviewMode", [ReviewMode::None, ReviewMode::Management, ReviewMode::Committee]);
    all.plain("DeployPolicy", [DeployPolicy::Governed, DeployPolicy::Open]);
    all.add("MemberKey", MemberKey::whole(key(1)));
    all.add("MemberNode", member_node());
    all.add("MemberList", MemberList { nodes: list(vec![member_node()]) });
    all.add("GovernanceSettings", GovernanceSettings::default());
    all.add("GenesisGovernance", governance());
    let seed = Genesis { governance: Some(governance()), ..genesis() }.governor_seed();
    all.add("GovernorSeed", seed.expect("governance"));
    let result = ChangeResult { tag: 7, done: false, message: text("code refused") };
    all.add("ChangeResult", result.clone());
    all.add(
        "BlockFacts",
        BlockFacts {
            height: Height(9),
            time_ms: 1_699_056_000_000,
            packer: node(11),
            previous_round: Round(1),
            verified: list(certificate.signatures.iter().map(|s| s.voter).collect()),
            recovered: Some(AuthorityList::new(authorities(), Threshold::TwoThirds).expect("list")),
            results: list(vec![result]),
        },
    );
    migrating::migrating(all);
    checkpoint::checkpoint(all);
    let contract = || contract_id("guestbook");
    let code = keyspace::code_hash(b"\0asm\x01\0\0\0");
    let authorities = AuthorityList::new(authorities(), Threshold::TwoThirds).expect("list");
    let changes = [
        ("Authorities", SystemChange::Authorities(authorities)),
        ("Members", SystemChange::Members(MemberList { nodes: list(vec![member_node()]) })),
        ("PutOrganisation", SystemChange::PutOrganisation(organisation())),
        ("RemoveOrganisation", SystemChange::RemoveOrganisation(organisation_id("alpha"))),
        ("Parameters", SystemChange::Parameters(Parameters::default())),
        ("Restore", SystemChange::Restore { contract: contract(), key: bytes(b"key"), value: Some(bytes(b"value")) }),
        ("Deploy", SystemChange::Deploy { tag: 1, contract: contract(), code, arguments: bytes(&[1]) }),
        ("Upgrade", SystemChange::Upgrade { tag: 2, contract: contract(), code }),
        ("OpenDeploy", SystemChange::OpenDeploy(true)),
        ("Remediate", SystemChange::Remediate(remediation::steps().remove(1))),
    ];
    for (name, change) in changes {
        all.add(&format!("SystemChange.{name}"), change);
    }
}
