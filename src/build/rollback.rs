//! `rollback`: serves an earlier generation again, by the same one rename as a build.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use super::generated::Generated;
use super::history::{self, Generation, Record};
use super::mediawikifarm::Place;
use super::opened;
use super::publication::Publication;
use super::published::{self, Manifest, Published, digest};
use super::verify;
use crate::disk::{self, Staging};
use crate::farm::WikiId;
use crate::key::{Key, sha256};
use crate::report::Reporter;

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Request {
    /// The tree: mapped paths outside the vendor directory are its.
    pub tree: PathBuf,
    /// The vendor directory.
    pub vendor: PathBuf,
    /// The generation, or what its name begins with; the one before that which is served, when none is given.
    pub to: Option<String>,
    /// Wait for a build.
    pub wait: bool,
}

/// Why another generation is not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not opened.
    #[error(transparent)]
    Open(#[from] opened::Error),
    /// The dispatcher is not ours.
    #[error("`{0}/autoload.php` is not mwfarm's: another tool, such as Composer, has replaced it")]
    Replaced(String),
    /// None is known that was before.
    #[error("there is no generation before {0}")]
    NoEarlier(Key),
    /// None has this name.
    #[error("there is no generation `{0}`")]
    Unknown(String),
    /// Several names begin with this.
    #[error("several generations begin with `{name}`")]
    Ambiguous {
        /// What was given.
        name: String,
        /// The generations.
        matches: Vec<Key>,
    },
    /// It is served.
    #[error("wikis are served generation {0} already")]
    Served(Key),
    /// The build that would have published it was interrupted.
    #[error("generation {0} was never finished")]
    Unfinished(Key),
    /// Its manifest is not kept.
    #[error("of generation {0} only the files are kept")]
    Unrecorded(Key),
    /// Its files are not as they were published.
    #[error("generation {generation} is damaged")]
    Damaged {
        /// The generation.
        generation: Key,
        /// A file, and what is wrong.
        file: String,
        /// What is wrong with it, as a phrase.
        what: &'static str,
    },
    /// Files that it maps are gone.
    #[error("generation {generation} maps files that are gone: {} of them", files.len())]
    Missing {
        /// The generation.
        generation: Key,
        /// The files, relative to the tree.
        files: Vec<String>,
    },
    /// The system refuses.
    #[error("cannot publish in `{directory}`")]
    System {
        /// The vendor directory.
        directory: String,
        /// Why.
        source: io::Error,
    },
}

/// What happens to a wiki.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It was not there in the earlier generation: it gets the base.
    Removed,
    /// It is there again.
    Created,
    /// It gets another bundle, or answers elsewhere.
    Changed,
}

/// A rollback, as a value.
#[derive(Debug)]
pub struct Plan {
    /// The generation that is served until then.
    pub from: Key,
    /// The one that is served from then on.
    pub to: Key,
    /// The wikis that this changes; none are known when the manifest does not tell.
    pub wikis: Vec<(WikiId, Change)>,
    /// Files that have changed since it was built: the tree is not what it was, and is not taken back.
    pub changed: Vec<String>,
    manifest: Manifest,
    links: Vec<(String, String)>,
    stale_links: Vec<String>,
}

impl Plan {
    /// The runtime of the generation that is served from then on.
    #[must_use]
    pub fn runtime(&self) -> String {
        let names = history::names(&self.manifest);
        names.iter().find(|name| matches!(name, Generated::Runtime(_))).map(ToString::to_string).unwrap_or_default()
    }
}

/// Plans a rollback.
///
/// # Errors
/// See [`Error`].
pub fn plan(request: &Request) -> Result<Plan, Error> {
    let vendor = &request.vendor;
    let directory = || vendor.display().to_string();
    let system = |source| Error::System { directory: directory(), source };
    let published = opened::read(vendor)?;
    let Some(manifest) = &published.manifest else { return Err(opened::Error::Nothing(directory()).into()) };
    let Some(live) = &published.live else { return Err(Error::Replaced(directory())) };

    let generations = history::generations(manifest);
    let target = choose(&generations, live, request.to.as_deref())?;
    let record = match target {
        Generation::Current(manifest) if manifest.fixed.is_empty() => None,
        Generation::Current(manifest) => Some(Record::of(manifest)),
        Generation::Previous(previous) => previous.record.as_deref().cloned(),
    };
    let Some(record) = record else { return Err(Error::Unrecorded(target.key().clone())) };
    if target.is_skipped() && !target.names().is_subset(&published.present) {
        return Err(Error::Unfinished(target.key().clone()));
    }
    let mapped = check(vendor, &published, target)?;
    let settings = record.wikis.iter().filter_map(|wiki| wiki.settings.clone());
    let mapped = mapped.into_iter().chain(settings);
    let missing: Vec<String> = mapped.filter(|path| !verify::place(&request.tree, vendor, path).is_file()).collect();
    if !missing.is_empty() {
        return Err(Error::Missing { generation: target.key().clone(), files: missing });
    }

    let served = generations.iter().find(|generation| generation.key() == live);
    let wikis = served.and_then(|served| served.wikis()).map(|before| changes(before, &record.wikis));
    let mut changed = Vec::new();
    for (file, then) in &record.inputs {
        let now = disk::read_optional(&request.tree.join(file)).map_err(system)?;
        if now.is_none_or(|now| sha256(&now) != *then) {
            changed.push(file.clone());
        }
    }
    let leads = |name: &String, set: &String| matches!(published.places.get(name), Some(Place::Link(there)) if there.to_string() == *set);
    let links = record.links.iter().filter(|(name, set)| !leads(name, set));
    Ok(Plan {
        from: live.clone(),
        to: target.key().clone(),
        wikis: wikis.unwrap_or_default(),
        changed,
        links: links.map(|(name, set)| (name.clone(), set.clone())).collect(),
        stale_links: published.links().filter(|name| !record.links.contains_key(*name)).map(str::to_owned).collect(),
        manifest: history::again(manifest, target, record, live, disk::now()),
    })
}

