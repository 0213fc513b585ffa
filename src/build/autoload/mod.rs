//! Linking: from the ordered packages of C(S) to the maps that Composer would write for S.
//!
//! Follows Composer ≥ 2.8.5 step by step: PSR directories and class maps in reverse sorted order (the root, then
//! dependents, then dependencies), `files` in sorted order, include paths in the order of names; explicit class map
//! rules before PSR directories, longer prefixes first, psr-4 before psr-0; the first file of a class wins and a
//! file counts once. Pure: nothing here looks at the disk.

use std::collections::HashSet;

use super::exclude::Pattern;
use super::scan::ClassName;
use super::set::{Autoload, Base, Directory, File, Package, Part};

pub mod installed;
pub mod natural;
pub mod platform;
pub mod sort;

/// Names, to look one up.
pub type Names<'s> = HashSet<&'s str>;

/// What is linked.
#[derive(Debug, Clone, Copy)]
pub struct Input<'i, 's> {
    /// What holds for the whole tree.
    pub base: &'s Base,
    /// The root's parts, in merge order.
    pub parts: &'i [&'s Part],
    /// The packages, ordered by name.
    pub packages: &'i [&'s Package],
    /// Packages and parts whose exclusions count although they are not linked here: the base's, for a set.
    pub around: (&'i [&'s Part], &'i [&'s Package]),
    /// Directories of packages and extensions that these wikis have; files of others do not count.
    pub present: &'i Names<'s>,
}

/// The maps of one autoloader. Paths are relative to the tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AutoloadMap<'s> {
    /// Class → file, by class. Holds `Composer\InstalledVersions` only when the base is linked.
    pub classes: Vec<(&'s ClassName, &'s str)>,
    /// PSR-4 prefix → directories, longer and later prefixes first.
    pub psr4: Vec<(&'s str, Vec<&'s str>)>,
    /// PSR-0 prefix → directories, likewise.
    pub psr0: Vec<(&'s str, Vec<&'s str>)>,
    /// Files to load always, in order, each identifier once.
    pub files: Vec<&'s File>,
    /// Directories for the include path, in order.
    pub include_paths: Vec<&'s str>,
}

/// One contributor of rules: the root (several parts) or a package.
struct Owner<'s> {
    /// Its `autoload` blocks; for the root those of all parts, then the development ones.
    blocks: Vec<&'s Autoload>,
    /// Compiled exclusions with the block that holds them.
    patterns: Vec<(usize, Pattern<'s>)>,
}

/// Links.
#[must_use]
pub fn link<'s>(input: &Input<'_, 's>) -> AutoloadMap<'s> {
    let owners = owners(input);
    let psr4 = prefixes(&owners, |block| &block.psr4);
    let psr0 = prefixes(&owners, |block| &block.psr0);
    let mut classes = declared_by(input, &owners, &psr4, &psr0);
    classes.dedup_by(|later, first| later.0 == first.0);
    AutoloadMap {
        classes,
        psr4: paths_of(&psr4),
        psr0: paths_of(&psr0),
        files: files(&owners),
        include_paths: input
            .parts
            .iter()
            .flat_map(|part| &part.include_paths)
            .chain(input.packages.iter().flat_map(|package| &package.include_paths))
            .map(String::as_str)
            .collect(),
    }
}

/// Every class with each of the files that declare it, by class; the first file of a class is the one in the map.
#[must_use]
pub fn declared<'s>(input: &Input<'_, 's>) -> Vec<(&'s ClassName, &'s str)> {
    let owners = owners(input);
    let psr4 = prefixes(&owners, |block| &block.psr4);
    let psr0 = prefixes(&owners, |block| &block.psr0);
    declared_by(input, &owners, &psr4, &psr0)
}

/// Who contributes rules, reverse sorted: the root first.
fn owners<'s>(input: &Input<'_, 's>) -> Vec<Owner<'s>> {
    let sorted = sort::sorted(input.packages);
    std::iter::once(Owner::new(root_blocks(input.parts)))
        .chain(sorted.iter().rev().map(|package| Owner::new(vec![&package.autoload])))
        .collect()
}

/// The root's blocks: Composer merges `autoload-dev` behind everything in `autoload`.
fn root_blocks<'s>(parts: &[&'s Part]) -> Vec<&'s Autoload> {
    parts.iter().map(|part| &part.autoload).chain(parts.iter().map(|part| &part.autoload_dev)).collect()
}

impl<'s> Owner<'s> {
    fn new(blocks: Vec<&'s Autoload>) -> Self {
        let patterns = blocks
            .iter()
            .enumerate()
            .flat_map(|(index, block)| block.exclude.iter().map(move |exclude| (index, Pattern::new(exclude))))
            .collect();
        Self { blocks, patterns }
    }
}

impl sort::Weighed for Package {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> impl Iterator<Item = &str> {
        self.require.iter().map(|(target, _)| target.as_str())
    }
}

/// A directory with the place of its rule: owner and block.
type Placed<'s> = (usize, usize, &'s Directory);

/// One prefix with its directories in order.
type Prefix<'s> = (&'s str, Vec<Placed<'s>>);

