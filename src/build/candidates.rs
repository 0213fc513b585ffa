//! Joins resolved rules with the scan: which classes each rule may take from which file. Pure.

use std::sync::Arc;

use super::exclude::Pattern;
use super::generated::Generated;
use super::manifest::{is_platform, shortened};
use super::package::{Link, Package, RootPart, Tree};
use super::rules::{Resolved, Rules, Territories};
use super::scan::{self, Scan, ScanPath, ScannedFile};
use super::set::{self, Autoload, Candidates, Directory};

/// A rule whose class map entry does not exist, which Composer refuses too.
#[derive(Debug, thiserror::Error)]
#[error("`{}`, field `{}`: `{}` is neither a file nor a directory", file.escape_debug(), field.escape_debug(),
    shortened(path))]
pub struct Missing {
    /// The file that holds the rule.
    pub file: String,
    /// The field.
    pub field: String,
    /// The path as written.
    pub path: String,
}

/// Everything to scan for a tree, each path once: class map rules, and PSR directories when the loader is optimised.
#[must_use]
pub fn scan_paths(model: &Tree, rules: &Rules) -> Vec<ScanPath> {
    let optimize = model.loader.optimize || model.loader.authoritative;
    let blocks = rules.packages.iter().chain(rules.parts.iter().flat_map(|(autoload, dev)| [autoload, dev]));
    let mut paths: Vec<ScanPath> = Vec::new();
    for block in blocks {
        let classmap = block.classmap.iter().map(|(path, _)| path);
        let psr = block.psr4.iter().chain(&block.psr0).flat_map(|(_, paths)| paths).filter(|_| optimize);
        paths.extend(classmap.chain(psr).map(|path| ScanPath { path: path.clone(), confine: block.confine.clone() }));
    }
    paths.sort_by(|a, b| (&a.path, &a.confine).cmp(&(&b.path, &b.confine)));
    paths.dedup_by(|a, b| a.path == b.path && a.confine == b.confine);
    paths
}

/// Makes packages and parts ready for linking.
#[derive(Debug)]
pub struct Gatherer<'t> {
    /// The tree.
    pub model: &'t Tree,
    /// What was scanned, in the order of [`scan_paths`].
    pub paths: &'t [ScanPath],
    /// What the scan found.
    pub scan: &'t Scan,
    /// Whose directories are whose.
    pub territories: &'t Territories,
}

