//! What only the governing contract may do: change what the node itself reads from the state.

use super::{Given, Guest, charge, charge_bytes, failed, length, misuse, parts, read, state, too_large};
use althing_abi::functions::cost;
use althing_types::{
    codec,
    govern::{MAX_CHANGE, SystemChange},
    receipt::FailureCode,
};

pub(super) fn govern(guest: &mut Guest<'_>, change: u32, change_length: u32) -> Given<i64> {
    charge(guest, cost::govern, change_length as usize)?;
    let (memory, host) = parts(guest)?;
    host.writable("govern")?;
    let bytes = read(memory, change, change_length)?;
    if bytes.len() > MAX_CHANGE {
        return Err(too_large("a system change", bytes.len(), MAX_CHANGE));
    }
    let governs = host.transaction(|transaction| {
        transaction.active.last().is_some_and(|active| Some(active) == transaction.context.governor.as_ref())
    })?;
    if !governs {
        return Err(failed(FailureCode::NotAllowed, "only the governing contract may change the system"));
    }
    let change: SystemChange = codec::decode("system change", bytes, MAX_CHANGE).map_err(|e| misuse(&e.to_string()))?;
    let refusal = host.world(|world, _| {
        Ok(match change.writes(|key| world.read_system(key))? {
            Ok(writes) => {
                writes.into_iter().for_each(|(key, value)| world.write_system(key, value));
                None
            }
            Err(failure) => Some(codec::encode(&failure)),
        })
    })?;
    let Some(refusal) = refusal.map_err(state)? else { return Ok(0) };
    charge_bytes(guest, cost::govern, refusal.len())?;
    let given = length(refusal.len());
    guest.data_mut().taken = refusal;
    Ok(given.saturating_neg())
}
