//! `build`: from a tree as Composer left it to hashed sets, bundles and the dispatcher.
//!
//! Reads the tree, checks that the locked versions satisfy everybody, links in memory, plans, and carries the plan
//! out. It runs nothing of the tree and writes below one vendor directory only.

pub mod package;

mod glob;
pub mod manifest;
pub mod version;

pub mod resolve;

pub mod graph;

pub mod rules;
pub mod scan;

pub mod exclude;
pub mod set;

pub mod candidates;

pub mod autoload;
pub mod objects;
pub mod sets;

pub mod generated;
pub mod history;
pub mod mediawikifarm;
pub mod published;

pub mod plan;

pub mod php;
mod publication;
pub mod write;

pub mod copy;
pub mod eject;
mod error;
pub mod gc;
pub mod opened;
pub mod rollback;
mod strangers;
pub mod verify;

pub mod doctor;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::disk::{self, Lock, LockError};
use crate::farm::Farm;
use crate::key::sha256;
use crate::report::{Phase, Reporter, Verbosity};
use candidates::Gatherer;
pub use error::{Absent, Dangling, Error};
use graph::DependencyGraph;
use mediawikifarm::Place;
use objects::{Objects, SetTexts};
use package::Tree;
use plan::Plan;
use published::Published;
use set::Base;

/// What is to be built.
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
#[derive(Debug, Clone)]
pub struct Request {
    /// The tree: the directory of `composer.json`.
    pub tree: PathBuf,
    /// The vendor directory to write, when that is not the tree's own.
    pub output: Option<PathBuf>,
    /// The wikis.
    pub farm: Farm,
    /// Which combinations are linked ahead.
    pub strategy: plan::Strategy,
    /// Scan PSR directories even if the tree's Composer did not.
    pub optimize: bool,
    /// Take the class map for complete even if the tree's Composer did not.
    pub authoritative: bool,
    /// Load classes by a closure; see [`php::bundle::Mode`].
    pub fast: bool,
    /// Give files outside of `vendor/` absolute paths; see [`php::bundle::Mode`].
    pub absolute_paths: bool,
    /// Link the directories that `MediaWikiFarm` looks for.
    pub mediawikifarm: bool,
    /// Wait for another build.
    pub wait: bool,
    /// Where scans are kept from build to build; none when nothing is to be kept.
    pub cache: Option<Cache>,
}

/// Where scans are kept. What is built does not depend on it.
#[derive(Debug, Clone)]
pub struct Cache {
    /// The directory: this user's, made when it is missing.
    pub directory: PathBuf,
    /// What says how late it is; the time is compared with those of files.
    pub clock: fn() -> SystemTime,
}

/// A build, planned and perhaps carried out.
#[derive(Debug)]
pub struct Build {
    /// The tree.
    pub tree: Tree,
    /// Who needs whom.
    pub graph: DependencyGraph,
    /// What is linked.
    pub objects: Objects,
    /// The plan.
    pub plan: Plan,
    /// What was published before.
    pub published: Published,
    /// What was odd.
    pub warnings: Vec<String>,
    /// What was written; `None` when it was only planned.
    pub written: Option<write::Written>,
    mode: php::bundle::Mode,
    texts: SetTexts,
    inputs: BTreeMap<String, String>,
}

/// Reads a tree and checks it.
///
/// # Errors
/// The tree cannot be read.
pub fn read(tree: &Path, published: &Published) -> Result<(Tree, resolve::Checked), Error> {
    let tree = manifest::read(tree, &manifest::ReadOptions { restored: restored(published) })?;
    let checked = resolve::check(&tree);
    Ok((tree, checked))
}

/// What was where builds have put files of their own.
fn restored(published: &Published) -> BTreeMap<String, Option<Vec<u8>>> {
    let originals = published.originals.iter();
    originals.map(|(name, original)| (format!("vendor/{name}"), original.content().map(|(text, _)| text))).collect()
}

