//! `rollback` serves an earlier generation again, as a whole.

use std::fs;

use super::generations::Tree;

fn served(tree: &Tree) -> String {
    let list: serde_json::Value =
        serde_json::from_str(&tree.succeed(&["rollback", "--list", "--format", "json"])).expect("JSON");
    let generations = list["generations"].as_array().expect("a list");
    let served = generations.iter().find(|generation| generation["state"] == "served").expect("one is served");
    served["generation"].as_str().expect("a text").to_owned()
}

/// A tree with three generations, the first one first.
fn three() -> (Tree, [String; 3]) {
    let tree = Tree::new();
    let generations = [("one", "Lantern"), ("two", "Harbour"), ("three", "Lantern, Harbour")].map(|(name, on)| {
        tree.wikis(name, on);
        tree.succeed(&["build"]);
        served(&tree)
    });
    (tree, generations)
}

/// The files that say which generation is served, as a build of it left them.
fn fixed(tree: &Tree) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(tree.path().join("vendor").join(name)).expect("a file");
    ["autoload.php", "mwfarm_extensions.php", "MediaWikiExtensions.php", "composer/installed.php"].map(read).to_vec()
}

#[test]
fn each_step_goes_further_back() {
    let tree = Tree::new();
    let mut states = Vec::new();
    for name in ["one", "two", "three"] {
        tree.wikis(name, "Lantern");
        tree.succeed(&["build"]);
        states.push((served(&tree), fixed(&tree)));
    }
    let planned = tree.succeed(&["rollback", "--dry-run"]);
    assert!(planned.contains("there again: two\nno longer there: three\n"), "{planned}");
    assert_eq!(served(&tree), states[2].0);
    for (generation, fixed_then) in states[..2].iter().rev() {
        tree.succeed(&["rollback"]);
        assert_eq!((&served(&tree), &fixed(&tree)), (generation, fixed_then));
        tree.succeed(&["verify"]);
    }
    let output = tree.run(&["rollback"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no generation before"));
    // Forward again, and a build is what the tree and its list of wikis say.
    tree.succeed(&["rollback", "--to", &states[2].0[..8]]);
    assert_eq!(fixed(&tree), states[2].1);
    tree.succeed(&["verify"]);
    tree.succeed(&["build", "--locked"]);
    tree.succeed(&["rollback"]);
    assert_eq!(tree.run(&["build", "--locked"]).status.code(), Some(6));
    tree.succeed(&["build"]);
    assert_eq!(served(&tree), states[2].0);
    tree.succeed(&["eject"]);
}

#[test]
fn a_generation_that_is_not_whole_is_not_served() {
    let (tree, [_, second, third]) = three();
    let vendor = tree.path().join("vendor");
    let table = vendor.join(format!("wikis_{second}.php"));
    let text = fs::read(&table).expect("the table");
    fs::write(&table, "<?php return [];\n").expect("written");
    let refused = |what: &str| {
        let output = tree.run(&["rollback"]);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains(what), "{error}");
        assert_eq!(served(&tree), third);
    };
    refused("has other content");
    fs::remove_file(&table).expect("removed");
    refused("is missing");
    fs::write(&table, text).expect("written");
    // A file that the generation maps and that an update of the code has removed.
    let class = tree.path().join("extensions/Lantern/src");
    fs::rename(&class, tree.path().join("moved")).expect("moved");
    refused("maps files that are gone");
    fs::rename(tree.path().join("moved"), &class).expect("moved back");
    tree.succeed(&["rollback"]);
    assert_eq!(served(&tree), second);
}

#[test]
fn changed_code_is_told() {
    let (tree, _) = three();
    let manifest = tree.path().join("extensions/Lantern/extension.json");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text + "\n").expect("written");
    let told = tree.succeed(&["rollback"]);
    assert!(told.contains("is not taken back: extensions/Lantern/extension.json"), "{told}");
}

