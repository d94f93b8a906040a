//! A contract's own keys.
//!
//! A scan is a cursor, not a copy: each step gives the least key above the one before, as the state is at that moment.
//! Entries are fetched ahead in growing batches; a write of the same call drops what was fetched, so the batches
//! cannot be seen. No other call can write in between: a contract is never entered while it runs.

use super::{Given, Guest, charge, charge_bytes, failed, length, misuse, parts, read, state, too_large};
use crate::limits::{MAX_SCAN_BATCH, MAX_SCANS};
use althing_abi::functions::cost;
use althing_types::{
    keyspace::{MAX_CONTRACT_KEY, MAX_CONTRACT_VALUE},
    receipt::FailureCode,
    view::Entry,
};
use std::collections::VecDeque;

/// An open cursor.
pub(super) struct Scan {
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    ahead: VecDeque<Entry>,
    batch: usize,
}

fn checked<'a>(memory: &'a [u8], at: u32, length: u32, what: &str) -> Given<&'a [u8]> {
    let key = read(memory, at, length)?;
    if key.len() > MAX_CONTRACT_KEY { Err(too_large(what, key.len(), MAX_CONTRACT_KEY)) } else { Ok(key) }
}

pub(super) fn kv_get(guest: &mut Guest<'_>, key: u32, key_length: u32) -> Given<i64> {
    charge(guest, cost::kv_get, key_length as usize)?;
    let (memory, host) = parts(guest)?;
    let key = checked(memory, key, key_length, "key")?;
    let Some(value) = host.world(|world, contract| world.read(contract, key))?.map_err(state)? else { return Ok(-1) };
    charge_bytes(guest, cost::kv_get, value.len())?;
    let given = length(value.len());
    guest.data_mut().taken = value;
    Ok(given)
}

pub(super) fn kv_put(guest: &mut Guest<'_>, key: u32, key_length: u32, value: u32, value_length: u32) -> Given<()> {
    charge(guest, cost::kv_put, (key_length as usize).saturating_add(value_length as usize))?;
    let (memory, host) = parts(guest)?;
    host.writable("kv_put")?;
    let key = checked(memory, key, key_length, "key")?;
    let value = read(memory, value, value_length)?;
    if value.len() > MAX_CONTRACT_VALUE {
        return Err(too_large("value", value.len(), MAX_CONTRACT_VALUE));
    }
    drop_fetched(&mut host.scans);
    host.world(|world, contract| world.write(contract, key, Some(value.to_vec())))
}

pub(super) fn kv_del(guest: &mut Guest<'_>, key: u32, key_length: u32) -> Given<i32> {
    charge(guest, cost::kv_del, key_length as usize)?;
    let (memory, host) = parts(guest)?;
    host.writable("kv_del")?;
    let key = checked(memory, key, key_length, "key")?;
    drop_fetched(&mut host.scans);
    let removed = host.world(|world, contract| {
        let there = world.read(contract, key)?.is_some();
        if there {
            world.write(contract, key, None);
        }
        Ok(there)
    })?;
    removed.map(i32::from).map_err(state)
}

fn drop_fetched(scans: &mut [Option<Scan>]) {
    for scan in scans.iter_mut().flatten() {
        scan.ahead.clear();
        scan.batch = 1;
    }
}

pub(super) fn scan(
    guest: &mut Guest<'_>,
    prefix: u32,
    prefix_length: u32,
    after: u32,
    after_length: u32,
) -> Given<i32> {
    charge(guest, cost::scan, (prefix_length as usize).saturating_add(after_length as usize))?;
    let (memory, host) = parts(guest)?;
    let prefix = checked(memory, prefix, prefix_length, "prefix")?.to_vec();
    let after = checked(memory, after, after_length, "key")?;
    let after = if after.is_empty() { None } else { Some(after.to_vec()) };
    let opened = Scan { prefix, after, ahead: VecDeque::new(), batch: 1 };
    let place = match host.scans.iter().position(Option::is_none) {
        Some(place) => place,
        None if host.scans.len() >= MAX_SCANS => {
            return Err(failed(FailureCode::SizeLimit, &format!("more than {MAX_SCANS} open scans")));
        }
        None => {
            host.scans.push(None);
            host.scans.len().saturating_sub(1)
        }
    };
    if let Some(slot) = host.scans.get_mut(place) {
        *slot = Some(opened);
    }
    i32::try_from(place).map_err(|_| misuse("too many scans"))
}

fn place(cursor: i32) -> usize {
    usize::try_from(cursor).unwrap_or(usize::MAX)
}

pub(super) fn scan_next(guest: &mut Guest<'_>, cursor: i32) -> Given<i64> {
    charge(guest, cost::scan_next, 0)?;
    let host = guest.data_mut();
    let mut scans = std::mem::take(&mut host.scans);
    let next = match scans.get_mut(place(cursor)).and_then(Option::as_mut) {
        None => Err(misuse(&format!("no open scan {cursor}"))),
        Some(scan) => step(host, scan),
    };
    host.scans = scans;
    let Some((key, value)) = next? else { return Ok(-1) };
    let mut taken = Vec::with_capacity(key.len().saturating_add(value.len()).saturating_add(4));
    taken.extend_from_slice(&u32::try_from(key.len()).unwrap_or(u32::MAX).to_le_bytes());
    taken.extend_from_slice(&key);
    taken.extend_from_slice(&value);
    charge_bytes(guest, cost::scan_next, taken.len())?;
    let given = length(taken.len());
    guest.data_mut().taken = taken;
    Ok(given)
}

fn step(host: &mut super::Host, scan: &mut Scan) -> Given<Option<Entry>> {
    if scan.ahead.is_empty() {
        let found =
            host.world(|world, contract| world.scan(contract, &scan.prefix, scan.after.as_deref(), scan.batch))?;
        scan.ahead = found.map_err(state)?.into();
        scan.batch = scan.batch.saturating_mul(2).min(MAX_SCAN_BATCH);
    }
    let next = scan.ahead.pop_front();
    if let Some((key, _)) = &next {
        scan.after = Some(key.clone());
    }
    Ok(next)
}

pub(super) fn scan_close(guest: &mut Guest<'_>, cursor: i32) -> Given<()> {
    charge(guest, cost::scan_close, 0)?;
    match guest.data_mut().scans.get_mut(place(cursor)) {
        Some(slot) if slot.is_some() => {
            *slot = None;
            Ok(())
        }
        _ => Err(misuse(&format!("no open scan {cursor}"))),
    }
}
