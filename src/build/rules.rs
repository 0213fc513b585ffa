//! Reads what autoload rules mean on this disk: real directories of packages, exclusions resolved against them,
//! content of `files`. What it returns needs no further look except the scan of PHP.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use md5::{Digest, Md5};

use super::package::{AutoloadRules, Package, Tree};
use super::scan::LONGEST;
use super::set::{Exclude, File};
use crate::disk;
use crate::farm::ExtensionId;
use crate::key::{hex, sha256};

/// The rules of a tree, resolved.
#[derive(Debug, Default)]
pub struct Rules {
    /// For each package of the tree.
    pub packages: Vec<Resolved>,
    /// For each part of the root: `autoload` and `autoload-dev`.
    pub parts: Vec<(Resolved, Resolved)>,
}

/// The rules of one `autoload` block. Paths are relative to the tree.
#[derive(Debug, Clone, Default)]
pub struct Resolved {
    /// The directory of the package or extension that the rules belong to, which links must not lead out of; empty for
    /// the root's own, which may.
    pub confine: String,
    /// Prefix → directories.
    pub psr4: Vec<(String, Vec<String>)>,
    /// Prefix → directories.
    pub psr0: Vec<(String, Vec<String>)>,
    /// Files and directories to scan, each with the rule as written.
    pub classmap: Vec<(String, String)>,
    /// Files to load always.
    pub files: Vec<File>,
    /// Exclusions.
    pub exclude: Vec<Exclude>,
    /// Directories for the include path.
    pub include_paths: Vec<String>,
}

/// A rule that cannot be resolved.
#[derive(Debug, thiserror::Error)]
#[error("`{}`, field `{}`: {reason}", file.escape_debug(), field.escape_debug())]
pub struct Error {
    /// The file that holds the rule.
    pub file: String,
    /// The field.
    pub field: String,
    /// What is wrong.
    pub reason: String,
}

/// Real paths, relative to the real tree where they lie in it.
#[derive(Debug)]
pub struct RealPaths {
    tree: PathBuf,
    real: PathBuf,
}

impl RealPaths {
    /// For a tree.
    ///
    /// # Errors
    /// The tree does not exist or cannot be entered.
    pub fn new(tree: &Path) -> io::Result<Self> {
        Ok(Self { tree: tree.to_owned(), real: fs_err::canonicalize(tree)? })
    }

    /// The real path of a path of the tree; `None` when it does not exist or is not UTF-8.
    #[must_use]
    pub fn of(&self, path: &str) -> Option<String> {
        let real = fs_err::canonicalize(self.tree.join(path)).ok()?;
        match real.strip_prefix(&self.real) {
            Ok(inside) => inside.to_str().map(str::to_owned),
            Err(_) => real.to_str().map(str::to_owned),
        }
    }

    /// Whether a path of the tree leads, by real paths, to something in a directory of the tree.
    fn is_within(&self, path: &str, directory: &str) -> bool {
        let real = |path: &str| fs_err::canonicalize(self.tree.join(path));
        matches!((real(path), real(directory)), (Ok(path), Ok(directory)) if path.starts_with(&directory))
    }
}

/// Resolves all rules of a tree.
///
/// # Errors
/// A file of `files` that is missing or unreadable, or a PSR-4 prefix that does not end with `\`, which Composer
/// refuses too.
pub fn resolve(tree: &Path, model: &Tree) -> Result<Rules, Error> {
    let (rules, refused) = resolve_what_can_be(tree, model)?;
    match refused.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(rules),
    }
}

/// Whose rules are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A package of the tree, by index.
    Package(usize),
    /// A part of the root, by index.
    Part(usize),
}

