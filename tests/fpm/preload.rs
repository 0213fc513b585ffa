//! `vendor/mwfarm_preload.php` as PHP's `opcache.preload`: the classes of the base, and nothing that keeps PHP from
//! starting.

use std::path::Path;

use super::tree::{HOSTS, State, Tree};
use super::{Pool, Settings};

#[test]
fn the_classes_of_the_base_are_preloaded() {
    let tree = Tree::new();
    let class = |name: &str, text: &str| {
        tree.write(&format!("vendor/acme/log/src/{name}.php"), &format!("<?php\nnamespace Acme\\Log;\n{text}\n"));
    };
    class("Plain", "use function strlen;\nclass Plain { function f() { return static function () { return 1; }; } }");
    class("Child", "final class Child extends Plain { function text($a) { return \"{$a}\" . Plain::class; } }");
    // Each of these would end PHP if it were compiled beside the other.
    class("First", "class First {}\nfunction same() {}");
    class("Second", "class Second {}\nfunction &same() {}");
    class("Another", "class Another {}\ninterface Log {}");
    class("Newer", "class Newer { this is no PHP }");
    class("Unmet", "class Unmet extends \\No\\Such {}");
    assert!(tree.run(&["build", "-o"]).status.success());

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fpm/preloaded.php");
    let preload = tree.root().join("vendor/mwfarm_preload.php");
    let settings = Settings::new(1)
        .ini("opcache.preload", preload.to_str().expect("a path in UTF-8"))
        .ini("opcache.preload_user", "root");
    let pool = Pool::start(&settings);
    let response = pool.get(&script, &[]);
    let preloaded: Vec<String> = serde_json::from_slice(&response.body).expect("a list");
    let of_tree: Vec<&str> =
        preloaded.iter().map(String::as_str).filter(|class| !class.starts_with("MwFarm\\")).collect();
    assert_eq!(
        of_tree,
        ["Acme\\Log\\Child", "Acme\\Log\\Log", "Acme\\Log\\Plain", "Acme\\Log\\Unmet", "Composer\\InstalledVersions"],
        "{}",
        pool.log()
    );
    // What cannot be linked is said, and no more than that.
    let log = pool.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("PHP ")).collect();
    assert!(said.len() == 1 && said[0].contains("Acme\\Log\\Unmet"), "{log}");

    // Wikis show what they do without.
    let plain = Pool::start(&Settings::new(1));
    for wiki in 0..HOSTS.len() {
        assert_eq!(tree.shown(&pool, wiki), tree.shown(&plain, wiki));
    }
    let shown = tree.shown(&pool, 1);
    assert!(!shown.classes.contains_key("Acme\\Lantern\\Light"), "{shown:?}");
    assert!(State::default().shown(0).classes.contains_key("Acme\\Lantern\\Light"));
}

/// Asked for by a web client it does nothing.
#[test]
fn a_request_preloads_nothing() {
    let tree = Tree::new();
    assert!(tree.run(&["build"]).status.success());
    let pool = Pool::start(&Settings::new(1));
    let response = pool.get(&tree.root().join("vendor/mwfarm_preload.php"), &[]);
    assert_eq!((response.body.as_slice(), response.stderr.as_slice()), (&b""[..], &b""[..]));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fpm/preloaded.php");
    assert_eq!(pool.get(&script, &[]).body, b"[]");
}
