//! What was proven last of a chain, kept in the state folder: a node that starts while nobody of the chain answers goes on
//! with it, and one that starts beside a node with an older state does not fall back.
//!
//! The file is the node's own: its first line is a digest of the rest, against damage; against whoever can write to the
//! state folder there is no protection. The values are as the chain has them, so that they are read as those of the
//! chain are; one that cannot be read makes the whole copy unusable, never a part of it.

use crate::{
    chain::{ChainView, ProofReference, Proven},
    error::{RdapFault, Result},
    refresh,
};
use althing_interface::layout;
use althing_types::{
    codec::{decode, encode},
    hash::{Hash, sha3_256},
    id::ContractId,
    keyspace::{MAX_CONTRACT_VALUE, storage},
};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Longest file that is read, in bytes: a hundred times what all of IANA's lists come to.
const MAX_FILE: u64 = 512 * 1024 * 1024;

/// The file's content.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copy {
    /// Hash of the genesis document.
    genesis: Hash,
    /// Height up to which all is taken over.
    reached: u64,
    /// The totals, canonical bytes in hexadecimal.
    counts: String,
    /// Under which headers the entries were proven.
    proofs: Vec<ProofReference>,
    entries: Vec<Line>,
    registrars: Vec<Line>,
    accreditations: Vec<Line>,
}

/// Key and value in hexadecimal, and which proof.
type Line = (String, String, usize);

/// The place of a chain's copy.
#[derive(Clone, Debug)]
pub struct Kept {
    chain: String,
    genesis: Hash,
    file: PathBuf,
    /// Length of the part of a key that is before the contract's own.
    before: usize,
}

impl Kept {
    /// The copy, in a state folder, of what a chain's contract holds.
    pub fn new(state: &Path, chain: &str, genesis: Hash, contract: &ContractId) -> Self {
        let file = state.join(format!("chain-{chain}.json"));
        Self { chain: chain.to_owned(), genesis, file, before: storage(contract, &[]).len() }
    }

    /// Keeps a view, in place of the one before.
    ///
    /// # Errors
    /// [`RdapFault::File`] when the file cannot be written.
    pub fn put(&self, view: &ChainView) -> Result<()> {
        let mut proofs = Vec::new();
        let (entries, registrars) = (lines(&view.entries, &mut proofs), lines(&view.registrars, &mut proofs));
        let accreditations = lines(&view.accreditations, &mut proofs);
        let counts = hex::encode(encode(&view.counts));
        let (genesis, reached) = (self.genesis, view.reached);
        let copy = Copy { genesis, reached, counts, proofs, entries, registrars, accreditations };
        let text = serde_json::to_string(&copy)
            .map_err(|error| RdapFault::file("write", &self.file, io::Error::other(error)))?;
        let digest = hex::encode(sha3_256(text.as_bytes()).0);
        refresh::write(&self.file, format!("{digest}\n{text}\n").as_bytes())
    }

    /// The view that was kept; `None` when there is none of this chain, or it is damaged, which is told in the log.
    pub fn get(&self) -> Option<ChainView> {
        match self.read() {
            Ok(view) => view,
            Err(reason) => {
                tracing::warn!(chain = self.chain, file = %self.file.display(), reason, "the kept copy is not used");
                None
            }
        }
    }

    fn read(&self) -> std::result::Result<Option<ChainView>, String> {
        match fs::metadata(&self.file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
            Ok(data) if data.len() > MAX_FILE => return Err(format!("more than {MAX_FILE} bytes")),
            Ok(_) => {}
        }
        let text = fs::read_to_string(&self.file).map_err(|error| error.to_string())?;
        let (digest, text) = text.trim_end().split_once('\n').ok_or("it is cut off")?;
        if hex::encode(sha3_256(text.as_bytes()).0) != digest {
            return Err("its digest is another".into());
        }
        let copy: Copy = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if copy.genesis != self.genesis {
            return Err("it is of another chain of the same name".into());
        }
        let proofs: Vec<Arc<ProofReference>> = copy.proofs.into_iter().map(Arc::new).collect();
        Ok(Some(ChainView {
            entries: self.map(&copy.entries, &proofs, layout::name_of)?,
            registrars: self.map(&copy.registrars, &proofs, layout::registrar_of)?,
            accreditations: self.map(&copy.accreditations, &proofs, layout::registrar_of)?,
            counts: typed(&bytes(&copy.counts)?)?,
            reached: copy.reached,
        }))
    }

