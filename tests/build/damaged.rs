//! Hashed names that something has taken files from, or exchanged: what is missing is put back, all else is refused by
//! its name and left as it is.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::generations::Tree;

fn built() -> Tree {
    let tree = Tree::new();
    tree.wikis("one", "Lantern");
    tree.succeed(&["build"]);
    tree
}

/// The hashed names that begin so.
fn names(tree: &Tree, begin: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(tree.path().join("vendor")).expect("vendor").map(|entry| entry.expect("an entry"));
    let is_hashed = |name: &str| name.strip_prefix(begin).is_some_and(|rest| rest.len() >= 32);
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_hashed)).map(|entry| entry.path()).collect()
}

/// Fails with exit code 1 and this name, which is returned with all that is said.
#[track_caller]
fn fails(tree: &Tree, words: &[&str], name: &str) -> String {
    let output = tree.run(words);
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.code().is_some_and(|code| code != 0 && code != 70) && said.contains(name),
        "{words:?}: {said}"
    );
    said
}

fn text(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).expect("UTF-8")
}

#[test]
fn files_that_are_missing_are_put_back() {
    let tree = built();
    let before = tree.vendor();
    let sets = names(&tree, "composer");
    assert!(sets.len() > 1);
    for set in &sets {
        fs::remove_file(set.join("set.json")).expect("removed");
    }
    let runtime = &names(&tree, "mwfarm_")[0];
    for entry in fs::read_dir(runtime).expect("a directory") {
        fs::remove_file(entry.expect("an entry").path()).expect("removed");
    }
    fails(&tree, &["verify"], &format!("{}/set.json", text(&sets[0])));
    fails(&tree, &["build", "--locked"], "");
    tree.succeed(&["build"]);
    assert!(tree.vendor() == before);
    tree.succeed(&["verify"]);
    tree.succeed(&["build", "--locked"]);

    // Where one of its files has other content, nothing is put there.
    let changed = fs::read_dir(&sets[0]).expect("a set").map(|entry| entry.expect("an entry").path());
    let changed = changed.into_iter().find(|path| text(path) != "set.json").expect("a file");
    fs::write(&changed, "<?php\n").expect("written");
    fs::remove_file(sets[0].join("set.json")).expect("removed");
    let before = tree.vendor();
    let said = fails(&tree, &["build"], text(&sets[0]));
    assert!(said.contains("move it away and build again"), "{said}");
    assert!(tree.vendor() == before);
}

#[test]
fn an_empty_bundle_or_table_is_none() {
    for begin in ["bundle_", "wikis_"] {
        let tree = built();
        let before = tree.vendor();
        let file = names(&tree, begin).remove(0);
        fs::write(&file, "").expect("written");
        fails(&tree, &["build"], text(&file));
        fs::remove_file(&file).expect("removed");
        tree.succeed(&["build"]);
        assert!(tree.vendor() == before);
    }
}

#[test]
fn a_link_in_the_place_of_a_hashed_name_is_refused() {
    for begin in ["composer", "mwfarm_", "bundle_", "wikis_"] {
        let tree = built();
        let path = names(&tree, begin).remove(0);
        let aside = tree.path().join("aside");
        fs::rename(&path, &aside).expect("moved");
        symlink("../aside", &path).expect("a link");
        fails(&tree, &["verify"], "cannot be read: it is a link");
        fails(&tree, &["build", "--locked"], "");
        fails(&tree, &["build"], text(&path));
        assert!(fs::symlink_metadata(&path).expect("it").is_symlink());
        // Nor is something of another kind taken for it.
        fs::remove_file(&path).expect("removed");
        if aside.is_dir() {
            fs::write(&path, "<?php\n").expect("a file");
        } else {
            fs::create_dir(&path).expect("a directory");
        }
        fails(&tree, &["verify"], text(&path));
        fails(&tree, &["build"], text(&path));
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir(&path));
        fs::rename(&aside, &path).expect("moved back");
        tree.succeed(&["build", "--locked"]);
        tree.succeed(&["verify"]);
    }
}

#[test]
fn an_extension_whose_name_is_not_utf8_is_told() {
    let tree = Tree::new();
    let directory = tree.path().join("extensions").join(OsStr::from_bytes(b"Caf\xe9"));
    fs::create_dir(&directory).expect("a directory");
    fs::write(directory.join("extension.json"), "{\"name\": \"Cafe\", \"manifest_version\": 2}").expect("a file");
    let said = tree.succeed(&["build"]);
    assert!(said.contains(r"`extensions/Caf\xe9` is passed over: its name is not UTF-8"), "{said}");
}
