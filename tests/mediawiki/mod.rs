//! Real MediaWiki trees: what a build does to them, and that it can be taken out again.

mod farm;
mod tree;
mod versions;
mod web;
mod wikis;

use std::collections::BTreeMap;

use tree::{Built, Tree};

/// A class that only `AbuseFilter` needs, in a package of core's vendor that core does not require.
const EQUIVSET: &str = "Wikimedia\\Equivset\\Equivset";

#[test]
fn mediawiki_1_39_is_built_verified_and_restored() {
    builds_verifies_and_restores("1.39");
}

#[test]
fn mediawiki_1_43_is_built_verified_and_restored() {
    builds_verifies_and_restores("1.43");
}

fn builds_verifies_and_restores(version: &str) {
    let tree = Tree::copy(version, None);
    let all = tree.extensions();
    assert!(all.len() > 30, "only {} extensions and skins in MediaWiki {version}", all.len());
    let wikis = tree.write_wikis(&[
        ("all", &all),
        ("filters", &["extensions/AbuseFilter".to_owned(), "skins/Vector".to_owned()]),
        ("bare", &["extensions/Cite".to_owned()]),
    ]);

    tree.mwfarm(&["build", "--wikis", &wikis]).expect_success();
    tree.mwfarm(&["verify"]).expect_success();
    let loadable = |wiki: &str, class: &str| {
        let code = format!(
            "require 'vendor/autoload.php'; var_export([class_exists('{class}') || interface_exists('{class}'), \
             Composer\\InstalledVersions::isInstalled('wikimedia/equivset')]);"
        );
        tree.php(wiki, &code).replace(char::is_whitespace, "")
    };
    assert_eq!(loadable("all", EQUIVSET), "array(0=>true,1=>true,)");
    assert_eq!(loadable("filters", EQUIVSET), "array(0=>true,1=>true,)");
    assert_eq!(loadable("bare", EQUIVSET), "array(0=>false,1=>false,)");
    assert_eq!(loadable("unknown", EQUIVSET), "array(0=>false,1=>false,)");
    for wiki in ["all", "filters", "bare", "unknown"] {
        assert_eq!(&loadable(wiki, "Psr\\\\Log\\\\LoggerInterface")[..14], "array(0=>true,", "{wiki}");
    }

    let before = tree.vendor_stat();
    tree.mwfarm(&["build", "--wikis", &wikis]).expect_success();
    let after = tree.vendor_stat();
    let touched: Vec<_> = before.iter().filter(|(path, stat)| after.get(*path) != Some(stat)).collect();
    assert!(touched.is_empty() && before.len() == after.len(), "the second build wrote: {touched:?}");

    tree.mwfarm(&["eject"]).expect_success();
    assert_eq!(tree.differences_from_original(), Vec::<String>::new());
}

/// `composer dump-autoload` writes its own loader, but leaves our `installed.php`: wikis go on with that, all with
/// everything, until the next build; and `eject` keeps the loader that Composer wrote last.
#[test]
fn wikis_go_on_when_composer_has_written_its_loader() {
    let tree = Tree::copy("1.43", None);
    let wikis = tree.write_wikis(&[("filters", &["extensions/AbuseFilter".to_owned()]), ("bare", &[])]);
    let answers = |wiki: &str| {
        let code = "require 'vendor/autoload.php'; use Composer\\InstalledVersions as I; echo json_encode([\
                    interface_exists('Psr\\Log\\LoggerInterface'), I::isInstalled('psr/log'), \
                    I::isInstalled('wikimedia/equivset'), I::getRootPackage()['name'], count(I::getAllRawData())]);";
        tree.php(wiki, code)
    };
    let original = tree.vendor_file("composer/installed.php");
    tree.mwfarm(&["build", "--wikis", &wikis]).expect_success();
    let of_composer = r#"[true,true,true,"mediawiki\/core",1]"#;
    let without = r#"[true,true,false,"mediawiki\/core",1]"#;
    assert_eq!([answers("filters"), answers("bare")], [of_composer, without]);
    let installed = tree.vendor_file("composer/installed.php");

    tree.composer("dump-autoload");
    let loader = tree.vendor_file("autoload.php");
    assert_eq!(tree.vendor_file("composer/installed.php"), installed, "Composer wrote installed.php");
    assert_eq!([answers("filters"), answers("bare"), answers("unknown")], [of_composer; 3]);
    let differences = tree.mwfarm(&["verify"]).expect_code(1);
    assert!(differences.starts_with("autoload.php is no longer mwfarm's: "), "{differences}");
    tree.mwfarm(&["build", "--wikis", &wikis, "--locked"]).expect_code(6);

    tree.mwfarm(&["build", "--wikis", &wikis]).expect_success();
    tree.mwfarm(&["verify"]).expect_success();
    assert_eq!([answers("filters"), answers("bare")], [of_composer, without]);
    tree.mwfarm(&["eject"]).expect_success();
    assert!(tree.vendor_file("autoload.php") == loader, "eject did not put back Composer's last loader");
    assert!(tree.vendor_file("composer/installed.php") == original, "eject did not put back installed.php");
}

/// One way to run the same build.
#[derive(Clone, Copy)]
struct Variant<'a> {
    what: &'a str,
    tree: &'a Tree,
    threads: &'a str,
    environment: &'a [(&'a str, &'a str)],
    umask: &'a str,
}

/// Threads, locale, umask, path and the order in which directories list their entries change no byte.
#[test]
fn a_build_gives_the_same_bytes_anywhere() {
    let here = Tree::copy("1.39", None);
    let there = Tree::copy("1.39", Some(39));
    let mut builds: Vec<(&str, BTreeMap<String, Built>)> = Vec::new();
    let turkish = [("LANG", "tr_TR.UTF-8"), ("LC_ALL", "tr_TR.UTF-8"), ("TZ", "Asia/Kathmandu")];
    let ordinary = Variant { what: "ordinary", tree: &here, threads: "2", environment: &[], umask: "022" };
    let variants = [
        Variant { what: "one thread", threads: "1", ..ordinary },
        Variant { what: "eight threads", threads: "8", ..ordinary },
        Variant { what: "another path and order", tree: &there, ..ordinary },
        Variant { what: "Turkish", environment: &turkish, ..ordinary },
        Variant { what: "umask 077", umask: "077", ..ordinary },
        ordinary,
    ];
    for Variant { what, tree, threads, environment, umask } in variants {
        let all = tree.extensions();
        let wikis = tree.write_wikis(&[("all", &all), ("few", &all[3..9]), ("bare", &[])]);
        tree.mwfarm_in(&["build", "--wikis", &wikis, "-j", threads], environment, umask).expect_success();
        let built = tree.built();
        let (file, directory) = if umask == "077" { (0o600, 0o700) } else { (0o644, 0o755) };
        for (path, built) in &built {
            let expected = if built.is_directory() { directory } else { file };
            assert_eq!(built.mode(), expected, "{what}: mode of {path}");
        }
        builds.push((what, built));
        tree.mwfarm(&["eject"]).expect_success();
        assert_eq!(tree.differences_from_original(), Vec::<String>::new(), "{what}");
    }
    let (first, others) = builds.split_first().expect("six builds");
    assert!(first.1.len() > 10, "a build wrote only {:?}", first.1.keys());
    for (what, built) in others {
        let names = |built: &BTreeMap<String, Built>| built.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(built), names(&first.1), "{what}: other files");
        for (path, built) in built {
            assert!(built.same_content(&first.1[path]), "{what}: {path} has other bytes than with {}", first.0);
        }
    }
}
