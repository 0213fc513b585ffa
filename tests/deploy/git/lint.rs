//! Which files are parsed, and what is said of them.

use std::fs;

use mwfarm::deploy::lint::{changed, lint};
use mwfarm::deploy::options::Limits;
use mwfarm::deploy::release::Sha;
use mwfarm::deploy::tree::scan;
use mwfarm::process::User;

use super::fixture::{Fixture, sha};
use crate::farm::composer;

fn faults(fixture: &Fixture, commit: &Sha, from: Option<&Sha>, user: Option<User>) -> Vec<String> {
    let repository = fixture.repository();
    let tree = scan(&repository, commit, &Limits::default()).unwrap();
    let paths = changed(&repository, from, &tree, commit).unwrap();
    let faults = lint(&fixture.options, user, &repository, &tree, &paths).unwrap();
    faults.iter().map(|fault| format!("{}:{} {}", fault.path, fault.line, fault.message)).collect()
}

#[test]
fn only_what_has_changed_is_parsed() {
    let fixture = Fixture::new();
    fixture.commit("old.php", b"<?php\n\nbroken(");
    fixture.commit("gone.php", b"<?php broken(");
    let before = fixture.commit("good.php", b"<?php return 1;");
    fs::remove_file(fixture.work().join("gone.php")).unwrap();
    fixture.commit("text.txt", b"<?php broken(");
    fixture.commit("new.php", b"<?php\nfunction () {");
    fixture.commit("empty.php", b"");
    let after = fixture.commit("dir/a b.php", b"<?php\n\n}");
    let repository = fixture.repository();
    let tree = scan(&repository, &after, &Limits::default()).unwrap();
    assert_eq!(changed(&repository, Some(&before), &tree, &after).unwrap(), ["dir/a b.php", "empty.php", "new.php"]);
    let found = faults(&fixture, &after, Some(&before), None);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("dir/a b.php:3 ") && found[1].starts_with("new.php:2 "), "{found:?}");
    assert!(faults(&fixture, &after, None, None).iter().any(|fault| fault.starts_with("old.php:3 ")));
    // A commit that is gone is none to compare with.
    assert_eq!(faults(&fixture, &after, Some(&sha(&"1".repeat(40))), None).len(), 3);
    assert_eq!(faults(&fixture, &after, Some(&after), None), [""; 0]);
}

#[test]
fn nothing_of_a_file_is_run() {
    let fixture = Fixture::new();
    let canary = fixture.path().join("canary");
    let code = format!("<?php touch('{}'); exit(0);\n", canary.display());
    fixture.commit("a.php", code.as_bytes());
    let hostile = "<?php __halt_compiler(); {\"file\":7}\n{\"done\":1}\n\0\u{202e}";
    let commit = fixture.commit("b.php", hostile.as_bytes());
    let user = User { uid: 64_950, gid: 64_950 };
    assert_eq!(faults(&fixture, &commit, None, Some(user)), [""; 0]);
    assert!(!canary.exists());
}

#[test]
fn a_file_that_php_dies_of_is_named() {
    let fixture = Fixture::new();
    fixture.commit("a.php", b"<?php return 1;");
    let mut nested = b"<?php return ".to_vec();
    nested.extend(std::iter::repeat_n(b'[', 3_000_000));
    let commit = fixture.commit("nested.php", &nested);
    let found = faults(&fixture, &commit, None, None);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("nested.php:"), "{found:?}");
}

#[test]
fn all_of_mediawiki_parses() {
    let fixture = Fixture::new();
    let copied = std::process::Command::new("cp")
        .arg("-aL")
        .arg(composer::trees().join("1.39/includes"))
        .arg(composer::trees().join("1.39/vendor"))
        .arg(fixture.work())
        .status();
    assert!(copied.unwrap().success());
    let commit = fixture.commit("index.php", b"<?php");
    assert_eq!(faults(&fixture, &commit, None, None), [""; 0]);
}
