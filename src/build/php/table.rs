//! The wiki table of a generation: from wiki, host, database or list of extensions to what the dispatcher loads.
//!
//! One constant array, which OPcache shares between requests; for many wikis, whose array would take long to compile
//! after each change, 256 of them and an index. A name is in the part that the last byte of its CRC-32 numbers,
//! and each part knows all about the names it holds.

use std::collections::BTreeMap;
use std::fmt;

use crate::build::package::LoaderSettings;
use crate::farm::{ExtensionId, Wiki};
use crate::key::Key;
use crate::php::Value;

/// The most wikis that one file is written for: beyond, compiling it takes longer than a request should.
pub const WIKIS_OF_ONE_FILE: usize = 2_000;

/// What the table is made of.
#[derive(Debug, Clone)]
pub struct Table<'t> {
    /// The base bundle's hash.
    pub base: &'t Key,
    /// Every linked combination: its extensions by name, joined by commas, and its hash.
    pub bundles: BTreeMap<String, &'t Key>,
    /// What each extension that is a package requires of those, under `MediaWikiFarm`'s names, in load order.
    pub dependencies: BTreeMap<String, Vec<String>>,
    /// Extensions in load order.
    pub extensions: Vec<Extension<'t>>,
    /// How the loader works, for lists without a bundle.
    pub loader: &'t LoaderSettings,
    /// The base set, with the kinds of lists that it has.
    pub base_set: (&'t Key, String),
    /// The bundle whose `_installed.php` describes everything installed.
    pub union: &'t Key,
    /// Wikis with their bundle's hash.
    pub wikis: Vec<(&'t Wiki, &'t Key)>,
}

/// What the table says of an extension.
#[derive(Debug, Clone)]
pub struct Extension<'t> {
    /// Its identity.
    pub id: &'t ExtensionId,
    /// Its set.
    pub set: &'t Key,
    /// The extensions it pulls in, in load order.
    pub requires: Vec<&'t ExtensionId>,
    /// Its manifests, by their names in its directory.
    pub manifests: &'t [String],
    /// The kinds of lists that its set has, see [`Objects::kinds`](crate::build::objects::Objects::kinds).
    pub kinds: String,
}

/// The table as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Texts {
    /// Of one file.
    File(String),
    /// Of the files of a directory, by name.
    Parts(Vec<(String, String)>),
}

impl fmt::Display for Texts {
    /// All of it, for a digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(text) => f.write_str(text),
            Self::Parts(files) => files.iter().try_for_each(|(name, text)| write!(f, "{name}\n{text}")),
        }
    }
}

/// What one part knows.
#[derive(Debug, Clone, Default)]
struct Part<'t> {
    databases: BTreeMap<&'t str, &'t str>,
    /// How many parts the longest path has below a host.
    depths: BTreeMap<&'t str, usize>,
    hosts: BTreeMap<&'t str, &'t str>,
    /// Hosts with a path.
    paths: BTreeMap<&'t str, &'t str>,
    settings: BTreeMap<&'t str, &'t str>,
    wikis: BTreeMap<&'t str, &'t Key>,
}

/// Writes the table.
#[must_use]
pub fn texts(table: &Table<'_>) -> Texts {
    let count = if table.wikis.len() > WIKIS_OF_ONE_FILE { 256 } else { 1 };
    let mut parts: Vec<Part<'_>> = vec![Part::default(); count];
    let place = |name: &str| crc32fast::hash(name.as_bytes()) as usize % count;
    for (wiki, bundle) in &table.wikis {
        let id = wiki.id.as_str();
        parts[place(id)].add(wiki, bundle);
        if let Some(database) = wiki.db.as_deref() {
            let part = &mut parts[place(database)];
            part.databases.insert(database, id);
            part.add(wiki, bundle);
        }
        for host in &wiki.hosts {
            let part = &mut parts[place(host.as_str())];
            part.add(wiki, bundle);
            let places = if host.as_str().contains('/') { &mut part.paths } else { &mut part.hosts };
            places.insert(host.as_str(), id);
            if let Some((name, path)) = host.as_str().split_once('/') {
                let depth = parts[place(name)].depths.entry(name).or_default();
                *depth = (*depth).max(path.split('/').count());
            }
        }
    }
    let index = index(table);
    if let [part] = parts.as_slice() {
        return Texts::File(file(index.into_iter().chain(part.entries(table.base)).collect()));
    }
    let numbered = parts.iter().enumerate();
    let mut files: Vec<(String, String)> =
        numbered.map(|(place, part)| (format!("{place}.php"), file(part.entries(table.base)))).collect();
    files.push(("index.php".to_owned(), file(index)));
    Texts::Parts(files)
}

impl<'t> Part<'t> {
    fn add(&mut self, wiki: &'t Wiki, bundle: &'t Key) {
        self.wikis.insert(wiki.id.as_str(), bundle);
        if let Some(settings) = &wiki.settings {
            self.settings.insert(wiki.id.as_str(), settings);
        }
    }