/// Plans a build: everything but writing.
///
/// # Errors
/// See [`Error`].
pub fn plan(request: &Request, reporter: &dyn Reporter) -> Result<Build, Error> {
    prepare(request, false, reporter)
}

/// Plans a build. What was scanned is kept for the next one only where `keep` says so.
fn prepare(request: &Request, keep: bool, reporter: &dyn Reporter) -> Result<Build, Error> {
    let published = published(request)?;
    reporter.begin(Phase::Read, 1);
    let (mut tree, checked) = read(&request.tree, &published)?;
    reporter.end();
    tree.loader.authoritative |= request.authoritative;
    tree.loader.optimize |= request.optimize || request.authoritative;
    if !checked.unmet.is_empty() {
        return Err(Error::Unmet(checked.unmet));
    }
    let graph = DependencyGraph::new(&tree);
    let (objects, scan_warnings) = objects(request, &tree, keep, reporter)?;
    let base = objects.selection(&graph.closure(&[]));
    let texts = SetTexts::new(&objects, &base, php::runtime::key());
    let mode = request.mode()?;
    let plan = Plan::new(&plan::Inputs {
        objects: &objects,
        graph: &graph,
        texts: &texts,
        farm: &request.farm,
        strategy: request.strategy,
        mode: &mode,
        mediawikifarm: request.mediawikifarm,
        published: &published,
    })?;
    absent(&tree, &plan)?;
    dangling(&checked, &objects, &plan)?;

    let mut warnings = tree.warnings.clone();
    warnings.extend(checked.warnings);
    warnings.extend(scan_warnings);
    for cycle in graph.cycles() {
        let names: Vec<&str> = cycle.iter().map(|&extension| objects.extensions[extension].as_str()).collect();
        warnings.push(format!("{} require each other in a circle; they load in this order", names.join(", ")));
    }
    let inputs = inputs(&request.tree, &tree)?;
    Ok(Build { tree, graph, objects, plan, published, warnings, written: None, texts, inputs, mode })
}

/// What is in the vendor directory that is written.
fn published(request: &Request) -> Result<Published, published::Error> {
    let mut published = Published::read(&request.vendor())?;
    if request.output.is_some() {
        // The tree's own vendor directory is what is copied; its originals are those of the copy.
        let of_tree = Published::read(&request.tree.join("vendor"))?;
        published.originals = of_tree.originals;
        let copied = |place: &Place| !matches!(place, Place::Link(_));
        published.places.extend(of_tree.places.into_iter().filter(|(_, place)| copied(place)));
    }
    Ok(published)
}

/// Scans the tree and joins what was found with its rules; the warnings are the scan's. What the scan found is given
/// up at the end: of everything that a build holds, it is the largest.
fn objects(
    request: &Request,
    tree: &Tree,
    keep: bool,
    reporter: &dyn Reporter,
) -> Result<(Objects, Vec<String>), Error> {
    let directory = request.tree.as_path();
    let rules = rules::resolve(directory, tree)?;
    let territories = rules::Territories::new(tree);
    let paths = candidates::scan_paths(tree, &rules);

    reporter.begin(Phase::Scan, paths.len());
    let store = store(request, keep, reporter);
    let (scan, kept) = scan::scan_with(directory, &paths, store.as_ref())?;
    if let Some(store) = store.filter(|_| keep) {
        match kept.map(|kept| store.keep(&kept)) {
            None => store.renew(),
            Some(Ok(())) => {}
            Some(Err(error)) => {
                reporter.note(Verbosity::Verbose, &format!("what was scanned is not kept: {error}"));
            }
        }
    }
    reporter.end();

    let gatherer = Gatherer { model: tree, paths: &paths, scan: &scan, territories: &territories };
    Ok((Objects::new(tree, &rules, &gatherer, base(directory, tree))?, scan.warnings))
}

fn base(directory: &Path, tree: &Tree) -> Base {
    Base {
        block: tree.root.block.clone(),
        duplicates: tree.root.duplicates,
        installed_versions: directory.join("vendor/composer/InstalledVersions.php").is_file(),
        loader: tree.loader.clone(),
        name: tree.root.name.clone(),
    }
}

