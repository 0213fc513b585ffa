//! The values of settings against MediaWiki core's own `SiteConfiguration`, of both trees.

use std::collections::{BTreeMap, BTreeSet};

use mwfarm::config::farms::{Entry, Scope};
use mwfarm::config::finding::Severity;
use mwfarm::config::settings::{Kind, Levels, Names, Prepared, resolve};
use mwfarm::config::value::{Node, Value};
use mwfarm::farm::WikiId;

use super::php::compare;
use super::values::{cases, list, map, meeting, meeting_array, node, seed, text};
use crate::farm::composer;
use crate::farm::random::Random;

/// A wiki of a farm.
struct Wiki {
    id: WikiId,
    suffix: &'static str,
    tags: Vec<String>,
}

/// A file of a farm.
struct File {
    entry: Entry,
    root: Node,
}

const NAMES: [&str; 8] = ["wgA", "wgB", "wgC", "wgD", "wgE", "wgF", "wgG", "wgH"];
const IDS: [&str; 5] = ["mywiki", "7wiki", "enwiki", "plbooks", "12books"];
const TAGS: [&str; 4] = ["closed", "small", "30", "x-y"];

/// One file whose star is all of the key: this is what core itself has.
#[test]
fn one_file_is_as_in_core() {
    let mut random = Random::new(seed());
    let mut all = Vec::new();
    for _ in 0..cases(200) {
        let keys: Vec<&str> = IDS.iter().chain(&TAGS).chain(&["wiki", "books", "default"]).copied().collect();
        let root = star_file(&mut random, &keys);
        let scope = Scope::Star { before: String::new(), behind: String::new(), default: None };
        let files = [file(0, scope, root.clone())];
        for wiki in wikis(&mut random) {
            all.push(map([
                ("settings", root.clone()),
                ("wiki", text(wiki.id.as_str())),
                ("suffix", text(wiki.suffix)),
                ("tags", list(wiki.tags.iter().map(|tag| text(tag)).collect())),
                ("expected", settings(&files, &wiki)),
            ]));
        }
    }
    compare_with_core(all);
}

/// Several files: core knows one only, but each level and file can be a tag of its own there, in their order.
#[test]
fn several_files_are_as_levels_of_core() {
    let mut random = Random::new(seed().wrapping_add(1 << 32));
    let mut all = Vec::new();
    for _ in 0..cases(200) {
        let count = 2 + random.below(6);
        let files: Vec<File> = (0..count).map(|index| random_file(&mut random, index)).collect();
        for wiki in wikis(&mut random) {
            let (tags, overrides) = as_tags(&files, &wiki);
            let expected = settings(&files, &wiki);
            all.push(map([
                ("settings", map(overrides.into_iter().map(|(name, keys)| (name, map(keys))))),
                ("wiki", text("nobody")),
                ("suffix", text("nothing")),
                ("tags", list(tags.iter().map(|tag| text(tag)).collect())),
                ("expected", sorted(expected)),
            ]));
        }
    }
    compare_with_core(all);
}

fn compare_with_core(all: Vec<Node>) {
    let count = all.len();
    let set = all.iter().filter_map(|case| Some(case.map()?.last()?.1.map()?.len())).sum::<usize>();
    assert!(set > count * 3, "only {set} settings of {count} wikis have a value: that proves little");
    let all = list(all).value;
    // Older ones number what is appended to negative keys in two ways.
    let php = composer::oracle().join("bin/php84");
    for version in ["1.39", "1.43"] {
        let compared = compare(&php, "core.php", &all, &[&composer::trees().join(version)]);
        assert_eq!(compared, count, "{version}");
    }
}

fn wikis(random: &mut Random) -> Vec<Wiki> {
    let wiki = |id: &str| {
        let suffix = if id.ends_with("wiki") { "wiki" } else { "books" };
        let mut tags: Vec<&str> = TAGS.to_vec();
        random.shuffle(&mut tags);
        tags.truncate(random.below(4));
        if random.chance(10) {
            tags.insert(0, suffix);
        }
        Wiki { id: WikiId::new(id).expect("a wiki"), suffix, tags: tags.into_iter().map(str::to_owned).collect() }
    };
    IDS.map(wiki).into()
}

fn file(index: usize, scope: Scope, root: Node) -> File {
    File { entry: Entry { file: format!("{index}.yml"), scope, index }, root }
}

/// A file of any scope.
fn random_file(random: &mut Random, index: usize) -> File {
    let everybody: Vec<&str> = IDS.iter().chain(&TAGS).chain(&["wiki", "books"]).copied().collect();
    if random.chance(40) {
        let key = if random.chance(40) { "default" } else { random.pick(&everybody) };
        let names = random.some_of(NAMES.len(), NAMES.len());
        let value = |name: usize| (NAMES[name], any_value(random));
        let root = map(names.into_iter().map(value).collect::<Vec<_>>());
        return file(index, Scope::Fixed(key.to_owned()), root);
    }
    let (before, behind) =
        [("", ""), ("", "wiki"), ("", "books"), ("my", ""), ("3", ""), ("e", "i"), ("", "-y")][random.below(7)];
    let mut keys = vec!["default"];
    keys.extend(everybody.iter().filter_map(|name| name.strip_prefix(before)?.strip_suffix(behind)));
    keys.push("nobody");
    let default = random.chance(30).then(|| random.pick(&everybody).to_owned());
    let scope = Scope::Star { before: before.into(), behind: behind.into(), default };
    file(index, scope, star_file(random, &keys))
}

