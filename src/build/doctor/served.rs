//! The generation that wikis are served, and whom its files serve. Pure.

use std::collections::BTreeSet;

use super::finding::Concern;
use crate::build::generated::Generated;
use crate::build::history::{self, Generation};
use crate::build::published::{self, Bundle, FIXED, Manifest, Published, Set, Wiki};
use crate::farm::WikiId;
use crate::key::Key;

/// What wikis are served: as a rule the generation of the manifest, but an earlier one when a build was interrupted
/// before its last step.
pub(super) struct Served<'m> {
    /// The generation; none when the dispatcher names one that the manifest does not know.
    pub(super) generation: Option<Generation<'m>>,
    /// Its bundles, as far as they are recorded.
    pub(super) bundles: &'m [Bundle],
    /// Its sets, likewise.
    pub(super) sets: &'m [Set],
    /// Its wikis, likewise.
    pub(super) wikis: &'m [Wiki],
    /// Whether bundles, sets and wikis are recorded.
    recorded: bool,
    /// The hashed names it is made of.
    pub(super) names: BTreeSet<Generated>,
}

impl<'m> Served<'m> {
    /// Without a dispatcher of ours, the generation of the manifest counts.
    pub(super) fn new(published: &Published, manifest: &'m Manifest) -> Self {
        let generation = match &published.live {
            None => Some(Generation::Current(manifest)),
            Some(live) => history::generations(manifest).into_iter().find(|generation| generation.key() == live),
        };
        let names = generation.map(Generation::names).unwrap_or_default();
        match generation {
            Some(Generation::Current(of)) => {
                Self { generation, bundles: &of.bundles, sets: &of.sets, wikis: &of.wikis, recorded: true, names }
            }
            Some(Generation::Previous(previous)) if previous.record.is_some() => {
                let record = previous.record.as_deref();
                Self {
                    generation,
                    bundles: record.map_or(&[], |record| &record.bundles),
                    sets: record.map_or(&[], |record| &record.sets),
                    wikis: record.map_or(&[], |record| &record.wikis),
                    recorded: true,
                    names,
                }
            }
            _ => Self { generation, bundles: &[], sets: &[], wikis: &[], recorded: false, names },
        }
    }

    /// Whether it is the generation of the manifest.
    pub(super) fn is_current(&self) -> bool {
        matches!(self.generation, Some(Generation::Current(_)))
    }

    /// The wikis of a file below `vendor/`.
    pub(super) fn of(&self, file: &str) -> Concern {
        if !self.recorded {
            return Concern::All;
        }
        let bundles: BTreeSet<&Key> = match published::hashed(file) {
            Some(Generated::Bundle(hash) | Generated::Installed(hash)) => {
                self.bundles.iter().map(|bundle| &bundle.hash).filter(|known| **known == hash).collect()
            }
            Some(Generated::Set(key)) => {
                let set = self.sets.iter().find(|set| set.key == key);
                match set.and_then(|set| set.extension.as_ref()) {
                    None if set.is_some() => return Concern::All,
                    None => return Concern::none(),
                    Some(id) => {
                        let holds = self.bundles.iter().filter(|bundle| bundle.extensions.contains(id));
                        holds.map(|bundle| &bundle.hash).collect()
                    }
                }
            }
            Some(name) if self.names.contains(&name) => return Concern::All,
            None if FIXED.contains(&file) => return Concern::All,
            _ => return Concern::none(),
        };
        self.of_bundles(&bundles)
    }

    /// Those that load a package.
    pub(super) fn of_package(&self, name: &str) -> Concern {
        let loads = self.bundles.iter().filter(|bundle| bundle.packages.iter().any(|package| package == name));
        self.of_bundles(&loads.map(|bundle| &bundle.hash).collect())
    }

    fn of_bundles(&self, bundles: &BTreeSet<&Key>) -> Concern {
        let served = self.wikis.iter().filter(|wiki| bundles.contains(&wiki.bundle));
        Concern::Wikis(served.map(|wiki| wiki.id.clone()).collect::<Vec<WikiId>>())
    }
}
