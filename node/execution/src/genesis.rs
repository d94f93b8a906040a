//! The state of height 0, made from the genesis document.

use crate::{
    error::ExecutionError,
    outcome::{BlockContext, Writes},
    overlay::Overlay,
};
use althing_runtime::{CallContext, Entry, Invocation, Runtime};
use althing_types::{
    authority::AuthorityList,
    codec,
    crypto::{NodeId, PublicKey},
    genesis::{Genesis, GenesisContract},
    govern::END_BLOCK,
    hash::Hash,
    id::{ContractId, Height},
    keyspace::{self, ContractEntry},
    organisation::Role,
    view::{Entry as StateEntry, StateFault, StateView},
};

/// Fuel for the initialiser of one genesis contract.
const INIT_FUEL: u64 = 500_000_000;

/// The state before there is any.
struct Nothing;

impl StateView for Nothing {
    fn read(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        Ok(None)
    }
    fn scan(&self, _: &[u8], _: Option<&[u8]>, _: usize) -> Result<Vec<StateEntry>, StateFault> {
        Ok(Vec::new())
    }
}

pub(crate) fn first_state(
    runtime: &Runtime,
    genesis: &Genesis,
    code: impl Fn(&Hash) -> Option<Vec<u8>>,
) -> Result<Writes, ExecutionError> {
    let authorities: AuthorityList = genesis
        .authority_list()
        .map_err(|e| ExecutionError::SystemEntry { entry: "genesis authorities", reason: e.to_string() })?;
    let mut overlay = Overlay::new(&Nothing);
    let mut put = |key, value| overlay.write_key(key, Some(value));
    put(keyspace::parameters(), codec::encode(&genesis.parameters));
    put(keyspace::authorities(), codec::encode(&authorities));
    put(keyspace::members(), codec::encode(&genesis.member_list()));
    for organisation in genesis.organisations.iter() {
        put(keyspace::organisation(&organisation.id), codec::encode(organisation));
        for key in organisation.keys.iter() {
            let mut entry = organisation.entry_of(key);
            if Some(key.key) == genesis.operator {
                entry.roles.insert(Role::Governance);
            }
            put(keyspace::key_entry(&key.key), codec::encode(&entry));
        }
    }
    let members = u32::try_from(genesis.organisations.len()).unwrap_or(u32::MAX);
    put(keyspace::member_count(), codec::encode(&members));
    if let Some(governance) = &genesis.governance {
        put(keyspace::governor(), codec::encode(&governance.contract));
    }
    let at_block_end: Vec<ContractId> =
        genesis.contracts.iter().filter(|c| c.block_end).map(|c| c.id.clone()).collect();
    if !at_block_end.is_empty() {
        put(keyspace::block_end(), codec::encode(&at_block_end));
    }
    let block = BlockContext {
        height: Height(0),
        timestamp_ms: genesis.timestamp_ms,
        packer: NodeId([0; 32]),
        previous: None,
        recovered: None,
    };
    for contract in genesis.contracts.iter() {
        deploy(runtime, genesis, &mut overlay, &block, contract, &code)?;
    }
    overlay.finish_transaction();
    Ok(overlay.into_writes())
}

fn deploy(
    runtime: &Runtime,
    genesis: &Genesis,
    overlay: &mut Overlay<'_>,
    block: &BlockContext,
    contract: &GenesisContract,
    code: &impl Fn(&Hash) -> Option<Vec<u8>>,
) -> Result<(), ExecutionError> {
    let fault = |reason: String| ExecutionError::GenesisContract { contract: contract.id.to_string(), reason };
    let bytes = code(&contract.code).ok_or_else(|| fault(format!("no code with hash {}", contract.code)))?;
    if keyspace::code_hash(&bytes) != contract.code {
        return Err(fault("the code has another hash than the genesis says".into()));
    }
    let info = runtime.check(&bytes).map_err(|f| fault(f.message.to_string()))?;
    let entry = ContractEntry {
        code: info.hash,
        state_version: info.abi.state_version,
        schema: info.abi.schema_hash(),
        upgrades: 0,
        deployer: None,
        since: Height(0),
    };
    overlay.write_key(keyspace::code(&info.hash), Some(bytes));
    overlay.write_key(keyspace::contract(&contract.id), Some(codec::encode(&entry)));
    if contract.block_end && !info.abi.methods.iter().any(|method| method.name == END_BLOCK) {
        return Err(fault(format!("it has no method {END_BLOCK}, and the genesis says block_end")));
    }
    if !info.has_init() {
        return match contract.init {
            Some(_) => Err(fault("it has no initialiser, and the genesis gives arguments for one".into())),
            None => Ok(()),
        };
    }
    let context = CallContext {
        chain: genesis.chain.clone(),
        height: block.height,
        timestamp_ms: block.timestamp_ms,
        transaction: genesis.hash(),
        signer: genesis.operator.unwrap_or(PublicKey([0; 32])),
        organisation: None,
        roles: [Role::Governance].into(),
        governor: genesis.governance.as_ref().map(|governance| governance.contract.clone()),
    };
    let governs = context.governor.as_ref() == Some(&contract.id);
    let seed = if governs { genesis.governor_seed().map(|seed| codec::encode(&(seed,))) } else { None };
    let given = contract.init.as_ref().map(|init| init.as_slice().to_vec());
    let input = seed.or(given).unwrap_or_default();
    let invocation =
        Invocation { contract: &contract.id, code: info.hash, entry: Entry::Init, input: &input, fuel: INIT_FUEL };
    let outcome = runtime.invoke(overlay, &context, &invocation)?;
    outcome.result.map(|_| ()).map_err(|f| fault(f.message.to_string()))
}
