//! `doctor`: what is wrong, odd or worth knowing about a tree and what is published of it, and which wikis it
//! concerns.
//!
//! [`examine`] reads everything once, as a build does, but goes on where a build stops. What only PHP itself can
//! tell comes from outside, as a value: this module starts no process.

mod classes;
mod concerns;
mod files;
pub mod finding;
mod outdated;
mod psr;
mod published;
mod runtime;
mod served;
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
use super::{Error, Request, manifest};
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
    /// Whether a build would be carried out, as far as that is known.
    can_be_built: bool,
    /// Whether the list of wikis could be read.
    knows_wikis: bool,
    /// Counted when somebody asks.
    sizes: OnceLock<Sizes>,
    findings: Vec<Finding>,
}

/// The classes that PHP finds in files, by real path as the scan has it: relative to the tree, or absolute.
pub type ClassLists = BTreeMap<String, Vec<ClassName>>;

/// Looks at a tree, and at what is published of it. Without `knows_wikis`, the list of wikis could not be read, and the
/// request has none.
///
/// # Errors
/// A file that says what the tree is cannot be read. What else stops a build is a finding.
pub fn examine(request: &Request, knows_wikis: bool, reporter: &dyn Reporter) -> Result<Examination, Error> {
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
    let (mut farm, unknown) = known(&request.farm, &tree);
    if let Ok(inside) = Path::new(&farm.file).strip_prefix(&directory) {
        farm.file = inside.display().to_string();
    }
    let can_be_built =
        refused.is_empty() && unreadable.is_none() && missing.iter().all(|missing| !missing.is_refused());
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
        can_be_built,
        knows_wikis,
        sizes: OnceLock::new(),
        findings: Vec::new(),
    };
    let mut findings = tree::findings(&examination, &tree::Told { refused, missing, unknown, scan_warnings });
    findings.extend(unreadable);
    findings.extend(classes::duplicates(&examination));
    findings.extend(files::findings(&examination));
    findings.extend(psr::findings(&examination));
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
            let (what, hint) = match &error.reason {
                scan::Reason::Unreadable(source) => (format!("{error}: it {}", refusal(source)), READ),
                reason => (
                    format!("{error}: {reason}"),
                    "mend or remove it; `exclude-from-classmap` does not help, since it is read all the same",
                ),
            };
            let finding = Finding::new(Code::UnreadableTree, Severity::Error, what, hint).at(error.file, "");
            let nothing = |_: &ScanPath| Scanned { kind: scan::Kind::Directory, real: None, files: Vec::new() };
            let scan = Scan { paths: paths.iter().map(nothing).collect(), warnings: Vec::new() };
            (paths, scan, Some(finding))
        }
    }
}

/// Every manifest that cannot be read, the one that stopped [`examine`] first. Only of extensions, and of the lock, can
/// others be read without it.
#[must_use]
pub fn unreadable(request: &Request, first: manifest::Error) -> Vec<manifest::Error> {
    let Ok(published) = super::published(request) else { return vec![first] };
    let mut restored = super::restored(&published);
    let mut errors = vec![first];
    while let Some(last) = errors.last() {
        let file = last.file().to_owned();
        let is_part = ["extensions/", "skins/"].iter().any(|parent| file.starts_with(parent));
        if !(is_part || file == "composer.lock") || errors.len() > MOST_UNREADABLE {
            break;
        }
        restored.insert(file, None);
        match manifest::read(&request.tree, &manifest::ReadOptions { restored: restored.clone() }) {
            Err(next) if errors.iter().all(|known| known.file() != next.file()) => errors.push(next),
            _ => break,
        }
    }
    errors
}

/// More manifests that cannot be read are not looked for.
const MOST_UNREADABLE: usize = 32;

/// The hint for what is there and cannot be read.
const READ: &str = "let the user who builds, and the one of PHP-FPM, read it: `chmod -R o+rX`, a group, an ACL";

/// Why something that is not found may be there all the same: the system does not let it be looked for.
fn closed(path: &Path) -> Option<String> {
    disk::look(path).err().map(|error| refusal(&error))
}

fn refusal(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "cannot be read (permission denied)".to_owned(),
        _ => format!("cannot be read ({error})"),
    }
}

/// What brings files of `vendor/` back. Without a lock, Composer would choose every version anew.
fn restore(directory: &Path) -> &'static str {
    if disk::size(&directory.join("composer.lock")).is_some() {
        "run `composer install`"
    } else {
        "restore `vendor/` from where it came (the tarball); without `composer.lock`, `composer install` would choose \
         other versions"
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
