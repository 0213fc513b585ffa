//! One build after another in the same tree.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output};

use super::files;

/// A copy of a fixture's tree.
pub(super) struct Tree(tempfile::TempDir);

impl Tree {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/build/small/in");
        for (name, text) in files(&from) {
            let file = directory.path().join(name);
            fs::create_dir_all(file.parent().expect("a directory")).expect("a directory");
            fs::write(file, text).expect("a file");
        }
        Self(directory)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mwfarm"));
        command.env("MWFARM_CACHE_DIR", "/dev/null");
        command.args(arguments).arg("-d").arg(self.0.path()).output().expect("mwfarm runs")
    }

    #[track_caller]
    pub(super) fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    /// Lists the wikis: one that stays, and one with a name of its own.
    pub(super) fn wikis(&self, name: &str, extensions: &str) {
        let text = format!(
            "wikis:\n  plain: {{ hosts: [plain.example.org], extensions: [] }}\n  \
             {name}: {{ hosts: [{name}.example.org], extensions: [{extensions}] }}\n"
        );
        fs::write(self.0.path().join("wikis.yml"), text).expect("wikis.yml");
    }

    pub(super) fn vendor(&self) -> BTreeMap<String, String> {
        files(&self.0.path().join("vendor"))
    }
}

#[test]
fn many_generations_are_known_and_taken_out() {
    let tree = Tree::new();
    let before = tree.vendor();
    for number in 0..12 {
        tree.wikis(&format!("w{number}"), if number % 2 == 0 { "Lantern" } else { "Harbour" });
        tree.succeed(&["build"]);
        tree.succeed(&["verify"]);
        tree.succeed(&["build", "--locked"]);
    }
    tree.succeed(&["eject"]);
    assert_eq!(tree.vendor(), before);
}

#[test]
fn an_earlier_generation_is_used_again_and_nothing_published_is_touched() {
    let tree = Tree::new();
    tree.wikis("one", "Lantern");
    tree.succeed(&["build"]);
    let first = tree.vendor();
    tree.wikis("two", "Harbour");
    tree.succeed(&["build"]);
    tree.wikis("one", "Lantern");
    tree.succeed(&["build"]);
    tree.succeed(&["verify"]);
    let again = tree.vendor();
    let fixed = ["mwfarm.json"];
    for (name, text) in first.iter().filter(|(name, _)| !fixed.contains(&name.as_str())) {
        assert_eq!(again.get(name), Some(text), "{name}");
    }
}

/// OPcache compares the time of modification and nothing else, in whole seconds.
#[test]
fn the_dispatcher_of_each_generation_is_younger_by_a_second() {
    let tree = Tree::new();
    let mut before = None;
    for (name, extensions) in [("one", "Lantern"), ("two", ""), ("one", "Lantern"), ("three", "")] {
        tree.wikis(name, extensions);
        tree.succeed(&["build"]);
        let metadata = fs::metadata(tree.0.path().join("vendor/autoload.php")).expect("the dispatcher");
        let second = Some(metadata.mtime());
        assert!(second > before, "{second:?} after {before:?}");
        before = second;
    }
}

#[test]
fn locked_says_when_what_is_published_is_out_of_date() {
    let tree = Tree::new();
    tree.wikis("one", "Lantern");
    assert_eq!(tree.run(&["build", "--locked"]).status.code(), Some(6));
    tree.succeed(&["build"]);
    tree.succeed(&["build", "--locked"]);
    fs::write(tree.0.path().join("extensions/Lantern/src/Ray.php"), "<?php namespace Acme\\Lantern; class Ray {}\n")
        .expect("a class");
    assert_eq!(tree.run(&["build", "--locked"]).status.code(), Some(6));
}

#[test]
fn a_changed_extension_changes_its_sets_and_bundles_only() {
    let tree = Tree::new();
    tree.wikis("one", "Lantern");
    tree.succeed(&["build"]);
    fs::write(tree.0.path().join("extensions/Lantern/src/Ray.php"), "<?php namespace Acme\\Lantern; class Ray {}\n")
        .expect("a class");
    let plan: serde_json::Value = {
        let output = tree.run(&["plan", "--format", "json"]);
        serde_json::from_slice(&output.stdout).expect("a plan")
    };
    let states = |list: &str, name: &str| -> Vec<(String, String)> {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or("base").to_owned();
        let entry = |entry: &serde_json::Value| (entry[name].to_string(), text(&entry["state"]));
        plan[list].as_array().expect("a list").iter().map(entry).collect()
    };
    let sets = states("sets", "extension");
    let created: Vec<&str> = sets.iter().filter(|(_, state)| state == "created").map(|(id, _)| id.as_str()).collect();
    assert_eq!(created, [r#""extensions/Harbour""#, r#""extensions/Lantern""#]);
    let wikis = states("wikis", "id");
    assert_eq!(wikis, [(r#""one""#.to_owned(), "changed".to_owned()), (r#""plain""#.to_owned(), "kept".to_owned())]);
}
