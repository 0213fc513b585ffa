//! `doctor`: what is wrong, odd or worth knowing about a tree and what is published of it, and which wikis it
//! concerns.
//!
//! [`examine`] reads everything once, as a build does, but goes on where a build stops. What only PHP itself can
//! tell comes from outside, as a value: this module starts no process.

mod classes;
mod concerns;
mod files;
pub mod finding;
mod published;
mod runtime;
mod tree;
mod vendors;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::candidates::{self, Gatherer};
use super::graph::DependencyGraph;
use super::objects::{Objects, SetTexts};
use super::package::{LoaderSettings, Tree};
use super::plan::{self, Plan};
use super::published::Published;
use super::resolve::Checked;
use super::rules::{self, Rules, Territories};
use super::scan::{self, ClassName, Scan, ScanPath, Scanned};
use super::set::{Base, Set};
use super::{Error, Request};
use crate::disk;
use crate::farm::Farm;
use crate::report::{Phase, Reporter};
use concerns::Concerns;
use finding::{Code, Finding, Severity};

pub use runtime::{Php, PhpKind, Sizes};

/// Everything that there is to know of a tree without PHP.
#[derive(Debug)]
pub struct Examination {
    directory: PathBuf,
    vendor: PathBuf,
    farm_file: String,
    tree: Tree,
    checked: Checked,
    graph: DependencyGraph,
    rules: Rules,
    territories: Territories,
    paths: Vec<ScanPath>,
    scan: Scan,
    objects: Objects,
    plan: Plan,
    published: Published,
    concerns: Concerns,
    /// Counted when somebody asks.
    sizes: OnceLock<Sizes>,
    findings: Vec<Finding>,
}

/// The classes that PHP finds in files, by real path as the scan has it: relative to the tree, or absolute.
pub type ClassLists = BTreeMap<String, Vec<ClassName>>;

/// Looks at a tree, and at what is published of it.
///
/// # Errors
/// A file that says what the tree is cannot be read. What else stops a build is a finding.
pub fn examine(request: &Request, reporter: &dyn Reporter) -> Result<Examination, Error> {
    let (directory, vendor) = (request.tree.clone(), request.vendor());
    let published = super::published(request)?;
    reporter.begin(Phase::Read, 1);
    let (mut tree, checked) = super::read(&directory, &published)?;
    reporter.end();
    if let Some(loader) = published_loader(&vendor, &published) {
        tree.loader.authoritative |= loader.authoritative;
        tree.loader.optimize |= loader.optimize;
    }
    let (mut rules, refused) = rules::resolve_what_can_be(&directory, &tree)?;
    let graph = DependencyGraph::new(&tree);
    let territories = Territories::new(&tree);
    reporter.begin(Phase::Scan, 1);
    let (paths, mut scan, unreadable) = scanned(request, &tree, &rules, reporter);
    reporter.end();
    let missing = tree::take_missing(&mut rules, &paths, &scan);
    let gatherer = Gatherer { model: &tree, paths: &paths, scan: &scan, territories: &territories };
    let objects = Objects::new(&tree, &rules, &gatherer, super::base(&directory, &tree))?;
    let base = objects.selection(&graph.closure(&[]));
    let texts = SetTexts::new(&objects, &base, super::php::runtime::key());
    let (farm, unknown) = known(&request.farm, &tree);
    let plan = Plan::new(&plan::Inputs {
        objects: &objects,
        graph: &graph,
        texts: &texts,
        farm: &farm,
        strategy: plan::Strategy::QuickBold,
        mode: &super::php::bundle::Mode { fast: false, tree: None },
        mediawikifarm: false,
        published: &published,
    })?;
    let concerns = Concerns::new(&objects, &plan);
    let scan_warnings = std::mem::take(&mut scan.warnings);
    let mut examination = Examination {
        directory,
        vendor,
        farm_file: farm.file,
        tree,
        checked,
        graph,
        rules,
        territories,
        paths,
        scan,
        objects,
        plan,
        published,
        concerns,
        sizes: OnceLock::new(),
        findings: Vec::new(),
    };
    let mut findings = tree::findings(&examination, &tree::Told { refused, missing, unknown, scan_warnings });
    findings.extend(unreadable);
    findings.extend(classes::duplicates(&examination));
    findings.extend(files::findings(&examination));
    findings.extend(vendors::findings(&examination));
    findings.extend(published::findings(&examination));
    examination.findings = findings;
    Ok(examination)
}

