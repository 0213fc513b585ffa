//! One extension has changed: its set and the bundles that hold it are written, and nothing else is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use super::super::build::files;
use super::{Place, a_moment, ahead};

/// The tree of a fixture: `Harbour` needs `Lantern`; `plain` has neither, `w` has what the test says.
fn place() -> Place {
    let place = Place::new(true);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/build/small/in");
    for (name, text) in files(&from) {
        let file = place.path(&name);
        fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
        fs::write(file, text).expect("a file");
    }
    fs::write(
        place.path("wikis.yml"),
        "wikis:\n  plain: { hosts: [plain.example.org], extensions: [] }\n  \
         lantern: { hosts: [lantern.example.org], extensions: [Lantern] }\n  \
         both: { hosts: [both.example.org], extensions: [Lantern, Harbour] }\n",
    )
    .expect("wikis.yml");
    place
}

/// Inode and time of change of every file below vendor/, and of every directory that a build makes.
fn marks(vendor: &Path) -> BTreeMap<String, (u64, i64, i64)> {
    let mut marks = BTreeMap::new();
    let mut open = vec![vendor.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("what it is");
            if metadata.is_dir() {
                open.push(entry.path());
            }
            let name = entry.path().strip_prefix(vendor).expect("below").to_str().expect("UTF-8").to_owned();
            // Time of change of a directory: of its list of names.
            marks.insert(name, (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()));
        }
    }
    marks
}

/// The hashed names that changed or are new, with what they are in the new manifest: `set of …`, `bundle of …`.
fn written(place: &Place, before: &BTreeMap<String, (u64, i64, i64)>) -> BTreeSet<String> {
    let after = marks(&place.vendor());
    let manifest: Value =
        serde_json::from_slice(&fs::read(place.vendor().join("mwfarm.json")).expect("it")).expect("JSON");
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for set in manifest["sets"].as_array().expect("sets") {
        let extension = set["extension"].as_str().unwrap_or("the base");
        names.insert(format!("composer{}", set["key"].as_str().expect("a key")), format!("set of {extension}"));
    }
    for bundle in manifest["bundles"].as_array().expect("bundles") {
        let of: Vec<&str> = bundle["extensions"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let hash = bundle["hash"].as_str().expect("a hash");
        names.insert(format!("bundle_{hash}.php"), format!("bundle of {}", of.join("+")));
        names.insert(format!("bundle_{hash}_installed.php"), format!("data of {}", of.join("+")));
    }
    names.entry(manifest["union"].as_str().expect("a name").to_owned()).or_insert("data of all".to_owned());
    let changed = after.iter().filter(|(name, mark)| before.get(*name) != Some(mark));
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    assert_eq!(gone.collect::<Vec<_>>(), Vec::<&String>::new());
    changed
        .map(|(name, _)| {
            let top = name.split('/').next().unwrap_or_default();
            let what = names.get(top).cloned().unwrap_or(top.to_owned());
            if what.starts_with("wikis_") { "wikis".to_owned() } else { what }
        })
        .collect()
}

fn after(change: impl FnOnce(&Place)) -> BTreeSet<String> {
    let place = place();
    place.build(Some(ahead));
    a_moment();
    let before = marks(&place.vendor());
    change(&place);
    place.build(Some(ahead));
    written(&place, &before)
}

fn list(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What every generation has of its own.
const GENERATION: [&str; 4] = ["autoload.php", "mwfarm.json", "mwfarm_extensions.php", "wikis"];

#[test]
fn nothing_is_written_when_nothing_has_changed() {
    assert_eq!(after(|_| ()), list(&[]));
    // Nor when files are newer but the same.
    let touched = |place: &Place| {
        for (name, text) in files(&place.path("extensions")) {
            fs::write(place.path("extensions").join(name), text).expect("a file");
        }
    };
    assert_eq!(after(touched), list(&[]));
}

#[test]
fn an_extension_that_nobody_needs_is_written_with_its_bundles() {
    let changed = |place: &Place| {
        let json = place.path("extensions/Harbour/composer.json");
        let mut composer: Value = serde_json::from_slice(&fs::read(&json).expect("it")).expect("JSON");
        composer["require"]["ext-ctype"] = serde_json::json!("*");
        fs::write(&json, composer.to_string()).expect("a file");
    };
    let both = "extensions/Harbour+extensions/Lantern";
    let (bundle, data) = (format!("bundle of {both}"), format!("data of {both}"));
    let own = ["set of extensions/Harbour", bundle.as_str(), data.as_str()];
    assert_eq!(after(changed), list(&[&own[..], &GENERATION, &["data of all"]].concat()));
}

#[test]
fn an_extension_that_another_needs_is_written_with_both_sets() {
    let changed = |place: &Place| {
        let text = "<?php\nnamespace Acme\\Lantern;\n\nclass Wick {}\n";
        fs::write(place.path("extensions/Lantern/src/Wick.php"), text).expect("a file");
    };
    let both = "extensions/Harbour+extensions/Lantern";
    let mut expected = list(&GENERATION);
    for name in ["extensions/Harbour", "extensions/Lantern"] {
        expected.insert(format!("set of {name}"));
    }
    for name in ["extensions/Lantern", both] {
        expected.extend([format!("bundle of {name}"), format!("data of {name}")]);
    }
    expected.insert("data of all".to_owned());
    assert_eq!(after(changed), expected);
}
