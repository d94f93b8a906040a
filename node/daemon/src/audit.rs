//! `althingd audit`: computes an exported chain again from its genesis, offline, and compares every root.
//!
//! ```text
//! file --whole?--> frames --> genesis --> state of height 0
//!                             block h --> certificate, links, list --> executed again --> all roots --> state of height h
//! ```
//!
//! The rules are written here a second time on purpose: an audit that asked the node's own code whether a block is legal
//! would repeat its mistakes. Execution alone is shared, for it is what the roots are about. The store is in memory and
//! keeps the present state only, so that memory does not grow with the number of blocks.

use crate::{membership, preverify};
use althing_execution::{BlockContext, Executor};
use althing_runtime::Runtime;
use althing_state::{Commit, MemoryStore, Storage};
use althing_types::{
    authority::AuthorityList,
    block::{Block, HEADER_VERSION, Header, certificate_hash},
    certificate::QuorumCertificate,
    export::{ExportRecord, MAX_RECORD, head},
    genesis::Genesis,
    hash::Hash,
    id::{ChainId, Height},
    keyspace, merkle,
    recovery::{LastFinal, check_round},
};
use clap::Args;
use flate2::bufread::GzDecoder;
use serde::Serialize;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

/// Text after the help.
pub const AFTER: &str = "Examples:\n  althingd audit chain.gz\n  althingd audit chain.gz --genesis-hash 5c0f...e1 --json\n\nExit codes: 0 everything is as the blocks say; 4 the chain disagrees with itself or with its certificates, the\noutput says at which height; 9 the file is damaged; 1 the audit could not be made.";

/// Exit code: the chain disagrees.
pub const DISAGREES: u8 = 4;
/// Exit code: the file is not what it should be.
pub const DAMAGED: u8 = 9;
/// How often progress is told.
const TELL_EVERY: Duration = Duration::from_secs(5);
/// The first ten bytes of a packed file as `althing chain export` writes them: nothing in them is left open, so that no
/// byte of the file can change unnoticed (RFC 1952 2.3).
const PACKED: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// Options of `audit`.
#[derive(Clone, Debug, Args)]
pub struct AuditArgs {
    /// The exported chain, as `althing chain export` wrote it.
    pub file: PathBuf,
    /// The genesis that is trusted: 64 hexadecimal digits [default: the file's own, whose hash is printed].
    #[arg(long, value_name = "HASH")]
    pub genesis_hash: Option<Hash>,
    /// Folder with code of genesis contracts (ID.wasm) that neither the file nor this program brings.
    #[arg(long, value_name = "DIR")]
    pub contracts: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long)]
    pub json: bool,
    /// No progress on standard error.
    #[arg(long)]
    pub quiet: bool,
}

/// What an audit found.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether everything is as the blocks say, to the end.
    pub clean: bool,
    /// The chain.
    pub chain: Option<ChainId>,
    /// Hash of the genesis document in the file.
    pub genesis_hash: Option<Hash>,
    /// The last height that was computed and agrees.
    pub height: Height,
    /// Its block.
    pub block: Option<Hash>,
    /// The state root after it.
    pub state_root: Option<Hash>,
    /// Transactions that were executed.
    pub transactions: u64,
    /// Where it first disagrees, or why the file cannot be read further.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("height {height}: {what} is {found}, expected {expected}")]
pub struct Failure {
    /// `disagreement`, or `damaged`.
    pub kind: &'static str,
    /// The height.
    pub height: Height,
    /// What is wrong: stable text.
    pub what: &'static str,
    /// What the file says.
    pub found: String,
    /// What it should be.
    pub expected: String,
}

/// Why an audit ends before the end.
#[derive(Debug)]
enum Ended {
    Found(Failure),
    Broken(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Ended {
    fn from(error: E) -> Self {
        Self::Broken(error.into())
    }
}

type Step<T = ()> = Result<T, Ended>;

fn disagreement(height: Height, what: &'static str, found: impl ToString, expected: impl ToString) -> Ended {
    let (found, expected) = (found.to_string(), expected.to_string());
    Ended::Found(Failure { kind: "disagreement", height, what, found, expected })
}

fn same<T: PartialEq + ToString>(height: Height, what: &'static str, found: T, expected: T) -> Step {
    if found == expected { Ok(()) } else { Err(disagreement(height, what, found, expected)) }
}

/// Runs the audit that the command line asks for.
///
/// # Errors
/// When it cannot be made; what it finds is no error.
pub fn run(options: &AuditArgs) -> anyhow::Result<ExitCode> {
    let report = audit(options)?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.text());
    }
    Ok(ExitCode::from(match &report.failure {
        None => 0,
        Some(failure) if failure.kind == "damaged" => DAMAGED,
        Some(_) => DISAGREES,
    }))
}

