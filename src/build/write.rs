//! Carries out a plan: everything new is made beside its target, in parallel, made durable, renamed; the dispatcher
//! last. Alone names rayon beside `scan`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroUsize;
use std::path::Path;

use rayon::prelude::*;

use super::generated::Generated;
use super::history::{self, Previous};
use super::mediawikifarm::Place;
use super::objects::{Linked, Objects, SetTexts};
use super::php::{bundle, runtime, set};
use super::plan::{Plan, PlannedBundle, PlannedSet};
use super::publication::Publication;
use super::published::{self, EXTENSIONS, FIXED, Manifest, Published, constant, digest, hashed};
use crate::disk::{self, Staging};
use crate::report::{Phase, Reporter};
use crate::table;

/// What is written from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'w> {
    /// The plan.
    pub plan: &'w Plan,
    /// What is linked.
    pub objects: &'w Objects,
    /// The JSON of sets.
    pub texts: &'w SetTexts,
    /// How bundles are made.
    pub mode: &'w bundle::Mode,
    /// What is there.
    pub published: &'w Published,
    /// Digests of the files that say what to build.
    pub inputs: &'w BTreeMap<String, String>,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many classes each set of the plan maps.
    pub classes: Vec<usize>,
    /// How many files were written; 0 when everything was there.
    pub files: usize,
    /// Why temporary files could not be removed, which the next build does; none when they were.
    pub left: Option<String>,
}

/// Writing failed; what was published before still is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refuses.
    #[error("cannot write below `{directory}`")]
    System {
        /// The vendor directory.
        directory: String,
        /// Why.
        source: io::Error,
    },
    /// Something with a name of ours is there, and is not what a build makes.
    #[error("`{name}` is there and not as a build makes it: something else has changed or made it")]
    Stranger {
        /// The path.
        name: String,
    },
}

