//! What is wrong with a tree itself.

use serde_json::json;

use super::tree::Tree;

#[test]
fn files_that_do_more_than_declare_are_told() {
    let mut tree = Tree::new();
    let finding = |tree: &Tree| {
        let found = tree.doctor();
        let finding = found.only("files-side-effect").clone();
        assert_eq!(finding["file"], "vendor/acme/a/functions.php");
        assert_eq!((&finding["package"], &finding["wikis"]), (&json!("acme/a"), &json!(["all", "both", "one"])));
        (finding["severity"].as_str().unwrap().to_owned(), finding["what"].as_str().unwrap().to_owned())
    };
    let file = "vendor/acme/a/functions.php";
    tree.write(file, "<?php\nif (!defined('MEDIAWIKI')) { die('no'); }\n");
    assert_eq!(finding(&tree), ("warning".into(), format!("`{file}` ends PHP")));
    tree.write(file, "<?php\n$GLOBALS['wgSitename'] = 'x';\n");
    assert_eq!(finding(&tree), ("warning".into(), format!("`{file}` sets `$GLOBALS['wgSitename']`")));
    tree.write(file, "<?php\nAcme\\Loader::load();\n");
    assert_eq!(finding(&tree), ("note".into(), format!("`{file}` calls `Acme\\Loader::load`")));

    // What it includes is what it does.
    tree.write(file, "<?php\nif (!function_exists('x')) { require __DIR__ . '/more/x.php'; }\n");
    tree.write("vendor/acme/a/more/x.php", "<?php\nfunction x() {}\nreturn require __DIR__ . '/../functions.php';\n");
    assert_eq!(tree.doctor().codes(), [""; 0]);
    tree.write("vendor/acme/a/more/x.php", "<?php\necho 1;\n");
    assert_eq!(finding(&tree), ("warning".into(), format!("`{file}` prints (in `vendor/acme/a/more/x.php`)")));

    // Of the base, all wikis.
    tree.write(file, "<?php\nfunction x() {}\n");
    tree.write("vendor/base/lib/run.php", "<?php\nrun();\n");
    tree.package("base/lib", "vendor/base/lib", json!({}), json!({"files": ["run.php"]}));
    tree.install();
    assert_eq!(tree.doctor().only("files-side-effect")["wikis"], "all");
}

