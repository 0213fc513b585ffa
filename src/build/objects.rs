//! Everything that can be linked, and the choice of it for a set of extensions. Pure.

use std::collections::HashSet;

use super::autoload::{self, AutoloadMap, platform};
use super::candidates::{Gatherer, Missing};
use super::graph::{Closure, DependencyGraph};
use super::package::Tree;
use super::rules::Rules;
use super::scan::ClassName;
use super::set::{self, Base, Package, Part};
use crate::farm::ExtensionId;
use crate::key::Key;
use crate::php::Value;

/// The packages and the root's parts of a tree, ready for linking.
#[derive(Debug)]
pub struct Objects {
    /// What holds for the whole tree.
    pub base: Base,
    /// The packages, in the tree's order: by name.
    pub packages: Vec<Package>,
    /// The root's parts in merge order, each with the extension it belongs to.
    pub parts: Vec<(Option<usize>, Part)>,
    /// The extensions, by id.
    pub extensions: Vec<ExtensionId>,
    /// Names of their manifests, in their directories.
    pub manifests: Vec<Vec<String>>,
}

/// Some of the objects, by index.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Extensions, by id.
    pub extensions: Vec<usize>,
    /// Packages, by name.
    pub packages: Vec<usize>,
    /// Parts of the root, in merge order.
    pub parts: Vec<usize>,
    /// Those of the packages that only development requirements need.
    pub dev: Vec<usize>,
    /// Packages of the base that are development requirements there and not here; for a set only.
    pub promoted: Vec<usize>,
}

/// A selection with everything that its files are made of.
#[derive(Debug)]
pub struct Linked<'o> {
    /// The autoload maps.
    pub map: AutoloadMap<'o>,
    /// The platform check.
    pub platform: platform::Platform,
}

impl Objects {
    /// Joins what was read and scanned.
    ///
    /// # Errors
    /// A class map rule that leads nowhere.
    pub fn new(model: &Tree, rules: &Rules, gatherer: &Gatherer<'_>, base: Base) -> Result<Self, Missing> {
        let owner = |part: &super::package::RootPart| {
            let owner = part.owner.as_ref()?;
            model.extensions.binary_search_by(|extension| extension.id.cmp(owner)).ok()
        };
        Ok(Self {
            base,
            packages: model
                .packages
                .iter()
                .zip(&rules.packages)
                .map(|(package, rules)| gatherer.package(package, rules))
                .collect::<Result<_, _>>()?,
            parts: model
                .root
                .parts
                .iter()
                .zip(&rules.parts)
                .enumerate()
                .map(|(order, (part, rules))| Ok((owner(part), gatherer.part(order, part, rules)?)))
                .collect::<Result<_, Missing>>()?,
            extensions: model.extensions.iter().map(|extension| extension.id.clone()).collect(),
            manifests: model.extensions.iter().map(manifests).collect(),
        })
    }

    /// C(S) and S* with the parts of the root that belong to S*.
    #[must_use]
    pub fn selection(&self, closure: &Closure) -> Selection {
        let wanted = |owner: &Option<usize>| owner.is_none_or(|owner| closure.extensions.contains(&owner));
        let parts = self.parts.iter().enumerate().filter(|(_, (owner, _))| wanted(owner)).map(|(index, _)| index);
        Selection {
            extensions: closure.extensions.iter().copied().collect(),
            packages: closure.packages.iter().copied().collect(),
            parts: parts.collect(),
            dev: closure.dev.iter().copied().collect(),
            promoted: Vec::new(),
        }
    }

    /// The kinds of lists that the files of a set hold something in, each as the letter by which the runtime knows it.
    #[must_use]
    pub fn kinds(&self, selection: &Selection) -> String {
        let (parts, packages) = self.refs(selection);
        let rules: Vec<&set::Autoload> = packages
            .iter()
            .map(|package| &package.autoload)
            .chain(parts.iter().flat_map(|part| [&part.autoload, &part.autoload_dev]))
            .collect();
        let include_paths = packages.iter().map(|package| &package.include_paths);
        let mut include_paths = include_paths.chain(parts.iter().map(|part| &part.include_paths));
        let psr = rules.iter().any(|rules| !(rules.psr4.is_empty() && rules.psr0.is_empty()));
        let kinds = [
            ('c', psr || rules.iter().any(|rules| !rules.classmap.is_empty())),
            ('4', rules.iter().any(|rules| !rules.psr4.is_empty())),
            ('0', rules.iter().any(|rules| !rules.psr0.is_empty())),
            ('f', rules.iter().any(|rules| !rules.files.is_empty())),
            ('i', include_paths.any(|paths| !paths.is_empty())),
            ('p', !self.platform(selection).is_empty()),
        ];
        kinds.into_iter().filter_map(|(kind, there)| there.then_some(kind)).collect()
    }

