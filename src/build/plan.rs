//! What a build would write, keep and leave behind, as a value. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::generated::Generated;
use super::graph::DependencyGraph;
use super::mediawikifarm::{self, Place};
use super::objects::{Closures, Objects, Selection, SetTexts};
use super::php::{bundle, runtime, table as wiki_table};
use super::published::Published;
use super::set::FORMAT;
use crate::farm::{ExtensionId, Farm, Wanted, Wiki};
use crate::key::Key;
use crate::table;

/// The whole plan.
#[derive(Debug)]
pub struct Plan {
    /// The runtime.
    pub runtime: Key,
    /// The base set, then one set for each extension.
    pub sets: Vec<PlannedSet>,
    /// One bundle for each combination in use; the first is the base's.
    pub bundles: Vec<PlannedBundle>,
    /// The bundle hash of all extensions together, whose `_installed.php` describes everything installed.
    pub union: PlannedBundle,
    /// Wikis, by id, each with the index of its bundle.
    pub wikis: Vec<(Wiki, usize)>,
    /// Extensions in load order.
    pub order: Vec<usize>,
    /// The wiki table; its key is the generation.
    pub table: table::Texts,
    /// Links for `MediaWikiFarm`, `composer` and eight digits, each with the set that it leads to.
    pub links: BTreeMap<String, Key>,
    /// The generation.
    pub generation: Key,
}

/// A set to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSet {
    /// The extension; `None` for the base.
    pub extension: Option<usize>,
    /// Its KEY.
    pub key: Key,
    /// What it adds to the base.
    pub added: Selection,
    /// Extensions it pulls in, in load order.
    pub requires: Vec<usize>,
    /// Whether it is published already.
    pub kept: bool,
}

/// A bundle to be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedBundle {
    /// Its hash.
    pub hash: Key,
    /// Everything it loads.
    pub selection: Selection,
    /// Wikis it serves, as indices into the farm.
    pub wikis: Vec<usize>,
    /// Whether it is published already.
    pub kept: bool,
}

/// Which combinations are linked ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// Those that wikis have.
    #[default]
    QuickBold,
    /// All of them.
    Bold,
}

/// The most extensions for which [`Strategy::Bold`] links all 2ⁿ combinations.
pub const BOLD_LIMIT: usize = 12;

/// A farm that cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Wikis want what the tree does not have.
    #[error("{file} names extensions that are not in the tree")]
    UnknownExtensions {
        /// The farm's file.
        file: String,
        /// Each of them, in the order of wikis.
        unknown: Vec<Unknown>,
    },
    /// The class map is not authoritative.
    #[error("a fast autoloader needs an authoritative class map")]
    FastNotAuthoritative,
    /// Something is where a link has to be.
    #[error("`vendor/{0}` is there, and is not a link that mwfarm made")]
    Taken(String),
    /// Too many combinations.
    #[error("strategy bold would link 2^{extensions} = {} combinations", 1u128.checked_shl(u32::try_from(*extensions).unwrap_or(u32::MAX)).map_or_else(|| "more than 10^38".to_owned(), |count| count.to_string()))]
    TooManyCombinations {
        /// How many extensions the tree has.
        extensions: usize,
    },
}

/// An extension that a wiki wants and the tree does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// What is wanted, and where that is written.
    pub wanted: Wanted,
    /// The tree's extension whose name is nearest, if one is near.
    pub near: Option<ExtensionId>,
}

/// What the plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'p> {
    /// What can be linked.
    pub objects: &'p Objects,
    /// Who needs whom.
    pub graph: &'p DependencyGraph,
    /// The JSON of sets.
    pub texts: &'p SetTexts,
    /// The wikis.
    pub farm: &'p Farm,
    /// Which combinations are linked ahead.
    pub strategy: Strategy,
    /// How bundles are made.
    pub mode: &'p bundle::Mode,
    /// Whether there are links for `MediaWikiFarm`.
    pub mediawikifarm: bool,
    /// What is there.
    pub published: &'p Published,
}

