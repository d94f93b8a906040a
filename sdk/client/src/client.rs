//! Typed calls of each API method, with retries over one or several nodes.
//!
//! Every call may be sent again: reads change nothing and a submission is known by its transactions' hashes. A call
//! that gets no answer, or one that says "later" (429, 503), goes to the next node after a growing pause, until the
//! configured time is over.

use crate::{error::ClientError, follow::Filter};
use althing_api::{
    ApiError, ErrorCode,
    dry_run::{DryRunRequest, DryRunResponse},
    model::{
        AbnormalList, AccountDocument, BlockDocument, ContractDocument, ContractList, EventPage, GenesisDocument,
        HeaderList, HexBytes, MAX_BATCH, MAX_STATE_BATCH, StateBatch, StateBatchRequest, StateDocument, StatusDocument,
        StatusRequest, StatusResponse, SubmitResponse, SubmitResult, TransactionDocument, TransactionList, ViewRequest,
        ViewResponse, cursor_text,
    },
    path,
    recovery::{RecoveryRequest, RecoveryResponse},
    remediation::{RemediationPlanRequest, RemediationPlanResponse},
};
use althing_types::{
    codec::{self, List},
    crypto::PublicKey,
    event::EventId,
    hash::Hash,
    id::{ContractId, Height, OrganisationId},
    recovery::SignedRecovery,
    transaction::SignedTransaction,
};
use reqwest::{Response, StatusCode, Url, header};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// Longest answer in bytes.
const MAX_ANSWER: usize = 96 * 1024 * 1024;
/// First pause before a retry; doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Longest pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Idle connections are closed before the node closes them.
const IDLE: Duration = Duration::from_secs(5);

/// How the client deals with nodes that do not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// Time-out of one connection attempt.
    pub connect_timeout: Duration,
    /// Time-out of one request; waits get their own time on top.
    pub request_timeout: Duration,
    /// How long a call is retried over all nodes before it fails.
    pub retry_for: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            request_timeout: Duration::from_secs(20),
            retry_for: Duration::from_secs(20),
        }
    }
}

/// A client of one or several nodes of one chain. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    urls: Vec<String>,
    current: AtomicUsize,
    config: ClientConfig,
}

/// A request that can be made again.
#[derive(Clone, Debug)]
struct Call {
    target: String,
    body: Option<(&'static str, Vec<u8>)>,
    patience: Duration,
}

/// What came of one attempt.
enum Attempt {
    Answer(Vec<u8>),
    /// The node answered with an error that another attempt does not change.
    Refused(ClientError),
    /// Try again, after this time when the node named one.
    Later(ClientError, Option<Duration>),
    /// This node does not have it; another one may.
    Elsewhere(ClientError),
}

/// A query string under construction; values are plain text (hexadecimal, numbers, identifiers) or get escaped.
#[derive(Default)]
struct Query(String);

impl Query {
    fn with(mut self, name: &str, value: Option<&dyn std::fmt::Display>) -> Self {
        if let Some(value) = value {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            for byte in value.to_string().bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b':' => {
                        self.0.push(char::from(byte))
                    }
                    other => self.0.push_str(&format!("%{other:02X}")),
                }
            }
        }
        self
    }
    fn after(self, path: impl Into<String>) -> String {
        let mut target = path.into();
        target.push_str(&self.0);
        target
    }
}

fn check_url(text: &str) -> Result<(String, bool), ClientError> {
    let refuse = |reason: String| ClientError::Url { url: text.into(), reason };
    let url = Url::parse(text).map_err(|e| refuse(e.to_string()))?;
    if url.scheme() != "http" {
        return Err(refuse("must start with http://".into()));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse("must have neither query nor fragment".into()));
    }
    let host = url.host_str().unwrap_or_default().trim_matches(|c| c == '[' || c == ']');
    let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback());
    Ok((url.as_str().trim_end_matches('/').into(), local))
}

impl Client {
    /// A client of one node, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// [`ClientError::Url`].
    pub fn new(url: &str) -> Result<Self, ClientError> {
        Self::with_config(&[url], ClientConfig::default())
    }

