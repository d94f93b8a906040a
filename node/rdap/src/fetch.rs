//! Asking a server that somebody else's data names: each hop is checked before a connection is made.
//!
//! ```text
//!   url --> scheme, port, no user --> host resolved --> each address checked --> connection to a checked address only
//!    ^                                                                               |
//!    +--------- at most 3 redirects, each one checked in the same way <--------------+--> at most so many bytes, in time
//! ```
//! The checked address is pinned: the connection is made to what the resolver here returned and nothing is resolved again.
//! No proxy is used, nothing is decompressed, no cookie is kept, no header of the client is passed on.

use crate::{
    error::{RdapFault, Result},
    special::special_purpose,
};
use reqwest::{
    Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{self, HeaderMap},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// Most redirects that are followed.
pub const MAX_REDIRECTS: usize = 3;
/// First parts of paths on which this node answers questions (RFC 9082 3).
const OWN_PATHS: [&str; 5] = ["domain", "nameserver", "entity", "ip", "autnum"];
/// Most addresses of one host that are tried.
const MAX_ADDRESSES: usize = 8;

/// How servers of others are asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FetchConfig {
    /// Milliseconds for one question with all its redirects.
    pub deadline_ms: u64,
    /// Milliseconds for one connection.
    pub connect_ms: u64,
    /// Longest answer in bytes.
    pub max_bytes: usize,
    /// Hosts with ports (`127.0.0.1:8080`, `rdap.test:8443`) that may be asked although they are of a closed network, by
    /// `http` too.
    pub allow: Vec<String>,
    /// Where hosts of closed networks are: name to addresses, in place of the resolver.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self { deadline_ms: 8_000, connect_ms: 3_000, max_bytes: 1 << 20, allow: Vec::new(), hosts: BTreeMap::new() }
    }
}

