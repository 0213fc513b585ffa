//! The generations that a vendor directory has had: which are still there, which one is served, which was before it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::generated::Generated;
use super::published::{Bundle, Manifest, Set, Wiki, digest, hashed};
use crate::farm::ExtensionId;
use crate::key::Key;

/// A generation published before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Its name.
    pub generation: Key,
    /// The hashed names it is made of.
    pub names: Vec<String>,
    /// The rest of its manifest, to publish it again; only of the [`RECORDED`] latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Box<Record>>,
    /// When another took its place, in seconds since 1970; none when that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<u64>,
    /// Whether `rollback` has left it, and no build has published another one since.
    #[serde(default)]
    pub undone: bool,
    /// Whether `rollback` goes to it only when it is named: the build that would have published it was interrupted, or
    /// it was left and another one has been built since.
    #[serde(default)]
    pub skipped: bool,
}

/// How many earlier generations are recorded in full: the record of a farm of many wikis is large, and every build
/// reads and writes all of them.
pub const RECORDED: usize = 8;

/// What a manifest says of one generation only, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The bundles.
    pub bundles: Vec<Bundle>,
    /// The texts of the files of fixed names.
    pub fixed: BTreeMap<String, String>,
    /// What it was built from.
    pub inputs: BTreeMap<String, String>,
    /// Links for `MediaWikiFarm`.
    pub links: BTreeMap<String, String>,
    /// Extensions in load order.
    pub order: Vec<ExtensionId>,
    /// The sets, the base first.
    pub sets: Vec<Set>,
    /// The file that describes everything installed.
    pub union: String,
    /// The wikis.
    pub wikis: Vec<Wiki>,
}

impl Record {
    /// That of the generation that a manifest is of.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            bundles: manifest.bundles.clone(),
            fixed: manifest.fixed.clone(),
            inputs: manifest.inputs.clone(),
            links: manifest.links.clone(),
            order: manifest.order.clone(),
            sets: manifest.sets.clone(),
            union: manifest.union.clone(),
            wikis: manifest.wikis.clone(),
        }
    }
}

impl Previous {
    /// The generation that a manifest is of, replaced now by another one.
    fn of(manifest: &Manifest, now: u64) -> Self {
        Self {
            generation: manifest.generation.clone(),
            names: names(manifest).iter().map(ToString::to_string).collect(),
            // Without the texts that it would need to be published again, the rest is of no use.
            record: (!manifest.fixed.is_empty()).then(|| Box::new(Record::of(manifest))),
            replaced: Some(now),
            undone: false,
            skipped: false,
        }
    }
}

/// The generations before one that is about to be published, the latest first.
///
/// `live` is the one that is served until then, which is another than the manifest's when a build or a rollback was
/// interrupted; `now` is in seconds since 1970.
#[must_use]
pub fn before(generation: &Key, manifest: &Manifest, live: Option<&Key>, now: u64) -> Vec<Previous> {
    let mut latest = Previous::of(manifest, now);
    // Interrupted, it has not been served; but a rollback leads to one that was.
    latest.skipped = manifest.previous.iter().any(|known| Some(&known.generation) == live && !known.undone);
    let previous = std::iter::once(latest).chain(manifest.previous.iter().cloned());
    let mut previous: Vec<Previous> = previous.filter(|known| known.generation != *generation).collect();
    for (index, known) in previous.iter_mut().enumerate() {
        if Some(&known.generation) == live && live != Some(generation) {
            known.replaced = Some(now);
        }
        if manifest.generation != *generation {
            known.skipped |= std::mem::take(&mut known.undone);
        }
        if index >= RECORDED {
            known.record = None;
        }
    }
    previous
}