/// One hashed name to be made.
#[derive(Debug, Clone, Copy)]
enum Job<'w> {
    Runtime,
    Set(usize, &'w PlannedSet),
    Bundle(&'w PlannedBundle),
    Installed(&'w PlannedBundle),
    Wikis,
}

/// A hashed name, its files (a hashed file has the empty name), and for a set its place and number of classes.
type Texts = (Generated, Vec<(Cow<'static, str>, String)>, Option<(usize, usize)>);

/// Files of one hashed name.
struct Made {
    name: Generated,
    digests: BTreeMap<String, String>,
    set: Option<(usize, usize)>,
    /// What is in the staging directory: the name, or where that is there already (a build was killed before it wrote
    /// its manifest, or something has removed a file) those of its files that are not.
    fresh: Vec<String>,
    /// How many files that is.
    files: usize,
}

/// Works with this many threads from now on, this one among them, or with another one for each processor; the first
/// call of a process counts.
///
/// # Errors
/// The system gives no more threads.
pub fn use_threads(threads: Option<NonZeroUsize>) -> io::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new();
    let pool = match threads {
        Some(threads) => pool.num_threads(threads.get()).use_current_thread(),
        None => pool,
    };
    match pool.build_global() {
        Err(error) if std::error::Error::source(&error).is_some() => Err(io::Error::other(error)),
        // Or a second call, which only a test makes, finds the threads already there.
        _ => Ok(()),
    }
}

/// Writes what the plan creates and publishes the generation.
///
/// # Errors
/// See [`Error`].
pub fn write(source: &Source<'_>, vendor: &Path, reporter: &dyn Reporter) -> Result<Written, Error> {
    let system = |source| Error::System { directory: vendor.display().to_string(), source };
    let jobs = source.jobs();
    let mut classes: Vec<usize> = source.classes_before();
    if jobs.is_empty() && source.is_current(&classes) {
        // What a build that was killed after its last rename has left.
        let left = Staging::discard(vendor).err().map(|error| error.to_string());
        return Ok(Written { classes, files: 0, left });
    }
    let staging = Staging::new(vendor).map_err(system)?;
    let result = (|| {
        reporter.begin(Phase::Write, jobs.len());
        let made: Vec<Made> = jobs
            .par_iter()
            .map(|job| {
                let made = source.make(job, &staging, vendor);
                reporter.step();
                made
            })
            .collect::<Result<_, _>>()?;
        reporter.end();
        for (set, count) in made.iter().filter_map(|made| made.set) {
            classes[set] = count;
        }
        let made_files = made.iter().map(|made| made.files).sum::<usize>();
        let manifest = source.manifest(&made, &classes);
        let replaced = Publication {
            fixed: &manifest.fixed,
            fresh: made.iter().flat_map(|made| made.fresh.iter().cloned()).collect(),
            links: source.missing_links().map(|(name, target)| (name.to_owned(), target)).collect(),
            stale_links: source.stale_links().map(str::to_owned).collect(),
            manifest: &manifest,
        }
        .publish(&staging, vendor)
        .map_err(system)?;
        let files = made_files + replaced;
        Ok(Written { classes: std::mem::take(&mut classes), files, left: None })
    })();
    match (result, staging.remove()) {
        // It is published.
        (Ok(written), Err(error)) => Ok(Written { left: Some(error.to_string()), ..written }),
        // Why writing failed says more than why cleaning up after it did.
        (result, _) => result,
    }
}

impl Source<'_> {
    /// What is not published yet.
    fn jobs(&self) -> Vec<Job<'_>> {
        let plan = self.plan;
        let mut jobs = Vec::new();
        let mut seen: BTreeSet<Generated> = BTreeSet::new();
        let mut add = |name: Generated, job| {
            if !self.published.has(&name) && seen.insert(name) {
                jobs.push(job);
            }
        };
        // The largest first, so that no thread ends alone with one.
        for bundle in &plan.bundles {
            add(Generated::Bundle(bundle.hash.clone()), Job::Bundle(bundle));
            add(Generated::Installed(bundle.hash.clone()), Job::Installed(bundle));
        }
        add(Generated::Installed(plan.union.hash.clone()), Job::Installed(&plan.union));
        for (index, set) in plan.sets.iter().enumerate() {
            add(Generated::Set(set.key.clone()), Job::Set(index, set));
        }
        add(Generated::Runtime(plan.runtime.clone()), Job::Runtime);
        add(plan.wikis_name(), Job::Wikis);
        jobs
    }

    /// Whether nothing is to be written.
    pub(super) fn is_published(&self) -> bool {
        self.jobs().is_empty() && self.is_current(&self.classes_before())
    }

    /// The number of classes of each set.
    pub(super) fn classes(&self) -> Vec<usize> {
        let mut classes = self.classes_before();
        for (count, set) in classes.iter_mut().zip(&self.plan.sets).filter(|(_, set)| !set.kept) {
            *count = self.link(set).map.classes.len();
        }
        classes
    }

    fn link(&self, set: &PlannedSet) -> Linked<'_> {
        match set.extension {
            None => self.objects.link(&set.added),
            Some(_) => self.objects.link_on(&self.plan.sets[0].added, &set.added),
        }
    }

    /// The number of classes of each set that is published; of one that only an earlier generation has, which the
    /// manifest does not tell, by linking it. Sets that are not published have none yet.
    fn classes_before(&self) -> Vec<usize> {
        let known: BTreeMap<_, _> =
            self.published.manifest.iter().flat_map(|m| &m.sets).map(|set| (&set.key, set.classes)).collect();
        let count = |set: &PlannedSet| match known.get(&set.key) {
            Some(count) => *count,
            None if set.kept => self.link(set).map.classes.len(),
            None => 0,
        };
        self.plan.sets.iter().map(count).collect()
    }

    /// Whether everything of fixed name is as it would be written.
    fn is_current(&self, classes: &[usize]) -> bool {
        self.published.manifest.as_ref().is_some_and(|before| {
            let in_place = |name: &str| self.published.in_place.get(name) == before.files.get(name);
            FIXED.iter().all(|name| in_place(name)) && *before == self.manifest(&[], classes)
        }) && self.missing_links().next().is_none()
            && self.stale_links().next().is_none()
    }

    /// The links for `MediaWikiFarm` that are not there yet, each with what it leads to.
    pub(super) fn missing_links(&self) -> impl Iterator<Item = (&str, String)> {
        self.plan.links.iter().filter_map(|(name, set)| {
            let set = Generated::Set(set.clone());
            let there = matches!(self.published.places.get(name), Some(Place::Link(target)) if *target == set);
            (!there).then(|| (name.as_str(), set.to_string()))
        })
    }

    /// The links that an earlier build made and this one does without.
    pub(super) fn stale_links(&self) -> impl Iterator<Item = &str> {
        self.published.links().filter(|name| !self.plan.links.contains_key(*name))
    }

    /// The text of a file of a fixed name.
    fn fixed(&self, name: &str) -> Cow<'static, str> {
        match constant(name) {
            Some(text) => Cow::Borrowed(text),
            None if name == EXTENSIONS => Cow::Owned(runtime::extensions(&self.plan.runtime, &self.plan.wikis_name())),
            None => Cow::Owned(runtime::dispatcher(&self.plan.runtime, &self.plan.wikis_name())),
        }
    }

    fn make(&self, job: &Job<'_>, staging: &Staging, vendor: &Path) -> Result<Made, Error> {
        let system = |source| Error::System { directory: vendor.display().to_string(), source };
        let (name, files, set) = self.texts(job);
        let name_text = name.to_string();
        let path = |file: &str| if file.is_empty() { name_text.clone() } else { format!("{name_text}/{file}") };
        let digests = files.iter().map(|(file, text)| (path(file), digest(text.as_bytes()))).collect();
        let stranger = || Error::Stranger { name: vendor.join(&name_text).display().to_string() };
        if self.published.odd.contains(&name) {
            return Err(stranger());
        }
        let found = self.published.present.contains(&name);
        let mut missing = Vec::new();
        for (file, text) in &files {
            match found.then(|| disk::read_optional(&vendor.join(path(file)))).transpose().map_err(system)?.flatten() {
                None => missing.push((path(file), text)),
                Some(there) if there == text.as_bytes() => {}
                Some(_) => return Err(stranger()),
            }
        }
        if name.is_directory() && !missing.is_empty() {
            staging.directory(&name_text).map_err(system)?;
        }
        for (path, text) in &missing {
            staging.write(path, text.as_bytes()).map_err(system)?;
        }
        let count = missing.len();
        let fresh = if found { missing.into_iter().map(|(path, _)| path).collect() } else { vec![name_text] };
        Ok(Made { name, digests, set, fresh, files: count })
    }

    /// The files of a job by name; a hashed file has the empty name.
    fn texts(&self, job: &Job<'_>) -> Texts {
        let (plan, objects) = (self.plan, self.objects);
        match job {
            Job::Runtime => (Generated::Runtime(plan.runtime.clone()), named(runtime::texts(&plan.runtime)), None),
            Job::Wikis => {
                let files = match &plan.table {
                    table::Texts::File(text) => named(vec![("", text.clone())]),
                    table::Texts::Parts(files) => {
                        files.iter().map(|(name, text)| (Cow::Owned(name.clone()), text.clone())).collect()
                    }
                };
                (plan.wikis_name(), files, None)
            }
            Job::Installed(planned) => {
                let text = set::installed(&objects.installed(&planned.selection));
                (Generated::Installed(planned.hash.clone()), named(vec![("", text)]), None)
            }
            Job::Bundle(planned) => {
                let linked = objects.link(&planned.selection);
                let extensions = plan.in_load_order(&planned.selection, objects);
                let text = bundle::text(&bundle::Bundle {
                    hash: &planned.hash,
                    runtime: &plan.runtime,
                    extensions: &extensions,
                    map: &linked.map,
                    platform: &linked.platform,
                    loader: &objects.base.loader,
                    installed_versions: objects.base.installed_versions,
                    mode: self.mode,
                });
                (Generated::Bundle(planned.hash.clone()), named(vec![("", text)]), None)
            }
            Job::Set(index, planned) => {
                let base = planned.extension.is_none();
                let linked = self.link(planned);
                let mut files = set::texts(&set::SetFiles {
                    key: &planned.key,
                    runtime: &plan.runtime,
                    map: &linked.map,
                    platform: &linked.platform,
                    installed: &objects.installed(&planned.added).deeper(),
                    loader: &objects.base.loader,
                    installed_versions: base && objects.base.installed_versions,
                });
                let json = self.texts.set(objects, planned.extension, &planned.added, &planned.requires);
                files.push(("set.json", json));
                let name = Generated::Set(planned.key.clone());
                (name, named(files), Some((*index, linked.map.classes.len())))
            }
        }
    }

    /// The manifest of the new generation.
    fn manifest(&self, made: &[Made], classes: &[usize]) -> Manifest {
        let (plan, objects) = (self.plan, self.objects);
        let ids = |extensions: &[usize]| extensions.iter().map(|&e| objects.extensions[e].clone()).collect();
        let fresh: BTreeMap<&Generated, &Made> = made.iter().map(|made| (&made.name, made)).collect();
        let fixed: BTreeMap<String, String> =
            FIXED.iter().map(|name| ((*name).to_owned(), self.fixed(name).into_owned())).collect();
        let mut files: BTreeMap<String, String> =
            fixed.iter().map(|(name, text)| (name.clone(), digest(text.as_bytes()))).collect();
        for name in plan.names() {
            match fresh.get(&name) {
                Some(made) => files.extend(made.digests.clone()),
                None => files.extend(self.published.digests(&name).unwrap_or_default()),
            }
        }
        let (previous, retained) = self.previous(&files);
        Manifest {
            bundles: plan
                .bundles
                .iter()
                .map(|b| published::Bundle {
                    extensions: ids(&b.selection.extensions),
                    hash: b.hash.clone(),
                    packages: b.selection.packages.iter().map(|&p| objects.packages[p].name.clone()).collect(),
                })
                .collect(),
            files,
            fixed,
            generation: plan.generation.clone(),
            inputs: self.inputs.clone(),
            links: plan
                .links
                .iter()
                .map(|(name, set)| (name.clone(), Generated::Set(set.clone()).to_string()))
                .collect(),
            order: ids(&plan.order),
            originals: self.published.originals.clone(),
            previous,
            retained,
            schema: Manifest::schema(),
            sets: plan
                .sets
                .iter()
                .zip(classes)
                .map(|(set, &classes)| published::Set {
                    classes,
                    extension: set.extension.map(|extension| objects.extensions[extension].clone()),
                    key: set.key.clone(),
                })
                .collect(),
            union: Generated::Installed(plan.union.hash.clone()).to_string(),
            wikis: plan
                .wikis
                .iter()
                .map(|(wiki, bundle)| published::Wiki {
                    bundle: plan.bundles[*bundle].hash.clone(),
                    hosts: wiki.hosts.clone(),
                    id: wiki.id.clone(),
                    settings: wiki.settings.clone(),
                })
                .collect(),
        }
    }

    /// The generations before this one, the one published until now first, and the digests of what only they have.
    fn previous(&self, files: &BTreeMap<String, String>) -> (Vec<Previous>, BTreeMap<String, String>) {
        let Some(before) = &self.published.manifest else { return (Vec::new(), BTreeMap::new()) };
        let there = |file: &str| hashed(file).is_some_and(|name| self.published.present.contains(&name));
        let known = before.files.iter().chain(&before.retained);
        let retained = known.filter(|(file, _)| !files.contains_key(*file) && there(file));
        let retained = retained.map(|(file, digest)| (file.clone(), digest.clone())).collect();
        let live = self.published.live.as_ref();
        let previous = history::before(&self.plan.generation, before, live, disk::now());
        (previous, retained)
    }
}

/// Files with names that are known beforehand.
fn named(files: Vec<(&'static str, String)>) -> Vec<(Cow<'static, str>, String)> {
    files.into_iter().map(|(name, text)| (Cow::Borrowed(name), text)).collect()
}
