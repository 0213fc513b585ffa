use super::*;

const OBJECT: &str = "0123456789abcdef0123456789abcdef01234567";

fn list(lines: &[(&str, &str, &str)]) -> Vec<u8> {
    lines.iter().flat_map(|(mode, size, path)| format!("{mode} x {OBJECT} {size}\t{path}\0").into_bytes()).collect()
}

fn limits() -> Limits {
    Limits { files: 10, bytes: 1000, file_bytes: 500 }
}

/// What is said of a list.
fn verdict(list: &[u8], role: Role) -> Vec<String> {
    let mut verdict = Verdict::default();
    verdict.list(list, &limits(), role);
    verdict.refused.iter().map(ToString::to_string).collect()
}

fn links(links: &[(&str, &str)]) -> Vec<String> {
    let list = list(&links.iter().map(|(path, _)| ("120000", "1", *path)).collect::<Vec<_>>());
    let mut verdict = Verdict::default();
    let listed = verdict.list(&list, &Limits::default(), Role::Code);
    verdict.links(&listed, links.iter().map(|(_, target)| target.as_bytes().to_vec()).collect());
    verdict.refused.iter().map(|refused| refused.path.clone()).collect()
}

#[test]
fn a_plain_tree_is_taken() {
    let list = list(&[
        ("100644", "5", "index.php"),
        ("040000", "-", "vendor"),
        ("100755", "7", "vendor/a b é.php"),
        ("120000", "5", "vendor/link"),
        ("100644", "0", "skins/LocalSettings.php"),
        ("100644", "0", "a/.mwfarm"),
        ("100644", "0", ".gitignore"),
        ("100644", "0", "git"),
    ]);
    let mut verdict = Verdict::default();
    let listed = verdict.list(&list, &limits(), Role::Code);
    verdict.links(&listed, vec![b"../index.php".to_vec()]);
    let tree = verdict.tree(listed, Role::Code);
    assert_eq!((verdict.refused.as_slice(), tree.files, tree.bytes, tree.entries.len()), (&[][..], 7, 17, 8));
    assert_eq!(tree.entries[3].kind, Kind::Link { target: "../index.php".to_owned() });
    assert_eq!(tree.digest.len(), 64);
}

#[test]
fn names_that_are_no_files_are_refused() {
    for path in [
        ".git",
        ".git/config",
        "a/.GIT/x",
        "a/.git",
        "git~1",
        "GIT~1/a",
        ".git .",
        ".git...",
        ".git:x",
        ".g\u{200c}it",
        ".\u{feff}Git",
        ".mwfarm",
        ".mwfarm/settings.php",
        ".MWFARM/x",
        "REVISION",
        "release.json",
        "LocalSettings.php",
        "localsettings.PHP",
        "LocalSettings.php/x",
        "../a",
        "a/../b",
        "a//b",
        "./a",
        "/a",
        "a/",
        "a\\b",
        "a\nb",
        "a\x1b[2J",
        "a\u{85}",
    ] {
        assert_eq!(verdict(&list(&[("100644", "1", path)]), Role::Code).len(), 1, "{path:?}");
    }
    let deep = "a/".repeat(MAX_DEPTH) + "b";
    let long = format!("{}/b", "a".repeat(256));
    let far = format!("{}b", format!("{}/", "a".repeat(250)).repeat(20));
    for path in [deep, long, far] {
        assert_eq!(verdict(&list(&[("100644", "1", &path)]), Role::Code).len(), 1, "{path:?}");
    }
    assert_eq!(
        verdict(b"100644 blob 0123456789abcdef0123456789abcdef01234567 1\t\xff.php\0", Role::Code),
        ["`\u{fffd}.php` is not UTF-8"]
    );
}

#[test]
fn what_is_no_file_is_refused() {
    for (mode, size) in [("160000", "-"), ("100600", "1"), ("100664", "1"), ("104755", "1"), ("010644", "1")] {
        assert_eq!(verdict(&list(&[(mode, size, "a")]), Role::Code).len(), 1, "{mode}");
    }
    assert_eq!(verdict(&list(&[("100644", "BAD", "a")]), Role::Code), ["`a` has no content in this repository"]);
    assert_eq!(verdict(b"100644 blob", Role::Code).len(), 1);
}

#[test]
fn names_that_differ_in_case_only_are_refused() {
    let twice = list(&[("040000", "-", "A"), ("100644", "1", "A/x"), ("040000", "-", "a"), ("100644", "1", "a/y")]);
    assert_eq!(verdict(&twice, Role::Code), ["`a` differs from `A` in case only"]);
    assert_eq!(verdict(&list(&[("120000", "1", "a"), ("040000", "-", "a")]), Role::Code).len(), 1);
}

