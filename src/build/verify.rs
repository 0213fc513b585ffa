//! `verify`: every byte of what is published against the manifest, and every path that it maps.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::generated::Generated;
use super::history::{self, Generation};
use super::mediawikifarm::Place;
use super::published::{self, DISPATCHER, FIXED, MANIFEST, Published, digest};
use super::set::Set;
use crate::disk;
use crate::key::Key;

/// What was compared and found.
#[derive(Debug)]
pub struct Verified {
    /// The generation.
    pub generation: Key,
    /// How many files were compared.
    pub files: usize,
    /// How many mapped paths were looked for.
    pub mapped: usize,
    /// What is not as it was published, in the order of files.
    pub differences: Vec<Difference>,
}

/// Something that is not as it was published.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    /// The file below `vendor/`.
    pub file: String,
    /// What is wrong with it.
    pub wrong: Wrong,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// The system does not let it be read, for this reason.
    Unreadable(String),
    /// It is not there.
    Missing,
    /// It is one of a fixed name, and somebody else's now.
    Replaced,
    /// It does not hold what was published.
    Changed,
    /// It lies in a directory of ours and is in no manifest.
    Stranger,
    /// It is a link no longer, or leads elsewhere than here.
    NoLink(String),
    /// It has a hashed name and is in no manifest.
    Unlisted,
    /// The manifest is of this generation, which is not served yet.
    Interrupted(Key),
    /// It maps this path, where nothing is.
    Maps(String),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::Missing => f.write_str("is missing"),
            Self::Replaced => f.write_str("is no longer mwfarm's: another tool, such as Composer, has replaced it"),
            Self::Changed => f.write_str("has other content"),
            Self::Stranger => f.write_str("is not mwfarm's"),
            Self::NoLink(target) => write!(f, "is no longer a link to `{target}`"),
            Self::Unlisted => f.write_str("is in no manifest"),
            Self::Interrupted(generation) => {
                write!(f, "is of generation {generation}: what would have published it was interrupted")
            }
            Self::Maps(path) => write!(f, "maps `{path}`, which is missing"),
        }
    }
}

/// Why there is nothing to verify.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What is published cannot be read.
    #[error("cannot read what is published")]
    Published(#[from] published::Error),
    /// There is no build.
    #[error("mwfarm has not built in `{0}`")]
    Nothing(String),
    /// Reading failed.
    #[error("cannot read `{file}`")]
    Read {
        /// The file below `vendor/`.
        file: String,
        /// Why.
        source: io::Error,
    },
}

/// Compares a vendor directory with its manifest; mapped paths outside it are those of `tree`. Where there are
/// differences and another generation was published meanwhile, it compares again.
///
/// # Errors
/// See [`Error`]; differences are no errors.
pub fn verify(tree: &Path, vendor: &Path) -> Result<Verified, Error> {
    let heads = || [MANIFEST, DISPATCHER].map(|name| disk::read_optional(&vendor.join(name)).ok().flatten());
    settled(heads, || compare(tree, vendor))
}

/// How often is compared while generations are published, at most.
const COMPARED: usize = 3;

/// What is found when nothing is published while it is compared.
fn settled<H: PartialEq>(
    heads: impl Fn() -> H,
    mut compare: impl FnMut() -> Result<Verified, Error>,
) -> Result<Verified, Error> {
    for _ in 1..COMPARED {
        let before = heads();
        let verified = compare();
        if verified.as_ref().is_ok_and(|verified| verified.differences.is_empty()) || heads() == before {
            return verified;
        }
    }
    compare()
}

