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
