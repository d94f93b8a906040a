//! The chain as commands see it: a client, what is trusted, and reads that are proven or, on request, believed.
//!
//! Trust starts from a genesis document: the one given, else the home folder's, else one pinned at the first contact
//! with a chain. Everything a command then shows as verified follows from it.

use crate::{
    devnet::{Network, setup::read_genesis},
    error::{CliError, Result},
    exit_code::Exit,
    home::{Access, Home, write_file},
    output::Output,
};
use althing_abi::schema::Abi;
use althing_api::{ErrorCode, RefusalCode};
use althing_client::{Client, ClientConfig, ClientError, Verifier};
use althing_types::{
    codec::decode,
    genesis::{Genesis, Parameters},
    hash::Hash,
    id::{ChainId, ContractId, Height},
    keyspace::{self, ContractEntry},
};
use borsh::BorshDeserialize;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Keys of one page when answers are believed.
const PAGE: usize = 4_096;

/// Where the trusted genesis document came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// A file: given, or in the home folder.
    File,
    /// A file that an earlier first use wrote.
    Pinned,
    /// The node, just now: from here on it is pinned.
    FirstUse,
    /// The node: nothing is verified.
    None,
}

/// A chain and how far its nodes are trusted.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The nodes.
    pub client: Client,
    /// The genesis document.
    pub genesis: Genesis,
    /// Where that came from.
    pub trust: Trust,
    verifier: Option<Verifier>,
}

/// State entries of one height, in the order of their keys in the question.
#[derive(Clone, Debug)]
pub struct Entries {
    /// The height.
    pub height: Height,
    /// Hash of its header; `None` when unverified.
    pub block: Option<Hash>,
    /// The values; `None` for absent keys.
    pub values: Vec<Option<Vec<u8>>>,
}

/// All state entries under a prefix.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The height.
    pub height: Height,
    /// Key and value in key order.
    pub entries: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Which nodes to ask: `--api`, else the running nodes of the home folder's network that are members of the chain.
///
/// # Errors
/// When there is neither, or the network has no such chain.
pub fn nodes(api: Option<&str>, chain: Option<&ChainId>, home: &Home) -> Result<Vec<String>> {
    if let Some(list) = api {
        return Ok(list.split(',').map(|u| u.trim().trim_end_matches('/').to_owned()).collect());
    }
    let missing = |message: String| {
        CliError::usage("no_api", message)
            .field("--api")
            .rule("the URL of a node, or a home folder with a running local network")
            .hint("althing --home DIR ..., or ALTHING_API=http://HOST:PORT")
    };
    if !Network::exists(home.path()) {
        return Err(missing(format!("no node to ask: no --api, and {} has no network", home.path().display())));
    }
    let network = Network::open(home.path())?;
    let running = network.running(network.chain(chain)?);
    if running.is_empty() {
        return Err(missing(format!("no node of the network in {} is running", home.path().display()))
            .hint(format!("althing devnet up --dir {} --detach", home.path().display())));
    }
    Ok(running)
}

/// The genesis document that the home folder trusts for a chain; `None` when it has none, and the first use pins one.
///
/// The chain is the one named, else the one of the network's node that is asked, else the first.
///
/// # Errors
/// When the home folder's document cannot be read.
pub fn trusted(api: Option<&str>, chain: Option<&ChainId>, home: &Home) -> Result<Option<PathBuf>> {
    let first = home.genesis();
    let Some(chain) = chain else {
        if let (Some(api), Ok(network)) = (api, Network::open(home.path()))
            && let Some(path) = network.chain_at(api.split(',').next().unwrap_or_default().trim().trim_end_matches('/'))
        {
            return Ok(Some(path.to_owned()));
        }
        return Ok(first.exists().then_some(first));
    };
    let further = home.chain_genesis(chain);
    if further.exists() {
        return Ok(Some(further));
    }
    if first.exists() && read_genesis(&first)?.chain == *chain { Ok(Some(first)) } else { Ok(None) }
}

