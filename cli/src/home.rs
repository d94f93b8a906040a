//! The home folder: keys, pass phrase, genesis document, local network.
//!
//! ```text
//! HOME/keys/NAME.json     one encrypted key each
//! HOME/passphrase         pass phrase of the keys of a local network (mode 0600); absent for real keys
//! HOME/genesis.json       the genesis document that is trusted, of the first or only chain
//! HOME/chains/CHAIN/genesis.json   those of further chains
//! HOME/trust/CHAIN.json   genesis documents pinned at first use
//! HOME/devnet.json        processes of a local network
//! ```

use crate::{
    error::{CliError, Result},
    exit_code::Exit,
};
use althing_types::id::ChainId;
use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// Longest pass phrase in bytes.
const MAX_PASSPHRASE: usize = 1024;

/// The home folder.
#[derive(Clone, Debug)]
pub struct Home {
    root: PathBuf,
}

impl Home {
    /// The folder given, else `~/.althing`.
    ///
    /// # Errors
    /// When no folder is given and there is no `HOME`.
    pub fn new(given: Option<&Path>) -> Result<Self> {
        if let Some(path) = given {
            return Ok(Self { root: path.to_owned() });
        }
        let base = std::env::var_os("HOME").filter(|h| !h.is_empty()).ok_or_else(|| {
            CliError::usage("no_home", "no home folder").field("--home").rule("give --home DIR or set ALTHING_HOME")
        })?;
        Ok(Self { root: PathBuf::from(base).join(".althing") })
    }
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }
    /// Folder of the keys.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }
    /// File of one key.
    pub fn key(&self, name: &str) -> PathBuf {
        self.keys().join(format!("{name}.json"))
    }
    /// The trusted genesis document.
    pub fn genesis(&self) -> PathBuf {
        self.root.join("genesis.json")
    }
    /// The trusted genesis document of a chain that is not the first.
    pub fn chain_genesis(&self, chain: &ChainId) -> PathBuf {
        self.root.join("chains").join(chain.as_str()).join("genesis.json")
    }
    /// Where the genesis document of a chain is pinned at first use.
    pub fn pinned(&self, chain: &str) -> PathBuf {
        self.root.join("trust").join(format!("{chain}.json"))
    }
    /// Processes of a local network.
    pub fn devnet(&self) -> PathBuf {
        self.root.join("devnet.json")
    }
    /// The pass phrase file of a local network.
    pub fn passphrase_file(&self) -> PathBuf {
        self.root.join("passphrase")
    }

    /// The pass phrase of the keys: from ALTHING_PASSPHRASE, else the pass phrase file, else a prompt.
    ///
    /// # Errors
    /// When there is none, or it is empty or too long.
    pub fn passphrase(&self, purpose: Purpose) -> Result<Zeroizing<String>> {
        let refuse = |code: &str, message: &str, rule: &str| {
            Err(CliError::new(Exit::Key, code, message).field("pass phrase").rule(rule))
        };
        let phrase = if let Ok(phrase) = std::env::var("ALTHING_PASSPHRASE") {
            Zeroizing::new(phrase)
        } else if let Ok(text) = std::fs::read_to_string(self.passphrase_file()) {
            Zeroizing::new(text.trim_end_matches(['\n', '\r']).to_owned())
        } else if std::io::stdin().is_terminal() {
            prompt(purpose)?
        } else {
            return refuse(
                "no_passphrase",
                "no pass phrase and no terminal to ask on",
                "set ALTHING_PASSPHRASE, or write the home folder's file `passphrase`",
            );
        };
        if phrase.is_empty() || phrase.len() > MAX_PASSPHRASE {
            return refuse("bad_passphrase", "the pass phrase is empty or too long", "1 to 1024 bytes");
        }
        Ok(phrase)
    }
}

/// What a pass phrase is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To open a key.
    Open,
    /// To protect a new key: asked twice.
    Protect,
}

fn prompt(purpose: Purpose) -> Result<Zeroizing<String>> {
    let ask = |text: &str| {
        rpassword::prompt_password(text).map(Zeroizing::new).map_err(|e| {
            CliError::new(Exit::Key, "no_passphrase", format!("cannot read the pass phrase: {e}"))
                .rule("set ALTHING_PASSPHRASE when there is no terminal")
        })
    };
    let first = ask("Pass phrase: ")?;
    if purpose == Purpose::Protect && ask("Again: ")? != first {
        return Err(CliError::new(Exit::Key, "passphrase_differs", "the two pass phrases differ"));
    }
    Ok(first)
}

/// Writes a file whole or not at all: beside it first, synced, then renamed over it.
///
/// # Errors
/// When the folder cannot be written.
pub fn write_file(path: &Path, bytes: &[u8], access: Access) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let fail = |e: &std::io::Error| CliError::file("write", path, e).exit(Exit::Internal);
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(folder, access)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}.new", std::process::id()));
    let mode = match access {
        Access::Secret => 0o600,
        Access::Public => 0o644,
    };
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|e| {
        let _ = std::fs::remove_file(&beside);
        fail(&e)
    })
}

/// Makes a folder and those above it.
///
/// # Errors
/// When it cannot be made.
pub fn make_folder(path: &Path, access: Access) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mode = match access {
        Access::Secret => 0o700,
        Access::Public => 0o755,
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(|e| CliError::file("make folder", path, &e).exit(Exit::Internal))
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner only.
    Secret,
    /// Everybody.
    Public,
}
