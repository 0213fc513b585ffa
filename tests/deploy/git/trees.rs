//! Trees that nobody would make by accident.

use mwfarm::deploy::options::Limits;
use mwfarm::deploy::tree::{Error, Kind, scan, scan_config};

use super::fixture::Fixture;

/// What is said of a tree, and nothing when it is taken.
fn refused(fixture: &Fixture, lines: &[(&str, &str, &[u8])]) -> Vec<String> {
    refused_with(fixture, lines, &Limits::default())
}

fn refused_with(fixture: &Fixture, lines: &[(&str, &str, &[u8])], limits: &Limits) -> Vec<String> {
    match scan(&fixture.repository(), &fixture.commit_tree(lines), limits) {
        Ok(_) => Vec::new(),
        Err(Error::Refused { refused, .. }) => refused.iter().map(ToString::to_string).collect(),
        Err(Error::Git(error)) => panic!("{error}"),
    }
}

#[test]
fn ordinary_trees_are_taken() {
    let fixture = Fixture::new();
    let below = fixture.tree(&[("100755", "b", b"x"), ("120000", "c", b"../index.php")]);
    let lines: &[(&str, &str, &[u8])] = &[("40000", "a", below.as_bytes()), ("100644", "index.php", b"<?php")];
    let tree = scan(&fixture.repository(), &fixture.commit_tree(lines), &Limits::default()).unwrap();
    assert_eq!((tree.files, tree.bytes, tree.entries.len()), (3, 18, 4));
    // An empty one is a tree, too.
    assert_eq!(refused(&fixture, &[]), [""; 0]);
}

#[test]
fn links_that_leave_the_tree_are_refused() {
    let fixture = Fixture::new();
    let up = fixture.tree(&[("120000", "up", b"../..")]);
    assert_eq!(refused(&fixture, &[("120000", "LocalSettings.php", b"/etc/passwd")]).len(), 1);
    assert_eq!(refused(&fixture, &[("120000", "updir", b"../../../../")]).len(), 1);
    assert_eq!(
        refused(&fixture, &[("120000", "a", b"/etc/passwd")]),
        ["`a` is a link to `/etc/passwd`, which is an absolute path, or leads through one"]
    );
    assert_eq!(refused(&fixture, &[("40000", "d", up.as_bytes())]).len(), 1);
    // By name, `x` is at the top; through `a` it is above.
    let lines: &[(&str, &str, &[u8])] = &[("120000", "a", b"b/c"), ("120000", "x", b"a/../../../secret")];
    assert_eq!(refused(&fixture, lines).len(), 1);
    assert_eq!(refused(&fixture, &[("120000", "a", b"b"), ("120000", "b", b"a")]).len(), 2);
    for circle in ["x/y", "./x", "x", "../x", "d/../x/.."] {
        let said = refused(&fixture, &[("120000", "x", circle.as_bytes())]);
        assert_eq!(said.len(), 1, "{circle}");
    }
    // Linux follows forty links in a row.
    let chain = |links: usize| {
        let names: Vec<(String, String)> = (0..links).map(|n| (format!("l{n:02}"), format!("l{:02}", n + 1))).collect();
        let lines: Vec<(&str, &str, &[u8])> =
            names.iter().map(|(name, target)| ("120000", name.as_str(), target.as_bytes())).collect();
        refused(&fixture, &lines).len()
    };
    assert_eq!((chain(40), chain(41)), (0, 1));
    assert_eq!(refused(&fixture, &[("120000", "a", b"x\0y")]).len(), 1);
    assert_eq!(refused(&fixture, &[("120000", "a", &[b'x'; 5000])]).len(), 1);
}