/// A client of some nodes with a time limit for each call.
///
/// # Errors
/// When a URL is none.
pub fn client(urls: &[String], timeout_s: u64) -> Result<Client> {
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let limit = Duration::from_secs(timeout_s);
    let config = ClientConfig { retry_for: limit.min(Duration::from_secs(20)), ..ClientConfig::default() };
    Ok(Client::with_config(&urls, config)?)
}

impl Chain {
    /// Finds out what to trust and makes ready to verify: `file`, else what an earlier first use pinned. A chain that
    /// is `wanted` and not found is refused.
    ///
    /// # Errors
    /// When no node answers, or its chain is not the trusted or the wanted one.
    pub async fn connect(
        client: Client,
        home: &Home,
        file: Option<&Path>,
        wanted: Option<&ChainId>,
        no_verify: bool,
        output: Output,
    ) -> Result<Self> {
        let (genesis, trust) = match file {
            _ if no_verify => (client.genesis().await?.genesis, Trust::None),
            Some(path) => (read_genesis(path)?, Trust::File),
            None => pinned(&client, home, wanted, output).await?,
        };
        check_wanted(&genesis, wanted)?;
        let verifier = if no_verify { None } else { Some(Verifier::new(client.clone(), genesis.clone())?) };
        Ok(Self { client, genesis, trust, verifier })
    }

    /// Whether reads are proven.
    pub const fn verifies(&self) -> bool {
        self.verifier.is_some()
    }
    /// What checks answers; `None` with `--no-verify`.
    pub const fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// Reads state entries, all at one height: the tip's unless given.
    ///
    /// # Errors
    /// When no node answers or a proof fails.
    pub async fn read(&self, keys: &[Vec<u8>], height: Option<Height>) -> Result<Entries> {
        if let Some(verifier) = &self.verifier {
            let (header, values) = verifier.verified_batch(keys, height).await?;
            return Ok(Entries { height: header.height(), block: Some(header.header().hash()), values });
        }
        let batch = self.client.state_batch(keys, height).await?;
        let values = batch.entries.into_iter().map(|e| e.value.map(|v| v.0)).collect();
        Ok(Entries { height: batch.height, block: None, values })
    }

    /// Reads state entries at a height; `None` when the nodes no longer keep its state.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub async fn read_kept(&self, keys: &[Vec<u8>], height: Height) -> Result<Option<Entries>> {
        match self.read(keys, Some(height)).await {
            Err(error) if error.code == ErrorCode::HeightPruned.text() => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Reads one state entry as a typed value.
    ///
    /// # Errors
    /// When no node answers, a proof fails, or the value is not of this type.
    pub async fn value<T: BorshDeserialize>(&self, what: &'static str, key: Vec<u8>) -> Result<(Entries, Option<T>)> {
        let entries = self.read(&[key], None).await?;
        let value = typed(what, entries.values.first().and_then(Option::as_deref))?;
        Ok((entries, value))
    }

    /// The chain's parameters in force, and what they were read from; those of the genesis on a chain without any in its
    /// state.
    ///
    /// # Errors
    /// As [`Self::value`].
    pub async fn parameters(&self) -> Result<(Entries, Parameters)> {
        let (entries, found) = self.value("parameters", keyspace::parameters()).await?;
        Ok((entries, found.unwrap_or_else(|| self.genesis.parameters.clone())))
    }

    /// Reads all entries under a prefix, at one height.
    ///
    /// # Errors
    /// When no node answers or a proof fails.
    pub async fn scan(&self, prefix: &[u8]) -> Result<Scan> {
        if let Some(verifier) = &self.verifier {
            let scan = verifier.verified_scan(prefix).await?;
            return Ok(Scan { height: scan.header.height(), entries: scan.entries });
        }
        let mut entries = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.client.scan(prefix, after.as_deref(), PAGE).await?;
            entries.extend(page.entries.into_iter().filter_map(|e| Some((e.key.0, e.value?.0))));
            match page.next {
                Some(next) => after = Some(next.0),
                None => return Ok(Scan { height: page.height, entries }),
            }
        }
    }

