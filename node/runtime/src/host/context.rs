//! Arguments, result, failure and facts of a call.

use super::{Given, Guest, charge, charge_bytes, failed, length, misuse, parts, read, too_large, write};
use crate::{
    frame::Stop,
    limits::{MAX_LOG, MAX_LOGS},
};
use althing_abi::{
    exports::{abort as codes, field},
    functions::cost,
};
use althing_types::{
    codec::{self, Text},
    organisation::Role,
    receipt::{Failure, FailureCode, MAX_RESULT},
};
use std::collections::BTreeSet;

pub(super) fn input_len(guest: &mut Guest<'_>) -> Given<u32> {
    charge(guest, cost::input_len, 0)?;
    u32::try_from(guest.data().input.len()).map_err(|_| misuse("the input is too long"))
}

pub(super) fn input(guest: &mut Guest<'_>, to: u32) -> Given<()> {
    let length = guest.data().input.len();
    charge(guest, cost::input, length)?;
    let (memory, host) = parts(guest)?;
    write(memory, to, &host.input)
}

pub(super) fn take(guest: &mut Guest<'_>, to: u32, offset: u32, length: u32) -> Given<()> {
    charge(guest, cost::take, length as usize)?;
    let (memory, host) = parts(guest)?;
    let end = (offset as usize).saturating_add(length as usize);
    let Some(bytes) = host.taken.get(offset as usize..end) else {
        let held = host.taken.len();
        return Err(misuse(&format!("bytes {offset} to {end} of a take-buffer of {held} bytes")));
    };
    write(memory, to, bytes)
}

pub(super) fn ret(guest: &mut Guest<'_>, data: u32, length: u32) -> Given<()> {
    charge(guest, cost::ret, length as usize)?;
    let (memory, host) = parts(guest)?;
    let bytes = read(memory, data, length)?;
    if bytes.len() > MAX_RESULT {
        return Err(too_large("result", bytes.len(), MAX_RESULT));
    }
    host.result.clear();
    host.result.extend_from_slice(bytes);
    Ok(())
}

pub(super) fn abort(guest: &mut Guest<'_>, code: i32, text: u32, length: u32) -> Given<()> {
    charge(guest, cost::abort, length as usize)?;
    let (memory, _) = parts(guest)?;
    let message = String::from_utf8_lossy(read(memory, text, length)?).into_owned();
    let (code, detail) = match code {
        codes::PANIC => (FailureCode::Panic, 0),
        codes::BAD_ARGUMENTS => (FailureCode::BadArguments, 0),
        codes::MISSING_ROLE => (FailureCode::MissingRole, 0),
        codes::MIGRATION_UNKNOWN => (FailureCode::MigrationMissing, 0),
        own if own > 0 => (FailureCode::ContractError, own.unsigned_abs()),
        other => return Err(misuse(&format!("abort with the unknown code {other}"))),
    };
    Err(Stop::Failure(Failure { code, detail, message: Text::truncated(&message) }).into())
}

pub(super) fn ctx(guest: &mut Guest<'_>, which: i32) -> Given<i64> {
    charge(guest, cost::ctx, 0)?;
    let host = guest.data_mut();
    let (read_only, state_version) = (host.read_only, host.state_version);
    let number = |n: u64| Ok(i64::try_from(n).unwrap_or(i64::MAX));
    let fact: Result<u64, Vec<u8>> = host
        .transaction(|transaction| {
            let context = transaction.context;
            let text = |text: &str| Err(text.as_bytes().to_vec());
            let caller = transaction.active.iter().rev().nth(1);
            let governed = caller.is_some() && caller == context.governor.as_ref();
            let organisation = context.organisation.as_ref().filter(|_| !governed);
            match which {
                field::HEIGHT => Some(Ok(context.height.0)),
                field::TIME_MS => Some(Ok(context.timestamp_ms)),
                field::STATE_VERSION => Some(Ok(state_version.into())),
                field::READ_ONLY => Some(Ok(read_only.into())),
                field::SIGNER => Some(Err(context.signer.0.to_vec())),
                field::ORGANISATION => Some(text(organisation.map_or("", |o| o.as_str()))),
                field::ROLES if governed => Some(Err(codec::encode(&BTreeSet::from([Role::Governance])))),
                field::ROLES => Some(Err(codec::encode(&context.roles))),
                field::CHAIN => Some(text(context.chain.as_str())),
                field::CONTRACT => Some(text(transaction.active.last().map_or("", |c| c.as_str()))),
                field::CALLER => Some(text(caller.map_or("", |c| c.as_str()))),
                field::TRANSACTION => Some(Err(context.transaction.0.to_vec())),
                _ => None,
            }
        })?
        .ok_or_else(|| misuse(&format!("ctx has no field {which}")))?;
    match fact {
        Ok(fact) => number(fact),
        Err(bytes) => {
            charge_bytes(guest, cost::ctx, bytes.len())?;
            let given = length(bytes.len());
            guest.data_mut().taken = bytes;
            Ok(given)
        }
    }
}

pub(super) fn log(guest: &mut Guest<'_>, text: u32, length: u32) -> Given<()> {
    charge(guest, cost::log, length as usize)?;
    let (memory, host) = parts(guest)?;
    let line = read(memory, text, length)?;
    if line.len() > MAX_LOG {
        return Err(too_large("a log line", line.len(), MAX_LOG));
    }
    let line = String::from_utf8_lossy(line).into_owned();
    let fits = host.transaction(|transaction| {
        let fits = transaction.logs.len() < MAX_LOGS;
        if fits {
            transaction.logs.push(line);
        }
        fits
    })?;
    if fits { Ok(()) } else { Err(failed(FailureCode::SizeLimit, &format!("more than {MAX_LOGS} log lines"))) }
}

pub(super) fn gas_left(guest: &mut Guest<'_>) -> Given<i64> {
    charge(guest, cost::gas_left, 0)?;
    Ok(i64::try_from(guest.get_fuel()?).unwrap_or(i64::MAX))
}