/// What was kept of the scan before. That there is none is no mistake: it takes more time, and that is all.
fn store(request: &Request, make: bool, reporter: &dyn Reporter) -> Option<scan::Store> {
    let cache = request.cache.as_ref()?;
    let opened = scan::Store::open(&cache.directory, &request.tree, make, (cache.clock)());
    opened.unwrap_or_else(|error| {
        reporter.note(Verbosity::Verbose, &format!("scans are not kept: {error}"));
        None
    })
}

/// Plans a build and carries it out.
///
/// # Errors
/// See [`Error`]; what was published before still is.
pub fn build(request: &Request, reporter: &dyn Reporter) -> Result<Build, Error> {
    let vendor = request.vendor();
    disk::refuse_links([vendor.clone(), vendor.join("composer")])?;
    let made = request.output.is_some() && copy::prepare(&request.tree, &vendor)?;
    let built = build_in(request, &vendor, reporter);
    if made && built.is_err() {
        // Nothing but the empty directory that was made here: a failed build leaves no trace.
        disk::remove_empty(&vendor);
    }
    built
}

fn build_in(request: &Request, vendor: &Path, reporter: &dyn Reporter) -> Result<Build, Error> {
    let lock = lock(vendor, request.wait, reporter)?;
    if request.output.is_none() {
        let mut build = prepare(request, true, reporter)?;
        lock.check()?;
        build.write(vendor, reporter)?;
        return Ok(build);
    }
    copy::refuse_foreign(vendor)?;
    let built = prepare(request, true, reporter).and_then(|mut build| {
        lock.check()?;
        let packages = build.tree.packages.iter().filter_map(|package| package.install_path.as_deref()).collect();
        let copied = copy::vendor(&request.tree, vendor, &packages)?;
        build.write(vendor, reporter)?;
        build.left(copied.finish(vendor).err().map(|error| error.to_string()));
        Ok(build)
    });
    built.inspect_err(|_| {
        // What cannot be removed now is by the next build.
        let _ = copy::settle(vendor);
    })
}

/// Takes the lock; says so before it waits.
fn lock(vendor: &Path, wait: bool, reporter: &dyn Reporter) -> Result<Lock, LockError> {
    match Lock::take(vendor, false) {
        Err(LockError::Held { holder, .. }) if wait => {
            reporter
                .note(Verbosity::Normal, &format!("waiting for {holder}, which is at work in `{}`", vendor.display()));
            Lock::take(vendor, true)
        }
        lock => lock,
    }
}

impl Build {
    /// Carries the plan out.
    fn write(&mut self, vendor: &Path, reporter: &dyn Reporter) -> Result<(), Error> {
        let written = write::write(&self.source(), vendor, reporter)?;
        self.left(written.left.clone());
        self.written = Some(written);
        Ok(())
    }

    /// Warns of what could not be removed after everything was published.
    fn left(&mut self, why: Option<String>) {
        self.warnings.extend(
            why.map(|why| format!("everything is published, but the next build has to clean up after it: {why}")),
        );
    }

    /// Whether everything that the plan needs is published, and nothing else.
    #[must_use]
    pub fn is_published(&self) -> bool {
        self.source().is_published()
    }

    /// Hashed names of the generation published until now that this one does without.
    #[must_use]
    pub fn removed(&self) -> Vec<generated::Generated> {
        let names = self.plan.names();
        let files = self.published.manifest.iter().flat_map(|manifest| manifest.files.keys());
        let before: std::collections::BTreeSet<_> = files.filter_map(|file| published::hashed(file)).collect();
        before.difference(&names).cloned().collect()
    }

    /// How many classes each set of the plan maps: as written or published, else linked for the purpose.
    #[must_use]
    pub fn classes(&self) -> Vec<usize> {
        match &self.written {
            Some(written) => written.classes.clone(),
            None => self.source().classes(),
        }
    }