    /// A deployed contract's entry.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn contract(&self, id: &ContractId) -> Result<(Entries, ContractEntry)> {
        let (entries, entry) = self.value::<ContractEntry>("contract entry", keyspace::contract(id)).await?;
        let entry = entry.ok_or_else(|| {
            CliError::not_found("contract_unknown", format!("there is no contract '{id}'"))
                .field("contract")
                .value(id.as_str())
                .rule("a deployed contract; see althing contract list")
        })?;
        Ok((entries, entry))
    }

    /// Refuses a chain without a contract of an id: there the absence of whatever the contract holds would be proven.
    ///
    /// # Errors
    /// When there is none of this id.
    pub async fn needs(&self, id: &str) -> Result<()> {
        let place = format!("chain '{}' has no contract '{id}'", self.genesis.chain);
        self.contract(&ContractId::new(id)?).await.map(drop).map_err(|error| match error.code.as_str() {
            "contract_unknown" => CliError::not_found("contract_unknown", place)
                .field("contract")
                .value(id)
                .rule("a chain with this contract")
                .hint("--chain names another chain; --api a node of it"),
            _ => error,
        })
    }

    /// A deployed contract's ABI, out of the very code that the state names.
    ///
    /// # Errors
    /// When there is no such contract, or the code is not the one that the state names.
    pub async fn abi(&self, id: &ContractId) -> Result<Abi> {
        let (_, mut entry) = self.contract(id).await?;
        let mut code = self.client.code(id).await?;
        while self.verifies() && keyspace::code_hash(&code) != entry.code {
            // An upgrade may have come between the two answers: then the state names another code by now.
            let (_, again) = self.contract(id).await?;
            if again.code == entry.code {
                let message = format!("the node's code of '{id}' is not the chain's");
                let found = keyspace::code_hash(&code).to_string();
                let error = CliError::new(Exit::Proof, "wrong_code", message).field("code").value(found);
                return Err(error.rule(entry.code.to_string()));
            }
            entry = again;
            if keyspace::code_hash(&code) != entry.code {
                code = self.client.code(id).await?;
            }
        }
        Abi::read(&code).map_err(|e| {
            CliError::data("no_abi", format!("the code of '{id}' has no readable ABI: {e}"))
                .field("contract")
                .value(id.as_str())
        })
    }
}

/// Fetches the node's genesis document and compares it with the pinned one; pins it when there is none.
async fn pinned(client: &Client, home: &Home, wanted: Option<&ChainId>, output: Output) -> Result<(Genesis, Trust)> {
    let document = client.genesis().await?;
    let genesis = document.genesis;
    check_wanted(&genesis, wanted)?;
    genesis.check().map_err(|e| CliError::new(Exit::Proof, "bad_genesis", format!("the node's genesis: {e}")))?;
    let path = home.pinned(genesis.chain.as_str());
    if path.exists() {
        let known = read_genesis(&path)?;
        if known.hash() != genesis.hash() {
            return Err(CliError::new(Exit::Proof, "other_genesis", "the node's chain is not the one that was pinned")
                .field("genesis")
                .value(genesis.hash().to_string())
                .rule(known.hash().to_string())
                .hint(format!("if the chain was started anew on purpose, remove {}", path.display())));
        }
        return Ok((known, Trust::Pinned));
    }
    let text = serde_json::to_string_pretty(&genesis).map_err(|e| CliError::internal("json", e.to_string()))?;
    let hash = genesis.hash();
    match write_file(&path, text.as_bytes(), Access::Public) {
        Ok(()) => {
            output.note(&format!("trusting genesis {hash} of {} from now on ({})", genesis.chain, path.display()))
        }
        Err(error) => output.warn(&format!("genesis {hash} cannot be pinned: {}", error.message)),
    }
    Ok((genesis, Trust::FirstUse))
}

