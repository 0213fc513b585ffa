//! What is to be written for a farm, as a value.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::entry;
use super::published::{Manifest, Published, SETTINGS};
use crate::farm::WikiId;
use crate::key::Key;
use crate::php::Value;
use crate::table::{Table, Texts};

/// A settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFile {
    /// Its name in the output directory: `settings/<wikiID>_<32 hex digits>.php`, after its content.
    pub name: String,
    /// Its content.
    pub text: Arc<str>,
    /// Who may read it.
    pub access: Access,
}

/// A settings file that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Its name in the output directory.
    pub name: String,
    /// Who may read it now.
    pub access: Access,
    /// It was not in use until now: its wiki comes back to it.
    pub returns: bool,
}

/// Who may read a file: nobody but those who may read all that went into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Permission bits.
    pub mode: u32,
    /// The group for which they are meant, when not everybody may read it.
    pub group: Option<u32>,
}

impl Access {
    /// The access of what is made of files with these permission bits and groups.
    #[must_use]
    pub fn of(inputs: impl IntoIterator<Item = (u32, u32)>) -> Self {
        let mut access = Self { mode: 0o644, group: None };
        for (mode, group) in inputs {
            access.mode &= 0o600 | mode;
            if mode & 0o004 == 0 && mode & 0o040 != 0 {
                if access.group.is_some_and(|other| other != group) {
                    // Nobody is known to be in both.
                    access.mode &= 0o600;
                }
                access.group = Some(group);
            }
        }
        access
    }

    /// That of what is made of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let mode = self.mode & other.mode;
        let both = self.group.zip(other.group);
        let is_one = both.is_none_or(|(group, other)| group == other);
        Self { mode: if is_one { mode } else { mode & 0o600 }, group: other.group.or(self.group) }
    }
}

/// What is to be written.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The settings files that are not there yet.
    pub create: Vec<SettingsFile>,
    /// Those that are there already.
    pub kept: Vec<KeptFile>,
    /// The farm's table.
    pub table: Texts,
    /// The runtime's key.
    pub runtime: Key,
    /// The program that compiles the farm, with its arguments, when requests look for changes.
    pub check: Option<Vec<String>>,
    /// The entry points in `www/`; none of a farm without versions.
    pub entry_points: Vec<&'static str>,
    /// The versions that become those of new wikis.
    pub versions: BTreeMap<WikiId, String>,
    /// For people: what `LocalSettings/<wikiID>.php` leads to.
    pub links: BTreeMap<WikiId, String>,
    /// Wikis that are no longer there.
    pub gone: BTreeSet<WikiId>,
    /// The manifest.
    pub manifest: Manifest,
}

/// What a plan is made of.
#[derive(Debug)]
pub struct Inputs<'p> {
    /// The settings files of all wikis.
    pub settings: Vec<SettingsFile>,
    /// What the farm is compiled to; its `former`, `generation`, `names` and `retained` are not looked at.
    pub manifest: Manifest,
    /// Hosts that could not be enumerated.
    pub patterns: Vec<Pattern>,
    /// What patterns of hosts answer with, see [`Missing`].
    pub missing: Vec<Missing>,
    /// The entry points that any version has.
    pub entry_points: Vec<&'static str>,
    /// The program that compiles the farm, with its arguments, when requests look for changes.
    pub check: Option<Vec<String>>,
    /// Versions for wikis that have none in use yet, as far as an older list knows them.
    pub imported: BTreeMap<WikiId, String>,
    /// What is there.
    pub published: &'p Published,
}

/// What clients are shown at hosts of a farm where there is no wiki: `HTTP404`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Hosts in lower case with paths of requests, as a regular expression of PHP with delimiters.
    pub pattern: String,
    /// The file, absolute.
    pub file: String,
}