/// A file with a star, with any of these keys.
fn star_file(random: &mut Random, keys: &[&str]) -> Node {
    let names = random.some_of(NAMES.len(), NAMES.len());
    let mut root = Vec::new();
    for name in names {
        let mut overrides: Vec<(String, Node)> = Vec::new();
        // Most settings are arrays everywhere.
        let arrays = random.chance(70);
        for key in random.some_of(keys.len(), keys.len()) {
            let key = keys[key];
            let diff = key != "default" && random.chance(60);
            let value = if diff || arrays { meeting_array(random, 3) } else { any_value(random) };
            overrides.push((if diff { format!("+{key}") } else { key.to_owned() }, value));
            if key != "default" && random.chance(10) {
                let both =
                    overrides.last().map(|(key, _)| key.strip_prefix('+').map_or(format!("+{key}"), str::to_owned));
                overrides.extend(both.map(|key| (key, meeting_array(random, 3))));
            }
        }
        overrides.sort_by(|a, b| a.0.cmp(&b.0));
        overrides.dedup_by(|a, b| a.0 == b.0);
        random.shuffle(&mut overrides);
        root.push((NAMES[name], map(overrides)));
    }
    map(root)
}

fn any_value(random: &mut Random) -> Node {
    if random.chance(60) { meeting_array(random, 3) } else { meeting(random, 2) }
}

/// What mwfarm says.
fn settings(files: &[File], wiki: &Wiki) -> Node {
    let mut names = Names::default();
    let prepared: Vec<Prepared<'_>> = files
        .iter()
        .map(|file| {
            let kind = Kind::of(&file.entry.scope).expect("a settings file");
            let (prepared, findings) = Prepared::new(&file.root, kind, &mut names);
            let errors: Vec<_> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
            assert!(errors.is_empty(), "{errors:?}");
            prepared
        })
        .collect();
    let files: Vec<_> = files.iter().map(|file| &file.entry).zip(&prepared).collect();
    let resolved = resolve(&names, &Levels::new(&wiki.id, wiki.suffix, &wiki.tags), &files);
    let value = |setting: mwfarm::config::settings::Setting<'_>| {
        assert!(setting.diff.is_none(), "there are no diffs onto MediaWiki's values");
        (setting.name.to_owned(), setting.value.expect("a value").into_owned())
    };
    map(resolved.settings.into_iter().map(value).collect::<Vec<_>>())
}

/// Settings in the order of their names.
fn sorted(settings: Node) -> Node {
    let Value::Map(mut pairs) = settings.value else { panic!("a map") };
    pairs.sort_by(|a, b| a.0.cmp(&b.0));
    node(Value::Map(pairs))
}

/// What core has under each setting: keys with values.
type Overrides = BTreeMap<String, Vec<(String, Node)>>;

/// The levels and files of a wiki as tags of core, from high to low, and what the settings have under them. It is found
/// by trying every key, not by taking names apart.
fn as_tags(files: &[File], wiki: &Wiki) -> (Vec<String>, Overrides) {
    let mut levels: Vec<&str> = vec![wiki.id.as_str()];
    levels.extend(wiki.tags.iter().map(String::as_str).chain([wiki.suffix]));
    let mut known = BTreeSet::new();
    levels.retain(|level| known.insert(*level));
    let named = levels.iter().map(|level| On::Named(level));
    let (mut tags, mut overrides) = (Vec::new(), Overrides::new());
    for (number, level) in named.chain([On::Default, On::DefaultFile]).enumerate() {
        for file in files.iter().rev() {
            let tag = format!("level{number}file{}", file.entry.index);
            for (setting, key, value) in said(file, level, &tag) {
                overrides.entry(setting).or_default().push((key, value));
            }
            tags.push(tag.clone());
            tags.push(tag + "default");
        }
    }
    (tags, overrides)
}

/// A level of a wiki.
#[derive(Clone, Copy, PartialEq)]
enum On<'a> {
    /// The wiki, a tag or the suffix.
    Named(&'a str),
    /// `default` in files with a star.
    Default,
    /// Files for `default`.
    DefaultFile,
}

/// What a file says on one level: settings, with a key for the tag that stands for both, and values.
fn said(file: &File, level: On<'_>, tag: &str) -> Vec<(String, String, Node)> {
    let mut found = Vec::new();
    for (setting, node) in file.root.map().expect("a map") {
        match &file.entry.scope {
            Scope::Fixed(key) => {
                let own = if key == "default" { On::DefaultFile } else { On::Named(key) };
                if own == level {
                    found.push((setting.to_string(), tag.to_owned(), node.clone()));
                }
            }
            Scope::Star { before, behind, default } => {
                for (key, node) in node.map().expect("a map") {
                    let key = key.to_string();
                    let (plus, text) = key.strip_prefix('+').map_or(("", &key[..]), |text| ("+", text));
                    let named = [before, text, behind].concat();
                    let (own, key) = match (text, default) {
                        ("", _) => continue,
                        ("default", None) => (On::Default, format!("{tag}default")),
                        ("default", Some(name)) => (On::Named(name), format!("{tag}default")),
                        _ => (On::Named(&named), format!("{plus}{tag}")),
                    };
                    if own == level {
                        found.push((setting.to_string(), key, node.clone()));
                    }
                }
            }
            Scope::Executable => panic!("there are none"),
        }
    }
    found
}