impl Report {
    fn text(&self) -> String {
        let known = |hash: Option<Hash>| hash.map_or_else(|| "unknown".into(), |hash| hash.to_string());
        let end = match &self.failure {
            None => "everything is as the blocks say".to_owned(),
            Some(failure) => format!("{}: {failure}", failure.kind),
        };
        format!(
            "chain         {}\ngenesis       {}\nlast height   {}\nblock         {}\nstate root    {}\ntransactions  {}\nresult        {end}",
            self.chain.as_ref().map_or_else(|| "unknown".into(), ToString::to_string),
            known(self.genesis_hash),
            self.height,
            known(self.block),
            known(self.state_root),
            self.transactions,
        )
    }
}

/// Reads a file and computes it again.
///
/// # Errors
/// When the file cannot be opened or this machine fails.
pub fn audit(options: &AuditArgs) -> anyhow::Result<Report> {
    let mut report = Report {
        clean: false,
        chain: None,
        genesis_hash: None,
        height: Height(0),
        block: None,
        state_root: None,
        transactions: 0,
        failure: None,
    };
    let open = || File::open(&options.file).map_err(|e| anyhow::anyhow!("{}: {e}", options.file.display()));
    // Damage is told at once, not after hours of computing.
    let outcome = match whole(BufReader::new(open()?)) {
        Ok(()) => walk(BufReader::new(open()?), options, &mut report),
        Err(ended) => Err(ended),
    };
    match outcome {
        Ok(()) => report.clean = true,
        Err(Ended::Found(failure)) => report.failure = Some(failure),
        Err(Ended::Broken(error)) => return Err(error),
    }
    Ok(report)
}

/// The frames of a file.
struct Frames<R> {
    unpacked: GzDecoder<R>,
}

impl<R: BufRead> Frames<R> {
    fn new(mut packed: R) -> Step<Self> {
        let begin = packed.fill_buf()?.first_chunk::<10>().copied().unwrap_or_default();
        if begin != PACKED {
            return Err(damaged("packed file", hex::encode(begin), hex::encode(PACKED)));
        }
        let mut frames = Self { unpacked: GzDecoder::new(packed) };
        let mut found = [0; 18];
        frames.read(&mut found)?;
        if found != head() {
            return Err(damaged("head of the file", hex::encode(found), hex::encode(head())));
        }
        Ok(frames)
    }

    fn read(&mut self, out: &mut [u8]) -> Step {
        self.unpacked.read_exact(out).map_err(|error| damaged("file", error.to_string(), "whole".into()))
    }

    fn next(&mut self) -> Step<ExportRecord> {
        let mut length = [0; 4];
        self.read(&mut length)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_RECORD {
            return Err(damaged("length of a record", length.to_string(), format!("at most {MAX_RECORD}")));
        }
        let mut bytes = Vec::new();
        let read = (&mut self.unpacked).take(length as u64).read_to_end(&mut bytes);
        match read {
            Ok(found) if found == length => {}
            Ok(found) => return Err(damaged("bytes of a record", found.to_string(), length.to_string())),
            Err(error) => return Err(damaged("file", error.to_string(), "whole".into())),
        }
        ExportRecord::decode(&bytes).map_err(|error| damaged("record", error.to_string(), "a canonical one".into()))
    }

    /// Nothing may follow, neither inside nor outside of the packed part.
    fn end(mut self) -> Step {
        let mut more = [0; 1];
        match self.unpacked.read(&mut more) {
            Ok(0) => {}
            Ok(_) => return Err(damaged("end of the file", "more bytes".into(), "none".into())),
            Err(error) => return Err(damaged("file", error.to_string(), "whole".into())),
        }
        let mut packed = self.unpacked.into_inner();
        let left = packed.fill_buf()?.len();
        if left == 0 { Ok(()) } else { Err(damaged("end of the packed file", "more bytes".into(), "none".into())) }
    }
}

fn damaged(what: &'static str, found: String, expected: String) -> Ended {
    Ended::Found(Failure { kind: "damaged", height: Height(0), what, found, expected })
}

