//! What is compiled already: `mwfarm.json` of the farm's output directory, and the version that each wiki's data is for.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::disk::{self, Found};
use crate::farm::{ExtensionId, Host, WikiId};
use crate::key::Key;

/// The manifest's name in the output directory.
pub const MANIFEST: &str = "mwfarm.json";

/// The directory of settings files, in the output directory.
pub const SETTINGS: &str = "settings";

/// The directory of links that say each wiki's version, in the output directory.
pub const VERSIONS: &str = "versions";

/// The version of the manifest that this mwfarm writes.
pub const SCHEMA: Version = Version::new(1, 1, 0);

/// What a farm was compiled to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The configuration directory.
    pub config: PathBuf,
    /// Trees that the farm had before: as long as anything is served from there, it needs its settings.
    #[serde(default)]
    pub former: BTreeSet<PathBuf>,
    /// The generation of the farm's table.
    pub generation: Key,
    /// The names in the output directory that are made after what is in them: settings files, the table, the runtime.
    #[serde(default)]
    pub names: BTreeSet<String>,
    /// Names of that kind which only earlier tables lead to, each with the time, in seconds since 1970, since when.
    #[serde(default)]
    pub retained: BTreeMap<String, u64>,
    /// SHA-256, cut to 32 digits, of each file that was looked at, by its name in the configuration directory; empty of
    /// one that was not there.
    pub sources: BTreeMap<String, String>,
    /// The directory of each version of MediaWiki; of one without versions under an empty name.
    pub trees: BTreeMap<String, PathBuf>,
    /// The wikis, by identifier.
    pub wikis: BTreeMap<WikiId, Wiki>,
    /// The version of this form.
    pub schema: Version,
}

/// A compiled wiki.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiki {
    /// Its farm's name.
    pub farm: String,
    /// Its suffix.
    pub suffix: String,
    /// Its tags, the highest first.
    pub tags: Vec<String>,
    /// Where it answers.
    pub hosts: Vec<Host>,
    /// Its database, when that is not named as the wiki.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db: Option<String>,
    /// The key of what the keys of its caches begin with, when that is known: no other wiki may have the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<Key>,
    /// The version that the configuration asks for; empty without versions.
    pub version: String,
    /// Whether a changed version waits for `update.php`.
    pub delayed: bool,
    /// What it is compiled to, by version: the one asked for, and the one that is in use until then.
    pub compiled: BTreeMap<String, Compiled>,
}

/// A wiki compiled for a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    /// Its settings file, in the output directory.
    pub settings: String,
    /// What is loaded, in load order.
    pub extensions: Vec<ExtensionId>,
    /// What its settings turn on and a build knows.
    pub wanted: Vec<ExtensionId>,
}

/// The version that a wiki's data is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// The version.
    pub version: String,
    /// Whether `update.php` runs, or was interrupted.
    pub updating: bool,
}

/// What is in the output directory.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The manifest, when a farm was compiled here.
    pub manifest: Option<Manifest>,
    /// The versions in use, of wikis whose upgrades are delayed.
    pub in_use: BTreeMap<WikiId, InUse>,
    /// The settings files that are there, with their sizes in bytes.
    pub settings: BTreeMap<String, u64>,
    /// When all this was read, in seconds since 1970.
    pub at: u64,
}

/// An output directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("cannot read `{}`", directory.display())]
    Read {
        /// The directory.
        directory: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is none of ours, or of another version.
    #[error("`{}` {reason}", file.display())]
    Manifest {
        /// The file.
        file: PathBuf,
        /// What is wrong, as the rest of a sentence.
        reason: String,
    },
}

impl Published {
    /// Reads an output directory, which need not exist.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(output: &Path) -> Result<Self, Error> {
        let failed = |source| Error::Read { directory: output.to_owned(), source };
        let manifest = match disk::read_optional(&output.join(MANIFEST)).map_err(failed)? {
            Some(json) => Some(manifest(&output.join(MANIFEST), &json)?),
            None => None,
        };
        let mut in_use = BTreeMap::new();
        for name in disk::names(&output.join(VERSIONS)).map_err(failed)? {
            let Ok(id) = WikiId::new(&name) else { continue };
            if let Some(state) = state(output, &id).map_err(failed)? {
                in_use.insert(id, state);
            }
        }
        let mut settings = BTreeMap::new();
        for name in disk::names(&output.join(SETTINGS)).map_err(failed)? {
            if let Some(found) = disk::look(&output.join(SETTINGS).join(&name)).map_err(failed)? {
                settings.insert(name, found.len());
            }
        }
        Ok(Self { manifest, in_use, settings, at: disk::now() })
    }
}

/// The version in use of one wiki.
///
/// # Errors
/// Those of the system.
pub fn state(output: &Path, wiki: &WikiId) -> io::Result<Option<InUse>> {
    match disk::find(&output.join(VERSIONS).join(wiki.as_str()))? {
        Some(Found::Link(target)) => Ok(target.to_str().map(|text| InUse {
            version: text.strip_suffix('!').unwrap_or(text).to_owned(),
            updating: text.ends_with('!'),
        })),
        _ => Ok(None),
    }
}

fn manifest(file: &Path, json: &[u8]) -> Result<Manifest, Error> {
    #[derive(Deserialize)]
    struct Form {
        schema: Version,
    }
    let wrong = |reason: String| Error::Manifest { file: file.to_owned(), reason };
    let none = |error: serde_json::Error| wrong(format!("is not a manifest of mwfarm: {error}"));
    let form: Form = serde_json::from_slice(json).map_err(none)?;
    if form.schema.major != SCHEMA.major {
        return Err(wrong(format!("has the form {}, this mwfarm knows {SCHEMA}", form.schema)));
    }
    serde_json::from_slice(json).map_err(none)
}

impl Manifest {
    /// The file's content.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Only maps with keys that are no texts could fail.
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// The wiki that a user names by its identifier or by one of its hosts.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<(&WikiId, &Wiki)> {
        let by_id = WikiId::new(name).ok().and_then(|id| self.wikis.get_key_value(&id));
        by_id.or_else(|| {
            let host = name.to_ascii_lowercase();
            self.wikis.iter().find(|(_, wiki)| wiki.hosts.iter().any(|other| other.as_str() == host))
        })
    }
}
