//! Published files on a schedule: conditional requests, the last good copy on disk, an alarm for whatever goes wrong (R5).
//!
//! A file in the state folder is one that was read without fault; it is written whole under another name and renamed.

use crate::{
    config::PublishedConfig,
    directory::Published,
    error::{RdapFault, Result},
    fetch::{Fetcher, text},
    published::{File, Kind},
};
use reqwest::{
    Url,
    header::{HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

/// Longest published file in bytes.
const MAX_FILE: usize = 32 << 20;

/// What is remembered of a file beside its bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Mark {
    /// `ETag` of the last answer.
    etag: Option<String>,
    /// `Last-Modified` of the last answer, or the time of change of a local file.
    modified: Option<String>,
}

/// One published file.
#[derive(Debug)]
struct Watched {
    kind: Kind,
    place: String,
    mark: Mark,
    last: Option<Arc<File>>,
    alarm: Option<String>,
}

/// All published files that the configuration names.
#[derive(Debug)]
pub struct Refresher {
    state: PathBuf,
    fetcher: Fetcher,
    files: Vec<Watched>,
}

impl Refresher {
    /// Takes the last good copies from the state folder.
    ///
    /// # Errors
    /// [`RdapFault::File`] when the state folder cannot be made.
    pub fn open(config: &PublishedConfig, state: &Path, fetcher: Fetcher) -> Result<Self> {
        fs::create_dir_all(state).map_err(|error| RdapFault::file("make", state, error))?;
        let places = [&config.bootstrap, &config.supplement, &config.registrar_ids, &config.accredited];
        let mut files = Vec::new();
        for (kind, place) in Kind::ALL.into_iter().zip(places) {
            let Some(place) = place else { continue };
            let mut watched = Watched { kind, place: place.clone(), mark: Mark::default(), last: None, alarm: None };
            if let Ok(bytes) = fs::read(state.join(kind.text())) {
                match File::parse(kind, &bytes) {
                    Ok(file) => {
                        watched.last = Some(Arc::new(file));
                        let mark = fs::read(state.join(format!("{}.mark", kind.text()))).ok();
                        watched.mark = mark.and_then(|mark| serde_json::from_slice(&mark).ok()).unwrap_or_default();
                    }
                    Err(fault) => watched.alarm = Some(format!("the kept copy is damaged: {fault}")),
                }
            }
            files.push(watched);
        }
        Ok(Self { state: state.into(), fetcher, files })
    }

    /// Looks at every file; whether any is another now.
    pub async fn refresh(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.files.len() {
            let Some(watched) = self.files.get(index) else { continue };
            let outcome = self.look(watched).await;
            let outcome = match outcome {
                Ok(Some((bytes, file, mark))) => self.keep(index, &bytes, file, mark).map(|()| true),
                Ok(None) => Ok(false),
                Err(fault) => Err(fault),
            };
            let Some(watched) = self.files.get_mut(index) else { continue };
            match outcome {
                Ok(other) => {
                    watched.alarm = None;
                    changed |= other;
                }
                Err(fault) => {
                    tracing::error!(file = watched.kind.text(), %fault, "the last good copy stays in use");
                    watched.alarm = Some(fault.to_string());
                }
            }
        }
        changed
    }

    /// Fetches a file when it changed, and checks it.
    async fn look(&self, watched: &Watched) -> Result<Option<(Vec<u8>, File, Mark)>> {
        let not_fetched =
            |reason: String| RdapFault::NotFetched { what: watched.kind.text(), place: watched.place.clone(), reason };
        let (bytes, mark) = match watched.place.split_once("://") {
            Some(("http" | "https", _)) => {
                let url = Url::parse(&watched.place).map_err(|error| not_fetched(error.to_string()))?;
                let mut headers = HeaderMap::new();
                for (name, value) in [(IF_NONE_MATCH, &watched.mark.etag), (IF_MODIFIED_SINCE, &watched.mark.modified)]
                {
                    if let Some(value) = value.as_deref().and_then(|value| HeaderValue::from_str(value).ok()) {
                        headers.insert(name, value);
                    }
                }
                let fetched = self.fetcher.fetch(&url, headers, MAX_FILE).await;
                let fetched = fetched.map_err(|fault| not_fetched(fault.to_string()))?;
                if fetched.status == 304 {
                    return Ok(None);
                }
                let header = |name| text(&fetched.headers, name);
                let mark =
                    Mark { etag: header(reqwest::header::ETAG), modified: header(reqwest::header::LAST_MODIFIED) };
                (fetched.body, mark)
            }
            _ => {
                let path = Path::new(watched.place.strip_prefix("file://").unwrap_or(&watched.place));
                let modified = fs::metadata(path).and_then(|data| data.modified());
                let modified = modified.map_err(|error| not_fetched(error.to_string()))?;
                let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let mark = Mark { etag: None, modified: Some(since.as_millis().to_string()) };
                if mark == watched.mark && watched.last.is_some() {
                    return Ok(None);
                }
                (fs::read(path).map_err(|error| not_fetched(error.to_string()))?, mark)
            }
        };
        let file = File::parse(watched.kind, &bytes)?;
        if let Some(earlier) = &watched.last {
            file.may_follow(watched.kind, earlier)?;
        }
        Ok(Some((bytes, file, mark)))
    }

    /// Makes a file the last good one.
    fn keep(&mut self, index: usize, bytes: &[u8], file: File, mark: Mark) -> Result<()> {
        let Some(watched) = self.files.get_mut(index) else { return Ok(()) };
        let name = watched.kind.text();
        // The mark goes first: a crash between the two leads to another look, never to a missed change.
        let _ = fs::remove_file(self.state.join(format!("{name}.mark")));
        write(&self.state.join(name), bytes)?;
        write(&self.state.join(format!("{name}.mark")), &serde_json::to_vec(&mark).unwrap_or_default())?;
        watched.mark = mark;
        watched.last = Some(Arc::new(file));
        Ok(())
    }

    /// What the last good files say.
    pub fn published(&self) -> Published {
        let mut out = Published::default();
        for watched in &self.files {
            match (watched.kind, watched.last.as_deref()) {
                (Kind::Bootstrap, Some(File::Bootstrap(file))) => out.bootstrap = Arc::new(file.clone()),
                (Kind::Supplement, Some(File::Bootstrap(file))) => out.supplement = Arc::new(file.clone()),
                (_, Some(File::RegistrarIds(ids))) => out.registrar_ids = Arc::new(ids.clone()),
                (_, Some(File::Accredited(registrars))) => out.accredited = Arc::new(registrars.clone()),
                _ => {}
            }
        }
        out
    }

    /// What is wrong with which file.
    pub fn alarms(&self) -> BTreeMap<&'static str, String> {
        self.files.iter().filter_map(|file| Some((file.kind.text(), file.alarm.clone()?))).collect()
    }
}

/// Writes a file as a whole.
///
/// # Errors
/// [`RdapFault::File`] when the disk does not take it.
pub(crate) fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    let beside = file.with_extension("new");
    fs::write(&beside, bytes).map_err(|error| RdapFault::file("write", &beside, error))?;
    fs::rename(&beside, file).map_err(|error| RdapFault::file("rename", file, error))
}