#[test]
fn what_rules_name_and_is_missing_is_told_all_at_once() {
    let mut tree = Tree::new();
    tree.remove("vendor/acme/a/functions.php");
    tree.remove("vendor/acme/b/lib");
    tree.remove("vendor/base/lib/src");
    let found = tree.doctor();
    assert_eq!(found.code, Some(1));
    let missing = found.of("missing-file");
    assert_eq!(missing.len(), 2, "{}", found.text);
    let fields: Vec<&str> = missing.iter().map(|finding| finding["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["packages[acme/a].autoload.files", "packages[acme/b].autoload.classmap"]);
    assert_eq!(missing[0]["wikis"], json!(["all", "both", "one"]));
    let directory = found.only("missing-directory");
    assert_eq!((&directory["severity"], &directory["wikis"]), (&json!("note"), &json!("all")));

    tree.remove("vendor/acme/b");
    let found = tree.doctor();
    let whole = *found.of("missing-file").iter().find(|f| f["package"] == "acme/b").expect("a finding");
    assert_eq!(whole["field"], "packages[acme/b].install-path");
    assert_eq!((&whole["severity"], &whole["wikis"]), (&json!("error"), &json!(["all", "both"])));
    tree.wikis(&[("one", "One")]);
    let found = tree.doctor();
    let whole = *found.of("missing-file").iter().find(|f| f["package"] == "acme/b").expect("a finding");
    assert_eq!((&whole["severity"], &whole["wikis"]), (&json!("error"), &json!([])));
    // A build refuses what is an error here, and only that.
    tree.write("vendor/acme/a/functions.php", "<?php\n");
    assert_eq!((tree.doctor().code, tree.mwfarm(&["build"]).status.code()), (Some(1), Some(1)));
    tree.package("acme/b", "vendor/acme/b", json!({}), json!({"psr-4": {"B\\": "lib/"}}));
    tree.install();
    let found = tree.doctor();
    assert_eq!((&found.only("missing-file")["severity"], found.code), (&json!("warning"), Some(0)));
    tree.build();
}

#[test]
fn requirements_that_are_not_met_are_told() {
    let mut tree = Tree::new();
    tree.package("x/two", "extensions/Two", json!({"acme/b": "^2.0", "acme/none": "*"}), json!({}));
    tree.install();
    let manifest = json!({"name": "Three", "requires": {"extensions": {"Four": "*"}}});
    tree.write("extensions/Three/extension.json", &manifest.to_string());
    tree.wikis(&[("one", "One, Five")]);
    let found = tree.doctor();
    assert_eq!(found.code, Some(1));
    assert_eq!(found.of("unmet-requirement").len(), 2);
    assert_eq!(found.of("unmet-requirement")[0]["file"], "vendor/composer/installed.json");
    assert_eq!(found.of("unmet-requirement")[0]["wikis"], json!([]), "nobody has `Two` on");
    tree.wikis(&[("one", "One"), ("two", "Two")]);
    assert_eq!(tree.doctor().of("unmet-requirement")[0]["wikis"], json!(["two"]));
    let unknown = found.only("unknown-extension");
    assert_eq!((&unknown["wikis"], &unknown["field"]), (&json!(["one"]), &json!("wikis.one.extensions[1]")));
    let missing = found.only("missing-requirement");
    assert_eq!((&missing["severity"], &missing["wikis"]), (&json!("note"), &json!([])));
    tree.wikis(&[("all", "Three")]);
    let found = tree.doctor();
    let missing = found.only("missing-requirement");
    assert_eq!((&missing["severity"], &missing["wikis"]), (&json!("error"), &json!(["all"])));
}

#[test]
fn packages_that_nobody_requires_are_orphans() {
    let mut tree = Tree::new();
    tree.package("lone/lib", "vendor/lone/lib", json!({}), json!({}));
    tree.write("vendor/lone/lib/README", "");
    tree.install();
    let found = tree.doctor();
    let finding = found.only("orphan");
    assert_eq!((&finding["package"], &finding["wikis"]), (&json!("lone/lib"), &json!("all")));
    tree.package("x/one", "extensions/One", json!({"acme/a": "*", "lone/lib": "*"}), json!({}));
    tree.install();
    assert_eq!(tree.doctor().codes(), [""; 0]);
}

#[test]
fn odd_manifests_are_told_with_their_wikis() {
    let mut tree = Tree::new();
    tree.write("extensions/Two/extension.json", r#"{"manifest_version": 2}"#);
    tree.write("extensions/Four/extension.json", r#"{"name": "Four", "requires": {"extensions": {"Five": "*"}}}"#);
    tree.write("extensions/Five/extension.json", r#"{"name": "Five", "requires": {"extensions": {"Four": ">= 2"}}}"#);
    tree.write("extensions/Four/composer.json", r#"{"name": "X/Four", "require": {"composer/installers": "*"}}"#);
    tree.wikis(&[("plain", ""), ("two", "Two"), ("four", "Four")]);
    let found = tree.doctor();
    let of = |code: &str| (found.only(code)["severity"].clone(), found.only(code)["wikis"].clone());
    assert_eq!(of("no-name"), (json!("warning"), json!(["two"])));
    assert_eq!(of("circle"), (json!("note"), json!(["four"])));
    assert_eq!(of("odd-tree"), (json!("warning"), json!(["four"])));
    assert_eq!(of("upper-case-name"), (json!("warning"), json!(["four"])));
    assert_eq!(of("not-checked"), (json!("note"), json!(["four"])));
    tree.package("acme/Loud", "vendor/acme/loud", json!({}), json!({}));
    tree.write("vendor/acme/loud/x", "");
    tree.install();
    assert_eq!(tree.doctor().of("upper-case-name").len(), 2);
}

#[test]
fn another_root_is_a_note_and_builds_are_silent() {
    let tree = Tree::new();
    let root = "'root' => array('name' => '__root__', 'pretty_version' => '1.0.0', 'version' => '1.0.0.0', \
                'reference' => NULL, 'type' => 'library', 'install_path' => __DIR__ . '/../', 'aliases' => array(), \
                'dev' => false)";
    tree.write("vendor/composer/installed.php", &format!("<?php return array({root}, 'versions' => array());\n"));
    let found = tree.doctor();
    let finding = found.only("other-root");
    assert_eq!((&finding["severity"], &finding["wikis"]), (&json!("note"), &json!("all")));
    let built = tree.mwfarm(&["build"]);
    assert_eq!((built.status.code(), String::from_utf8_lossy(&built.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn a_tree_that_cannot_be_scanned_is_a_finding() {
    let tree = Tree::new();
    std::os::unix::fs::symlink("/etc", tree.path("vendor/acme/b/lib/out")).expect("a link");
    let found = tree.doctor();
    let finding = found.only("unreadable-tree");
    assert_eq!((&finding["severity"], &finding["file"]), (&json!("error"), &json!("vendor/acme/b/lib/out")));
    // In a directory that only an optimised build scans, it stops none.
    tree.remove("vendor/acme/b/lib/out");
    std::os::unix::fs::symlink("/etc", tree.path("vendor/base/lib/src/out")).expect("a link");
    assert_eq!(tree.doctor().codes(), [""; 0]);
}