impl Plan {
    /// Plans.
    ///
    /// # Errors
    /// A wiki that wants an unknown extension; too many combinations.
    pub fn new(inputs: &Inputs<'_>) -> Result<Self, Error> {
        let (objects, graph) = (inputs.objects, inputs.graph);
        if inputs.mode.fast && !objects.base.loader.authoritative {
            return Err(Error::FastNotAuthoritative);
        }
        let closures = Closures::new(objects, graph);
        let runtime = runtime::key();
        let sets = sets(inputs, &closures);
        let hash = |selection: &Selection| bundle_hash(inputs, &runtime, &sets, selection);

        let mut combinations: BTreeMap<Vec<usize>, Vec<usize>> = BTreeMap::from([(Vec::new(), Vec::new())]);
        let mut selections: BTreeMap<Vec<usize>, Selection> = BTreeMap::from([(Vec::new(), closures.base.clone())]);
        if inputs.strategy == Strategy::Bold {
            for chosen in subsets(objects.extensions.len())? {
                let selection = objects.selection(&graph.closure(&chosen));
                combinations.entry(selection.extensions.clone()).or_default();
                selections.insert(selection.extensions.clone(), selection);
            }
        }
        for (index, wanted) in wanted(inputs)?.iter().enumerate() {
            let selection = objects.selection(&graph.closure(wanted));
            combinations.entry(selection.extensions.clone()).or_default().push(index);
            selections.entry(selection.extensions.clone()).or_insert(selection);
        }
        let bundles: Vec<PlannedBundle> = combinations
            .into_iter()
            .filter_map(|(extensions, wikis)| {
                let selection = selections.remove(&extensions)?;
                let hash = hash(&selection);
                let kept = inputs.published.has(&Generated::Bundle(hash.clone()));
                Some(PlannedBundle { hash, selection, wikis, kept })
            })
            .collect();
        let hash_of_all = hash(&closures.all);
        let union = PlannedBundle {
            kept: inputs.published.has(&Generated::Installed(hash_of_all.clone())),
            hash: hash_of_all,
            selection: closures.all,
            wikis: Vec::new(),
        };
        let mut wikis: Vec<(Wiki, usize)> = Vec::with_capacity(inputs.farm.wikis.len());
        for (bundle, planned) in bundles.iter().enumerate() {
            wikis.extend(planned.wikis.iter().map(|&wiki| (inputs.farm.wikis[wiki].clone(), bundle)));
        }
        wikis.sort_by(|a, b| a.0.id.cmp(&b.0.id));
        let mut plan = Self {
            runtime,
            sets,
            bundles,
            union,
            wikis,
            order: graph.order().to_vec(),
            table: table::Texts::File(String::new()),
            links: BTreeMap::new(),
            generation: Key::of(b""),
        };
        let farm_names = mediawikifarm::names(objects);
        if inputs.mediawikifarm {
            let sets = plan.sets.iter().filter_map(|set| Some((farm_names.get(&set.extension?)?, &set.key)));
            plan.links = sets.map(|(name, key)| (mediawikifarm::link(name), key.clone())).collect();
            let places = &inputs.published.places;
            // What `mwcomposer` left serves as well, and is not ours to change.
            plan.links.retain(|name, _| places.get(name) != Some(&Place::Directory));
            if let Some(name) = plan.links.keys().find(|name| places.get(*name) == Some(&Place::Other)) {
                return Err(Error::Taken(name.clone()));
            }
        }
        plan.table = plan.table_texts(objects, &farm_names);
        plan.generation = Key::of(format!("{}\n{}", plan.runtime, plan.table).as_bytes());
        Ok(plan)
    }

    /// The names below `vendor/` that this generation is made of.
    #[must_use]
    pub fn names(&self) -> BTreeSet<Generated> {
        let mut names = BTreeSet::from([
            Generated::Runtime(self.runtime.clone()),
            self.wikis_name(),
            Generated::Installed(self.union.hash.clone()),
        ]);
        names.extend(self.sets.iter().map(|set| Generated::Set(set.key.clone())));
        for bundle in &self.bundles {
            names.extend([Generated::Bundle(bundle.hash.clone()), Generated::Installed(bundle.hash.clone())]);
        }
        names
    }

    /// The name of the wiki table.
    #[must_use]
    pub fn wikis_name(&self) -> Generated {
        match self.table {
            table::Texts::File(_) => Generated::Wikis(self.generation.clone()),
            table::Texts::Parts(_) => Generated::WikiParts(self.generation.clone()),
        }
    }