#[test]
fn gits_own_names_and_ours_are_refused() {
    let fixture = Fixture::new();
    for name in
        [".git", ".GIT", ".gIt", "git~1", ".git.", ".git ", ".g\u{200d}it", ".mwfarm", "REVISION", "release.json"]
    {
        assert_eq!(refused(&fixture, &[("100644", name, b"x")]).len(), 1, "{name}");
        let below = fixture.tree(&[("100644", "config", b"x")]);
        assert!(!refused(&fixture, &[("40000", name, below.as_bytes())]).is_empty(), "{name}/");
    }
    assert_eq!(refused(&fixture, &[("100644", "LocalSettings.php", b"<?php")]).len(), 1);
    for name in ["..", ".", "a\\b", "a\nb", "a\x1b[31m"] {
        assert_eq!(refused(&fixture, &[("100644", name, b"x")]).len(), 1, "{name:?}");
    }
}

#[test]
fn submodules_and_odd_modes_are_refused() {
    let fixture = Fixture::new();
    let commit = fixture.commit("a", b"x");
    let modules = b"[submodule \"x\"]\n\tpath = x\n\turl = --upload-pack=touch canary\n";
    let lines: &[(&str, &str, &[u8])] =
        &[("100644", ".gitmodules", modules), ("160000", "x", commit.as_str().as_bytes())];
    assert_eq!(refused(&fixture, lines), ["`x` is a submodule; its files have to be committed"]);
    // git shows some modes as the nearest one that it knows, and so do we take them.
    for mode in ["10644", "140000", "20000", "60000"] {
        assert_eq!(refused(&fixture, &[(mode, "x", b"x")]).len(), 1, "{mode}");
    }
    for (mode, executable) in [("104755", true), ("100600", false), ("100666", false)] {
        let commit = fixture.commit_tree(&[(mode, "x", b"x")]);
        match scan(&fixture.repository(), &commit, &Limits::default()) {
            Ok(tree) => {
                let is_as_shown = matches!(tree.entries[0].kind, Kind::File { executable: is, .. } if is == executable);
                assert!(is_as_shown, "{mode}");
            }
            Err(Error::Refused { .. }) => {}
            Err(error) => panic!("{mode}: {error}"),
        }
    }
}

#[test]
fn names_that_are_there_twice_are_refused() {
    let fixture = Fixture::new();
    let below = fixture.tree(&[("100644", "x", b"x")]);
    let lines: &[(&str, &str, &[u8])] = &[("120000", "a", b"b"), ("40000", "a", below.as_bytes())];
    assert_eq!(refused(&fixture, lines).len(), 1);
    assert_eq!(refused(&fixture, &[("100644", "A", b"1"), ("100644", "a", b"2")]).len(), 1);
    let lines: &[(&str, &str, &[u8])] = &[("40000", "Dir", below.as_bytes()), ("40000", "dir", below.as_bytes())];
    assert!(refused(&fixture, lines).iter().any(|said| said.contains("differs from `Dir` in case only")));
}

#[test]
fn paths_that_no_disk_takes_are_refused() {
    let fixture = Fixture::new();
    let said = |path: &[u8]| {
        let begun = std::time::Instant::now();
        let commit = fixture.commit_path(path);
        let said = match scan(&fixture.repository(), &commit, &Limits::default()) {
            Ok(_) => Vec::new(),
            Err(Error::Refused { refused, .. }) => refused.iter().map(ToString::to_string).collect(),
            // Newer gits go no deeper than so far themselves.
            Err(Error::Git(error)) if error.to_string().contains("maximum allowed tree depth") => {
                vec![error.to_string(), "lies more than 128 directories deep".to_owned()]
            }
            Err(Error::Git(error)) => panic!("{error}"),
        };
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
        assert!(said.len() <= 20 && said.iter().all(|said: &String| said.len() < 4000));
        said
    };
    assert_eq!(said("é/ü.php".as_bytes()), [""; 0]);
    for (path, why) in [
        (b"caf\xe9".to_vec(), "is not UTF-8"),
        (b"a\nb".to_vec(), "control character"),
        (b"a\\b".to_vec(), "control character or `\\`"),
        (b"a\x7f".to_vec(), "control character"),
        (b"a\xc2\x85b".to_vec(), "control character"),
        (vec![b'a'; 256], "a name of more than 255 bytes"),
        ([vec![b'd'; 250], b"/".to_vec()].concat().repeat(16), "is longer than 3800 bytes"),
        (b"d/".repeat(200), "more than 128 directories deep"),
        // Deeper than anybody's stack would like, if it were walked by calls in calls.
        (b"d/".repeat(10_000), "more than 128 directories deep"),
    ] {
        let path = if path.ends_with(b"/") { [path, b"f".to_vec()].concat() } else { path };
        let said = said(&path);
        assert!(said.iter().any(|said| said.contains(why)), "{why}: {said:?}");
        assert!(said.iter().all(|said| !said.contains(char::is_control)), "{said:?}");
    }
}

