//! Keys that sign messages (TSIG, RFC 8945), by name and algorithm.

use crate::record::Owner;
use domain::{
    base::name::ToName,
    rdata::tsig::Time48,
    tsig::{Algorithm, Key, KeyName, KeyStore},
};
use std::{fmt, str::FromStr, sync::Arc};

/// Seconds before or after its time in which a signature is good; what we send says the same.
pub const FUDGE_S: u16 = 300;

/// Algorithms that are accepted, as they are written in configurations.
pub const ALGORITHMS: [(&str, Algorithm); 3] =
    [("hmac-sha256", Algorithm::Sha256), ("hmac-sha384", Algorithm::Sha384), ("hmac-sha512", Algorithm::Sha512)];

/// A set of keys.
#[derive(Clone, Default)]
pub struct KeyRing(Vec<Arc<Key>>);

impl KeyRing {
    /// Adds a key.
    ///
    /// # Errors
    /// What is wrong with name, algorithm or secret.
    pub fn add(&mut self, name: &str, algorithm: &str, secret: &[u8]) -> Result<Arc<Key>, String> {
        let known = ALGORITHMS.iter().find(|(text, _)| text.eq_ignore_ascii_case(algorithm.trim_end_matches('.')));
        let Some((_, algorithm)) = known else {
            return Err(format!("algorithm '{algorithm}' is not hmac-sha256, hmac-sha384 or hmac-sha512"));
        };
        if secret.len() < 16 {
            return Err(format!("a secret of {} octets; at least 16 are needed", secret.len()));
        }
        let owner = Owner::parse(name)?;
        if self.0.iter().any(|key| Owner::new(key.name()) == owner) {
            return Err(format!("key '{name}' is given twice"));
        }
        let name = KeyName::from_str(&owner.to_string()).map_err(|e| e.to_string())?;
        let key = Key::new(*algorithm, secret, name, None, None).map_err(|e| e.to_string())?;
        let key = Arc::new(key);
        self.0.push(key.clone());
        Ok(key)
    }

    /// The key of a name.
    pub fn named(&self, name: &Owner) -> Option<Arc<Key>> {
        self.0.iter().find(|key| Owner::new(key.name()) == *name).cloned()
    }
}

impl KeyStore for KeyRing {
    type Key = Arc<Key>;
    fn get_key<N: ToName>(&self, name: &N, algorithm: Algorithm) -> Option<Self::Key> {
        self.0.iter().find(|key| key.name() == name && key.algorithm() == algorithm).cloned()
    }
}

impl fmt::Debug for KeyRing {
    /// Names only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|key| key.name().to_string())).finish()
    }
}

/// A time in seconds since 1970 as signatures carry it.
pub fn time(now_s: u64) -> Time48 {
    Time48::from_u64(now_s & 0xFFFF_FFFF_FFFF)
}
