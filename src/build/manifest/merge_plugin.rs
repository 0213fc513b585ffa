//! What `wikimedia/composer-merge-plugin` (2.1) adds to the root package.

use std::collections::HashSet;

use serde::Deserialize;

use super::composer_json::ComposerJson;
use super::error::Place;
use super::files::Files;
use super::glob::{MOST, glob};
use super::json::Strings;
use super::paths::{self, Base};
use super::rules::Owner;
use super::{Error, names};
use crate::build::package::{AutoloadRules, Duplicates, Extension, Link, RootPart};

/// The plugin's package; without it in the locked versions nothing is merged.
pub(super) const PACKAGE: &str = "wikimedia/composer-merge-plugin";

/// `extra.merge-plugin`. Settings that do not change what is loaded (`merge-extra`, `merge-scripts`) are left out.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Settings {
    include: Option<Strings>,
    require: Option<Strings>,
    recurse: Option<bool>,
    replace: Option<bool>,
    #[serde(rename = "ignore-duplicates")]
    ignore_duplicates: Option<bool>,
    #[serde(rename = "merge-dev")]
    merge_dev: Option<bool>,
    #[serde(rename = "merge-replace")]
    merge_replace: Option<bool>,
}

impl Settings {
    /// What happens to a requirement that is there already. With both settings on, the plugin ignores.
    pub(super) fn duplicates(&self) -> Duplicates {
        match (self.ignore_duplicates, self.replace) {
            (Some(true), _) => Duplicates::Ignore,
            (_, Some(true)) => Duplicates::Replace,
            _ => Duplicates::Merge,
        }
    }
}

/// Merges everything that the root's settings name, in the plugin's order: all of `include`, then all of `require`,
/// and after each file what that file names itself. Marks the extensions whose file is covered.
///
/// `parts` holds the root's own part and receives the others.
pub(super) fn merge(
    files: Files,
    root: &Root,
    extensions: &mut [Extension],
    parts: &mut Vec<RootPart>,
    warnings: &mut Vec<String>,
) -> Result<(), Error> {
    let settings = root.settings;
    let mut loaded = HashSet::new();
    let mut work = vec![
        Work::Patterns(patterns(settings.require.as_ref(), ""), "composer.json".to_owned(), true),
        Work::Patterns(patterns(settings.include.as_ref(), ""), "composer.json".to_owned(), false),
    ];
    while let Some(next) = work.pop() {
        match next {
            Work::Patterns(patterns, named_by, required) => {
                let found = expand(files, &patterns, &named_by, required)?;
                work.extend(found.into_iter().rev().map(Work::File));
            }
            Work::File(file) => {
                // The plugin tells files by their spelling; here two spellings of a file are one, which ends includes
                // that go round in ever longer ones.
                if !loaded.insert(paths::normalize(&file)) {
                    continue;
                }
                let owner = owner_of(&file, extensions);
                if let Some(extension) = owner.map(|index| &extensions[index])
                    && let Some(package) = &extension.package
                {
                    warnings.push(format!(
                        "`{}` is not merged: `{package}` is installed there as a package",
                        file.escape_debug()
                    ));
                    continue;
                }
                let json = read(files, &file)?;
                let nested = json.merge_plugin();
                let part = part(&file, &json, root, parts, warnings)?;
                parts.push(RootPart { owner: owner.map(|index| extensions[index].id.clone()), ..part });
                if let Some(index) = owner
                    && paths::normalize(&file) == Some(format!("{}/composer.json", extensions[index].id))
                {
                    extensions[index].included = true;
                }
                if settings.recurse != Some(false) {
                    let base = prefix(&file);
                    work.push(Work::Patterns(patterns(nested.require.as_ref(), &base), file.clone(), true));
                    work.push(Work::Patterns(patterns(nested.include.as_ref(), &base), file, false));
                }
            }
        }
    }
    Ok(())
}

/// What the merging needs to know of the root.
pub(super) struct Root<'a> {
    /// Its `extra.merge-plugin`.
    pub(super) settings: &'a Settings,
    /// Its version as shown, which `self.version` in a merged file means.
    pub(super) pretty_version: &'a str,
    /// Whether development requirements count.
    pub(super) dev: bool,
}

