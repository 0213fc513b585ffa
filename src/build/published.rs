//! `vendor/mwfarm.json`: what is published, with a digest of every file, and what was there before.
//!
//! The schema is versioned (semver): a reader refuses another major version rather than guess.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};

use super::generated::Generated;
use super::history::Previous;
use super::mediawikifarm::{self, Place};
use super::php::runtime;
use crate::disk::{self, Kind};
use crate::farm::{ExtensionId, Host, WikiId};
use crate::key::{Key, hex, sha256};

/// The manifest's name in `vendor/`.
pub const MANIFEST: &str = "mwfarm.json";

/// The dispatcher's name in `vendor/`.
pub const DISPATCHER: &str = "autoload.php";

/// The other file of Composer's that is replaced, in `vendor/`.
pub const INSTALLED: &str = "composer/installed.php";

/// What LocalSettings.php requires, in `vendor/`.
pub const EXTENSIONS: &str = "mwfarm_extensions.php";

/// What `MediaWikiFarm` reads of dependencies, in `vendor/`.
pub const DEPENDENCIES: &str = "MediaWikiExtensions.php";

/// What PHP may be told to preload, in `vendor/`.
pub const PRELOAD: &str = "mwfarm_preload.php";

/// The files of fixed names other than the manifest: what is there before is kept in it, for `eject`. Published in the
/// order from last to first.
pub const FIXED: [&str; 5] = [DISPATCHER, EXTENSIONS, INSTALLED, PRELOAD, DEPENDENCIES];

/// The text of a file of a fixed name that is the same in all generations.
#[must_use]
pub fn constant(name: &str) -> Option<&'static str> {
    match name {
        INSTALLED => Some(runtime::INSTALLED),
        PRELOAD => Some(runtime::PRELOAD),
        DEPENDENCIES => Some(runtime::DEPENDENCIES),
        _ => None,
    }
}

/// The version of the manifest that this mwfarm writes.
const SCHEMA: Version = Version::new(1, 2, 0);

/// The manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The bundles.
    pub bundles: Vec<Bundle>,
    /// Every file of this generation below `vendor/`, with its SHA-256.
    pub files: BTreeMap<String, String>,
    /// The texts of the files of fixed names: an earlier generation is published again with its own, whatever this
    /// mwfarm would write.
    #[serde(default)]
    pub fixed: BTreeMap<String, String>,
    /// The generation that the dispatcher names.
    pub generation: Key,
    /// SHA-256 of the files that say what to build, by path relative to the tree.
    pub inputs: BTreeMap<String, String>,
    /// Links for `MediaWikiFarm`, each with the name it leads to.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Extensions in load order.
    pub order: Vec<ExtensionId>,
    /// What was where the files of fixed names are now.
    pub originals: BTreeMap<String, Original>,
    /// Other generations that are still there, the latest first; see [`super::history`].
    pub previous: Vec<Previous>,
    /// Hashed files that only earlier generations have, with their SHA-256.
    pub retained: BTreeMap<String, String>,
    /// The version of this form.
    pub schema: Version,
    /// The sets, the base first.
    pub sets: Vec<Set>,
    /// The file that describes everything installed.
    pub union: String,
    /// The wikis.
    pub wikis: Vec<Wiki>,
}

/// A published set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// How many classes it maps.
    pub classes: usize,
    /// The extension; none for the base.
    pub extension: Option<ExtensionId>,
    /// Its KEY.
    pub key: Key,
}

/// A published bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// S*.
    pub extensions: Vec<ExtensionId>,
    /// Its hash.
    pub hash: Key,
    /// C(S), by name. Where several packages can meet a requirement it is not the union of the sets.
    pub packages: Vec<String>,
}

/// A published wiki.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wiki {
    /// Its bundle's hash.
    pub bundle: Key,
    /// Where it answers.
    pub hosts: Vec<Host>,
    /// Its identifier.
    pub id: WikiId,
    /// Its settings file, an absolute path, when builds compile it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
}

/// A file that was replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Original {
    /// There was none.
    Absent,
    /// It was this text, with this mode.
    Text {
        /// Permission bits.
        mode: u32,
        /// The content.
        content: String,
    },
    /// It was these bytes, in hex, with this mode.
    Bytes {
        /// Permission bits.
        mode: u32,
        /// The content, in lower-case hex.
        content: String,
    },
}

impl Original {
    /// Keeps a file's content and mode.
    #[must_use]
    pub fn new(content: Vec<u8>, mode: u32) -> Self {
        match String::from_utf8(content) {
            Ok(content) => Self::Text { mode, content },
            Err(bytes) => Self::Bytes { mode, content: hex(bytes.as_bytes()) },
        }
    }

