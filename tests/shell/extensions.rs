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

/// Composer's own loader, written after a build, knows nothing of wikis; what is on is still told.
#[test]
fn extensions_are_known_under_composers_loader() {
    let demo = Demo::new();
    demo.write_wikis("wikis.yml", "SemanticScribunto, Cite, Maps");
    demo.run("build --wikis wikis.yml").done();
    let load = LOAD.replace("MANIFESTS", "").replace(
        "require 'autoload.php';",
        "require 'autoload.php'; require_once 'mwfarm_extensions.php'; require 'mwfarm_extensions.php';",
    );
    let (wiki, host) = ("define('MWFARM_WIKI', 'one');", "$_SERVER['HTTP_HOST'] = 'one.example.org';");
    let list = "define('MWFARM_EXTENSIONS', 'skins/chameleon,SemanticScribunto');";
    let told = |entry: &str| {
        let who =
            php(&demo, &format!("{entry} {} return MwFarm\\Extensions::wiki();", load.replace("return [", "$x = [")));
        (php(&demo, &format!("{entry} {load}")), who)
    };
    let entries = [wiki, host, list, ""];
    let expected = entries.map(told);
    assert_eq!(
        expected.each_ref().map(|(_, wiki)| wiki.clone()),
        [json!("one"), json!("one"), json!(null), json!(null)]
    );
    assert_eq!(expected[0], expected[1]);
    assert_eq!(expected[2].0[2][0], json!("extensions/Bootstrap"));
    assert_eq!(expected[3].0, json!([[], [], []]));

    fs::write(demo.vendor().join("autoload.php"), "<?php // Composer's\n").expect("written");
    assert_eq!(entries.map(told), expected);
}

#[test]
fn a_manifest_that_is_not_there_is_an_error() {
    let demo = Demo::new();
    demo.write_wikis("wikis.yml", "Cite");
    demo.run("build --wikis wikis.yml").done();
    let load = LOAD.replace("MANIFESTS", "['extensions/Cite' => ['extension-x.json']]");
    let message = php(
        &demo,
        &format!(
            "define('MWFARM_WIKI', 'one'); try {{ {load} }} catch (RuntimeException $e) {{ return $e->getMessage(); }}"
        ),
    );
    assert_eq!(message, json!("extensions/Cite had no extension-x.json at the last `mwfarm build`"));
}

/// Another tree's runtime may have come first.
#[test]
fn each_tree_of_a_process_tells_its_own() {
    let (one, other) = (Demo::new(), Demo::new());
    for (demo, extensions) in [(&one, "Cite"), (&other, "AbuseFilter")] {
        demo.write_wikis("wikis.yml", extensions);
        demo.run("build --wikis wikis.yml").done();
    }
    let code = format!(
        "define('MWFARM_WIKI', 'one'); require '{}'; require 'autoload.php'; \
         $before = MwFarm\\Extensions::directories(); define('MW_INSTALL_PATH', dirname(getcwd())); \
         return [$before, MwFarm\\Extensions::directories()];",
        other.vendor().join("autoload.php").display()
    );
    assert_eq!(php(&one, &code), json!([["extensions/AbuseFilter"], ["extensions/Cite"]]));
}

#[test]
fn a_list_that_is_no_text_is_an_error() {
    let demo = Demo::new();
    demo.run("build").done();
    let code = "define('MWFARM_EXTENSIONS', ['Cite']); try { require 'autoload.php'; } catch (RuntimeException $e) { \
                return $e->getMessage(); }";
    assert!(php(&demo, code).as_str().is_some_and(|message| message.contains("MWFARM_EXTENSIONS")));
}
