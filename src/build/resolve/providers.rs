//! Who meets a requirement: by name, by `replace`, by `provide`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::build::package::{Link, Package, Tree};
use crate::build::version::{self, Constraint};

/// Everything in a tree that can meet a requirement, by the name it answers to. Made once per tree.
#[derive(Debug)]
pub struct Providers<'t> {
    tree: &'t Tree,
    offers: HashMap<&'t str, Vec<Offer<'t>>>,
    directories: HashMap<&'t str, Vec<usize>>,
    constraints: RefCell<HashMap<String, Result<Rc<Constraint>, version::Error>>>,
}

/// What meets one requirement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// Indices in [`Tree::packages`]: the package of that name first, then those that replace or provide it.
    pub packages: Vec<usize>,
    /// Indices in `tree.root.parts` whose `replace` or `provide` meets it, in order; a part counts only where its
    /// owner is on. The first part stands here, too, when the root package itself is what is wanted.
    pub parts: Vec<usize>,
}

impl Candidates {
    /// Whether nothing meets the requirement.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && self.parts.is_empty()
    }
}

/// One thing that answers to a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer<'t> {
    pub(super) by: By,
    pub(super) how: How<'t>,
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Package(usize),
    Part(usize),
}

/// How it answers.
#[derive(Debug, Clone, Copy)]
pub(super) enum How<'t> {
    Itself,
    Replaces(&'t str),
    Provides(&'t str),
}

impl<'t> Providers<'t> {
    /// Looks through the packages, the root and its parts, and the directories.
    #[must_use]
    pub fn new(tree: &'t Tree) -> Self {
        let mut offers: HashMap<&str, Vec<Offer>> = HashMap::new();
        // Literal names go first, so that they stand first in every answer.
        for (index, package) in tree.packages.iter().enumerate() {
            offers.entry(&package.name).or_default().push(Offer { by: By::Package(index), how: How::Itself });
        }
        offers.entry(&tree.root.name).or_default().push(Offer { by: By::Part(0), how: How::Itself });
        let links = tree.packages.iter().enumerate().map(|(i, p)| (By::Package(i), &p.replace, &p.provide));
        let parts = tree.root.parts.iter().enumerate().map(|(i, p)| (By::Part(i), &p.replace, &p.provide));
        for (by, replace, provide) in links.chain(parts) {
            for link in replace {
                let offer = Offer { by, how: How::Replaces(&link.constraint) };
                offers.entry(&link.target).or_default().push(offer);
            }
            for link in provide {
                let offer = Offer { by, how: How::Provides(&link.constraint) };
                offers.entry(&link.target).or_default().push(offer);
            }
        }
        let mut directories: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, extension) in tree.extensions.iter().enumerate() {
            if let (None, Some(name)) = (&extension.package, &extension.composer_name) {
                directories.entry(name).or_default().push(index);
            }
        }
        Self { tree, offers, directories, constraints: RefCell::default() }
    }

    /// What meets a requirement with Composer's semantics (`Pool::match`): by name, any version or alias that the
    /// constraint allows; by `replace` and `provide`, constraints that have versions in common. Nothing does when
    /// the constraint cannot be parsed.
    #[must_use]
    pub fn candidates(&self, link: &Link) -> Candidates {
        let mut candidates = Candidates::default();
        let Ok(wanted) = self.constraint(&link.constraint) else { return candidates };
        for offer in self.offers(&link.target) {
            if !self.meets(offer, &wanted) {
                continue;
            }
            match offer.by {
                By::Package(index) if !candidates.packages.contains(&index) => candidates.packages.push(index),
                By::Part(index) if !candidates.parts.contains(&index) => candidates.parts.push(index),
                By::Package(_) | By::Part(_) => {}
            }
        }
        candidates
    }

    /// The extensions (indices in [`Tree::extensions`]) that are plain directories and call themselves so in their
    /// `composer.json`. Composer does not know them, nor their versions.
    #[must_use]
    pub fn directories(&self, name: &str) -> &[usize] {
        self.directories.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Everything that answers to a name, in whatever version.
    pub(super) fn offers(&self, name: &str) -> &[Offer<'t>] {
        self.offers.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether something that answers to a name does so in an allowed version.
    pub(super) fn meets(&self, offer: &Offer, wanted: &Constraint) -> bool {
        match (offer.how, offer.by) {
            (How::Itself, By::Package(index)) => versions(&self.tree.packages[index]).any(|v| wanted.matches(v)),
            (How::Itself, By::Part(_)) => self.root_versions().iter().any(|version| wanted.matches(version)),
            (How::Replaces("self.version") | How::Provides("self.version"), By::Package(index)) => {
                versions(&self.tree.packages[index]).any(|v| Constraint::exactly(v).matches_constraint(wanted))
            }
            (How::Replaces("self.version") | How::Provides("self.version"), By::Part(_)) => {
                self.root_versions().iter().any(|v| Constraint::exactly(v).matches_constraint(wanted))
            }
            (How::Replaces(offered) | How::Provides(offered), _) => {
                self.constraint(offered).is_ok_and(|offered| offered.matches_constraint(wanted))
            }
        }
    }

    /// Parses a constraint, each text once.
    pub(super) fn constraint(&self, text: &str) -> Result<Rc<Constraint>, version::Error> {
        if let Some(known) = self.constraints.borrow().get(text) {
            return known.clone();
        }
        let parsed = Constraint::parse(text).map(Rc::new);
        self.constraints.borrow_mut().insert(text.to_owned(), parsed.clone());
        parsed
    }

    fn root_versions(&self) -> Vec<String> {
        let block = &self.tree.root.block;
        let aliases = block.aliases.iter().filter_map(|alias| version::normalize(alias).ok());
        std::iter::once(block.version.clone()).chain(aliases).collect()
    }
}

/// The versions a package is known under.
fn versions(package: &Package) -> impl Iterator<Item = &str> {
    let aliases = package.aliases.iter().map(|alias| alias.version_normalized.as_str());
    std::iter::once(package.version_normalized.as_str()).chain(aliases)
}