    /// The content and mode to put back; `None` when there was no file.
    #[must_use]
    pub fn content(&self) -> Option<(Vec<u8>, u32)> {
        match self {
            Self::Absent => None,
            Self::Text { mode, content } => Some((content.clone().into_bytes(), *mode)),
            Self::Bytes { mode, content } => {
                let digits = content.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
                Some((digits.filter_map(|pair| u8::from_str_radix(pair, 16).ok()).collect(), *mode))
            }
        }
    }
}

/// What is in a vendor directory.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// The manifest, when mwfarm has built here.
    pub manifest: Option<Manifest>,
    /// Hashed names that are there.
    pub present: BTreeSet<Generated>,
    /// Those of them that lack files which the manifest lists, or are an empty file.
    pub damaged: BTreeSet<Generated>,
    /// Those of them that are no generated name's kind: a link, a file where a directory belongs. They are damaged, too.
    pub odd: BTreeSet<Generated>,
    /// What was there before us where our files of fixed names go; what is there now, when that is not ours.
    pub originals: BTreeMap<String, Original>,
    /// Which of our files of fixed names are there and ours, with their SHA-256: they may be those of
    /// another generation than the manifest's, when a build was killed between the two.
    pub in_place: BTreeMap<String, String>,
    /// The generations that these files name: one, unless a build was killed between two of them.
    pub named: BTreeSet<Key>,
    /// The generation that the dispatcher names: what wikis are served. None without one, or when it is Composer's.
    pub live: Option<Key>,
    /// What is where links for `MediaWikiFarm` go.
    pub places: BTreeMap<String, Place>,
}

/// A vendor directory that cannot be built into.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading failed.
    #[error("cannot read what is published")]
    Read(#[from] std::io::Error),
    /// A file of a fixed name is a link: what it leads to is not ours to read, nor to keep in the manifest.
    #[error("`{0}` of the vendor directory is a symbolic link, and mwfarm neither follows nor replaces one")]
    Link(String),
    /// The manifest is not one.
    #[error("`{MANIFEST}` of the vendor directory is not a manifest of mwfarm: {0}")]
    Manifest(String),
    /// The manifest is of another major version.
    #[error("`{MANIFEST}` of the vendor directory has schema {found}, and this mwfarm reads {SCHEMA}")]
    Schema {
        /// Its version.
        found: Version,
    },
    /// Our file is there, but not the manifest that keeps what it replaced.
    #[error("`{0}` of the vendor directory is mwfarm's, but `{MANIFEST}`, which keeps what it replaced, is missing")]
    OriginalLost(String),
}

impl Published {
    /// Reads a vendor directory; one that does not exist holds nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn read(vendor: &Path) -> Result<Self, Error> {
        for name in FIXED.into_iter().chain([MANIFEST]) {
            if matches!(disk::find(&vendor.join(name))?, Some(disk::Found::Link(_))) {
                return Err(Error::Link(name.to_owned()));
            }
        }
        let manifest = disk::read_optional(&vendor.join(MANIFEST))?.map(|json| manifest(&json)).transpose()?;
        let mut published = Self { places: places(vendor)?, ..Self::default() };
        for (name, kind) in disk::kinds(vendor)? {
            let Some(name) = Generated::parse(&name) else { continue };
            let expected = if name.is_directory() { Kind::Directory } else { Kind::File };
            if kind != expected {
                published.odd.insert(name.clone());
            }
            published.present.insert(name);
        }
        for name in FIXED {
            let current = disk::read_optional_with_mode(&vendor.join(name))?;
            let ours = current.as_ref().filter(|(content, _)| is_ours(name, content));
            if let Some((content, _)) = ours {
                published.in_place.insert(name.to_owned(), digest(content));
                let named = table_named(content);
                published.named.extend(named.clone());
                published.live = if name == DISPATCHER { named } else { published.live };
            }
            let ours = ours.is_some();
            let original = match (current, ours, &manifest) {
                (_, true, Some(manifest)) => manifest
                    .originals
                    .get(name)
                    .cloned()
                    .ok_or_else(|| Error::Manifest(format!("it does not keep the original of `{name}`")))?,
                (_, true, None) => return Err(Error::OriginalLost(name.to_owned())),
                (Some((content, mode)), false, _) => Original::new(content, mode),
                // Gone: what was there before us is still what `eject` puts back.
                (None, false, Some(manifest)) => manifest.originals.get(name).cloned().unwrap_or(Original::Absent),
                (None, false, None) => Original::Absent,
            };
            published.originals.insert(name.to_owned(), original);
        }
        published.manifest = manifest;
        published.damaged.clone_from(&published.odd);
        for name in published.present.difference(&published.odd) {
            if !name.is_directory() {
                // No file of ours is empty: that is what a disk that was not sound leaves of one.
                if disk::size(&vendor.join(name.to_string())) == Some(0) {
                    published.damaged.insert(name.clone());
                }
                continue;
            }
            let directory = name.to_string();
            let there = disk::names(&vendor.join(&directory))?;
            let is_there = |file: &String| there.contains(file.rsplit('/').next().unwrap_or_default());
            if published.digests(name).is_some_and(|files| !files.keys().all(is_there)) {
                published.damaged.insert(name.clone());
            }
        }
        Ok(published)
    }

    /// Whether a hashed name is there, the manifest knows its content, and none of its files is missing.
    #[must_use]
    pub fn has(&self, name: &Generated) -> bool {
        self.present.contains(name) && !self.damaged.contains(name) && self.digests(name).is_some()
    }

    /// Whether wikis are served what the manifest says: its dispatcher is in place, not that of another generation,
    /// as after a killed build, nor Composer's own loader.
    #[must_use]
    pub fn is_live(&self) -> bool {
        let listed = self.manifest.as_ref().and_then(|manifest| manifest.files.get(DISPATCHER));
        listed.is_some() && self.in_place.get(DISPATCHER) == listed
    }

    /// The links for `MediaWikiFarm` that builds have made: those that the manifest lists, and those that lead to what it
    /// lists, which a killed build may have left.
    pub fn links(&self) -> impl Iterator<Item = &str> {
        let names = self.manifest.as_ref().map(Manifest::names).unwrap_or_default();
        let listed = self.manifest.as_ref().map(|manifest| &manifest.links);
        self.places.iter().filter_map(move |(name, place)| {
            let Place::Link(set) = place else { return None };
            let ours = names.contains(set) || listed.is_some_and(|links| links.contains_key(name));
            ours.then_some(name.as_str())
        })
    }

    /// The digests of a hashed name's files, as the manifest has them: of this generation or of an earlier one.
    #[must_use]
    pub fn digests(&self, name: &Generated) -> Option<BTreeMap<String, String>> {
        let manifest = self.manifest.as_ref()?;
        [&manifest.files, &manifest.retained]
            .into_iter()
            .map(|files| digests_of(files, name))
            .find(|files| !files.is_empty())
    }
}

