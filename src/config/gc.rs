//! `gc` in a farm's output directory: removes settings files and tables that nothing leads to any more.
//!
//! Which settings a wiki has says the table of its tree's vendor directory, so that whoever calls tells what those lead
//! to. Only names that the manifest lists go.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use super::entry::{FARM, LOCAL_SETTINGS, UNAVAILABLE, WWW};
use super::published::{MANIFEST, Manifest, SETTINGS};
use super::write::LINKS;
use crate::disk::{self, Found, Staging};
use crate::farm::WikiId;
use crate::key::Key;

/// A name in the output directory that is made after what is in it. Parsing is the only way from a text to something
/// that may be removed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    text: String,
    key: Key,
    directory: bool,
}

impl Name {
    /// Reads a name; anything but the exact forms is none of ours.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = |key: &str, directory| Some(Self { text: text.to_owned(), key: Key::parse(key)?, directory });
        if let Some(file) = text.strip_prefix("settings/") {
            let (wiki, key) = file.strip_suffix(".php")?.rsplit_once('_')?;
            return WikiId::new(wiki).ok().and_then(|_| name(key, false));
        }
        if let Some(key) = text.strip_prefix("mwfarm_") {
            return name(key, true);
        }
        let key = text.strip_prefix("farm_")?;
        match key.strip_suffix(".php") {
            Some(key) => name(key, false),
            None => name(key, true),
        }
    }
}

/// What was removed, or would be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Names that go.
    pub names: Vec<String>,
    /// How many files they hold.
    pub files: usize,
    /// How many bytes.
    pub bytes: u64,
    /// Names that stay because they are not what was made there, or because something else is in them, with it.
    pub strangers: Vec<(String, String)>,
}

/// The keys of everything that a text names.
pub fn keys(text: &[u8]) -> impl Iterator<Item = Key> {
    let digits = text.split(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    digits.filter_map(|digits| Key::parse(std::str::from_utf8(digits).ok()?))
}

/// Plans: the names that only earlier tables led to, `grace` seconds ago or longer, and that nothing `named` has the key
/// of.
#[must_use]
pub fn plan(manifest: &Manifest, named: &BTreeSet<Key>, now: u64, grace: u64) -> Vec<Name> {
    let replaced = manifest.retained.iter().filter(|(_, since)| now.saturating_sub(**since) >= grace);
    let parsed = replaced.filter_map(|(name, _)| Name::parse(name));
    parsed.filter(|name| !named.contains(&name.key) && !manifest.names.contains(&name.text)).collect()
}

/// Collects, or only plans to. Whoever calls has locked the directory. `named` are the keys that vendor directories name.
///
/// # Errors
/// Those of the system.
pub fn collect(
    output: &Path,
    manifest: &Manifest,
    mut named: BTreeSet<Key>,
    grace: u64,
    dry_run: bool,
) -> io::Result<Collected> {
    // When something was interrupted, what requests come by may lead to an earlier table.
    for file in entry_files(output)? {
        named.extend(disk::read_optional(&file)?.iter().flat_map(|text| keys(text)));
    }
    for link in disk::names(&output.join(LINKS))? {
        if let Some(Found::Link(target)) = disk::find(&output.join(LINKS).join(link))? {
            named.extend(keys(target.as_os_str().as_encoded_bytes()));
        }
    }
    let mut collected = Collected::default();
    let mut going = Vec::new();
    let mut gone = BTreeSet::new();
    for name in plan(manifest, &named, disk::now(), grace) {
        let path = output.join(&name.text);
        match disk::look(&path)? {
            None => {
                gone.insert(name.text);
            }
            Some(found) if found.is_dir() && name.directory => {
                let files = disk::entries(&path)?;
                let mut bytes = 0;
                let mut stranger = None;
                for file in &files {
                    match disk::look(&path.join(file))?.filter(std::fs::Metadata::is_file) {
                        Some(found) => bytes += found.len(),
                        None => stranger = Some(format!("{}/{}", name.text, file.display())),
                    }
                }
                if let Some(stranger) = stranger {
                    collected.strangers.push((name.text, stranger));
                    continue;
                }
                collected.files += files.len();
                collected.bytes += bytes;
                going.push(name);
            }
            Some(found) if found.is_file() && !name.directory => {
                collected.files += 1;
                collected.bytes += found.len();
                going.push(name);
            }
            Some(_) => collected.strangers.push((name.text.clone(), name.text)),
        }
    }
    collected.names = going.iter().map(|name| name.text.clone()).collect();
    let nothing = going.is_empty() && gone.is_empty();
    if !dry_run && !nothing {
        gone.extend(collected.names.iter().cloned());
        let staging = Staging::new(output)?;
        let result = remove(&staging, manifest, &going, &gone);
        let removed = staging.remove();
        result.and(removed)?;
    }
    Ok(collected)
}

/// The names first: while the manifest lists them, the next collection finds what this one has not reached.
fn remove(staging: &Staging, manifest: &Manifest, going: &[Name], gone: &BTreeSet<String>) -> io::Result<()> {
    staging.directory(SETTINGS)?;
    for name in going {
        staging.withdraw(&name.text, name.directory)?;
    }
    let mut manifest = manifest.clone();
    manifest.retained.retain(|name, _| !gone.contains(name));
    staging.replace(MANIFEST, &manifest.to_json(), None)
}

/// The files by which requests and scripts come.
fn entry_files(output: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = [FARM, LOCAL_SETTINGS, UNAVAILABLE].iter().map(|name| output.join(name)).collect();
    files.extend(disk::names(&output.join(WWW))?.iter().map(|name| output.join(WWW).join(name)));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn names_are_ours_or_none() {
        for (name, directory) in [
            (format!("settings/atlas_{KEY}.php"), false),
            (format!("settings/a_b-c_{KEY}.php"), false),
            (format!("farm_{KEY}.php"), false),
            (format!("farm_{KEY}"), true),
            (format!("mwfarm_{KEY}"), true),
        ] {
            let parsed = Name::parse(&name).unwrap();
            assert_eq!((parsed.text, parsed.key.as_str(), parsed.directory), (name, KEY, directory));
        }
        for name in [
            format!("settings/../atlas_{KEY}.php"),
            format!("settings/..._{KEY}.php"),
            format!("settings/_{KEY}.php"),
            format!("settings/Atlas_{KEY}.php"),
            format!("settings/atlas_{KEY}.php\n"),
            format!("settings/a/b_{KEY}.php"),
            format!("farm_{KEY}/"),
            format!("farm_{}", KEY.to_uppercase()),
            format!("mwfarm_{KEY}.php"),
            format!("../farm_{KEY}"),
            "farm.php".to_owned(),
            "mwfarm.json".to_owned(),
            "settings/".to_owned(),
            String::new(),
        ] {
            assert_eq!(Name::parse(&name), None, "{name}");
        }
    }

    #[test]
    fn keys_are_found_in_any_text() {
        let text =
            format!("<?php return ['a' => '/var/settings/atlas_{KEY}.php', '{KEY}0', '{}'];", KEY.to_uppercase());
        assert_eq!(keys(text.as_bytes()).map(|key| key.to_string()).collect::<Vec<_>>(), [KEY]);
    }
}
