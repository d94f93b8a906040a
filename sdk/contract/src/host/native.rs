//! The fake host of native tests: the same functions as the imports, over ordered maps.
//!
//! One [`Session`] is one transaction. It sits in a thread-local while contract code runs; ending a call early, as
//! `abort` does, is a panic with a payload of our own that never leaves [`enter`].
#![expect(clippy::panic, clippy::expect_used, reason = "runs in tests only, which fail by panicking")]

use crate::testing::{Context, MAX_DEPTH, Native};
use althing_abi::exports::{INIT, MIGRATE, abort as code, field};
use althing_types::{
    codec::{Bytes, Text, encode},
    crypto::{PublicKey, Signature, verify},
    event::{Event, MAX_EVENT_DATA, MAX_EVENTS, MAX_TOPIC},
    govern::{MAX_CHANGE, SystemChange},
    hash::sha3_256,
    id::ContractId,
    keyspace::{self, MAX_CONTRACT_KEY, MAX_CONTRACT_VALUE},
    organisation::Role,
    receipt::{Failure, FailureCode, MAX_RESULT},
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Once,
};

/// Most open cursors of a call.
const MAX_CURSORS: usize = 8;
/// Longest log line in bytes.
const MAX_LOG: usize = 1024;
/// Most log lines of a transaction.
const MAX_LOGS: usize = 64;

/// Everything that outlives a transaction.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) contracts: BTreeMap<ContractId, Native>,
    pub(crate) state: BTreeMap<ContractId, BTreeMap<Vec<u8>, Vec<u8>>>,
    /// System entries that a governing contract has written.
    pub(crate) system: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The contract that governs.
    pub(crate) governor: Option<ContractId>,
    pub(crate) events: Vec<Event>,
    /// What writes of the running transaction replaced, to undo failed calls.
    replaced: Vec<Replaced>,
}

/// A key that was written, with what it had; the contract is `None` for system entries.
type Replaced = (Option<ContractId>, Vec<u8>, Option<Vec<u8>>);

impl World {
    /// Undoes all writes but the first so many.
    fn undo(&mut self, writes: usize) {
        while self.replaced.len() > writes {
            let Some((contract, key, value)) = self.replaced.pop() else { return };
            let state = match contract {
                Some(contract) => self.state.entry(contract).or_default(),
                None => &mut self.system,
            };
            match value {
                Some(value) => state.insert(key, value),
                None => state.remove(&key),
            };
        }
    }
}

struct Cursor {
    prefix: Vec<u8>,
    after: Vec<u8>,
}

struct Frame {
    contract: ContractId,
    input: Vec<u8>,
    output: Vec<u8>,
    read_only: bool,
    cursors: BTreeMap<i32, Cursor>,
    opened: i32,
}

/// One transaction.
pub(crate) struct Session {
    pub(crate) world: World,
    pub(crate) logs: Vec<String>,
    context: Context,
    frames: Vec<Frame>,
}

/// The payload of a call that ends early.
struct Stop(Failure);

thread_local! {
    static SESSION: RefCell<Option<Session>> = const { RefCell::new(None) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

impl Session {
    pub(crate) const fn new(world: World, context: Context) -> Self {
        Self { world, logs: Vec::new(), context, frames: Vec::new() }
    }
    /// Runs something while this session is the thread's.
    pub(crate) fn during<R>(self, work: impl FnOnce() -> R) -> (R, Self) {
        quiet_panics();
        let before = SESSION.with(|slot| slot.borrow_mut().replace(self));
        assert!(before.is_none(), "a contract test was started inside a contract call");
        let result = work();
        let session = SESSION.with(|slot| slot.borrow_mut().take()).expect("session");
        (result, session)
    }
}

/// Contract panics become failures; keep their place instead of printing them.
fn quiet_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let inside =
                SESSION.with(|slot| slot.try_borrow().is_ok_and(|s| s.as_ref().is_some_and(|s| !s.frames.is_empty())));
            if inside {
                let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
                PLACE.with(|slot| *slot.borrow_mut() = place);
            } else {
                before(info);
            }
        }));
    });
}

fn with<R>(work: impl FnOnce(&mut Session) -> R) -> R {
    SESSION.with(|slot| {
        let mut slot = slot.borrow_mut();
        work(slot.as_mut().expect("contract code runs only inside a call: use `testing::Net` to make one"))
    })
}

