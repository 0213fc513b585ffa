//! Classes that several files declare, and those about which PHP and Composer's scanner disagree. Pure, but for a
//! comparison of files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::finding::{Case, Code, Concern, Finding, Severity, some_of};
use super::{ClassLists, Examination, real};
use crate::build::objects::{Objects, Selection};
use crate::build::scan::ClassName;
use crate::build::set::{Autoload, Directory, Package, Part};
use crate::disk;

/// How many classes a message names.
const SHOWN: usize = 3;

/// The files of one class in the order in which they count, and the combinations in which they do; the last one, all
/// extensions together, is no wiki's.
type Orders<'o> = BTreeMap<Vec<&'o str>, Vec<usize>>;

/// Who declares a class and in which combinations, whatever the class.
type Story<'o> = Vec<(Vec<&'o str>, &'o [usize])>;

/// Classes that more than one file declares, where a combination has both.
pub(super) fn duplicates(examination: &Examination) -> Vec<Finding> {
    let ambiguous = ambiguous(&examination.objects);
    if ambiguous.is_empty() {
        return Vec::new();
    }
    let mut objects = only(&examination.objects, &|class| ambiguous.contains(class));
    objects.base.loader.optimize = true;
    let selections = selections(examination);
    let mut classes: BTreeMap<&ClassName, Orders<'_>> = BTreeMap::new();
    for (bundle, selection) in selections.iter().enumerate() {
        let declared = objects.declared(selection);
        for files in declared.chunk_by(|a, b| a.0 == b.0).filter(|files| files.len() > 1) {
            let mut order: Vec<&str> = Vec::with_capacity(files.len());
            for (_, file) in files {
                if !order.contains(file) {
                    order.push(file);
                }
            }
            if order.len() > 1 {
                classes.entry(files[0].0).or_default().entry(order).or_default().push(bundle);
            }
        }
    }
    // Packages often have many classes in common: those with the same story are told of together.
    let owners = Owners::new(examination);
    let mut stories: BTreeMap<Story<'_>, Vec<&ClassName>> = BTreeMap::new();
    for (class, orders) in &classes {
        let story = orders.iter().map(|(files, bundles)| {
            let mut names: Vec<&str> = files.iter().map(|file| owners.of(file)).collect();
            names.dedup();
            (names, bundles.as_slice())
        });
        let mut story: Vec<_> = story.collect();
        story.sort();
        stories.entry(story).or_default().push(class);
    }
    stories.values().map(|names| duplicate(examination, &owners, names, &classes[names[0]])).collect()
}

/// Tells of classes by the first of them.
fn duplicate(examination: &Examination, owners: &Owners<'_>, names: &[&ClassName], orders: &Orders<'_>) -> Finding {
    let wikis = |bundles: &[usize]| of_bundles(examination, bundles);
    let files: BTreeSet<&str> = orders.keys().flatten().copied().collect();
    let holders: BTreeSet<&str> = files.iter().map(|file| owners.of(file)).collect();
    let winners: BTreeSet<&str> = orders.keys().filter_map(|order| order.first().copied()).collect();
    let classes: Vec<String> = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    let shown = some_of(classes.iter().map(String::as_str), SHOWN);
    let several = if classes.len() > 1 { "are" } else { "is" };
    let same = same_content(examination, &files);
    let loaded =
        |order: &[&str]| format!("`{}` is loaded, not {}", order[0], some_of(order[1..].iter().copied(), SHOWN));
    let mut what = match holders.len() {
        1 => {
            let holder = holders.first().copied().unwrap_or_default();
            format!("{shown} {several} in {} files of `{holder}`", files.len())
        }
        _ => format!("{shown} {several} in {}", some_of(holders.iter().copied(), holders.len())),
    };
    let about = if classes.len() > 1 { format!(", of `{}`", classes[0]) } else { String::new() };
    let mut cases: Vec<Case> = Vec::new();
    if orders.len() == 1 {
        what.extend(orders.keys().map(|order| format!("; {}{about}", loaded(order))));
    } else {
        cases = orders.iter().map(|(order, bundles)| Case { what: loaded(order), wikis: wikis(bundles) }).collect();
        what.extend([&about[..], "; which file is loaded differs"]);
    }
    if same {
        what.push_str(" (the files are the same)");
    }
    let severity = match (holders.len(), winners.len()) {
        (1, _) => Severity::Note,
        (_, 1) if same => Severity::Note,
        _ if orders.values().all(|bundles| wikis(bundles).is_none()) => Severity::Note,
        _ => Severity::Warning,
    };
    let hint = match holders.len() {
        1 => "unless the package means it, as polyfills do, name the other file in `exclude-from-classmap`",
        _ => {
            "update or remove one of the two, or name its file in `exclude-from-classmap` of the root's `composer.json`"
        }
    };
    let wikis = orders.values().fold(Concern::none(), |all, bundles| all.and(wikis(bundles)));
    let mut finding = Finding::new(Code::DuplicateClass, severity, what, hint).wikis(wikis);
    finding.file = orders.keys().next().and_then(|order| order.first()).map(|&file| file.to_owned());
    finding.package =
        holders.iter().find(|holder| examination.concerns.package(holder).is_some()).map(|&h| h.to_owned());
    finding.classes = classes;
    finding.cases = cases;
    finding
}

