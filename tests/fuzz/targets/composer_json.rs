//! Any bytes as `composer.json`, `extension.json`, `installed.json` or `composer.lock` of a small tree: planned, or
//! refused with the file's name.
//!
//! The first byte says which file the rest is.

#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mwfarm::build::published::Published;
use mwfarm::build::{self, graph::DependencyGraph};

const FILES: [&str; 6] = [
    "extensions/Bad/composer.json",
    "extensions/Bad/extension.json",
    "vendor/composer/installed.json",
    "composer.lock",
    "composer.json",
    "vendor/composer/installed.php",
];

const INSTALLED: &str = r#"{"packages": [
    {"name": "acme/lib", "version": "1.2.0", "type": "library", "autoload": {"psr-4": {"Acme\\Lib\\": "src/"}},
     "install-path": "../acme/lib"},
    {"name": "wikimedia/composer-merge-plugin", "version": "v2.1.0", "type": "composer-plugin",
     "install-path": "../wikimedia/composer-merge-plugin"}], "dev": false}"#;

const ROOT: &str = r#"{"name": "mediawiki/core", "require": {"acme/lib": "^1.0", "wikimedia/composer-merge-plugin": "*"},
    "extra": {"merge-plugin": {"include": ["extensions/*/composer.json"]}}}"#;

static TREE: LazyLock<PathBuf> = LazyLock::new(|| {
    let tree = tempfile::tempdir().expect("a directory").keep();
    for directory in
        ["extensions/Bad/src", "vendor/composer", "vendor/acme/lib/src", "vendor/wikimedia/composer-merge-plugin"]
    {
        fs::create_dir_all(tree.join(directory)).expect("a directory");
    }
    fs::write(tree.join("extensions/Bad/src/Bad.php"), "<?php class Bad {}").expect("a file");
    tree
});

fn usual(file: &str) -> Option<&'static str> {
    match file {
        "composer.json" => Some(ROOT),
        "vendor/composer/installed.json" => Some(INSTALLED),
        "extensions/Bad/extension.json" => Some("{\"name\": \"Bad\"}"),
        _ => None,
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((which, text)) = data.split_first() else { return };
    let chosen = FILES[usize::from(*which) % FILES.len()];
    for file in FILES {
        let path = TREE.join(file);
        match (file == chosen, usual(file)) {
            (true, _) => fs::write(path, text).expect("a file"),
            (false, Some(usual)) => fs::write(path, usual).expect("a file"),
            (false, None) => drop(fs::remove_file(path)),
        }
    }
    match build::read(&TREE, &Published::default()) {
        Ok((tree, _)) => {
            let graph = DependencyGraph::new(&tree);
            let all: Vec<usize> = (0..tree.extensions.len()).collect();
            let _ = (graph.closure(&all), graph.order(), graph.cycles());
        }
        Err(build::Error::Manifest(error)) => assert!(!error.file().is_empty(), "{error}"),
        Err(error) => panic!("{error:?}"),
    }
});