impl Examination {
    /// The files to ask PHP about, by real path as the scan has it: those from which the class map is made.
    #[must_use]
    pub fn scanned_files(&self) -> Vec<&str> {
        let mut files: Vec<&str> = self.scan.paths.iter().flat_map(|path| &path.files).map(real).collect();
        files.sort_unstable();
        files.dedup();
        files
    }

    /// Numbers and bytes of files, for OPcache's limits.
    #[must_use]
    pub fn sizes(&self) -> Sizes {
        *self.sizes.get_or_init(|| Sizes::of(self))
    }

    /// Everything that was found, the worst first. Without PHP, what only PHP can tell is missing.
    #[must_use]
    pub fn findings(&self, lists: Option<&ClassLists>, php: Option<&Php>) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        if let Some(lists) = lists {
            findings.extend(classes::differences(self, lists));
        }
        if let Some(php) = php {
            findings.extend(runtime::findings(self, php));
        }
        finding::sort(&mut findings);
        findings
    }

    /// The objects again, with other classes in files.
    fn objects_with(&self, scan: &Scan) -> Option<Objects> {
        let gatherer = Gatherer { model: &self.tree, paths: &self.paths, scan, territories: &self.territories };
        Objects::new(&self.tree, &self.rules, &gatherer, self.base()).ok()
    }

    fn base(&self) -> Base {
        self.objects.base.clone()
    }
}

/// A file's real path, as the scan has it.
fn real(file: &scan::ScannedFile) -> &str {
    file.real.as_deref().unwrap_or(&file.path)
}

/// How the loader of the published generation works: a build may be told to optimise it.
fn published_loader(vendor: &Path, published: &Published) -> Option<LoaderSettings> {
    let base = published.manifest.as_ref()?.sets.first()?;
    let json = disk::read_optional(&vendor.join(format!("composer{}/set.json", base.key))).ok()??;
    serde_json::from_slice::<Set>(&json).ok()?.base.map(|base| base.loader)
}

/// Scans all that rules name, PSR directories too: which of several files of a class is loaded is the same without a
/// class map. When something cannot be scanned, only what a build has to is; when not even that can, nothing.
fn scanned(
    request: &Request,
    tree: &Tree,
    rules: &Rules,
    reporter: &dyn Reporter,
) -> (Vec<ScanPath>, Scan, Option<Finding>) {
    // What builds keep is read, and left as it is.
    let store = super::store(request, false, reporter);
    let scan = |paths: &[ScanPath]| scan::scan_with(&request.tree, paths, store.as_ref()).map(|(scan, _)| scan);
    let mut all = tree.clone();
    all.loader.optimize = true;
    let paths = candidates::scan_paths(&all, rules);
    if let Ok(scan) = scan(&paths) {
        return (paths, scan, None);
    }
    let paths = candidates::scan_paths(tree, rules);
    match scan(&paths) {
        Ok(scan) => (paths, scan, None),
        Err(error) => {
            let what = format!("{error}: {}", error.reason);
            let hint = "mend or remove it; `exclude-from-classmap` does not help, since it is read all the same";
            let finding = Finding::new(Code::UnreadableTree, Severity::Error, what, hint).at(error.file, "");
            let nothing = |_: &ScanPath| Scanned { kind: scan::Kind::Directory, real: None, files: Vec::new() };
            let scan = Scan { paths: paths.iter().map(nothing).collect(), warnings: Vec::new() };
            (paths, scan, Some(finding))
        }
    }
}

/// The farm with what the tree has, and what wikis want besides.
fn known(farm: &Farm, tree: &Tree) -> (Farm, Vec<(crate::farm::WikiId, crate::farm::Wanted)>) {
    let mut farm = farm.clone();
    let mut unknown = Vec::new();
    for wiki in &mut farm.wikis {
        let id = wiki.id.clone();
        wiki.wanted.retain(|wanted| {
            let there = tree.extensions.binary_search_by(|extension| extension.id.cmp(&wanted.extension)).is_ok();
            if !there {
                unknown.push((id.clone(), wanted.clone()));
            }
            there
        });
    }
    (farm, unknown)
}
