//! Farms for tests: what they consist of, how they are generated, and how a real Composer installs them.

pub(crate) mod composer;
pub(crate) mod corpus;
pub(crate) mod generate;
pub(crate) mod random;
pub(crate) mod reference;
pub(crate) mod source;
pub(crate) mod world;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use source::Sources;

/// The repository's name of the merge plugin, which core's `composer.json` requires.
pub(crate) const MERGE_PLUGIN: &str = "wikimedia/composer-merge-plugin";

/// A tree and the packages it can be made of: everything a test knows before Composer has run.
#[derive(Debug, Clone)]
pub(crate) struct Farm {
    /// What a failing test calls it, with the seed.
    pub(crate) name: String,
    /// The root `composer.json`.
    pub(crate) root: Value,
    /// `composer.local.json`, when there is one.
    pub(crate) local: Option<Value>,
    /// Requirements that Composer was given when it installed the tree and that no file of the tree states:
    /// MediaWiki's own vendor repository holds libraries in this way.
    pub(crate) unlisted: Map<String, Value>,
    /// Whether development requirements are installed.
    pub(crate) dev: bool,
    /// The root's own PHP files.
    pub(crate) sources: Sources,
    /// All packages in all versions.
    pub(crate) packages: Vec<Package>,
    /// All extensions and skins.
    pub(crate) extensions: Vec<Extension>,
}

/// One version of one package.
#[derive(Debug, Clone)]
pub(crate) struct Package {
    /// Its `composer.json` with `version`; `dist` is added when it is published.
    pub(crate) manifest: Value,
    /// Its files; `composer.json` only when the package ships it.
    pub(crate) sources: Sources,
}

/// One extension or skin.
#[derive(Debug, Clone)]
pub(crate) struct Extension {
    /// Its directory: `extensions/Alpha`.
    pub(crate) id: String,
    /// How it came into the tree.
    pub(crate) kind: Kind,
    /// The directories it needs, by Composer's edges and by extension registration's, as the generator drew them.
    pub(crate) needs: BTreeSet<String>,
}

/// How an extension came into a tree.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Composer installed this package there.
    Package(String),
    /// It was unpacked there.
    Directory {
        /// Its `composer.json`, if it has one.
        composer: Option<Value>,
        /// Whether an include of the merge plugin covers that file.
        covered: bool,
        /// Its files, `composer.json` left out.
        sources: Sources,
    },
}

impl Package {
    /// Its name in lower case.
    pub(crate) fn name(&self) -> String {
        self.manifest["name"].as_str().expect("a package has a name").to_lowercase()
    }

    /// Its version as written.
    pub(crate) fn version(&self) -> &str {
        self.manifest["version"].as_str().expect("a package has a version")
    }
}

impl Farm {
    /// The extension of that directory.
    pub(crate) fn extension(&self, id: &str) -> &Extension {
        self.extensions.iter().find(|extension| extension.id == id).expect("an extension of this farm")
    }

    /// S*: what the extensions `wanted` turn on together, over both kinds of edges.
    pub(crate) fn closure(&self, wanted: &BTreeSet<String>) -> BTreeSet<String> {
        let mut closed = BTreeSet::new();
        let mut waiting: Vec<&str> = wanted.iter().map(String::as_str).collect();
        while let Some(id) = waiting.pop() {
            if closed.insert(id.to_owned()) {
                waiting.extend(self.extension(id).needs.iter().map(String::as_str));
            }
        }
        closed
    }

    /// The directories of all extensions.
    pub(crate) fn all(&self) -> BTreeSet<String> {
        self.extensions.iter().map(|extension| extension.id.clone()).collect()
    }

    /// Names of the packages that are extensions.
    pub(crate) fn extension_packages(&self) -> BTreeSet<&str> {
        let package = |extension: &'_ Extension| matches!(extension.kind, Kind::Package(_));
        self.extensions
            .iter()
            .filter(|extension| package(extension))
            .map(|extension| match &extension.kind {
                Kind::Package(name) => name.as_str(),
                Kind::Directory { .. } => unreachable!("only packages are left"),
            })
            .collect()
    }

    /// Every class that any file of the farm declares, with the number of files that do.
    pub(crate) fn classes(&self) -> BTreeMap<String, usize> {
        let mut files: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut add = |owner: &str, sources: &Sources| {
            for (class, path) in &sources.classes {
                files.entry(class.clone()).or_default().insert(format!("{owner}/{path}"));
            }
        };
        add("", &self.sources);
        for package in &self.packages {
            add(&package.name(), &package.sources);
        }
        for extension in &self.extensions {
            if let Kind::Directory { sources, .. } = &extension.kind {
                add(&extension.id, sources);
            }
        }
        files.into_iter().map(|(class, files)| (class, files.len())).collect()
    }

    /// Every global function that any file of the farm defines.
    pub(crate) fn functions(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.sources.functions.iter().cloned().collect();
        names.extend(self.packages.iter().flat_map(|package| package.sources.functions.iter().cloned()));
        for extension in &self.extensions {
            if let Kind::Directory { sources, .. } = &extension.kind {
                names.extend(sources.functions.iter().cloned());
            }
        }
        names
    }

    /// Every package name that occurs: of packages, and of what they and the root replace, provide or require.
    pub(crate) fn package_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let manifests = self.packages.iter().map(|package| &package.manifest).chain([&self.root]).chain(&self.local);
        for manifest in manifests {
            names.extend(manifest["name"].as_str().map(str::to_lowercase));
            for links in ["require", "require-dev", "replace", "provide"] {
                if let Some(links) = manifest[links].as_object() {
                    names.extend(links.keys().map(|name| name.to_lowercase()));
                }
            }
        }
        names
    }
}