#[test]
fn limits_hold() {
    let many: Vec<String> = (0..11).map(|number| format!("f{number}")).collect();
    let many: Vec<_> = many.iter().map(|path| ("100644", "1", path.as_str())).collect();
    assert_eq!(verdict(&list(&many), Role::Code), ["it has 11 files, at most 10 are allowed"]);
    assert_eq!(verdict(&list(&[("100644", "501", "a")]), Role::Code).len(), 1);
    let large = [("100644", "500", "a"), ("100644", "500", "b"), ("100644", "1", "c")];
    assert_eq!(verdict(&list(&large), Role::Code), ["it has 1001 bytes, at most 1000 are allowed"]);
    let vast = [("100644", "18446744073709551615", "a"), ("100644", "18446744073709551615", "b")];
    assert_eq!(verdict(&list(&vast), Role::Code).len(), 3);
    let mut link = Verdict::default();
    link.list(&list(&[("120000", "1025", "a")]), &Limits::default(), Role::Code);
    assert_eq!(link.refused.len(), 1);
}

#[test]
fn configuration_has_settings() {
    assert!(verdict(&list(&[("100644", "1", "LocalSettings.php")]), Role::Config).is_empty());
    assert_eq!(verdict(&list(&[("100644", "1", "a")]), Role::Config), ["it has no file `LocalSettings.php`"]);
    assert_eq!(verdict(&list(&[("120000", "1", "LocalSettings.php")]), Role::Config).len(), 1);
    assert_eq!(verdict(&list(&[("100644", "1", "LocalSettings.php/a")]), Role::Config).len(), 1);
    assert_eq!(verdict(&list(&[("100644", "1", ".mwfarm/a")]), Role::Config).len(), 1);
}

#[test]
fn links_stay_in_the_tree() {
    assert_eq!(
        links(&[
            ("a", "b"),
            ("c/d", "../e/./f//g"),
            ("c/up", ".."),
            ("c/again", "up/c/up/x"),
            ("c/here", "."),
            ("nothing", "not/there"),
            ("top", "c/.."),
        ]),
        [""; 0]
    );
    for (path, target) in [
        ("a", "/etc/passwd"),
        ("a", ".."),
        ("a", "../.."),
        ("a/b", "../.."),
        ("a/b", "../../a/../.."),
        ("a", "x/../.."),
        ("a", ".git/config"),
        ("a/b", "../c/.GiT"),
        ("a/b", "../.mwfarm/settings.php"),
        ("a", ""),
        ("a", "b\nc"),
    ] {
        assert_eq!(links(&[(path, target)]), [path], "{target}");
    }
}

#[test]
fn links_through_links_stay_in_the_tree() {
    // By its name alone, `a/b/../..` is the top; through the link it is above.
    assert_eq!(links(&[("l", "a/b/../../x"), ("a/b", "../c"), ("d", "a/b/../..")]), ["l", "d"]);
    assert_eq!(links(&[("a", "b/.."), ("b", "c/d"), ("c/d", ".")]), [""; 0]);
    assert_eq!(links(&[("a", "b/x"), ("b", "/etc")]), ["a", "b"]);
    assert_eq!(links(&[("a", "b"), ("b", "a")]), ["a", "b"]);
    assert_eq!(links(&[("a", "a/x")]), ["a"]);
    assert_eq!(links(&[("a", "b"), ("b", "c/secret"), ("c", ".mwfarm")]), ["a", "b", "c"]);
    let name = |number: usize| format!("l{number}");
    let chain: Vec<_> = (0..60).map(|number| (name(number), name(number + 1))).collect();
    let chain: Vec<_> = chain.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(links(&chain).len(), 20);
}

#[test]
fn many_long_links_do_not_take_long() {
    let name = |number: usize| format!("l{number:04}");
    // Each leads 500 times through the next.
    let hard: Vec<_> = (0..MAX_LINKS).map(|n| (name(n), "./".repeat(500) + &name(n + 1))).collect();
    let hard: Vec<_> = hard.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let begun = std::time::Instant::now();
    assert_eq!(links(&hard).len(), MAX_REFUSED);
    assert!(begun.elapsed() < Duration::from_secs(120));
    let many: Vec<_> = (0..=MAX_LINKS).map(|n| (name(n), "x")).collect();
    let many: Vec<_> = many.iter().map(|(from, to)| (from.as_str(), *to)).collect();
    assert_eq!(links(&many), [""]);
}