/// The classes that more than one file declares, wherever these are.
fn ambiguous(objects: &Objects) -> HashSet<ClassName> {
    let mut first: HashMap<&ClassName, &str> = HashMap::new();
    let mut ambiguous = HashSet::new();
    for file in directories(objects).flat_map(|directory| &directory.files) {
        let real = file.real.as_deref().unwrap_or(&file.path);
        for class in file.classes.iter() {
            if *first.entry(class).or_insert(real) != real {
                ambiguous.insert(class.clone());
            }
        }
    }
    ambiguous
}

fn directories(objects: &Objects) -> impl Iterator<Item = &Directory> {
    let packages = objects.packages.iter().map(|package| &package.autoload);
    let parts = objects.parts.iter().flat_map(|(_, part)| [&part.autoload, &part.autoload_dev]);
    packages.chain(parts).flat_map(|autoload| {
        let psr = autoload.psr4.iter().chain(&autoload.psr0).flat_map(|(_, directories)| directories);
        autoload.classmap.iter().chain(psr)
    })
}

/// The objects with some classes only, so that linking them for many combinations takes no time. Which file wins does
/// not depend on classes that are left out.
fn only(objects: &Objects, keep: &dyn Fn(&ClassName) -> bool) -> Objects {
    let directory = |directory: &Directory| {
        let mut kept = Directory { files: Vec::new(), path: directory.path.clone(), real: directory.real.clone() };
        for file in &directory.files {
            if file.classes.iter().any(keep) {
                let classes = file.classes.iter().filter(|class| keep(class)).cloned().collect();
                kept.files.push(crate::build::set::Candidates { classes, ..file.clone() });
            }
        }
        kept
    };
    let psr = |prefixes: &[(String, Vec<Directory>)]| -> Vec<(String, Vec<Directory>)> {
        prefixes.iter().map(|(prefix, paths)| (prefix.clone(), paths.iter().map(directory).collect())).collect()
    };
    let autoload = |autoload: &Autoload| Autoload {
        classmap: autoload.classmap.iter().map(directory).collect(),
        exclude: autoload.exclude.clone(),
        files: Vec::new(),
        psr0: psr(&autoload.psr0),
        psr4: psr(&autoload.psr4),
    };
    let package = |package: &Package| Package {
        aliases: Vec::new(),
        autoload: autoload(&package.autoload),
        include_paths: Vec::new(),
        install_path: package.install_path.clone(),
        name: package.name.clone(),
        pretty_name: package.pretty_name.clone(),
        provide: Vec::new(),
        reference: None,
        replace: Vec::new(),
        // The order of packages comes from these.
        require: package.require.clone(),
        kind: package.kind.clone(),
        version: package.version.clone(),
        version_normalized: package.version_normalized.clone(),
    };
    let part = |part: &Part| Part {
        autoload: autoload(&part.autoload),
        autoload_dev: autoload(&part.autoload_dev),
        file: part.file.clone(),
        include_paths: Vec::new(),
        order: part.order,
        provide: Vec::new(),
        replace: Vec::new(),
        require: Vec::new(),
    };
    Objects {
        base: objects.base.clone(),
        packages: objects.packages.iter().map(package).collect(),
        parts: objects.parts.iter().map(|(owner, of)| (*owner, part(of))).collect(),
        extensions: objects.extensions.clone(),
        manifests: objects.manifests.clone(),
    }
}

/// Those of all combinations in use, and last the one of everything together.
fn selections(examination: &Examination) -> Vec<&Selection> {
    let plan = &examination.plan;
    plan.bundles.iter().map(|bundle| &bundle.selection).chain([&plan.union.selection]).collect()
}

/// The wikis of combinations; the base concerns all.
fn of_bundles(examination: &Examination, bundles: &[usize]) -> Concern {
    if bundles.contains(&0) {
        return Concern::All;
    }
    let in_use = examination.plan.bundles.len();
    examination.concerns.of_bundles(bundles.iter().copied().filter(|&bundle| bundle < in_use))
}

/// Whose a file is, in words.
struct Owners<'e> {
    examination: &'e Examination,
    packages: HashMap<&'e str, &'e str>,
}

impl<'e> Owners<'e> {
    fn new(examination: &'e Examination) -> Self {
        let packages = examination.tree.packages.iter();
        let packages = packages.filter_map(|package| Some((package.install_path.as_deref()?, package.name.as_str())));
        Self { examination, packages: packages.collect() }
    }

