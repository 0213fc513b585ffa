//! In place of `MediaWikiFarm`'s own `mwcomposer`: what that extension looks for in `vendor/`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use super::demo::{Demo, php};

/// What `MediaWikiFarm`'s `detectComposer` looks for.
fn is_composers(demo: &Demo, kind: &str, name: &str) -> bool {
    let key = php(demo, &format!("return substr(md5('{kind}{name}'), 0, 8);"));
    demo.vendor().join(format!("composer{}", key.as_str().expect("text"))).is_dir()
}

#[test]
fn extensions_that_composer_installed_are_found() {
    let demo = Demo::new();
    let before = demo.content("tree");
    demo.run("build --mediawikifarm").done();
    for (kind, name) in
        [("Extension", "SemanticMediaWiki"), ("Extension", "SemanticResultFormats"), ("Skin", "chameleon")]
    {
        assert!(is_composers(&demo, kind, name), "{kind}{name}");
    }
    // Loaded by wfLoadExtension: with a directory, MediaWikiFarm would leave that to Composer.
    assert!(!is_composers(&demo, "Extension", "Cite") && !is_composers(&demo, "Extension", "AbuseFilter"));
    demo.run("verify").done();

    let dependencies = php(&demo, "return require 'MediaWikiExtensions.php';");
    assert_eq!(dependencies["ExtensionSemanticMediaWiki"], json!([]));
    assert_eq!(dependencies["ExtensionSemanticScribunto"], json!(["ExtensionSemanticMediaWiki"]));
    assert_eq!(dependencies["ExtensionMaps"], json!(["ExtensionValidator"]));
    assert_eq!(dependencies["Skinchameleon"], json!(["ExtensionBootstrap"]));
    assert_eq!(dependencies.get("ExtensionCite"), None);

    // Its object names what the wiki loads.
    let farm = "$GLOBALS['wgMediaWikiFarm'] = new class { public function getConfiguration($key) { \
                return $key === 'composer' ? ['ExtensionMaps', 'Skinchameleon'] : []; } }; require 'autoload.php';";
    let loaded = php(&demo, &format!("{farm} return MwFarm\\Extensions::directories();"));
    assert_eq!(loaded, json!(["extensions/Bootstrap", "extensions/Validator", "extensions/Maps", "skins/chameleon"]));
    let unknown = farm.replace("ExtensionMaps", "ExtensionGone");
    let message =
        php(&demo, &format!("try {{ {unknown} }} catch (RuntimeException $e) {{ return $e->getMessage(); }}"));
    let message = message.as_str().expect("a message");
    assert!(message.contains("MediaWikiFarm") && message.contains("\"extensions/Gone\""), "{message}");

    demo.run("build --mediawikifarm --locked").done();
    assert_eq!(demo.run("build --locked").code, Some(6), "without the flag the links go");
    demo.run("build").done();
    assert!(!is_composers(&demo, "Extension", "SemanticMediaWiki"));
    demo.run("build --mediawikifarm").done();
    demo.run("eject").done();
    assert_eq!(demo.content("tree"), before);
}

#[test]
fn what_is_not_ours_is_left() {
    let demo = Demo::new();
    let place = |name: &str| {
        let key = php(&demo, &format!("return substr(md5('{name}'), 0, 8);"));
        demo.vendor().join(format!("composer{}", key.as_str().expect("text")))
    };
    let maps = place("ExtensionMaps");
    for what in ["file", "link"] {
        if what == "file" {
            fs::write(&maps, "mine").expect("written");
        } else {
            fs::remove_file(&maps).expect("removed");
            symlink("../extensions/Maps", &maps).expect("linked");
        }
        let before = demo.content("tree");
        demo.run("build --mediawikifarm").fails(1, "is there, and is not a link that mwfarm made");
        assert_eq!(demo.content("tree"), before, "{what}");
        demo.run("build").done();
        demo.run("eject").done();
        assert_eq!(demo.content("tree"), before, "{what}");
    }
    fs::remove_file(&maps).expect("removed");

    // What mwcomposer made serves as well.
    fs::create_dir(&maps).expect("made");
    fs::write(maps.join("autoload_real.php"), "<?php // of mwcomposer").expect("written");
    fs::write(demo.vendor().join("MediaWikiExtensions.php"), "<?php return [];").expect("written");
    let before = demo.content("tree");
    demo.run("build --mediawikifarm").done();
    assert!(maps.join("autoload_real.php").is_file() && is_composers(&demo, "Skin", "chameleon"));
    demo.run("eject").done();
    assert_eq!(demo.content("tree"), before);
}

