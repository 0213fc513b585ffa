//! Whether a release is what would be made of its commits today: changes of the farm's settings, of `mwfarm.yml` and of
//! mwfarm itself get to a wiki with its next release only, and nobody pushes anything for them.
//!
//! Looked at without making anything: the settings file is made again in memory, and of the farm's settings the files
//! are compared, each read once for all wikis.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::assemble;
use super::options::{Live, Options};
use super::record::Wiki;
use super::release::Release;
use super::releases::unusable;
use crate::disk;
use crate::key::Key;
use crate::report::Problem;

/// The version of this mwfarm.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// In a release, what the farm's settings were read from.
pub(super) const SOURCES: &str = ".mwfarm/sources.json";

/// The largest file of settings that is read.
const MAX_BYTES: u64 = 64 << 20;

/// Something that a release was made with and that is different today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outdated {
    /// The version of mwfarm.
    Mwfarm,
    /// `mwfarm.yml`, in what releases have of it.
    Options,
    /// The farm's settings: `farms.yml` and its files.
    Farm,
}

impl Outdated {
    /// What has changed, as the end of a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Mwfarm => "mwfarm",
            Self::Options => "mwfarm.yml",
            Self::Farm => "the farm's settings",
        }
    }
}

/// Looks at releases of one farm.
#[derive(Debug)]
pub(super) struct Today<'t> {
    options: &'t Options,
    has_settings: bool,
    /// Of the sources that releases had, by their keys: whether they are those of today.
    known: HashMap<String, bool>,
    /// The keys of the files of today.
    files: HashMap<String, String>,
}

impl<'t> Today<'t> {
    pub(super) fn of(options: &'t Options) -> Self {
        Self { options, has_settings: options.has_settings(), known: HashMap::new(), files: HashMap::new() }
    }

    /// What of a wiki's release is not as it would be made today.
    ///
    /// # Errors
    /// Its files cannot be read.
    pub(super) fn differs(&mut self, wiki: &Wiki, release: &Release) -> Result<Vec<Outdated>, Problem> {
        let mut found = Vec::new();
        if release.mwfarm != VERSION {
            found.push(Outdated::Mwfarm);
        }
        let place = self.options.layout.release(&wiki.name, &release.release);
        let read = |file: &str| {
            let path = place.join(file);
            disk::read_optional(&path).map_err(|error| unusable(&path, &error))
        };
        let farm = place.join(".mwfarm/farm.php");
        let has_farm = disk::look(&farm).map_err(|error| unusable(&farm, &error))?.is_some();
        let committed = self.options.config == Live::Committed;
        let given = assemble::given(self.options, wiki, &release.release, committed, has_farm);
        if read(".mwfarm/settings.php")?.is_none_or(|text| text != given.as_bytes()) {
            found.push(Outdated::Options);
        }
        let same = match &release.sources {
            None => !self.has_settings,
            Some(key) if self.known.contains_key(key) => self.known[key],
            Some(key) => {
                let sources = read(SOURCES)?.and_then(|json| serde_json::from_slice(&json).ok());
                let same = sources.is_some_and(|sources| self.are_those_of_today(&sources));
                self.known.insert(key.clone(), same);
                same
            }
        };
        if !same {
            found.push(Outdated::Farm);
        }
        Ok(found)
    }

    fn are_those_of_today(&mut self, sources: &BTreeMap<String, String>) -> bool {
        sources.iter().all(|(name, key)| {
            let today = self.files.entry(name.clone()).or_insert_with(|| {
                let path = self.options.directory.join(name);
                let is_read = disk::look(&path).is_ok_and(|found| found.is_some_and(|file| file.len() <= MAX_BYTES));
                let content = if is_read { disk::read_optional(&path).ok().flatten() } else { None };
                content.map(|content| Key::of(&content).to_string()).unwrap_or_default()
            });
            today == key
        })
    }
}

/// The key of sources.
pub(super) fn key(sources: &BTreeMap<String, String>) -> String {
    Key::of_texts(sources.iter().map(|(name, key)| (name.as_str(), key.as_str()))).to_string()
}
