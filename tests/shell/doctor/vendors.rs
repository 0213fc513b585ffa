//! Vendor directories of extensions.

use serde_json::{Value, json};

use super::tree::Tree;

const PREPENDS: &str = "<?php\n$loader->register(true);\n";
const APPENDS: &str = "<?php\n$loader->register(false);\n";

/// Gives an extension a vendor directory of its own.
fn give(tree: &Tree, extension: &str, libraries: &[(&str, &str)], real: &str) {
    let packages = libraries.iter().map(|(name, version)| json!({"name": name, "version": version}));
    let installed = json!({"packages": packages.collect::<Vec<_>>()});
    let file = |name: &str| format!("extensions/{extension}/vendor/{name}");
    tree.write(&file("composer/installed.json"), &installed.to_string());
    tree.write(&file("composer/autoload_real.php"), real);
    tree.write(&file("autoload.php"), "<?php\n");
}

fn loads(tree: &Tree, extension: &str) {
    let manifest = json!({"name": extension, "load_composer_autoloader": true});
    tree.write(&format!("extensions/{extension}/extension.json"), &manifest.to_string());
}

fn case(finding: &Value) -> &str {
    finding["cases"][0]["what"].as_str().expect("a case")
}

#[test]
fn a_library_that_the_farm_has_in_another_version_is_shadowed() {
    let tree = Tree::new();
    loads(&tree, "Two");
    give(&tree, "Two", &[("Acme/b", "0.9.0"), ("acme/private", "3.0.0")], PREPENDS);
    let found = tree.doctor();
    let finding = found.only("private-vendor");
    assert_eq!(finding["severity"], "warning");
    assert_eq!(finding["extension"], "extensions/Two");
    assert_eq!(finding["package"], "acme/b");
    assert_eq!(finding["wikis"], json!(["all", "both"]));
    assert_eq!([&finding["file"], &finding["field"]], ["extensions/Two/extension.json", "load_composer_autoloader"]);
    assert_eq!(
        finding["what"],
        "`extensions/Two/vendor` holds `acme/b` in another version than the farm, and `acme/private 3.0.0` which no bundle \
         knows; MediaWiki loads it by `extensions/Two/extension.json`"
    );
    assert_eq!(
        case(finding),
        "`acme/b` 0.9.0; the farm has 1.0.0: once it is loaded, 0.9.0 wins for each class that is not loaded yet"
    );
    assert_eq!(found.code, Some(0));

    give(&tree, "Two", &[("acme/b", "0.9.0")], APPENDS);
    let finding = tree.doctor();
    let expected = "`acme/b` 0.9.0; the farm has 1.0.0: 1.0.0 wins on wikis that load it from the farm, else 0.9.0";
    assert_eq!(case(finding.only("private-vendor")), expected);

    tree.remove("extensions/Two/vendor");
    assert_eq!(tree.doctor().codes(), ["dead-composer-autoloader"]);
}

#[test]
fn who_loads_a_private_vendor_is_told() {
    let tree = Tree::new();
    give(&tree, "One", &[("acme/a", "0.9.0")], PREPENDS);
    let found = tree.doctor();
    let finding = found.only("private-vendor");
    assert_eq!(finding["severity"], "note");
    assert!(finding["what"].as_str().unwrap().ends_with("; nobody is known to load it"), "{finding}");
    tree.write("extensions/One/One.php", "<?php\ninclude_once __DIR__ . '/vendor/autoload.php';\n");
    let found = tree.doctor();
    let finding = found.only("private-vendor");
    assert_eq!((&finding["severity"], &finding["file"]), (&json!("warning"), &json!("extensions/One/One.php")));
}

#[test]
fn two_private_vendors_with_other_versions_clash() {
    let tree = Tree::new();
    for (extension, version) in [("One", "1.0"), ("Two", "2.0")] {
        loads(&tree, extension);
        give(&tree, extension, &[("lib/private", version)], PREPENDS);
    }
    let found = tree.doctor();
    let findings = found.of("private-vendor");
    assert_eq!(findings.len(), 2);
    assert_eq!(findings[0]["severity"], "warning");
    let expected = "`lib/private` 1.0; `extensions/Two/vendor` has 2.0: of both, the first one loaded wins";
    assert_eq!(case(findings[0]), expected);
    give(&tree, "Two", &[("lib/private", "1.0")], PREPENDS);
    let found = tree.doctor();
    assert_eq!(found.of("private-vendor")[0]["severity"], "note");
}

#[test]
fn an_autoloader_with_nothing_to_load_is_dead() {
    let tree = Tree::new();
    loads(&tree, "One");
    let found = tree.doctor();
    let finding = found.only("dead-composer-autoloader");
    assert_eq!((&finding["severity"], &finding["wikis"]), (&json!("note"), &json!(["all", "both", "one"])));
    assert!(finding["what"].as_str().unwrap().contains("does not exist"), "{finding}");

    give(&tree, "One", &[("acme/a", "1.0.0")], PREPENDS);
    let found = tree.doctor();
    let what = &found.only("dead-composer-autoloader")["what"];
    assert!(what.as_str().unwrap().contains("in the same versions"), "{what}");
    assert_eq!(found.codes().len(), 1);
}