    /// The links for `MediaWikiFarm` that a build makes or changes, and those that it removes.
    #[must_use]
    pub fn changed_links(&self) -> (Vec<String>, Vec<String>) {
        let source = self.source();
        let made = source.missing_links().map(|(name, _)| name.to_owned()).collect();
        (made, source.stale_links().map(str::to_owned).collect())
    }

    /// What a set's KEY is made of.
    #[must_use]
    pub fn set_json(&self, set: &plan::PlannedSet) -> String {
        self.texts.set(&self.objects, set.extension, &set.added, &set.requires)
    }

    fn source(&self) -> write::Source<'_> {
        write::Source {
            plan: &self.plan,
            objects: &self.objects,
            texts: &self.texts,
            mode: &self.mode,
            published: &self.published,
            inputs: &self.inputs,
        }
    }
}

impl Request {
    /// How bundles are made.
    fn mode(&self) -> Result<php::bundle::Mode, Error> {
        let mut mode = php::bundle::Mode { fast: self.fast, tree: None };
        if self.absolute_paths {
            let read = |source| Error::Read { path: self.tree.clone(), source };
            let tree = disk::real_path(&self.tree).map_err(read)?;
            let text = tree.into_os_string().into_string();
            mode.tree = Some(text.map_err(|_| read(io::Error::other("its path is not UTF-8")))?);
        }
        Ok(mode)
    }

    /// The vendor directory that is written.
    #[must_use]
    pub fn vendor(&self) -> PathBuf {
        match &self.output {
            Some(output) => disk::without_trailing_slash(output),
            None => self.tree.join("vendor"),
        }
    }
}

/// Packages that are missing matter as soon as a wiki loads them: half a tree is not to be published.
fn absent(tree: &Tree, plan: &Plan) -> Result<(), Error> {
    let missing = tree.absent.iter().filter_map(|&index| {
        let package = &tree.packages[index];
        let loads = |bundle: &plan::PlannedBundle| bundle.selection.packages.binary_search(&index).is_ok();
        let wiki = match plan.bundles.first() {
            Some(base) if loads(base) => None,
            _ => Some(plan.wikis.iter().find(|(_, bundle)| loads(&plan.bundles[*bundle]))?.0.id.clone()),
        };
        Some(Absent { package: package.name.clone(), path: package.install_path.clone().unwrap_or_default(), wiki })
    });
    let missing: Vec<Absent> = missing.collect();
    if missing.is_empty() { Ok(()) } else { Err(Error::Absent(missing)) }
}

/// A manifest's requirement that nothing in the tree satisfies matters as soon as a wiki turns the extension on.
fn dangling(checked: &resolve::Checked, objects: &Objects, plan: &Plan) -> Result<(), Error> {
    let on = |dangling: &resolve::Dangling| {
        let (wiki, _) = plan.wikis.iter().find(|(_, bundle)| {
            let extensions = &plan.bundles[*bundle].selection.extensions;
            extensions.iter().any(|&extension| objects.extensions[extension] == dangling.extension)
        })?;
        Some(Dangling { dangling: dangling.clone(), wiki: wiki.id.clone() })
    };
    let dangling: Vec<Dangling> = checked.dangling.iter().filter_map(on).collect();
    if dangling.is_empty() { Ok(()) } else { Err(Error::Dangling(dangling)) }
}

/// Digests of the files that say what to build.
fn inputs(directory: &Path, tree: &Tree) -> Result<BTreeMap<String, String>, Error> {
    let parts = tree.root.parts.iter().map(|part| part.file.clone());
    let manifests = tree.extensions.iter().flat_map(|extension| &extension.manifests).map(|m| m.file.clone());
    let fixed = ["composer.lock", "vendor/composer/installed.json"].map(str::to_owned);
    let mut digests = BTreeMap::new();
    for file in parts.chain(manifests).chain(fixed) {
        let path = directory.join(&file);
        if let Some(content) = disk::read_optional(&path).map_err(|source| Error::Read { path, source })? {
            digests.insert(file, sha256(&content));
        }
    }
    Ok(digests)
}