impl Gatherer<'_> {
    /// A package.
    ///
    /// # Errors
    /// A class map rule that leads nowhere.
    pub fn package(&self, package: &Package, rules: &Resolved) -> Result<set::Package, Missing> {
        let source = || ("vendor/composer/installed.json".to_owned(), format!("packages[{}].autoload", package.name));
        Ok(set::Package {
            aliases: package
                .aliases
                .iter()
                .map(|alias| set::Alias { asked_by: alias.asked_by.clone(), version: alias.version.clone() })
                .collect(),
            autoload: self.autoload(rules, package.install_path.as_deref(), source)?,
            include_paths: rules.include_paths.clone(),
            install_path: package.install_path.clone(),
            name: package.name.clone(),
            pretty_name: Some(package.pretty_name.clone()).filter(|written| *written != package.name),
            provide: pairs(&package.provide),
            reference: package.reference.clone(),
            replace: pairs(&package.replace),
            require: pairs(&package.require),
            kind: package.kind.clone(),
            version: package.version.clone(),
            version_normalized: package.version_normalized.clone(),
        })
    }

    /// A part of the root.
    ///
    /// # Errors
    /// A class map rule that leads nowhere.
    pub fn part(&self, order: usize, part: &RootPart, rules: &(Resolved, Resolved)) -> Result<set::Part, Missing> {
        let owner = part.owner.as_ref().map(crate::farm::ExtensionId::as_str);
        let source = |field: &'static str| move || (part.file.clone(), field.to_owned());
        let platform = part.require.iter().filter(|link| is_platform(&link.target) && !link.dev);
        Ok(set::Part {
            autoload: self.autoload(&rules.0, owner, source("autoload"))?,
            autoload_dev: self.autoload(&rules.1, owner, source("autoload-dev"))?,
            file: part.file.clone(),
            include_paths: rules.0.include_paths.clone(),
            order,
            provide: pairs(&part.provide),
            replace: pairs(&part.replace),
            require: platform.map(|link| (link.target.clone(), link.constraint.clone())).collect(),
        })
    }

    fn autoload(
        &self,
        rules: &Resolved,
        owner: Option<&str>,
        source: impl Fn() -> (String, String),
    ) -> Result<Autoload, Missing> {
        let own: Vec<Pattern<'_>> = rules.exclude.iter().map(Pattern::new).collect();
        let directory = |path: &str, kind: Kind<'_>| {
            self.directory(path, rules, owner, &own, kind)
                .unwrap_or_else(|| Directory { path: path.to_owned(), ..Directory::default() })
        };
        let mut classmap = Vec::new();
        for (path, written) in &rules.classmap {
            let Some(found) = self.directory(path, rules, owner, &own, Kind::ClassMap) else {
                let (file, field) = source();
                return Err(Missing { file, field: format!("{field}.classmap"), path: written.clone() });
            };
            classmap.push(found);
        }
        let psr = |prefixes: &[(String, Vec<String>)], psr4: bool| -> Vec<(String, Vec<Directory>)> {
            let one = |(prefix, paths): &(String, Vec<String>)| {
                let kind = if psr4 { Kind::Psr4(prefix) } else { Kind::Psr0 };
                (prefix.clone(), paths.iter().map(|path| directory(path, kind)).collect())
            };
            prefixes.iter().map(one).collect()
        };
        Ok(Autoload {
            classmap,
            exclude: rules.exclude.clone(),
            files: rules.files.clone(),
            psr0: psr(&rules.psr0, false),
            psr4: psr(&rules.psr4, true),
        })
    }

    /// The candidates of one rule and path; `None` when nothing was found at the path.
    fn directory(
        &self,
        path: &str,
        rules: &Resolved,
        owner: Option<&str>,
        own: &[Pattern<'_>],
        kind: Kind<'_>,
    ) -> Option<Directory> {
        let at =
            self.paths.binary_search_by(|known| (&*known.path, &*known.confine).cmp(&(path, &*rules.confine))).ok()?;
        let found = self.scan.paths.get(at)?;
        if found.kind == scan::Kind::Missing || (found.kind == scan::Kind::File && !matches!(kind, Kind::ClassMap)) {
            return None;
        }
        let real = found.real.clone().filter(|real| real != path);
        let own: Vec<&Pattern<'_>> = own.iter().filter(|pattern| pattern.concerns(path, real.as_deref())).collect();
        let mixed = self.territories.of(path) != owner || self.territories.any_below(path);
        let psr = !matches!(kind, Kind::ClassMap);
        let mut files = Vec::new();
        for file in &found.files {
            let accepted = match kind {
                Kind::ClassMap => None,
                Kind::Psr4(prefix) => Some(scan::psr4_classes(prefix, path, file)),
                Kind::Psr0 => Some(scan::psr0_classes(path, file)),
            };
            let classes = match accepted {
                Some(some) if some.len() < file.classes.len() => some.into_iter().cloned().collect(),
                _ => Arc::clone(&file.classes),
            };
            if classes.is_empty() || own.iter().any(|pattern| covers(pattern, file)) {
                continue;
            }
            let inside = if mixed { self.territories.of(&file.path) } else { owner };
            let in_vendor = file.path.starts_with("vendor/");
            // A PSR directory that holds vendor/ does not reach into it, and what lies there in no package is
            // Composer's or ours.
            if in_vendor && (path.is_empty() && psr || inside.is_none() && is_generated(&file.path)) {
                continue;
            }
            files.push(Candidates {
                classes,
                inside: inside.filter(|inside| Some(*inside) != owner).map(str::to_owned),
                path: file.path.clone(),
                real: file.real.clone(),
            });
        }
        files.shrink_to_fit();
        Some(Directory { files, path: path.to_owned(), real })
    }
}

/// Whether a file of vendor/ that belongs to no package was generated.
fn is_generated(path: &str) -> bool {
    let name = path.split('/').nth(1).unwrap_or_default();
    name == "composer" || name == "autoload.php" || Generated::parse(name).is_some()
}

/// What kind of rule takes classes.
#[derive(Debug, Clone, Copy)]
enum Kind<'r> {
    ClassMap,
    Psr4(&'r str),
    Psr0,
}

fn covers(pattern: &Pattern<'_>, file: &ScannedFile) -> bool {
    pattern.covers(file.real.as_deref().unwrap_or(&file.path)) || pattern.covers(&file.path)
}

fn pairs(links: &[Link]) -> Vec<(String, String)> {
    links.iter().map(|link| (link.target.clone(), link.constraint.clone())).collect()
}