fn with_frame<R>(work: impl FnOnce(&mut Frame) -> R) -> R {
    with(|session| work(session.frames.last_mut().expect("a running call")))
}

fn stop(failure: Failure) -> ! {
    resume_unwind(Box::new(Stop(failure)))
}

fn limit(found: usize, maximum: usize, what: &str) {
    if found > maximum {
        stop(Failure::new(FailureCode::SizeLimit, &format!("{what} of {found} exceeds {maximum}")));
    }
}

fn writable() {
    if with_frame(|frame| frame.read_only) {
        stop(Failure::new(FailureCode::ReadOnly, "a view must not change anything"));
    }
}

/// Enters a contract by the name of an export; a failure undoes its writes and events.
pub(crate) fn enter(contract: &ContractId, export: &str, input: &[u8], read_only: bool) -> Result<Vec<u8>, Failure> {
    let found = with(|session| {
        let fail = |code, text: String| Err(Failure::new(code, &text));
        if session.frames.len() >= MAX_DEPTH {
            return fail(FailureCode::CallDepth, format!("calls nested deeper than {MAX_DEPTH}"));
        }
        if session.frames.iter().any(|frame| frame.contract == *contract) {
            return fail(FailureCode::Reentrancy, format!("contract '{contract}' is running already"));
        }
        let Some(native) = session.world.contracts.get(contract) else {
            return fail(FailureCode::NoSuchContract, format!("no contract '{contract}'"));
        };
        let Some(entry) = native.entry(export) else {
            return match export {
                INIT if input.is_empty() => Ok(None),
                INIT => {
                    fail(FailureCode::BadArguments, "the contract has no initialiser and takes no arguments".to_owned())
                }
                MIGRATE => fail(FailureCode::MigrationMissing, "the contract has no migration".to_owned()),
                _ => {
                    let method = export.split_once('_').map_or(export, |(_, method)| method);
                    fail(FailureCode::NoSuchMethod, format!("contract '{contract}' has no method '{method}'"))
                }
            };
        };
        if session.frames.is_empty() {
            session.world.replaced.clear();
        }
        let mark = (session.world.replaced.len(), session.world.events.len());
        session.frames.push(Frame {
            contract: contract.clone(),
            input: input.to_vec(),
            output: Vec::new(),
            read_only,
            cursors: BTreeMap::new(),
            opened: 0,
        });
        Ok(Some((entry, mark)))
    })?;
    let Some((entry, mark)) = found else { return Ok(Vec::new()) };
    let ended = catch_unwind(AssertUnwindSafe(|| entry()));
    let frame = with(|session| session.frames.pop()).expect("a running call");
    match ended {
        Ok(()) => Ok(frame.output),
        Err(payload) => {
            with(|session| {
                session.world.undo(mark.0);
                session.world.events.truncate(mark.1);
            });
            Err(failure_of(&*payload))
        }
    }
}

fn failure_of(payload: &(dyn std::any::Any + Send)) -> Failure {
    if let Some(Stop(failure)) = payload.downcast_ref::<Stop>() {
        return failure.clone();
    }
    let text = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic".to_owned());
    let place = PLACE.with(|slot| slot.borrow_mut().take());
    let text = place.map_or_else(|| text.clone(), |place| format!("{text} ({place})"));
    Failure::new(FailureCode::Panic, &text)
}

pub(crate) fn input() -> Vec<u8> {
    with_frame(|frame| frame.input.clone())
}

pub(crate) fn ret(bytes: &[u8]) {
    limit(bytes.len(), MAX_RESULT, "result");
    with_frame(|frame| frame.output = bytes.to_vec());
}

pub(crate) fn abort(code: i32, text: &str) -> ! {
    let mut failure = Failure::new(FailureCode::Panic, text);
    match code {
        code::BAD_ARGUMENTS => failure.code = FailureCode::BadArguments,
        code::MISSING_ROLE => failure.code = FailureCode::MissingRole,
        code::MIGRATION_UNKNOWN => failure.code = FailureCode::MigrationMissing,
        1.. => {
            failure.code = FailureCode::ContractError;
            failure.detail = code.unsigned_abs();
        }
        _ => {}
    }
    stop(failure)
}