    fn entries(&self, base: &Key) -> Vec<(String, Value)> {
        let names = |map: &BTreeMap<&str, &str>| {
            Value::Map(map.iter().map(|(name, id)| ((*name).to_owned(), Value::text(id))).collect())
        };
        let depth =
            |(host, depth): (&&str, &usize)| ((*host).to_owned(), Value::Int(i64::try_from(*depth).unwrap_or(1)));
        let mut entries = vec![
            ("base".to_owned(), key(base)),
            ("databases".to_owned(), names(&self.databases)),
            ("depths".to_owned(), Value::Map(self.depths.iter().map(depth).collect())),
            ("hosts".to_owned(), names(&self.hosts)),
            ("paths".to_owned(), names(&self.paths)),
        ];
        if !self.settings.is_empty() {
            entries.push(("settings".to_owned(), names(&self.settings)));
        }
        let wikis = self.wikis.iter().map(|(id, bundle)| ((*id).to_owned(), key(bundle)));
        entries.push(("wikis".to_owned(), Value::Map(wikis.collect())));
        entries
    }
}

/// What is not about single wikis.
fn index(table: &Table<'_>) -> Vec<(String, Value)> {
    let extensions = table.extensions.iter().map(|extension| {
        let row = vec![
            key(extension.set),
            Value::texts(extension.requires.iter().map(|id| id.as_str())),
            Value::texts(extension.manifests.iter().map(String::as_str)),
            Value::text(&extension.kinds),
        ];
        (extension.id.as_str().to_owned(), Value::List(row))
    });
    let dependencies = table.dependencies.iter();
    let dependencies =
        dependencies.map(|(name, requires)| (name.clone(), Value::texts(requires.iter().map(String::as_str))));
    let bundles = table.bundles.iter().map(|(names, hash)| (names.clone(), key(hash)));
    vec![
        ("bundles".to_owned(), Value::Map(bundles.collect())),
        ("dependencies".to_owned(), Value::Map(dependencies.collect())),
        ("extensions".to_owned(), Value::Map(extensions.collect())),
        ("kinds".to_owned(), Value::text(&table.base_set.1)),
        ("loader".to_owned(), loader(table.loader)),
        ("set".to_owned(), key(table.base_set.0)),
        ("union".to_owned(), key(table.union)),
    ]
}

fn file(entries: Vec<(String, Value)>) -> String {
    let mut text = String::from("<?php\n\n// wikis @generated by mwfarm\n\nreturn ");
    Value::Map(entries).write(&mut text, 0);
    text.push_str(";\n");
    text
}

fn key(key: &Key) -> Value {
    Value::text(key.as_str())
}

fn loader(settings: &LoaderSettings) -> Value {
    Value::Map(vec![
        ("authoritative".to_owned(), Value::Bool(settings.authoritative)),
        ("include_path".to_owned(), Value::Bool(settings.use_include_path)),
        ("prepend".to_owned(), Value::Bool(settings.prepend)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::package::PlatformCheck;
    use crate::farm::{Host, WikiId};

    /// The table of so many wikis, the first below a path.
    fn of(count: usize) -> Texts {
        let wikis: Vec<Wiki> = (0..count)
            .map(|index| Wiki {
                id: WikiId::new(&format!("w{index}")).unwrap(),
                hosts: vec![Host::new(&format!("h{index}.org{}", if index == 0 { "/a/b" } else { "" })).unwrap()],
                db: (index == 1).then(|| "data".to_owned()),
                wanted: Vec::new(),
                settings: (index == 1).then(|| "/farm/w1.php".to_owned()),
            })
            .collect();
        let loader = LoaderSettings {
            authoritative: false,
            optimize: true,
            prepend: false,
            use_include_path: false,
            platform_check: PlatformCheck::PhpOnly,
        };
        let (base, bundle, set, union) = (Key::of(b"base"), Key::of(b"bundle"), Key::of(b"set"), Key::of(b"union"));
        texts(&Table {
            base: &base,
            bundles: BTreeMap::new(),
            dependencies: BTreeMap::new(),
            extensions: Vec::new(),
            loader: &loader,
            base_set: (&set, "c".to_owned()),
            union: &union,
            wikis: wikis.iter().map(|wiki| (wiki, &bundle)).collect(),
        })
    }

    #[test]
    fn one_file_holds_everything() {
        let Texts::File(text) = of(WIKIS_OF_ONE_FILE) else { panic!("parts") };
        for entry in
            ["'h0.org/a/b' => 'w0'", "'h0.org' => 2", "'data' => 'w1'", "'h1999.org' => 'w1999'", "'union' => "]
        {
            assert!(text.contains(entry), "{entry}");
        }
    }

    #[test]
    fn a_name_is_in_the_part_of_its_checksum() {
        let Texts::Parts(files) = of(WIKIS_OF_ONE_FILE + 1) else { panic!("one file") };
        assert_eq!(files.len(), 257);
        let part = |name: &str| {
            let place = format!("{}.php", crc32fast::hash(name.as_bytes()) & 0xff);
            &files.iter().find(|(file, _)| *file == place).unwrap().1
        };
        assert_eq!(crc32fast::hash(b"123456789"), 0xcbf4_3926, "the checksum is that of PHP's `crc32`");
        for (name, entries) in [
            ("h0.org", &["'h0.org' => 2"][..]),
            ("h0.org/a/b", &["'h0.org/a/b' => 'w0'", "'w0' => "]),
            ("data", &["'data' => 'w1'", "'w1' => '/farm/w1.php'", "'w1' => "]),
            ("w7", &["'w7' => "]),
        ] {
            for entry in entries {
                assert!(part(name).contains(entry), "{name}: {entry}");
            }
        }
        let index = &files.last().unwrap().1;
        assert!(index.contains("'union' => ") && !index.contains("'wikis' => "), "{index}");
    }
}