/// Reads a file to its end, without looking at what the records say.
fn whole(packed: impl BufRead) -> Step {
    let mut frames = Frames::new(packed)?;
    while !matches!(frames.next()?, ExportRecord::End { .. }) {}
    frames.end()
}

fn walk(packed: impl BufRead, options: &AuditArgs, report: &mut Report) -> Step {
    let mut frames = Frames::new(packed)?;
    let ExportRecord::Genesis(genesis) = frames.next()? else {
        return Err(damaged("first record", "another one".into(), "the genesis".into()));
    };
    report.chain = Some(genesis.chain.clone());
    report.genesis_hash = Some(genesis.hash());
    if let Some(trusted) = options.genesis_hash {
        same(Height(0), "genesis hash", genesis.hash(), trusted)?;
    }
    genesis.check().map_err(|error| disagreement(Height(0), "genesis", error, "one that keeps every rule"))?;
    let mut codes: BTreeMap<Hash, Vec<u8>> = BTreeMap::new();
    let mut record = frames.next()?;
    while let ExportRecord::Code(code) = record {
        let hash = keyspace::code_hash(&code);
        if !genesis.contracts.iter().any(|contract| contract.code == hash) || codes.contains_key(&hash) {
            return Err(disagreement(Height(0), "code of a genesis contract", hash, "a hash that the genesis names"));
        }
        codes.insert(hash, code.into_vec());
        record = frames.next()?;
    }
    let mut replay = Replay::begin(*genesis, &codes, options)?;
    replay.tell(report);
    let mut told = Instant::now();
    loop {
        match record {
            ExportRecord::Block(pair) => {
                let (block, certificate) = *pair;
                let height = block.header.height;
                replay.block(block, &certificate)?;
                replay.tell(report);
                if !options.quiet && told.elapsed() >= TELL_EVERY {
                    told = Instant::now();
                    eprintln!("height {height}: {} transactions so far agree", replay.transactions);
                }
            }
            ExportRecord::End { height, block } => {
                same(height, "last height", height, replay.height)?;
                same(height, "last block", block, replay.last)?;
                return frames.end();
            }
            ExportRecord::Genesis(_) | ExportRecord::Code(_) => {
                return Err(damaged("record", "genesis or code".into(), "a block, or the end".into()));
            }
        }
        record = frames.next()?;
    }
}

/// The chain as far as it was computed.
struct Replay {
    genesis: Genesis,
    executor: Executor,
    store: MemoryStore,
    height: Height,
    last: Hash,
    state_root: Hash,
    timestamp_ms: u64,
    /// Who decides the next height, by the state.
    authorities: AuthorityList,
    /// Who decided the last one.
    previous: Option<AuthorityList>,
    transactions: u64,
}

impl Replay {
    fn begin(genesis: Genesis, codes: &BTreeMap<Hash, Vec<u8>>, options: &AuditArgs) -> Step<Self> {
        let machine = Arc::new(Runtime::new(althing_runtime::Config::default())?);
        let executor = Executor::new(machine, genesis.chain.clone(), genesis.kind.clone());
        let find = |hash: &Hash| {
            codes.get(hash).cloned().or_else(|| membership::find_code(hash, options.contracts.as_deref()))
        };
        let writes = executor.genesis(&genesis, find)?;
        let store = MemoryStore::new();
        let state_root = store.initialise(&genesis, &writes)?;
        let authorities = genesis.authority_list()?;
        Ok(Self {
            executor,
            store,
            height: Height(0),
            last: genesis.hash(),
            state_root,
            timestamp_ms: genesis.timestamp_ms,
            authorities,
            previous: None,
            transactions: 0,
            genesis,
        })
    }

    fn tell(&self, report: &mut Report) {
        report.height = self.height;
        report.block = Some(self.last);
        report.state_root = Some(self.state_root);
        report.transactions = self.transactions;
    }

