//! `gc` removes what builds made and no request uses any more, and nothing else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;

use super::generations::Tree;

/// What is in the vendor directory, links not followed.
fn names(tree: &Tree) -> BTreeSet<String> {
    let entries = fs::read_dir(tree.path().join("vendor")).expect("vendor");
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
}

/// A tree after so many builds, each of another generation.
fn built(generations: usize) -> Tree {
    let tree = Tree::new();
    for number in 0..generations {
        tree.wikis(&format!("w{number}"), if number % 2 == 0 { "Lantern" } else { "Harbour" });
        tree.succeed(&["build"]);
    }
    tree
}

fn json(tree: &Tree, arguments: &[&str]) -> serde_json::Value {
    let output = tree.run(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn what_is_old_goes_and_what_is_young_stays() {
    let tree = built(6);
    let all = names(&tree);
    let young = json(&tree, &["gc", "--format", "json"]);
    assert_eq!(young["directories"][0]["names"], serde_json::json!([]));
    let reasons = |answer: &serde_json::Value| -> Vec<String> {
        let kept = answer["directories"][0]["kept"].as_array().expect("a list").iter();
        kept.map(|kept| kept["reason"].as_str().expect("a text").to_owned()).collect()
    };
    assert_eq!(reasons(&young), ["in_use", "latest", "grace", "grace", "grace", "grace"]);
    assert_eq!(names(&tree), all);

    let planned = json(&tree, &["gc", "--grace", "0", "--dry-run", "--format", "json"]);
    assert_eq!(names(&tree), all, "a dry run removes nothing");
    let done = json(&tree, &["gc", "--grace", "0", "--format", "json"]);
    assert_eq!(planned, done);
    let removed: BTreeSet<String> = done["directories"][0]["names"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|name| name.as_str().expect("a text").to_owned())
        .collect();
    // Bundles are the same in every other generation: only tables are of one alone.
    assert!(removed.len() == 4 && removed.iter().all(|name| name.starts_with("wikis_")), "{removed:?}");
    assert_eq!(&names(&tree) | &removed, all);
    assert_eq!(names(&tree).intersection(&removed).count(), 0);
    tree.succeed(&["verify"]);
    tree.succeed(&["build", "--locked"]);
    tree.succeed(&["rollback"]);
    tree.succeed(&["verify"]);
    tree.succeed(&["eject"]);
}

#[test]
fn bundles_that_only_old_generations_have_go() {
    let tree = Tree::new();
    for (name, extensions) in [("one", "Lantern, Harbour"), ("two", "Harbour"), ("three", ""), ("four", "")] {
        tree.wikis(name, extensions);
        tree.succeed(&["build"]);
    }
    let bundles = |tree: &Tree| names(tree).iter().filter(|name| name.starts_with("bundle_")).count();
    let before = bundles(&tree);
    tree.succeed(&["gc", "--grace", "0"]);
    assert!(bundles(&tree) < before);
    let manifest = fs::read_to_string(tree.path().join("vendor/mwfarm.json")).expect("the manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    assert_eq!(manifest["previous"].as_array().expect("a list").len(), 1);
    tree.succeed(&["verify"]);
}

#[test]
fn what_mwfarm_did_not_make_stays() {
    let tree = Tree::new();
    tree.wikis("one", "Lantern");
    tree.succeed(&["build"]);
    // Another set of Lantern: the first one is then used by no generation but the first.
    fs::write(tree.path().join("extensions/Lantern/src/Ray.php"), "<?php namespace Acme\\Lantern; class Ray {}\n")
        .expect("a class");
    tree.succeed(&["build"]);
    tree.wikis("two", "");
    tree.succeed(&["build"]);
    tree.wikis("three", "");
    tree.succeed(&["build"]);
    let vendor = tree.path().join("vendor");
    let planned = json(&tree, &["gc", "--grace", "0", "--dry-run", "--format", "json"]);
    let going: Vec<&str> = planned["directories"][0]["names"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    let set = going.iter().find(|name| name.starts_with("composer")).expect("a set goes");
    let bundle = going.iter().find(|name| name.starts_with("bundle_")).expect("a bundle goes");

    // Names of our form that no manifest lists, a link of one that it does, and a file in a directory of ours.
    let outside = tree.path().join("outside");
    fs::create_dir(&outside).expect("a directory");
    fs::write(outside.join("precious"), "x").expect("a file");
    let stranger = "composer00000000000000000000000000000000";
    symlink("../outside", vendor.join(stranger)).expect("a link");
    fs::create_dir(vendor.join("mwfarm_00000000000000000000000000000000")).expect("a directory");
    fs::write(vendor.join("bundle_00000000000000000000000000000000.php"), "<?php\n").expect("a file");
    fs::write(vendor.join(set).join("notes.txt"), "x").expect("a file");
    fs::remove_file(vendor.join(bundle)).expect("removed");
    symlink("../outside/precious", vendor.join(bundle)).expect("a link");

    let before = names(&tree);
    let answer = json(&tree, &["gc", "--grace", "0", "--format", "json"]);
    let removed: BTreeSet<String> = before.difference(&names(&tree)).cloned().collect();
    for name in [stranger, set, bundle, "mwfarm_00000000000000000000000000000000"] {
        assert!(!removed.contains(name), "{name}");
    }
    assert!(vendor.join("bundle_00000000000000000000000000000000.php").exists());
    assert!(vendor.join(set).join("notes.txt").exists() && outside.join("precious").exists());
    let strangers = answer["directories"][0]["strangers"].as_array().expect("a list");
    let strangers: BTreeSet<&str> = strangers.iter().filter_map(|stranger| stranger["file"].as_str()).collect();
    assert_eq!(strangers, BTreeSet::from([format!("{set}/notes.txt").as_str(), *bundle]));
    // It is told again, and goes when the stranger has gone.
    fs::remove_file(vendor.join(set).join("notes.txt")).expect("removed");
    tree.succeed(&["gc", "--grace", "0"]);
    assert!(!vendor.join(set).exists());
}

#[test]
fn eject_leaves_it_too() {
    let tree = built(1);
    let set = names(&tree).into_iter().find(|name| name.len() == 40 && name.starts_with("composer")).expect("a set");
    let notes = tree.path().join("vendor").join(&set).join("notes.txt");
    fs::write(&notes, "x").expect("a file");
    let told = tree.succeed(&["eject"]);
    assert!(told.contains(&format!("kept {set}: mwfarm did not make {set}/notes.txt")), "{told}");
    assert!(notes.exists());
    assert!(!tree.path().join("vendor/mwfarm.json").exists());
}

#[test]
fn it_writes_through_no_link_and_works_where_a_build_is() {
    let tree = built(1);
    let elsewhere = tree.path().join("elsewhere");
    fs::rename(tree.path().join("vendor"), &elsewhere).expect("moved");
    symlink("elsewhere", tree.path().join("vendor")).expect("a link");
    let output = tree.run(&["gc"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is a symbolic link"));
    fs::remove_file(tree.path().join("vendor")).expect("removed");
    fs::create_dir(tree.path().join("vendor")).expect("a directory");
    let output = tree.run(&["gc"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("mwfarm has not built in"));
}

/// A manifest that cannot be trusted removes nothing.
#[test]
fn a_torn_manifest_removes_nothing() {
    let tree = built(4);
    let manifest = tree.path().join("vendor/mwfarm.json");
    let text = fs::read_to_string(&manifest).expect("the manifest");
    let older = text.replacen("\"schema\": \"1.", "\"schema\": \"0.", 1);
    let newer = text.replacen("\"schema\": \"1.", "\"schema\": \"2.", 1);
    // Names that lead out of the vendor directory, to files of others.
    let root = tree.path().file_name().expect("a name").to_str().expect("UTF-8");
    let hostile = text.replace("\"wikis_", "\"../wikis_").replace("\"bundle_", &format!("\"../../{root}/bundle_"));
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let fields = ["files", "retained"].iter().filter_map(|field| json[*field].as_object());
    let led_to: Vec<_> = fields
        .flat_map(|files| files.keys())
        .filter(|name| name.starts_with("wikis_") || name.starts_with("bundle_"))
        .map(|name| tree.path().join(name))
        .collect();
    assert!(led_to.len() > 4, "{led_to:?}");
    for path in &led_to {
        fs::write(path, "precious").expect("a file");
    }
    for torn in [&text[..text.len() / 2], "", "[]", "{}", &older, &newer, &hostile] {
        fs::write(&manifest, torn).expect("written");
        let before = names(&tree);
        let output = tree.run(&["gc", "--grace", "0"]);
        assert_ne!(output.status.code(), Some(70));
        assert_eq!(names(&tree), before, "{}", &torn[..torn.len().min(60)]);
        let stays = |path: &std::path::PathBuf| fs::read(path).is_ok_and(|content| content == b"precious");
        assert!(led_to.iter().all(stays), "{}", &torn[..torn.len().min(60)]);
    }
    fs::write(&manifest, &text).expect("written");
    tree.succeed(&["gc", "--grace", "0"]);
}