fn compare(tree: &Path, vendor: &Path) -> Result<Verified, Error> {
    let published = Published::read(vendor)?;
    let Some(manifest) = &published.manifest else { return Err(Error::Nothing(vendor.display().to_string())) };
    let generations = history::generations(manifest);
    // When a build was interrupted, wikis are served another generation than the manifest's, and that one counts.
    let is_served = |known: &&Generation<'_>| Some(known.key()) == published.live.as_ref();
    let served = generations.iter().find(is_served).copied().unwrap_or(Generation::Current(manifest));
    let mut verified = Verified { generation: served.key().clone(), files: 0, mapped: 0, differences: Vec::new() };
    let difference = |file: String, wrong: Wrong| Difference { file, wrong };
    let mut mapped: BTreeSet<(String, String)> = BTreeSet::new();

    let mut files = manifest.files.clone();
    if let Generation::Previous(previous) = served {
        let interrupted = Wrong::Interrupted(manifest.generation.clone());
        verified.differences.push(difference(MANIFEST.to_owned(), interrupted));
        files = served.names().iter().filter_map(|name| published.digests(name)).flatten().collect();
        // The other files of fixed names may be those of either.
        let fixed = previous.record.as_ref().and_then(|record| record.fixed.get(DISPATCHER));
        files.extend(fixed.map(|text| (DISPATCHER.to_owned(), digest(text.as_bytes()))));
        for name in served.names().iter().filter(|name| published.digests(name).is_none()) {
            verified.differences.push(difference(name.to_string(), Wrong::Unlisted));
        }
    }
    for (file, expected) in &files {
        verified.files += 1;
        let wrong = match disk::read_optional(&vendor.join(file)) {
            Err(error) => Wrong::Unreadable(error.to_string()),
            Ok(None) => Wrong::Missing,
            Ok(Some(content)) if digest(&content) != *expected && FIXED.contains(&file.as_str()) => {
                if published.in_place.contains_key(file) { Wrong::Changed } else { Wrong::Replaced }
            }
            Ok(Some(content)) if digest(&content) != *expected => Wrong::Changed,
            Ok(Some(content)) => {
                mapped.extend(self::mapped(file, &content).into_iter().map(|path| (path, file.clone())));
                continue;
            }
        };
        verified.differences.push(difference(file.clone(), wrong));
    }
    let listed = published.present.iter().filter(|name| published.digests(name).is_some());
    let (odd, listed): (Vec<&Generated>, Vec<&Generated>) = listed.partition(|name| published.odd.contains(name));
    let not_ours = || Wrong::Unreadable("it is a link, or not of the kind that a build makes".to_owned());
    verified.differences.extend(odd.into_iter().map(|name| difference(name.to_string(), not_ours())));
    for name in listed.into_iter().filter(|name| name.is_directory()) {
        let known = published.digests(name).unwrap_or_default();
        let directory = name.to_string();
        let there = disk::entries(&vendor.join(&directory));
        let there = there.map_err(|source| Error::Read { file: directory.clone(), source })?;
        let names = there.iter().map(|file| format!("{directory}/{}", file.display()));
        let strangers = names.filter(|file| !known.contains_key(file));
        verified.differences.extend(strangers.map(|file| difference(file, Wrong::Stranger)));
    }
    let links = manifest.links.iter().filter(|_| matches!(served, Generation::Current(_)));
    for (name, target) in links {
        let leads = matches!(published.places.get(name), Some(Place::Link(to)) if to.to_string() == *target);
        if !leads {
            verified.differences.push(difference(name.clone(), Wrong::NoLink(target.clone())));
        }
    }
    let unlisted = published.present.iter().filter(|name| published.digests(name).is_none()).map(Generated::to_string);
    verified.differences.extend(unlisted.map(|name| difference(name, Wrong::Unlisted)));

    let settings = served.wikis().unwrap_or_default().iter().filter_map(|wiki| wiki.settings.clone());
    mapped.extend(settings.map(|settings| (settings, MANIFEST.to_owned())));
    let mut looked_for: BTreeSet<&str> = BTreeSet::new();
    for (path, file) in &mapped {
        if looked_for.insert(path) && !place(tree, vendor, path).is_file() {
            verified.differences.push(difference(file.clone(), Wrong::Maps(path.clone())));
        }
    }
    verified.mapped = looked_for.len();
    verified.differences.sort();
    Ok(verified)
}

/// The paths that a file of a set maps, relative to the tree: those of its `set.json`, none of any other file.
pub(super) fn mapped(file: &str, content: &[u8]) -> Vec<String> {
    let set = file.strip_suffix("/set.json").and_then(|_| serde_json::from_slice(content).ok());
    set.map(|set| paths(&set).collect()).unwrap_or_default()
}

/// Where a mapped path is: in the vendor directory, which may be another than the tree's, or in the tree.
pub(super) fn place(tree: &Path, vendor: &Path, path: &str) -> PathBuf {
    match path.strip_prefix("vendor/") {
        Some(inside) => vendor.join(inside),
        None => tree.join(path),
    }
}

/// Every file that a set maps or loads.
fn paths(set: &Set) -> impl Iterator<Item = String> {
    let packages = set.packages.iter().map(|package| &package.autoload);
    let parts = set.parts.iter().flat_map(|part| [&part.autoload, &part.autoload_dev]);
    packages
        .chain(parts)
        .flat_map(|autoload| {
            let psr = autoload.psr4.iter().chain(&autoload.psr0).flat_map(|(_, directories)| directories);
            let candidates = autoload.classmap.iter().chain(psr).flat_map(|directory| &directory.files);
            candidates.map(|file| file.path.clone()).chain(autoload.files.iter().map(|file| file.path.clone()))
        })
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What is found, and how often was compared, when something is published during the first comparisons.
    fn found(published: usize, is_damaged: impl Fn(usize) -> bool) -> (usize, usize) {
        let compared = Cell::new(0);
        let compare = || {
            let time = compared.get();
            compared.set(time + 1);
            let difference = Difference { file: "x".to_owned(), wrong: Wrong::Missing };
            let differences = if is_damaged(time) { vec![difference] } else { Vec::new() };
            Ok(Verified { generation: Key::of(b"x"), files: 0, mapped: 0, differences })
        };
        let verified = settled(|| compared.get().min(published), compare).unwrap();
        (verified.differences.len(), compared.get())
    }

    #[test]
    fn what_a_build_changes_meanwhile_is_no_damage() {
        assert_eq!(found(0, |_| true), (1, 1));
        assert_eq!(found(5, |_| false), (0, 1));
        assert_eq!(found(1, |time| time == 0), (0, 2));
        assert_eq!(found(2, |time| time < 2), (0, 3));
        assert_eq!(found(1, |_| true), (1, 2));
        assert_eq!(found(9, |_| true), (1, 3));
    }
}