#[test]
fn names_of_generations_are_checked() {
    let (tree, [first, _, third]) = three();
    for (to, code, error) in [
        ("zz", 4, "there is no generation `zz`"),
        ("", 4, "there is no generation ``"),
        (third.as_str(), 4, "already"),
        ("\u{202e}", 4, "there is no generation `\\u{202e}`"),
    ] {
        let output = tree.run(&["rollback", "--to", to]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{to}: {said}");
        assert!(said.contains(error), "{said}");
    }
    tree.succeed(&["rollback", "--to", &first]);
    assert_eq!(served(&tree), first);
}

/// Composer's own loader serves everything: there is no generation to go back from.
#[test]
fn composers_loader_is_left_alone() {
    let (tree, _) = three();
    let dispatcher = tree.path().join("vendor/autoload.php");
    fs::write(&dispatcher, "<?php\n\n// autoload.php @generated by Composer\n").expect("written");
    let output = tree.run(&["rollback"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not mwfarm's"));
}

/// Interrupted between its manifest and its dispatcher, a rollback is finished by the next one, and not taken for a step.
#[test]
fn an_interrupted_rollback_is_finished() {
    let (tree, [first, second, third]) = three();
    let vendor = tree.path().join("vendor");
    let dispatcher = fs::read(vendor.join("autoload.php")).expect("the dispatcher");
    tree.succeed(&["rollback"]);
    fs::write(vendor.join("autoload.php"), dispatcher).expect("written");
    assert_eq!(served(&tree), third);
    // Meanwhile nothing is taken away from either.
    tree.succeed(&["gc", "--grace", "0"]);
    tree.succeed(&["rollback"]);
    assert_eq!(served(&tree), second);
    tree.succeed(&["verify"]);
    tree.succeed(&["rollback"]);
    assert_eq!(served(&tree), first);
}

/// A build that is killed before its switch is no step: neither is it served before, nor does `rollback` go to it.
#[test]
fn interrupted_builds_are_no_steps() {
    let (tree, [_, second, third]) = three();
    let vendor = tree.path().join("vendor");
    let dispatcher = fs::read(vendor.join("autoload.php")).expect("the dispatcher");
    for name in ["four", "five"] {
        tree.wikis(name, "Harbour");
        tree.succeed(&["build"]);
        fs::write(vendor.join("autoload.php"), &dispatcher).expect("written");
    }
    let list: serde_json::Value =
        serde_json::from_str(&tree.succeed(&["rollback", "--list", "--format", "json"])).expect("JSON");
    let states: Vec<(&str, bool)> = list["generations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| (one["state"].as_str().expect("a text"), one["replaced"].is_null()))
        .collect();
    assert_eq!(states[..3], [("interrupted", true), ("skipped", false), ("served", true)]);
    // What is served is whole, and what is not finished is told.
    let output = tree.run(&["verify"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("was interrupted") && text.contains(": 1 difference"), "{text}");
    assert!(text.contains(&format!("generation {third}")), "{text}");
    tree.succeed(&["rollback"]);
    assert_eq!(served(&tree), second);
}

/// After a rollback, what it has left stays: one may want to go there again.
#[test]
fn what_is_left_stays_until_another_build() {
    let (tree, [first, second, third]) = three();
    tree.succeed(&["rollback"]);
    tree.succeed(&["gc", "--grace", "0"]);
    tree.succeed(&["rollback", "--to", &third.to_uppercase()]);
    assert_eq!(served(&tree), third);
    tree.succeed(&["rollback"]);
    assert_eq!(served(&tree), second);
    tree.wikis("four", "");
    tree.succeed(&["build"]);
    tree.succeed(&["gc", "--grace", "0"]);
    let output = tree.run(&["rollback", "--to", &third]);
    assert_eq!(output.status.code(), Some(4), "another build has come");
    tree.succeed(&["rollback"]);
    assert_eq!(served(&tree), second);
    assert_ne!(second, first);
}
