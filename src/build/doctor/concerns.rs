//! Who has what on: from packages, extensions and combinations to wikis. Pure.

use std::collections::BTreeMap;

use super::finding::Concern;
use crate::build::objects::Objects;
use crate::build::plan::Plan;
use crate::farm::{ExtensionId, WikiId};

/// The wikis of everything.
#[derive(Debug)]
pub(super) struct Concerns {
    packages: Vec<Concern>,
    extensions: Vec<Concern>,
    bundles: Vec<Vec<WikiId>>,
    names: BTreeMap<String, usize>,
    ids: Vec<ExtensionId>,
}

impl Concerns {
    pub(super) fn new(objects: &Objects, plan: &Plan) -> Self {
        let mut bundles: Vec<Vec<WikiId>> = vec![Vec::new(); plan.bundles.len()];
        for (wiki, bundle) in &plan.wikis {
            bundles[*bundle].push(wiki.id.clone());
        }
        let mut packages: Vec<Vec<WikiId>> = vec![Vec::new(); objects.packages.len()];
        let mut extensions: Vec<Vec<WikiId>> = vec![Vec::new(); objects.extensions.len()];
        for (bundle, wikis) in plan.bundles.iter().zip(&bundles) {
            for &package in &bundle.selection.packages {
                packages[package].extend_from_slice(wikis);
            }
            for &extension in &bundle.selection.extensions {
                extensions[extension].extend_from_slice(wikis);
            }
        }
        let sorted = |mut wikis: Vec<WikiId>| {
            wikis.sort();
            Concern::Wikis(wikis)
        };
        let mut packages: Vec<Concern> = packages.into_iter().map(sorted).collect();
        for &package in plan.bundles.first().iter().flat_map(|base| &base.selection.packages) {
            packages[package] = Concern::All;
        }
        Self {
            packages,
            extensions: extensions.into_iter().map(sorted).collect(),
            bundles,
            names: objects.packages.iter().enumerate().map(|(index, p)| (p.name.clone(), index)).collect(),
            ids: objects.extensions.clone(),
        }
    }

    /// Of a package, by index.
    pub(super) fn of_package(&self, package: usize) -> Concern {
        self.packages[package].clone()
    }

    /// Of an extension, by index.
    pub(super) fn of_extension(&self, extension: usize) -> Concern {
        self.extensions[extension].clone()
    }

    /// Of an extension.
    pub(super) fn of(&self, id: &ExtensionId) -> Concern {
        self.ids.binary_search(id).map_or_else(|_| Concern::none(), |index| self.of_extension(index))
    }

    /// Of some combinations, by index.
    pub(super) fn of_bundles(&self, bundles: impl IntoIterator<Item = usize>) -> Concern {
        let mut wikis: Vec<WikiId> = bundles.into_iter().flat_map(|bundle| self.bundles[bundle].clone()).collect();
        wikis.sort();
        Concern::Wikis(wikis)
    }

    /// Of the extension or package whose file or name is the first in backticks; all when none is.
    pub(super) fn of_text(&self, text: &str) -> (Concern, Option<ExtensionId>) {
        for quoted in text.split('`').skip(1).step_by(2) {
            if let Some(index) = self.extension_around(quoted) {
                return (self.of_extension(index), Some(self.ids[index].clone()));
            }
            if let Some(&package) = self.names.get(quoted) {
                return (self.of_package(package), None);
            }
        }
        (Concern::All, None)
    }

    /// The index of a package.
    pub(super) fn package(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The extension in whose directory a path lies.
    pub(super) fn extension_around(&self, path: &str) -> Option<usize> {
        let mut end = path.len();
        loop {
            if let Ok(index) = self.ids.binary_search_by(|id| id.as_str().cmp(&path[..end])) {
                return Some(index);
            }
            end = path[..end].rfind('/')?;
        }
    }
}