    fn of<'f>(&self, file: &'f str) -> &'f str
    where
        'e: 'f,
    {
        let Some(directory) = self.examination.territories.of(file) else { return "the tree" };
        self.packages.get(directory).copied().unwrap_or(directory)
    }
}

fn same_content(examination: &Examination, files: &BTreeSet<&str>) -> bool {
    let mut contents = files.iter().map(|file| disk::read_optional(&examination.directory.join(file)).ok().flatten());
    let Some(Some(first)) = contents.next() else { return false };
    contents.all(|content| content.as_ref() == Some(&first))
}

/// A class with the file that the map has and the one that it would have if PHP had read the files.
type Difference = (ClassName, Option<String>, Option<String>);

/// The file that the map has, the one that it would have, and the combinations in which that is so.
type Differing = (Option<String>, Option<String>, Vec<usize>);

/// Where PHP's tokenizer finds other classes than Composer's scanner, and what that means for whom.
pub(super) fn differences(examination: &Examination, lists: &ClassLists) -> Vec<Finding> {
    let mut of_php = examination.scan.clone();
    let mut doubtful: HashSet<ClassName> = HashSet::new();
    for file in of_php.paths.iter_mut().flat_map(|path| &mut path.files) {
        let Some(list) = lists.get(real(file)) else { continue };
        let composer: BTreeSet<&ClassName> = file.classes.iter().collect();
        let php: BTreeSet<&ClassName> = list.iter().collect();
        if composer != php {
            doubtful.extend(composer.symmetric_difference(&php).map(|&class| class.clone()));
            file.classes = list.clone().into();
        }
    }
    if doubtful.is_empty() {
        return Vec::new();
    }
    let Some(objects) = examination.objects_with(&of_php) else { return Vec::new() };
    let keep = |class: &ClassName| doubtful.contains(class);
    let (composer, php) = (only(&examination.objects, &keep), only(&objects, &keep));
    let mut found: BTreeMap<Difference, Vec<usize>> = BTreeMap::new();
    for (bundle, selection) in selections(examination).into_iter().enumerate() {
        let map = |objects: &Objects| -> BTreeMap<ClassName, String> {
            let linked = objects.link(selection);
            linked.map.classes.iter().map(|(class, file)| ((*class).clone(), (*file).to_owned())).collect()
        };
        let (mut one, mut other) = (map(&composer), map(&php));
        for class in &doubtful {
            let files = (one.remove(class), other.remove(class));
            if files.0 != files.1 {
                found.entry((class.clone(), files.0, files.1)).or_default().push(bundle);
            }
        }
    }
    // By file and combinations: a file that is read wrongly often is for several classes.
    let mut grouped: BTreeMap<Differing, Vec<String>> = BTreeMap::new();
    for ((class, mapped, declared), bundles) in found {
        grouped.entry((mapped, declared, bundles)).or_default().push(class.to_string_lossy().into_owned());
    }
    grouped.into_iter().map(|(key, classes)| difference(examination, key, classes)).collect()
}

fn difference(examination: &Examination, (mapped, declared, bundles): Differing, classes: Vec<String>) -> Finding {
    let (are, they) = if classes.len() == 1 { ("is", "it") } else { ("are", "they") };
    let shown = format!("{} {are}", some_of(classes.iter().map(String::as_str), SHOWN));
    let authoritative = examination.objects.base.loader.authoritative;
    let (what, hint) = match (&mapped, &declared) {
        (Some(mapped), None) => (
            format!(
                "{shown} mapped to `{mapped}`, in which PHP finds no such class: asking for one loads the file in vain"
            ),
            "if somebody asks for it, name the file in `exclude-from-classmap`",
        ),
        (None, Some(declared)) if authoritative => (
            format!("{shown} declared in `{declared}`, and not in the class map: {they} cannot be loaded"),
            "take backticks, `__halt_compiler` and lone `<?` out of the file, or load it by `files`",
        ),
        (None, Some(declared)) => (
            format!(
                "{shown} declared in `{declared}`, and not in the class map: it is loaded only if a PSR rule leads there \
                 by its name"
            ),
            "take backticks, `__halt_compiler` and lone `<?` out of the file, or load it by `files`",
        ),
        _ => (
            format!(
                "{shown} mapped to `{}`, and PHP would find it in `{}`",
                mapped.as_deref().unwrap_or_default(),
                declared.as_deref().unwrap_or_default()
            ),
            "name the first file in `exclude-from-classmap`",
        ),
    };
    let finding = Finding::new(Code::ScannerDifference, Severity::Warning, what, hint);
    let mut finding = finding.wikis(of_bundles(examination, &bundles));
    finding.file = declared.or(mapped);
    finding.classes = classes;
    finding
}