/// Why a server of others gave nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchFault {
    /// The URL may not be asked.
    #[error("{url} is not asked: {rule}")]
    Forbidden {
        /// The URL.
        url: String,
        /// The rule.
        rule: String,
    },
    /// No connection, or it broke.
    #[error("{host} does not answer: {reason}")]
    Transport {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// It took too long.
    #[error("{host} did not answer within {ms} ms")]
    Late {
        /// The host.
        host: String,
        /// The limit.
        ms: u64,
    },
    /// The answer is too long.
    #[error("{host} sent more than {limit} bytes")]
    TooLong {
        /// The host.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// Too many redirects, or one in a circle.
    #[error("{host} redirects more than {MAX_REDIRECTS} times, or in a circle")]
    Redirects {
        /// The host asked last.
        host: String,
    },
    /// It refused.
    #[error("{host} answered {status}")]
    Status {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// Seconds after which it may be asked again.
        retry_after_s: Option<u64>,
    },
    /// The answer is not what was asked for.
    #[error("{host} sent no answer to the question: {reason}")]
    Unfit {
        /// The host.
        host: String,
        /// What is wrong.
        reason: String,
    },
}

impl FetchFault {
    /// Whether the time was over, so that a gateway answers 504 and not 502.
    pub const fn is_late(&self) -> bool {
        matches!(self, Self::Late { .. })
    }
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it came from in the end.
    pub url: Url,
    /// 200 or 304.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

/// Asks servers of others. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fetcher {
    http: reqwest::Client,
    config: Arc<FetchConfig>,
    /// Where this node itself answers.
    own: Option<Url>,
}

/// The system's resolver.
#[derive(Debug)]
struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

/// Resolves and checks. Hosts of the allow-list are not checked.
struct CheckedResolver {
    config: Arc<FetchConfig>,
    inner: Arc<dyn Resolve>,
}

/// A host that resolves to where nobody is asked.
#[derive(Debug, thiserror::Error)]
#[error("{host} resolves to {address}, {what}")]
struct Inside {
    host: String,
    address: IpAddr,
    what: &'static str,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (config, inner) = (Arc::clone(&self.config), Arc::clone(&self.inner));
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = match config.hosts.get(&host) {
                Some(addresses) => addresses.iter().map(|address| SocketAddr::new(*address, 0)).collect(),
                None => inner.resolve(name).await?.take(MAX_ADDRESSES).collect(),
            };
            let named = config.allow.iter().any(|allowed| host_of(allowed) == host);
            // One bad address is enough to refuse the host: nobody with clean hands publishes it.
            if let Some((address, what)) =
                found.iter().find_map(|a| special_purpose(a.ip()).filter(|_| !named).map(|what| (a.ip(), what)))
            {
                return Err(Inside { host, address, what }.into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The host of `host:port`.
fn host_of(allowed: &str) -> &str {
    allowed.rsplit_once(':').map_or(allowed, |(host, _)| host)
}

impl Fetcher {
    /// A fetcher; `roots` are certificates in PEM that are trusted beside the system's.
    ///
    /// # Errors
    /// [`RdapFault::Config`] when a certificate cannot be used.
    pub fn new(config: FetchConfig, roots: &[Vec<u8>]) -> Result<Self> {
        Self::with_resolver(config, roots, Arc::new(System))
    }

    /// The same with another resolver; what it says is checked as the system's word is.
    ///
    /// # Errors
    /// Those of [`Self::new`].
    pub fn with_resolver(config: FetchConfig, roots: &[Vec<u8>], resolver: Arc<dyn Resolve>) -> Result<Self> {
        let refuse = |error: reqwest::Error| RdapFault::config("trust", "a file", error.to_string());
        // Another call has installed the same provider: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = Arc::new(config);
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(config.connect_ms))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(8)
            .pool_idle_timeout(Duration::from_secs(20))
            .dns_resolver(CheckedResolver { config: Arc::clone(&config), inner: resolver })
            .user_agent(concat!("althing-rdap/", env!("CARGO_PKG_VERSION")));
        let mut certificates = Vec::new();
        for pem in roots {
            certificates.extend(reqwest::Certificate::from_pem_bundle(pem).map_err(refuse)?);
        }
        builder = builder.tls_certs_merge(certificates);
        Ok(Self { http: builder.build().map_err(refuse)?, config, own: None })
    }

    /// The same, which does not ask the node that answers there: a link or a redirect to itself would make one question
    /// many.
    #[must_use]
    pub fn except(self, own: Url) -> Self {
        Self { own: Some(own), ..self }
    }

    /// Whether a URL is a question to this node. Other services may share its host.
    fn asks_itself(&self, url: &Url) -> bool {
        let rest = self.own.as_ref().and_then(|own| url.as_str().strip_prefix(own.as_str()));
        let kind = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
        kind.is_some_and(|kind| OWN_PATHS.contains(&kind))
    }

    /// The configuration.
    pub fn config(&self) -> &FetchConfig {
        &self.config
    }

    /// Whether a URL may be asked at all; addresses behind names are checked when they are resolved.
    ///
    /// # Errors
    /// [`FetchFault::Forbidden`].
    pub fn check(&self, url: &Url) -> Result<(), FetchFault> {
        let refuse = |rule: &str| Err(FetchFault::Forbidden { url: shown(url), rule: rule.to_owned() });
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return refuse("it has no host");
        };
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("it names a user");
        }
        if self.asks_itself(url) {
            return refuse("it leads to this node itself");
        }
        let place = format!("{host}:{port}");
        if self.config.allow.contains(&place) && matches!(url.scheme(), "http" | "https") {
            return Ok(());
        }
        if url.scheme() != "https" {
            return refuse("only https is asked");
        }
        if port != 443 && port < 1024 {
            return refuse("its port is that of another service");
        }
        // An address in the place of a name does not pass the resolver.
        match host.trim_matches(['[', ']']).parse::<IpAddr>().ok().and_then(special_purpose) {
            Some(what) => refuse(what),
            None if self.config.allow.iter().any(|allowed| host_of(allowed) == host) => {
                refuse("only the allowed port of that host is asked")
            }
            None => Ok(()),
        }
    }

    /// Asks, following redirects; the answer is of status 200, or 304 when a condition was given.
    ///
    /// # Errors
    /// [`FetchFault`].
    pub async fn fetch(&self, url: &Url, headers: HeaderMap, max_bytes: usize) -> Result<Fetched, FetchFault> {
        let end =
            Instant::now().checked_add(Duration::from_millis(self.config.deadline_ms)).unwrap_or_else(Instant::now);
        let mut at = url.clone();
        let mut seen = vec![at.clone()];
        loop {
            self.check(&at)?;
            let host = at.host_str().unwrap_or_default().to_owned();
            let late = |_| FetchFault::Late { host: host.clone(), ms: self.config.deadline_ms };
            let sent = self.http.get(at.clone()).headers(headers.clone()).send();
            let response = timeout_at(end, sent).await.map_err(late)?.map_err(|error| self.transport(&at, &error))?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                let next = location(&response, &at).ok_or_else(|| unfit(&host, "a redirect that leads nowhere"))?;
                if seen.len() > MAX_REDIRECTS || seen.contains(&next) {
                    return Err(FetchFault::Redirects { host });
                }
                if at.scheme() == "https" && next.scheme() != "https" {
                    let rule = "a redirect from https leads to another scheme".to_owned();
                    return Err(FetchFault::Forbidden { url: shown(&next), rule });
                }
                seen.push(next.clone());
                at = next;
                continue;
            }
            let conditional =
                headers.contains_key(header::IF_NONE_MATCH) || headers.contains_key(header::IF_MODIFIED_SINCE);
            if !(status == StatusCode::OK || (status == StatusCode::NOT_MODIFIED && conditional)) {
                let retry_after_s = text(response.headers(), header::RETRY_AFTER).and_then(|value| value.parse().ok());
                return Err(FetchFault::Status { host, status: status.as_u16(), retry_after_s });
            }
            let (status, headers) = (status.as_u16(), response.headers().clone());
            let body = timeout_at(end, self.body(response, &at, max_bytes)).await.map_err(late)??;
            return Ok(Fetched { url: at, status, headers, body });
        }
    }

    async fn body(&self, mut response: Response, from: &Url, limit: usize) -> Result<Vec<u8>, FetchFault> {
        let too_long = || FetchFault::TooLong { host: from.host_str().unwrap_or_default().to_owned(), limit };
        if response.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_long());
        }
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await.map_err(|error| self.transport(from, &error))? {
            if body.len().saturating_add(bytes.len()) > limit {
                return Err(too_long());
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }

    fn transport(&self, url: &Url, error: &reqwest::Error) -> FetchFault {
        let host = url.host_str().unwrap_or_default().to_owned();
        if error.is_timeout() {
            return FetchFault::Late { host, ms: self.config.connect_ms };
        }
        let mut source: Option<&dyn std::error::Error> = Some(error);
        let mut reason = String::new();
        while let Some(one) = source {
            reason = one.to_string();
            if one.is::<Inside>() {
                return FetchFault::Forbidden { url: shown(url), rule: reason };
            }
            source = one.source();
        }
        FetchFault::Transport { host, reason }
    }
}

/// Where a redirect leads.
fn location(response: &Response, from: &Url) -> Option<Url> {
    from.join(&text(response.headers(), header::LOCATION)?).ok()
}

/// An answer that is none.
pub fn unfit(host: &str, reason: impl Into<String>) -> FetchFault {
    FetchFault::Unfit { host: host.to_owned(), reason: reason.into() }
}

/// A header as text.
pub fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// A URL as it may be shown: without user and query.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.to_string()
}

/// For how long an answer may be kept (RFC 9111 5.2.2): `None` when it says nothing, zero when it must not be.
pub fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let control = text(headers, header::CACHE_CONTROL)?.to_ascii_lowercase();
    let mut age = None;
    for directive in control.split(',').map(str::trim) {
        match directive.split_once('=') {
            Some(("max-age", seconds)) => age = age.or(seconds.trim_matches('"').parse().ok().map(Duration::from_secs)),
            Some(("s-maxage", seconds)) => age = seconds.trim_matches('"').parse().ok().map(Duration::from_secs),
            None if matches!(directive, "no-store" | "no-cache" | "private") => return Some(Duration::ZERO),
            _ => {}
        }
    }
    age
}