    fn map<K: Ord, T: BorshDeserialize>(
        &self,
        lines: &[Line],
        proofs: &[Arc<ProofReference>],
        name_of: fn(&[u8]) -> Option<K>,
    ) -> std::result::Result<BTreeMap<K, Proven<T>>, String> {
        let one = |(key, value, at): &Line| {
            let (key, value) = (bytes(key)?, typed(&bytes(value)?)?);
            let name = key.get(self.before..).and_then(name_of).ok_or("a key names nothing")?;
            let proof = proofs.get(*at).cloned().ok_or("an entry has no proof")?;
            Ok((name, Proven { value, key, proof }))
        };
        lines.iter().map(one).collect()
    }
}

fn lines<K, T: BorshSerialize>(map: &BTreeMap<K, Proven<T>>, proofs: &mut Vec<ProofReference>) -> Vec<Line> {
    let line = |proven: &Proven<T>| {
        // Few headers prove many entries, and those of one header mostly follow one another.
        let at = proofs.iter().rposition(|proof| *proof == *proven.proof).unwrap_or_else(|| {
            proofs.push((*proven.proof).clone());
            proofs.len().saturating_sub(1)
        });
        (hex::encode(&proven.key), hex::encode(encode(&proven.value)), at)
    };
    map.values().map(line).collect()
}

fn bytes(text: &str) -> std::result::Result<Vec<u8>, String> {
    hex::decode(text).map_err(|error| error.to_string())
}

fn typed<T: BorshDeserialize>(bytes: &[u8]) -> std::result::Result<T, String> {
    decode("kept value", bytes, MAX_CONTRACT_VALUE.saturating_mul(16)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use althing_interface::bootstrap::{self, Counts, Entry};
    use althing_types::{
        codec::{List, Text},
        id::{Height, OrganisationId},
        name::DomainName,
    };

    fn proof(height: u64) -> Arc<ProofReference> {
        let text = |what: &str| format!("{what}{height}");
        Arc::new(ProofReference { chain: "root".into(), height, block: text("b"), state_root: text("s") })
    }

    fn kept(folder: &Path, genesis: u8) -> Kept {
        Kept::new(folder, "root", Hash([genesis; 32]), &ContractId::new(bootstrap::ID).unwrap())
    }

    fn filled() -> ChainView {
        let contract = ContractId::new(bootstrap::ID).unwrap();
        let mut view = ChainView { reached: 9, ..ChainView::default() };
        view.counts = Counts { entries: 2, accreditations: 1, changes: 5, ..Counts::default() };
        for (name, height) in [("lab", 7), ("xn--p1ai", 8)] {
            let name = DomainName::parse(name).unwrap();
            let value = Entry {
                urls: List::new(vec![Text::new("https://rdap.nic.lab/").unwrap()]).unwrap(),
                by: OrganisationId::new("registry-1").unwrap(),
                revision: 3,
                changed: Height(height),
                changed_ms: 1_000,
            };
            let key = storage(&contract, &layout::bootstrap_entry_key(&name));
            view.entries.insert(name, Proven { value, key, proof: proof(height) });
        }
        view
    }

    #[test]
    fn a_kept_view_comes_back_and_the_one_of_another_chain_does_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(kept(folder.path(), 1).get().is_none());
        let view = filled();
        kept(folder.path(), 1).put(&view).unwrap();
        assert_eq!(kept(folder.path(), 1).get(), Some(view));
        assert!(kept(folder.path(), 1).read().is_ok());
        assert_eq!(kept(folder.path(), 2).read(), Err("it is of another chain of the same name".into()));
    }

    #[test]
    fn no_damage_to_the_file_is_taken_for_a_view() {
        let folder = tempfile::tempdir().unwrap();
        let kept = kept(folder.path(), 1);
        kept.put(&filled()).unwrap();
        let good = fs::read(&kept.file).unwrap();
        for at in 0..good.len() - 1 {
            let mut bad = good.clone();
            bad[at] ^= 0x11;
            fs::write(&kept.file, &bad).unwrap();
            assert!(kept.read().is_err(), "byte {at}");
            fs::write(&kept.file, &good[..at]).unwrap();
            assert!(kept.read().is_err(), "cut at {at}");
        }
    }
}