    /// A client of several nodes of one chain: when one does not answer, the next is asked.
    ///
    /// # Errors
    /// [`ClientError::Url`], also when there is none.
    pub fn with_config(urls: &[&str], config: ClientConfig) -> Result<Self, ClientError> {
        let checked = urls.iter().map(|url| check_url(url)).collect::<Result<Vec<_>, _>>()?;
        if checked.is_empty() {
            return Err(ClientError::Url { url: String::new(), reason: "at least one URL is needed".into() });
        }
        // TLS needs to be told whose cryptography to use; a program that chose already keeps its choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(IDLE)
            .tcp_nodelay(true)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("althing-client/", env!("CARGO_PKG_VERSION")));
        if checked.iter().all(|(_, local)| *local) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| ClientError::Url { url: urls.join(" "), reason: e.to_string() })?;
        let urls = checked.into_iter().map(|(url, _)| url).collect();
        Ok(Self(Arc::new(Inner { http, urls, current: AtomicUsize::new(0), config })))
    }

    /// The node asked first.
    pub fn url(&self) -> &str {
        let at = self.0.current.load(Ordering::Relaxed).checked_rem(self.0.urls.len()).unwrap_or(0);
        self.0.urls.get(at).map_or("", String::as_str)
    }

    /// How the client was configured.
    pub fn config(&self) -> &ClientConfig {
        &self.0.config
    }

    /// Asks the next node from now on.
    pub fn rotate(&self) {
        self.0.current.fetch_add(1, Ordering::Relaxed);
    }

    // ---- the methods of the API

    /// The node.
    pub async fn status(&self) -> Result<StatusDocument, ClientError> {
        self.get(path::STATUS.into()).await
    }

    /// The genesis document. Unchecked: see [`crate::Verifier`].
    pub async fn genesis(&self) -> Result<GenesisDocument, ClientError> {
        self.get(path::GENESIS.into()).await
    }

    /// Submits up to 512 transactions; one result each, in order.
    pub async fn submit(&self, transactions: &[SignedTransaction]) -> Result<Vec<SubmitResult>, ClientError> {
        let list = List::<SignedTransaction, MAX_BATCH>::new(transactions.to_vec())
            .map_err(|e| ClientError::Argument { field: "transactions", rule: e.to_string() })?;
        let body = Some(("application/octet-stream", codec::encode(&list)));
        let call = Call { target: path::TRANSACTIONS.into(), body, patience: Duration::ZERO };
        let answer: SubmitResponse = self.call(&call).await?;
        self.same_length("results", answer.results, transactions.len())
    }

    /// Where a transaction stands.
    pub async fn transaction(&self, hash: &Hash) -> Result<TransactionDocument, ClientError> {
        self.get(path::fill(path::TRANSACTION, hash)).await
    }

    /// Waits until a transaction is decided, at most for `timeout`; gives its status then.
    pub async fn wait(&self, hash: &Hash, timeout: Duration) -> Result<TransactionDocument, ClientError> {
        let end = Instant::now().checked_add(timeout);
        loop {
            let left = end.map_or(timeout, |end| end.saturating_duration_since(Instant::now()));
            let mut documents = self.transactions(&[*hash], left.min(Duration::from_secs(20))).await?;
            let Some(document) = documents.pop() else {
                return Err(self.unexpected("no status"));
            };
            if document.status.is_decided() || end.is_none_or(|end| Instant::now() >= end) {
                return Ok(document);
            }
        }
    }

    /// Status of up to 512 transactions; waits at most for `timeout` until all are decided.
    pub async fn transactions(
        &self,
        hashes: &[Hash],
        timeout: Duration,
    ) -> Result<Vec<TransactionDocument>, ClientError> {
        let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let request = StatusRequest { hashes: hashes.to_vec(), timeout_ms };
        let answer: StatusResponse = self.post(path::TRANSACTIONS_STATUS, &request, timeout).await?;
        let documents = self.same_length("statuses", answer.transactions, hashes.len())?;
        if documents.iter().zip(hashes).any(|(d, h)| d.hash != *h) {
            return Err(self.unexpected("statuses of other transactions than asked for"));
        }
        Ok(documents)
    }

    /// Recent transactions of a key, newest first.
    pub async fn transactions_of(&self, key: &PublicKey, limit: usize) -> Result<TransactionList, ClientError> {
        let query = Query::default().with("limit", Some(&limit));
        self.get(query.after(path::fill(path::ACCOUNT_TRANSACTIONS, key))).await
    }

    /// A key: organisation and sequence numbers.
    pub async fn account(&self, key: &PublicKey) -> Result<AccountDocument, ClientError> {
        self.get(path::fill(path::ACCOUNT, key)).await
    }

    /// A block by height, hash or `latest`; `full` adds transactions and receipts.
    pub async fn block(&self, block: &str, full: bool) -> Result<BlockDocument, ClientError> {
        if block.is_empty() || !block.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(ClientError::Argument { field: "block", rule: "must be a height, a hash or latest".into() });
        }
        self.get(Query::default().with("full", Some(&full)).after(path::fill(path::BLOCK, &block))).await
    }

    /// Up to `count` headers with certificates, from `height`.
    pub async fn headers(&self, height: Height, count: usize) -> Result<HeaderList, ClientError> {
        self.get(Query::default().with("count", Some(&count)).after(path::fill(path::HEADERS, &height))).await
    }

    /// A state entry with proof; at the tip when `height` is `None`.
    pub async fn state(&self, key: &[u8], height: Option<Height>) -> Result<StateDocument, ClientError> {
        let query = Query::default().with("height", height.as_ref().map(|h| h as &dyn std::fmt::Display));
        self.get(query.after(path::fill(path::STATE_ENTRY, &hex::encode(key)))).await
    }

    /// Up to 1024 state entries with proofs, all at one height.
    pub async fn state_batch(&self, keys: &[Vec<u8>], height: Option<Height>) -> Result<StateBatch, ClientError> {
        if keys.len() > MAX_STATE_BATCH {
            let rule = format!("must be at most {MAX_STATE_BATCH} keys");
            return Err(ClientError::Argument { field: "keys", rule });
        }
        let request = StateBatchRequest { keys: keys.iter().cloned().map(HexBytes).collect(), height };
        let mut answer: StateBatch = self.post(path::STATE_BATCH, &request, Duration::ZERO).await?;
        answer.entries = self.same_length("entries", answer.entries, keys.len())?;
        Ok(answer)
    }

    /// One page of entries under a prefix at the tip, without proofs.
    pub async fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<StateBatch, ClientError> {
        self.scan_page(prefix, after, limit, true).await
    }

    /// One page of keys under a prefix at the tip: entries without value and proof.
    pub async fn keys(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<StateBatch, ClientError> {
        self.scan_page(prefix, after, limit, false).await
    }

    async fn scan_page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
        values: bool,
    ) -> Result<StateBatch, ClientError> {
        let after = after.map(hex::encode);
        let query = Query::default()
            .with("prefix", Some(&hex::encode(prefix)))
            .with("after", after.as_ref().map(|a| a as &dyn std::fmt::Display))
            .with("limit", Some(&limit))
            .with("proofs", Some(&false))
            .with("values", Some(&values));
        self.get(query.after(path::STATE)).await
    }

    /// Calls a view. Not provable.
    pub async fn view(
        &self,
        contract: &ContractId,
        method: &str,
        arguments: &[u8],
    ) -> Result<ViewResponse, ClientError> {
        let arguments = HexBytes(arguments.to_vec());
        let request = ViewRequest { contract: contract.clone(), method: method.into(), arguments };
        self.post(path::VIEWS, &request, Duration::ZERO).await
    }

    /// Tries a change of code on a fork of the present state.
    pub async fn dry_run(&self, request: &DryRunRequest) -> Result<DryRunResponse, ClientError> {
        self.post(path::DRY_RUNS, request, Duration::ZERO).await
    }

    /// The plan that puts right what an organisation did, as the node computes it: check it against another node's, or
    /// compute it with a node of your own.
    pub async fn remediation_plan(
        &self,
        organisation: &OrganisationId,
        from_height: Height,
        base_height: Option<Height>,
    ) -> Result<RemediationPlanResponse, ClientError> {
        let request = RemediationPlanRequest { organisation: organisation.clone(), from_height, base_height };
        self.post(path::REMEDIATION_PLANS, &request, Duration::ZERO).await
    }

    /// Brings a recovery: a plan that more than half of the member organisations signed.
    pub async fn recover(&self, recovery: &SignedRecovery) -> Result<RecoveryResponse, ClientError> {
        self.post(path::RECOVERIES, &RecoveryRequest { recovery: recovery.clone() }, Duration::ZERO).await
    }

    /// Deployed contracts.
    pub async fn contracts(&self) -> Result<ContractList, ClientError> {
        self.get(path::CONTRACTS.into()).await
    }

    /// One contract with its ABI.
    pub async fn contract(&self, id: &ContractId) -> Result<ContractDocument, ClientError> {
        self.get(path::fill(path::CONTRACT, id)).await
    }

    /// A contract's code.
    pub async fn code(&self, id: &ContractId) -> Result<Vec<u8>, ClientError> {
        self.bytes(&Call { target: path::fill(path::CONTRACT_CODE, id), body: None, patience: Duration::ZERO }).await
    }

    /// One page of events from a cursor.
    pub async fn events(&self, from: EventId, filter: &Filter, limit: usize) -> Result<EventPage, ClientError> {
        let target = events_query(from, filter).with("limit", Some(&limit)).after(path::EVENTS);
        self.get(target).await
    }

    /// Transactions that were left out, numbered above `after`.
    pub async fn abnormal(&self, after: Option<u64>, limit: usize) -> Result<AbnormalList, ClientError> {
        let query = Query::default()
            .with("after", after.as_ref().map(|a| a as &dyn std::fmt::Display))
            .with("limit", Some(&limit));
        self.get(query.after(path::ABNORMAL)).await
    }

    // ---- the way to the node

    /// Opens an event stream on the present node; one attempt.
    pub(crate) async fn open_events(&self, from: EventId, filter: &Filter) -> Result<Response, ClientError> {
        let url = self.url().to_owned();
        let target = events_query(from, filter).after(path::EVENTS);
        let request = self.0.http.get(format!("{url}{target}")).header(header::ACCEPT, "text/event-stream");
        let transport = |reason: String| ClientError::Transport { url: url.clone(), reason };
        let response = tokio::time::timeout(self.0.config.request_timeout, request.send())
            .await
            .map_err(|_| transport("no answer in time".into()))?
            .map_err(|e| transport(chain(&e)))?;
        if response.status() == StatusCode::OK {
            return Ok(response);
        }
        let status = response.status();
        let body = tokio::time::timeout(self.0.config.request_timeout, read_all(response))
            .await
            .map_err(|_| transport("no answer in time".into()))?
            .map_err(transport)?;
        Err(error_of(&url, status, &body))
    }

    /// The node's figures in the OpenMetrics text form.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let bytes = self.bytes(&Call { target: path::METRICS.into(), body: None, patience: Duration::ZERO }).await?;
        String::from_utf8(bytes).map_err(|e| self.unexpected(&e.to_string()))
    }

    /// The bytes of an answer.
    pub(crate) async fn binary(&self, target: String) -> Result<Vec<u8>, ClientError> {
        self.bytes(&Call { target, body: None, patience: Duration::ZERO }).await
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, target: String) -> Result<T, ClientError> {
        self.call(&Call { target, body: None, patience: Duration::ZERO }).await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        target: &str,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<T, ClientError> {
        let bytes =
            serde_json::to_vec(body).map_err(|e| ClientError::Argument { field: "body", rule: e.to_string() })?;
        self.call(&Call { target: target.into(), body: Some(("application/json", bytes)), patience }).await
    }

    async fn call<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ClientError> {
        let bytes = self.bytes(call).await?;
        serde_json::from_slice(&bytes).map_err(|e| self.unexpected(&e.to_string()))
    }

    /// Makes a call until it is answered or the time for retries is over.
    async fn bytes(&self, call: &Call) -> Result<Vec<u8>, ClientError> {
        let end = Instant::now().checked_add(self.0.config.retry_for);
        let mut pause = FIRST_PAUSE;
        let (mut attempts, mut elsewhere) = (0usize, 0usize);
        loop {
            let (error, wish) = match self.attempt(call).await {
                Attempt::Answer(bytes) => return Ok(bytes),
                Attempt::Refused(error) => return Err(error),
                Attempt::Later(error, wish) => (error, wish),
                Attempt::Elsewhere(error) => {
                    self.rotate();
                    elsewhere = elsewhere.saturating_add(1);
                    if elsewhere >= self.0.urls.len() {
                        return Err(error);
                    }
                    continue;
                }
            };
            attempts = attempts.saturating_add(1);
            self.rotate();
            // Other nodes are tried at once; a pause comes after each of them has failed.
            let round_done = attempts.checked_rem(self.0.urls.len()).unwrap_or(0) == 0;
            let wait = if round_done { wish.unwrap_or(pause).min(LONGEST_PAUSE) } else { Duration::ZERO };
            let now = Instant::now();
            if end.is_none_or(|end| now.checked_add(wait).is_none_or(|then| then >= end)) {
                return Err(error);
            }
            if round_done {
                sleep(wait).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }

    async fn attempt(&self, call: &Call) -> Attempt {
        let url = self.url().to_owned();
        let full = format!("{url}{}", call.target);
        let request = match &call.body {
            None => self.0.http.get(full),
            Some((form, body)) => self.0.http.post(full).header(header::CONTENT_TYPE, *form).body(body.clone()),
        };
        let timeout = self.0.config.request_timeout.saturating_add(call.patience);
        let later = |reason: String| Attempt::Later(ClientError::Transport { url: url.clone(), reason }, None);
        let response = match request.timeout(timeout).send().await {
            Ok(response) => response,
            Err(error) => return later(chain(&error)),
        };
        let status = response.status();
        let wish = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok()?.parse().ok());
        let body = match read_all(response).await {
            Ok(body) => body,
            Err(reason) => return later(reason),
        };
        if status.is_success() {
            return Attempt::Answer(body);
        }
        let error = error_of(&url, status, &body);
        match status {
            // A node that began with a checkpoint lacks what is older.
            StatusCode::GONE => Attempt::Elsewhere(error),
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                Attempt::Later(error, wish.map(Duration::from_secs))
            }
            StatusCode::INTERNAL_SERVER_ERROR if self.0.urls.len() > 1 => Attempt::Later(error, None),
            _ => Attempt::Refused(error),
        }
    }

    fn unexpected(&self, reason: &str) -> ClientError {
        ClientError::Answer { url: self.url().into(), reason: reason.into() }
    }

    fn same_length<T>(&self, what: &str, items: Vec<T>, expected: usize) -> Result<Vec<T>, ClientError> {
        let found = items.len();
        if found == expected {
            Ok(items)
        } else {
            Err(self.unexpected(&format!("{found} {what} instead of {expected}")))
        }
    }
}

