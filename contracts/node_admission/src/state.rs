//! The state of `node_admission`. Field numbers are those of `althing_interface::layout`.

use crate::Refusal;
use althing_interface::{
    governance::{self, GovernanceError},
    node_admission::{AdmissionError, AdmissionRecord, CertificateChain, Requested},
};
use althing_sdk::{prelude::*, wire::Wire};

/// Requests to join.
#[contract(name = "node_admission", state_version = 1, events(Requested))]
pub struct NodeAdmission {
    /// The last request of each node.
    #[key(1)]
    pub(crate) requests: Map<PublicKey, AdmissionRecord>,
    /// The certificates of that request.
    #[key(2)]
    pub(crate) certificates: Map<PublicKey, CertificateChain>,
}

/// Numbers of governance's refusals that this contract has words for.
const NODE_TAKEN: u32 = GovernanceError::NODE_TAKEN;
const KEY_TAKEN: u32 = GovernanceError::KEY_TAKEN;

/// Asks contract `governance`.
pub(crate) fn governance<R: Wire>(
    cx: &mut Ctx,
    method: &str,
    arguments: &impl althing_sdk::wire::borsh::BorshSerialize,
) -> Result<R, Refusal> {
    let failed = |number: Option<u32>, reason: String| match number {
        Some(NODE_TAKEN) => AdmissionError::NodeTaken { reason },
        Some(KEY_TAKEN) => AdmissionError::KeyTaken { reason },
        _ => AdmissionError::Governance { reason },
    };
    let Ok(contract) = ContractId::new(governance::ID) else { return Err(failed(None, String::new()).into()) };
    cx.call(&contract, method, arguments)
        .map_err(|error| failed(error.number(), error.failure.message.as_str().to_owned()).into())
}