/// `mwcomposer` leaves the list of the set without extensions, and one for each extension beside it.
#[test]
fn a_tree_that_mwcomposer_left_is_built() {
    let demo = Demo::new();
    demo.run("build").done();
    let published = |demo: &Demo| {
        let manifest = fs::read(demo.vendor().join("mwfarm.json")).expect("a manifest");
        serde_json::from_slice::<Value>(&manifest).expect("JSON")["bundles"].clone()
    };
    let expected = published(&demo);
    demo.run("eject").done();

    let installed = demo.vendor().join("composer/installed.json");
    let whole: Value = serde_json::from_slice(&fs::read(&installed).expect("a list")).expect("JSON");
    let list = |wanted: &dyn Fn(&Value) -> bool| {
        let mut list = whole.clone();
        let packages = list["packages"].as_array_mut().expect("packages");
        packages.retain(|package| wanted(package));
        list
    };
    let is_extension = |package: &Value| package["type"].as_str().is_some_and(|kind| kind.starts_with("mediawiki-"));
    let write = |path: &Path, list: &Value| fs::write(path, list.to_string()).expect("written");
    fs::write(
        demo.vendor().join("autoload.php"),
        "<?php\n/**\n * Composer autoloader @generated by MediaWikiFarm.\n */\n",
    )
    .expect("written");
    write(&installed, &list(&|package| !is_extension(package)));
    let extensions = whole["packages"].as_array().expect("packages").iter().filter(|package| is_extension(package));
    for (index, extension) in extensions.enumerate() {
        let directory = demo.vendor().join(format!("composer{index:08x}"));
        fs::create_dir(&directory).expect("made");
        write(&directory.join("installed.json"), &list(&|package| !is_extension(package) || package == extension));
    }
    let before = demo.content("tree");
    let built = demo.run("build");
    assert!(built.done().err.contains("as mwcomposer left them"), "{}", built.err);
    assert_eq!(published(&demo), expected);
    demo.run("build --locked").done();
    demo.run("eject").done();
    assert_eq!(demo.content("tree"), before);

    let mut other = list(&|_| true);
    other["packages"][0]["version"] = "99.0.0".into();
    other["packages"][0]["version_normalized"] = "99.0.0.0".into();
    write(&demo.vendor().join("composer00000000/installed.json"), &other);
    demo.run("build").fails(1, "is 99.0.0.0, but `vendor/composer/installed.json` has ");
}

/// The switch of a farm, into a tree of its own: what mwcomposer made is copied, and the rest is linked.
#[test]
fn a_tree_that_mwcomposer_left_is_built_elsewhere() {
    let demo = Demo::new();
    let key = php(&demo, "return substr(md5('ExtensionMaps'), 0, 8);");
    let maps = format!("composer{}", key.as_str().expect("text"));
    fs::create_dir(demo.vendor().join(&maps)).expect("made");
    fs::write(demo.vendor().join(&maps).join("autoload_real.php"), "<?php // of mwcomposer").expect("written");
    // MediaWikiFarm has its own list of wikis.
    fs::remove_file(demo.tree().join("wikis.yml")).expect("removed");
    demo.run("build --mediawikifarm --output out").done();
    assert!(demo.path("out").join(&maps).join("autoload_real.php").is_file());
    assert!(demo.path("out/composerc4538db9").is_symlink(), "ExtensionSemanticMediaWiki");
    demo.run("verify --output out").done();
    demo.run("build").fails(5, "wikis.yml");
}

/// A build that is killed while it removes links leaves the rest to the next one.
#[test]
fn links_of_a_killed_build_go() {
    let demo = Demo::new();
    let before = demo.content("tree");
    let links = || {
        let names = fs::read_dir(demo.vendor()).expect("vendor/").map(|entry| entry.expect("an entry").path());
        names.filter(|path| path.is_symlink()).count()
    };
    demo.run("build --mediawikifarm").done();
    let all = links();
    assert!(all > 5);
    let build = demo.command("build");
    let mut traced = std::process::Command::new("strace");
    traced.args(["-f", "-o", "/dev/null", "-e", "trace=unlink,unlinkat", "-e"]);
    traced.arg("inject=unlink,unlinkat:signal=KILL:when=3").arg(build.get_program()).args(build.get_args());
    let output = traced.current_dir(build.get_current_dir().expect("a directory")).output().expect("strace runs");
    assert!(!output.status.success(), "{output:?}");
    assert!((1..all).contains(&links()), "killed in the middle: {} of {all}", links());
    demo.run("build").done();
    assert_eq!(links(), 0);
    demo.run("build --mediawikifarm").done();
    demo.run("eject").done();
    assert_eq!(demo.content("tree"), before);
}