pub(crate) fn number(which: i32) -> u64 {
    with(|session| match which {
        field::HEIGHT => session.context.height.0,
        field::TIME_MS => session.context.time_ms,
        field::READ_ONLY => session.frames.last().map_or(0, |frame| u64::from(frame.read_only)),
        other => panic!("field {other} is not a number"),
    })
}

pub(crate) fn bytes(which: i32) -> Vec<u8> {
    with(|session| {
        let text = |id: Option<String>| id.unwrap_or_default().into_bytes();
        let caller = session.frames.len().checked_sub(2).and_then(|at| session.frames.get(at)).map(|f| &f.contract);
        let governed = caller.is_some() && caller == session.world.governor.as_ref();
        let frame = |back: usize| {
            let at = session.frames.len().checked_sub(back)?;
            session.frames.get(at).map(|frame| frame.contract.as_str().to_owned())
        };
        match which {
            field::SIGNER => session.context.signer.0.to_vec(),
            field::ORGANISATION if governed => Vec::new(),
            field::ORGANISATION => text(session.context.organisation.as_ref().map(|id| id.as_str().to_owned())),
            field::ROLES if governed => encode(&BTreeSet::from([Role::Governance])),
            field::ROLES => encode(&session.context.roles),
            field::CHAIN => text(Some(session.context.chain.as_str().to_owned())),
            field::CONTRACT => text(frame(1)),
            field::CALLER => text(frame(2)),
            field::TRANSACTION => session.context.transaction.0.to_vec(),
            other => panic!("field {other} is not bytes"),
        }
    })
}

pub(crate) fn log(text: &str) {
    limit(text.len(), MAX_LOG, "log line");
    limit(with(|session| session.logs.len()).saturating_add(1), MAX_LOGS, "number of log lines");
    with(|session| session.logs.push(text.to_owned()));
}

pub(crate) fn fuel_left() -> u64 {
    u64::MAX >> 1
}

pub(crate) fn has(key: &[u8]) -> bool {
    get(key).is_some()
}

pub(crate) fn get(key: &[u8]) -> Option<Vec<u8>> {
    limit(key.len(), MAX_CONTRACT_KEY, "key");
    with(|session| {
        let contract = &session.frames.last()?.contract;
        session.world.state.get(contract)?.get(key).cloned()
    })
}

fn write(key: &[u8], value: Option<&[u8]>) -> bool {
    writable();
    limit(key.len(), MAX_CONTRACT_KEY, "key");
    limit(value.map_or(0, <[u8]>::len), MAX_CONTRACT_VALUE, "value");
    with(|session| {
        let contract = session.frames.last().expect("a running call").contract.clone();
        let state = session.world.state.entry(contract.clone()).or_default();
        let before = match value {
            Some(value) => state.insert(key.to_vec(), value.to_vec()),
            None => state.remove(key),
        };
        let was_there = before.is_some();
        session.world.replaced.push((Some(contract), key.to_vec(), before));
        was_there
    })
}

pub(crate) fn put(key: &[u8], value: &[u8]) {
    write(key, Some(value));
}

pub(crate) fn remove(key: &[u8]) -> bool {
    write(key, None)
}

pub(crate) fn scan(prefix: &[u8], after: &[u8]) -> i32 {
    limit(with_frame(|frame| frame.cursors.len()).saturating_add(1), MAX_CURSORS, "number of open cursors");
    with_frame(|frame| {
        frame.opened = frame.opened.saturating_add(1);
        frame.cursors.insert(frame.opened, Cursor { prefix: prefix.to_vec(), after: after.to_vec() });
        frame.opened
    })
}

pub(crate) fn scan_next(cursor: i32) -> Option<(Vec<u8>, Vec<u8>)> {
    with(|session| {
        let frame = session.frames.last_mut()?;
        let cursor = frame.cursors.get_mut(&cursor)?;
        let state = session.world.state.get(&frame.contract)?;
        let start = if cursor.after.is_empty() || cursor.after < cursor.prefix {
            Bound::Included(cursor.prefix.clone())
        } else {
            Bound::Excluded(cursor.after.clone())
        };
        let (key, value) = state.range((start, Bound::Unbounded)).next()?;
        if !key.starts_with(&cursor.prefix) {
            return None;
        }
        cursor.after.clone_from(key);
        Some((key.clone(), value.clone()))
    })
}

