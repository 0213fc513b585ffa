//! Do the locked versions satisfy everybody?

mod manifests;
mod providers;
mod unmet;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use self::providers::{Candidates, Providers};
pub use self::unmet::{Checked, Dangling, Problem, Unasked, Unmet};

use self::providers::{By, How, Offer};
use super::manifest::is_platform;
use super::package::{Duplicates, Link, RootPart, Tree};
use super::version;

/// Where packages say what they require.
const INSTALLED: &str = "vendor/composer/installed.json";

/// Checks the requirements of the root, of all packages and of all extensions against the locked versions, with
/// Composer's semantics. `php`, `ext-*` and `lib-*` are checked against `config.platform` only; what that does not
/// pretend is left to the check at run time.
#[must_use]
pub fn check(tree: &Tree) -> Checked {
    let providers = Providers::new(tree);
    let mut check = Check { tree, providers, checked: Checked::default(), unasked: BTreeMap::new() };
    for (index, require) in in_force(tree).into_iter().enumerate() {
        check.part(index, &require);
    }
    for index in 0..tree.packages.len() {
        check.package(index);
    }
    manifests::check(tree, &check.providers, &mut check.checked);
    check.finish()
}

/// The requirements of each part that the merge plugin lets stand. A directory that no include covers is not the
/// plugin's business: all of its requirements hold.
fn in_force(tree: &Tree) -> Vec<Vec<&Link>> {
    let parts = &tree.root.parts;
    let uncovered: HashSet<_> =
        tree.extensions.iter().filter(|e| !e.included && e.package.is_none()).map(|e| &e.id).collect();
    let merged = |part: &RootPart| part.owner.as_ref().is_none_or(|owner| !uncovered.contains(owner));
    // Which part has the say, of those that require the same.
    let mut deciding: HashMap<(&str, bool), usize> = HashMap::new();
    for (index, part) in parts.iter().enumerate().filter(|(_, part)| merged(part)) {
        for link in &part.require {
            let decides = deciding.entry((&link.target, link.dev)).or_insert(index);
            if tree.root.duplicates == Duplicates::Replace {
                *decides = index;
            }
        }
    }
    let stands = |index: usize, link: &Link| {
        tree.root.duplicates == Duplicates::Merge
            || !merged(&parts[index])
            || deciding.get(&(link.target.as_str(), link.dev)) == Some(&index)
    };
    let numbered = parts.iter().enumerate();
    numbered.map(|(index, part)| part.require.iter().filter(|link| stands(index, link)).collect()).collect()
}

struct Check<'t> {
    tree: &'t Tree,
    providers: Providers<'t>,
    checked: Checked,
    /// What directories want of Composer itself, and which ones do.
    unasked: BTreeMap<&'t str, Vec<&'t str>>,
}

/// Who has a requirement, and where it is written.
struct Source<'t> {
    who: &'t str,
    file: &'t str,
    /// What stands before the name of the field.
    object: String,
    /// The extension that is a plain directory.
    directory: Option<&'t str>,
    by: By,
}

