//! `MwFarm\Extensions` in LocalSettings.php: what it calls, in which order, with which manifests.

use std::fs;

use serde_json::json;

use super::demo::{Demo, php};

/// Runs `MwFarm\Extensions::load` with MediaWiki's two functions standing for themselves.
const LOAD: &str = "
    eval('function wfLoadExtension($name, $path = null) { $GLOBALS[\"calls\"][] = [\"extension\", $name, $path]; }
        function wfLoadSkin($name, $path = null) { $GLOBALS[\"calls\"][] = [\"skin\", $name, $path]; }');
    $tree = dirname(getcwd());
    $GLOBALS['calls'] = [];
    require 'autoload.php';
    $entries = MwFarm\\Extensions::load(MANIFESTS);
    $short = static function ($path) use ($tree) { return $path === null ? null : str_replace($tree, '(tree)', $path); };
    foreach ($GLOBALS['calls'] as &$call) {
        $call[2] = $short($call[2]);
    }
    return [$GLOBALS['calls'], array_map($short, $entries), MwFarm\\Extensions::directories()];";

#[test]
fn extensions_are_loaded_after_those_they_require() {
    let demo = Demo::new();
    demo.write_wikis("wikis.yml", "SemanticScribunto, Cite, Maps");
    demo.run("build --wikis wikis.yml").done();
    let wiki = "define('MWFARM_WIKI', 'one');";
    let calls = php(&demo, &format!("{wiki} {}", LOAD.replace("MANIFESTS", "")));
    // Validator, which Maps requires, has no manifest, but a file of its own name.
    let names = ["Cite", "Scribunto", "SemanticMediaWiki", "SemanticScribunto", "Maps"];
    let expected: Vec<_> = names.iter().map(|name| json!(["extension", name, null])).collect();
    assert_eq!(calls[0], json!(expected));
    assert_eq!(calls[1], json!(["(tree)/extensions/Validator/Validator.php"]));
    // The same from sets, for a list that no bundle was linked for; skins too.
    let list = "define('MWFARM_EXTENSIONS', 'skins/chameleon,SemanticScribunto');";
    let calls = php(&demo, &format!("{list} {}", LOAD.replace("MANIFESTS", "")));
    let extension = |name: &str| json!(["extension", name, null]);
    assert_eq!(
        calls[0],
        json!([
            extension("Bootstrap"),
            extension("Scribunto"),
            extension("SemanticMediaWiki"),
            extension("SemanticScribunto"),
            ["skin", "chameleon", null]
        ])
    );
    let base = php(&demo, &LOAD.replace("MANIFESTS", ""));
    assert_eq!(base, json!([[], [], []]));
}

#[test]
fn each_manifest_is_loaded_or_those_that_are_named() {
    let demo = Demo::new();
    let directory = demo.tree().join("extensions/Wikibase");
    fs::create_dir(&directory).expect("made");
    for part in ["repo", "client"] {
        let manifest = json!({ "name": format!("Wikibase-{part}"), "manifest_version": 2 });
        fs::write(directory.join(format!("extension-{part}.json")), manifest.to_string()).expect("written");
    }
    fs::create_dir(demo.tree().join("extensions/Old")).expect("made");
    fs::write(demo.tree().join("extensions/Old/Old.php"), "<?php\n").expect("written");
    demo.write_wikis("wikis.yml", "Wikibase, Old");
    demo.run("build --wikis wikis.yml").done();

    let wiki = "define('MWFARM_WIKI', 'one');";
    let path = |part: &str| format!("(tree)/extensions/Wikibase/extension-{part}.json");
    let calls = php(&demo, &format!("{wiki} {}", LOAD.replace("MANIFESTS", "")));
    let call = |part: &str| json!(["extension", "Wikibase", path(part)]);
    assert_eq!(calls[0], json!([call("client"), call("repo")]));
    assert_eq!(calls[1], json!(["(tree)/extensions/Old/Old.php"]));
    let only = LOAD.replace("MANIFESTS", "['extensions/Wikibase' => ['extension-client.json']]");
    assert_eq!(php(&demo, &format!("{wiki} {only}"))[0], json!([call("client")]));
    // Where MediaWiki says where it is: a tree may be reached through links.
    let elsewhere = format!("{wiki} define('MW_INSTALL_PATH', '/srv/mediawiki'); {only}");
    assert_eq!(
        php(&demo, &elsewhere)[0],
        json!([["extension", "Wikibase", "/srv/mediawiki/extensions/Wikibase/extension-client.json"]])
    );
}
