//! Real MediaWiki trees: exactly what is true of them, and PHP's tokens against the scanner over all their files.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::farm::composer;
use mwfarm::build::scan::find_classes;

/// What `doctor` finds in a tree as it was unpacked, with a wiki that has everything on: checked by hand.
fn found(version: &str) -> BTreeSet<(String, String)> {
    let tree = composer::trees().join(version);
    let wikis = tempfile::NamedTempFile::with_suffix(".yml").expect("a file");
    let names = |kind: &str, manifest: &str| {
        let entries =
            std::fs::read_dir(tree.join(kind)).expect("a directory").map(|entry| entry.expect("an entry").path());
        let on = entries.filter(|path| path.join(manifest).exists());
        on.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect::<Vec<_>>().join(", ")
    };
    let (extensions, skins) = (names("extensions", "extension.json"), names("skins", "skin.json"));
    let text = format!("wikis:\n  all: {{ hosts: [a.example.org], extensions: [{extensions}], skins: [{skins}] }}\n");
    wikis.as_file().write_all(text.as_bytes()).expect("written");
    // What the PHP of this machine lacks is no fact of the tree.
    let output = Command::new(env!("CARGO_BIN_EXE_mwfarm"))
        .args(["doctor", "--format", "json", "--fpm", "/nonexistent/php-fpm", "--wikis"])
        .arg(wikis.path())
        .arg("-d")
        .arg(&tree)
        .output()
        .expect("mwfarm runs");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let findings = json["findings"].as_array().expect("findings").iter();
    findings
        .map(|finding| {
            let text = |field: &str| finding[field].as_str().unwrap_or_default().to_owned();
            assert_eq!(text("severity"), "note", "{finding}");
            let about = [text("package"), text("extension"), text("file")].into_iter().find(|text| !text.is_empty());
            (text("code"), about.unwrap_or_default())
        })
        .collect()
}

fn expected(of: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let always = [
        // `vendor/` was installed apart.
        ("other-root", "vendor/composer/installed.php"),
        ("not-checked", "composer/installers"),
        // Shipped without its tests.
        ("missing-directory", "wikimedia/purtle"),
        ("dead-composer-autoloader", "extensions/AbuseFilter"),
        ("dead-composer-autoloader", "extensions/OATHAuth"),
        ("php", ""),
        ("not-built", ""),
    ];
    always.iter().chain(of).map(|(code, about)| ((*code).to_owned(), (*about).to_owned())).collect()
}

#[test]
fn mediawiki_1_39_has_just_these_findings() {
    assert_eq!(found("1.39"), expected(&[("orphan", "opis/json-schema"), ("orphan", "psr/simple-cache")]));
}

#[test]
fn mediawiki_1_43_has_just_these_findings() {
    assert_eq!(found("1.43"), expected(&[]));
}

/// Every PHP file of both trees: PHP's tokens hold the classes that the scanner finds, but for the files named here.
#[test]
fn the_scanner_and_php_agree_about_real_files() {
    for (version, different) in [("1.39", DIFFERENT_1_39), ("1.43", DIFFERENT_1_43)] {
        let tree = composer::trees().join(version).canonicalize().expect("a tree");
        let files = php_files(&tree);
        assert!(files.len() > 5000, "only {} files", files.len());
        let mut found: Vec<String> = Vec::new();
        for (file, php) in files.iter().zip(tokens(&files)) {
            let contents = std::fs::read(file).expect("a file");
            let ours: BTreeSet<Vec<u8>> =
                find_classes(&contents).unwrap_or_default().iter().map(|class| class.as_bytes().to_vec()).collect();
            if ours != php {
                found.push(file.strip_prefix(&tree).expect("below").display().to_string());
            }
        }
        assert_eq!(found, different, "MediaWiki {version}");
    }
}

const DIFFERENT_1_39: &[&str] = &[];
const DIFFERENT_1_43: &[&str] = &[];

/// What the program that `doctor` gives to PHP says of files.
fn tokens(files: &[PathBuf]) -> Vec<BTreeSet<Vec<u8>>> {
    let mut child = Command::new("php")
        .args(["-d", "memory_limit=1G", "-d", "short_open_tag=0"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/php/doctor/classes.php"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("php runs");
    let list: Vec<u8> = files.iter().flat_map(|file| [file.to_str().unwrap().as_bytes(), b"\0"].concat()).collect();
    // PHP reads everything before it writes.
    child.stdin.take().expect("an input").write_all(&list).expect("written");
    let output = child.wait_with_output().expect("php ends").stdout;
    let lines: Vec<&[u8]> = output.strip_suffix(b"\n").expect("lines").split(|byte| *byte == b'\n').collect();
    assert_eq!(lines.len(), files.len());
    let names = |line: &&[u8]| line.split(|b| *b == b' ').filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect();
    lines.iter().map(names).collect()
}

fn php_files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).expect("a directory") {
            let entry = entry.expect("an entry");
            let (kind, path) = (entry.file_type().expect("a kind"), entry.path());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() && path.extension().is_some_and(|end| end == "php") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// What nobody can mend is no reason to warn.
#[test]
fn builds_of_trees_as_they_were_unpacked_are_silent() {
    for version in ["1.39", "1.43"] {
        let wikis = tempfile::NamedTempFile::with_suffix(".yml").expect("a file");
        wikis
            .as_file()
            .write_all(b"wikis: { a: { hosts: [a.example.org], extensions: [AbuseFilter] } }\n")
            .expect("written");
        let output = Command::new(env!("CARGO_BIN_EXE_mwfarm"))
            .args(["plan", "--no-cache", "--wikis"])
            .arg(wikis.path())
            .arg("-d")
            .arg(composer::trees().join(version))
            .output()
            .expect("mwfarm runs");
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""));
    }
}
