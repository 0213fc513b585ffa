//! `vendor/mwfarm_preload.php` as PHP's `opcache.preload`: the classes of the base, and nothing that keeps PHP from
//! starting.

use std::path::Path;

use super::tree::{HOSTS, State, Tree};
use super::{Pool, Settings};

/// Adds a class file to the library of the base.
fn add(tree: &Tree, name: &str, text: &str) {
    tree.write(&format!("vendor/acme/log/src/{name}.php"), &format!("<?php\nnamespace Acme\\Log;\n{text}\n"));
}

/// Builds, and starts a pool that preloads.
fn preloading(tree: &Tree) -> Pool {
    assert!(tree.run(&["build", "-o"]).status.success());
    start(tree)
}

/// Starts a pool that preloads from what is there.
fn start(tree: &Tree) -> Pool {
    let preload = tree.root().join("vendor/mwfarm_preload.php");
    let preload = preload.to_str().expect("a path in UTF-8");
    let user = if rustix::process::geteuid().is_root() { "root" } else { "" };
    Pool::start(&Settings::new(1).ini("opcache.preload", preload).ini("opcache.preload_user", user))
}

/// The classes of the tree that a pool has preloaded.
fn preloaded(pool: &Pool) -> Vec<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fpm/preloaded.php");
    let mut classes: Vec<String> = serde_json::from_slice(&pool.get(&script, &[]).body).expect("a list");
    classes.retain(|class| !class.starts_with("MwFarm\\"));
    classes
}

#[test]
fn the_classes_of_the_base_are_preloaded() {
    let tree = Tree::new();
    add(
        &tree,
        "Step1",
        "use function strlen;\nclass Step1 { function f() { return static function () { return 1; }; } }",
    );
    add(&tree, "Step2", "class Step2 extends Step1 { function text($a) { return \"{$a}\" . Step1::class; } }");
    let pool = preloading(&tree);
    let classes = ["Acme\\Log\\Log", "Acme\\Log\\Step1", "Acme\\Log\\Step2", "Composer\\InstalledVersions"];
    assert_eq!(preloaded(&pool), classes, "{}", pool.log());
    // Wikis show what they do without.
    for wiki in 0..HOSTS.len() {
        assert_eq!(tree.shown(&pool, wiki), State { with_harbour: 0, steps: 2 }.shown(wiki));
    }
}

/// Of two files that declare one function, or one class, PHP could compile only one.
#[test]
fn nothing_is_compiled_that_would_keep_php_from_starting() {
    let tree = Tree::new();
    add(&tree, "First", "class First {}\nfunction same() {}");
    add(&tree, "Second", "class Second {}\nfunction &same() {}");
    add(&tree, "Another", "class Another {}\ninterface Log {}");
    add(&tree, "Newer", "class Newer { this is no PHP }");
    add(&tree, "Unmet", "class Unmet extends \\No\\Such {}");
    let pool = preloading(&tree);
    assert_eq!(
        preloaded(&pool),
        ["Acme\\Log\\Log", "Acme\\Log\\Unmet", "Composer\\InstalledVersions"],
        "{}",
        pool.log()
    );
    // What cannot be linked is said, and no more than that.
    let log = pool.log();
    let said: Vec<&str> = log.lines().filter(|line| line.contains("PHP ")).collect();
    assert!(said.len() == 1 && said[0].contains("Acme\\Log\\Unmet"), "{log}");
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

/// When Composer has put its own loader back, PHP starts all the same: files that end programs which are not MediaWiki
/// are not run.
#[test]
fn composers_loader_is_not_run_by_preloading() {
    let tree = Tree::new();
    drop(preloading(&tree));
    tree.write("vendor/autoload.php", "<?php // Composer's\ndie('Not a valid entry point.');\n");
    let pool = start(&tree);
    assert_eq!(preloaded(&pool), Vec::<String>::new(), "{}", pool.log());
}