pub(crate) fn scan_close(cursor: i32) {
    // Also runs while a stopped call unwinds, when the frame may be gone.
    let _ = SESSION.try_with(|slot| {
        let Ok(mut slot) = slot.try_borrow_mut() else { return };
        if let Some(frame) = slot.as_mut().and_then(|session| session.frames.last_mut()) {
            frame.cursors.remove(&cursor);
        }
    });
}

pub(crate) fn emit(name: &str, topic: &[u8], data: &[u8]) {
    writable();
    limit(topic.len(), MAX_TOPIC, "topic");
    limit(data.len(), MAX_EVENT_DATA, "event data");
    limit(with(|session| session.world.events.len()).saturating_add(1), MAX_EVENTS, "number of events");
    with(|session| {
        let contract = session.frames.last().expect("a running call").contract.clone();
        session.world.events.push(Event {
            contract,
            name: Text::truncated(name),
            topic: Bytes::new(topic.to_vec()).expect("bounded"),
            data: Bytes::new(data.to_vec()).expect("bounded"),
        });
    });
}

pub(crate) fn call(contract: &str, method: &str, arguments: &[u8], _fuel: u64) -> Result<Vec<u8>, Failure> {
    let Ok(id) = ContractId::new(contract) else {
        return Err(Failure::new(FailureCode::NoSuchContract, &format!("no contract '{contract}' on this chain")));
    };
    let read_only = with_frame(|frame| frame.read_only);
    let export = format!("{}{method}", althing_abi::exports::CALL_PREFIX);
    if with(|session| session.world.contracts.get(&id).is_some_and(|native| native.entry(&export).is_some())) {
        if read_only {
            let text = format!("a view called '{method}', which may change state");
            return Err(Failure::new(FailureCode::ReadOnly, &text));
        }
        return enter(&id, &export, arguments, false);
    }
    enter(&id, &format!("{}{method}", althing_abi::exports::VIEW_PREFIX), arguments, true)
}

pub(crate) fn hash(bytes: &[u8]) -> [u8; 32] {
    sha3_256(bytes).0
}

pub(crate) fn ed25519(key: &[u8; 32], signature: &[u8; 64], message: &[u8]) -> bool {
    verify(&PublicKey(*key), message, &Signature(*signature)).is_ok()
}

pub(crate) fn govern(change: &[u8]) -> Result<(), Failure> {
    writable();
    limit(change.len(), MAX_CHANGE, "a system change");
    let governs = with(|session| session.frames.last().map(|f| &f.contract) == session.world.governor.as_ref());
    if !governs {
        stop(Failure::new(FailureCode::NotAllowed, "only the governing contract may change the system"));
    }
    let change: SystemChange = borsh::from_slice(change).expect("the contract gave an unreadable change");
    with(|session| {
        let World { system, state, replaced, .. } = &mut session.world;
        let read = |key: &[u8]| Ok::<_, core::convert::Infallible>(system.get(key).cloned());
        let writes = match change.writes(read) {
            Ok(writes) => writes?,
            Err(never) => match never {},
        };
        for (key, value) in writes {
            let (contract, key, table) = match keyspace::parse_storage(&key) {
                Some((contract, own)) => {
                    let table = state.entry(contract.clone()).or_default();
                    (Some(contract), own, table)
                }
                None => (None, key, &mut *system),
            };
            let before = match value {
                Some(value) => table.insert(key.clone(), value),
                None => table.remove(&key),
            };
            replaced.push((contract, key, before));
        }
        Ok(())
    })
}

pub(crate) fn certificate(root: &[u8], chain: &[u8]) -> Result<Vec<u8>, Vec<u8>> {
    let chain: Vec<Vec<u8>> = borsh::from_slice(chain).expect("the contract gave an unreadable chain");
    let time_ms = with(|session| session.context.time_ms);
    match althing_identity::check_chain(root, &chain, time_ms) {
        Ok(facts) => Ok(encode(&facts)),
        Err(refusal) => {
            let text = Text::<{ althing_types::receipt::MAX_MESSAGE }>::truncated(&refusal.to_string());
            Err(encode(&(refusal.code(), text)))
        }
    }
}
