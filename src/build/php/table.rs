//! The wiki table of a generation: from wiki, host, database or list of extensions to what the dispatcher loads.

use std::collections::BTreeMap;

use crate::build::package::LoaderSettings;
use crate::farm::{ExtensionId, Host, Wiki};
use crate::key::Key;
use crate::php::Value;
use crate::table::{Table as Names, Texts};

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

/// Writes the table.
#[must_use]
pub fn texts(table: &Table<'_>) -> Texts {
    let mut names = Names::new(table.wikis.len(), &["databases", "depths", "hosts", "paths", "wikis"]);
    for (wiki, bundle) in &table.wikis {
        let id = wiki.id.as_str();
        // Each part that knows a name of the wiki knows the wiki, too.
        let hosts = wiki.hosts.iter().map(Host::as_str);
        for name in [id].into_iter().chain(wiki.db.as_deref()).chain(hosts) {
            names.put(name, "wikis", id, key(bundle));
            if let Some(settings) = &wiki.settings {
                names.put(name, "settings", id, Value::text(settings));
            }
        }
        if let Some(database) = wiki.db.as_deref() {
            names.put(database, "databases", database, Value::text(id));
        }
        wiki.hosts.iter().for_each(|host| names.put_host(host, id));
    }
    names.texts("wikis", &[("base", key(table.base))], index(table))
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
    use crate::farm::WikiId;
    use crate::table::WIKIS_OF_ONE_FILE;

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
