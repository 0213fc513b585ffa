//! Reference(S): what Composer makes when just the extensions of S are installed at the locked versions.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::composer::{self, Refusal};
use super::world::{World, names, repository, write_json};
use super::{Extension, Farm, Kind};

impl World {
    /// Builds Reference(`wanted`) in the directory `name` beside the tree and returns its path.
    ///
    /// The root is the tree's, its requirements on extension packages taken out; each extension of the closure adds
    /// a requirement (a package), an include (a directory that an include covers) or its own requirements (a
    /// directory that none covers). The repository holds just the locked versions. Composer installs, then dumps
    /// the autoloader from disk: the order of packages is that of `installed.json`, as in the tree.
    ///
    /// # Errors
    /// What Composer says when these extensions cannot be installed without others.
    pub(crate) fn reference(&self, wanted: &BTreeSet<String>, name: &str) -> Result<PathBuf, Refusal> {
        let home = self.directory().join("home-locked");
        if !home.exists() {
            let mut offered = repository(self.locked_packages().into_iter());
            // Of what is offered to every farm, too, the tree has one version.
            offered.retain(|package| {
                let name = package["name"].as_str().unwrap_or_default().to_lowercase();
                self.locked.get(&name).is_none_or(|version| package["version"] == *version)
            });
            composer::write_home(&home, &offered);
        }
        let tree = self.directory().join(name);
        let closure = self.farm.closure(wanted);
        let extensions: Vec<&Extension> = closure.iter().map(|id| self.farm.extension(id)).collect();
        self.write_tree(&tree, &extensions);
        self.write_root(&tree, &extensions);
        let development: &[&str] = if self.farm.dev { &[] } else { &["--no-dev"] };
        let done = composer::run(&tree, &home, &[&["update", "--no-autoloader"], development].concat())
            .and_then(|()| composer::run(&tree, &home, &[&["dump-autoload"], development].concat()));
        if let Err(refusal) = done {
            fs::remove_dir_all(&tree).expect("the refused reference is removed");
            return Err(refusal);
        }
        Ok(tree)
    }

    fn write_root(&self, tree: &Path, extensions: &[&Extension]) {
        let extension_packages = self.farm.extension_packages();
        let take_out = |manifest: &mut Value| {
            for links in ["require", "require-dev"] {
                if let Some(links) = manifest.get_mut(links).and_then(Value::as_object_mut) {
                    links.retain(|name, _| !extension_packages.contains(name.to_lowercase().as_str()));
                }
            }
        };
        let mut root = self.farm.root.clone();
        take_out(&mut root);
        if !self.farm.dev {
            root.as_object_mut().expect("the root is an object").shift_remove("require-dev");
        }
        let require = root["require"].as_object_mut().expect("the root requires something");
        for name in self.orphans() {
            require.insert(name.clone(), json!(self.locked[name]));
        }
        for extension in extensions {
            match &extension.kind {
                Kind::Package(name) => {
                    require.insert(name.clone(), json!(self.locked[name]));
                }
                Kind::Directory { composer: Some(composer), covered: false, .. } => {
                    self.merge_requirements(require, &composer["require"]);
                }
                Kind::Directory { .. } => {}
            }
        }
        narrow_includes(&mut root, extensions);
        write_json(&tree.join("composer.json"), &root);
        if let Some(local) = &self.farm.local {
            let mut local = local.clone();
            take_out(&mut local);
            narrow_includes(&mut local, extensions);
            write_json(&tree.join("composer.local.json"), &local);
        }
    }

    /// Adds the requirements of a directory that no include covers. Versions are fixed, so for a package it only
    /// matters that it is required; for the platform both bounds hold.
    fn merge_requirements(&self, require: &mut Map<String, Value>, wanted: &Value) {
        for (name, constraint) in wanted.as_object().into_iter().flatten() {
            let platform = !name.contains('/');
            let installable = platform || self.is_locked(name);
            match require.get_mut(name) {
                Some(present) if platform => {
                    let both = format!("{}, {}", present.as_str().unwrap_or("*"), constraint.as_str().unwrap_or("*"));
                    *present = json!(both);
                }
                Some(_) => {}
                // The installer for extensions is no requirement at run time: without it a directory works.
                None if !installable => assert_eq!(name, "composer/installers", "a farm whose locked set is complete"),
                None => {
                    require.insert(name.clone(), constraint.clone());
                }
            }
        }
    }

    /// Whether a locked package has this name, replaces it or provides it.
    fn is_locked(&self, name: &str) -> bool {
        let other = |package: &&super::Package| {
            let manifest = &package.manifest;
            [names(&manifest["replace"]), names(&manifest["provide"])].concat().iter().any(|other| other == name)
        };
        self.locked.contains_key(name) || self.locked_packages().iter().any(other)
    }
}

impl Farm {
    /// Whether the merge plugin merges development requirements.
    pub(crate) fn merges_dev(&self) -> bool {
        let settings = self.root.pointer("/extra/merge-plugin/merge-dev");
        settings.and_then(Value::as_bool).unwrap_or(true)
    }
}

/// Where a package is among the extensions, puts the files that the includes of the merge plugin cover in place of
/// its patterns, in the order in which it meets them: pattern by pattern, the matches of one pattern ordered by their
/// whole path. (A pattern would also cover the directory into which Composer installs the package.)
fn narrow_includes(manifest: &mut Value, extensions: &[&Extension]) {
    let Some(Value::Array(patterns)) = manifest.pointer_mut("/extra/merge-plugin/include") else { return };
    if !extensions.iter().any(|extension| matches!(extension.kind, Kind::Package(_))) {
        return;
    }
    let mut files: Vec<String> = Vec::new();
    for pattern in patterns.iter() {
        let pattern = pattern.as_str().expect("a pattern is a text");
        if pattern == "composer.local.json" {
            files.push(pattern.to_owned());
            continue;
        }
        let (before, after) = pattern.split_once('*').unwrap_or((pattern, ""));
        let matches = |file: &String| {
            if pattern.contains('*') { file.starts_with(before) && file.ends_with(after) } else { file == pattern }
        };
        let covered = |extension: &&&Extension| {
            matches!(extension.kind, Kind::Directory { covered: true, composer: Some(_), .. })
        };
        let candidates = extensions.iter().filter(covered).map(|extension| format!("{}/composer.json", extension.id));
        let mut files_of_pattern: Vec<String> =
            candidates.filter(matches).filter(|file| !files.contains(file)).collect();
        files_of_pattern.sort();
        files.extend(files_of_pattern);
    }
    *patterns = files.into_iter().map(Value::from).collect();
}
