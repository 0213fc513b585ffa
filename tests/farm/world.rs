//! A farm on disk: the packages of its repository, the tree as Composer left it, and references beside it.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::composer::{self, Refusal};
use super::{Extension, Farm, Kind, Package};

/// A farm on disk. The directory goes when this value does, unless [`World::keep`] was called.
#[derive(Debug)]
pub(crate) struct World {
    /// What was installed.
    pub(crate) farm: Farm,
    /// Version by package, as `installed.json` has them: L.
    pub(crate) locked: BTreeMap<String, String>,
    directory: tempfile::TempDir,
    orphans: OnceCell<BTreeSet<String>>,
}

impl World {
    /// Installs everything of the farm with Composer: the tree T.
    ///
    /// # Errors
    /// What Composer says when the farm cannot be installed.
    pub(crate) fn new(farm: Farm) -> Result<Self, Refusal> {
        let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let directory = tempfile::Builder::new().prefix("farm-").tempdir_in(parent).expect("a temporary directory");
        let mut world = Self { farm, locked: BTreeMap::new(), directory, orphans: OnceCell::new() };
        world.install()?;
        Ok(world)
    }

    /// The tree T.
    pub(crate) fn tree(&self) -> PathBuf {
        self.directory.path().join("tree")
    }

    /// The directory of everything.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Keeps the directory and tells where it is.
    pub(crate) fn keep(&mut self) -> PathBuf {
        self.directory.disable_cleanup(true);
        self.directory.path().to_owned()
    }

    /// The packages of L as a repository offers them, ordered as the farm has them.
    pub(crate) fn locked_packages(&self) -> Vec<&Package> {
        let locked = |package: &&Package| self.locked.get(&package.name()).is_some_and(|at| at == package.version());
        self.farm.packages.iter().filter(locked).collect()
    }

    /// Packages of L that no part of the root and no package of L requires, neither by name nor by what they
    /// replace or provide.
    pub(crate) fn orphans(&self) -> &BTreeSet<String> {
        self.orphans.get_or_init(|| {
            let packages = self.locked_packages();
            let mut required = BTreeSet::new();
            let mut require = |manifest: &Value, links: &str| required.extend(names(&manifest[links]));
            for manifest in [Some(&self.farm.root), self.farm.local.as_ref()].into_iter().flatten() {
                require(manifest, "require");
                if self.farm.dev {
                    require(manifest, "require-dev");
                }
            }
            for extension in &self.farm.extensions {
                if let Kind::Directory { composer: Some(composer), .. } = &extension.kind {
                    require(composer, "require");
                    if self.farm.dev && self.farm.merges_dev() {
                        require(composer, "require-dev");
                    }
                }
            }
            for package in &packages {
                require(&package.manifest, "require");
            }
            // What a package provides does not count: Composer never brings in a package for what it provides, so
            // one that is there for nothing else is needed by nobody.
            let answers_to = |package: &Package| [vec![package.name()], names(&package.manifest["replace"])].concat();
            packages
                .iter()
                .filter(|package| !answers_to(package).iter().any(|name| required.contains(name)))
                .map(|package| package.name())
                .collect()
        })
    }

    fn install(&mut self) -> Result<(), Refusal> {
        self.publish_packages();
        let home = self.directory.path().join("home");
        composer::write_home(&home, &repository(self.farm.packages.iter()));
        let tree = self.tree();
        self.write_tree(&tree, &self.farm.extensions.iter().collect::<Vec<_>>());

        let mut root = self.farm.root.clone();
        for (name, constraint) in &self.farm.unlisted {
            let require = root["require"].as_object_mut().expect("the root requires something");
            require.entry(name).or_insert_with(|| constraint.clone());
        }
        write_json(&tree.join("composer.json"), &root);
        let development: &[&str] = if self.farm.dev { &[] } else { &["--no-dev"] };
        composer::run(&tree, &home, &[&["update"], development].concat())?;
        composer::run(&tree, &home, &[&["dump-autoload"], development].concat())?;
        write_json(&tree.join("composer.json"), &self.farm.root);

        let installed = fs::read(tree.join("vendor/composer/installed.json")).expect("Composer wrote installed.json");
        let installed: Value = serde_json::from_slice(&installed).expect("installed.json is JSON");
        for package in installed["packages"].as_array().expect("installed.json lists packages") {
            let text = |field: &str| package[field].as_str().expect("name and version are texts").to_owned();
            self.locked.insert(text("name").to_lowercase(), text("version"));
        }
        Ok(())
    }