/// The manifest of an earlier generation that is about to be published again, which knows those after it as undone.
///
/// `live` and `now` are as for [`before`].
#[must_use]
pub fn again(manifest: &Manifest, target: Generation<'_>, record: Record, live: &Key, now: u64) -> Manifest {
    let mut newer = true;
    let mut previous = Vec::new();
    for generation in generations(manifest) {
        if generation.key() == target.key() {
            newer = false;
            continue;
        }
        let mut other = match generation {
            Generation::Current(current) => Previous::of(current, now),
            Generation::Previous(previous) => previous.clone(),
        };
        if generation.key() == live {
            other.replaced = Some(now);
        }
        other.undone = newer;
        previous.push(other);
    }
    let names = target.names();
    let hashed_files = manifest.files.iter().chain(&manifest.retained);
    let hashed_files = hashed_files.filter_map(|(file, digest)| Some((hashed(file)?, file.clone(), digest.clone())));
    let (mut files, mut retained) = (BTreeMap::new(), BTreeMap::new());
    for (name, file, digest) in hashed_files {
        if names.contains(&name) {
            files.insert(file, digest)
        } else {
            retained.insert(file, digest)
        };
    }
    files.extend(record.fixed.iter().map(|(name, text)| (name.clone(), digest(text.as_bytes()))));
    Manifest {
        bundles: record.bundles,
        files,
        fixed: record.fixed,
        generation: target.key().clone(),
        inputs: record.inputs,
        links: record.links,
        order: record.order,
        originals: manifest.originals.clone(),
        previous,
        retained,
        schema: Manifest::schema(),
        sets: record.sets,
        union: record.union,
        wikis: record.wikis,
    }
}

/// The hashed names that the generation of a manifest is made of.
#[must_use]
pub fn names(manifest: &Manifest) -> BTreeSet<Generated> {
    manifest.files.keys().filter_map(|file| hashed(file)).collect()
}

/// A generation that a manifest knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation<'m> {
    /// The one that the manifest is of: published, or on its way when something was interrupted.
    Current(&'m Manifest),
    /// Another one.
    Previous(&'m Previous),
}

impl<'m> Generation<'m> {
    /// Its name.
    #[must_use]
    pub fn key(self) -> &'m Key {
        match self {
            Self::Current(manifest) => &manifest.generation,
            Self::Previous(previous) => &previous.generation,
        }
    }

    /// The hashed names it is made of.
    #[must_use]
    pub fn names(self) -> BTreeSet<Generated> {
        match self {
            Self::Current(manifest) => names(manifest),
            Self::Previous(previous) => previous.names.iter().filter_map(|name| Generated::parse(name)).collect(),
        }
    }

    /// Whether `rollback` goes to it only when it is named, see [`Previous::skipped`].
    #[must_use]
    pub fn is_skipped(self) -> bool {
        matches!(self, Self::Previous(previous) if previous.skipped)
    }

    /// Whether `rollback` has left it, see [`Previous::undone`].
    #[must_use]
    pub fn is_undone(self) -> bool {
        matches!(self, Self::Previous(previous) if previous.undone)
    }

    /// When another took its place, in seconds since 1970.
    #[must_use]
    pub fn replaced(self) -> Option<u64> {
        match self {
            Self::Current(_) => None,
            Self::Previous(previous) => previous.replaced,
        }
    }

    /// Its wikis, when they are recorded.
    #[must_use]
    pub fn wikis(self) -> Option<&'m [Wiki]> {
        match self {
            Self::Current(manifest) => Some(&manifest.wikis),
            Self::Previous(previous) => previous.record.as_ref().map(|record| record.wikis.as_slice()),
        }
    }

    /// What it was built from, when that is recorded; see [`Manifest::inputs`].
    #[must_use]
    pub fn inputs(self) -> Option<&'m BTreeMap<String, String>> {
        match self {
            Self::Current(manifest) => Some(&manifest.inputs),
            Self::Previous(previous) => previous.record.as_ref().map(|record| &record.inputs),
        }
    }
}

/// All generations that a manifest knows, in the order in which `rollback` goes through them: those that it has left,
/// the current one, those before.
#[must_use]
pub fn generations(manifest: &Manifest) -> Vec<Generation<'_>> {
    let (undone, before): (Vec<&Previous>, Vec<_>) = manifest.previous.iter().partition(|previous| previous.undone);
    let undone = undone.into_iter().map(Generation::Previous);
    undone.chain([Generation::Current(manifest)]).chain(before.into_iter().map(Generation::Previous)).collect()
}
