//! `gc`: removes generations that no request uses any more.
//!
//! Only hashed names that the manifest lists are ever removed, each by one rename out of its place, under the lock of
//! builds. What the manifest does not list, and a directory that holds something else, is left and told.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::generated::Generated;
use super::history::{self, Generation};
use super::mediawikifarm::Place;
use super::opened;
use super::published::{DISPATCHER, MANIFEST, Manifest, hashed};
use super::strangers::stranger;
use crate::disk::{self, Staging};
use crate::key::Key;
use crate::report::Reporter;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keep {
    /// How many generations stay whatever their age: the one that is served, and those that `rollback` would go to first.
    pub generations: usize,
    /// How long a generation stays after another has taken its place: more than the longest request, and than the time
    /// for which OPcache serves a file without looking at it (`opcache.revalidate_freq`). In seconds.
    pub grace: u64,
}

impl Keep {
    /// The fewest generations: what is served, and what `rollback` goes to.
    pub const FEWEST: usize = 2;
}

impl Default for Keep {
    fn default() -> Self {
        Self { generations: Self::FEWEST, grace: 15 * 60 }
    }
}

/// What is looked at. Times are seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'s> {
    /// The manifest.
    pub manifest: &'s Manifest,
    /// The generation that wikis are served; none when the dispatcher is not mwfarm's.
    pub live: Option<&'s Key>,
    /// Generations that files of fixed names lead to, see [`super::published::Published::named`].
    pub named: &'s BTreeSet<Key>,
    /// Hashed names that are there.
    pub present: &'s BTreeSet<Generated>,
    /// Hashed names that links lead to.
    pub linked: &'s BTreeSet<Generated>,
    /// When the dispatcher was last replaced: no other generation has been served since.
    pub switched: u64,
    /// The present.
    pub now: u64,
}

/// Why a generation stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Wikis are served it, or are about to be: a build was interrupted.
    InUse,
    /// It is one of the latest.
    Latest,
    /// Requests may still use it, for so many seconds.
    Grace(u64),
}

/// What is to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Generations that stay, the latest first.
    pub kept: Vec<(Key, Reason)>,
    /// Generations that go.
    pub generations: Vec<Key>,
    /// Hashed names that go.
    pub names: BTreeSet<Generated>,
    /// Names that belong to no generation as a whole, and stay for so many seconds.
    pub waiting: Option<u64>,
}

/// Why nothing is collected.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not opened.
    #[error(transparent)]
    Open(#[from] opened::Error),
    /// A file of a fixed name leads to a generation of which nothing is known.
    #[error("wikis are served generation {0}, which the manifest does not know")]
    Unknown(Key),
    /// The system refuses.
    #[error("cannot remove from `{directory}`")]
    System {
        /// The vendor directory.
        directory: String,
        /// Why.
        source: io::Error,
    },
}

/// What was removed, or would be.
#[derive(Debug)]
pub struct Collected {
    /// The plan; without the names of `strangers`.
    pub plan: Plan,
    /// How many files the names hold.
    pub files: usize,
    /// How many bytes.
    pub bytes: u64,
    /// Names that stay because something else is in their directories, each with it.
    pub strangers: Vec<(Generated, String)>,
}

impl Plan {
    /// Plans.
    ///
    /// # Errors
    /// [`Error::Unknown`].
    pub fn new(situation: &Situation<'_>, keep: &Keep) -> Result<Self, Error> {
        let Situation { manifest, live, named, present, linked, switched, now } = *situation;
        let generations = history::generations(manifest);
        if let Some(unknown) = named.iter().find(|named| !generations.iter().any(|known| known.key() == *named)) {
            return Err(Error::Unknown(unknown.clone()));
        }
        let rest = |since: u64| keep.grace.saturating_sub(now.saturating_sub(since));
        let mut plan = Self::default();
        let mut needed: BTreeSet<Generated> = linked.clone();
        // Those that are counted: the one that is served, and those that `rollback` goes to from there.
        let served = live.unwrap_or(&manifest.generation);
        let (mut counts, mut left) = (false, keep.generations);
        // After a rollback, those that it has left are counted apart: one may want to go there again.
        let mut undone = keep.generations - 1;
        for generation in generations {
            let in_use = matches!(generation, Generation::Current(_)) || named.contains(generation.key());
            // Whatever a clock said, no other generation has been served since the last switch.
            let rest = rest(generation.replaced().map_or(switched, |since| since.min(switched)));
            let reason = if in_use {
                Reason::InUse
            } else if counts && left > 0 && !generation.is_undone() && !generation.is_skipped() {
                Reason::Latest
            } else if generation.is_undone() && undone > 0 {
                undone -= 1;
                Reason::Latest
            } else if rest > 0 {
                Reason::Grace(rest)
            } else {
                plan.generations.push(generation.key().clone());
                continue;
            };
            counts |= generation.key() == served;
            if counts && !generation.is_undone() && !generation.is_skipped() {
                left = left.saturating_sub(1);
            }
            needed.extend(generation.names());
            plan.kept.push((generation.key().clone(), reason));
        }
        let of_removed: BTreeSet<Generated> = history::generations(manifest)
            .into_iter()
            .filter(|generation| plan.generations.contains(generation.key()))
            .flat_map(Generation::names)
            .collect();
        for name in manifest.names().into_iter().filter(|name| present.contains(name) && !needed.contains(name)) {
            if of_removed.contains(&name) || rest(switched) == 0 {
                plan.names.insert(name);
            } else {
                plan.waiting = Some(rest(switched));
            }
        }
        Ok(plan)
    }
}