/// Prefix → directories: directories in the order of owners, prefixes in descending byte order (`krsort`).
fn prefixes<'s>(
    owners: &[Owner<'s>],
    rules: impl Fn(&'s Autoload) -> &'s Vec<(String, Vec<Directory>)>,
) -> Vec<Prefix<'s>> {
    let mut all: Vec<(&'s str, Placed<'s>)> = Vec::new();
    for (owner, contributor) in owners.iter().enumerate() {
        for (block, autoload) in contributor.blocks.iter().enumerate() {
            for (prefix, directories) in rules(autoload) {
                all.extend(directories.iter().map(|directory| (prefix.as_str(), (owner, block, directory))));
            }
        }
    }
    all.sort_by(|a, b| b.0.cmp(a.0));
    let mut grouped: Vec<Prefix<'s>> = Vec::new();
    for (prefix, placed) in all {
        match grouped.last_mut() {
            Some((last, directories)) if *last == prefix => directories.push(placed),
            _ => grouped.push((prefix, vec![placed])),
        }
    }
    grouped
}

fn paths_of<'s>(prefixes: &[Prefix<'s>]) -> Vec<(&'s str, Vec<&'s str>)> {
    prefixes
        .iter()
        .map(|(prefix, directories)| (*prefix, directories.iter().map(|(_, _, d)| d.path.as_str()).collect()))
        .collect()
}

/// `files` in sorted order, the root last. A later rule with the identifier of an earlier one gives its path to the
/// earlier one's place, as a PHP array does.
fn files<'s>(owners: &[Owner<'s>]) -> Vec<&'s File> {
    let mut files: Vec<&'s File> = Vec::new();
    for owner in owners.iter().rev() {
        for file in owner.blocks.iter().flat_map(|block| &block.files) {
            match files.iter_mut().find(|known| known.id == file.id) {
                Some(known) => *known = file,
                None => files.push(file),
            }
        }
    }
    files
}

/// The directories whose classes go into the class map.
fn directories<'o, 's>(owners: &'o [Owner<'s>], optimize: bool) -> impl Iterator<Item = &'s Directory> + use<'o, 's> {
    owners.iter().flat_map(|owner| &owner.blocks).flat_map(move |block| {
        let psr = block.psr4.iter().chain(&block.psr0).filter(move |_| optimize);
        block.classmap.iter().chain(psr.flat_map(|(_, directories)| directories))
    })
}

/// Class → files, as Composer's `ClassMapGenerator` would find them for these packages: the first one counts.
fn declared_by<'s>(
    input: &Input<'_, 's>,
    owners: &[Owner<'s>],
    psr4: &[Prefix<'s>],
    psr0: &[Prefix<'s>],
) -> Vec<(&'s ClassName, &'s str)> {
    let around: Vec<Owner<'s>> = std::iter::once(Owner::new(root_blocks(input.around.0)))
        .chain(input.around.1.iter().map(|package| Owner::new(vec![&package.autoload])))
        .collect();
    let (present, loader) = (input.present, &input.base.loader);
    let optimize = loader.optimize || loader.authoritative;
    let most = directories(owners, optimize).map(|directory| directory.files.len()).sum();
    let mut found: Vec<(&'s ClassName, &'s str)> = Vec::with_capacity(most);
    let mut scanned: HashSet<&'s str> = HashSet::with_capacity(most);
    let mut collect = |(owner, block, directory): Placed<'s>| {
        let patterns: Vec<&Pattern<'s>> = owners
            .iter()
            .enumerate()
            .flat_map(|(index, other)| other.patterns.iter().map(move |(at, pattern)| (index, *at, pattern)))
            // Exclusions of the same block were applied when the candidates were made.
            .filter(|&(index, at, _)| (index, at) != (owner, block))
            .map(|(_, _, pattern)| pattern)
            .chain(around.iter().flat_map(|other| other.patterns.iter().map(|(_, pattern)| pattern)))
            .filter(|pattern| pattern.concerns(&directory.path, directory.real.as_deref()))
            .collect();
        for file in &directory.files {
            if file.inside.as_deref().is_some_and(|inside| !present.contains(inside)) {
                continue;
            }
            let real = file.real.as_deref().unwrap_or(&file.path);
            if patterns.iter().any(|pattern| pattern.covers(real) || pattern.covers(&file.path)) {
                continue;
            }
            if scanned.insert(real) {
                found.extend(file.classes.iter().map(|class| (class, file.path.as_str())));
            }
        }
    };
    for (owner, contributor) in owners.iter().enumerate() {
        for (block, autoload) in contributor.blocks.iter().enumerate() {
            autoload.classmap.iter().for_each(|directory| collect((owner, block, directory)));
        }
    }
    if optimize {
        // Both lists are in descending order; merged, psr-4 goes before psr-0 of the same prefix.
        let (mut left, mut right) = (psr4.iter().peekable(), psr0.iter().peekable());
        while let Some((_, directories)) = match (left.peek(), right.peek()) {
            (Some((a, _)), Some((b, _))) if b > a => right.next(),
            (None, _) => right.next(),
            _ => left.next(),
        } {
            directories.iter().copied().for_each(&mut collect);
        }
    }
    // Stable: the first file of a class stays first.
    found.sort_by(|a, b| a.0.cmp(b.0));
    found
}