#[test]
fn huge_trees_are_refused_without_being_written() {
    let fixture = Fixture::new();
    let limits = Limits { files: 3, bytes: 1 << 20, file_bytes: 1 << 19 };
    let four: &[(&str, &str, &[u8])] =
        &[("100644", "a", b""), ("100644", "b", b""), ("100644", "c", b""), ("100644", "d", b"")];
    assert_eq!(refused_with(&fixture, four, &limits), ["it has 4 files, at most 3 are allowed"]);
    // Zeros are nearly nothing in git.
    let sparse = fixture.path().join("sparse");
    std::fs::File::create(&sparse).unwrap().set_len(1 << 25).unwrap();
    let object = fixture.in_work(&["hash-object", "-w", sparse.to_str().unwrap()]);
    let tree = super::fixture::git(&fixture.work(), &["mktree"], format!("100644 blob {object}\tzeros\n").as_bytes());
    let commit = super::fixture::sha(&fixture.in_work(&["commit-tree", "-m", "x", &tree]));
    assert!(
        matches!(scan(&fixture.repository(), &commit, &limits), Err(Error::Refused { refused, .. }) if refused.len() == 2)
    );
    // Ten to the power of eight files in ten objects.
    let mut tree = fixture.tree(&[("100644", "f", b"x")]);
    for _ in 0..8 {
        let names: Vec<String> = (0..10).map(|number| format!("d{number}")).collect();
        let lines: Vec<(&str, &str, &[u8])> =
            names.iter().map(|name| ("40000", name.as_str(), tree.as_bytes())).collect();
        tree = fixture.tree(&lines);
    }
    // Directories with nothing in them are something on a disk, too.
    let empty = fixture.tree(&[]);
    let names: Vec<String> = (0..4).map(|number| format!("e{number}")).collect();
    let four: Vec<(&str, &str, &[u8])> = names.iter().map(|name| ("40000", name.as_str(), empty.as_bytes())).collect();
    assert_eq!(refused_with(&fixture, &four, &limits), ["it has 4 directories, at most 3 are allowed"]);
    let bomb: &[(&str, &str, &[u8])] = &[("40000", "x", tree.as_bytes())];
    let said = refused_with(&fixture, bomb, &Limits { files: 10_000, ..limits });
    assert_eq!(said, ["it has a list of files of more than 11288576 bytes"]);
}

#[test]
fn configuration_has_settings_as_a_file() {
    let fixture = Fixture::new();
    let look = |lines: &[(&str, &str, &[u8])]| {
        scan_config(&fixture.repository(), &fixture.commit_tree(lines), &Limits::default())
    };
    assert!(look(&[("100644", "LocalSettings.php", b"<?php")]).is_ok());
    assert!(look(&[("100644", "x", b"<?php")]).is_err());
    assert!(look(&[("120000", "LocalSettings.php", b"x"), ("100644", "x", b"<?php")]).is_err());
    assert!(look(&[("120000", "LocalSettings.php", b"/etc/passwd")]).is_err());
}

#[test]
fn missing_objects_are_no_tree() {
    let fixture = Fixture::new();
    let object = fixture.blob(b"soon gone");
    let commit = fixture.commit_tree(&[("100644", "a", b"soon gone")]);
    std::fs::remove_file(fixture.work().join(".git/objects").join(&object[..2]).join(&object[2..])).unwrap();
    assert!(scan(&fixture.repository(), &commit, &Limits::default()).is_err());
    assert!(scan(&fixture.repository(), &super::fixture::sha(&"1".repeat(40)), &Limits::default()).is_err());
}