/// Hosts that could not be enumerated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// Hosts in lower case with paths of requests, as a regular expression of PHP with delimiters.
    pub pattern: String,
    /// The wiki, or the host to look for instead: a text in which `$name` stands for a group of the pattern.
    pub target: String,
    /// The farm that the wiki must be of, and `suffix`, which its name may have as `$SUFFIX`; none when a host is to be
    /// looked for.
    pub of_wiki: Option<(String, String)>,
}

/// The name of a settings file: after its content.
#[must_use]
pub fn settings_name(wiki: &WikiId, text: &str) -> String {
    format!("{SETTINGS}/{wiki}_{}.php", Key::of(text.as_bytes()))
}

impl Plan {
    /// Plans.
    #[must_use]
    pub fn new(inputs: Inputs<'_>) -> Self {
        let Inputs { settings, mut manifest, patterns, missing, entry_points, check, imported, published } = inputs;
        let multiversion = manifest.trees.keys().any(|version| !version.is_empty());
        let versions = manifest.wikis.iter().filter(|(id, wiki)| wiki.delayed && !published.in_use.contains_key(*id));
        let versions: BTreeMap<WikiId, String> =
            versions.map(|(id, wiki)| (id.clone(), imported.get(id).unwrap_or(&wiki.version).clone())).collect();
        let in_use = |id: &WikiId| match published.in_use.get(id) {
            Some(state) => Some(&state.version),
            None => versions.get(id),
        };
        let links = manifest.wikis.iter().filter_map(|(id, wiki)| {
            let version = in_use(id).filter(|_| wiki.delayed).unwrap_or(&wiki.version);
            Some((id.clone(), wiki.compiled.get(version)?.settings.clone()))
        });
        let links = links.collect();
        let table = table(&manifest, &patterns, &missing, multiversion);
        let runtime = entry::runtime();
        manifest.generation = Key::of(format!("{runtime}\n{table}").as_bytes());
        let settings_of = |manifest: &Manifest| -> BTreeSet<String> {
            let compiled = manifest.wikis.values().flat_map(|wiki| wiki.compiled.values());
            compiled.map(|compiled| compiled.settings.clone()).collect()
        };
        manifest.names = settings_of(&manifest);
        manifest.names.extend([table_name(&table, &manifest.generation), entry::runtime_name(&runtime)]);
        if let Some(before) = &published.manifest {
            let replaced = before.names.iter().cloned().chain(settings_of(before)).map(|name| (name, published.at));
            manifest.retained = replaced.chain(before.retained.clone()).collect();
            manifest.retained.retain(|name, _| !manifest.names.contains(name));
            let trees: BTreeSet<&PathBuf> = manifest.trees.values().collect();
            let former = before.trees.values().chain(&before.former).filter(|tree| !trees.contains(tree));
            manifest.former = former.cloned().collect();
        }
        let before = published.manifest.iter().flat_map(|manifest| manifest.wikis.keys());
        let (kept, create): (Vec<_>, Vec<_>) = settings.into_iter().partition(|file| {
            let name = file.name.rsplit('/').next().unwrap_or(&file.name);
            // Their names tell what is in them, and their sizes whether somebody has cut them.
            published.settings.get(name) == Some(&(file.text.len() as u64))
        });
        let compiled = published.manifest.iter().flat_map(|manifest| manifest.wikis.values());
        let in_use: BTreeSet<&str> =
            compiled.flat_map(|wiki| wiki.compiled.values()).map(|compiled| compiled.settings.as_str()).collect();
        let kept_file = |file: SettingsFile| {
            let returns = !in_use.contains(file.name.as_str());
            KeptFile { name: file.name, access: file.access, returns }
        };
        Self {
            gone: before.filter(|id| !manifest.wikis.contains_key(*id)).cloned().collect(),
            entry_points: if multiversion { entry_points } else { Vec::new() },
            kept: kept.into_iter().map(kept_file).collect(),
            check,
            create,
            table,
            runtime,
            versions,
            links,
            manifest,
        }
    }

