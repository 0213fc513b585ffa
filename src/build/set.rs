//! The object file of a build: what one extension adds to the base, as data. `set.json` is exactly this.
//!
//! A set holds everything that linking needs — each package's links, resolved autoload rules and class candidates —
//! so that a bundle is linked from `set.json` files only, without a look at PHP.
//!
//! **Canonical form.** `set.json` is JSON without white space, keys in byte order (the fields below are declared in
//! that order), absent values left out. Its KEY is the first 32 digits of its own SHA-256; the file does not hold
//! the KEY. Class bodies and times are not part of it, digests of `files` are: they run on every request.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::package::{Duplicates, LoaderSettings, RootBlock};
use super::scan::ClassName;
use crate::farm::ExtensionId;
use crate::key::Key;

/// Raised whenever the same input gives other generated files: new names, never new content at an old path.
pub const FORMAT: u32 = 3;

/// One set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Set {
    /// An extension's only: a digest of what its files take from the base without holding it here. The base's block and
    /// loader, its exclusions, where its packages lie, and what it promotes of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<Key>,
    /// The base only: what holds for the whole tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
    /// Those of `packages` that only development requirements need.
    pub dev: Vec<String>,
    /// The extension; `None` for the base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<ExtensionId>,
    /// [`FORMAT`] of the generator that wrote it.
    pub format: u32,
    /// Its manifests, by their names in its directory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub manifests: Vec<String>,
    /// Packages that the base does not have, by name.
    pub packages: Vec<Package>,
    /// Parts of the root that the base does not have, in merge order.
    pub parts: Vec<Part>,
    /// Packages of the base that only development requirements need there, and this extension needs always.
    pub promoted: Vec<String>,
    /// Extensions that this one pulls in, in load order.
    pub requires: Vec<ExtensionId>,
    /// The runtime that its PHP files name.
    pub runtime: Key,
}

/// What the base set says of the whole tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// The root as `installed.php` describes it.
    pub block: RootBlock,
    /// What the merge plugin does with requirements that are there already.
    pub duplicates: Duplicates,
    /// Whether Composer left its class `Composer\InstalledVersions` in `vendor/composer`.
    pub installed_versions: bool,
    /// How the loader works.
    pub loader: LoaderSettings,
    /// The root's name, from which identifiers of its `files` are made.
    pub name: String,
}

/// One package, ready for linking. Paths are relative to the tree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Package {
    /// Pretty versions of its aliases, each with the root part that asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Alias>,
    /// Its resolved autoload rules.
    pub autoload: Autoload,
    /// Directories for the include path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_paths: Vec<String>,
    /// Where it lies; absent for a metapackage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install_path: Option<String>,
    /// Its name, in lower case.
    pub name: String,
    /// Its name as written, which packages are ordered by, when that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretty_name: Option<String>,
    /// `provide`: target, constraint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provide: Vec<(String, String)>,
    /// Its reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// `replace`: target, constraint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<(String, String)>,
    /// `require`: target, constraint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<(String, String)>,
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Pretty version.
    pub version: String,
    /// Normalised version.
    pub version_normalized: String,
}

impl Package {
    /// Its name as written.
    #[must_use]
    pub fn pretty_name(&self) -> &str {
        self.pretty_name.as_deref().unwrap_or(&self.name)
    }
}

/// Another version of a package.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Alias {
    /// The root part whose inline alias this is; absent for a branch alias, which always holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_by: Option<String>,
    /// Pretty version.
    pub version: String,
}

/// One file's contribution to the root, ready for linking.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Part {
    /// `autoload`, resolved.
    pub autoload: Autoload,
    /// `autoload-dev`, resolved; the root's development rules come after all others.
    #[serde(default, skip_serializing_if = "Autoload::is_empty")]
    pub autoload_dev: Autoload,
    /// The file.
    pub file: String,
    /// Directories for the include path.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_paths: Vec<String>,
    /// Its place among all parts of the tree: merge order.
    pub order: usize,
    /// `provide`: target, constraint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub provide: Vec<(String, String)>,
    /// `replace`: target, constraint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<(String, String)>,
    /// Requirements on the platform: target, constraint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require: Vec<(String, String)>,
}

/// Resolved autoload rules with class candidates.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Autoload {
    /// `classmap` rules, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classmap: Vec<Directory>,
    /// `exclude-from-classmap` patterns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<Exclude>,
    /// `files`, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    /// `psr-0`: prefix → directories, in the order written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub psr0: Vec<(String, Vec<Directory>)>,
    /// `psr-4`, likewise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub psr4: Vec<(String, Vec<Directory>)>,
}

impl Autoload {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classmap.is_empty()
            && self.exclude.is_empty()
            && self.files.is_empty()
            && self.psr0.is_empty()
            && self.psr4.is_empty()
    }
}

/// A directory (or file) that a rule names, with the class candidates found there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Directory {
    /// Files that declare classes this rule accepts, by path. Files that the owner's own exclusions cover are left
    /// out already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<Candidates>,
    /// The path.
    pub path: String,
    /// Its real path, when that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<String>,
}

/// A file and the classes that a rule accepts from it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Candidates {
    /// The classes; shared with the scan, since most rules accept all that a file declares.
    pub classes: Arc<[ClassName]>,
    /// The package or extension directory that holds the file, when that is not the rule's own: the file counts
    /// only for wikis that have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<String>,
    /// The file.
    pub path: String,
    /// Its real path, when that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real: Option<String>,
}

/// A file to load always.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Composer's identifier: MD5 of `name:path`.
    pub id: String,
    /// The file.
    pub path: String,
    /// SHA-256 of its content when the set was made.
    pub sha256: String,
}

/// An `exclude-from-classmap` pattern below a real directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exclude {
    /// The real directory that the pattern is relative to.
    pub base: String,
    /// The pattern, with `*` and `**`.
    pub pattern: String,
}

impl Set {
    /// The canonical JSON; see the module.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Fields are declared in byte order of their names and maps are lists here, so serde's output is canonical.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The KEY of a set with this JSON.
    #[must_use]
    pub fn key(json: &[u8]) -> Key {
        Key::of(json)
    }
}