/// Serves an earlier generation again. It is the dispatcher that switches, and everything that it leads to is there.
///
/// # Errors
/// See [`Error`].
pub fn rollback(request: &Request, reporter: &dyn Reporter) -> Result<Plan, Error> {
    let vendor = &opened::look(&request.vendor)?;
    let system = |source| Error::System { directory: vendor.display().to_string(), source };
    let _lock = opened::lock(vendor, request.wait, reporter)?;
    // What one that was killed has left, also where there is nothing more to do.
    Staging::discard(vendor).map_err(system)?;
    let plan = plan(request)?;
    let staging = Staging::new(vendor).map_err(system)?;
    let publication = Publication {
        fixed: &plan.manifest.fixed,
        fresh: Vec::new(),
        links: plan.links.clone(),
        stale_links: plan.stale_links.clone(),
        manifest: &plan.manifest,
    };
    let result = publication.publish(&staging, vendor);
    let removed = staging.remove();
    result.map_err(system)?;
    if let Err(why) = removed {
        reporter.warning(&format!("generation {} is served, but the next build has to clean up: {why}", plan.to));
    }
    Ok(plan)
}

/// The generation to go to: the one named, else the first after the one that is served which was not left before.
fn choose<'m>(generations: &[Generation<'m>], live: &Key, to: Option<&str>) -> Result<Generation<'m>, Error> {
    let to = to.map(str::to_ascii_lowercase);
    let Some(name) = to.as_deref() else {
        let after = generations.iter().skip_while(|generation| generation.key() != live).skip(1);
        return after
            .copied()
            .find(|generation| !generation.is_undone() && !generation.is_skipped())
            .ok_or_else(|| Error::NoEarlier(live.clone()));
    };
    let matches: Vec<Generation<'m>> = generations
        .iter()
        .copied()
        .filter(|known| !name.is_empty() && known.key().as_str().starts_with(name))
        .collect();
    match matches[..] {
        [] => Err(Error::Unknown(name.to_owned())),
        [one] if one.key() == live => Err(Error::Served(live.clone())),
        [one] => Ok(one),
        _ => Err(Error::Ambiguous {
            name: name.to_owned(),
            matches: matches.iter().map(|known| known.key().clone()).collect(),
        }),
    }
}

/// Compares a generation's files with their digests. Returns the paths that its sets map.
fn check(vendor: &Path, published: &Published, target: Generation<'_>) -> Result<BTreeSet<String>, Error> {
    let damaged = |file: &str, what| Error::Damaged { generation: target.key().clone(), file: file.to_owned(), what };
    let system = |source| Error::System { directory: vendor.display().to_string(), source };
    let mut mapped = BTreeSet::new();
    for name in target.names() {
        let digests = published.digests(&name).unwrap_or_default();
        if digests.is_empty() {
            return Err(damaged(&name.to_string(), "is not in the manifest"));
        }
        for (file, expected) in digests {
            match disk::read_optional(&vendor.join(&file)).map_err(system)? {
                None => return Err(damaged(&file, "is missing")),
                Some(content) if digest(&content) != expected => return Err(damaged(&file, "has other content")),
                Some(content) => mapped.extend(verify::mapped(&file, &content)),
            }
        }
    }
    Ok(mapped)
}

/// The wikis that differ.
fn changes(before: &[published::Wiki], after: &[published::Wiki]) -> Vec<(WikiId, Change)> {
    let old: BTreeMap<&WikiId, &published::Wiki> = before.iter().map(|wiki| (&wiki.id, wiki)).collect();
    let new: BTreeMap<&WikiId, &published::Wiki> = after.iter().map(|wiki| (&wiki.id, wiki)).collect();
    let ids: BTreeSet<&WikiId> = old.keys().chain(new.keys()).copied().collect();
    ids.into_iter()
        .filter_map(|id| match (old.get(id), new.get(id)) {
            (Some(old), Some(new)) if old == new => None,
            (Some(_), Some(_)) => Some((id.clone(), Change::Changed)),
            (Some(_), None) => Some((id.clone(), Change::Removed)),
            _ => Some((id.clone(), Change::Created)),
        })
        .collect()
}