/// Collects, or only plans to.
///
/// # Errors
/// See [`Error`].
pub fn collect(
    vendor: &Path,
    keep: &Keep,
    wait: bool,
    dry_run: bool,
    reporter: &dyn Reporter,
) -> Result<Collected, Error> {
    let system = |source| Error::System { directory: vendor.display().to_string(), source };
    let vendor = &opened::look(vendor)?;
    let _lock = if dry_run { None } else { Some(opened::lock(vendor, wait, reporter)?) };
    if !dry_run {
        Staging::discard(vendor).map_err(system)?;
    }
    let published = opened::read(vendor)?;
    let Some(manifest) = &published.manifest else {
        return Err(opened::Error::Nothing(vendor.display().to_string()).into());
    };
    let linked = published.places.values().filter_map(|place| match place {
        Place::Link(set) => Some(set.clone()),
        _ => None,
    });
    let mut plan = Plan::new(
        &Situation {
            manifest,
            live: published.live.as_ref(),
            named: &published.named,
            present: &published.present,
            linked: &linked.collect(),
            switched: switched(vendor).map_err(system)?,
            now: disk::now(),
        },
        keep,
    )?;
    let mut collected = Collected { plan: Plan::default(), files: 0, bytes: 0, strangers: Vec::new() };
    for name in std::mem::take(&mut plan.names) {
        if let Some(stranger) = stranger(vendor, &published, &name).map_err(system)? {
            collected.strangers.push((name, stranger));
            continue;
        }
        for file in published.digests(&name).unwrap_or_default().keys() {
            if let Some(found) = disk::look(&vendor.join(file)).map_err(system)? {
                collected.files += 1;
                collected.bytes += found.len();
            }
        }
        plan.names.insert(name);
    }
    collected.plan = plan;
    if !dry_run && (!collected.plan.names.is_empty() || !collected.plan.generations.is_empty()) {
        remove(vendor, &published.present, manifest, &collected.plan).map_err(system)?;
    }
    Ok(collected)
}

/// The texts of all wiki tables that are there, but for names `without`: what they lead to outside the vendor directory
/// is in use.
///
/// # Errors
/// See [`Error`].
pub fn tables(vendor: &Path, without: &[String]) -> Result<Vec<Vec<u8>>, Error> {
    let system = |source| Error::System { directory: vendor.display().to_string(), source };
    let mut texts = Vec::new();
    for name in opened::read(vendor)?.present {
        if without.contains(&name.to_string()) {
            continue;
        }
        let path = vendor.join(name.to_string());
        match name {
            Generated::Wikis(_) => texts.extend(disk::read_optional(&path).map_err(system)?),
            Generated::WikiParts(_) => {
                for part in disk::entries(&path).map_err(system)? {
                    texts.extend(disk::read_optional(&path.join(part)).map_err(system)?);
                }
            }
            _ => {}
        }
    }
    Ok(texts)
}

/// Removes. The names first: while the manifest lists them, the next collection finds what this one has not reached.
fn remove(vendor: &Path, present: &BTreeSet<Generated>, manifest: &Manifest, plan: &Plan) -> io::Result<()> {
    let staging = Staging::new(vendor)?;
    let result = (|| {
        for name in &plan.names {
            staging.withdraw(&name.to_string(), name.is_directory())?;
        }
        staging.replace(MANIFEST, &without(present, manifest, plan).to_json(), None)
    })();
    let removed = staging.remove();
    result.and(removed)
}

/// The manifest without what goes, and without what has gone when a collection was killed.
fn without(present: &BTreeSet<Generated>, manifest: &Manifest, plan: &Plan) -> Manifest {
    let mut manifest = manifest.clone();
    let stays = |name: Generated| present.contains(&name) && !plan.names.contains(&name);
    manifest.previous.retain(|previous| !plan.generations.contains(&previous.generation));
    manifest.retained.retain(|file, _| hashed(file).is_none_or(stays));
    manifest
}

/// When the dispatcher was last replaced: its time of modification may be ahead of the clock, for OPcache to notice it.
fn switched(vendor: &Path) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let found = disk::look(&vendor.join(DISPATCHER))?;
    Ok(found.map_or(0, |found| u64::try_from(found.ctime()).unwrap_or_default()))
}

#[cfg(test)]
mod tests;
