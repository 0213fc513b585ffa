//! `LocalSettings.php` of requests that Apache serves.

use std::fs;
use std::path::Path;
use std::process::Command;

use mwfarm::deploy::options::{self, Options};
use mwfarm::deploy::web;

#[test]
fn the_settings_are_those_of_the_release_that_runs() {
    let scratch = tempfile::tempdir().expect("a directory");
    let file = written(scratch.path(), "");
    for release in ["one", "two"] {
        fs::create_dir_all(scratch.path().join(release).join(".mwfarm")).expect("a directory");
        let text = format!("<?php $own = '{release}'; return 7;");
        fs::write(scratch.path().join(release).join(".mwfarm/settings.php"), text).expect("settings");
    }
    std::os::unix::fs::symlink("two", scratch.path().join("link")).expect("a link");
    let at = |name: &str| scratch.path().join(name).display().to_string();
    // In MediaWiki's own scope: what the settings set is there, and besides it only the two of this code.
    let show = format!(
        "$before = get_defined_vars(); $value = require '{file}'; \
         echo $own, ' ', $value, ' ', implode(' ', array_keys(array_diff_key(get_defined_vars(), $before)));"
    );
    let (one, link) = (at("one"), at("link"));
    let constant =
        format!("define('MW_INSTALL_PATH', '{one}'); $IP = '/nowhere'; $_SERVER['DOCUMENT_ROOT'] = '{link}'; {show}");
    let variable = format!("$IP = '{one}'; $_SERVER['DOCUMENT_ROOT'] = '{link}'; {show}");
    let root = format!("$_SERVER['DOCUMENT_ROOT'] = '{link}'; {show}");
    assert_eq!(php(&constant), "one 7 before value own");
    assert_eq!(php(&variable), "one 7 before value own");
    assert_eq!(php(&root), "two 7 before value own");
}

#[test]
fn a_cache_that_all_wikis_share_is_refused() {
    let scratch = tempfile::tempdir().expect("a directory");
    let apcu =
        |file: &str| php(&format!("function apcu_enabled() {{ return true; }} $IP = '/nowhere'; require '{file}';"));
    let said = apcu(&written(scratch.path(), ""));
    assert!(said.starts_with("APCu is on, which all wikis would share"), "{said}");
    let said = apcu(&written(scratch.path(), "  users: none\n"));
    assert!(!said.contains("APCu"), "{said}");
}

/// The generated file, in a directory.
fn written(directory: &Path, more: &str) -> String {
    let yaml = format!("deploy:\n  root: .\n  zone: wiki.test\n  core: core.git\n  web: itk\n{more}");
    fs::write(directory.join(options::FILE), yaml).expect("options");
    let options: Options = options::read(directory).expect("options");
    let generated = web::local_settings(&options);
    fs::create_dir_all(generated.path.parent().expect("a directory")).expect("a directory");
    fs::write(&generated.path, generated.content).expect("the file");
    generated.path.display().to_string()
}

fn php(code: &str) -> String {
    // No modules: APCu is among them on some machines.
    let output = Command::new("php").args(["-n", "-r", code]).output().expect("php");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