enum Work {
    /// Patterns, the file that names them, and whether each must match something.
    Patterns(Vec<String>, String, bool),
    /// A file to merge, as the pattern spells it.
    File(String),
}

fn patterns(given: Option<&Strings>, base: &str) -> Vec<String> {
    given.map(|strings| strings.0.iter().map(|pattern| format!("{base}{pattern}")).collect()).unwrap_or_default()
}

fn expand(files: Files, patterns: &[String], named_by: &str, required: bool) -> Result<Vec<String>, Error> {
    let field = if required { "extra.merge-plugin.require" } else { "extra.merge-plugin.include" };
    let place = Place::top(named_by);
    let mut found = Vec::new();
    for pattern in patterns {
        paths::check_rule(Base::Root, &pattern.replace('\\', ""), place, field)?;
        let matching = glob(files.tree, pattern)
            .ok_or_else(|| place.error(field, format!("`{}` matches more than {MOST} paths", names::short(pattern))))?;
        if required && matching.is_empty() {
            return Err(place.error(field, format!("no file matches `{}`", names::short(pattern))));
        }
        found.extend(matching);
    }
    Ok(found)
}

fn read(files: Files, file: &str) -> Result<ComposerJson, Error> {
    let (directory, name) = file.rsplit_once('/').unwrap_or(("", file));
    let bytes = if directory.is_empty() { files.read(name)? } else { files.read_foreign(directory, name)? };
    let bytes = bytes.ok_or_else(|| Error::of_file(file, "has vanished"))?;
    ComposerJson::parse(file, &bytes)
}

/// The extension in whose directory a file lies; the innermost, should they nest.
fn owner_of(file: &str, extensions: &[Extension]) -> Option<usize> {
    let file = paths::normalize(file)?;
    let directory = paths::directory(&file);
    let holds = |extension: &Extension| paths::is_within(directory, extension.id.as_str());
    (0..extensions.len())
        .filter(|index| holds(&extensions[*index]))
        .max_by_key(|index| extensions[*index].id.as_str().len())
}

/// What the plugin puts before each path of a file: its directory and a slash.
fn prefix(file: &str) -> String {
    match paths::directory(file).trim_end_matches('/') {
        "" | "." => String::new(),
        directory => format!("{directory}/"),
    }
}

fn part(
    file: &str,
    json: &ComposerJson,
    root: &Root,
    parts: &[RootPart],
    warnings: &mut Vec<String>,
) -> Result<RootPart, Error> {
    let place = Place::top(file);
    let prefix = prefix(file);
    let owner = Owner { base: Base::Root, prefix: &prefix, target_dir: false };
    let name = json.name.as_deref().unwrap_or_default().to_ascii_lowercase();
    let dev = root.dev && root.settings.merge_dev != Some(false);
    // The plugin asks whether the root has a link of the same kind to the package that the file says it is.
    let fixed = |links: Vec<Link>, of: fn(&RootPart) -> &[Link]| {
        let own = parts.iter().flat_map(of).find(|link| link.target == name);
        let version = own.map_or(root.pretty_version, |link| link.constraint.as_str());
        self_version_is(version, links)
    };
    let mut require = fixed(json.require(place, warnings)?, |part| &part.require);
    if dev {
        require.extend(fixed(json.require_dev(place, warnings)?, |part| &part.require));
    }
    Ok(RootPart {
        file: file.to_owned(),
        owner: None,
        require,
        replace: match root.settings.merge_replace {
            Some(false) => Vec::new(),
            _ => fixed(json.replace(place, warnings)?, |part| &part.replace),
        },
        provide: fixed(json.provide(place, warnings)?, |part| &part.provide),
        conflict: fixed(json.conflict(place, warnings)?, |part| &part.conflict),
        autoload: json.autoload(owner, place)?,
        autoload_dev: if dev { json.autoload_dev(owner, place)? } else { AutoloadRules::default() },
        include_path: Vec::new(),
    })
}

/// Links with `self.version` replaced.
pub(super) fn self_version_is(version: &str, mut links: Vec<Link>) -> Vec<Link> {
    for link in &mut links {
        if link.constraint == "self.version" {
            version.clone_into(&mut link.constraint);
        }
    }
    links
}
