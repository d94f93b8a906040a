//! Events, and calls from contract to contract.

use super::{Given, Guest, charge, charge_bytes, charge_fuel, failed, fault, length, misuse, parts, read, too_large};
use crate::{
    call::{Entry, NodeFault},
    frame::Frame,
    transaction::{Finished, Transaction},
};
use althing_abi::{exports::MAX_METHOD, functions::cost};
use althing_types::{
    codec::{self, Bytes, Text},
    event::{Event, MAX_EVENT_DATA, MAX_EVENTS, MAX_TOPIC},
    id::ContractId,
    receipt::{Failure, FailureCode},
    transaction::MAX_ARGUMENTS,
};

/// Longest name of an event in bytes.
const MAX_EVENT_NAME: usize = 64;

fn text<'a>(memory: &'a [u8], at: u32, length: u32, what: &str, maximum: usize) -> Given<&'a str> {
    let bytes = read(memory, at, length)?;
    if bytes.len() > maximum {
        return Err(too_large(what, bytes.len(), maximum));
    }
    std::str::from_utf8(bytes).map_err(|_| misuse(&format!("{what} is not UTF-8")))
}

pub(super) fn emit(
    guest: &mut Guest<'_>,
    name: u32,
    name_length: u32,
    topic: u32,
    topic_length: u32,
    data: u32,
    data_length: u32,
) -> Given<()> {
    let bytes = (name_length as usize).saturating_add(topic_length as usize).saturating_add(data_length as usize);
    charge(guest, cost::emit, bytes)?;
    let (memory, host) = parts(guest)?;
    host.writable("emit")?;
    let name = text(memory, name, name_length, "an event's name", MAX_EVENT_NAME)?;
    let name = Text::new(name).map_err(|e| too_large("an event's name", e.found, e.maximum))?;
    let topic = read(memory, topic, topic_length)?;
    if topic.len() > MAX_TOPIC {
        return Err(too_large("topic", topic.len(), MAX_TOPIC));
    }
    let data = read(memory, data, data_length)?;
    if data.len() > MAX_EVENT_DATA {
        return Err(too_large("event data", data.len(), MAX_EVENT_DATA));
    }
    let topic = Bytes::new(topic.to_vec()).map_err(|e| too_large("topic", e.found, e.maximum))?;
    let data = Bytes::new(data.to_vec()).map_err(|e| too_large("event data", e.found, e.maximum))?;
    let fits = host.world(|world, contract| {
        let fits = world.events() < MAX_EVENTS;
        if fits {
            world.emit(Event { contract: contract.clone(), name, topic, data });
        }
        fits
    })?;
    if fits {
        Ok(())
    } else {
        Err(failed(FailureCode::SizeLimit, &format!("more than {MAX_EVENTS} events in a transaction")))
    }
}

#[expect(clippy::too_many_arguments, reason = "three texts and a number, each text as pointer and length")]
pub(super) fn call(
    guest: &mut Guest<'_>,
    contract: u32,
    contract_length: u32,
    method: u32,
    method_length: u32,
    arguments: u32,
    arguments_length: u32,
    gas: i64,
) -> Given<i64> {
    let bytes = (contract_length as usize).saturating_add(method_length as usize);
    charge(guest, cost::call, bytes.saturating_add(arguments_length as usize))?;
    let left = guest.get_fuel()?;
    let fuel = u64::try_from(gas).ok().filter(|gas| *gas > 0).map_or(left, |gas| gas.min(left));
    let (memory, host) = parts(guest)?;
    let contract = text(memory, contract, contract_length, "a contract's id", ContractId::MAX)?;
    let method = text(memory, method, method_length, "a method's name", MAX_METHOD)?;
    let input = read(memory, arguments, arguments_length)?;
    if input.len() > MAX_ARGUMENTS {
        return Err(too_large("arguments", input.len(), MAX_ARGUMENTS));
    }
    let read_only = host.read_only;
    let (result, used) =
        host.transaction(|transaction| enter(transaction, contract, method, input, fuel, read_only))?.map_err(fault)?;
    charge_fuel(guest, used)?;
    let (taken, code) = match result {
        Ok(result) => (result, None),
        Err(failure) => (codec::encode(&failure), Some(failure.code)),
    };
    charge_bytes(guest, cost::call, taken.len())?;
    let given = length(taken.len());
    guest.data_mut().taken = taken;
    Ok(match code {
        None => given,
        Some(code) => given.saturating_mul(256).saturating_add(i64::from(code as u8)).saturating_neg(),
    })
}

fn enter(
    transaction: &mut Transaction<'_>,
    contract: &str,
    method: &str,
    input: &[u8],
    fuel: u64,
    read_only: bool,
) -> Result<Finished, NodeFault> {
    let refused = |code, message: &str| Ok((Err(Failure::new(code, message)), 0));
    let unknown = || refused(FailureCode::NoSuchContract, &format!("no contract '{contract}' on this chain"));
    let Ok(id) = ContractId::new(contract) else { return unknown() };
    let Some(code) = transaction.world.code_hash(&id)? else { return unknown() };
    let changes = transaction.runtime.module(transaction.world, &code)?.has_call(method);
    if changes && read_only {
        return refused(FailureCode::ReadOnly, &format!("a view called '{method}', which may change state"));
    }
    let entry = if changes { Entry::Call(method) } else { Entry::View(method) };
    transaction.enter(Frame { contract: id, code, entry, input: input.to_vec(), fuel, read_only })
}
