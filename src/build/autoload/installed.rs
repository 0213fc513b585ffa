//! What `Composer\InstalledVersions` answers for C(S): the content of `installed.php`.

use std::collections::{BTreeMap, HashSet};

use super::{Names, natural};
use crate::build::manifest::is_platform;
use crate::build::set::{Base, Package, Part};
use crate::php::Value;

/// An entry of `versions`; packages that only exist as replaced or provided have no version.
#[derive(Debug, Default)]
struct Entry {
    real: Option<Vec<(&'static str, Value)>>,
    dev: Option<bool>,
    aliases: Vec<String>,
    replaced: Vec<String>,
    provided: Vec<String>,
}

/// Makes the array that Composer's `FilesystemRepository` would write for these packages.
///
/// `dev` names the packages that only development requirements need. Paths are written for a file in `vendor/`; Composer's own is in `vendor/composer/`, and the strings are the same.
#[must_use]
pub fn installed(base: &Base, parts: &[&Part], packages: &[&Package], dev: &Names<'_>) -> Value {
    let mut versions: BTreeMap<String, Entry> = BTreeMap::new();
    let files: HashSet<&str> = parts.iter().map(|part| part.file.as_str()).collect();
    let block = &base.block;

    let aliases = |package: &Package| -> Vec<String> {
        let asked = package.aliases.iter().filter(|a| a.asked_by.as_deref().is_none_or(|file| files.contains(file)));
        asked.map(|alias| alias.version.clone()).collect()
    };
    for package in packages {
        let entry = Entry {
            real: Some(vec![
                ("pretty_version", Value::text(&package.version)),
                ("version", Value::text(&package.version_normalized)),
                ("reference", package.reference.as_deref().map_or(Value::Null, Value::text)),
                ("type", Value::text(&package.kind)),
                ("install_path", package.install_path.as_deref().map_or(Value::Null, from_composer)),
            ]),
            dev: Some(dev.contains(&*package.name)),
            aliases: aliases(package),
            ..Entry::default()
        };
        versions.insert(package.name.clone(), entry);
    }
    let root = Entry {
        real: Some(vec![
            ("pretty_version", Value::text(&block.pretty_version)),
            ("version", Value::text(&block.version)),
            ("reference", block.reference.as_deref().map_or(Value::Null, Value::text)),
            ("type", Value::text(&block.kind)),
            ("install_path", Value::Path(format!("/composer/{}", block.install_path))),
        ]),
        dev: Some(false),
        aliases: block.aliases.clone(),
        ..Entry::default()
    };
    versions.insert(block.name.clone(), root);

    for package in packages {
        let dev = dev.contains(&*package.name);
        // `self.version` of an alias is the alias' version, besides its package's.
        for version in std::iter::once(package.version.clone()).chain(aliases(package)) {
            note(&mut versions, &package.replace, &version, dev, |entry| &mut entry.replaced);
            note(&mut versions, &package.provide, &version, dev, |entry| &mut entry.provided);
        }
    }
    let replace = merged(parts, |part| &part.replace);
    note(&mut versions, &replace, &block.pretty_version, false, |entry| &mut entry.replaced);
    let provide = merged(parts, |part| &part.provide);
    note(&mut versions, &provide, &block.pretty_version, false, |entry| &mut entry.provided);

    let versions = versions.into_iter().map(|(name, entry)| (name, entry.value())).collect();
    Value::Map(vec![("root".to_owned(), root_value(base)), ("versions".to_owned(), Value::Map(versions))])
}

/// The root's links: a later part's takes the place of an earlier one with the same target, as the merge plugin's
/// `array_merge` does.
fn merged(parts: &[&Part], links: fn(&Part) -> &Vec<(String, String)>) -> Vec<(String, String)> {
    let last: BTreeMap<&str, &str> =
        parts.iter().flat_map(|part| links(part)).map(|(target, constraint)| (&**target, &**constraint)).collect();
    last.into_iter().map(|(target, constraint)| (target.to_owned(), constraint.to_owned())).collect()
}

/// Enters replaced or provided names.
fn note(
    versions: &mut BTreeMap<String, Entry>,
    links: &[(String, String)],
    version: &str,
    dev: bool,
    list: impl Fn(&mut Entry) -> &mut Vec<String>,
) {
    for (target, constraint) in links.iter().filter(|(target, _)| !is_platform(target)) {
        let entry = versions.entry(target.clone()).or_default();
        // A name counts as a development requirement only while all that bring it are.
        entry.dev = Some(entry.dev.unwrap_or(true) && dev);
        let shown = if constraint == "self.version" { version } else { constraint };
        let list = list(entry);
        if !list.iter().any(|known| known == shown) {
            list.push(shown.to_owned());
        }
    }
}

impl Entry {
    fn value(self) -> Value {
        let list = |mut texts: Vec<String>| {
            texts.sort_by(|a, b| natural::compare(a.as_bytes(), b.as_bytes(), false));
            Value::texts(texts)
        };
        let mut map: Vec<(String, Value)> = Vec::new();
        if let Some(real) = self.real {
            map.extend(real.into_iter().map(|(key, value)| (key.to_owned(), value)));
            map.push(("aliases".to_owned(), list(self.aliases)));
        }
        map.push(("dev_requirement".to_owned(), Value::Bool(self.dev.unwrap_or(false))));
        if !self.replaced.is_empty() {
            map.push(("replaced".to_owned(), list(self.replaced)));
        }
        if !self.provided.is_empty() {
            map.push(("provided".to_owned(), list(self.provided)));
        }
        Value::Map(map)
    }
}

fn root_value(base: &Base) -> Value {
    let block = &base.block;
    let map = [
        ("name", Value::text(&block.name)),
        ("pretty_version", Value::text(&block.pretty_version)),
        ("version", Value::text(&block.version)),
        ("reference", block.reference.as_deref().map_or(Value::Null, Value::text)),
        ("type", Value::text(&block.kind)),
        ("install_path", Value::Path(format!("/composer/{}", block.install_path))),
        ("aliases", Value::texts(&block.aliases)),
        ("dev", Value::Bool(block.dev)),
    ];
    Value::Map(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

/// A path of the tree as Composer writes it from `vendor/composer` (`findShortestPath`): packages that lie in that
/// directory begin with `./`.
fn from_composer(path: &str) -> Value {
    let text = if let Some(rest) = path.strip_prefix("vendor/composer/").filter(|rest| !rest.contains('/')) {
        format!("/composer/./{rest}")
    } else if let Some(rest) = path.strip_prefix("vendor/composer/") {
        format!("/composer/{rest}")
    } else if let Some(rest) = path.strip_prefix("vendor/") {
        format!("/composer/../{rest}")
    } else if path.starts_with('/') {
        return Value::text(path);
    } else {
        format!("/composer/../../{path}")
    };
    Value::Path(text)
}