/// Resolves all rules of a tree but those that cannot be, which are left out and told.
///
/// # Errors
/// The tree cannot be entered.
pub fn resolve_what_can_be(tree: &Path, model: &Tree) -> Result<(Rules, Vec<(Owner, Error)>), Error> {
    let real = RealPaths::new(tree).map_err(|error| Error {
        file: "composer.json".into(),
        field: String::new(),
        reason: error.to_string(),
    })?;
    let mut rules = Rules::default();
    let mut refused = Vec::new();
    for (index, package) in model.packages.iter().enumerate() {
        let mut errors = Vec::new();
        rules.packages.push(of_package(tree, &real, package, &mut errors));
        refused.extend(errors.into_iter().map(|error| (Owner::Package(index), error)));
    }
    for (index, part) in model.root.parts.iter().enumerate() {
        let mut errors = Vec::new();
        let mut resolve = |autoload: &AutoloadRules, field: &str| {
            let (file, field) = (part.file.clone(), field.to_owned());
            // A merged file's rules are relative to the root, but their author is the extension's.
            let confine = part.owner.as_ref().map_or("", ExtensionId::as_str);
            let block = Block { file, field, name: &model.root.name, home: "", confine, target_dir: None };
            block.resolve(tree, &real, autoload, &mut errors)
        };
        let mut resolved = resolve(&part.autoload, "autoload");
        resolved.include_paths = part.include_path.iter().map(|path| join("", path.trim_matches('/'))).collect();
        rules.parts.push((resolved, resolve(&part.autoload_dev, "autoload-dev")));
        refused.extend(errors.into_iter().map(|error| (Owner::Part(index), error)));
    }
    Ok((rules, refused))
}

fn of_package(tree: &Path, real: &RealPaths, package: &Package, errors: &mut Vec<Error>) -> Resolved {
    // What is not installed (a metapackage) cannot autoload anything.
    let Some(install_path) = package.install_path.as_deref() else { return Resolved::default() };
    // Rules of a package with target-dir are relative to the directory above it.
    let home = match &package.target_dir {
        Some(target) => install_path.strip_suffix(&format!("/{}", target.trim_matches('/'))).unwrap_or(install_path),
        None => install_path,
    };
    let block = Block {
        file: "vendor/composer/installed.json".to_owned(),
        field: format!("packages[{}].autoload", package.name),
        name: &package.name,
        home,
        confine: home,
        target_dir: package.target_dir.as_deref(),
    };
    let mut resolved = block.resolve(tree, real, &package.autoload, errors);
    resolved.include_paths = package.include_path.iter().map(|path| join(home, path.trim_matches('/'))).collect();
    resolved
}

/// One `autoload` block with what its paths are relative to.
struct Block<'b> {
    file: String,
    field: String,
    name: &'b str,
    home: &'b str,
    confine: &'b str,
    target_dir: Option<&'b str>,
}