    /// The PHP files of fixed names in the output directory, which OPcache may know from before; what names the table
    /// comes last.
    #[must_use]
    pub fn fixed(&self) -> Vec<String> {
        let entry_points = self.entry_points.iter().map(|name| format!("{}/{name}", entry::WWW));
        let others = [entry::LOCAL_SETTINGS, entry::UNAVAILABLE, entry::FARM];
        entry_points.chain(others.map(str::to_owned)).collect()
    }

    /// The name of the farm's table in the output directory.
    #[must_use]
    pub fn table_name(&self) -> String {
        table_name(&self.table, &self.manifest.generation)
    }
}

fn table_name(table: &Texts, generation: &Key) -> String {
    match table {
        Texts::File(_) => format!("farm_{generation}.php"),
        Texts::Parts(_) => format!("farm_{generation}"),
    }
}

/// The farm's table: which wiki answers where, and by which versions of MediaWiki. Without versions, the tree's own
/// dispatcher knows all that, and only what is no wiki is told.
fn table(manifest: &Manifest, patterns: &[Pattern], missing: &[Missing], multiversion: bool) -> Texts {
    let wikis = if multiversion { manifest.wikis.len() } else { 0 };
    let mut table = Table::new(wikis, &["depths", "hosts", "paths", "wikis"]);
    let matched = patterns.iter().filter_map(|pattern| pattern.of_wiki.as_ref().map(|(farm, _)| farm.as_str()));
    let matched: BTreeSet<&str> = matched.collect();
    for (id, wiki) in manifest.wikis.iter().filter(|_| multiversion) {
        let trees = wiki.compiled.keys().filter_map(|version| {
            let tree = manifest.trees.get(version)?.to_str()?;
            Some((version.clone(), Value::text(tree)))
        });
        let fixed = if wiki.delayed { Value::Null } else { Value::text(&wiki.version) };
        let mut row = vec![fixed, Value::Map(trees.collect())];
        if matched.contains(wiki.farm.as_str()) {
            // A pattern of one farm leads to no wiki of another one.
            row.push(Value::text(&wiki.farm));
        }
        let row = Value::List(row);
        table.put(id.as_str(), "wikis", id.as_str(), row);
        wiki.hosts.iter().for_each(|host| table.put_host(host, id.as_str()));
    }
    let missing = missing.iter().map(|missing| Value::texts([&missing.pattern, &missing.file]));
    let patterns = patterns.iter().filter(|_| multiversion).map(|pattern| {
        let mut row = vec![Value::text(&pattern.pattern), Value::text(&pattern.target)];
        row.extend(pattern.of_wiki.iter().flat_map(|(farm, suffix)| [Value::text(suffix), Value::text(farm)]));
        Value::List(row)
    });
    let index = vec![
        ("missing".to_owned(), Value::List(missing.collect())),
        ("patterns".to_owned(), Value::List(patterns.collect())),
    ];
    table.texts("farm", &[], index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_is_that_of_the_most_private_input() {
        let access = |inputs: &[(u32, u32)]| Access::of(inputs.iter().copied());
        assert_eq!(access(&[]), Access { mode: 0o644, group: None });
        assert_eq!(access(&[(0o644, 0), (0o755, 3)]), Access { mode: 0o644, group: None });
        assert_eq!(access(&[(0o644, 0), (0o640, 33), (0o640, 33)]), Access { mode: 0o640, group: Some(33) });
        assert_eq!(access(&[(0o640, 33), (0o640, 44)]).mode, 0o600);
        assert_eq!(access(&[(0o640, 33), (0o600, 0)]).mode, 0o600);
        assert_eq!(access(&[(0o604, 0)]).mode, 0o604);
        for (a, b) in [
            (&[(0o644, 0)][..], &[(0o640, 33)][..]),
            (&[(0o640, 33)], &[(0o640, 33)]),
            (&[(0o640, 33)], &[(0o640, 44)]),
            (&[(0o600, 0)], &[(0o640, 44)]),
        ] {
            let all = access(&[a, b].concat());
            assert_eq!((access(a).and(access(b)), access(b).and(access(a)).mode), (all, all.mode));
        }
    }
}