/// Everything in a vendor directory that has the form of a link for `MediaWikiFarm`.
fn places(vendor: &Path) -> std::io::Result<BTreeMap<String, Place>> {
    let mut places = BTreeMap::new();
    for name in disk::names(vendor)?.into_iter().filter(|name| mediawikifarm::is_link(name)) {
        if let Some(found) = disk::find(&vendor.join(&name))? {
            places.insert(name, mediawikifarm::place(&found));
        }
    }
    Ok(places)
}

/// The files of a hashed name among others.
fn digests_of(files: &BTreeMap<String, String>, name: &Generated) -> BTreeMap<String, String> {
    let name = name.to_string();
    let within = |file: &String| file.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    files
        .range(name.clone()..)
        .take_while(|(file, _)| file.starts_with(&name))
        .filter(|(file, _)| within(file))
        .map(|(file, digest)| (file.clone(), digest.clone()))
        .collect()
}

impl Manifest {
    /// The hashed names that this generation and earlier ones are made of.
    #[must_use]
    pub fn names(&self) -> BTreeSet<Generated> {
        self.files.keys().chain(self.retained.keys()).filter_map(|file| hashed(file)).collect()
    }

    /// The manifest as it is written: keys in order, a line each, so that changes read well.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// The version that is written.
    #[must_use]
    pub fn schema() -> Version {
        SCHEMA
    }
}

/// The hashed name that a file of the manifest belongs to.
#[must_use]
pub fn hashed(file: &str) -> Option<Generated> {
    Generated::parse(file.split('/').next()?)
}

/// Reads a manifest.
///
/// # Errors
/// It is of another major version, or none.
pub fn manifest(json: &[u8]) -> Result<Manifest, Error> {
    #[derive(Deserialize)]
    struct Versioned {
        schema: Version,
    }
    let Versioned { schema } = serde_json::from_slice(json).map_err(|error| Error::Manifest(error.to_string()))?;
    if schema.major != SCHEMA.major {
        return Err(Error::Schema { found: schema });
    }
    let deserializer = &mut serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(deserializer)
        .map_err(|error| Error::Manifest(format!("field `{}`: {}", error.path(), error.inner())))
}

/// The generation that a file of a fixed name leads to: that of the wiki table whose name is in its text.
fn table_named(content: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(content).ok()?;
    text.match_indices("wikis_").find_map(|(at, prefix)| Key::parse(text.get(at + prefix.len()..)?.get(..32)?))
}

/// Whether a file that goes by a fixed name is ours.
fn is_ours(name: &str, content: &[u8]) -> bool {
    // By a line near their beginning, as every version of mwfarm has written them, and not by all of their text: an
    // editor may have put something before it, and what Composer wrote it is not for that.
    let name = name.rsplit('/').next().unwrap_or(name);
    let mark = format!("// {name} @generated by mwfarm");
    content[..content.len().min(1024)].windows(mark.len()).any(|window| window == mark.as_bytes())
}

/// The SHA-256 of a file's content, as the manifest has it.
#[must_use]
pub fn digest(content: &[u8]) -> String {
    sha256(content)
}