/// Refuses a chain that was not asked for.
fn check_wanted(genesis: &Genesis, wanted: Option<&ChainId>) -> Result<()> {
    match wanted.filter(|chain| **chain != genesis.chain) {
        None => Ok(()),
        Some(chain) => Err(CliError::usage("other_chain", format!("this is chain {}, not {chain}", genesis.chain))
            .field("--chain")
            .value(chain.as_str())
            .rule(format!("{}, or nodes and a genesis document of {chain}", genesis.chain))),
    }
}

/// Decodes a state value.
///
/// # Errors
/// When the bytes are not of this type.
pub fn typed<T: BorshDeserialize>(what: &'static str, bytes: Option<&[u8]>) -> Result<Option<T>> {
    bytes
        .map(|b| decode(what, b, keyspace::MAX_CONTRACT_VALUE.saturating_mul(16)))
        .transpose()
        .map_err(|e| CliError::internal("bad_state", format!("state value is not understood: {e}")).field(what))
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let message = error.to_string();
        match &error {
            ClientError::Url { url, .. } => Self::usage("bad_url", message)
                .field("--api")
                .value(url.clone())
                .rule("an URL such as http://127.0.0.1:8100"),
            ClientError::Transport { url, .. } => Self::new(Exit::Network, "no_answer", message)
                .field("--api")
                .value(url.clone())
                .rule("the URL of a node that runs"),
            ClientError::Answer { url, .. } => {
                Self::new(Exit::Network, "bad_answer", message).field("--api").value(url.clone())
            }
            ClientError::Api { error, .. } => {
                let (exit, code) = match error.code {
                    ErrorCode::BlockUnknown
                    | ErrorCode::HeightAhead
                    | ErrorCode::HeightPruned
                    | ErrorCode::ContractUnknown
                    | ErrorCode::UnknownPath => (Exit::NotFound, error.code.text()),
                    ErrorCode::PlanRefused => (Exit::Refused, error.code.text()),
                    ErrorCode::TransactionRefused => {
                        (Exit::Refused, error.refusal.map_or(error.code.text(), althing_api::RefusalCode::text))
                    }
                    ErrorCode::RecoveryRefused => (Exit::Refused, error.code.text()),
                    ErrorCode::BadJson
                    | ErrorCode::TooDeep
                    | ErrorCode::BadBytes
                    | ErrorCode::BadParameter
                    | ErrorCode::BodyTooLarge => (Exit::Usage, error.code.text()),
                    ErrorCode::Timeout => (Exit::Timeout, error.code.text()),
                    _ => (Exit::Network, error.code.text()),
                };
                let mut out = Self::new(exit, code, error.message.clone());
                out.field.clone_from(&error.field);
                out.value.clone_from(&error.value);
                out.rule.clone_from(&error.rule);
                out
            }
            ClientError::Verify(_) => Self::new(Exit::Proof, "not_proven", message)
                .rule("an answer that follows from the trusted genesis document")
                .hint("ask another node; --no-verify believes this one"),
            ClientError::Refused { hash, refusal } => {
                let refused = Self::new(Exit::Refused, refusal.code.text(), refusal.message.clone())
                    .field("transaction")
                    .value(hash.to_string());
                if refusal.code == RefusalCode::UnknownOperator {
                    return refused
                        .rule("a key of a member of this chain")
                        .hint("--chain names another chain, --key another key; althing query key KEY shows what a chain knows of one");
                }
                refused
            }
            ClientError::Abnormal { hash, code, message } => {
                Self::new(Exit::Refused, code.clone(), format!("left out of every block: {message}"))
                    .field("transaction")
                    .value(hash.to_string())
            }
            ClientError::NotFinal { hash, .. } => Self::new(Exit::Timeout, "not_final", message)
                .field("transaction")
                .value(hash.to_string())
                .rule("final within the time-out")
                .hint(format!("althing tx wait {hash}")),
            ClientError::Argument { field, rule } => {
                Self::usage("bad_argument", message.clone()).field(*field).rule(rule.clone())
            }
        }
    }
}