    /// Links a bundle: everything selected.
    #[must_use]
    pub fn link(&self, selection: &Selection) -> Linked<'_> {
        self.linked(selection, &Selection::default())
    }

    /// Links a set: what is selected on top of the base, whose exclusions still count.
    #[must_use]
    pub fn link_on(&self, base: &Selection, added: &Selection) -> Linked<'_> {
        self.linked(added, base)
    }

    /// What `InstalledVersions` answers for a selection.
    #[must_use]
    pub fn installed(&self, selection: &Selection) -> Value {
        let (parts, packages) = self.described(selection);
        autoload::installed::installed(&self.base, &parts, &packages, &self.names(&selection.dev))
    }

    /// Every class of a bundle with each of the files that declare it, by class; the first is the one that is loaded.
    #[must_use]
    pub fn declared(&self, selection: &Selection) -> Vec<(&ClassName, &str)> {
        self.with_input(selection, &Selection::default(), autoload::declared)
    }

    fn linked(&self, selection: &Selection, around: &Selection) -> Linked<'_> {
        let map = self.with_input(selection, around, autoload::link);
        Linked { map, platform: self.platform(selection) }
    }

    fn with_input<'o, T>(
        &'o self,
        selection: &Selection,
        around: &Selection,
        linked: impl Fn(&autoload::Input<'_, 'o>) -> T,
    ) -> T {
        let (parts, packages) = self.refs(selection);
        let (parts_around, packages_around) = self.refs(around);
        let installed = packages.iter().chain(&packages_around).filter_map(|package| package.install_path.as_deref());
        let extensions = selection.extensions.iter().chain(&around.extensions);
        let present: HashSet<&str> =
            installed.chain(extensions.map(|&extension| self.extensions[extension].as_str())).collect();
        linked(&autoload::Input {
            base: &self.base,
            parts: &parts,
            packages: &packages,
            around: (&parts_around, &packages_around),
            present: &present,
        })
    }

    fn platform(&self, selection: &Selection) -> platform::Platform {
        let (parts, packages) = self.described(selection);
        platform::platform(&self.base, &parts, &packages, &self.names(&selection.dev))
    }

    /// What a selection says something new about: with packages of the base that it promotes.
    fn described(&self, selection: &Selection) -> (Vec<&Part>, Vec<&Package>) {
        let mut packages: Vec<usize> = selection.packages.iter().chain(&selection.promoted).copied().collect();
        packages.sort_unstable();
        self.refs(&Selection { packages, ..selection.clone() })
    }

    fn names(&self, packages: &[usize]) -> HashSet<&str> {
        packages.iter().map(|&package| self.packages[package].name.as_str()).collect()
    }

    fn refs(&self, selection: &Selection) -> (Vec<&Part>, Vec<&Package>) {
        let parts = selection.parts.iter().map(|&index| &self.parts[index].1).collect();
        let packages = selection.packages.iter().map(|&index| &self.packages[index]).collect();
        (parts, packages)
    }
}

impl Selection {
    /// What this has and another, contained in it, has not.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let minus = |mine: &[usize], others: &[usize]| {
            let others: HashSet<&usize> = others.iter().collect();
            mine.iter().filter(|index| !others.contains(index)).copied().collect()
        };
        Self {
            extensions: minus(&self.extensions, &other.extensions),
            packages: minus(&self.packages, &other.packages),
            parts: minus(&self.parts, &other.parts),
            dev: minus(&self.dev, &other.packages),
            promoted: minus(&other.dev, &self.dev),
        }
    }
}

/// The canonical JSON of sets, with the JSON of packages and parts made once and shared: most packages are in many
/// sets.
#[derive(Debug)]
pub struct SetTexts {
    base: String,
    /// What the files of every set take from the base.
    around: String,
    packages: Vec<String>,
    parts: Vec<String>,
    runtime: Key,
}

