use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn message(sources: &mut Sources, name: &str) -> String {
    let finding = sources.read(name).expect_err("it is read");
    told(sources, &finding)
}

#[test]
fn a_file_is_read_once() {
    let directory = directory(&[("a.yml", b"a: 1"), ("sub/b.json", b"[]"), ("bad.yml", b"a: [")]);
    std::fs::set_permissions(directory.path().join("a.yml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    let mut sources = sources(directory.path());
    let first = sources.read("a.yml").unwrap();
    let bad = message(&mut sources, "bad.yml");
    let second = sources.read("sub/b.json").unwrap();
    for (name, content) in [("a.yml", "a: 2"), ("bad.yml", "a: 2")] {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    assert!(Arc::ptr_eq(&first, &sources.read("a.yml").unwrap()));
    assert_eq!(message(&mut sources, "bad.yml"), bad, "an error, too, is found once");
    assert_eq!(first.mode, 0o640);
    assert_eq!(first.digest, key::Key::of(b"a: 1").as_str());
    assert_eq!((first.name.as_str(), sources.name(first.root.mark.file)), ("a.yml", "a.yml"));
    assert_eq!(sources.name(second.root.mark.file), "sub/b.json");
    let names: Vec<_> = sources.documents().iter().map(|document| document.name.as_str()).collect();
    assert_eq!(names, ["a.yml", "sub/b.json"]);
}

#[test]
fn the_ending_tells_the_format() {
    let directory = directory(&[("a.YML", b""), ("a", b""), ("a.yml.bak", b""), ("x.yml/a", b""), ("a.b.yaml", b"")]);
    let mut sources = sources(directory.path());
    assert_eq!(
        message(&mut sources, "a.YML"),
        "a.YML: : the ending `.YML` is not read (`.yml`, `.yaml`, `.json`, `.php`, `.ser` and `.dblist` are, in lower case)"
    );
    assert!(message(&mut sources, "a.yml.bak").contains("`.bak` is not read"));
    assert!(message(&mut sources, "a").contains("has no ending"));
    assert!(message(&mut sources, "x.yml/a").contains("has no ending"));
    assert!(sources.read("a.b.yaml").is_ok());
}

#[test]
fn names_stay_in_the_directory() {
    let outside = directory(&[("secret.yml", b"a: 1")]);
    let directory = directory(&[("in/a.yml", b"a: 1")]);
    let root = directory.path();
    symlink("in/a.yml", root.join("link.yml")).unwrap();
    symlink(root.join("in/a.yml"), root.join("absolute.yml")).unwrap();
    symlink("in", root.join("inside")).unwrap();
    symlink(outside.path(), root.join("outside")).unwrap();
    symlink(outside.path().join("secret.yml"), root.join("out.yml")).unwrap();
    symlink("nothing", root.join("dangling.yml")).unwrap();
    symlink("loop.yml", root.join("loop.yml")).unwrap();
    symlink("/proc/self/environ", root.join("proc.yml")).unwrap();
    let mut sources = sources(root);
    for name in ["in/a.yml", "./in/a.yml", "link.yml", "absolute.yml", "inside/a.yml"] {
        assert!(sources.read(name).is_ok(), "{name}");
    }
    for (name, expected) in [
        ("../x.yml", "has the part `..`"),
        ("in/../in/a.yml", "has the part `..`"),
        ("/etc/passwd.yml", "is absolute"),
        ("", "is empty"),
        ("in//a.yml", "has an empty part"),
        ("in/a.yml/", "has an empty part"),
        ("a\n.yml", "holds a control character"),
        ("a\0.yml", "holds a control character"),
        ("out.yml", "is a link that leads out of the configuration directory"),
        ("outside/secret.yml", "is a link that leads out"),
        ("proc.yml", "is a link that leads out"),
        ("dangling.yml", "there is no such file in"),
        ("missing.yml", "there is no such file in"),
        ("in/a.yml/b.yml", "there is no such file in"),
        ("loop.yml", "cannot be read: "),
    ] {
        let message = message(&mut sources, name);
        assert!(message.contains(expected), "{name}: {message}");
        assert!(!message.contains('\n') && !message.contains('\0'), "{message}");
    }
    // The directory itself may be reached by a link.
    let link = outside.path().join("etc");
    symlink(root, &link).unwrap();
    assert!(self::sources(&link).read("link.yml").is_ok());
    assert!(self::sources(&link).read("out.yml").is_err());
}

#[test]
fn what_is_no_file_or_too_large_is_refused() {
    let directory = directory(&[("dir.yml/a", b"")]);
    let pipe = directory.path().join("pipe.yml");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let large = |name: &str, bytes: u64| {
        std::fs::File::create(directory.path().join(name)).unwrap().set_len(bytes).unwrap();
    };
    for ending in ["yml", "json", "ser", "php"] {
        large(&format!("large.{ending}"), 60_000_000);
    }
    large("large.dblist", MAX_LIST_BYTES + 1);
    let mut sources = sources(directory.path());
    assert_eq!(message(&mut sources, "dir.yml"), "dir.yml: : is not a regular file");
    assert_eq!(message(&mut sources, "pipe.yml"), "pipe.yml: : is not a regular file");
    for ending in ["yml", "json", "ser", "php"] {
        let name = format!("large.{ending}");
        assert_eq!(message(&mut sources, &name), format!("{name}: : is larger than 16 MiB"));
    }
    assert_eq!(message(&mut sources, "large.dblist"), "large.dblist: : is larger than 64 MiB");
}

#[test]
fn the_main_file_is_the_one_that_is_there() {
    for name in MAIN {
        let content: &[u8] = if name == "farms.php" { b"<?php return ['a' => 1];" } else { b"{\"a\": 1}" };
        let directory = directory(&[(name, content)]);
        let document = sources(directory.path()).main().unwrap();
        assert_eq!(document.name, name);
        same(&document.root, &map([("a", Value::Int(1))]));
    }
    let error = |directory: &Path| {
        let mut sources = sources(directory);
        let finding = sources.main().unwrap_err();
        told(&sources, &finding)
    };
    let both = directory(&[("farms.yml", b""), ("farms.json", b"")]);
    assert!(error(both.path()).starts_with("farms.yml: : `farms.json` is there, too, and only one"));
    let none = directory(&[("wikis.yml", b"")]);
    assert!(error(none.path()).starts_with("farms.yml: : there is no such file in `/"));
    assert!(error(none.path()).contains("`--config-dir` names the directory"));
    assert!(error(&none.path().join("missing")).contains("--config-dir"));
}