    /// Writes every version of every package below `packages/`, where the repository's `dist` points.
    fn publish_packages(&self) {
        for package in &self.farm.packages {
            let directory = self.directory.path().join("packages").join(slug(package));
            fs::create_dir_all(&directory).expect("a directory");
            write_files(&directory, &package.sources.files);
            if package.sources.files.is_empty() {
                // Composer forgets installed packages whose directory does not exist, and copies no empty one.
                fs::write(directory.join("README"), "This package has no code.\n").expect("a file");
            }
        }
    }

    /// Writes a tree without its `composer.json`, with the directories of `extensions` that are not packages.
    pub(crate) fn write_tree(&self, tree: &Path, extensions: &[&Extension]) {
        copy_directory(&composer::first_vendor(), &tree.join("vendor"));
        write_files(tree, &self.farm.sources.files);
        if let Some(local) = &self.farm.local {
            write_json(&tree.join("composer.local.json"), local);
        }
        for extension in extensions {
            if let Kind::Directory { composer, sources, .. } = &extension.kind {
                let directory = tree.join(&extension.id);
                fs::create_dir_all(&directory).expect("a directory");
                write_files(&directory, &sources.files);
                if let Some(composer) = composer {
                    write_json(&directory.join("composer.json"), composer);
                }
            }
        }
    }
}

/// What a repository of these packages lists, the plugins with them.
pub(crate) fn repository<'a>(packages: impl Iterator<Item = &'a Package>) -> Vec<Value> {
    let publish = |package: &Package| {
        let mut manifest = package.manifest.clone();
        if manifest["type"] != "metapackage" {
            let mut dist = json!({ "type": "path", "url": format!("../packages/{}", slug(package)) });
            if let Some(reference) = manifest.as_object_mut().and_then(|fields| fields.shift_remove("reference")) {
                dist["reference"] = reference;
            }
            manifest["dist"] = dist;
        }
        manifest
    };
    packages.map(publish).chain(composer::offered()).collect()
}

/// The names of a block of links, in lower case.
pub(crate) fn names(links: &Value) -> Vec<String> {
    links.as_object().map(|links| links.keys().map(|name| name.to_lowercase()).collect()).unwrap_or_default()
}

/// The directory of a package version below `packages/`.
fn slug(package: &Package) -> String {
    format!("{}@{}", package.name(), package.version()).replace('/', "+")
}

/// Writes files below a directory.
fn write_files(directory: &Path, files: &BTreeMap<String, String>) {
    for (path, text) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
}

/// Writes JSON as people do.
pub(crate) fn write_json(path: &Path, value: &Value) {
    fs::create_dir_all(path.parent().expect("a file lies in a directory")).expect("a directory");
    fs::write(path, serde_json::to_string_pretty(value).expect("JSON") + "\n").expect("a file");
}

/// Copies a directory of plain files.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    let mut waiting = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = waiting.pop() {
        fs::create_dir_all(&to).expect("a directory");
        for entry in fs::read_dir(&from).expect("a directory") {
            let entry = entry.expect("a directory entry");
            let target = to.join(entry.file_name());
            if entry.file_type().expect("a file type").is_dir() {
                waiting.push((entry.path(), target));
            } else {
                fs::copy(entry.path(), target).expect("a copy");
            }
        }
    }
}