impl<'t> Check<'t> {
    fn part(&mut self, index: usize, require: &[&'t Link]) {
        let root = &self.tree.root;
        let part = &root.parts[index];
        let unnamed = !root.name.contains('/');
        let who = match &part.owner {
            Some(extension) => extension.name(),
            None if index > 0 || unnamed => &part.file,
            None => &root.name,
        };
        let directory = part.owner.as_ref().map(crate::farm::ExtensionId::as_str);
        let source = Source { who, file: &part.file, object: String::new(), directory, by: By::Part(index) };
        for link in require {
            self.requirement(&source, link);
        }
        self.conflicts(&source, &part.conflict, &part.replace);
    }

    fn package(&mut self, index: usize) {
        let package = &self.tree.packages[index];
        let object = format!("packages[{}].", package.name);
        let by = By::Package(index);
        let source = Source { who: &package.name, file: INSTALLED, object, directory: None, by };
        for link in &package.require {
            self.requirement(&source, link);
        }
        self.conflicts(&source, &package.conflict, &package.replace);
    }

    fn requirement(&mut self, source: &Source<'t>, link: &'t Link) {
        let field = if link.dev { "require-dev" } else { "require" };
        if let Err(error) = self.providers.constraint(&link.constraint) {
            return self.unmet(source, field, link, Problem::Unreadable(error.to_string()));
        }
        if !self.providers.candidates(link).is_empty() {
            return;
        }
        if let Some(directory) = source.directory.filter(|_| is_of_composer(&link.target)) {
            return self.unasked.entry(&link.target).or_default().push(directory);
        }
        if is_platform(&link.target) || link.target == "composer-api" {
            if let Some(problem) = self.unmet_platform(link) {
                self.unmet(source, field, link, problem);
            }
            return;
        }
        if let Some(index) = self.providers.directories(&link.target).first() {
            let warning = format!(
                "`{}` needs `{}` {}, which is the directory `{}`: Composer does not know its version",
                source.who.escape_debug(),
                link.target,
                link.constraint.escape_debug(),
                self.tree.extensions[*index].id,
            );
            return self.checked.warnings.push(warning);
        }
        let problem = self.nearest(&link.target);
        self.unmet(source, field, link, problem);
    }

    /// What answers to a name, though not as wanted.
    fn nearest(&self, name: &str) -> Problem {
        let Some(offer) = self.providers.offers(name).first() else { return Problem::Missing };
        let (by, version) = self.named(offer.by);
        match offer.how {
            How::Itself => Problem::Locked(version),
            How::Replaces("self.version") | How::Provides("self.version") => {
                Problem::Offered { by, constraint: version }
            }
            How::Replaces(constraint) | How::Provides(constraint) => {
                Problem::Offered { by, constraint: constraint.to_owned() }
            }
        }
    }

    /// Name and version of a package or of the root.
    fn named(&self, by: By) -> (String, String) {
        match by {
            By::Package(index) => {
                let package = &self.tree.packages[index];
                (package.name.clone(), package.version.clone())
            }
            By::Part(_) => (self.tree.root.name.clone(), self.tree.root.block.pretty_version.clone()),
        }
    }

    /// The problem when what `config.platform` pretends does not meet the requirement.
    fn unmet_platform(&self, link: &Link) -> Option<Problem> {
        let platform = &self.tree.platform;
        // Composer derives the variants of PHP from `php`.
        let variant = matches!(link.target.as_str(), "php-64bit" | "php-ipv6" | "php-zts" | "php-debug");
        let pretended = platform.get(&link.target).or_else(|| platform.get("php").filter(|_| variant))?;
        let met = pretended.as_ref().is_some_and(|version| {
            let wanted = self.providers.constraint(&link.constraint);
            version::normalize(version).is_ok_and(|version| wanted.is_ok_and(|wanted| wanted.matches(&version)))
        });
        (!met).then(|| Problem::Platform(pretended.clone()))
    }

    fn conflicts(&mut self, source: &Source<'t>, conflict: &'t [Link], replace: &'t [Link]) {
        for link in conflict {
            let wanted = match self.providers.constraint(&link.constraint) {
                Ok(wanted) => wanted,
                Err(error) => {
                    self.unmet(source, "conflict", link, Problem::Unreadable(error.to_string()));
                    continue;
                }
            };
            let others = self.providers.offers(&link.target).iter().filter(|offer| !same_package(offer.by, source.by));
            if let Some(offer) = others.into_iter().find(|offer| self.providers.meets(offer, &wanted)) {
                let (with, version) = self.named(offer.by);
                self.unmet(source, "conflict", link, Problem::Conflict { with, version });
            }
        }
        // Composer never installs a package next to one that replaces it, in whatever version.
        for link in replace {
            let itself = |offer: &&Offer| matches!((offer.how, offer.by), (How::Itself, By::Package(_)));
            let mut others = self.providers.offers(&link.target).iter().filter(itself);
            if others.any(|offer| offer.by != source.by) {
                self.unmet(source, "replace", link, Problem::Replaced);
            }
        }
    }

    fn unmet(&mut self, source: &Source, field: &str, link: &Link, problem: Problem) {
        self.checked.unmet.push(Unmet {
            who: source.who.to_owned(),
            file: source.file.to_owned(),
            field: format!("{}{field}", source.object),
            target: link.target.clone(),
            wanted: link.constraint.clone(),
            problem,
        });
    }

    fn finish(mut self) -> Checked {
        for (target, mut directories) in self.unasked {
            directories.dedup();
            let directories = directories.into_iter().map(str::to_owned).collect();
            self.checked.unasked.push(Unasked { target: target.to_owned(), directories });
        }
        self.checked
    }
}

/// What a directory has no use for: it is there already, however it came there.
fn is_of_composer(target: &str) -> bool {
    matches!(
        target,
        "composer/installers" | "composer" | "composer-api" | "composer-plugin-api" | "composer-runtime-api"
    )
}

/// All parts are the root.
fn same_package(a: By, b: By) -> bool {
    a == b || matches!((a, b), (By::Part(_), By::Part(_)))
}
