//! The model of one tree, as `manifest` reads it: packages, the root in its parts, extensions. Data only.
//!
//! All paths are relative to the tree (the directory of the root `composer.json`), normalised, with `/` between
//! the parts, without a trailing slash; the tree itself is the empty text. A path may begin with `../`.

use std::collections::BTreeMap;

use crate::farm::ExtensionId;

/// Everything that a build knows of a tree before it looks at PHP.
#[derive(Debug, Clone)]
pub struct Tree {
    /// The root package.
    pub root: Root,
    /// The locked versions L in the order of `installed.json`: by name as written there (bytes). Alias packages are
    /// not listed.
    pub packages: Vec<Package>,
    /// Which of them are not where they were installed, by index.
    pub absent: Vec<usize>,
    /// Every extension and skin of the tree, ordered by id.
    pub extensions: Vec<Extension>,
    /// How Composer wrote the tree's autoloader.
    pub loader: LoaderSettings,
    /// Whether the tree was installed with development requirements (`installed.json`, `dev`).
    pub dev: bool,
    /// `config.platform` of the root: pretended versions of `php` and `ext-*`; `None` means pretended absent.
    pub platform: BTreeMap<String, Option<String>>,
    /// MediaWiki's version, as `includes/Defines.php` defines it, when that file exists.
    pub mediawiki_version: Option<String>,
    /// What was odd but usable, in the order found.
    pub warnings: Vec<String>,
    /// The root package that Composer's `installed.php` describes, when that is another one: name and directory, as in
    /// a vendor directory that was installed apart. `composer.json` is then taken as the root.
    pub other_root: Option<(String, String)>,
}

/// The root package: `composer.json` with everything that the merge plugin adds, kept in its parts.
#[derive(Debug, Clone)]
pub struct Root {
    /// Its `name`, in lower case; `__root__` without one. Identifiers of its `files` are made from it.
    pub name: String,
    /// The block `root` of Composer's `installed.php`, which `installed.json` lacks.
    pub block: RootBlock,
    /// `composer.json` first, then every merged file in the order of the merge plugin, then the directories
    /// that no include covers (only their `require` counts).
    pub parts: Vec<RootPart>,
    /// What the merge plugin does with a requirement that is there already.
    pub duplicates: Duplicates,
}

/// What the merge plugin does with a requirement that the root has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// Both constraints must hold (its default).
    Merge,
    /// The first one stays (`ignore-duplicates`).
    Ignore,
    /// The last one stays (`replace`).
    Replace,
}

/// One file's contribution to the root.
#[derive(Debug, Clone, Default)]
pub struct RootPart {
    /// The file: `composer.json`, `composer.local.json`, `extensions/Foo/composer.json`.
    pub file: String,
    /// The extension whose directory holds the file; `None` for the base.
    pub owner: Option<ExtensionId>,
    /// `require`, then `require-dev` when it counts.
    pub require: Vec<Link>,
    /// `replace`.
    pub replace: Vec<Link>,
    /// `provide`.
    pub provide: Vec<Link>,
    /// `conflict`.
    pub conflict: Vec<Link>,
    /// `autoload`, its paths made relative to the tree.
    pub autoload: AutoloadRules,
    /// `autoload-dev`, its paths made relative to the tree; empty unless it counts.
    pub autoload_dev: AutoloadRules,
    /// `include-path` (only the first part's counts).
    pub include_path: Vec<String>,
}