    /// The extensions of a bundle in load order, each with the names of its manifests.
    #[must_use]
    pub fn in_load_order<'o>(
        &self,
        selection: &Selection,
        objects: &'o Objects,
    ) -> Vec<(&'o ExtensionId, &'o [String])> {
        let order = self.order.iter().filter(|extension| selection.extensions.binary_search(extension).is_ok());
        order.map(|&index| (&objects.extensions[index], objects.manifests[index].as_slice())).collect()
    }

    fn table_texts(&self, objects: &Objects, farm_names: &BTreeMap<usize, String>) -> table::Texts {
        let names = |extensions: &[usize]| -> String {
            let names: Vec<&str> = extensions.iter().map(|&index| objects.extensions[index].as_str()).collect();
            names.join(",")
        };
        let set_of: BTreeMap<usize, &PlannedSet> =
            self.sets.iter().filter_map(|set| Some((set.extension?, set))).collect();
        let extensions = self.order.iter().filter_map(|extension| {
            let set = set_of.get(extension)?;
            Some(wiki_table::Extension {
                id: &objects.extensions[*extension],
                set: &set.key,
                requires: set.requires.iter().map(|&index| &objects.extensions[index]).collect(),
                manifests: &objects.manifests[*extension],
                kinds: objects.kinds(&set.added),
            })
        });
        let dependencies = farm_names.iter().filter_map(|(extension, name)| {
            let requires = &set_of.get(extension)?.requires;
            Some((name.clone(), requires.iter().filter_map(|other| farm_names.get(other).cloned()).collect()))
        });
        wiki_table::texts(&wiki_table::Table {
            base: &self.bundles[0].hash,
            bundles: self.bundles.iter().map(|b| (names(&b.selection.extensions), &b.hash)).collect(),
            dependencies: dependencies.collect(),
            extensions: extensions.collect(),
            loader: &objects.base.loader,
            base_set: (&self.sets[0].key, objects.kinds(&self.sets[0].added)),
            union: &self.union.hash,
            wikis: self.wikis.iter().map(|(wiki, bundle)| (wiki, &self.bundles[*bundle].hash)).collect(),
        })
    }
}

/// The base set and one for each extension.
fn sets(inputs: &Inputs<'_>, closures: &Closures) -> Vec<PlannedSet> {
    let objects = inputs.objects;
    let place: BTreeMap<usize, usize> =
        inputs.graph.order().iter().enumerate().map(|(place, &extension)| (extension, place)).collect();
    let planned = |extension: Option<usize>, added: Selection| {
        let mut requires: Vec<usize> =
            added.extensions.iter().copied().filter(|&other| Some(other) != extension).collect();
        requires.sort_by_key(|extension| place.get(extension));
        let key = set_key(inputs, extension, &added, &requires);
        let kept = inputs.published.has(&Generated::Set(key.clone()));
        PlannedSet { extension, key, added, requires, kept }
    };
    let base = planned(None, closures.base.clone());
    let each = closures.each.iter().enumerate();
    let each = each.map(|(extension, closure)| planned(Some(extension), closure.without(&closures.base)));
    debug_assert_eq!(closures.each.len(), objects.extensions.len());
    std::iter::once(base).chain(each).collect()
}

fn set_key(inputs: &Inputs<'_>, extension: Option<usize>, added: &Selection, requires: &[usize]) -> Key {
    Key::of(inputs.texts.set(inputs.objects, extension, added, requires).as_bytes())
}

/// A bundle's hash: of the generator's format, the runtime, the keys of the sets it is linked from, and C(S).
fn bundle_hash(inputs: &Inputs<'_>, runtime: &Key, sets: &[PlannedSet], selection: &Selection) -> Key {
    let mut text = format!("bundle {FORMAT}\n{runtime}\n{}{}\n", inputs.mode.digest(), sets[0].key);
    for &extension in &selection.extensions {
        // The base set is the first one.
        text.push_str(sets[extension + 1].key.as_str());
        text.push('\n');
    }
    for &package in &selection.packages {
        text.push_str(&inputs.objects.packages[package].name);
        text.push_str(if selection.dev.contains(&package) { " dev\n" } else { "\n" });
    }
    Key::of(text.as_bytes())
}

/// The extensions that each wiki wants.
fn wanted(inputs: &Inputs<'_>) -> Result<Vec<Vec<usize>>, Error> {
    let extensions = &inputs.objects.extensions;
    let mut unknown = Vec::new();
    let mut index = |wanted: &Wanted| {
        let index = extensions.binary_search(&wanted.extension).ok();
        if index.is_none() {
            unknown.push(Unknown { wanted: wanted.clone(), near: near(extensions, &wanted.extension) });
        }
        index
    };
    let wanted = inputs.farm.wikis.iter().map(|wiki| wiki.wanted.iter().filter_map(&mut index).collect()).collect();
    if unknown.is_empty() {
        return Ok(wanted);
    }
    Err(Error::UnknownExtensions { file: inputs.farm.file.clone(), unknown })
}

/// The extension that somebody may have meant: the same name in another case or below the other directory.
pub(super) fn near(extensions: &[ExtensionId], wanted: &ExtensionId) -> Option<ExtensionId> {
    let name = |id: &ExtensionId| {
        let plain: String = id.name().chars().filter(|c| c.is_alphanumeric()).collect();
        plain.to_lowercase()
    };
    extensions.iter().find(|id| name(id) == name(wanted)).cloned()
}

/// All subsets of n extensions.
fn subsets(extensions: usize) -> Result<impl Iterator<Item = Vec<usize>>, Error> {
    if extensions > BOLD_LIMIT {
        return Err(Error::TooManyCombinations { extensions });
    }
    Ok((0..1u32 << extensions).map(move |mask| (0..extensions).filter(|bit| mask & (1 << bit) != 0).collect()))
}
