//! What a commit becomes on disk.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mwfarm::deploy::export::{export, link_copy, verify};
use mwfarm::deploy::options::Limits;
use mwfarm::deploy::release::Sha;
use mwfarm::deploy::tree::{Kind, Tree, scan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::fixture::{Fixture, git};
use crate::farm::composer;

fn exported(fixture: &Fixture, commit: &Sha, into: &str) -> (PathBuf, Tree) {
    let into = fixture.path().join(into);
    fs::create_dir(&into).unwrap();
    let tree = scan(&fixture.repository(), commit, &Limits::default()).unwrap();
    export(&fixture.repository(), commit, &tree, &into).unwrap();
    (into, tree)
}

#[test]
fn files_are_what_was_committed() {
    let fixture = Fixture::new();
    let content = b"a\r\nb\n$Id$ $Format:%H$\r";
    fs::write(fixture.path().join("filter"), "#!/bin/sh\ntouch canary; echo changed\n").unwrap();
    fixture.commit("index.php", content);
    fixture.commit("bin/run", b"#!/bin/sh\n");
    fixture.commit("sub/.gitattributes", b"* export-ignore\n");
    // Attributes come in once the files are there, and would have changed them before.
    let attributes =
        "* text eol=crlf ident export-subst filter=evil working-tree-encoding=UTF-16\nbin/* export-ignore\n";
    fixture.in_work(&["config", "filter.evil.smudge", fixture.path().join("filter").to_str().unwrap()]);
    let add = |lines: &[(&str, &str, &[u8])]| fixture.commit_tree(lines);
    let bin = fixture.tree(&[("100755", "run", b"#!/bin/sh\n")]);
    let commit = add(&[
        ("100644", ".gitattributes", attributes.as_bytes()),
        ("40000", "bin", bin.as_bytes()),
        ("100644", "empty", b""),
        ("100644", "index.php", content),
        ("120000", "link", b"bin/run"),
        ("120000", "nowhere", b"not/there"),
    ]);
    let (into, tree) = exported(&fixture, &commit, "out");
    assert_eq!(fs::read(into.join("index.php")).unwrap(), content);
    assert_eq!(fs::read(into.join("bin/run")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(fs::read(into.join(".gitattributes")).unwrap(), attributes.as_bytes());
    assert_eq!(fs::read_link(into.join("link")).unwrap(), Path::new("bin/run"));
    assert_eq!(fs::read_link(into.join("nowhere")).unwrap(), Path::new("not/there"));
    let mode = |path: &str| fs::metadata(into.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("index.php"), mode("bin/run"), mode("bin")), (0o644, 0o755, 0o755));
    assert!(!into.join("canary").exists() && !fixture.work().join("canary").exists());
    // Not younger than OPcache wants them.
    let age = SystemTime::now().duration_since(fs::metadata(into.join("index.php")).unwrap().modified().unwrap());
    assert!(age.unwrap() >= Duration::from_secs(10));
    verify(&tree, &into).unwrap();
}

#[test]
fn times_are_those_of_the_commit() {
    let fixture = Fixture::new();
    fixture.commit("a", b"1");
    let tree = fixture.in_work(&["rev-parse", "HEAD^{tree}"]);
    for (date, expected) in [("1500000000 +0200", Some(1_500_000_000)), ("4000000000 +0000", None)] {
        let object = format!("tree {tree}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> {date}\n\nx\n");
        let commit = git(&fixture.work(), &["hash-object", "-t", "commit", "-w", "--stdin"], object.as_bytes());
        let (into, _) = exported(&fixture, &super::fixture::sha(&commit), &commit[..8]);
        let modified = fs::metadata(into.join("a")).unwrap().mtime();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        match expected {
            Some(expected) => assert_eq!(modified, expected),
            None => assert!(u64::try_from(modified).unwrap() < now - 9),
        }
    }
}

/// What a commit says of itself is nothing but text of somebody.
#[test]
fn a_commit_that_lies_becomes_files_all_the_same() {
    let fixture = Fixture::new();
    fixture.commit("a", b"1");
    let tree = fixture.in_work(&["rev-parse", "HEAD^{tree}"]);
    let huge = "x".repeat(5 << 20);
    let long = "y".repeat(1 << 20);
    let (author, committer) = ("author A <a@b> 1 +0000", "committer A <a@b> 1500000000 +0000");
    for (number, commit) in [
        format!("{author}\ncommitter A <a@b> -1 +0000\n\nx\n"),
        format!("{author}\ncommitter A <a@b> 99999999999999999999999 +9999\n\nx\n"),
        format!("{author}\ncommitter A <a@b> $(id) +0000\n\nx\n"),
        format!("{author}\n\nx\n"),
        format!("author {long} <{long}> 1 +0000\n{committer}\n\nx\n"),
        format!("{author}\n{committer}\nencoding UTF-16\n\n{huge}\n"),
        format!("{author}\n{committer}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n -----END PGP SIGNATURE-----\n\nx"),
        format!("{author}\n{committer}\n\n\u{1b}[31m%ct%x00%n\0{huge}"),
    ]
    .iter()
    .enumerate()
    {
        let object = format!("tree {tree}\n{commit}");
        let arguments = ["hash-object", "-t", "commit", "--literally", "-w", "--stdin"];
        let commit = super::fixture::sha(&git(&fixture.work(), &arguments, object.as_bytes()));
        let (into, _) = exported(&fixture, &commit, &format!("lie{number}"));
        assert_eq!(fs::read(into.join("a")).unwrap(), b"1");
        let modified = fs::metadata(into.join("a")).unwrap().modified().unwrap();
        let age = SystemTime::now().duration_since(modified).expect("a time that was");
        assert!(age >= Duration::from_secs(9), "{number}: {age:?}");
    }
}

#[test]
fn what_is_not_as_committed_is_found() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 7] = [
        ("extra` was not committed", |into| fs::write(into.join("extra"), "").unwrap()),
        ("b` is not what was committed", |into| fs::write(into.join("b"), "22").unwrap()),
        ("b` is missing", |into| fs::remove_file(into.join("b")).unwrap()),
        ("b` is not what was committed", |into| {
            fs::remove_file(into.join("b")).unwrap();
            std::os::unix::fs::symlink("dir/a", into.join("b")).unwrap();
        }),
        ("b` is not what was committed", |into| {
            fs::set_permissions(into.join("b"), fs::Permissions::from_mode(0o4755)).unwrap();
        }),
        ("dir` is not what was committed", |into| {
            fs::set_permissions(into.join("dir"), fs::Permissions::from_mode(0o777)).unwrap();
        }),
        ("dir/a` is not what was committed", |into| {
            fs::remove_file(into.join("dir/a")).unwrap();
            let fifo = std::process::Command::new("mkfifo").arg(into.join("dir/a")).status().unwrap();
            assert!(fifo.success());
        }),
    ];
    let fixture = Fixture::new();
    fixture.commit("dir/a", b"1");
    let commit = fixture.commit("b", b"2");
    for (number, (expected, change)) in changes.into_iter().enumerate() {
        let (into, tree) = exported(&fixture, &commit, &format!("out{number}"));
        change(&into);
        let error = verify(&tree, &into).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn nothing_is_written_over() {
    let fixture = Fixture::new();
    let commit = fixture.commit("a", b"new");
    let into = fixture.path().join("out");
    fs::create_dir(&into).unwrap();
    let victim = fixture.path().join("victim");
    fs::write(&victim, "old").unwrap();
    std::os::unix::fs::symlink(&victim, into.join("a")).unwrap();
    let tree = scan(&fixture.repository(), &commit, &Limits::default()).unwrap();
    assert!(export(&fixture.repository(), &commit, &tree, &into).is_err());
    assert_eq!(fs::read(&victim).unwrap(), b"old");
}

#[test]
fn random_trees_are_the_same_on_disk() {
    let name = prop::sample::select(vec!["a", "b", "c d", "é", "-x", "$(id)", "x.php", "Y"]);
    let path = prop::collection::vec(name, 1..4).prop_map(|parts| parts.join("/"));
    let content = prop::collection::vec(any::<u8>(), 0..300);
    let files = prop::collection::btree_map(path, (content, any::<bool>()), 0..30);
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let run = |files: std::collections::BTreeMap<String, (Vec<u8>, bool)>| {
        let fixture = Fixture::new();
        let mut kept = std::collections::BTreeMap::new();
        for (path, (content, executable)) in &files {
            let at = fixture.work().join(path);
            if fs::create_dir_all(at.parent().unwrap()).is_ok() && fs::write(&at, content).is_ok() {
                fs::set_permissions(&at, fs::Permissions::from_mode(if *executable { 0o755 } else { 0o644 })).unwrap();
                kept.insert(path.clone(), (content.clone(), *executable));
            }
        }
        let commit = fixture.commit("last", b"x");
        let (into, tree) = exported(&fixture, &commit, "out");
        prop_assert_eq!(tree.files, kept.len() as u64 + 1);
        for (path, (content, executable)) in kept {
            prop_assert_eq!(&fs::read(into.join(&path)).unwrap(), &content);
            let mode = fs::metadata(into.join(&path)).unwrap().mode();
            prop_assert_eq!(mode & 0o7777, if executable { 0o755 } else { 0o644 });
        }
        Ok(())
    };
    runner.run(&files, run).unwrap();
}

#[test]
fn a_copy_shares_files_and_leaves_out_what_is_ours() {
    let fixture = Fixture::new();
    fixture.commit("dir/a", b"1");
    std::os::unix::fs::symlink("dir/a", fixture.work().join("link")).unwrap();
    let commit = fixture.commit("b", b"2");
    let (from, tree) = exported(&fixture, &commit, "out");
    fs::create_dir(from.join(".mwfarm")).unwrap();
    fs::write(from.join(".mwfarm/settings.php"), "secret").unwrap();
    for ours in ["REVISION", "release.json"] {
        fs::write(from.join(ours), "x").unwrap();
    }
    std::os::unix::fs::symlink("/elsewhere", from.join("LocalSettings.php")).unwrap();
    let to = fixture.path().join("copy");
    fs::create_dir(&to).unwrap();
    link_copy(&from, &to).unwrap();
    verify(&tree, &to).unwrap();
    let inode = |path: PathBuf| fs::symlink_metadata(path).unwrap().ino();
    assert_eq!(inode(from.join("dir/a")), inode(to.join("dir/a")));
    // A file in the place of another changes one of them only.
    fs::write(to.join("new"), "changed").unwrap();
    fs::rename(to.join("new"), to.join("b")).unwrap();
    assert_eq!(fs::read(from.join("b")).unwrap(), b"2");
    assert!(link_copy(&from, &to).is_err());
}

/// A whole MediaWiki, its packages included, is taken, and becomes what the tools' own way makes of it.
#[test]
fn a_whole_mediawiki_becomes_a_release() {
    let fixture = Fixture::new();
    let copied = std::process::Command::new("cp")
        .arg("-aL")
        .arg(composer::trees().join("1.39/."))
        .arg(fixture.work())
        .status()
        .unwrap();
    assert!(copied.success());
    let commit = fixture.commit("COMMIT", b"");
    let tree = scan(&fixture.repository(), &commit, &Limits::default()).unwrap();
    assert!(tree.files > 5_000, "{} files", tree.files);
    assert!(tree.entries.iter().all(|entry| !matches!(entry.kind, Kind::Link { .. })));
    let (into, other) = (fixture.path().join("out"), fixture.path().join("other"));
    for directory in [&into, &other] {
        fs::create_dir(directory).unwrap();
    }
    export(&fixture.repository(), &commit, &tree, &into).unwrap();
    let script = r#"git archive "$1" | tar -xf - -C "$2""#;
    let archived = std::process::Command::new("sh")
        .args(["-c", script, "sh", commit.as_str()])
        .arg(&other)
        .current_dir(fixture.work())
        .status();
    assert!(archived.unwrap().success());
    let same =
        std::process::Command::new("diff").arg("-rq").args(["out", "other"]).current_dir(fixture.path()).status();
    assert!(same.unwrap().success());
    let copy = fixture.path().join("copy");
    fs::create_dir(&copy).unwrap();
    link_copy(&into, &copy).unwrap();
    verify(&tree, &copy).unwrap();
}
