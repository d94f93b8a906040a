//! One signing key in one file, encrypted with a pass phrase.
//!
//! ```text
//! key  = argon2id(pass phrase, salt)            the first 32 of 64 bytes; the others, hashed, tell a wrong pass phrase
//! file = JSON: version, name, public_key, kdf, cipher { nonce, text }
//! text = chacha20poly1305(key, nonce, seed)     bound to every other field of the file, so that none can be exchanged
//! ```

use crate::{
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_types::{
    crypto::{PublicKey, SecretKey},
    hash::sha3_256,
    id::OrganisationId,
};
use argon2::{Algorithm, Argon2, Params, Version};
use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, Payload},
};
use serde::{Deserialize, Serialize};
use std::path::Path;
use zeroize::Zeroizing;

/// Version of the file's form.
const VERSION: u32 = 1;
/// Most memory that a key file may ask for, in KiB: a foreign file must not exhaust the machine.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
/// Most passes that a key file may ask for.
const MAX_PASSES: u32 = 16;
/// Most lanes that a key file may ask for.
const MAX_LANES: u32 = 8;
/// Longest key file in bytes.
const MAX_FILE: u64 = 16 * 1024;

/// How the pass phrase becomes a key. The defaults are OWASP's first choice for argon2id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kdf {
    /// `argon2id`.
    pub name: String,
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Salt, hexadecimal.
    pub salt: String,
    /// Tells a wrong pass phrase from a damaged file; hexadecimal.
    pub check: String,
}

/// The encrypted seed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cipher {
    /// `chacha20poly1305`.
    pub name: String,
    /// Nonce, hexadecimal.
    pub nonce: String,
    /// Encrypted seed and tag, hexadecimal.
    pub text: String,
}

/// A key file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    /// `VERSION`.
    pub version: u32,
    /// The key's name: also the file's.
    pub name: String,
    /// The public half.
    pub public_key: PublicKey,
    /// How the pass phrase becomes a key.
    pub kdf: Kdf,
    /// The encrypted seed.
    pub cipher: Cipher,
}

/// Checks a key's name: it becomes a file's name.
///
/// # Errors
/// When it is no plain identifier.
pub fn check_name(name: &str) -> Result<()> {
    OrganisationId::new(name).map(|_| ()).map_err(|e| {
        CliError::usage("bad_key_name", format!("'{}' is no name for a key", e.text))
            .field("name")
            .value(name)
            .rule("1 to 64 of a-z 0-9 - _ . :, first a letter or digit")
    })
}

/// Random bytes from the operating system.
///
/// # Errors
/// When it has none.
pub fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>> {
    let mut bytes = Zeroizing::new([0u8; N]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|e| CliError::internal("randomness", format!("the system gives no random bytes: {e}")))?;
    Ok(bytes)
}

/// A new secret key.
///
/// # Errors
/// When the system gives no random bytes.
pub fn generate() -> Result<SecretKey> {
    Ok(SecretKey::from_seed(&*random::<32>()?))
}

impl KeyFile {
    /// Encrypts a key.
    ///
    /// # Errors
    /// When the name is bad or the system gives no random bytes.
    pub fn seal(name: &str, key: &SecretKey, passphrase: &str) -> Result<Self> {
        check_name(name)?;
        let (salt, nonce) = (random::<16>()?, random::<12>()?);
        let mut file = Self {
            version: VERSION,
            name: name.to_owned(),
            public_key: key.public(),
            kdf: Kdf {
                name: "argon2id".into(),
                memory_kib: 19 * 1024,
                passes: 2,
                lanes: 1,
                salt: hex::encode(salt.as_slice()),
                check: String::new(),
            },
            cipher: Cipher {
                name: "chacha20poly1305".into(),
                nonce: hex::encode(nonce.as_slice()),
                text: String::new(),
            },
        };
        let derived = file.derive(passphrase)?;
        file.kdf.check = check_text(&derived);
        let seed = Zeroizing::new(key.seed());
        let payload = Payload { msg: seed.as_slice(), aad: &file.bound() };
        let text = cipher(&derived)
            .and_then(|c| c.encrypt(nonce.as_slice().into(), payload).ok())
            .ok_or_else(|| CliError::internal("encryption", "the key cannot be encrypted"))?;
        file.cipher.text = hex::encode(text);
        Ok(file)
    }