impl Block<'_> {
    fn resolve(&self, tree: &Path, real: &RealPaths, rules: &AutoloadRules, errors: &mut Vec<Error>) -> Resolved {
        let prefixes = |rules: &[(String, Vec<String>)]| -> Vec<(String, Vec<String>)> {
            let normalised = |(prefix, paths): &(String, Vec<String>)| {
                let paths = paths.iter().map(|path| join(self.home, path)).collect();
                (prefix.trim_start_matches('\\').to_owned(), paths)
            };
            rules.iter().map(normalised).collect()
        };
        let mut files = Vec::with_capacity(rules.files.len());
        for path in &rules.files {
            match self.file(tree, real, path) {
                Ok(file) => files.push(file),
                Err(error) => errors.push(error),
            }
        }
        let mut resolved = Resolved {
            confine: self.confine.to_owned(),
            psr4: prefixes(&rules.psr4),
            psr0: prefixes(&rules.psr0),
            classmap: rules
                .classmap
                .iter()
                .map(|path| (join(self.home, &self.targeted(tree, path)), path.clone()))
                .collect(),
            files,
            exclude: rules.exclude_from_classmap.iter().filter_map(|path| self.exclude(tree, real, path)).collect(),
            include_paths: Vec::new(),
        };
        resolved.psr4.retain(|(prefix, _)| {
            let ends = prefix.is_empty() || prefix.ends_with('\\');
            if !ends {
                errors.push(self.error("psr-4", format!("prefix `{prefix}` does not end with `\\`")));
            }
            ends
        });
        resolved
    }

    /// With target-dir, a path that is not there as written lies below the target directory.
    fn targeted(&self, tree: &Path, path: &str) -> String {
        match self.target_dir {
            Some(target) if !tree.join(join(self.home, path)).exists() => format!("{target}/{path}"),
            _ => path.to_owned(),
        }
    }

    fn file(&self, tree: &Path, real: &RealPaths, path: &str) -> Result<File, Error> {
        let written = self.targeted(tree, path);
        let id = hex(&Md5::digest(format!("{}:{written}", self.name)));
        let file = join(self.home, &written);
        let refused = |reason: &str| self.error("files", format!("`{}` {reason}", file.escape_debug()));
        let unread = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => refused("does not exist"),
            _ => refused(&format!(
                "cannot be read ({})",
                error.raw_os_error().map_or(error, io::Error::from_raw_os_error)
            )),
        };
        let path = tree.join(&file);
        // Asked before opening: a pipe may wait, a device may do anything.
        let metadata = fs_err::metadata(&path).map_err(unread)?;
        if !metadata.is_file() {
            return Err(refused("is not a regular file"));
        }
        if !self.confine.is_empty()
            && Path::new(&file).starts_with(self.confine)
            && !real.is_within(&file, self.confine)
        {
            return Err(refused(&format!("leads out of `{}`", self.confine.escape_debug())));
        }
        let mut content = Vec::new();
        disk::open(&path).and_then(|open| open.take(LONGEST + 1).read_to_end(&mut content)).map_err(unread)?;
        if content.len() as u64 > LONGEST {
            return Err(refused(&format!("is longer than {} MiB", LONGEST >> 20)));
        }
        Ok(File { id, path: file, sha256: sha256(&content) })
    }

    /// Leading `./` and `../` of a pattern lead to a real directory that the rest is relative to; without such a
    /// directory the pattern excludes nothing.
    fn exclude(&self, tree: &Path, real: &RealPaths, path: &str) -> Option<Exclude> {
        let path = self.targeted(tree, path).replace('\\', "/");
        let mut pattern = path.trim_matches('/');
        let mut base = self.home.to_owned();
        loop {
            if let Some(rest) = pattern.strip_prefix("../") {
                base.push_str("/..");
                pattern = rest.trim_start_matches('/');
            } else if let Some(rest) = pattern.strip_prefix("./") {
                pattern = rest.trim_start_matches('/');
            } else {
                break;
            }
        }
        let mut single = String::with_capacity(pattern.len());
        for character in pattern.chars() {
            if character != '/' || !single.ends_with('/') {
                single.push(character);
            }
        }
        Some(Exclude { base: real.of(base.trim_start_matches('/'))?, pattern: single })
    }

    fn error(&self, rule: &str, reason: String) -> Error {
        Error { file: self.file.clone(), field: format!("{}.{rule}", self.field), reason }
    }
}

/// Joins and normalises as text: no `.`, no `..` where it can be resolved, no doubled or final slash.
#[must_use]
pub fn join(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in directory.split('/').chain(path.split(['/', '\\'])) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Directories of packages and extensions, to tell whose a file is.
#[derive(Debug, Default)]
pub struct Territories(BTreeSet<String>);

impl Territories {
    /// Those of a tree.
    #[must_use]
    pub fn new(model: &Tree) -> Self {
        let packages = model.packages.iter().filter_map(|package| package.install_path.clone());
        let extensions = model.extensions.iter().map(|extension| extension.id.as_str().to_owned());
        Self(packages.chain(extensions).filter(|path| !path.is_empty()).collect())
    }

    /// The innermost package or extension directory that holds a path.
    #[must_use]
    pub fn of<'p>(&self, path: &'p str) -> Option<&'p str> {
        let mut end = path.len();
        loop {
            let directory = &path[..end];
            if self.0.contains(directory) {
                return Some(directory);
            }
            end = directory.rfind('/')?;
        }
    }

    /// Whether a directory has others' directories below it.
    #[must_use]
    pub fn any_below(&self, directory: &str) -> bool {
        if directory.is_empty() {
            return !self.0.is_empty();
        }
        let from = format!("{directory}/");
        self.0.range(from.clone()..).next().is_some_and(|path| path.starts_with(&from))
    }
}
