//! Reads what a directory of MediaWiki has: its version, and the extensions that settings name.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::extensions::Facts;
use crate::disk;
use crate::farm::ExtensionId;

/// A directory of MediaWiki.
#[derive(Debug)]
pub struct Tree {
    /// The directory.
    pub directory: PathBuf,
    /// Where it is when settings are loaded: the same, but for a tree that is not at its place yet.
    pub place: PathBuf,
    /// `MW_VERSION`, or `$wgVersion` of old releases; empty when it is not to be found.
    pub release: String,
    /// Whether it has extension registration, as all have since 1.25.
    pub registration: bool,
    /// Whether it is none, and everything may be there.
    any: bool,
    facts: RefCell<BTreeMap<ExtensionId, Rc<Facts>>>,
}

/// Whether a directory is one of MediaWiki: releases before 1.40 have `DefaultSettings.php`, all since 1.35 `Defines.php`.
#[must_use]
pub fn is_mediawiki(directory: &Path) -> bool {
    ["includes/Defines.php", "includes/DefaultSettings.php"].iter().any(|file| is_file(&directory.join(file)))
}

impl Tree {
    /// Looks at a directory.
    ///
    /// # Errors
    /// Those of the system.
    pub fn read(directory: &Path) -> io::Result<Self> {
        let defines = disk::read_optional(&directory.join("includes/Defines.php"))?.unwrap_or_default();
        let release = release(&String::from_utf8_lossy(&defines)).unwrap_or_default();
        let registration = is_file(&directory.join("includes/registration/ExtensionRegistry.php"))
            || is_file(&directory.join("includes/Registration/ExtensionRegistry.php"));
        let (directory, place) = (directory.to_owned(), directory.to_owned());
        Ok(Self { directory, place, release, registration, any: false, facts: RefCell::default() })
    }

    /// What stands for the trees of wikis that each have one of their own: it has whatever is asked for.
    #[must_use]
    pub fn any(directory: &Path) -> Self {
        let (directory, place) = (directory.to_owned(), directory.to_owned());
        Self { directory, place, release: String::new(), registration: true, any: true, facts: RefCell::default() }
    }

    /// What it has of an extension or skin.
    #[must_use]
    pub fn facts(&self, id: &ExtensionId) -> Rc<Facts> {
        if let Some(facts) = self.facts.borrow().get(id) {
            return Rc::clone(facts);
        }
        let facts = Rc::new(self.look(id));
        self.facts.borrow_mut().insert(id.clone(), Rc::clone(&facts));
        facts
    }

    /// The setting of an extension or skin that may have been meant: one with the same name in other letters, or of the
    /// other kind.
    #[must_use]
    pub fn meant(&self, id: &ExtensionId) -> Option<String> {
        let plain = |name: &str| name.to_ascii_lowercase().replace(['_', '-'], "");
        let wanted = plain(id.name());
        let mut close = None;
        for (directory, switch) in [("extensions", "wgUseExtension"), ("skins", "wgUseSkin")] {
            let names = disk::names(&self.directory.join(directory)).unwrap_or_default();
            if let Some(name) = names.iter().find(|name| plain(name) == wanted) {
                return Some(format!("{switch}{name}"));
            }
            let begins = |name: &&String| wanted.len() > 4 && plain(name).starts_with(&wanted);
            let near = names.iter().find(begins).cloned();
            close = close.or(near
                .or_else(|| super::near(id.name(), names.iter().map(String::as_str)).map(str::to_owned))
                .map(|name| format!("{switch}{name}")));
        }
        close
    }

    fn look(&self, id: &ExtensionId) -> Facts {
        let usual = if id.is_skin() { "skin.json" } else { "extension.json" };
        if self.any {
            return Facts { exists: true, manifests: vec![usual.to_owned()], entry: true, composer: true };
        }
        let directory = self.directory.join(id.as_str());
        let Ok(names) = disk::names(&directory) else { return Facts::default() };
        let kind = if id.is_skin() { "skin" } else { "extension" };
        let usual = format!("{kind}.json");
        let manifests = if names.contains(&usual) {
            vec![usual]
        } else {
            let other =
                |name: &&String| name.strip_suffix(".json").is_some_and(|stem| stem.starts_with(&format!("{kind}-")));
            names.iter().filter(other).cloned().collect()
        };
        Facts {
            exists: !names.is_empty(),
            manifests,
            entry: names.contains(&format!("{}.php", id.name())),
            composer: names.contains("composer.json"),
        }
    }
}

fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// The text of `define( 'MW_VERSION', '1.39.17' );`.
fn release(defines: &str) -> Option<String> {
    let (_, behind) = defines.split_once("'MW_VERSION'")?;
    let line = behind.lines().next()?;
    let text = line.split('\'').nth(1)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | '~');
    text.chars().all(plain).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn releases_are_read() {
        assert_eq!(release("<?php\ndefine( 'MW_VERSION', '1.39.17' );\n"), Some("1.39.17".to_owned()));
        assert_eq!(release("define( 'MW_VERSION', X );\n'a'"), None);
        assert_eq!(release("define( 'MW_VERSION', '$(x)' );"), None);
    }

    #[test]
    fn extensions_are_what_their_directories_hold() {
        let tree = tempfile::tempdir().unwrap();
        for (directory, files) in [
            ("extensions/New", &["extension.json", "extension-old.json", "New.php", "composer.json"][..]),
            ("extensions/Two", &["extension-repo.json", "extension-client.json"]),
            ("extensions/Old", &["Old.php"]),
            ("extensions/Wrong", &["skin.json"]),
            ("skins/vector", &["skin.json"]),
        ] {
            let directory = tree.path().join(directory);
            fs::create_dir_all(&directory).unwrap();
            for file in files {
                fs::write(directory.join(file), "").unwrap();
            }
        }
        let read = Tree::read(tree.path()).unwrap();
        let facts = |name: &str| {
            let facts = read.facts(&ExtensionId::new(name).unwrap());
            (facts.exists, facts.manifests.join(" "), facts.entry, facts.composer)
        };
        assert_eq!(facts("extensions/New"), (true, "extension.json".to_owned(), true, true));
        assert_eq!(
            facts("extensions/Two"),
            (true, "extension-client.json extension-repo.json".to_owned(), false, false)
        );
        assert_eq!(facts("extensions/Old"), (true, String::new(), true, false));
        assert_eq!(facts("extensions/Wrong"), (true, String::new(), false, false));
        assert_eq!(facts("skins/vector"), (true, "skin.json".to_owned(), false, false));
        assert_eq!(facts("skins/None"), (false, String::new(), false, false));
    }
}