    /// Decrypts the key.
    ///
    /// # Errors
    /// Code `wrong_passphrase` when the pass phrase is wrong, `damaged_key` when the file was changed.
    pub fn open(&self, passphrase: &str) -> Result<SecretKey> {
        let damaged = |what: &str| {
            CliError::new(Exit::Key, "damaged_key", format!("key file '{}' is damaged: {what}", self.name))
                .field("key")
                .value(self.name.clone())
                .rule("the file as it was written; restore it from a copy")
        };
        let known = (self.version, self.kdf.name.as_str(), self.cipher.name.as_str());
        if known != (VERSION, "argon2id", "chacha20poly1305") {
            return Err(damaged("unknown version, kdf or cipher"));
        }
        let derived = self.derive(passphrase)?;
        if check_text(&derived) != self.kdf.check {
            return Err(CliError::new(
                Exit::Key,
                "wrong_passphrase",
                format!("wrong pass phrase for key '{}'", self.name),
            )
            .field("pass phrase")
            .rule("the one that the key was made with (ALTHING_PASSPHRASE, file `passphrase`, or prompt)"));
        }
        let nonce: [u8; 12] = decode("nonce", &self.cipher.nonce).map_err(damaged)?;
        let text = hex::decode(&self.cipher.text).map_err(|_| damaged("text is not hexadecimal"))?;
        let payload = Payload { msg: &text, aad: &self.bound() };
        let seed = cipher(&derived)
            .and_then(|c| c.decrypt(nonce.as_slice().into(), payload).ok())
            .map(Zeroizing::new)
            .ok_or_else(|| damaged("its content does not authenticate"))?;
        let seed: &[u8; 32] = seed.as_slice().try_into().map_err(|_| damaged("seed of the wrong length"))?;
        let key = SecretKey::from_seed(seed);
        if key.public() != self.public_key {
            return Err(damaged("public key of another seed"));
        }
        Ok(key)
    }

