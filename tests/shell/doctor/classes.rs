//! Classes in several files, and what PHP and Composer's scanner disagree about.

use serde_json::{Value, json};

use super::tree::Tree;

const SAME: &str = "<?php\nnamespace Acme;\nclass Same {}\n";
const OTHER: &str = "<?php\nnamespace Acme;\nclass Same { public $x; }\n";

/// Which file wins depends on the combination; what `doctor` says is what PHP then does.
#[test]
fn a_class_of_two_packages_is_told_with_the_winner_of_each_wiki() {
    let tree = Tree::new();
    tree.write("vendor/acme/a/src/Same.php", SAME);
    tree.write("vendor/acme/b/lib/Same.php", OTHER);
    tree.build();
    let found = tree.doctor();
    let finding = found.only("duplicate-class");
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["classes"], json!(["Acme\\Same"]));
    assert_eq!(finding["wikis"], json!(["all", "both"]));
    let cases = finding["cases"].as_array().unwrap();
    let of = |wiki: &str| {
        let case = cases.iter().find(|case| case["wikis"].as_array().unwrap().contains(&json!(wiki))).expect("a case");
        case["what"].as_str().unwrap().split('`').nth(1).unwrap().to_owned()
    };
    assert_ne!(of("both"), of("all"), "{finding}");
    for wiki in ["both", "all"] {
        assert_eq!(loaded(&tree, wiki), of(wiki), "{wiki}");
    }

    tree.remove("vendor/acme/b/lib/Same.php");
    assert_eq!(tree.doctor().of("duplicate-class"), [] as [&Value; 0]);
}

/// Where PHP finds the class for a wiki.
fn loaded(tree: &Tree, wiki: &str) -> String {
    let code = "require 'vendor/autoload.php'; echo (new ReflectionClass('Acme\\Same'))->getFileName();";
    let output = std::process::Command::new("php")
        .args(["-r", code])
        .env("MWFARM_WIKI", wiki)
        .current_dir(tree.path(""))
        .output()
        .expect("php runs");
    let file = String::from_utf8(output.stdout).expect("UTF-8");
    let root = tree.path("").canonicalize().expect("a path");
    file.strip_prefix(root.to_str().unwrap()).unwrap_or_else(|| panic!("{file}")).trim_start_matches('/').to_owned()
}

/// No wiki has both: they may be built, and still a wiki that turns both on should know.
#[test]
fn a_class_of_two_packages_that_no_wiki_has_together_is_a_note() {
    let tree = Tree::new();
    tree.write("vendor/acme/a/src/Same.php", SAME);
    tree.write("vendor/acme/b/lib/Same.php", OTHER);
    tree.wikis(&[("one", "One"), ("two", "Two")]);
    let found = tree.doctor();
    let finding = found.only("duplicate-class");
    assert_eq!((&finding["severity"], &finding["wikis"]), (&json!("note"), &json!([])));
}

#[test]
fn many_classes_of_the_same_packages_are_one_finding() {
    let tree = Tree::new();
    for number in 0..5 {
        let text = format!("<?php\nclass Twice{number} {{}}\n");
        tree.write(&format!("vendor/acme/b/lib/x/{number}.php"), &text);
        tree.write(&format!("vendor/acme/b/lib/y/{number}.php"), &text);
    }
    let found = tree.doctor();
    let finding = found.only("duplicate-class");
    assert_eq!((&finding["severity"], finding["classes"].as_array().unwrap().len()), (&json!("note"), 5));
    let what = finding["what"].as_str().unwrap();
    assert!(what.starts_with("`Twice0`, `Twice1`, `Twice2` and 2 more are in 2 files of `acme/b`; "), "{what}");
    assert!(what.ends_with("(the files are the same)"), "{what}");
}

/// Each of Composer's known errors, with what PHP does.
#[test]
fn what_composers_scanner_gets_wrong_is_told() {
    let tree = Tree::new();
    tree.write("vendor/acme/b/lib/Lost.php", "<?php\n$x = `echo it's`;\nclass Lost {}\n");
    tree.write("vendor/acme/b/lib/Ghost.php", "<?php\nclass Here {}\n__halt_compiler();\nclass Ghost {}\n");
    let found = tree.doctor();
    let findings = found.of("scanner-difference");
    let of = |class: &str| *findings.iter().find(|f| f["classes"] == json!([class])).expect("a finding");
    assert_eq!(findings.len(), 2, "{}", found.text);
    assert_eq!(of("Lost")["file"], "vendor/acme/b/lib/Lost.php");
    assert_eq!(of("Lost")["wikis"], json!(["all", "both"]));
    assert!(of("Lost")["what"].as_str().unwrap().contains("not in the class map"), "{}", of("Lost"));
    assert!(of("Ghost")["what"].as_str().unwrap().contains("PHP finds no such class"), "{}", of("Ghost"));
    assert_eq!(of("Ghost")["severity"], "warning");

    tree.write("vendor/acme/b/lib/Lost.php", "<?php\nclass Lost {}\n");
    tree.write("vendor/acme/b/lib/Ghost.php", "<?php\nclass Here {}\n");
    assert_eq!(tree.doctor().codes(), [""; 0]);
}

/// A name that both list twice, in another order, or that only a PSR rule without class map would take, is no matter.
#[test]
fn what_makes_no_difference_is_not_told() {
    let tree = Tree::new();
    tree.write("vendor/base/lib/src/Odd.php", "<?php\n$x = `it's`;\nnamespace Base;\nclass Odd {}\n");
    tree.write("vendor/acme/b/lib/Twice.php", "<?php\nif (1) { class T {} } else { class T {} }\nenum E {}\n");
    assert_eq!(tree.doctor().codes(), [""; 0]);
    // With a class map that is complete, it matters.
    let root =
        json!({"name": "mediawiki/core", "require": {"base/lib": "*"}, "config": {"classmap-authoritative": true}});
    tree.write("composer.json", &root.to_string());
    let found = tree.doctor();
    let finding = found.only("scanner-difference");
    assert_eq!(finding["wikis"], "all");
    assert!(finding["what"].as_str().unwrap().ends_with("it cannot be loaded"), "{finding}");
}