impl SetTexts {
    /// For all sets of a tree, on top of this base.
    #[must_use]
    pub fn new(objects: &Objects, base: &Selection, runtime: Key) -> Self {
        let (parts, packages) = objects.refs(base);
        let blocks = parts.iter().flat_map(|part| [&part.autoload, &part.autoload_dev]);
        let blocks = blocks.chain(packages.iter().map(|package| &package.autoload));
        let excluded: Vec<&set::Exclude> = blocks.flat_map(|block| &block.exclude).collect();
        let places: Vec<&str> = packages.iter().filter_map(|package| package.install_path.as_deref()).collect();
        Self {
            runtime,
            around: json(&(&objects.base, excluded, places)),
            base: json(&objects.base),
            packages: objects.packages.iter().map(json).collect(),
            parts: objects.parts.iter().map(|(_, part)| json(part)).collect(),
        }
    }

    /// `set.json` of an extension, or of the base.
    #[must_use]
    pub fn set(&self, objects: &Objects, extension: Option<usize>, added: &Selection, requires: &[usize]) -> String {
        let mut text = String::from("{");
        if extension.is_some() {
            let promoted = added.promoted.iter().map(|&index| ("promoted", self.packages[index].as_str()));
            let around = Key::of_texts(std::iter::once(("around", self.around.as_str())).chain(promoted));
            text.extend(["\"around\":\"", around.as_str(), "\","]);
        }
        let names = |packages: &[usize]| {
            json(&packages.iter().map(|&package| &objects.packages[package].name).collect::<Vec<_>>())
        };
        if extension.is_none() {
            text.extend(["\"base\":", &self.base, ","]);
        }
        text.extend(["\"dev\":", &names(&added.dev)]);
        if let Some(extension) = extension {
            text.extend([",\"extension\":", &json(&objects.extensions[extension])]);
        }
        text.extend([",\"format\":", &set::FORMAT.to_string()]);
        if let Some(manifests) = extension.map(|extension| &objects.manifests[extension]).filter(|m| !m.is_empty()) {
            text.extend([",\"manifests\":", &json(manifests)]);
        }
        text.push_str(",\"packages\":[");
        list(&mut text, added.packages.iter().map(|&index| &self.packages[index]));
        text.push_str("],\"parts\":[");
        list(&mut text, added.parts.iter().map(|&index| &self.parts[index]));
        text.extend(["],\"promoted\":", &names(&added.promoted)]);
        text.push_str(",\"requires\":");
        text.push_str(&json(&requires.iter().map(|&index| &objects.extensions[index]).collect::<Vec<_>>()));
        text.extend([",\"runtime\":\"", self.runtime.as_str(), "\"}"]);
        text
    }
}

/// The names of an extension's manifests.
fn manifests(extension: &super::package::Extension) -> Vec<String> {
    let name = |file: &str| file.rsplit('/').next().unwrap_or_default().to_owned();
    extension.manifests.iter().map(|manifest| name(&manifest.file)).collect()
}

fn list<'t>(text: &mut String, items: impl Iterator<Item = &'t String>) {
    for (index, item) in items.enumerate() {
        text.push_str(if index == 0 { "" } else { "," });
        text.push_str(item);
    }
}

fn json<T: serde::Serialize>(value: &T) -> String {
    // Every part is made of text, numbers and lists; writing those to memory does not fail.
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.shrink_to_fit();
    text
}

/// The closures of a tree: of the base, of each extension, of everything.
#[derive(Debug)]
pub struct Closures {
    /// C(∅).
    pub base: Selection,
    /// C({e}) for each extension e.
    pub each: Vec<Selection>,
    /// C of all extensions: everything installed.
    pub all: Selection,
}

impl Closures {
    /// Computes them.
    #[must_use]
    pub fn new(objects: &Objects, graph: &DependencyGraph) -> Self {
        let extensions = 0..objects.extensions.len();
        let select = |extensions: &[usize]| objects.selection(&graph.closure(extensions));
        Self {
            base: select(&[]),
            each: extensions.clone().map(|extension| select(&[extension])).collect(),
            all: select(&extensions.collect::<Vec<_>>()),
        }
    }
}