    /// Reads a key file.
    ///
    /// # Errors
    /// When it is not there, is too long, or is no key file.
    pub fn read(path: &Path) -> Result<Self> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let metadata = std::fs::metadata(path).map_err(|e| {
            if e.kind() == std::io::ErrorKind::NotFound {
                CliError::not_found("no_such_key", format!("there is no key '{name}'"))
                    .field("key")
                    .value(name.clone())
                    .rule("a key of the home folder; see althing key list")
                    .hint(format!("looked for {}", path.display()))
            } else {
                CliError::file("read", path, &e)
            }
        })?;
        let damaged = |what: String| {
            CliError::new(Exit::Key, "damaged_key", format!("key file {} is damaged: {what}", path.display()))
                .field("key")
                .value(name.clone())
                .rule("the file as it was written; restore it from a copy")
        };
        if metadata.len() > MAX_FILE {
            return Err(damaged(format!("longer than {MAX_FILE} bytes")));
        }
        let text = std::fs::read_to_string(path).map_err(|e| CliError::file("read", path, &e))?;
        let file: Self = serde_json::from_str(&text).map_err(|e| damaged(e.to_string()))?;
        if file.name != name { Err(damaged(format!("it is of key '{}'", file.name))) } else { Ok(file) }
    }

    /// Writes a key file with access for its owner only.
    ///
    /// # Errors
    /// When it exists already or cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        if path.exists() {
            return Err(CliError::usage("key_exists", format!("there is a key '{}' already", self.name))
                .field("name")
                .value(self.name.clone())
                .rule("a new name; keys are never overwritten"));
        }
        let text = serde_json::to_string_pretty(self).map_err(|e| CliError::internal("json", e.to_string()))?;
        crate::home::write_file(path, format!("{text}\n").as_bytes(), crate::home::Access::Secret)
    }

    /// Everything but the encrypted text, as one unambiguous byte string.
    fn bound(&self) -> Vec<u8> {
        let k = &self.kdf;
        let numbers = [self.version, k.memory_kib, k.passes, k.lanes].map(|n| n.to_string());
        let parts = [self.name.as_str(), &self.public_key.to_string(), &k.name, &k.salt, &k.check, &self.cipher.name];
        let all = numbers.iter().map(String::as_str).chain(parts);
        all.flat_map(|part| [part, "\n"]).collect::<String>().into_bytes()
    }

    fn derive(&self, passphrase: &str) -> Result<Zeroizing<[u8; 64]>> {
        let k = &self.kdf;
        let fail = |what: String| {
            CliError::new(Exit::Key, "damaged_key", format!("key file '{}' is damaged: {what}", self.name))
                .field("kdf")
                .rule("at most 1 GiB of memory, 16 passes, 8 lanes, and a salt of 16 bytes")
        };
        if k.memory_kib > MAX_MEMORY_KIB || k.passes > MAX_PASSES || k.lanes > MAX_LANES {
            return Err(fail(format!("{} KiB, {} passes, {} lanes", k.memory_kib, k.passes, k.lanes)));
        }
        let salt: [u8; 16] = decode("salt", &k.salt).map_err(|e| fail(e.into()))?;
        let params = Params::new(k.memory_kib, k.passes, k.lanes, Some(64)).map_err(|e| fail(e.to_string()))?;
        let mut out = Zeroizing::new([0u8; 64]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase.as_bytes(), &salt, out.as_mut_slice())
            .map_err(|e| fail(e.to_string()))?;
        Ok(out)
    }
}

fn check_text(derived: &[u8; 64]) -> String {
    hex::encode(sha3_256(derived.get(32..).unwrap_or_default()).0)
}

fn cipher(derived: &[u8; 64]) -> Option<ChaCha20Poly1305> {
    ChaCha20Poly1305::new_from_slice(derived.get(..32)?).ok()
}

fn decode<const N: usize>(what: &'static str, text: &str) -> Result<[u8; N], &'static str> {
    let mut out = [0u8; N];
    hex::decode_to_slice(text, &mut out).map_err(|_| what)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> KeyFile {
        KeyFile::seal("alice", &SecretKey::from_seed(&[5; 32]), "right").unwrap()
    }

    #[test]
    fn the_right_pass_phrase_opens_it() {
        assert_eq!(sealed().open("right").unwrap().seed(), [5; 32]);
    }

    #[test]
    fn a_wrong_pass_phrase_is_told_from_damage() {
        let file = sealed();
        assert_eq!(file.open("wrong").unwrap_err().code, "wrong_passphrase");
        let mut other = file.clone();
        other.public_key = SecretKey::from_seed(&[6; 32]).public();
        assert_eq!(other.open("right").unwrap_err().code, "damaged_key");
        let mut other = file.clone();
        other.name = "bob".into();
        assert_eq!(other.open("right").unwrap_err().code, "damaged_key");
        let mut other = file;
        let flipped = if other.cipher.text.starts_with('0') { "1" } else { "0" };
        other.cipher.text.replace_range(0..1, flipped);
        assert_eq!(other.open("right").unwrap_err().code, "damaged_key");
    }

    #[test]
    fn a_file_cannot_ask_for_the_whole_machine() {
        let mut file = sealed();
        file.kdf.memory_kib = u32::MAX;
        assert_eq!(file.open("right").unwrap_err().code, "damaged_key");
    }

    #[test]
    fn names_stay_inside_the_folder() {
        for bad in ["../x", "a/b", "", "A", ".hidden"] {
            assert_eq!(check_name(bad).unwrap_err().exit, Exit::Usage, "{bad}");
        }
    }
}
