//! `mwfarm doctor`: each finding appears when there is what it is about, says which wikis it concerns, and disappears.

mod classes;
mod composer;
mod inputs;
mod outdated;
mod published;
mod real;
mod runtime;
mod tree;
mod trees;
mod vendors;

use serde_json::json;

use tree::Tree;

#[test]
fn a_tree_in_order_has_no_findings() {
    let tree = Tree::new();
    let before = tree.doctor();
    assert_eq!((before.code, before.codes().as_slice()), (Some(0), &[][..]), "{}", before.text);
    assert_eq!(
        String::from_utf8(tree.mwfarm(&["doctor", "--fpm", tree.beside("php-fpm").to_str().unwrap()]).stdout).unwrap(),
        "notes: not-built\nasked PHP 8.4.1 (`PROGRAM`)\n0 errors, 0 warnings, 1 note (-v shows it)\n"
            .replace("PROGRAM", &tree.beside("php-fpm").display().to_string())
    );
    tree.build();
    let after = tree.doctor();
    assert_eq!((after.code, after.codes().as_slice()), (Some(0), &[][..]), "{}", after.text);
    assert_eq!(after.err, "");
}

/// Every code is in the documentation, and nothing else that looks like one is in its table.
#[test]
fn every_code_is_documented() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/doctor.md")).expect("docs/doctor.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut documented: Vec<&str> = rows.map(|(code, _)| code).collect();
    let mut codes: Vec<&str> = mwfarm::build::doctor::finding::Code::ALL.iter().map(|code| code.name()).collect();
    documented.sort_unstable();
    codes.sort_unstable();
    assert_eq!(documented, codes);
}

/// Warnings fail only when they are asked to, notes never.
#[test]
fn exit_codes_say_how_bad_it_is() {
    let tree = Tree::new();
    let codes = |arguments: &[&str]| {
        let all = [&["doctor", "--php", "/nonexistent/php", "--fpm", "/nonexistent/fpm"], arguments].concat();
        tree.mwfarm(&all).status.code()
    };
    assert_eq!((codes(&[]), codes(&["--strict"])), (Some(0), Some(0)), "notes");
    tree.write("extensions/One/extension.json", "{}");
    assert_eq!((codes(&[]), codes(&["--strict"])), (Some(0), Some(1)), "warnings");
    tree.remove("vendor/acme/a/functions.php");
    assert_eq!((codes(&[]), codes(&["--strict"])), (Some(1), Some(1)), "errors");
    tree.write("vendor/composer/installed.json", "{");
    let unreadable = tree.mwfarm(&["doctor"]);
    assert_eq!((unreadable.status.code(), unreadable.stderr.len()), (Some(1), 0));
    let message = String::from_utf8_lossy(&unreadable.stdout);
    assert!(message.contains("  `vendor/composer/installed.json` is not JSON: "), "{message}");
}

/// A tree without wikis can be looked at; then no wiki is concerned.
#[test]
fn a_tree_without_wikis_is_looked_at() {
    let tree = Tree::new();
    tree.remove("wikis.yml");
    tree.write("vendor/acme/a/functions.php", "<?php\nexit(1);\n");
    assert_eq!(tree.doctor().only("files-side-effect")["wikis"], json!([]));
}

/// Nothing of the tree is run, and nothing is written.
#[test]
fn nothing_is_run_and_nothing_is_written() {
    let tree = Tree::new();
    let canary = tree.beside("canary");
    let php = format!("<?php\nfile_put_contents('{}', 'x');\nclass Canary {{}}\n", canary.display());
    for file in [
        "vendor/autoload.php",
        "vendor/acme/a/functions.php",
        "vendor/acme/b/lib/Canary.php",
        "extensions/One/One.php",
        "extensions/One/vendor/autoload.php",
        "extensions/One/vendor/composer/autoload_real.php",
        "LocalSettings.php",
        "php.ini",
    ] {
        tree.write(file, &php);
    }
    tree.write(".user.ini", "auto_prepend_file = LocalSettings.php\n");
    let before = super::demo::entries(&tree.path(""), |_, stat| std::os::unix::fs::MetadataExt::ctime_nsec(stat));
    tree.doctor();
    assert!(!canary.exists(), "something of the tree was run");
    let after = super::demo::entries(&tree.path(""), |_, stat| std::os::unix::fs::MetadataExt::ctime_nsec(stat));
    assert_eq!(before, after);
}

/// What files hold is shown with everything visible.
#[test]
fn hidden_characters_are_shown() {
    let tree = Tree::new();
    tree.write("vendor/acme/a/functions.php", "<?php\n\u{202e}gpj();\ng\u{9b}2J();\n$GLOBALS['\u{1b}[2J'] = 1;\n");
    tree.write("extensions/One/vendor/autoload.php", "<?php\n");
    let installed = json!({"packages": [{"name": "x/\u{1b}[2J", "version": "1\u{202e}"}]});
    tree.write("extensions/One/vendor/composer/installed.json", &installed.to_string());
    tree.write("vendor/acme/b/lib/B\u{7}.php", "<?php\nnamespace Acme;\nclass B {}\n");
    let found = tree.doctor();
    assert!(
        found.of("files-side-effect").len() + found.of("private-vendor").len() + found.of("duplicate-class").len() > 2
    );
    for text in [&found.text, &found.raw] {
        let hidden = text.chars().find(|&c| c != '\n' && (c.is_control() || c == '\u{202e}'));
        assert_eq!(hidden, None, "{text:?}");
    }
    assert!(found.text.contains("\\u{202e}"), "{}", found.text);
}
