//! What has changed since the build, and what a rollback or a killed build has left.

use std::fs;

use serde_json::json;

use super::tree::Tree;

fn built() -> Tree {
    let tree = Tree::new();
    tree.build();
    tree
}

/// The same state in which `build --locked` refuses.
fn locked(tree: &Tree) -> Option<i32> {
    tree.mwfarm(&["build", "--locked"]).status.code()
}

#[test]
fn a_tree_that_was_never_built_is_told() {
    let tree = Tree::new();
    let found = tree.doctor();
    let finding = found.only("not-built");
    assert_eq!((&finding["severity"], &finding["hint"]), (&json!("note"), &json!("run `mwfarm build`")));
    tree.build();
    assert_eq!(tree.doctor().of("not-built").len(), 0);
}

#[test]
fn wikis_that_changed_since_the_build_are_named() {
    let tree = built();
    assert_eq!((tree.doctor().codes(), locked(&tree)), (vec![], Some(0)));
    tree.wikis(&[("one", "One, Two"), ("both", "One, Two"), ("all", "One, Two, Three"), ("new", "")]);
    assert_eq!(locked(&tree), Some(6));
    let found = tree.doctor();
    let finding = found.only("out-of-date");
    assert_eq!((&finding["severity"], &finding["file"]), (&json!("warning"), &json!("wikis.yml")));
    assert_eq!(finding["wikis"], json!(["new", "one", "plain"]));
    let what = finding["what"].as_str().unwrap();
    assert_eq!(
        what,
        "since the build, `wikis.yml` changed: `new` added; `plain` removed; `one` with other extensions or hosts"
    );
    tree.build();
    assert_eq!(tree.doctor().codes(), [""; 0]);

    let yaml = fs::read_to_string(tree.path("wikis.yml")).expect("a list");
    tree.write("wikis.yml", &yaml.replace("new.example.org", "newer.example.org"));
    assert_eq!(tree.doctor().only("out-of-date")["wikis"], json!(["new"]));

    tree.remove("wikis.yml");
    let found = tree.doctor();
    let finding = found.only("out-of-date");
    assert_eq!((&finding["severity"], &finding["file"]), (&json!("warning"), &json!("wikis.yml")));
    assert!(finding["what"].as_str().unwrap().ends_with("is missing, and 4 wikis are published"), "{finding}");
}

#[test]
fn php_files_that_changed_since_the_build_are_told_with_their_wikis() {
    let tree = built();
    tree.write("extensions/Three/src/Changed.php", "<?php\n");
    assert_eq!((tree.doctor().codes(), locked(&tree)), (vec![], Some(0)), "a file that nothing maps");
    tree.write("vendor/acme/b/lib/More.php", "<?php\nnamespace Acme;\nclass More {}\n");
    assert_eq!(locked(&tree), Some(6));
    let found = tree.doctor();
    let finding = found.only("out-of-date");
    assert_eq!((&finding["severity"], &finding["wikis"]), (&json!("warning"), &json!(["all", "both"])));
    let what = finding["what"].as_str().unwrap();
    assert!(what.contains("a build would publish another generation"), "{what}");
    tree.build();
    assert_eq!(tree.doctor().codes(), [""; 0]);
}

/// Ways to write the same bundles down are no change.
#[test]
fn a_build_with_options_is_not_out_of_date() {
    let tree = Tree::new();
    let options = ["build", "-q", "--classmap-authoritative", "--autoloader", "fast", "--absolute-paths"];
    assert_eq!(tree.mwfarm(&options).status.code(), Some(0));
    assert_eq!(tree.doctor().codes(), [""; 0]);
}

#[test]
fn a_rollback_is_told_until_the_next_build() {
    let tree = built();
    tree.wikis(&[("one", "One"), ("plain", "")]);
    tree.build();
    assert_eq!(tree.mwfarm(&["rollback", "-q"]).status.code(), Some(0));
    let found = tree.doctor();
    assert_eq!(found.codes(), ["rolled-back"], "{}", found.text);
    let finding = found.only("rolled-back");
    assert_eq!((&finding["severity"], &finding["wikis"]), (&json!("warning"), &json!(["all", "both"])));
    assert!(finding["what"].as_str().unwrap().starts_with("wikis are served an earlier generation"), "{finding}");
    tree.build();
    assert_eq!(tree.doctor().codes(), [""; 0]);
}

/// The manifest of the next generation is there, and the dispatcher is still that of the one before, which is whole.
#[test]
fn a_build_killed_before_its_last_step_is_one_warning() {
    let tree = built();
    let dispatcher = fs::read_to_string(tree.path("vendor/autoload.php")).expect("a dispatcher");
    tree.wikis(&[("one", "One"), ("plain", "One, Three")]);
    tree.build();
    tree.write("vendor/autoload.php", &dispatcher);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(tree.path("vendor/mwfarm.json")).unwrap()).unwrap();
    let next = manifest["files"].as_object().unwrap().keys().find(|file| file.starts_with("wikis_")).unwrap();
    // It was not written to its end, either.
    tree.remove(&format!("vendor/{next}"));
    let found = tree.doctor();
    assert_eq!(found.codes(), ["interrupted"], "{}", found.text);
    let finding = found.only("interrupted");
    assert_eq!((&finding["severity"], &finding["wikis"]), (&json!("warning"), &json!(["all", "both", "plain"])));
    let next = format!("before it published generation {}", manifest["generation"].as_str().unwrap());
    assert!(finding["what"].as_str().unwrap().contains(&next), "{finding}");

    // What is served is what is judged.
    let bundle = manifest["previous"][0]["record"]["wikis"].as_array().unwrap();
    let bundle = bundle.iter().find(|wiki| wiki["id"] == "both").expect("a wiki")["bundle"].as_str().unwrap();
    tree.remove(&format!("vendor/bundle_{bundle}.php"));
    let found = tree.doctor();
    let damaged = found.only("damaged");
    assert_eq!((&damaged["severity"], &damaged["wikis"]), (&json!("error"), &json!(["both"])));
    assert_eq!(damaged["hint"], "run `mwfarm build`, which makes it anew");
    tree.build();
    assert_eq!(tree.doctor().codes(), [""; 0]);
}

/// Of a directory, a build takes over only what is whole: what is left of it is to be moved away, not what is missing.
#[test]
fn how_a_file_that_is_missing_comes_back_is_said() {
    let tree = built();
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(tree.path("vendor/mwfarm.json")).unwrap()).unwrap();
    let set = manifest["files"].as_object().unwrap().keys().find(|file| file.ends_with("/set.json")).unwrap();
    tree.remove(&format!("vendor/{set}"));
    let found = tree.doctor();
    let hint = "move away what is left of its directory, and run `mwfarm build`, which makes it anew";
    assert_eq!(found.only("damaged")["hint"], hint);
    tree.remove(&format!("vendor/{}", set.split('/').next().unwrap()));
    tree.build();
    assert_eq!(tree.doctor().codes(), [""; 0]);
}
