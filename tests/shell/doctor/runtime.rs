//! What PHP says.

use serde_json::json;

use super::tree::Tree;

const ENOUGH: [(&str, &str); 4] = [
    ("enable", "On"),
    ("max_accelerated_files", "10000"),
    ("memory_consumption", "128"),
    ("interned_strings_buffer", "8"),
];

fn asked(tree: &Tree, version: &str, modules: &str, opcache: &[(&str, &str)]) -> super::tree::Diagnosis {
    let fpm = tree.fpm(version, modules, opcache);
    tree.doctor_with(&["--fpm", fpm.to_str().unwrap()])
}

#[test]
fn limits_of_opcache_are_compared_with_what_the_farm_needs() {
    let tree = Tree::new();
    assert_eq!(asked(&tree, "8.2.1", "Zend OPcache", &ENOUGH).codes(), [""; 0]);
    let small = [
        ("enable", "On"),
        ("max_accelerated_files", "200"),
        ("memory_consumption", "8"),
        ("interned_strings_buffer", "4"),
    ];
    assert_eq!(asked(&tree, "8.2.1", "Zend OPcache", &small).codes(), [""; 0], "a small tree");
    for number in 0..240 {
        let class = format!("<?php\nnamespace One;\nclass C{number} {{ const X = '{}'; }}\n", "x".repeat(60_000));
        tree.write(&format!("extensions/One/src/C{number}.php"), &class);
    }
    let found = asked(&tree, "8.2.1", "Zend OPcache", &small);
    let fields: Vec<&str> = found.of("opcache").iter().map(|finding| finding["field"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        ["opcache.interned_strings_buffer", "opcache.max_accelerated_files", "opcache.memory_consumption"]
    );
    let files = found.of("opcache")[1];
    assert_eq!(
        (&files["severity"], &files["wikis"], &files["file"]),
        (&json!("warning"), &json!("all"), &json!("/etc/fpm.ini"))
    );
    let needs = &found.json["opcache"];
    // 240 and 3 classes, in `extensions/` all of them but 4, and vendor/autoload.php.
    assert_eq!((needs["files"].as_u64(), needs["keys"].as_u64()), (Some(248), Some(491)), "{needs}");
    assert_eq!(found.json["php"]["kind"], "fpm");
    let off = asked(&tree, "8.2.1", "Core", &[]);
    assert!(off.only("opcache")["what"].as_str().unwrap().starts_with("OPcache is not loaded"));
}

#[test]
fn platform_requirements_are_asked_of_the_php_that_serves() {
    let mut tree = Tree::new();
    tree.package("acme/b", "vendor/acme/b", json!({"php": ">=8.3", "ext-intl": "*"}), json!({"classmap": ["lib/"]}));
    tree.install();
    assert_eq!(asked(&tree, "8.3.0", "intl\nZend OPcache", &ENOUGH).codes(), [""; 0]);
    let found = asked(&tree, "8.2.9-1+deb", "Zend OPcache", &ENOUGH);
    let findings = found.of("platform");
    assert_eq!(findings.len(), 2, "{}", found.text);
    for finding in &findings {
        assert_eq!((&finding["severity"], &finding["package"]), (&json!("error"), &json!("acme/b")));
        assert_eq!(finding["wikis"], json!(["all", "both"]));
    }
    assert!(findings[0]["what"].as_str().unwrap().starts_with("`ext-intl` is not there; `acme/b` needs *: asked `"));
    assert!(findings[1]["what"].as_str().unwrap().starts_with("`php` is 8.2.9; `acme/b` needs >=8.3: asked `"));
    tree.wikis(&[("one", "One")]);
    let found = asked(&tree, "8.3.0", "Zend OPcache", &ENOUGH);
    assert_eq!((&found.only("platform")["severity"], found.code), (&json!("note"), Some(0)));

    // A polyfill will do.
    tree.wikis(&[("two", "Two")]);
    tree.package("acme/poly", "vendor/acme/poly", json!({}), json!({}));
    tree.write("vendor/acme/poly/x", "");
    tree.provide("acme/poly", "ext-intl");
    tree.package("x/two", "extensions/Two", json!({"acme/b": "*", "acme/poly": "*"}), json!({}));
    tree.install();
    assert_eq!(asked(&tree, "8.3.0", "Zend OPcache", &ENOUGH).codes(), [""; 0]);
    let manifest = json!({"name": "Two", "requires": {"platform": {"ext-gd": "*"}}});
    tree.write("extensions/Two/extension.json", &manifest.to_string());
    let found = asked(&tree, "8.3.0", "Zend OPcache", &ENOUGH);
    assert_eq!(found.only("platform")["wikis"], json!(["two"]));
}

/// Without PHP, what it would have been asked is said to be left out.
#[test]
fn without_php_a_note_says_what_was_left_out() {
    let tree = Tree::new();
    tree.write("vendor/acme/b/lib/Ghost.php", "<?php\n__halt_compiler();\nclass Ghost {}\n");
    let found = tree.doctor_with(&["--php", "/nonexistent/php", "--fpm", "/nonexistent/fpm"]);
    assert_eq!((found.code, found.codes().as_slice(), found.of("php").len()), (Some(0), &["php"][..], 2));
    assert!(
        found.text.contains("class lists were not compared with PHP's: cannot start `/nonexistent/php`"),
        "{}",
        found.text
    );
    let silent = tree.program("silent", "exit 3");
    let found = tree.doctor_with(&["--php", silent.to_str().unwrap(), "--fpm", silent.to_str().unwrap()]);
    assert!(found.text.contains("ended with 3: it said nothing"), "{}", found.text);
    let liar = tree.program("liar", "cat >/dev/null; echo ' A'");
    let found = tree.doctor_with(&["--php", liar.to_str().unwrap(), "--fpm", liar.to_str().unwrap()]);
    assert!(found.text.contains("listed 1 of "), "{}", found.text);
}

/// php-fpm has settings of its own, and so has a php.ini that is named.
#[test]
fn the_settings_of_php_and_php_fpm_are_not_confused() {
    let tree = Tree::new();
    let ini = tree.beside("mine.ini");
    std::fs::write(&ini, "opcache.revalidate_freq=5000\n").expect("written");
    let fpm = std::env::var("MWFARM_FPM").ok().or_else(|| {
        let mut found: Vec<_> = std::fs::read_dir("/usr/sbin").ok()?.flatten().map(|entry| entry.path()).collect();
        found.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("php-fpm")));
        Some(found.pop()?.to_str()?.to_owned())
    });
    let fpm = fpm.expect("a php-fpm");
    let found = tree.doctor_with(&["--fpm", &fpm, "--php-ini", ini.to_str().unwrap()]);
    assert_eq!(found.json["php"]["kind"], "fpm");
    assert_eq!(found.json["php"]["ini"], ini.to_str().unwrap());
    let what = found.only("opcache")["what"].as_str().unwrap();
    assert!(what.starts_with("`opcache.revalidate_freq` is 5000 s"), "{what}");
    assert!(what.ends_with(&format!("limits of `{fpm}`, with {}", ini.display())), "{what}");
}