    /// Checks and computes the next block.
    fn block(&mut self, block: Block, certificate: &QuorumCertificate) -> Step {
        let header = &block.header;
        let height = self.height.next();
        same(height, "height of the block", header.height, height)?;
        same(height, "version of the header", header.version, HEADER_VERSION)?;
        same(height, "chain", header.chain.clone(), self.genesis.chain.clone())?;
        same(height, "block before", header.previous, self.last)?;
        if header.timestamp_ms <= self.timestamp_ms {
            let expected = format!("above {}", self.timestamp_ms);
            return Err(disagreement(height, "time of the block", header.timestamp_ms, expected));
        }
        let list = self.list_of(&block, certificate)?;
        same(height, "authority list", header.authorities, list.hash())?;
        if list.position(&header.packer).is_none() {
            return Err(disagreement(height, "packer", header.packer, "an authority of the height"));
        }
        check_certificate(&self.genesis.chain, header, certificate, &list)?;
        self.check_previous(&block)?;
        let root = merkle::root(&block.transaction_hashes());
        same(height, "transactions root", header.transactions_root, root)?;
        let checked = preverify::transactions(block.transactions.to_vec());
        let verified: Option<Vec<_>> = checked.into_iter().map(|one| one.map(|checked| checked.transaction)).collect();
        let verified = verified
            .ok_or_else(|| disagreement(height, "signature of a transaction", "none that verifies", "a good one"))?;
        let context = BlockContext {
            height,
            timestamp_ms: header.timestamp_ms,
            packer: header.packer,
            previous: block.previous.clone(),
            recovered: block.recovery.as_ref().map(|recovery| recovery.signed.plan.clone()),
        };
        let executed = {
            let view = self.store.view();
            self.executor.verify(&*view, &context, &verified)?
        };
        let execution = executed.map_err(|illegal| disagreement(height, "block", illegal, "one that is legal"))?;
        let staged = self.store.stage(height, &execution.writes)?;
        same(height, "receipts root", header.receipts_root, execution.receipts_root())?;
        same(height, "state root", header.state_root, staged.root)?;
        same(height, "next authority list", header.next_authorities, execution.next_authorities.hash())?;
        let (found, expected) = (format!("{:?}", header.instruction), format!("{:?}", execution.instruction));
        same(height, "node operation instruction", found, expected)?;

        self.state_root = staged.root;
        self.store.commit(Commit {
            block: &block,
            certificate,
            receipts: &execution.receipts,
            next_authorities: &execution.next_authorities,
            staged,
            writes: &execution.writes,
        })?;
        while self.store.prune(height)? < height {}
        self.store.forget_below(height);
        self.height = height;
        self.last = certificate.block;
        self.timestamp_ms = block.header.timestamp_ms;
        self.transactions = self.transactions.saturating_add(verified.len() as u64);
        self.authorities = execution.next_authorities;
        self.previous = Some(list);
        Ok(())
    }

    /// Who decides the block's height: the list that the state names, or that of a recovery that the members signed.
    fn list_of(&self, block: &Block, certificate: &QuorumCertificate) -> Step<AuthorityList> {
        let height = block.header.height;
        let refused = |error: althing_types::recovery::RecoveryError| {
            disagreement(height, "recovery", error, "one that the members signed")
        };
        let plan = block.recovery.as_ref().map(|recovery| &recovery.signed.plan);
        check_round(certificate.round, plan).map_err(refused)?;
        let Some(recovery) = &block.recovery else { return Ok(self.authorities.clone()) };
        let last = LastFinal {
            chain: &self.genesis.chain,
            height: self.height,
            block: self.last,
            state_root: self.state_root,
        };
        recovery.verify(&last).map_err(refused)?;
        Ok(recovery.signed.plan.authorities.clone())
    }

    /// The certificate of the block before, as this block carries it.
    fn check_previous(&self, block: &Block) -> Step {
        let height = block.header.height;
        let previous = block.previous.as_ref();
        same(height, "hash of the certificate before", block.header.previous_certificate, certificate_hash(previous))?;
        match (previous, &self.previous) {
            (None, None) => Ok(()),
            (Some(previous), Some(list)) => {
                same(height, "height of the certificate before", previous.height, self.height)?;
                same(height, "block of the certificate before", previous.block, self.last)?;
                previous
                    .verify(&self.genesis.chain, list)
                    .map_err(|error| disagreement(height, "certificate before", error, "one of a quorum"))
            }
            (found, _) => Err(disagreement(
                height,
                "certificate before",
                if found.is_some() { "there" } else { "missing" },
                "there, but at height 1",
            )),
        }
    }
}

fn check_certificate(chain: &ChainId, header: &Header, certificate: &QuorumCertificate, list: &AuthorityList) -> Step {
    let height = header.height;
    same(height, "height of the certificate", certificate.height, height)?;
    same(height, "block of the certificate", certificate.block, header.hash())?;
    certificate.verify(chain, list).map_err(|error| disagreement(height, "certificate", error, "one of a quorum"))
}