fn events_query(from: EventId, filter: &Filter) -> Query {
    let topic = (!filter.topic.is_empty()).then(|| hex::encode(&filter.topic));
    Query::default()
        .with("from", Some(&cursor_text(from)))
        .with("contract", filter.contract.as_ref().map(|c| c as &dyn std::fmt::Display))
        .with("name", filter.name.as_ref().map(|n| n as &dyn std::fmt::Display))
        .with("topic", topic.as_ref().map(|t| t as &dyn std::fmt::Display))
}

fn error_of(url: &str, status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<ApiError>(body) {
        Ok(error) => ClientError::Api { url: url.into(), error: Box::new(error) },
        Err(_) if status == StatusCode::TOO_MANY_REQUESTS => {
            let error = Box::new(ApiError::new(ErrorCode::RateLimited, "too many requests"));
            ClientError::Api { url: url.into(), error }
        }
        Err(_) => ClientError::Answer { url: url.into(), reason: format!("HTTP status {status} without an API error") },
    }
}

async fn read_all(mut response: Response) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| chain(&e))? {
        if out.len().saturating_add(chunk.len()) > MAX_ANSWER {
            return Err(format!("the answer is longer than {MAX_ANSWER} bytes"));
        }
        out.extend_from_slice(&chunk);
    }
    Ok(out)
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked() {
        for bad in ["", "127.0.0.1:80", "https://x", "ftp://x", "http://x/?a", "http://x/#a"] {
            assert!(Client::new(bad).is_err(), "{bad}");
        }
        assert_eq!(Client::new("http://127.0.0.1:80/").unwrap().url(), "http://127.0.0.1");
        assert_eq!(Client::new("http://[::1]:8080").unwrap().url(), "http://[::1]:8080");
        assert!(Client::with_config(&[], ClientConfig::default()).is_err());
    }

    #[test]
    fn query_values_are_escaped() {
        let target = Query::default().with("a", Some(&"x y&z=1")).with("b", None).with("c", Some(&7)).after("/p");
        assert_eq!(target, "/p?a=x%20y%26z%3D1&c=7");
    }
}
