//! The OpenID provider whose tokens users send: its keys, fetched and kept (OpenID Connect Discovery 1.0, RFC 7517).
//!
//! ```text
//!   token --> its key is known ------------------------------------------> checked
//!         '-> unknown, or keys are old: fetched once per refresh_s at most --^   provider down: the old keys stay
//! ```
//! Keys are fetched as everything of others is: from checked addresses, bounded in bytes and time.

use crate::{
    fetch::{FetchFault, Fetcher, unfit},
    token::{Identity, Keys, Rules, TokenFault},
};
use reqwest::{Url, header::HeaderMap};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// Keys are fetched anew when they are this old, so that one that was withdrawn does not stay.
const OLD: Duration = Duration::from_secs(3_600);

/// The provider.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// Its URL, exactly as its tokens have it (`iss`).
    pub issuer: String,
    /// For whom tokens must be (`aud`).
    pub audience: String,
    /// Tier of its users.
    pub tier: String,
    /// Claim that names another tier.
    #[serde(default)]
    pub tier_claim: Option<String>,
    /// Its key set: `https://..` or a path; none: where its discovery document says.
    #[serde(default)]
    pub jwks: Option<String>,
    /// Least seconds between two fetches of its keys.
    #[serde(default = "refresh_s")]
    pub refresh_s: u64,
}

const fn refresh_s() -> u64 {
    60
}

/// Why nobody is known by a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OidcFault {
    /// The token.
    #[error(transparent)]
    Token(#[from] TokenFault),
    /// No key was ever fetched.
    #[error("the keys of the identity provider are not there yet")]
    NoKeys,
}

/// The provider with its keys.
#[derive(Debug)]
pub struct Oidc {
    config: OidcConfig,
    rules: Rules,
    fetcher: Fetcher,
    keys: RwLock<Option<(Arc<Keys>, Instant)>>,
    /// When keys were asked for last; held while they are.
    asked: Mutex<Option<Instant>>,
}

impl Oidc {
    /// A provider of a checked configuration, and the names of all tiers.
    pub fn new(config: OidcConfig, tiers: BTreeSet<String>, fetcher: Fetcher) -> Self {
        let rules = Rules {
            issuer: config.issuer.clone(),
            audience: config.audience.clone(),
            tier_claim: config.tier_claim.clone(),
            tier: config.tier.clone(),
            tiers,
        };
        Self { config, rules, fetcher, keys: RwLock::default(), asked: Mutex::default() }
    }

    /// Who sent a token.
    ///
    /// # Errors
    /// [`OidcFault`].
    pub async fn identify(&self, token: &str) -> Result<Identity, OidcFault> {
        let known = |keys: &Keys| keys.knows(token);
        let fresh = match self.kept() {
            Some((keys, since)) => known(&keys)? && since.elapsed() < OLD,
            None => known(&Keys::default())?,
        };
        if !fresh {
            self.refresh(token).await;
        }
        let (keys, _) = self.kept().ok_or(OidcFault::NoKeys)?;
        Ok(keys.verify(token, &self.rules)?)
    }

    fn kept(&self) -> Option<(Arc<Keys>, Instant)> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Fetches the keys, unless that was done a moment ago or somebody just brought the one of this token.
    async fn refresh(&self, token: &str) {
        let mut asked = self.asked.lock().await;
        let pause = Duration::from_secs(self.config.refresh_s);
        let brought = self.kept().is_some_and(|(keys, at)| keys.knows(token) == Ok(true) && at.elapsed() < OLD);
        if brought || asked.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        *asked = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => {
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::new(keys), Instant::now()));
            }
            Err(reason) => {
                tracing::warn!(issuer = self.config.issuer, reason, "keys are not renewed; those known stay")
            }
        }
    }

    async fn fetch(&self) -> Result<Keys, String> {
        let url = match &self.config.jwks {
            Some(place) if place.contains("://") => Url::parse(place).map_err(|error| error.to_string())?,
            Some(place) => {
                let bytes = tokio::fs::read(Path::new(place)).await.map_err(|error| format!("{place}: {error}"))?;
                return Keys::parse(&bytes);
            }
            None => self.discover().await.map_err(|fault| fault.to_string())?,
        };
        Keys::parse(&self.bytes(&url).await.map_err(|fault| fault.to_string())?)
    }

    /// Where the provider's keys are (OpenID Connect Discovery 1.0 4).
    async fn discover(&self) -> Result<Url, FetchFault> {
        let host = self.config.issuer.as_str();
        let place = format!("{}/.well-known/openid-configuration", host.trim_end_matches('/'));
        let url = Url::parse(&place).map_err(|error| unfit(host, error.to_string()))?;
        let document: Value =
            serde_json::from_slice(&self.bytes(&url).await?).map_err(|error| unfit(host, error.to_string()))?;
        let text = |member: &str| document.get(member).and_then(Value::as_str);
        if text("issuer") != Some(host) {
            return Err(unfit(host, "its discovery document is another issuer's"));
        }
        let keys = text("jwks_uri").and_then(|text| Url::parse(text).ok());
        keys.ok_or_else(|| unfit(host, "its discovery document names no key set"))
    }

    async fn bytes(&self, url: &Url) -> Result<Vec<u8>, FetchFault> {
        Ok(self.fetcher.fetch(url, HeaderMap::new(), self.fetcher.config().max_bytes).await?.body)
    }
}