/// The root as `installed.php` describes it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RootBlock {
    /// `name`.
    pub name: String,
    /// `pretty_version`.
    pub pretty_version: String,
    /// `version`, normalised.
    pub version: String,
    /// `reference`.
    pub reference: Option<String>,
    /// `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `install_path`, as the text after `__DIR__ . '/`, relative to `vendor/composer`.
    pub install_path: String,
    /// `aliases`.
    pub aliases: Vec<String>,
    /// `dev`.
    pub dev: bool,
}

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its name, in lower case.
    pub name: String,
    /// Its name as written, which Composer orders packages by.
    pub pretty_name: String,
    /// `version`, as the package writes it.
    pub version: String,
    /// `version_normalized`.
    pub version_normalized: String,
    /// `type`, `library` when not given.
    pub kind: String,
    /// The reference that Composer shows for it: of the dist or of the source, as `installation-source` says.
    pub reference: Option<String>,
    /// Pretty versions of its alias packages (branch alias, default branch, the root's inline aliases).
    pub aliases: Vec<Alias>,
    /// Whether only development requirements need it (`dev-package-names`).
    pub dev: bool,
    /// Where it lies; `None` for a metapackage.
    pub install_path: Option<String>,
    /// `target-dir`.
    pub target_dir: Option<String>,
    /// `require`, with `self.version` replaced.
    pub require: Vec<Link>,
    /// `replace`, with `self.version` kept in [`Link::constraint`].
    pub replace: Vec<Link>,
    /// `provide`, likewise.
    pub provide: Vec<Link>,
    /// `conflict`.
    pub conflict: Vec<Link>,
    /// `autoload`, its paths relative to the package.
    pub autoload: AutoloadRules,
    /// `include-path`, relative to the package.
    pub include_path: Vec<String>,
}

/// Another version under which a package is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alias {
    /// As it is shown: `2.x-dev`.
    pub version: String,
    /// Normalised.
    pub version_normalized: String,
    /// The root part (its `file`) that asks for it by `dev-main as 1.0.0`; `None` for a branch alias.
    pub asked_by: Option<String>,
}

/// A requirement, replacement, provision or conflict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The other package, in lower case.
    pub target: String,
    /// The constraint as written.
    pub constraint: String,
    /// Whether `require-dev` holds it.
    pub dev: bool,
}

/// The rules of one `autoload` block, in the order written. Paths are checked but keep their spelling, since Composer
/// makes the identifiers of `files` from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AutoloadRules {
    /// Namespace prefix → directories.
    pub psr4: Vec<(String, Vec<String>)>,
    /// Namespace or class prefix → directories.
    pub psr0: Vec<(String, Vec<String>)>,
    /// Files and directories to scan.
    pub classmap: Vec<String>,
    /// Files to load always.
    pub files: Vec<String>,
    /// Patterns that no scan enters.
    pub exclude_from_classmap: Vec<String>,
}

impl AutoloadRules {
    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An extension or a skin of the tree.
#[derive(Debug, Clone)]
pub struct Extension {
    /// Its directory.
    pub id: ExtensionId,
    /// The installed package that lies there, when Composer put it there.
    pub package: Option<String>,
    /// `name` of the `composer.json` in the directory, in lower case.
    pub composer_name: Option<String>,
    /// Whether a merge-plugin include covers its `composer.json`; always false for an installed package.
    pub included: bool,
    /// Its `extension.json`, `skin.json` and `extension-*.json`, by file name.
    pub manifests: Vec<ExtensionManifest>,
}

/// What mwfarm needs of an `extension.json` or `skin.json`.
#[derive(Debug, Clone, Default)]
pub struct ExtensionManifest {
    /// The file, relative to the tree.
    pub file: String,
    /// `name`: what other manifests require it by.
    pub name: Option<String>,
    /// `version`.
    pub version: Option<String>,
    /// `requires.MediaWiki`.
    pub mediawiki: Option<String>,
    /// `requires.platform`: `php` and `ext-*`.
    pub platform: Vec<Link>,
    /// `requires.extensions`; targets are manifest names, in their own case.
    pub extensions: Vec<Link>,
    /// `requires.skins`, likewise.
    pub skins: Vec<Link>,
    /// `load_composer_autoloader`.
    pub load_composer_autoloader: bool,
}

/// How the tree's Composer wrote its autoloader; each bundle does the same.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of Composer's")]
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LoaderSettings {
    /// A miss in the class map is final (`classmap-authoritative`).
    pub authoritative: bool,
    /// PSR-0 and PSR-4 directories are scanned into the class map (`optimize-autoloader`).
    pub optimize: bool,
    /// The loader goes before those registered already (`prepend-autoloader`).
    pub prepend: bool,
    /// The include path is searched too (`use-include-path`).
    pub use_include_path: bool,
    /// What the platform check covers (`platform-check`).
    pub platform_check: PlatformCheck,
}

/// The values of `config.platform-check`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformCheck {
    /// No check.
    Off,
    /// PHP's version only (Composer's default).
    PhpOnly,
    /// PHP's version and extensions.
    Full,
}
